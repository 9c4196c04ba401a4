"""Naming what went wrong: the cell or voxel whose state is no longer a number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tumorabm.fields import Grid
    from tumorabm.model import TumorModel


def first_not_finite(model: TumorModel) -> str | None:
    """Return in words the first cell, else voxel, that holds a value that is not finite; None where there is none.

    Looked at are all columns of floating-point numbers of the population, the concentrations and the plasma. A sum that
    is finite clears a whole array at once, so that a sound state of 100,000 cells costs a millisecond.
    """
    population = model.population
    blocks = [block for block in population.blocks if np.issubdtype(block.dtype, np.floating)]
    arrays = [population.block(block.name) for block in blocks]
    arrays += [field.concentration_mM for field in model.fields.values()]
    if all(model.threads.run([lambda array=array: _sum_is_finite(array) for array in arrays])):
        return _bad_plasma(model)
    return _bad_cell(model) or bad_voxel(model)


def bad_voxel(model: TumorModel) -> str | None:
    """Return in words the first voxel whose concentration or vessel exchange is not finite, or None."""
    for name, field in model.fields.items():
        for what, values in (("", field.concentration_mM), (", its vessel exchange", field.vessel_exchange_per_min)):
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                return f"field {name}{what} is {values.flat[bad[0]]} in {_describe_voxel(model.grid, bad[0])}"
    return None


def describe_cell(model: TumorModel, row: int) -> str:
    """Return uid, type and place (µm) of the cell in ``row``."""
    data, ndim = model.population.data, model.grid.ndim
    place = ", ".join(f"{x:.1f}" for x in model.population.block("position_um")[row, :ndim])
    return f"cell {data['uid'][row]} ({model.cell_types[data['cell_type'][row]]}) at ({place}) µm"


def _describe_voxel(grid: Grid, voxel: int) -> str:
    """Return indices and centre (µm) of the voxel with this flat index."""
    index = np.unravel_index(voxel, grid.shape)[::-1][: grid.ndim]
    named = ", ".join(f"{axis}={i}" for axis, i in zip("xyz", index, strict=False))
    centre = ", ".join(f"{(i + 0.5) * grid.voxel_um:.1f}" for i in index)
    return f"voxel {named}, centre ({centre}) µm"


def _sum_is_finite(array: np.ndarray) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(array.sum())


def _bad_cell(model: TumorModel) -> str | None:
    population = model.population
    bad = {name: np.flatnonzero(~np.isfinite(column)) for name, column in population.data.items()}
    bad = {name: rows for name, rows in bad.items() if len(rows)}
    if not bad:
        return None
    uids = population.data["uid"]
    row = min((rows[np.argmin(uids[rows])] for rows in bad.values()), key=lambda row: uids[row])
    values = ", ".join(f"{name} = {population.data[name][row]}" for name, rows in bad.items() if row in rows)
    return f"{describe_cell(model, row)} has {values}"


def _bad_plasma(model: TumorModel) -> str | None:
    for name, concentration in model.plasma.concentrations.items():
        if not math.isfinite(concentration):
            return f"{name} in plasma is {concentration}"
    return None
