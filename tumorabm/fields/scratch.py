"""Scratch memory that the fields on one grid share."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tumorabm.fields.grid import Grid
from tumorabm.fields.multigrid import GUARD, build_levels
from tumorabm.fields.stage import Work


class Scratch:
    """As many sets of solver memory as fields of one grid are advanced at once.

    Parameters
    ----------
    grid
        The grid of all fields that share it.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        closed = ((False, False),) * 3
        self._on_all_levels = int(build_levels(grid.shape, grid.voxel_um, 1.0, closed).start[-1]) + GUARD
        self._idle: deque[Work] = deque()

    @contextmanager
    def borrow(self) -> Iterator[Work]:
        """Lend a set of memory, of undefined but finite content, for the time of a ``with`` block.

        After an error the set is dropped: it may hold what is not finite.
        """
        try:
            work = self._idle.pop()
        except IndexError:
            work = self._new_set()
        yield work
        self._idle.append(work)

    def clear(self) -> None:
        """Let the idle sets go: other parts of a step can use the memory."""
        self._idle.clear()

    def _new_set(self) -> Work:
        n, nx = self.grid.n_voxels, self.grid.shape[2]
        on_all_levels = (np.zeros(self._on_all_levels, np.float32) for _ in range(4))
        return Work(
            *on_all_levels,
            line=np.zeros(nx + 3, np.float32),
            iterate=np.zeros(GUARD + n + GUARD),
            stage=np.zeros(n),
            known=np.zeros(n),
            slope=np.zeros(n, np.float32),
            columns=np.zeros((4, nx)),
        )
