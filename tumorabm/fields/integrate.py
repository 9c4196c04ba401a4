"""One substrate over one cell step: Newton and multigrid for a stage, error control for the sub-steps, exact amounts.

    dc/dt = F(c) = div(D grad c) - decay c + p (plasma - c) + s - u c/(c + Ku) - e c/(c + Ke)

A step is first tried as one backward Euler step, which is all that a field near its quasi-steady state needs. Otherwise
it is cut into sub-steps of the L-stable, stiffly accurate, two-stage singly diagonally implicit Runge-Kutta scheme of
order 2 with gamma = 1 - 1/sqrt(2) (Alexander 1977, SIAM J. Numer. Anal. 14:1006). Both error estimates are filtered
with (I - tau J)^-1, as Shampine proposed, so that modes that decay within a sub-step do not shorten it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tumorabm.fields.multigrid import coarsen_sink, v_cycle
from tumorabm.kernels import kernel

NDArray = np.ndarray

GAMMA = 1.0 - 1.0 / np.sqrt(2.0)
STAGE_BLEND = (1.0 - GAMMA) / GAMMA  # weight of the first stage's change in the second stage's reference
ERROR_CONSTANT = 3.0 * GAMMA**2 - 2.0 * GAMMA**3 - 1.0 / 6.0  # local error of the scheme over h³ c'''

SOLVER_TOLERANCE = 1e-8  # of the largest concentration
DEFECT_TOLERANCE = 1e-7  # of the total over tau, or at the steady state of the total losses
RESCALE_LIMIT = 1e-3
MAX_CYCLES_STEP = 50
MAX_CYCLES_STEADY = 200
EULER_FILTERS, RUNGE_KUTTA_FILTERS = 1, 2
EULER_SAFETY = 2.0  # the first-order step must be this much better than asked, as its errors add up in one direction
PEAK_SHARE = 0.1  # errors are relative to the local concentration, or to this share of the largest one
SMALLEST_SUBSTEP = 1.0 / 256.0  # of the cell step
RUNAWAY_MM = 1e9  # water is 5.5e4 mM; a steady state beyond this is none
TINY_MM = 1e-200  # below this, relative accuracy would be lost in subnormal numbers

OK, NOT_CONVERGED, NOT_FINITE, OUT_OF_BALANCE = 0, 1, 2, 3


class Terms(NamedTuple):
    """The right-hand side of one substrate; arrays are float64, flat over the voxels.

    Parameters
    ----------
    exchange, source, uptake, enzyme
        p (1/min), s, u, e (mM/min), none negative.
    wall, wall_inflow
        Coupling to Dirichlet faces (1/min), and the same times the value at the face (mM/min); entries of the axes z,
        y, x behind one another.
    decay, plasma, uptake_km, enzyme_km
        1/min, mM, mM, mM.
    """

    exchange: NDArray
    source: NDArray
    uptake: NDArray
    enzyme: NDArray
    wall: NDArray
    wall_inflow: NDArray
    decay: float
    plasma: float
    uptake_km: float
    enzyme_km: float


class Work(NamedTuple):
    """Scratch memory of one field, float64.

    Parameters
    ----------
    sink, correction, residual
        Over the voxels of all levels: 1/min and then min; mM; mM/min.
    iterate, stage
        Over the voxels, mM: the solution as it converges, and the first stage.
    unused
        Over the voxels: takes the saturations that nobody asked for.
    line
        As long as the largest axis.
    """

    sink: NDArray
    correction: NDArray
    residual: NDArray
    iterate: NDArray
    stage: NDArray
    unused: NDArray
    line: NDArray


@kernel
def _copy(source, target):
    """Copy an array; an assignment of slices takes Numba seconds to compile, for its error messages."""
    for v in range(len(target)):
        target[v] = source[v]


@kernel
def _linearise(levels, terms, values, start, stage, blend, inverse_tau, residual, sink):
    """Write the residual of a stage and the sink part of its Jacobian; return sums.

    These are of the residual (mM/min), of the values (mM), and of what is lost through all sinks (mM/min).
    The stage's equation is ``(values - start - blend (stage - start)) / tau = F(values)``.
    """
    nz, ny, nx = levels.shape[0]
    lower_x, upper_x = levels.lower[nz + ny : nz + ny + nx], levels.upper[nz + ny : nz + ny + nx]
    wall_x, wall_inflow_x = terms.wall[nz + ny :], terms.wall_inflow[nz + ny :]
    sum_residual, sum_values, sum_losses = 0.0, 0.0, 0.0
    for k in range(nz):
        for j in range(ny):
            row = (k * ny + j) * nx
            here = values[row : row + nx]
            south = values[row - nx : row] if j > 0 else here
            north = values[row + nx : row + 2 * nx] if j < ny - 1 else here
            below = values[row - ny * nx : row - ny * nx + nx] if k > 0 else here
            above = values[row + ny * nx : row + ny * nx + nx] if k < nz - 1 else here
            lower_y, upper_y = levels.lower[nz + j], levels.upper[nz + j]
            lower_z, upper_z = levels.lower[k], levels.upper[k]
            wall, wall_inflow = terms.wall[k] + terms.wall[nz + j], terms.wall_inflow[k] + terms.wall_inflow[nz + j]
            row_residual, row_values, row_losses = 0.0, 0.0, 0.0
            for i in range(nx):
                v = row + i
                c = here[i]
                west = i - 1 if i > 0 else 0
                east = i + 1 if i < nx - 1 else i
                rate = lower_x[i] * (here[west] - c) + upper_x[i] * (here[east] - c)
                rate += lower_y * (south[i] - c) + upper_y * (north[i] - c)
                if nz > 1:
                    rate += lower_z * (below[i] - c) + upper_z * (above[i] - c)
                rate += (wall_inflow + wall_inflow_x[i]) - (wall + wall_x[i]) * c
                rate += terms.source[v] + terms.exchange[v] * (terms.plasma - c) - terms.decay * c
                per_uptake, per_enzyme = 1.0 / (c + terms.uptake_km), 1.0 / (c + terms.enzyme_km)
                uptake, enzyme = terms.uptake[v] * per_uptake, terms.enzyme[v] * per_enzyme
                rate -= (uptake + enzyme) * c
                rate += inverse_tau * (start[v] - c + blend * (stage[v] - start[v]))
                residual[v] = rate
                sink[v] = (
                    inverse_tau
                    + terms.decay
                    + terms.exchange[v]
                    + uptake * terms.uptake_km * per_uptake
                    + enzyme * terms.enzyme_km * per_enzyme
                )
                row_residual += rate
                row_values += c
                row_losses += (wall + wall_x[i] + terms.decay + terms.exchange[v] + uptake + enzyme) * c
            sum_residual += row_residual
            sum_values += row_values
            sum_losses += row_losses
    return sum_residual, sum_values, sum_losses


@kernel
def _correct(values, correction):
    """Add the correction, at most nine tenths downwards; return the largest correction and value, and a bad voxel."""
    largest, peak, bad = 0.0, 0.0, -1
    for v in range(len(values)):
        largest = max(largest, abs(correction[v]))
        values[v] = max(values[v] + correction[v], 0.1 * values[v])
        peak = max(peak, values[v])
        if not np.isfinite(correction[v]):
            bad = v
    return largest, peak, bad


@kernel
def solve_stage(levels, terms, work, start, blend, inverse_tau, least):
    """Solve one implicit stage by Newton's method with one V-cycle a Newton step, from and into ``work.iterate``.

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
        Status, number of cycles, voxel of a value that is not finite, last correction (mM), largest value (mM).
    """
    n = len(start)
    last_change, change, peak = 0.0, 0.0, 0.0
    max_cycles = MAX_CYCLES_STEADY if inverse_tau == 0.0 else MAX_CYCLES_STEP
    for cycle in range(1, max_cycles + 1):
        defect, total, losses = _linearise(
            levels, terms, work.iterate, start, work.stage, blend, inverse_tau, work.residual[:n], work.sink[:n]
        )
        coarsen_sink(levels, work.sink)
        v_cycle(levels, work.sink, work.correction, work.residual, work.line)
        change, peak, bad = _correct(work.iterate, work.correction[:n])
        if bad >= 0:
            return NOT_FINITE, cycle, bad, change, peak
        if peak > RUNAWAY_MM:
            return NOT_CONVERGED, cycle, -1, change, peak
        # What is left is about the last change times the factor of one cycle.
        factor = min(1.0, max(0.1, change / last_change)) if cycle > 1 and last_change > 0.0 else 1.0
        last_change = change
        turnover = losses if inverse_tau == 0.0 else inverse_tau * total
        if (
            change * factor <= SOLVER_TOLERANCE * max(peak, least)
            and abs(defect) * factor <= DEFECT_TOLERANCE * turnover + n * TINY_MM
        ):
            return OK, cycle, -1, change, peak
    return NOT_CONVERGED, max_cycles, -1, change, peak


@kernel
def _error(levels, work, inverse_tau, peak, filters, tolerance, floor):
    """Return the estimate in ``work.correction`` over what is allowed; filter it while that is above 1."""
    n = len(work.iterate)
    while True:
        largest = 0.0
        for v in range(n):
            allowed = tolerance * max(work.iterate[v], PEAK_SHARE * peak) + floor
            largest = max(largest, abs(work.correction[v]) / allowed)
        if largest <= 1.0 or filters == 0:
            return largest
        filters -= 1
        for v in range(n):
            work.residual[v] = inverse_tau * work.correction[v]
        v_cycle(levels, work.sink, work.correction, work.residual, work.line)


@kernel
def _estimate_runge_kutta(levels, terms, work, start, substep):
    """Write the scheme's local error, from the third derivative through its slopes at 0, gamma h and h."""
    n = len(start)
    inverse_tau = 1.0 / (GAMMA * substep)
    _linearise(levels, terms, start, start, start, 0.0, inverse_tau, work.residual[:n], work.sink[:n])
    coarsen_sink(levels, work.sink)
    for v in range(n):
        change = work.stage[v] - start[v]
        slope_1 = inverse_tau * change
        slope_2 = inverse_tau * (work.iterate[v] - start[v] - STAGE_BLEND * change)
        curvature = (slope_2 - slope_1) / (1.0 - GAMMA) - (slope_1 - work.residual[v]) / GAMMA
        work.correction[v] = 2.0 * ERROR_CONSTANT * substep * curvature


@kernel
def _record(levels, terms, values, weight, uptake_saturation, enzyme_saturation):
    """Add ``weight`` (min) times the saturations; return inflow from vessels and faces, decay, and net inflow, mM."""
    nz, ny, nx = levels.shape[0]
    wall_x, wall_inflow_x = terms.wall[nz + ny :], terms.wall_inflow[nz + ny :]
    vessels, faces, decayed, net = 0.0, 0.0, 0.0, 0.0
    for k in range(nz):
        for j in range(ny):
            wall, wall_inflow = terms.wall[k] + terms.wall[nz + j], terms.wall_inflow[k] + terms.wall_inflow[nz + j]
            row = (k * ny + j) * nx
            row_vessels, row_faces, row_values, row_rest = 0.0, 0.0, 0.0, 0.0
            for i in range(nx):
                v = row + i
                c = values[v]
                uptake, enzyme = c / (c + terms.uptake_km), c / (c + terms.enzyme_km)
                uptake_saturation[v] += weight * uptake
                enzyme_saturation[v] += weight * enzyme
                row_vessels += terms.exchange[v] * (terms.plasma - c)
                row_faces += (wall_inflow + wall_inflow_x[i]) - (wall + wall_x[i]) * c
                row_values += c
                row_rest += terms.source[v] - terms.uptake[v] * uptake - terms.enzyme[v] * enzyme
            vessels += row_vessels
            faces += row_faces
            decayed += terms.decay * row_values
            net += row_vessels + row_faces + row_rest - terms.decay * row_values
    return weight * vessels, weight * faces, weight * decayed, weight * net


@kernel
def _sum(values, row_length):
    """Return the sum, by rows, so that rounding grows with the side of the grid and not with its size."""
    total = 0.0
    for start in range(0, len(values), row_length):
        row = 0.0
        for v in range(start, start + row_length):
            row += values[v]
        total += row
    return total


@kernel
def _accept(levels, work, concentration, net):
    """Take over the iterate, scaled so that the total has changed by exactly ``net`` (mM); return the factor."""
    nx = levels.shape[0, 2]
    total = _sum(work.iterate, nx)
    factor = 1.0
    if total > len(concentration) * TINY_MM:
        factor = (_sum(concentration, nx) + net) / total
    if abs(factor - 1.0) <= RESCALE_LIMIT:
        for v in range(len(concentration)):
            concentration[v] = factor * work.iterate[v]
    return factor


@kernel
def _first_bad(values):
    """Return the first voxel whose value is negative or not finite, or -1."""
    for v in range(len(values)):
        if not (0.0 <= values[v] < np.inf):
            return v
    return -1


@kernel
def find_bad_value(concentration, exchange, source, uptake, enzyme):
    """Return which array, and which voxel of it, first holds a negative or non-finite value, or -1 and -1."""
    for which, values in enumerate((concentration, exchange, source, uptake, enzyme)):
        bad = _first_bad(values)
        if bad >= 0:
            return which, bad
    return -1, -1


@kernel
def _try_runge_kutta(levels, terms, work, start, substep, tolerance, floor):
    """Compute both stages; return status, cycles, bad voxel, last correction, and the error over what is allowed.

    The error is infinite where the second stage would start below zero, from which it need not come out positive.
    """
    inverse_tau = 1.0 / (GAMMA * substep)
    _copy(start, work.iterate)
    status, cycles, bad, change, _ = solve_stage(levels, terms, work, start, 0.0, inverse_tau, TINY_MM)
    if status != OK:
        return status, cycles, bad, change, np.inf
    _copy(work.iterate, work.stage)
    for v in range(len(start)):
        if start[v] + STAGE_BLEND * (work.stage[v] - start[v]) < 0.0:
            return OK, cycles, -1, change, np.inf
    status, more, bad, change, peak = solve_stage(levels, terms, work, start, STAGE_BLEND, inverse_tau, TINY_MM)
    cycles += more
    if status != OK:
        return status, cycles, bad, change, np.inf
    _estimate_runge_kutta(levels, terms, work, start, substep)
    return OK, cycles, -1, change, _error(levels, work, inverse_tau, peak, RUNGE_KUTTA_FILTERS, tolerance, floor)


@kernel
def _try_euler(levels, terms, work, start, rate, substep, tolerance, floor):
    """Compute one backward Euler step; return as `_try_runge_kutta`. ``rate`` (mM/min) is the last step's mean."""
    inverse_tau = 1.0 / substep
    _copy(start, work.iterate)
    status, cycles, bad, change, peak = solve_stage(levels, terms, work, start, 0.0, inverse_tau, TINY_MM)
    if status != OK:
        return status, cycles, bad, change, np.inf
    for v in range(len(start)):
        work.correction[v] = 0.5 * (work.iterate[v] - start[v] - substep * rate[v])
    return OK, cycles, -1, change, _error(levels, work, inverse_tau, peak, EULER_FILTERS, tolerance, floor)


@kernel
def _take(
    levels, terms, work, concentration, stage_weight, weight, uptake_saturation, enzyme_saturation, totals
):  # fmt: skip
    """Book one accepted sub-step with the scheme's weights (min) and take it over; return a status."""
    net = 0.0
    if stage_weight > 0.0:
        vessels, faces, decayed, net = _record(
            levels, terms, work.stage, stage_weight, uptake_saturation, enzyme_saturation
        )
        totals[0] += vessels
        totals[1] += faces
        totals[2] += decayed
    vessels, faces, decayed, more = _record(levels, terms, work.iterate, weight, uptake_saturation, enzyme_saturation)
    totals[0] += vessels
    totals[1] += faces
    totals[2] += decayed
    rescale = abs(_accept(levels, work, concentration, net + more) - 1.0)
    totals[3] = max(totals[3], rescale)
    return OK if rescale <= RESCALE_LIMIT else OUT_OF_BALANCE


@kernel
def advance(
    levels, terms, work, concentration, rate, uptake_saturation, enzyme_saturation, totals,
    step, longest, first, tolerance, floor,
):  # fmt: skip
    """Advance one substrate by a cell step.

    Parameters
    ----------
    levels, terms, work
        See `Levels`, `Terms`, `Work`.
    concentration
        (n,) float64, mM, updated in place.
    rate
        (n,) float64, mM/min, mean rate of change over the last step; replaced by that over this one.
    uptake_saturation, enzyme_saturation
        (n,) float64, min, overwritten by the integrals of c / (c + Km).
    totals
        (4,) float64, overwritten by the sums over the voxels (mM) of what came from vessels, came through faces, and
        decayed, and by the largest ``abs(factor - 1)`` of the rescaling that closes the balance.
    step, longest, first
        The cell step, the longest sub-step allowed, the first one to try, min.
    tolerance, floor
        Error allowed in a sub-step, relative and in mM.

    Returns
    -------
    tuple
        Status, bad voxel, time reached (min), last correction (mM), sub-steps, cycles, and the first sub-step to try
        next time (min).
    """
    uptake_saturation[:] = 0.0
    enzyme_saturation[:] = 0.0
    totals[:] = 0.0
    cycles = 0
    if step <= longest:
        status, cycles, bad, change, error = _try_euler(
            levels, terms, work, concentration, rate, step, tolerance / EULER_SAFETY, floor / EULER_SAFETY
        )
        if status == OK and error <= 1.0:
            for v in range(len(rate)):
                rate[v] = (work.iterate[v] - concentration[v]) / step
            status = _take(levels, terms, work, concentration, 0.0, step, uptake_saturation, enzyme_saturation, totals)
        if status != OK or error <= 1.0:
            return status, bad, step, change, 1, cycles, first
    for v in range(len(rate)):
        rate[v] = -concentration[v] / step
    smallest = SMALLEST_SUBSTEP * step
    done, substeps, next_first = 0.0, 0, first
    wanted = min(first, longest, step)
    while done < step:
        pieces = np.ceil((step - done) / wanted * (1.0 - 1e-9))
        substep = (step - done) / pieces
        status, more, bad, change, error = _try_runge_kutta(
            levels, terms, work, concentration, substep, tolerance, floor
        )
        cycles += more
        scale = 0.9 * max(error, 1e-3) ** (-1.0 / 3.0)
        if status == OK and error > 1.0 and substep > smallest:
            wanted = max(smallest, substep * max(0.25, scale))
            continue
        stage_weight, weight = (1.0 - GAMMA) * substep, GAMMA * substep
        if status == OK and error > 1.0:
            status, more, bad, change, _ = _try_euler(levels, terms, work, concentration, rate, substep, 1.0, 1.0)
            cycles += more
            stage_weight, weight, scale = 0.0, substep, 2.0
        if status == OK:
            status = _take(
                levels, terms, work, concentration, stage_weight, weight, uptake_saturation, enzyme_saturation, totals
            )
        if status != OK:
            return status, bad, done, change, substeps, cycles, first
        wanted = min(longest, substep * min(4.0, scale))
        if substeps == 0:
            next_first = max(smallest, wanted)
        substeps += 1
        done = step if pieces <= 1.0 else done + substep
    for v in range(len(rate)):
        rate[v] += concentration[v] / step
    return OK, -1, step, change, substeps, cycles, next_first
