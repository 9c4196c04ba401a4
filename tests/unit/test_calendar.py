"""The calendar of drugs: courses, small molecules, antibodies, diet, and the table of troughs."""

import math

import numpy as np
import pandas as pd
import pytest

from tumorabm import TumorModel
from tumorabm.biology.inhibitors import INHIBITORS
from tumorabm.biology.parameters import PERTURBATIONS
from tumorabm.pharmacology import FORMULATIONS, Plasma
from tumorabm.scenario import Scenario, ScenarioError, scenario_from_dict

STEP_MIN = 6.0
PEG = {"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 2.0}
ERWINIA = {"drug": "asparaginase", "formulation": "erwinia", "dose_iu_per_m2": 25000.0, "day": 0.0}
RAPAMYCIN = {"drug": "rapamycin", "peak_uM": 0.01, "day": 0.5}
NORMAL_MM = {
    "asparagine": 0.05,
    "glutamine": 0.6,
    "aspartate": 0.01,
    "glutamate": 0.05,
    "ammonia": 0.03,
    "asparaginase": 0.0,
}


def scenario(*doses: dict, **changes: object) -> Scenario:
    content = {
        "hours": 1440.0,
        "domain": {"size_um": [60.0, 60.0]},
        "vessels": {"positions_um": [[30.0, 30.0]]},
        "cells": {"tumour": {"type": "colon_tumour", "count": 4}},
        "pharmacology": {"doses": list(doses), **changes.pop("pharmacology", {})},
    }
    return scenario_from_dict(content | changes)


def refusal(*doses: dict, **changes: object) -> str:
    with pytest.raises(ScenarioError) as error:
        scenario(*doses, **changes)
    return str(error.value)


def run(plasma: Plasma, hours: float) -> np.ndarray:
    """Advance with all doses; return the activity after each step."""
    activity = []
    for tick in range(round(hours * 60.0 / STEP_MIN)):
        for dose in plasma.doses_at(tick):
            plasma.give(dose)
        plasma.advance(STEP_MIN)
        activity.append(plasma.asparaginase_iu_per_mL)
    return np.array(activity)


def plasma_of(*doses: dict, **pharmacology: object) -> Plasma:
    return Plasma(NORMAL_MM, scenario(*doses, pharmacology=pharmacology).pharmacology, STEP_MIN)


# -------------------------------------------------------------------- courses


@pytest.mark.parametrize(
    ("every", "times", "days"), [("14 d", 4, [2, 16, 30, 44]), ("12 h", 3, [2, 2.5, 3]), ("1.5d", 2, [2, 3.5])]
)
def test_a_course_repeats_its_dose(every: str, times: int, days: list[float]) -> None:
    calendar = scenario(PEG | {"every": every, "times": times}).pharmacology.calendar
    assert [given.day for given in calendar] == pytest.approx(days)
    assert [given.number for given in calendar] == list(range(times))


def test_the_calendar_is_in_the_order_of_days() -> None:
    course, single = PEG | {"every": "10 d", "times": 3}, ERWINIA | {"day": 15.0}
    calendar = scenario(course, single).pharmacology.calendar
    assert [(given.day, given.dose.product) for given in calendar] == [
        (2.0, "pegaspargase"),
        (12.0, "pegaspargase"),
        (15.0, "erwinia"),
        (22.0, "pegaspargase"),
    ]


def test_a_dose_in_units_is_spread_over_the_body_surface() -> None:
    by_surface = plasma_of(PEG | {"day": 0.0})
    in_units = PEG | {"day": 0.0, "dose_iu": 3750.0}
    del in_units["dose_iu_per_m2"]
    assert run(plasma_of(in_units, body_surface_m2=1.5), 1.0) == pytest.approx(run(by_surface, 1.0), rel=1e-14)


# ------------------------------------------------------------ small molecules


@pytest.mark.parametrize("drug", INHIBITORS)
def test_a_small_molecule_halves_in_its_half_life_and_acts_on_its_lever(drug: str) -> None:
    inhibitor = INHIBITORS[drug]
    peak_uM = 3.0 * inhibitor.half_inhibition_uM
    plasma = plasma_of({"drug": drug, "peak_uM": peak_uM, "day": 0.0})
    assert plasma.levers() == {inhibitor.lever: PERTURBATIONS[inhibitor.lever].without_effect}
    run(plasma, inhibitor.half_life_h)
    assert plasma.inhibitors_uM[drug] == pytest.approx(0.5 * peak_uM, rel=1e-9)
    step = math.log(2.0) * STEP_MIN / (60.0 * inhibitor.half_life_h)
    mean_uM = 0.5 * peak_uM * math.expm1(step) / step
    assert plasma.levers() == {inhibitor.lever: pytest.approx(inhibitor.lever_at(mean_uM), rel=1e-9)}


def test_molecules_on_the_same_lever_multiply() -> None:
    plasma = plasma_of(
        {"drug": "metformin", "peak_uM": 1000.0, "day": 0.0}, {"drug": "iacs_010759", "peak_uM": 0.0014, "day": 0.0}
    )
    run(plasma, 0.1)
    assert plasma.levers() == {"etc": pytest.approx(0.25, rel=0.01)}


def test_rapamycin_stops_s6k1_in_tissue_until_it_is_gone() -> None:
    model = TumorModel(scenario(RAPAMYCIN | {"peak_uM": 0.1, "day": 0.25}, hours=480.0))
    model.run(6.0)
    untreated = model.observe()["p_s6k1_mean_tumour"]
    model.run(2.0)
    treated = model.observe()
    assert treated["plasma_rapamycin_uM"] == pytest.approx(0.1 * 0.5 ** (2.0 / 62.0))
    assert treated["p_s6k1_mean_tumour"] < 0.05 * untreated
    events = model.drain_events()
    assert list(events["type"][events["event"] == "dose"]) == ["rapamycin"]
    model.plasma.inhibitors_uM["rapamycin"] = 1e-6
    model.run(6.0)
    assert model.observe()["p_s6k1_mean_tumour"] > 0.8 * untreated


def test_a_molecule_adds_to_what_a_group_has_knocked_down() -> None:
    dose = {"drug": "asns_inhibitor", "peak_uM": 0.01, "day": 0.0}
    model = TumorModel(scenario(dose, perturbations={"asns": 0.4}))
    before = model.parameters["asns_turnover_amol_per_min"].copy()
    model.step()
    assert model.parameters["asns_turnover_amol_per_min"] == pytest.approx(0.5 * before, rel=0.01)


# --------------------------------------------------------- antibodies and diet


def test_antibodies_shorten_the_half_life_from_their_day_on_and_spare_other_enzymes() -> None:
    native = PEG | {"formulation": "native_e_coli", "day": 0.0}
    antibodies = {"antibodies": [{"day": 2.0, "clearance_factor": 4.0}]}
    activity = run(plasma_of(native, **antibodies), 72.0)
    half_life_h = FORMULATIONS["native_e_coli"].half_life_h
    assert activity[479] == pytest.approx(activity[239] * 0.5 ** (24.0 / half_life_h), rel=1e-9)
    assert activity[719] == pytest.approx(activity[479] * 0.5 ** (24.0 * 4.0 / half_life_h), rel=1e-9)
    np.testing.assert_array_equal(run(plasma_of(ERWINIA, **antibodies), 72.0), run(plasma_of(ERWINIA), 72.0))
    against = {"antibodies": [{"against": "erwinia", "day": 0.0, "clearance_factor": 4.0}]}
    assert run(plasma_of(ERWINIA, **against), 72.0)[-1] < 1e-6


def test_absorption_as_fast_as_elimination_has_its_limit() -> None:
    """Antibodies can make elimination (half-life 132 h) exactly as fast as absorption (12 h)."""
    factor = FORMULATIONS["pegaspargase"].half_life_h / FORMULATIONS["pegaspargase"].absorption_half_life_h
    muscle = PEG | {"day": 0.0, "route": "im"}
    at, near = (
        run(plasma_of(muscle, antibodies=[{"day": 0.0, "clearance_factor": f}]), 48.0) for f in (factor, factor * 1.001)
    )
    assert np.isfinite(at).all()
    assert at == pytest.approx(near, rel=0.01)


def test_a_diet_moves_the_normal_value_from_its_day_on() -> None:
    plasma = plasma_of(diet=[{"day": 1.0, "asparagine_factor": 0.3}])
    run(plasma, 24.0)
    assert plasma.concentrations["asparagine"] == pytest.approx(0.05, rel=1e-3)
    run(plasma, 24.0)
    assert plasma.concentrations["asparagine"] == pytest.approx(0.015, rel=1e-3)


# -------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("dose", "expected"),
    [
        (PEG | {"drug": "rapamicin"}, "unknown drug; nearest valid name: rapamycin"),
        (PEG | {"every": "14"}, 'as "14 d" or "12 h"'),
        (PEG | {"every": "0 d", "times": 2}, "above 0"),
        (PEG | {"every": "14 d"}, "both every and times"),
        (PEG | {"times": 3}, "both every and times"),
        (PEG | {"every": "20 d", "times": 4}, "expected at most 3, because the run ends on day 60"),
        (PEG | {"day": -1.0}, "doses.0.day"),
        (PEG | {"day": 70.0}, "expected a day before the run ends"),
        (PEG | {"dose_iu": 3750.0}, "either dose_iu_per_m2 or dose_iu"),
        (PEG | {"peak_uM": 1.0}, "asparaginase is dosed in IU"),
        ({"drug": "asparaginase", "day": 0.0, "dose_iu": 1.0}, "native_e_coli, pegaspargase"),
        (RAPAMYCIN | {"route": "im"}, "expected no value for rapamycin, only for asparaginase"),
        ({"drug": "rapamycin", "day": 0.0}, "the concentration that a dose of rapamycin adds"),
    ],
)
def test_a_dose_that_cannot_be_given_is_refused(dose: dict, expected: str) -> None:
    assert expected in refusal(dose)


def test_overlapping_doses_of_one_product_are_refused_by_name() -> None:
    message = refusal(PEG | {"every": "7 d", "times": 3}, PEG | {"day": 16.0})
    assert "doses.1" in message
    assert "expected another step than that of day 16, in which doses.0 gives pegaspargase too" in message
    assert "doses.1" in refusal(PEG | {"day": 1.0}, PEG | {"day": 1.001})
    assert "doses.0" in refusal(PEG | {"day": 1.0, "every": "0.01 h", "times": 5})


def test_a_drug_without_a_target_or_a_vessel_is_refused_by_name() -> None:
    clock = {"cells": {"tumour": {"type": "clock_cell", "count": 4}}}
    assert "rapamycin has no target" in refusal(RAPAMYCIN, **clock)
    assert "rapamycin has no target" in refusal(RAPAMYCIN, cells={})
    assert "no vessels carry the doses" in refusal(RAPAMYCIN, vessels=None)
    for where in (
        {"perturbations": {"rapamycin": 0.5}},
        {"cells": {"tumour": {"type": "colon_tumour", "count": 4, "perturbations": {"rapamycin": 0.5}}}},
        {"cells": {"tumour": {"type": "colon_tumour", "count": 4, "parameters": {"rapamycin": 0.5}}}},
        {"perturbation_schedule": [{"perturbation": "rapamycin", "at_h": 1.0, "value": 0.5}]},
    ):
        assert "expected no other value of rapamycin" in refusal(RAPAMYCIN, **where)


def test_what_begins_after_the_run_or_reaches_nobody_is_refused() -> None:
    diet = {"diet": [{"day": 90.0, "asparagine_factor": 0.3}]}
    assert "diet.0.day" in refusal(pharmacology=diet)
    assert "antibodies.0.day" in refusal(PEG, pharmacology={"antibodies": [{"day": 60.0}]})
    early = {"diet": [{"day": 1.0, "asparagine_factor": 0.3}]}
    assert "no vessels carry the doses" in refusal(pharmacology=early, vessels=None)
    assert "no group of cells has a metabolism" in refusal(
        pharmacology=early, cells={"tumour": {"type": "clock_cell", "count": 4}}
    )


def test_two_diets_or_antibodies_that_begin_in_one_step_are_refused() -> None:
    diet, minutes_later = ({"day": day, "asparagine_factor": 0.3} for day in (1.0, 1.001))
    assert "diet.1.day" in refusal(pharmacology={"diet": [diet, minutes_later]})
    assert "antibodies.1.day" in refusal(PEG, pharmacology={"antibodies": [{"day": 1.0}, {"day": 1.0}]})


# --------------------------------------------------------------------- troughs


def test_the_table_of_troughs_is_that_of_the_doses_wherever_they_fall() -> None:
    """Erwinia every 56 h, off the hour: 12.4 IU/mL that halve in 7.5 h, on top of what is left."""
    plasma = plasma_of(ERWINIA | {"day": 0.0125, "every": "56 h", "times": 2})
    run(plasma, 24.0 * 0.0125 + 100.0)
    table = pd.DataFrame(plasma.troughs.table())
    erwinia = FORMULATIONS["erwinia"]
    peak = 25000.0 / (1000.0 * erwinia.volume_l_per_m2)
    trough = peak * 0.5 ** (56.0 / 7.5)
    assert table["day"].tolist() == pytest.approx([0.0125, 0.0125 + 56.0 / 24.0])
    assert table["days"].tolist() == pytest.approx([56.0 / 24.0, 44.0 / 24.0])
    assert table["peak_iu_per_mL"].tolist() == pytest.approx([peak, peak + trough])
    assert table["trough_iu_per_mL"].tolist() == pytest.approx([trough, (peak + trough) * 0.5 ** (44.0 / 7.5)])
    active_h = 7.5 * math.log2(peak / 0.1)
    assert table["days_active"].tolist() == pytest.approx([active_h / 24.0, 44.0 / 24.0], rel=1e-6)
    assert (table["days_depleted"] > 0.5).all()
    assert (table["peak_ammonia_uM"] > 60.0).all()
    assert plasma_of(RAPAMYCIN).troughs.table() == {}


def test_doses_of_one_moment_share_their_row_of_time() -> None:
    plasma = plasma_of(PEG | {"day": 1.0}, ERWINIA | {"day": 1.0}, PEG | {"day": 3.0})
    run(plasma, 96.0)
    table = pd.DataFrame(plasma.troughs.table())
    assert table["product"].tolist() == ["pegaspargase", "erwinia", "pegaspargase"]
    assert table["days"].tolist() == pytest.approx([2.0, 2.0, 1.0])
    assert table["peak_iu_per_mL"][0] == table["peak_iu_per_mL"][1] > 12.0


@pytest.mark.one_version
def test_pegaspargase_every_fortnight_keeps_asparagine_away() -> None:
    plasma = plasma_of(PEG | {"day": 0.0, "every": "14 d", "times": 3})
    run(plasma, 42.0 * 24.0)
    table = pd.DataFrame(plasma.troughs.table())
    assert (table["trough_iu_per_mL"] > 0.1).all()
    assert table["days_active"].tolist() == pytest.approx([14.0, 14.0, 14.0])
    assert table["days_depleted"].tolist() == pytest.approx([14.0, 14.0, 14.0], abs=0.1)


def test_plasma_nitrogen_is_what_organs_and_diet_gave_less_what_went_into_urine() -> None:
    native = PEG | {"day": 0.5, "formulation": "erwinia", "dose_iu_per_m2": 25000.0}
    plasma = plasma_of(native, diet=[{"day": 1.0, "asparagine_factor": 0.3}])
    run(plasma, 48.0)
    report = plasma.nitrogen_report(into_tissue_amol=0.0)
    assert report["relative_error"] < 1e-12
    assert report["flows"]["urine"] < -0.1 * report["initial"]  # what the drug splits off leaves as urea
    assert report["flows"]["organs_and_diet"] > 0.1 * report["initial"]
