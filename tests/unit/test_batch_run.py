"""``mesa.batch_run(TumorModel, {...})`` with the keys of a scenario, on every supported Mesa."""

import mesa
import pytest

from tumorabm import ScenarioError, TumorModel, load_scenario

SCENARIO = """
hours = 0.5
seed = 5
[domain]
size_um = [60.0, 60.0]
[vessels]
positions_um = [[30.0, 30.0]]
[cells.blast]
type = "all_blast"
count = 4
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "small.toml").write_text(SCENARIO)
    return tmp_path / "small.toml"


def batch_run(parameters, **options):
    return mesa.batch_run(TumorModel, parameters, display_progress=False, **options)


def test_parameters_are_the_keys_of_set(path):
    rows = batch_run(
        {"scenario": str(path), "cells.blast.count": [2, 3], "cells.blast.asns_relative": [0.1, 1.0], "threads": 1}
    )
    assert [(row["cells.blast.count"], row["cells.blast.asns_relative"]) for row in rows] == [
        (2, 0.1),
        (2, 1.0),
        (3, 0.1),
        (3, 1.0),
    ]
    assert [row["live_blast"] for row in rows] == [2, 2, 3, 3]


def test_the_seed_is_a_parameter_and_gives_the_bits_of_a_run_alone(path):
    rows = batch_run({"scenario": [load_scenario(path)], "seed": [1, 2], "threads": 1})
    for row, seed in zip(rows, (1, 2), strict=True):
        alone = TumorModel(load_scenario(path, [f"seed={seed}"]), threads=1).run()
        assert row["asns_mean_blast"] == alone.timeseries()["asns_mean_blast"].iloc[-1]
    assert rows[0]["asns_mean_blast"] != rows[1]["asns_mean_blast"]


@pytest.mark.parametrize("every_h", [0.1, 0.3, 1.0])
def test_the_last_row_is_that_of_the_scenarios_end(path, every_h):
    (row,) = batch_run({"scenario": str(path), "hours": 0.9, "output.timeseries_every_h": every_h, "threads": 1})
    assert row["time_h"] == pytest.approx(0.9)


def test_it_runs_in_several_processes(path):
    rows = batch_run({"scenario": str(path), "cells.blast.count": [2, 3], "threads": 1}, number_processes=2)
    assert sorted(row["live_blast"] for row in rows) == [2, 3]


def test_a_value_that_is_a_list_stands_in_a_list(path):
    (row,) = batch_run({"scenario": str(path), "domain.size_um": [[40.0, 80.0]], "threads": 1})
    assert row["domain.size_um"] == [40.0, 80.0]


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ({"cells.blast.cuont": 3}, ["cells.blast.cuont = 3", "nearest valid name: count"]),
        ({"sede": 3}, ["sede = 3", "nearest valid name: seed"]),
        ({"hours": -1.0}, ["hours = -1.0", "expected a number > 0"]),
    ],
)
@pytest.mark.parametrize("as_path", [True, False])
def test_an_unknown_parameter_is_refused_by_name(path, parameters, parts, as_path):
    with pytest.raises(ScenarioError) as caught:
        TumorModel(path if as_path else load_scenario(path), **parameters)
    for part in parts:
        assert part in str(caught.value)
