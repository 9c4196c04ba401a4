"""``tumorabm sweep``: plan, run, submit, status, collect, example."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorabm.console import (
    FAILED,
    INTERRUPTED,
    RunsProgress,
    UserError,
    cannot_write,
    clear_messages,
    complain,
    say,
    shown,
    stopped_by_signals,
)

if TYPE_CHECKING:
    import pandas as pd

    from tumorabm.sweep.plan import Plan, PlannedRun
    from tumorabm.sweep.result import Result
    from tumorabm.sweep.store import Contents
    from tumorabm.sweep.submission import Submission

_MOST_LISTED = 10
_LIBRARIES = ("python", "numpy", "numba", "mesa")
"""What may change bits, and run ids do not hold."""

sweep = typer.Typer(
    help="Many runs of one scenario: over parameters and seeds, on this machine or as a job array.",
    no_args_is_help=True,
)
_Folder = Annotated[str, typer.Argument(metavar="SWEEP_DIR", help="Sweep folder, made by: tumorabm sweep plan.")]
_RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Run also those again that failed.")]


@sweep.command()
def plan(
    file: Annotated[str, typer.Argument(metavar="SWEEP", help="Sweep file (TOML); see: tumorabm sweep example.")],
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Sweep folder; by default runs/<name of the file>.")
    ] = None,
) -> None:
    """Check a sweep, and write the list of its runs into a sweep folder."""
    with clear_messages():
        from tumorabm.sweep.lock import locked
        from tumorabm.sweep.plan import write_plan

        folder = Path("runs") / Path(file).stem if out is None else Path(out)
        with locked(folder):
            runs = write_plan(Path(file), folder)
        points = len({point for run in runs for point in run.points})
        print(f"{len(runs)} runs of {points} points of the design: {shown(folder.resolve())}")


@sweep.command()
def run(
    folder: _Folder,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes, each on one thread; by default the cores it may use.")
    ] = None,
    retry_failed: _RetryFailed = False,
) -> None:
    """Run on this machine what is missing; started again, go on from there."""
    with clear_messages():
        from tumorabm.sweep.lock import locked
        from tumorabm.threads import available_cores

        with locked(Path(folder)):
            planned, contents = _open(folder, set_aside=True)
            missing = _to_run(planned, contents, retry_failed)
            if len(missing) < len(planned.runs):
                say(f"{len(planned.runs) - len(missing)} of {len(planned.runs)} runs are there already")
            failed = _failed(planned, contents) - {run.run_id for run in missing}
            failed |= _run_all(planned, missing, jobs or available_cores())
    if failed:
        complain(f"{len(failed)} of {len(planned.runs)} runs failed; tumorabm sweep status tells why")
        raise typer.Exit(FAILED)


@sweep.command()
def submit(
    folder: _Folder,
    scheduler: Annotated[str, typer.Option(metavar="NAME", help="slurm, pbs, torque, lsf or sge.")],
    runs_per_task: Annotated[int, typer.Option(min=1, help="Runs of a task, one after the other.")] = 50,
    time_limit: Annotated[
        str, typer.Option(metavar="H:MM:SS", help="Wall time of a task; it is requeued where that is not enough.")
    ] = "4:00:00",
    warn_seconds: Annotated[
        int, typer.Option(min=1, help="How long before that a task is warned, gives up its run and writes its results.")
    ] = 120,
    array_limit: Annotated[
        int | None, typer.Option(min=1, help="Most tasks of an array; by default what Slurm tells, else 1000.")
    ] = None,
    directives: Annotated[
        list[str] | None,
        typer.Option("--directive", metavar="TEXT", help="Option of the scheduler, --partition=short say; repeatable."),
    ] = None,
    task_directives: Annotated[
        list[str] | None,
        typer.Option(
            "--task-directive",
            metavar="TEXT",
            help="One that the collecting job has not, --mem=4G say; repeatable.",
        ),
    ] = None,
    setup: Annotated[
        list[str] | None,
        typer.Option(metavar="LINE", help="Line of shell that jobs begin with, 'module load python' say; repeatable."),
    ] = None,
    retry_failed: _RetryFailed = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the scripts and submit nothing.")] = False,
) -> None:
    """Submit what is missing as a job array, with a job that collects; submitted again, go on from there."""
    from tumorabm.sweep.lock import locked
    from tumorabm.sweep.schedulers import SchedulerError

    with clear_messages():
        limit_s = _limit(time_limit, warn_seconds)
        try:
            with nullcontext() if dry_run else locked(Path(folder)):
                _submit(
                    folder, scheduler, dry_run, retry_failed, array_limit,
                    runs_per_task=runs_per_task, time_limit_s=limit_s, warning_s=warn_seconds,
                    directives=directives or (), task_directives=task_directives or (), setup=setup or (),
                )  # fmt: skip
        except SchedulerError as error:
            raise UserError(str(error)) from error


@sweep.command(hidden=True)
def worker(
    folder: _Folder,
    tasks: Annotated[str, typer.Option(metavar="FILE", help="Ids of the runs, a line a task.")],
    retry_failed: _RetryFailed = False,
) -> None:
    """Run one task of a job array, whose index the scheduler gives."""
    with clear_messages():
        from tumorabm.sweep.plan import read_plan, require_as_planned
        from tumorabm.sweep.schedulers import STOPPED_EARLY
        from tumorabm.sweep.task import is_warning, run_task, share_of, task_index

        ids = share_of(Path(tasks), task_index())
        planned = read_plan(Path(folder))
        require_as_planned(planned)
        progress = RunsProgress(len(ids))

        def ended(result: Result) -> None:
            progress.ended(result.run_id, f"took {result.wall_s:.1f} s", result.error)

        stopped_by = run_task(planned, ids, ended, retry_failed=retry_failed)
    if stopped_by is not None:
        complain(f"stopped by {stopped_by.name}; finished runs are kept")
        raise typer.Exit(STOPPED_EARLY if is_warning(stopped_by) else INTERRUPTED)


@sweep.command()
def status(folder: _Folder) -> None:
    """Tell how many runs are done, failed and missing, and why runs failed."""
    with clear_messages():
        planned, contents = _open(folder, set_aside=False)
        failed = _failed(planned, contents)
        missing = sum(contents.status(run.run_id) is None for run in planned.runs)
        print(f"runs: {len(planned.runs)}")
        print(f"done: {len(planned.runs) - len(failed) - missing}")
        print(f"failed: {len(failed)}")
        print(f"missing: {missing}")
        print(f"parts set aside: {len(contents.set_aside) + len(contents.unreadable)}")
        _list("failed", [f"{run_id}: {contents.chosen[run_id]['error']}" for run_id in sorted(failed)])
        _list("differing", contents.differing)


@sweep.command()
def collect(folder: _Folder) -> None:
    """Write results.parquet, timeseries.parquet and pictures from the results so far."""
    with clear_messages():
        from tumorabm.sweep.collect import RESULTS, TIMESERIES, results_of, write_tables

        planned, contents = _open(folder, set_aside=True)
        results = results_of(planned, contents)
        write_tables(planned, contents, results)
        written = [RESULTS, TIMESERIES, *_draw(planned, results)]
        print("\n".join(shown(planned.folder.resolve() / name) for name in written))
        counts = results["status"].value_counts()
        say(", ".join(f"{number} runs {status}" for status, number in counts.items()))
        if contents.repeated:
            say(f"{contents.repeated} results were there twice, with the same bits")
    if contents.differing:
        complain(f"runs that were done twice with different bits: {', '.join(contents.differing)}")
        raise typer.Exit(FAILED)


@sweep.command()
def example(
    out: Annotated[str | None, typer.Option(metavar="FILE", help="File to write; by default it is printed.")] = None,
) -> None:
    """Print a sweep file with comments."""
    with clear_messages():
        text = Path(__file__).with_name("example.toml").read_text(encoding="utf-8")
        if out is None:
            print(text, end="")
            return
        if Path(out).exists():
            raise UserError(f"--out {out} exists, expected a new name")
        try:
            Path(out).write_text(text, encoding="utf-8")
        except OSError as error:
            raise cannot_write(Path(out), "--out", error) from error


# -- what the commands share ----------------------------------------------------------------------------------------


def _open(folder: str, *, set_aside: bool) -> tuple[Plan, Contents]:
    """Return plan and results of a sweep folder; damaged parts are reported."""
    from tumorabm.sweep.plan import read_plan
    from tumorabm.sweep.store import read_store

    planned = read_plan(Path(folder))
    contents = read_store(planned.parts, set_aside=set_aside)
    for path, why in contents.unreadable.items():
        say(f"{shown(path)}: damaged ({why}); its runs count as missing")
    libraries = {", ".join(f"{name} {of.get(name, 'unknown')}" for name in _LIBRARIES) for of in contents.made_by}
    if len(libraries) > 1:
        say(f"results were made by different versions, which may give other bits: {'; '.join(sorted(libraries))}")
    return planned, contents


def _failed(planned: Plan, contents: Contents) -> set[str]:
    from tumorabm.sweep.result import FAILED

    return {run.run_id for run in planned.runs if contents.status(run.run_id) == FAILED}


def _to_run(planned: Plan, contents: Contents, retry_failed: bool) -> list[PlannedRun]:
    """Return the runs that are missing, and with ``retry_failed`` those that failed."""
    from tumorabm.sweep.plan import require_as_planned

    require_as_planned(planned)
    again = _failed(planned, contents) if retry_failed else ()
    return [run for run in planned.runs if contents.status(run.run_id) is None or run.run_id in again]


def _run_all(planned: Plan, missing: list[PlannedRun], jobs: int) -> set[str]:
    """Run all in local processes into the store; return those that failed."""
    from tumorabm.sweep.pool import run_all
    from tumorabm.sweep.result import FAILED
    from tumorabm.sweep.store import FLUSH_S, PartWriter

    if not missing:
        return set()
    failed: set[str] = set()
    writer = PartWriter(planned.parts)
    try:
        with stopped_by_signals(), RunsProgress(len(missing)) as progress:

            def ended(result: Result) -> None:
                writer.add(result)
                if result.status == FAILED:
                    failed.add(result.run_id)
                progress.ended(result.run_id, f"took {result.wall_s:.1f} s", result.error)

            try:
                run_all(planned.folder, missing, jobs, ended, writer.flush_if_due, FLUSH_S / 10.0)
            finally:
                writer.flush()
    except KeyboardInterrupt:
        complain("interrupted; finished runs are kept, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    return failed


def _submit(
    folder: str, scheduler: str, dry_run: bool, retry_failed: bool, array_limit: int | None, **options: object
) -> None:
    from tumorabm.scenario.messages import unknown_name
    from tumorabm.sweep import schedulers
    from tumorabm.sweep.submission import make_submission

    if scheduler not in schedulers.SCHEDULERS:
        raise UserError(f"--scheduler {scheduler}: {unknown_name('scheduler', scheduler, schedulers.SCHEDULERS)}")
    if not dry_run:
        schedulers.require_scheduler(scheduler)
    planned, contents = _open(folder, set_aside=not dry_run)
    if not dry_run:
        _require_none_queued(planned)
    missing = _to_run(planned, contents, retry_failed)
    if not missing:
        print(f"all {len(planned.runs)} runs have a result; nothing is submitted")
        return
    if array_limit is None:
        array_limit = schedulers.ARRAY_LIMIT if dry_run else schedulers.array_limit(scheduler)
    submission = make_submission(
        planned, missing, scheduler, most_tasks=array_limit, retry_failed=retry_failed, **options
    )
    if dry_run:
        array, collector = map(str, submission.scripts)
        print(f"# {array}\n{submission.array}\n# {collector}\n{submission.collect}")
        for command in schedulers.submit_commands(scheduler, array, collector)[:2]:
            print(f"# {' '.join(command)}")
    else:
        _hand_over(planned, missing, submission, scheduler)


def _hand_over(planned: Plan, missing: list[PlannedRun], submission: Submission, scheduler: str) -> None:
    """Write a submission, give it to the scheduler, and note its job."""
    from tumorabm.sweep import schedulers
    from tumorabm.sweep.submission import note_job, warm_kernels, write_submission

    say("compiling kernels for the nodes, unless that was done before")
    warm_kernels(planned, missing)
    write_submission(submission)
    array, collector = map(str, submission.scripts)
    job = schedulers.submit(scheduler, array, collector, lambda job: note_job(submission, scheduler, job))
    print(f"job {job}: {len(missing)} runs in {len(submission.tasks)} tasks; {shown(submission.folder)}")


def _require_none_queued(planned: Plan) -> None:
    """Refuse where an array that was submitted before still waits or runs: its runs would be done twice."""
    from tumorabm.sweep.schedulers import is_queued
    from tumorabm.sweep.submission import noted_jobs

    for name, (scheduler, job) in noted_jobs(planned).items():
        if is_queued(scheduler, job):
            raise UserError(
                f"{planned.folder}: job {job} of submission {name} waits or runs; expected its end, or: scancel {job}"
            )


def _limit(text: str, warning_s: int) -> int:
    """Return a time limit in s, or refuse one that cannot be read or leaves no time before the warning."""
    import re

    if not re.fullmatch(r"\d+:[0-5]\d:[0-5]\d", text):
        raise UserError(f"--time-limit {text}: expected hours, minutes and seconds, as in 4:00:00")
    hours, minutes, seconds = map(int, text.split(":"))
    limit_s = 3600 * hours + 60 * minutes + seconds
    if limit_s <= warning_s:
        raise UserError(f"--time-limit {text}: expected more than the {warning_s} s of --warn-seconds")
    return limit_s


def _list(what: str, lines: list[str]) -> None:
    for line in lines[:_MOST_LISTED]:
        print(f"{what} {line}")
    if len(lines) > _MOST_LISTED:
        print(f"... and {len(lines) - _MOST_LISTED} more {what}")


def _draw(planned: Plan, results: pd.DataFrame) -> list[str]:
    """Draw what can be drawn of the runs that are done; return the names of the files."""
    from tumorabm.output import style
    from tumorabm.output.run_folder import reason
    from tumorabm.sweep.indices import indices_of
    from tumorabm.sweep.plot import drawable_readouts, sweep_figures

    indices = indices_of(planned, results, drawable_readouts(planned, results))
    written = []
    try:
        if indices is not None:
            indices.to_csv(planned.folder / "indices.csv", index=False, float_format="%.6g")
            written.append("indices.csv")
        for name, figure in sweep_figures(planned, results, indices).items():
            written.append(style.save(figure, planned.folder / f"{name}.png").name)
    except OSError as error:
        raise UserError(f"{planned.folder}: pictures cannot be written: {reason(error)}") from error
    return written
