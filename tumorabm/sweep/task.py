"""One task of a job array: the runs of its share of the plan, one after the other in this process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tumorabm.output.run_folder import OutputError, reason
from tumorabm.sweep.plan import Plan, PlannedRun
from tumorabm.sweep.result import FAILED, Result
from tumorabm.sweep.store import PartWriter, read_store

INDEX_VARIABLES = ("SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX", "PBS_ARRAYID", "LSB_JOBINDEX", "SGE_TASK_ID")
"""Where Slurm, PBS Pro, Torque, LSF and SGE give a task its index."""

_WARNINGS = ("SIGUSR1", "SIGUSR2", "SIGTERM", "SIGINT")


def task_index(environment: Mapping[str, str] = os.environ) -> int:
    """Return the index that the scheduler gave this task.

    Raises
    ------
    OutputError
        There is none, or it is no number.
    """
    found = {name: environment[name] for name in INDEX_VARIABLES if environment.get(name, "undefined") != "undefined"}
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


def run_task(plan: Plan, ids: Sequence[str], ended: Callable[[PlannedRun, Result], object]) -> bool:
    """Run those of these runs that have no result yet; return whether all came to an end.

    A warning signal gives up the present run between two steps. What ended before is written in any case.

    Parameters
    ----------
    plan
        Of the sweep.
    ids
        Of runs of the plan.
    ended
        Called with each run and its result.

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
    writer = PartWriter(plan.parts)
    give_back_large_arrays()
    with _warnings() as warned:

        def between_steps() -> None:
            writer.flush_if_due()
            if warned:
                raise AbandonedError

        try:
            for run_id in ids:
                if present.status(run_id) is None:
                    result = execute(plan, planned[run_id], between_steps)
                    writer.add(result)
                    ended(planned[run_id], result)
        except AbandonedError:
            return False
        finally:
            writer.flush()
    return True


@contextmanager
def _warnings() -> Iterator[list[int]]:
    """Yield a list that gets the numbers of the warning signals that come meanwhile."""
    received: list[int] = []
    numbers = [getattr(signal, name) for name in _WARNINGS if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda number, frame: received.append(number)) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def fault_of(result: Result) -> str | None:
    """Return what went wrong in a run, or None."""
    return result.error if result.status == FAILED else None
