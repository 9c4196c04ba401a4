"""How much of the space around each cell is taken by cells."""

from __future__ import annotations

import math

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.mechanics.columns import as_box, as_column, as_points, bounds
from tumorabm.mechanics.neighbours import order_by_voxel, sum_by_voxel

BIN_UM = 20.0
"""Edge of the bins in which cells are counted: three of them, 60 µm, are the range over which cells share room [A].

It belongs to the tissue, not to the grid of the fields: with their voxels as bins, a finer grid would shorten the range
over which a crowd is felt, and a bin that holds less than one cell is either empty or overfull.
"""

_WHOLE_BINS = 1e-9  # of a bin; lengths written in decimal are not exact in binary


def crowding(
    positions_um: np.ndarray, radii_um: np.ndarray, uids: np.ndarray, box_um: np.ndarray, ndim: int
) -> np.ndarray:
    """Return, for each cell, the fraction of the space around it that cells take.

    A cell counts whole in the bin of its centre, as the disc pi r² in 2-D and the ball 4/3 pi r³ in 3-D. The result is
    what cells take of the 3 x 3 (x 3) bins around the cell's own, as far as these lie in the box. Overlapping
    cells can bring it above 1; discs packed hexagonally in contact give 0.907. It does not depend on the order of
    the rows.

    Parameters
    ----------
    positions_um
        float64 (n, 3); a centre outside the box counts to the nearest bin.
    radii_um
        float64 (n,).
    uids
        int64 (n,), unique.
    box_um
        Edges of the box along x, y, z; it begins at 0.
    ndim
        2 (bins are squares, z does not matter) or 3.

    Returns
    -------
    ndarray
        float64 (n,).

    Raises
    ------
    ValueError
        If shapes differ, or the box or ``ndim`` is none.
    """
    positions_um = as_points("positions_um", positions_um)
    n = len(positions_um)
    radii_um = as_column("radii_um", radii_um, n, np.float64)
    widths = _bin_widths(as_box(box_um, ndim), ndim)
    if n == 0:
        return np.empty(0)
    last = [len(along) - 1 for along in widths]
    low, high = (
        np.clip(np.floor(corner_um[::-1] / BIN_UM), 0, last).astype(np.int64) for corner_um in bounds(positions_um)
    )
    taken = np.empty(high - low + 1)  # bins beyond the outermost cells are empty
    bins = np.empty(n, dtype=np.int64)
    _assign_bins(positions_um, BIN_UM, low, high, bins)
    square = radii_um * radii_um
    of_bin = math.pi / BIN_UM**2 * square if ndim == 2 else 4.0 / 3.0 * math.pi / BIN_UM**3 * (square * radii_um)
    sum_by_voxel(order_by_voxel(bins, uids, taken.size), of_bin, taken)
    for axis, along in enumerate(widths):
        around = np.convolve(along, np.ones(3))[1:-1][low[axis] : high[axis] + 1]
        _spread(np.moveaxis(taken, axis, 0), around)
    return taken.reshape(-1)[bins]


def _bin_widths(box_um: np.ndarray, ndim: int) -> list[np.ndarray]:
    """Return the widths of the bins along z, y, x in units of a whole bin's; the last may be narrower."""
    widths = [np.ones(1)] if ndim == 2 else []
    for side_um in box_um[:ndim][::-1]:
        whole = math.ceil(side_um / BIN_UM - _WHOLE_BINS)
        along = np.ones(whole)
        along[-1] = min(1.0, side_um / BIN_UM - (whole - 1))
        widths.append(along)
    return widths


def _spread(taken: np.ndarray, around: np.ndarray) -> None:
    """Replace each layer along the first axis by its sum with the adjacent ones over the width of all three."""
    before = taken.copy()
    taken[1:] += before[:-1]
    taken[:-1] += before[1:]
    taken /= around[:, None, None]


@kernel
def _assign_bins(positions, edge, low, high, bins):
    """Write the flat number of each cell's bin among those from ``low`` to ``high`` (along z, y, x, inclusive)."""
    nz, ny, nx = high[0] - low[0], high[1] - low[1], high[2] - low[2]
    for i in range(bins.size):
        x = min(max(int(np.floor(positions[i, 0] / edge)) - low[2], 0), nx)
        y = min(max(int(np.floor(positions[i, 1] / edge)) - low[1], 0), ny)
        z = min(max(int(np.floor(positions[i, 2] / edge)) - low[0], 0), nz)
        bins[i] = (z * (ny + 1) + y) * (nx + 1) + x
