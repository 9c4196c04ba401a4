"""Scenarios of clock cells, their rates and their taxis: what is written by default, and what is refused and how."""

import tomllib

import pytest

from tumorabm.scenario import Scenario, ScenarioError, scenario_from_dict


def scenario(cell: dict | None = None, **changes) -> Scenario:
    cells = {"c": {"type": "clock_cell", "count": 1} | (cell or {})}
    return scenario_from_dict({"hours": 1.0, "domain": {"size_um": [100.0, 100.0]}, "cells": cells} | changes)


def complaint(cell: dict | None = None, **changes) -> str:
    with pytest.raises(ScenarioError) as caught:
        scenario(cell, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_clock_cell_has_the_clock_of_the_community_benchmark_by_default() -> None:
    clock = scenario().cells["c"].clock
    assert (clock.g1_h, clock.s_h, clock.g2_h, clock.m_h) == (7.0, 6.0, 3.0, 2.0)
    assert clock.cycle_h == 18.0
    assert (clock.oxygen_none_mmHg, clock.oxygen_full_mmHg) == (5.0, 38.0)
    assert scenario({"type": "all_blast"}).cells["c"].clock is None


OWN = {"drug": {"diffusion_um2_per_min": 1e4}}


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ({"clock": {"g1_hours": 7}}, ["clock.g1_hours = 7", "wrong unit", "given as g1_h"]),
        ({"clock": {"g1_h": -1.0}}, ["clock.g1_h = -1.0", ">= 0"]),
        ({"clock": {"g1_h": 0, "s_h": 0, "g2_h": 0, "m_h": 0}}, ["cells.c.clock", "longer than 0 h"]),
        ({"clock": {"start_at_h": 18.0}}, ["start_at_h = 18.0", "less than the length of the cycle, 18 h"]),
        ({"clock": {"oxygen_none_mmHg": 38.0}}, ["oxygen_none_mmHg = 38.0", "below oxygen_full_mmHg, 38 mmHg"]),
        ({"clock": {"growth": "exponential"}}, ['growth = "exponential"', '"relaxing", "linear"']),
        ({"clock": {"contact_inhibition": "aera"}}, ["contact_inhibition", "nearest valid name: area"]),
        ({"clock": {"fluid_fraction": 1.0}}, ["fluid_fraction = 1.0", "< 1"]),
        ({"type": "solid_tumour", "clock": {}}, ["cells.c.clock", "a metabolism drives a solid_tumour"]),
        ({"asns_sigma": 0.0}, ["cells.c.asns_sigma = 0.0", "a clock_cell has no metabolism"]),
        ({"perturbations": {"asns": 0.0}}, ["cells.c.perturbations", "a clock_cell has no metabolism"]),
        ({"parameters": {"gcn2": 1.0}}, ["parameters.gcn2 = 1.0", "no effect on a clock_cell", "volume_pL"]),
        (
            {"parameters": {"necrosis_per_min": 0.1}},
            ["necrosis_per_min = 0.1", "unless clock.oxygen_dependent is true"],
        ),
        (
            {"uptake_amol_per_min": {"asparagine": 1.0}},
            ["asparagine = 1.0", "oxygen, glucose", "ledger would not close"],
        ),
        ({"uptake_amol_per_min": {"oxigen": 1.0}}, ["oxigen = 1.0", "nearest valid name: oxygen"]),
        ({"uptake_amol_per_min": {"oxygen": -1.0}}, ["uptake_amol_per_min.oxygen = -1.0", ">= 0"]),
        (
            {"secretion_amol_per_min": {"oxygen": 1.0}},
            ["secretion_amol_per_min.oxygen", "a field of the scenario's own"],
        ),
        ({"taxis": {"field": "oxygne", "bias": 0.5}}, ['field = "oxygne"', "nearest valid name: oxygen"]),
        ({"taxis": {"field": "oxygen", "bias": 1.5}}, ["taxis.bias = 1.5", ">= -1 and <= 1"]),
        ({"taxis": {"field": "oxygen"}}, ["taxis.bias is missing"]),
    ],
)
def test_what_does_not_fit_gets_one_clear_line(cell: dict, parts: list[str]) -> None:
    message = complaint(cell)
    for part in parts:
        assert part in message


def test_metabolic_cells_have_rates_for_own_fields_only() -> None:
    group = {"type": "all_blast", "uptake_amol_per_min": {"oxygen": 1.0}}
    assert "the metabolism sets the rates of the built-in fields" in complaint(group, fields=OWN)
    fitting = scenario({"type": "all_blast", "uptake_amol_per_min": {"drug": 1.0}}, fields=OWN)
    assert fitting.taken_up[-1] == "drug"
    assert fitting.field_settings("drug").uptake_km_mM == 1e-3


@pytest.mark.parametrize("rule", ["area", "contact"])
def test_inhibition_by_discs_is_for_two_dimensions(rule: str) -> None:
    cell = {"clock": {"contact_inhibition": rule}}
    for domain in ({"size_um": [100.0, 100.0, 100.0]}, {"mode": "well_mixed", "volume_uL": 1.0}):
        message = complaint(cell, domain=domain)
        assert f'contact_inhibition = "{rule}"' in message
        assert "not 2-D" in message
    assert scenario(cell).cells["c"].clock.contact_inhibition == rule


def test_half_saturations_are_those_of_the_scenario() -> None:
    assert scenario().field_settings("oxygen").uptake_km_mM == 1.95e-3
    fields = {"oxygen": {"uptake_km_mmHg": 2.0}, "drug": OWN["drug"] | {"uptake_km_uM": 30.0}}
    chosen = scenario(fields=fields)
    assert chosen.field_settings("oxygen").uptake_km_mM == pytest.approx(2.6e-3)
    assert chosen.field_settings("drug").uptake_km_mM == pytest.approx(0.03)
    assert chosen.field_settings("glucose").uptake_km_mM == 0.8
    assert "uptake_km_uM" in complaint(fields={"glucose": {"uptake_km_uM": 3.0}})


def test_fields_in_use_are_written_out_and_read_back() -> None:
    cell = {"uptake_amol_per_min": {"glucose": 2.0}, "taxis": {"field": "exchange_amino_acids", "bias": -1.0}}
    first = scenario(cell, fields=OWN)
    assert first.field_names == ("oxygen", "glucose", "exchange_amino_acids", "drug")
    written = tomllib.loads(first.to_toml())
    assert tuple(written["fields"]) == first.field_names
    again = scenario_from_dict(written)
    assert again == first
    assert again.field_names == first.field_names


def test_doses_bring_the_fields_that_they_change() -> None:
    dose = {"drug": "asparaginase", "formulation": "erwinia", "dose_iu_per_m2": 1.0, "day": 0.0}
    with_dose = scenario(vessels={"density_per_mm2": 100.0}, pharmacology={"doses": [dose]})
    assert "asparaginase" in with_dose.field_names


def test_the_json_schema_shows_clock_rates_and_taxis() -> None:
    group = Scenario.json_schema()["$defs"]["CellGroup"]["properties"]
    assert {"clock", "uptake_amol_per_min", "secretion_amol_per_min", "taxis"} <= set(group)
    assert "clock_cell" in group["type"]["enum"]
    clock = Scenario.json_schema()["$defs"]["Clock"]["properties"]
    assert all(entry["description"] for entry in clock.values())
