"""The parameter table is complete and consistent, and each rate law's slopes are its derivatives."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorabm.biology import states
from tumorabm.biology.asparagine import asns_rate, cytosolic_asparaginase_rate, donation_rate
from tumorabm.biology.aspartate import transaminase_rate
from tumorabm.biology.glutamine import glutaminase_rate, internal_synthesis_rate
from tumorabm.biology.growth import nucleotide_gate, nucleotide_rate
from tumorabm.biology.parameters import (
    PARAMETER_DTYPE,
    PARAMETERS,
    PERTURBATIONS,
    UPTAKE_KM_UM,
    parameter_table,
)
from tumorabm.biology.stress import eif2a_phosphorylation, trna_charging
from tumorabm.cell_types import CELL_TYPES

EVERY = PARAMETERS | {f"uptake_km_{name}_uM": parameter for name, parameter in UPTAKE_KM_UM.items()}
UNIT_OF_ENDING = {
    "_pL": "pL",
    "_amol": "amol",
    "_amol_per_min": "amol/min",
    "_uM": "µM",
    "_uM_per_min": "µM/min",
    "_mmHg": "mmHg",
    "_per_min": "1/min",
    "_min": "min",
    "_um_per_min": "µm/min",
    "_pL_per_min": "pL/min",
    "_copies_per_pL": "copies/pL",
}


@pytest.mark.parametrize("name", EVERY)
def test_every_parameter_has_a_unit_a_range_a_tag_and_a_source(name):
    parameter = EVERY[name]
    assert parameter.unit.strip()
    assert parameter.low <= parameter.value <= parameter.high
    assert parameter.low < parameter.high
    assert all(map(math.isfinite, (parameter.low, parameter.value, parameter.high)))
    assert parameter.tag in {"V", "M", "A", "D"}
    assert len(parameter.source.strip()) > 3
    assert len(parameter.meaning) > 5


@pytest.mark.parametrize("name", EVERY)
def test_the_unit_in_a_name_is_the_unit_in_the_table(name):
    endings = [ending for ending in UNIT_OF_ENDING if name.endswith(ending)]
    ending = max(endings, key=len, default="")
    unit = EVERY[name].unit
    if name == "asns_turnover_amol_per_min":
        assert unit == "amol/min/copy"
    else:
        assert unit == UNIT_OF_ENDING.get(ending, "1")


def test_thresholds_lie_in_their_order():
    p = {name: parameter.value for name, parameter in PARAMETERS.items()}
    assert 1 < p["g1_end_biomass"] < 2
    # S, G2 and M take what G0/G1 of 11 h leaves of a cycle of 24 h
    past_g1_min = p["s_length_min"] + p["g2_length_min"] + p["m_length_min"]
    assert p["g1_end_biomass"] == pytest.approx(2.0 ** (1.0 - past_g1_min / 1440.0), rel=1e-3)
    share_of_s = p["s_length_min"] / 1440.0
    mean_weight = share_of_s * p["nucleotide_weight_in_s"] + (1.0 - share_of_s) * p["nucleotide_weight_outside_s"]
    assert mean_weight == pytest.approx(1.0)
    assert p["necrosis_oxygen_low_mmHg"] < p["necrosis_oxygen_high_mmHg"]
    assert p["proteolysis_mtorc1_cut"] < p["proteolysis_fraction"]
    assert p["proteolysis_biomass_floor"] < 1
    # required orderings: ASNS gives way before nucleotides, mTORC1 and EMT before translation
    assert p["asns_km_aspartate_uM"] > 10 * p["nucleotide_km_aspartate_uM"]
    assert p["trna_km_asparagine_uM"] < min(p["mtorc1_arf_asparagine_uM"], p["emt_half_asparagine_uM"])


@pytest.mark.parametrize("cell_type", CELL_TYPES)
def test_cell_types_change_known_parameters_to_possible_values(cell_type):
    preset = CELL_TYPES[cell_type]
    assert preset.meaning.strip()
    assert set(preset.parameters) <= set(PARAMETERS)
    p = parameter_table([preset.parameters])[0]
    assert all(np.isfinite(p[name]) and p[name] >= 0 for name in PARAMETERS)
    assert p["crowding_growth_full"] < p["crowding_growth_zero"]
    assert set(preset.table) == set(preset.parameters)
    for row in preset.table.values():
        assert row.tag in {"V", "M", "A", "D"}
        assert len(row.source.strip()) > 3
    # a division's worth of protein can be made in half a day to four days (adipocyte)
    net = 1 - p["proteolysis_fraction"] + p["proteolysis_mtorc1_cut"]
    doubling_h = math.log(2) * p["protein_residues_amol"] / (p["translation_amol_per_min"] * net) / 60
    assert 12 < doubling_h < 96


@pytest.mark.parametrize("cell_type", [name for name, preset in CELL_TYPES.items() if preset.metabolic])
def test_resting_states_are_complete_and_positive(cell_type):
    rest = CELL_TYPES[cell_type].resting_state
    assert set(rest) == {
        "asparagine_uM",
        "aspartate_uM",
        "glutamine_uM",
        "glutamate_uM",
        "exchange_index",
        "er_load",
        "atf4",
        "asns_mrna",
        "asns_copies",
        "mtorc1",
    }
    assert min(rest.values()) > 0


def test_each_perturbation_is_a_lever_on_an_existing_parameter_that_is_not_zero_everywhere():
    table = parameter_table([preset.parameters for preset in CELL_TYPES.values()])
    for name, perturbation in PERTURBATIONS.items():
        assert perturbation.meaning.strip()
        for parameter in perturbation.parameters:
            # a factor needs something to act on; a level takes the place of what is 0 unless a perturbation says so
            assert (table[parameter] > 0).any() != perturbation.is_level, name
    levers = [perturbation.parameters for perturbation in PERTURBATIONS.values()]
    assert len(levers) == len(set(levers))


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_perturbation_moves_its_parameters_and_nothing_else(name):
    lever, values = PERTURBATIONS[name], {"got1_amol_per_min": 30.0}
    lever.applied_to(values, 0.5)
    before = parameter_table([{"got1_amol_per_min": 30.0}])[0]
    after = parameter_table([values])[0]
    for parameter in PARAMETERS:
        moved = 0.5 if lever.is_level else 0.5 * before[parameter]
        assert after[parameter] == (moved if parameter in lever.parameters else before[parameter])
    values = {}
    lever.applied_to(values, lever.without_effect)
    assert (parameter_table([values]) == parameter_table([{}])).all()


def test_the_table_holds_the_defaults_and_what_a_type_changes():
    table = parameter_table([{}, {"perk": 0.0, "volume_pL": 1.5}])
    assert table.dtype == PARAMETER_DTYPE
    assert table.dtype.names == (*PARAMETERS, "metabolic")
    assert table["metabolic"].all()
    assert parameter_table([{}, {}], metabolic=[True, False])["metabolic"].tolist() == [True, False]
    for name, parameter in PARAMETERS.items():
        assert table[name][0] == parameter.value
        assert table[name][1] == {"perk": 0.0, "volume_pL": 1.5}.get(name, parameter.value)


def test_every_uptake_has_a_half_saturation():
    assert set(UPTAKE_KM_UM) == set(states.UPTAKES)


def test_state_indices_name_their_columns():
    assert len(states.METABOLIC_STATES) == 14
    assert states.METABOLIC_STATES[states.ASN] == "asparagine_amol"
    assert states.METABOLIC_STATES[states.NUCLEOTIDE_N] == "nucleotide_nitrogen_amol"
    assert states.METABOLIC_STATES[states.SUBSTEP] == "integrator_step_min"
    for pairs, index in (
        (states.UPTAKES, {"asparagine": states.UP_ASN, "ammonia": states.UP_AMMONIA, "oxygen": states.UP_OXYGEN}),
        (states.EFFLUXES, {"asparagine": states.OUT_ASN, "ammonia": states.OUT_AMMONIA}),
        (states.SIGNALS, {"translation": states.TRANSLATION, "emt": states.EMT}),
        (states.PHASES, {"M": states.MITOSIS, "apoptotic": states.APOPTOTIC, "necrotic": states.NECROTIC}),
    ):
        assert all(pairs[position] == name for name, position in index.items())


# Rate laws as functions of the concentrations (µM) of Asn, Asp, Gln, Glu: value first, then slopes; and by which.
ASN, ASP, GLN, GLU = range(4)
RATE_LAWS = {
    "asns": ((ASN, ASP, GLN), lambda p, c: asns_rate(p, 1e6, c[ASN], c[ASP], c[GLN], 0.8)),
    "cytosolic asparaginase": ((ASN,), lambda p, c: cytosolic_asparaginase_rate(p, c[ASN], 2.5)),
    "donation": ((ASN,), lambda p, c: donation_rate(p, c[ASN], 2.0, 150.0)),
    "transaminase": ((GLU,), lambda p, c: transaminase_rate(p, c[GLU], 0.7, 300.0, 1.3)),
    "glutaminase": ((GLN,), lambda p, c: glutaminase_rate(p, c[GLN], 1.3)),
    "internal synthesis": ((GLU,), lambda p, c: internal_synthesis_rate(p, c[GLU], 100.0, 0.2)),
    "nucleotide gate": ((ASP, GLN), lambda p, c: nucleotide_gate(p, c[GLN], c[ASP])),
    "nucleotides": ((ASP, GLN), lambda p, c: nucleotide_rate(p, c[GLN], c[ASP], 0.8, 0.9, 1.3, 1.4)),
    "charging": ((ASN, ASP, GLN, GLU), lambda p, c: trna_charging(p, c[ASN], c[ASP], c[GLN], c[GLU], 0.7)),
}
LOG_UM = st.floats(-3.0, 4.0)


def assert_slope_between_differences(function, x, slope):
    """The slope lies between the differences to the left and to the right: at a corner it may be either."""
    step = 1e-4 * x
    centre = function(x)
    sides = ((centre - function(x - step)) / step, (function(x + step) - centre) / step)
    slack = 1e-3 * max(map(abs, sides)) + 1e-13 * abs(centre) / step
    assert min(sides) - slack <= slope <= max(sides) + slack


@pytest.mark.parametrize("name", RATE_LAWS)
def test_slopes_of_rates_are_their_derivatives(name):
    by, law = RATE_LAWS[name]
    presets = [preset.parameters for preset in CELL_TYPES.values()]
    table = parameter_table(presets)
    table["cytosolic_asparaginase_uM_per_min"], table["contact_transfer_pL_per_min"] = 20.0, 0.1

    @settings(max_examples=100, deadline=None)
    @given(st.tuples(LOG_UM, LOG_UM, LOG_UM, LOG_UM), st.integers(0, len(table) - 1))
    def agrees(log_uM, which):
        concentrations = [10.0**value for value in log_uM]
        slopes = law(table[which], concentrations)[1:]
        assert len(slopes) == len(by)
        for pool, slope in zip(by, slopes, strict=True):

            def rate(x, pool=pool):
                changed = list(concentrations)
                changed[pool] = x
                return law(table[which], changed)[0]

            assert_slope_between_differences(rate, concentrations[pool], slope)

    agrees()


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.0, 3.0), st.floats(1e-3, 3.0), st.floats(0.0, 3.0))
def test_slope_of_p_eif2a_by_charging_is_its_derivative(charged, er_load, gcn2, perk):
    p = parameter_table([{"gcn2": gcn2, "perk": perk}])[0]
    slope = eif2a_phosphorylation(p, charged, er_load)[1]
    assert_slope_between_differences(lambda x: eif2a_phosphorylation(p, x, er_load)[0], charged, slope)
