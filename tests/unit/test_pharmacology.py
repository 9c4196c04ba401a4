"""Plasma after doses: half-lives, depletion, and what is made of what is split."""

import pytest

from tumorabm.pharmacology import FORMULATIONS, Plasma
from tumorabm.scenario import Scenario, scenario_from_dict

STEP_MIN = 6.0
NORMAL_MM = {
    "asparagine": 0.05,
    "glutamine": 0.6,
    "aspartate": 0.01,
    "glutamate": 0.05,
    "ammonia": 0.03,
    "asparaginase": 0.0,
    "oxygen": 0.052,
}


def scenario(formulation: str, dose: float, route: str = "iv", **plasma: float) -> Scenario:
    dose = {"drug": "asparaginase", "formulation": formulation, "dose_iu_per_m2": dose, "day": 0.0, "route": route}
    return scenario_from_dict(
        {
            "hours": 24.0,
            "domain": {"size_um": [40.0, 40.0]},
            "vessels": {"positions_um": [[20.0, 20.0]]},
            "pharmacology": {"doses": [dose], "plasma": plasma},
        }
    )


def dosed(formulation: str = "pegaspargase", dose: float = 2500.0, route: str = "iv", **plasma: float) -> Plasma:
    pharmacology = scenario(formulation, dose, route, **plasma).pharmacology
    blood = Plasma(NORMAL_MM, pharmacology, STEP_MIN)
    for planned in blood.doses_at(0):
        blood.give(planned)
    return blood


def advance(blood: Plasma, hours: float) -> None:
    for _ in range(round(hours * 60.0 / STEP_MIN)):
        blood.advance(STEP_MIN)


@pytest.mark.parametrize(("formulation", "published_h"), [("native_e_coli", 26.0), ("pegaspargase", 132.0)])
def test_activity_halves_in_the_published_half_life(formulation: str, published_h: float) -> None:
    blood = dosed(formulation)
    start = blood.asparaginase_iu_per_mL
    advance(blood, published_h)
    assert blood.asparaginase_iu_per_mL == pytest.approx(0.5 * start, rel=1e-6)


def test_pegaspargase_peak_is_near_the_published_activity() -> None:
    assert dosed().asparaginase_iu_per_mL == pytest.approx(1.24, rel=0.01)


def test_intramuscular_dose_rises_and_falls_and_loses_nothing_but_by_elimination() -> None:
    blood = dosed("erwinia", 25000.0, route="im")
    assert blood.asparaginase_iu_per_mL == 0.0
    activities = []
    for _ in range(60):
        advance(blood, 1.0)
        activities.append(blood.asparaginase_iu_per_mL)
    peak = activities.index(max(activities))
    assert 5 < peak < 40
    assert activities == sorted(activities[: peak + 1]) + sorted(activities[peak + 1 :], reverse=True)


def test_asparagine_is_gone_within_a_day_and_stays_away_for_three_weeks() -> None:
    blood = dosed()
    advance(blood, 24.0)
    assert blood.concentrations["asparagine"] < 0.003
    advance(blood, 20.0 * 24.0)
    assert blood.asparaginase_iu_per_mL > 0.02
    assert blood.concentrations["asparagine"] < 0.003


def test_asparagine_returns_when_the_enzyme_is_gone() -> None:
    blood = dosed("native_e_coli", 6000.0)
    advance(blood, 24.0 * 24.0)
    assert blood.asparaginase_iu_per_mL < 1e-4
    assert blood.concentrations["asparagine"] > 0.5 * NORMAL_MM["asparagine"]


def test_depleted_asparagine_follows_the_balance_of_influx_and_hydrolysis() -> None:
    blood = dosed()
    advance(blood, 48.0)
    activity, influx = blood.asparaginase_iu_per_mL, 2.0e-3
    km = FORMULATIONS["pegaspargase"].asparagine_km_uM / 1000.0
    asparagine = blood.concentrations["asparagine"]
    made = influx * (1.0 - asparagine / NORMAL_MM["asparagine"])
    assert made == pytest.approx(activity * asparagine / (km + asparagine), rel=0.01)


def test_ammonia_aspartate_and_glutamate_rise_by_what_is_split() -> None:
    blood = dosed()
    advance(blood, 24.0)
    assert blood.concentrations["aspartate"] > 1.5 * NORMAL_MM["aspartate"]
    assert blood.concentrations["glutamate"] > NORMAL_MM["glutamate"]
    assert 0.062 < blood.concentrations["ammonia"] < 0.4  # 62-400 µM published after asparaginase


def test_without_a_dose_plasma_stays_normal() -> None:
    blood = Plasma(NORMAL_MM, scenario("pegaspargase", 2500.0).pharmacology, STEP_MIN)
    advance(blood, 24.0)
    for name, normal in NORMAL_MM.items():
        assert blood.concentrations[name] == pytest.approx(normal, rel=1e-9)


def test_diet_moves_the_normal_value_of_asparagine() -> None:
    pharmacology = scenario("pegaspargase", 2500.0, dietary_asparagine_factor=0.5).pharmacology
    blood = Plasma(NORMAL_MM, pharmacology, STEP_MIN)
    advance(blood, 24.0)
    assert blood.concentrations["asparagine"] == pytest.approx(0.025, rel=1e-6)


def planned(doses: list[tuple[str, str, float, float]], step_min: float, background_iu_per_mL: float = 0.0) -> Plasma:
    """Return plasma with doses of (formulation, route, IU/m², day) ahead."""
    entries = [
        {"drug": "asparaginase", "formulation": formulation, "route": route, "dose_iu_per_m2": dose, "day": day}
        for formulation, route, dose, day in doses
    ]
    plan = scenario_from_dict(
        {
            "hours": 2400.0,
            "domain": {"size_um": [40.0, 40.0]},
            "vessels": {"positions_um": [[20.0, 20.0]]},
            "pharmacology": {"doses": entries},
        }
    )
    return Plasma(NORMAL_MM | {"asparaginase": background_iu_per_mL}, plan.pharmacology, step_min)


def run_to(blood: Plasma, hours: float, step_min: float) -> None:
    """Give the doses as they fall due, from the start to ``hours``."""
    for tick in range(round(hours * 60.0 / step_min)):
        for dose in blood.doses_at(tick):
            blood.give(dose)
        blood.advance(step_min)


def test_a_second_dose_adds_to_what_is_left_of_the_first() -> None:
    blood = planned([("pegaspargase", "iv", 2500.0, 0.0), ("pegaspargase", "iv", 1000.0, 3.0)], 60.0)
    run_to(blood, 96.0, 60.0)
    expected = (2500.0 * 0.5 ** (96.0 / 132.0) + 1000.0 * 0.5 ** (24.0 / 132.0)) / 2010.0
    assert blood.asparaginase_iu_per_mL == pytest.approx(expected, rel=1e-6)


def test_doses_of_one_step_add_up_whatever_their_formulation() -> None:
    blood = planned([("native_e_coli", "iv", 1000.0, 0.0), ("erwinia", "iv", 2000.0, 0.0)], 60.0)
    run_to(blood, 24.0, 60.0)
    litres = {name: 1000.0 * FORMULATIONS[name].volume_l_per_m2 for name in ("native_e_coli", "erwinia")}
    native, erwinia = 1000.0 / litres["native_e_coli"], 2000.0 / litres["erwinia"]
    expected = native * 0.5 ** (24.0 / 26.0) + erwinia * 0.5 ** (24.0 / 7.5)
    assert blood.asparaginase_iu_per_mL == pytest.approx(expected, rel=1e-6)


def test_a_second_intramuscular_dose_adds_to_the_depot_of_the_first() -> None:
    first, second = ("erwinia", "im", 25000.0, 0.0), ("erwinia", "im", 25000.0, 0.5)
    activity = []
    for doses in ([first], [second], [first, second]):
        blood = planned(doses, 60.0)
        run_to(blood, 36.0, 60.0)
        activity.append(blood.asparaginase_iu_per_mL)
    assert activity[2] == pytest.approx(activity[0] + activity[1], rel=1e-12)


@pytest.mark.parametrize(("formulation", "half_life_h"), [("pegaspargase", 132.0), ("erwinia", 15.6)])
def test_after_the_muscle_activity_falls_with_the_slower_of_both_half_lives(
    formulation: str, half_life_h: float
) -> None:
    blood = planned([(formulation, "im", 25000.0, 0.0)], 60.0)
    run_to(blood, 700.0, 60.0)
    start = blood.asparaginase_iu_per_mL
    for _ in range(100):
        blood.advance(60.0)
    assert blood.asparaginase_iu_per_mL / start == pytest.approx(0.5 ** (100.0 / half_life_h), rel=1e-3)


def test_intramuscular_activity_is_that_of_absorption_and_elimination_of_the_first_order() -> None:
    blood = planned([("erwinia", "im", 25000.0, 0.0)], 60.0)
    run_to(blood, 20.0, 60.0)
    absorption, elimination = 1.0 / 15.6, 1.0 / 7.5
    peak = 25000.0 / (1000.0 * FORMULATIONS["erwinia"].volume_l_per_m2)
    bateman = absorption / (absorption - elimination) * (0.5 ** (20.0 * elimination) - 0.5 ** (20.0 * absorption))
    assert blood.asparaginase_iu_per_mL == pytest.approx(peak * bateman, rel=1e-6)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_the_route_changes_when_the_enzyme_acts_and_not_how_much_of_it(formulation: str) -> None:
    exposure = {}
    for route in ("iv", "im"):
        blood, total = planned([(formulation, route, 1000.0, 0.0)], 60.0), 0.0
        for dose in blood.doses_at(0):
            blood.give(dose)
        for _ in range(24 * 100):  # six half-lives of the slowest
            before = blood.asparaginase_iu_per_mL
            blood.advance(60.0)
            total += 0.5 * (before + blood.asparaginase_iu_per_mL)
        exposure[route] = total
    assert exposure["im"] == pytest.approx(exposure["iv"], rel=2e-3)


def test_a_constant_background_of_activity_is_there_from_the_start_and_stays() -> None:
    blood = planned([], 60.0, background_iu_per_mL=0.02)
    assert blood.asparaginase_iu_per_mL == 0.02
    assert blood.concentrations["asparaginase"] == 0.02
    run_to(blood, 240.0, 60.0)
    assert blood.asparaginase_iu_per_mL == 0.02
    assert blood.concentrations["asparaginase"] == 0.02
    asparagine, influx = blood.concentrations["asparagine"], 2.0e-3
    km = FORMULATIONS["native_e_coli"].asparagine_km_uM / 1000.0
    made = influx * (1.0 - asparagine / NORMAL_MM["asparagine"])
    assert made == pytest.approx(0.02 * asparagine / (km + asparagine), rel=1e-3)


def test_a_dose_comes_on_top_of_the_background() -> None:
    with_background = planned([("native_e_coli", "iv", 1000.0, 1.0)], 60.0, background_iu_per_mL=0.02)
    without = planned([("native_e_coli", "iv", 1000.0, 1.0)], 60.0)
    for blood in (with_background, without):
        run_to(blood, 48.0, 60.0)
    assert without.asparaginase_iu_per_mL > 0.0
    assert with_background.asparaginase_iu_per_mL == pytest.approx(without.asparaginase_iu_per_mL + 0.02, rel=1e-12)


def test_a_trace_of_another_formulation_hardly_moves_the_constants_of_a_large_background() -> None:
    blood = planned([("erwinia", "iv", 1.0, 0.0)], 60.0, background_iu_per_mL=1.0)
    run_to(blood, 1.0, 60.0)
    asparagine_km_mM, _, ratio = blood.enzyme_constants()
    assert asparagine_km_mM == pytest.approx(0.015, rel=0.01)
    assert ratio == pytest.approx(0.03, rel=0.01)
