"""What is read off a model, against a plain count over its cells."""

import math

import numpy as np
import pytest

from tumorabm import TumorModel
from tumorabm.biology.readouts import READOUTS
from tumorabm.scenario import scenario_from_dict

PHASES = ("G0/G1", "S", "G2", "M", "apoptotic", "necrotic")
LIVE_PHASES = 4
SOLID_COPIES_PER_PL = 4.8e5
MMHG_PER_MM = 1000.0 / 1.3
GROUPS = ("solid", "rich", "blast")


def mixture(**changes: object) -> TumorModel:
    """Return live and dead cells of three groups with unlike states, between oxygen of 40 mmHg and none."""
    base = {
        "name": "mixture",
        "hours": 1.0,
        "domain": {"size_um": [200.0, 100.0]},
        "fields": {"oxygen": {"faces": [
            {"face": "x_low", "concentration_mmHg": 40.0}, {"face": "x_high", "concentration_mmHg": 0.0}
        ]}},
        "vessels": {"positions_um": [[100.0, 50.0]]},
        "cells": {
            "solid": {"type": "solid_tumour", "count": 40},
            "rich": {
                "type": "solid_tumour",
                "count": 30,
                "parameters": {"asns_copies_per_pL": 9.6e5, "volume_pL": 1.7},
            },
            "blast": {"type": "all_blast", "count": 30},
        },
        "mechanics": {"enabled": False},
    }  # fmt: skip
    model = TumorModel(scenario_from_dict(base | changes), threads=1)
    data, draw = model.population.data, np.random.default_rng(3)
    n = model.population.size
    data["phase"][:] = draw.integers(0, len(PHASES), n)
    for name in ("atf4", "mtorc1", "translation"):
        data[name][:] = draw.random(n)
    data["asns_copies"][:] = 1e6 * draw.random(n)
    data["biomass"][:] = 1.0 + draw.random(n)
    model.fields["oxygen"].concentration_mM[...] = np.linspace(0.05, 0.0, model.grid.n_voxels).reshape(model.grid.shape)
    model.fields["asparaginase"].concentration_mM[...] = draw.random(model.grid.shape)
    return model


@pytest.fixture(scope="module")
def observed() -> tuple[TumorModel, dict[str, float]]:
    model = mixture()
    model.births, model.deaths_apoptosis, model.deaths_necrosis = 3, 5, 7
    return model, model.observe()


def oxygen_mmHg(model: TumorModel, row: int) -> float:
    """Oxygen at the middle of a cell, from the four voxels around it by their nearness."""
    data, edge = model.population.data, model.grid.voxel_um
    field = model.fields["oxygen"].concentration_mM[0]
    total = 0.0
    for j in range(field.shape[0]):
        for i in range(field.shape[1]):
            aside_x, aside_y = (
                abs(np.clip(data[axis][row] / edge - 0.5, 0.0, n - 1.0) - place)
                for axis, n, place in (("x_um", field.shape[1], i), ("y_um", field.shape[0], j))
            )
            total += max(0.0, 1.0 - aside_x) * max(0.0, 1.0 - aside_y) * field[j, i]
    return total * MMHG_PER_MM


def asns(model: TumorModel, row: int) -> float:
    data = model.population.data
    volume_pL = model.parameters[data["cell_type"][row]]["volume_pL"] * data["biomass"][row]
    return data["asns_copies"][row] / (SOLID_COPIES_PER_PL * volume_pL)


def rows_of(model: TumorModel, group: str | None, live: bool) -> list[int]:
    data = model.population.data
    return [
        row
        for row in range(model.population.size)
        if (data["phase"][row] < LIVE_PHASES) == live
        and (group is None or model.cell_types[data["cell_type"][row]] == group)
    ]


def test_live_and_dead_cells_are_counted_by_type(observed: tuple[TumorModel, dict[str, float]]) -> None:
    model, row = observed
    for group in GROUPS:
        assert row[f"live_{group}"] == len(rows_of(model, group, live=True)) > 0
        assert row[f"dead_{group}"] == len(rows_of(model, group, live=False)) > 0


def test_births_and_both_deaths_are_reported_each_in_its_own_column(
    observed: tuple[TumorModel, dict[str, float]],
) -> None:
    _, row = observed
    assert (row["births"], row["deaths_apoptosis"], row["deaths_necrosis"]) == (3, 5, 7)


def test_hypoxic_fraction_counts_live_cells_below_8_mmHg(observed: tuple[TumorModel, dict[str, float]]) -> None:
    model, row = observed
    live = rows_of(model, None, live=True)
    hypoxic = sum(oxygen_mmHg(model, cell) < 8.0 for cell in live)
    everyone = sum(oxygen_mmHg(model, cell) < 8.0 for cell in range(model.population.size))
    assert hypoxic / len(live) != everyone / model.population.size
    assert row["hypoxic_fraction"] == pytest.approx(hypoxic / len(live), rel=1e-12)


def test_in_wells_a_cell_has_the_oxygen_of_its_own_well() -> None:
    content = {
        "hours": 1.0,
        "domain": {"mode": "well_mixed", "volume_uL": 1.0, "wells": 2},
        "cells": {"solid": {"type": "solid_tumour", "count": 4, "wells": [0, 1]}},
    }
    model = TumorModel(scenario_from_dict(content), threads=1)
    model.fields["oxygen"].concentration_mM.ravel()[:] = [0.1, 0.01]
    wells = model.grid.voxel_index(model.population.block("position_um"))
    expected = np.array([0.1, 0.01])[wells] * MMHG_PER_MM
    assert set(wells) == {0, 1}
    np.testing.assert_allclose(model.cell_columns()["oxygen_mmHg"], expected, rtol=1e-15)


@pytest.mark.parametrize(("pressure_mmHg", "fraction"), [(7.9, 1.0), (8.1, 0.0)])
def test_all_or_no_cells_are_hypoxic_on_either_side_of_8_mmHg(pressure_mmHg: float, fraction: float) -> None:
    model = mixture()
    model.fields["oxygen"].concentration_mM[...] = pressure_mmHg * 1.3e-3
    assert model.observe()["hypoxic_fraction"] == fraction


@pytest.mark.parametrize("readout", ["asns", "atf4", "mtorc1", "translation"])
def test_means_are_over_live_cells_of_one_type(readout: str, observed: tuple[TumorModel, dict[str, float]]) -> None:
    model, row = observed
    for group in GROUPS:
        live, dead = rows_of(model, group, live=True), rows_of(model, group, live=False)
        value = {cell: asns(model, cell) if readout == "asns" else model.population.data[readout][cell]
                 for cell in live + dead}  # fmt: skip
        mean = math.fsum(value[cell] for cell in live) / len(live)
        assert mean != pytest.approx(math.fsum(value.values()) / len(value), rel=1e-3)
        assert row[f"{readout}_mean_{group}"] == pytest.approx(mean, rel=1e-12)


def test_relative_asns_is_1_at_the_copies_of_a_solid_tumour_cell_of_the_same_volume() -> None:
    model = mixture()
    data = model.population.data
    for index, volume_pL in enumerate((2.5, 1.7, 1.0)):
        members = data["cell_type"] == index
        data["asns_copies"][members] = SOLID_COPIES_PER_PL * volume_pL * data["biomass"][members]
    assert model.cell_columns()["asns_relative"] == pytest.approx(1.0, rel=1e-12)


def test_fields_are_averaged_over_the_tissue_in_uM_and_the_enzyme_in_iu_per_mL(
    observed: tuple[TumorModel, dict[str, float]],
) -> None:
    model, row = observed
    for name, field in model.fields.items():
        mean = math.fsum(field.concentration_mM.ravel()) / model.grid.n_voxels
        if name == "asparaginase":
            assert row["tissue_asparaginase_iu_per_mL"] == pytest.approx(mean, rel=1e-12)
        else:
            assert row[f"tissue_{name}_uM"] == pytest.approx(1000.0 * mean, rel=1e-12)


def test_plasma_is_reported_in_uM_and_the_enzyme_in_iu_per_mL(
    observed: tuple[TumorModel, dict[str, float]],
) -> None:
    _, row = observed
    normal_uM = {"asparagine": 50.0, "glutamine": 600.0, "aspartate": 10.0, "glutamate": 50.0, "ammonia": 30.0}
    for name, normal in normal_uM.items():
        assert row[f"plasma_{name}_uM"] == pytest.approx(normal, rel=1e-9)
    assert row["plasma_asparaginase_iu_per_mL"] == 0.0


def test_a_type_without_live_cells_has_no_means() -> None:
    model = mixture()
    model.population.data["phase"][model.population.data["cell_type"] == 1] = PHASES.index("necrotic")
    row = model.observe()
    assert (row["live_rich"], row["dead_rich"]) == (0, 30)
    assert math.isnan(row["asns_mean_rich"])
    assert not math.isnan(row["asns_mean_solid"])
    model.population.data["phase"][:] = PHASES.index("apoptotic")
    assert math.isnan(model.observe()["hypoxic_fraction"])


def test_table_of_cells_says_of_each_cell_what_it_is_where_it_lies_and_how_it_breathes() -> None:
    model = mixture()
    model.run(hours=0.3)
    data, table = model.population.data, model.cell_columns()
    assert len(set(table["phase"])) == len(PHASES)
    for row in range(model.population.size):
        assert table["type"][row] == model.cell_types[data["cell_type"][row]]
        assert table["phase"][row] == PHASES[data["phase"][row]]
        assert table["oxygen_mmHg"][row] == pytest.approx(oxygen_mmHg(model, row), rel=1e-12)
        assert table["asns_relative"][row] == pytest.approx(asns(model, row), rel=1e-12)
    derived = {"type", "phase", "oxygen_mmHg", "vessel_distance_um", "asns_relative", *READOUTS}
    for name in set(table) - derived:
        np.testing.assert_array_equal(table[name], data[name])


@pytest.mark.parametrize("ndim", [2, 3])
def test_table_of_cells_has_the_distance_to_the_nearest_vessel(ndim: int) -> None:
    size_um = [200.0, 100.0, 60.0][:ndim]
    vessels = [[20.0, 30.0, 50.0][:ndim], [150.0, 90.0, 10.0][:ndim], [90.0, 10.0, 30.0][:ndim]]
    model = mixture(domain={"size_um": size_um}, vessels={"positions_um": vessels})
    table = model.cell_columns(slice(10, 60))
    places = np.stack([table[f"{axis}_um"] for axis in "xyz"[:ndim]], axis=1)
    nearest_um = [min(math.dist(place, vessel) for vessel in vessels) for place in places]
    np.testing.assert_allclose(table["vessel_distance_um"], nearest_um, rtol=1e-12)


def test_without_vessels_there_is_no_distance_to_one() -> None:
    assert np.isnan(mixture(vessels=None).cell_columns()["vessel_distance_um"]).all()


def test_table_of_cells_is_a_copy() -> None:
    model = mixture()
    table = model.cell_columns()
    before = model.population.data["biomass"].copy()
    table["biomass"][:] = 0.0
    np.testing.assert_array_equal(model.population.data["biomass"], before)
