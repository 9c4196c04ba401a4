"""Running variants over seeds, each run in a process of its own and into its own run folder.

A process for each run: one that dies, for want of memory say, takes no other with it.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from tumorabm.output.run_folder import OutputError, RunFolder, reason
from tumorabm.processes import begin
from tumorabm.scenario import Scenario

_ELSEWHERE = "choose another place with --out"


@dataclass(frozen=True, eq=False)
class Run:
    """One run of one variant.

    Attributes
    ----------
    variant
        Its name.
    scenario
        With the seed of this run.
    n_steps
        Number of steps to run.
    folder
        Its run folder; the folder above it must exist.
    """

    variant: str
    scenario: Scenario
    n_steps: int
    folder: Path

    @property
    def seed(self) -> int:
        """Seed of all its random numbers."""
        return self.scenario.seed

    @property
    def hours(self) -> float:
        """Simulated time, h."""
        return self.n_steps * self.scenario.time.step_min / 60.0


def is_done(run: Run) -> bool:
    """Return whether the folder of a run holds its finished result; an attempt that broke off is none.

    Raises
    ------
    OutputError
        Something else is in its place.
    """
    try:
        if not run.folder.exists():
            return False
        scenario = (run.folder / "scenario.toml").read_text(encoding="utf-8")
        record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
        finished, steps, hours = record["finished"], record["steps"], record["simulated_hours"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = reason(error) if isinstance(error, OSError) else f"run.json is damaged: {error}"
        raise OutputError(f"{run.folder}: is no run folder: {why}; {_ELSEWHERE}") from error
    if scenario != run.scenario.to_toml():
        raise OutputError(f"{run.folder}: holds a run of another scenario; {_ELSEWHERE}")
    if finished is not True:
        return False
    if steps != run.n_steps:
        raise OutputError(f"{run.folder}: holds a run of {hours:g} h, not of {run.hours:g} h; {_ELSEWHERE}")
    return True


def code_of(run: Run) -> str:
    """Return which version of the code made the result of a run that is done."""
    return json.loads((run.folder / "run.json").read_text(encoding="utf-8")).get("model_version", "unknown")


def record(run: Run) -> None:
    """Run one run on one thread and write its folder, in place of one of an attempt that broke off."""
    from tumorabm.memory import give_back_large_arrays
    from tumorabm.model import TumorModel
    from tumorabm.output.recorder import record_run

    if is_done(run):  # by another command meanwhile
        return
    shutil.rmtree(run.folder, ignore_errors=True)
    folder = RunFolder(run.scenario.name, run.seed, out=run.folder)
    try:
        give_back_large_arrays()
        model = TumorModel(run.scenario, rng=run.seed, threads=1)
        record_run(model, run.scenario, folder, n_steps=run.n_steps)
    finally:
        folder.discard()


def run_all(runs: Sequence[Run], jobs: int, ended: Callable[[Run, str | None], object]) -> None:
    """Run all, ``jobs`` at a time, in processes that end with this call however it ends.

    Parameters
    ----------
    runs
        Begun in this order.
    jobs
        Number of processes at a time, at least 1.
    ended
        Called after each run with the run and what went wrong, or None.
    """
    waiting = list(runs)[::-1]
    workers: dict[int, _Worker] = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                worker = _Worker.begin(waiting.pop())
                workers[worker.process.sentinel] = worker
            for sentinel in wait(list(workers)):
                worker = workers.pop(sentinel)
                ended(worker.run, worker.fault())
    finally:
        for worker in workers.values():
            worker.process.terminate()
        for worker in workers.values():
            worker.process.join()


@dataclass(frozen=True)
class _Worker:
    """A run, the process that runs it, and where it tells what went wrong."""

    run: Run
    process: BaseProcess
    answer: Connection

    @classmethod
    def begin(cls, run: Run) -> _Worker:
        return cls(run, *begin(_work, run))

    def fault(self) -> str | None:
        """Return what went wrong in the process, which has ended."""
        self.process.join()
        with self.answer:
            try:
                return self.answer.recv()
            except EOFError:
                return f"its process ended with exit code {self.process.exitcode}"


def _work(run: Run, told: Connection) -> None:
    """Record a run and tell what went wrong, or None; SIGTERM completes the folder as one that broke off."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        record(run)
    except KeyboardInterrupt:
        told.send("interrupted")
    except Exception as error:
        told.send("; ".join([str(error) or type(error).__name__, *getattr(error, "__notes__", ())]))
    else:
        told.send(None)
