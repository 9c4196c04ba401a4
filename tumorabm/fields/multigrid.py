"""Geometric multigrid for diffusion with an uneven sink, on cell-centred finite volumes of any size.

The operator at a voxel is ``(sigma + sum of couplings) x - sum of coupling * neighbour``. A coupling across a face is
``D / (width of the voxel * distance between the centres)``, so each axis needs one short table a level and only
``sigma`` (1/min; time derivative, decay, exchange, and uptake) is a full array. A coarser level merges pairs of voxels
along each axis, down to a single voxel; where an axis has an odd number, the last voxel stays alone. Voxels keep their
true widths, so 75 x 75 converges as 64 x 64 does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tumorabm.kernels import kernel

NDArray = np.ndarray

SINK_LIMIT = 4.0
NO_SINK = 1e-200  # 1/min; stands for zero, which coarse levels have without diffusion, where they are not needed


class Levels(NamedTuple):
    """The levels of one grid and one diffusion coefficient. Axes are ordered z, y, x.

    Parameters
    ----------
    shape
        (n_levels, 3) int64, voxels along each axis; the last level is one voxel.
    start
        (n_levels + 1,) int64, where a level begins in a flat buffer of all levels.
    axis_start
        (n_levels, 3) int64, where the entries of a level and axis begin in each of the tables below.
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
        np.array(shapes, dtype=np.int64), np.concatenate(([0], np.cumsum(sizes))), np.array(axis_starts), *columns
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
def _relax(levels, level, colour, values, right, inverse_diagonal):
    """Solve for the voxels of one colour of the chequerboard, the others held (Gauss-Seidel)."""
    nz, ny, nx = levels.shape[level]
    z0, y0, x0 = levels.axis_start[level]
    x1 = x0 + nx
    lower_x, upper_x = levels.lower[x0:x1], levels.upper[x0:x1]
    for k in range(nz):
        for j in range(ny):
            row = (k * ny + j) * nx
            here = values[row : row + nx]
            south = values[row - nx : row] if j > 0 else here
            north = values[row + nx : row + 2 * nx] if j < ny - 1 else here
            below = values[row - ny * nx : row - ny * nx + nx] if k > 0 else here
            above = values[row + ny * nx : row + ny * nx + nx] if k < nz - 1 else here
            lower_y, upper_y = levels.lower[y0 + j], levels.upper[y0 + j]
            lower_z, upper_z = levels.lower[z0 + k], levels.upper[z0 + k]
            right_row, inverse = right[row : row + nx], inverse_diagonal[row : row + nx]
            for i in range((k + j + colour) & 1, nx, 2):
                west = i - 1 if i > 0 else 0  # the couplings at the ends are zero
                east = i + 1 if i < nx - 1 else i
                total = right_row[i] + lower_x[i] * here[west] + upper_x[i] * here[east]
                total += lower_y * south[i] + upper_y * north[i]
                if nz > 1:
                    total += lower_z * below[i] + upper_z * above[i]
                here[i] = total * inverse[i]


@kernel
def _restrict_residual(levels, level, values, coarse_right):
    """Set ``coarse_right`` to the mean residual after one sweep from zero.

    The voxels of the second colour are solved. Those of the first were, while their neighbours were zero: what is left
    there is the neighbours' coupling alone.
    """
    nz, ny, nx = levels.shape[level]
    _, coarse_ny, coarse_nx = levels.shape[level + 1]
    z0, y0, x0 = levels.axis_start[level]
    x1 = x0 + nx
    lower_x, upper_x = levels.lower[x0:x1], levels.upper[x0:x1]
    fraction_x = levels.fraction[x0:x1]
    coarse_right[:] = 0.0
    for k in range(nz):
        for j in range(ny):
            row = (k * ny + j) * nx
            here = values[row : row + nx]
            south = values[row - nx : row] if j > 0 else here
            north = values[row + nx : row + 2 * nx] if j < ny - 1 else here
            below = values[row - ny * nx : row - ny * nx + nx] if k > 0 else here
            above = values[row + ny * nx : row + ny * nx + nx] if k < nz - 1 else here
            lower_y, upper_y = levels.lower[y0 + j], levels.upper[y0 + j]
            lower_z, upper_z = levels.lower[z0 + k], levels.upper[z0 + k]
            parent_row = (levels.parent[z0 + k] * coarse_ny + levels.parent[y0 + j]) * coarse_nx
            parents = coarse_right[parent_row : parent_row + coarse_nx]
            fraction = levels.fraction[z0 + k] * levels.fraction[y0 + j]
            for i in range((k + j) & 1, nx, 2):
                west = i - 1 if i > 0 else 0
                east = i + 1 if i < nx - 1 else i
                total = lower_x[i] * here[west] + upper_x[i] * here[east] + lower_y * south[i] + upper_y * north[i]
                if nz > 1:
                    total += lower_z * below[i] + upper_z * above[i]
                parents[i >> 1] += fraction * fraction_x[i] * total


@kernel
def _prolong(levels, level, values, coarse_values, line):
    """Add the correction of the next coarser level, interpolated linearly along each axis."""
    nz, ny, nx = levels.shape[level]
    _, coarse_ny, coarse_nx = levels.shape[level + 1]
    z0, y0, x0 = levels.axis_start[level]
    x1 = x0 + nx
    neighbour_x = levels.neighbour[x0:x1]
    weight_x, other_weight_x = levels.parent_weight[x0:x1], levels.neighbour_weight[x0:x1]
    for k in range(nz):
        for j in range(ny):
            y, other_y = levels.parent[y0 + j], levels.neighbour[y0 + j]
            weight_y, other_weight_y = levels.parent_weight[y0 + j], levels.neighbour_weight[y0 + j]
            z, other_z = levels.parent[z0 + k], levels.neighbour[z0 + k]
            weight_z, other_weight_z = levels.parent_weight[z0 + k], levels.neighbour_weight[z0 + k]
            near, far = (z * coarse_ny + y) * coarse_nx, (z * coarse_ny + other_y) * coarse_nx
            for i in range(coarse_nx):
                line[i] = weight_z * (weight_y * coarse_values[near + i] + other_weight_y * coarse_values[far + i])
            if other_weight_z != 0.0:
                near, far = (other_z * coarse_ny + y) * coarse_nx, (other_z * coarse_ny + other_y) * coarse_nx
                for i in range(coarse_nx):
                    line[i] += other_weight_z * (
                        weight_y * coarse_values[near + i] + other_weight_y * coarse_values[far + i]
                    )
            row = (k * ny + j) * nx
            here = values[row : row + nx]
            for i in range(nx):
                here[i] += weight_x[i] * line[i >> 1] + other_weight_x[i] * line[neighbour_x[i]]


@kernel
def coarsen_sink(levels, sigma):
    """Average ``sigma`` of the finest level over all coarser ones, then turn it into 1 / diagonal in place.

    A vessel in a single voxel can take no more than diffusion brings, so a sink counts towards the coarser level only
    up to ``SINK_LIMIT`` times the voxel's couplings, in series. Without this, such voxels stiffen the coarse levels
    and a cycle leaves up to 0.32 instead of 0.25 of the error.

    Parameters
    ----------
    levels
        See `Levels`.
    sigma
        (levels.start[-1],) float64, 1/min, the finest level filled; overwritten.
    """
    n_levels = len(levels.shape)
    for level in range(n_levels):
        nz, ny, nx = levels.shape[level]
        z0, y0, x0 = levels.axis_start[level]
        x1 = x0 + nx
        diagonal_x, fraction_x = levels.diagonal[x0:x1], levels.fraction[x0:x1]
        fine = sigma[levels.start[level] : levels.start[level + 1]]
        if level + 1 < n_levels:
            coarse = sigma[levels.start[level + 1] : levels.start[level + 2]]
            coarse[:] = 0.0
            _, coarse_ny, coarse_nx = levels.shape[level + 1]
        for k in range(nz):
            for j in range(ny):
                row = (k * ny + j) * nx
                here = fine[row : row + nx]
                diagonal = levels.diagonal[z0 + k] + levels.diagonal[y0 + j]
                if level + 1 < n_levels:
                    parent_row = (levels.parent[z0 + k] * coarse_ny + levels.parent[y0 + j]) * coarse_nx
                    parents = coarse[parent_row : parent_row + coarse_nx]
                    fraction = levels.fraction[z0 + k] * levels.fraction[y0 + j]
                    for i in range(nx):
                        most = max(SINK_LIMIT * (diagonal + diagonal_x[i]), NO_SINK)
                        parents[i >> 1] += fraction * fraction_x[i] * here[i] * most / (here[i] + most)
                for i in range(nx):
                    here[i] = 1.0 / max(here[i] + diagonal + diagonal_x[i], NO_SINK)


@kernel
def v_cycle(levels, inverse_diagonal, values, right, line):
    """Approximate the solution of operator * values = right by one V-cycle from zero.

    Parameters
    ----------
    levels
        See `Levels`.
    inverse_diagonal
        (levels.start[-1],) float64, min, from `coarsen_sink`.
    values
        (levels.start[-1],) float64, mM; the finest level receives the solution.
    right
        (levels.start[-1],) float64, mM/min; the finest level holds the right-hand side.
    line
        (nx of the next coarser level,) float64, scratch.
    """
    last = len(levels.shape) - 1
    for level in range(last):
        begin, end, coarse_end = levels.start[level], levels.start[level + 1], levels.start[level + 2]
        values[begin:end] = 0.0
        for colour in range(2):
            _relax(levels, level, colour, values[begin:end], right[begin:end], inverse_diagonal[begin:end])
        _restrict_residual(levels, level, values[begin:end], right[end:coarse_end])
    begin = levels.start[last]
    values[begin] = right[begin] * inverse_diagonal[begin]
    for level in range(last - 1, -1, -1):
        begin, end, coarse_end = levels.start[level], levels.start[level + 1], levels.start[level + 2]
        _prolong(levels, level, values[begin:end], values[end:coarse_end], line)
        for colour in range(2):
            _relax(levels, level, colour, values[begin:end], right[begin:end], inverse_diagonal[begin:end])
