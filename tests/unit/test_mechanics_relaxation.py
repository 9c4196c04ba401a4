"""Cells under repulsion and adhesion: laws of the forces, rest, conservation, repeatability."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.mechanics import ADHESION_RANGE, relax, relaxation
from tumorabm.threads import Threads

ONE = Threads(1)
WIDE = np.array([1e4, 1e4, 1e4])


def naive_velocities(positions, radii, adhesion, rate):
    """Return each cell's velocity by the law of `tumorabm.mechanics.relaxation`, pair by pair."""
    velocities = np.zeros_like(positions)
    for i in range(len(radii)):
        for j in range(len(radii)):
            distance = math.dist(positions[i], positions[j])
            rest = radii[i] + radii[j]
            gap, width = distance - rest, 0.25 * rest
            if i == j or gap >= width:
                continue
            pull = math.sqrt(adhesion[i] * adhesion[j]) * gap * (1.0 - gap / width) ** 2
            velocities[i] += rate * (-gap if gap < 0.0 else -pull) * (positions[i] - positions[j]) / distance
    return velocities


def energy(positions, radii):
    """Return the elastic energy of the overlaps."""
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    overlap = np.maximum(radii[:, None] + radii[None] - distance, 0.0)
    np.fill_diagonal(overlap, 0.0)
    return 0.25 * (overlap**2).sum()


def largest_overlap(positions, radii):
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    return max(0.0, (radii[:, None] + radii[None] - distance).max())


def tissue(n, ndim, edge, seed, centre=500.0):
    """Return random positions in a cube or square, radii, adhesion and uids."""
    random = np.random.default_rng(seed)
    positions = centre + random.uniform(-0.5 * edge, 0.5 * edge, (n, 3))
    if ndim == 2:
        positions[:, 2] = 10.0
    return positions, random.uniform(5.0, 8.0, n), random.uniform(0.0, 1.0, n), random.permutation(n) + 1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.sampled_from([2, 3]), st.sampled_from([20.0, 60.0, 100.0]), st.integers(0, 2**32 - 1))
def test_a_small_step_moves_every_cell_by_the_sum_of_its_pair_forces(n, ndim, edge, seed):
    positions, radii, adhesion, uids = tissue(n, ndim, edge, seed)
    before = positions.copy()
    dt_min, rate = 1e-3, 0.7
    relax(positions, radii, adhesion, uids, WIDE, ndim, dt_min, ONE, rate_per_min=rate, tolerance=1e-300)
    expected = naive_velocities(before, radii, adhesion, rate)
    np.testing.assert_allclose((positions - before) / dt_min, expected, rtol=1e-7, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.sampled_from([2, 3]), st.integers(0, 2**32 - 1))
def test_momentum_is_conserved(n, ndim, seed):
    positions, radii, adhesion, uids = tissue(n, ndim, 60.0, seed)
    before = positions.copy()
    relax(positions, radii, adhesion, uids, WIDE, ndim, 6.0, ONE)
    np.testing.assert_allclose((positions - before).sum(axis=0), 0.0, atol=1e-9)


@pytest.mark.parametrize("dt_min", [0.5, 6.0])
@pytest.mark.parametrize("adhesion", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("start", [0.05, 0.5, 0.95, 1.0, 1.1, 1.2])
def test_two_cells_come_to_rest_in_contact_from_one_side(start, adhesion, dt_min):
    radii = np.array([5.0, 7.0])
    positions = np.array([[500.0, 500.0, 10.0], [500.0 + 12.0 * start, 500.0, 10.0]])
    distances = [math.dist(*positions)]
    for _ in range(400):
        relax(positions, radii, np.full(2, adhesion), np.array([1, 2]), WIDE, 2, dt_min, ONE, tolerance=1e-9)
        distances.append(math.dist(*positions))
    from_rest = np.array(distances) - 12.0
    if start > 1.0 and adhesion == 0.0:
        assert from_rest[-1] == from_rest[0]  # nothing attracts them
        return
    assert abs(from_rest[-1]) < 1e-6
    assert (np.diff(np.abs(from_rest)) <= 1e-12).all()
    assert (from_rest * np.sign(from_rest[0]) >= -1e-12).all()  # never past contact: no ringing


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0), st.floats(0.0, 1.0), st.sampled_from([0.5, 6.0]))
def test_three_cells_in_a_row_never_lose_contact(left_overlap, right_overlap, adhesion, dt_min):
    positions = np.full((3, 3), 500.0)
    positions[0, 0] -= 12.0 - left_overlap
    positions[2, 0] += 12.0 - right_overlap
    for _ in range(20):
        relax(positions, np.full(3, 6.0), np.full(3, adhesion), np.arange(1, 4), WIDE, 3, dt_min, ONE, tolerance=1e-9)
        assert (np.diff(positions[:, 0]) <= 12.0 + 1e-9).all()


def test_two_cells_beyond_the_range_of_adhesion_stay_where_they_are():
    positions = np.array([[500.0, 500.0, 10.0], [500.0 + ADHESION_RANGE * 12.0, 500.0, 10.0]])
    before = positions.copy()
    result = relax(positions, np.full(2, 6.0), np.ones(2), np.array([1, 2]), WIDE, 2, 6.0, ONE)
    assert result.evaluations == 1
    np.testing.assert_array_equal(positions, before)


def test_the_overlap_of_a_pair_decays_at_twice_the_rate():
    positions = np.array([[500.0, 500.0, 10.0], [508.0, 500.0, 10.0]])
    for _ in range(1000):
        relax(positions, np.full(2, 6.0), np.zeros(2), np.array([1, 2]), WIDE, 2, 1e-3, ONE, tolerance=1e-300)
    assert 12.0 - math.dist(*positions) == pytest.approx(4.0 * math.exp(-2.0 * 0.5 * 1.0), rel=1e-3)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_compressed_ball_relaxes_to_the_stated_tolerance(ndim):
    positions, radii, _, uids = tissue(60, ndim, 40.0, 11)
    no_adhesion, tolerance, dt_min, rate = np.zeros(60), 0.01, 6.0, 0.5
    assert largest_overlap(positions, radii) > 5.0
    for _ in range(200):
        result = relax(positions, radii, no_adhesion, uids, WIDE, ndim, dt_min, ONE, tolerance=tolerance)
        if result.evaluations == 1:
            break
    assert result.evaluations == 1
    assert result.residual_overlap_um == pytest.approx(largest_overlap(positions, radii), abs=1e-9)
    speed = np.linalg.norm(naive_velocities(positions, radii, no_adhesion, rate), axis=1)
    assert (speed * dt_min <= tolerance * radii).all()
    assert result.residual_overlap_um < 0.05 * radii.min()


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_elastic_energy_never_rises(ndim):
    positions, radii, _, uids = tissue(150, ndim, 60.0, 5)
    energies = [energy(positions, radii)]
    for _ in range(60):
        relax(positions, radii, np.zeros(150), uids, WIDE, ndim, 6.0, ONE, max_evaluations=2)  # two steps
        energies.append(energy(positions, radii))
    assert (np.diff(energies) <= 0.0).all()
    assert energies[-1] < 0.1 * energies[0]


def test_a_tissue_at_rest_costs_one_evaluation_and_does_not_move():
    positions, radii, adhesion, uids = tissue(100, 2, 100.0, 2)
    for _ in range(300):
        result = relax(positions, radii, adhesion, uids, WIDE, 2, 6.0, ONE)
    before = positions.copy()
    result = relax(positions, radii, adhesion, uids, WIDE, 2, 6.0, ONE)
    assert (result.evaluations, result.searches, result.relaxed_min, result.finished) == (1, 1, 0.0, True)
    np.testing.assert_array_equal(positions, before)


def test_lists_are_searched_again_once_cells_have_moved_far():
    positions, radii, adhesion, uids = tissue(200, 2, 50.0, 4)
    result = relax(positions, radii, adhesion, uids, WIDE, 2, 6.0, ONE)
    assert 1 < result.searches < result.evaluations


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_elastic_energy_never_rises_over_the_long_steps_either(ndim):
    positions, radii, _, uids = tissue(150, ndim, 60.0, 5)
    energies = [energy(positions, radii)]
    for steps in range(1, 30):
        moved = positions.copy()
        relax(moved, radii, np.zeros(150), uids, WIDE, ndim, 6.0, ONE, max_evaluations=steps, tolerance=1e-9)
        energies.append(energy(moved, radii))
    assert (np.diff(energies) <= 1e-12).all()


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-3, 60.0), st.floats(0.0, 30.0))
def test_ramps_span_the_time_and_let_no_mode_grow(time, stiffness):
    steps = np.array(relaxation._ramp(time, stiffness))
    assert time / steps.sum() == pytest.approx(round(time / steps.sum()), rel=1e-12)  # the first of so many ramps
    assert (np.diff(steps) > 0.0).all()
    assert steps.max() < 0.5  # of two cells, the overlap decays by 1 - 2 step
    eigenvalues = np.linspace(0.0, 2.0 * relaxation._STIFFENING * stiffness, 2001)
    assert (np.abs(np.prod(1.0 - eigenvalues[:, None] * steps, axis=1)) <= 1.0).all()


def test_a_ramp_begins_anew_where_the_cells_stiffen(monkeypatch):
    planned, plan = [], relaxation._ramp
    monkeypatch.setattr(relaxation, "_ramp", lambda *arguments: planned.append(arguments) or plan(*arguments))
    positions = np.array([[500.0, 500.0, 10.0], [504.0, 500.0, 10.0], [517.0, 500.0, 10.0]])
    relax(positions, np.full(3, 6.0), np.zeros(3), np.arange(3), WIDE, 2, 6.0, ONE)
    # The middle cell is touched from one side, then from both.
    assert [stiffness for _, stiffness in planned] == pytest.approx([1.0, 2.0])
    assert planned[0][0] == 3.0
    assert 1.5 < planned[1][0] < 3.0


def walked(ndim):
    """Return a packed tissue at rest after every cell has walked by up to 3 µm."""
    positions, radii, adhesion, uids = tissue(400, ndim, 230.0 if ndim == 2 else 85.0, 12)
    for _ in range(40):
        relax(positions, radii, adhesion, uids, WIDE, ndim, 6.0, ONE)
    walk = np.random.default_rng(3).normal(size=positions.shape) * ([1, 1, 0] if ndim == 2 else [1, 1, 1])
    positions += 3.0 * walk / np.linalg.norm(walk, axis=1)[:, None]
    return positions, radii, adhesion, uids


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_step_of_six_minutes_is_within_a_hundredth_of_a_radius_of_six_hundred_small_steps(ndim):
    positions, *cells = walked(ndim)
    fine, start = positions.copy(), positions.copy()
    relax(positions, *cells, WIDE, ndim, 6.0, ONE)
    for _ in range(600):
        relax(fine, *cells, WIDE, ndim, 0.01, ONE, tolerance=1e-300)

    def rms(moved):
        return math.sqrt((((moved - fine) ** 2).sum(axis=1) / cells[0] ** 2).mean())

    assert rms(start) > 0.15  # there was something to do
    assert rms(positions) < 0.01


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_march_on_kept_lists_is_the_march_with_a_search_before_every_step(ndim, monkeypatch):
    positions, radii, adhesion, uids = tissue(200, ndim, 60.0, 4)
    searched = positions.copy()
    arguments = radii, adhesion, uids, WIDE, ndim, 6.0, ONE
    kept = relax(positions, *arguments, tolerance=1e-9)
    monkeypatch.setattr(relaxation, "_SKIN_IN_RADII", 1e-9)
    each = relax(searched, *arguments, tolerance=1e-9)
    assert kept.searches < kept.evaluations
    assert each.searches == each.evaluations == kept.evaluations
    np.testing.assert_allclose(positions, searched, rtol=0.0, atol=1e-9)


def test_more_neighbours_than_are_worked_on_at_once_all_count():
    n = 1200
    assert n > relaxation._PAIRS_OF_A_PORTION
    random = np.random.default_rng(2)
    positions = 500.0 + random.uniform(-1.0, 1.0, (n, 3))
    radii, adhesion = random.uniform(5.0, 8.0, n), np.zeros(n)
    apart = positions[:, None] - positions[None]
    distance = np.linalg.norm(apart, axis=2)
    np.fill_diagonal(distance, np.inf)
    overlap = np.where(np.isfinite(distance), radii[:, None] + radii[None] - distance, 0.0)
    expected = ((overlap / distance)[:, :, None] * apart).sum(axis=1)
    before = positions.copy()
    dt_min = 1e-6
    relax(positions, radii, adhesion, np.arange(n), WIDE, 3, dt_min, ONE, rate_per_min=1.0, tolerance=1e-300)
    np.testing.assert_allclose((positions - before) / dt_min, expected, atol=1e-5 * np.abs(expected).max())


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([0.0, 1e-9, 1.0]))
def test_the_largest_eigenvalue_is_numpys(seed, rank, noise):
    random = np.random.default_rng(seed)
    vectors = np.linalg.qr(random.normal(size=(3, 3)))[0]
    values = np.zeros(3)
    values[:rank] = 2.0 + noise * random.uniform(0.0, 3.0, rank)  # equal, nearly equal, and different ones
    k = vectors @ np.diag(values) @ vectors.T
    found = relaxation._largest_eigenvalue(k[0, 0], k[1, 1], k[2, 2], k[0, 1], k[0, 2], k[1, 2])
    assert found == pytest.approx(np.linalg.eigvalsh(k)[-1], rel=1e-7)


def test_a_call_ends_when_its_evaluations_run_out():
    positions, radii, adhesion, uids = tissue(200, 2, 50.0, 4)
    result = relax(positions, radii, adhesion, uids, WIDE, 2, 6.0, ONE, max_evaluations=5)
    assert result.evaluations == 5
    assert not result.finished
    assert 0.0 < result.relaxed_min < 6.0


@pytest.mark.parametrize("ndim", [2, 3])
def test_coincident_centres_part_in_opposite_directions_whatever_their_rows(ndim):
    positions = np.full((2, 3), 500.0)
    swapped = positions.copy()
    radii, uids = np.full(2, 6.0), np.array([3, 9])
    relax(positions, radii, np.zeros(2), uids, WIDE, ndim, 60.0, ONE)
    relax(swapped, radii, np.zeros(2), uids[::-1], WIDE, ndim, 60.0, ONE)
    assert math.dist(*positions) == pytest.approx(12.0, abs=0.1)
    np.testing.assert_allclose(positions.sum(axis=0), 1000.0, rtol=1e-12)
    np.testing.assert_array_equal(swapped, positions[::-1])
    if ndim == 2:
        assert (positions[:, 2] == 500.0).all()


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_order_of_the_rows_and_the_number_of_threads_change_no_bit(ndim):
    n = 2500
    positions, radii, adhesion, uids = tissue(n, ndim, 500.0 if ndim == 2 else 150.0, 8)
    positions[10:14] = positions[9]  # some coincide
    new = np.random.default_rng(1).permutation(n)
    runs = []
    for rows, threads in ((np.arange(n), ONE), (new, ONE), (new, Threads(2)), (np.arange(n), Threads(9))):
        moved = positions[rows].copy()
        result = relax(moved, radii[rows], adhesion[rows], uids[rows], WIDE, ndim, 6.0, threads)
        runs.append((moved[np.argsort(rows)], result))
    assert runs[0][1].searches > 1
    for moved, result in runs[1:]:
        np.testing.assert_array_equal(moved, runs[0][0])
        assert result == runs[0][1]


@pytest.mark.parametrize("ndim", [2, 3])
def test_centres_stay_in_the_box_and_a_full_box_comes_to_rest(ndim):
    positions, radii, adhesion, uids = tissue(200, ndim, 50.0, 6, centre=25.0)
    box = np.array([50.0, 50.0, 50.0])
    z = positions[:, 2].copy()
    for _ in range(50):
        relax(positions, radii, adhesion, uids, box, ndim, 6.0, ONE)
        assert (positions >= 0.0).all()
        assert (positions <= 50.0).all()
    if ndim == 2:
        np.testing.assert_array_equal(positions[:, 2], z)
    pressed = np.array([[1.0, 25.0, 25.0], [2.0, 25.0, 25.0]])
    lone = np.array([0.9, 0.9])
    assert relax(
        pressed, lone * 60.0, np.zeros(2), np.array([1, 2]), box, ndim, 600.0, ONE, max_evaluations=999
    ).finished
    np.testing.assert_allclose(pressed[:, 0], [0.0, 50.0])


@pytest.mark.parametrize("side", ["low", "high"])
def test_a_cell_comes_to_rest_touching_the_wall_from_within(side):
    x = 2.0 if side == "low" else 98.0
    position = np.array([[x, 50.0, 50.0]])
    box = np.array([100.0, 100.0, 100.0])
    relax(position, np.array([6.0]), np.zeros(1), np.array([1]), box, 3, 60.0, ONE, tolerance=1e-6)
    np.testing.assert_allclose(position, [[6.0 if side == "low" else 94.0, 50.0, 50.0]], atol=1e-4)


def test_a_long_step_is_marched_to_its_end_or_to_rest():
    row = np.column_stack([np.linspace(440.0, 560.0, 41), np.full(41, 500.0), np.full(41, 10.0)])
    result = relax(row, np.full(41, 6.0), np.zeros(41), np.arange(1, 42), WIDE, 2, 600.0, ONE, tolerance=1e-9)
    assert result.finished
    assert result.evaluations > 200
    assert result.relaxed_min == pytest.approx(600.0)


def test_no_cells_need_no_evaluation():
    empty = np.empty((0, 3))
    result = relax(empty, empty[:, 0], empty[:, 0], np.empty(0, np.int64), WIDE, 2, 6.0, ONE)
    assert result.evaluations == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"adhesion": np.array([0.5, 1.5])}, "adhesion spans 0.5 to 1.5; expected 0 to 1"),
        ({"adhesion": np.array([0.5, np.nan])}, "adhesion spans"),
        ({"positions_um": np.zeros((2, 3), np.float32)}, "positions_um is float32"),
        ({"radii_um": np.ones(3)}, "radii_um has shape"),
        ({"box_um": np.array([1.0, 0.0, 1.0])}, "box_um is"),
        ({"ndim": 1}, "ndim is 1; expected 2 or 3"),
        ({"dt_min": 0.0}, "dt_min is 0.0"),
        ({"tolerance": math.nan}, "tolerance is nan"),
        ({"max_evaluations": 0}, "max_evaluations is 0"),
        ({"rate_per_min": 1e308}, "expected a finite product"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    arguments = {
        "positions_um": np.zeros((2, 3)),
        "radii_um": np.ones(2),
        "adhesion": np.zeros(2),
        "uids": np.array([1, 2]),
        "box_um": WIDE,
        "ndim": 2,
        "dt_min": 6.0,
        "threads": ONE,
    }
    with pytest.raises(ValueError, match=message):
        relax(**(arguments | change))
