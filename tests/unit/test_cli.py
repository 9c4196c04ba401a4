"""The command line: one clear message for a wrong input, exit codes that scripts can use, nothing left half-written."""

import json
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tumorabm.biology.parameters import PARAMETERS, PERTURBATIONS
from tumorabm.cli import app
from tumorabm.model import TumorModel
from tumorabm.output.recorder import Recorder
from tumorabm.scenario import load_scenario

REPOSITORY = Path(__file__).parents[2]
SCENARIO = """
hours = 2.0
seed = 5
[domain]
size_um = [100.0, 80.0]
[vessels]
positions_um = [[50.0, 40.0]]
[cells.blast]
type = "all_blast"
count = 6
[[pharmacology.doses]]
drug = "asparaginase"
formulation = "pegaspargase"
dose_iu_per_m2 = 2500.0
day = 0.05
"""


@pytest.fixture(autouse=True)
def in_own_folder_without_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Recorder, "_draw_summary", lambda self: None)
    (tmp_path / "small.toml").write_text(SCENARIO)


def tumorabm(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def assert_refused(result, *parts):
    assert result.exit_code == 2, result.output
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["small.toml"], "something was left behind"


def run_json(folder):
    return json.loads((Path(folder) / "run.json").read_text())


def test_a_run_ends_with_a_table_and_the_path_of_its_folder():
    result = tumorabm("run", "small.toml", "--threads", 1)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[-1] == "run folder: runs/small-s5"
    assert "start" in lines[0] and "at first dose" in lines[0] and "end" in lines[0]
    assert any(line.split()[:1] == ["blast"] and "6" in line for line in lines)
    assert "plasma asparagine, lowest" in result.stdout
    assert "ledger" in result.stdout
    assert run_json("runs/small-s5")["finished"] is True


def test_progress_is_a_plain_line_for_each_tenth_when_not_in_a_terminal():
    progress = [line for line in tumorabm("run", "small.toml").stderr.splitlines() if " of 2 h" in line]
    assert [line.split()[0] for line in progress] == [f"{0.2 * (i + 1):.1f}" for i in range(10)]
    assert all("live: blast" in line for line in progress)
    assert all("left" in line for line in progress[1:])


def test_a_quiet_run_prints_only_its_folder():
    result = tumorabm("run", "small.toml", "--quiet")
    assert (result.stdout, result.stderr) == ("runs/small-s5\n", "")


def test_seed_and_set_override_the_scenario_and_are_recorded():
    result = tumorabm(
        "run", "small.toml", "--quiet", "--seed", 9, "--set", "pharmacology.doses=[]", "--set", "hours=1.0"
    )
    written = tomllib.loads((Path(result.stdout.strip()) / "scenario.toml").read_text())
    assert (written["seed"], written["hours"], written["pharmacology"]["doses"]) == (9, 1.0, [])
    assert run_json("runs/small-s9")["simulated_hours"] == 1.0


def test_fewer_hours_stop_the_run_early_even_before_a_dose():
    assert tumorabm("run", "small.toml", "--quiet", "--hours", 0.5).exit_code == 0
    record = run_json("runs/small-s5")
    assert (record["steps"], record["simulated_hours"], record["finished"]) == (5, 0.5, True)
    assert load_scenario("runs/small-s5/scenario.toml") == load_scenario("small.toml")


def test_more_hours_extend_the_scenario():
    assert tumorabm("run", "small.toml", "--quiet", "--hours", 3).exit_code == 0
    assert run_json("runs/small-s5")["simulated_hours"] == 3.0
    assert load_scenario("runs/small-s5/scenario.toml").hours == 3.0


def test_the_recorded_scenario_gives_the_recorded_run_again():
    tumorabm("run", "small.toml", "--quiet", "--set", "cells.blast.count=9")
    tumorabm("run", "runs/small-s5/scenario.toml", "--quiet")
    for table in ("timeseries", "cells", "events"):
        first, again = (pd.read_parquet(f"runs/{name}/{table}.parquet") for name in ("small-s5", "small-s5-2"))
        pd.testing.assert_frame_equal(first, again, check_exact=True)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["missing.toml"], ["missing.toml", "small.toml"]),
        (["small.toml", "--set", "hourz=3"], ["hourz", "hours"]),
        (["small.toml", "--set", "hours=-1"], ["hours", "-1"]),
        (["small.toml", "--hours", "nan"], ["--hours", "positive whole number of steps of 6 min"]),
        (["small.toml", "--hours", "inf"], ["--hours", "expected"]),
        (["small.toml", "--hours", "0.01"], ["--hours", "expected"]),
        (["small.toml", "--hours", "soon"], ["--hours", "number"]),
        (["small.toml", "--threads", "0"], ["--threads"]),
        (["small.toml", "--out", "small.toml"], ["small.toml is a file"]),
        (["small.toml", "--out", "small.toml/run"], ["is a file, not a folder"]),
        (["small.toml", "--out", ".", "--force"], ["holds the current folder"]),
        (["small.toml", "--outt", "x"], ["--outt"]),
        ([], ["SCENARIO"]),
    ],
)
def test_a_wrong_input_is_refused_with_a_message_that_names_it(arguments, parts):
    assert_refused(tumorabm("run", *arguments), *parts)


def test_an_unknown_command_is_refused():
    assert_refused(tumorabm("rum"), "rum")


def test_an_existing_folder_is_refused_and_replaced_with_force():
    tumorabm("run", "small.toml", "--quiet", "--out", "mine")
    before = run_json("mine")
    refused = tumorabm("run", "small.toml", "--quiet", "--out", "mine", "--seed", 6)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert run_json("mine") == before
    assert tumorabm("run", "small.toml", "--quiet", "--out", "mine", "--seed", 6, "--force").exit_code == 0
    assert run_json("mine")["seed"] == 6


def test_a_solver_that_fails_at_the_start_is_one_message_and_leaves_nothing(monkeypatch):
    def fail(self, *arguments, **options):
        raise FloatingPointError("field oxygen has no steady state")

    monkeypatch.setattr(TumorModel, "__init__", fail)
    result = tumorabm("run", "small.toml", "--out", "mine")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "tumorabm: the run failed: field oxygen has no steady state"
    assert [path.name for path in Path().iterdir()] == ["small.toml"]


def interfere_in_step(monkeypatch, tick, action):
    step = TumorModel.step

    def patched(self):
        if self.tick == tick:
            action()
        step(self)

    monkeypatch.setattr(TumorModel, "step", patched)


def test_after_ctrl_c_the_step_is_completed_and_the_recorded_folder_named(monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    interfere_in_step(monkeypatch, 12, lambda: signal.raise_signal(signal.SIGINT))
    result = tumorabm("run", "small.toml")
    assert result.exit_code == 130
    assert "interrupted; what was recorded so far is in runs/small-s5" in result.stderr
    assert run_json("runs/small-s5")["finished"] == "interrupted by the user at 1.3 h"
    assert pd.read_parquet("runs/small-s5/timeseries.parquet")["time_h"].tolist() == pytest.approx([0, 1, 1.3])
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_stops_within_the_step(monkeypatch):
    def press_twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    interfere_in_step(monkeypatch, 12, press_twice)
    assert tumorabm("run", "small.toml").exit_code == 130
    assert run_json("runs/small-s5")["finished"] == "interrupted by the user at 1.2 h"
    assert pd.read_parquet("runs/small-s5/cells.parquet")["time_h"].max() == 0.0


def test_ctrl_c_before_the_first_step_leaves_nothing(monkeypatch):
    begin = TumorModel.__init__

    def interrupted(self, *arguments, **options):
        signal.raise_signal(signal.SIGINT)
        begin(self, *arguments, **options)

    monkeypatch.setattr(TumorModel, "__init__", interrupted)
    result = tumorabm("run", "small.toml")
    assert result.exit_code == 130
    assert "nothing was recorded" in result.stderr
    assert list(Path("runs").iterdir()) == []


def test_a_solver_that_fails_is_one_message_and_the_rest_is_kept(monkeypatch):
    def fail():
        raise FloatingPointError("oxygen did not converge")

    interfere_in_step(monkeypatch, 12, fail)
    result = tumorabm("run", "small.toml")
    assert result.exit_code == 1
    assert "oxygen did not converge; what was recorded so far is in runs/small-s5" in result.stderr
    assert "oxygen did not converge" in run_json("runs/small-s5")["finished"]


def test_the_schema_is_json_and_knows_the_sections():
    schema = json.loads(tumorabm("schema").stdout)
    assert {"domain", "cells", "pharmacology", "output"} <= set(schema["properties"])


def test_every_parameter_is_listed_with_unit_and_tag():
    lines = tumorabm("parameters").stdout.splitlines()
    listed = {line.split("│")[0].strip(): line for line in lines if "│" in line}
    assert set(PARAMETERS) <= set(listed)
    for name, parameter in PARAMETERS.items():
        assert f"{parameter.value:g}" in listed[name]
        assert f"│ {parameter.tag} " in listed[name]


def test_every_perturbation_is_listed():
    listed = {line.split("│")[0].strip() for line in tumorabm("parameters", "--perturbations").stdout.splitlines()}
    assert set(PERTURBATIONS) <= listed


def in_new_process(*arguments):
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": ""}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False)


def test_the_command_line_answers_without_loading_heavy_libraries():
    code = "import sys, tumorabm.cli; print({'numba', 'mesa', 'matplotlib', 'pyarrow', 'scipy'} & set(sys.modules))"
    assert in_new_process("-c", code).stdout == "set()\n"
    assert in_new_process("-m", "tumorabm", "--version").stdout.startswith("tumorabm ")


def test_a_user_error_in_a_process_of_its_own_has_exit_code_2_and_no_traceback():
    result = in_new_process("-m", "tumorabm", "run", "missing.toml")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("tumorabm: ")
    assert result.stderr.count("\n") == 1
