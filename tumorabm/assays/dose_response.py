"""Dose-response: a four-parameter logistic in the logarithm of the dose, the IC50, and its bootstrap interval."""

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
"""The IC50 is absolute: where the fitted curve crosses half of the vehicle's viability."""

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
        """Return the dose at which the curve crosses ``viability``: 0 where it lies below, inf where it stays above."""
        if self.top <= viability:
            return 0.0
        if self.bottom >= viability:
            return math.inf
        return self.ec50 * ((self.top - viability) / (viability - self.bottom)) ** (1.0 / self.hill)


@dataclass(frozen=True)
class DoseResponse:
    """What a fit gives; doses that were not tested are None, never extrapolated.

    Attributes
    ----------
    ic50, ic50_low, ic50_high
        Dose at which the fitted curve crosses 50 % of the vehicle's viability, and its 95 % bootstrap interval.
    ec50
        Dose of the inflection.
    hill, top, bottom
        As in `Curve`; hill is None where the curve is flat.
    unit
        Of the doses.
    message
        The result in one sentence, with what could not be told.
    n_bootstrap
        Number of resamples.
    curve
        The fitted curve, also where a key above is None.
    """

    ic50: float | None
    ic50_low: float | None
    ic50_high: float | None
    ec50: float | None
    hill: float | None
    top: float
    bottom: float
    unit: str
    message: str
    n_bootstrap: int
    curve: Curve

    def report(self) -> dict[str, float | str | None]:
        """Return what stands in ``fit.json``."""
        keys = (
            "ic50", "ic50_low", "ic50_high", "hill", "top", "bottom", "unit", "ec50", "message", "n_bootstrap",
        )  # fmt: skip
        return {key: getattr(self, key) for key in keys}


def fit_dose_response(
    doses: np.ndarray, viability: np.ndarray, *, unit: str, n_bootstrap: int = 200, seed: int = 1
) -> DoseResponse:
    """Fit a plate.

    The interval is that of a case bootstrap: the wells of each dose, the vehicle's too, are drawn anew with their
    deviations from the mean widened by ``sqrt(n/(n-1))``, for n wells draw too narrow a spread. Each resample is
    normalised to its own vehicle wells and fitted. A dose with one well has no spread.

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
        No vehicle wells or none alive, or fewer than four distinct doses.
    """
    doses, viability = np.asarray(doses, float), np.asarray(viability, float)
    require_fittable(doses, viability)
    levels, level_of = np.unique(doses, return_inverse=True)
    counts = np.bincount(level_of)
    viability = viability / viability[doses == 0.0].mean()
    means = np.bincount(level_of, viability) / counts
    curve = fit_curve(levels, means, counts)
    tested = (levels[1], levels[-1])
    crossing = curve.dose_at(HALF)
    ic50 = _tested(crossing, tested)
    bounds = (math.nan, math.nan)
    if n_bootstrap and counts.max() > 1:
        samples = [
            _fit(levels, means_of_sample, counts, [_as_parameters(curve)]).dose_at(HALF)
            for means_of_sample in _resamples(viability, level_of, means, n_bootstrap, seed)
        ]
        bounds = tuple(np.quantile(samples, INTERVAL, method="nearest"))  # interpolation fails at 0 and inf
    step = _unresolved_step(curve, levels, means) if ic50 is not None else None
    if step is not None:
        bounds = (np.fmin(bounds[0], step[0]), np.fmax(bounds[1], step[1]))
    flat = curve.top - curve.bottom < _FLAT
    return DoseResponse(
        ic50=ic50,
        ic50_low=_tested(bounds[0], tested),
        ic50_high=_tested(bounds[1], tested),
        ec50=None if flat else _tested(curve.ec50, tested),
        hill=None if flat else curve.hill,
        top=curve.top,
        bottom=curve.bottom,
        unit=unit,
        message=_message(crossing, bounds, step, levels, means, unit) + _misfit(curve, levels, means, unit),
        n_bootstrap=n_bootstrap,
        curve=curve,
    )


def require_fittable(doses: np.ndarray, viability: np.ndarray) -> None:
    """Raise ValueError, with what was expected, where a plate (arrays of shape (n,)) cannot be fitted."""
    if doses.ndim != 1 or doses.shape != viability.shape:
        raise ValueError(f"doses have shape {doses.shape}, viability {viability.shape}; expected one value a well")
    if not (np.isfinite(doses).all() and np.isfinite(viability).all() and (doses >= 0.0).all()):
        raise ValueError("expected doses of at least 0 and viabilities that are finite numbers")
    vehicle = viability[doses == 0.0]
    if not len(vehicle):
        raise ValueError("no vehicle wells; expected at least one well of dose 0, to which viability is normalised")
    if vehicle.mean() <= 0.0:
        raise ValueError("the vehicle wells hold nothing alive; expected a viability above 0 at dose 0")
    n_doses = len(np.unique(doses[doses > 0.0]))
    if n_doses < MIN_DOSES:
        raise ValueError(f"{n_doses} distinct doses above 0; expected at least {MIN_DOSES} for a fit")


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


def _unresolved_step(curve: Curve, levels: np.ndarray, means: np.ndarray) -> tuple[float, float] | None:
    """Return the two doses between which viability falls, where no dose shows how; else None."""
    fallen = (means[1:] - curve.bottom) / (curve.top - curve.bottom)
    if ((fallen > _RESOLVED[0]) & (fallen < _RESOLVED[1])).any():
        return None
    after = int(np.searchsorted(levels, curve.dose_at(HALF)))
    return (levels[after - 1], levels[after]) if 1 < after < len(levels) else None


def _misfit(curve: Curve, levels: np.ndarray, means: np.ndarray, unit: str) -> str:
    """Return a warning where the curve is not the shape of the wells, with the doses between which they cross half."""
    distance = np.abs(curve(levels) - means)
    worst = int(distance.argmax())
    if distance[worst] <= _BAD_FIT:
        return ""
    where = f"{levels[worst]:.3g} {unit}" if levels[worst] else "the vehicle"
    text = f"; the curve fits badly, it misses {where} by {100.0 * distance[worst]:.0f} %"
    below = np.flatnonzero(means < HALF)
    if not len(below) or below[0] < 2:
        return text
    return f"{text}: the wells first fall below 50 % from {levels[below[0] - 1]:.3g} to {levels[below[0]]:.3g} {unit}"


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
        return f"IC50 {side} dose, {dose}: viability there is {100.0 * mean:.0f} %"
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
