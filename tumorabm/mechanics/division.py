"""Where the two daughters of a division lie."""

from __future__ import annotations

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.philox import Stream, unit_vector

_AXIS = int(Stream.DIVISION)


@kernel
def separate_daughters(positions_um, parents, first_daughter, radii_um, uids, box_um, ndim, key, step):
    """Move mother and daughter apart along a random axis, each by half the radius that the mother had.

    Parameters
    ----------
    positions_um
        float64 (n, 3), changed in place; stays within the box, in 2-D z is not touched.
    parents
        int64 (k,), rows of the mothers.
    first_daughter
        Row of the first daughter; the others follow in the order of their mothers.
    radii_um
        float64 (n,), before the division.
    uids
        int64 (n,); the axis is drawn from the daughter's stream.
    box_um, ndim
        Edges of the box along x, y, z, and 2 or 3.
    key, step
        The run's key and the number of the step.
    """
    axis = np.empty(3)
    for k in range(len(parents)):
        mother, daughter = parents[k], first_daughter + k
        axis[0], axis[1], axis[2] = unit_vector(key, uids[daughter], step, _AXIS, ndim)
        for i in range(ndim):
            offset = 0.5 * radii_um[mother] * axis[i]
            middle = positions_um[mother, i]
            positions_um[daughter, i] = min(max(middle + offset, 0.0), box_um[i])
            positions_um[mother, i] = min(max(middle - offset, 0.0), box_um[i])
