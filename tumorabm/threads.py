"""Threads as an option: kernels release the interpreter lock, so plain Python threads run them side by side.

A kernel that is run over pieces of rows computes each row by itself and writes only its own rows, so one thread and
many give the same bits. No OpenMP: forked workers and the visualisation server stay safe.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

FEWEST_ROWS_PER_PIECE = 2048
"""Fewer rows than this are not worth a thread: to wake one takes as long as a light kernel over some thousands."""

MOST_THREADS = 1024
"""More are refused: no machine has a use for them, and each takes memory."""


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1


class Threads:
    """The calling thread and a small pool beside it.

    Parameters
    ----------
    count
        Number of threads, 1 to `MOST_THREADS`; by default the cores that the process may use.

    Raises
    ------
    ValueError
        If ``count`` is outside its range.
    """

    def __init__(self, count: int | None = None) -> None:
        if count is not None and not 1 <= count <= MOST_THREADS:
            raise ValueError(f"threads: expected 1 to {MOST_THREADS}, got {count}")
        self.count = count or available_cores()
        self._pool = ThreadPoolExecutor(self.count - 1) if self.count > 1 else None

    def run(self, tasks: Iterable[Callable[[], object]]) -> list:
        """Call each task, side by side where threads allow, and return their results in order."""
        tasks = list(tasks)
        helpers = min(self.count, len(tasks)) - 1
        if self._pool is None or helpers < 1:
            return [task() for task in tasks]
        results: list = [None] * len(tasks)
        waiting = deque(range(len(tasks)))

        def work() -> None:
            while True:
                try:
                    place = waiting.popleft()
                except IndexError:
                    return
                results[place] = tasks[place]()

        futures = [self._pool.submit(work) for _ in range(helpers)]
        try:
            work()
        finally:
            waiting.clear()  # after a failure nothing more is begun
            begun = [future for future in futures if not future.cancel()]
            for future in begun:
                future.exception()  # waits, so that nothing goes on either
            for future in begun:
                future.result()
        return results

    def pieces(self, n_rows: int) -> list[tuple[int, int]]:
        """Return starts and stops of the pieces in which rows ``0..n_rows-1`` are shared out."""
        rows = max(-(-n_rows // self.count), FEWEST_ROWS_PER_PIECE)
        return [(start, min(start + rows, n_rows)) for start in range(0, n_rows, rows)]

    def over_rows(self, kernel: Callable, n_rows: int, *arguments: object) -> list:
        """Call ``kernel(start, stop, *arguments)`` over the `pieces` of ``n_rows`` rows; return the results."""
        return self.run(partial(kernel, *piece, *arguments) for piece in self.pieces(n_rows))
