"""Checks of the arrays that the mechanics are given."""

from __future__ import annotations

import math

import numpy as np

from tumorabm.kernels import kernel


def as_column(name: str, values: np.ndarray, n: int, dtype: type) -> np.ndarray:
    """Return ``values`` as a C-contiguous array (n,) of ``dtype``, without a copy where it is one already.

    Raises
    ------
    ValueError
        If the shape is not (n,).
    """
    values = np.ascontiguousarray(values, dtype=dtype)
    if values.shape != (n,):
        raise ValueError(f"{name} has shape {values.shape}; expected ({n},), one value for each cell")
    return values


def as_points(name: str, values: np.ndarray) -> np.ndarray:
    """Return ``values`` as a C-contiguous float64 array (n, 3), without a copy where it is one already.

    Raises
    ------
    ValueError
        If the shape is not (n, 3).
    """
    values = np.ascontiguousarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 3:
        raise ValueError(f"{name} has shape {values.shape}; expected (n, 3), coordinates x, y, z")
    return values


def as_box(box_um: np.ndarray, ndim: int) -> np.ndarray:
    """Return the box's edges along x, y, z as float64 (3,).

    Raises
    ------
    ValueError
        If an edge is not positive and finite, or ``ndim`` is neither 2 nor 3.
    """
    box_um = as_column("box_um", box_um, 3, np.float64)
    if not (np.isfinite(box_um).all() and (box_um > 0.0).all()):
        raise ValueError(f"box_um is {box_um.tolist()}; expected three positive lengths (x, y, z)")
    if ndim not in (2, 3):
        raise ValueError(f"ndim is {ndim}; expected 2 or 3")
    return box_um


@kernel
def bounds(points):
    """Return the corners (low and high, each x, y, z) of the box around points (n, 3); NaN where one is NaN."""
    low, high, undone = np.full(3, np.inf), np.full(3, -np.inf), np.zeros(3)
    for i in range(len(points)):
        for axis in range(3):
            value = points[i, axis]
            low[axis], high[axis] = min(low[axis], value), max(high[axis], value)
            if math.isnan(value):
                undone[axis] = value
    return low + undone, high + undone
