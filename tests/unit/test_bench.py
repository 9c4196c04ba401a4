"""The benchmark: what it times, whether its figures agree with one another, and how it fails. No time is asserted."""

import json
import math
import os
import pickle
import signal
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tumorabm.bench import report, startup, suite
from tumorabm.bench.accuracy import measure_accuracy
from tumorabm.bench.cases import CASES, QUICK_CASES, Case, tissue
from tumorabm.bench.elsewhere import OTHERS, PHYSICELL_ERROR
from tumorabm.bench.process import ProcessKilledError, in_fresh_process
from tumorabm.bench.speed import SMOOTHINGS_PER_CYCLE, measure_speed
from tumorabm.cli import app
from tumorabm.scenario import load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "benchmark"
TINY = Case("tiny", 2, 200, first_steps=2, skipped_steps=1, later_steps=2)


def here(function, *arguments, environment=None):
    """Stand in for `in_fresh_process`, without the process."""
    return function(*arguments)


@pytest.fixture(scope="module")
def speed():
    return measure_speed(TINY, 1)


@pytest.fixture
def results(speed):
    accuracy = [suite.Accuracy(name, "in words", 6.0, 1e-4, 1e-3) for name in PHYSICELL_ERROR]
    starts = [startup.StartUp("cold", 20.0, 15.0), startup.StartUp("warm", 2.0, 0.0)]
    made = {"code_version": "1", "python": "3", "numba": "0", "processors": 2, "load": None}
    return suite.Results(made, accuracy, starts, [speed])


@pytest.mark.parametrize("name", ["disc_10k", "disc_100k", "disc_1M"])
def test_the_files_of_the_discs_are_the_tissues_that_are_timed(name):
    written, timed = (asdict_without_words(s) for s in (load_scenario(SCENARIOS / f"{name}.toml"), tissue(CASES[name])))
    assert written == timed


def asdict_without_words(scenario):
    return scenario.model_dump(exclude={"description"})


def test_the_reference_disc_is_that_of_the_comparison():
    scenario = tissue(CASES["disc_100k"])
    assert scenario.domain.size_um == (8000.0, 8000.0)
    assert scenario.domain.voxel_um == 20.0
    oxygen = scenario.field_settings("oxygen")
    assert (oxygen.diffusion_um2_per_min, oxygen.decay_per_min) == (1e5, 0.1)
    assert oxygen.faces == pytest.approx(dict.fromkeys(("x_low", "x_high", "y_low", "y_high"), 38.0 * 1.3e-3))
    assert len(scenario.field_names) == 9


@pytest.mark.parametrize("ndim", [2, 3])
def test_all_sizes_have_the_same_density(ndim):
    unit = {2: math.pi, 3: 4.0 / 3.0 * math.pi}[ndim]
    densities = []
    for case in CASES.values():
        if case.ndim == ndim:
            group = tissue(case).cells["tumour"]
            densities.append(group.count / (unit * group.placement.radius_um**ndim))
    assert densities == pytest.approx([densities[0]] * len(densities), rel=0.06)  # sides are whole voxels


def test_quick_cases_exist_and_a_shortened_case_is_the_same_tissue():
    assert set(QUICK_CASES) <= set(CASES)
    for case in CASES.values():
        assert tissue(case.shortened()) == tissue(case)


def test_the_figures_of_a_window_agree_with_one_another(speed):
    assert (speed.case, speed.threads, speed.voxels, speed.fields) == ("tiny", 1, 18 * 18, 9)
    assert speed.live_cells <= speed.cells
    for window, steps, from_h in ((speed.first, 2, 0.0), (speed.later, 2, 0.3)):
        assert window.steps == steps
        assert window.from_h == pytest.approx(from_h)
        assert window.to_h - window.from_h == pytest.approx(0.1 * steps)
        assert window.mean_cells >= TINY.cells
        assert window.wall_s_per_hour * window.hours_per_wall_s == pytest.approx(1.0)
        assert window.ns_per_cell_step * window.mean_cells * steps == pytest.approx(1e9 * window.wall_s)
        stages = window.stages_ns_per_cell_step
        assert {"fields", "metabolism", "fate", "births_deaths"} <= set(stages)
        assert 0.0 < sum(stages.values()) <= window.ns_per_cell_step
        fields_s = stages["fields"] * window.mean_cells * steps / 1e9
        field_steps = steps * speed.fields
        updates = window.cycles_per_field_step * field_steps * speed.voxels * SMOOTHINGS_PER_CYCLE
        assert window.voxel_updates_per_s * fields_s == pytest.approx(updates)


def test_the_solver_is_within_two_thousandths_of_the_exact_solution_of_its_equations():
    measured = {row.case: row for row in measure_accuracy()}
    assert set(measured) == set(PHYSICELL_ERROR)
    for name, row in measured.items():
        assert 0.0 < row.solver_error < 0.002, row
        assert row.solver_error < PHYSICELL_ERROR[name]
        assert row.grid_error < 0.005, row


def test_a_fresh_process_is_another_one_with_its_own_environment():
    assert in_fresh_process(os.getpid) != os.getpid()
    assert in_fresh_process(os.getenv, "TUMORABM_BENCH_TEST", environment={"TUMORABM_BENCH_TEST": "set"}) == "set"
    assert "TUMORABM_BENCH_TEST" not in os.environ
    with pytest.raises(ZeroDivisionError):
        in_fresh_process(eval, "1 // 0")
    with pytest.raises(ProcessKilledError, match="exit code -6"):
        in_fresh_process(os.abort)


def test_a_fresh_process_does_not_outlive_an_interrupted_call(tmp_path):
    noted = tmp_path / "pid"
    note_and_sleep = f"""(
        __import__("pathlib").Path({str(noted)!r}).write_text(str(__import__("os").getpid())),
        __import__("time").sleep(600.0),
    )"""

    def press_ctrl_c():
        while not (noted.exists() and noted.read_text()):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in shells' background jobs
    try:
        threading.Thread(target=press_ctrl_c, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            in_fresh_process(eval, note_and_sleep)
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)


def test_peak_memory_grows_by_what_was_filled():
    code = "(peak := __import__('tumorabm.bench.speed', fromlist=['x']).peak_memory_mb, before := peak(), "
    code += "block := b'1' * 200_000_000, peak() - before)[-1]"
    assert in_fresh_process(eval, code) == pytest.approx(200.0, abs=20.0)


def test_a_suite_measures_all_and_survives_a_case_that_is_killed(monkeypatch):
    told = []
    monkeypatch.setattr(startup, "in_fresh_process", here)

    def killed_on_two_threads(function, *arguments):
        if arguments[1:] == (2,):
            raise ProcessKilledError("the process was killed (exit code -9)")
        return function(*arguments)

    monkeypatch.setattr(suite, "in_fresh_process", killed_on_two_threads)
    results = suite.run_suite([TINY], [1, 2], cold_start=False, tell=told.append)
    assert told == ["accuracy", "start-up", "tiny on 1 thread", "tiny on 2 threads"]
    assert [speed.threads for speed in results.speed] == [1]
    assert results.failures == ["tiny on 2 threads: the process was killed (exit code -9)"]
    assert [start.cache for start in results.start_up] == ["warm"]
    assert len(results.accuracy) == 3
    assert pickle.loads(pickle.dumps(results)) == results
    assert report.to_json(results)


def test_json_holds_everything_and_keeps_figures_from_elsewhere_apart(results, tmp_path):
    path = tmp_path / "bench.json"
    report.write_json(results, path)
    read = json.loads(path.read_text())
    assert set(read) == {"made", "accuracy", "start_up", "speed", "failures", "measured_elsewhere"}
    assert read["speed"] == [json.loads(json.dumps(asdict(results.speed[0])))]
    assert {other["name"] for other in read["measured_elsewhere"]["simulators"]} == {other.name for other in OTHERS}
    assert list(tmp_path.iterdir()) == [path]


def printed(results):
    console = Console(width=160, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    report.print_report(results, console)
    return console.export_text()


def test_the_report_names_stages_and_labels_ratios(results):
    results.speed[0] = type(results.speed[0])(**{**vars(results.speed[0]), "case": "disc_100k"})
    text = printed(results)
    for stage in results.speed[0].first.stages_ns_per_cell_step:
        assert stage in text
    slower = max(results.speed[0].first.wall_s_per_hour, results.speed[0].later.wall_s_per_hour)
    line = next(line for line in text.splitlines() if "PhysiCell 1.14.2  │ disc_100k │       1" in line)
    assert f" {715.0 / slower:.0f} " in line
    assert "measured elsewhere" in text
    assert "ratio to here" in text


def test_the_report_of_a_benchmark_in_which_all_failed_says_so(results):
    results.speed.clear()
    results.failures.append("disc_1M on 2 threads: not enough memory")
    assert "not measured: disc_1M on 2 threads: not enough memory" in printed(results)


def invoke(*arguments):
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--threads", "0"], ["--threads: expected", "got 0"]),
        (["--threads", "two"], ["--threads", "integer"]),
        (["--sizes", "disc_100K"], ["--sizes disc_100K", "unknown size", "nearest valid name: disc_100k"]),
        (["--sizes", "huge"], ["--sizes huge", "expected one of disc_1k, disc_10k"]),
        (["--json", "missing/bench.json"], ["--json missing/bench.json", "cannot be written"]),
        (["--json", "."], ["--json . is a folder", "expected the name of a file"]),
    ],
)
def test_a_wrong_input_is_refused_before_anything_runs(arguments, parts, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(suite, "run_suite", lambda *_, **__: pytest.fail("it ran"))
    result = invoke("--quick", *arguments)
    assert result.exit_code == 2, result.output
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_command_passes_its_options_on_prints_and_writes(monkeypatch, tmp_path, results):
    asked = {}

    def run_suite(cases, threads, cold_start, tell):
        asked.update(cases=[case.name for case in cases], threads=threads, cold_start=cold_start)
        tell("disc_10k")
        return results

    monkeypatch.setattr(suite, "run_suite", run_suite)
    path = tmp_path / "bench.json"
    result = invoke("--sizes", "disc_10k", "--threads", 2, "--json", path)
    assert result.exit_code == 0, result.output
    assert asked == {"cases": ["disc_10k"], "threads": [2], "cold_start": True}
    assert "ns a cell and step" in result.stdout
    assert result.stderr == "disc_10k\n"
    assert json.loads(path.read_text())["speed"]
    assert invoke("--quick").exit_code == 0
    assert asked == {"cases": list(QUICK_CASES), "threads": [1, 2], "cold_start": False}
    results.failures.append("disc_10k on 2 threads: not enough memory")
    assert invoke("--quick").exit_code == 1


def test_ctrl_c_ends_a_benchmark_with_its_own_exit_code(monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run_suite", interrupted)
    result = invoke("--quick")
    assert result.exit_code == 130
    assert "interrupted" in result.stderr
