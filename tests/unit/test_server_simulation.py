"""What the page's controls mean, and what the page steps."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from tumorabm import TumorModel, load_scenario
from tumorabm.scenario.pharmacology_schema import Dose
from tumorabm.server.controls import as_meant, controls_of, enzyme_dose, parameters_of, scenarios_beside
from tumorabm.server.simulation import Simulation

SCENARIO = """
hours = 3.0
seed = 5
[domain]
size_um = [200.0, 200.0]
[vessels]
density_per_mm2 = 100.0
[cells.blast]
type = "all_blast"
count = 20
[cells.wall]
type = "clock_cell"
count = 2
[cells.wall.clock]
cycling = false
[[pharmacology.doses]]
drug = "rapamycin"
peak_uM = 0.01
day = 0.0
[[pharmacology.doses]]
drug = "asparaginase"
formulation = "erwinia"
dose_iu = 5000.0
day = 0.05
every = "1 h"
times = 2
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "small.toml").write_text(SCENARIO)
    return tmp_path / "small.toml"


def values_of(path: Path, **moved: object) -> dict[str, object]:
    return {name: control["value"] for name, control in controls_of(load_scenario(path)).items()} | moved


# -- controls -------------------------------------------------------------------------------------------------------


def test_controls_begin_with_the_scenarios_own_values(path):
    values = values_of(path)
    assert values["dose_iu_per_m2"] == pytest.approx(5000.0 / load_scenario(path).pharmacology.body_surface_m2)
    assert (values["formulation"], values["dose_day"]) == ("erwinia", 0.05)
    assert values["asns_blast"] == 0.03
    assert (values["density_per_mm2"], values["seed"]) == (100.0, "5")
    assert "asns_wall" not in values, "a clock cell has no ASNS"


def test_controls_that_nobody_moved_change_nothing(path):
    assert parameters_of(load_scenario(path), values_of(path)) == {}
    assert parameters_of(load_scenario(path), {}) == {}


def test_values_that_lie_between_a_sliders_steps_are_kept_until_it_is_moved(path):
    """A slider rounds its value as soon as it is shown."""
    scenario = load_scenario(path, {"cells.blast.asns_relative": 0.1234, "vessels.density_per_mm2": 33.4})
    controls = controls_of(scenario)
    rounded = {"asns_blast": 0.12, "density_per_mm2": 33.0, "dose_day": 0.05}
    assert parameters_of(scenario, rounded) == {}
    assert as_meant(controls["asns_blast"], 0.12) == 0.1234
    assert parameters_of(scenario, {"asns_blast": 0.13}) == {"cells.blast.asns_relative": 0.13}


def test_the_latest_day_of_a_slider_is_one_that_can_be_given(path):
    scenario = load_scenario(path, {"pharmacology.doses": []})
    latest = controls_of(scenario)["dose_day"]["max"]
    parameters = parameters_of(scenario, {"dose_day": latest, "dose_iu_per_m2": 2500.0})
    assert load_scenario(path, parameters).pharmacology.doses[0].day == latest
    assert latest == pytest.approx(0.115)


def test_controls_of_a_group_that_is_gone_are_left_out(path):
    scenario = load_scenario(path)
    assert parameters_of(scenario, {"asns_gone": 0.5}) == {}


def test_another_dose_replaces_the_first_of_asparaginase_and_keeps_its_course(path):
    doses = parameters_of(load_scenario(path), values_of(path, dose_iu_per_m2=1000.0))["pharmacology.doses"]
    assert [dose["drug"] for dose in doses] == ["rapamycin", "asparaginase"]
    assert doses[1] == enzyme_dose("erwinia", 1000.0, 0.05) | {"every": "1 h", "times": 2}


def test_a_dose_of_zero_is_none(path):
    doses = parameters_of(load_scenario(path), values_of(path, dose_iu_per_m2=0.0))["pharmacology.doses"]
    assert [dose["drug"] for dose in doses] == ["rapamycin"]


def test_a_scenario_without_a_dose_can_be_given_one(path):
    scenario = load_scenario(path, {"pharmacology.doses": []})
    assert controls_of(scenario)["dose_iu_per_m2"]["value"] == 0.0
    values = {"dose_iu_per_m2": 2500.0, "formulation": "pegaspargase", "dose_day": 0.1}
    assert parameters_of(scenario, values) == {"pharmacology.doses": [enzyme_dose("pegaspargase", 2500.0, 0.1)]}


def test_the_other_controls_are_keys_of_the_scenario(path):
    moved = {
        "asns_blast": 1.5,
        "density_per_mm2": 50.0,
        "seed": "9",
        "perturbation": "gcn2, factor",
        "perturbation_value": 0.5,
    }
    parameters = parameters_of(load_scenario(path), values_of(path, **moved))
    assert parameters == {
        "cells.blast.asns_relative": 1.5,
        "vessels.density_per_mm2": 50.0,
        "seed": 9,
        "perturbations.gcn2": 0.5,
    }
    assert load_scenario(path, parameters).seed == 9


def test_the_scenarios_of_the_same_folder_can_be_chosen(path):
    (path.parent / "another.toml").write_text(SCENARIO)
    (path.parent / "a_sweep.toml").write_text('scenario = "small.toml"\n')
    assert list(scenarios_beside(path)) == ["small", "another"]


# -- simulation -----------------------------------------------------------------------------------------------------


def test_a_simulation_is_the_model_of_the_scenario_to_the_bit(path):
    simulation = Simulation(str(path), **values_of(path))
    model = TumorModel(path)
    for _ in range(5):
        simulation.step()
        model.step()
    np.testing.assert_array_equal(simulation.tissue.population.block("states"), model.population.block("states"))
    assert (simulation.problem, simulation.running) == ("", True)


def test_mesas_own_scenarios_change_nothing(path):
    """From 3.5 on Mesa gives one to the model that it makes at a reset."""
    simulation = Simulation(path=str(path), scenario=object(), **values_of(path))
    assert (simulation.problem, simulation.values) == ("", values_of(path))


def test_a_simulation_ends_with_its_scenario(path):
    simulation = Simulation(str(path))
    for _ in range(40):
        simulation.step()
    assert (simulation.tissue.time_h, simulation.running, simulation.problem) == (3.0, False, "")


def test_a_tab_that_is_closed_lets_go_of_its_tissue(path):
    simulation = Simulation(str(path))
    tissue = weakref.ref(simulation.tissue)
    simulation.stop()
    simulation.step()
    gc.collect()
    assert tissue() is None


def test_an_empty_seed_is_told(path):
    assert "seed = ''" in Simulation(str(path), **values_of(path, seed=None)).problem.replace('"', "'")


def test_a_wrong_value_is_told_as_on_the_command_line(path):
    simulation = Simulation(str(path), **values_of(path, seed="seven"))
    assert (simulation.tissue, simulation.running) == (None, False)
    assert "seed = 'seven'" in simulation.problem.replace('"', "'")
    simulation.step()
    simulation.give_dose_now("pegaspargase", 2500.0)


def test_a_tissue_that_cannot_go_on_says_why(path):
    simulation = Simulation(str(path))
    simulation.tissue.population.block("states")[3, 0] = np.nan
    simulation.step()
    assert "at 0 h" in simulation.problem
    assert not simulation.running


def test_a_dose_by_hand_acts_and_is_marked(path):
    simulation = Simulation(str(path), **values_of(path, dose_iu_per_m2=0.0))
    simulation.step()
    simulation.give_dose_now("native_e_coli", 6000.0)
    simulation.step()
    assert simulation.doses_h == [0.0, 0.1], "rapamycin of the scenario, and ours"
    assert simulation.tissue.plasma.asparaginase_iu_per_mL > 1.0


def test_a_dose_by_hand_is_refused_where_it_cannot_act(path):
    model = TumorModel(path)
    with pytest.raises(ValueError, match="expected asparaginase"):
        model.give_dose(Dose(drug="rapamycin", peak_uM=1.0, day=0.0))
    assert model.plasma.inhibitors_uM["rapamycin"] == 0.0


def test_events_do_not_pile_up(path):
    simulation = Simulation(str(path))
    for _ in range(10):
        simulation.step()
    assert simulation.tissue.events_held == 0


def test_the_cell_under_a_click_is_found_and_followed(path):
    simulation = Simulation(str(path))
    data = simulation.tissue.population.data
    uid = int(data["uid"][7])
    cell = simulation.cell_at("primary", data["x_um"][7] + 2.0, data["y_um"][7], None)
    assert cell.unique_id == uid
    for _ in range(25):
        simulation.step()
    assert cell.unique_id == uid
    assert cell.row == int(np.flatnonzero(simulation.tissue.population.data["uid"] == uid)[0])


def test_a_click_beside_all_cells_finds_none(path):
    simulation = Simulation(str(path))
    assert simulation.cell_at("primary", -500.0, 0.0, None) is None


@pytest.mark.parametrize("z_um", [None, 0.0])
def test_a_click_in_a_large_cell_means_it_though_the_middle_of_a_small_one_is_nearer(path, z_um):
    simulation = Simulation(str(path))
    population = simulation.tissue.population
    population.data["radius_um"][:2] = 10.0, 3.0
    population.block("position_um")[:2] = [[-500.0, 0.0, 0.0], [-483.0, 0.0, 0.0]]
    assert simulation.cell_at("primary", -491.0, 0.0, z_um).row == 0
    assert simulation.cell_at("primary", -485.0, 0.0, z_um).row == 1
