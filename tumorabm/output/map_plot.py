"""A map of one site's cells over a field, drawn from the folder of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from tumorabm.biology.states import APOPTOTIC, PHASES
from tumorabm.output import style
from tumorabm.output.run_folder import fields_name
from tumorabm.output.zarr_store import read_chunk
from tumorabm.scenario.site_schema import PRIMARY
from tumorabm.scenario.units import oxygen_mM_to_mmHg

_DEAD_PHASES = PHASES[APOPTOTIC:]
MOST_CELLS_DRAWN = 200_000
"""More are smaller than a dot of the picture, and would take more memory than the run."""


def draw_map(ax: Axes, folder: Path, site: str = PRIMARY) -> None:
    """Draw the cells of one site at the last time over its asparagine, or its oxygen where there is no asparagine.

    Parameters
    ----------
    ax
        Its frame and axes are taken away; a bar gives the scale.
    folder
        Run folder with cells.parquet and the site's fields.
    site
        Name of the site.
    """
    ax.set_axis_off()
    store = folder / fields_name(site)
    x_um, y_um = read_chunk(store, "x_um"), read_chunk(store, "y_um")
    if min(x_um.size, y_um.size) < 2:
        ax.text(0.5, 0.5, "well-mixed: no map", ha="center", transform=ax.transAxes)
        return
    voxel_um = x_um[1] - x_um[0]
    width_um, height_um = x_um.size * voxel_um, y_um.size * voxel_um
    name, values, unit = _field_to_show(store)
    parts, where, middle_um = _LastCells(folder / "cells.parquet", site), "", None
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
    unit, length_h = style.time_unit(hours)
    when = f"on day {hours / length_h:.1f}" if unit == "days" else f"at {hours:.1f} h"
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
    """The cells of one site at the last time in a file, read part by part.

    A million at once would take more memory than the run.

    Parameters
    ----------
    path
        cells.parquet.
    site
        Name of the site.

    Attributes
    ----------
    count
        Number of these cells.
    """

    def __init__(self, path: Path, site: str) -> None:
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
                if part["site"][0].as_py() == site:
                    self._groups.insert(0, group)
                    self.count += len(part)

    def mean_z_um(self) -> float:
        """Return the height of their middle."""
        return sum(part["z_um"].sum() for part in self._parts(["z_um"])) / self.count

    def read(self, one_in: int, z_um: float | None) -> tuple[pd.DataFrame, dict[str, int]]:
        """Return one cell in so many of each group (type, or "dead"), as x, y, radius and group, and all counts.

        With ``z_um``, only the cells that a plane at this height cuts are read.
        """
        drawn, counts = [pd.DataFrame(columns=["x_um", "y_um", "radius_um", "group"])], {"dead": 0}
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
