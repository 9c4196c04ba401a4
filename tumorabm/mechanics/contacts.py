"""Which cells touch the cells that one asks about."""

from __future__ import annotations

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.mechanics.columns import as_column, as_points
from tumorabm.mechanics.neighbours import VoxelOrder

CONTACT_REACH = 1.1
"""Cells touch when their centres are at most this many sums of radii apart [A]."""


def contacts(
    rows: np.ndarray,
    positions_um: np.ndarray,
    radii_um: np.ndarray,
    order: VoxelOrder,
    grid_shape: tuple[int, int, int],
    voxel_um: float,
    reach: float = CONTACT_REACH,
) -> tuple[np.ndarray, np.ndarray]:
    """List the cells that touch each of ``rows``.

    Parameters
    ----------
    rows
        Integers (k,), the cells asked about.
    positions_um
        float64 (n, 3), within the grid.
    radii_um
        float64 (n,), positive.
    order
        All cells in order of (voxel, uid), from `order_by_voxel`.
    grid_shape, voxel_um
        Numbers of voxels (nz, ny, nx), and their edge.
    reach
        Centres at most this many sums of radii apart count as touching.

    Returns
    -------
    start : ndarray
        int64 (k + 1,).
    neighbour : ndarray
        int64 (m,): ``rows[i]`` touches the rows ``neighbour[start[i]:start[i + 1]]``. Their order follows from voxels
        and uids alone, not from the order of the rows.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    positions_um = as_points("positions_um", positions_um)
    radii_um = as_column("radii_um", radii_um, len(positions_um), np.float64)
    rows = np.ascontiguousarray(rows, np.int64)
    start = np.zeros(rows.size + 1, np.int64)
    largest = float(radii_um.max(initial=0.0))
    scan = (rows, positions_um, radii_um, order.start, order.row, grid_shape, voxel_um, reach, largest)
    _scan(*scan, start, np.empty(0, np.int64))
    np.cumsum(start, out=start)
    neighbour = np.empty(start[-1], np.int64)
    _scan(*scan, start, neighbour)
    return start, neighbour


@kernel
def _scan(rows, positions, radii, voxel_start, voxel_row, shape, voxel_um, reach, largest, start, neighbour):
    """Count the touching cells into ``start[1:]``, or list them where there is room for them."""
    counting = neighbour.size == 0
    for k in range(rows.size):
        i = rows[k]
        far = reach * (radii[i] + largest)
        found = 0
        z0, z1 = _span(positions[i, 2], far, voxel_um, shape[0])
        y0, y1 = _span(positions[i, 1], far, voxel_um, shape[1])
        x0, x1 = _span(positions[i, 0], far, voxel_um, shape[2])
        for z in range(z0, z1 + 1):
            for y in range(y0, y1 + 1):
                line = (z * shape[1] + y) * shape[2]
                for place in range(voxel_start[line + x0], voxel_start[line + x1 + 1]):
                    j = voxel_row[place]
                    limit = reach * (radii[i] + radii[j])
                    dx = positions[i, 0] - positions[j, 0]
                    dy = positions[i, 1] - positions[j, 1]
                    dz = positions[i, 2] - positions[j, 2]
                    if j != i and dx * dx + dy * dy + dz * dz <= limit * limit:
                        if not counting:
                            neighbour[start[k] + found] = j
                        found += 1
        if counting:
            start[k + 1] = found


@kernel
def _span(coordinate, far, voxel_um, count):
    """First and last voxel along one axis that a cell within ``far`` may lie in."""
    first = int(max(coordinate - far, 0.0) / voxel_um)
    return min(first, count - 1), min(int((coordinate + far) / voxel_um), count - 1)
