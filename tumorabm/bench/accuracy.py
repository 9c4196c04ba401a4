"""Diffusion between Dirichlet faces against exact solutions, with the settings and steps that the model uses.

Two errors are told apart. The solver's: against the exact solution of the discretised equations, found here by other
means (a direct solve, a matrix exponential). The grid's: of that solution against the closed form of the continuous
problem, at the centres of the voxels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

from tumorabm.fields import Field, Grid
from tumorabm.microenvironment import FIELD_TOLERANCE

DIFFUSION_UM2_PER_MIN = 1e5
WALL_MM = 0.05
VOXEL_UM = 20.0
STEP_MIN = 6.0
_STEPS_TO_STEADY_STATE = 40
_ROWS = 5  # voxels across the steady profiles, which do not change in that direction


@dataclass(frozen=True)
class Accuracy:
    """Errors of one case.

    Parameters
    ----------
    case, meaning
        Its name, and what it is in words.
    step_min
        Length of the model's step, min.
    solver_error
        Greatest relative error over all voxels against the exact solution of the discretised equations.
    grid_error
        Greatest relative error over all voxels of that solution against the closed form.
    """

    case: str
    meaning: str
    step_min: float
    solver_error: float
    grid_error: float


def measure_accuracy() -> list[Accuracy]:
    """Return the errors of the three cases, in this process."""
    return [
        _steady("steady_1000_um", "steady state, 2 mm between two walls, decay length 1000 µm", 2000.0, 1000.0),
        _steady("steady_100_um", "steady state, 0.4 mm between two walls, decay length 100 µm", 400.0, 100.0),
        _filling("filling_1_min", "empty square of 1 mm, one minute after its four sides were held", 1000.0, 1.0),
    ]


def _steady(case: str, meaning: str, length_um: float, decay_length_um: float) -> Accuracy:
    """March from an empty strip to its steady state."""
    n = round(length_um / VOXEL_UM)
    decay_per_min = DIFFUSION_UM2_PER_MIN / decay_length_um**2
    field = Field(
        case, Grid((1, _ROWS, n), VOXEL_UM), DIFFUSION_UM2_PER_MIN, decay_per_min,
        faces=dict.fromkeys(("x_low", "x_high"), WALL_MM), tolerance=FIELD_TOLERANCE,
    )  # fmt: skip
    for _ in range(_STEPS_TO_STEADY_STATE):
        field.advance(STEP_MIN)
    operator, inflow = _line(n)
    discrete = np.linalg.solve(decay_per_min * np.eye(n) - operator, inflow)
    across = (_centres(n) - length_um / 2.0) / decay_length_um
    continuous = WALL_MM * np.cosh(across) / np.cosh(length_um / 2.0 / decay_length_um)
    return Accuracy(
        case,
        meaning,
        STEP_MIN,
        solver_error=_greatest_error(field.concentration_mM[0], discrete),
        grid_error=_greatest_error(discrete, continuous),
    )


def _filling(case: str, meaning: str, length_um: float, time_min: float) -> Accuracy:
    """Make one step of ``time_min``. What is still missing at a voxel is the product of two lines' missing shares."""
    n = round(length_um / VOXEL_UM)
    field = Field(
        case, Grid((1, n, n), VOXEL_UM), DIFFUSION_UM2_PER_MIN,
        faces=dict.fromkeys(("x_low", "x_high", "y_low", "y_high"), WALL_MM), tolerance=FIELD_TOLERANCE,
    )  # fmt: skip
    field.advance(time_min)
    missing = expm(_line(n)[0] * time_min) @ np.ones(n)
    odd = np.arange(1, 400, 2)[:, None]
    rate_per_min = DIFFUSION_UM2_PER_MIN * (odd * np.pi / length_um) ** 2
    modes = 4.0 / (np.pi * odd) * np.exp(-rate_per_min * time_min) * np.sin(odd * np.pi * _centres(n) / length_um)
    discrete, continuous = (WALL_MM * (1.0 - np.outer(line, line)) for line in (missing, modes.sum(axis=0)))
    return Accuracy(
        case,
        meaning,
        time_min,
        solver_error=_greatest_error(field.concentration_mM[0], discrete),
        grid_error=_greatest_error(discrete, continuous),
    )


def _line(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the operator (1/min, n x n) and the inflow (mM/min) of a line of voxels between two walls.

    Finite volumes: the flux between two voxels goes over a voxel's edge, that from a wall over half of it.
    """
    rate = DIFFUSION_UM2_PER_MIN / VOXEL_UM**2
    operator = rate * (np.eye(n, k=1) + np.eye(n, k=-1) - 2.0 * np.eye(n))
    inflow = np.zeros(n)
    for end in (0, n - 1):
        operator[end, end] -= rate
        inflow[end] += 2.0 * rate * WALL_MM
    return operator, inflow


def _centres(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) * VOXEL_UM


def _greatest_error(values: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs(values / exact - 1.0)))
