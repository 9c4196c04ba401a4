"""How much of the space around each voxel is taken by cells."""

from __future__ import annotations

import math

import numpy as np

from tumorabm.mechanics.columns import as_column
from tumorabm.mechanics.neighbours import VoxelOrder, sum_by_voxel


def crowding(order: VoxelOrder, radii_um: np.ndarray, voxel_um: float, out: np.ndarray) -> None:
    """Write into ``out`` the fraction of space taken by cells, averaged over each voxel and those around it.

    A cell counts whole in the voxel of its centre, as the disc pi r² of the voxel's area in a slab (nz = 1) and as the
    ball 4/3 pi r³ of its volume otherwise; the mean over 3 x 3 (x 3) voxels, at a border over those that exist, evens
    this out. Overlapping cells can bring it above 1; discs packed hexagonally in contact give 0.907.

    Parameters
    ----------
    order
        The cells in order of voxel, from `order_by_voxel`.
    radii_um
        float64 (n,).
    voxel_um
        Edge of a voxel.
    out
        C-contiguous float64 (nz, ny, nx), overwritten.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    if out.ndim != 3:
        raise ValueError(f"out has shape {out.shape}; expected (nz, ny, nx)")
    radii_um = as_column("radii_um", radii_um, order.row.size, np.float64)
    if out.shape[0] == 1:
        taken = math.pi / voxel_um**2 * (radii_um * radii_um)
    else:
        taken = 4.0 / 3.0 * math.pi / voxel_um**3 * (radii_um * radii_um * radii_um)
    sum_by_voxel(order, taken, out)
    for axis in range(3):
        _mean_with_neighbours(np.moveaxis(out, axis, 0))


def _mean_with_neighbours(values):
    """Replace each layer along the first axis by the mean of itself and the adjacent layers that exist."""
    before = values.copy()
    values[1:] += before[:-1]
    values[:-1] += before[1:]
    layers = np.full(len(values), 1.0)
    layers[1:] += 1.0
    layers[:-1] += 1.0
    values /= layers[:, None, None]
