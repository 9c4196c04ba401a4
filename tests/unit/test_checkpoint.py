"""A run that is killed or interrupted goes on from its newest whole checkpoint, and no byte differs in the end."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import mesa
import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tumorabm import TumorModel, load_scenario
from tumorabm.cli import app
from tumorabm.output import checkpoint, checkpoint_series, provenance
from tumorabm.output.checkpoint_series import CheckpointSchedule, CheckpointSeries, RunLock, checkpoint_paths
from tumorabm.output.parquet_stream import ParquetStream, PartedStream
from tumorabm.output.recorder import Recorder, record_run
from tumorabm.output.run_folder import OutputError, RunFolder

HERE = Path(__file__).parent
SCENARIO = """
hours = 2.0
seed = 5
[domain]
size_um = [100.0, 80.0]
[vessels]
positions_um = [[50.0, 40.0]]
[cells.blast]
type = "all_blast"
count = 12
[[pharmacology.doses]]
drug = "asparaginase"
formulation = "pegaspargase"
dose_iu_per_m2 = 2500.0
day = 0.05
[output]
timeseries_every_h = 0.2
cells_every_h = 0.4
fields_every_h = 0.6
"""
TRAVELLERS = """
name = "travellers"
hours = 1.5
seed = 5
domain = { size_um = [100.0, 80.0] }
vessels = { density_per_mm2 = 400.0 }
cells = { tumour = { type = "breast_tumour", count = 60 }, stroma = { type = "fibroblast", count = 10 } }
[sites.lung]
domain = { size_um = [100.0, 100.0] }
vessels = { density_per_mm2 = 400.0 }
cells = { stroma = { count = 5 } }
[circulation]
groups = ["tumour"]
detachment_per_h = 0.5
intravasation_per_h = 5.0
vessel_reach_um = 200.0
[[pharmacology.doses]]
drug = "asparaginase"
formulation = "pegaspargase"
dose_iu_per_m2 = 2500.0
day = 0.02
[[pharmacology.doses]]
drug = "rapamycin"
peak_uM = 0.1
day = 0.03
[output]
timeseries_every_h = 0.2
cells_every_h = 0.4
fields_every_h = 0.5
"""
OF_THE_PROCESS = {"started", "wall_s", "compile_s", "stages_s", "peak_rss_mb", "threads", "host", "resumed_at_h"}
KILLS = 20


@pytest.fixture(autouse=True)
def in_own_folder_without_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Recorder, "_draw_summary", lambda self: None)
    (tmp_path / "small.toml").write_text(SCENARIO)


def tumorabm(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def run(*arguments):
    return tumorabm("run", "small.toml", "--quiet", "--threads", 1, *arguments)


def contents(folder: Path | str) -> dict[str, object]:
    """Return every file of a run folder by name: its bytes, and of run.json what belongs to the result."""
    folder = Path(folder)
    files: dict[str, object] = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    described = json.loads(files["run.json"])
    files["run.json"] = {key: value for key, value in described.items() if key not in OF_THE_PROCESS}
    return files


def run_json(folder: Path | str) -> dict[str, object]:
    return json.loads((Path(folder) / "run.json").read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a run holds that was never interrupted and kept no checkpoints."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.toml").write_text(SCENARIO)
    scenario = load_scenario(folder / "small.toml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "_draw_summary", lambda self: None)
        return contents(record_run(TumorModel(scenario, threads=1), scenario, RunFolder("a", 1, out=folder / "run")))


@pytest.fixture(scope="module")
def left_by_a_kill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hidden folder of a run as it is after 14 steps, with checkpoints of the steps 5 and 10."""
    base = tmp_path_factory.mktemp("killed")
    (base / "small.toml").write_text(SCENARIO)
    scenario = load_scenario(base / "small.toml")
    folder = RunFolder("small", 5, out=base / "mine")

    def keep(recorder: Recorder) -> None:
        if recorder._model.tick == 14:
            shutil.copytree(folder.path, base / "kept")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "_draw_summary", lambda self: None)
        schedule = CheckpointSchedule(every_ticks=5)
        record_run(TumorModel(scenario, threads=1), scenario, folder, after_step=keep, checkpoints=schedule)
    return base / "kept"


@pytest.fixture
def killed(left_by_a_kill: Path) -> Path:
    """A killed run that was to be called mine."""
    return Path(shutil.copytree(left_by_a_kill, ".mine.partial-1"))


def at_step(monkeypatch, tick, action):
    step = TumorModel.step

    def patched(self):
        if self.tick == tick:
            action()
        step(self)

    monkeypatch.setattr(TumorModel, "step", patched)


def refused(result, *parts):
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1
    for part in parts:
        assert part in result.stderr


# -- the same in the end --------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.one_version
def test_runs_killed_at_random_instants_and_resumed_are_those_that_were_not(tmp_path):
    (tmp_path / "travellers.toml").write_text(TRAVELLERS)
    seed = str(np.random.SeedSequence().entropy % 2**32)
    arguments = [sys.executable, HERE / "killed_runs.py", tmp_path / "travellers.toml", tmp_path, str(KILLS), seed]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"seed {seed}: {result.stderr}"
    report = json.loads(result.stdout)
    assert report["killed"] == KILLS
    assert report["resumed"] >= KILLS // 4, report
    uninterrupted = contents("whole")
    for name in report["names"]:
        # a kill after the run folder got its name may leave checkpoints in it that are of no more use
        found = {path: content for path, content in contents(name).items() if not path.startswith("checkpoints/")}
        assert found == uninterrupted, f"seed {seed}, run {name}"
    events = pq.read_table("whole/events.parquet")["event"].to_pylist()
    assert {"dose", "intravasation"} <= set(events), "too little happened for the comparison to be worth anything"


def test_a_process_that_is_killed_leaves_a_run_that_another_one_finishes(tmp_path, whole):
    command = [sys.executable, "-m", "tumorabm"]
    arguments = ["run", "small.toml", "--quiet", "--out", "mine", "--checkpoint-hours", "0.1", "--threads", "2"]
    for _ in range(20):  # the run is short: on a busy machine it may end before it is killed
        process = subprocess.Popen([*command, *arguments])
        while process.poll() is None and not any(checkpoint_paths(path) for path in tmp_path.glob(".mine.partial-*")):
            time.sleep(0.01)
        process.kill()
        process.wait()
        if not Path("mine").exists():
            break
        shutil.rmtree("mine")
    assert subprocess.run([*command, "resume", "mine", "--quiet"], check=False).returncode == 0
    assert without_picture(contents("mine")) == whole


def without_picture(files):
    return {name: content for name, content in files.items() if name != "summary.png"}


def test_checkpoints_change_no_byte_and_are_gone_in_the_end(whole):
    assert run("--out", "mine", "--checkpoint-hours", 0.3, "--checkpoint-every", "1h").exit_code == 0
    assert contents("mine") == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_interrupted_twice_and_resumed_twice_is_that_which_was_not(monkeypatch, whole, number):
    with monkeypatch.context() as patch:
        at_step(patch, 7, lambda: signal.raise_signal(number))
        first = run("--out", "mine", "--checkpoint-hours", 2)
    assert first.exit_code == 130
    assert "to go on: tumorabm resume mine" in first.stderr
    assert run_json("mine")["finished"] == "interrupted by the user at 0.8 h"
    assert pq.read_table("mine/timeseries.parquet")["time_h"].to_pylist()[-1] == pytest.approx(0.8)
    with monkeypatch.context() as patch:
        at_step(patch, 13, lambda: signal.raise_signal(number))
        assert tumorabm("resume", "mine", "--quiet", "--threads", 1).exit_code == 130
    assert run_json("mine")["finished"] == "interrupted by the user at 1.4 h"
    last = tumorabm("resume", "mine", "--quiet", "--threads", 2)
    assert (last.exit_code, last.stdout, last.stderr) == (0, "mine\n", "")
    assert contents("mine") == whole
    assert run_json("mine")["resumed_at_h"] == pytest.approx([0.8, 1.4])
    assert sorted(path.name for path in Path().iterdir()) == ["mine", "small.toml"]


def test_a_resumed_run_ends_with_the_table_of_a_run(killed):
    result = tumorabm("resume", "mine")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0] == "going on from the checkpoint at 1 h"
    assert [line.split()[0] for line in result.stderr.splitlines()[1:]] == ["1.2", "1.4", "1.6", "1.8", "2.0"]
    plain = tumorabm("run", "small.toml", "--out", "plain").stdout.splitlines()
    resumed = result.stdout.splitlines()
    assert resumed[-1] == "run folder: mine"
    assert resumed[:-2] == plain[:-2]  # all but wall time and name


def test_the_folder_of_a_killed_run_may_be_named_itself(killed, whole):
    assert tumorabm("resume", killed, "--quiet").stdout == "mine\n"
    assert contents("mine") == whole


def test_a_run_that_was_to_end_early_still_does(monkeypatch):
    with monkeypatch.context() as patch:
        at_step(patch, 7, lambda: signal.raise_signal(signal.SIGINT))
        run("--out", "mine", "--hours", 1, "--checkpoint-hours", 2)
    assert tumorabm("resume", "mine", "--quiet").exit_code == 0
    assert (run_json("mine")["steps"], run_json("mine")["finished"]) == (10, True)


def test_a_resumed_run_replaces_what_it_was_to_replace(monkeypatch, whole):
    run("--out", "mine", "--seed", 6)
    with monkeypatch.context() as patch:
        at_step(patch, 7, lambda: signal.raise_signal(signal.SIGINT))
        run("--out", "mine", "--force", "--checkpoint-hours", 2)
    assert run_json("mine")["seed"] == 6
    Path("mine-2").rename(".mine.partial-1")  # as after SIGKILL
    refused(tumorabm("resume", "mine"), "mine: the run is finished", "there is also .mine.partial-1")
    assert tumorabm("resume", ".mine.partial-1", "--quiet").stdout == "mine\n"
    assert contents("mine") == whole


def test_a_killed_run_can_go_on_after_its_last_step(monkeypatch, whole):
    def keep(self, finished, **options):
        shutil.copytree(self._folder.path, ".late.partial-1")
        return close(self, finished, **options)

    close = Recorder.close
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "close", keep)
        run("--out", "mine", "--checkpoint-hours", 0.5)
    assert [path.name for path in checkpoint_paths(Path(".late.partial-1"))] == ["step-000000015", "step-000000020"]
    assert tumorabm("resume", "late", "--quiet").exit_code == 0
    assert contents("late") == whole


# -- when checkpoints are written -----------------------------------------------------------------------------------


def steps_written(monkeypatch) -> list[int]:
    write, steps = checkpoint_series.write_state, []

    def noting(path, scenario, state, run_files):
        write(path, scenario, state, run_files)
        steps.append(state["model"]["tick"])

    monkeypatch.setattr(checkpoint_series, "write_state", noting)
    return steps


def test_checkpoints_are_written_at_the_start_and_every_so_many_simulated_hours(monkeypatch):
    steps = steps_written(monkeypatch)
    run("--checkpoint-hours", 0.5)
    assert steps == [0, 5, 10, 15, 20]


def test_checkpoints_are_written_whenever_so_much_wall_time_has_passed(monkeypatch, tmp_path):
    now_s = [100.0]
    monkeypatch.setattr(checkpoint_series.time, "monotonic", lambda: now_s[0])
    steps = steps_written(monkeypatch)
    step = TumorModel.step

    def slow(self):
        step(self)
        now_s[0] += 20.0

    monkeypatch.setattr(TumorModel, "step", slow)
    run("--checkpoint-every", "1.5m")
    assert steps == [0, 5, 10, 15, 20]


def test_sigusr1_writes_a_checkpoint_and_the_run_goes_on(monkeypatch, whole):
    steps = steps_written(monkeypatch)
    at_step(monkeypatch, 6, lambda: signal.raise_signal(signal.SIGUSR1))
    before = signal.getsignal(signal.SIGUSR1)
    assert run("--out", "mine", "--checkpoint-every", "2h").exit_code == 0
    assert steps == [0, 7]
    assert contents("mine") == whole
    assert signal.getsignal(signal.SIGUSR1) is before


def test_a_run_without_checkpoints_leaves_sigusr1_as_it_is(monkeypatch):
    seen = []
    at_step(monkeypatch, 6, lambda: seen.append(signal.getsignal(signal.SIGUSR1)))
    run()
    assert seen == [signal.getsignal(signal.SIGUSR1)]


def test_the_last_two_checkpoints_are_kept(killed):
    assert [path.name for path in checkpoint_paths(killed)] == ["step-000000005", "step-000000010"]


@pytest.mark.parametrize("every", ["", "30", "m", "-30m", "0s", "30 m", "30d", "nan", "1e3s"])
def test_a_wall_time_that_is_none_is_refused(every):
    refused(run("--checkpoint-every", every), "--checkpoint-every", "expected a wall time above 0 such as 90s")
    assert sorted(path.name for path in Path().iterdir()) == ["small.toml"]


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "0.01"])
def test_hours_that_are_no_whole_steps_are_refused(hours):
    refused(
        run("--checkpoint-hours", hours), "--checkpoint-hours", "expected a positive whole number of steps of 6 min"
    )
    assert sorted(path.name for path in Path().iterdir()) == ["small.toml"]


# -- what is refused ------------------------------------------------------------------------------------------------


def test_a_finished_run_is_refused_and_untouched(whole):
    run("--out", "mine", "--checkpoint-hours", 1)
    Path("mine/checkpoints").mkdir()  # where the process died between publishing and deleting them
    refused(tumorabm("resume", "mine"), "mine: the run is finished, expected one that was interrupted or killed")
    assert contents("mine") == whole
    assert not Path("mine/checkpoints").exists()


def test_a_missing_folder_is_refused_with_the_nearest_names():
    run("--out", "mine")
    refused(tumorabm("resume", "mina"), "mina: no such run folder", "mine")


def test_a_folder_that_is_no_run_is_refused():
    Path("thesis").mkdir()
    refused(tumorabm("resume", "thesis"), "thesis: run.json is missing, expected a run folder")
    assert list(Path("thesis").iterdir()) == []


def test_an_interrupted_run_without_checkpoints_is_refused(monkeypatch):
    with monkeypatch.context() as patch:
        at_step(patch, 7, lambda: signal.raise_signal(signal.SIGINT))
        interrupted = run("--out", "mine")
    assert "to go on" not in interrupted.stderr
    before = contents("mine")
    refused(
        tumorabm("resume", "mine"), "mine: there is no checkpoint to go on from; expected a run with --checkpoint-every"
    )
    assert contents("mine") == before


def test_a_run_killed_before_its_first_checkpoint_is_refused(killed):
    for path in checkpoint_paths(killed):
        shutil.rmtree(path)
    refused(tumorabm("resume", "mine"), "mine: there is no checkpoint to go on from; expected a run")


def test_of_several_killed_runs_one_must_be_named(killed):
    shutil.copytree(killed, ".mine.partial-2")
    refused(tumorabm("resume", "mine"), "more than one unfinished run", ".mine.partial-1, .mine.partial-2")


def test_a_run_that_still_goes_on_is_refused(killed, whole):
    lock = RunLock(killed)
    refused(tumorabm("resume", "mine"), "the run still goes on in process")
    lock.release()
    assert tumorabm("resume", "mine", "--quiet").exit_code == 0
    assert contents("mine") == whole


def test_nobody_can_resume_a_run_while_it_is_being_recorded(monkeypatch):
    results = []
    at_step(monkeypatch, 6, lambda: results.append(tumorabm("resume", "mine")))
    assert run("--out", "mine", "--checkpoint-hours", 0.5).exit_code == 0
    refused(results[0], "the run still goes on in process")


def test_a_checkpoint_of_other_code_is_refused_and_told_what_differs(killed, monkeypatch):
    here = {**checkpoint.versions_that_matter(), "numpy": "0.1"}
    monkeypatch.setattr(checkpoint, "versions_that_matter", lambda: here)
    refused(tumorabm("resume", "mine"), f"numpy {np.__version__}, here 0.1; expected", "written by another version")
    assert killed.exists()


def test_a_checkpoint_of_another_format_is_refused(killed):
    for path in checkpoint_paths(killed):
        rewrite_manifest(path, format=2)
    refused(tumorabm("resume", "mine"), "a checkpoint of format 2, expected format 1")


def rewrite_manifest(path: Path, **changes: object) -> None:
    manifest = json.loads((path / "manifest.json").read_text()) | changes
    del manifest["sha256"]
    manifest["sha256"] = checkpoint._sum_of(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_what_a_checkpoint_rests_on_is_what_makes_bits():
    names = {path.relative_to(provenance._PACKAGE).as_posix() for path in provenance._sources(checkpoint._RECORDING)}
    assert {
        "model.py",
        "fields/stage.py",
        "biology/cell.py",
        "cell_types/all_blast.toml",
        "output/recorder.py",
    } <= names
    assert not {"cli.py", "output/style.py", "output/summary_plot.py", "validation/fact.py"} & names


# -- damage ---------------------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [cut, flip, Path.unlink])
@pytest.mark.parametrize("name", ["arrays.npz", "state.json", "scenario.toml", "manifest.json"])
def test_from_a_damaged_checkpoint_it_falls_back_to_the_one_before(killed, whole, name, harm):
    harm(killed / "checkpoints" / "step-000000010" / name)
    result = tumorabm("resume", "mine", "--quiet")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("\n") == 1
    assert "warning: " in result.stderr
    assert f"step-000000010/{name}" in result.stderr or "manifest.json" in result.stderr
    assert "going on from the checkpoint before, at 0.5 h" in result.stderr
    assert contents("mine") == whole


def test_a_part_of_a_table_that_is_damaged_counts_too(killed, whole):
    flip(killed / "checkpoints" / "parts" / "cells-000003.parquet")  # written between the two checkpoints
    result = tumorabm("resume", "mine", "--quiet")
    assert "cells-000003.parquet is damaged" in result.stderr
    assert contents("mine") == whole


def test_where_no_checkpoint_is_whole_the_run_is_refused_and_left(killed):
    for path in checkpoint_paths(killed):
        cut(path / "state.json")
    refused(tumorabm("resume", "mine"), "no checkpoint is whole", "step-000000005", "step-000000010")
    assert len(checkpoint_paths(killed)) == 2


def test_a_checkpoint_that_was_being_written_counts_for_nothing(killed, whole):
    shutil.copytree(killed / "checkpoints/step-000000010", killed / "checkpoints/.step-000000014.partial-1")
    assert tumorabm("resume", "mine", "--quiet").stderr == ""
    assert contents("mine") == whole


# -- a full disk ----------------------------------------------------------------------------------------------------


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["write_state", "require_space"])
def test_a_disk_without_room_for_a_checkpoint_is_told_once_and_costs_nothing(monkeypatch, whole, where):
    monkeypatch.setattr(checkpoint_series, where, full)
    result = run("--out", "mine", "--checkpoint-hours", 0.5)
    assert result.exit_code == 0
    assert result.stderr == (
        "tumorabm: no checkpoint could be written: the disk is full; the run goes on and tries again later\n"
    )
    assert contents("mine") == whole


def test_of_a_checkpoint_that_does_not_fit_nothing_is_left(tmp_path, monkeypatch):
    model = TumorModel(load_scenario("small.toml"), threads=1)
    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.write("here", model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.toml"]


def test_after_a_full_disk_the_run_goes_on_from_the_checkpoint_before(monkeypatch, whole):
    write, calls = checkpoint_series.write_state, []

    def full_at_the_third(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            full()
        write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_series, "write_state", full_at_the_third)
        at_step(patch, 12, lambda: shutil.copytree(f".mine.partial-{os.getpid()}", ".late.partial-1"))
        run("--out", "mine", "--checkpoint-hours", 0.5)
    assert contents("mine") == whole
    assert tumorabm("resume", "late", "--quiet").exit_code == 0
    assert run_json("late")["resumed_at_h"] == [0.5]
    assert contents("late") == whole


def test_where_not_even_run_json_fits_the_checkpoints_are_kept(monkeypatch, whole):
    with monkeypatch.context() as patch:
        at_step(patch, 12, lambda: patch.setattr(RunFolder, "write_text", full))
        result = run("--out", "mine", "--checkpoint-hours", 0.5)
    refused(result, "nothing but checkpoints could be kept of the run", ".mine.partial-", "the disk is full")
    resumed = tumorabm("resume", "mine", "--quiet")
    assert resumed.exit_code == 0, resumed.stderr
    assert contents("mine") == whole


# -- from Python ----------------------------------------------------------------------------------------------------


def test_a_model_is_written_and_read(tmp_path):
    model = TumorModel(load_scenario("small.toml"), rng=np.random.Generator(np.random.MT19937(3)), threads=1).run(1.0)
    checkpoint.write("here", model)
    restored = checkpoint.read("here").model(threads=2)
    assert (restored.tick, restored.key, restored.scenario) == (10, model.key, model.scenario)
    assert restored.rng.random() == model.rng.random()
    assert restored.random.random() == model.random.random()
    model.run(1.0)
    restored.run(1.0)
    assert restored.timeseries().equals(model.timeseries())
    for name, column in model.population.data.items():
        assert column.tobytes() == restored.population.data[name].tobytes(), name


def test_a_checkpoint_is_plain_arrays_and_json(tmp_path):
    checkpoint.write("here", TumorModel(load_scenario("small.toml"), threads=1))
    with np.load("here/arrays.npz", allow_pickle=False) as arrays:
        assert arrays["model.population.blocks.uid"].tolist() == list(range(1, 13))
        assert all(array.dtype.hasobject is False for array in arrays.values())
    manifest = json.loads(Path("here/manifest.json").read_text())
    assert (manifest["format"], manifest["tick"], manifest["scenario"]) == (1, 0, "small")
    assert manifest["files"].keys() == {"arrays.npz", "scenario.toml", "state.json"}


def test_a_name_that_is_taken_is_refused(tmp_path):
    model = TumorModel(load_scenario("small.toml"), threads=1)
    with pytest.raises(OutputError, match=r"small\.toml exists, expected the name of a new checkpoint"):
        checkpoint.write("small.toml", model)


class Immune(mesa.Agent):
    """An agent that a user adds."""


def test_a_model_with_ordinary_agents_is_refused_by_name_before_anything_is_recorded(tmp_path):
    scenario = load_scenario("small.toml")
    model = TumorModel(scenario, threads=1)
    Immune(model)
    with pytest.raises(ValueError, match="expected no agents beside the cells, got Immune"):
        checkpoint.write("here", model)
    folder = RunFolder("small", 5, out="mine")
    with pytest.raises(ValueError, match="got Immune"):
        record_run(model, scenario, folder, checkpoints=CheckpointSchedule(every_ticks=5))
    folder.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.toml"]


def test_what_is_no_plain_value_is_refused_by_its_place(tmp_path):
    with pytest.raises(TypeError, match=r"model\.depot\.0: expected arrays, numbers and text, got set"):
        checkpoint.write_state(tmp_path / "here", load_scenario("small.toml"), {"model": {"depot": [{1}]}}, {})
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("number", [np.float64(0.1) * 3, np.int64(7), 0.1 + 0.2, float("inf"), True, None, 2**100])
def test_numbers_keep_their_type_and_their_bits(tmp_path, number):
    scenario = load_scenario("small.toml")
    checkpoint.write_state(tmp_path / "here", scenario, {"model": {"tick": 0, "number": number}}, {})
    restored = checkpoint.read(tmp_path / "here").state["model"]["number"]
    assert type(restored) is type(number)
    assert restored == number


def test_large_arrays_are_written_a_piece_at_a_time(tmp_path):
    cells = np.zeros((10_000_000, 2))
    tracemalloc.start()
    checkpoint.write_state(tmp_path / "here", load_scenario("small.toml"), {"model": {"tick": 0, "cells": cells}}, {})
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 0.5 * cells.nbytes


# -- tables in parts ------------------------------------------------------------------------------------------------


def rows(n: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    numbers = generator.normal(size=n)
    numbers[::5], numbers[::7] = np.nan, -np.nan
    return {
        "time_h": np.full(n, 0.1 + 0.2),
        "site": np.full(n, "primary", dtype=object),
        "type": generator.choice(np.array(["blast", "normal", "stroma"], dtype=object), n),
        "methylated": generator.integers(0, 2, n).astype(np.int8),
        "uid": np.arange(n),
        "x_um": numbers,
        "progress": numbers.astype(np.float32),
    }


def test_a_table_made_from_parts_is_that_which_was_never_cut(tmp_path):
    (tmp_path / "parts").mkdir()
    plain, parted = (
        ParquetStream(tmp_path / "plain.parquet"),
        PartedStream(tmp_path / "cells.parquet", tmp_path / "parts"),
    )
    generator = np.random.default_rng(1)
    for n in (0, 7, 30_000, 0, 12, 100_001):
        columns = rows(n, generator)
        plain.append(columns)
        parted.append(columns)
        if n != 7:
            parted.seal()
            parted = PartedStream(parted.path, tmp_path / "parts")  # as after a kill
    plain.close()
    parted.close()
    assert len(parted.parts) == 5
    assert parted.path.read_bytes() == plain.path.read_bytes()


def test_a_table_without_rows_is_not_made(tmp_path):
    parted = PartedStream(tmp_path / "cells.parquet", tmp_path)
    parted.seal()
    parted.close()
    assert not parted.path.exists()


def test_a_series_of_checkpoints_tries_again_only_when_one_is_due(tmp_path, monkeypatch):
    folder = RunFolder("small", 5)
    series = CheckpointSeries(folder, CheckpointSchedule(every_ticks=5), lambda message: None)
    assert series.is_due(0)
    monkeypatch.setattr(checkpoint_series, "require_space", full)
    assert not series.has_room(0, {})
    assert [tick for tick in range(1, 11) if series.is_due(tick)] == [5, 10]
    series.end(complete=True)
