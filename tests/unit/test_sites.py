"""Several sites on one plasma, and the cells that travel between them in the blood."""

import copy
import math
import tomllib

import numpy as np
import pandas as pd
import pytest

from tumorabm import TumorModel
from tumorabm.biology.states import MITOSIS
from tumorabm.scenario import Scenario, ScenarioError, scenario_from_dict

DOSE = {"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 0.5}
HASTY = {"groups": ["tumour"], "detachment_per_h": 0.5, "intravasation_per_h": 5.0, "vessel_reach_um": 200.0}


def content(circulation: dict | None = HASTY, ndim: int = 2, **changes: object) -> dict:
    """A small tumour and a smaller lung, with rates at which cells are on their way within hours."""
    density = {f"density_per_mm{ndim}": 400.0 if ndim == 2 else 8000.0}
    return {
        "hours": 48.0,
        "domain": {"size_um": [200.0] * ndim},
        "vessels": density,
        "cells": {"tumour": {"type": "breast_tumour", "count": 60}, "stroma": {"type": "fibroblast", "count": 10}},
        "sites": {
            "lung": {
                "domain": {"size_um": [160.0] * ndim},
                "vessels": density,
                "fields": {"asparagine": {"plasma_fraction": 0.5}},
                "cells": {"stroma": {"count": 5}},
            }
        },
        **({} if circulation is None else {"circulation": circulation}),
        **changes,
    }


def scenario(*args: object, **changes: object) -> Scenario:
    return scenario_from_dict(content(*args, **changes))


def travelled(hours: float = 8.0, threads: int = 2, **changes: object) -> TumorModel:
    return TumorModel(scenario(**changes), threads=threads).run(hours)


def table(model: TumorModel) -> pd.DataFrame:
    """All cells of all sites."""
    return pd.concat([pd.DataFrame(site.cell_columns()).assign(site=name) for name, site in model.sites.items()])


@pytest.fixture(scope="module")
def model() -> TumorModel:
    return travelled(24.0)


@pytest.fixture(scope="module")
def events(model: TumorModel) -> pd.DataFrame:
    return pd.DataFrame(model.drain_events())


def test_a_cell_that_settles_detached_and_entered_the_blood_before(events: pd.DataFrame) -> None:
    first = events.groupby(["uid", "event"])["time_h"].min().unstack()
    settled = first.dropna(subset="extravasation")
    assert len(settled) >= 10
    assert (settled["intravasation"] <= settled["extravasation"]).all()
    seeded = first.dropna(subset="seeding")
    assert len(seeded) >= 2
    assert (seeded["extravasation"] < seeded["seeding"]).all()


def test_events_name_the_site(events: pd.DataFrame) -> None:
    where = events.groupby("event")["site"].unique().map(set)
    assert where["detachment"] == where["intravasation"] == {"primary"}
    assert where["extravasation"] == where["seeding"] == {"lung"}
    assert where["apoptosis"] >= {"blood"}
    assert (events["time_h"].diff().dropna() >= 0).all()


def test_each_cell_is_in_one_place_under_one_name(model: TumorModel) -> None:
    uids = np.concatenate(
        [*(site.population.data["uid"] for site in model.sites.values()), model.circulation.cells["uid"]]
    )
    assert len(np.unique(uids)) == len(uids)


def test_cells_in_the_blood_are_those_that_entered_and_neither_died_nor_left(model: TumorModel) -> None:
    blood = model.circulation
    assert blood.size == blood.entered - blood.died - blood.left
    assert min(blood.entered, blood.died, blood.left) > 5


def test_nitrogen_closes_at_each_site_and_in_the_blood(model: TumorModel) -> None:
    for site in model.sites.values():
        assert site.observe()["ledger_relative_error"] < 1e-12
    report = model.nitrogen_report()
    assert set(report) == {"primary", "lung", "blood", "plasma"}
    assert report["plasma"]["relative_error"] < 1e-12
    taken = sum(report[site]["flows"]["vessels"] for site in ("primary", "lung"))
    assert report["plasma"]["flows"]["tissue"] == pytest.approx(-taken)
    assert report["blood"]["relative_error"] < 1e-12
    assert report["primary"]["flows"]["circulation"] < 0.0 < report["lung"]["flows"]["circulation"]


def test_a_traveller_keeps_what_it_is() -> None:
    model = travelled(1.0)
    cells = {name: array.copy() for name, array in model.release(np.array([3, 7])).items()}
    rows = model.other_sites["lung"].receive(cells)
    for block in model.population.blocks:
        np.testing.assert_array_equal(model.other_sites["lung"].population.block(block.name)[rows], cells[block.name])


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_do_not_change_a_bit(threads: int) -> None:
    expected, found = table(travelled(8.0)), table(travelled(8.0, threads=threads))
    pd.testing.assert_frame_equal(expected, found, check_exact=True)


def test_a_site_that_no_cell_reaches_changes_nothing_at_the_primary_site() -> None:
    alone = content(circulation=None, sites={})
    expected = pd.DataFrame(TumorModel(scenario_from_dict(alone)).run(8.0).cell_columns())
    resting = travelled(8.0, circulation=HASTY | {"detachment_per_h": 0.0})
    found = pd.DataFrame(resting.cell_columns())
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_exact=True)
    assert resting.other_sites["lung"].population.size == 5


def test_it_works_in_three_dimensions() -> None:
    model = travelled(8.0, ndim=3)
    assert model.circulation.left > 0
    assert np.ptp(model.other_sites["lung"].population.data["z_um"]) > 20.0


def test_the_time_series_of_each_site_grows_with_that_of_the_primary() -> None:
    model = TumorModel(scenario_from_dict(content(output={"timeseries_every_h": 0.2})), threads=1)
    model.run(1.0)
    for site in model.sites.values():
        assert site.timeseries()["time_h"].tolist() == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_site_has_its_own_fields_and_shares_plasma() -> None:
    dose = {"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 0.0}
    model = TumorModel(scenario(pharmacology={"doses": [dose]}))
    lung = model.other_sites["lung"]
    started = [site.fields["asparagine"].concentration_mM.mean() for site in (model, lung)]
    assert started[1] == pytest.approx(0.5 * started[0], rel=0.05)
    model.run(24.0)
    for site in (model, lung):
        assert site.fields["asparaginase"].concentration_mM.mean() > 0.01
        assert site.fields["asparagine"].concentration_mM.mean() < 0.2 * started[1]


def test_a_small_molecule_acts_at_all_sites() -> None:
    dose = {"drug": "rapamycin", "peak_uM": 0.1, "day": 0.0}
    model = TumorModel(scenario(pharmacology={"doses": [dose]})).run(1.0)
    assert (model.other_sites["lung"].parameters["rapamycin"] > 0.98).all()


# ------------------------------------------------------------------ the rules


def in_blood(number: int, **rules: float) -> TumorModel:
    """A model with ``number`` cells in the blood, and none on the way there."""
    cells = {"tumour": {"type": "breast_tumour", "count": number}}
    sites = {name: content()["sites"]["lung"] | {"cells": {}} for name in ("lung", "liver")}
    rules = {"groups": ["tumour"], "detachment_per_h": 0.0} | rules
    model = TumorModel(scenario(rules, cells=cells, sites=sites))
    model.circulation.cells = model.release(np.arange(number))
    return model


def test_cells_in_the_blood_die_with_their_half_life() -> None:
    model = in_blood(600, half_life_h=2.0, extravasation_per_h=0.0).run(2.0)
    assert model.circulation.size == pytest.approx(300, abs=4.0 * math.sqrt(150))
    assert model.circulation.died == 600 - model.circulation.size


def test_cells_settle_at_sites_by_their_shares_beside_vessels() -> None:
    model = in_blood(600, half_life_h=1e9, extravasation_per_h=1e3, homing={"lung": 3.0, "liver": 1.0})
    model.step()
    settled = {name: site.population.size for name, site in model.other_sites.items()}
    assert sum(settled.values()) == 600
    assert settled["lung"] == pytest.approx(450, abs=4.0 * math.sqrt(600 * 0.75 * 0.25))
    lung = model.other_sites["lung"]
    nearest = np.abs(lung.population.block("position_um")[:, None] - lung.vessel_positions_um).max(axis=2).min(axis=1)
    assert nearest.max() == 0.0
    assert (lung.population.data["seed_uid"] == lung.population.data["uid"]).all()


def test_burden_counts_descents_of_those_that_arrived() -> None:
    model = in_blood(30, half_life_h=1e9, extravasation_per_h=1e3, homing={"lung": 1.0})
    model.step()
    lung = model.other_sites["lung"]
    seed = lung.population.data["seed_uid"]
    seed[:10], seed[10:15], seed[15:] = seed[0], seed[10], seed[15:]
    lung.population.data["phase"][0] = MITOSIS + 1
    row = lung.observe()
    assert (row["disseminated_cells"], row["dormant_cells"], row["micrometastases"]) == (29, 15, 0)
    lung.population.data["phase"][0] = 0
    assert lung.observe()["micrometastases"] == 1


def test_only_live_cells_of_the_named_groups_leave() -> None:
    model = travelled(12.0)
    events = pd.DataFrame(model.drain_events())
    travels = events["event"].isin(["detachment", "intravasation", "extravasation"])
    assert set(events.loc[travels, "type"]) == {"tumour"}
    lung = pd.DataFrame(model.other_sites["lung"].cell_columns())
    assert (lung["type"] == "stroma").sum() == 5
    assert (model.population.data["detached"][model.population.data["cell_type"] == 1] == 0).all()


@pytest.mark.parametrize("changes", [{}, {"circulation": None, "sites": {}, "pharmacology": {"doses": [DOSE]}}])
def test_a_core_that_leaves_no_vessel_is_refused_where_one_is_needed(changes: dict) -> None:
    core = {"density_per_mm2": 400.0, "core": {"center_um": [100.0, 100.0], "radius_um": 200.0}}
    with pytest.raises(ScenarioError, match="vessels: the core leaves none"):
        TumorModel(scenario_from_dict({**content(), "vessels": core, **changes}))


def test_a_detached_cell_does_not_adhere() -> None:
    gaps_um = []
    for detached in (0, 1):
        model = TumorModel(scenario(HASTY | {"detachment_per_h": 0.0}))
        model.population.bury(np.arange(model.population.size))
        model.add_cells("tumour", np.array([[80.0, 100.0, 10.0], [99.5, 100.0, 10.0]]))
        model.population.data["detached"][:] = detached
        before_um = np.ptp(model.population.data["x_um"])
        model._relax(60.0)
        gaps_um.append(np.ptp(model.population.data["x_um"]) - before_um)
    assert gaps_um[0] < -0.1
    assert gaps_um[1] == pytest.approx(0.0, abs=1e-9)


def test_what_a_site_does_not_name_of_a_field_is_as_at_the_primary_site() -> None:
    fields = {"asparagine": {"diffusion_um2_per_min": 3e4, "faces": [{"face": "x_low", "concentration_uM": 50.0}]}}
    once = scenario(fields=fields)
    lung = once.at_site("lung").fields["asparagine"]
    assert (lung.diffusion_um2_per_min, lung.plasma_fraction, lung.faces) == (3e4, 0.5, ())


# -------------------------------------------------------------- what is refused


def refusal(changes: dict) -> str:
    data = copy.deepcopy(content())
    for path, value in changes.items():
        *parents, last = path.split(".")
        target = data
        for part in parents:
            target = target[part]
        if value is None:
            del target[last]
        else:
            target[last] = value
    with pytest.raises(ScenarioError) as error:
        scenario_from_dict(data)
    return str(error.value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sites.lung.vessels": None}, "sites.lung.vessels: expected a section: no vessel reaches this site"),
        ({"sites.primary": content()["sites"]["lung"]}, "expected another name"),
        ({"sites.blood": content()["sites"]["lung"]}, "expected another name"),
        ({"sites.lung.vessels": {"density_per_mm2": 0.0}}, "no vessel reaches this site"),
        ({"sites.lung.fields": {"oxygen": {"plasma_mmHg": 10.0}}}, "all sites share plasma"),
        ({"sites.lung.fields": {"oxygen": {"diffusion_um2_per_mn": 1.0}}}, "nearest valid name: diffusion_um2_per_min"),
        ({"sites.lung.fields": {"oxygen": {"diffusion_um2_per_min": -1.0}}}, "sites.lung.fields.oxygen"),
        ({"sites.lung.cells": {"stromal": {"count": 1}}}, "nearest valid name: stroma"),
        ({"sites.lung.fields": {"lactate": {}}}, "sites.lung.fields.lactate"),
        ({"sites.lung.vessels": {"positions_um": [[900.0, 1.0]]}}, "sites.lung.vessels.positions_um.0"),
        ({"circulation.groups": ["tumor"]}, "nearest valid name: tumour"),
        ({"circulation.groups": []}, "circulation.groups"),
        ({"circulation.homing": {"lungs": 1.0}}, "nearest valid name: lung"),
        ({"circulation.homing": {"lung": 0.0}}, "expected a share above 0"),
        ({"circulation.half_life_h": 0.0}, "circulation.half_life_h"),
        ({"sites": {}}, "a site beside the primary one in [sites.<name>]"),
        ({"vessels": None}, "a section [vessels] by which cells leave the primary site"),
        ({"cells.tumour": {"type": "clock_cell", "count": 2}}, "expected a group with a metabolism"),
    ],
)
def test_sites_that_cannot_be_are_refused_by_name(changes: dict, expected: str) -> None:
    assert expected in refusal(changes)


def test_a_resolved_scenario_with_sites_reads_back_as_an_equal_one() -> None:
    once = scenario()
    again = scenario_from_dict(tomllib.loads(once.to_toml()))
    assert again == once
    assert again.at_site("lung").to_toml() == once.at_site("lung").to_toml()
