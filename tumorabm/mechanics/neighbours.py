"""Who is near whom: cells ordered by voxel or bin, and neighbour lists.

Inside a bin the cells stand in order of uid, and neighbours are listed in order of (bin, uid), so that nothing that
is summed along these orders depends on how the rows of the population happen to be arranged.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.mechanics.columns import as_column, as_points, bounds
from tumorabm.threads import Threads

_ROOM_PER_CELL = 16  # neighbours that there is room for at first
_WIDENED = 1.0 + 1e-9


class VoxelOrder(NamedTuple):
    """Cells in order of (voxel, uid): those of voxel v are the rows ``row[start[v]:start[v + 1]]``."""

    start: np.ndarray
    """int64 (n_voxels + 1,)."""
    row: np.ndarray
    """int64 (n,)."""


class NeighbourLists(NamedTuple):
    """Neighbours of each cell, with cells numbered by their place in the order (bin, uid).

    The cell at place p is row ``row[p]``; its neighbours are at the places ``neighbour[start[p]:start[p + 1]]``,
    ascending. Where each pair is listed once, these are its neighbours at later places.
    """

    row: np.ndarray
    """int64 (n,)."""
    start: np.ndarray
    """int64 (n + 1,)."""
    neighbour: np.ndarray
    """int32 (m,)."""


def order_by_voxel(voxel_index: np.ndarray, uids: np.ndarray, n_voxels: int) -> VoxelOrder:
    """Order cells by (voxel, uid).

    Parameters
    ----------
    voxel_index
        int64 (n,), flat number of each cell's voxel, 0 to n_voxels - 1.
    uids
        int64 (n,), unique.
    n_voxels
        Number of voxels.

    Raises
    ------
    ValueError
        If a voxel number lies outside its range.
    """
    voxel_index = as_column("voxel_index", voxel_index, len(uids), np.int64)
    if voxel_index.size and not (voxel_index.min() >= 0 and voxel_index.max() < n_voxels):
        raise ValueError(
            f"voxel_index spans {voxel_index.min()} to {voxel_index.max()}; expected 0 to {n_voxels - 1} (n_voxels - 1)"
        )
    start = np.zeros(n_voxels + 1, dtype=np.int64)
    row = np.empty(voxel_index.size, dtype=np.int64)
    _counting_sort(voxel_index, as_column("uids", uids, len(uids), np.int64), start, row)
    return VoxelOrder(start, row)


def sum_by_voxel(order: VoxelOrder, values: np.ndarray, out: np.ndarray) -> None:
    """Write into ``out`` the sum of ``values`` over the cells of each voxel, added in order of uid.

    Parameters
    ----------
    order
        Of the cells.
    values
        float64 or float32 (n,), one value a cell; the sums are float64.
    out
        C-contiguous float64 of n_voxels values in any shape, overwritten; 0 where there is no cell.

    Raises
    ------
    ValueError
        If lengths differ or ``out`` is not C-contiguous.
    """
    values = as_column("values", values, order.row.size, np.float32 if values.dtype == np.float32 else np.float64)
    if out.size != order.start.size - 1 or not out.flags.c_contiguous:
        raise ValueError(f"out has {out.size} values; expected {order.start.size - 1}, C-contiguous")
    _sum_by_voxel(order.start, order.row, values, out.reshape(-1))


def find_neighbours(
    positions_um: np.ndarray,
    radii_um: np.ndarray,
    uids: np.ndarray,
    reach: float,
    skin_um: float,
    threads: Threads,
    *,
    once: bool = False,
) -> NeighbourLists:
    """List the pairs whose centres are at most ``reach`` times the sum of their radii plus ``skin_um`` apart.

    Parameters
    ----------
    positions_um
        float64 (n, 3), finite.
    radii_um
        float64 (n,), positive.
    uids
        int64 (n,), unique.
    reach
        Multiple of the sum of both radii.
    skin_um
        Length added to that for every pair.
    threads
        Threads to use.
    once
        List each pair once, with the cell that comes first in the order, and not with both.

    Raises
    ------
    ValueError
        If shapes differ, a position is not finite or a radius not positive.
    """
    positions_um = as_points("positions_um", positions_um)
    n = len(positions_um)
    radii_um = as_column("radii_um", radii_um, n, np.float64)
    uids = as_column("uids", uids, n, np.int64)
    start = np.zeros(n + 1, dtype=np.int64)
    if n == 0:
        return NeighbourLists(start[:0], start, np.empty(0, dtype=np.int32))
    origin, corner = bounds(positions_um)
    if not np.isfinite((origin, corner)).all():
        raise ValueError("positions_um holds values that are not finite; expected finite coordinates")
    if not (radii_um.min() > 0.0 and radii_um.max() < math.inf):
        raise ValueError(f"radii_um spans {radii_um.min()} to {radii_um.max()}; expected positive and finite radii")

    largest = float(radii_um.max())
    edge, shape = _bins(corner - origin, 2.0 * reach * largest + skin_um, n)
    bins = np.empty(n, dtype=np.int64)
    _assign_bins(positions_um, origin, edge, shape, bins)
    order = order_by_voxel(bins, uids, int(shape.prod()))
    del bins
    body = np.empty((n, 4))
    threads.over_rows(_gather_bodies, n, order.row, positions_um, radii_um, origin, body)
    pieces = threads.over_rows(
        _list_neighbours, n, body, order.start, shape, edge, float(reach), float(skin_um), largest, once, start[1:]
    )
    del body
    np.cumsum(start, out=start)
    return NeighbourLists(order.row, start, np.concatenate([neighbour[:listed] for neighbour, listed in pieces]))


def _bins(extent, least_edge, n):
    """Return the bins' edge and their numbers along z, y, x: many more bins than cells would only cost time."""
    edge = least_edge
    while True:
        shape = (extent[::-1] / edge).astype(np.int64) + 1
        if np.prod(shape.astype(np.float64)) <= 4096 + 4 * n:
            return edge, shape
        edge *= 1.5


@kernel
def _bin_along(coordinate, per_um, count):
    """Return the bin along one axis that holds a point."""
    return min(int(coordinate * per_um), count - 1)


@kernel
def _assign_bins(positions, origin, edge, shape, bins):
    per_um = 1.0 / edge
    for i in range(bins.size):
        x = _bin_along(positions[i, 0] - origin[0], per_um, shape[2])
        y = _bin_along(positions[i, 1] - origin[1], per_um, shape[1])
        z = _bin_along(positions[i, 2] - origin[2], per_um, shape[0])
        bins[i] = (z * shape[1] + y) * shape[2] + x


@kernel
def _sort_rows_by_uid(row, uids):
    # Shell's sort: a plain insertion sort for the few cells of a bin, and not quadratic when all share one voxel.
    gap = 1
    while gap < row.size // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, row.size):
            moving = row[i]
            j = i
            while j >= gap and uids[row[j - gap]] > uids[moving]:
                row[j] = row[j - gap]
                j -= gap
            row[j] = moving
        gap //= 3


@kernel
def _counting_sort(voxel_index, uids, start, row):
    for i in range(voxel_index.size):
        start[voxel_index[i] + 1] += 1
    for v in range(start.size - 1):
        start[v + 1] += start[v]
    place = start[:-1].copy()
    for i in range(voxel_index.size):
        v = voxel_index[i]
        row[place[v]] = i
        place[v] += 1
    for v in range(start.size - 1):
        if start[v + 1] - start[v] > 1:
            _sort_rows_by_uid(row[start[v] : start[v + 1]], uids)


@kernel
def _sum_by_voxel(start, row, values, out):
    for v in range(out.size):
        total = 0.0
        for k in range(start[v], start[v + 1]):
            total += values[row[k]]
        out[v] = total


@kernel
def _gather_bodies(start, stop, row, positions, radii, origin, body):
    for i in range(start, stop):
        for axis in range(3):
            body[i, axis] = positions[row[i], axis] - origin[axis]
        body[i, 3] = radii[row[i]]


@kernel
def _span(coordinate, far, per_um, count):
    """Return the first and last bin along one axis that hold points within ``far``."""
    return int(max(coordinate - far, 0.0) * per_um), min(int((coordinate + far) * per_um), count - 1)


@kernel
def _gap(coordinate, bin_number, edge):
    """Return the distance from a coordinate to a bin along one axis."""
    return max(bin_number * edge - coordinate, coordinate - (bin_number + 1) * edge, 0.0)


@kernel
def _list_neighbours(start, stop, body, bin_start, shape, edge, reach, skin, largest, once, length):
    """Return the lists of cells, one after the other, and how long they are together; write the length of each."""
    neighbour = np.empty(_ROOM_PER_CELL * (stop - start), dtype=np.int32)
    listed = 0
    per_um = 1.0 / edge
    for i in range(start, stop):
        x, y, z, radius = body[i, 0], body[i, 1], body[i, 2], body[i, 3]
        far = _WIDENED * (reach * (radius + largest) + skin)  # no neighbour is lost to rounding
        before = listed
        first_z, last_z = _span(z, far, per_um, shape[0])
        first_y, last_y = _span(y, far, per_um, shape[1])
        own_z, own_y = _bin_along(z, per_um, shape[0]), _bin_along(y, per_um, shape[1])
        for bin_z in range(own_z if once else first_z, last_z + 1):
            for bin_y in range(own_y if once and bin_z == own_z else first_y, last_y + 1):
                square = far**2 - _gap(z, bin_z, edge) ** 2 - _gap(y, bin_y, edge) ** 2
                if square < 0.0:
                    continue
                first_x, last_x = _span(x, math.sqrt(square), per_um, shape[2])
                # Bins that follow one another along x hold cells that follow one another: one run of places.
                line = (bin_z * shape[1] + bin_y) * shape[2]
                begin, end = bin_start[line + first_x], bin_start[line + last_x + 1]
                if once:
                    begin = min(max(begin, i + 1), end)
                if listed + end - begin > neighbour.size:
                    wider = np.empty(2 * neighbour.size + end - begin, dtype=np.int32)
                    for k in range(listed):
                        wider[k] = neighbour[k]
                    neighbour = wider
                listed = _append_near(body, i, begin, end, reach, skin, neighbour, listed)
        length[i] = listed - before
    return neighbour, listed


@kernel
def _append_near(body, i, begin, end, reach, skin, neighbour, listed):
    """Append those of the cells ``begin`` to ``end`` that are near cell i; return the new length."""
    x, y, z = body[i, 0], body[i, 1], body[i, 2]
    own_reach = reach * body[i, 3] + skin
    place, own = np.uint64(listed), np.uint64(i)
    for j in range(np.uint64(begin), np.uint64(end)):
        dx, dy, dz = x - body[j, 0], y - body[j, 1], z - body[j, 2]
        limit = own_reach + reach * body[j, 3]
        neighbour[place] = j  # stands only if near: cheaper than a jump that cannot be predicted
        place += np.uint64((dx * dx + dy * dy + dz * dz <= limit * limit) & (j != own))
    return np.int64(place)
