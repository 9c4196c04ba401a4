"""States as they are kept: columns packed into one array, and arrays that lie in a file until they are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def packed(columns: Mapping[str, Sequence]) -> np.ndarray:
    """Return equally long columns as an array of records, (rows,); `unpacked` returns them again.

    One array is faster to write than hundreds of short ones.
    """
    arrays = {name: np.array(values) for name, values in columns.items()}
    table = np.empty(len(next(iter(arrays.values()))), [(name, array.dtype) for name, array in arrays.items()])
    for name, array in arrays.items():
        table[name] = array
    return table


def unpacked(table: np.ndarray) -> dict[str, list]:
    """Return the columns of an array of records by name, as lists of Python's own numbers and text."""
    table = np.asarray(table)
    return {name: table[name].tolist() for name in table.dtype.names}


def in_memory(state: object) -> object:
    """Return nested dictionaries and lists with arrays of NumPy in place of all that only turns into such."""
    if isinstance(state, Mapping):
        return {name: in_memory(value) for name, value in state.items()}
    if isinstance(state, list):
        return [in_memory(value) for value in state]
    return np.asarray(state) if hasattr(state, "__array__") and not isinstance(state, np.generic) else state
