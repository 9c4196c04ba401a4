"""How ASNS and ATF4 are distributed over the live cells of each type, from the folder of a run alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorabm.output import style
from tumorabm.output.run_folder import OutputError, require_columns, require_run
from tumorabm.output.snapshots import CellSnapshots
from tumorabm.output.written import dose_hours, title_of, written_scenario
from tumorabm.scenario.site_schema import PRIMARY

QUANTITIES = {"asns_relative": ("ASNS", "relative to a solid tumour"), "atf4": ("ATF4", "relative level")}
"""Columns of cells.parquet, with title and label."""

PERCENTS = (10, 25, 50, 75, 90)
_PANEL_INCHES = (3.6, 3.2)


def distributions(folder: Path, site: str = PRIMARY) -> pd.DataFrame:
    """Return percentiles of ASNS and ATF4 over live cells, at each time at which cells were recorded.

    Parameters
    ----------
    folder
        Run folder with cells.parquet.
    site
        Name of the site.

    Returns
    -------
    pandas.DataFrame
        A row for each time, cell type with live cells, and quantity: ``time_h``, ``type``, ``quantity`` (a column of
        cells.parquet), ``cells``, and ``p10``, ``p25``, ``p50``, ``p75``, ``p90``. Cells without a metabolism
        have none.
    """
    snapshots, rows = CellSnapshots(folder), []
    for time_h in snapshots.times_h:
        live = snapshots.at(time_h, site).live(["type", *QUANTITIES])
        for cell_type, cells in live.groupby("type", observed=True):
            for quantity in QUANTITIES:
                values = cells[quantity].dropna()
                if len(values):
                    rows.append((time_h, cell_type, quantity, len(values), *np.percentile(values, PERCENTS)))
    columns = ["time_h", "type", "quantity", "cells", *(f"p{percent}" for percent in PERCENTS)]
    return pd.DataFrame(rows, columns=columns)


def distributions_figure(folder: Path, site: str = PRIMARY) -> Figure:
    """Draw `distributions` over time: a row for ASNS and one for ATF4, a panel for each cell type.

    Parameters
    ----------
    folder
        Run folder with scenario.toml and cells.parquet.
    site
        Name of the site.

    Raises
    ------
    OutputError
        There is no such run, or no live cells with a metabolism.
    """
    folder = Path(folder)
    require_run(folder, "scenario.toml", "cells.parquet")
    require_columns(folder / "cells.parquet", "time_h", "site", "type", "phase", *QUANTITIES)
    scenario = written_scenario(folder)
    table = distributions(folder, site)
    # clock cells have no metabolism, and a column of zeros stands for it
    table = table[table.groupby(["type"])["p90"].transform("max") > 0.0]
    if table.empty:
        raise OutputError(f"{folder}: no live cells with a metabolism were recorded at {site}")
    types = [name for name in scenario["cells"] if name in set(table["type"])]
    unit, length_h = style.time_unit(table["time_h"].max())
    doses = [time_h / length_h for time_h in dose_hours(scenario) if time_h <= table["time_h"].max()]
    size = (max(_PANEL_INCHES[0] * len(types), 2 * _PANEL_INCHES[0]), _PANEL_INCHES[1] * len(QUANTITIES))
    with style.new_figure(size) as figure:
        figure.get_layout_engine().set(**style.SPACING)
        axes = figure.subplots(len(QUANTITIES), len(types), sharex=True, sharey="row", squeeze=False)
        colours = style.colours(scenario["cells"])
        for row, (quantity, (name, label)) in zip(axes, QUANTITIES.items(), strict=True):
            for ax, cell_type in zip(row, types, strict=True):
                chosen = (table["type"] == cell_type) & (table["quantity"] == quantity)
                _draw(ax, table[chosen], length_h, colours[cell_type])
                ax.set_title(f"{name}, {cell_type}")
            row[0].set_ylabel(label)
            _scale(row[0], table[table["quantity"] == quantity])
        for ax in axes[-1]:
            ax.set(xlabel=f"time, {unit}", xlim=(0.0, max(table["time_h"].max() / length_h, 1e-3)))
        axes[0, 0].legend(loc="best")
        style.mark_doses(axes.flat, doses, axes[0, -1])
        figure.suptitle(f"{title_of(scenario, site)}: live cells")
    return figure


def _draw(ax: Axes, table: pd.DataFrame, length_h: float, colour: str) -> None:
    """Draw the percentiles of one quantity and type over time."""
    times = table["time_h"] / length_h
    for low, high, alpha in (("p10", "p90", 0.2), ("p25", "p75", 0.35)):
        label = f"{low[1:]}-{high[1:]} % of cells"
        ax.fill_between(times, table[low], table[high], color=colour, alpha=alpha, linewidth=0, label=label)
    marker = "o" if len(times) == 1 else None
    ax.plot(times, table["p50"], color=colour, marker=marker, label="median")


def _scale(ax: Axes, table: pd.DataFrame) -> None:
    values = table[[f"p{percent}" for percent in PERCENTS]].to_numpy()
    positive = values[values > 0.0]
    if style.is_wide(positive):
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0.0)
