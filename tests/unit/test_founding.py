"""The cells and vessels that a run starts with."""

import numpy as np
import pytest

from tumorabm import TumorModel
from tumorabm.biology import states as s
from tumorabm.scenario import scenario_from_dict


def model(**changes: object) -> TumorModel:
    base = {
        "name": "start",
        "hours": 1.0,
        "domain": {"size_um": [1000.0, 1000.0]},
        "vessels": {"density_per_mm2": 60.0},
        "cells": {"blast": {"type": "all_blast", "count": 2000}, "normal": {"type": "normal_marrow", "count": 800}},
        "mechanics": {"enabled": False},
    }
    return TumorModel(scenario_from_dict(base | changes), threads=1)


def test_asns_is_log_normal_with_the_median_and_spread_of_the_type() -> None:
    start = model()
    of_blasts = np.log(start.population.data["asns_basal"][start.population.data["cell_type"] == 0])
    assert np.exp(np.median(of_blasts)) == pytest.approx(0.03, rel=0.1)
    assert of_blasts.std() == pytest.approx(1.0, abs=0.06)


def test_ages_of_cycling_cells_are_those_of_exponential_growth_and_quiescent_ones_lie_in_g1() -> None:
    start = model()
    data = start.population.data
    blasts = data["biomass"][data["cell_type"] == 0]
    assert blasts.min() >= 1.0
    assert blasts.max() < 2.0
    # density 2/B² on 1..2: half of the cells are below 4/3
    assert np.median(blasts) == pytest.approx(4.0 / 3.0, abs=0.03)
    assert set(data["phase"][data["cell_type"] == 1]) == {s.G1}


def test_vessels_have_the_scenarios_density_and_seed() -> None:
    first, again = model(), model()
    assert len(first.vessel_positions_um) == 60
    np.testing.assert_array_equal(first.vessel_positions_um, again.vessel_positions_um)
    assert not np.array_equal(first.vessel_positions_um, model(seed=2).vessel_positions_um)


def vessels_of(**changes: object) -> np.ndarray:
    return model(cells={}, **changes).vessel_positions_um


CORE = {"center_um": [400.0, 500.0], "radius_um": 300.0}
PLANE = {"domain": {"size_um": [1000.0, 1000.0]}, "vessels": {"density_per_mm2": 200.0}}
BOX = {"domain": {"size_um": [1000.0, 1000.0, 400.0]}, "vessels": {"density_per_mm3": 500.0}}


@pytest.mark.parametrize(("tissue", "center_um"), [(PLANE, [400.0, 500.0]), (BOX, [400.0, 500.0, 200.0])])
def test_a_core_takes_a_share_of_its_vessels_away_and_moves_no_other(
    tissue: dict[str, dict[str, object]], center_um: list[float]
) -> None:
    everywhere = vessels_of(**tissue)
    inside = np.linalg.norm(everywhere[:, : len(center_um)] - center_um, axis=1) < CORE["radius_um"]
    assert 20 < inside.sum() < len(everywhere) - 20

    def with_core(density_factor: float) -> np.ndarray:
        core = {"center_um": center_um, "radius_um": CORE["radius_um"], "density_factor": density_factor}
        return vessels_of(**tissue | {"vessels": tissue["vessels"] | {"core": core}})

    np.testing.assert_array_equal(with_core(1.0), everywhere)
    np.testing.assert_array_equal(with_core(0.0), everywhere[~inside])
    compressed = with_core(0.25)
    assert len(compressed) == (~inside).sum() + round(0.25 * inside.sum())
    assert {tuple(place) for place in everywhere[~inside]} < {tuple(place) for place in compressed}
    assert {tuple(place) for place in compressed} < {tuple(place) for place in everywhere}


def test_vessels_left_in_a_core_are_spread_over_it() -> None:
    core = {"center_um": [500.0, 500.0], "radius_um": 500.0, "density_factor": 0.2}
    left = vessels_of(vessels={"density_per_mm2": 10_000.0, "core": core})
    from_middle_um = np.hypot(*(left[:, :2] - 500.0).T)
    assert np.median(from_middle_um[from_middle_um < 500.0]) == pytest.approx(500.0 / 2**0.5, rel=0.03)


def test_tissue_whose_core_takes_all_vessels_lives_on_none() -> None:
    core = {"center_um": [500.0, 500.0], "radius_um": 1000.0}
    start = model(vessels={"density_per_mm2": 60.0, "core": core})
    assert start.vessel_positions_um.shape == (0, 3)
    assert not start.fields["oxygen"].vessel_exchange_per_min.any()


def test_one_groups_size_does_not_move_another_group() -> None:
    few = model(cells={"blast": {"type": "all_blast", "count": 5}, "normal": {"type": "normal_marrow", "count": 50}})
    many = model(cells={"blast": {"type": "all_blast", "count": 9}, "normal": {"type": "normal_marrow", "count": 50}})
    positions = [m.population.block("position_um")[m.population.data["cell_type"] == 1] for m in (few, many)]
    np.testing.assert_array_equal(*positions)


def test_cells_are_placed_in_their_disc_or_at_their_points() -> None:
    disc = {"shape": "disc", "center_um": [500.0, 500.0], "radius_um": 200.0}
    cells = {
        "core": {"type": "solid_tumour", "count": 500, "placement": disc},
        "lone": {"type": "solid_tumour", "positions_um": [[100.0, 50.0], [900.0, 950.0]]},
    }
    start = model(cells=cells)
    positions, kinds = start.population.block("position_um"), start.population.data["cell_type"]
    distance = np.hypot(*(positions[kinds == 0, :2] - 500.0).T)
    assert distance.max() <= 200.0
    assert np.median(distance) == pytest.approx(200.0 / 2**0.5, rel=0.05)
    np.testing.assert_array_equal(positions[kinds == 1], [[100.0, 50.0, 10.0], [900.0, 950.0, 10.0]])


def test_perturbations_scale_the_parameters_of_all_cells_or_of_one_group() -> None:
    cells = {
        "blast": {"type": "all_blast", "count": 1, "perturbations": {"asns": 0.5}},
        "normal": {"type": "normal_marrow", "count": 1},
    }
    table = model(cells=cells, perturbations={"asns": 0.1, "gcn2": 0.0}).parameters
    plain = model(cells=cells).parameters
    assert table["asns_turnover_amol_per_min"] == pytest.approx([6e-6, 1.2e-5])
    assert plain["asns_turnover_amol_per_min"] == pytest.approx([6e-5, 1.2e-4])
    assert table["gcn2"].tolist() == [0.0, 0.0]


def test_parameters_of_a_group_replace_those_of_its_type() -> None:
    cells = {
        "blast": {
            "type": "all_blast",
            "count": 1,
            "asns_relative": 1.0,
            "parameters": {"volume_pL": 1.3, "persistence_min": 20.0},
        }
    }
    record = model(cells=cells).parameters[0]
    assert (record["asns_relative"], record["volume_pL"], record["persistence_min"]) == (1.0, 1.3, 20.0)


def test_fields_start_in_the_steady_state_with_the_cells() -> None:
    start = model()
    oxygen = start.fields["oxygen"].concentration_mM.copy()
    start.step()
    assert np.abs(start.fields["oxygen"].concentration_mM - oxygen).max() < 0.02 * oxygen.max()
