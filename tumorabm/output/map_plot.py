"""Maps of one site's cells over a field, drawn from the folder of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from tumorabm.output import style
from tumorabm.output.run_folder import OutputError, fields_name, require_columns, require_run
from tumorabm.output.snapshots import CellSnapshot, CellSnapshots, FieldSnapshots, cell_types, nearest, unit_of
from tumorabm.scenario.messages import unknown_name
from tumorabm.scenario.site_schema import PRIMARY

MOST_CELLS_DRAWN = 200_000
"""More are smaller than a dot of the picture, and would take more memory than the run."""

FIELD_MAP = LinearSegmentedColormap.from_list("field", style.FIELD_COLOURS)
_MAP_INCHES, _MAP_OF_SEVERAL_INCHES = (6.4, 6.4), (5.0, 5.7)
"""Width and height; side by side, legends have two rows."""

_MOST_IN_A_ROW = 3


def map_figure(
    folder: Path, at_hours: Sequence[float] | None = None, *, site: str = PRIMARY, field: str | None = None
) -> Figure:
    """Draw the cells of a site over a field, a map for each time, all in one scale.

    Parameters
    ----------
    folder
        Run folder with scenario.toml, cells.parquet and the site's fields.
    at_hours
        Times, h; each is shown at the recorded time that is nearest. By default the last one.
    site
        Name of the site.
    field
        Field under the cells; by default asparagine, or oxygen where there is no asparagine.

    Raises
    ------
    OutputError
        There is no such run, site or field, or it is well mixed.
    """
    folder = Path(folder)
    require_run(folder, "scenario.toml", "cells.parquet", fields_name(site))
    require_columns(folder / "cells.parquet", "time_h", "site")
    fields = FieldSnapshots(folder, site)
    name = require_field(fields, field)
    if fields.well_mixed:
        raise OutputError(f"{folder}: the site {site} is well mixed, expected one with a map")
    if not fields.times_h:
        raise OutputError(f"{folder}: no fields were recorded of {site}")
    if not np.isfinite(at_hours or 0.0).all():
        raise OutputError(f"at_hours {list(at_hours)}: expected times, h")
    times_h = sorted({fields.times_h[nearest(fields.times_h, time_h)] for time_h in at_hours or fields.times_h[-1:]})
    highest = max(float(fields.read(name, nearest(fields.times_h, time_h)).max()) for time_h in times_h)
    n_columns = min(len(times_h), _MOST_IN_A_ROW)
    n_rows = -(-len(times_h) // n_columns)
    width, height = _MAP_INCHES if len(times_h) == 1 else _MAP_OF_SEVERAL_INCHES
    with style.new_figure((width * n_columns, height * n_rows)) as figure:
        axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
        for ax in axes[len(times_h) :]:
            ax.set_axis_off()
        for ax, time_h in zip(axes, times_h, strict=False):
            draw_map(ax, folder, site, time_h, name, highest, legend_columns=4 if len(times_h) == 1 else 2)
    return figure


def require_field(fields: FieldSnapshots, name: str | None) -> str:
    """Return the name of a field that was recorded, or of the usual one; OutputError for another name."""
    if name is not None and name not in fields.names:
        raise OutputError(f"{name}: {unknown_name('field', name, fields.names)}")
    return name or fields.usual


def draw_map(
    ax: Axes,
    folder: Path,
    site: str = PRIMARY,
    time_h: float | None = None,
    field: str | None = None,
    highest: float | None = None,
    legend_columns: int = 4,
) -> None:
    """Draw the cells of one site over a field, at the recorded times nearest to a given one.

    Parameters
    ----------
    ax
        Its frame and axes are taken away; a bar gives the scale.
    folder
        Run folder with scenario.toml, cells.parquet and the site's fields.
    site
        Name of the site.
    time_h
        Time, h; by default the last.
    field
        One that was recorded; by default asparagine, or oxygen where there is no asparagine.
    highest
        Upper end of the field's scale; by default its highest value.
    legend_columns
        Entries of the legend side by side; where they are wider than the map, they make it smaller.
    """
    ax.set_axis_off()
    fields = FieldSnapshots(folder, site)
    if fields.well_mixed:
        ax.text(0.5, 0.5, "well-mixed: no map", ha="center", transform=ax.transAxes)
        return
    name = field or fields.usual
    cells = CellSnapshots(folder)
    field_number = len(fields.times_h) - 1 if time_h is None else nearest(fields.times_h, time_h)
    cells_h = cells.times_h[-1 if time_h is None else nearest(cells.times_h, time_h)]
    parts, middle_um = cells.at(cells_h, site), None
    values = fields.read(name, field_number)
    if values.ndim == 3:
        middle_um = middle_of(parts, fields)
        values = slice_at(values, middle_um, fields.voxel_um)
    image = draw_field(ax, values, fields, values.max() if highest is None else highest)
    ax.figure.colorbar(image, ax=ax, label=f"{name}, {unit_of(name)}", shrink=0.5, pad=0.02)
    one_in = 1 if middle_um is not None else max(1, -(-parts.count // MOST_CELLS_DRAWN))
    draw_cells(ax, *parts.read(cell_types(folder), one_in, middle_um), legend_columns)
    shown = _what_and_when(name, cells_h, fields.times_h[field_number], fields.times_h[-1])
    ax.set(title=f"{shown}{part_shown(middle_um, one_in)}")


def part_shown(z_um: float | None, one_in: int) -> str:
    """Return what the title of a map says where it does not show all cells: a slice, or one in so many."""
    if z_um is not None:
        return f", slice at z = {z_um:.0f} µm"
    return f", one cell in {one_in} drawn" if one_in > 1 else ""


def middle_of(cells: CellSnapshot, fields: FieldSnapshots) -> float:
    """Return the height at which a volume is cut, µm: that of the cells' middle, or without cells its own middle."""
    return cells.mean_z_um() if cells.count else fields.shape[0] * fields.voxel_um / 2.0


def slice_at(values: np.ndarray, z_um: float, voxel_um: float) -> np.ndarray:
    """Return the layer of a field (nz, ny, nx) at some height."""
    return values[min(int(z_um / voxel_um), values.shape[0] - 1)]


def draw_field(ax: Axes, values: np.ndarray, fields: FieldSnapshots, highest: float) -> AxesImage:
    """Draw a field of shape (ny, nx) from 0 to the ``highest`` value, with a frame and a scale bar."""
    width_um, height_um = fields.size_um
    extent = (0.0, width_um, 0.0, height_um)
    image = ax.imshow(values, origin="lower", extent=extent, cmap=FIELD_MAP, vmin=0.0, vmax=max(highest, 1e-9))
    ax.add_patch(Rectangle((0.0, 0.0), width_um, height_um, fill=False, linewidth=0.8, clip_on=False))
    _draw_scale_bar(ax, width_um, height_um)
    ax.set(xlim=(0.0, width_um), ylim=(-0.08 * height_um, height_um))
    return image


def group_colours(groups: Sequence[str]) -> dict[str, str]:
    """Return the colours of cell types and, where it is among them, of what is dead."""
    colours = style.colours([name for name in groups if name != "dead"]) | {"dead": style.DEAD_COLOUR}
    return {name: colours[name] for name in groups}


def discs(ax: Axes, cells: pd.DataFrame, colour: str) -> EllipseCollection:
    """Return cells (x_um, y_um, radius_um) as discs of one colour, not yet added to ``ax``."""
    width_um = 2.0 * cells["radius_um"].to_numpy(float)
    return EllipseCollection(
        width_um,
        width_um,
        np.zeros(len(cells)),
        units="xy",
        offsets=cells[["x_um", "y_um"]].to_numpy(float),
        offset_transform=ax.transData,
        facecolors=colour,
        edgecolors="white",
        linewidths=0.2,
    )


def draw_cells(ax: Axes, cells: pd.DataFrame, counts: dict[str, int], legend_columns: int = 4) -> None:
    """Draw cells as `CellSnapshot.read` returns them, and a legend that counts them."""
    colours = group_colours(list(counts))
    for name, count in counts.items():
        if count:
            ax.add_collection(discs(ax, cells[cells["group"] == name], colours[name]))
            ax.scatter([], [], color=colours[name], label=f"{name} ({count})")
    if any(counts.values()):
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.01), ncols=legend_columns)


def _what_and_when(field: str, cells_h: float, field_h: float, last_h: float) -> str:
    if abs(cells_h - field_h) < 1e-6:
        return f"cells and {field} {style.when(field_h, last_h)}"
    return f"cells {style.when(cells_h, last_h)}, {field} {style.when(field_h, last_h)}"


def _draw_scale_bar(ax: Axes, width_um: float, height_um: float) -> None:
    """Draw a bar below the map, the longest of 1, 2, 5 times a power of ten within a quarter of the width."""
    decade = 10.0 ** np.floor(np.log10(width_um / 4.0))
    length_um = max(factor * decade for factor in (1, 2, 5) if factor * decade <= width_um / 4.0)
    y_um = -0.03 * height_um
    ax.plot([0.0, length_um], [y_um, y_um], color="black", linewidth=3, solid_capstyle="butt")
    ax.text(1.1 * length_um, y_um, f"{length_um:g} µm", va="center")
