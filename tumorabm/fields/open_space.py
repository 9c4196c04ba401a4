"""Which voxels the medium around a tissue reaches."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def open_space(empty: np.ndarray) -> np.ndarray:
    """Return the empty voxels that are connected to the border of the domain through faces of empty voxels.

    Hollows inside a tissue are not part of it.

    Parameters
    ----------
    empty
        bool (nz, ny, nx); with nz = 1 the domain is two-dimensional and has its border along x and y only.

    Returns
    -------
    numpy.ndarray
        bool (nz, ny, nx).
    """
    region, n_regions = ndimage.label(empty)
    at_border = np.zeros(n_regions + 1, dtype=bool)
    for axis, n in enumerate(empty.shape):
        if axis == 0 and n == 1:
            continue
        for end in (0, n - 1):
            at_border[np.take(region, end, axis=axis)] = True
    at_border[0] = False  # the number of all voxels that are not empty
    return at_border[region]
