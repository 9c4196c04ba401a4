"""What cells do in the assembled model: inherit, fill space, die without oxygen, walk, and leave a record of it."""

import math
from itertools import pairwise

import numpy as np
import pytest

from tumorabm import TumorModel
from tumorabm.biology import states as s
from tumorabm.scenario import scenario_from_dict
from tumorabm.surroundings import Surroundings

STEP_H = 0.1
WELL = {"mode": "well_mixed", "volume_uL": 100.0}
IMMORTAL = {"necrosis_per_min": 0.0, "apoptosis_per_min": 0.0}


def life(hours: float = 24.0, **sections: object) -> TumorModel:
    return TumorModel(scenario_from_dict({"name": "life", "hours": hours} | sections), threads=1)


def lattice(start_um: float, spacing_um: float, per_side: int) -> list[list[float]]:
    ticks = [start_um + spacing_um * k for k in range(per_side)]
    return [[x, y] for x in ticks for y in ticks]


# ------------------------------------------------------------------ inheritance


def divided(**parameters: float) -> tuple[TumorModel, np.ndarray, np.ndarray]:
    """Let 1000 equal cells divide at once; return the model and the rows of mothers and of their daughters."""
    model = life(domain=WELL, cells={"tumour": {"type": "solid_tumour", "count": 1000, "parameters": parameters}})
    data = model.population.data
    data["phase"][:] = s.MITOSIS
    data["phase_progress"][:] = 0.99
    data["biomass"][:] = 2.1
    model.step()
    assert model.births == 1000
    data = model.population.data
    row_of = {uid: row for row, uid in enumerate(data["uid"].tolist())}
    daughters = np.flatnonzero(data["parent_uid"] > 0)
    mothers = np.array([row_of[uid] for uid in data["parent_uid"][daughters].tolist()])
    return model, mothers, daughters


@pytest.mark.parametrize("asymmetry", [0.025, 0.05])
def test_share_of_a_daughter_has_mean_one_half_and_the_spread_of_the_type(asymmetry: float) -> None:
    model, mothers, daughters = divided(division_asymmetry=asymmetry)
    biomass = model.population.data["biomass"]
    share = biomass[daughters] / (biomass[daughters] + biomass[mothers])
    assert share.mean() == pytest.approx(0.5, abs=4.0 * asymmetry / math.sqrt(1000.0))
    assert share.std() == pytest.approx(asymmetry, rel=0.1)


def test_no_daughter_gets_less_than_three_tenths() -> None:
    model, mothers, daughters = divided(division_asymmetry=0.3)
    biomass = model.population.data["biomass"]
    share = biomass[daughters] / (biomass[daughters] + biomass[mothers])
    assert share.min() == pytest.approx(0.3, rel=1e-12)
    assert share.max() == pytest.approx(0.7, rel=1e-12)


def test_all_amounts_of_a_division_are_shared_alike() -> None:
    model, mothers, daughters = divided()
    data = model.population.data
    share = data["biomass"][daughters] / (data["biomass"][daughters] + data["biomass"][mothers])
    for name in ("asparagine_amol", "aspartate_amol", "glutamine_amol", "glutamate_amol", "asns_copies"):
        np.testing.assert_allclose(data[name][daughters] / (data[name][daughters] + data[name][mothers]), share)


@pytest.mark.parametrize("drift", [0.05, 0.2])
def test_expression_of_asns_drifts_in_both_daughters_independently(drift: float) -> None:
    model, mothers, daughters = divided(asns_drift=drift)
    basal = np.log(model.population.data["asns_basal"])
    for rows in (mothers, daughters):
        assert basal[rows].mean() == pytest.approx(0.0, abs=4.0 * drift / math.sqrt(1000.0))
        assert basal[rows].std() == pytest.approx(drift, rel=0.1)
    assert abs(np.corrcoef(basal[mothers], basal[daughters])[0, 1]) < 0.13


def test_without_drift_daughters_express_what_their_mother_did() -> None:
    model, _, _ = divided(asns_drift=0.0)
    np.testing.assert_array_equal(model.population.data["asns_basal"], 1.0)


METHYLATED = {"asns_methylated_fraction": 1.0}


def test_methylation_of_the_promoter_is_lost_at_its_chance_in_each_daughter_on_its_own() -> None:
    model, mothers, daughters = divided(**METHYLATED, asns_demethylation_per_division=0.3)
    lost = model.population.data["asns_methylated"] == 0
    assert_share(lost[mothers], 0.3)
    assert_share(lost[daughters], 0.3)
    assert_share(lost[mothers] & lost[daughters], 0.09)


def test_a_promoter_becomes_methylated_at_the_other_chance() -> None:
    model, mothers, daughters = divided(asns_methylation_per_division=0.1, asns_demethylation_per_division=0.9)
    gained = model.population.data["asns_methylated"] == 1
    assert_share(gained[mothers], 0.1)
    assert_share(gained[daughters], 0.1)


def assert_share(found: np.ndarray, expected: float) -> None:
    """The share of True lies within four standard errors of a binomial number."""
    assert found.mean() == pytest.approx(expected, abs=4.0 * math.sqrt(expected * (1.0 - expected) / len(found)))


@pytest.mark.parametrize(
    ("chance_lost", "chance_gained", "methylated"),
    [(0.0, 1.0, 1), (1.0, 0.0, 0), (1.0, 1.0, 0)],
)
def test_methylation_that_never_or_always_flips(chance_lost: float, chance_gained: float, methylated: int) -> None:
    flips = {"asns_demethylation_per_division": chance_lost, "asns_methylation_per_division": chance_gained}
    model, _, _ = divided(**METHYLATED, **flips)
    assert set(model.population.data["asns_methylated"]) == {methylated}


def test_methylation_flips_for_a_cell_and_not_for_its_row() -> None:
    def methylated(order: slice) -> dict[int, int]:
        model = life(domain=WELL, cells={"tumour": {"type": "solid_tumour", "count": 200, "parameters": FLIPPING}})
        data = model.population.data
        data["phase"][:], data["phase_progress"][:], data["biomass"][:] = s.MITOSIS, 0.99, 2.1
        model.population.reorder(np.arange(200)[order])
        model.step()
        data = model.population.data
        assert 0.3 < data["asns_methylated"].mean() < 0.7
        return dict(zip(data["uid"].tolist(), data["asns_methylated"].tolist(), strict=True))

    assert methylated(slice(None)) == methylated(slice(None, None, -1))


FLIPPING = {
    "asns_methylated_fraction": 0.5,
    "asns_methylation_per_division": 0.5,
    "asns_demethylation_per_division": 0.5,
}


def test_chances_of_flipping_of_cells_that_have_nothing_to_flip_change_no_bit() -> None:
    def columns(**parameters: float) -> dict[str, bytes]:
        model, _, _ = divided(**parameters)
        return {name: column.tobytes() for name, column in model.population.data.items()}

    assert columns() == columns(asns_demethylation_per_division=1.0)


def test_a_clone_is_all_that_descends_from_one_placed_cell() -> None:
    model = life(domain=WELL, cells={"tumour": {"type": "solid_tumour", "count": 300}})
    assert model.population.data["founder_uid"].tolist() == model.population.data["uid"].tolist()
    first = dict.fromkeys(range(1, 301), 0)
    while model.tick < 600:
        model.step()
        data = model.population.data
        first |= dict(zip(data["uid"].tolist(), data["parent_uid"].tolist(), strict=True))

    def founder(uid: int) -> int:
        return uid if first[uid] == 0 else founder(first[uid])

    assert model.births > 600
    assert data["founder_uid"].tolist() == [founder(uid) for uid in data["uid"].tolist()]
    late = model.add_cells("tumour", np.full((1, 3), 10.0))
    row = int(np.flatnonzero(model.population.data["uid"] == late[0])[0])
    assert model.population.data["founder_uid"][row] == late[0]


def test_daughters_begin_in_g1() -> None:
    model, mothers, daughters = divided()
    assert set(model.population.data["phase"][np.concatenate([mothers, daughters])]) == {s.G1}


def test_founding_phases_are_those_of_the_cells_biomass_in_exponential_growth() -> None:
    model = life(domain=WELL, cells={"tumour": {"type": "solid_tumour", "count": 4000}})
    phase, biomass = model.population.data["phase"], model.population.data["biomass"]
    bounds = [1.0, 2.0 ** (11.0 / 24.0), 2.0 ** (19.0 / 24.0), 2.0 ** (23.0 / 24.0), 2.0]  # of 11, 8, 4 and 1 h
    for of_phase, (low, high) in enumerate(pairwise(bounds)):
        members = biomass[phase == of_phase]
        assert members.min() >= low - 1e-3
        assert members.max() <= high + 1e-3
        # density 2/B² on 1..2
        assert len(members) / 4000.0 == pytest.approx(2.0 / low - 2.0 / high, abs=0.03)


# ----------------------------------------------------------------------- efflux


@pytest.mark.parametrize(
    ("name", "leak_per_min"),
    [
        ("asparagine", 0.1),  # and no antiport where there is nothing to exchange it for
        ("aspartate", 0.05),
        ("glutamine", 0.02),
        ("glutamate", 0.05),
        ("exchange_amino_acids", 0.02),
    ],
)
def test_cells_leak_a_fixed_share_of_each_pool_into_its_own_field(name: str, leak_per_min: float) -> None:
    empty = {field: {"initial_uM": 0.0} for field in ("exchange_amino_acids", name)}
    step_min = 0.5
    model = life(
        time={"step_min": step_min},
        domain=WELL,
        fields=empty,
        cells={"tumour": {"type": "solid_tumour", "count": 100}},
    )
    volume_um3 = model.grid.voxel_volume_um3
    before = model.population.data[f"{name}_amol"].sum()
    model.step()
    mean = 0.5 * (before + model.population.data[f"{name}_amol"].sum())
    given_off = model.environment.pending_amol[name].item()
    assert given_off == pytest.approx(leak_per_min * step_min * mean, rel=0.02)
    outside = model.fields[name].concentration_mM.item() * volume_um3
    model.step()
    arrived = model.fields[name].concentration_mM.item() * volume_um3 - outside
    assert arrived == pytest.approx(given_off, rel=1e-3)  # hardly any is taken up again out of so large a well


# ----------------------------------------------------------------------- space


@pytest.mark.parametrize("size_um", [[140.0, 100.0], [80.0, 60.0, 100.0]])
@pytest.mark.parametrize("voxel_um", [20.0, 10.0])
def test_cells_feel_the_space_that_cells_take_around_them_whatever_the_voxel(
    size_um: list[float], voxel_um: float
) -> None:
    tumour = {"type": "solid_tumour", "count": 60}
    model = life(domain={"size_um": size_um, "voxel_um": voxel_um}, cells={"tumour": tumour})
    model.run(hours=0.5)
    found = Surroundings(model).crowding
    bins = np.floor(model.population.block("position_um")[:, : len(size_um)] / 20.0)
    last = np.array(size_um) // 20.0 - 1.0
    near = (abs(bins[:, None] - bins[None]) <= 1.0).all(axis=2)
    space = np.prod(20.0 * (np.minimum(bins + 1.0, last) - np.maximum(bins - 1.0, 0.0) + 1.0), axis=1)
    radius = model.population.data["radius_um"]
    taken = near @ (math.pi * radius**2 if len(size_um) == 2 else 4.0 / 3.0 * math.pi * radius**3)
    assert found.max() > 0.1
    np.testing.assert_allclose(found, taken / space, rtol=1e-9)


def growth_over_4_h(count: int) -> float:
    """Mean biomass after 4 h over that at the start, of cells in G1 that are fed by a vessel in every voxel."""
    model = life(
        domain={"size_um": [100.0, 100.0]},
        vessels={"positions_um": lattice(10.0, 20.0, 5)},
        cells={"tumour": {"type": "solid_tumour", "count": count, "parameters": IMMORTAL}},
    )
    model.population.data["biomass"][:] = 1.0
    model.population.data["phase"][:] = s.G1
    model.run(hours=4.0)
    assert model.births == 0
    return float(model.population.data["biomass"].mean())


def test_a_packed_tissue_stops_growing_and_a_sparse_one_does_not() -> None:
    assert growth_over_4_h(count=3) > 1.1
    assert growth_over_4_h(count=150) == pytest.approx(1.0, abs=0.005)


# ------------------------------------------------------------- death and record


def anoxic(oxygen_mmHg: float) -> TumorModel:
    return life(
        hours=6.0,
        domain={"size_um": [300.0, 300.0]},
        fields={"oxygen": {"plasma_mmHg": oxygen_mmHg, "initial_mmHg": oxygen_mmHg}},
        vessels={"positions_um": lattice(10.0, 20.0, 15)},
        cells={"tumour": {"type": "solid_tumour", "count": 400, "parameters": {"apoptosis_per_min": 0.0}}},
        mechanics={"enabled": False},
        output={"timeseries_every_h": STEP_H},
    ).run()


def test_anoxic_tissue_becomes_necrotic_at_the_greatest_rate_and_says_so() -> None:
    model = anoxic(0.0)
    events = model.drain_events()
    necrotic = events["event"] == "necrosis"
    assert necrotic.sum() == model.deaths_necrosis == model.timeseries()["deaths_necrosis"].iloc[-1]
    survivors = 1.0 - necrotic.sum() / 400.0
    assert survivors == pytest.approx(math.exp(-360.0 / 360.0), abs=0.08)
    bodies = model.population.data["uid"][model.population.data["phase"] == s.NECROTIC]
    assert sorted(events["uid"][necrotic]) == sorted(bodies)
    assert set(events["type"][necrotic]) == {"tumour"}
    assert model.deaths_apoptosis == 0
    assert set(model.timeseries()["hypoxic_fraction"]) == {1.0}


def test_tissue_with_oxygen_does_not_become_necrotic() -> None:
    model = anoxic(40.0)
    assert model.deaths_necrosis == 0
    assert "necrosis" not in set(model.drain_events()["event"])


@pytest.fixture(scope="module")
def eventful() -> tuple[TumorModel, dict[str, np.ndarray]]:
    """A tissue in which cells divide and die in both ways, observed after each step, with two doses."""
    dose = {"drug": "asparaginase", "formulation": "erwinia", "dose_iu_per_m2": 10000.0}
    fragile = {"death_signal_half4": 1e-6, "necrosis_oxygen_low_mmHg": 30.0, "necrosis_oxygen_high_mmHg": 60.0}
    model = life(
        hours=8.0,
        domain={"size_um": [300.0, 300.0]},
        vessels={"density_per_mm2": 300.0},
        cells={
            "tumour": {"type": "solid_tumour", "count": 150},
            "fragile": {"type": "all_blast", "count": 100, "parameters": fragile},
        },
        pharmacology={"doses": [dose | {"day": 0.1}, dose | {"day": 0.25}]},
        output={"timeseries_every_h": STEP_H},
    ).run()
    return model, model.drain_events()


@pytest.mark.parametrize(
    ("event", "column"),
    [("division", "births"), ("apoptosis", "deaths_apoptosis"), ("necrosis", "deaths_necrosis")],
)
def test_every_row_counts_the_events_up_to_its_time(
    event: str, column: str, eventful: tuple[TumorModel, dict[str, np.ndarray]]
) -> None:
    model, events = eventful
    times = events["time_h"][events["event"] == event]
    assert len(times) > 10
    series = model.timeseries()
    expected = [int((times <= time_h).sum()) for time_h in series["time_h"]]
    assert series[column].tolist() == expected
    assert times.min() >= STEP_H  # the end of a step


def test_a_dose_is_an_event_of_the_whole_tissue_at_its_time(
    eventful: tuple[TumorModel, dict[str, np.ndarray]],
) -> None:
    _, events = eventful
    doses = events["event"] == "dose"
    assert events["time_h"][doses].tolist() == pytest.approx([2.4, 6.0], rel=1e-12)
    assert np.isnan(events["x_um"][doses]).all()
    assert set(events["type"][doses]) == {"erwinia"}


def test_events_of_cells_name_the_cell_its_type_and_a_place_in_the_tissue(
    eventful: tuple[TumorModel, dict[str, np.ndarray]],
) -> None:
    model, events = eventful
    of_cells = events["event"] != "dose"
    assert (events["uid"][of_cells] > 0).all()
    assert set(events["type"][of_cells]) == {"tumour", "fragile"}
    for axis, side in zip(("x_um", "y_um"), model.box_um, strict=False):
        assert ((events[axis][of_cells] >= 0.0) & (events[axis][of_cells] <= side)).all()
    founders = events["uid"] <= 250
    assert set(events["type"][of_cells & founders & (events["uid"] <= 150)]) == {"tumour"}
    assert set(events["type"][of_cells & founders & (events["uid"] > 150)]) == {"fragile"}


# -------------------------------------------------------------------- the clock


def test_a_model_runs_until_its_scenario_ends() -> None:
    model = life(hours=0.3, domain=WELL)
    assert model.running
    model.step()
    model.step()
    assert model.running
    model.step()
    assert not model.running
    assert model.time_h == pytest.approx(0.3, rel=1e-12)


@pytest.mark.parametrize("hours", [-1.0, -0.1, 0.0, 0.04, 0.06, 0.16, float("nan"), float("inf")])
def test_running_for_less_than_a_step_or_a_part_of_one_is_refused(hours: float) -> None:
    model = life(hours=1.0, domain=WELL)
    with pytest.raises(ValueError, match="a whole number of steps of 6 min"):
        model.run(hours=hours)
    assert model.tick == 0


# ---------------------------------------------------------------------- walking


def walkers(parameters: dict[str, float], asparagine_uM: float = 50.0) -> TumorModel:
    """Return 256 cells that do not push each other, far from the walls."""
    group = {
        "type": "solid_tumour",
        "positions_um": lattice(150.0, 20.0, 16),
        "parameters": IMMORTAL | parameters,
        "perturbations": {"asns": 0.0},
    }
    return life(
        hours=6.0,
        domain={"size_um": [600.0, 600.0]},
        fields={"asparagine": {"plasma_uM": asparagine_uM, "initial_uM": asparagine_uM}},
        vessels={"density_per_mm2": 300.0},
        cells={"walker": group},
        mechanics={"enabled": False},
    )


def squared_displacement(model: TumorModel, hours: float) -> float:
    """Return the mean over the first cells, µm², of what they went in ``hours``."""
    data = model.population.data
    start = {uid: (x, y) for uid, x, y in zip(data["uid"], data["x_um"], data["y_um"], strict=True)}
    model.run(hours=hours)
    data = model.population.data
    moved = [
        (x - start[uid][0]) ** 2 + (y - start[uid][1]) ** 2
        for uid, x, y in zip(data["uid"], data["x_um"], data["y_um"], strict=True)
        if uid in start
    ]
    assert len(moved) == 256
    return float(np.mean(moved))


@pytest.mark.parametrize(("speed_um_per_min", "persistence_min"), [(0.3, 15.0), (0.3, 60.0), (0.6, 15.0)])
def test_walk_has_the_displacement_of_its_speed_and_persistence(
    speed_um_per_min: float, persistence_min: float
) -> None:
    model = walkers(
        {
            "speed_epithelial_um_per_min": speed_um_per_min,
            "speed_emt_gain_um_per_min": 0.0,
            "persistence_min": persistence_min,
            "translation_amol_per_min": 1e-3,  # no growth, so no division
        }
    )
    # A step of a walk goes on in the direction of the last one with probability exp(-dt/P).
    steps, length, kept = 30, speed_um_per_min * 6.0, math.exp(-6.0 / persistence_min)
    straight = steps * (1.0 + kept) / (1.0 - kept) - 2.0 * kept * (1.0 - kept**steps) / (1.0 - kept) ** 2
    assert squared_displacement(model, hours=3.0) == pytest.approx(length**2 * straight, rel=0.2)


def test_a_lone_cell_walks_tens_of_micrometres_in_hours() -> None:
    distances = []
    for seed in range(12):
        model = life(
            seed=seed,
            domain={"size_um": [400.0, 400.0]},
            vessels={"positions_um": [[200.0, 200.0]]},
            cells={"lone": {"type": "solid_tumour", "positions_um": [[200.0, 200.0]]}},
        )
        model.population.data["biomass"][:] = 1.0
        model.population.data["phase"][:] = s.G1
        model.run(hours=4.0)
        assert model.population.size == 1
        distances.append(math.dist(model.population.block("position_um")[0], (200.0, 200.0, 10.0)))
    # At 0.4 µm/min (EMT state 0.4) and 15 min of persistence a root mean square of 34 µm; at most 240 min of walking.
    assert 17.0 < math.sqrt(np.mean(np.square(distances))) < 68.0
    assert max(distances) < 0.8 * 240.0


def test_speed_is_that_of_the_emt_state_of_intracellular_asparagine() -> None:
    model = walkers({}).run(hours=1.0)
    data = model.population.data
    volume_pL = 2.5 * data["biomass"]
    asparagine_uM = data["asparagine_amol"] / volume_pL
    emt = asparagine_uM**2 / (asparagine_uM**2 + 170.0**2)
    assert data["emt"] == pytest.approx(emt, rel=0.05)
    assert data["speed_um_per_min"] == pytest.approx(0.2 + 0.6 * data["emt"], rel=1e-12)


def test_cells_rich_in_asparagine_walk_further() -> None:
    poor, rich = walkers({}, asparagine_uM=0.0), walkers({}, asparagine_uM=5000.0)
    of_poor, of_rich = squared_displacement(poor, hours=4.0), squared_displacement(rich, hours=4.0)
    assert rich.population.data["emt"].mean() > poor.population.data["emt"].mean() + 0.5
    assert of_rich > 4.0 * of_poor


def test_dead_cells_do_not_walk() -> None:
    model = walkers({"clearance_necrotic_min": 1e5})
    model.population.data["phase"][:] = s.NECROTIC
    before = model.population.block("position_um").copy()
    uids = model.population.data["uid"].copy()
    model.run(hours=1.0)
    order = np.argsort(model.population.data["uid"])
    np.testing.assert_array_equal(model.population.block("position_um")[order], before[np.argsort(uids)])
