"""The picture of one run, drawn from its folder alone."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tumorabm.biology.states import APOPTOTIC, PHASES
from tumorabm.output import style
from tumorabm.output.zarr_store import read_chunk
from tumorabm.scenario.pharmacology_schema import Pharmacology
from tumorabm.scenario.site_schema import PRIMARY
from tumorabm.scenario.units import oxygen_mM_to_mmHg

_LONGEST_IN_HOURS = 72.0
_MIN_ACTIVITY_IU_PER_ML = 1e-4
_MIN_ASPARAGINE_UM = 1e-3
_DEAD_PHASES = PHASES[APOPTOTIC:]
MOST_CELLS_DRAWN = 200_000
"""More are smaller than a dot of the picture, and would take more memory than the run."""


def draw_summary(folder: Path) -> Path:
    """Draw ``summary.png`` into a run folder from its time series, last cells, fields and scenario.

    Parameters
    ----------
    folder
        Run folder with scenario.toml, timeseries.parquet, cells.parquet and fields.zarr.

    Returns
    -------
    Path
        The picture.
    """
    scenario = tomllib.loads((folder / "scenario.toml").read_text(encoding="utf-8"))
    series = pd.read_parquet(folder / "timeseries.parquet", filters=[("site", "==", PRIMARY)])
    pharmacology = Pharmacology.model_validate(scenario.get("pharmacology", {}))
    doses_d = [given.day for given in pharmacology.calendar]
    with matplotlib.rc_context(style.SETTINGS):
        figure = Figure(figsize=style.SIZE_INCHES, layout="constrained")
        figure.get_layout_engine().set(**style.SPACING)
        grid = figure.add_gridspec(2, 5, width_ratios=style.COLUMN_WIDTHS)
        _draw_series([figure.add_subplot(grid[i // 4, i % 4]) for i in range(8)], series, doses_d)
        _draw_map(figure.add_subplot(grid[:, 4]), folder)
        figure.suptitle(f"{scenario['name']}, seed {scenario['seed']}")
        return style.save(figure, folder / "summary.png")


def _draw_series(axes: list[Axes], series: pd.DataFrame, doses_d: list[float]) -> None:
    hours = series["time_h"].to_numpy()
    unit, length_h = ("days", 24.0) if hours[-1] > _LONGEST_IN_HOURS else ("hours", 1.0)
    times = hours / length_h
    doses = [24.0 * day / length_h for day in doses_d if 24.0 * day <= hours[-1]]
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
    axes[3].set_ylim(top=max(1.0, axes[3].get_ylim()[1]))
    axes[3].legend(title="cause")
    for ax in (axes[0], axes[3], axes[5], axes[6]):
        ax.set_ylim(bottom=0.0)
    for ax in axes:
        ax.set_visible(bool(ax.lines))
        ax.set(xlabel=f"time, {unit}", xlim=(0.0, max(times[-1], 1e-3)))
    style.mark_doses(axes, doses, activity)


def _draw_log(ax: Axes, times: np.ndarray, values: pd.Series, smallest: float) -> None:
    """Draw on a logarithmic axis; values below ``smallest`` lie on the lower edge."""
    ax.plot(times, values.clip(lower=smallest), color=style.SINGLE_COLOUR)
    ax.set_ylim(smallest, max(2.0 * values.max(), 100.0 * smallest))
    ax.set_yscale("log")


def _set_log_where_wide(ax: Axes) -> None:
    values = np.concatenate([line.get_ydata() for line in ax.lines]) if ax.lines else np.ones(1)
    positive = values[values > 0.0]
    if positive.size and positive.max() > 30.0 * positive.min():
        ax.set_yscale("log")


def _draw_map(ax: Axes, folder: Path) -> None:
    ax.set_axis_off()
    store = folder / "fields.zarr"
    x_um, y_um = read_chunk(store, "x_um"), read_chunk(store, "y_um")
    if min(x_um.size, y_um.size) < 2:
        ax.text(0.5, 0.5, "well-mixed: no map", ha="center", transform=ax.transAxes)
        return
    voxel_um = x_um[1] - x_um[0]
    width_um, height_um = x_um.size * voxel_um, y_um.size * voxel_um
    name, values, unit = _field_to_show(store)
    parts, where, middle_um = _LastCells(folder / "cells.parquet"), "", None
    if values.ndim == 3:
        middle_um = parts.mean_z_um() if parts.count else values.shape[0] * voxel_um / 2.0
        values = values[min(int(middle_um / voxel_um), values.shape[0] - 1)]
        where = f", slice at z = {middle_um:.0f} µm"
    image = ax.imshow(
        values,
        origin="lower",
        extent=(0.0, width_um, 0.0, height_um),
        cmap=LinearSegmentedColormap.from_list("field", style.FIELD_COLOURS),
        vmin=0.0,
        vmax=max(values.max(), 1e-9),
    )
    ax.figure.colorbar(image, ax=ax, label=f"{name}, {unit}", shrink=0.5, pad=0.02)
    ax.add_patch(Rectangle((0.0, 0.0), width_um, height_um, fill=False, linewidth=0.8))
    one_in = 1 if middle_um is not None else max(1, -(-parts.count // MOST_CELLS_DRAWN))
    _draw_cells(ax, *parts.read(one_in, middle_um))
    _draw_scale_bar(ax, width_um, height_um)
    hours = read_chunk(store, "time_h")[-1]
    when = f"on day {hours / 24.0:.1f}" if hours > _LONGEST_IN_HOURS else f"at {hours:.1f} h"
    share = f", one cell in {one_in} drawn" if one_in > 1 else ""
    ax.set(title=f"cells and {name} {when}{where}{share}", xlim=(0.0, width_um), ylim=(-0.08 * height_um, height_um))


def _draw_cells(ax: Axes, cells: pd.DataFrame, counts: dict[str, int]) -> None:
    colours = style.colours([name for name in counts if name != "dead"]) | {"dead": style.DEAD_COLOUR}
    for name, count in counts.items():
        if count == 0:
            continue
        drawn = cells[cells["group"] == name]
        width_um = 2.0 * drawn["radius_um"].to_numpy()
        circles = EllipseCollection(
            width_um,
            width_um,
            np.zeros(len(drawn)),
            units="xy",
            offsets=drawn[["x_um", "y_um"]].to_numpy(),
            offset_transform=ax.transData,
            facecolors=colours[name],
            edgecolors="white",
            linewidths=0.2,
        )
        ax.add_collection(circles)
        ax.scatter([], [], color=colours[name], label=f"{name} ({count})")
    if any(counts.values()):
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.01), ncols=4)


def _draw_scale_bar(ax: Axes, width_um: float, height_um: float) -> None:
    """Draw a bar below the map, the longest of 1, 2, 5 times a power of ten within a quarter of the width."""
    decade = 10.0 ** np.floor(np.log10(width_um / 4.0))
    length_um = max(factor * decade for factor in (1, 2, 5) if factor * decade <= width_um / 4.0)
    y_um = -0.03 * height_um
    ax.plot([0.0, length_um], [y_um, y_um], color="black", linewidth=3, solid_capstyle="butt")
    ax.text(1.1 * length_um, y_um, f"{length_um:g} µm", va="center")


def _field_to_show(store: Path) -> tuple[str, np.ndarray, str]:
    name = "asparagine" if (store / "asparagine").exists() else "oxygen"
    last = json.loads((store / name / ".zarray").read_text())["shape"][0] - 1
    values_mM = read_chunk(store, name, last)[0]
    return (name, values_mM * 1e3, "µM") if name == "asparagine" else (name, oxygen_mM_to_mmHg(values_mM), "mmHg")


class _LastCells:
    """The primary site's cells of the last time in a file, read part by part.

    A million at once would take more memory than the run.

    Parameters
    ----------
    path
        cells.parquet.

    Attributes
    ----------
    count
        Number of these cells.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._groups: list[int] = []
        self.count, last_h = 0, None
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for group in reversed(range(file.num_row_groups)):
                part = file.read_row_group(group, columns=["time_h", "site"], use_threads=False)
                if len(part) and last_h is not None and part["time_h"][0].as_py() != last_h:
                    break
                if len(part) == 0:  # nobody is left
                    self._groups.insert(0, group)
                    break
                last_h = part["time_h"][0].as_py()
                if part["site"][0].as_py() == PRIMARY:
                    self._groups.insert(0, group)
                    self.count += len(part)

    def mean_z_um(self) -> float:
        """Return the height of their middle."""
        return sum(part["z_um"].sum() for part in self._parts(["z_um"])) / self.count

    def read(self, one_in: int, z_um: float | None) -> tuple[pd.DataFrame, dict[str, int]]:
        """Return one cell in so many of each group (type, or "dead"), as x, y, radius and group, and all counts.

        With ``z_um``, only the cells that a plane at this height cuts are read.
        """
        drawn, counts = [], {"dead": 0}
        for part in self._parts(["type", "phase", "x_um", "y_um", "z_um", "radius_um"]):
            counts = dict.fromkeys(part["type"].cat.categories, 0) | counts
            part["group"] = np.where(part["phase"].isin(_DEAD_PHASES), "dead", part["type"].astype(str))
            if z_um is not None:
                part = part[np.abs(part["z_um"] - z_um) < part["radius_um"]]
            place = part.groupby("group").cumcount() + part["group"].map(counts).astype(int)
            drawn.append(part.loc[place % one_in == 0, ["x_um", "y_um", "radius_um", "group"]])
            for name, found in part["group"].value_counts().items():
                counts[name] += int(found)
        pa.default_memory_pool().release_unused()
        counts["dead"] = counts.pop("dead")  # last in the legend, over the others in the map
        return pd.concat(drawn, ignore_index=True), counts

    def _parts(self, names: list[str]) -> Iterator[pd.DataFrame]:
        with pq.ParquetFile(self._path, pre_buffer=False) as file:
            for group in self._groups:
                yield file.read_row_group(group, columns=names, use_threads=False).to_pandas(self_destruct=True)
