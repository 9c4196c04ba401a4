"""The diameter of a tissue as a microscope shows it."""

from __future__ import annotations

import math

import numpy as np

from tumorabm.fields import open_space
from tumorabm.mechanics import silhouette
from tumorabm.sums import sum_in_any_order

_PIXELS_A_RADIUS = 4.0
_MOST_PIXELS_A_SIDE = 1000
_ALONG_Z = 2


def outline_diameter(positions_um: np.ndarray, radii_um: np.ndarray, ndim: int) -> float:
    """Return the diameter (µm) of the disc that has the area of the tissue's outline.

    The outline is what cells cover, hollows included, seen along z; in 3-D the mean of the diameters along x, y and z.
    It is taken on pixels of a quarter of the mean radius, or of a thousandth of the tissue's width in large tissues.

    Parameters
    ----------
    positions_um, radii_um
        float64 (n, 3) and (n,).
    ndim
        2 or 3.

    Returns
    -------
    float
        NaN without cells.
    """
    if len(positions_um) == 0:
        return math.nan
    width_um = float(np.ptp(positions_um, axis=0).max())
    radius_um = sum_in_any_order(radii_um) / len(radii_um)
    pixel_um = max(radius_um / _PIXELS_A_RADIUS, width_um / _MOST_PIXELS_A_SIDE)
    diameters_um = []
    for axis in (_ALONG_Z,) if ndim == 2 else range(3):
        covered = silhouette(positions_um, radii_um, axis, pixel_um)
        outside = open_space(~covered[None])
        diameters_um.append(2.0 * pixel_um * math.sqrt((outside.size - np.count_nonzero(outside)) / math.pi))
    return sum(diameters_um) / len(diameters_um)
