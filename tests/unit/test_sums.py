"""A sum over cells must not depend on their order, nor lose more than an ordinary sum does."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorabm.sums import sum_in_any_order

VALUES = st.lists(st.floats(-1e15, 1e15) | st.floats(-1e-9, 1e-9), max_size=60)


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_does_not_change_a_bit(values: list[float], random) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    assert sum_in_any_order(np.array(shuffled)) == sum_in_any_order(np.array(values))


@given(VALUES)
def test_it_is_the_exact_sum_but_for_a_few_roundings(values: list[float]) -> None:
    largest = max(map(abs, values), default=0.0)
    assert abs(sum_in_any_order(np.array(values)) - math.fsum(values)) <= 4e-16 * len(values) * largest


def test_many_values_of_all_sizes_are_summed_as_exactly_as_one_by_one() -> None:
    generator = np.random.default_rng(1)
    values = generator.lognormal(0.0, 8.0, 100_000)
    expected = math.fsum(values)
    assert sum_in_any_order(values) == pytest.approx(expected, rel=1e-15)
    assert {sum_in_any_order(generator.permutation(values)) for _ in range(20)} == {sum_in_any_order(values)}
    assert len({float(generator.permutation(values).sum()) for _ in range(20)}) > 1, "an ordinary sum depends on it"


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], 0.0), ([0.0, -0.0], 0.0), ([5e-324, 5e-324], 1e-323), ([True, False, True], 2.0), ([1e20, -1e20, 1.0], 1.0)],
)
def test_limits(values: list[float], expected: float) -> None:
    assert sum_in_any_order(np.array(values)) == expected


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_what_is_no_number_makes_the_sum_none(bad: float) -> None:
    assert math.isnan(sum_in_any_order(np.array([1.0, bad, 2.0])))
