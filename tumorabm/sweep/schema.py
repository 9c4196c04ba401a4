"""The written sweep: base scenario, design, seeds, readouts. Strict, with the messages of scenarios."""

from __future__ import annotations

import math
import os
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from tumorabm.scenario import ScenarioError
from tumorabm.scenario.base import FromList, NotNegative, Positive, Section
from tumorabm.scenario.load import read_toml
from tumorabm.scenario.messages import Problem, explain, refuse

MOST_SEEDS = 1_000_000
_Values = Annotated[tuple[Any, ...], FromList]


class Grid(Section):
    """All combinations of the values of each parameter."""

    kind: Literal["grid"] = Field(description="all combinations of values")
    parameters: dict[str, _Values] = Field(description='values by the key of each parameter, "cells.blast.count" say')

    @model_validator(mode="after")
    def _has_values(self) -> Grid:
        refuse(
            Problem(("parameters", name), "expected a list of at least one value")
            for name, values in self.parameters.items()
            if not values
        )
        if not self.parameters:
            refuse([Problem(("parameters",), "the design is empty; expected at least one parameter")])
        return self


class Points(Section):
    """The rows of a table, one design point each."""

    kind: Literal["list"] = Field(description="the rows of a table")
    file: str = Field(
        min_length=1, description="CSV or Parquet file beside the sweep's; its columns are keys of parameters"
    )


class Range(Section):
    """Between which values a parameter is sampled."""

    low: float = Field(description="lowest value")
    high: float = Field(description="highest value")
    scale: Literal["linear", "log"] = Field("linear", description="even in the value, or in its logarithm")
    whole: bool = Field(False, description="only whole numbers, low and high among them")

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if not self.low < self.high:
            refuse([Problem(("high",), f"expected more than low, {self.low:g}")])
        if self.scale == "log" and self.low <= 0.0:
            refuse([Problem(("low",), "expected a number > 0, because the scale is logarithmic")])
        if self.whole:
            refuse(
                Problem((name,), "expected a whole number, because only whole ones are taken")
                for name in ("low", "high")
                if not getattr(self, name).is_integer()
            )
        return self

    def at(self, share: float) -> float:
        """Return the value at a share, 0 to 1, of the range; each whole number has the numbers up to the next one."""
        high = self.high + 1.0 if self.whole else self.high
        value = self.low * (high / self.low) ** share if self.scale == "log" else self.low + (high - self.low) * share
        return math.floor(min(value, self.high)) if self.whole else float(value)


class Sampled(Section):
    """What the designs that SALib samples share."""

    samples: int = Field(ge=1, le=10_000_000, description="points, or base samples, or trajectories")
    design_seed: int = Field(1, ge=0, le=2**32 - 1, description="seed of the design, not of the runs")
    ranges: dict[str, Range] = Field(description="low, high and scale by the key of each parameter")

    @model_validator(mode="after")
    def _has_ranges(self) -> Sampled:
        if not self.ranges:
            refuse([Problem(("ranges",), "the design is empty; expected at least one parameter")])
        return self


class LatinHypercube(Sampled):
    """Points of which each stands alone in its slice of every parameter."""

    kind: Literal["latin_hypercube"] = Field(description="points spread over ranges")


class Sobol(Sampled):
    """Saltelli's points for Sobol indices of first and total order: (parameters + 2) × samples."""

    kind: Literal["sobol"] = Field(description="points for Sobol indices")

    @field_validator("samples")
    @classmethod
    def _is_a_power_of_two(cls, samples: int) -> int:
        if samples & (samples - 1):
            refuse([Problem((), "expected a power of 2")])
        return samples


class Morris(Sampled):
    """Trajectories for Morris' elementary effects: (parameters + 1) × samples points."""

    kind: Literal["morris"] = Field(description="trajectories for elementary effects")


class Readout(Section):
    """One number of each run, from a column of its time series."""

    column: str = Field(min_length=1, description="column of the time series")
    take: Literal["last", "min", "max", "mean"] | None = Field(
        None, description="which of its values: the last (by default), or the least, greatest or mean over time"
    )
    at_h: NotNegative | None = Field(None, description="h; the value at this time")

    @model_validator(mode="after")
    def _taken_once(self) -> Readout:
        if self.take and self.at_h is not None:
            refuse([Problem(("at_h",), "expected either take or at_h, not both")])
        return self

    @property
    def name(self) -> str:
        """Name of its column in the table of results."""
        if self.at_h is not None:
            return f"{self.column}_at_{self.at_h:g}_h"
        return self.column if self.take in (None, "last") else f"{self.column}_{self.take}"


class Sweep(Section):
    """Many runs of one scenario: those of each point of a design with each seed."""

    scenario: str = Field(min_length=1, description="scenario file, beside the sweep's")
    variant: str | None = Field(None, description="variant of the scenario's file")
    hours: Positive | None = Field(None, description="h; more than the scenario's extend it, fewer stop each run early")
    seeds: Annotated[int | tuple[int, ...], FromList] = Field(
        1, description="number of replicates, from the scenario's seed on, or a list of seeds"
    )
    design: Annotated[Grid | Points | LatinHypercube | Sobol | Morris, Field(discriminator="kind")] = Field(
        description="which values parameters take"
    )
    readouts: Annotated[tuple[Readout, ...], FromList] = Field(
        (), description="numbers to read off each run; by default the last value of all live_..."
    )
    keep_every_h: Positive | None = Field(
        None, description="h; rows of the time series that are kept beside the first and last one; by default all"
    )

    @field_validator("seeds", mode="before")
    @classmethod
    def _are_seeds(cls, seeds: object) -> object:
        if isinstance(seeds, list | tuple):
            refuse(
                Problem((place,), "expected a whole number >= 0 that is not in the list before")
                for place, seed in enumerate(seeds)
                if not _is_whole(seed) or seed < 0 or seed in seeds[:place]
            )
        if not seeds or not (isinstance(seeds, list | tuple) or (_is_whole(seeds) and 1 <= seeds <= MOST_SEEDS)):
            refuse([Problem((), f"expected 1 to {MOST_SEEDS} replicates, or a list of seeds")])
        return seeds

    @field_validator("readouts")
    @classmethod
    def _readouts_differ(cls, readouts: tuple[Readout, ...]) -> tuple[Readout, ...]:
        names = [readout.name for readout in readouts]
        refuse(
            Problem((place, "column"), f"expected another readout, {name} is there already")
            for place, name in enumerate(names)
            if name in names[:place]
        )
        return readouts


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def load_sweep(path: str | os.PathLike[str]) -> Sweep:
    """Read and check a sweep file; what it names (scenario, variant, parameters) is not looked at yet.

    Raises
    ------
    ScenarioError
        With all problems of the file, one a line.
    """
    data = read_toml(path)
    try:
        return Sweep.model_validate(data)
    except ValidationError as error:
        raise ScenarioError(explain(error, data, Sweep.model_json_schema(), lambda _: str(path))) from None
