"""The picture of a run with several sites, drawn from its folder alone: what left one and settled at the others."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorabm.output import style
from tumorabm.output.map_plot import draw_map
from tumorabm.output.run_folder import OutputError, fields_name, require_columns, require_run
from tumorabm.output.written import dose_hours, title_of, written_scenario
from tumorabm.scenario.site_schema import PRIMARY

_SETTLED = {
    "disseminated_cells": "live cells",
    "dormant_cells": "single cells",
    "micrometastases": "colonies of 10 or more",
}
_LINES = ("-", ":", "--")
"""Of what has settled, all in one colour, because it may be of several cell types."""
_WIDTH_INCHES, _CURVES_INCHES, _MAP_INCHES = 6.4, 3.2, 6.0
"""Width of a site, and heights of its two rows."""


def draw_sites(folder: Path) -> Path:
    """Draw ``sites.png`` into a run folder: `sites_figure`, which see."""
    return style.save(sites_figure(folder), folder / "sites.png")


def sites_figure(folder: Path) -> Figure:
    """Draw the sites of a run: over time, the primary tumour and what has settled; below, a map of each.

    Parameters
    ----------
    folder
        Run folder with scenario.toml, timeseries.parquet, cells.parquet and the fields of all sites.

    Raises
    ------
    OutputError
        There is no such run, or it has one site only.
    """
    folder = Path(folder)
    require_run(folder, "scenario.toml", "timeseries.parquet", "cells.parquet")
    require_columns(folder / "cells.parquet", "time_h", "site")
    scenario = written_scenario(folder)
    sites = [PRIMARY, *scenario.get("sites", {})]
    if "circulation" not in scenario:
        raise OutputError(f"{folder}: the run has no circulation, expected one with cells that travel between sites")
    require_run(folder, *map(fields_name, sites))
    series = pd.read_parquet(folder / "timeseries.parquet")
    with style.new_figure((_WIDTH_INCHES * len(sites), _CURVES_INCHES + _MAP_INCHES)) as figure:
        figure.get_layout_engine().set(**style.SPACING)
        curves, maps = figure.subplots(2, len(sites), height_ratios=(_CURVES_INCHES, _MAP_INCHES))
        types = list(scenario["cells"])
        groups = scenario["circulation"]["groups"]
        unit, length_h = style.time_unit(series["time_h"].max())
        for ax, map_ax, site in zip(curves, maps, sites, strict=True):
            of_site = series[series["site"] == site]
            if site == PRIMARY:
                _draw_primary(ax, of_site, {name: style.colours(types)[name] for name in groups}, length_h)
            else:
                _draw_settled(ax, of_site, length_h)
            ax.set(title=site, xlabel=f"time, {unit}", xlim=(0.0, max(series["time_h"].max() / length_h, 1e-3)))
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=len(_SETTLED))
            draw_map(map_ax, folder, site)
        doses = [time_h / length_h for time_h in dose_hours(scenario) if time_h <= series["time_h"].max()]
        style.mark_doses(curves, doses, curves[-1])
        figure.suptitle(title_of(scenario))
    return figure


def _draw_primary(ax: Axes, series: pd.DataFrame, colours: dict[str, str], length_h: float) -> None:
    """Draw the live cells of the groups that can travel and, on a scale of their own, those in the blood."""
    for name, colour in colours.items():
        ax.plot(series["time_h"] / length_h, series[f"live_{name}"], color=colour, label=f"{name}, live cells")
    ax.set_ylabel("cells")
    ax.set_ylim(bottom=0.0)
    blood = ax.twinx()
    blood.plot(series["time_h"] / length_h, series["circulating_cells"], color=style.SINGLE_COLOUR, linewidth=1.0)
    ax.plot([], [], color=style.SINGLE_COLOUR, linewidth=1.0, label="in the blood (right scale)")
    blood.set_ylabel("cells in the blood")
    blood.set_ylim(bottom=0.0, top=max(4.0, 2.0 * series["circulating_cells"].max()))
    blood.spines["right"].set_visible(True)


def _draw_settled(ax: Axes, series: pd.DataFrame, length_h: float) -> None:
    for (name, label), line in zip(_SETTLED.items(), _LINES, strict=True):
        ax.plot(series["time_h"] / length_h, series[name], line, color=style.SINGLE_COLOUR, label=label)
    ax.set_yscale("symlog", linthresh=1.0)  # from decades down to 0
    ax.set(ylabel="cells, or colonies", ylim=(0.0, 2.0 * max(series[list(_SETTLED)].max().max(), 1.0)))
