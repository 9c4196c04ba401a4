"""The scenario: its sections, and what must hold between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from tumorabm.biology.inhibitors import INHIBITORS
from tumorabm.biology.parameters import PERTURBATIONS, UPTAKE_KM_UM
from tumorabm.biology.states import UPTAKES
from tumorabm.scenario.base import NotNegative, Point, Points, Positive, Section
from tumorabm.scenario.cell_schema import (
    CellGroup,
    CellName,
    Perturbations,
    Schedule,
    check_perturbations,
    check_schedule,
)
from tumorabm.scenario.field_schema import BUILT_IN_FIELDS, REACTING_FIELDS, FieldSettings, FieldTable, Rate
from tumorabm.scenario.messages import Key, Problem, refuse, unknown_name
from tumorabm.scenario.pharmacology_schema import Dose, Pharmacology
from tumorabm.scenario.site_schema import RESERVED_SITES, Circulation, SiteCells
from tumorabm.scenario.toml_text import toml_document
from tumorabm.scenario.units import UM3_PER_UL
from tumorabm.scenario.variants import VARIANTS, VARIANTS_JSON_SCHEMA

_UPTAKE_KM_MM = {name: km.value / 1000.0 for name, km in UPTAKE_KM_UM.items()}
_AXES = "xyz"
_MINUTES_PER_HOUR = 60
_HOURS_PER_DAY = 24
_MAX_STEPS = 1e9
_MAX_VOXELS_A_SIDE = 1e6
_MAX_VOXELS = 10**8
_MAX_VESSELS = 10**7
_SLAB_UM = 20.0
_MOST_RELAXATIONS = 1000
"""Most relaxation times in a step. Each takes tissue 3 to 30 evaluations of the forces; 100 times as many are made."""
_MAX_INTEGER = 2**63 - 1  # of TOML


class SpatialDomain(Section):
    """A rectangle (a slab of tissue) or a box of tissue."""

    mode: Literal["spatial"] = Field("spatial", description="diffusion on a grid")
    size_um: Point = Field(description="µm; [x, y] or [x, y, z] of the domain, whole numbers of voxels")
    voxel_um: float = Field(20.0, gt=0, le=1e6, description="µm; edge of a voxel")
    thickness_um: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        None, description="µm; thickness of the slab of a 2-D domain, 20 where it is absent"
    )

    @model_validator(mode="after")
    def _sides_are_whole_voxels(self) -> SpatialDomain:
        refuse(self._bad_sides())
        if self.ndim == 3 and self.thickness_um is not None:
            refuse([Problem(("thickness_um",), "expected none, because the domain is 3-D")])
        return self

    @property
    def slab_um(self) -> float | None:
        """Thickness of a 2-D domain in µm; None in 3-D."""
        if self.ndim == 3:
            return None
        return _SLAB_UM if self.thickness_um is None else self.thickness_um

    def _bad_sides(self) -> Iterator[Problem]:
        voxels = [length / self.voxel_um for length in self.size_um]
        if math.prod(voxels) > _MAX_VOXELS:
            yield Problem(("size_um",), f"expected at most {_MAX_VOXELS:g} voxels in all")
        if min(voxels) < 1.5 and max(voxels) > 1.5:
            yield Problem(
                ("size_um", voxels.index(min(voxels))),
                f"expected at least two voxels of {self.voxel_um:g} µm a side, or one voxel in all",
            )
        for axis, length in enumerate(self.size_um):
            n = length / self.voxel_um
            if n < 1 - 1e-6:
                yield Problem(
                    ("size_um", axis), f"expected at least one voxel along {_AXES[axis]}, {self.voxel_um:g} µm"
                )
            elif n > _MAX_VOXELS_A_SIDE:
                yield Problem(
                    ("size_um", axis),
                    f"expected at most {_MAX_VOXELS_A_SIDE:g} voxels of {self.voxel_um:g} µm along {_AXES[axis]}",
                )
            elif abs(n - round(n)) > 1e-6:
                near = f"{math.floor(n) * self.voxel_um:.10g} or {math.ceil(n) * self.voxel_um:.10g}"
                yield Problem(
                    ("size_um", axis),
                    f"expected a whole number of voxels of {self.voxel_um:g} µm along {_AXES[axis]}; nearest: {near}",
                )

    @property
    def ndim(self) -> int:
        """Number of dimensions, 2 or 3."""
        return len(self.size_um)

    def point_problem(self, point: Point) -> str | None:
        """Return what was expected of a point that does not lie in the domain, else None."""
        if len(point) == self.ndim and all(0 <= x <= side for x, side in zip(point, self.size_um, strict=True)):
            return None
        ranges = ", ".join(f"{axis} 0-{side:g}" for axis, side in zip(_AXES, self.size_um, strict=False))
        return f"expected {self.ndim} coordinates inside the domain (µm: {ranges})"


class WellMixedDomain(Section):
    """Wells or flasks without gradients: each a compartment of its own."""

    mode: Literal["well_mixed"] = Field(description="compartments without gradients")
    volume_uL: float = Field(gt=0, le=1e12, description="µL; volume of medium in each well")
    wells: int = Field(1, ge=1, le=100_000, description="number of wells, which exchange nothing with one another")
    gas_exchange_per_min: Rate = Field(
        0.0, description="1/min; exchange of oxygen with air that holds fields.oxygen.plasma_mmHg; 0: sealed"
    )
    perfusion_per_min: Rate = Field(
        0.0, description="1/min; exchange of all fields with plasma: a piece of tissue in place of a well"
    )

    @property
    def volume_um3(self) -> float:
        """Volume of a well in µm³."""
        return self.volume_uL * UM3_PER_UL

    def exchange_per_min(self, field: str) -> float:
        """Return the exchange of a field with what surrounds the wells, 1/min."""
        return self.perfusion_per_min + (self.gas_exchange_per_min if field == "oxygen" else 0.0)


class TimeStep(Section):
    """How time is cut."""

    step_min: float = Field(6.0, gt=0, le=60, description="min; one step of the cells")

    def whole_steps(self, hours: float) -> bool:
        """Return whether ``hours`` is a whole number of steps, at least one, to 1e-9."""
        n = hours * _MINUTES_PER_HOUR / self.step_min
        return 0.5 < n < _MAX_STEPS and abs(n - round(n)) <= 1e-9 * max(1.0, n)


class VesselCore(Section):
    """A disc or ball in which vessels are compressed or absent, as in the middle of many tumours."""

    center_um: Point = Field(description="µm; [x, y] of a disc or [x, y, z] of a ball")
    radius_um: Positive = Field(description="µm; radius of the disc or ball")
    density_factor: float = Field(
        0.0, ge=0, le=1, description="1; share of its vessels that is left: 0 where they are absent"
    )


_VESSEL_COUNTS = ("density_per_mm2", "density_per_mm3", "positions_um")


class Vessels(Section):
    """Blood vessels: points at which the tissue exchanges with plasma."""

    density_per_mm2: NotNegative | None = Field(None, description="1/mm²; seeded random vessels of a 2-D domain")
    density_per_mm3: NotNegative | None = Field(None, description="1/mm³; seeded random vessels of a 3-D domain")
    positions_um: Points | None = Field(None, description="µm; one [x, y] or [x, y, z] for each vessel")
    core: VesselCore | None = Field(
        None, description="where seeded vessels are compressed or absent; absent: as dense everywhere"
    )

    @model_validator(mode="after")
    def _given_once(self) -> Vessels:
        given = [key for key in _VESSEL_COUNTS if getattr(self, key) is not None]
        if len(given) != 1:
            refuse([Problem((), f"expected exactly one of {', '.join(_VESSEL_COUNTS)}")])
        if self.core is not None and self.positions_um is not None:
            refuse([Problem(("core",), "expected none, because positions_um lists the vessels that are there")])
        return self

    def __bool__(self) -> bool:
        """Return whether there is any vessel."""
        return bool(self.density_per_mm2 or self.density_per_mm3 or self.positions_um)


class Medium(Section):
    """Culture medium around a tissue, so well stirred that its concentrations stay those of the ``plasma_...`` keys.

    Times ``plasma_fraction``, as at vessels: 1, but 0.3 for asparaginase unless the scenario sets it. It replaces what
    else is written into a field's vessel exchange.
    """

    exchange_per_min: float = Field(
        1e4,
        gt=0,
        le=1e9,
        description="1/min; exchange of voxels that hold no cell and are connected to the outside with the medium",
    )


class Mechanics(Section):
    """Forces between cells."""

    enabled: bool = Field(True, description="whether cells push and hold each other")
    relaxation_rate_per_min: Positive = Field(
        0.5, description="1/min; stiffness over drag of a pair of cells; times time.step_min at most 1000"
    )
    tolerance: Positive = Field(
        0.05, description="1; relaxation stops once no cell would move by more than this fraction of its radius"
    )


class Output(Section):
    """How often results are recorded."""

    timeseries_every_h: Positive = Field(1.0, description="h; a row of timeseries, whole number of steps")
    cells_every_h: Positive = Field(24.0, description="h; a table of all cells, whole number of steps")
    fields_every_h: Positive = Field(24.0, description="h; all fields, whole number of steps")


class Site(Section):
    """A site beside the primary one: a space, fields, vessels and cells of its own, on the same plasma."""

    domain: SpatialDomain = Field(description="its space")
    fields: dict[str, dict[str, Any]] = Field(
        {}, description="keys of fields that differ from the primary site; plasma is shared, open faces are not"
    )
    vessels: Vessels | None = Field(None, description="blood vessels, by which cells arrive")
    cells: dict[CellName, SiteCells] = Field({}, description="cells of the scenario's groups that start here")

    @field_validator("domain", mode="before")
    @classmethod
    def _domain_is_spatial(cls, domain: object) -> object:
        return {"mode": "spatial"} | domain if isinstance(domain, dict) else domain


class Scenario(Section):
    """A complete run but for its random numbers: what `load_scenario` returns.

    Sections are attributes (``scenario.domain.size_um``, ``scenario.cells["blast"].count``); values are those of the
    file, in the units of their keys. `field_settings` gives the fields in the units of the engine.
    """

    # A check that needs two sections sits at the later one: pydantic validates in this order and shows a check what
    # was valid so far, so that an error in one section does not hide those in others.
    name: str = Field(
        "scenario", pattern=r"^[A-Za-z0-9_-]+$", description="letters, digits, _ and -; default file name"
    )
    description: str = Field("", description="what the scenario shows")
    seed: int = Field(1, ge=0, le=_MAX_INTEGER, description="seed of all random numbers")
    time: TimeStep = Field(TimeStep(), description="how time is cut")
    hours: Positive = Field(description="h; simulated time, whole number of steps")
    domain: Annotated[SpatialDomain | WellMixedDomain, Field(discriminator="mode")] = Field(
        description="the simulated space"
    )
    fields: FieldTable = Field({}, description="dissolved substances; a new name adds one")
    vessels: Vessels | None = Field(None, description="blood vessels; absent: none")
    medium: Medium | None = Field(None, description="stirred medium around the tissue; absent: none")
    cells: dict[CellName, CellGroup] = Field({}, description="groups of cells at the start")
    sites: dict[CellName, Site] = Field({}, description="sites beside the primary one")
    circulation: Circulation | None = Field(None, description="how cells reach other sites; absent: they do not")
    perturbations: Perturbations = Field(
        {}, description="factors on enzymes, kinases and transporters of all cells; 0 is a knock-out"
    )
    perturbation_schedule: Schedule = Field((), description="perturbations of all cells that change with time")
    mechanics: Mechanics = Field(Mechanics(), description="forces between cells")
    pharmacology: Pharmacology = Field(Pharmacology(), description="drugs and plasma")
    output: Output = Field(Output(), description="how often results are recorded")

    @field_validator("hours")
    @classmethod
    def _hours_are_whole_steps(cls, hours: float, info: ValidationInfo) -> float:
        time = info.data.get("time")
        if time and not time.whole_steps(hours):
            refuse([Problem((), _whole_steps_expected(time))])
        return hours

    @field_validator("domain", mode="before")
    @classmethod
    def _domain_is_spatial_by_default(cls, domain: object) -> object:
        return {"mode": "spatial"} | domain if isinstance(domain, dict) else domain

    @field_validator("fields")
    @classmethod
    def _faces_fit_domain(cls, fields: FieldTable, info: ValidationInfo) -> FieldTable:
        refuse(_misfit_faces(fields, info.data.get("domain")))
        return fields

    @field_validator("vessels")
    @classmethod
    def _vessels_fit_domain(cls, vessels: Vessels | None, info: ValidationInfo) -> Vessels | None:
        if vessels is not None:
            refuse(_misfit_vessels(vessels, info.data.get("domain")))
        return vessels

    @field_validator("medium")
    @classmethod
    def _medium_fits_domain(cls, medium: Medium | None, info: ValidationInfo) -> Medium | None:
        if medium is not None and isinstance(info.data.get("domain"), WellMixedDomain):
            refuse([Problem((), "expected no medium, because the domain is well mixed")])
        if medium is not None and info.data.get("vessels"):
            refuse([Problem((), "expected no medium beside [vessels]: a tissue lives on one of them")])
        return medium

    @field_validator("cells")
    @classmethod
    def _cells_fit_domain(cls, cells: dict[str, CellGroup], info: ValidationInfo) -> dict[str, CellGroup]:
        domain, fields = info.data.get("domain"), info.data.get("fields")
        refuse(problem for name, group in cells.items() for problem in _misfit_group(name, group, domain))
        if fields is not None:
            refuse(problem for name, group in cells.items() for problem in _misfit_rates(name, group, fields))
        return cells

    @field_validator("sites")
    @classmethod
    def _sites_fit(cls, sites: dict[str, Site], info: ValidationInfo) -> dict[str, Site]:
        refuse(_misfit_sites(sites, info.data))
        return sites

    @field_validator("circulation")
    @classmethod
    def _circulation_has_its_sites(cls, circulation: Circulation | None, info: ValidationInfo) -> Circulation | None:
        if circulation is not None:
            refuse(_misfit_circulation(circulation, info.data))
        return circulation

    @field_validator("perturbations")
    @classmethod
    def _perturbations_exist(cls, perturbations: Perturbations) -> Perturbations:
        return check_perturbations(perturbations)

    @field_validator("perturbation_schedule")
    @classmethod
    def _scheduled_exist(cls, schedule: Schedule) -> Schedule:
        return check_schedule(schedule)

    @field_validator("mechanics")
    @classmethod
    def _forces_can_be_followed(cls, mechanics: Mechanics, info: ValidationInfo) -> Mechanics:
        time = info.data.get("time")
        if time and mechanics.relaxation_rate_per_min * time.step_min > _MOST_RELAXATIONS * (1.0 + 1e-9):
            most = _MOST_RELAXATIONS / time.step_min
            expected = f"expected at most {most:.4g} with steps of {time.step_min:g} min, {_MOST_RELAXATIONS} a step"
            refuse([Problem(("relaxation_rate_per_min",), expected)])
        return mechanics

    @field_validator("pharmacology")
    @classmethod
    def _doses_fit_run(cls, pharmacology: Pharmacology, info: ValidationInfo) -> Pharmacology:
        refuse(_misfit_doses(pharmacology, info.data))
        return pharmacology

    @field_validator("output")
    @classmethod
    def _intervals_are_whole_steps(cls, output: Output, info: ValidationInfo) -> Output:
        time = info.data.get("time")
        if time:
            refuse(
                Problem((key,), f"{_whole_steps_expected(time)}; it is {hours:g} h")
                for key, hours in output
                if not time.whole_steps(hours)
            )
        return output

    @property
    def n_steps(self) -> int:
        """Number of steps of the run."""
        return round(self.hours * _MINUTES_PER_HOUR / self.time.step_min)

    @property
    def metabolic(self) -> bool:
        """Whether any group of cells has a metabolism."""
        return any(group.metabolic for group in self.cells.values())

    @property
    def field_names(self) -> tuple[str, ...]:
        """Names of the fields: the built-in ones in their fixed order, then the scenario's own.

        All built-in ones where cells have a metabolism, there are doses, or there are no cells; else only oxygen, those
        with a section ``[fields.<name>]`` and those that cells take up or follow.
        """
        if self.metabolic or self.pharmacology.doses or not self.cells:
            return self.fields.names
        used = {"oxygen", *self.fields.written, *self.taken_up}
        used |= {group.taxis.field for group in self.cells.values() if group.taxis}
        if used & REACTING_FIELDS:
            used |= REACTING_FIELDS
        return (*(name for name in BUILT_IN_FIELDS if name in used), *self.fields.own)

    @property
    def taken_up(self) -> tuple[str, ...]:
        """Names of the fields that cells take up."""
        by_metabolism = UPTAKES if self.metabolic or not self.cells else ()
        given = (name for group in self.cells.values() for name in group.uptake_amol_per_min)
        return tuple(dict.fromkeys((*by_metabolism, *given)))

    @property
    def secreted(self) -> tuple[str, ...]:
        """Names of the own fields that cells give off at a rate that the scenario sets."""
        return tuple(dict.fromkeys(name for group in self.cells.values() for name in group.secretion_amol_per_min))

    def field_settings(self, name: str) -> FieldSettings:
        """Return one field in the units of the engine.

        Parameters
        ----------
        name
            One of `field_names`.

        Returns
        -------
        FieldSettings
            Concentrations in mM, of asparaginase in IU/mL. A field that no vessels, medium or open faces supply has no
            steady state to start from: without ``initial_...`` it starts in equilibrium with its plasma value.
        """
        entry = self.fields[name]
        spatial = isinstance(self.domain, SpatialDomain)
        faces = entry.open_faces(self.domain.ndim) if spatial else {}
        plasma, initial = entry.concentration("plasma"), entry.concentration("initial")
        by_vessels = bool(self.vessels) and entry.vessel_exchange_per_min > 0
        supplied = bool(faces) or by_vessels or self.medium is not None
        if initial is None and not supplied:
            initial = plasma * entry.plasma_fraction
        return FieldSettings(
            name=name,
            unit=entry.engine_unit,
            diffusion_um2_per_min=entry.diffusion_um2_per_min,
            decay_per_min=entry.decay_per_min,
            vessel_exchange_per_min=entry.vessel_exchange_per_min,
            plasma=plasma,
            plasma_fraction=entry.plasma_fraction,
            initial=initial,
            faces=faces,
            uptake_km_mM=_UPTAKE_KM_MM.get(name) if entry.uptake_km() is None else entry.uptake_km(),
        )

    def at_site(self, name: str) -> Scenario:
        """Return the scenario that one of ``sites`` is by itself: its sections in place of those of the primary site.

        All groups of cells are there, so that a group has the same number everywhere; those that do not start there
        are empty.
        """
        site = self.sites[name]
        groups = {}
        for group_name, group in self.cells.items():
            cells = site.cells.get(group_name, SiteCells(count=0))
            groups[group_name] = group.model_copy(
                update={"count": cells.count, "positions_um": None, "placement": cells.placement}
            )
        changes = {
            "domain": site.domain,
            "fields": FieldTable.model_validate(_site_fields(self.fields, site)),
            "vessels": site.vessels,
            "medium": None,
            "cells": groups,
            "sites": {},
            "circulation": None,
        }
        return self.model_copy(update=changes)

    def to_toml(self) -> str:
        """Return the scenario with all defaults written out; loading it gives an equal scenario."""
        content = self.model_dump(exclude_none=True)
        content["fields"] = {name: content["fields"][name] for name in self.field_names}
        return toml_document(content)

    @classmethod
    def json_schema(cls) -> dict:
        """Return the JSON schema of scenario files, for editors."""
        schema = cls.model_json_schema()
        schema["properties"][VARIANTS] = VARIANTS_JSON_SCHEMA
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _whole_steps_expected(time: TimeStep) -> str:
    return f"expected a whole number of steps of {time.step_min:g} min"


def _misfit_faces(fields: FieldTable, domain: SpatialDomain | WellMixedDomain | None) -> Iterator[Problem]:
    for name in fields.names:
        for index, face in enumerate(fields[name].faces):
            if isinstance(domain, WellMixedDomain):
                yield Problem((name, "faces", index), "expected no faces, because the domain is well mixed")
            elif domain and domain.ndim == 2 and face.face.startswith("z"):
                yield Problem((name, "faces", index, "face"), "expected an x or y face, because the domain is 2-D")


def _misfit_vessels(vessels: Vessels, domain: SpatialDomain | WellMixedDomain | None) -> Iterator[Problem]:
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


def _misfit_group(name: str, group: CellGroup, domain: SpatialDomain | WellMixedDomain | None) -> Iterator[Problem]:
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


def _misfit_rates(name: str, group: CellGroup, fields: FieldTable) -> Iterator[Problem]:
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


def _misfit_sites(sites: dict[str, Site], valid: dict[str, object]) -> Iterator[Problem]:
    cells = valid.get("cells")
    for name, site in sites.items():
        if name in RESERVED_SITES:
            yield Problem((name,), f"expected another name than {', '.join(RESERVED_SITES)}")
        if isinstance(valid.get("domain"), WellMixedDomain):
            yield Problem((name,), "expected none, because the domain is well mixed")
        if not site.vessels:
            yield Problem((name, "vessels"), "expected a section: no vessel reaches this site")
        else:
            yield from _below((name, "vessels"), _misfit_vessels(site.vessels, site.domain))
        if "fields" in valid:
            yield from _below((name, "fields"), _misfit_site_fields(valid["fields"], site))
        for group, there in site.cells.items() if cells is not None else ():
            if group not in cells:
                yield Problem((name, "cells", group), unknown_name("group of cells", group, cells))
                continue
            placed = cells[group].model_copy(
                update={"count": there.count, "positions_um": None, "placement": there.placement}
            )
            yield from _below((name, "cells"), _misfit_group(group, placed, site.domain))


def _site_fields(primary: FieldTable, site: Site) -> dict[str, object]:
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
        yield from _misfit_faces(FieldTable.model_validate(_site_fields(primary, site)), site.domain)
    except ValidationError as error:
        for found in error.errors():
            if found["type"] != "extra_forbidden":
                yield Problem(tuple(found["loc"]), f"expected another value: {found['msg']}")


def _below(key: Key, problems: Iterator[Problem]) -> Iterator[Problem]:
    return (Problem((*key, *problem.key), problem.expected) for problem in problems)


def _misfit_circulation(circulation: Circulation, valid: dict[str, object]) -> Iterator[Problem]:
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


def _misfit_doses(pharmacology: Pharmacology, valid: dict[str, object]) -> Iterator[Problem]:
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
        within = [day for day in dose.days if round(day * _HOURS_PER_DAY / step_h) < round(hours / step_h)]
        last = f"{hours / _HOURS_PER_DAY:g}"
        if not within:
            yield Problem(("doses", index, "day"), f"expected a day before the run ends, 0 to {last} ({hours:g} h)")
        elif len(within) < dose.times:
            expected = f"expected at most {len(within)}, because the run ends on day {last}"
            yield Problem(("doses", index, "times"), expected)
    for key in ("antibodies", "diet"):
        begun: dict[tuple[int, str], int] = {}
        for index, section in enumerate(getattr(pharmacology, key)):
            tick = round(section.day * _HOURS_PER_DAY / step_h)
            if tick >= round(hours / step_h):
                expected = f"expected a day before the run ends, 0 to {hours / _HOURS_PER_DAY:g} ({hours:g} h)"
                yield Problem((key, index, "day"), expected)
            before = begun.setdefault((tick, getattr(section, "against", "")), index)
            if before != index:
                yield Problem((key, index, "day"), f"expected another day: {key}.{before} begins in the same step")


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
