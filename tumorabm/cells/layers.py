"""Concentration fields as Mesa property layers over the solver's own memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from mesa.discrete_space import PropertyLayer

if TYPE_CHECKING:
    from mesa import Model


class FieldLayer(PropertyLayer):
    """Mesa `PropertyLayer` without memory of its own: reading and writing it reads and writes the given array.

    Every way of writing that Mesa offers ends in that array: items of ``data``, assignment to ``data``, ``set_cells``
    and ``modify_cells`` (which in Mesa 3.3 puts a new array in the place of the old one).

    Axes are those of NumPy: ``data[y, x]`` in 2-D and ``data[z, y, x]`` in 3-D, so ``select_cells`` lists (y, x) or
    (z, y, x), whereas Mesa's grids count (x, y).

    Parameters
    ----------
    name : str
        Name of the substrate.
    memory : ndarray of float64, shape (ny, nx) or (nz, ny, nx)
        Concentrations, in the unit of the solver.
    """

    def __init__(self, name: str, memory: np.ndarray) -> None:
        # PropertyLayer.__init__ is not called: it allocates an array that nobody would use.
        self.name = name
        self.dimensions = memory.shape
        self._memory = memory

    @property
    def data(self) -> np.ndarray:
        """The concentrations, shape ``dimensions``: the solver's memory itself."""
        return self._memory

    @data.setter
    def data(self, value: np.ndarray) -> None:
        np.copyto(self._memory, value)

    # Under these names Mesa's own methods read and rebind the array.
    _mesa_data = data  # Mesa 3.3
    _data = data  # Mesa 3.5


def attach_layers(model: Model, fields: Mapping[str, np.ndarray]) -> dict[str, FieldLayer]:
    """Show the solver's fields as Mesa property layers, as ``model.layers`` and as the returned dictionary.

    Layers and solver share memory, so neither sees the other's changes late; the solver must keep its arrays for the
    life of the model. No Mesa grid is needed.

    Parameters
    ----------
    model : mesa.Model
        Model that gets the attribute ``layers``.
    fields : mapping of str to ndarray of float64, shape (nz, ny, nx)
        Concentration of each substrate; nz = 1 in 2-D.

    Returns
    -------
    dict of str to FieldLayer
        Layers of shape (ny, nx) in 2-D, and (nz, ny, nx) in 3-D.

    Raises
    ------
    ValueError
        A field is not a C-contiguous float64 array of three dimensions.
    """
    for name, field in fields.items():
        if field.ndim != 3 or field.dtype != np.float64 or not field.flags.c_contiguous:
            raise ValueError(
                f"attach_layers: field {name!r}: expected C-contiguous float64 of shape (nz, ny, nx), "
                f"got {field.dtype} of shape {field.shape}"
            )
    layers = {name: FieldLayer(name, field[0] if len(field) == 1 else field) for name, field in fields.items()}
    model.layers = layers
    return layers
