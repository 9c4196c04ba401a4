"""Dose-response: a four-parameter logistic in the logarithm of the dose, the IC50, and its bootstrap interval.

Where the logistic misses the mean of a dose by more than 10 % of vehicle, as where cells die in two steps, the IC50 is
that of the means, interpolated between two doses in the logarithm of the dose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

MIN_DOSES = 4
"""A curve of four parameters needs as many distinct doses."""

HALF = 0.5
"""The IC50 is absolute: where viability crosses half of the vehicle's."""

MARGIN = 0.01
"""What falls below one half by less than this part of vehicle does not cross it."""

DOSE_RANGE = (1e-12, 1e12)
"""Doses above 0 that can be fitted, in their unit."""

MOST_VIABILITY = 1e6
"""Greatest size of a value of viability, in its unit and relative to vehicle."""

LOGISTIC, INTERPOLATION = "logistic", "interpolation"
"""How an IC50 was found."""

INTERVAL = (0.025, 0.975)
"""Quantiles of the bootstrap interval."""

_LN10 = math.log(10.0)
_HILL_RANGE = (0.2, 10.0)
_DECADES_BEYOND = 1.0  # how far the inflection may lie outside the doses, so that a curve can begin or end there
_FLAT = 0.05  # a curve that falls by less has no inflection
_RESOLVED = (0.1, 0.9)  # parts of the fall between which a dose shows how steep it is
_BAD_FIT = 0.1  # a curve that misses the mean of a dose by more has not the shape of the wells
_BOOTSTRAP_STREAM = 0xB007


@dataclass(frozen=True)
class Curve:
    """``bottom + (top - bottom)/(1 + (dose/ec50)**hill)``.

    Attributes
    ----------
    top, bottom
        Viability without drug and at endless dose.
    ec50
        Dose of the inflection, half way between them.
    hill
        Steepness.
    """

    top: float
    bottom: float
    ec50: float
    hill: float

    def __call__(self, doses: np.ndarray) -> np.ndarray:
        """Return the viability at ``doses``, any shape."""
        with np.errstate(divide="ignore"):
            share = expit(-self.hill * np.log(np.asarray(doses, float) / self.ec50))
        return self.bottom + (self.top - self.bottom) * share

    def dose_at(self, viability: float) -> float:
        """Return the dose at which the curve crosses ``viability``: 0 where it lies below, inf where it stays above.

        A curve that falls below by less than `MARGIN` stays above.
        """
        if self.top <= viability:
            return 0.0
        if self.bottom > viability - MARGIN:
            return math.inf
        return self.ec50 * ((self.top - viability) / (viability - self.bottom)) ** (1.0 / self.hill)


@dataclass(frozen=True)
class DoseResponse:
    """What a fit gives; doses that were not tested are None, never extrapolated.

    Attributes
    ----------
    ic50, ic50_low, ic50_high
        Dose at which viability crosses 50 % of the vehicle's, and its 95 % bootstrap interval, widened where it would
        not hold the dose itself.
    ic50_method
        What crosses: ``"logistic"``, the fitted curve; or ``"interpolation"``, the means of the wells, joined over the
        logarithm of the dose, where they cross first.
    ec50
        Dose of the curve's inflection.
    hill, top, bottom
        As in `Curve`; hill is None where the curve is flat.
    unit
        Of the doses.
    message
        The result in one sentence, with what could not be told.
    n_bootstrap
        Number of resamples.
    curve
        The fitted curve, also where a key above is None; None where too few doses were tested for one.
    """

    ic50: float | None
    ic50_low: float | None
    ic50_high: float | None
    ic50_method: str | None
    ec50: float | None
    hill: float | None
    top: float | None
    bottom: float | None
    unit: str
    message: str
    n_bootstrap: int
    curve: Curve | None

    def report(self) -> dict[str, float | str | None]:
        """Return what stands in ``fit.json``."""
        keys = (
            "ic50", "ic50_low", "ic50_high", "ic50_method", "hill", "top", "bottom", "unit", "ec50", "message",
            "n_bootstrap",
        )  # fmt: skip
        return {key: getattr(self, key) for key in keys}


def without_fit(n_doses: int, unit: str) -> DoseResponse:
    """Return what can be said of a plate with too few doses for a curve: nothing but that."""
    message = f"no IC50: a curve needs at least {MIN_DOSES} doses, {n_doses} {'was' if n_doses == 1 else 'were'} tested"
    return DoseResponse(None, None, None, None, None, None, None, None, unit, message, 0, None)


def fit_dose_response(
    doses: np.ndarray, viability: np.ndarray, *, unit: str, n_bootstrap: int = 200, seed: int = 1
) -> DoseResponse:
    """Fit a plate.

    The interval is that of a case bootstrap: the wells of each dose, the vehicle's too, are drawn anew with their
    deviations from the mean widened by ``sqrt(n/(n-1))``, for n wells draw too narrow a spread. Each resample is
    normalised to its own vehicle wells and fitted, or interpolated as the plate is. A dose with one well has no spread.

    Parameters
    ----------
    doses
        Shape (n,), 0 for vehicle wells.
    viability
        Shape (n,), in any unit: it is divided by the mean of the vehicle wells.
    unit
        Of the doses, for messages.
    n_bootstrap
        Number of resamples; 0 leaves the interval out.
    seed
        Of the resamples.

    Raises
    ------
    ValueError
        No vehicle wells or none alive, fewer than four distinct doses, or numbers that no plate has.
    """
    doses, viability = np.asarray(doses, float), np.asarray(viability, float)
    require_fittable(doses, viability)
    levels, level_of = np.unique(doses, return_inverse=True)
    counts = np.bincount(level_of)
    viability = viability / viability[doses == 0.0].mean()
    means = np.bincount(level_of, viability) / counts
    curve = fit_curve(levels, means, counts)
    tested = (levels[1], levels[-1])
    misfit = _misfit(curve, levels, means)
    method = INTERPOLATION if misfit else LOGISTIC
    crossing = first_crossing(levels, means) if misfit else curve.dose_at(HALF)
    ic50 = _tested(crossing, tested)
    bounds = (math.nan, math.nan)
    if n_bootstrap and counts.max() > 1:
        samples = [
            first_crossing(levels, sample)
            if misfit
            else _fit(levels, sample, counts, [_as_parameters(curve)]).dose_at(HALF)
            for sample in _resamples(viability, level_of, means, n_bootstrap, seed)
        ]
        low, high = np.quantile(samples, INTERVAL, method="nearest")  # interpolation fails at 0 and inf
        bounds = (min(low, crossing), max(high, crossing))
    fall = (means.max(), means.min()) if misfit else (curve.top, curve.bottom)
    step = _unresolved_step(fall, crossing, levels, means) if ic50 is not None else None
    if step is not None:
        bounds = (np.fmin(bounds[0], step[0]), np.fmax(bounds[1], step[1]))
    flat = curve.top - curve.bottom < _FLAT
    ec50 = None if flat else _tested(curve.ec50, tested)
    message = _message(crossing, bounds, step, levels, means, unit)
    if misfit:
        message += _misfit_message(misfit, ec50, levels, means, unit)
    return DoseResponse(
        ic50=ic50,
        ic50_low=_tested(bounds[0], tested),
        ic50_high=_tested(bounds[1], tested),
        ic50_method=method,
        ec50=ec50,
        hill=None if flat else curve.hill,
        top=curve.top,
        bottom=curve.bottom,
        unit=unit,
        message=message,
        n_bootstrap=n_bootstrap,
        curve=curve,
    )


def require_fittable(doses: np.ndarray, viability: np.ndarray) -> None:
    """Raise ValueError, with what was expected, where a plate (arrays of shape (n,)) cannot be fitted."""
    if doses.ndim != 1 or doses.shape != viability.shape:
        raise ValueError(f"doses have shape {doses.shape}, viability {viability.shape}; expected one value a well")
    if not (np.isfinite(doses).all() and np.isfinite(viability).all() and (doses >= 0.0).all()):
        raise ValueError("expected doses of at least 0 and viabilities that are finite numbers")
    given = doses[doses > 0.0]
    if len(given) and not (given.min() >= DOSE_RANGE[0] and given.max() <= DOSE_RANGE[1]):
        extreme = given.min() if given.min() < DOSE_RANGE[0] else given.max()
        raise ValueError(f"dose {extreme:g}: expected 0 (vehicle) or from {DOSE_RANGE[0]:g} to {DOSE_RANGE[1]:g}")
    greatest = np.abs(viability).max(initial=0.0)
    if greatest > MOST_VIABILITY:
        raise ValueError(f"a viability of size {greatest:g}; expected at most {MOST_VIABILITY:g}")
    vehicle = viability[doses == 0.0]
    if not len(vehicle):
        raise ValueError("no vehicle wells; expected at least one well of dose 0, to which viability is normalised")
    if vehicle.mean() <= 0.0:
        raise ValueError("the vehicle wells hold nothing alive; expected a viability above 0 at dose 0")
    if greatest > MOST_VIABILITY * vehicle.mean():
        raise ValueError(
            f"a viability of size {greatest:g}, where vehicle wells have {vehicle.mean():g}; expected at most "
            f"{MOST_VIABILITY:g} times as much"
        )
    n_doses = len(np.unique(doses[doses > 0.0]))
    if n_doses < MIN_DOSES:
        raise ValueError(f"{n_doses} distinct doses above 0; expected at least {MIN_DOSES} for a fit")


def first_crossing(levels: np.ndarray, means: np.ndarray) -> float:
    """Return the dose at which means, joined over the logarithm of the dose, first cross one half.

    What falls below by less than `MARGIN` before it rises again does not cross.

    Parameters
    ----------
    levels
        Distinct doses, ascending, the first 0; shape (m,).
    means
        Mean viability of each, shape (m,).

    Returns
    -------
    float
        0 where it lies below the lowest dose, inf where there is none.
    """
    after = _first_below(means)
    if after is None:
        return math.inf
    if after < 2:
        return 0.0
    part = (means[after - 1] - HALF) / (means[after - 1] - means[after])
    return float(levels[after - 1] * (levels[after] / levels[after - 1]) ** part)


def _first_below(means: np.ndarray) -> int | None:
    """Return the index of the first mean below one half after which it falls below by `MARGIN`, None without one."""
    low = np.flatnonzero(means <= HALF - MARGIN)
    if not len(low):
        return None
    above = np.flatnonzero(means[: low[0]] >= HALF)
    return int(above[-1]) + 1 if len(above) else 0


def fit_curve(levels: np.ndarray, means: np.ndarray, counts: np.ndarray) -> Curve:
    """Return the least-squares curve through the means of the wells of each dose.

    With each dose weighted by its number of wells this is the fit to all single wells.

    Parameters
    ----------
    levels
        Distinct doses, ascending, the first 0; shape (m,).
    means, counts
        Mean viability and number of wells of each dose, shape (m,).
    """
    x = np.log10(levels[1:])
    low, high = means.min(), means.max()
    below = np.flatnonzero(means[1:] < 0.5 * (low + high))
    crossing = x[below[0]] if len(below) else x[-1]
    centres = (crossing, 0.5 * (crossing + x[max(np.searchsorted(x, crossing) - 1, 0)]), x.mean())
    starts = [np.array([centre, math.log(hill), low, high - low]) for centre in centres for hill in (1.0, 4.0)]
    return _fit(levels, means, counts, starts)


def _fit(levels: np.ndarray, means: np.ndarray, counts: np.ndarray, starts: list[np.ndarray]) -> Curve:
    """Return the best of the fits from ``starts``: log10 EC50, ln hill, bottom, and top minus bottom."""
    vehicle = levels == 0.0
    x = np.log10(np.where(vehicle, 1.0, levels))
    weights = np.sqrt(counts)

    def share_and_distance(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        distance = np.where(vehicle, 0.0, _LN10 * (x - p[0]))
        return np.where(vehicle, 1.0, expit(-math.exp(p[1]) * distance)), distance

    def residuals(p: np.ndarray) -> np.ndarray:
        return weights * (p[2] + p[3] * share_and_distance(p)[0] - means)

    def jacobian(p: np.ndarray) -> np.ndarray:
        share, distance = share_and_distance(p)
        slope = p[3] * math.exp(p[1]) * share * (1.0 - share)
        columns = (slope * _LN10, -slope * distance, np.ones_like(share), share)
        return weights[:, None] * np.column_stack(columns)

    lowest, highest = min(0.0, means.min()), max(1.0, means.max())
    tested = x[~vehicle]
    bounds = np.array(
        [
            (tested.min() - _DECADES_BEYOND, tested.max() + _DECADES_BEYOND),
            tuple(map(math.log, _HILL_RANGE)),
            (lowest - 1e-9, highest),
            (-1e-9, 2.0 * (highest - lowest)),
        ]
    ).T
    fits = [
        least_squares(residuals, np.clip(start, bounds[0] + 1e-9, bounds[1] - 1e-9), jacobian, bounds=bounds)
        for start in starts
    ]
    log_ec50, log_hill, bottom, fall = min(fits, key=lambda fit: fit.cost).x
    return Curve(float(bottom + fall), float(bottom), float(10.0**log_ec50), float(math.exp(log_hill)))


def _as_parameters(curve: Curve) -> np.ndarray:
    return np.array([math.log10(curve.ec50), math.log(curve.hill), curve.bottom, curve.top - curve.bottom])


def _resamples(
    viability: np.ndarray, level_of: np.ndarray, means: np.ndarray, number: int, seed: int
) -> Iterator[np.ndarray]:
    """Yield the mean viability of each dose in each resample, normalised to its vehicle wells, shape (m,)."""
    generator = np.random.default_rng([seed, _BOOTSTRAP_STREAM])
    deviations = [viability[level_of == level] - mean for level, mean in enumerate(means)]
    for _ in range(number):
        sample = means.copy()
        for level, deviation in enumerate(deviations):
            n = len(deviation)
            if n > 1:
                sample[level] += math.sqrt(n / (n - 1)) * generator.choice(deviation, n).mean()
        yield sample / sample[0] if sample[0] > 0.0 else sample


def _tested(dose: float, tested: tuple[float, float]) -> float | None:
    """Return the dose, or None where it is not known or lies outside the tested ones."""
    slack = 1.0 + 1e-9
    return float(dose) if tested[0] / slack <= dose <= tested[1] * slack else None


def _unresolved_step(
    fall: tuple[float, float], crossing: float, levels: np.ndarray, means: np.ndarray
) -> tuple[float, float] | None:
    """Return the two doses between which viability falls from top to bottom, where no dose shows how; else None."""
    fallen = (means[1:] - fall[1]) / (fall[0] - fall[1])
    if ((fallen > _RESOLVED[0]) & (fallen < _RESOLVED[1])).any():
        return None
    after = int(np.searchsorted(levels, crossing))
    return (levels[after - 1], levels[after]) if 1 < after < len(levels) else None


def _misfit(curve: Curve, levels: np.ndarray, means: np.ndarray) -> tuple[int, float] | None:
    """Return the dose (its index) whose mean the curve misses most, and by how much, where it misses by too much."""
    distance = np.abs(curve(levels) - means)
    worst = int(distance.argmax())
    return (worst, float(distance[worst])) if distance[worst] > _BAD_FIT else None


def _misfit_message(
    misfit: tuple[int, float], ec50: float | None, levels: np.ndarray, means: np.ndarray, unit: str
) -> str:
    """Return the warning that the curve is not the shape of the wells, with the doses between which they cross half."""
    worst, distance = misfit
    where = f"{levels[worst]:.3g} {unit}" if levels[worst] else "the vehicle"
    text = f"; the curve fits badly, it misses {where} by {100.0 * distance:.0f} %"
    after = _first_below(means)
    if after is None or after < 2:
        return text
    inflection = "" if ec50 is None else f"; the inflection of the curve, EC50, is {ec50:.3g}"
    return (
        f"{text}: the IC50 is not the curve's but interpolated where the wells first fall below 50 % "
        f"from {levels[after - 1]:.3g} to {levels[after]:.3g} {unit}{inflection}"
    )


def _message(
    crossing: float,
    bounds: tuple[float, float],
    step: tuple[float, float] | None,
    levels: np.ndarray,
    means: np.ndarray,
    unit: str,
) -> str:
    lowest, highest = f"{levels[1]:.3g} {unit}", f"{levels[-1]:.3g} {unit}"
    tested = (levels[1], levels[-1])
    if _tested(crossing, tested) is None:
        side, dose, mean = (
            ("below the lowest", lowest, means[1])
            if crossing < levels[1]
            else ("above the highest", highest, means[-1])
        )
        text = f"IC50 {side} dose, {dose}: viability there is {100.0 * mean:.0f} %"
        at_half = crossing > levels[-1] and abs(mean - HALF) < MARGIN
        return f"{text}, and does not cross 50 % by as much as {100.0 * MARGIN:.0f} %" if at_half else text
    text = f"IC50 {crossing:.3g} {unit}"
    if step is not None:
        return (
            f"{text}: viability falls within one dilution, from {step[0]:.3g} to {step[1]:.3g} {unit}; "
            "the interval is at least these doses, and the steepness is not known"
        )
    if math.isnan(bounds[0]):
        return f"{text}; no interval, because no dose was resampled"
    low = f"below {lowest}" if _tested(bounds[0], tested) is None else f"{bounds[0]:.3g}"
    high = f"above {highest}" if _tested(bounds[1], tested) is None else f"{bounds[1]:.3g}"
    return f"{text}, 95 % interval {low} to {high}"
