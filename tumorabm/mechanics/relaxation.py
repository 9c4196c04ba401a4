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

Time is marched by explicit Euler in a ramp of lengthening steps: overlaps that walking, growth and division leave decay
fastest, and need the short steps; the slow, collective motion bears the long ones. In packed walking tissue, nine such
steps leave smaller errors of position after 6 min than nine equal ones, and 1.7 (strongly damped) to 11 times smaller
ones than Runge-Kutta-Chebyshev and Legendre schemes of nine evaluations.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from tumorabm.kernels import kernel
from tumorabm.mechanics.columns import as_box, as_column
from tumorabm.mechanics.neighbours import find_neighbours
from tumorabm.philox import Stream, unit_vector
from tumorabm.threads import Threads

ADHESION_RANGE = 1.25
"""Cells attract up to this many sums of radii [A]."""

# Steps in units of the relaxation time 1/rate. A ramp runs from 0.5 to 1.5 times its mean step. Its longest step stays
# below 0.5, so that two cells approach rest from one side. The eigenvalues e of the linearised forces are at most 2 K,
# with K the largest eigenvalue of any cell's own 3 x 3 stiffness, and a ramp of 2 to 16 steps shrinks every mode for
# which e times its mean step is at most 2.26 [D]. In packed discs and balls, power iteration finds e up to 1.6 K.
_LONGEST_MEAN_STEP = 0.3
_MEAN_STEP_TIMES_STIFFNESS = 1.07
_STIFFENING = 1.05  # K grew by more than this since a ramp was planned, and a new one begins: 2 · 1.07 · 1.05 < 2.26
_MOST_STEPS_OF_A_RAMP = 16
_ROUNDING = 1e-12
_SKIN_IN_RADII = 1.15  # a step of 6 min of walking cells then needs one search
_COINCIDENT = 1e-9  # distance over rest distance below which a line of centres has no meaning
_COINCIDENCE = int(Stream.COINCIDENCE)

# Pairs are worked on in portions that stay in the cache, each quantity by itself in a row of the scratch space, so that
# the compiler can use vector instructions for the roots and divisions.
_PAIRS_OF_A_PORTION = 1016  # no power of two, for the rows would displace one another from the cache
_DX, _DY, _DZ, _REST, _ADHESION, _SQUARE, _PUSH, _SLOPE, _OVERLAP = range(9)

# What is summed over the neighbours of a cell: its velocity and stiffness.
_VX, _VY, _KXX, _KYY, _KXY, _VZ, _KZZ, _KXZ, _KYZ = range(9)
_SUMS = {2: 5, 3: 9}


class RelaxResult(NamedTuple):
    """How a relaxation went."""

    evaluations: int
    """Evaluations of all forces."""
    searches: int
    """Times that the neighbour lists were built."""
    residual_overlap_um: float
    """Largest overlap s - d of any pair at the last evaluation, 0 where none overlapped."""
    relaxed_min: float
    """Time marched. Less than asked for where all cells came to rest early, or the evaluations ran out."""
    finished: bool
    """False where the evaluations ran out before the time was marched or all cells were at rest."""
    fastest_row: int
    """Where not finished, the row of the cell that moved fastest, in radii, at the last evaluation; else -1."""


class _Cells(NamedTuple):
    """Cells in order of (bin, uid), and the neighbours of each that come later in it."""

    row: np.ndarray
    body: np.ndarray  # x, y, z, radius, square root of the adhesion
    uid: np.ndarray
    start: np.ndarray
    owner: np.ndarray  # of each neighbour: the cell in whose list it is
    neighbour: np.ndarray
    before: list[tuple[np.ndarray, np.ndarray]]  # owners and neighbours of pairs that end in a piece, by piece


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
    rate_per_min: float = 0.5,
    tolerance: float = 0.05,
    max_evaluations: int = 100_000,
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
    adhesion = as_column("adhesion", adhesion, n, np.float64)
    if not ((adhesion >= 0.0) & (adhesion <= 1.0)).all():
        raise ValueError(f"adhesion spans {adhesion.min()} to {adhesion.max()}; expected 0 to 1")
    radii_um = as_column("radii_um", radii_um, n, np.float64)
    uids = as_column("uids", uids, n, np.int64)
    if n == 0:
        return RelaxResult(0, 0, 0.0, 0.0, True, -1)

    left = total = dt_min * rate_per_min  # times below are in relaxation times 1/rate
    skin_um = _SKIN_IN_RADII * float(radii_um.max())
    velocity, sums = np.empty((n, 3)), np.zeros((n, _SUMS[ndim]))
    steps, planned_for = [], 0.0
    evaluations, searches, finished, ended = 0, 0, False, False
    while not ended:
        cells = reference = None  # the memory of the last search, before the next one takes as much
        cells = _arrange(positions_um, radii_um, adhesion, uids, skin_um, threads)
        reference = np.empty((n, ndim))
        threads.over_rows(_copy_coordinates, n, cells.body, reference)
        searches += 1
        moved_um = 0.0
        while moved_um <= 0.5 * skin_um and not ended:
            fastest, stiffest, overlap_um = _evaluate(cells, box_um, ndim, sums, velocity, threads)
            evaluations += 1
            finished = ended = fastest * left <= tolerance
            if ended:
                break
            if not steps or stiffest > _STIFFENING * planned_for:
                steps, planned_for = _ramp(left, stiffest), stiffest
            step = steps.pop(0)
            moved_um = _advance(cells.body, velocity, step, box_um, ndim, reference, threads)
            left = left - step if left - step > _ROUNDING * total else 0.0
            finished = left == 0.0
            ended = finished or evaluations >= max_evaluations
        threads.over_rows(_put_back, n, cells.row, cells.body, positions_um)
    fastest_row = -1 if finished else int(cells.row[np.argmax(np.linalg.norm(velocity, axis=1) / cells.body[:, 3])])
    return RelaxResult(evaluations, searches, overlap_um, (total - left) / rate_per_min, finished, fastest_row)


def _ramp(time: float, stiffness: float) -> list[float]:
    """Return the steps of the first of as few ramps, equally long, as ``time`` takes; one step if it is short."""
    mean = min(_LONGEST_MEAN_STEP, _MEAN_STEP_TIMES_STIFFNESS / max(stiffness, 1e-300))
    if time <= 0.5 * mean:
        return [time]
    steps = max(math.ceil(time / mean), 2)
    ramps = math.ceil(steps / _MOST_STEPS_OF_A_RAMP)
    count = math.ceil(steps / ramps)
    return (np.linspace(0.5, 1.5, count) * (time / (ramps * count))).tolist()


def _check(positions_um, dt_min, rate_per_min, tolerance, max_evaluations):
    if positions_um.ndim != 2 or positions_um.shape[1] != 3 or positions_um.dtype != np.float64:
        raise ValueError(f"positions_um is {positions_um.dtype} {positions_um.shape}; expected float64 (n, 3)")
    for name, value in (("dt_min", dt_min), ("rate_per_min", rate_per_min), ("tolerance", tolerance)):
        if not 0.0 < value < math.inf:
            raise ValueError(f"{name} is {value}; expected a positive number")
    if not dt_min * rate_per_min < math.inf:
        raise ValueError(f"dt_min x rate_per_min is {dt_min} x {rate_per_min}; expected a finite product")
    if max_evaluations < 1:
        raise ValueError(f"max_evaluations is {max_evaluations}; expected at least 1")
    return len(positions_um)


def _arrange(positions_um, radii_um, adhesion, uids, skin_um, threads):
    row, start, neighbour = find_neighbours(positions_um, radii_um, uids, ADHESION_RANGE, skin_um, threads, once=True)
    body = np.empty((row.size, 5))
    threads.over_rows(_gather_bodies, row.size, row, positions_um, radii_um, np.sqrt(adhesion), body)
    neighbour = neighbour.view(np.uint32)  # the compiler need not provide for places counted from the end
    owner = np.empty(neighbour.size, np.uint32)
    farthest = max(threads.over_rows(_note_owners, row.size, start, neighbour, owner))
    before = threads.over_rows(_list_from_before, row.size, start, neighbour, farthest)
    return _Cells(row, body, uids[row], start, owner, neighbour, before)


def _evaluate(cells, box_um, ndim, sums, velocity, threads):
    """Write all velocities; return the largest speed in radii, stiffness, and overlap of any cell.

    ``sums`` is zero before and after.
    """
    of_cells = cells.body, cells.uid, cells.start, cells.owner, cells.neighbour
    pieces = threads.run(
        partial(_evaluate_rows, *piece, *before, *of_cells, box_um, ndim, sums, velocity)
        for piece, before in zip(threads.pieces(cells.row.size), cells.before, strict=True)
    )
    return tuple(map(max, zip(*pieces, strict=True)))


def _advance(body, velocity, step, box_um, ndim, reference, threads):
    """Move all cells, keep them in the box, and return the largest distance from ``reference``."""
    return math.sqrt(max(threads.over_rows(_advance_rows, len(body), body, velocity, step, box_um, ndim, reference)))


@kernel
def _gather_bodies(start, stop, row, positions, radii, adhesion_root, body):
    for i in range(start, stop):
        for axis in range(3):
            body[i, axis] = positions[row[i], axis]
        body[i, 3] = radii[row[i]]
        body[i, 4] = adhesion_root[row[i]]


@kernel
def _copy_coordinates(start, stop, body, coordinates):
    for i in range(start, stop):
        for axis in range(coordinates.shape[1]):
            coordinates[i, axis] = body[i, axis]


@kernel
def _put_back(start, stop, row, body, positions):
    for i in range(start, stop):
        for axis in range(3):
            positions[row[i], axis] = body[i, axis]


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
    fade = max(1.0 - gap / ((ADHESION_RANGE - 1.0) * rest), 0.0)
    slope = adhesion * fade * fade if gap > 0.0 else 1.0
    return -gap * slope, slope


@kernel
def _direction_between_coincident(uid, other, ndim):
    """Return a unit vector that is the opposite for the two cells of a pair."""
    x, y, z = unit_vector(min(uid, other), max(uid, other), 0, _COINCIDENCE, ndim)
    sign = 1.0 if uid < other else -1.0
    return sign * x, sign * y, sign * z


@kernel
def _note_owners(start, stop, list_start, neighbour, owner):
    """Write the owner of each neighbour; return the most places from a cell to a neighbour."""
    farthest = 0
    for i in range(start, stop):
        begin, end = list_start[i], list_start[i + 1]
        owner[begin:end] = i
        if end > begin:
            farthest = max(farthest, neighbour[end - 1] - i)
    return farthest


@kernel
def _evaluate_rows(
    start, stop, early_owner, early, body, uid, list_start, owner, neighbour, box, ndim, sums, velocity
):  # fmt: skip
    """Write the velocities of the cells ``start`` to ``stop``.

    A pair is worked out once, at the turn of its first cell, and added to the sums of both. A cell thus has met its
    neighbours in their order once its turn is over. A pair that spans two pieces is worked out in both.
    """
    pairs = np.empty((9, _PAIRS_OF_A_PORTION))
    own, other = np.empty(_PAIRS_OF_A_PORTION, np.uint32), np.empty(_PAIRS_OF_A_PORTION, np.uint32)
    fastest = stiffest = deepest = 0.0
    for first in range(0, early.size, _PAIRS_OF_A_PORTION):
        last = min(first + _PAIRS_OF_A_PORTION, early.size)
        overlap = _add_portion(
            first, last, start, stop, body, uid, early_owner, early, ndim, own, other, pairs, sums
        )  # fmt: skip
        deepest = max(deepest, overlap)
    first, end, over = list_start[start], list_start[stop], start
    while over < stop:
        last = min(first + _PAIRS_OF_A_PORTION, end)
        overlap = _add_portion(first, last, start, stop, body, uid, owner, neighbour, ndim, own, other, pairs, sums)
        turn = np.int64(owner[last]) if last < end else stop
        speed, stiffness = _end_sums(over, turn, body, stiffest, box, ndim, sums, velocity)
        fastest, stiffest, deepest = max(fastest, speed), max(stiffest, stiffness), max(deepest, overlap)
        first, over = last, turn
    return fastest, stiffest, deepest


@kernel
def _add_portion(first, last, start, stop, body, uid, owner, neighbour, ndim, own, other, pairs, sums):
    """Work out the pairs of a part of the lists and add them to the sums of the piece; return the largest overlap."""
    count = _pick_pairs(first, last, body, owner, neighbour, ndim, own, other)
    _measure_pairs(count, own, other, body, uid, ndim, pairs)
    _weigh_pairs(count, pairs)
    return _sum_pairs(count, start, stop, own, other, pairs, ndim, sums)


@kernel
def _list_from_before(start, stop, list_start, neighbour, farthest):
    """Return owners and neighbours of the pairs from a cell before ``start`` to one of ``start`` to ``stop``."""
    first_owner = max(start - farthest, 0)
    begin, end = np.empty(start - first_owner, np.int64), np.empty(start - first_owner, np.int64)
    found = 0
    for i in range(first_owner, start):
        last = list_start[i + 1]
        begin[i - first_owner] = end[i - first_owner] = last
        if last > list_start[i] and neighbour[last - 1] >= start:
            places = neighbour[list_start[i] : last]
            begin[i - first_owner] = list_start[i] + np.searchsorted(places, start)
            end[i - first_owner] = list_start[i] + np.searchsorted(places, stop)
            found += end[i - first_owner] - begin[i - first_owner]
    owners, neighbours = np.empty(found, np.uint32), np.empty(found, np.uint32)
    found = 0
    for i in range(first_owner, start):
        for m in range(begin[i - first_owner], end[i - first_owner]):
            owners[found], neighbours[found] = i, neighbour[m]
            found += 1
    return owners, neighbours


@kernel
def _pick_pairs(first, last, body, owner, neighbour, ndim, own, other):
    """Pick pairs within reach from a part of the lists; return how many."""
    count = np.uint64(0)
    for m in range(np.uint64(first), np.uint64(last)):
        i, j = owner[m], neighbour[m]
        dx, dy = body[i, 0] - body[j, 0], body[i, 1] - body[j, 1]
        dz = body[i, 2] - body[j, 2] if ndim == 3 else 0.0
        reach = ADHESION_RANGE * (body[i, 3] + body[j, 3])
        own[count], other[count] = i, j  # stands only if picked: cheaper than a jump that cannot be predicted
        count += np.uint64(dx * dx + dy * dy + dz * dz < reach * reach)
    return np.int64(count)


@kernel
def _measure_pairs(count, own, other, body, uid, ndim, pairs):
    dxs, dys, dzs, rests = pairs[_DX], pairs[_DY], pairs[_DZ], pairs[_REST]
    adhesions, squares = pairs[_ADHESION], pairs[_SQUARE]
    for m in range(np.uint64(count)):
        i, j = own[m], other[m]
        dx, dy = body[i, 0] - body[j, 0], body[i, 1] - body[j, 1]
        dz = body[i, 2] - body[j, 2] if ndim == 3 else 0.0
        rest = body[i, 3] + body[j, 3]
        square, least = dx * dx + dy * dy + dz * dz, (_COINCIDENT * rest) ** 2
        if square <= least:
            dx, dy, dz = _direction_between_coincident(uid[i], uid[j], ndim)
            dx, dy, dz = _COINCIDENT * rest * dx, _COINCIDENT * rest * dy, _COINCIDENT * rest * dz
            square = least
        dxs[m], dys[m], rests[m], squares[m] = dx, dy, rest, square
        if ndim == 3:
            dzs[m] = dz
        adhesions[m] = body[i, 4] * body[j, 4]


@kernel
def _weigh_pairs(count, pairs):
    """Write the factors by which a pair's (dx, dy, dz) gives its force, and twice its stiffness."""
    for m in range(count):
        distance, rest = math.sqrt(pairs[_SQUARE, m]), pairs[_REST, m]
        force, slope = pair_force(distance, rest, pairs[_ADHESION, m])
        inverse = 1.0 / distance
        pairs[_PUSH, m] = force * inverse
        pairs[_SLOPE, m] = slope * inverse * inverse
        pairs[_OVERLAP, m] = rest - distance


@kernel
def _sum_pairs(count, start, stop, own, other, pairs, ndim, sums):
    """Add what pairs do to the sums of those of their cells that lie in the piece; return the largest overlap."""
    dxs, dys, dzs, pushes, slopes, overlaps = (
        pairs[_DX], pairs[_DY], pairs[_DZ], pairs[_PUSH], pairs[_SLOPE], pairs[_OVERLAP]
    )  # fmt: skip
    deepest = 0.0
    for m in range(np.uint64(count)):
        i, j = own[m], other[m]
        dx, dy, push, slope = dxs[m], dys[m], pushes[m], slopes[m]
        vx, vy, sx, sy = push * dx, push * dy, slope * dx, slope * dy
        kxx, kyy, kxy = sx * dx, sy * dy, sx * dy
        if i >= start:
            _add_in_plane(sums, i, vx, vy, kxx, kyy, kxy)
        if j < stop:
            _add_in_plane(sums, j, -vx, -vy, kxx, kyy, kxy)
        if ndim == 3:
            dz = dzs[m]
            vz, kzz, kxz, kyz = push * dz, slope * dz * dz, sx * dz, sy * dz
            if i >= start:
                _add_along_z(sums, i, vz, kzz, kxz, kyz)
            if j < stop:
                _add_along_z(sums, j, -vz, kzz, kxz, kyz)
        deepest = max(deepest, overlaps[m])
    return deepest


@kernel
def _add_in_plane(sums, i, vx, vy, kxx, kyy, kxy):
    sums[i, _VX] += vx
    sums[i, _VY] += vy
    sums[i, _KXX] += kxx
    sums[i, _KYY] += kyy
    sums[i, _KXY] += kxy


@kernel
def _add_along_z(sums, i, vz, kzz, kxz, kyz):
    sums[i, _VZ] += vz
    sums[i, _KZZ] += kzz
    sums[i, _KXZ] += kxz
    sums[i, _KYZ] += kyz


@kernel
def _end_sums(first, last, body, stiffest, box, ndim, sums, velocity):
    """Write velocities and clear the sums; return the largest speed in radii, and stiffness if above ``stiffest``."""
    fastest = 0.0
    for i in range(np.uint64(first), np.uint64(last)):
        vx, vy, kxx, kyy, kxy = sums[i, _VX], sums[i, _VY], sums[i, _KXX], sums[i, _KYY], sums[i, _KXY]
        vz, kzz, kxz, kyz = 0.0, 0.0, 0.0, 0.0
        if ndim == 3:
            vz, kzz, kxz, kyz = sums[i, _VZ], sums[i, _KZZ], sums[i, _KXZ], sums[i, _KYZ]
            sums[i, _VZ] = sums[i, _KZZ] = sums[i, _KXZ] = sums[i, _KYZ] = 0.0
        sums[i, _VX] = sums[i, _VY] = sums[i, _KXX] = sums[i, _KYY] = sums[i, _KXY] = 0.0
        x, y, z, radius = body[i, 0], body[i, 1], body[i, 2], body[i, 3]
        if min(x, y) < radius or x + radius > box[0] or y + radius > box[1]:
            push_x, slope_x = _wall(x, radius, box[0])
            push_y, slope_y = _wall(y, radius, box[1])
            vx = _off_walls(vx + push_x, x, box[0])
            vy = _off_walls(vy + push_y, y, box[1])
            kxx, kyy = kxx + slope_x, kyy + slope_y
        if ndim == 3 and (z < radius or z + radius > box[2]):
            push_z, slope_z = _wall(z, radius, box[2])
            vz = _off_walls(vz + push_z, z, box[2])
            kzz += slope_z
        velocity[i, 0], velocity[i, 1], velocity[i, 2] = vx, vy, vz
        fastest = max(fastest, (vx * vx + vy * vy + vz * vz) / (radius * radius))
        # The norm by rows bounds the largest eigenvalue, which is thus needed of few cells.
        bound = max(kxx + abs(kxy) + abs(kxz), kyy + abs(kxy) + abs(kyz), kzz + abs(kxz) + abs(kyz))
        if bound > stiffest:
            stiffest = max(stiffest, min(bound, _largest_eigenvalue(kxx, kyy, kzz, kxy, kxz, kyz)))
    return math.sqrt(fastest), stiffest


@kernel
def _largest_eigenvalue(kxx, kyy, kzz, kxy, kxz, kyz):
    """Return the largest eigenvalue of a symmetric 3 x 3 matrix, by Smith, Commun ACM 4:168 (1961)."""
    mean = (kxx + kyy + kzz) / 3.0
    xx, yy, zz = kxx - mean, kyy - mean, kzz - mean
    spread = math.sqrt((xx * xx + yy * yy + zz * zz + 2.0 * (kxy * kxy + kxz * kxz + kyz * kyz)) / 6.0)
    if spread <= 1e-12 * mean:
        return mean
    determinant = xx * (yy * zz - kyz * kyz) - kxy * (kxy * zz - kyz * kxz) + kxz * (kxy * kyz - yy * kxz)
    cosine = min(max(0.5 * determinant / spread**3, -1.0), 1.0)
    return mean + 2.0 * spread * math.cos(math.acos(cosine) / 3.0)


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
def _advance_rows(start, stop, body, velocity, step, box, ndim, reference):
    """Move cells, keep them in the box, and return the largest square of a distance from ``reference``."""
    largest = 0.0
    for i in range(start, stop):
        square = 0.0
        for axis in range(ndim):
            coordinate = min(max(body[i, axis] + step * velocity[i, axis], 0.0), box[axis])
            body[i, axis] = coordinate
            square += (coordinate - reference[i, axis]) ** 2
        largest = max(largest, square)
    return largest
