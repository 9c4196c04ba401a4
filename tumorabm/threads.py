"""Threads as an option: kernels release the interpreter lock, so plain Python threads run them side by side.

Work is cut into pieces that do not depend on the number of threads, and each piece writes only its own rows, so one
thread and many give the same bits. No OpenMP: forked workers and the visualisation server stay safe.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

ROWS_PER_PIECE = 1024


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1


class Threads:
    """A small pool of threads.

    Parameters
    ----------
    count
        Number of threads; by default the cores that the process may use.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or available_cores()
        self._pool = ThreadPoolExecutor(self.count) if self.count > 1 else None

    def run(self, tasks: Iterable[Callable[[], object]]) -> list:
        """Call each task, side by side where threads allow, and return their results in order."""
        if self._pool is None:
            return [task() for task in tasks]
        return [future.result() for future in [self._pool.submit(task) for task in tasks]]

    def over_rows(self, kernel: Callable, n_rows: int, *arguments: object) -> None:
        """Call ``kernel(start, stop, *arguments)`` over pieces that together cover rows ``0..n_rows-1``."""
        self.run(
            lambda start=start: kernel(start, min(start + ROWS_PER_PIECE, n_rows), *arguments)
            for start in range(0, n_rows, ROWS_PER_PIECE)
        )

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
