"""The scenario: all its sections together. What must hold between them is in `tumorabm.scenario.fit`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from tumorabm.biology.parameters import UPTAKE_KM_UM
from tumorabm.biology.states import UPTAKES
from tumorabm.scenario.base import Positive, Section
from tumorabm.scenario.cell_schema import (
    CellGroup,
    CellName,
    Perturbations,
    Schedule,
    check_perturbations,
    check_schedule,
)
from tumorabm.scenario.field_schema import BUILT_IN_FIELDS, REACTING_FIELDS, FieldSettings, FieldTable
from tumorabm.scenario.fit import (
    below,
    misfit_circulation,
    misfit_doses,
    misfit_faces,
    misfit_group,
    misfit_rates,
    misfit_schedule,
    misfit_sites,
    misfit_vessels,
    site_fields,
    whole_steps_expected,
)
from tumorabm.scenario.messages import Problem, refuse
from tumorabm.scenario.pharmacology_schema import Pharmacology
from tumorabm.scenario.site_schema import Circulation, Site, SiteCells
from tumorabm.scenario.space_schema import Medium, SpatialDomain, TimeStep, Vessels, WellMixedDomain
from tumorabm.scenario.toml_text import toml_document
from tumorabm.scenario.variants import VARIANTS, VARIANTS_JSON_SCHEMA

_UPTAKE_KM_MM = {name: km.value / 1000.0 for name, km in UPTAKE_KM_UM.items()}
_MINUTES_PER_HOUR = 60
_MOST_RELAXATIONS = 1000
"""Most relaxation times in a step. Each takes tissue 3 to 30 evaluations of the forces; 100 times as many are made."""
_MAX_INTEGER = 2**63 - 1  # of TOML


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
            refuse([Problem((), whole_steps_expected(time))])
        return hours

    @field_validator("domain", mode="before")
    @classmethod
    def _domain_is_spatial_by_default(cls, domain: object) -> object:
        return {"mode": "spatial"} | domain if isinstance(domain, dict) else domain

    @field_validator("fields")
    @classmethod
    def _faces_fit_domain(cls, fields: FieldTable, info: ValidationInfo) -> FieldTable:
        refuse(misfit_faces(fields, info.data.get("domain")))
        return fields

    @field_validator("vessels")
    @classmethod
    def _vessels_fit_domain(cls, vessels: Vessels | None, info: ValidationInfo) -> Vessels | None:
        if vessels is not None:
            refuse(misfit_vessels(vessels, info.data.get("domain")))
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
        refuse(problem for name, group in cells.items() for problem in misfit_group(name, group, domain))
        if fields is not None:
            refuse(problem for name, group in cells.items() for problem in misfit_rates(name, group, fields))
        if "time" in info.data:
            for name, group in cells.items():
                problems = misfit_schedule(group.perturbation_schedule, info.data["time"])
                refuse(below((name, "perturbation_schedule"), problems))
        return cells

    @field_validator("sites")
    @classmethod
    def _sites_fit(cls, sites: dict[str, Site], info: ValidationInfo) -> dict[str, Site]:
        refuse(misfit_sites(sites, info.data))
        return sites

    @field_validator("circulation")
    @classmethod
    def _circulation_has_its_sites(cls, circulation: Circulation | None, info: ValidationInfo) -> Circulation | None:
        if circulation is not None:
            refuse(misfit_circulation(circulation, info.data))
        return circulation

    @field_validator("perturbations")
    @classmethod
    def _perturbations_exist(cls, perturbations: Perturbations) -> Perturbations:
        return check_perturbations(perturbations)

    @field_validator("perturbation_schedule")
    @classmethod
    def _scheduled_exist(cls, schedule: Schedule, info: ValidationInfo) -> Schedule:
        if "time" in info.data:
            refuse(misfit_schedule(schedule, info.data["time"]))
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
        refuse(misfit_doses(pharmacology, info.data))
        return pharmacology

    @field_validator("output")
    @classmethod
    def _intervals_are_whole_steps(cls, output: Output, info: ValidationInfo) -> Output:
        time = info.data.get("time")
        if time:
            refuse(
                Problem((key,), f"{whole_steps_expected(time)}; it is {hours:g} h")
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
            "fields": FieldTable.model_validate(site_fields(self.fields, site)),
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

    def _repr_html_(self) -> str:
        from tumorabm.notebook import scenario_html

        return scenario_html(self)

    @classmethod
    def json_schema(cls) -> dict:
        """Return the JSON schema of scenario files, for editors."""
        schema = cls.model_json_schema()
        schema["properties"][VARIANTS] = VARIANTS_JSON_SCHEMA
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
