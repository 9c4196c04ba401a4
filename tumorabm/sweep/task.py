"""One task of a job array: the runs of its share of the plan, one after the other in this process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tumorabm.output.run_folder import OutputError, reason
from tumorabm.sweep.attempts import MOST_ATTEMPTS, Attempts
from tumorabm.sweep.plan import Plan
from tumorabm.sweep.result import DONE, FAILED, Result, failed
from tumorabm.sweep.store import PartWriter, read_store

INDEX_VARIABLES = ("SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX", "PBS_ARRAYID", "LSB_JOBINDEX", "SGE_TASK_ID")
"""Where Slurm, PBS Pro, Torque, LSF and SGE give a task its index."""

_NO_INDEX = ("", "0", "undefined")  # what LSF and SGE set in jobs that are no arrays

_WARNINGS = ("SIGUSR1", "SIGUSR2")  # that the time is nearly up; the others are cancellations
_NEVER_ENDS = (
    f"was begun {MOST_ATTEMPTS} times and never came to its end: it takes its process down, or is longer than a task"
)
_SIGNALS = (*_WARNINGS, "SIGTERM", "SIGINT")


def task_index(environment: Mapping[str, str] = os.environ) -> int:
    """Return the index that the scheduler gave this task.

    Raises
    ------
    OutputError
        There is none, or it is no number.
    """
    found = {name: environment[name] for name in INDEX_VARIABLES if environment.get(name, "") not in _NO_INDEX}
    if not found:
        raise OutputError(f"this is no task of a job array; expected one of {', '.join(INDEX_VARIABLES)} to be set")
    name, text = next(iter(found.items()))
    if not text.isdecimal():
        raise OutputError(f"{name} = {text}: expected the index of a task, a whole number")
    return int(text)


def share_of(tasks: Path, index: int) -> list[str]:
    """Return the ids of the runs of a task, from a file with a line of ids for each task.

    Raises
    ------
    OutputError
        There is no such file, or no such task in it.
    """
    try:
        lines = tasks.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise OutputError(f"{tasks}: cannot be read: {why}; expected what tumorabm sweep submit writes") from error
    if not 1 <= index <= len(lines):
        raise OutputError(f"task {index} is beyond the plan: {tasks} has tasks 1 to {len(lines)}")
    return lines[index - 1].split()


def run_task(
    plan: Plan, ids: Sequence[str], ended: Callable[[Result], object], *, retry_failed: bool = False
) -> signal.Signals | None:
    """Run those of these runs that have no result yet; return the signal that stopped it early, or None.

    A signal gives up the present run between two steps. What ended before is written in any case. After a warning the
    process ignores further ones: `timeout` sends two, and the second must not take the exit code away. Runs that were
    begun earlier without an end come last, and one that was begun `MOST_ATTEMPTS` times is recorded as failed.

    Parameters
    ----------
    plan
        Of the sweep.
    ids
        Of runs of the plan.
    ended
        Called with the result of each run.
    retry_failed
        Run also those again that failed.

    Raises
    ------
    OutputError
        A run is not in the plan, or results cannot be written.
    """
    from tumorabm.memory import give_back_large_arrays
    from tumorabm.sweep.execute import AbandonedError, execute

    planned = {run.run_id: run for run in plan.runs}
    if unknown := [run_id for run_id in ids if run_id not in planned]:
        raise OutputError(f"{plan.folder}: run {unknown[0]} of the task is not in the plan; submit again")
    present = read_store(plan.parts, verify=False)
    settled = (DONE,) if retry_failed else (DONE, FAILED)
    to_run = [run_id for run_id in ids if present.status(run_id) not in settled]
    attempts = Attempts(plan.folder / "begun")
    writer = PartWriter(plan.parts)
    give_back_large_arrays()
    with _noted_signals() as warned:

        def between_steps() -> None:
            writer.flush_if_due()
            if warned:
                raise AbandonedError

        try:
            for run_id in sorted(to_run, key=attempts.of):
                if attempts.of(run_id) >= MOST_ATTEMPTS:
                    result = failed(run_id, _NEVER_ENDS)
                else:
                    attempts.begin(run_id)
                    result = execute(plan, planned[run_id], between_steps)
                writer.add(result)
                attempts.end(run_id)
                ended(result)
        except AbandonedError:
            stopped_by = signal.Signals(warned[0])
            if not is_warning(stopped_by):
                attempts.end(run_id)
            return stopped_by
        finally:
            writer.flush()
    return None


@contextmanager
def _noted_signals() -> Iterator[list[int]]:
    """Yield a list that gets the numbers of the signals that come meanwhile."""
    received: list[int] = []
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda number, frame: received.append(number)) for number in numbers}
    try:
        yield received
    finally:
        was_warned = any(map(is_warning, received))
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if was_warned and is_warning(number) else handler)


def is_warning(number: int) -> bool:
    """Return whether a signal says that the time is nearly up, so that the task is to be queued again."""
    return signal.Signals(number).name in _WARNINGS
