"""What was measured of other simulators, elsewhere: constants, kept apart in all tables from what a run measures.

Set-up: that of ``scenarios/benchmark/disc_100k.toml`` and ``disc_10k.toml`` (cells in a disc, voxels of 20 µm, oxygen
38 mmHg on the rim, D 1e5 µm²/min, decay 0.1/min), with 4 substrates, an uptake of 10/min a cell, and cells that push,
adhere, and proliferate with oxygen. Default steps: 0.01 min diffusion, 0.1 min mechanics, 6 min phenotype.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "measured by the authors on a quiet machine with two cores of the same kind, not in this run"


@dataclass(frozen=True)
class OtherSimulator:
    """Figures of one simulator.

    Parameters
    ----------
    name
        Name and version.
    wall_s_per_hour
        Wall seconds per simulated hour, by name of the case and number of threads.
    bytes_per_cell
        Memory a cell, all in, with 100,000 cells.
    """

    name: str
    wall_s_per_hour: dict[str, dict[int, float]]
    bytes_per_cell: float


OTHERS = (
    OtherSimulator(
        "PhysiCell 1.14.2", {"disc_10k": {1: 72.0, 2: 39.0}, "disc_100k": {1: 715.0, 2: 454.0}}, bytes_per_cell=5100.0
    ),
    OtherSimulator(
        "pyphysicell 0.1.4", {"disc_10k": {1: 18.0, 2: 26.0}, "disc_100k": {1: 189.0, 2: 176.0}}, bytes_per_cell=3100.0
    ),
)

PHYSICELL_ERROR = {"steady_1000_um": 0.037, "steady_100_um": 0.35, "filling_1_min": 0.08}
"""Relative error of PhysiCell 1.14.2 at its default step of 0.01 min, by name of the case in `accuracy`.

Its line solves treat boundary voxels as unknowns and overwrite them afterwards."""
