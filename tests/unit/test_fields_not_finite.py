"""A field that is no number is never taken for a solved one: FloatingPointError names field and voxel."""

from collections.abc import Callable

import numpy as np
import pytest

from tumorabm.fields import Field, Grid
from tumorabm.fields.integrate import error_ratio
from tumorabm.fields.multigrid import GUARD
from tumorabm.fields.stage import NOT_FINITE, Terms
from tumorabm.fields.substeps import NotSolvedError, Substeps

GRID = Grid((1, 8, 8), 20.0)
NAMED = r"field glucose: a value that is not finite at voxel x=\d, y=\d, z=0, "
BEYOND_SINGLE_PRECISION = 1e39


def with_decay() -> Field:
    return Field("glucose", GRID, 1e5, BEYOND_SINGLE_PRECISION, faces={"x_low": 1.0}, initial_mM=1.0)


def with_vessel() -> Field:
    field = Field("glucose", GRID, 1e5, initial_mM=1.0)
    field.vessel_exchange_per_min[0, 2, 3] = BEYOND_SINGLE_PRECISION
    field.plasma_mM = 0.1
    return field


@pytest.mark.parametrize("make", [with_decay, with_vessel])
def test_what_single_precision_cannot_hold_is_no_solution(make: Callable[[], Field]) -> None:
    field = make()
    with pytest.raises(FloatingPointError, match=NAMED + "0 min into a step of 6 min"):
        field.advance(6.0)
    assert (field.concentration_mM == 1.0).all(), "the field stands where it stood"
    with pytest.raises(FloatingPointError, match=NAMED + "in the steady state"):
        field.relax_to_steady_state()
    assert (field.concentration_mM == 1.0).all()


def test_an_uptake_that_single_precision_cannot_hold_is_no_solution() -> None:
    field = Field("glucose", GRID, 1e5, initial_mM=1.0)
    with pytest.raises(FloatingPointError, match=NAMED):
        field.advance(6.0, uptake_mM_per_min=np.full(GRID.shape, BEYOND_SINGLE_PRECISION))


def test_an_error_estimate_that_is_no_number_allows_nothing() -> None:
    field = Field("glucose", GRID, 1e5, initial_mM=1.0)
    with field._scratch.borrow() as work:
        work.iterate[:] = 1.0
        work.inverse_diagonal[:] = 1.0
        work.correction[GUARD + 9] = np.nan
        assert not error_ratio(field._levels, work, 1.0, 0, 1.0, 1e-3, 1e-6) <= 1.0
        assert not error_ratio(field._levels, work, 1.0, 2, 1.0, 1e-3, 1e-6) <= 1.0


def test_a_sub_step_that_is_no_number_is_not_taken_over() -> None:
    field = Field("glucose", GRID, 1e5, initial_mM=1.0)
    nothing = np.empty(0)
    terms = Terms(
        nothing, nothing, nothing, nothing, field._lower, field._upper, field._wall, field._wall_inflow, 0.0, 0.0,
        1.0, 1.0,
    )  # fmt: skip
    with field._scratch.borrow() as work:
        course = Substeps(
            field._levels, terms, work, field._concentration, field._rate, nothing, nothing, field.tolerance,
            field.floor_mM,
        )  # fmt: skip
        work.iterate[GUARD:-GUARD] = 1.0
        work.iterate[GUARD + 9] = np.nan
        with pytest.raises(NotSolvedError) as caught:
            course._take(0.0, 6.0)
    assert (caught.value.status, caught.value.voxel) == (NOT_FINITE, 9)
    assert (field.concentration_mM == 1.0).all()
