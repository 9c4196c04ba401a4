"""Sweep files and plans: what is refused by name, and which runs are one and the same."""

import json
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumorabm.output.provenance import hash_of_sources
from tumorabm.output.run_folder import OutputError
from tumorabm.scenario import ScenarioError, scenario_from_dict
from tumorabm.sweep import identity
from tumorabm.sweep.designs import design_points, varying
from tumorabm.sweep.identity import canonical, run_id
from tumorabm.sweep.plan import (
    PlannedRun,
    make_plan,
    one_of_each_kind,
    read_plan,
    require_as_planned,
    scenario_of,
    write_plan,
)
from tumorabm.sweep.schema import Range, load_sweep

SCENARIO = """
hours = 1.0
seed = 5
[domain]
size_um = [60.0, 60.0]
[vessels]
positions_um = [[30.0, 30.0]]
[cells.blast]
type = "all_blast"
count = 4
[output]
timeseries_every_h = 0.5
[variants.many.cells.blast]
count = 9
"""
GRID = """
[design]
kind = "grid"
[design.parameters]
"cells.blast.count" = [2, 3]
"cells.blast.asns_relative" = [0.1, 0.3, 1]
"""


@pytest.fixture
def write(tmp_path):
    """Write a sweep beside a small scenario; return its path."""
    (tmp_path / "base.toml").write_text(SCENARIO, "utf-8")

    def write_sweep(text=GRID, head=""):
        path = tmp_path / "sweep.toml"
        path.write_text(f'scenario = "base.toml"\n{head}\n{text}', "utf-8")
        return path

    return write_sweep


def design(kind, **ranges):
    lines = "\n".join(f'"{name.replace("__", ".")}" = {value}' for name, value in ranges.items())
    return f'[design]\nkind = "{kind}"\nsamples = 4\n[design.ranges]\n{lines}\n'


def complaint(path, make=make_plan):
    with pytest.raises(ScenarioError) as caught:
        make(path)
    return str(caught.value)


# -- designs --------------------------------------------------------------------------------------------------------


def test_a_grid_has_all_combinations_with_each_seed(write):
    runs = make_plan(write(head="seeds = 2"))
    assert [(*run.parameters.values(), run.seed) for run in runs[:4]] == [
        (2, 0.1, 5),
        (2, 0.1, 6),
        (2, 0.3, 5),
        (2, 0.3, 6),
    ]
    assert len(runs) == 12
    assert len({run.run_id for run in runs}) == 12


def test_seeds_can_be_listed(write):
    assert [run.seed for run in make_plan(write(head="seeds = [7, 3]"))[:2]] == [7, 3]


def test_a_list_takes_the_rows_of_a_csv_or_parquet_file(write, tmp_path):
    table = pd.DataFrame({"cells.blast.count": [2, 3], "cells.blast.asns_relative": [0.5, 1.0]})
    table.to_csv(tmp_path / "points.csv", index=False)
    table.to_parquet(tmp_path / "points.parquet")
    for name in ("points.csv", "points.parquet"):
        path = write(f'[design]\nkind = "list"\nfile = "{name}"')
        assert design_points(load_sweep(path), path) == table.to_dict("records")


def test_counts_that_a_table_holds_as_4_0_are_counts(write, tmp_path):
    table = pd.DataFrame({"cells.blast.count": [2.0, 4.0], "cells.blast.asns_relative": [0.5, 1.0]})
    table.to_csv(tmp_path / "points.csv", index=False)
    table.to_parquet(tmp_path / "points.parquet")
    for name in ("points.csv", "points.parquet"):
        runs = make_plan(write(f'[design]\nkind = "list"\nfile = "{name}"'))
        assert [run.parameters["cells.blast.count"] for run in runs] == [2, 4]


def test_values_of_a_csv_file_are_those_of_set(write, tmp_path):
    (tmp_path / "points.csv").write_text('cells.blast.type,domain.size_um\nall_blast,"[40.0, 40.0]"\n')
    path = write('[design]\nkind = "list"\nfile = "points.csv"')
    assert design_points(load_sweep(path), path) == [{"cells.blast.type": "all_blast", "domain.size_um": [40.0, 40.0]}]
    assert make_plan(path)[0].seed == 5


@pytest.mark.parametrize(("kind", "n"), [("latin_hypercube", 4), ("sobol", 16), ("morris", 12)])
def test_sampled_points_lie_in_their_ranges_and_are_the_same_each_time(write, kind, n):
    pytest.importorskip("SALib")
    ranges = {
        "cells__blast__asns_relative": '{ low = 0.01, high = 1.0, scale = "log" }',
        "vessels__core__density_factor": "{ low = 0.5, high = 0.75 }",
    }
    path = write(design(kind, **ranges))
    points = pd.DataFrame(design_points(load_sweep(path), path))
    assert len(points) == n
    assert points["cells.blast.asns_relative"].between(0.01, 1.0).all()
    assert points["vessels.core.density_factor"].between(0.5, 0.75).all()
    assert (points["cells.blast.asns_relative"] <= 0.1).mean() == pytest.approx(0.5, abs=0.26)
    pd.testing.assert_frame_equal(points, pd.DataFrame(design_points(load_sweep(path), path)), check_exact=True)


@pytest.mark.parametrize(("scale", "middle"), [("linear", 4), ("log", 3)])
def test_a_range_of_whole_numbers_has_its_ends_and_nothing_between_two(scale, middle):
    counts = Range(low=2, high=6, scale=scale, whole=True)
    values = [counts.at(share) for share in np.linspace(0.0, 1.0, 101)]
    assert set(values) == {2, 3, 4, 5, 6}
    assert {type(value) for value in values} == {int}
    assert values[50] == middle
    assert Range(low=-3, high=-1, whole=True).at(0.1) == -3


def test_counts_can_be_sampled(write):
    pytest.importorskip("SALib")
    path = write(design("latin_hypercube", cells__blast__count="{ low = 2, high = 5, whole = true }"))
    assert sorted(run.parameters["cells.blast.count"] for run in make_plan(path)) == [2, 3, 4, 5]
    broken = write(design("latin_hypercube", cells__blast__count="{ low = 2, high = 5.5, whole = true }"))
    assert "count.high = 5.5: expected a whole number" in complaint(broken)


def test_runs_that_differ_in_numbers_alone_are_of_one_kind(write):
    def run(**parameters):
        return PlannedRun("id", (0,), 1, parameters, "")

    runs = [run(a=1, b=[1.0, 2.0]), run(a=2, b=[3.0, 4.0]), run(a="x", b=[3.0, 4.0]), run(a=1, b=[1.0, 2.0, 3.0])]
    assert sorted(map(str, one_of_each_kind(runs))) == sorted(map(str, [runs[0], runs[2], runs[3]]))


def test_a_sampled_design_without_salib_says_what_to_install(write, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "SALib.sample", None)
    message = complaint(write(design("sobol", cells__blast__asns_relative="{ low = 0.1, high = 1.0 }")))
    assert "pip install 'tumorabm[sweep]'" in message


def test_only_parameters_with_several_values_vary():
    points = [{"a": 1, "b": [1, 2], "c": 1}, {"a": 1.0, "b": [1, 3], "c": 2}]
    assert varying(points) == ["b", "c"]


# -- identity -------------------------------------------------------------------------------------------------------


def test_one_and_one_point_zero_and_any_order_of_keys_are_one_value():
    assert canonical({"b": 1, "a": (2.0, [0.5])}) == canonical({"a": [2, (0.5,)], "b": 1.0})
    assert canonical(-0.0) == canonical(0)


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, "1"), (0.1, 0.1 + 2**-56), (2**60, 2**60 + 1), ([1], 1)])
def test_different_values_are_different(one, other):
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_has_no_canonical_form(value):
    with pytest.raises(ValueError, match="no finite number"):
        canonical({"a": [value]})


def test_the_identity_changes_with_seed_values_steps_and_code_but_not_with_names():
    data = {"hours": 6.0, "domain": {"size_um": [20.0, 20.0]}}
    base = run_id(scenario_from_dict(data), 10, "1")
    assert len(base) == 16
    assert base == run_id(scenario_from_dict({**data, "name": "other", "description": "x"}), 10, "1")
    others = [
        run_id(scenario_from_dict({**data, "seed": 2}), 10, "1"),
        run_id(scenario_from_dict({**data, "hours": 12.0}), 10, "1"),
        run_id(scenario_from_dict(data), 9, "1"),
        run_id(scenario_from_dict(data), 10, "2"),
    ]
    assert len({base, *others}) == 5


def test_a_parameter_within_another_one_is_refused(write):
    group = '"cells.blast" = [{type = "all_blast", count = 3}]'
    text = complaint(write(f'[design]\nkind = "grid"\n[design.parameters]\n{group}\n"cells.blast.count" = [2, 9]'))
    assert "parameter cells.blast.count: expected none of these, because cells.blast gives all of it" in text


def test_equal_points_are_one_run(write):
    runs = make_plan(write(GRID.replace("[0.1, 0.3, 1]", "[1, 1.0]")))
    assert [(run.parameters["cells.blast.count"], run.points) for run in runs] == [(2, (0, 1)), (3, (2, 3))]


def test_a_value_that_the_scenario_has_anyway_gives_the_run_of_the_scenario(write):
    given, default = (GRID.replace('"cells.blast.count" = [2, 3]', line) for line in ('"time.step_min" = [6]', ""))
    assert [run.run_id for run in make_plan(write(given))] == [run.run_id for run in make_plan(write(default))]


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "text", "parts"),
    [
        ("", "", ["design is missing"]),
        ("hourz = 3", GRID, ["hourz = 3", "nearest valid name: hours"]),
        ("hours = 0.07", GRID, ["hours = 0.07", "whole number of steps of 6 min"]),
        ("hours = nan", GRID, ["hours = nan", "finite"]),
        ("seeds = 0", GRID, ["seeds = 0", "1 to 1000000 replicates, or a list of seeds"]),
        ("seeds = []", GRID, ["seeds = []", "expected"]),
        ("seeds = [1, 2, 1, -4]", GRID, ["seeds.2 = 1", "seeds.3 = -4"]),
        ('variant = "few"', GRID, ["variant few", "many"]),
        ("keep_every_h = 0.7", GRID, ["keep_every_h = 0.7", "multiple of output.timeseries_every_h = 0.5"]),
        ("", '[design]\nkind = "gird"', ["gird", '"grid"']),
        ("", '[design]\nkind = "grid"\nparameters = {}', ["the design is empty"]),
        ("", GRID.replace("[2, 3]", "[]"), ["cells.blast.count = []", "at least one value"]),
        ("", GRID.replace("asns_relative", "asns_relativ"), ["asns_relativ = 0.1", "name: asns_relative"]),
        ("", GRID.replace("[2, 3]", "[2, -3, nan]"), ["count = -3", "count = nan"]),
        ("", GRID.replace("cells.blast.count", "seed"), ["parameter seed", "seeds"]),
        ("", GRID.replace("cells.blast.count", "cells.blast.count.x"), ["cells.blast.count is a value, not a table"]),
        ("", GRID.replace("cells.blast.count", "variants.many"), ["parameter variants.many", "outside variants"]),
        ("", GRID.replace("cells.blast.count", "cells..count"), ["parameter cells..count", "expected a key"]),
        ("", design("sobol", a="{ low = 1, high = 1 }", b="{ low = 0.0, high = 1.0, scale = 'log' }"),
         ["design.ranges.a.high = 1", "more than low", "design.ranges.b.low = 0.0", "logarithmic"]),
        ("", design("sobol", a="{ low = 1, high = 2 }").replace("samples = 4", "samples = 6"), ["power of 2"]),
        ("", '[design]\nkind = "list"\nfile = "none.csv"', ["none.csv", "cannot be read"]),
        ("", GRID + '[[readouts]]\ncolumn = "live_blasts"\n[[readouts]]\ncolumn = "birth"',
         ["readouts.0.column = live_blasts", "nearest valid name: live_blast", "readouts.1.column = birth", "births"]),
        ("", GRID + '[[readouts]]\ncolumn = "births"\nat_h = 0.6', ["readouts.0.at_h = 0.6", "multiple of"]),
        ("", GRID + '[[readouts]]\ncolumn = "births"\nat_h = 1.5', ["readouts.0.at_h = 1.5", "at most 1"]),
        ("", GRID + '[[readouts]]\ncolumn = "births"\ntake = "mena"', ["take", "nearest valid name: mean"]),
        ("", GRID + '[[readouts]]\ncolumn = "births"\ntake = "max"\nat_h = 1.0', ["at_h", "either take or at_h"]),
        ("", GRID + '[[readouts]]\ncolumn = "births"\n[[readouts]]\ncolumn = "births"', ["readouts.1", "already"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_name(write, head, text, parts):
    message = complaint(write(text, head))
    for part in parts:
        assert part in message


def test_all_problems_of_all_points_are_told_once(write):
    message = complaint(write(GRID.replace("[2, 3]", "[-2, -3]").replace("[0.1, 0.3, 1]", "[0.1, -1]"), "seeds = 3"))
    assert len(message.splitlines()) == 3
    assert all(value in message for value in ("count = -2", "count = -3", "asns_relative = -1"))


def test_a_missing_scenario_is_refused(write, tmp_path):
    (tmp_path / "base.toml").rename(tmp_path / "basis.toml")
    message = complaint(write())
    assert "base.toml: no such file" in message
    assert "basis.toml" in message


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["is empty"]),
        ("cells.blast.count\n", ["design is empty"]),
        ("cells.blast.count,hours\n2,1.0\n3\n", ["row 3 has 1 values; expected 2"]),
        ("cells.blast.count,hours\n2,1.0\n3,\n", ["row 3: hours has no value; columns must be equally long"]),
        ("cells.blast.count,cells.blast.count\n2,3\n", ["column cells.blast.count is there twice"]),
        ("cells.blast.count,\n2,3\n", ["column 2 has no name"]),
        ("cells.blast.count\n2\nnan\n", ["cells.blast.count = nan"]),
        ("cells.blast.cuont\n2\n", ["cells.blast.cuont = 2", "nearest valid name: count"]),
    ],
)
def test_a_table_of_points_that_is_wrong_is_refused(write, tmp_path, content, parts):
    (tmp_path / "points.csv").write_text(content)
    message = complaint(write('[design]\nkind = "list"\nfile = "points.csv"'))
    for part in parts:
        assert part in message


def test_decimals_of_a_database_are_numbers(write, tmp_path):
    pd.DataFrame({"cells.blast.asns_relative": [Decimal("0.5")], "cells.blast.count": [Decimal(3)]}).to_parquet(
        tmp_path / "points.parquet"
    )
    run = make_plan(write('[design]\nkind = "list"\nfile = "points.parquet"'))[0]
    assert run.parameters == {"cells.blast.asns_relative": 0.5, "cells.blast.count": 3}
    json.dumps(run.parameters)


def test_values_of_other_kinds_and_endless_fields_are_refused(write, tmp_path):
    pd.DataFrame({"seed": [pd.Timestamp("2020-01-01")]}).to_parquet(tmp_path / "points.parquet")
    message = complaint(write('[design]\nkind = "list"\nfile = "points.parquet"'))
    assert "points.parquet: row 1: seed = 2020-01-01 00:00:00: expected a number" in message
    (tmp_path / "points.csv").write_text("cells.blast.count\n" + '"' + "9" * 200_000)
    assert "points.csv: is damaged, or no table" in complaint(write('[design]\nkind = "list"\nfile = "points.csv"'))


def test_one_place_of_a_list_has_one_key(write):
    text = GRID.replace("[design.parameters]", '[design.parameters]\n"vessels.positions_um.00" = [[20.0, 20.0]]')
    assert "expected an index from 0 to 0, not 00" in complaint(write(text))


def test_a_parquet_file_that_is_none_is_refused(write, tmp_path):
    (tmp_path / "points.parquet").write_text("a,b\n")
    assert "points.parquet: is damaged" in complaint(write('[design]\nkind = "list"\nfile = "points.parquet"'))


# -- the sweep folder -----------------------------------------------------------------------------------------------


def test_a_sweep_folder_stands_alone(write, tmp_path):
    path = write(head='variant = "many"\nhours = 0.5')
    runs = write_plan(path, tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "plan.jsonl",
        "plan.sha256",
        "scenario.toml",
        "sweep.toml",
    ]
    path.unlink()
    (tmp_path / "base.toml").unlink()
    plan = read_plan(tmp_path / "out")
    assert plan.runs == tuple(runs)
    require_as_planned(plan)
    scenario, n_steps = scenario_of(plan, plan.runs[0])
    assert (scenario.seed, scenario.cells["blast"].count, scenario.hours, n_steps) == (5, 2, 1.0, 5)


def test_more_hours_extend_the_scenario(write):
    run = make_plan(write(head="hours = 2.0"))[0]
    assert run.run_id != make_plan(write())[0].run_id


def test_a_plan_line_tells_the_whole_run(write, tmp_path):
    write_plan(write(), tmp_path / "out")
    line = json.loads((tmp_path / "out" / "plan.jsonl").read_text().splitlines()[0])
    assert line["parameters"] == {"cells.blast.count": 2, "cells.blast.asns_relative": 0.1}
    assert (line["seed"], line["points"], len(line["run_id"])) == (5, [0], 16)


def test_a_plan_can_be_made_again_and_changed_until_there_are_results(write, tmp_path):
    folder = tmp_path / "out"
    write_plan(write(), folder)
    write_plan(write(head="seeds = 3"), folder)
    (folder / "parts").mkdir()
    (folder / "parts" / "part-1.parquet").write_bytes(b"results")
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    write_plan(write(head="seeds = 3"), folder)
    with pytest.raises(OutputError, match=r"another plan, or jobs of it \(sweep.toml, plan.jsonl changed\)"):
        write_plan(write(head="seeds = 4"), folder)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_a_plan_that_was_submitted_is_not_replaced(write, tmp_path):
    write_plan(write(), tmp_path / "out")
    (tmp_path / "out" / "submissions" / "0001").mkdir(parents=True)
    with pytest.raises(OutputError, match="another plan, or jobs of it"):
        write_plan(write(head="seeds = 4"), tmp_path / "out")


def test_comments_and_names_of_files_make_no_other_plan_but_readouts_do(write, tmp_path):
    folder = tmp_path / "out"
    runs = write_plan(write(), folder)
    (folder / "parts").mkdir()
    (folder / "parts" / "part-1.parquet").write_bytes(b"results")
    (tmp_path / "base.toml").rename(tmp_path / "renamed.toml")
    path = write(head="# four seeds would be better")
    path.write_text(path.read_text().replace("base.toml", "renamed.toml"))
    assert write_plan(path, folder) == runs == list(read_plan(folder).runs)
    path.write_text(path.read_text() + '[[readouts]]\ncolumn = "live_blast"\n')
    with pytest.raises(OutputError, match=r"another plan, or jobs of it \(sweep.toml changed\)"):
        write_plan(path, folder)


@pytest.mark.parametrize("name", ["plan.jsonl", "sweep.toml", "scenario.toml"])
@pytest.mark.parametrize("damage", [b"", b"\xff\n"])
def test_a_damaged_file_of_a_plan_is_mended_by_planning_again(write, tmp_path, name, damage):
    folder = tmp_path / "out"
    runs = write_plan(write(), folder)
    (folder / "parts").mkdir()
    (folder / "parts" / "part-1.parquet").write_bytes(b"results")
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(damage)
    assert write_plan(write(), folder) == runs
    assert (folder / name).read_bytes() == before
    (folder / name).write_bytes(damage)
    if name != "scenario.toml":  # of which all that matters is in the plan
        with pytest.raises(OutputError, match="another plan, or jobs of it"):
            write_plan(write(head="seeds = 4"), folder)


def test_what_reads_results_off_a_run_counts_as_code():
    package = Path(identity.__file__).parents[1]
    for name in identity._READING:
        assert (package / name).exists()
        assert hash_of_sources([name]) != hash_of_sources()


def test_a_scenario_or_a_sweep_that_was_edited_after_the_plan_is_noticed(write, tmp_path):
    write_plan(write(), tmp_path / "out")
    (tmp_path / "out" / "scenario.toml").write_text(SCENARIO.replace("[[30.0, 30.0]]", "[[30.0, 31.0]]"))
    with pytest.raises(OutputError, match="was changed since the plan"):
        require_as_planned(read_plan(tmp_path / "out"))


@pytest.mark.parametrize("name", ["sweep.toml", "scenario.toml", "plan.jsonl"])
def test_a_file_of_the_plan_that_was_edited_or_cut_off_is_noticed(write, tmp_path, name):
    write_plan(write(), tmp_path / "out")
    path = tmp_path / "out" / name
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(OutputError, match="was changed since the plan"):
        read_plan(tmp_path / "out")


def test_another_version_of_the_code_is_refused(write, tmp_path, monkeypatch):
    write_plan(write(), tmp_path / "out")
    monkeypatch.setattr("tumorabm.sweep.plan.code_version", lambda: "0.0.2")
    with pytest.raises(OutputError, match=r"was planned with the code .*, this is 0\.0\.2"):
        require_as_planned(read_plan(tmp_path / "out"))


@pytest.mark.parametrize(
    ("content", "part"), [(None, "holds no plan"), ("", "is empty"), ('{"run_id": "x"}\n', "line 1 is damaged")]
)
def test_a_folder_without_a_whole_plan_is_refused(write, tmp_path, content, part):
    write_plan(write(), tmp_path / "out")
    path = tmp_path / "out" / "plan.jsonl"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(OutputError, match=part):
        read_plan(tmp_path / "out")
