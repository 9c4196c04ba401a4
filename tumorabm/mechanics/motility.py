"""Cells that walk by themselves: a persistent random walk, biased along the gradient of a field.

A cell keeps its direction for an exponentially distributed time with mean P (its persistence) and then takes a new
one, isotropic or drawn towards a given direction. Without bias the mean squared displacement after time t at speed S is
2 S² P² (t/P - 1 + exp(-t/P)) in 2-D and 3-D (Fürth 1920; Othmer, Dunbar and Alt, J Math Biol 26:263 (1988)). The bias
mixes directions as in Ghaffarizadeh et al., PLoS Comput Biol 14:e1005991 (2018).
"""

from __future__ import annotations

import math

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.mechanics.columns import as_box, as_column, as_points
from tumorabm.philox import Stream, uniform, unit_vector
from tumorabm.threads import Threads

_RENEWAL = int(Stream.MOTILITY_RENEWAL)
_DIRECTION = int(Stream.MOTILITY_DIRECTION)


def migrate(
    positions_um: np.ndarray,
    polarity: np.ndarray,
    speed_um_per_min: np.ndarray,
    persistence_min: np.ndarray,
    bias: np.ndarray,
    gradient: np.ndarray,
    uids: np.ndarray,
    box_um: np.ndarray,
    ndim: int,
    dt_min: float,
    key: int,
    step: int,
    threads: Threads,
) -> None:
    """Let every cell walk for one step.

    With probability 1 - exp(-dt/persistence) a cell first takes a new direction, that of
    (1 - bias)·(isotropic unit vector) + bias·(unit vector along its gradient). Walls reflect both the path and the
    direction.

    Parameters
    ----------
    positions_um
        C-contiguous float64 (n, 3), changed in place; in 2-D z is not touched.
    polarity
        C-contiguous float64 (n, 3), changed in place: unit vectors. A zero vector is given a direction at once.
    speed_um_per_min
        float64 (n,), not negative.
    persistence_min
        float64 (n,), not negative; 0 renews the direction at each step.
    bias
        float64 (n,), 0 (purely random) to 1 (purely along the gradient).
    gradient
        float64 (n, 3) in any unit, only its direction counts; a zero vector (no bias) where there is none. Its negative
        makes cells walk down a field.
    uids
        int64 (n,), unique.
    box_um
        Edges of the box along x, y, z; it begins at 0.
    ndim
        2 or 3.
    dt_min
        Duration of the step.
    key
        The run's key, 64 bits.
    step
        Number of the step, 32 bits.
    threads
        Threads to use.

    Raises
    ------
    ValueError
        If shapes differ, or a value lies outside its range.
    """
    n = len(positions_um)
    for name, points in (("positions_um", positions_um), ("polarity", polarity)):
        if points.shape != (n, 3) or points.dtype != np.float64 or not points.flags.c_contiguous:
            raise ValueError(f"{name} is {points.dtype} {points.shape}; expected C-contiguous float64 ({n}, 3)")
    gradient = as_points("gradient", gradient)
    if len(gradient) != n:
        raise ValueError(f"gradient has shape {gradient.shape}; expected ({n}, 3)")
    speed_um_per_min = _within("speed_um_per_min", speed_um_per_min, n, math.inf)
    persistence_min = _within("persistence_min", persistence_min, n, math.inf)
    bias = _within("bias", bias, n, 1.0)
    uids = as_column("uids", uids, n, np.int64)
    box_um = as_box(box_um, ndim)
    if not 0.0 < dt_min < math.inf:
        raise ValueError(f"dt_min is {dt_min}; expected a positive number")
    threads.over_rows(
        _migrate, n, positions_um, polarity, speed_um_per_min, persistence_min, bias, gradient, uids, box_um, ndim,
        float(dt_min), np.uint64(key), int(step),
    )  # fmt: skip


def sample_gradient(field: np.ndarray, voxel_um: float, positions_um: np.ndarray, threads: Threads) -> np.ndarray:
    """Return the gradient of a field in each cell's voxel.

    Central differences between the voxels on both sides, one-sided at a border; 0 along an axis of one voxel.

    Parameters
    ----------
    field
        C-contiguous float64 (nz, ny, nx).
    voxel_um
        Edge of a voxel.
    positions_um
        float64 (n, 3).
    threads
        Threads to use.

    Returns
    -------
    ndarray
        float64 (n, 3): derivatives along x, y, z in units of the field per µm.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    if field.ndim != 3:
        raise ValueError(f"field has shape {field.shape}; expected (nz, ny, nx)")
    positions_um = as_points("positions_um", positions_um)
    gradient = np.empty_like(positions_um)
    threads.over_rows(_sample_gradient, len(positions_um), field, float(voxel_um), positions_um, gradient)
    return gradient


def _within(name, values, n, largest):
    values = as_column(name, values, n, np.float64)
    if not ((values >= 0.0) & (values <= largest)).all():
        raise ValueError(f"{name} spans {values.min()} to {values.max()}; expected 0 to {largest}")
    return values


@kernel
def _migrate(
    start, stop, positions, polarity, speed, persistence, bias, gradient, uids, box, ndim, dt, key, step
):  # fmt: skip
    for i in range(start, stop):
        unset = polarity[i, 0] == 0.0 and polarity[i, 1] == 0.0 and polarity[i, 2] == 0.0
        if unset or uniform(key, uids[i], step, _RENEWAL) > math.exp(-dt / persistence[i]):
            x, y, z = unit_vector(key, uids[i], step, _DIRECTION, ndim)
            polarity[i, 0], polarity[i, 1], polarity[i, 2] = _drawn_towards(gradient[i], bias[i], x, y, z, ndim)
        for axis in range(ndim):
            coordinate = positions[i, axis] + speed[i] * dt * polarity[i, axis]
            if coordinate < 0.0:
                coordinate = -coordinate
                polarity[i, axis] = -polarity[i, axis]
            elif coordinate > box[axis]:
                coordinate = 2.0 * box[axis] - coordinate
                polarity[i, axis] = -polarity[i, axis]
            # A step longer than the box would leave it on the other side.
            positions[i, axis] = min(max(coordinate, 0.0), box[axis])


@kernel
def _drawn_towards(target, bias, x, y, z, ndim):
    tx, ty = target[0], target[1]
    tz = target[2] if ndim == 3 else 0.0
    length = math.sqrt(tx * tx + ty * ty + tz * tz)
    if length == 0.0:
        return x, y, z
    weight = bias / length
    mx = (1.0 - bias) * x + weight * tx
    my = (1.0 - bias) * y + weight * ty
    mz = (1.0 - bias) * z + weight * tz
    norm = math.sqrt(mx * mx + my * my + mz * mz)
    if norm < 1e-12:  # both cancel
        return x, y, z
    return mx / norm, my / norm, mz / norm


@kernel
def _sample_gradient(start, stop, field, voxel, positions, gradient):
    nz, ny, nx = field.shape
    for i in range(start, stop):
        x = min(max(int(positions[i, 0] / voxel), 0), nx - 1)
        y = min(max(int(positions[i, 1] / voxel), 0), ny - 1)
        z = min(max(int(positions[i, 2] / voxel), 0), nz - 1)
        left, right = max(x - 1, 0), min(x + 1, nx - 1)
        front, back = max(y - 1, 0), min(y + 1, ny - 1)
        below, above = max(z - 1, 0), min(z + 1, nz - 1)
        gradient[i, 0] = (field[z, y, right] - field[z, y, left]) / (max(right - left, 1) * voxel)
        gradient[i, 1] = (field[z, back, x] - field[z, front, x]) / (max(back - front, 1) * voxel)
        gradient[i, 2] = (field[above, y, x] - field[below, y, x]) / (max(above - below, 1) * voxel)
