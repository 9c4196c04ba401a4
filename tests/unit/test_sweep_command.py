"""``tumorabm sweep``: nothing run twice, nothing lost, faults told, and the tables and pictures of what was done."""

import itertools
import math
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import tumorabm
from tumorabm.cli import app
from tumorabm.model import TumorModel
from tumorabm.scenario import load_scenario
from tumorabm.sweep import collect, plot, pool
from tumorabm.sweep.execute import execute, read_off
from tumorabm.sweep.plan import read_plan
from tumorabm.sweep.result import failed
from tumorabm.sweep.schema import Readout, load_sweep
from tumorabm.sweep.store import PartWriter, read_store

REPOSITORY = Path(__file__).parents[2]
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
"""
SWEEP = """
scenario = "base.toml"
seeds = 2
[design]
kind = "grid"
[design.parameters]
"cells.blast.count" = [2, 3]
"cells.blast.asns_relative" = [0.1, 1.0]
[[readouts]]
column = "live_blast"
[[readouts]]
column = "asns_mean_blast"
take = "max"
[[readouts]]
column = "live_blast"
at_h = 0.5
"""
COLUMNS = ["run_id", "cells.blast.count", "cells.blast.asns_relative", "seed", "status", "error", "wall_s"]


def sweep(*arguments):
    return CliRunner().invoke(app, ["sweep", *(str(argument) for argument in arguments)])


def planned(folder, text=SWEEP, scenario=SCENARIO):
    """Plan a sweep in a folder; return the sweep folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "base.toml").write_text(scenario, "utf-8")
    (folder / "sweep.toml").write_text(text, "utf-8")
    result = sweep("plan", folder / "sweep.toml", "--out", folder / "out")
    assert result.exit_code == 0, result.output
    return folder / "out"


def parts(folder):
    return sorted((folder / "parts").glob("*.parquet"))


def states(folder):
    lines = sweep("status", folder).stdout.splitlines()
    return {name: int(number) for name, number in (line.split(": ") for line in lines[:5])}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Sweep folder in which the eight runs are done, and what the command said."""
    folder = planned(tmp_path_factory.mktemp("finished"))
    return folder, sweep("run", folder, "--jobs", 2)


@pytest.fixture
def inline(monkeypatch):
    """Let runs take place in this process, which is quicker and can be interfered with."""

    def run_all(folder, runs, jobs, ended, now_and_then, pause_s):
        plan = read_plan(folder)
        for run in runs:
            ended(execute(plan, run))

    monkeypatch.setattr(pool, "run_all", run_all)


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished sweep that a test may spoil."""
    subprocess.run(["cp", "-r", finished[0], tmp_path / "copy"], check=True)
    return tmp_path / "copy"


def assert_refused(result, *expected):
    assert result.exit_code == 2, result.output
    for part in expected:
        assert part in result.stderr
    assert "Traceback" not in result.stderr


# -- plan and example -----------------------------------------------------------------------------------------------


def test_a_wrong_sweep_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "base.toml").write_text(SCENARIO)
    (tmp_path / "sweep.toml").write_text(SWEEP.replace("count", "cuont"))
    assert_refused(sweep("plan", tmp_path / "sweep.toml", "--out", tmp_path / "out"), "cuont", "name: count")
    assert not (tmp_path / "out").exists()


def test_the_example_is_the_shipped_sweep_and_can_be_planned(tmp_path):
    shipped = REPOSITORY / "scenarios" / "sweeps" / "asns_and_dose.toml"
    assert sweep("example").stdout == shipped.read_text("utf-8")
    assert sweep("example", "--out", tmp_path / "mine.toml").exit_code == 0
    assert load_sweep(tmp_path / "mine.toml") == load_sweep(shipped)
    assert_refused(sweep("example", "--out", tmp_path / "mine.toml"), "exists")
    result = sweep("plan", shipped, "--out", tmp_path / "out")
    assert result.stdout == f"200 runs of 10 points of the design: {tmp_path / 'out'}\n"


# -- run ------------------------------------------------------------------------------------------------------------


def test_all_runs_are_done_and_told(finished):
    folder, result = finished
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stderr.splitlines() if " of 8 runs" in line]
    assert [line.split("; ")[1].split()[0] for line in lines] == [str(number) for number in range(1, 9)]
    assert states(folder) == {"runs": 8, "done": 8, "failed": 0, "missing": 0, "parts set aside": 0}
    assert len(parts(folder)) == 1


def test_a_run_is_that_of_the_scenario_alone(finished):
    folder, _ = finished
    results = tumorabm.read_sweep(folder)
    row = results.iloc[5]
    assert row[COLUMNS[1:5]].tolist() == [3, 0.1, 6, "done"]
    overrides = {"cells.blast.count": 3, "cells.blast.asns_relative": 0.1, "seed": 6}
    model = TumorModel(load_scenario(folder / "scenario.toml", overrides)).run()
    series = model.timeseries().set_index("time_h")
    assert row["live_blast"] == series["live_blast"].iloc[-1]
    assert row["asns_mean_blast_max"] == series.loc[[0.0, 0.5, 1.0], "asns_mean_blast"].max()
    assert row["live_blast_at_0.5_h"] == series.loc[0.5, "live_blast"]


def test_nothing_is_run_twice(finished):
    folder, _ = finished
    before = [(path, path.stat().st_mtime_ns) for path in parts(folder)]
    result = sweep("run", folder)
    assert (result.exit_code, result.stderr) == (0, "8 of 8 runs are there already\n")
    assert [(path, path.stat().st_mtime_ns) for path in parts(folder)] == before


def test_runs_of_a_damaged_part_are_done_again(copy, inline):
    (part,) = parts(copy)
    before = tumorabm.read_sweep(copy)
    part.write_bytes(part.read_bytes()[:-100])
    assert states(copy) == {"runs": 8, "done": 0, "failed": 0, "missing": 8, "parts set aside": 1}
    result = sweep("run", copy)
    assert result.exit_code == 0, result.output
    assert "damaged" in result.stderr
    assert states(copy) == {"runs": 8, "done": 8, "failed": 0, "missing": 0, "parts set aside": 1}
    pd.testing.assert_frame_equal(tumorabm.read_sweep(copy).drop(columns="wall_s"), before.drop(columns="wall_s"))


def test_a_run_that_fails_is_recorded_and_the_others_go_on(tmp_path, monkeypatch, inline):
    step = TumorModel.step

    def fail_with_three(self):
        if self.scenario.cells["blast"].count == 3:
            raise FloatingPointError("too stiff")
        step(self)

    monkeypatch.setattr(TumorModel, "step", fail_with_three)
    folder = planned(tmp_path)
    result = sweep("run", folder)
    assert result.exit_code == 1
    assert "failed: FloatingPointError; too stiff" in result.stderr
    assert result.stderr.splitlines()[-1].endswith("4 of 8 runs failed; tumorabm sweep status tells why")
    assert states(folder) == {"runs": 8, "done": 4, "failed": 4, "missing": 0, "parts set aside": 0}
    assert "FloatingPointError; too stiff" in sweep("status", folder).stdout
    results = tumorabm.read_sweep(folder)
    assert results["status"].tolist() == ["done"] * 4 + ["failed"] * 4
    assert results["live_blast"].isna().tolist() == [False] * 4 + [True] * 4
    again = sweep("run", folder)
    assert (again.exit_code, again.stderr.splitlines()[0]) == (1, "8 of 8 runs are there already")
    monkeypatch.setattr(TumorModel, "step", step)
    assert sweep("run", folder, "--retry-failed").exit_code == 0
    assert states(folder)["done"] == 8


def test_a_worker_that_dies_takes_only_its_run_with_it(tmp_path):
    folder = planned(tmp_path)
    results = []

    def ended(result):
        results.append(result)
        if len(results) == 1:
            (worker,) = multiprocessing.active_children()
            worker.kill()  # it has the second run by now

    runs = read_plan(folder).runs
    pool.run_all(folder, runs, 1, ended, int, 60.0)
    assert [result.run_id for result in results] == [run.run_id for run in runs]
    assert [result.status for result in results] == ["done", "failed"] + ["done"] * 6
    assert results[1].error == "its process ended with exit code -9"


def test_results_of_other_libraries_are_told(tmp_path, monkeypatch):
    folder = planned(tmp_path)
    plan = read_plan(folder)
    for numpy in ("1.26.0", "2.0.0"):
        monkeypatch.setattr("tumorabm.sweep.store.provenance.versions", lambda numpy=numpy: {"numpy": numpy})
        writer = PartWriter(plan.parts)
        writer.add(failed(plan.runs[0].run_id, "too stiff"))
        writer.flush()
    result = sweep("status", folder)
    assert result.exit_code == 0, result.output
    assert "different versions" in result.stderr
    assert "numpy 1.26.0" in result.stderr
    assert "numpy 2.0.0" in result.stderr


def test_workers_that_cannot_begin_are_no_failed_runs(tmp_path):
    folder = planned(tmp_path)
    (folder / "plan.jsonl").rename(folder / "elsewhere.jsonl")
    (tmp_path / "other").mkdir()
    runs = read_plan_from(folder, "elsewhere.jsonl")
    with pytest.raises(tumorabm.sweep.pool.OutputError, match="a worker process cannot begin"):
        pool.run_all(folder, runs, 1, pytest.fail, int, 60.0)


def read_plan_from(folder, name):
    (folder / name).rename(folder / "plan.jsonl")
    runs = read_plan(folder).runs
    (folder / "plan.jsonl").rename(folder / name)
    return runs


def test_an_interrupted_command_loses_nothing_that_was_done_and_goes_on(tmp_path, inline):
    folder = planned(tmp_path)
    command = [sys.executable, "-m", "tumorabm", "sweep", "run", "out", "--jobs", "1"]
    options = {"cwd": tmp_path, "env": {"PYTHONPATH": str(REPOSITORY), "PATH": ""}, "text": True}
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, **options) as process:
        assert "1 of 8 runs" in process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers too
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert rest.endswith("tumorabm: interrupted; finished runs are kept, and the same command goes on from there\n")
    n_done = states(folder)["done"]
    assert n_done >= 1
    again = sweep("run", folder)
    assert again.stderr.startswith(f"{n_done} of 8 runs are there already\n") or n_done == 8
    assert states(folder)["done"] == 8


@pytest.mark.parametrize("command", ["run", "status", "collect"])
def test_a_folder_without_a_plan_is_refused(tmp_path, command):
    assert_refused(sweep(command, tmp_path), "holds no plan", "tumorabm sweep plan")


def test_a_full_disk_is_told_and_leaves_what_is_there(copy, monkeypatch):
    (part,) = parts(copy)
    part.rename(part.with_name("aside"))
    before = part.with_name("aside").read_bytes()

    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PartWriter, "_probe", full)
    assert_refused(sweep("run", copy), "results cannot be written: the disk is full")
    assert [path.read_bytes() for path in (copy / "parts").iterdir()] == [before]


# -- collect --------------------------------------------------------------------------------------------------------


def test_the_tables_hold_a_row_a_run_and_the_time_series(copy):
    result = sweep("collect", copy)
    assert result.exit_code == 0, result.output
    results = pd.read_parquet(copy / "results.parquet")
    assert list(results)[:7] == COLUMNS
    assert list(results)[7:] == ["live_blast", "asns_mean_blast_max", "live_blast_at_0.5_h"]
    assert results["run_id"].tolist() == [run.run_id for run in read_plan(copy).runs]
    pd.testing.assert_frame_equal(results, tumorabm.read_sweep(copy))
    series = pd.read_parquet(copy / "timeseries.parquet")
    assert series.groupby("run_id")["time_h"].apply(list).tolist() == [[0.0, 0.5, 1.0]] * 8
    last = series.groupby("run_id")["live_blast"].last()
    assert last[results["run_id"]].tolist() == results["live_blast"].tolist()
    for picture in ("heat_map.png", "responses.png"):
        assert (copy / picture).read_bytes().startswith(b"\x89PNG")
        assert picture in result.stdout


def test_an_unfinished_sweep_can_be_collected(tmp_path):
    folder = planned(tmp_path)
    plan = read_plan(folder)
    writer = PartWriter(plan.parts)
    writer.add(execute(plan, plan.runs[0]))
    writer.flush()
    result = sweep("collect", folder)
    assert result.exit_code == 0, result.output
    assert "1 runs done" in result.stderr
    assert "7 runs missing" in result.stderr
    results = pd.read_parquet(folder / "results.parquet")
    assert results["status"].tolist() == ["done"] + ["missing"] * 7
    assert results["live_blast"].tolist()[0] == 2.0


def test_a_part_that_grows_while_it_is_collected_gives_the_runs_it_had(tmp_path, monkeypatch):
    folder = planned(tmp_path)
    plan = read_plan(folder)
    writer = PartWriter(plan.parts)
    writer.add(execute(plan, plan.runs[0]))
    writer.flush()
    results_of = collect.results_of

    def meanwhile(plan, contents):
        writer.add(execute(plan, plan.runs[1]))
        writer.flush()
        return results_of(plan, contents)

    monkeypatch.setattr(collect, "results_of", meanwhile)
    result = sweep("collect", folder)
    assert result.exit_code == 0, result.output
    assert pd.read_parquet(folder / "results.parquet")["status"].tolist() == ["done"] + ["missing"] * 7
    assert set(pd.read_parquet(folder / "timeseries.parquet")["run_id"]) == {plan.runs[0].run_id}
    monkeypatch.undo()
    assert sweep("status", folder).stdout.splitlines()[1] == "done: 2"


def test_a_sampled_design_has_no_heat_map():
    points = pd.DataFrame({"a": np.arange(9.0), "b": np.arange(9.0), "seed": 1, "status": "done", "live": 1.0})
    grid = pd.DataFrame(itertools.product([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]), columns=["a", "b"]).assign(live=2.0)
    assert not plot._fill_a_table(points, ["a", "b"])
    assert plot._fill_a_table(grid, ["a", "b"])
    assert plot._fill_a_table(grid.iloc[:5], ["a", "b"]), "some runs are still missing"


def test_short_runs_share_a_row_group(copy, monkeypatch):
    assert sweep("collect", copy).exit_code == 0
    assert pq.ParquetFile(copy / "timeseries.parquet").num_row_groups == 1
    before = pd.read_parquet(copy / "timeseries.parquet")
    monkeypatch.setattr(collect, "_ROWS_TOGETHER", 6)
    assert sweep("collect", copy).exit_code == 0
    assert pq.ParquetFile(copy / "timeseries.parquet").num_row_groups == 4
    pd.testing.assert_frame_equal(pd.read_parquet(copy / "timeseries.parquet"), before)


def test_a_sweep_of_which_nothing_is_done_has_a_table_without_readouts(tmp_path):
    folder = planned(tmp_path)
    assert sweep("collect", folder).exit_code == 0
    assert list(pd.read_parquet(folder / "results.parquet")) == COLUMNS
    assert len(pd.read_parquet(folder / "timeseries.parquet")) == 0


def test_a_run_that_was_done_twice_is_taken_once(copy):
    plan = read_plan(copy)
    writer = PartWriter(plan.parts)
    writer.add(execute(plan, plan.runs[0]))
    writer.flush()
    result = sweep("collect", copy)
    assert result.exit_code == 0, result.output
    assert "1 results were there twice, with the same bits" in result.stderr
    assert len(pd.read_parquet(copy / "timeseries.parquet")) == 24


def test_a_run_that_gave_other_bits_is_named(copy):
    plan = read_plan(copy)
    result = execute(plan, plan.runs[3])
    writer = PartWriter(plan.parts)
    writer.add(type(result)(**{**vars(result), "digest": "0" * 64}))
    writer.flush()
    collected = sweep("collect", copy)
    assert collected.exit_code == 1
    assert f"different bits: {plan.runs[3].run_id}" in collected.stderr
    assert len(pd.read_parquet(copy / "results.parquet")) == 8


def test_only_the_rows_that_are_wanted_are_kept(tmp_path):
    folder = planned(tmp_path, SWEEP.replace("seeds = 2", "keep_every_h = 1.0"))
    plan = read_plan(folder)
    writer = PartWriter(plan.parts)
    writer.add(execute(plan, plan.runs[0]))
    writer.flush()
    sweep("collect", folder)
    assert pd.read_parquet(folder / "timeseries.parquet")["time_h"].tolist() == [0.0, 1.0]


def test_runs_with_other_columns_lie_in_one_table(tmp_path):
    text = SWEEP.replace('"cells.blast.asns_relative" = [0.1, 1.0]', '"cells.other" = [{type = "msc", count = 1}]')
    folder = planned(tmp_path, text)
    plan = read_plan(folder)
    other = planned(tmp_path / "other")
    writer = PartWriter(plan.parts)
    for one in (plan, read_plan(other)):
        writer.add(execute(one, one.runs[0]))
    writer.flush()
    from tumorabm.sweep.collect import write_tables

    write_tables(plan, read_store(plan.parts), pd.DataFrame())
    series = pd.read_parquet(folder / "timeseries.parquet")
    assert series["live_other"].isna().sum() == 3
    assert series["live_blast"].tolist() == [2] * 6


# -- readouts -------------------------------------------------------------------------------------------------------

ROWS = [{"time_h": t, "a": a} for t, a in ((0.0, 3.0), (1.0, math.nan), (2.0, 1.0), (3.0, 5.0))]


@pytest.mark.parametrize(
    ("readout", "value"),
    [
        ({}, 5.0),
        ({"take": "last"}, 5.0),
        ({"take": "min"}, 1.0),
        ({"take": "max"}, 5.0),
        ({"take": "mean"}, 3.0),
        ({"at_h": 2.0}, 1.0),
        ({"at_h": 2.5}, None),
    ],
)
def test_a_readout_is_read_off_the_time_series(readout, value):
    assert read_off(Readout(column="a", **readout), ROWS) == value


def test_a_column_that_a_run_has_not_gives_none_and_one_without_values_nan():
    assert read_off(Readout(column="b"), ROWS) is None
    assert math.isnan(read_off(Readout(column="a", take="min"), ROWS[1:2]))


# -- sensitivity ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sobol", "morris"])
def test_indices_find_the_parameter_that_matters(tmp_path, kind):
    pytest.importorskip("SALib")
    from tumorabm.sweep.indices import indices_of
    from tumorabm.sweep.plot import indices_figure

    text = f"""
scenario = "base.toml"
seeds = 2
[design]
kind = "{kind}"
samples = 128
[design.ranges]
"cells.blast.asns_relative" = {{ low = 0.01, high = 1.0, scale = "log" }}
"cells.blast.asns_sigma" = {{ low = 0.2, high = 0.8 }}
"""
    plan = read_plan(planned(tmp_path, text))
    x = np.array([run.parameters["cells.blast.asns_relative"] for run in plan.runs])
    results = pd.DataFrame({"live_blast": 3.0 * np.log10(x / 0.01), "flat": 1.0})
    indices = indices_of(plan, results, ["live_blast", "flat"])
    assert indices["readout"].unique().tolist() == ["live_blast"]
    first, second = indices.set_index("parameter").iloc[[0, 1]].to_dict("records")
    if kind == "sobol":
        assert (first["S1"], first["ST"]) == pytest.approx((1.0, 1.0), abs=0.1)
        assert (second["S1"], second["ST"]) == pytest.approx((0.0, 0.0), abs=0.05)
    else:
        assert (first["mu_star"], first["sigma"]) == pytest.approx((6.0, 0.0), abs=1e-6)
        assert (second["mu_star"], second["sigma"]) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert [ax.get_title() for ax in indices_figure(indices).axes] == ["live cells: blast"]
    results.loc[0, "live_blast"] = np.nan
    assert indices_of(plan, results, ["live_blast"]) is None
