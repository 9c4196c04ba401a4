"""Naming what went wrong: the cell or voxel whose state is no number, or none that it can have."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tumorabm.biology.states import PHASES

if TYPE_CHECKING:
    from tumorabm.fields import Grid
    from tumorabm.model import TumorModel

_ABOVE_ZERO = math.ulp(0.0)  # the least number above 0


def first_fault(model: TumorModel) -> str | None:
    """Return in words the first cell, else voxel, whose state is impossible; None where there is none.

    Looked at are all columns of floating-point numbers of the population, the concentrations and the plasma, which must
    be finite, and the columns of `_limits`. A sum that is finite clears a whole array at once, and its extremes a
    column with limits, so that a sound state of 100,000 cells costs a millisecond or two.
    """
    population = model.population
    blocks = [block for block in population.blocks if np.issubdtype(block.dtype, np.floating)]
    arrays = [population.block(block.name) for block in blocks]
    arrays += [field.concentration_mM for field in model.fields.values()]
    looks = [lambda array=array: _sum_is_finite(array) for array in arrays]
    looks += [
        lambda column=population.data[name], limits=limits: _is_within(column, *limits)
        for name, limits in _limits(model).items()
    ]
    if all(model.threads.run(looks)):
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


def bad_states(model: TumorModel, row: int) -> str:
    """Return in words the metabolic states of the cell in ``row`` that are negative or not finite; empty if none is."""
    states = model.population.block("states")[row]
    names = next(block.columns for block in model.population.blocks if block.name == "states")
    return ", ".join(
        f"{name} = {value} (expected at least 0)"
        for name, value in zip(names, states, strict=True)
        if not 0.0 <= value < math.inf
    )


def describe_cell(model: TumorModel, row: int) -> str:
    """Return uid, type and place (µm) of the cell in ``row``."""
    data, ndim = model.population.data, model.grid.ndim
    place = ", ".join(f"{x:.1f}" for x in model.population.block("position_um")[row, :ndim])
    index = data["cell_type"][row]
    name = model.cell_types[index] if 0 <= index < len(model.cell_types) else "of unknown type"
    return f"cell {data['uid'][row]} ({name}) at ({place}) µm"


def _limits(model: TumorModel) -> dict[str, tuple[float, float]]:
    """Return the least and the greatest value of the columns that have such; in 2-D, z lies within the slab."""
    sides = zip(("x_um", "y_um", "z_um"), model.grid.size_um, strict=True)
    return {
        **{name: (0.0, side) for name, side in sides},
        "cell_type": (0, len(model.cell_types) - 1),
        "phase": (0, len(PHASES) - 1),
        "biomass": (_ABOVE_ZERO, math.inf),
    }


def _describe_voxel(grid: Grid, voxel: int) -> str:
    """Return indices and centre (µm) of the voxel with this flat index."""
    index = np.unravel_index(voxel, grid.shape)[::-1][: grid.ndim]
    named = ", ".join(f"{axis}={i}" for axis, i in zip("xyz", index, strict=False))
    centre = ", ".join(f"{(i + 0.5) * grid.voxel_um:.1f}" for i in index)
    return f"voxel {named}, centre ({centre}) µm"


def _sum_is_finite(array: np.ndarray) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(array.sum())


def _is_within(column: np.ndarray, low: float, high: float) -> bool:
    return len(column) == 0 or bool(low <= column.min() and column.max() <= high)


def _bad_cell(model: TumorModel) -> str | None:
    population, limits = model.population, _limits(model)
    bad = {}
    for name, column in population.data.items():
        low, high = limits.get(name, (-math.inf, math.inf))
        rows = np.flatnonzero(~(np.isfinite(column) & (low <= column) & (column <= high)))
        if len(rows):
            bad[name] = rows
    if not bad:
        return None
    uids = population.data["uid"]
    row = min((rows[np.argmin(uids[rows])] for rows in bad.values()), key=lambda row: uids[row])
    values = (_in_words(name, population.data[name][row], limits) for name in bad if row in bad[name])
    return f"{describe_cell(model, row)} has {', '.join(values)}"


def _in_words(name: str, value: float, limits: dict[str, tuple[float, float]]) -> str:
    if not np.isfinite(value):
        return f"{name} = {value}"
    if name == "biomass":
        return f"{name} = {value} (expected above 0; add_cells places whole cells)"
    low, high = limits[name]
    return f"{name} = {value} (expected {low:g} to {high:g})"


def _bad_plasma(model: TumorModel) -> str | None:
    for name, concentration in model.plasma.concentrations.items():
        if not math.isfinite(concentration):
            return f"{name} in plasma is {concentration}"
    return None
