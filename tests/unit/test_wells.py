"""Wells are compartments of their own: nothing passes between them, and each goes its way as if it were alone."""

import numpy as np
import pytest

from tumorabm import TumorModel
from tumorabm.assays.media import AMINO_ACIDS, MEDIA, medium_uM, without_amino_acids
from tumorabm.assays.wells import Wells, wells_scenario
from tumorabm.scenario import ScenarioError, scenario_from_dict

RPMI = medium_uM("rpmi")
WELL = {"mode": "well_mixed", "volume_uL": 1.0}
CELL = {"type": "molt4", "count": 1}
DOSE = {"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 0.25}


def wells(n: int, hours: float = 12.0, **sections: object) -> Wells:
    groups = {"cells": {"type": "molt4", "count": 20}}
    return Wells(wells_scenario(groups, RPMI, hours=hours, wells=n, cells_per_well=20, **sections), seed=3, threads=1)


def test_every_well_begins_with_the_same_number_of_cells_and_the_same_medium() -> None:
    plate = wells(5)
    assert plate.counts()["cells"].tolist() == [20] * 5
    for name, value in RPMI.items():
        np.testing.assert_allclose(plate.field(name), value)


def test_a_group_lives_only_in_its_wells() -> None:
    groups = {
        "left": {"type": "molt4", "count": 10, "wells": [0, 2]},
        "right": {"type": "solid_tumour", "count": 4, "wells": [1]},
    }
    plate = Wells(wells_scenario(groups, RPMI, hours=6.0, wells=3, cells_per_well=10), seed=1)
    assert plate.counts().to_numpy().tolist() == [[10, 0], [0, 4], [10, 0]]


def test_nothing_passes_from_one_well_to_another() -> None:
    plate = wells(3)
    plate.set_field("asparaginase", [0.0, 1.0, 0.0])
    plate.set_field("glucose", [0.0, 20.0, 0.0])
    plate.run(6.0)
    assert plate.field("asparaginase").tolist() == [0.0, 1.0, 0.0]
    assert plate.field("asparagine")[1] < 1.0
    assert plate.field("asparagine")[[0, 2]] == pytest.approx(378.0, rel=0.05)
    assert plate.field("glucose")[[0, 2]].tolist() == [0.0, 0.0]


def test_a_well_among_others_has_the_course_of_a_well_alone() -> None:
    doses = np.array([0.0, 3e-4, 0.01, 1.0])
    together = wells(4)
    together.set_field("asparaginase", doses)
    together.run(12.0)
    for well, dose in enumerate(doses):
        alone = wells(1)
        alone.set_field("asparaginase", dose)
        alone.run(12.0)
        for name in ("asparagine", "glutamine", "ammonia"):
            # 20 cells of other sizes leak other amounts into a well that runs empty: 1 µM of allowance
            assert together.field(name)[well] == pytest.approx(alone.field(name)[0], rel=0.02, abs=1.0), (name, dose)


def test_what_is_lost_in_a_well_is_what_its_cells_and_the_enzyme_took() -> None:
    plate = wells(4)
    plate.set_field("asparaginase", [0.0, 0.001, 0.1, 1.0])
    plate.run(12.0)
    assert plate.model.ledger.relative_error < 1e-12


def test_a_change_of_medium_is_booked_as_an_intervention() -> None:
    plate = wells(2)
    plate.run(2.0)
    plate.change_medium({"glucose": 5000.0, "asparagine": [10.0, 20.0]})
    assert plate.field("asparagine").tolist() == pytest.approx([10.0, 20.0])
    assert plate.field("glutamine").tolist() == [0.0, 0.0]
    plate.run(2.0)
    assert plate.model.ledger.flows["interventions"] < 0.0
    assert plate.model.ledger.relative_error < 1e-12


def test_a_change_of_medium_in_one_well_leaves_the_others() -> None:
    plate = wells(2)
    plate.change_medium(RPMI | {"asparagine": 7.0}, slice(1, 2))
    assert plate.field("asparagine") == pytest.approx([378.0, 7.0])


def test_oxygen_comes_in_from_the_gas_above() -> None:
    plate = wells(1)
    plate.set_field("oxygen", 0.0)
    plate.set_gas(100.0)
    plate.set_field("oxygen", 0.0)
    plate.run(2.0)
    # 1 - exp(-0.04/min 120 min) of 130 µM, less what the cells take
    assert plate.field("oxygen")[0] == pytest.approx(130.0 * (1.0 - np.exp(-4.8)), rel=0.02)


def test_perfused_wells_follow_plasma_and_take_doses() -> None:
    data = {
        "hours": 12.0,
        "domain": WELL | {"perfusion_per_min": 1.0},
        "pharmacology": {"doses": [DOSE]},
    }
    series = TumorModel(scenario_from_dict(data)).run().timeseries().set_index("time_h")
    assert series["tissue_asparagine_uM"].loc[6.0] == pytest.approx(50.0, rel=1e-3)
    assert series["tissue_asparaginase_iu_per_mL"].loc[12.0] == pytest.approx(
        0.3 * series["plasma_asparaginase_iu_per_mL"].loc[12.0], rel=0.01
    )
    assert series["tissue_asparagine_uM"].loc[12.0] < 1.0


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads() -> None:
    def course(threads: int) -> tuple[np.ndarray, np.ndarray]:
        groups = {"cells": {"type": "molt4", "count": 30}}
        plate = Wells(wells_scenario(groups, RPMI, hours=30.0, wells=6, cells_per_well=30), seed=5, threads=threads)
        plate.set_field("asparaginase", [0.0, 1e-4, 3e-4, 1e-3, 0.01, 1.0])
        plate.run(30.0)
        return plate.model.population.block("states").copy(), plate.field("asparagine")

    for one, two in zip(course(1), course(2), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"cells": {"c": {"type": "molt4", "count": 1, "wells": [3]}}},
            "cells.c.wells.0 = 3: expected a well from 0 to 1",
        ),
        (
            {"domain": {"size_um": [100.0, 100.0]}},
            "cells.c.wells = [0]: expected none, because the domain is not well mixed",
        ),
        (
            {"domain": {"mode": "well_mixed", "volume_uL": 1.0, "wells": 0}},
            "domain.wells = 0: expected an integer >= 1",
        ),
        (
            {
                "pharmacology": {
                    "doses": [{"drug": "asparaginase", "formulation": "erwinia", "dose_iu_per_m2": 1.0, "day": 0.0}]
                }
            },
            "expected none in wells without perfusion",
        ),
    ],
)
def test_wells_that_cannot_be_are_refused(change: dict[str, object], expected: str) -> None:
    data = {
        "hours": 1.0,
        "domain": WELL | {"wells": 2},
        "cells": {"c": CELL | {"wells": [0]}},
    }
    with pytest.raises(ScenarioError) as error:
        scenario_from_dict(data | change)
    assert expected in str(error.value)


@pytest.mark.parametrize("name", MEDIA)
def test_every_component_of_a_medium_has_a_value_a_tag_and_a_source(name: str) -> None:
    for component in MEDIA[name].values():
        assert component.value >= 0.0
        assert component.tag in {"V", "M", "A", "D"}
        assert len(component.source) > 5


def test_media_can_be_changed_and_a_misspelt_component_is_named() -> None:
    assert medium_uM("dmem", serum=True)["asparagine"] == pytest.approx(5.0)
    assert medium_uM("rpmi", asparagine=1.0) == RPMI | {"asparagine": 1.0}
    starved = without_amino_acids(RPMI)
    assert [starved[name] for name in AMINO_ACIDS] == [0.0] * 5
    assert starved["glucose"] == RPMI["glucose"]
    with pytest.raises(ScenarioError, match="nearest valid name: asparagine"):
        medium_uM("rpmi", asparagin=1.0)
    with pytest.raises(ScenarioError, match="nearest valid name: rpmi"):
        medium_uM("rpmj")
