"""The closed forms against their published values and against what they must fulfil."""

import pytest

from tests.oracles.krogh import UM_PER_MMHG, krogh_mmHg, reach_of_surface_um, reach_of_vessel_um

SUPPLY_MMHG, UPTAKE_UM_PER_MIN, DIFFUSION_UM2_PER_MIN, VESSEL_UM = CONDITIONS = (40.0, 480.0, 1.2e5, 5.0)


@pytest.mark.parametrize(("tissue_um", "edge_mmHg"), [(60.0, 29.0), (80.0, 17.6), (100.0, 1.6)])
def test_edge_of_a_krogh_cylinder_has_the_tabulated_oxygen(tissue_um: float, edge_mmHg: float) -> None:
    assert krogh_mmHg(tissue_um, tissue_um, *CONDITIONS) == pytest.approx(edge_mmHg, abs=0.05)


def test_oxygen_falls_such_that_diffusion_brings_what_is_taken_up_and_none_crosses_the_rim() -> None:
    def slope(at_um: float) -> float:
        step_um = 0.01
        values = [krogh_mmHg(at_um + sign * step_um, 80.0, *CONDITIONS) for sign in (-1.0, 1.0)]
        return UM_PER_MMHG * (values[1] - values[0]) / (2.0 * step_um)

    assert slope(80.0) == pytest.approx(0.0, abs=1e-6)
    for at_um in (10.0, 40.0):
        needed = UPTAKE_UM_PER_MIN * (80.0**2 - at_um**2) / (2.0 * at_um)
        assert -DIFFUSION_UM2_PER_MIN * slope(at_um) == pytest.approx(needed, rel=1e-5)


def test_a_wall_takes_from_all_tissue_what_is_carried_through_it() -> None:
    without, walled = (krogh_mmHg(30.0, 80.0, *CONDITIONS, wall) for wall in (0.0, 1e-6))
    assert UM_PER_MMHG * (without - walled) == pytest.approx(3.141593 * 80.0**2 * UPTAKE_UM_PER_MIN * 1e-6)


@pytest.mark.parametrize(("uptake_uM_per_min", "depth_um"), [(480.0, 161.0), (1200.0, 102.0)])
def test_oxygen_reaches_as_deep_behind_a_surface_as_tabulated(uptake_uM_per_min: float, depth_um: float) -> None:
    depth = reach_of_surface_um(SUPPLY_MMHG, uptake_uM_per_min, DIFFUSION_UM2_PER_MIN)
    assert depth == pytest.approx(depth_um, abs=0.5)


def test_a_lone_vessel_reaches_to_where_its_disc_has_no_oxygen_at_the_rim() -> None:
    reach_um = reach_of_vessel_um(*CONDITIONS)
    assert 100.0 < reach_um < reach_of_surface_um(*CONDITIONS[:3])
    assert krogh_mmHg(reach_um, reach_um, *CONDITIONS) == pytest.approx(0.0, abs=1e-9)
