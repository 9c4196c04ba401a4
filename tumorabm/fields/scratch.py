"""Scratch memory that the fields on one grid share."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tumorabm.fields.grid import Grid
from tumorabm.fields.integrate import Work
from tumorabm.fields.multigrid import build_levels


class Scratch:
    """As many sets of solver memory as fields of one grid are advanced at once.

    Parameters
    ----------
    grid
        The grid of all fields that share it.

    Attributes
    ----------
    zeros
        (n_voxels,) float64, never written: stands for every term that a field does not have.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        closed = ((False, False),) * 3
        on_all_levels = int(build_levels(grid.shape, grid.voxel_um, 1.0, closed).start[-1])
        self._sizes = (on_all_levels,) * 3 + (grid.n_voxels,) * 3 + (max(grid.shape),)
        self._idle: deque[Work] = deque()
        self.zeros = np.zeros(grid.n_voxels)

    @contextmanager
    def borrow(self) -> Iterator[Work]:
        """Lend a set of memory, of undefined content, for the time of a ``with`` block."""
        try:
            work = self._idle.pop()
        except IndexError:
            work = Work(*(np.zeros(size) for size in self._sizes))
        try:
            yield work
        finally:
            self._idle.append(work)
