"""One cell as Mesa sees it: an agent without data of its own, reading and writing one row of the population."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from mesa import Agent

if TYPE_CHECKING:
    from mesa import Model
    from numpy.typing import ArrayLike

    from tumorabm.cells.population import Population

_POSITION = ("x_um", "y_um", "z_um")
_NO_ROW = -1


class RemovedCellError(RuntimeError):
    """A column was read or written through the view of a cell that has left the population."""


class TumorCell(Agent):
    """View of one cell: every column of the population is an attribute that holds a plain Python scalar.

    ``TumorCell(model, **columns)`` appends a row to ``model.population``; views of existing rows come from
    ``model.agents`` or `Population.view`. There is at most one view of a cell, kept until the cell is removed, so
    views can be compared by identity and used as keys. After removal the view still knows its ``unique_id`` and
    ``model``; reading a column raises `RemovedCellError`.

    The attributes are fixed by the population's blocks: an unknown name is refused, when read and when written.

    Parameters
    ----------
    model : ColumnModel
        Model with a `Population`.
    **columns
        Values of columns or whole blocks, as for `Population.append`; what is not given is zero.

    Raises
    ------
    ValueError
        The model has no population, a column is unknown, or a value does not fit.
    """

    __slots__ = ("_population", "_row", "_uid")

    def __init__(self, model: Model, **columns: Any) -> None:
        # Agent.__init__ is not called: it registers one object per agent, and Mesa 3.3 keeps the model alive for ever.
        population = getattr(model, "population", None)
        if population is None:
            raise ValueError(f"TumorCell: {type(model).__name__} has no population; expected a model with a Population")
        self._bind(population, population.append(1, **columns).start)

    @classmethod
    def _of_row(cls, population: Population, row: int) -> TumorCell:
        view = cls.__new__(cls)
        view._bind(population, row)
        return view

    def _bind(self, population: Population, row: int) -> None:
        uid = population._columns["uid"].item(row)
        _set_population(self, population)
        _set_row(self, row)
        _set_uid(self, uid)
        population._views[uid] = self

    def _move(self, row: int) -> None:
        _set_row(self, row)

    def _leave(self) -> None:
        _set_row(self, _NO_ROW)

    @property
    def model(self) -> Model:
        """The model that the cell lives, or lived, in."""
        return self._population.model

    @property
    def unique_id(self) -> int:
        """Identifier, unique among all agents of the model; the same as the column ``uid``."""
        return self._uid

    @property
    def in_population(self) -> bool:
        """Whether the cell still has a row (a dying cell has one until it is cleared)."""
        return self._row != _NO_ROW

    @property
    def row(self) -> int:
        """Row of the population that holds the cell now; other cells' removal and sorting change it."""
        if self._row == _NO_ROW:
            raise RemovedCellError(
                f"cell {self._uid} has left the population (removed or cleared); its columns are gone"
            )
        return self._row

    @property
    def position(self) -> np.ndarray:
        """Copy of (x, y, z) in µm, shape (3,), float64, where there are such columns; assign to it to move the cell."""
        return np.array([getattr(self, name) for name in _POSITION])

    @position.setter
    def position(self, value: ArrayLike) -> None:
        coordinates = np.asarray(value, dtype=np.float64)
        if coordinates.shape != (3,):
            raise ValueError(f"position: expected (x, y, z) in µm, got {value!r}")
        for name, coordinate in zip(_POSITION, coordinates, strict=True):
            setattr(self, name, coordinate)

    def remove(self) -> None:
        """Take the cell out of the population; without effect on a cell that has left already."""
        if self.in_population:
            self._population.bury([self._row])

    def step(self) -> None:
        """Do nothing: the columns of all cells are advanced together by the model."""

    def __getattr__(self, name: str) -> Any:
        # Called only where ordinary lookup found nothing; the first test keeps an unbound view from recursing.
        if name.startswith("_") or name not in self._population._columns:
            raise AttributeError(self._unknown(name), name=name, obj=self)
        return self._population._columns[name].item(self.row)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._population._columns:
            row = self.row
            self._population._write(name, slice(row, row + 1), value)
        elif isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
        else:
            raise AttributeError(self._unknown(name), name=name, obj=self)

    def _unknown(self, name: str) -> str:
        if name.startswith("_"):
            return f"TumorCell has no attribute {name!r}"
        return f"TumorCell: {self._population._unknown(name)}"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._population.columns]

    def __repr__(self) -> str:
        state = f"row={self._row}" if self.in_population else "removed"
        return f"TumorCell(uid={self._uid}, {state})"


# A view refuses ordinary assignment, so its three slots are set through their descriptors.
_set_population = TumorCell._population.__set__
_set_row = TumorCell._row.__set__
_set_uid = TumorCell._uid.__set__
