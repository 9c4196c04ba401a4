"""Which cells touch."""

from __future__ import annotations

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.mechanics.neighbours import find_neighbours
from tumorabm.threads import Threads

CONTACT_REACH = 1.1
"""Cells touch when their centres are at most this many sums of radii apart [A]."""


def contacts(
    positions_um: np.ndarray, radii_um: np.ndarray, uids: np.ndarray, threads: Threads, reach: float = CONTACT_REACH
) -> tuple[np.ndarray, np.ndarray]:
    """List for each cell the cells that it touches.

    Parameters
    ----------
    positions_um
        float64 (n, 3).
    radii_um
        float64 (n,), positive.
    uids
        int64 (n,), unique.
    threads
        Threads to use.
    reach
        Centres at most this many sums of radii apart count as touching.

    Returns
    -------
    start : ndarray
        int64 (n + 1,).
    neighbour : ndarray
        int32 (m,): row i touches the rows ``neighbour[start[i]:start[i + 1]]``. Symmetric; the order within a row
        follows from positions and uids alone, not from the order of the rows.

    Raises
    ------
    ValueError
        As `find_neighbours`.
    """
    lists = find_neighbours(positions_um, radii_um, uids, reach, 0.0, threads)
    start = np.zeros_like(lists.start)
    start[1 + lists.row] = np.diff(lists.start)
    np.cumsum(start, out=start)
    neighbour = np.empty_like(lists.neighbour)
    _list_by_row(*lists, start, neighbour)
    return start, neighbour


@kernel
def _list_by_row(row, list_start, list_neighbour, start, neighbour):
    for place in range(row.size):
        k = start[row[place]]
        for m in range(list_start[place], list_start[place + 1]):
            neighbour[k] = row[list_neighbour[m]]
            k += 1
