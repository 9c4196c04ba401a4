"""Overdamped motion of centre-based cells under repulsion and adhesion.

Each cell is a ball with a centre x_i and a radius r_i, without inertia: dx_i/dt = rate · sum over j of f_ij n_ij, with
n_ij the unit vector from j to i, d their distance and s = r_i + r_j the distance of rest. The force, as a length:

    f = s - d                                          d <= s
    f = -sqrt(a_i a_j) (d - s) (1 - (d - s)/w)²        s < d < s + w,  w = (1.25 - 1) s
    f = 0                                              beyond

A wall pushes back as the flat face of a cell at rest would: by how far the ball reaches beyond it.

The overdamped, centre-based form is the standard one (Osborne et al., PLoS Comput Biol 13:e1005387 (2017);
Ghaffarizadeh et al., PLoS Comput Biol 14:e1005991 (2018)), the linear spring that of Meineke, Potten and Loeffler,
Cell Prolif 34:253 (2001), the geometric mean of both cells' adhesion that of PhysiCell. The shape of the adhesion is an
assumption [A]: f and its slope stay bounded, f ends smoothly, and a pair rests exactly in contact, where f changes
sign. The rate (stiffness over drag) is an assumption [A]; Chaste's springs take 15 to 50 per hour.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.mechanics.columns import as_box, as_column
from tumorabm.mechanics.neighbours import find_neighbours
from tumorabm.philox import Stream, unit_vector
from tumorabm.threads import Threads

ADHESION_RANGE = 1.25
"""Cells attract up to this many sums of radii [A]."""

# Steps of explicit Euler in units of the relaxation time 1/rate. The largest eigenvalue of the linearised forces is
# at most twice the largest norm of a cell's own 3 x 3 stiffness, so the second bound keeps every mode decaying (step
# times eigenvalue < 2); the first lets two cells, or three in a row, approach rest from one side.
_LONGEST_STEP = 0.25
_STEP_TIMES_STIFFNESS = 0.9
_SKIN_IN_RADII = 0.8
_COINCIDENT = 1e-9  # distance over rest distance below which a line of centres has no meaning
_COINCIDENCE = int(Stream.COINCIDENCE)


class RelaxResult(NamedTuple):
    """How a relaxation went."""

    evaluations: int
    """Evaluations of all forces."""
    searches: int
    """Times that the neighbour lists were built."""
    residual_overlap_um: float
    """Largest overlap s - d of any pair at the end, 0 where none overlap."""
    relaxed_min: float
    """Time marched. Less than asked for where all cells came to rest early, or the evaluations ran out."""
    finished: bool
    """False where the evaluations ran out before the time was marched or all cells were at rest."""


class _Cells(NamedTuple):
    """Cells in order of (bin, uid), their neighbours, and what an evaluation writes."""

    row: np.ndarray
    body: np.ndarray  # x, y, z, radius
    adhesion_root: np.ndarray
    mobility: np.ndarray
    uid: np.ndarray
    start: np.ndarray
    neighbour: np.ndarray
    velocity: np.ndarray
    speed_in_radii: np.ndarray
    stiffness: np.ndarray
    overlap: np.ndarray


def relax(
    positions_um: np.ndarray,
    radii_um: np.ndarray,
    adhesion: np.ndarray,
    uids: np.ndarray,
    box_um: np.ndarray,
    ndim: int,
    dt_min: float,
    threads: Threads,
    *,
    mobility: np.ndarray | None = None,
    rate_per_min: float = 0.5,
    tolerance: float = 0.05,
    max_evaluations: int = 64,
) -> RelaxResult:
    """Move cells under the forces between them for ``dt_min``, or until all are at rest.

    The march ends early once no cell, at its present speed, would move by more than ``tolerance`` of its radius in the
    time left; a tissue at rest thus costs one evaluation and stays as it is. The result depends neither on the order of
    the rows nor on the number of threads.

    Parameters
    ----------
    positions_um
        float64 (n, 3), changed in place. Centres stay within the box; in 2-D z is not touched.
    radii_um
        float64 (n,), positive.
    adhesion
        float64 (n,), 0 to 1: slope of a cell's adhesion at contact relative to that of repulsion. A pair has the
        geometric mean of both.
    uids
        int64 (n,), unique.
    box_um
        Edges of the box along x, y, z; it begins at 0.
    ndim
        2 (all z equal) or 3.
    dt_min
        Time to march.
    threads
        Threads to use.
    mobility
        float64 (n,), 0 to 1, a factor of each cell's velocity (0: fixed); 1 where not given.
    rate_per_min
        Stiffness over drag.
    tolerance
        Fraction of a cell's radius.
    max_evaluations
        Most evaluations in this call; what is left then is a matter of the next call.

    Returns
    -------
    RelaxResult

    Raises
    ------
    ValueError
        If shapes differ, or a value lies outside its range.
    """
    n = _check(positions_um, dt_min, rate_per_min, tolerance, max_evaluations)
    box_um = as_box(box_um, ndim)
    adhesion = _fractions("adhesion", adhesion, n)
    mobility = np.ones(n) if mobility is None else _fractions("mobility", mobility, n)
    radii_um = as_column("radii_um", radii_um, n, np.float64)
    uids = as_column("uids", uids, n, np.int64)
    if n == 0:
        return RelaxResult(0, 0, 0.0, 0.0, True)

    total = dt_min * rate_per_min  # times below are in relaxation times 1/rate
    skin_um = _SKIN_IN_RADII * float(radii_um.max())
    time, evaluations, searches, ended = 0.0, 0, 0, False
    while not ended:
        cells = _arrange(positions_um, radii_um, adhesion, mobility, uids, skin_um, threads)
        reference = cells.body.copy()
        searches += 1
        moved_um = 0.0
        while moved_um <= 0.5 * skin_um:
            threads.over_rows(_evaluate, n, *cells[1:], box_um, ndim)
            evaluations += 1
            finished = bool(cells.speed_in_radii.max() * (total - time) <= tolerance)
            ended = finished or evaluations >= max_evaluations
            if ended:
                break
            step = min(_LONGEST_STEP, _STEP_TIMES_STIFFNESS / max(float(cells.stiffness.max()), 1e-300), total - time)
            moved_um = math.sqrt(_advance(cells.body, cells.velocity, step, box_um, ndim, reference))
            time += step
        positions_um[cells.row] = cells.body[:, :3]
    return RelaxResult(evaluations, searches, float(cells.overlap.max()), time / rate_per_min, finished)


def _check(positions_um, dt_min, rate_per_min, tolerance, max_evaluations):
    if positions_um.ndim != 2 or positions_um.shape[1] != 3 or positions_um.dtype != np.float64:
        raise ValueError(f"positions_um is {positions_um.dtype} {positions_um.shape}; expected float64 (n, 3)")
    for name, value in (("dt_min", dt_min), ("rate_per_min", rate_per_min), ("tolerance", tolerance)):
        if not 0.0 < value < math.inf:
            raise ValueError(f"{name} is {value}; expected a positive number")
    if max_evaluations < 1:
        raise ValueError(f"max_evaluations is {max_evaluations}; expected at least 1")
    return len(positions_um)


def _fractions(name, values, n):
    values = as_column(name, values, n, np.float64)
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise ValueError(f"{name} spans {values.min()} to {values.max()}; expected 0 to 1")
    return values


def _arrange(positions_um, radii_um, adhesion, mobility, uids, skin_um, threads):
    lists = find_neighbours(positions_um, radii_um, uids, ADHESION_RANGE, skin_um, threads)
    row = lists.row
    return _Cells(
        row=row,
        body=np.column_stack((positions_um, radii_um))[row],
        adhesion_root=np.sqrt(adhesion)[row],
        mobility=mobility[row],
        uid=uids[row],
        start=lists.start,
        neighbour=lists.neighbour,
        velocity=np.empty((row.size, 3)),
        speed_in_radii=np.empty(row.size),
        stiffness=np.empty(row.size),
        overlap=np.empty(row.size),
    )


@kernel
def pair_force(distance, rest, adhesion):
    """Return the force of a pair, as a length, positive where it pushes apart, and a bound of its slope.

    Parameters
    ----------
    distance, rest
        Distance of the centres and sum of the radii, µm.
    adhesion
        Of the pair, 0 to 1.
    """
    gap = distance - rest
    if gap <= 0.0:
        return -gap, 1.0
    fade = 1.0 - gap / ((ADHESION_RANGE - 1.0) * rest)
    if fade <= 0.0:
        return 0.0, 0.0
    return -adhesion * gap * fade * fade, adhesion * fade * fade


@kernel
def _direction_between_coincident(uid, other, ndim):
    """Return a unit vector that is the opposite for the two cells of a pair."""
    x, y, z = unit_vector(min(uid, other), max(uid, other), 0, _COINCIDENCE, ndim)
    sign = 1.0 if uid < other else -1.0
    return sign * x, sign * y, sign * z


@kernel
def _evaluate(
    start, stop, body, adhesion_root, mobility, uid, list_start, neighbour,
    velocity, speed_in_radii, stiffness, overlap, box, ndim,
):  # fmt: skip
    for i in range(start, stop):
        x, y, z, radius = body[i, 0], body[i, 1], body[i, 2], body[i, 3]
        fx, fy, fz = 0.0, 0.0, 0.0
        kxx, kyy, kzz, kxy, kxz, kyz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        least_gap = 0.0
        for m in range(list_start[i], list_start[i + 1]):
            j = neighbour[m]
            dx, dy, dz = x - body[j, 0], y - body[j, 1], z - body[j, 2]
            rest = radius + body[j, 3]
            square = dx * dx + dy * dy + dz * dz
            if square >= (ADHESION_RANGE * rest) ** 2:
                continue
            distance = math.sqrt(square)
            if distance > _COINCIDENT * rest:
                inverse = 1.0 / distance
                dx, dy, dz = dx * inverse, dy * inverse, dz * inverse
            else:
                dx, dy, dz = _direction_between_coincident(uid[i], uid[j], ndim)
            force, slope = pair_force(distance, rest, adhesion_root[i] * adhesion_root[j])
            fx += force * dx
            fy += force * dy
            fz += force * dz
            sx, sy, sz = slope * dx, slope * dy, slope * dz
            kxx += sx * dx
            kyy += sy * dy
            kzz += sz * dz
            kxy += sx * dy
            kxz += sx * dz
            kyz += sy * dz
            least_gap = min(least_gap, distance - rest)
        push_x, slope_x = _wall(x, radius, box[0])
        push_y, slope_y = _wall(y, radius, box[1])
        velocity[i, 0] = _off_walls(mobility[i] * (fx + push_x), x, box[0])
        velocity[i, 1] = _off_walls(mobility[i] * (fy + push_y), y, box[1])
        velocity[i, 2] = 0.0
        kxx, kyy = kxx + slope_x, kyy + slope_y
        if ndim == 3:
            push_z, slope_z = _wall(z, radius, box[2])
            velocity[i, 2] = _off_walls(mobility[i] * (fz + push_z), z, box[2])
            kzz += slope_z
        kxy, kxz, kyz = abs(kxy), abs(kxz), abs(kyz)
        stiffness[i] = max(
            kxx + kxy + kxz, kyy + kxy + kyz, kzz + kxz + kyz
        )  # the norm by rows bounds the largest eigenvalue
        speed_in_radii[i] = math.sqrt(velocity[i, 0] ** 2 + velocity[i, 1] ** 2 + velocity[i, 2] ** 2) / radius
        overlap[i] = -least_gap


@kernel
def _off_walls(velocity, coordinate, size):
    """Return ``velocity``, or 0 where a centre that lies on a wall is pushed against it."""
    if (coordinate <= 0.0 and velocity < 0.0) or (coordinate >= size and velocity > 0.0):
        return 0.0
    return velocity


@kernel
def _wall(coordinate, radius, size):
    """Return the push of the two walls along one axis, as a length, and a bound of its slope."""
    low, high = max(radius - coordinate, 0.0), max(coordinate + radius - size, 0.0)
    return low - high, (1.0 if low > 0.0 else 0.0) + (1.0 if high > 0.0 else 0.0)


@kernel
def _advance(body, velocity, step, box, ndim, reference):
    """Move all cells, keep them in the box, and return the largest square of a distance from ``reference``."""
    largest = 0.0
    for i in range(body.shape[0]):
        square = 0.0
        for axis in range(ndim):
            coordinate = min(max(body[i, axis] + step * velocity[i, axis], 0.0), box[axis])
            body[i, axis] = coordinate
            square += (coordinate - reference[i, axis]) ** 2
        largest = max(largest, square)
    return largest
