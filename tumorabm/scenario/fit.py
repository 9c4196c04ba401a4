"""What must hold between the sections of a scenario: each function yields what does not fit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import ValidationError

from tumorabm.biology.inhibitors import INHIBITORS
from tumorabm.biology.parameters import PERTURBATIONS
from tumorabm.scenario.cell_schema import CellGroup, Schedule
from tumorabm.scenario.field_schema import BUILT_IN_FIELDS, REACTING_FIELDS, FieldTable
from tumorabm.scenario.messages import Key, Problem, unknown_name
from tumorabm.scenario.pharmacology_schema import Administration, Dose, Pharmacology
from tumorabm.scenario.site_schema import RESERVED_SITES, Circulation, Site
from tumorabm.scenario.space_schema import SpatialDomain, TimeStep, Vessels, WellMixedDomain

_MINUTES_PER_HOUR = 60
_HOURS_PER_DAY = 24
_MAX_VESSELS = 10**7


def whole_steps_expected(time: TimeStep) -> str:
    """Return what is expected of a time in hours."""
    return f"expected a whole number of steps of {time.step_min:g} min"


def misfit_faces(fields: FieldTable, domain: SpatialDomain | WellMixedDomain | None) -> Iterator[Problem]:
    """Faces that the domain does not have."""
    for name in fields.names:
        for index, face in enumerate(fields[name].faces):
            if isinstance(domain, WellMixedDomain):
                yield Problem((name, "faces", index), "expected no faces, because the domain is well mixed")
            elif domain and domain.ndim == 2 and face.face.startswith("z"):
                yield Problem((name, "faces", index, "face"), "expected an x or y face, because the domain is 2-D")


def misfit_vessels(vessels: Vessels, domain: SpatialDomain | WellMixedDomain | None) -> Iterator[Problem]:
    """Vessels in wells, of the wrong dimension, outside the domain, too many or none where some were asked for."""
    if isinstance(domain, WellMixedDomain):
        yield Problem((), "expected no vessels, because the domain is well mixed")
    elif domain:
        other = "density_per_mm3" if domain.ndim == 2 else "density_per_mm2"
        if getattr(vessels, other) is not None:
            yield Problem((other,), f"expected density_per_mm{domain.ndim}, because the domain is {domain.ndim}-D")
        density = vessels.density_per_mm2 if domain.ndim == 2 else vessels.density_per_mm3
        if density:
            space = math.prod(length / 1000.0 for length in domain.size_um)
            if not 0.5 < density * space <= _MAX_VESSELS:
                key, unit = f"density_per_mm{domain.ndim}", f"{space:g} mm{'²' if domain.ndim == 2 else '³'}"
                yield Problem((key,), f"expected 1 to {_MAX_VESSELS:g} vessels in this domain of {unit}, or 0")
        for index, point in enumerate(vessels.positions_um or ()):
            if expected := domain.point_problem(point):
                yield Problem(("positions_um", index), expected)
        if vessels.core and (expected := domain.point_problem(vessels.core.center_um)):
            yield Problem(("core", "center_um"), expected)


def misfit_group(name: str, group: CellGroup, domain: SpatialDomain | WellMixedDomain | None) -> Iterator[Problem]:
    """Places of a group of cells that the domain does not have."""
    shape, center = group.placement.shape, group.placement.center_um
    if group.wells is not None and domain and not isinstance(domain, WellMixedDomain):
        yield Problem((name, "wells"), "expected none, because the domain is not well mixed")
    if isinstance(domain, WellMixedDomain):
        for index, well in enumerate(group.wells or ()):
            if well >= domain.wells:
                yield Problem((name, "wells", index), f"expected a well from 0 to {domain.wells - 1}")
        if group.positions_um is not None:
            yield Problem((name, "positions_um"), "expected a count, because the domain is well mixed")
        if shape != "uniform":
            yield Problem((name, "placement"), "expected no placement, because the domain is well mixed")
    elif domain:
        for index, point in enumerate(group.positions_um or ()):
            if expected := domain.point_problem(point):
                yield Problem((name, "positions_um", index), expected)
        if center and (expected := domain.point_problem(center)):
            yield Problem((name, "placement", "center_um"), expected)
        if shape == ("ball" if domain.ndim == 2 else "disc"):
            fitting = "disc" if domain.ndim == 2 else "ball"
            yield Problem((name, "placement", "shape"), f'expected "{fitting}", because the domain is {domain.ndim}-D')
    by_discs = group.clock is not None and group.clock.contact_inhibition in ("area", "contact")
    if domain and by_discs and not (isinstance(domain, SpatialDomain) and domain.ndim == 2):
        yield Problem(
            (name, "clock", "contact_inhibition"), 'expected "none" or "crowding" where the domain is not 2-D'
        )


def misfit_rates(name: str, group: CellGroup, fields: FieldTable) -> Iterator[Problem]:
    """Fields that this group cannot take up, give off or follow."""
    built_in = () if group.metabolic else ("oxygen", "glucose")
    for key, valid in (
        ("uptake_amol_per_min", (*built_in, *fields.own)),
        ("secretion_amol_per_min", fields.own),
    ):
        for field in getattr(group, key):
            if field not in valid:
                yield Problem((name, key, field), _no_rate(field, valid, group.metabolic))
    if group.taxis and group.taxis.field not in fields.names:
        yield Problem((name, "taxis", "field"), unknown_name("field", group.taxis.field, fields.names))


def _no_rate(field: str, valid: tuple[str, ...], metabolic: bool) -> str:
    choices = f"one of {', '.join(valid)}" if valid else "a field of the scenario's own"
    if metabolic and field in BUILT_IN_FIELDS:
        return f"expected {choices}, because the metabolism sets the rates of the built-in fields"
    if field in REACTING_FIELDS:
        return f"expected {choices}, because the nitrogen ledger would not close"
    return f"expected {choices}" if field in BUILT_IN_FIELDS or not valid else unknown_name("field", field, valid)


def misfit_sites(sites: dict[str, Site], valid: dict[str, object]) -> Iterator[Problem]:
    """Sites with a reserved name, without vessels, or with fields or cells that the scenario does not have."""
    cells = valid.get("cells")
    for name, site in sites.items():
        if name in RESERVED_SITES:
            yield Problem((name,), f"expected another name than {', '.join(RESERVED_SITES)}")
        if isinstance(valid.get("domain"), WellMixedDomain):
            yield Problem((name,), "expected none, because the domain is well mixed")
        if not site.vessels:
            yield Problem((name, "vessels"), "expected a section: no vessel reaches this site")
        else:
            yield from below((name, "vessels"), misfit_vessels(site.vessels, site.domain))
        if "fields" in valid:
            yield from below((name, "fields"), _misfit_site_fields(valid["fields"], site))
        for group, there in site.cells.items() if cells is not None else ():
            if group not in cells:
                yield Problem((name, "cells", group), unknown_name("group of cells", group, cells))
                continue
            placed = cells[group].model_copy(
                update={"count": there.count, "positions_um": None, "placement": there.placement}
            )
            yield from below((name, "cells"), misfit_group(group, placed, site.domain))


def site_fields(primary: FieldTable, site: Site) -> dict[str, object]:
    """Return the fields of a site: those of the primary one without open faces, changed by what the site names."""
    return {
        name: {**entry.model_dump(exclude_none=True), "faces": [], **site.fields.get(name, {})}
        for name, entry in ((name, primary[name]) for name in primary.names)
    }


def _misfit_site_fields(primary: FieldTable, site: Site) -> Iterator[Problem]:
    for name, given in site.fields.items():
        if name not in primary.names:
            yield Problem((name,), unknown_name("field", name, primary.names))
            return
        keys = type(primary[name]).model_fields
        for key in given:
            if key == "formulation" or (key.startswith("plasma") and key != "plasma_fraction"):
                yield Problem((name, key), "expected no value: all sites share plasma; plasma_fraction can differ")
            elif key not in keys:
                yield Problem((name, key), unknown_name("key", key, keys))
    try:
        yield from misfit_faces(FieldTable.model_validate(site_fields(primary, site)), site.domain)
    except ValidationError as error:
        for found in error.errors():
            if found["type"] != "extra_forbidden":
                yield Problem(tuple(found["loc"]), f"expected another value: {found['msg']}")


def below(key: Key, problems: Iterator[Problem]) -> Iterator[Problem]:
    """Return problems of a section as those of what holds it under a key."""
    return (Problem((*key, *problem.key), problem.expected) for problem in problems)


def misfit_circulation(circulation: Circulation, valid: dict[str, object]) -> Iterator[Problem]:
    """Circulation that leads nowhere, cannot be entered, or names what is not there."""
    sites, cells = valid.get("sites"), valid.get("cells")
    if sites is not None and not sites:
        yield Problem((), "expected none, or a site beside the primary one in [sites.<name>]")
    if "vessels" in valid and not valid["vessels"]:
        yield Problem((), "expected none, or a section [vessels] by which cells leave the primary site")
    for index, group in enumerate(circulation.groups):
        if cells is not None and group not in cells:
            yield Problem(("groups", index), unknown_name("group of cells", group, cells))
        elif cells is not None and not cells[group].metabolic:
            yield Problem(("groups", index), "expected a group with a metabolism, because EMT follows asparagine")
    for name in circulation.homing if sites else ():
        if name not in sites:
            yield Problem(("homing", name), unknown_name("site", name, sites))
    if circulation.homing and not sum(circulation.homing.values()) > 0.0:
        yield Problem(("homing",), "expected a share above 0")


def misfit_doses(pharmacology: Pharmacology, valid: dict[str, object]) -> Iterator[Problem]:
    """Doses, antibodies and diets that nothing carries to cells, that no cell feels, or that come after the end."""
    keys = [key for key in ("doses", "antibodies", "diet") if getattr(pharmacology, key)]
    domain, cells = valid.get("domain"), valid.get("cells")
    for key in keys:
        if isinstance(domain, WellMixedDomain):
            if domain.perfusion_per_min == 0.0:
                enzyme = key != "doses" or any(dose.is_enzyme for dose in pharmacology.doses)
                other = "fields.asparaginase.initial_iu_per_mL" if enzyme else "[perturbations]"
                yield Problem((key,), f"expected none in wells without perfusion; set {other} instead")
        elif "vessels" in valid and not valid["vessels"]:
            yield Problem((key,), f"no vessels carry the doses; expected a section [vessels], or {key} = []")
    if pharmacology.diet and cells and not any(group.metabolic for group in cells.values()):
        yield Problem(("diet",), "expected none, because no group of cells has a metabolism")
    if "hours" in valid and "time" in valid:
        yield from _misfit_days(pharmacology, valid["hours"], valid["time"])
    yield from _doses_without_target(pharmacology.doses, valid)


def _misfit_days(pharmacology: Pharmacology, hours: float, time: TimeStep) -> Iterator[Problem]:
    """Doses, antibodies and diets after the end of the run, and of the latter two such as begin in one step."""
    step_h = time.step_min / _MINUTES_PER_HOUR
    for index, dose in enumerate(pharmacology.doses):
        within = [day for day in dose.days if _step_of(day, step_h) < round(hours / step_h)]
        last = f"{hours / _HOURS_PER_DAY:g}"
        if not within:
            yield Problem(("doses", index, "day"), f"expected a day before the run ends, 0 to {last} ({hours:g} h)")
        elif len(within) < dose.times:
            expected = f"expected at most {len(within)}, because the run ends on day {last}"
            yield Problem(("doses", index, "times"), expected)
    yield from _doses_in_one_step(pharmacology, step_h)
    for key in ("antibodies", "diet"):
        begun: dict[tuple[int, str], int] = {}
        for index, section in enumerate(getattr(pharmacology, key)):
            tick = _step_of(section.day, step_h)
            if tick >= round(hours / step_h):
                expected = f"expected a day before the run ends, 0 to {hours / _HOURS_PER_DAY:g} ({hours:g} h)"
                yield Problem((key, index, "day"), expected)
            before = begun.setdefault((tick, getattr(section, "against", "")), index)
            if before != index:
                yield Problem((key, index, "day"), f"expected another day: {key}.{before} begins in the same step")


def _doses_in_one_step(pharmacology: Pharmacology, step_h: float) -> Iterator[Problem]:
    last: dict[tuple[str, bool], Administration] = {}
    for given in pharmacology.calendar:
        before = last.get((given.dose.product, given.dose.by_muscle))
        if before is not None and _step_of(given.day, step_h) == _step_of(before.day, step_h):
            entry, other = max(before.entry, given.entry), min(before.entry, given.entry)
            expected = f"expected another step than that of day {before.day:g}, in which doses.{other} gives"
            yield Problem(("doses", entry), f"{expected} {given.dose.product} too")
            return
        last[given.dose.product, given.dose.by_muscle] = given


def _step_of(day: float, step_h: float) -> int:
    return round(day * _HOURS_PER_DAY / step_h)


def misfit_schedule(schedule: Schedule, time: TimeStep) -> Iterator[Problem]:
    """Perturbations that change twice in one step."""
    step_h = time.step_min / _MINUTES_PER_HOUR
    changed: dict[tuple[str, int], int] = {}
    for index, change in enumerate(schedule):
        before = changed.setdefault((change.perturbation, round(change.at_h / step_h)), index)
        if before != index:
            yield Problem((index, "at_h"), f"expected another time: entry {before} is of the same step")


def _doses_without_target(doses: tuple[Dose, ...], valid: dict[str, object]) -> Iterator[Problem]:
    """Small molecules that no cell feels, or whose level something else sets too."""
    cells = valid.get("cells")
    for index, dose in enumerate(doses):
        if dose.is_enzyme or cells is None:
            continue
        if not any(group.metabolic for group in cells.values()):
            expected = f"{dose.drug} has no target: expected a group of cells with a metabolism"
            yield Problem(("doses", index, "drug"), expected)
        lever = INHIBITORS[dose.drug].lever
        for name, group in cells.items() if PERTURBATIONS[lever].is_level else ():
            for parameter in group.parameters.keys() & set(PERTURBATIONS[lever].parameters):
                expected = f"expected no other value of {lever}, but cells.{name}.parameters.{parameter} is one"
                yield Problem(("doses", index, "drug"), expected)
        sources = {"": valid, **{f"cells.{name}.": vars(group) for name, group in cells.items()}}
        for where, source in sources.items():
            scheduled = {change.perturbation for change in source.get("perturbation_schedule", ())}
            if PERTURBATIONS[lever].is_level and (lever in source.get("perturbations", {}) or lever in scheduled):
                expected = f"expected no other value of {lever}, but {where}perturbations or its schedule sets one"
                yield Problem(("doses", index, "drug"), expected)
