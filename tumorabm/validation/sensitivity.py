"""Local sensitivities: by how many percent three readouts move when a parameter moves by one.

IC50 of asparaginase (solid-tumour cell, RPMI, 72 h), induction of ASNS (its mRNA after 12 h with asparaginase, over
that without), and invasive score (mean EMT state on plasma). All variants of a readout are wells of one model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tumorabm.assays.media import medium_uM
from tumorabm.biology.parameters import GROUP_KEYS, PARAMETERS
from tumorabm.cell_types import CELL_TYPES
from tumorabm.model import TumorModel
from tumorabm.scenario import scenario_from_dict
from tumorabm.validation.experiments import TISSUE_CELLS_PER_UL, Culture, asparaginase_series, grow, half_dose

STEP = 0.2
"""Relative change of a parameter, up and down."""
DOSES_IU_PER_ML = 10.0 ** np.arange(-3.0, 1.1, 0.5)
REPLICATES = 10
"""Unchanged variants, whose spread is the noise."""
READOUTS = ("ic50", "asns_induction", "invasive_score")
_SPATIAL = ("adhesion", "persistence_min", "crowding", "contact_transfer", "speed_", "clearance_", "size_growth_")
"""Beginnings of the names of parameters that no cell in a well feels."""


def varied_parameters(cell_type: str = "solid_tumour") -> dict[str, float]:
    """Return the parameters that can move a readout in wells, with their values in this type."""
    own = CELL_TYPES[cell_type].parameters
    values = {name: own.get(name, row.value) for name, row in PARAMETERS.items()}
    return {name: value for name, value in values.items() if value > 0.0 and not name.startswith(_SPATIAL)}


def sensitivities(names: Sequence[str] | None = None, cells: int = 60) -> pd.DataFrame:
    """Return the elasticity of each readout to each parameter, a row a parameter.

    Parameters
    ----------
    names
        Parameters; by default all of `varied_parameters`.
    cells
        Cells in a well.

    Returns
    -------
    pandas.DataFrame
        Columns `READOUTS`: d ln(readout) / d ln(parameter) by a central difference over `STEP`; ``<readout>_noise``:
        the standard deviation that unchanged cells would give; ``tag`` of the parameter. Sorted by the largest.
    """
    values = varied_parameters()
    names = list(values) if names is None else list(names)
    variants = {f"same_{index}": {} for index in range(REPLICATES)}
    for index, name in enumerate(names):
        variants[f"up_{index}"] = {name: values[name] * (1.0 + STEP)}
        variants[f"down_{index}"] = {name: values[name] * (1.0 - STEP)}
    table = pd.DataFrame(index=pd.Index(names, name="parameter"))
    span = np.log((1.0 + STEP) / (1.0 - STEP))
    for readout, measure in zip(READOUTS, (_ic50, _asns_induction, _invasive_score), strict=True):
        logarithm = np.log(measure(variants, cells))
        up, down = (logarithm[[f"{way}_{i}" for i in range(len(names))]].to_numpy() for way in ("up", "down"))
        table[readout] = (up - down) / span
        same = logarithm[[f"same_{index}" for index in range(REPLICATES)]]
        table[f"{readout}_noise"] = np.sqrt(2.0) * same.std(ddof=1) / span
    table["tag"] = [PARAMETERS[name].tag for name in names]
    order = table[list(READOUTS)].abs().max(axis=1).sort_values(ascending=False).index
    return table.loc[order]


def _ic50(variants: Mapping[str, Mapping[str, float]], cells: int) -> pd.Series:
    lines = {name: Culture(parameters=parameters) for name, parameters in variants.items()}
    viability = asparaginase_series(lines, DOSES_IU_PER_ML, medium_uM("rpmi"), cells=cells)
    return pd.Series({name: half_dose(DOSES_IU_PER_ML, viability[name].to_numpy()) for name in variants})


def _asns_induction(variants: Mapping[str, Mapping[str, float]], cells: int) -> pd.Series:
    medium = medium_uM("rpmi")
    cultures = {f"{name}_fed": Culture(parameters=parameters) for name, parameters in variants.items()}
    drug = {**medium, "asparaginase": 1.0}
    cultures |= {f"{name}_drug": Culture(medium_uM=drug, parameters=p) for name, p in variants.items()}
    mrna = grow(cultures, 12.0, cells=cells).mean("asns_mrna")
    return pd.Series({name: mrna[f"{name}_drug"] / mrna[f"{name}_fed"] for name in variants})


def _invasive_score(variants: Mapping[str, Mapping[str, float]], cells: int) -> pd.Series:
    groups = {
        name: {
            "type": "solid_tumour",
            "count": cells,
            "wells": [well],
            "parameters": {key: value for key, value in parameters.items() if key not in GROUP_KEYS},
            **{key: value for key, value in parameters.items() if key in GROUP_KEYS},
        }
        for well, (name, parameters) in enumerate(variants.items())
    }
    domain = {"mode": "well_mixed", "volume_uL": cells / TISSUE_CELLS_PER_UL, "perfusion_per_min": 1.0}
    scenario = scenario_from_dict(
        {
            "name": "invasive_score",
            "hours": 48.0,
            "domain": domain | {"wells": len(groups)},
            "cells": groups,
            "output": {"timeseries_every_h": 48.0},
        }
    )
    model = TumorModel(scenario).run()
    data = model.population.data
    means = pd.Series(data["emt"]).groupby(np.array(data["cell_type"])).mean()
    return pd.Series({name: means[index] for index, name in enumerate(model.cell_types)})


def draw(table: pd.DataFrame, path: Path, most: int = 15) -> None:
    """Draw the largest sensitivities of each readout, bars with their noise, into a PNG file."""
    import matplotlib.pyplot as plt

    titles = ("IC50 of asparaginase", "induction of ASNS", "invasive score")
    figure, axes = plt.subplots(1, len(READOUTS), figsize=(15.0, 5.5), constrained_layout=True)
    for axis, readout, title in zip(axes, READOUTS, titles, strict=True):
        values = table[readout]
        largest = values.abs().sort_values(ascending=False).index[:most][::-1]
        colours = np.where(values[largest] > 0.0, "#0072b2", "#d55e00")
        axis.barh(range(len(largest)), values[largest], xerr=table.loc[largest, f"{readout}_noise"], color=colours)
        axis.set_yticks(range(len(largest)), [f"{name} [{table.loc[name, 'tag']}]" for name in largest], fontsize=8)
        axis.axvline(0.0, color="black", linewidth=0.8)
        axis.set_title(title)
        axis.set_xlabel("elasticity, % per %")
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
