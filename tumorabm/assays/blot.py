"""Protocol 1: phosphorylation of S6K1 after starvation and a stimulus, as a Western blot shows it.

Cells grow 24 h in complete medium (DMEM with 10 % serum), are washed, starve 2 h in DMEM without amino acids, get a
stimulus for 1 h and are lysed. Each replicate of each condition is a well of its own in one model. A wash is a change
of medium: what cells hold inside stays with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tumorabm.assays.checks import (
    require_at_least_one,
    require_metabolism,
    require_number,
    require_protocol,
    require_whole_steps,
)
from tumorabm.assays.media import MEDIA, medium_uM, without_amino_acids
from tumorabm.assays.wells import Wells, wells_scenario
from tumorabm.scenario import Scenario, ScenarioError

GROWTH_H, STARVATION_H, STIMULUS_H = 24.0, 2.0, 1.0
GLUTAMINE_UM = 2000.0

CELLS_PER_UL = 500.0
"""A million cells in 2 mL: a well of a plate of six, about 80 % confluent [M]."""

TOTAL_S6K1 = 1.0
"""Total S6K1 of a lane: it goes with the protein of the cells, and every lane is loaded with as much protein [A]."""

CONTROL = "complete medium"
GROUP = "cells"
"""Name of the group of cells, for ``--set cells.cells...``."""

MOST_REPLICATES = 12
"""Of each condition: more lanes than a gel has, and than a picture shows."""

_NOISE_STREAM = 0xB107


@dataclass(frozen=True)
class BlotDesign:
    """What is blotted.

    Attributes
    ----------
    cell_type
        A type with a metabolism.
    asparagine_uM
        Dose of the asparagine stimulus, µM.
    replicates
        Wells of each condition.
    cells_per_well
        Cells that are simulated in each well at the start.
    perturbations
        Factors and levels by name, from the start on; 0 knocks out.
    overrides
        As ``--set``, on the scenario.
    seed
        Of all random numbers.
    noise
        Relative standard deviation of the loading of each lane, and of each band.
    """

    cell_type: str = "solid_tumour"
    asparagine_uM: float = 500.0
    replicates: int = 3
    cells_per_well: int = 300
    perturbations: Mapping[str, float] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    seed: int = 1
    noise: float = 0.0

    def __post_init__(self) -> None:
        require_metabolism(self.cell_type)
        require_number("asparagine", self.asparagine_uM, "a dose in µM of at least 0")
        require_number("noise", self.noise, "a relative standard deviation from 0 to 1", 1.0)
        require_at_least_one("replicates", self.replicates)
        if self.replicates > MOST_REPLICATES:
            raise ScenarioError(
                f"replicates = {self.replicates}: expected at most {MOST_REPLICATES} lanes of each condition on a blot"
            )
        require_at_least_one("cells per well", self.cells_per_well)

    def stimuli(self) -> dict[str, dict[str, float] | None]:
        """Return the medium of the last hour by condition, µM by field; None for cells that never starve.

        All amino acids are those of DMEM, and what it lacks: asparagine at its dose, aspartate and glutamate as in
        RPMI-1640.
        """
        dmem = medium_uM("dmem")
        free = without_amino_acids(dmem)
        lacking = {name: MEDIA["rpmi"][name].value for name in ("aspartate", "glutamate")}
        return {
            CONTROL: None,
            "starved": free,
            f"asparagine {self.asparagine_uM:g} uM": free | {"asparagine": self.asparagine_uM},
            f"glutamine {GLUTAMINE_UM / 1000.0:g} mM": free | {"glutamine": GLUTAMINE_UM},
            "all amino acids": dmem | lacking | {"asparagine": self.asparagine_uM},
        }

    def scenario(self) -> Scenario:
        """Return the scenario of all wells as they are seeded; the changes of medium are not in it."""
        n_wells, hours = len(self.stimuli()) * self.replicates, GROWTH_H + STARVATION_H + STIMULUS_H
        scenario = wells_scenario(
            {GROUP: {"type": self.cell_type, "count": self.cells_per_well}},
            medium_uM("dmem", serum=True),
            hours=hours,
            wells=n_wells,
            cells_per_well=self.cells_per_well,
            cells_per_uL=CELLS_PER_UL,
            name=f"western-blot-{self.cell_type}",
            overrides=self.overrides,
            description="Protocol 1: wells at the start, in DMEM with 10 % serum",
            seed=self.seed,
            perturbations=dict(self.perturbations),
        )
        require_protocol(scenario, hours, n_wells)
        for hours in (GROWTH_H, STARVATION_H, STIMULUS_H):
            require_whole_steps(scenario, hours)
        return scenario


def western_blot(
    cell_type: str = "solid_tumour",
    *,
    threads: int | None = None,
    tell: Callable[[str], object] = lambda text: None,
    **design: object,
) -> pd.DataFrame:
    """Do Protocol 1.

    Parameters
    ----------
    cell_type
        A type with a metabolism.
    threads
        As for `TumorModel`.
    tell
        Called with a line at each step of the protocol.
    design
        Further values of `BlotDesign`.

    Returns
    -------
    pandas.DataFrame
        A row a well: condition, replicate (from 1), p_s6k1_ratio (p-S6K1 over S6K1), p_s6k1 and total_s6k1 (relative:
        1 is a cell with full mTORC1, and an equal load of protein).

    Raises
    ------
    ScenarioError
        What is wrong with the design.
    """
    return blot(BlotDesign(cell_type, **design), threads=threads, tell=tell)


def blot(
    design: BlotDesign, *, threads: int | None = None, tell: Callable[[str], object] = lambda text: None
) -> pd.DataFrame:
    """Do Protocol 1 with a design; see `western_blot`."""
    scenario, stimuli, n = design.scenario(), design.stimuli(), design.replicates
    wells = Wells(scenario, seed=scenario.seed, threads=threads)
    tell(f"{wells.n_wells} wells: {GROWTH_H:g} h in complete medium")
    wells.run(GROWTH_H)
    tell(f"washed; {STARVATION_H:g} h without amino acids")
    for index, medium in enumerate(stimuli.values()):
        if medium is not None:
            wells.change_medium(without_amino_acids(medium), slice(index * n, (index + 1) * n))
    wells.run(STARVATION_H)
    tell(f"{STIMULUS_H:g} h with the stimulus")
    for index, medium in enumerate(stimuli.values()):
        if medium is not None:
            wells.change_medium(medium, slice(index * n, (index + 1) * n))
    wells.run(STIMULUS_H)
    phosphorylated = wells.means("p_s6k1")[GROUP].to_numpy()
    conditions = [name for name in stimuli for _ in range(n)]
    if np.isnan(phosphorylated).any():
        empty = conditions[int(np.isnan(phosphorylated).argmax())]
        raise ScenarioError(f"{scenario.name}: no cell of {empty!r} lives at lysis; expected a milder perturbation")
    loading, noise = _blot_noise(scenario.seed, len(conditions), design.noise)
    return densitometry(
        pd.DataFrame(
            {
                "condition": conditions,
                "p_s6k1": phosphorylated * TOTAL_S6K1 * loading * noise[0],
                "total_s6k1": TOTAL_S6K1 * loading * noise[1],
            }
        )
    )


def densitometry(bands: pd.DataFrame) -> pd.DataFrame:
    """Return bands with their ratio and the number of their replicate.

    Parameters
    ----------
    bands
        A row a lane: condition, p_s6k1, total_s6k1 (above 0), both in any unit.

    Returns
    -------
    pandas.DataFrame
        Columns as of `western_blot`, rows in the same order.
    """
    replicate = bands.groupby("condition", sort=False).cumcount() + 1
    ratio = bands["p_s6k1"] / bands["total_s6k1"]
    frame = bands.assign(replicate=replicate, p_s6k1_ratio=ratio)
    return frame[["condition", "replicate", "p_s6k1_ratio", "p_s6k1", "total_s6k1"]]


def _blot_noise(seed: int, n_lanes: int, relative_sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Return factors above 0 of the loading of each lane, (n,), and of its two bands, (2, n)."""
    draws = np.random.default_rng([seed, _NOISE_STREAM]).standard_normal((3, n_lanes))
    factors = np.maximum(1.0 + relative_sd * draws, 1e-3)
    return factors[0], factors[1:]
