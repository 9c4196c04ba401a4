"""``tumorabm variants``: one run folder a run, nothing run twice, faults reported, and the comparison."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tumorabm.cli import app
from tumorabm.scenario import load_scenario
from tumorabm.variants import runner
from tumorabm.variants.plot import draw_comparison
from tumorabm.variants.table import compare

REPOSITORY = Path(__file__).parents[2]
SCENARIO = """
hours = 1.0
seed = 5
[domain]
size_um = [100.0, 80.0]
[vessels]
positions_um = [[50.0, 40.0]]
[cells.blast]
type = "all_blast"
count = 6
[output]
timeseries_every_h = 0.5
[variants.control]
[[variants.treated.pharmacology.doses]]
drug = "asparaginase"
formulation = "pegaspargase"
dose_iu_per_m2 = 2500.0
day = 0.0
"""
FOLDERS = ["control-s5", "control-s6", "treated-s5", "treated-s6"]


def tumorabm(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def variants(folder, *arguments):
    return tumorabm("variants", folder / "arms.toml", "--out", folder / "out", "--jobs", 2, *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder in which the command has run, and what it said."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "arms.toml").write_text(SCENARIO, "utf-8")
    return folder, variants(folder, "--replicates", 2)


@pytest.fixture
def new(tmp_path):
    (tmp_path / "arms.toml").write_text(SCENARIO, "utf-8")
    return tmp_path


def run_json(folder):
    return json.loads((folder / "run.json").read_text("utf-8"))


def assert_refused(result, *parts):
    assert result.exit_code == 2, result.output
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.stderr


# -- run --variant --------------------------------------------------------------------------------------------------


def test_one_variant_is_run_into_a_folder_of_its_name(new, monkeypatch):
    monkeypatch.chdir(new)
    result = tumorabm("run", "arms.toml", "--variant", "treated", "--quiet", "--hours", 0.5)
    assert result.stdout == "runs/arms_treated-s5\n"
    assert load_scenario("runs/arms_treated-s5/scenario.toml") == load_scenario("arms.toml", variant="treated")
    assert run_json(Path("runs/arms_treated-s5"))["simulated_hours"] == 0.5


def test_an_unknown_variant_is_refused(new):
    assert_refused(tumorabm("run", new / "arms.toml", "--variant", "treatet"), "nearest valid name: treated")


# -- all variants ---------------------------------------------------------------------------------------------------


def test_each_run_has_its_complete_folder(finished):
    folder, result = finished
    assert result.exit_code == 0, result.output
    tables = ["comparison.csv", "comparison.png", "variants.csv"]
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted([*FOLDERS, *tables])
    for name in FOLDERS:
        variant, _, seed = name.partition("-s")
        expected = load_scenario(folder / "arms.toml", [f"seed={seed}"], variant)
        assert load_scenario(folder / "out" / name / "scenario.toml") == expected
        record = run_json(folder / "out" / name)
        assert (record["finished"], record["threads"], record["seed"]) == (True, 1, int(seed))
        assert (folder / "out" / name / "summary.png").exists()


def test_a_run_is_that_of_the_variant_alone(finished, tmp_path):
    folder, _ = finished
    alone = tmp_path / "alone"
    tumorabm("run", folder / "arms.toml", "--variant", "treated", "--seed", 6, "--out", alone, "--quiet")
    for table in ("timeseries", "cells", "events"):
        pd.testing.assert_frame_equal(
            pd.read_parquet(alone / f"{table}.parquet"),
            pd.read_parquet(folder / "out" / "treated-s6" / f"{table}.parquet"),
            check_exact=True,
        )


def test_progress_is_a_plain_line_for_each_run_when_not_in_a_terminal(finished):
    _, result = finished
    lines = [line for line in result.stderr.splitlines() if " of 4 runs" in line]
    assert [line.split("; ")[1].split()[0] for line in lines] == ["1", "2", "3", "4"]
    assert sorted(line.split()[0] for line in lines) == FOLDERS


def test_the_table_holds_the_last_row_of_each_time_series(finished):
    folder, _ = finished
    table = pd.read_csv(folder / "out" / "variants.csv")
    assert list(table.columns[:3]) == ["variant", "seed", "time_h"]
    assert (table["variant"] + "-s" + table["seed"].astype(str)).tolist() == FOLDERS
    for name, (_, row) in zip(FOLDERS, table.iterrows(), strict=True):
        last = pd.read_parquet(folder / "out" / name / "timeseries.parquet").drop(columns="site").iloc[-1]
        assert row[last.index].astype(float).to_numpy() == pytest.approx(last.to_numpy(float), nan_ok=True, rel=1e-14)


def test_live_cells_are_compared_unless_readouts_are_named(finished):
    folder, result = finished
    table = pd.read_csv(folder / "out" / "comparison.csv")
    assert table["readout"].unique().tolist() == ["live_blast"]
    assert table["variant"].tolist() == ["control", "treated"]
    assert "ratio to control" in result.stdout
    assert (folder / "out" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_done_is_not_run_again_and_other_readouts_can_be_compared(finished):
    folder, _ = finished
    before = {name: run_json(folder / "out" / name) for name in FOLDERS}
    result = variants(folder, "--replicates", 2, "--readout", "plasma_asparagine_uM", "--readout", "births")
    assert result.exit_code == 0, result.output
    assert result.stderr == "4 of 4 runs are there already\n"
    assert {name: run_json(folder / "out" / name) for name in FOLDERS} == before
    table = pd.read_csv(folder / "out" / "comparison.csv")
    assert table["readout"].tolist() == ["plasma_asparagine_uM"] * 2 + ["births"] * 2
    assert table["ratio"][1] < 0.1
    variants(folder, "--replicates", 2)


def test_results_of_other_code_are_named(finished):
    folder, _ = finished
    record = run_json(folder / "out" / "control-s5")
    (folder / "out" / "control-s5" / "run.json").write_text(json.dumps(record | {"model_version": "older"}), "utf-8")
    result = variants(folder, "--replicates", 2)
    (folder / "out" / "control-s5" / "run.json").write_text(json.dumps(record), "utf-8")
    assert result.exit_code == 0, result.output
    assert "some of these were made by other code: older; this is" in result.stderr


def test_an_attempt_that_broke_off_is_run_again(finished):
    folder, _ = finished
    broken = folder / "out" / "treated-s5"
    record = run_json(broken)
    (broken / "run.json").write_text(json.dumps(record | {"finished": "interrupted by the user at 0.5 h"}), "utf-8")
    (broken / "timeseries.parquet").unlink()
    result = variants(folder, "--replicates", 2)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("3 of 4 runs are there already\ntreated-s5 ran 1 h; 1 of 1 runs")
    assert run_json(broken)["finished"] is True


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--set", "cells.blast.count=7"], ["control-s5: holds a run of another scenario", "--out"]),
        (["--hours", "0.5"], ["control-s5: holds a run of 1 h, not of 0.5 h", "--out"]),
        (["--hours", "0.01"], ["--hours 0.01", "whole number of steps"]),
        (["--readout", "live_blasts"], ["--readout live_blasts", "nearest valid name: live_blast"]),
        (["--set", "hourz=3"], ["variant control with --set: hourz = 3", "variant treated with --set: hourz = 3"]),
        (["--replicates", "0"], ["--replicates"]),
        (["--jobs", "0"], ["--jobs"]),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(finished, arguments, parts):
    folder, _ = finished
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*")}
    assert_refused(variants(folder, "--replicates", 2, *arguments), *parts)
    assert {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*")} == before


def test_all_variants_are_checked_before_anything_runs(new):
    (new / "arms.toml").write_text(SCENARIO + "[variants.wrong]\nhours = -1\n[variants.worse]\nhourz = 1\n", "utf-8")
    assert_refused(variants(new), "variant wrong: hours = -1", "variant worse: hourz = 1")
    assert not (new / "out").exists()


def test_a_file_without_variants_is_refused(new):
    (new / "arms.toml").write_text(SCENARIO.partition("[variants")[0], "utf-8")
    assert_refused(variants(new), "has no variants", "[variants.<name>]")


def test_a_folder_that_is_no_run_is_refused_and_left_alone(new):
    (new / "out" / "control-s5").mkdir(parents=True)
    (new / "out" / "control-s5" / "thesis.txt").write_text("mine")
    assert_refused(variants(new), "control-s5: is no run folder")
    assert [path.name for path in (new / "out").rglob("*")] == ["control-s5", "thesis.txt"]


def test_a_run_that_fails_is_reported_and_the_others_go_on(new):
    long = "x" * 240  # a folder of that name is possible, the hidden one before it is not
    (new / "arms.toml").write_text(SCENARIO + f"[variants.{long}]\n", "utf-8")
    result = variants(new, "--replicates", 1)
    assert result.exit_code == 1, result.output
    assert f"{long}-s5 failed: cannot write the run folder" in result.stderr
    assert result.stderr.splitlines()[-1] == f"tumorabm: 1 of 3 runs failed: {long}-s5"
    assert pd.read_csv(new / "out" / "variants.csv")["variant"].tolist() == ["control", "treated"]


def test_a_process_that_dies_is_a_failed_run(new, monkeypatch):
    monkeypatch.setattr(runner, "_work", int)  # of two arguments that it does not take
    run = runner.Run("control", load_scenario(new / "arms.toml", variant="control"), 10, new / "control-s5")
    ended = []
    runner.run_all([run], 1, lambda run, fault: ended.append((run.folder.name, fault)))
    assert ended == [("control-s5", "its process ended with exit code 1")]


@pytest.mark.one_version
def test_an_interrupted_command_leaves_whole_folders_and_goes_on_from_there(new):
    command = [sys.executable, "-m", "tumorabm", "variants", "arms.toml", "--out", "out", "--jobs", "1", "--replicates"]
    options = {"cwd": new, "env": {"PYTHONPATH": str(REPOSITORY), "PATH": ""}, "text": True}
    with subprocess.Popen([*command, "2"], stderr=subprocess.PIPE, start_new_session=True, **options) as process:
        assert "1 of 4 runs" in process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the processes of the runs too
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert rest == "tumorabm: interrupted; finished runs are kept, and the same command goes on from there\n"
    assert run_json(new / "out" / "control-s5")["finished"] is True
    assert not list((new / "out").glob(".*"))
    again = subprocess.run([*command, "1"], capture_output=True, check=False, **options)
    assert again.returncode == 0, again.stderr
    assert again.stderr.startswith("1 of 2 runs are there already\n")


# -- the picture ----------------------------------------------------------------------------------------------------


def test_a_comparison_without_intervals_or_without_values_is_drawn(tmp_path):
    results = pd.DataFrame(
        {"variant": ["a", "b", "c"], "seed": [1, 1, 1], "live_x": [3, 0, 5], "tissue_ammonia_uM": [2.0, np.nan, -1.0]}
    )
    comparison = compare(results, ["live_x", "tissue_ammonia_uM"], "a")
    path = draw_comparison(results, comparison, tmp_path / "comparison.png", reference="a", title="three")
    assert path.read_bytes().startswith(b"\x89PNG")
