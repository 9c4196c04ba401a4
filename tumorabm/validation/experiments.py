"""What the facts have in common: cultures in wells, tissue on plasma, and the dose at half viability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tumorabm.assays.media import INCUBATOR_MMHG, medium_uM
from tumorabm.assays.wells import CELLS_PER_UL, Wells, wells_scenario
from tumorabm.biology import states as s
from tumorabm.biology.parameters import GROUP_KEYS
from tumorabm.model import TumorModel
from tumorabm.scenario import scenario_from_dict

TISSUE_CELLS_PER_UL = 500.0
"""Few enough that exchange with plasma at 1/min brings all that the cells take up [A]."""


@dataclass(frozen=True)
class Culture:
    """One condition of an experiment in wells.

    Attributes
    ----------
    cell_type
        Type of the cells.
    medium_uM
        What the cells are given at the time of the treatment, µM by field; asparaginase in IU/mL.
    perturbations
        Factors and levels that hold from the treatment on.
    always
        The same from the start: knock-downs and knock-outs.
    parameters
        Parameters that differ from the type's, with the group's own keys (``asns_relative``, ...).
    wells
        Number of wells; more than one where ``medium_uM`` holds lists, one value a well.
    """

    cell_type: str = "solid_tumour"
    medium_uM: Mapping[str, float | Sequence[float]] = field(default_factory=lambda: medium_uM("rpmi"))
    perturbations: Mapping[str, float] = field(default_factory=dict)
    always: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    wells: int = 1


def grow(
    cultures: Mapping[str, Culture],
    hours: float,
    *,
    before_uM: Mapping[str, float] | None = None,
    settle_h: float = 24.0,
    oxygen_mmHg: float = INCUBATOR_MMHG.value,
    cells: int = 150,
    cells_per_uL: float = CELLS_PER_UL,
    seed: int = 1,
    scenario_perturbations: Mapping[str, float] | None = None,
) -> Experiment:
    """Let cells settle, treat them, and wait.

    Parameters
    ----------
    cultures
        By name; each has its own wells, all in one model.
    hours
        Time from the treatment to the readout.
    before_uM
        Medium before the treatment; RPMI by default.
    settle_h
        Time before the treatment.
    oxygen_mmHg
        Oxygen from the treatment on; before it that of an incubator.
    cells, cells_per_uL
        Cells in each well at the start, and their density.
    seed
        Seed.
    scenario_perturbations
        Perturbations of the drug, which all cultures share.

    Returns
    -------
    Experiment
        Read it out.
    """
    before_uM = medium_uM("rpmi") if before_uM is None else before_uM
    groups, first = {}, 0
    for name, culture in cultures.items():
        groups[name] = {
            "type": culture.cell_type,
            "count": cells,
            "wells": list(range(first, first + culture.wells)),
            "parameters": {key: float(v) for key, v in culture.parameters.items() if key not in GROUP_KEYS},
            **{key: float(culture.parameters[key]) for key in GROUP_KEYS if key in culture.parameters},
            "perturbations": {key: float(v) for key, v in culture.always.items()},
            "perturbation_schedule": [
                {"perturbation": key, "at_h": settle_h, "value": float(v)} for key, v in culture.perturbations.items()
            ],
        }
        first += culture.wells
    scenario = wells_scenario(
        groups,
        before_uM,
        hours=max(settle_h + hours, 24.0),
        wells=first,
        cells_per_well=cells,
        cells_per_uL=cells_per_uL,
        perturbations=dict(scenario_perturbations or {}),
        output={"timeseries_every_h": 24.0},
    )
    wells = Wells(scenario, seed=seed)
    if settle_h:
        wells.run(settle_h)
    wells.set_gas(oxygen_mmHg)
    first = 0
    for culture in cultures.values():
        wells.change_medium(culture.medium_uM, slice(first, first + culture.wells))
        first += culture.wells
    return Experiment(wells, {name: culture.wells for name, culture in cultures.items()}).run(hours)


class Experiment:
    """Wells from the treatment on; readouts are tables with a row for each culture."""

    def __init__(self, wells: Wells, wells_of: Mapping[str, int]) -> None:
        self.wells, self.model = wells, wells.model
        self._wells_of = dict(wells_of)
        self.start = self._totals()
        self.model.drain_events()
        self.events: list[pd.DataFrame] = []

    def run(self, hours: float) -> Experiment:
        """Let time pass; return the experiment."""
        if hours:
            self.wells.run(hours)
        self.events.append(pd.DataFrame(self.model.drain_events()))
        return self

    def _totals(self) -> pd.DataFrame:
        cells = self.wells.cells()
        frame = cells.groupby("type").agg(
            live=("uid", "size"), biomass=("biomass", "sum"), mtt=("reducing_power", "sum")
        )
        return frame.reindex(list(self._wells_of)).fillna(0.0)

    @property
    def growth(self) -> pd.Series:
        """Biomass of live cells now over that at the treatment."""
        return self._totals()["biomass"] / self.start["biomass"]

    @property
    def mtt(self) -> pd.Series:
        """Reducing power of live cells, by culture."""
        return self._totals()["mtt"]

    def mtt_by_well(self) -> dict[str, np.ndarray]:
        """Return the reducing power of live cells in each well, by culture and in order."""
        sums = self.wells.cells().groupby("well")["reducing_power"].sum()
        power = sums.reindex(range(self.wells.n_wells)).fillna(0.0).to_numpy()
        ends = np.cumsum(list(self._wells_of.values()))
        return dict(zip(self._wells_of, np.split(power, ends[:-1]), strict=True))

    @property
    def survival(self) -> pd.Series:
        """Share of all cells that lived from the treatment on, births included, which did not die."""
        events = pd.concat(self.events)
        counts = events.groupby(["type", "event"]).size().unstack(fill_value=0)
        counts = counts.reindex(index=list(self._wells_of), columns=["apoptosis", "necrosis", "division"], fill_value=0)
        return 1.0 - (counts["apoptosis"] + counts["necrosis"]) / (self.start["live"] + counts["division"])

    def mean(self, readout: str) -> pd.Series:
        """Mean of a column of ``cells.parquet`` over live cells; NaN where none lives."""
        return self.wells.cells().groupby("type")[readout].mean().reindex(list(self._wells_of))

    def pool_uM(self, name: str) -> pd.Series:
        """Mean concentration of a free pool in cell water, µM."""
        cells = self.wells.cells()
        volume = dict(zip(self.model.cell_types, self.model.parameters["volume_pL"], strict=True))
        concentration = cells[f"{name}_amol"] / (cells["type"].map(volume).astype(float) * cells["biomass"])
        return concentration.groupby(cells["type"]).mean().reindex(list(self._wells_of))

    def g1_fraction(self) -> pd.Series:
        """Share of live cells in G0/G1."""
        cells = self.wells.cells()
        return (cells["phase"] == s.PHASES[s.G1]).groupby(cells["type"]).mean().reindex(list(self._wells_of))


def half_dose(doses: np.ndarray, viability: np.ndarray) -> float:
    """Return the dose at which viability first falls to one half, between doses on a log scale.

    Parameters
    ----------
    doses
        Rising, above 0, shape (n,).
    viability
        Over that of the vehicle, shape (n,).

    Returns
    -------
    float
        The highest dose where viability stays above one half, the lowest where it starts below: a bound, not a value
        beyond what was tested.
    """
    below = np.flatnonzero(viability <= 0.5)
    if len(below) == 0:
        return float(doses[-1])
    place = below[0]
    if place == 0:
        return float(doses[0])
    high, low = viability[place - 1], viability[place]
    share = (high - 0.5) / (high - low)
    return float(np.exp(np.log(doses[place - 1]) + share * np.log(doses[place] / doses[place - 1])))


def asparaginase_series(
    lines: Mapping[str, Culture],
    doses_iu_per_mL: np.ndarray,
    medium: Mapping[str, float],
    *,
    hours: float = 72.0,
    cells: int = 100,
    scenario_perturbations: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return viability (reducing power over vehicle) after a series of doses, a row a dose and a column a line."""
    doses = np.concatenate([[0.0], doses_iu_per_mL])
    cultures = {
        name: Culture(
            line.cell_type,
            {**medium, "asparaginase": doses},
            line.perturbations,
            line.always,
            line.parameters,
            len(doses),
        )
        for name, line in lines.items()
    }
    experiment = grow(cultures, hours, before_uM=medium, cells=cells, scenario_perturbations=scenario_perturbations)
    mtt = experiment.mtt_by_well()
    return pd.DataFrame({name: values[1:] / values[0] for name, values in mtt.items()}, index=doses_iu_per_mL)


@dataclass(frozen=True)
class Tissue:
    """A piece of tissue as it is now, and the biomass with which it began."""

    model: TumorModel
    start_biomass: float

    def live(self, group: str) -> np.ndarray:
        """Return which rows are live cells of a group, bool (n,)."""
        return live_cells(self.model, group)

    @property
    def growth(self) -> float:
        """Biomass of all live cells over that at the start."""
        data = self.model.population.data
        return float(data["biomass"][data["phase"] <= s.MITOSIS].sum()) / self.start_biomass

    @property
    def survival(self) -> float:
        """Share of all cells, births included, that did not die."""
        model = self.model
        deaths = model.deaths_apoptosis + model.deaths_necrosis
        founders = sum(group.count or 0 for group in model.scenario.cells.values())
        return 1.0 - deaths / (founders + model.births)


def live_cells(model: TumorModel, group: str) -> np.ndarray:
    """Return which rows are live cells of a group, bool (n,)."""
    data = model.population.data
    return (data["cell_type"] == model.cell_types.index(group)) & (data["phase"] <= s.MITOSIS)


def on_plasma(
    cells: Mapping[str, Mapping[str, object]],
    hours: float,
    *,
    treat_at_h: float = 24.0,
    formulation: str | None = None,
    dietary_asparagine_factor: float = 1.0,
    count: int = 200,
    seed: int = 1,
) -> Tissue:
    """Return a piece of tissue that exchanges with plasma at 1/min, after ``hours`` from the treatment.

    Parameters
    ----------
    cells
        Groups of cells, ``[cells.<name>]`` without count.
    hours
        Time from the treatment to now.
    treat_at_h
        Time before the treatment.
    formulation
        Asparaginase that is given then, 2500 IU/m²; None: none.
    dietary_asparagine_factor
        Factor of the diet on the influx of asparagine into plasma, all the time.
    count
        Cells of each group.
    seed
        Seed.
    """
    dose = {"drug": "asparaginase", "formulation": formulation, "dose_iu_per_m2": 2500.0, "day": treat_at_h / 24.0}
    data = {
        "name": "on_plasma",
        "hours": treat_at_h + hours,
        "domain": {"mode": "well_mixed", "volume_uL": count / TISSUE_CELLS_PER_UL, "perfusion_per_min": 1.0},
        "cells": {name: {"count": count, **group} for name, group in cells.items()},
        "output": {"timeseries_every_h": treat_at_h + hours},
        "pharmacology": {
            "doses": [dose] if formulation else [],
            "plasma": {"dietary_asparagine_factor": dietary_asparagine_factor},
        },
    }
    model = TumorModel(scenario_from_dict(data), rng=seed)
    start = float(model.population.data["biomass"].sum())
    return Tissue(model.run(), start)
