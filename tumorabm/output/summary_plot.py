"""The picture of one run, drawn from its folder alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorabm.output import style
from tumorabm.output.map_plot import draw_map
from tumorabm.output.run_folder import require_columns, require_run
from tumorabm.output.written import dose_hours, series_of, title_of, written_scenario
from tumorabm.scenario.site_schema import PRIMARY

_MIN_ACTIVITY_IU_PER_ML = 1e-4
_MIN_ASPARAGINE_UM = 1e-3


def draw_summary(folder: Path) -> Path:
    """Draw ``summary.png`` into a run folder: `summary_figure`, which see."""
    return style.save(summary_figure(folder), folder / "summary.png")


def summary_figure(folder: Path) -> Figure:
    """Draw the curves of a run's primary site and its map at the last time.

    Parameters
    ----------
    folder
        Run folder with scenario.toml, timeseries.parquet, cells.parquet and fields.zarr.

    Raises
    ------
    OutputError
        There is no such run.
    """
    folder = Path(folder)
    require_run(folder, "scenario.toml", "timeseries.parquet", "cells.parquet", "fields.zarr")
    require_columns(folder / "cells.parquet", "time_h", "site")
    with style.new_figure(style.SIZE_INCHES) as figure:
        figure.get_layout_engine().set(**style.SPACING)
        grid = figure.add_gridspec(2, 5, width_ratios=style.COLUMN_WIDTHS)
        title = _draw_run([figure.add_subplot(grid[i // 4, i % 4]) for i in range(8)], folder, PRIMARY)
        draw_map(figure.add_subplot(grid[:, 4]), folder)
        figure.suptitle(title)
    return figure


def curves_figure(folder: Path, site: str = PRIMARY) -> Figure:
    """Draw the curves of one site of a run.

    Parameters
    ----------
    folder
        Run folder with scenario.toml and timeseries.parquet.
    site
        Name of the site.

    Raises
    ------
    OutputError
        There is no such run.
    """
    folder = Path(folder)
    require_run(folder, "scenario.toml", "timeseries.parquet")
    with style.new_figure(style.CURVES_SIZE_INCHES) as figure:
        figure.get_layout_engine().set(**style.SPACING)
        title = _draw_run(list(figure.subplots(2, 4).flat), folder, site)
        figure.suptitle(title)
    return figure


def _draw_run(axes: list[Axes], folder: Path, site: str) -> str:
    """Draw eight panels of the time series of a site; return the title of the picture."""
    require_columns(folder / "timeseries.parquet", "time_h", "site")
    scenario = written_scenario(folder)
    series = series_of(folder, site)
    draw_curves(axes, series, dose_hours(scenario))
    return title_of(scenario, site)


def draw_curves(
    axes: Sequence[Axes], series: pd.DataFrame, doses_h: Sequence[float], until_h: float | None = None
) -> None:
    """Draw the time series of a site on eight axes: cells, drug, asparagine, deaths, ASNS, ATF4, mTORC1 and hypoxia.

    Parameters
    ----------
    axes
        In this order; those for which there is nothing are hidden.
    series
        Rows of ``timeseries.parquet``.
    doses_h
        When doses are given, h; those until the end of the axes are marked.
    until_h
        End of the axes, h; by default that of the last row.
    """
    hours = series["time_h"].to_numpy()
    until_h = hours[-1] if until_h is None else until_h
    unit, length_h = style.time_unit(until_h)
    times = hours / length_h
    doses = [time_h / length_h for time_h in doses_h if time_h <= until_h]
    types = [name.removeprefix("live_") for name in series if name.startswith("live_")]
    by_type = {
        "live cells": (axes[0], "live_", "cells"),
        "ASNS": (axes[4], "asns_mean_", "relative to a solid tumour, mean"),
        "ATF4": (axes[5], "atf4_mean_", "relative level, mean"),
        "mTORC1": (axes[6], "mtorc1_mean_", "relative activity, mean"),
    }
    colours = style.colours(types)
    for title, (ax, prefix, label) in by_type.items():
        for name in types:
            if prefix + name in series and series[prefix + name].notna().any():  # clock cells have no readouts
                ax.plot(times, series[prefix + name], color=colours[name], label=name)
        ax.set(title=title, ylabel=label)
    if axes[0].get_legend_handles_labels()[0]:
        axes[0].legend(title="cell type")
    _set_log_where_wide(axes[4])

    activity, asparagine, hypoxia = axes[1], axes[2], axes[7]
    if "plasma_asparagine_uM" in series:
        _draw_log(activity, times, series["plasma_asparaginase_iu_per_mL"], _MIN_ACTIVITY_IU_PER_ML)
        activity.set(title="asparaginase in plasma", ylabel="activity, IU/mL")
        _draw_log(asparagine, times, series["plasma_asparagine_uM"], _MIN_ASPARAGINE_UM)
        asparagine.set(title="asparagine in plasma", ylabel="concentration, µM")
    elif "diameter_um" in series:
        activity.plot(times, series["diameter_um"], color=style.SINGLE_COLOUR)
        activity.set(title="diameter of the tissue", ylabel="µm")
    hypoxia.plot(times, series["hypoxic_fraction"], color=style.SINGLE_COLOUR)
    hypoxia.set(title="hypoxic cells", ylabel="fraction of live cells", ylim=(-0.02, 1.02))

    causes = style.colours(["apoptosis", "necrosis"])
    for cause, colour in causes.items():
        axes[3].plot(times, series[f"deaths_{cause}"], color=colour, label=cause)
    axes[3].set(title="deaths since the start", ylabel="cells")
    axes[3].legend(title="cause")
    for ax in (axes[0], *axes[3:7]):
        if ax.lines and ax.get_yscale() == "linear":
            style.scale_from_zero(ax)
    for ax in axes:
        _mark_single_points(ax)
        ax.set_visible(bool(ax.lines))
        ax.set(xlabel=f"time, {unit}", xlim=(0.0, until_h / length_h or 1.0))
    style.mark_doses(axes, doses, activity)


def _draw_log(ax: Axes, times: np.ndarray, values: pd.Series, smallest: float) -> None:
    """Draw on a logarithmic axis; values below ``smallest`` lie on the lower edge, those of 0 are left out."""
    ax.plot(times, values.where(values > 0.0).clip(lower=smallest), color=style.SINGLE_COLOUR)
    ax.set_ylim(smallest, max(2.0 * values.max(), 100.0 * smallest))
    ax.set_yscale("log")


def _mark_single_points(ax: Axes) -> None:
    """Give a marker to what has one value alone; a line needs two."""
    for line in ax.lines:
        if np.isfinite(line.get_ydata(orig=False)).sum() == 1:
            line.set(marker="o", markersize=4, clip_on=False)


def _set_log_where_wide(ax: Axes) -> None:
    values = np.concatenate([line.get_ydata() for line in ax.lines]) if ax.lines else np.ones(1)
    positive = values[values > 0.0]
    if style.is_wide(positive):
        ax.set_yscale("log")
