"""One implicit stage of one substrate: Newton's method, with two multigrid cycles a Newton step.

    (c - reference) / tau = F(c) = div(D grad c) - decay c + p (plasma - c) + s - u c/(c + Ku) - e c/(c + Ke)

Loops over the voxels of a row are kept apart, and each reads and writes few arrays: then they become vector code. Sums
and maxima are taken by columns, in short arrays over a row, for the same reason.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tumorabm.fields.multigrid import GUARD, ONE, coarsen_sink, row_offsets, v_cycle
from tumorabm.kernels import kernel

NDArray = np.ndarray

SOLVER_TOLERANCE = 1e-8  # of the largest concentration
STEADY_TOLERANCE = 1e-11  # of the largest concentration: a change by less in a step is none, however many steps follow
DEFECT_TOLERANCE = 1e-7  # of the total over tau, or at the steady state of the total inflow
CYCLES_PER_NEWTON_STEP = 2
FROZEN_CHANGE = 0.01  # of the smallest Km: a change by less leaves the slopes of saturating sinks within 2 %
MAX_CYCLES_STEP = 100
MAX_CYCLES_STEADY = 400
RUNAWAY_MM = 1e9  # water is 5.5e4 mM; a steady state beyond this is none
TINY_MM = 1e-200  # below this, relative accuracy would be lost in subnormal numbers
SAFE_32 = 1e15  # residuals between this and its inverse have room in float32 to grow and to shrink

_GUARD = np.uint64(GUARD)

OK, NOT_CONVERGED, NOT_FINITE, OUT_OF_BALANCE = 0, 1, 2, 3


class Terms(NamedTuple):
    """The right-hand side of one substrate; arrays are float64, flat over the voxels.

    Parameters
    ----------
    exchange, source, uptake, enzyme
        p (1/min), s, u, e (mM/min), none negative; of length 0 where a field has none.
    lower, upper
        Coupling to the voxel before and after (1/min), 0 at the ends; entries of the axes z, y, x behind one another.
    wall, wall_inflow
        Coupling to Dirichlet faces (1/min), and the same times the value at the face (mM/min); in the same order.
    decay, plasma, uptake_km, enzyme_km
        1/min, mM, mM, mM.
    """

    exchange: NDArray
    source: NDArray
    uptake: NDArray
    enzyme: NDArray
    lower: NDArray
    upper: NDArray
    wall: NDArray
    wall_inflow: NDArray
    decay: float
    plasma: float
    uptake_km: float
    enzyme_km: float


class Work(NamedTuple):
    """Scratch memory of one field.

    Parameters
    ----------
    inverse_diagonal, correction, spare, residual
        float32, over the voxels of all levels and `GUARD` voxels at both ends: first the sink (1/min) and then min; the
        other three scaled.
    line
        float32, of `coarsen_sink`.
    iterate
        float64, over the voxels and `GUARD` voxels at both ends, mM: the solution as it converges.
    stage, known
        float64, over the voxels: the first stage (mM), and the part of a stage's equation that does not depend on c
        (mM/min); between stages, ``known`` is free.
    slope
        float32, over the voxels, mM/min: F at the start of a sub-step.
    columns
        (4, nx) float64: sums and maxima by columns.
    """

    inverse_diagonal: NDArray
    correction: NDArray
    spare: NDArray
    residual: NDArray
    line: NDArray
    iterate: NDArray
    stage: NDArray
    known: NDArray
    slope: NDArray
    columns: NDArray


@kernel
def column_sum(values, row_length, columns):
    """Return the sum, by columns, so that rounding grows with the side of the grid and not with its size."""
    columns[:] = 0.0
    for row in range(np.uint64(0), np.uint64(len(values)), np.uint64(row_length)):
        for i in range(np.uint64(row_length)):
            columns[i] += values[row + i]
    return columns.sum()


@kernel
def prepare(levels, terms, work, start, blend, inverse_tau):
    """Write the part that does not depend on c, with the reference ``start + blend (stage - start)``."""
    nz, ny, nx = levels.shape[0]
    exchange, source, stage, known = terms.exchange, terms.source, work.stage, work.known
    wall_inflow_x = terms.wall_inflow[nz + ny :]
    for number in range(nz * ny):
        row = np.uint64(number * nx)
        wall_inflow = terms.wall_inflow[number // ny] + terms.wall_inflow[nz + number % ny]
        for i in range(np.uint64(nx)):
            known[row + i] = inverse_tau * start[row + i] + (wall_inflow + wall_inflow_x[i])
    for v in range(np.uint64(len(source))):
        known[v] += source[v]
    for v in range(np.uint64(len(exchange))):
        known[v] += exchange[v] * terms.plasma
    if blend != 0.0:
        for v in range(np.uint64(len(known))):
            known[v] += inverse_tau * blend * (stage[v] - start[v])


@kernel
def evaluate(levels, terms, work, inverse_tau, scale):
    """Write ``scale`` times the residual of ``work.iterate``; return its sum and its largest magnitude, mM/min."""
    nz, ny, nx = levels.shape[0]
    lower_x, upper_x, wall_x = terms.lower[nz + ny :], terms.upper[nz + ny :], terms.wall[nz + ny :]
    exchange, uptake, uptake_km = terms.exchange, terms.uptake, terms.uptake_km
    enzyme, enzyme_km, linear = terms.enzyme, terms.enzyme_km, inverse_tau + terms.decay
    values, residual, known = work.iterate, work.residual, work.known
    rate, total, largest = work.columns[0], work.columns[1], work.columns[2]
    total[:] = 0.0
    largest[:] = 0.0
    for number in range(nz * ny):
        k, j, row, south, north, below, above = row_offsets(levels.shape[0], GUARD, number)
        west, east, plain = row - ONE, row + ONE, row - _GUARD
        lower_y, upper_y = terms.lower[nz + j], terms.upper[nz + j]
        lower_z, upper_z = terms.lower[k], terms.upper[k]
        wall = terms.wall[k] + terms.wall[nz + j]
        for i in range(np.uint64(nx)):
            c = values[row + i]
            flow = lower_x[i] * (values[west + i] - c) + upper_x[i] * (values[east + i] - c)
            flow += lower_y * (values[south + i] - c) + upper_y * (values[north + i] - c)
            if nz > 1:
                flow += lower_z * (values[below + i] - c) + upper_z * (values[above + i] - c)
            rate[i] = flow - (wall + wall_x[i]) * c
        for i in range(np.uint64(nx)):
            rate[i] += known[plain + i] - linear * values[row + i]
        if len(exchange) > 0:
            for i in range(np.uint64(nx)):
                rate[i] -= exchange[plain + i] * values[row + i]
        if len(uptake) > 0:
            for i in range(np.uint64(nx)):
                rate[i] -= uptake[plain + i] * (values[row + i] / (values[row + i] + uptake_km))
        if len(enzyme) > 0:
            for i in range(np.uint64(nx)):
                rate[i] -= enzyme[plain + i] * (values[row + i] / (values[row + i] + enzyme_km))
        for i in range(np.uint64(nx)):
            residual[row + i] = np.float32(scale * rate[i])
            total[i] += rate[i]
            largest[i] = max(largest[i], abs(rate[i]))
    return total.sum(), largest.max()


@kernel
def _add_slope(values, velocity, km, sink):
    """Add the slope of ``velocity c / (c + km)`` to a padded sink, 1/min."""
    for v in range(np.uint64(len(velocity))):
        to_km = values[v + _GUARD] + km
        sink[v + _GUARD] += np.float32(velocity[v] * km / (to_km * to_km))


@kernel
def _linearise(levels, terms, work, inverse_tau):
    """Write the inverse diagonals of the Jacobian, for all levels."""
    exchange, sink = terms.exchange, work.inverse_diagonal
    for v in range(_GUARD, np.uint64(levels.start[1])):
        sink[v] = np.float32(inverse_tau + terms.decay)
    for v in range(np.uint64(len(exchange))):
        sink[v + _GUARD] += np.float32(exchange[v])
    _add_slope(work.iterate, terms.uptake, terms.uptake_km, sink)
    _add_slope(work.iterate, terms.enzyme, terms.enzyme_km, sink)
    coarsen_sink(levels, sink, work.line)


@kernel
def _correct(levels, work, unscale):
    """Add the correction, at most nine tenths downwards; return the largest one, the total, and the peak, mM."""
    nx, values, correction = levels.shape[0, 2], work.iterate, work.correction
    largest, total, peak = work.columns[0], work.columns[1], work.columns[2]
    work.columns[:] = 0.0
    for row in range(_GUARD, np.uint64(levels.start[1]), np.uint64(nx)):
        if unscale != 0.0:
            for i in range(np.uint64(nx)):
                largest[i] = max(largest[i], abs(correction[row + i]))
                values[row + i] = max(values[row + i] + unscale * correction[row + i], 0.1 * values[row + i])
        for i in range(np.uint64(nx)):
            total[i] += values[row + i]
            peak[i] = max(peak[i], values[row + i])
    return unscale * largest.max(), total.sum(), peak.max()


@kernel
def _first_not_finite(values):
    """Return the first voxel of a padded array whose value is not finite."""
    for v in range(GUARD, len(values)):
        if not np.isfinite(values[v]):
            return v - GUARD
    return 0


@kernel
def solve_stage(levels, terms, work, start, blend, inverse_tau, least):
    """Solve one implicit stage by Newton's method with two V-cycles a Newton step, from and into ``work.iterate``.

    The saturating sinks are concave in c, so Newton approaches the solution from below; an iterate that would fall
    below zero is only cut to a tenth. With ``inverse_tau`` = 0 the solution is the steady state.

    Parameters
    ----------
    levels, terms, work
        See `Levels`, `Terms`, `Work`; ``work.stage`` is the first stage, mM.
    start
        (n,) float64, concentration at the start of the sub-step, mM.
    blend
        Weight of ``work.stage - start`` in the stage's reference.
    inverse_tau
        1 / (sub-step times the scheme's coefficient), 1/min.
    least
        Convergence is relative to the largest concentration, or to this one where all are smaller, mM.

    Returns
    -------
    tuple
        Status, number of cycles, voxel of a value that is not finite, last correction (mM), largest value (mM). Where
        no cycle was needed, the iterate is as it was, and the Jacobian was not computed.
    """
    steady = inverse_tau == 0.0
    max_cycles = MAX_CYCLES_STEADY if steady else MAX_CYCLES_STEP
    unchanged_jacobian = FROZEN_CHANGE * min(
        terms.uptake_km if len(terms.uptake) > 0 else np.inf, terms.enzyme_km if len(terms.enzyme) > 0 else np.inf
    )
    prepare(levels, terms, work, start, blend, inverse_tau)
    inflow = column_sum(work.known, levels.shape[0, 2], work.columns[0]) if steady else 0.0
    change, total, peak = _correct(levels, work, 0.0)
    scale, cycles = 1.0, 0
    while cycles < max_cycles:
        defect, largest = evaluate(levels, terms, work, inverse_tau, scale)
        if not np.isfinite(defect):
            return NOT_FINITE, cycles, _first_not_finite(work.residual), change, peak
        allowed = SOLVER_TOLERANCE * max(peak, least)
        defect_allowed = DEFECT_TOLERANCE * (inflow if steady else inverse_tau * total) + len(start) * TINY_MM
        # No error is above tau times the largest residual: the Jacobian is an M-matrix with row sums of at least 1/tau.
        if largest <= inverse_tau * STEADY_TOLERANCE * max(peak, least):
            return OK, cycles, -1, change, peak
        if not (1.0 / SAFE_32 < scale * largest < SAFE_32):
            scale = 1.0 / max(largest, TINY_MM)
            evaluate(levels, terms, work, inverse_tau, scale)
        if cycles == 0 or change > unchanged_jacobian:
            _linearise(levels, terms, work, inverse_tau)
        for inner in range(CYCLES_PER_NEWTON_STEP):
            v_cycle(levels, work.inverse_diagonal, work.residual, work.correction, work.spare, work.line, inner == 0)
        cycles += CYCLES_PER_NEWTON_STEP
        last_change = change
        change, total, peak = _correct(levels, work, 1.0 / scale)
        if not np.isfinite(total):  # the maxima do not see what is not a number
            return NOT_FINITE, cycles, _first_not_finite(work.iterate), change, peak
        if not (peak <= RUNAWAY_MM):
            return NOT_CONVERGED, cycles, -1, change, peak
        # What is left is about the last change times f / (1 - f), where f is the factor of one Newton step.
        factor = min(0.5, max(0.05, change / last_change)) if last_change > 0.0 else 0.5
        left = factor / (1.0 - factor)
        if change * left <= allowed and (abs(defect) * left <= defect_allowed or peak <= least):
            return OK, cycles, -1, change, peak
    return NOT_CONVERGED, cycles, -1, change, peak
