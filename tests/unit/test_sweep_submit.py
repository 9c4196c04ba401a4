"""Job arrays: scripts, indices, shares of tasks, and schedulers that are not there. Schedulers are stand-ins here."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tumorabm.cli import app
from tumorabm.output.run_folder import OutputError
from tumorabm.sweep import submission
from tumorabm.sweep.attempts import MOST_ATTEMPTS, Attempts
from tumorabm.sweep.execute import execute
from tumorabm.sweep.lock import locked
from tumorabm.sweep.plan import read_plan
from tumorabm.sweep.result import failed
from tumorabm.sweep.schedulers import SCHEDULERS, Job, array_script
from tumorabm.sweep.store import PartWriter, read_store
from tumorabm.sweep.task import run_task, share_of, task_index

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
[output]
timeseries_every_h = 0.5
"""
SWEEP = """
scenario = "base.toml"
seeds = 5
[design]
kind = "grid"
[design.parameters]
"cells.blast.count" = [2, 3]
"""
VARIABLES = {
    "SLURM_ARRAY_TASK_ID": "slurm",
    "PBS_ARRAY_INDEX": "pbs",
    "PBS_ARRAYID": "torque",
    "LSB_JOBINDEX": "lsf",
    "SGE_TASK_ID": "sge",
}


def sweep(*arguments):
    return CliRunner().invoke(app, ["sweep", *(str(argument) for argument in arguments)])


def assert_refused(result, *expected):
    assert result.exit_code == 2, result.output
    for part in expected:
        assert part in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture
def folder(tmp_path):
    """A planned sweep of ten runs."""
    (tmp_path / "base.toml").write_text(SCENARIO)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    assert sweep("plan", tmp_path / "sweep.toml", "--out", tmp_path / "out").exit_code == 0
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def no_index(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def same_handlers():
    """A worker that was warned ignores warnings to its end, which here is not that of the process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


# -- the index ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_index_is_read_from_the_variable_of_each_scheduler(variable):
    others = {"SGE_TASK_ID": "undefined", "LSB_JOBINDEX": "0", "HOME": "/"}  # as outside an array
    assert task_index({**others, variable: "17"}) == 17


def test_a_task_without_an_index_is_refused():
    with pytest.raises(OutputError, match="no task of a job array; expected one of SLURM_ARRAY_TASK_ID, PBS"):
        task_index({"SGE_TASK_ID": "undefined"})


def test_an_index_that_is_no_number_is_refused():
    with pytest.raises(OutputError, match="SLURM_ARRAY_TASK_ID = 3-4"):
        task_index({"SLURM_ARRAY_TASK_ID": "3-4"})


def test_a_task_has_the_runs_of_its_line(tmp_path):
    tasks = tmp_path / "tasks.txt"
    tasks.write_text("a b c\nd e\n")
    assert (share_of(tasks, 1), share_of(tasks, 2)) == (["a", "b", "c"], ["d", "e"])
    for index in (0, 3):
        with pytest.raises(OutputError, match=f"task {index} is beyond the plan: .*tasks.txt has tasks 1 to 2"):
            share_of(tasks, index)


def test_the_worker_refuses_an_index_beyond_the_plan_and_a_run_that_is_not_in_it(folder, tmp_path, monkeypatch):
    (tmp_path / "tasks.txt").write_text("0123456789abcdef\n")
    monkeypatch.setenv("PBS_ARRAY_INDEX", "2")
    assert_refused(sweep("worker", folder, "--tasks", tmp_path / "tasks.txt"), "task 2 is beyond the plan")
    monkeypatch.setenv("PBS_ARRAY_INDEX", "1")
    assert_refused(sweep("worker", folder, "--tasks", tmp_path / "tasks.txt"), "0123456789abcdef", "not in the plan")
    assert not (folder / "parts").exists()


# -- a task ---------------------------------------------------------------------------------------------------------


def test_a_task_runs_what_has_no_result_yet_in_one_process(folder, monkeypatch, tmp_path):
    plan = read_plan(folder)
    ids = [run.run_id for run in plan.runs[:4]]
    writer = PartWriter(plan.parts)
    writer.add(execute(plan, plan.runs[1]))
    writer.flush()
    (tmp_path / "tasks.txt").write_text(f"none\n{' '.join(ids)}\n")
    monkeypatch.setenv("SGE_TASK_ID", "2")
    result = sweep("worker", folder, "--tasks", tmp_path / "tasks.txt")
    assert result.exit_code == 0, result.output
    assert sum(" took " in line for line in result.stderr.splitlines()) == 3
    contents = read_store(plan.parts)
    assert (sorted(contents.chosen), contents.repeated, len(contents.parts)) == (sorted(ids), 0, 2)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGUSR1, 75), (signal.SIGUSR2, 75), (signal.SIGTERM, 130)])
def test_a_signal_gives_up_the_present_run_and_keeps_those_before(folder, monkeypatch, tmp_path, number, code):
    plan = read_plan(folder)
    ids = [run.run_id for run in plan.runs[:4]]
    (tmp_path / "tasks.txt").write_text(" ".join(ids))
    begun = []

    def interrupted(plan, run, between_steps):
        begun.append(run.run_id)
        if len(begun) == 3:
            signal.raise_signal(number)
        return execute(plan, run, between_steps)

    monkeypatch.setattr("tumorabm.sweep.execute.execute", interrupted)
    monkeypatch.setenv("LSB_JOBINDEX", "1")
    before = signal.getsignal(number)
    result = sweep("worker", folder, "--tasks", tmp_path / "tasks.txt")
    assert result.exit_code == code
    assert f"stopped by {number.name}; finished runs are kept" in result.stderr
    assert (begun, sorted(read_store(plan.parts).chosen)) == (ids[:3], sorted(ids[:2]))
    assert signal.getsignal(number) is (signal.SIG_IGN if code == 75 else before), "a second warning ends nobody"


def test_a_run_that_takes_its_process_down_comes_last_and_is_given_up_in_the_end(folder):
    plan = read_plan(folder)
    ids = [run.run_id for run in plan.runs[:3]]
    attempts = Attempts(plan.folder / "begun")
    attempts.begin(ids[0])  # and was killed
    order = []
    run_task(plan, ids, lambda result: order.append((result.run_id, result.status)))
    assert order == [(ids[1], "done"), (ids[2], "done"), (ids[0], "done")]
    assert attempts.of(ids[0]) == 0
    killer = plan.runs[3].run_id
    for _ in range(MOST_ATTEMPTS):
        attempts.begin(killer)
    run_task(plan, [killer], lambda result: order.append((result.run_id, result.status)))
    assert order[-1] == (killer, "failed")
    assert "begun 3 times" in read_store(plan.parts).chosen[killer]["error"]


def test_a_run_that_no_task_has_time_for_is_given_up_in_the_end(folder, monkeypatch):
    plan = read_plan(folder)
    ids = [plan.runs[0].run_id]

    def warned(plan, run, between_steps):
        os.kill(os.getpid(), signal.SIGUSR1)
        between_steps()

    monkeypatch.setattr("tumorabm.sweep.execute.execute", warned)
    for _ in range(MOST_ATTEMPTS):
        assert run_task(plan, ids, pytest.fail) is signal.SIGUSR1
    ended = []
    assert run_task(plan, ids, ended.append) is None
    assert [result.status for result in ended] == ["failed"]


def test_a_cancelled_run_was_not_begun_in_vain(folder, monkeypatch):
    plan = read_plan(folder)
    run = plan.runs[0].run_id

    def cancelled(plan, run, between_steps):
        os.kill(os.getpid(), signal.SIGTERM)
        between_steps()

    monkeypatch.setattr("tumorabm.sweep.execute.execute", cancelled)
    assert run_task(plan, [run], pytest.fail) is signal.SIGTERM
    assert Attempts(plan.folder / "begun").of(run) == 0


def test_a_task_leaves_failed_runs_unless_they_are_to_be_run_again(folder):
    plan = read_plan(folder)
    run = plan.runs[0].run_id
    writer = PartWriter(plan.parts)
    writer.add(failed(run, "killed"))
    writer.flush()
    assert run_task(plan, [run], pytest.fail) is None
    ended = []
    run_task(plan, [run], ended.append, retry_failed=True)
    assert [result.status for result in ended] == ["done"]


# -- submitting -----------------------------------------------------------------------------------------------------

STAND_IN = """#!/bin/bash
echo "$(basename "$0") $*" >> "$CALLS"
[ -t 0 ] || cat >> "$CALLS.input"
case "$(basename "$0")" in
    scontrol) echo "MaxArraySize            = 4" ;;
    squeue) cat "$CALLS.queue" 2>/dev/null || exit 1 ;;
    bsub) echo "Job <77> is submitted to default queue <normal>." ;;
    qsub) [ "$1" = -terse ] && echo "77.1-2:1" || echo "77[].server" ;;
    *) echo 77 ;;
esac
"""


def test_an_array_whose_collecting_job_is_refused_is_told(folder, tmp_path, calls):
    refusing = STAND_IN.replace(
        "*) echo 77 ;;", '*) case "$*" in *--dependency*) echo full >&2; exit 1 ;; esac; echo 77 ;;'
    )
    (tmp_path / "bin" / "sbatch").write_text(refusing)
    result = sweep("submit", folder, "--scheduler", "slurm")
    assert_refused(result, "sbatch: full", "the array 77 was submitted, without a job that collects")


def test_a_slurm_that_takes_no_arrays_is_refused(folder, tmp_path, calls):
    (tmp_path / "bin" / "scontrol").write_text(STAND_IN.replace("= 4", "= 1"))
    assert_refused(sweep("submit", folder, "--scheduler", "slurm"), "MaxArraySize = 1", "expected 2 or more")


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_path_with_spaces_is_one_word_to_scheduler_and_shell(folder, tmp_path, scheduler, calls):
    spaced = folder.rename(folder.with_name("my first sweep"))
    result = sweep("submit", spaced, "--scheduler", scheduler, "--dry-run")
    assert result.exit_code == 0, result.output
    logs = spaced / "submissions" / "0001"
    assert re.search(rf'(-o |--output=)"{logs}/[^"]*"$', result.stdout, re.MULTILINE)
    assert "tumorabm-my_first_sweep" in result.stdout
    assert f"'{logs}/tasks.txt'" in result.stdout


@pytest.mark.parametrize("character", ["'", '"', "\\", "\n"])
def test_a_path_that_schedulers_misread_is_refused(folder, character):
    odd = folder.rename(folder.with_name(f"a{character}b"))
    result = sweep("submit", odd, "--scheduler", "slurm", "--dry-run")
    assert_refused(result, f"has {character!r} in its path", "schedulers do not take")


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """Put stand-ins of all schedulers on the path; return the file in which they note how they were called."""
    (tmp_path / "bin").mkdir()
    for name in ("sbatch", "scontrol", "squeue", "qsub", "bsub"):
        path = tmp_path / "bin" / name
        path.write_text(STAND_IN)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setattr(submission, "warm_kernels", lambda plan, runs: None)
    return tmp_path / "calls"


COLLECTING = {
    "slurm": "sbatch --parsable --dependency=afterany:77 {collect}",
    "pbs": "qsub -W depend=afterany:77[].server {collect}",
    "torque": "qsub -W depend=afteranyarray:77[].server {collect}",
    "lsf": "bsub -w ended(77)",
    "sge": "qsub -terse -hold_jid 77 {collect}",
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_an_array_and_a_collecting_job_are_submitted(folder, calls, scheduler):
    result = sweep("submit", folder, "--scheduler", scheduler, "--runs-per-task", 4)
    assert result.exit_code == 0, result.output
    assert ": 10 runs in 3 tasks; " in result.stdout
    assert result.stdout.startswith("job 77")
    made = folder / "submissions" / "0001"
    *_, array, collect = calls.read_text().splitlines()
    assert str(made / "array.sh") in array or "#BSUB -J" in (calls.parent / "calls.input").read_text()
    assert collect == COLLECTING[scheduler].format(collect=made / "collect.sh")
    ids = [line.split() for line in (made / "tasks.txt").read_text().splitlines()]
    assert [len(line) for line in ids] == [4, 4, 2]
    assert [run for line in ids for run in line] == [run.run_id for run in read_plan(folder).runs]
    assert (made / "job.txt").read_text().startswith(f"{scheduler} 77")


def test_a_sweep_of_which_an_array_is_queued_is_not_submitted_again(folder, calls):
    assert sweep("submit", folder, "--scheduler", "slurm").exit_code == 0
    calls.with_suffix(".queue").write_text("PENDING\n")
    assert_refused(
        sweep("submit", folder, "--scheduler", "slurm"), "job 77 of submission 0001 waits or runs", "scancel"
    )
    calls.with_suffix(".queue").unlink()  # it is over, and forgotten
    assert sweep("submit", folder, "--scheduler", "slurm").exit_code == 0


@pytest.mark.parametrize("command", [["run"], ["submit", "--scheduler", "slurm"]])
def test_two_commands_at_once_do_not_work_on_one_sweep(folder, calls, command):
    with locked(folder):
        assert_refused(sweep(command[0], folder, *command[1:]), f"process {os.getpid()} on ", "works on it")
        result = sweep("plan", folder.parent / "sweep.toml", "--out", folder)
        assert_refused(result, "works on it")
        assert sweep("status", folder).exit_code == 0
    assert not (folder / "parts").exists()
    assert not (folder / "submissions").exists()
    assert sweep("submit", folder, "--scheduler", "slurm").exit_code == 0


def test_a_command_that_is_killed_lets_go_of_its_sweep(folder):
    code = f"""
import pathlib, time
from tumorabm.sweep.lock import locked
with locked(pathlib.Path({str(folder)!r})):
    pathlib.Path({str(folder)!r}, "held").touch()
    time.sleep(100.0)
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        wait_for(folder / "held")
        with pytest.raises(OutputError, match=f"process {process.pid} on .* works on it"), locked(folder):
            pass
        process.kill()
    with locked(folder):
        pass


def test_there_are_no_more_tasks_than_the_scheduler_allows(folder, calls):
    assert sweep("submit", folder, "--scheduler", "slurm", "--runs-per-task", 1).exit_code == 0
    assert len((folder / "submissions" / "0001" / "tasks.txt").read_text().splitlines()) == 3
    assert "#SBATCH --array=1-3\n" in (folder / "submissions" / "0001" / "array.sh").read_text()
    sweep("submit", folder, "--scheduler", "sge", "--runs-per-task", 1, "--array-limit", 2)
    assert len((folder / "submissions" / "0002" / "tasks.txt").read_text().splitlines()) == 2


def test_only_what_is_missing_is_submitted(folder, calls):
    plan = read_plan(folder)
    writer = PartWriter(plan.parts)
    for run in plan.runs[:7]:
        writer.add(execute(plan, run))
    writer.flush()
    assert "3 runs in 1 tasks" in sweep("submit", folder, "--scheduler", "pbs").stdout
    for run in plan.runs[7:]:
        writer.add(execute(plan, run))
    writer.flush()
    assert sweep("submit", folder, "--scheduler", "pbs").stdout == "all 10 runs have a result; nothing is submitted\n"


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_dry_run_prints_the_scripts_and_writes_nothing(folder, monkeypatch, scheduler):
    monkeypatch.setenv("PATH", "")
    before = sorted(folder.rglob("*"))
    more = ["--directive=--partition=short", "--task-directive=--mem=8G", "--setup=module load python"]
    result = sweep("submit", folder, "--scheduler", scheduler, "--dry-run", *more, "--setup=ulimit -c 0")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("--mem=8G\n") == 1
    assert result.stdout.count("\nmodule load python\nulimit -c 0\n") == 2
    assert result.stdout.count("OMP_NUM_THREADS=1") == 2
    assert " sweep worker " in result.stdout
    assert " sweep collect " in result.stdout
    assert result.stdout.count("--partition=short\n") == 2
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--scheduler", "slrum"], ["--scheduler slrum", "nearest valid name: slurm"]),
        (["--scheduler", "lsf"], ["--scheduler lsf", "no command bsub on this machine", "--dry-run"]),
        (["--scheduler", "lsf", "--time-limit", "2 h"], ["--time-limit 2 h", "4:00:00"]),
        (["--scheduler", "lsf", "--time-limit", "0:02:00"], ["--time-limit 0:02:00", "more than the 120 s"]),
        (["--scheduler", "lsf", "--runs-per-task", "0"], ["--runs-per-task"]),
    ],
)
def test_what_cannot_be_submitted_is_refused(folder, monkeypatch, options, expected):
    monkeypatch.setenv("PATH", "")
    assert_refused(sweep("submit", folder, *options), *expected)
    assert not (folder / "submissions").exists()


def test_a_scheduler_that_refuses_is_quoted(folder, calls):
    (calls.parent / "bin" / "sbatch").write_text("#!/bin/bash\necho 'sbatch: error: invalid account' >&2; exit 1\n")
    assert_refused(sweep("submit", folder, "--scheduler", "slurm"), "sbatch: sbatch: error: invalid account")


def test_warmed_kernels_are_copied_once_for_all_nodes(folder, monkeypatch, tmp_path):
    cache = tmp_path / "kernels-abc"
    cache.mkdir()
    (cache / "one.nbc").write_bytes(b"code")
    monkeypatch.setattr(submission, "cache_folder", lambda: cache)
    plan = read_plan(folder)
    for _ in range(2):
        submission.warm_kernels(plan, plan.runs)
    assert [path.name for path in (folder / "kernels").rglob("*")] == ["tumorabm", "kernels-abc", "one.nbc"]


# -- what the script does -------------------------------------------------------------------------------------------


def script(scheduler, tmp_path, worker):
    """Write the script of an array whose worker is some Python code; return it and its environment."""
    (tmp_path / "kernels").mkdir(exist_ok=True)
    (tmp_path / "kernels" / "warm").write_text("code")
    (tmp_path / "node").mkdir(exist_ok=True)
    command = (sys.executable, "-c", worker)
    job = Job("test", 3, command, ("true",), str(tmp_path / "kernels"), str(tmp_path), 3600, 60)
    path = tmp_path / "array.sh"
    path.write_text(array_script(scheduler, job))
    requeue = tmp_path / "bin"
    requeue.mkdir(exist_ok=True)
    for name in ("scontrol", "qrerun"):
        (requeue / name).write_text('#!/bin/bash\necho "$(basename "$0") $*"\n')
        (requeue / name).chmod(0o755)
    variable = next(name for name, of in VARIABLES.items() if of == scheduler)
    environment = {
        "PATH": f"{requeue}:{os.environ['PATH']}",
        "TMPDIR": str(tmp_path / "node"),
        "SLURM_ARRAY_JOB_ID": "8",
        "PBS_JOBID": "9",
        variable: "2",
    }
    return path, environment


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_task_works_on_one_thread_with_its_own_copy_of_the_kernels(tmp_path, scheduler):
    code = """
import os, pathlib
print(*(os.environ[name] for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")))
cache = pathlib.Path(os.environ["TUMORABM_CACHE_DIR"])
print(cache.parent.name, (cache / "warm").read_text())
raise SystemExit(3)
"""
    path, environment = script(scheduler, tmp_path, code)
    done = subprocess.run(["bash", path], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "1 1\nnode code\n")
    assert list((tmp_path / "node").iterdir()) == []


REQUEUED = {
    "slurm": (0, "scontrol requeue 8_2"),
    "pbs": (0, "qrerun 9"),
    "torque": (0, "qrerun 9"),
    "lsf": (75, ""),
    "sge": (99, ""),
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_warned_task_ends_and_is_requeued(tmp_path, scheduler):
    code = """
import pathlib, signal, sys, time
def end(number, frame):
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    sys.exit(75)
signal.signal(signal.SIGUSR1, end)
pathlib.Path("ready").touch()
while True:
    time.sleep(0.01)
"""
    path, environment = script(scheduler, tmp_path, code)
    with subprocess.Popen(["bash", path], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        wait_for(tmp_path / "ready")
        process.send_signal(signal.SIGUSR1)
        said = process.stdout.read()
    assert (process.returncode, said.strip()) == REQUEUED[scheduler]
    assert list((tmp_path / "node").iterdir()) == []


def test_a_cancelled_task_is_not_requeued(tmp_path):
    code = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
pathlib.Path("ready").touch()
while True:
    time.sleep(0.01)
"""
    path, environment = script("slurm", tmp_path, code)
    with subprocess.Popen(["bash", path], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        wait_for(tmp_path / "ready")
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read()
    assert (process.returncode, said) == (130, "")


def test_a_worker_that_ends_before_its_script_goes_on_keeps_its_exit_code(tmp_path):
    code = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
os.kill(os.getppid(), signal.SIGTERM)
while True:
    time.sleep(0.01)
"""
    path, environment = script("slurm", tmp_path, code)
    slow_kill = {"BASH_FUNC_kill%%": '() { builtin kill "$@" && sleep 0.5; }'}
    done = subprocess.run(["bash", path], env=environment | slow_kill, cwd=tmp_path, timeout=120, check=False)
    assert done.returncode == 130


def wait_for(path: Path) -> None:
    end_s = time.monotonic() + 120.0
    while not path.exists():
        assert time.monotonic() < end_s, f"{path} did not come"
        time.sleep(0.01)
