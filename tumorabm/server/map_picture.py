"""The map of the page: cells as coloured discs over a field, drawn from a copy of what the model is now.

A picture has at most 256 colours: it is written several times faster than one of any colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, to_rgb
from matplotlib.figure import Figure
from PIL import Image

from tumorabm.biology import states as s
from tumorabm.model import TumorModel
from tumorabm.observables import oxygen_at_cells_mmHg, relative_asns
from tumorabm.output import style
from tumorabm.output.map_plot import FIELD_MAP
from tumorabm.output.snapshots import as_shown, unit_of
from tumorabm.server.raster import background, paint_discs
from tumorabm.server.scales import round_up

COLOUR_BY = {
    "type": "",
    "phase": "",
    "ASNS": "ASNS, relative to a solid tumour",
    "ATF4": "ATF4, relative level",
    "mTORC1": "mTORC1, relative activity",
    "oxygen": "oxygen at the cell, mmHg",
}
"""What cells can be coloured by, with the label of its scale; the first two have a legend."""

NO_CELLS = "no cells"
_SIDE_PX = 560  # of the longer side of the tissue
_BARS_PX = 520  # least height of the bars, for their labels
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 90, 142, 14, 62  # of the frame
_GAP_PX = 28  # before the bars, for half the last number below the map
_FONT_POINTS = 13
_DPI = 100
_BRIGHTEST_SHARE = 0.98  # of cells lie within the scale of what they are coloured by
_LEVELS = colormaps["viridis"]
_FIELD_LEVELS, _CELL_LEVELS, _GREYS = 120, 100, 32
_ONE_NUMBER = np.array([256**2, 256, 1], np.int32)  # makes one number of red, green, and blue


@dataclass(frozen=True)
class Look:
    """What the map shows: site, field, what cells are coloured by, and the height of the slice in 3-D (share of it)."""

    site: str
    field: str
    colour_by: str
    slice_share: float = 0.5


@dataclass(frozen=True)
class Snapshot:
    """What is drawn, copied from a model so that it may go on meanwhile.

    Attributes
    ----------
    look, time_h, size_um
        What is shown, when, and the sides of the map (x, y).
    z_um
        Height of the slice in 3-D, else None.
    field, unit
        Values of the field in the plane, shape (y, x), and their unit.
    x_um, y_um, radius_um, dead
        Cells in the plane, shape (n,).
    values, names
        What the cells are coloured by: numbers, or indices into ``names``.
    """

    look: Look
    time_h: float
    size_um: tuple[float, float]
    z_um: float | None
    field: np.ndarray
    unit: str
    x_um: np.ndarray
    y_um: np.ndarray
    radius_um: np.ndarray
    dead: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]


def snapshot(model: TumorModel, look: Look) -> Snapshot:
    """Copy from a model, between two steps, what its map shows."""
    site = model.sites[look.site]
    field = as_shown(look.field, site.fields[look.field].concentration_mM)
    position, radius = site.population.block("position_um"), site.population.data["radius_um"]
    z_um, layer, shown = None, 0, slice(None)
    if site.grid.ndim == 3:
        z_um = look.slice_share * site.box_um[2]
        layer = min(int(z_um / site.grid.voxel_um), len(field) - 1)
        shown = np.abs(position[:, 2] - z_um) < radius
        radius = np.sqrt(np.maximum(radius**2 - (position[:, 2] - z_um) ** 2, 0.0))  # of the circle in the plane
    values, names = _cell_values(site, look.colour_by)
    return Snapshot(
        look, site.time_h, (float(site.box_um[0]), float(site.box_um[1])), z_um,
        np.array(field[layer]), unit_of(look.field),
        position[shown, 0].copy(), position[shown, 1].copy(), radius[shown].copy(),
        site.population.data["phase"][shown] > s.MITOSIS, values[shown].copy(), names,
    )  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A map as the page shows it.

    Attributes
    ----------
    png
        Map with axes in µm, and bars for the field and for what cells are coloured by.
    legend
        Label and colour of what the bars do not tell: numbers of cells by type or phase, and of dead ones.
    """

    png: bytes
    legend: tuple[tuple[str, str], ...]


def draw_map(seen: Snapshot) -> Picture:
    """Return the picture of a snapshot."""
    rows, columns = pixel_shape(seen.size_um)
    top = round_up(float(seen.field.max()))
    image = background(seen.field, top, _FIELD_LEVELS, (rows, columns))
    bars, legend = [(f"{seen.look.field}, {seen.unit}", top, False)], []
    palette = _palette_of(FIELD_MAP, _FIELD_LEVELS)
    if seen.look.colour_by != NO_CELLS:
        if seen.names:
            colours, of_cells, legend = _category_colours(seen)
        else:
            colours, of_cells, highest = _level_colours(seen)
            beyond = bool(np.any(seen.values[~seen.dead] > highest))
            bars.append((COLOUR_BY[seen.look.colour_by], highest, beyond))
        of_cells[seen.dead] = len(colours)
        legend.append((f"dead ({int(seen.dead.sum())}{_where(seen)})", style.DEAD_COLOUR))
        _paint_cells(image, seen, len(palette) + of_cells)
        palette = np.concatenate((palette, colours, _bytes_of([to_rgb(style.DEAD_COLOUR)])))
    palette = np.concatenate((palette, _palette_of(colormaps["gray"], _GREYS)))
    picture = _frame(seen.size_um, tuple(bars), palette.tobytes()).copy()
    picture[_TOP_PX : _TOP_PX + rows, _LEFT_PX : _LEFT_PX + columns] = image[::-1]
    return Picture(_png(picture, palette), tuple(legend))


def place_on_map(size_um: tuple[float, float], share_x: float, share_y: float) -> tuple[float, float] | None:
    """Return where a place of the picture lies in the tissue, µm; None beside the map.

    ``share_x`` and ``share_y`` are measured from the left upper corner of the picture.
    """
    rows, columns = pixel_shape(size_um)
    width_px, height_px = _size_px(rows, columns)
    x, y = (share_x * width_px - _LEFT_PX) / columns, 1.0 - (share_y * height_px - _TOP_PX) / rows
    return (x * size_um[0], y * size_um[1]) if 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0 else None


def pixel_shape(size_um: tuple[float, float]) -> tuple[int, int]:
    """Return rows and columns of the image of a tissue."""
    longest_um = max(size_um)
    return tuple(max(1, round(_SIDE_PX * side_um / longest_um)) for side_um in (size_um[1], size_um[0]))


def _size_px(rows: int, columns: int) -> tuple[int, int]:
    """Return width and height of the picture around an image."""
    return _LEFT_PX + columns + _RIGHT_PX, _TOP_PX + max(rows, _BARS_PX) + _BOTTOM_PX


def _png(picture: np.ndarray, palette: np.ndarray) -> bytes:
    image = Image.fromarray(picture)
    image.putpalette(palette.tobytes())
    buffer = BytesIO()
    image.save(buffer, format="png", compress_level=1)
    return buffer.getvalue()


@lru_cache(maxsize=8)
def _frame(size_um: tuple[float, float], bars: tuple[tuple[str, float, bool], ...], palette: bytes) -> np.ndarray:
    """Return axes and bars around an empty image, drawn once for all pictures with the same scales and colours.

    A bar has a label, a highest number, and whether there are higher ones, for which it gets a point at its end.
    """
    rows, columns = pixel_shape(size_um)
    width_px, height_px = _size_px(rows, columns)
    figure = Figure(figsize=(width_px / _DPI, height_px / _DPI), dpi=_DPI)
    canvas = FigureCanvasAgg(figure)
    bottom_px = height_px - _TOP_PX - rows
    ax = figure.add_axes((_LEFT_PX / width_px, bottom_px / height_px, columns / width_px, rows / height_px))
    ax.set(xlim=(0.0, size_um[0]), ylim=(0.0, size_um[1]))
    ax.set_xlabel("x, µm", fontsize=_FONT_POINTS)
    ax.set_ylabel("y, µm", fontsize=_FONT_POINTS)
    bars_px, step = height_px - _TOP_PX - _BOTTOM_PX, 1.0 / len(bars)
    for place, ((label, highest, beyond), colours) in enumerate(zip(bars, (FIELD_MAP, _LEVELS), strict=False)):
        bottom = (_BOTTOM_PX + bars_px * (1.0 - (place + 0.95) * step)) / height_px
        box = (1.0 - (_RIGHT_PX - _GAP_PX) / width_px, bottom, 16 / width_px, 0.9 * step * bars_px / height_px)
        scale = ScalarMappable(Normalize(0.0, highest), colours)
        bar = figure.colorbar(scale, cax=figure.add_axes(box), extend="max" if beyond else "neither")
        bar.set_label(label, fontsize=_FONT_POINTS)
    for axes in figure.axes:
        axes.tick_params(labelsize=_FONT_POINTS)
    canvas.draw()
    return _nearest(np.asarray(canvas.buffer_rgba())[:, :, :3], np.frombuffer(palette, np.uint8).reshape(-1, 3))


def _nearest(image: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return for each pixel the number of the colour that is nearest to its own, uint8."""
    found, which = np.unique(image.astype(np.int32) @ _ONE_NUMBER, return_inverse=True)  # by rows it takes far longer
    apart = (found[:, None, None] // _ONE_NUMBER) % 256 - palette
    return (apart**2).sum(axis=2).argmin(axis=1).astype(np.uint8)[which].reshape(image.shape[:2])


def _cell_values(site: TumorModel, colour_by: str) -> tuple[np.ndarray, tuple[str, ...]]:
    data = site.population.data
    if colour_by == "phase":
        return data["phase"], s.PHASES[: s.APOPTOTIC]
    if colour_by == "ASNS":
        return relative_asns(site), ()
    if colour_by == "oxygen":
        return oxygen_at_cells_mmHg(site), ()
    if colour_by in ("ATF4", "mTORC1"):
        return data[colour_by.lower()], ()
    return data["cell_type"], site.cell_types


def _paint_cells(image: np.ndarray, seen: Snapshot, of_cells: np.ndarray) -> None:
    order = np.argsort(~seen.dead, kind="stable")  # the dead below the living
    scale = image.shape[1] / seen.size_um[0]
    paint_discs(
        image, scale * seen.x_um[order], scale * seen.y_um[order], scale * seen.radius_um[order], of_cells[order]
    )


def _where(seen: Snapshot) -> str:
    return "" if seen.z_um is None else " in the slice"


def _category_colours(seen: Snapshot) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Return colours, which of them each cell has by its type or phase, and the legend with numbers of live cells."""
    by_name = style.colours(seen.names)
    counts = np.bincount(seen.values[~seen.dead], minlength=len(seen.names))
    legend = [
        (f"{name} ({count}{_where(seen)})", by_name[name]) for name, count in zip(seen.names, counts, strict=True)
    ]
    colours, of_name = np.unique(_bytes_of([to_rgb(by_name[n]) for n in seen.names]), axis=0, return_inverse=True)
    return colours, of_name.reshape(-1).astype(np.uint8)[np.minimum(seen.values, len(of_name) - 1)], legend


def _level_colours(seen: Snapshot) -> tuple[np.ndarray, np.ndarray, float]:
    """Return colours, which of them each cell has by a number, and the end of the scale; no number is white."""
    living = seen.values[~seen.dead & np.isfinite(seen.values)]
    highest = round_up(float(np.quantile(living, _BRIGHTEST_SHARE))) if living.size else 1.0
    level = np.clip(np.nan_to_num(seen.values) / highest, 0.0, 1.0) * (_CELL_LEVELS - 1)
    of_cells = np.where(np.isnan(seen.values), _CELL_LEVELS, level).astype(np.uint8)
    white = np.full((1, 3), 255, np.uint8)
    return np.concatenate((_palette_of(_LEVELS, _CELL_LEVELS), white)), of_cells, highest


def _palette_of(colour_map: Colormap, levels: int) -> np.ndarray:
    """Return evenly spaced colours of a map, shape (levels, 3), uint8."""
    return _bytes_of(colour_map(np.linspace(0.0, 1.0, levels)))


def _bytes_of(colours: object) -> np.ndarray:
    """Return colours of 0 to 1 as bytes, without what is transparent, shape (n, 3)."""
    return (255.0 * np.asarray(colours)[:, :3] + 0.5).astype(np.uint8)
