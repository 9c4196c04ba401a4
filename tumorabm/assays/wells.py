"""Wells with cells: setting them up, changing their medium, reading them out.

A well is well mixed, so a part of it with the same number of cells per volume behaves as the whole: cells are simulated
in a smaller volume, at the density of the plate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tumorabm.assays.media import INCUBATOR_MMHG
from tumorabm.biology import states as s
from tumorabm.model import TumorModel
from tumorabm.observables import cell_columns
from tumorabm.scenario import Scenario, scenario_from_dict
from tumorabm.scenario.units import oxygen_mmHg_to_mM

GAS_EXCHANGE_PER_MIN = 0.04
"""Oxygen through 3.1 mm of medium, 100 µL on 0.32 cm²: pi² D/4h² with D 1.6e5 µm²/min in water [D]."""

CELLS_PER_UL = 75.0
"""7,500 cells in 100 µL: the middle of 5,000-10,000 a well (Protocol 2)."""


def wells_scenario(
    cells: Mapping[str, Mapping[str, object]],
    medium_uM: Mapping[str, float],
    *,
    hours: float,
    wells: int = 1,
    cells_per_well: int,
    cells_per_uL: float = CELLS_PER_UL,
    oxygen_mmHg: float = INCUBATOR_MMHG.value,
    name: str = "wells",
    overrides: Sequence[str] = (),
    **sections: object,
) -> Scenario:
    """Return the scenario of wells that all begin alike.

    Parameters
    ----------
    cells
        Groups of cells by name, each as a ``[cells.<name>]`` section; ``count`` is that of one well.
    medium_uM
        Concentrations by field, µM.
    hours
        Length of the scenario, h.
    wells
        Number of wells.
    cells_per_well
        Cells of all groups in one well, from which follows the volume that is simulated.
    cells_per_uL
        Density at the start.
    oxygen_mmHg
        Oxygen of the gas above the medium, and at the start in it.
    name
        Name of the scenario.
    overrides
        As ``--set`` on the command line.
    sections
        Further sections, such as ``perturbations``.

    Raises
    ------
    ScenarioError
        With all that is wrong.
    """
    fields = {field: {"initial_uM": value, "plasma_uM": value} for field, value in medium_uM.items()}
    fields["oxygen"] = {"initial_mmHg": oxygen_mmHg, "plasma_mmHg": oxygen_mmHg}
    domain = {
        "mode": "well_mixed",
        "volume_uL": cells_per_well / cells_per_uL,
        "wells": wells,
        "gas_exchange_per_min": GAS_EXCHANGE_PER_MIN,
    }
    sections = {key: _merged(fields, value) if key == "fields" else value for key, value in sections.items()}
    data = {"name": name, "hours": hours, "domain": domain, "fields": fields, "cells": cells} | sections
    return scenario_from_dict(data, overrides, source=name)


def _merged(fields: Mapping[str, Mapping], more: Mapping[str, Mapping]) -> dict[str, dict]:
    return {name: {**fields.get(name, {}), **more.get(name, {})} for name in {**fields, **more}}


class Wells:
    """A model of wells, with what one does to a plate.

    Parameters
    ----------
    scenario
        A well-mixed scenario.
    seed, threads
        As for `TumorModel`.
    """

    def __init__(self, scenario: Scenario, seed: int | None = None, threads: int | None = None) -> None:
        self.model = TumorModel(scenario, rng=seed, threads=threads)
        self.n_wells = self.model.grid.n_voxels

    def run(self, hours: float) -> Wells:
        """Let time pass; return the wells."""
        self.model.run(hours=hours)
        return self

    def change_medium(self, medium_uM: Mapping[str, float], wells: np.ndarray | slice = slice(None)) -> None:
        """Replace the medium: all that is dissolved but oxygen. What the old one held is gone.

        Parameters
        ----------
        medium_uM
            Concentrations by field, µM; a number, or one for each of ``wells``. Fields that are not named become empty.
        wells
            Which wells.
        """
        for name in self.model.fields:
            if name != "oxygen":
                scale = 1.0 if name == "asparaginase" else 1000.0
                self.set_field(name, np.asarray(medium_uM.get(name, 0.0)) / scale, wells)
        for pending in self.model.environment.pending_amol.values():
            pending[wells] = 0.0

    def set_gas(self, oxygen_mmHg: float) -> None:
        """Put the wells under gas with this oxygen; the medium takes it on at once."""
        oxygen_mM = oxygen_mmHg_to_mM(oxygen_mmHg)
        self.model.plasma.concentrations["oxygen"] = oxygen_mM
        self.set_field("oxygen", oxygen_mM)

    def set_field(self, name: str, values: np.ndarray | float, wells: np.ndarray | slice = slice(None)) -> None:
        """Set the concentration of a field, mM (asparaginase: IU/mL), in some wells."""
        self.model.fields[name].concentration_mM.reshape(-1)[wells] = values

    def field(self, name: str) -> np.ndarray:
        """Return the concentration of a field by well, shape (n_wells,), µM (asparaginase: IU/mL)."""
        return self.model.fields[name].concentration_mM.reshape(-1) * (1.0 if name == "asparaginase" else 1000.0)

    def cells(self) -> pd.DataFrame:
        """Return the live cells of now, a row each: the columns of ``cells.parquet`` and ``well``."""
        data = cell_columns(self.model)
        frame = pd.DataFrame(data)
        frame["well"] = self.model.grid.voxel_index(self.model.population.block("position_um"))
        return frame[~frame["phase"].isin((s.PHASES[s.APOPTOTIC], s.PHASES[s.NECROTIC]))]

    def counts(self) -> pd.DataFrame:
        """Return the number of live cells, a row a well and a column a group."""
        data = self.model.population.data
        alive = data["phase"] <= s.MITOSIS
        well = self.model.grid.voxel_index(self.model.population.block("position_um"))[alive]
        groups = self.model.cell_types
        number = np.zeros((self.n_wells, len(groups)), np.int64)
        np.add.at(number, (well, data["cell_type"][alive]), 1)
        return pd.DataFrame(number, columns=list(groups)).rename_axis("well")

    def means(self, readout: str) -> pd.DataFrame:
        """Return the mean of a readout over live cells, a row a well and a column a group; NaN where none lives."""
        cells = self.cells()
        means = cells.pivot_table(index="well", columns="type", values=readout, aggfunc="mean", observed=False)
        return means.reindex(index=range(self.n_wells), columns=list(self.model.cell_types))
