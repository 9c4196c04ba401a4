"""Local worker processes: each runs one run after the other, and one that dies costs only its present run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from tumorabm.output.run_folder import OutputError
from tumorabm.processes import begin
from tumorabm.sweep.plan import PlannedRun, read_plan
from tumorabm.sweep.result import Result, failed

_ENDED = (EOFError, OSError)
"""What a connection raises when the process at its other end is gone."""


def run_all(
    folder: Path,
    runs: Sequence[PlannedRun],
    jobs: int,
    ended: Callable[[Result], object],
    now_and_then: Callable[[], object],
    pause_s: float,
) -> None:
    """Run all, ``jobs`` at a time, in processes that end with this call however it ends.

    Parameters
    ----------
    folder
        Sweep folder of the runs.
    runs
        Begun in this order.
    jobs
        Number of processes, at least 1.
    ended
        Called with the result of each run.
    now_and_then
        Called whenever nothing has ended for ``pause_s``, s.
    """
    waiting = deque(runs)
    workers: dict[Connection, _Worker] = {}
    try:
        while waiting or workers:
            for _ in range(min(jobs - len(workers), len(waiting))):
                worker = _Worker(folder)
                workers[worker.connection] = worker
            ready = wait(list(workers), pause_s)
            if not ready:
                now_and_then()
            for connection in ready:
                worker = workers[connection]
                result = worker.answer()
                if not worker.give(waiting):
                    worker.end()
                    del workers[connection]
                if result is not None:
                    ended(result)
    finally:
        for worker in workers.values():
            worker.process.terminate()
        for worker in workers.values():
            worker.end()


class _Worker:
    """A process, and the run that it has now."""

    def __init__(self, folder: Path) -> None:
        self.process: BaseProcess
        self.process, self.connection = begin(_serve, folder)
        self._run: PlannedRun | None = None
        self._alive = True

    def give(self, waiting: deque[PlannedRun]) -> bool:
        """Give it the next run, if there is one and it lives."""
        if not (self._alive and waiting):
            return False
        self._run = waiting.popleft()
        with suppress(*_ENDED):  # `answer` will say so
            self.connection.send(self._run)
        return True

    def answer(self) -> Result | None:
        """Return the result of its run, a failed one where the process has died; None where it has just begun."""
        try:
            return self.connection.recv()
        except _ENDED as error:
            self._alive = False
            self.process.join()
            why = f"its process ended with exit code {self.process.exitcode}"
            if self._run is None:
                raise OutputError(f"a worker process cannot begin: {why}") from error
            return failed(self._run.run_id, why)

    def end(self) -> None:
        """Let it end, and wait until it has."""
        self.connection.close()
        self.process.join()


def _serve(folder: Path, connection: Connection) -> None:
    """Run what comes until the connection is closed at the other end."""
    from tumorabm.memory import give_back_large_arrays
    from tumorabm.sweep.execute import execute

    give_back_large_arrays()
    plan = read_plan(folder)
    try:
        connection.send(None)  # has begun
        while True:
            connection.send(execute(plan, connection.recv()))
    except _ENDED:
        return
