"""Right at any step size: no new extrema, nothing lost, and the exact solution of the discretised equations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.fields import FACES, Field, Grid, Scratch
from tumorabm.fields.substeps import Substeps

ANY = 1e9  # a tolerance that accepts every time step
MODEL_TOLERANCE = 5e-3  # as the fields of a scenario have it
SOLVER = 2e-6  # of the largest value, for what the solver leaves
SHAPES = st.one_of(
    st.tuples(st.just(1), st.integers(1, 14), st.integers(1, 14)),
    st.tuples(st.integers(2, 6), st.integers(1, 6), st.integers(1, 6)),
)
STEPPING = pytest.mark.parametrize(
    ("longest_min", "tolerance"), [(np.inf, ANY), (5.999, ANY), (0.3, ANY), (np.inf, MODEL_TOLERANCE)]
)


def rough_field(shape, rng, **options):
    """Return a field of spikes and gaps; D from nothing to oxygen's."""
    start = rng.random(shape) * (rng.random(shape) < 0.3) * rng.choice([1.0, 1e-3], shape)
    return Field("x", Grid(shape, 20.0), rng.choice([0.0, 10.0, 600.0, 1e5]), concentration_mM=start, **options)


@STEPPING
@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_sinks_and_supplies_make_no_new_extrema_of_rough_data(longest_min, tolerance, shape, seed):
    rng = np.random.default_rng(seed)
    faces = {face: rng.random() for face in FACES if rng.random() < 0.3 and not (shape[0] == 1 and face[0] == "z")}
    field = rough_field(shape, rng, decay_per_min=rng.choice([0.0, 0.1]), faces=faces, tolerance=tolerance)
    field.plasma_mM = rng.random()
    field.vessel_exchange_per_min[:] = 100.0 * (rng.random(shape) < 0.1)
    uptake = 0.3 * rng.random(shape) * (rng.random(shape) < 0.3)
    supplies = [*faces.values()] + [field.plasma_mM] * bool(field.vessel_exchange_per_min.any())
    highest = max([field.concentration_mM.max(), *supplies])
    for _ in range(3):
        field.advance(6.0, uptake_mM_per_min=uptake, uptake_km_mM=0.01, max_substep_min=longest_min)
        assert field.concentration_mM.min() >= 0.0
        assert field.concentration_mM.max() <= highest * (1 + SOLVER)


@STEPPING
@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_diffusion_in_a_closed_box_keeps_the_range_and_the_total_of_rough_data(longest_min, tolerance, shape, seed):
    rng = np.random.default_rng(seed)
    field = rough_field(shape, rng, tolerance=tolerance)
    field.concentration_mM += 0.2 * rng.random()
    total = field.concentration_mM.sum()
    for _ in range(3):
        low, high = field.concentration_mM.min(), field.concentration_mM.max()
        exchange = field.advance(6.0, max_substep_min=longest_min)
        assert field.concentration_mM.min() >= low - SOLVER * high
        assert field.concentration_mM.max() <= high * (1 + SOLVER)
        assert field.concentration_mM.sum() == pytest.approx(total, rel=1e-14, abs=0.0)
        assert exchange.balance_correction < 1e-6


@pytest.mark.parametrize("shape", [(1, 40, 40), (9, 9, 9)])
def test_the_second_order_scheme_alone_would_undershoot(shape, monkeypatch):
    """So the tests above have something to find: a spike on even ground, and a sub-step far above the voxels' own time.

    The stability function of the scheme is negative for most of the spike's modes.
    """

    def lowest_after_one_substep():
        field = Field("x", Grid(shape, 20.0), 1e5, initial_mM=1.0, tolerance=ANY)
        field.concentration_mM[tuple(n // 2 for n in shape)] = 2.0
        field.advance(0.008, max_substep_min=0.008 * (1 - 1e-12))
        return field.concentration_mM.min()

    assert lowest_after_one_substep() >= 1.0 - SOLVER
    monkeypatch.setattr(Substeps, "_within_bounds", lambda *_: True)
    assert lowest_after_one_substep() < 0.9


def exact_along_a_line(n, voxel_um, diffusion, decay, wall, time_min):
    """Return the exact solution of the discretised equations between two walls, empty at the start.

    By eigenvectors; ``time_min`` may be infinite.
    """
    coupling = diffusion / voxel_um**2
    matrix = np.diag(np.full(n, -2 * coupling - decay))
    matrix += np.diag(np.full(n - 1, coupling), 1) + np.diag(np.full(n - 1, coupling), -1)
    inflow = np.zeros(n)
    for end in (0, -1):
        matrix[end, end] -= coupling  # the wall lies half a voxel away
        inflow[end] += 2 * coupling * wall
    steady = np.linalg.solve(matrix, -inflow)
    values, vectors = np.linalg.eigh(matrix)
    return steady - vectors @ (np.exp(values * time_min) * (vectors.T @ steady))


@pytest.mark.parametrize(("reach_um", "length_um"), [(1000.0, 2000.0), (100.0, 400.0)])
def test_steps_lead_to_the_exact_steady_profile_between_walls(reach_um, length_um):
    """Oxygen, from an empty strip; decay makes the profile a cosh of length ``reach_um``."""
    diffusion, wall, n = 1e5, 0.05, round(length_um / 20.0)
    decay = diffusion / reach_um**2
    field = Field(
        "oxygen", Grid((1, 3, n), 20.0), diffusion, decay, {"x_low": wall, "x_high": wall}, tolerance=MODEL_TOLERANCE
    )
    for step in range(1, 31):
        field.advance(6.0)
        exact = exact_along_a_line(n, 20.0, diffusion, decay, wall, 6.0 * step)
        np.testing.assert_allclose(field.concentration_mM[0], np.broadcast_to(exact, (3, n)), rtol=0.002)
    steady = exact_along_a_line(n, 20.0, diffusion, decay, wall, np.inf)
    np.testing.assert_allclose(field.concentration_mM[0], np.broadcast_to(steady, (3, n)), rtol=1e-6)
    cosh = wall * np.cosh((np.arange(n) + 0.5 - n / 2) * 20.0 / reach_um) / np.cosh(length_um / 2 / reach_um)
    np.testing.assert_allclose(steady, cosh, rtol=0.01)  # the grid's own error


@pytest.mark.parametrize("wall", [0.05, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 10])
def test_one_minute_into_filling_a_square_from_its_sides(wall, steps):
    faces = dict.fromkeys(("x_low", "x_high", "y_low", "y_high"), wall)
    field = Field("oxygen", Grid((1, 50, 50), 20.0), 1e5, faces=faces, tolerance=MODEL_TOLERANCE)
    for _ in range(steps):
        field.advance(1.0 / steps)
    empty = 1.0 - exact_along_a_line(50, 20.0, 1e5, 0.0, 1.0, 1.0)
    exact = wall * (1.0 - np.outer(empty, empty))
    np.testing.assert_allclose(field.concentration_mM[0], exact, rtol=0.002)


def test_an_empty_or_steady_field_needs_no_cycle():
    empty = Field("x", Grid((1, 9, 9), 20.0), 600.0, 0.1)
    assert empty.advance(6.0, uptake_mM_per_min=np.ones((1, 9, 9))).cycles == 0
    even = Field("x", Grid((1, 9, 9), 20.0), 600.0, initial_mM=0.7)
    assert even.advance(6.0).cycles == 0
    assert np.all(even.concentration_mM == 0.7)
    supplied = Field("x", Grid((1, 9, 9), 20.0), 600.0)
    supplied.plasma_mM = 0.3
    supplied.vessel_exchange_per_min[0, 2, 3] = 1e-3
    assert supplied.advance(6.0).from_vessels_amol > 0.0
    assert supplied.concentration_mM.min() > 0.0


@pytest.mark.parametrize("size", [1e-150, 1e-12, 1.0, 1e4])
def test_any_magnitude_of_concentration_is_solved_alike(size):
    """The cycles work in float32, which holds no 1e-150: residuals are scaled before."""
    shape = (1, 20, 21)
    start = np.random.default_rng(7).random(shape)
    results = []
    for scale in (1.0, size):
        field = Field("x", Grid(shape, 20.0), 2e3, 0.05, concentration_mM=scale * start, tolerance=ANY)
        field.plasma_mM = 2.0 * scale
        field.vessel_exchange_per_min[0, 4, 5] = 30.0
        field.advance(6.0)
        results.append(field.concentration_mM / scale)
    np.testing.assert_allclose(results[1], results[0], rtol=1e-6)


def test_a_failed_step_leaves_nothing_behind_in_shared_memory():
    grid = Grid((1, 6, 7), 20.0)
    scratch = Scratch(grid)
    start = np.random.default_rng(3).random(grid.shape)
    fresh, shared, failing = (
        Field("x", grid, 600.0, 0.01, concentration_mM=start.copy(), scratch=memory)
        for memory in (None, scratch, scratch)
    )
    with pytest.raises(FloatingPointError, match=r"field x: a value that is not finite at voxel x=\d, y=\d, z=0"):
        failing.advance(6.0, source_mM_per_min=np.full(grid.shape, 1e308))
    for field in (fresh, shared):
        field.advance(6.0)
    assert shared.concentration_mM.tobytes() == fresh.concentration_mM.tobytes()


@pytest.mark.parametrize("step_min", [0.1, 0.3, 1.0, 3.0, 6.0, 7.3])
@pytest.mark.parametrize("bad_from", [0.0, 0.4])
def test_a_step_ends_even_where_no_sub_step_is_good_enough(monkeypatch, step_min, bad_from):
    field = Field("x", Grid.from_size([60.0, 60.0], 20.0), 100.0, decay_per_min=0.1, initial_mM=1.0)

    estimate = Substeps._runge_kutta_error

    def error(course: Substeps, substep_min: float) -> float:
        found = estimate(course, substep_min)
        return math.inf if course._reached_min >= bad_from * step_min else found

    monkeypatch.setattr(Substeps, "_runge_kutta_error", error)
    field.advance(step_min, max_substep_min=step_min / 3.0)
    np.testing.assert_allclose(field.concentration_mM, math.exp(-0.1 * step_min), rtol=0.02)
