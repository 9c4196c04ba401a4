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
