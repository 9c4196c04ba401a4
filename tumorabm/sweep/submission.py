"""A submission: the missing runs of a plan as the tasks of a job array, with all files that it needs."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tumorabm.kernels import cache_folder
from tumorabm.output.run_folder import OutputError, reason, write_whole
from tumorabm.sweep.plan import SUBMISSIONS, Plan, PlannedRun, one_of_each_kind, scenario_of
from tumorabm.sweep.schedulers import Job, array_script, collect_script

TASKS, JOB = "tasks.txt", "job.txt"


@dataclass(frozen=True)
class Submission:
    """What is submitted.

    Attributes
    ----------
    folder
        Below the sweep folder.
    tasks
        Ids of the runs of each task.
    array, collect
        The scripts.
    """

    folder: Path
    tasks: tuple[tuple[str, ...], ...]
    array: str
    collect: str

    @property
    def scripts(self) -> tuple[Path, Path]:
        """Paths of both scripts."""
        return self.folder / "array.sh", self.folder / "collect.sh"


def make_submission(
    plan: Plan,
    missing: Sequence[PlannedRun],
    scheduler: str,
    *,
    runs_per_task: int,
    most_tasks: int,
    time_limit_s: int,
    warning_s: int,
    retry_failed: bool,
    directives: Sequence[str] = (),
    task_directives: Sequence[str] = (),
    setup: Sequence[str] = (),
) -> Submission:
    """Return a submission of the missing runs; nothing is written.

    Parameters
    ----------
    plan, missing
        The plan and its runs to be done.
    scheduler
        One of `tumorabm.sweep.schedulers.SCHEDULERS`.
    runs_per_task
        More where there would be more than ``most_tasks`` tasks.
    most_tasks
        Of an array.
    time_limit_s, warning_s, directives, task_directives, setup
        As in `tumorabm.sweep.schedulers.Job`.
    retry_failed
        Whether ``missing`` holds runs that failed.

    Raises
    ------
    OutputError
        The sweep folder has a path that schedulers misread.
    """
    runs_per_task = max(runs_per_task, -(-len(missing) // most_tasks))
    ids = [run.run_id for run in missing]
    tasks = tuple(tuple(ids[start : start + runs_per_task]) for start in range(0, len(ids), runs_per_task))
    sweep_folder = plan.folder.resolve()
    if found := re.search(r"""['"\\\n]""", str(sweep_folder)):
        raise OutputError(f"{sweep_folder}: has {found[0]!r} in its path, which schedulers do not take; expected none")
    folder = _free_name(sweep_folder / SUBMISSIONS)
    command = (sys.executable, "-m", "tumorabm", "sweep")
    retry = ("--retry-failed",) if retry_failed else ()
    job = Job(
        name="tumorabm-" + re.sub(r"[^\w.-]", "_", sweep_folder.name),
        n_tasks=len(tasks),
        worker=(*command, "worker", str(sweep_folder), "--tasks", str(folder / TASKS), *retry),
        collector=(*command, "collect", str(sweep_folder)),
        cache=str(sweep_folder / "kernels"),
        logs=str(folder),
        time_limit_s=time_limit_s,
        warning_s=warning_s,
        directives=directives,
        task_directives=task_directives,
        setup=setup,
    )
    return Submission(folder, tasks, array_script(scheduler, job), collect_script(scheduler, job))


def write_submission(submission: Submission) -> None:
    """Write scripts and tasks.

    Raises
    ------
    OutputError
        They cannot be written.
    """
    try:
        submission.folder.mkdir(parents=True)
        lines = "".join(" ".join(ids) + "\n" for ids in submission.tasks)
        write_whole(submission.folder / TASKS, lines.encode())
        for path, text in zip(submission.scripts, (submission.array, submission.collect), strict=True):
            write_whole(path, text.encode())
            path.chmod(0o755)
    except OSError as error:
        raise OutputError(f"{submission.folder}: cannot be written: {reason(error)}") from error


def note_job(submission: Submission, scheduler: str, job: str) -> None:
    """Write down which job a submission is.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    try:
        write_whole(submission.folder / JOB, f"{scheduler} {job}\n".encode())
    except OSError as error:
        raise OutputError(f"{submission.folder}: cannot be written: {reason(error)}") from error


def noted_jobs(plan: Plan) -> dict[str, tuple[str, str]]:
    """Return scheduler and job of each submission of a plan, by the name of its folder."""
    notes = sorted((plan.folder / SUBMISSIONS).glob(f"*/{JOB}"))
    words = {path.parent.name: path.read_text(encoding="utf-8", errors="replace").split() for path in notes}
    return {name: (of[0], of[1]) for name, of in words.items() if len(of) == 2}


def warm_kernels(plan: Plan, runs: Sequence[PlannedRun]) -> None:
    """Compile what runs need, unless that was done before, and copy it into the sweep folder for all nodes.

    Raises
    ------
    OutputError
        The copy cannot be written.
    """
    from tumorabm.model import TumorModel

    for run in one_of_each_kind(runs):
        scenario, _ = scenario_of(plan, run)
        TumorModel(scenario, threads=1).step()
    warmed = cache_folder()
    target = plan.folder / "kernels" / "tumorabm" / warmed.name
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    if target.exists():
        return
    try:
        shutil.copytree(warmed, partial)
        partial.rename(target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {reason(error)}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _free_name(folder: Path) -> Path:
    taken = [int(path.name) for path in folder.glob("[0-9]*") if path.name.isdecimal()]
    return folder / f"{max(taken, default=0) + 1:04d}"
