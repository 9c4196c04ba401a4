"""The sub-steps of one substrate within one cell step.

A step is first tried as one backward Euler step, which is all that a field near its quasi-steady state needs. Otherwise
it is cut into sub-steps of the L-stable, stiffly accurate, two-stage singly diagonally implicit Runge-Kutta scheme of
order 2 with gamma = 1 - 1/sqrt(2) (Alexander 1977, SIAM J. Numer. Anal. 14:1006). That scheme can overshoot on rough
data. A sub-step that does is shortened, and in the end taken by backward Euler, which never does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from tumorabm.fields.integrate import (
    GAMMA,
    RESCALE_LIMIT,
    STAGE_BLEND,
    add_multiple,
    begin_from,
    error_ratio,
    estimate_euler,
    estimate_runge_kutta,
    note_slope,
    note_stage,
    take,
)
from tumorabm.fields.multigrid import GUARD, Levels
from tumorabm.fields.stage import NOT_FINITE, OK, OUT_OF_BALANCE, TINY_MM, Terms, Work, solve_stage

EULER_FILTERS, RUNGE_KUTTA_FILTERS = 1, 2
EULER_SAFETY = 2.0  # the first-order step must be this much better than asked, as its errors add up in one direction
RUNGE_KUTTA_SAFETY = 2.5  # and the second-order sub-steps, of which a strong transient takes twenty
SMALLEST_SUBSTEP = 1.0 / 1024.0  # of the cell step
ROUNDING = 1e-6  # pieces of what is left can come out longer than the smallest by rounding alone
MOST_SHORTENING = 1.0 / 16.0
OVERSHOOT = 1e-6  # of the largest value; the solver's own error lies well below


class NotSolvedError(Exception):
    """A sub-step whose equations were not solved: ``status`` of the solver, voxel, min into the step, and a measure."""

    def __init__(self, status: int, voxel: int, reached_min: float, measure: float) -> None:
        super().__init__(status)
        self.status, self.voxel, self.reached_min, self.measure = status, voxel, reached_min, measure


@dataclass
class Substeps:
    """One substrate on its way through one cell step.

    Parameters
    ----------
    levels, terms, work
        See `Levels`, `Terms`, `Work`.
    concentration
        (n,) float64, mM, updated in place.
    rate
        (n,) float32, mM/min, mean rate of change over the last step; replaced by that over this one.
    uptake_saturation, enzyme_saturation
        (n,) float64, min, to which the integrals of c / (c + Km) are added; of length 0 where nobody asks for it.
    tolerance, floor_mM
        Error allowed in a sub-step, relative and in mM.

    Attributes
    ----------
    totals
        (3,) float64, mM, summed over the voxels: what came from vessels, came through faces, and decayed.
    substeps, cycles
        Sub-steps taken, and multigrid cycles needed.
    balance_correction
        Largest ``abs(factor - 1)`` of the rescaling that closes the balance.
    """

    levels: Levels
    terms: Terms
    work: Work
    concentration: np.ndarray
    rate: np.ndarray
    uptake_saturation: np.ndarray
    enzyme_saturation: np.ndarray
    tolerance: float
    floor_mM: float
    totals: np.ndarray = field(default_factory=lambda: np.zeros(3))
    substeps: int = 0
    cycles: int = 0
    balance_correction: float = 0.0
    _reached_min: float = field(default=0.0, init=False)

    def run(self, step_min: float, longest_min: float, first_min: float) -> float:
        """Advance by ``step_min``; return the first sub-step to try next time, min.

        Parameters
        ----------
        step_min, longest_min, first_min
            The cell step, the longest sub-step allowed, and the first one to try if one Euler step will not do.

        Raises
        ------
        NotSolvedError
            If a stage does not converge or the balance does not close; the field stands at the last good sub-step.
        """
        one_step = step_min <= longest_min and self._euler_error(step_min) <= 1.0
        np.divide(self.concentration, -step_min, out=self.rate, casting="same_kind")
        if one_step:
            self._take(0.0, step_min)
        else:
            first_min = self._run_substeps(step_min, longest_min, first_min)
        add_multiple(self.concentration, 1.0 / step_min, self.rate)
        return first_min

    def _run_substeps(self, step_min: float, longest_min: float, first_min: float) -> float:
        """Advance by ``step_min`` in second-order sub-steps; return the first one to try next time, min."""
        smallest = SMALLEST_SUBSTEP * step_min
        wanted, next_first = min(first_min, longest_min, step_min), None
        while self._reached_min < step_min:
            pieces = math.ceil((step_min - self._reached_min) / wanted * (1.0 - 1e-9))
            substep = (step_min - self._reached_min) / pieces
            error = self._runge_kutta_error(substep)
            growth = 0.9 * max(error, 1e-3) ** (-1.0 / 3.0)
            if not error <= 1.0 and substep > smallest * (1.0 + ROUNDING):
                wanted = max(smallest, substep * max(MOST_SHORTENING, growth))
                continue
            if error <= 1.0:
                self._take((1.0 - GAMMA) * substep, GAMMA * substep)
            else:
                self._solve(0.0, 1.0 / substep)
                self._take(0.0, substep)
                growth = 2.0
            wanted = min(longest_min, substep * min(4.0, growth))
            next_first = next_first or max(smallest, wanted)
            self._reached_min = step_min if pieces == 1 else self._reached_min + substep
        return next_first

    def _solve(self, blend: float, inverse_tau_per_min: float) -> tuple[int, float]:
        """Solve a stage, from the start of the sub-step or the first stage on; return cycles and the largest value."""
        if blend == 0.0:
            begin_from(self.work, self.concentration)
        status, cycles, voxel, change, peak = solve_stage(
            self.levels, self.terms, self.work, self.concentration, blend, inverse_tau_per_min, TINY_MM
        )
        self.cycles += cycles
        if status != OK:
            raise NotSolvedError(status, voxel, self._reached_min, change)
        return cycles, peak

    def _euler_error(self, substep_min: float) -> float:
        """Compute one backward Euler step; return its error over what is allowed."""
        cycles, peak = self._solve(0.0, 1.0 / substep_min)
        if cycles == 0:  # F is about zero at the start: the field is steady, whatever it did before
            return 0.0
        allowed = (peak, self.tolerance / EULER_SAFETY, self.floor_mM / EULER_SAFETY)
        estimate_euler(self.work, self.concentration, self.rate, substep_min, *allowed)
        return error_ratio(self.levels, self.work, 1.0 / substep_min, EULER_FILTERS, *allowed)

    def _runge_kutta_error(self, substep_min: float) -> float:
        """Compute both stages of the second-order scheme; return the error over what is allowed.

        It is infinite where the second stage would start below zero, from which it need not come out positive, or
        where the result goes beyond what the equation allows.
        """
        inverse_tau = 1.0 / (GAMMA * substep_min)
        note_slope(self.levels, self.terms, self.work, self.concentration)
        first_cycles, _ = self._solve(0.0, inverse_tau)
        if not note_stage(self.work, self.concentration):
            return math.inf
        cycles, peak = self._solve(STAGE_BLEND, inverse_tau)
        if not self._within_bounds(substep_min):
            return math.inf
        if first_cycles + cycles == 0:
            return 0.0
        allowed = (peak, self.tolerance / RUNGE_KUTTA_SAFETY, self.floor_mM / RUNGE_KUTTA_SAFETY)
        estimate_runge_kutta(self.work, self.concentration, substep_min, *allowed)
        return error_ratio(self.levels, self.work, inverse_tau, RUNGE_KUTTA_FILTERS, *allowed)

    def _within_bounds(self, substep_min: float) -> bool:
        """Return whether the iterate makes no new extrema beyond what sources and sinks can."""
        terms, values = self.terms, self.work.iterate[GUARD:-GUARD]
        held = terms.wall > 0.0
        supplies = [*(terms.wall_inflow[held] / terms.wall[held])] + [terms.plasma] * (len(terms.exchange) > 0)
        low, high = (float(extreme(supplies, initial=extreme(self.concentration))) for extreme in (np.min, np.max))
        if terms.decay > 0.0 or len(terms.uptake) > 0 or len(terms.enzyme) > 0:
            low = 0.0
        if len(terms.source) > 0:
            high += substep_min * float(terms.source.max())
        margin = OVERSHOOT * high
        return bool(values.min() >= low - margin and values.max() <= high + margin)

    def _take(self, stage_weight_min: float, weight_min: float) -> None:
        """Book a sub-step with the scheme's weights, and take it over."""
        rescale = take(
            self.levels,
            self.terms,
            self.work,
            self.concentration,
            stage_weight_min,
            weight_min,
            self.uptake_saturation,
            self.enzyme_saturation,
            self.totals,
        )
        if not rescale <= RESCALE_LIMIT:
            bad = np.flatnonzero(~np.isfinite(self.work.iterate[GUARD:-GUARD]))
            status, voxel = (NOT_FINITE, int(bad[0])) if len(bad) else (OUT_OF_BALANCE, -1)
            raise NotSolvedError(status, voxel, self._reached_min, rescale)
        self.balance_correction = max(self.balance_correction, rescale)
        self.substeps += 1
