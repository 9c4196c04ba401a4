"""The population as columns: rows 0 to size-1 are the cells, dense, in no meaningful order."""

from __future__ import annotations

import difflib
import functools
import operator
from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tumorabm.cells.agents import TumorCell

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from tumorabm.cells.column_model import ColumnModel

_INITIAL_CAPACITY = 64


@dataclass(frozen=True)
class Block:
    """A group of columns that are stored together because they are used together.

    Parameters
    ----------
    name : str
        Name of the block; a block of one column may carry that column's name.
    columns : tuple of str
        Names of the columns, with their unit where they have one.
    dtype : data-type
        Type of all columns of the block.
    """

    name: str
    columns: tuple[str, ...]
    dtype: DTypeLike


_IDENTITY = tuple(Block(name, (name,), np.int64) for name in ("uid", "parent_uid", "founder_uid"))
_AGENT_ATTRIBUTES = frozenset({"pos", "scenario"})  # of Mesa's agents, but not in every version of the class
_IDENTITY_NAMES = frozenset(block.name for block in _IDENTITY)


class Population:
    """Columns of all cells of one model; bulk birth, division, removal and sorting without a Python object per cell.

    A block of several columns is one C-contiguous array (capacity, number of columns), a block of one column is
    1-D. Three columns are always there, all int64, and the population assigns them: ``uid`` (from 1, unique among all
    agents of the model, never reused), ``parent_uid`` (0 for a cell without parent) and ``founder_uid`` (of the cell
    without parent from which it descends, its own for such a cell: cells that share it are a clone).

    Arrays that `block` and `data` return are views of the first `size` rows and stay valid until the next birth,
    removal or sorting: fetch them anew each step.

    Parameters
    ----------
    model : ColumnModel
        Model that the cells live in; a model has one population.
    blocks : iterable of Block
        The columns.

    Raises
    ------
    ValueError
        A name is used twice, is no identifier, or is an attribute of every agent; or the model has a population.

    Notes
    -----
    ``model.agent_id_counter`` is the next free identifier; who saves and restores cells keeps it too.
    """

    def __init__(self, model: ColumnModel, blocks: Iterable[Block]) -> None:
        self.model = model
        self.blocks = (*_IDENTITY, *blocks)
        _check_names(self.blocks)
        self.data = _Columns(self)
        self._size = 0
        self._generation = 0
        self._arrays: dict[str, np.ndarray] = {}
        self._columns: dict[str, np.ndarray] = {}
        self._views: dict[int, TumorCell] = {}
        self._allocate(_INITIAL_CAPACITY)
        model.attach_population(self)

    @property
    def columns(self) -> KeysView[str]:
        """Names of all columns, in the order of the blocks."""
        return self._columns.keys()

    @property
    def size(self) -> int:
        """Number of cells, that is of rows."""
        return self._size

    @property
    def capacity(self) -> int:
        """Number of rows that fit before the arrays double."""
        return len(self._arrays["uid"])

    @property
    def generation(self) -> int:
        """Count of changes of the rows (birth, removal, sorting): rows noted earlier hold while it stays the same."""
        return self._generation

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the arrays take at their present capacity, without Mesa views."""
        return sum(array.nbytes for array in self._arrays.values())

    def block(self, name: str) -> np.ndarray:
        """Return the block ``name``: a view of shape (size, number of columns), or (size,) for a single column."""
        if name not in self._arrays:
            raise ValueError(f"block: no block {name!r}; expected one of {', '.join(self._arrays)}")
        return self._arrays[name][: self._size]

    def view(self, row: int) -> TumorCell:
        """Return the Mesa agent of ``row``, made on first touch and kept until the cell is removed."""
        row = operator.index(row)
        if not 0 <= row < self._size:
            raise ValueError(f"view: row {row} is outside 0 to {self._size - 1}")
        view = self._views.get(self._arrays["uid"].item(row))
        return TumorCell._of_row(self, row) if view is None else view

    def append(self, n: int, **values: ArrayLike) -> slice:
        """Add ``n`` cells without parent.

        Parameters
        ----------
        n : int
            Number of new cells.
        **values : array_like
            Values of columns (scalar or shape (n,)) or whole blocks (shape (columns,) or (n, columns)), written in
            the order given; columns that are not named are zero.

        Returns
        -------
        slice
            The new rows, last in the population; identifiers rise in row order.

        Raises
        ------
        ValueError
            Unknown name, or a value of the wrong shape or kind. The population is then unchanged.
        """
        n = operator.index(n)
        if n < 0:
            raise ValueError(f"append: expected a number of cells of at least 0, got {n}")
        new = self._reserve(n)
        for array in self._arrays.values():
            array[new] = 0
        for name, value in values.items():
            self._write(name, new, value)
        self._admit(new)
        self._arrays["founder_uid"][new] = self._arrays["uid"][new]
        return new

    def divide(self, parent_rows: ArrayLike) -> slice:
        """Add a copy of each row of ``parent_rows``; parents and daughters are then changed by the caller.

        Parameters
        ----------
        parent_rows : array_like of int, shape (k,)
            Rows of the dividing cells.

        Returns
        -------
        slice
            Rows of the daughters, in the order of their parents, with identifiers of their own, ``parent_uid``
            naming the parent, and its ``founder_uid``.
        """
        parents = self._checked_rows("divide", parent_rows)
        new = self._reserve(len(parents))
        for array in self._arrays.values():
            array[new] = array[parents]
        self._arrays["parent_uid"][new] = self._arrays["uid"][parents]
        self._admit(new)
        return new

    def release(self, rows: ArrayLike) -> dict[str, np.ndarray]:
        """Remove the cells of ``rows`` and return them as blocks by name, in the order given, for `receive`."""
        leaving = self._checked_rows("release", rows)
        cells = {name: array[leaving] for name, array in self._arrays.items()}
        self.bury(leaving)
        return cells

    def receive(self, cells: Mapping[str, np.ndarray]) -> slice:
        """Add cells that `release` of a population with the same blocks returned; they keep their identifiers.

        Returns
        -------
        slice
            The new rows, last in the population.
        """
        new = self._reserve(len(cells["uid"]))
        for name, array in self._arrays.items():
            array[new] = cells[name]
        self._size = new.stop
        self._generation += 1
        return new

    def bury(self, rows: ArrayLike) -> None:
        """Remove the cells of ``rows``: the last cells move into the holes, both in ascending order.

        Parameters
        ----------
        rows : array_like of int, shape (k,)
            Rows to remove, in any order, each once.
        """
        dead = np.sort(self._checked_rows("bury", rows))
        if len(dead) == 0:
            return
        if np.any(dead[1:] == dead[:-1]):
            raise ValueError("bury: a row is named twice; expected each row once")
        kept = self._size - len(dead)
        holes = dead[dead < kept]
        in_tail = np.ones(len(dead), dtype=bool)
        in_tail[dead[len(holes) :] - kept] = False
        movers = kept + np.flatnonzero(in_tail)
        self._mend_views(dead, movers, holes)
        for array in self._arrays.values():
            array[holes] = array[movers]
        self._size = kept
        self._generation += 1

    def reorder(self, permutation: ArrayLike) -> None:
        """Sort the rows: row i becomes the present row ``permutation[i]`` (integers, shape (size,))."""
        order = self._checked_rows("reorder", permutation)
        new_row = np.full(self._size, -1)
        new_row[order] = np.arange(len(order))
        if len(order) != self._size or np.any(new_row < 0):
            raise ValueError(f"reorder: expected a permutation of the {self._size} rows")
        for view in self._views.values():
            view._move(new_row.item(view.row))
        for array in self._arrays.values():
            array[: self._size] = array[order]
        self._generation += 1

    def fill(self, name: str, value: Any) -> None:
        """Write one scalar ``value`` into column ``name`` of every cell."""
        if np.ndim(value) != 0:
            raise ValueError(f"{name}: expected one value for all cells, got shape {np.shape(value)}")
        self._write(name, slice(0, self._size), value)

    def state(self) -> dict[str, Any]:
        """Return all cells for `restore`: the blocks by name, views of their first `size` rows."""
        return {"size": self._size, "blocks": {name: self.block(name) for name in self._arrays}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Fill a population without cells with those whose `state` this was; blocks must be the same.

        Raises
        ------
        ValueError
            There are cells already, or other blocks.
        """
        if self._size:
            raise ValueError(f"restore: expected a population without cells, there are {self._size}")
        if list(state["blocks"]) != list(self._arrays):
            raise ValueError(
                f"restore: expected the blocks {', '.join(self._arrays)}, got {', '.join(state['blocks'])}"
            )
        new = self._reserve(state["size"])
        for name, array in self._arrays.items():
            array[new] = state["blocks"][name]
        self._size = new.stop
        self._generation += 1

    def _write(self, name: str, rows: slice, value: ArrayLike) -> None:
        """Write ``value`` (broadcast) into ``rows`` of the column or block ``name``, refusing lossy kinds.

        Raises
        ------
        ValueError
            Unknown name, an identity column, a wrong shape, or a value that its type cannot hold (a float or a text
            for an integer column, an integer that is too large).
        """
        if name in _IDENTITY_NAMES:
            raise ValueError(f"{name}: assigned by the population, cannot be set")
        target = self._columns.get(name)
        target = self._arrays.get(name) if target is None else target
        if target is None:
            raise ValueError(self._unknown(name))
        try:
            if np.size(value) == 0:  # an empty list has no kind of its own
                value = np.empty(np.shape(value), dtype=target.dtype)
            np.copyto(target[rows], value, casting="same_kind")
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"{name}: expected {target.dtype} that fits shape {target[rows].shape}, got {value!r}"
            ) from error

    def _unknown(self, name: str) -> str:
        return _unknown_name(name, tuple(self._columns))

    def _allocate(self, capacity: int) -> None:
        for block in self.blocks:
            width = len(block.columns)
            array = np.zeros(capacity if width == 1 else (capacity, width), dtype=block.dtype)
            if self._size:
                array[: self._size] = self._arrays[block.name][: self._size]
            self._arrays[block.name] = array
            for j, column in enumerate(block.columns):
                self._columns[column] = array if width == 1 else array[:, j]

    def _reserve(self, n: int) -> slice:
        """Return the ``n`` rows after the last one, growing the arrays where needed; they are not cells yet."""
        capacity = self.capacity
        while capacity < self._size + n:
            capacity *= 2
        if capacity > self.capacity:
            self._allocate(capacity)
        return slice(self._size, self._size + n)

    def _admit(self, new: slice) -> None:
        """Turn the reserved rows into cells with identifiers of their own."""
        first = self.model.agent_id_counter
        self.model.agent_id_counter = first + new.stop - new.start
        self._arrays["uid"][new] = np.arange(first, self.model.agent_id_counter)
        self._size = new.stop
        self._generation += 1

    def _mend_views(self, dead: np.ndarray, movers: np.ndarray, holes: np.ndarray) -> None:
        if not self._views:
            return
        uid = self._arrays["uid"]
        for gone in uid[dead].tolist():
            view = self._views.pop(gone, None)
            if view is not None:
                view._leave()
        for moved, row in zip(uid[movers].tolist(), holes.tolist(), strict=True):
            view = self._views.get(moved)
            if view is not None:
                view._move(row)

    def _checked_rows(self, what: str, rows: ArrayLike) -> np.ndarray:
        array = np.asarray(rows)
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ValueError(f"{what}: expected a 1-D array of integer rows, got {array.dtype} of shape {array.shape}")
        if array.size and not (array.min() >= 0 and array.max() < self._size):
            raise ValueError(f"{what}: expected rows from 0 to {self._size - 1}, got {array.min()} to {array.max()}")
        return array.astype(np.intp, copy=False)


class _Columns(Mapping[str, np.ndarray]):
    """Every column by name; an item is made when it is asked for, so it always has the present rows."""

    def __init__(self, population: Population) -> None:
        self._population = population

    def __getitem__(self, name: str) -> np.ndarray:
        population = self._population
        try:
            return population._columns[name][: population.size]
        except KeyError:
            raise KeyError(population._unknown(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._population.columns)

    def __len__(self) -> int:
        return len(self._population.columns)


def _check_names(blocks: Sequence[Block]) -> None:
    taken: set[str] = set()
    for block in blocks:
        if not block.columns:
            raise ValueError(f"block {block.name!r}: expected at least one column")
        names = block.columns if block.columns == (block.name,) else (block.name, *block.columns)
        for name in names:
            if not name.isidentifier() or name.startswith("_"):
                raise ValueError(
                    f"block {block.name!r}: expected an identifier without leading underscore, got {name!r}"
                )
            if name in block.columns and (name in _AGENT_ATTRIBUTES or hasattr(TumorCell, name)):
                raise ValueError(
                    f"block {block.name!r}: {name!r} is an attribute of every agent; expected another name"
                )
            if name in taken:
                raise ValueError(f"block {block.name!r}: the name {name!r} is used twice")
            taken.add(name)


@functools.lru_cache(maxsize=256)  # asking 100,000 views for a missing attribute must not search 100,000 times
def _unknown_name(name: str, columns: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, columns, n=1, cutoff=0.0)
    return f"no column {name!r}; the nearest name is {near[0]!r}"
