"""Mesa's data collector for a model that does not record every step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

from mesa import DataCollector


class RowCollector(DataCollector):
    """Collects rows at some steps only, and lets `mesa.batch_run` find them.

    Before Mesa 3.5, `mesa.batch_run` takes the row at place s for what was so after step s + 1, which would be beyond
    the last row. It alone reads the columns by ``model_vars.items()``; what it gets there finds rows by step.

    Parameters
    ----------
    reporters
        By name: what returns a value of the model.
    """

    def __init__(self, reporters: Mapping[str, Callable]) -> None:
        super().__init__(model_reporters=reporters)
        self._ticks: list[int] = []
        if not hasattr(self, "_collection_steps"):  # Mesa before 3.5
            self.model_vars = _Columns(self.model_vars)
            self.model_vars.ticks = self._ticks

    @property
    def ticks(self) -> list[int]:
        """Steps after which the rows were collected."""
        return self._ticks

    def collect(self, model) -> None:
        """Collect a row now."""
        super().collect(model)
        self._ticks.append(model.tick)

    def restore(self, columns: Mapping[str, list[float]], ticks: Sequence[int]) -> None:
        """Take the rows that another collector had, in place of none."""
        for name, values in columns.items():
            self.model_vars[name].extend(values)
        self._ticks.extend(ticks)
        if hasattr(self, "_collection_steps"):
            self._collection_steps.extend(ticks)


class _Columns(dict):
    """Columns by name, whose items find rows by step."""

    ticks: Sequence[int] = ()

    def items(self) -> list[tuple[str, _BySteps]]:
        return [(name, _BySteps(values, self.ticks)) for name, values in super().items()]


class _BySteps:
    """A column in which a step, counted from 0, finds the last row until after it."""

    def __init__(self, values: Sequence[float], ticks: Sequence[int]) -> None:
        self._values, self._ticks = values, ticks

    def __getitem__(self, step: int) -> float:
        return self._values[bisect_right(self._ticks, step + 1) - 1]
