"""The whole model on small scenarios: what a step must keep, and what a user can do with it."""

import copy
import gc
import math
import weakref

import mesa
import numpy as np
import pytest

from tumorabm import TumorModel
from tumorabm.cells import TumorCell
from tumorabm.scenario import scenario_from_dict

NICHE = {
    "name": "niche",
    "hours": 24.0,
    "domain": {"size_um": [200.0, 200.0]},
    "vessels": {"density_per_mm2": 75.0},
    "cells": {
        "blast": {"type": "all_blast", "count": 60},
        "normal": {"type": "normal_marrow", "count": 40},
        "stroma": {"type": "msc", "count": 6},
    },
    "pharmacology": {
        "doses": [{"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 0.1}]
    },
}


def niche(**changes: object) -> TumorModel:
    return TumorModel(scenario_from_dict(copy.deepcopy(NICHE) | changes), threads=1)


@pytest.fixture(scope="module")
def treated() -> TumorModel:
    return niche().run()


def test_nitrogen_ledger_closes_with_births_deaths_doses_and_contact_transfer(treated: TumorModel) -> None:
    assert treated.births > 0
    assert treated.deaths_apoptosis > 0
    assert treated.timeseries()["ledger_relative_error"].max() < 1e-12
    report = treated.ledger.report()
    assert sum(report["now"].values()) == pytest.approx(
        sum(report["initial"].values()) + sum(report["flows"].values()), rel=1e-12
    )


def test_no_state_and_no_field_is_ever_negative(treated: TumorModel) -> None:
    assert treated.population.block("states").min() >= 0.0
    for field in treated.fields.values():
        assert field.concentration_mM.min() >= 0.0


def test_dose_empties_plasma_and_tissue_of_asparagine(treated: TumorModel) -> None:
    after = treated.timeseries().query("time_h > 4")
    assert after["plasma_asparagine_uM"].max() < 3.0
    assert after["tissue_asparagine_uM"].max() < 3.0


def test_starved_blasts_stop_translating_and_normal_cells_raise_atf4(treated: TumorModel) -> None:
    series = treated.timeseries().set_index("time_h")
    assert series["translation_mean_blast"][20.0] < 0.5 * series["translation_mean_blast"][1.0]
    assert series["atf4_mean_normal"].max() > 2.0 * series["atf4_mean_normal"][1.0]


def test_dose_falls_on_its_tick() -> None:
    model = niche()
    dose_tick = round(0.1 * 1440.0 / model.step_min)
    model.run(hours=dose_tick * model.step_min / 60.0)
    assert model.tick == dose_tick
    assert model.plasma.asparaginase_iu_per_mL == 0.0
    model.step()
    assert model.plasma.asparaginase_iu_per_mL == pytest.approx(2500.0 / 2010.0, rel=1e-3)


def test_timeseries_and_cells_have_the_promised_columns(treated: TumorModel) -> None:
    promised = {"time_h", "births", "deaths_apoptosis", "deaths_necrosis", "plasma_asparagine_uM"}
    promised |= {"plasma_asparaginase_iu_per_mL", "hypoxic_fraction", "ledger_relative_error"}
    for readout in ("live", "dead", "asns_mean", "atf4_mean", "mtorc1_mean"):
        promised |= {f"{readout}_{name}" for name in NICHE["cells"]}
    assert promised <= set(treated.timeseries().columns)
    cells = treated.cell_columns()
    identity = ["uid", "parent_uid", "founder_uid", "type", "x_um", "y_um", "z_um", "radius_um", "phase"]
    assert list(cells)[:10] == [*identity, "asns_relative"]
    assert {"asparagine_amol", "glutamine_amol", "atf4", "mtorc1", "death_signal", "biomass"} <= set(cells)
    assert {len(values) for values in cells.values()} == {treated.population.size}


def test_live_dead_and_cleared_cells_add_up(treated: TumorModel) -> None:
    last = treated.timeseries().iloc[-1]
    present = sum(last[f"{state}_{name}"] for state in ("live", "dead") for name in NICHE["cells"])
    founded = sum(group["count"] for group in NICHE["cells"].values())
    live = sum(last[f"live_{name}"] for name in NICHE["cells"])
    assert present == treated.population.size
    assert live == founded + treated.births - treated.deaths_apoptosis - treated.deaths_necrosis


def test_division_shares_everything_and_keeps_the_lineage() -> None:
    model = niche(pharmacology={})
    events = model.run(hours=6.0).drain_events()
    divided = events["uid"][events["event"] == "division"]
    parents = model.population.data["parent_uid"]
    assert model.births == len(divided) > 0
    assert sorted(parents[parents > 0]) == sorted(divided)
    assert len(model.events) == 0


def test_agents_are_views_of_the_columns() -> None:
    model = niche()
    cell = model.agents[0]
    assert cell.asparagine_amol == model.population.data["asparagine_amol"][0]
    cell.asparagine_amol = 0.5
    assert model.population.data["asparagine_amol"][0] == 0.5


def test_asparagine_written_into_the_property_layer_reaches_the_solver() -> None:
    model = niche(pharmacology={})
    model.layers["asparagine"].data[...] = 1.0
    assert model.fields["asparagine"].concentration_mM.min() == 1.0
    model.step()
    assert 0.0 < model.layers["asparagine"].data.mean() < 1.0


def test_an_ordinary_mesa_agent_lives_in_the_model_and_is_stepped() -> None:
    class Macrophage(mesa.Agent):
        visits = 0

        def step(self) -> None:
            self.visits += 1

    model = niche()
    macrophage = Macrophage(model)
    model.run(hours=0.5)
    assert macrophage.visits == 5
    assert macrophage in model.agents
    assert len(model.agents) == model.population.size + 1


def test_a_deleted_model_is_freed() -> None:
    model = niche()
    model.step()
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


def test_cells_stay_in_the_box_and_off_one_another(treated: TumorModel) -> None:
    positions = treated.population.block("position_um")
    assert positions.min() >= 0.0
    assert (positions <= treated.box_um).all()
    distances = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert distances.min() > 0.5 * treated.population.data["radius_um"].min()


def test_three_dimensional_tissue_runs_and_balances() -> None:
    model = niche(
        domain={"size_um": [120.0, 120.0, 120.0]}, vessels={"density_per_mm3": 4000.0}, pharmacology={}, hours=3.0
    ).run()
    assert np.ptp(model.population.data["z_um"]) > 60.0
    assert model.timeseries()["ledger_relative_error"].max() < 1e-12


def test_well_mixed_well_runs_and_balances() -> None:
    model = TumorModel(
        scenario_from_dict(
            {
                "name": "well",
                "hours": 12.0,
                "domain": {"mode": "well_mixed", "volume_uL": 100.0},
                "fields": {
                    "asparagine": {"initial_uM": 378.0},
                    "glutamine": {"initial_uM": 2050.0},
                    "asparaginase": {"initial_iu_per_mL": 1.0},
                },
                "cells": {"blast": {"type": "molt4", "count": 50}},
            }
        )
    ).run()
    assert model.timeseries()["tissue_asparagine_uM"].iloc[-1] < 1.0
    assert model.timeseries()["ledger_relative_error"].max() < 1e-12


def test_a_tissue_without_cells_is_plain_diffusion() -> None:
    model = niche(cells={}, pharmacology={}).run(hours=1.0)
    assert model.fields["asparagine"].concentration_mM == pytest.approx(0.05, rel=1e-6)
    assert model.timeseries()["ledger_relative_error"].max() < 1e-12


def test_knocking_out_contact_transfer_leaves_no_asparagine_handed_over() -> None:
    with_transfer = niche(pharmacology={}).run(hours=1.0)
    without = niche(pharmacology={}, perturbations={"contact_transfer": 0.0}).run(hours=1.0)
    assert with_transfer.population.data["contact_asparagine_amol"].sum() > 0.0
    assert without.population.data["contact_asparagine_amol"].sum() == 0.0


def test_interventions_are_booked_in_the_ledger() -> None:
    class Surgeon(mesa.Agent):
        def step(self) -> None:
            self.model.agents[0].remove()

    model = niche(pharmacology={}).run(hours=0.5)
    assert model.ledger.flows["interventions"] == 0.0
    Surgeon(model)
    model.add_cells("blast", np.array([[50.0, 60.0, 10.0], [70.0, 60.0, 10.0]]))
    model.layers["glutamine"].data[...] *= 1.5
    assert model.observe()["ledger_relative_error"] < 1e-12
    model.run(hours=0.5)
    assert model.observe()["ledger_relative_error"] < 1e-12
    assert model.ledger.flows["interventions"] != 0.0


def test_a_cell_without_states_is_refused_with_a_clear_message() -> None:
    model = niche()
    cell = TumorCell(model, x_um=50.0, y_um=60.0, z_um=10.0)
    complaint = rf"cell {cell.unique_id} .* has biomass = 0\.0 \(expected above 0; add_cells places whole cells\)"
    with pytest.raises(FloatingPointError, match=complaint):
        model.step()


@pytest.mark.parametrize(
    "place", [(-0.1, 50.0, 10.0), (50.0, 200.1, 10.0), (50.0, 50.0, 20.1), (50.0, math.nan, 10.0), (math.inf, 1.0, 1.0)]
)
def test_cells_are_placed_inside_the_box_only(place: tuple[float, float, float]) -> None:
    model = niche()
    n = model.population.size
    with pytest.raises(
        ValueError, match=r"add_cells: position 1 is \(.*\); expected .* \(µm: x 0-200, y 0-200, z 0-20\)"
    ):
        model.add_cells("blast", np.array([[50.0, 60.0, 10.0], place]))
    with pytest.raises(ValueError, match=r"expected positions of shape \(n, 3\), got \(1, 2\)"):
        model.add_cells("blast", np.array([[50.0, 60.0]]))
    assert model.population.size == n


def test_a_cell_on_the_far_side_of_a_box_that_rounding_made_smaller_is_placed_on_it() -> None:
    side_um = 0.7 * 3 + 1e-12
    model = niche(
        domain={"size_um": [side_um, side_um], "voxel_um": 0.7}, vessels={"positions_um": [[1.0, 1.0]]},
        cells={"blast": {"type": "all_blast", "positions_um": [[side_um, side_um]]}}, pharmacology={},
    )  # fmt: skip
    assert side_um > model.box_um[0]
    assert (model.population.block("position_um")[0] <= model.box_um).all()


def test_mesas_collector_names_every_column() -> None:
    model = niche(pharmacology={}).run(hours=2.0)
    frame = model.datacollector.get_model_vars_dataframe()
    assert frame["live_blast"].tolist() == model.timeseries()["live_blast"].tolist()
    assert frame["time_h"].tolist() == [0.0, 1.0, 2.0]


def test_cells_climb_or_descend_oxygen_where_they_are_told_to() -> None:
    def mean_oxygen(bias: float) -> float:
        walker = {"type": "solid_tumour", "count": 200, "taxis": {"field": "oxygen", "bias": bias}}
        model = niche(
            cells={"walker": walker}, vessels={"positions_um": [[100.0, 100.0]]}, pharmacology={},
            mechanics={"enabled": False},
        )  # fmt: skip
        model.run(hours=3.0)
        return float(model.cell_columns()["oxygen_mmHg"].mean())

    at_random = mean_oxygen(0.0)
    assert mean_oxygen(1.0) > at_random + 1.0
    assert mean_oxygen(-1.0) < 0.9 * at_random


def test_signals_are_known_from_the_start() -> None:
    first = niche().timeseries().iloc[0]
    assert 0.5 < first["translation_mean_blast"] <= 1.0


def test_thickness_sets_the_volume_of_a_slab_and_resolution_does_not() -> None:
    def growth(voxel_um: float, thickness_um: float) -> tuple[float, float]:
        domain = {"size_um": [200.0, 200.0], "voxel_um": voxel_um, "thickness_um": thickness_um}
        model = niche(domain=domain, pharmacology={}).run(hours=4.0)
        volume_um3 = model.grid.n_voxels * model.grid.voxel_volume_um3
        return volume_um3, model.timeseries()["tissue_glutamine_uM"].iloc[-1]

    coarse_volume, coarse = growth(20.0, 20.0)
    fine_volume, fine = growth(10.0, 20.0)
    thin_volume, thin = growth(20.0, 10.0)
    assert coarse_volume == fine_volume == 2.0 * thin_volume
    assert fine == pytest.approx(coarse, rel=0.01)
    assert thin < 0.99 * coarse  # twice the cells in the same volume
