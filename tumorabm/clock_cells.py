"""The cells of a model that a clock drives: their columns, their start, their steps and their divisions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tumorabm.biology import states as s
from tumorabm.biology.clock import (
    CLOCK_COLUMNS,
    INHIBITED_BY_AREA,
    INHIBITED_BY_CONTACT,
    LEFT,
    SOLID,
    advance_clocks,
    begin_cycles,
    clock_table,
    start_clocks,
    write_cycle_lengths,
    write_paces,
)
from tumorabm.cells import Block, Population
from tumorabm.founding import founding_ages, group_clock
from tumorabm.scenario import Scenario
from tumorabm.threads import Threads

CLOCK_BLOCKS = (
    Block("clock", CLOCK_COLUMNS, np.float64),
    Block("cycles", ("cycles",), np.int32),  # that the cell went through under this identifier
)
"""Columns of a population in which a clock drives some cells."""


class ClockCells:
    """What a step does with the cells that a clock drives.

    Parameters
    ----------
    scenario
        The scenario.
    parameters
        Parameter records by cell type, (n_types,).
    population
        The cells, with `CLOCK_BLOCKS`.
    key
        The run's key.
    threads
        Threads to use.
    """

    def __init__(
        self, scenario: Scenario, parameters: np.ndarray, population: Population, key: int, threads: Threads
    ) -> None:
        groups = list(scenario.cells.values())
        self.clocks = clock_table([group_clock(group) for group in groups])
        self._settings = [group.clock for group in groups]
        self._parameters, self._population, self._key, self._threads = parameters, population, key, threads
        by_disc = np.isin(self.clocks["inhibition"], (INHIBITED_BY_AREA, INHIBITED_BY_CONTACT))
        self._feel_compression = bool(by_disc.any())
        self._pace = np.empty(0)

    def start(self, group: int, rows: slice, generator: np.random.Generator) -> None:
        """Set phase, volume and clock of new cells of a group, whose identifiers are known."""
        data, clock = self._population.data, self.clocks[group]
        uids = data["uid"][rows]
        lengths_min = np.empty(len(uids))
        write_cycle_lengths(clock, np.uint64(self._key), uids, lengths_min)
        ages_min = founding_ages(self._settings[group], lengths_min, generator)
        states, clocks = self._population.block("states")[rows], self._population.block("clock")[rows]
        start_clocks(
            clock, np.uint64(self._key), uids, ages_min, data["phase"][rows], states[:, s.BIOMASS], clocks[:, SOLID],
            clocks[:, LEFT],
        )  # fmt: skip

    def advance(
        self,
        dt_min: float,
        voxel: np.ndarray,
        oxygen_mM: np.ndarray,
        crowding: np.ndarray,
        compression: Callable[[], tuple[np.ndarray, np.ndarray]],
        fate: np.ndarray,
    ) -> None:
        """Advance all clocks by one step.

        Parameters
        ----------
        dt_min
            Length of the step.
        voxel, crowding
            Voxel of each cell, and the share of space taken around it, (n,).
        oxygen_mM
            Oxygen by voxel.
        compression
            Returns each cell's share of own area and of rim in contact, (n,); called only where a clock asks for them.
        fate
            What `decide_fates` reported, (n,); divisions are added.
        """
        population, n = self._population, self._population.size
        data, by_type = population.data, (self._parameters, self.clocks, population.data["cell_type"])
        area_fraction, contact_fraction = compression() if self._feel_compression else (np.empty(0), np.empty(0))
        self._pace = np.empty(n)
        self._threads.over_rows(
            write_paces, n, *by_type, voxel, oxygen_mM, crowding, area_fraction, contact_fraction, self._pace
        )
        self._threads.over_rows(
            advance_clocks, n, dt_min, np.uint64(self._key), *by_type, data["phase"], data["uid"], data["cycles"],
            self._pace, population.block("states"), population.block("clock"), fate,
        )  # fmt: skip

    def divide(self, parents: np.ndarray, daughters: np.ndarray, share: np.ndarray) -> None:
        """Let parents and daughters of this step begin their cycles; ``share`` (k,) of the solids goes to daughters."""
        population, data = self._population, self._population.data
        solid = data["solid_volume"]
        solid[daughters] = share * solid[parents]
        solid[parents] -= solid[daughters]
        data["cycles"][parents] += 1
        data["cycles"][daughters] = 0
        begin_cycles(
            np.concatenate([parents, daughters]), np.uint64(self._key), self._parameters, self.clocks,
            data["cell_type"], data["phase"], data["uid"], data["cycles"], np.tile(self._pace[parents], 2),
            population.block("states"), population.block("clock"),
        )  # fmt: skip
