"""Kernels of a sub-step of one substrate: error estimates, and exact amounts.

Both error estimates are filtered with (I - tau J)^-1, as Shampine proposed, so that modes that decay within a sub-step
do not shorten it.
"""

from __future__ import annotations

import numpy as np

from tumorabm.fields.multigrid import GUARD, v_cycle
from tumorabm.fields.stage import TINY_MM, column_sum, evaluate, prepare
from tumorabm.kernels import kernel

GAMMA = 1.0 - 1.0 / np.sqrt(2.0)
STAGE_BLEND = (1.0 - GAMMA) / GAMMA  # weight of the first stage's change in the second stage's reference
ERROR_CONSTANT = 3.0 * GAMMA**2 - 2.0 * GAMMA**3 - 1.0 / 6.0  # local error of the scheme over h³ c'''

RESCALE_LIMIT = 1e-3
PEAK_SHARE = 0.1  # errors are relative to the local concentration, or to this share of the largest one
MOST_ERROR = 1e15  # over what is allowed; more would be too much for float32 once it is filtered

_GUARD = np.uint64(GUARD)


@kernel
def _scale_of_errors(peak, tolerance, floor):
    """Return the factor by which error estimates are stored in float32: one over the least that is allowed anywhere."""
    return 1.0 / max(tolerance * PEAK_SHARE * peak + floor, TINY_MM)


@kernel
def error_ratio(levels, work, inverse_tau, filters, peak, tolerance, floor):
    """Return the estimate in ``work.correction`` over what is allowed; filter it while that is above 1."""
    nx, values, estimate, largest = levels.shape[0, 2], work.iterate, work.correction, work.columns[0]
    scale = _scale_of_errors(peak, tolerance, floor)
    while True:
        largest[:] = 0.0
        for row in range(_GUARD, np.uint64(levels.start[1]), np.uint64(nx)):
            for i in range(np.uint64(nx)):
                allowed = scale * (tolerance * max(values[row + i], PEAK_SHARE * peak) + floor)
                error = abs(estimate[row + i]) / allowed
                largest[i] = largest[i] if not (error > largest[i]) and error == error else error
        error = largest.max()
        if error <= 1.0 or filters == 0:
            return error
        filters -= 1
        for v in range(_GUARD, np.uint64(levels.start[1])):
            work.residual[v] = np.float32(inverse_tau) * estimate[v]
        v_cycle(levels, work.inverse_diagonal, work.residual, estimate, work.spare, work.line, True)


@kernel
def estimate_euler(work, start, rate, substep, peak, tolerance, floor):
    """Write half of h² c'', by how much the slope differs from that over the last step."""
    values, estimate, scale = work.iterate, work.correction, _scale_of_errors(peak, tolerance, floor)
    for v in range(np.uint64(len(start))):
        error = scale * 0.5 * (values[v + _GUARD] - start[v] - substep * rate[v])
        estimate[v + _GUARD] = np.float32(max(min(error, MOST_ERROR), -MOST_ERROR))


@kernel
def estimate_runge_kutta(work, start, substep, peak, tolerance, floor):
    """Write the scheme's local error, from the third derivative through its slopes at 0, gamma h and h."""
    values, stage, slope, estimate = work.iterate, work.stage, work.slope, work.correction
    inverse_tau = 1.0 / (GAMMA * substep)
    factor = _scale_of_errors(peak, tolerance, floor) * 2.0 * ERROR_CONSTANT * substep
    for v in range(np.uint64(len(start))):
        change = stage[v] - start[v]
        slope_1 = inverse_tau * change
        slope_2 = inverse_tau * (values[v + _GUARD] - start[v] - STAGE_BLEND * change)
        curvature = (slope_2 - slope_1) / (1.0 - GAMMA) - (slope_1 - slope[v]) / GAMMA
        estimate[v + _GUARD] = np.float32(max(min(factor * curvature, MOST_ERROR), -MOST_ERROR))


@kernel
def _sum_saturable(velocity, saturation_of, km, row_length, columns):
    """Return the sum of ``velocity c / (c + km)``, mM/min."""
    columns[:] = 0.0
    for row in range(np.uint64(0), np.uint64(len(velocity)), np.uint64(row_length)):
        for i in range(np.uint64(row_length)):
            c = saturation_of[row + i]
            columns[i] += velocity[row + i] * (c / (c + km))
    return columns.sum()


@kernel
def _sum_vessels(exchange, plasma, values, row_length, columns):
    """Return the sum of the inflow from vessels, mM/min."""
    columns[:] = 0.0
    for row in range(np.uint64(0), np.uint64(len(exchange)), np.uint64(row_length)):
        for i in range(np.uint64(row_length)):
            columns[i] += exchange[row + i] * (plasma - values[row + i])
    return columns.sum()


@kernel
def _sum_faces(levels, terms, values, columns):
    """Return the sum of the inflow through Dirichlet faces, mM/min."""
    nz, ny, nx = levels.shape[0]
    wall_x, wall_inflow_x = terms.wall[nz + ny :], terms.wall_inflow[nz + ny :]
    columns[:] = 0.0
    for number in range(nz * ny):
        k, j, row = number // ny, number % ny, np.uint64(number * nx)
        wall, wall_inflow = terms.wall[k] + terms.wall[nz + j], terms.wall_inflow[k] + terms.wall_inflow[nz + j]
        for i in range(np.uint64(nx)):
            columns[i] += (wall_inflow + wall_inflow_x[i]) - (wall + wall_x[i]) * values[row + i]
    return columns.sum()


@kernel
def _add_saturation(values, km, weight, saturation):
    """Add ``weight`` times ``c / (c + km)``."""
    for v in range(np.uint64(len(saturation))):
        saturation[v] += weight * (values[v] / (values[v] + km))


@kernel
def _record(levels, terms, values, weight, uptake_saturation, enzyme_saturation, columns):
    """Add ``weight`` (min) times the saturations; return inflow from vessels and faces, decay, and net inflow, mM."""
    nx = levels.shape[0, 2]
    _add_saturation(values, terms.uptake_km, weight, uptake_saturation)
    _add_saturation(values, terms.enzyme_km, weight, enzyme_saturation)
    vessels = _sum_vessels(terms.exchange, terms.plasma, values, nx, columns)
    faces = _sum_faces(levels, terms, values, columns)
    decayed = terms.decay * column_sum(values, nx, columns)
    net = vessels + faces - decayed + column_sum(terms.source, nx, columns)
    net -= _sum_saturable(terms.uptake, values, terms.uptake_km, nx, columns)
    net -= _sum_saturable(terms.enzyme, values, terms.enzyme_km, nx, columns)
    return weight * vessels, weight * faces, weight * decayed, weight * net


@kernel
def _accept(levels, work, concentration, net):
    """Take over the iterate, scaled so that the total has changed by exactly ``net`` (mM); return the factor."""
    n, nx, values = len(concentration), levels.shape[0, 2], work.iterate
    total = column_sum(values[GUARD : GUARD + n], nx, work.columns[0])
    factor = 1.0
    if not (total <= n * TINY_MM):
        factor = (column_sum(concentration, nx, work.columns[0]) + net) / total
    if abs(factor - 1.0) <= RESCALE_LIMIT:
        for v in range(np.uint64(n)):
            concentration[v] = factor * values[v + _GUARD]
    return factor


@kernel
def inspect(values):
    """Return the first voxel whose value is negative or not finite, or -1, and whether any value is above zero."""
    bad, above = 0, 0
    for v in range(np.uint64(len(values))):
        bad += not (0.0 <= values[v] < np.inf)
        above += values[v] > 0.0
    first = -1
    if bad > 0:
        first = 0
        while 0.0 <= values[first] < np.inf:
            first += 1
    return first, above > 0


@kernel
def note_slope(levels, terms, work, start):
    """Write F(start) into ``work.slope``."""
    begin_from(work, start)
    prepare(levels, terms, work, start, 0.0, 0.0)
    evaluate(levels, terms, work, 0.0, 1.0)
    for v in range(np.uint64(len(start))):
        work.slope[v] = work.residual[v + _GUARD]


@kernel
def note_stage(work, start):
    """Keep the iterate as the first stage; return whether the second one would start above or at zero everywhere."""
    values, stage, below = work.iterate, work.stage, 0
    for v in range(np.uint64(len(start))):
        stage[v] = values[v + _GUARD]
        below += start[v] + STAGE_BLEND * (stage[v] - start[v]) < 0.0
    return below == 0


@kernel
def begin_from(work, start):
    """Set the iterate to ``start``."""
    values = work.iterate
    for v in range(np.uint64(len(start))):
        values[v + _GUARD] = start[v]


@kernel
def take(
    levels, terms, work, concentration, stage_weight, weight, uptake_saturation, enzyme_saturation, totals
):  # fmt: skip
    """Book one accepted sub-step with the scheme's weights (min) and take it over; return how far it is rescaled."""
    net, values = 0.0, work.iterate[GUARD : GUARD + len(concentration)]
    for stage, share in ((work.stage, stage_weight), (values, weight)):
        if share > 0.0:
            vessels, faces, decayed, more = _record(
                levels, terms, stage, share, uptake_saturation, enzyme_saturation, work.columns[0]
            )
            totals[0] += vessels
            totals[1] += faces
            totals[2] += decayed
            net += more
    return abs(_accept(levels, work, concentration, net) - 1.0)


@kernel
def add_multiple(values, weight, target):
    """Add ``weight`` times ``values``."""
    for v in range(np.uint64(len(target))):
        target[v] += weight * values[v]
