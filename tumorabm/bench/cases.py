"""The tissues that are timed: a disc or a ball of tumour cells that is fed through the faces of its domain."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tumorabm.scenario import Scenario, scenario_from_dict

VOXEL_UM = 20.0
RADIUS_OVER_SIDE = 0.41
"""Radius of the disc or ball over the edge of the domain."""

_REFERENCE = {2: (100_000, 8000.0), 3: (250_000, 1500.0)}
"""Cells and edge of the domain (µm) by number of dimensions; other sizes keep the density."""

_RIM_UM = {
    "glucose": 5000.0,
    "glutamine": 600.0,
    "asparagine": 50.0,
    "aspartate": 10.0,
    "glutamate": 50.0,
    "ammonia": 30.0,
    "exchange_amino_acids": 300.0,
}
"""Concentrations of normal plasma (µM), held at the faces; see `tumorabm.scenario.field_defaults`."""


@dataclass(frozen=True)
class Case:
    """One tissue and the steps that are timed.

    Parameters
    ----------
    name
        Name of the case, and of its file in ``scenarios/benchmark`` where there is one.
    ndim
        2 for a disc, 3 for a ball.
    cells
        Cells at the start.
    first_steps, skipped_steps, later_steps
        Steps timed from the start; steps run untimed after these, while fields and cells settle; steps timed last.
    """

    name: str
    ndim: int
    cells: int
    first_steps: int = 10
    skipped_steps: int = 20
    later_steps: int = 30

    def shortened(self) -> Case:
        """Return the same tissue with fewer steps, for a quick look."""
        return replace(self, first_steps=10, skipped_steps=5, later_steps=10)


CASES = {
    case.name: case
    for case in (
        Case("disc_1k", 2, 1_000),
        Case("disc_10k", 2, 10_000),
        Case("disc_100k", 2, 100_000),
        Case("disc_1M", 2, 1_000_000, skipped_steps=10, later_steps=10),
        Case("ball_10k", 3, 10_000),
        Case("ball_100k", 3, 100_000, skipped_steps=10, later_steps=10),
        Case("ball_250k", 3, 250_000, skipped_steps=10, later_steps=10),
    )
}
QUICK_CASES = ("disc_1k", "disc_10k", "ball_10k")


def tissue(case: Case) -> Scenario:
    """Return the scenario of a case: the whole asparagine biology and all nine built-in fields.

    The domain, the oxygen at its rim (38 mmHg, D 1e5 µm²/min, decay 0.1/min) and the density of the cells are those
    of the comparison with PhysiCell. Oxygen reaches only the cells at the edge, so necrosis is switched off: every cell
    goes on with its metabolism, and the benchmark cannot become faster by dying.
    """
    reference_cells, reference_side_um = _REFERENCE[case.ndim]
    side_um = reference_side_um * (case.cells / reference_cells) ** (1.0 / case.ndim)
    side_um = VOXEL_UM * max(round(side_um / VOXEL_UM), 2)
    oxygen = {
        "diffusion_um2_per_min": 1e5,
        "decay_per_min": 0.1,
        "faces": [{"face": "all", "concentration_mmHg": 38.0}],
    }
    rim = {name: {"faces": [{"face": "all", "concentration_uM": value}]} for name, value in _RIM_UM.items()}
    placement = {
        "shape": "disc" if case.ndim == 2 else "ball",
        "center_um": [side_um / 2.0] * case.ndim,
        "radius_um": round(RADIUS_OVER_SIDE * side_um, 1),
    }
    tumour = {
        "type": "solid_tumour",
        "count": case.cells,
        "placement": placement,
        "parameters": {"necrosis_per_min": 0.0},
    }
    return scenario_from_dict(
        {
            "name": case.name,
            "hours": 24.0,
            "domain": {"size_um": [side_um] * case.ndim, "voxel_um": VOXEL_UM},
            "fields": {"oxygen": oxygen, **rim},
            "cells": {"tumour": tumour},
        }
    )
