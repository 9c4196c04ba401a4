"""Perturbations: for all cells or one group, from the start or from some time on, as factors or levels."""

import numpy as np
import pytest

from tumorabm import TumorModel
from tumorabm.scenario import ScenarioError, scenario_from_dict

WELL = {"mode": "well_mixed", "volume_uL": 1.0, "gas_exchange_per_min": 1.0}


def scenario(**sections: object):
    cells = {name: {"type": "solid_tumour", "count": 20} for name in ("one", "other")}
    return scenario_from_dict({"hours": 4.0, "domain": WELL, "cells": cells} | sections)


def group(**keys: object) -> dict[str, object]:
    return {"type": "solid_tumour", "count": 20} | keys


def test_a_perturbation_of_the_scenario_reaches_all_groups_and_one_of_a_group_only_that() -> None:
    model = TumorModel(
        scenario(perturbations={"gs": 0.5}, cells={"one": group(perturbations={"gs": 0.0}), "other": group()})
    )
    assert model.parameters["glutamine_synthetase_amol_per_min"].tolist() == [0.0, 52.5]


def test_a_schedule_changes_the_parameter_at_its_step_and_not_before() -> None:
    changes = [{"perturbation": "gcn2", "at_h": 2.0, "value": 0.0}, {"perturbation": "gcn2", "at_h": 3.0, "value": 0.5}]
    model = TumorModel(scenario(cells={"one": group(perturbation_schedule=changes), "other": group()}))
    course = []
    while model.running:
        model.step()
        course.append(model.parameters["gcn2"].tolist())
    # 10 steps an hour: the step that begins at 2 h is the 21st
    assert course == [[1.0, 1.0]] * 20 + [[0.0, 1.0]] * 10 + [[0.5, 1.0]] * 10


def test_a_schedule_of_the_scenario_multiplies_with_the_groups_own_factor() -> None:
    later = [{"perturbation": "asns", "at_h": 1.0, "value": 0.5}]
    cells = {"one": group(perturbations={"asns": 0.2}), "other": group()}
    model = TumorModel(scenario(perturbation_schedule=later, cells=cells)).run(hours=2.0)
    assert model.parameters["asns_turnover_amol_per_min"] == pytest.approx([1.2e-5, 6e-5])


def test_a_scheduled_inhibitor_acts_on_the_cells_from_then_on() -> None:
    later = [{"perturbation": "rapamycin", "at_h": 2.0, "value": 1.0}]
    series = TumorModel(scenario(perturbation_schedule=later)).run().timeseries().set_index("time_h")
    p_s6k1 = series["p_s6k1_mean_one"]
    assert p_s6k1.loc[2.0] == pytest.approx(p_s6k1.loc[1.0], rel=0.1)
    assert p_s6k1.loc[3.0] == 0.0
    assert series["mtorc1_mean_one"].loc[4.0] < 0.85 * series["mtorc1_mean_one"].loc[2.0]


def test_without_its_glutaminase_the_drug_leaves_glutamine_alone() -> None:
    def glutamine(ratio: float, formulation: str) -> float:
        fields = {"asparaginase": {"initial_iu_per_mL": 1.0, "formulation": formulation}}
        model = TumorModel(scenario(cells={}, fields=fields, perturbations={"glutaminase_ratio": ratio})).run()
        return float(model.fields["glutamine"].concentration_mM.item())

    untouched, native, erwinia = glutamine(0.0, "erwinia"), glutamine(1.0, "native_e_coli"), glutamine(1.0, "erwinia")
    assert untouched == pytest.approx(0.6)
    assert erwinia < native < untouched


def test_methylated_promoters_are_not_induced_and_are_inherited() -> None:
    starved = {"asparagine": {"initial_uM": 0.0}, "glutamine": {"initial_uM": 0.0}}
    cells = {"one": group(count=400, parameters={"asns_methylated_fraction": 0.3})}
    model = TumorModel(scenario(cells=cells, fields=starved, hours=12.0), rng=2)
    methylated = model.population.data["asns_methylated"] == 1
    assert methylated.mean() == pytest.approx(0.3, abs=0.07)
    model.run()
    data = model.population.data
    mrna, methylated = data["asns_mrna"], data["asns_methylated"] == 1
    assert mrna[methylated].max() < 1.2
    assert mrna[~methylated].min() > 2.0
    row_of = {uid: row for row, uid in enumerate(data["uid"].tolist())}
    daughters = np.flatnonzero(data["parent_uid"] > 0)
    mothers = [row_of[uid] for uid in data["parent_uid"][daughters].tolist()]
    assert len(daughters) > 20
    np.testing.assert_array_equal(data["asns_methylated"][daughters], data["asns_methylated"][mothers])


def test_liver_cells_turn_ammonia_into_urea_and_the_ledger_says_so() -> None:
    cells = {"liver": {"type": "hepatocyte", "count": 200}}
    model = TumorModel(scenario(cells=cells, fields={"ammonia": {"initial_uM": 1000.0}})).run()
    assert model.ledger.flows["urea"] < 0.0
    assert model.ledger.relative_error < 1e-12
    # 200 cells, 6800 amol/min each at most, times NH3/(NH3 + 200 µM), over 240 min
    most = 200 * 6800.0 * 240.0
    assert 0.5 * most < -model.ledger.flows["urea"] < most


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"perturbations": {"gcn": 0.0}}, "perturbations.gcn = 0.0: unknown perturbation; nearest valid name: gcn2"),
        ({"perturbations": {"rapamycin": 1.5}}, "perturbations.rapamycin = 1.5: expected a number from 0 to 1"),
        (
            {"perturbation_schedule": [{"perturbation": "rapamicin", "at_h": 1.0, "value": 1.0}]},
            'perturbation_schedule.0.perturbation = "rapamicin": unknown perturbation; nearest valid name: rapamycin',
        ),
        (
            {"perturbation_schedule": [{"perturbation": "asns", "at_h": -1.0, "value": 1.0}]},
            "perturbation_schedule.0.at_h = -1.0: expected a number >= 0",
        ),
        (
            {"perturbation_schedule": [{"perturbation": "asns", "at_h": at_h, "value": 1.0} for at_h in (1.0, 1.01)]},
            "perturbation_schedule.1.at_h = 1.01: expected another time: entry 0 is of the same step",
        ),
        (
            {"cells": {"one": group(perturbation_schedule=[{"perturbation": "gs", "at_h": 1.0, "value": 1.0}] * 2)}},
            "cells.one.perturbation_schedule.1.at_h = 1.0: expected another time",
        ),
        (
            {"cells": {"one": group(perturbations={"glutaminase_ratio": 0.0})}},
            "cells.one.perturbations.glutaminase_ratio = 0.0: expected among the scenario's [perturbations]",
        ),
    ],
)
def test_perturbations_that_cannot_be_are_refused_with_the_nearest_name(sections: dict, expected: str) -> None:
    with pytest.raises(ScenarioError) as error:
        scenario(**sections)
    assert expected in str(error.value)


def test_parameters_that_a_user_sets_in_python_stay() -> None:
    model = TumorModel(scenario())
    model.parameters["gcn2"] = 0.25
    model.run(hours=1.0)
    assert model.parameters["gcn2"].tolist() == [0.25, 0.25]
