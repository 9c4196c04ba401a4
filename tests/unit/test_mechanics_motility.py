"""The persistent, biased random walk, and the gradients that draw it."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tumorabm.mechanics import migrate, sample_gradient
from tumorabm.philox import Stream, uniform, unit_vector
from tumorabm.threads import Threads

ONE = Threads(1)
WIDE = np.array([1e6, 1e6, 1e6])
KEY = 20_240_611


def naive_migrate(positions, polarity, speed, persistence, bias, gradient, uids, box, ndim, dt, key, step):
    """Return new positions and polarity, cell by cell."""
    positions, polarity = positions.copy(), polarity.copy()
    for i, uid in enumerate(uids):
        renewed = uniform(np.uint64(key), uid, step, int(Stream.MOTILITY_RENEWAL)) > math.exp(-dt / persistence[i])
        if renewed or not polarity[i].any():
            new = np.array(unit_vector(np.uint64(key), uid, step, int(Stream.MOTILITY_DIRECTION), ndim))
            target = gradient[i] * ([1, 1, 0] if ndim == 2 else [1, 1, 1])
            if target.any():
                new = (1.0 - bias[i]) * new + bias[i] * target / np.linalg.norm(target)
            polarity[i] = new / np.linalg.norm(new)
        for axis in range(ndim):
            moved = positions[i, axis] + speed[i] * dt * polarity[i, axis]
            if not 0.0 <= moved <= box[axis]:
                moved = -moved if moved < 0.0 else 2.0 * box[axis] - moved
                polarity[i, axis] *= -1.0
            positions[i, axis] = min(max(moved, 0.0), box[axis])
    return positions, polarity


def walkers(n, seed=0, edge=50.0):
    """Return positions, polarity, speed, persistence, bias, gradient, uids."""
    random = np.random.default_rng(seed)
    polarity = np.zeros((n, 3))
    polarity[n // 2 :, 0] = 1.0
    return (
        random.uniform(0.0, edge, (n, 3)),
        polarity,
        random.uniform(0.0, 2.0, n),
        random.uniform(0.1, 30.0, n),
        random.uniform(0.0, 1.0, n),
        random.normal(size=(n, 3)) * random.integers(0, 2, (n, 1)),
        random.permutation(n) + 1,
    )


@settings(max_examples=30, deadline=None)
@example(12, 2, 521, 12)  # a cell ends up 7e-5 µm from a wall
@given(st.integers(1, 30), st.sampled_from([2, 3]), st.integers(0, 10**6), st.integers(0, 2**32 - 1))
def test_a_step_is_that_of_the_plain_twin(n, ndim, step, seed):
    positions, polarity, *rest = walkers(n, seed)
    box = np.array([50.0, 60.0, 70.0])
    expected = naive_migrate(positions, polarity, *rest, box, ndim, 6.0, KEY, step)
    migrate(positions, polarity, *rest, box, ndim, 6.0, KEY, step, ONE)
    rounding_um = 4.0 * np.spacing(box.max())  # of a place and a way of this length; near a wall they cancel
    np.testing.assert_allclose(positions, expected[0], rtol=1e-12, atol=rounding_um)
    np.testing.assert_allclose(polarity, expected[1], rtol=1e-9, atol=1e-12)
    assert ((positions >= 0.0) & (positions <= box)).all()


@pytest.mark.parametrize("ndim", [2, 3])
def test_mean_squared_displacement_follows_the_closed_form(ndim):
    n, speed, persistence, dt = 8000, 0.5, 30.0, 1.0
    positions = np.full((n, 3), 5e5)
    polarity = np.zeros((n, 3))
    uids = np.arange(1, n + 1)
    constant = np.full(n, speed), np.full(n, persistence), np.zeros(n), np.zeros((n, 3)), uids
    for step in range(240):
        migrate(positions, polarity, *constant, WIDE, ndim, dt, KEY, step, ONE)
        time = (step + 1) * dt
        if time in (6.0, 30.0, 120.0, 240.0):
            square = ((positions - 5e5) ** 2).sum(axis=1)
            in_persistences = time / persistence
            expected = 2.0 * (speed * persistence) ** 2 * (in_persistences - 1.0 + math.exp(-in_persistences))
            standard_error = square.std() / math.sqrt(n)
            # A step of dt adds a relative (dt/P)²/12 at most to the statistical error.
            assert abs(square.mean() - expected) < 4.0 * standard_error + expected * (dt / persistence) ** 2 / 12.0
    if ndim == 2:
        assert (positions[:, 2] == 5e5).all()


def test_directions_forget_exponentially_whatever_the_step():
    n, persistence = 20_000, 10.0
    arguments = np.zeros(n), np.full(n, persistence), np.zeros(n), np.zeros((n, 3)), np.arange(1, n + 1)
    for dt, steps in ((2.0, 6), (12.0, 1)):
        polarity = np.tile([1.0, 0.0, 0.0], (n, 1))
        for step in range(steps):
            migrate(np.full((n, 3), 5e5), polarity, *arguments, WIDE, 2, dt, KEY, step, ONE)
        assert polarity[:, 0].mean() == pytest.approx(math.exp(-12.0 / persistence), abs=4.0 / math.sqrt(n))


def mean_climb(bias, ndim):
    """Return the mean cosine between a new direction and the gradient, by quadrature over the isotropic part."""
    middle = (np.arange(100_000) + 0.5) / 100_000
    cosine = np.cos(math.pi * middle) if ndim == 2 else 2.0 * middle - 1.0
    along = (1.0 - bias) * cosine + bias
    across = (1.0 - bias) * np.sqrt(1.0 - cosine**2)
    return (along / np.hypot(along, across)).mean()


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("bias", [0.1, 0.3, 0.8])
def test_a_bias_gives_the_drift_that_follows_from_it(bias, ndim):
    n, speed, dt, steps = 2000, 0.5, 6.0, 50
    positions, polarity = np.full((n, 3), 5e5), np.zeros((n, 3))
    arguments = (
        np.full(n, speed),
        np.zeros(n),
        np.full(n, bias),
        np.tile([0.0, -1e-6, 0.0], (n, 1)),
        np.arange(1, n + 1),
    )
    for step in range(steps):
        migrate(positions, polarity, *arguments, WIDE, ndim, dt, KEY, step, ONE)
    drift = (5e5 - positions[:, 1]) / (speed * dt * steps)
    assert drift.mean() == pytest.approx(mean_climb(bias, ndim), abs=4.0 * drift.std() / math.sqrt(n))


@pytest.mark.parametrize("ndim", [2, 3])
def test_cells_drawn_by_a_source_in_the_corner_reach_it_and_others_do_not(ndim):
    voxel_um, n = 20.0, 200
    box = np.array([120.0, 120.0, 120.0 if ndim == 3 else 20.0])
    z, y, x = np.indices((6 if ndim == 3 else 1, 6, 6))
    field = 1.0 / (1.0 + x + y + z)
    near_source = []
    for bias in (0.0, 0.8):
        positions = np.tile(box - 10.0, (n, 1))
        polarity = np.zeros((n, 3))
        for step in range(60):
            gradient = sample_gradient(field, voxel_um, positions, ONE)
            migrate(
                positions, polarity, np.ones(n), np.full(n, 6.0), np.full(n, bias), gradient, np.arange(1, n + 1),
                box, ndim, 6.0, KEY, step, ONE,
            )  # fmt: skip
        near_source.append((np.linalg.norm(positions[:, :ndim], axis=1) < 40.0).mean())
    assert near_source[0] < 0.2
    assert near_source[1] > 0.9


def test_fully_biased_cells_walk_straight_up_and_down_a_gradient():
    gradient = np.array([[3.0, 4.0, 0.0], [-3.0, -4.0, 0.0]])
    positions, polarity = np.full((2, 3), 500.0), np.zeros((2, 3))
    speed, ones, uids = np.full(2, 0.5), np.ones(2), np.array([1, 2])
    migrate(positions, polarity, speed, ones, ones, gradient, uids, WIDE, 2, 10.0, KEY, 0, ONE)
    np.testing.assert_allclose(positions, [[503.0, 504.0, 500.0], [497.0, 496.0, 500.0]])


def test_a_wall_reflects_path_and_direction():
    positions, polarity = np.array([[1.0, 5.0, 5.0]]), np.array([[-1.0, 0.0, 0.0]])
    forever = np.array([1e12])
    migrate(
        positions, polarity, np.ones(1), forever, np.zeros(1), np.zeros((1, 3)), np.array([1]),
        np.full(3, 10.0), 3, 3.0, KEY, 0, ONE,
    )  # fmt: skip
    assert positions.tolist() == [[2.0, 5.0, 5.0]]
    assert polarity.tolist() == [[1.0, 0.0, 0.0]]


def test_the_order_of_the_rows_and_the_number_of_threads_change_no_bit():
    n = 3000
    columns = walkers(n, 4)
    new = np.random.default_rng(1).permutation(n)
    results = []
    for rows, threads in ((np.arange(n), ONE), (new, ONE), (new, Threads(2))):
        positions, polarity, *rest = (column[rows].copy() for column in columns)
        migrate(positions, polarity, *rest, np.full(3, 50.0), 3, 6.0, KEY, 11, threads)
        back = np.argsort(rows)
        results.append((positions[back], polarity[back]))
    for positions, polarity in results[1:]:
        np.testing.assert_array_equal(positions, results[0][0])
        np.testing.assert_array_equal(polarity, results[0][1])


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)), st.integers(0, 2**32 - 1))
def test_gradients_are_numpys_in_the_cells_voxel(shape, seed):
    random = np.random.default_rng(seed)
    field = random.normal(size=shape)
    positions = random.uniform(0.0, 1.0, (30, 3)) * np.array(shape[::-1]) * 20.0
    voxel = np.minimum((positions // 20.0).astype(int), np.array(shape[::-1]) - 1)
    expected = np.zeros((30, 3))
    for axis in range(3):  # x, y, z
        if shape[2 - axis] > 1:
            expected[:, axis] = np.gradient(field, 20.0, axis=2 - axis)[voxel[:, 2], voxel[:, 1], voxel[:, 0]]
    np.testing.assert_allclose(sample_gradient(field, 20.0, positions, ONE), expected, rtol=1e-12, atol=1e-15)


def test_a_cell_on_the_far_wall_reads_the_last_voxel():
    field = np.array([[[0.0, 1.0, 4.0]]])
    assert sample_gradient(field, 10.0, np.array([[30.0, 10.0, 5.0]]), ONE).tolist() == [[0.3, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, np.zeros((4, 2)), "positions_um is"),
        (1, np.zeros((4, 3), np.float32), "polarity is float32"),
        (2, np.full(4, -1.0), "speed_um_per_min spans"),
        (3, np.full(4, np.nan), "persistence_min spans"),
        (4, np.full(4, 1.01), "bias spans"),
        (5, np.zeros((3, 3)), "gradient has shape"),
    ],
)
def test_bad_arguments_are_refused(place, value, message):
    columns = list(walkers(4))
    columns[place] = value
    with pytest.raises(ValueError, match=message):
        migrate(*columns, WIDE, 2, 6.0, KEY, 0, ONE)
