"""The diameter of a tissue, against shapes whose outline is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.mechanics import silhouette
from tumorabm.outline import outline_diameter


def in_ball(n: int, ndim: int, radius: float) -> np.ndarray:
    random = np.random.default_rng(0)
    points = np.zeros((n, 3))
    direction = random.standard_normal((n, ndim))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    points[:, :ndim] = radius * direction * random.random((n, 1)) ** (1.0 / ndim)
    return points + 500.0


@pytest.mark.parametrize("ndim", [2, 3])
def test_diameter_of_a_filled_disc_or_ball_reaches_to_the_outer_side_of_its_cells(ndim: int) -> None:
    points = in_ball(200_000, ndim, 300.0)
    assert outline_diameter(points, np.full(len(points), 5.0), ndim) == pytest.approx(610.0, rel=0.01)


def test_a_hollow_counts_and_a_lone_cell_far_away_hardly_does() -> None:
    angles = np.linspace(0.0, 2.0 * math.pi, 400, endpoint=False)
    ring = np.column_stack((300.0 * np.cos(angles), 300.0 * np.sin(angles), np.zeros(400)))
    with_stray = np.vstack((ring, [[2000.0, 0.0, 0.0]]))
    assert outline_diameter(ring, np.full(400, 8.0), 2) == pytest.approx(616.0, rel=0.01)
    assert outline_diameter(with_stray, np.full(401, 8.0), 2) == pytest.approx(616.0, rel=0.01)


@pytest.mark.parametrize("ndim", [2, 3])
def test_one_cell_is_as_wide_as_itself_and_no_cell_has_no_diameter(ndim: int) -> None:
    assert outline_diameter(np.array([[3.0, 4.0, 5.0]]), np.array([8.0]), ndim) == pytest.approx(16.0, rel=0.05)
    assert math.isnan(outline_diameter(np.empty((0, 3)), np.empty(0), ndim))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(0, 2), st.floats(1.0, 6.0), st.integers(0, 2**32 - 1))
def test_silhouette_is_that_of_the_plain_twin(n: int, axis: int, pixel_um: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    points, radii = random.uniform(0.0, 100.0, (n, 3)), random.uniform(3.0, 9.0, n)
    covered = silhouette(points, radii, axis, pixel_um)
    seen = np.delete(points, axis, axis=1)
    low = (seen - radii[:, None]).min(axis=0) - pixel_um
    y, x = np.indices(covered.shape)
    middle_x, middle_y = low[0] + (x + 0.5) * pixel_um, low[1] + (y + 0.5) * pixel_um
    distance = np.hypot(middle_x[..., None] - seen[:, 0], middle_y[..., None] - seen[:, 1]) - radii
    expected = (distance <= 0.0).any(axis=-1)
    on_edge = (np.abs(distance) < 1e-9).any(axis=-1)
    assert np.array_equal(covered[~on_edge], expected[~on_edge])
    assert not (covered[[0, -1]].any() or covered[:, [0, -1]].any())


def test_each_column_must_fit_the_cells() -> None:
    with pytest.raises(ValueError, match="radii_um has shape"):
        outline_diameter(np.zeros((3, 3)), np.ones(2), 2)
