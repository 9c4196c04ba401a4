"""Where daughters lie after a division."""

import numpy as np
import pytest

from tumorabm.mechanics import separate_daughters

BOX_UM = np.array([100.0, 100.0, 100.0])


def divide(positions: np.ndarray, radii: np.ndarray, ndim: int, uids: np.ndarray | None = None) -> np.ndarray:
    """Positions after each of the cells divided: mothers first, then daughters."""
    n = len(positions)
    both = np.concatenate([positions, positions])
    uids = np.arange(1, 2 * n + 1) if uids is None else uids
    separate_daughters(
        both, np.arange(n), n, np.concatenate([radii, radii]), uids, BOX_UM, ndim, np.uint64(3), 5
    )  # fmt: skip
    return both


@pytest.mark.parametrize("ndim", [2, 3])
def test_daughters_lie_one_radius_apart_around_the_place_of_their_mother(ndim: int) -> None:
    positions = np.random.default_rng(1).uniform(30.0, 70.0, (500, 3))
    radii = np.random.default_rng(2).uniform(4.0, 12.0, 500)
    both = divide(positions, radii, ndim)
    mothers, daughters = both[:500], both[500:]
    np.testing.assert_allclose(0.5 * (mothers + daughters), positions, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(daughters - mothers, axis=1), radii, rtol=1e-12)
    if ndim == 2:
        np.testing.assert_array_equal(both[:, 2], np.concatenate([positions, positions])[:, 2])


@pytest.mark.parametrize("ndim", [2, 3])
def test_axes_of_division_have_no_preferred_direction(ndim: int) -> None:
    n = 20_000
    both = divide(np.full((n, 3), 50.0), np.full(n, 5.0), ndim)
    axis = (both[n:] - both[:n]) / 5.0
    error = 4.0 / (ndim * n) ** 0.5
    np.testing.assert_allclose(axis.mean(axis=0), 0.0, atol=error)
    np.testing.assert_allclose((axis**2).mean(axis=0)[:ndim], 1.0 / ndim, atol=error)


def test_daughters_stay_in_the_box() -> None:
    both = divide(np.zeros((50, 3)), np.full(50, 8.0), 3)
    assert both.min() >= 0.0
    assert both.max() <= 8.0


def test_the_axis_follows_from_the_daughters_identity_not_from_the_order_of_rows() -> None:
    positions, radii = np.full((2, 3), 50.0), np.full(2, 5.0)
    one = divide(positions, radii, 3, np.array([1, 2, 7, 8]))
    other = divide(positions, radii, 3, np.array([2, 1, 8, 7]))
    np.testing.assert_array_equal(one[2], other[3])
    np.testing.assert_array_equal(one[3], other[2])
