"""Who is near whom: cells ordered by voxel or bin, and neighbour lists.

Inside a bin the cells stand in order of uid, and neighbours are listed in order of (bin, uid), so that nothing that
is summed along these orders depends on how the rows of the population happen to be arranged.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.mechanics.columns import as_column, as_points
from tumorabm.threads import Threads

_PORTION = 16384
"""Cells whose neighbours are listed at a time."""


class VoxelOrder(NamedTuple):
    """Cells in order of (voxel, uid): those of voxel v are the rows ``row[start[v]:start[v + 1]]``."""

    start: np.ndarray
    """int64 (n_voxels + 1,)."""
    row: np.ndarray
    """int64 (n,)."""


class NeighbourLists(NamedTuple):
    """Neighbours of each cell, with cells numbered by their place in the order (bin, uid).

    The cell at place p is row ``row[p]``; its neighbours are at the places ``neighbour[start[p]:start[p + 1]]``,
    ascending.
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
        float64 (n,), one value a cell.
    out
        C-contiguous float64 of n_voxels values in any shape, overwritten; 0 where there is no cell.

    Raises
    ------
    ValueError
        If lengths differ or ``out`` is not C-contiguous.
    """
    values = as_column("values", values, order.row.size, np.float64)
    if out.size != order.start.size - 1 or not out.flags.c_contiguous:
        raise ValueError(f"out has {out.size} values; expected {order.start.size - 1}, C-contiguous")
    _sum_by_voxel(order.start, order.row, values, out.reshape(-1))


def find_neighbours(
    positions_um: np.ndarray, radii_um: np.ndarray, uids: np.ndarray, reach: float, skin_um: float, threads: Threads
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
    if not np.isfinite(positions_um).all():
        raise ValueError("positions_um holds values that are not finite; expected finite coordinates")
    if not (radii_um.min() > 0.0 and radii_um.max() < math.inf):
        raise ValueError(f"radii_um spans {radii_um.min()} to {radii_um.max()}; expected positive and finite radii")

    origin = positions_um.min(axis=0)
    extent = positions_um.max(axis=0) - origin
    edge, shape = _bins(extent, 2.0 * reach * float(radii_um.max()) + skin_um, n)
    bins = np.empty(n, dtype=np.int64)
    _assign_bins(positions_um, origin, edge, shape, bins)
    order = order_by_voxel(bins, uids, int(shape.prod()))
    body = np.column_stack((positions_um, radii_um))[order.row]
    bins = bins[order.row]
    # Each list is first written into room for all cells of the bins around, so that distances are computed only once;
    # in portions, for that room is several times what the lists need.
    portions = []
    for first in range(0, n, _PORTION):
        rows = min(_PORTION, n - first)
        room = np.zeros(rows + 1, dtype=np.int64)
        threads.over_rows(_count_candidates, rows, first, bins, order.start, shape, room)
        np.cumsum(room, out=room)
        candidate = np.empty(room[-1], dtype=np.int32)
        length = start[first + 1 : first + rows + 1]
        threads.over_rows(
            _list_neighbours, rows, first, body, bins, order.start, shape, reach, skin_um, room, candidate, length
        )
        place = np.concatenate(([0], np.cumsum(length)))
        portion = np.empty(place[-1], dtype=np.int32)
        threads.over_rows(_copy_lists, rows, room, candidate, place, portion)
        portions.append(portion)
    np.cumsum(start, out=start)
    neighbour = np.concatenate(portions)
    return NeighbourLists(order.row, start, neighbour)


def _bins(extent, least_edge, n):
    """Return the bins' edge and their numbers along z, y, x: many more bins than cells would only cost time."""
    edge = least_edge
    while True:
        shape = (extent[::-1] / edge).astype(np.int64) + 1
        if np.prod(shape.astype(np.float64)) <= 4096 + 4 * n:
            return edge, shape
        edge *= 1.5


@kernel
def _assign_bins(positions, origin, edge, shape, bins):
    for i in range(bins.size):
        x = min(int((positions[i, 0] - origin[0]) / edge), shape[2] - 1)
        y = min(int((positions[i, 1] - origin[1]) / edge), shape[1] - 1)
        z = min(int((positions[i, 2] - origin[2]) / edge), shape[0] - 1)
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
def _near(body, i, j, reach, skin):
    dx = body[i, 0] - body[j, 0]
    dy = body[i, 1] - body[j, 1]
    dz = body[i, 2] - body[j, 2]
    limit = reach * (body[i, 3] + body[j, 3]) + skin
    return (dx * dx + dy * dy + dz * dz <= limit * limit) & (i != j)


@kernel
def _candidates(bin_number, bin_start, shape, dz, dy):
    # Bins that follow one another along x hold cells that follow one another: one run of places for each (dz, dy).
    x = bin_number % shape[2]
    y = bin_number // shape[2] % shape[1] + dy
    z = bin_number // (shape[2] * shape[1]) + dz
    if y < 0 or y >= shape[1] or z < 0 or z >= shape[0]:
        return 0, 0
    line = (z * shape[1] + y) * shape[2]
    return bin_start[line + max(x - 1, 0)], bin_start[line + min(x + 1, shape[2] - 1) + 1]


@kernel
def _count_candidates(start, stop, first_row, bins, bin_start, shape, room):
    for k in range(start, stop):
        count = 0
        for dz in range(-1, 2):
            for dy in range(-1, 2):
                first, last = _candidates(bins[first_row + k], bin_start, shape, dz, dy)
                count += last - first
        room[k + 1] = count


@kernel
def _list_neighbours(start, stop, first_row, body, bins, bin_start, shape, reach, skin, room, candidate, length):
    for k in range(start, stop):
        i = first_row + k
        place = room[k]
        for dz in range(-1, 2):
            for dy in range(-1, 2):
                first, last = _candidates(bins[i], bin_start, shape, dz, dy)
                for j in range(first, last):
                    candidate[place] = j  # stands only if near: cheaper than a jump that cannot be predicted
                    place += int(_near(body, i, j, reach, skin))
        length[k] = place - room[k]


@kernel
def _copy_lists(start, stop, room, candidate, list_start, neighbour):
    for i in range(start, stop):
        for k in range(list_start[i], list_start[i + 1]):
            neighbour[k] = candidate[room[i] + k - list_start[i]]
