"""Tissues of clock cells: growth, what holds it back, what they take up and give off, and what they do without."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import tumorabm.threads
from tumorabm import TumorModel
from tumorabm.biology import states as s
from tumorabm.scenario import scenario_from_dict

NOTHING_PUSHES = {"enabled": False}


def tissue(threads: int = 1, **changes) -> TumorModel:
    base = {"hours": 60.0, "domain": {"size_um": [400.0, 400.0]}, "mechanics": NOTHING_PUSHES}
    return TumorModel(scenario_from_dict(base | changes), threads=threads)


def clock_cells(count: int = 1, clock: dict | None = None, **keys) -> dict:
    return {"cell": {"type": "clock_cell", "count": count, "clock": clock or {}, **keys}}


def live(model: TumorModel) -> int:
    return int((model.population.data["phase"] <= s.MITOSIS).sum())


# -- growth -----------------------------------------------------------------------------------------------------------


def test_a_fixed_cycle_doubles_the_cells_every_18_h() -> None:
    model = tissue(cells=clock_cells(3, {"start_at_h": 0.0}))
    for hours, cells in ((17.9, 3), (0.1, 6), (17.9, 6), (0.1, 12)):
        model.run(hours)
        assert live(model) == cells
    assert set(model.population.data["phase"]) == {s.G1}
    # 11 h of growth at 0.0047/min towards 2 leave 4.5 % to go, and fluid comes after
    assert model.population.data["biomass"] == pytest.approx(0.97, abs=0.01)


def test_default_first_cells_are_an_exponentially_growing_population() -> None:
    model = tissue(cells=clock_cells(4000, {"variation": 0.1}))
    start = model.population.data["phase"]
    # phase G0/G1 lasts 7 of 18 h: a share 2 (1 - 2^(-7/18)) of an exponential population is in it
    assert (start == s.G1).mean() == pytest.approx(2.0 * (1.0 - 2.0 ** (-7.0 / 18.0)), abs=0.025)
    for hours in (6.0, 12.0, 18.0):
        model.run(6.0)
        assert live(model) / 4000 == pytest.approx(2.0 ** (hours / 18.0), rel=0.03)


def test_division_times_do_not_depend_on_the_step() -> None:
    events = {}
    for step_min in (1.0, 6.0):
        cells = clock_cells(40, {"variation": 0.1})
        model = tissue(time={"step_min": step_min}, cells=cells, hours=12.0).run()
        columns = model.drain_events()
        events[step_min] = dict(zip(columns["uid"].tolist(), columns["time_h"].tolist(), strict=True))
    assert events[1.0].keys() == events[6.0].keys()
    assert len(events[1.0]) > 10
    for uid, hours in events[1.0].items():
        assert 0.0 <= events[6.0][uid] - hours < 0.1 + 1e-9


def test_cells_start_where_the_clock_says_and_stay_there_if_it_does_not_run() -> None:
    model = tissue(cells=clock_cells(5, {"start_at_h": 8.0, "cycling": False}))
    assert set(model.population.data["phase"]) == {s.S_PHASE}
    assert model.population.data["phase_left_min"] == pytest.approx(300.0)
    model.run(60.0)
    assert live(model) == 5
    assert set(model.population.data["phase"]) == {s.S_PHASE}
    newborn = tissue(cells=clock_cells(5, {"cycling": False}))
    assert (newborn.population.data["biomass"] == 1.0).all()
    assert newborn.population.data["radius_um"] == pytest.approx((0.75 / math.pi * 2494.0) ** (1 / 3))


def test_added_cells_start_like_the_first_ones() -> None:
    model = tissue(cells=clock_cells(1, {"start_at_h": 8.0}))
    model.run(1.0)
    uids = model.add_cells("cell", np.array([[10.0, 10.0, 10.0], [50.0, 10.0, 10.0]]))
    added = np.isin(model.population.data["uid"], uids)
    assert (model.population.data["phase_left_min"][added] == 300.0).all()
    assert (model.population.data["phase_left_min"][~added] == 240.0).all()


def test_oxygen_sets_the_pace_and_its_lack_kills_only_cells_that_depend_on_it() -> None:
    def after_a_day(pressure_mmHg: float, dependent: bool) -> TumorModel:
        cells = clock_cells(400, {"start_at_h": 0.0, "oxygen_dependent": dependent})
        return tissue(cells=cells, fields={"oxygen": {"initial_mmHg": pressure_mmHg}}).run(24.0)

    full, half, none = (after_a_day(pressure, dependent=True) for pressure in (40.0, 21.5, 1.0))
    assert live(full) == 800
    assert half.births == 0  # G0/G1 takes 14 h: division is due after 25 h
    assert (half.population.data["phase"] > s.G1).all()
    assert none.births == 0
    assert none.deaths_necrosis / 400 == pytest.approx(1.0 - math.exp(-24.0 / 6.0), abs=0.03)
    regardless = after_a_day(1.0, dependent=False)
    assert (live(regardless), regardless.deaths_necrosis) == (800, 0)


@pytest.mark.parametrize("inhibition", ["crowding", "area", "contact"])
def test_a_packed_sheet_stops_where_contact_inhibits(inhibition: str) -> None:
    def grown(rule: str) -> int:
        domain = {"size_um": [120.0, 120.0]}
        clock = {"start_at_h": 0.0, "growth": "linear", "contact_inhibition": rule}
        return live(tissue(domain=domain, cells=clock_cells(16, clock), mechanics={}).run(60.0))

    free, held = grown("none"), grown(inhibition)
    assert free == 16 * 2**3
    assert 16 < held < 0.75 * free


# -- fields -----------------------------------------------------------------------------------------------------------


def test_only_fields_that_matter_exist() -> None:
    assert tuple(tissue(cells=clock_cells()).fields) == ("oxygen",)
    eats = clock_cells(uptake_amol_per_min={"glucose": 1.0})
    assert tuple(tissue(cells=eats).fields) == ("oxygen", "glucose")
    named = {"glutamine": {"plasma_uM": 100.0}, "drug": {"diffusion_um2_per_min": 1e4}}
    reacting = {"asparagine", "aspartate", "glutamine", "glutamate", "ammonia", "asparaginase"}
    assert set(tissue(cells=clock_cells(), fields=named).fields) == {"oxygen", "drug"} | reacting


def one_voxel(**changes) -> TumorModel:
    domain = {"size_um": [20.0, 20.0], "voxel_um": 20.0}
    return tissue(domain=domain, cells=clock_cells(4, {"cycling": False}, **changes.pop("cell")), **changes)


def test_uptake_of_an_own_field_is_michaelis_menten_and_in_proportion_to_volume() -> None:
    field = {"food": {"diffusion_um2_per_min": 1e3, "initial_uM": 10.0, "uptake_km_uM": 2.0}}
    model = one_voxel(cell={"uptake_amol_per_min": {"food": 0.2}}, fields=field, time={"step_min": 0.1}, hours=1.0)
    model.population.data["biomass"][:] = 1.5  # clocks that stand still let volume fall back to 1
    sizes = []
    for _ in range(600):
        sizes.append(model.population.data["biomass"].sum())
        model.step()
    minutes = np.arange(600) * 0.1
    volume_um3 = model.grid.voxel_volume_um3

    def rate(t, c_mM):
        return -np.interp(t, minutes, sizes) * 0.2 * c_mM / (c_mM + 0.002) / volume_um3

    expected = solve_ivp(rate, (0.0, 60.0), [0.01], rtol=1e-9, atol=1e-12).y[0, -1]
    assert model.fields["food"].concentration_mM.item() == pytest.approx(expected, rel=5e-3)
    assert expected < 0.005


def test_what_is_secreted_is_what_the_field_gains() -> None:
    field = {"signal": {"diffusion_um2_per_min": 1e3, "initial_uM": 0.0}}
    model = one_voxel(cell={"secretion_amol_per_min": {"signal": 0.3}}, fields=field, hours=1.0).run()
    held = model.fields["signal"].concentration_mM.sum() * model.grid.voxel_volume_um3
    assert held == pytest.approx(4 * 0.3 * 60.0, rel=1e-12)


def test_a_half_saturation_of_oxygen_can_be_set() -> None:
    taken = {}
    for km_mmHg in (1.5, 15.0):
        fields = {"oxygen": {"initial_mmHg": 15.0, "uptake_km_mmHg": km_mmHg}}
        model = one_voxel(cell={"uptake_amol_per_min": {"oxygen": 0.01}}, fields=fields, hours=0.1).run()
        taken[km_mmHg] = 0.0195 - model.fields["oxygen"].concentration_mM.item()
    assert taken[1.5] / taken[15.0] == pytest.approx((15.0 / 16.5) / 0.5, rel=1e-3)


def test_a_metabolic_group_may_have_rates_for_an_own_field_and_keeps_its_own() -> None:
    group = {"blast": {"type": "all_blast", "count": 20, "uptake_amol_per_min": {"drug": 1.0}}}
    drug = {"drug": {"diffusion_um2_per_min": 1e4, "initial_uM": 5.0}}
    plain = {"blast": {"type": "all_blast", "count": 20}}
    fed, same = (tissue(cells=cells, fields=drug, hours=1.0).run() for cells in (group, plain))
    drug_left, untouched = (model.fields["drug"].concentration_mM.mean() for model in (fed, same))
    assert drug_left < untouched == pytest.approx(0.005, rel=1e-14)
    np.testing.assert_array_equal(fed.population.block("states"), same.population.block("states"))


def test_cells_walk_up_or_down_a_field_of_the_scenario() -> None:
    field = {"signal": {"diffusion_um2_per_min": 1e4, "faces": [
        {"face": "x_low", "concentration_uM": 0.0}, {"face": "x_high", "concentration_uM": 10.0}
    ]}}  # fmt: skip

    def mean_x(bias: float) -> float:
        cells = clock_cells(
            200, {"cycling": False}, taxis={"field": "signal", "bias": bias},
            parameters={"speed_epithelial_um_per_min": 1.0},
        )  # fmt: skip
        return float(tissue(cells=cells, fields=field).run(2.0).population.data["x_um"].mean())

    assert mean_x(-0.5) < 185.0 < 215.0 < mean_x(0.5)


# -- beside the rest --------------------------------------------------------------------------------------------------


def mixture(**changes) -> TumorModel:
    cells = {
        "stroma": {"type": "msc", "count": 30},
        "clock": {"type": "clock_cell", "count": 40, "uptake_amol_per_min": {"oxygen": 500.0}},
        "blast": {"type": "all_blast", "count": 40},
    }
    vessels = {"positions_um": [[60.0, 60.0]]}
    base = {"cells": cells, "vessels": vessels, "domain": {"size_um": [120.0, 120.0]}, "mechanics": {}}
    return tissue(**(base | changes))


def test_clock_cells_beside_metabolic_ones_hold_no_nitrogen_and_the_ledger_closes() -> None:
    model = mixture().run(20.0)
    states = model.population.block("states")[model.population.data["cell_type"] == 1]
    assert len(states) > 60
    assert not np.delete(states, s.BIOMASS, axis=1).any()
    assert not model.population.data["contact_asparagine_amol"][model.population.data["cell_type"] == 1].any()
    assert model.timeseries()["ledger_relative_error"].max() < 1e-12
    assert model.ledger.flows["interventions"] == 0.0


def test_readouts_of_clock_cells_are_nan_and_those_of_others_are_not() -> None:
    model = mixture()
    row = model.observe()
    for readout in ("asns", "atf4", "mtorc1", "translation"):
        assert math.isnan(row[f"{readout}_mean_clock"])
        assert row[f"{readout}_mean_blast"] > 0.0
    of_clocks = model.cell_columns()["type"] == "clock"
    np.testing.assert_array_equal(np.isnan(model.cell_columns()["asns_relative"]), of_clocks)
    assert "phase_left_min" in model.cell_columns()


def test_without_metabolism_the_series_has_no_plasma_and_an_empty_ledger() -> None:
    model = tissue(cells=clock_cells()).run(1.0)
    series = model.timeseries()
    assert not [name for name in series if name.startswith("plasma_")]
    assert (series["ledger_relative_error"] == 0.0).all()
    assert sum(model.ledger.pools.values()) == 0.0
    assert series["diameter_um"].iloc[0] > 16.0
    assert "phase_left_min" not in tissue(cells={}).cell_columns()


def test_diameter_is_reported_of_a_tissue_and_not_of_a_well() -> None:
    assert math.isnan(tissue(cells={}).observe()["diameter_um"])
    well = tissue(domain={"mode": "well_mixed", "volume_uL": 1.0}, cells=clock_cells())
    assert "diameter_um" not in well.run(1.0).timeseries()


def test_threads_and_order_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tumorabm.threads, "FEWEST_ROWS_PER_PIECE", 16)
    clock = {"variation": 0.1, "contact_inhibition": "area", "oxygen_dependent": True}
    cells = clock_cells(
        150, clock, uptake_amol_per_min={"oxygen": 300.0, "food": 5.0}, secretion_amol_per_min={"waste": 1.0}
    )
    fields = {name: {"diffusion_um2_per_min": 1e4, "initial_uM": 10.0} for name in ("food", "waste")}
    changes = {"cells": cells, "fields": fields, "mechanics": {}, "vessels": {"positions_um": [[200.0, 200.0]]}}
    runs = [tissue(threads, **changes) for threads in (1, 2, 1)]
    shuffled = np.random.default_rng(0)
    for tick in range(120):
        if tick % 10 == 3:
            runs[2].population.reorder(shuffled.permutation(runs[2].population.size))
        for model in runs:
            model.step()
    assert runs[0].births > 10
    by_uid = [np.argsort(model.population.data["uid"]) for model in runs]
    for name in ("uid", "phase", "position_um", "states", "clock", "cycles"):
        first, second, third = (model.population.block(name)[order] for model, order in zip(runs, by_uid, strict=True))
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, third)
