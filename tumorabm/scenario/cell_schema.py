"""The ``[cells.<name>]`` sections: which cells a run starts with, where, and what differs from their type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from tumorabm.biology.parameters import GROUP_KEYS, PARAMETERS, PERTURBATIONS, order_problem, parameter_problem
from tumorabm.cell_types import CELL_TYPES, CLOCK_CELL_PARAMETERS
from tumorabm.scenario.base import FromList, NotNegative, Point, Points, Positive, Section
from tumorabm.scenario.clock_schema import Clock
from tumorabm.scenario.messages import Problem, refuse, unknown_name

_CLOCK_TYPES = tuple(name for name, preset in CELL_TYPES.items() if not preset.metabolic)

CellName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
Perturbations = Annotated[
    dict[str, NotNegative], Field(json_schema_extra={"propertyNames": {"enum": list(PERTURBATIONS)}})
]
GROUP_PERTURBATIONS = tuple(name for name, lever in PERTURBATIONS.items() if lever.parameters)
"""Those that can differ between groups; the others change the drug, which all cells share."""
RateTable = dict[str, NotNegative]
"""Rates by field."""


class PerturbationChange(Section):
    """A perturbation that takes another value from some time on."""

    perturbation: str = Field(description="its name", json_schema_extra={"enum": list(PERTURBATIONS)})
    at_h: NotNegative = Field(description="h; from then on, at the nearest step")
    value: NotNegative = Field(description="factor, or level; before, that of [perturbations] or without effect")


Schedule = Annotated[tuple[PerturbationChange, ...], FromList]


def check_perturbations(perturbations: Perturbations, names: Iterable[str] = tuple(PERTURBATIONS)) -> Perturbations:
    """Refuse names that are no perturbation, and values that it cannot take."""
    refuse(_perturbation_problems((((name,), (name,), name, value) for name, value in perturbations.items()), names))
    return perturbations


def check_schedule(schedule: Schedule, names: Iterable[str] = tuple(PERTURBATIONS)) -> Schedule:
    """Refuse changes of what is no perturbation, and values that it cannot take."""
    rows = (
        ((index, "perturbation"), (index, "value"), change.perturbation, change.value)
        for index, change in enumerate(schedule)
    )
    refuse(_perturbation_problems(rows, names))
    return schedule


def _perturbation_problems(rows: Iterable[tuple[tuple, tuple, str, float]], names: Iterable[str]) -> Iterator[Problem]:
    """Problems of (key of the name, key of the value, name, value) rows."""
    for name_key, value_key, name, value in rows:
        if name not in PERTURBATIONS:
            yield Problem(name_key, unknown_name("perturbation", name, names))
        elif name not in names:
            yield Problem(name_key, "expected among the scenario's [perturbations]: it changes the drug, not a cell")
        elif value > PERTURBATIONS[name].highest:
            yield Problem(value_key, f"expected a number from 0 to {PERTURBATIONS[name].highest:g}")


def _unknown_names(given: Iterable[str], valid: Iterable[str], what: str) -> Iterable[Problem]:
    valid = tuple(valid)
    return [Problem((name,), unknown_name(what, name, valid)) for name in given if name not in valid]


class Placement(Section):
    """Where the counted cells of a group start."""

    shape: Literal["uniform", "disc", "ball"] = Field(
        "uniform", description="region filled at random: the whole domain, a disc (2-D) or a ball (3-D)"
    )
    center_um: Point | None = Field(None, description="µm; [x, y] of a disc or [x, y, z] of a ball")
    radius_um: Positive | None = Field(None, description="µm; radius of the disc or ball")

    @model_validator(mode="after")
    def _shape_has_its_measures(self) -> Placement:
        wanted = self.shape != "uniform"
        refuse(
            Problem((key,), f"expected {'a value' if wanted else 'no value'} for the shape {self.shape}")
            for key in ("center_um", "radius_um")
            if (getattr(self, key) is not None) != wanted
        )
        return self


class Taxis(Section):
    """Along which field cells walk."""

    field: str = Field(description="name of the field")
    bias: float = Field(
        ge=-1, le=1, description="1; from 1 (straight up the gradient) over 0 (a random walk) to -1 (straight down)"
    )


class CellGroup(Section):
    """A group of cells of one type."""

    type: str = Field(description="preset of parameters", json_schema_extra={"enum": list(CELL_TYPES)})
    count: int | None = Field(
        None, ge=0, le=100_000_000, description="number of cells at the start; or give positions_um"
    )
    positions_um: Points | None = Field(None, description="µm; one [x, y] or [x, y, z] for each cell; or give count")
    placement: Placement = Field(Placement(), description="where counted cells start")
    wells: Annotated[tuple[Annotated[int, Field(ge=0)], ...], FromList] | None = Field(
        None, description="wells, from 0, in each of which count cells start; absent: in all; well-mixed domains only"
    )
    asns_relative: Positive | None = Field(
        None, description="median basal ASNS relative to solid tumours; absent: the type's"
    )
    asns_sigma: NotNegative | None = Field(
        None, description="standard deviation of ln(basal ASNS) across cells; absent: the type's"
    )
    asns_induction: NotNegative | None = Field(
        None, description="fold by which ATF4 can raise ASNS transcription; absent: the type's"
    )
    parameters: dict[str, float] = Field(
        {},
        description="values that replace those of the type; names as in tumorabm.biology.parameters",
        json_schema_extra={"propertyNames": {"enum": [name for name in PARAMETERS if name not in GROUP_KEYS]}},
    )
    perturbations: Perturbations = Field(
        {}, description="factors on enzymes, kinases and transporters of this group; 0 is a knock-out"
    )

    perturbation_schedule: Schedule = Field((), description="perturbations of this group that change with time")
    clock: Clock | None = Field(
        None, description=f"cycle and volume; of {', '.join(_CLOCK_TYPES)} only, which have defaults where it is absent"
    )
    uptake_amol_per_min: RateTable = Field(
        {},
        description="amol/min; greatest uptake by a cell of relative volume 1, from the scenario's own fields, and, by "
        "cells without a metabolism, of oxygen and glucose",
    )
    secretion_amol_per_min: RateTable = Field(
        {}, description="amol/min; secretion into one of the scenario's own fields by a cell of relative volume 1"
    )
    taxis: Taxis | None = Field(None, description="bias of the walk along a field; absent: a random walk")

    @property
    def metabolic(self) -> bool:
        """Whether a metabolism drives these cells, not a clock."""
        return CELL_TYPES[self.type].metabolic

    @model_validator(mode="before")
    @classmethod
    def _clock_cells_have_a_clock(cls, data: object) -> object:
        is_clock_cell = isinstance(data, dict) and data.get("type") in _CLOCK_TYPES
        return {"clock": {}} | data if is_clock_cell else data

    @field_validator("type")
    @classmethod
    def _type_exists(cls, name: str) -> str:
        if name not in CELL_TYPES:
            refuse([Problem((), unknown_name("cell type", name, CELL_TYPES))])
        return name

    @field_validator("wells")
    @classmethod
    def _wells_are_named_once(cls, wells: tuple[int, ...] | None) -> tuple[int, ...] | None:
        twice = (index for index, well in enumerate(wells or ()) if well in wells[:index])
        refuse(Problem((index,), "expected each well once") for index in twice)
        return wells

    @field_validator("parameters")
    @classmethod
    def _parameters_exist(cls, parameters: dict[str, float]) -> dict[str, float]:
        refuse(
            Problem((name,), "expected among the group's own keys, not among its parameters")
            for name in parameters
            if name in GROUP_KEYS
        )
        refuse(_unknown_names(parameters, PARAMETERS, "parameter"))
        refuse(
            Problem((name,), expected)
            for name, value in parameters.items()
            if (expected := parameter_problem(name, value))
        )
        return parameters

    @model_validator(mode="after")
    def _parameters_fit_one_another(self) -> CellGroup:
        if self.type in CELL_TYPES and (
            broken := order_problem({**CELL_TYPES[self.type].parameters, **self.parameters})
        ):
            refuse([Problem(("parameters", broken[0]), broken[1])])
        return self

    @field_validator("perturbations")
    @classmethod
    def _perturbations_exist(cls, perturbations: Perturbations) -> Perturbations:
        return check_perturbations(perturbations, GROUP_PERTURBATIONS)

    @field_validator("perturbation_schedule")
    @classmethod
    def _scheduled_exist(cls, schedule: Schedule) -> Schedule:
        return check_schedule(schedule, GROUP_PERTURBATIONS)

    @model_validator(mode="after")
    def _metabolism_or_clock(self) -> CellGroup:
        refuse(self._strays())
        return self

    def _strays(self) -> Iterator[Problem]:
        """Keys of cells with a metabolism at those that have none, and the other way round."""
        if self.metabolic:
            if self.clock is not None:
                yield Problem(("clock",), f"expected none, because a metabolism drives a {self.type}, not a clock")
            return
        for key in (*GROUP_KEYS, "perturbations", "perturbation_schedule"):
            if getattr(self, key) not in (None, {}, ()):
                yield Problem((key,), f"expected none, because a {self.type} has no metabolism")
        for name in self.parameters:
            if name not in CLOCK_CELL_PARAMETERS:
                expected = f"has no effect on a {self.type}; expected one of {', '.join(CLOCK_CELL_PARAMETERS)}"
                yield Problem(("parameters", name), expected)
            elif name.startswith("necrosis_") and not (self.clock and self.clock.oxygen_dependent):
                yield Problem(("parameters", name), "has no effect unless clock.oxygen_dependent is true")

    @model_validator(mode="after")
    def _counted_or_placed(self) -> CellGroup:
        if self.positions_um is None:
            if self.count is None:
                refuse([Problem(("count",), "expected an integer >= 0, or a list positions_um in its place")])
        elif self.count is not None:
            refuse([Problem(("count",), "expected no count, because positions_um lists the cells")])
        elif self.placement.shape != "uniform":
            refuse([Problem(("placement",), "expected no placement, because positions_um places the cells")])
        return self
