"""Geometric multigrid for diffusion with an uneven sink, on cell-centred finite volumes of any size.

The operator at a voxel is ``(sigma + sum of couplings) x - sum of coupling * neighbour``. A coupling across a face is
``D / (width of the voxel * distance between the centres)``, so each axis needs one short table a level and only
``sigma`` (1/min; time derivative, decay, exchange, and uptake) is a full array. A coarser level merges pairs of voxels
along each axis, down to a single voxel; where an axis has an odd number, the last voxel stays alone. Voxels keep their
true widths, so 75 x 75 converges as 64 x 64 does.

A cycle only corrects an iterate whose residual is computed elsewhere, in float64, so it works in float32: that halves
the memory traffic, which bounds its speed, and leaves the accuracy of the solution as it is. Smoothing is by damped
Jacobi steps, whose loops over a row become vector code as those of Gauss-Seidel do not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tumorabm.kernels import kernel

NDArray = np.ndarray

SINK_LIMIT = np.float32(2.0)
NO_SINK = np.float32(1e-30)  # 1/min; stands for zero, which coarse levels have without diffusion, where they are idle
ONE_32 = np.float32(1.0)
ONE, TWO = np.uint64(1), np.uint64(2)

LEAST_SMOOTHED, MOST_SMOOTHED = 0.45, 2.0
"""Eigenvalues of the operator over its diagonal that two Jacobi steps damp as far as two steps can. None is above 2."""

_CENTRE, _SPREAD = (LEAST_SMOOTHED + MOST_SMOOTHED) / 2, (MOST_SMOOTHED - LEAST_SMOOTHED) / np.sqrt(8)
SHORT_STEP, LONG_STEP = np.float32(1 / (_CENTRE + _SPREAD)), np.float32(1 / (_CENTRE - _SPREAD))  # Chebyshev's

GUARD = 1
"""Voxels before the first and after the last one of a padded array.

The first voxel of a row reads the last one of the row before as its western neighbour, and multiplies it by a coupling
of zero. So rows need no special ends; the very first and last voxel need something finite beside them.
"""


class Levels(NamedTuple):
    """The levels of one grid and one diffusion coefficient. Axes are ordered z, y, x.

    Parameters
    ----------
    shape
        (n_levels, 3) int64, voxels along each axis; the last level is one voxel.
    start
        (n_levels + 1,) int64, where a level begins in a flat buffer of all levels with `GUARD` voxels at its ends.
    axis_start
        (n_levels, 3) int64, where the entries of a level and axis begin in each of the tables below, float32 where
        nothing else is said.
    lower, upper
        Coupling to the voxel before and after, 1/min; 0 at the ends.
    diagonal
        Sum of both and of the coupling to a Dirichlet face, 1/min.
    parent, neighbour
        int64, the coarse voxel that a voxel belongs to, and the coarse voxel on its other side.
    parent_weight, neighbour_weight
        Weights of linear interpolation from these two.
    fraction
        Width of the voxel over the width of its parent.
    """

    shape: NDArray
    start: NDArray
    axis_start: NDArray
    lower: NDArray
    upper: NDArray
    diagonal: NDArray
    parent: NDArray
    neighbour: NDArray
    parent_weight: NDArray
    neighbour_weight: NDArray
    fraction: NDArray


def build_levels(
    shape: tuple[int, int, int],
    voxel_um: float,
    diffusion_um2_per_min: float,
    dirichlet: tuple[tuple[bool, bool], ...],
) -> Levels:
    """Return the levels for a grid of ``shape`` (nz, ny, nx); ``dirichlet`` says so for the two ends of z, y, x."""
    widths = [np.full(n, float(voxel_um)) for n in shape]
    shapes, axis_starts, tables, used = [], [], [], 0
    while True:
        shapes.append([len(w) for w in widths])
        axis_starts.append([used + sum(shapes[-1][:axis]) for axis in range(3)])
        used += sum(shapes[-1])
        tables += [
            _axis_tables(width, diffusion_um2_per_min, *ends) for width, ends in zip(widths, dirichlet, strict=True)
        ]
        if max(shapes[-1]) == 1:
            break
        widths = [np.add.reduceat(w, np.arange(0, len(w), 2)) for w in widths]
    sizes = np.prod(np.array(shapes, dtype=np.int64), axis=1)
    columns = [np.concatenate(column) for column in zip(*tables, strict=True)]
    return Levels(
        np.array(shapes, dtype=np.int64),
        GUARD + np.concatenate(([0], np.cumsum(sizes))),
        np.array(axis_starts),
        *(column.astype(np.float32) if column.dtype == np.float64 else column for column in columns),
    )


def _axis_tables(width: NDArray, diffusion: float, dirichlet_low: bool, dirichlet_high: bool) -> tuple[NDArray, ...]:
    """Return one axis' part of the tables of `Levels`, from lower on."""
    n = len(width)
    face = np.concatenate(([0.0], np.cumsum(width)))
    centre = 0.5 * (face[:-1] + face[1:])
    across = diffusion / np.diff(centre)
    lower = np.concatenate(([0.0], across)) / width
    upper = np.concatenate((across, [0.0])) / width
    diagonal = lower + upper
    diagonal[0] += 2.0 * diffusion / width[0] ** 2 * dirichlet_low
    diagonal[-1] += 2.0 * diffusion / width[-1] ** 2 * dirichlet_high

    parent = np.arange(n) // 2
    coarse_face = np.concatenate((face[:-1:2], face[-1:]))
    coarse_centre = 0.5 * (coarse_face[:-1] + coarse_face[1:])
    own = coarse_centre[parent]
    side = np.sign(centre - own).astype(np.int64)
    neighbour = np.clip(parent + side, 0, len(coarse_centre) - 1)
    gap = coarse_centre[neighbour] - own
    neighbour_weight = np.divide(centre - own, gap, out=np.zeros(n), where=gap != 0.0)
    parent_weight = 1.0 - neighbour_weight
    if n > 1:  # beyond the last coarse centre: constant at a closed end, falling to 0 at a Dirichlet face
        if dirichlet_low:
            parent_weight[0] = centre[0] / own[0]
        if dirichlet_high:
            parent_weight[-1] *= (face[-1] - centre[-1]) / (face[-1] - own[-1]) if neighbour_weight[-1] == 0.0 else 1.0
    fraction = width / np.diff(coarse_face)[parent]
    return lower, upper, diagonal, parent, neighbour, parent_weight, neighbour_weight, fraction


@kernel
def row_offsets(shape, begin, number):
    """Return (k, j) of a row by its number, where it begins, and where its neighbours south, north, below and above do.

    Where there is none, the row itself stands in: the coupling is zero. The offsets are unsigned because Numba then
    leaves out the test for negative indices, which would keep loops over a row from becoming vector code.
    """
    nz, ny, nx = shape
    k, j, row, plane = number // ny, number % ny, begin + number * nx, ny * nx
    south, north = row - nx if j > 0 else row, row + nx if j < ny - 1 else row
    below, above = row - plane if k > 0 else row, row + plane if k < nz - 1 else row
    return k, j, np.uint64(row), np.uint64(south), np.uint64(north), np.uint64(below), np.uint64(above)


@kernel
def _smooth_from_zero(levels, level, weight, right, inverse_diagonal, values):
    """Write one damped Jacobi step from zero."""
    for v in range(np.uint64(levels.start[level]), np.uint64(levels.start[level + 1])):
        values[v] = weight * inverse_diagonal[v] * right[v]


@kernel
def _smooth(levels, level, weight, right, inverse_diagonal, values, result):
    """Write one damped Jacobi step from ``values`` into ``result``."""
    nz, ny, nx = levels.shape[level]
    z0, y0, x0 = levels.axis_start[level]
    lower_x, upper_x = levels.lower[x0 : x0 + nx], levels.upper[x0 : x0 + nx]
    for number in range(nz * ny):
        k, j, row, south, north, below, above = row_offsets(levels.shape[level], levels.start[level], number)
        west, east = row - ONE, row + ONE
        lower_y, upper_y = levels.lower[y0 + j], levels.upper[y0 + j]
        lower_z, upper_z = levels.lower[z0 + k], levels.upper[z0 + k]
        for i in range(np.uint64(nx)):
            here = values[row + i]
            total = right[row + i] + lower_x[i] * values[west + i] + upper_x[i] * values[east + i]
            total += lower_y * values[south + i] + upper_y * values[north + i]
            if nz > 1:
                total += lower_z * values[below + i] + upper_z * values[above + i]
            result[row + i] = here + weight * (inverse_diagonal[row + i] * total - here)


@kernel
def _add_pairs(line, n, weight, coarse, row):
    """Add ``weight`` times the sum of each pair of the ``n`` values of a line to a row of the coarser level."""
    line[n] = 0.0
    for i in range(np.uint64((n + 1) // 2)):
        coarse[row + i] += weight * (line[TWO * i] + line[TWO * i + ONE])


@kernel
def _parent_row(levels, level, k, j):
    """Return where the coarse row over row (k, j) begins, and what share of it the row is."""
    z, y = levels.axis_start[level, 0] + k, levels.axis_start[level, 1] + j
    _, coarse_ny, coarse_nx = levels.shape[level + 1]
    row = levels.start[level + 1] + (levels.parent[z] * coarse_ny + levels.parent[y]) * coarse_nx
    return np.uint64(row), levels.fraction[z] * levels.fraction[y]


@kernel
def _restrict_residual(levels, level, right, inverse_diagonal, values, line):
    """Set the right-hand side of the next coarser level to the mean residual, as far as diffusion carries it.

    The share ``limit / (sigma + limit)`` belongs to the limit of the sink in `coarsen_sink`: seen from the coarser
    level, a voxel hangs on a coupling of that strength. The rest of the residual is left to smoothing.
    """
    nz, ny, nx = levels.shape[level]
    z0, y0, x0 = levels.axis_start[level]
    lower_x, upper_x = levels.lower[x0 : x0 + nx], levels.upper[x0 : x0 + nx]
    diagonal_x, fraction_x = levels.diagonal[x0 : x0 + nx], levels.fraction[x0 : x0 + nx]
    right[levels.start[level + 1] : levels.start[level + 2]] = 0.0
    for number in range(nz * ny):
        k, j, row, south, north, below, above = row_offsets(levels.shape[level], levels.start[level], number)
        west, east = row - ONE, row + ONE
        diagonal_yz = levels.diagonal[z0 + k] + levels.diagonal[y0 + j]
        lower_y, upper_y = levels.lower[y0 + j], levels.upper[y0 + j]
        lower_z, upper_z = levels.lower[z0 + k], levels.upper[z0 + k]
        for i in range(np.uint64(nx)):
            total = right[row + i] + lower_x[i] * values[west + i] + upper_x[i] * values[east + i]
            total += lower_y * values[south + i] + upper_y * values[north + i]
            if nz > 1:
                total += lower_z * values[below + i] + upper_z * values[above + i]
            diagonal = ONE_32 / inverse_diagonal[row + i]
            couplings = diagonal_yz + diagonal_x[i]
            share = SINK_LIMIT * couplings / (diagonal + (SINK_LIMIT - ONE_32) * couplings)
            line[i] = fraction_x[i] * share * (total - diagonal * values[row + i])
        parent, fraction = _parent_row(levels, level, k, j)
        _add_pairs(line, nx, fraction, right, parent)


@kernel
def _prolong(levels, level, values, line):
    """Add the correction of the next coarser level, interpolated linearly along each axis."""
    nz, ny, nx = levels.shape[level]
    _, coarse_ny, coarse_nx = levels.shape[level + 1]
    z0, y0, x0 = levels.axis_start[level]
    own_weight, other_weight = levels.parent_weight[x0 : x0 + nx], levels.neighbour_weight[x0 : x0 + nx]
    line[0], line[coarse_nx + 1] = 0.0, 0.0
    for number in range(nz * ny):
        k, j = number // ny, number % ny
        for i in range(np.uint64(coarse_nx)):
            line[i + ONE] = 0.0
        for side in range(4):
            z, y = z0 + k, y0 + j
            weight = levels.parent_weight[z] if side < 2 else levels.neighbour_weight[z]
            weight *= levels.parent_weight[y] if side % 2 == 0 else levels.neighbour_weight[y]
            if weight == 0.0:
                continue
            coarse_k = levels.parent[z] if side < 2 else levels.neighbour[z]
            coarse_j = levels.parent[y] if side % 2 == 0 else levels.neighbour[y]
            coarse = np.uint64(levels.start[level + 1] + (coarse_k * coarse_ny + coarse_j) * coarse_nx)
            for i in range(np.uint64(coarse_nx)):
                line[i + ONE] += weight * values[coarse + i]
        row = np.uint64(levels.start[level] + number * nx)
        for i in range(np.uint64(nx // 2)):
            even, odd = TWO * i, TWO * i + ONE
            values[row + even] += own_weight[even] * line[i + ONE] + other_weight[even] * line[i]
            values[row + odd] += own_weight[odd] * line[i + ONE] + other_weight[odd] * line[i + TWO]
        if nx % 2 == 1:
            values[row + np.uint64(nx - 1)] += own_weight[nx - 1] * line[coarse_nx]


@kernel
def coarsen_sink(levels, sigma, line):
    """Average ``sigma`` of the finest level over all coarser ones, then turn it into 1 / diagonal in place.

    A vessel in a single voxel can take no more than diffusion brings, so a sink counts towards the coarser level only
    in series with ``SINK_LIMIT`` times the voxel's couplings. Without this, such voxels stiffen the coarse levels.

    Parameters
    ----------
    levels
        See `Levels`.
    sigma
        (levels.start[-1] + GUARD,) float32, 1/min, the finest level filled; overwritten.
    line
        (max(levels.shape[0]) + 3,) float32, scratch.
    """
    last = len(levels.shape) - 1
    for level in range(last + 1):
        nz, ny, nx = levels.shape[level]
        z0, y0, x0 = levels.axis_start[level]
        diagonal_x, fraction_x = levels.diagonal[x0 : x0 + nx], levels.fraction[x0 : x0 + nx]
        if level < last:
            sigma[levels.start[level + 1] : levels.start[level + 2]] = 0.0
        for number in range(nz * ny):
            k, j, row = number // ny, number % ny, np.uint64(levels.start[level] + number * nx)
            diagonal_yz = levels.diagonal[z0 + k] + levels.diagonal[y0 + j]
            for i in range(np.uint64(nx)):
                sink, couplings = sigma[row + i], diagonal_yz + diagonal_x[i]
                limit = max(SINK_LIMIT * couplings, NO_SINK)
                line[i] = fraction_x[i] * (sink * (limit / (sink + limit)))
                sigma[row + i] = ONE_32 / max(sink + couplings, NO_SINK)
            if level < last:
                parent, fraction = _parent_row(levels, level, k, j)
                _add_pairs(line, nx, fraction, sigma, parent)


@kernel
def v_cycle(levels, inverse_diagonal, right, values, spare, line, from_zero):
    """Approximate the solution of operator * values = right by one V-cycle.

    Parameters
    ----------
    levels
        See `Levels`.
    inverse_diagonal
        (levels.start[-1] + GUARD,) float32, min, from `coarsen_sink`.
    right
        (levels.start[-1] + GUARD,) float32; the finest level holds the right-hand side, scaled to about 1 at most.
    values
        (levels.start[-1] + GUARD,) float32; the finest level receives the solution.
    spare, line
        Scratch, as long as ``values`` and as in `coarsen_sink`, float32.
    from_zero
        Whether to start from zero, or else from what the finest level of ``values`` holds.
    """
    last = len(levels.shape) - 1
    for level in range(last):
        if from_zero or level > 0:
            _smooth_from_zero(levels, level, SHORT_STEP, right, inverse_diagonal, spare)
        else:
            _smooth(levels, level, SHORT_STEP, right, inverse_diagonal, values, spare)
        _smooth(levels, level, LONG_STEP, right, inverse_diagonal, spare, values)
        _restrict_residual(levels, level, right, inverse_diagonal, values, line)
    begin = levels.start[last]
    values[begin] = right[begin] * inverse_diagonal[begin]
    for level in range(last - 1, -1, -1):
        _prolong(levels, level, values, line)
        _smooth(levels, level, LONG_STEP, right, inverse_diagonal, values, spare)
        _smooth(levels, level, SHORT_STEP, right, inverse_diagonal, spare, values)
