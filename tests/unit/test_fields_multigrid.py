"""Multigrid against a sparse direct solver."""

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import spsolve

from tumorabm.fields.multigrid import GUARD, build_levels, coarsen_sink, v_cycle

FLOAT32_ROUNDING = 2 * np.finfo(np.float32).eps  # the tables' own precision
SHAPES = st.one_of(
    st.tuples(st.just(1), st.integers(1, 23), st.integers(1, 23)),
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
)


def naive_operator(shape, voxel, diffusion, dirichlet, sigma):
    """Assemble the finest operator voxel by voxel, face by face."""
    n = int(np.prod(shape))
    index = np.arange(n).reshape(shape)
    matrix = sparse.lil_matrix((n, n))
    matrix.setdiag(sigma.ravel())
    coupling = diffusion / voxel**2
    for place in np.ndindex(shape):
        row = index[place]
        for axis in range(3):
            for side, step in enumerate((-1, 1)):
                other = list(place)
                other[axis] += step
                if 0 <= other[axis] < shape[axis]:
                    matrix[row, row] += coupling
                    matrix[row, index[tuple(other)]] -= coupling
                elif dirichlet[axis][side]:
                    matrix[row, row] += 2 * coupling
    return matrix.tocsr()


def solve_by_cycles(shape, voxel, diffusion, dirichlet, sigma, right, steps, cycles=1):
    """Return the iterate after each of so many steps of one or more V-cycles in float32.

    The residual is computed by the assembled matrix in float64, and scaled.
    """
    levels = build_levels(shape, voxel, diffusion, dirichlet)
    matrix = naive_operator(shape, voxel, diffusion, dirichlet, sigma)
    n = sigma.size
    inverse, values, spare, residual = np.zeros((4, levels.start[-1] + GUARD), np.float32)
    line = np.zeros(max(shape) + 3, np.float32)
    finest = slice(GUARD, GUARD + n)
    inverse[finest] = sigma.ravel()
    coarsen_sink(levels, inverse, line)
    solution, iterates = np.zeros(n), []
    for _ in range(steps):
        rest = right - matrix @ solution
        scale = max(np.abs(rest).max(), 1e-300)
        residual[finest] = rest / scale
        for cycle in range(cycles):
            v_cycle(levels, inverse, residual, values, spare, line, cycle == 0)
        solution = solution + scale * values[finest].astype(float)
        iterates.append(solution)
    return matrix, iterates


@given(
    shape=SHAPES,
    ends=st.tuples(*[st.booleans()] * 6),
    diffusion=st.sampled_from([0.0, 10.0, 600.0, 5e3, 1e5]),
    vessels=st.sampled_from([0.0, 0.02, 0.3]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_cycles_converge_to_the_direct_solution(shape, ends, diffusion, vessels, seed):
    rng = np.random.default_rng(seed)
    dirichlet = tuple(zip(ends[::2], ends[1::2], strict=True))
    sigma = 1 / 6 + 5.0 * rng.random(shape) * (rng.random(shape) < 0.5) + 100.0 * (rng.random(shape) < vessels)
    right = rng.random(sigma.size)
    matrix, iterates = solve_by_cycles(shape, 20.0, diffusion, dirichlet, sigma, right, 25)
    exact = spsolve(matrix.tocsc(), right)
    np.testing.assert_allclose(iterates[-1], exact, rtol=0, atol=1e-9 * exact.max())


@pytest.mark.parametrize("shape", [(1, 75, 75), (1, 64, 64), (17, 18, 19)])
@pytest.mark.parametrize("diffusion", [600.0, 5e3, 1e5])
def test_a_cycle_leaves_at_most_three_tenths_of_the_error(shape, diffusion):
    rng = np.random.default_rng(1)
    sigma = 1 / 6 + 5.0 * rng.random(shape) * (rng.random(shape) < 0.5) + 100.0 * (rng.random(shape) < 0.02)
    closed = ((False, False),) * 3
    exact = rng.random(sigma.size)
    right = naive_operator(shape, 20.0, diffusion, closed, sigma) @ exact
    _, iterates = solve_by_cycles(shape, 20.0, diffusion, closed, sigma, right, 8)
    errors = [np.abs(iterate - exact).max() for iterate in iterates]
    assert (errors[-1] / errors[1]) ** (1 / 6) < 0.3
    _, doubled = solve_by_cycles(shape, 20.0, diffusion, closed, sigma, right, 4, cycles=2)
    assert np.abs(doubled[-1] - exact).max() < 2.0 * errors[-1]


@pytest.mark.parametrize("sink", [100.0, 3000.0, 1e9])
@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_sinks_that_diffusion_cannot_feed_do_not_spoil_the_coarse_levels(sink, share):
    rng = np.random.default_rng(2)
    closed = ((False, False),) * 3
    for shape in ((1, 60, 61), (15, 16, 17)):
        for diffusion in (10.0, 1e5):
            sigma = 1 / 6 + sink * (rng.random(shape) < share)
            exact = rng.random(sigma.size)
            right = naive_operator(shape, 20.0, diffusion, closed, sigma) @ exact
            _, iterates = solve_by_cycles(shape, 20.0, diffusion, closed, sigma, right, 7)
            errors = [np.abs(iterate - exact).max() for iterate in iterates]
            assert (errors[-1] / errors[1]) ** (1 / 5) < 0.4


@given(shape=SHAPES)
@settings(max_examples=30, deadline=None)
def test_levels_end_in_one_voxel_and_keep_true_widths(shape):
    levels = build_levels(shape, 20.0, 1000.0, ((False, False),) * 3)
    assert levels.shape[-1].tolist() == [1, 1, 1]
    assert np.diff(levels.start).tolist() == levels.shape.prod(axis=1).tolist()
    for level in range(len(levels.shape) - 1):
        for axis in range(3):
            start, n = levels.axis_start[level, axis], levels.shape[level, axis]
            part = slice(start, start + n)
            assert levels.shape[level + 1, axis] == (n + 1) // 2
            parts = np.bincount(levels.parent[part], levels.fraction[part])
            np.testing.assert_allclose(parts, 1.0, rtol=FLOAT32_ROUNDING)
            weights = levels.parent_weight[part] + levels.neighbour_weight[part]
            np.testing.assert_allclose(weights, 1.0, rtol=FLOAT32_ROUNDING)


@given(shape=SHAPES, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_uniform_residual_in_a_closed_box_gives_a_uniform_correction(shape, seed):
    """The constant mode, which diffusion does not damp, is solved by the single coarsest voxel."""
    value = np.random.default_rng(seed).random() + 0.1
    sigma = np.full(shape, 1e-3)
    right = np.full(sigma.size, value * 1e-3)
    _, iterates = solve_by_cycles(shape, 20.0, 2000.0, ((False, False),) * 3, sigma, right, 4)
    np.testing.assert_allclose(iterates[-1], value, rtol=1e-3)
