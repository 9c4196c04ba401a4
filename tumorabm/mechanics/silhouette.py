"""The silhouette of a group of cells, on pixels."""

from __future__ import annotations

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.mechanics.columns import as_column, as_points


def silhouette(positions_um: np.ndarray, radii_um: np.ndarray, axis: int, pixel_um: float) -> np.ndarray:
    """Return the pixels whose middle some cell covers, seen along one axis.

    Parameters
    ----------
    positions_um
        float64 (n, 3), n at least 1.
    radii_um
        float64 (n,).
    axis
        0, 1 or 2: look along x, y or z.
    pixel_um
        Edge of a pixel.

    Returns
    -------
    numpy.ndarray
        bool (height, width), just large enough for a rim of free pixels around all cells.

    Raises
    ------
    ValueError
        If shapes differ.
    """
    positions_um = as_points("positions_um", positions_um)
    radii_um = as_column("radii_um", radii_um, len(positions_um), np.float64)
    seen = np.delete(positions_um, axis, axis=1)
    low = (seen - radii_um[:, None]).min(axis=0) - pixel_um
    high = (seen + radii_um[:, None]).max(axis=0) + pixel_um
    width, height = np.ceil((high - low) / pixel_um).astype(np.int64) + 1
    covered = np.zeros((height, width), dtype=np.bool_)
    _cover((seen - low) / pixel_um, radii_um / pixel_um, covered)
    return covered


@kernel
def _cover(centres, radii, covered):
    """Mark the pixels whose middle lies in a disc; lengths in pixels."""
    for i in range(len(radii)):
        x, y, square = centres[i, 0] - 0.5, centres[i, 1] - 0.5, radii[i] * radii[i]
        for row in range(int(np.ceil(y - radii[i])), int(np.floor(y + radii[i])) + 1):
            half = np.sqrt(max(square - (row - y) * (row - y), 0.0))
            for column in range(int(np.ceil(x - half)), int(np.floor(x + half)) + 1):
                covered[row, column] = True
