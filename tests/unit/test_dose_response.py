"""The dose-response fit: it finds a known curve again, and says what it cannot know instead of guessing."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tumorabm.assays.dose_response import Curve, first_crossing, fit_dose_response

LEVELS = np.array([0.0, *np.geomspace(1e-5, 1.0, 16)])


def plate(curve: Curve, replicates: int = 1, levels: np.ndarray = LEVELS) -> tuple[np.ndarray, np.ndarray]:
    doses = np.repeat(levels, replicates)
    return doses, curve(doses)


def noisy(curve: Curve, replicates: int, seed: int, sd: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    doses, viability = plate(curve, replicates)
    return doses, viability + sd * np.random.default_rng(seed).standard_normal(len(doses))


curves = st.builds(
    Curve,
    top=st.just(1.0),
    bottom=st.floats(0.0, 0.4),
    ec50=st.floats(-4.0, -1.0).map(lambda exponent: 10.0**exponent),
    hill=st.floats(0.6, 4.0),
)


@settings(max_examples=60, deadline=None)
@given(curves)
def test_a_known_curve_is_found_again(curve: Curve) -> None:
    fit = fit_dose_response(*plate(curve), unit="IU/mL", n_bootstrap=0)
    assert (fit.top, fit.bottom) == pytest.approx((1.0, curve.bottom), abs=2e-3)
    assert fit.ec50 == pytest.approx(curve.ec50, rel=5e-3)
    assert fit.hill == pytest.approx(curve.hill, rel=2e-2)
    half = curve.dose_at(0.5)
    if 1.01e-5 < half < 0.99:
        assert fit.ic50 == pytest.approx(half, rel=5e-3)
        assert curve(half) == pytest.approx(0.5)


@settings(max_examples=20, deadline=None)
@given(curves, st.floats(0.01, 1000.0))
def test_the_unit_of_viability_does_not_matter(curve: Curve, scale: float) -> None:
    doses, viability = noisy(curve, 3, seed=1)
    one = fit_dose_response(doses, viability, unit="µM", n_bootstrap=0)
    other = fit_dose_response(doses, scale * viability, unit="µM", n_bootstrap=0)
    assert (other.top, other.bottom) == pytest.approx((one.top, one.bottom), abs=1e-4)


def test_the_interval_covers_the_true_value_about_as_often_as_it_says() -> None:
    curve = Curve(1.0, 0.05, 3e-3, 1.2)
    n_plates, covered = 28, 0
    for seed in range(n_plates):
        fit = fit_dose_response(*noisy(curve, 4, seed), unit="IU/mL", n_bootstrap=60, seed=seed)
        covered += fit.ic50_low <= curve.dose_at(0.5) <= fit.ic50_high
        assert fit.ic50_low < fit.ic50 < fit.ic50_high
    assert covered >= 24


def test_the_same_seed_gives_the_same_interval() -> None:
    doses, viability = noisy(Curve(1.0, 0.0, 1e-2, 1.0), 3, seed=7)
    one, same, other = (
        fit_dose_response(doses, viability, unit="IU/mL", n_bootstrap=50, seed=seed) for seed in (1, 1, 2)
    )
    assert one.report() == same.report()
    assert one.ic50_low != other.ic50_low


def test_a_curve_that_stays_above_half_has_no_ic50() -> None:
    fit = fit_dose_response(*noisy(Curve(1.0, 0.83, 1e-3, 2.0), 4, seed=1, sd=0.01), unit="IU/mL")
    assert (fit.ic50, fit.ic50_low, fit.ic50_high) == (None, None, None)
    assert fit.message == "IC50 above the highest dose, 1 IU/mL: viability there is 83 %"


def test_a_curve_that_is_below_half_from_the_first_dose_has_no_ic50() -> None:
    fit = fit_dose_response(*plate(Curve(1.0, 0.12, 1e-8, 2.0), 2), unit="µM")
    assert fit.ic50 is None
    assert fit.message == "IC50 below the lowest dose, 1e-05 µM: viability there is 12 %"


def test_a_flat_curve_has_neither_inflection_nor_steepness() -> None:
    fit = fit_dose_response(*plate(Curve(1.0, 1.0, 1e-3, 1.0), 3), unit="µM")
    assert (fit.ic50, fit.ec50, fit.hill) == (None, None, None)
    assert "viability there is 100 %" in fit.message


def test_a_bound_beyond_the_tested_doses_is_left_out_and_named() -> None:
    fit = fit_dose_response(*noisy(Curve(1.0, 0.0, 0.9, 1.0), 4, seed=3, sd=0.15), unit="IU/mL")
    assert fit.ic50 is not None and fit.ic50_low is not None
    assert fit.ic50_high is None
    assert "above 1 IU/mL" in fit.message


def test_a_fall_between_two_doses_gives_an_interval_of_at_least_these_doses() -> None:
    levels = np.array([0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    doses = np.repeat(levels, 3)
    fit = fit_dose_response(doses, np.where(doses < 5e-3, 1.0, 0.0), unit="IU/mL")
    assert fit.ic50_low <= 1e-3 < fit.ic50 < 1e-2 <= fit.ic50_high
    assert "within one dilution, from 0.001 to 0.01 IU/mL" in fit.message


def test_single_wells_have_no_interval() -> None:
    fit = fit_dose_response(*plate(Curve(1.0, 0.0, 1e-2, 1.0)), unit="IU/mL")
    assert fit.ic50 == pytest.approx(1e-2, rel=1e-3)
    assert (fit.ic50_low, fit.ic50_high) == (None, None)
    assert "no interval" in fit.message


def test_a_curve_in_two_steps_is_said_to_fit_badly() -> None:
    doses, low = plate(Curve(0.6, 0.0, 1e-4, 6.0), 3)
    fit = fit_dose_response(doses, low + Curve(0.4, 0.0, 1e-1, 6.0)(doses), unit="IU/mL")
    assert "the curve fits badly" in fit.message
    assert "first fall below 50 % from" in fit.message


def two_steps(sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Wells that half of all cells leave at 1e-4 and the others at 1e-1, as Jurkat cells do."""
    doses, viability = noisy(Curve(0.6, 0.0, 1e-4, 2.0), 4, seed=5, sd=sd)
    return doses, viability + Curve(0.4, 0.0, 1e-1, 6.0)(doses)


def test_the_ic50_of_two_steps_is_where_the_means_cross_one_half() -> None:
    doses, viability = two_steps(sd=0.02)
    fit = fit_dose_response(doses, viability, unit="IU/mL", n_bootstrap=100)
    means = np.array([viability[doses == level].mean() for level in LEVELS])
    means /= means[0]
    after = int(np.flatnonzero(means < 0.5)[0])
    assert LEVELS[after - 1] < fit.ic50 < LEVELS[after]
    assert np.interp(math.log(fit.ic50), np.log(LEVELS[1:]), means[1:]) == pytest.approx(0.5)
    assert fit.ic50_low < fit.ic50 < fit.ic50_high < 2.0 * fit.ic50_low
    assert fit.ec50 == fit.curve.ec50 > 2.0 * fit.ic50
    assert fit.report()["ic50_method"] == "interpolation"
    assert "the IC50 is not the curve's but interpolated" in fit.message
    assert f"EC50, is {fit.ec50:.3g}" in fit.message


def test_a_curve_that_fits_gives_its_own_crossing() -> None:
    fit = fit_dose_response(*plate(Curve(1.0, 0.0, 1e-2, 1.0)), unit="IU/mL", n_bootstrap=0)
    assert fit.ic50_method == "logistic"
    assert fit.ic50 == fit.curve.dose_at(0.5)


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([1.0, 1.0, 0.75, 0.25, 0.0], math.sqrt(10.0) * 10.0),
        ([1.0, 0.9, 0.5, 0.4, 0.3], 10.0),
        ([1.0, 0.9, 0.495, 0.6, 0.4], 10.0**2.5),
        ([1.0, 0.9, 0.495, 0.491, 0.4], 10.0 ** (0.4 / 0.405)),
        ([1.0, 0.9, 0.2, 0.9, 0.2], 10.0 ** (4.0 / 7.0)),
        ([1.0, 0.4, 0.3, 0.2, 0.1], 0.0),
        ([1.0, 0.9, 0.8, 0.6, 0.495], math.inf),
    ],
)
def test_means_cross_one_half_where_they_first_fall_clearly_below(means: list[float], expected: float) -> None:
    assert first_crossing(np.array([0.0, 1.0, 10.0, 100.0, 1000.0]), np.array(means)) == pytest.approx(expected)


@pytest.mark.parametrize("bottom", [0.5, 0.5 - 1e-6, 0.495])
def test_a_plateau_at_one_half_does_not_cross_it(bottom: float) -> None:
    fit = fit_dose_response(*plate(Curve(1.0, bottom, 1e-3, 3.0), 3), unit="IU/mL", n_bootstrap=20)
    assert (fit.ic50, fit.ic50_high) == (None, None)
    assert "and does not cross 50 % by as much as 1 %" in fit.message
    clear = fit_dose_response(*plate(Curve(1.0, 0.47, 1e-3, 3.0), 3), unit="IU/mL", n_bootstrap=20)
    assert clear.ic50 is not None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.0, 1.2), min_size=18, max_size=18), st.integers(1, 12))
@example([1.0] * 3 + [1.1, 0.9, 1.0, 0.8, 1.0, 0.6, 0.7, 0.4, 0.5, 0.2, 0.4, 0.3, 0.2, 0.1, 0.3], 1)
def test_the_interval_holds_the_estimate_whatever_the_wells_show(wells: list[float], n_bootstrap: int) -> None:
    doses = np.repeat([0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0], 3)
    viability = np.where(doses > 0.0, wells, 1.0)
    fit = fit_dose_response(doses, viability, unit="IU/mL", n_bootstrap=n_bootstrap)
    if fit.ic50 is not None:
        assert fit.ic50_low is None or fit.ic50_low <= fit.ic50
        assert fit.ic50_high is None or fit.ic50 <= fit.ic50_high
    assert (fit.ic50_low or 0.0) <= (fit.ic50_high or math.inf)


def test_the_report_has_the_keys_of_fit_json() -> None:
    report = fit_dose_response(*plate(Curve(1.0, 0.0, 1e-2, 1.0)), unit="IU/mL", n_bootstrap=0).report()
    keys = {"ic50", "ic50_low", "ic50_high", "hill", "top", "bottom", "unit", "ec50", "message", "n_bootstrap"}
    assert set(report) == keys | {"ic50_method"}
    assert report["unit"] == "IU/mL"


@pytest.mark.parametrize(
    ("doses", "viability", "expected"),
    [
        ([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 0.5, 0.1], "no vehicle wells"),
        ([0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 0.5, 0.1], "3 distinct doses above 0; expected at least 4"),
        ([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 1.0, 0.5, 0.1], "hold nothing alive"),
        ([0.0, 1.0, 2.0, -3.0, 4.0], [1.0, 1.0, 1.0, 0.5, 0.1], "doses of at least 0"),
        ([0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 1.0, math.nan, 0.5, 0.1], "finite"),
        ([0.0, 1.0], [1.0], "one value a well"),
        ([0.0, 1e-320, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 0.5, 0.1], "dose .*e-32.: expected 0 .vehicle. or from 1e-12"),
        ([0.0, 1e13, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 0.5, 0.1], r"dose 1e\+13: expected 0"),
        ([0.0, 1.0, 2.0, 3.0, 4.0], [1e308, 1e308, 1.0, 0.5, 0.1], r"1e\+308; expected at most 1e\+06"),
        ([0.0, 1.0, 2.0, 3.0, 4.0], [1e-300, 1.0, 1.0, 0.5, 0.1], "expected at most 1e.06 times as much"),
    ],
)
def test_what_cannot_be_fitted_is_refused(doses: list, viability: list, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        fit_dose_response(np.array(doses), np.array(viability), unit="IU/mL")
