"""The closed form of a cell's volume against a numerical solution, and against the published curve."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tests.oracles import cell_volume as cv


def test_the_closed_form_solves_the_equations():
    cytoplasm, nucleus, fluid = 0.25 * (1.0 - cv.NUCLEAR_SHARE), 0.25 * cv.NUCLEAR_SHARE, 0.75

    def rate(_, state):
        return (
            cv.CYTOPLASMIC_RATE_PER_MIN * (2.0 * cytoplasm - state[0]),
            cv.NUCLEAR_RATE_PER_MIN * (2.0 * nucleus - state[1]),
            cv.FLUID_RATE_PER_MIN * (0.75 * state.sum() - state[2]),
        )

    times = np.linspace(0.0, 1500.0, 31)
    solved = solve_ivp(rate, (0.0, 1500.0), [cytoplasm, nucleus, fluid], t_eval=times, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(cv.relative_volume(times), solved.y.sum(axis=0), rtol=1e-8)


@pytest.mark.parametrize(
    ("classes", "largest"),
    [({}, 0.0012), ({"shares": (1.0,), "rates_per_min": (cv.SINGLE_RATE_PER_MIN,)}, 0.0008)],
    ids=["cytoplasm and nucleus", "one class of solids"],
)
def test_the_published_curve_is_met(classes, largest):
    times, percent = cv.PUBLISHED_CURVE.T
    volume = 100.0 * cv.relative_volume(times - cv.GROWTH_ONSET_MIN, **classes)
    volume[times > 870.0] *= 0.5
    assert np.abs(volume / percent - 1.0).max() < largest
