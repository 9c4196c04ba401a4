"""Oxygen around one vessel and behind a surface against the closed forms, with cells that take up almost constantly.

``pytest -s tests/unit/test_oxygen_supply.py`` prints the values that docs/validation_hypoxia.md quotes.
"""

import math

import numpy as np
import pytest

from tests.oracles.krogh import krogh_mmHg, reach_of_surface_um, reach_of_vessel_um
from tumorabm import TumorModel
from tumorabm.scenario import scenario_from_dict

SUPPLY_MMHG, DIFFUSION_UM2_PER_MIN = 40.0, 1.2e5
PACKED_UM_PER_MIN = 480.0
"""Uptake of 2e8 cells/mL, 2400 amol/min each."""
SLAB_UM, SPACING_UM = 20.0, 2.5
CONSTANT_MMHG, OF_CELLS_MMHG = 0.01, 1.5
"""Half-saturation of uptake: nearly constant, and that of the cells."""
OPEN_PER_MIN, OF_SCENARIOS_PER_MIN = 1e5, 2400.0
"""Exchange of a vessel: a wall that hardly resists, and the default."""
VESSEL_UM = 0.1985 * 20.0
"""Radius as which a vessel in one voxel of 20 µm acts (Peaceman, SPE J 18:183, 1978 [M])."""


def wall_min_per_um2(exchange_per_min: float) -> float:
    return 1.0 / (exchange_per_min * 20.0**2)


def oxygen_mmHg(
    size_um: tuple[float, float],
    uptake_uM_per_min: float,
    km_mmHg: float = CONSTANT_MMHG,
    within_um: float = math.inf,
    voxel_um: float = 20.0,
    exchange_per_min: float = OPEN_PER_MIN,
    **sections: object,
) -> np.ndarray:
    """Return oxygen (ny, nx) at steady state, with small cells on a lattice within a distance of the middle."""
    places = np.stack(np.meshgrid(*(np.arange(SPACING_UM / 2, side, SPACING_UM) for side in size_um)), axis=-1)
    places = places.reshape(-1, 2)
    places = places[np.linalg.norm(places - np.array(size_um) / 2, axis=1) < within_um]
    area_um2 = math.pi * within_um**2 if within_um < math.inf else math.prod(size_um)
    each_amol_per_min = 1e-3 * uptake_uM_per_min * area_um2 * SLAB_UM / len(places)
    cells = {
        "type": "clock_cell",
        "positions_um": places.tolist(),
        "clock": {"cycling": False, "start_at_h": 0.0},
        "uptake_amol_per_min": {"oxygen": each_amol_per_min},
    }
    oxygen = {"uptake_km_mmHg": km_mmHg, "vessel_exchange_per_min": exchange_per_min}
    scenario = {
        "hours": 1.0,
        "domain": {"size_um": list(size_um), "voxel_um": voxel_um},
        "fields": {"oxygen": {**oxygen, **sections.pop("oxygen", {})}},
        "cells": {"tissue": cells},
        "mechanics": {"enabled": False},
    }
    model = TumorModel(scenario_from_dict(scenario | sections), threads=1)
    return model.fields["oxygen"].concentration_mM[0] * 1000.0 / 1.3


def around_a_vessel(tissue_um: float, size_um: float = 300.0, **conditions: float) -> np.ndarray:
    vessel = {"positions_um": [[size_um / 2, size_um / 2]]}
    return oxygen_mmHg((size_um, size_um), PACKED_UM_PER_MIN, within_um=tissue_um, vessels=vessel, **conditions)


@pytest.mark.parametrize("voxel_um", [20.0, 20.0 / 3.0])
@pytest.mark.parametrize("exchange_per_min", [OPEN_PER_MIN, OF_SCENARIOS_PER_MIN])
@pytest.mark.parametrize("tissue_um", [60.0, 80.0])
def test_rim_of_a_disc_around_a_vessel_has_the_oxygen_of_kroghs_cylinder(
    tissue_um: float, exchange_per_min: float, voxel_um: float
) -> None:
    rim_mmHg = around_a_vessel(tissue_um, exchange_per_min=exchange_per_min, voxel_um=voxel_um)[0, 0]
    supply = (SUPPLY_MMHG, PACKED_UM_PER_MIN, DIFFUSION_UM2_PER_MIN)
    expected = krogh_mmHg(tissue_um, tissue_um, *supply, VESSEL_UM, wall_min_per_um2(exchange_per_min))
    narrow = krogh_mmHg(tissue_um, tissue_um, *supply, 5.0)
    print(
        f"\nRt {tissue_um:g} µm, exchange {exchange_per_min:g}/min, voxel {voxel_um:.3g} µm: {rim_mmHg:.2f} mmHg, "
        f"expected {expected:.2f} ({rim_mmHg - expected:+.2f}); Rc 5 µm without a wall {narrow:.2f}"
    )
    assert rim_mmHg == pytest.approx(expected, abs=0.12)


@pytest.mark.parametrize("tissue_um", [60.0, 80.0])
def test_uptake_that_saturates_leaves_more_oxygen_at_the_rim(tissue_um: float) -> None:
    constant, saturating = (
        around_a_vessel(tissue_um, exchange_per_min=OF_SCENARIOS_PER_MIN, km_mmHg=km_mmHg)[0, 0]
        for km_mmHg in (CONSTANT_MMHG, OF_CELLS_MMHG)
    )
    print(f"\nRt {tissue_um:g} µm: {constant:.2f} mmHg, with a half-saturation of 1.5 mmHg {saturating:.2f} mmHg")
    assert constant < saturating < constant + 4.0


@pytest.mark.parametrize("exchange_per_min", [OPEN_PER_MIN, OF_SCENARIOS_PER_MIN])
def test_a_lone_vessel_feeds_tissue_as_far_as_the_closed_form_says(exchange_per_min: float) -> None:
    oxygen = around_a_vessel(math.inf, exchange_per_min=exchange_per_min)
    fed_um2 = (oxygen / (oxygen + CONSTANT_MMHG)).sum() * 20.0**2
    supply = (SUPPLY_MMHG, PACKED_UM_PER_MIN, DIFFUSION_UM2_PER_MIN)
    expected = reach_of_vessel_um(*supply, VESSEL_UM, wall_min_per_um2(exchange_per_min))
    reach_um = math.sqrt(fed_um2 / math.pi)
    print(f"\nlone vessel, exchange {exchange_per_min:g}/min: {reach_um:.1f} µm, expected {expected:.1f} µm")
    assert reach_um == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("uptake_uM_per_min", [480.0, 1200.0])
def test_oxygen_reaches_as_deep_behind_a_surface_as_the_closed_form_says(uptake_uM_per_min: float) -> None:
    face = {"faces": [{"face": "x_low", "concentration_mmHg": SUPPLY_MMHG}]}
    oxygen = oxygen_mmHg((300.0, 40.0), uptake_uM_per_min, oxygen=face)[0]
    depth_um = (oxygen / (oxygen + CONSTANT_MMHG)).sum() * 20.0
    expected = reach_of_surface_um(SUPPLY_MMHG, uptake_uM_per_min, DIFFUSION_UM2_PER_MIN)
    print(f"\nsurface, {uptake_uM_per_min:g} µM/min: {depth_um:.1f} µm, expected {expected:.1f} µm")
    assert depth_um == pytest.approx(expected, rel=0.01)
