"""The oracle of diffusion with sinks against solutions of another kind."""

import math

import numpy as np
import pytest
from scipy.linalg import expm

from tests.oracles.diffusion_with_sinks import AMOL_PER_UM_UM3, SinkCase, one_cell, solve, thousand_cells

TIMES_MIN = np.array([0.0, 0.1, 0.5, 1.0, 10.0])


def dense_equations(cells, rate_per_min, uptake_per_min, boundary_uM):
    """Return A and b of c' = A c + b for uptake of first order, voxel by voxel."""
    n = cells.size
    number = np.arange(n).reshape(cells.shape)
    matrix, inflow = np.zeros((n, n)), np.zeros(n)
    for place in np.ndindex(cells.shape):
        here = number[place]
        matrix[here, here] -= uptake_per_min * cells[place]
        for axis in range(3):
            for step in (-1, 1):
                beside = list(place)
                beside[axis] += step
                if 0 <= beside[axis] < cells.shape[axis]:
                    matrix[here, number[tuple(beside)]] += rate_per_min
                    matrix[here, here] -= rate_per_min
                else:  # a face, half a voxel away
                    inflow[here] += 2.0 * rate_per_min * boundary_uM
                    matrix[here, here] -= 2.0 * rate_per_min
    return matrix, inflow


@pytest.mark.parametrize("edge", [3, 4])
@pytest.mark.parametrize("symmetric", [True, False])
def test_uptake_of_first_order_agrees_with_the_matrix_exponential(edge, symmetric):
    cells = np.random.default_rng(7).integers(0, 3, (edge, edge, edge))
    if symmetric:  # of even edge this is solved in one octant
        cells = sum(np.flip(cells, axes) for axes in [(), 0, 1, 2, (0, 1), (0, 2), (1, 2), (0, 1, 2)])
    case = SinkCase(cells, uptake_uM_per_min=2e9, km_uM=1e9)
    matrix, inflow = dense_equations(cells, 2000.0 / 20.0**2, 2.0, 10.0)
    steady = np.linalg.solve(matrix, -inflow)
    exact = [steady - expm(matrix * t) @ steady for t in TIMES_MIN]
    solution = solve(case, TIMES_MIN)
    np.testing.assert_allclose(solution.concentration_uM.reshape(len(TIMES_MIN), -1), exact, atol=2e-6)
    passed = [np.linalg.solve(matrix, c - inflow * t) for c, t in zip(exact, TIMES_MIN, strict=True)]  # integral of c
    taken = 2.0 * np.array(passed) @ cells.ravel() * 8000.0 * AMOL_PER_UM_UM3
    np.testing.assert_allclose(solution.taken_up_amol, taken, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("case", [one_cell(0.1), thousand_cells(0.1)], ids=["one cell", "1,000 cells"])
def test_what_enters_is_in_the_cube_or_taken_up(case):
    solution = solve(case, TIMES_MIN)
    inside = solution.mean_uM * case.cells.size * case.voxel_um**3 * AMOL_PER_UM_UM3
    np.testing.assert_allclose(inside + solution.taken_up_amol, solution.entered_amol, rtol=1e-10)
    assert solution.concentration_uM.min() >= 0.0
    assert solution.concentration_uM.max() <= 10.0


@pytest.mark.parametrize("km_uM", [0.01, 1.0])
def test_one_cell_comes_to_the_steady_state_worked_out_by_hand(km_uM):
    # By symmetry the lack below 10 µM of the middle C, the 6 face, 12 edge and 8 corner voxels obeys K = E / 3,
    # E = 3 F / 11, C = 65 F / 11, and the uptake is 6 · 5/min (C - F).
    last = solve(one_cell(km_uM), np.array([10.0])).concentration_uM[0]
    middle, face, edge, corner = 10.0 - last[1, 1, 1], 10.0 - last[1, 1, 0], 10.0 - last[1, 0, 0], 10.0 - last[0, 0, 0]
    assert [corner / edge, edge / face, middle / face] == pytest.approx([1.0 / 3.0, 3.0 / 11.0, 65.0 / 11.0], rel=1e-4)
    uptake = 20.0 * (10.0 - middle) / (km_uM + 10.0 - middle)
    assert 30.0 * (middle - face) == pytest.approx(uptake, rel=1e-5)


def test_finer_grids_converge_to_the_cube_without_voxels_at_second_order():
    case = SinkCase(np.zeros((2, 2, 2), np.int64), km_uM=1.0)
    times = np.array([0.05, 0.2])
    odd = 2 * np.arange(2000) + 1
    decay = np.exp(-((odd * math.pi / 40.0) ** 2) * 2000.0 * times[:, None])
    exact = 10.0 * (1.0 - (8.0 / math.pi**2 * (decay / odd**2).sum(axis=1)) ** 3)
    error = np.array([np.abs(solve(case, times, refine).mean_uM - exact).max() for refine in (3, 6, 12)])
    assert error[-1] < 0.01
    np.testing.assert_allclose(error[:-1] / error[1:], 4.0, rtol=0.15)


@pytest.mark.parametrize(
    ("case", "mean_error", "uptake_error"),
    [(one_cell(0.01), 0.0011, 0.007), (thousand_cells(0.01), 0.032, 0.013)],
    ids=["one cell", "1,000 cells"],
)
def test_the_error_of_the_20_um_grid_is_within_the_one_stated(case, mean_error, uptake_error):
    times = np.array([1.0, 2.0])
    coarse, fine = solve(case, times), solve(case, times, refine=2, rtol=1e-5)
    assert np.abs(coarse.mean_uM / fine.mean_uM - 1.0).max() < mean_error
    assert np.abs(coarse.taken_up_amol / fine.taken_up_amol - 1.0).max() < uptake_error
