"""Job arrays on a real Slurm: nothing that was done is lost, whatever happens to tasks, nodes and files.

Run by ``pytest -m slurm``; skipped where Slurm is not installed.
"""

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from tumorabm import kernels, read_sweep
from tumorabm.sweep.execute import execute
from tumorabm.sweep.plan import read_plan
from tumorabm.sweep.store import read_store

_SPEC = importlib.util.spec_from_file_location("slurm_cluster", Path(__file__).with_name("cluster.py"))
slurm_cluster = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(slurm_cluster)

MISSING = slurm_cluster.missing_programs()
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(MISSING), reason=f"Slurm is not installed: no {', '.join(MISSING)}"),
]

PATIENCE_S = 900.0
SCENARIO = """
hours = {hours}
[domain]
size_um = [100.0, 100.0]
[cells.tumour]
type = "clock_cell"
count = 5
[cells.tumour.clock]
cycling = false
[output]
timeseries_every_h = 10.0
"""
SWEEP = """
scenario = "base.toml"
seeds = {seeds}
[design]
kind = "grid"
[design.parameters]
"cells.tumour.count" = [3, 4]
"""


@pytest.fixture(scope="module")
def cluster():
    """A Slurm of two nodes, stopped and removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    cluster = slurm_cluster.Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder(tmp_path):
    """A folder whose name is hard on schedulers."""
    hard = tmp_path / "a sweep, 5%j #1"
    hard.mkdir()
    return hard


def tumorabm(cluster, *arguments):
    return cluster.call(sys.executable, "-m", "tumorabm", *map(str, arguments), seconds=PATIENCE_S)  # may compile


def planned(cluster, folder, *, seeds, hours):
    (folder / "base.toml").write_text(SCENARIO.format(hours=float(hours)))
    (folder / "sweep.toml").write_text(SWEEP.format(seeds=seeds))
    tumorabm(cluster, "sweep", "plan", folder / "sweep.toml", "--out", folder / "out")
    return folder / "out"


def submit(cluster, folder, *options):
    return tumorabm(cluster, "sweep", "submit", folder, "--scheduler", "slurm", *options)


def logs(folder):
    return "".join(path.read_text() for path in sorted(folder.glob("submissions/*/task-*.log")))


def assert_all_done(folder):
    results = read_sweep(folder)
    assert set(results["status"]) == {"done"}, logs(folder)
    collected = pd.read_parquet(folder / "results.parquet")
    pd.testing.assert_frame_equal(collected.drop(columns="wall_s"), results.drop(columns="wall_s"))
    assert read_store(folder / "parts").differing == []


@pytest.fixture(scope="module")
def finished(cluster, tmp_path_factory):
    """A sweep of twelve runs that an array of four tasks has done and a job has collected, and what submit said."""
    folder = planned(cluster, tmp_path_factory.mktemp("finished"), seeds=6, hours=10)
    said = submit(cluster, folder, "--runs-per-task", 3)
    cluster.wait_until_over(PATIENCE_S)
    return folder, said


def test_an_array_does_all_runs_and_a_job_collects_them(cluster, finished):
    folder, said = finished
    assert "12 runs in 4 tasks" in said
    assert_all_done(folder)
    assert len(list((folder / "parts").glob("*.parquet"))) == 4


def test_a_run_of_a_task_has_the_bits_of_one_here(cluster, finished):
    folder, _ = finished
    plan = read_plan(folder)
    chosen = read_store(plan.parts).chosen[plan.runs[7].run_id]
    assert execute(plan, plan.runs[7]).digest == chosen["digest"]


def test_a_finished_sweep_submits_nothing(cluster, finished):
    folder, _ = finished
    assert "nothing is submitted" in submit(cluster, folder)
    assert cluster.states() == []


def test_runs_of_a_corrupted_part_are_submitted_again(cluster, finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "copy")
    folder = tmp_path / "copy"
    part = sorted((folder / "parts").glob("*.parquet"))[1]
    others = {path: path.read_bytes() for path in (folder / "parts").glob("*.parquet") if path != part}
    content = part.read_bytes()
    part.write_bytes(content[:40] + b"\0" * 40 + content[80:])
    assert "3 runs in 1 tasks" in submit(cluster, folder)
    cluster.wait_until_over(PATIENCE_S)
    assert_all_done(folder)
    assert part.with_name(part.name + ".unreadable").exists()
    assert {path: path.read_bytes() for path in others} == others


def test_the_death_of_a_whole_node_loses_nothing_that_was_written(cluster, folder):
    folder = planned(cluster, folder, seeds=4, hours=150)
    submit(cluster, folder, "--runs-per-task", 1)
    cluster.wait(lambda: len(list((folder / "parts").glob("*.parquet"))) >= 2, PATIENCE_S)
    cluster.kill_node("n1")
    written = {path: path.read_bytes() for path in (folder / "parts").glob("*.parquet")}
    try:
        cluster.wait_until_over(PATIENCE_S)
    finally:
        cluster.start_node("n1")
        cluster.wait_until_ready()
    assert 2 <= len(written) < 8
    assert_all_done(folder)
    assert {path: path.read_bytes() for path in written} == written


def test_tasks_whose_time_is_up_are_requeued_each_alone_and_go_on(cluster, tmp_path):
    folder = planned(cluster, tmp_path, seeds=100, hours=60)
    said = submit(cluster, folder, "--runs-per-task", 100, "--time-limit", "0:02:00", "--warn-seconds", 110)
    job = said.split()[1].rstrip(":")
    cluster.wait(lambda: len(list(folder.glob("begun/*"))) == 2, PATIENCE_S)
    with cluster.held_workers() as workers:  # or a fast machine would end all runs before Slurm looks, each 30 s
        assert len(workers) == 2
        cluster.wait(lambda: all(slurm_cluster.is_warned(pid) for pid in workers), PATIENCE_S)
    cluster.wait_with_jobs(lambda: logs(folder).count("stopped by SIGUSR1; finished runs are kept") == 2, PATIENCE_S)
    assert len(read_store(folder / "parts").chosen) < 200
    cluster.call("scontrol", "update", f"JobId={job}", "TimeLimit=60")
    cluster.wait_until_over(PATIENCE_S)
    assert_all_done(folder)
    assert read_store(folder / "parts").repeated == 0, "a task that was requeued with its neighbour would repeat runs"


def test_a_sweep_whose_array_waits_is_not_submitted_again(cluster, tmp_path):
    folder = planned(cluster, tmp_path, seeds=1, hours=1)
    job = submit(cluster, folder, "--task-directive=--hold").split()[1].rstrip(":")
    with pytest.raises(AssertionError, match=f"job {job} of submission 0001 waits or runs"):
        submit(cluster, folder)
    cluster.call("scancel", job)
    cluster.wait_until_over(PATIENCE_S)
    assert "2 runs in 1 tasks" in submit(cluster, folder)
    cluster.wait_until_over(PATIENCE_S)
    assert_all_done(folder)


def test_four_tasks_that_compile_at_once_do_not_disturb_one_another(cluster, tmp_path):
    folder = planned(cluster, tmp_path, seeds=2, hours=1)
    cold = folder / "kernels" / "tumorabm" / f"kernels-{kernels.kernel_source_hash()}"
    cold.mkdir(parents=True)  # is taken for what was warmed before
    submit(cluster, folder, "--runs-per-task", 1)
    cluster.wait_until_over(PATIENCE_S)
    assert_all_done(folder)
    assert list(cold.iterdir()) == []
