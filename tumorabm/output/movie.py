"""A run as a moving picture: its cells over a field through the recorded times, drawn from its folder alone.

Frames are drawn and written one after the other, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CalledProcessError
from typing import Protocol

import numpy as np
from matplotlib.animation import FFMpegWriter
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tumorabm.output import style
from tumorabm.output.gif import GifWriter
from tumorabm.output.map_plot import (
    FIELD_MAP,
    MOST_CELLS_DRAWN,
    discs,
    draw_field,
    group_colours,
    middle_of,
    part_shown,
    require_field,
    slice_at,
)
from tumorabm.output.run_folder import OutputError, fields_name, require_columns, require_run, whole_file
from tumorabm.output.snapshots import CellSnapshots, FieldSnapshots, cell_types, nearest, unit_of
from tumorabm.output.written import dose_hours, require_site, series_of, title_of, written_scenario
from tumorabm.scenario.site_schema import PRIMARY

SUFFIXES = (".gif", ".mp4")
_MAP_INCHES, _STRIP_INCHES = 7.0, 1.5
_DPI = 100
_SAME_TIME_H = 1e-6


def write_movie(
    folder: Path,
    out: Path,
    field: str | None = None,
    fps: float = 4.0,
    after_frame: Callable[[int, int], object] = lambda done, total: None,
    *,
    site: str = PRIMARY,
) -> Path:
    """Write a movie of a site of a run: live and dead cells over a field, with the time and the doses.

    There is a frame for each time at which both cells and fields were recorded. The scale of the field is the same in
    all of them.

    Parameters
    ----------
    folder
        Run folder with scenario.toml, timeseries.parquet, cells.parquet and the site's fields.
    out
        File to write: a GIF, or an MP4 where ffmpeg is installed.
    field
        Field under the cells; by default asparagine, or oxygen where there is no asparagine.
    fps
        Frames a second.
    after_frame
        Called with the numbers of frames that are done and of all.
    site
        Name of the site.

    Returns
    -------
    Path
        The file, whole or not at all.

    Raises
    ------
    OutputError
        There is no such run, site or field, the site is well mixed, fewer than two times were recorded, the suffix is
        another, or ffmpeg is missing or fails.
    OSError
        The file cannot be written.
    """
    folder = Path(folder)
    require_writer(out)
    require_run(folder, "scenario.toml", "timeseries.parquet", "cells.parquet")
    require_site(folder, site)
    require_run(folder, fields_name(site))
    require_columns(folder / "cells.parquet", "time_h", "site", "type", "phase")
    fields, cells = FieldSnapshots(folder, site), CellSnapshots(folder)
    name = require_field(fields, field)
    if fields.well_mixed:
        raise OutputError(f"{folder}: the site {site} is well mixed, expected one with a map")
    times_h = _common_times(folder, cells, fields)
    with whole_file(out) as partial, style.new_figure((_MAP_INCHES, _MAP_INCHES + _STRIP_INCHES)) as figure:
        scene = _Scene(figure, folder, site, cells, fields, name, times_h)
        with _writer(partial, out.suffix.lower(), figure, scene.colours, fps) as writer:
            for number, time_h in enumerate(times_h, start=1):
                scene.show(time_h)
                writer.grab_frame()
                after_frame(number, len(times_h))
    return out


def require_writer(out: Path) -> None:
    """Raise OutputError unless a movie of this name can be written."""
    if out.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{out}: expected a name that ends in .gif or .mp4")
    if out.suffix.lower() == ".mp4" and not FFMpegWriter.isAvailable():
        raise OutputError(
            f"{out}: needs the program ffmpeg, which is not installed (Debian: apt install ffmpeg); "
            "expected it on the path, or a name that ends in .gif"
        )


def _common_times(folder: Path, cells: CellSnapshots, fields: FieldSnapshots) -> list[float]:
    """Return the times at which both cells and fields were recorded; fewer than two are refused."""
    times_h = [
        time_h
        for time_h in fields.times_h
        if cells.times_h and abs(cells.times_h[nearest(cells.times_h, time_h)] - time_h) < _SAME_TIME_H
    ]
    if len(times_h) > 1:
        return times_h
    output = written_scenario(folder).get("output", {})
    intervals = ", ".join(f"output.{key} = {output[key]:g}" for key in ("cells_every_h", "fields_every_h"))
    found = f"only at {times_h[0]:g} h" if times_h else "at no time"
    raise OutputError(
        f"{folder}: cells and fields were recorded together {found}, a movie has two frames or more ({intervals}); "
        "expected a run with shorter, equal output.cells_every_h and output.fields_every_h"
    )


class _Scene:
    """The picture whose parts change from frame to frame.

    Attributes
    ----------
    colours
        Of the groups of cells.
    """

    def __init__(
        self,
        figure: Figure,
        folder: Path,
        site: str,
        cells: CellSnapshots,
        fields: FieldSnapshots,
        field: str,
        times_h: list[float],
    ) -> None:
        scenario = written_scenario(folder)
        self._doses_h = dose_hours(scenario)
        figure.suptitle(title_of(scenario, site))
        figure.get_layout_engine().set(**style.SPACING)
        self._cells, self._fields, self._field, self._last_h = cells, fields, field, times_h[-1]
        self._site = site
        self._types = cell_types(folder)
        self.colours = group_colours([*self._types, "dead"])
        self._middle_um = middle_of(cells.at(times_h[-1], site), fields) if len(fields.shape) == 3 else None
        most = max(cells.at(time_h, site).count for time_h in times_h)
        self._one_in = 1 if self._middle_um is not None else max(1, -(-most // MOST_CELLS_DRAWN))
        self._part = part_shown(self._middle_um, self._one_in)
        self._map, strip = figure.subplots(2, 1, height_ratios=(_MAP_INCHES, _STRIP_INCHES))
        self._map.set_axis_off()
        highest = max(float(self._values(time_h).max()) for time_h in times_h)
        self._image = draw_field(self._map, self._values(times_h[0]), fields, highest)
        figure.colorbar(self._image, ax=self._map, label=f"{field}, {unit_of(field)}", shrink=0.5, pad=0.02)
        for name, colour in self.colours.items():
            self._map.scatter([], [], color=colour, label=name)
        self._map.legend(loc="upper center", bbox_to_anchor=(0.5, 0.01), ncols=5)
        self._now, self._length_h = self._draw_strip(strip, folder)
        self._discs: list = []
        self.show(times_h[0])
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # else what is written above would move the map

    def show(self, time_h: float) -> None:
        """Show one of the recorded times."""
        self._image.set_data(self._values(time_h))
        for shown in self._discs:
            shown.remove()
        cells, counts = self._cells.at(self._cells.times_h[nearest(self._cells.times_h, time_h)], self._site).read(
            self._types, self._one_in, self._middle_um
        )
        groups = {name: cells[cells["group"] == name] for name, count in counts.items() if count}
        self._discs = [
            self._map.add_collection(discs(self._map, group, self.colours[name])) for name, group in groups.items()
        ]
        given = sum(dose_h <= time_h for dose_h in self._doses_h)
        doses = f", {given} of {len(self._doses_h)} doses given" if self._doses_h else ""
        self._map.set_title(f"cells and {self._field} {style.when(time_h, self._last_h)}{self._part}{doses}")
        self._now.set_xdata([time_h / self._length_h] * 2)

    def _values(self, time_h: float) -> np.ndarray:
        values = self._fields.read(self._field, nearest(self._fields.times_h, time_h))
        return values if self._middle_um is None else slice_at(values, self._middle_um, self._fields.voxel_um)

    def _draw_strip(self, ax: Axes, folder: Path) -> tuple[Line2D, float]:
        """Draw live cells and doses over time; return the line that marks the present, and the unit of time in h."""
        series = series_of(folder, self._site)
        unit, length_h = style.time_unit(self._last_h)
        for name in self._types:
            ax.plot(series["time_h"] / length_h, series[f"live_{name}"], color=self.colours[name])
        ax.set(xlabel=f"time, {unit}", ylabel="live cells", xlim=(0.0, self._last_h / length_h))
        ax.set_ylim(0.0, 1.2 * max(ax.get_ylim()[1], 1.0))  # room for the word at the dose
        style.mark_doses([ax], [dose_h / length_h for dose_h in self._doses_h if dose_h <= self._last_h], ax)
        return ax.axvline(0.0, color="black", linewidth=1.2), length_h


class _Writer(Protocol):
    def grab_frame(self) -> None: ...


@contextmanager
def _writer(path: Path, suffix: str, figure: Figure, colours: dict[str, str], fps: float) -> Iterator[_Writer]:
    """Give what writes the frames of a figure to a file, in the format of a suffix."""
    if suffix == ".mp4":
        try:
            with FFMpegWriter(fps=fps, extra_args=["-f", "mp4"]).saving(figure, path, _DPI) as writer:
                yield writer
        except CalledProcessError as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # Ctrl-C ends ffmpeg too
                raise error.__context__ from None
            raise OutputError(f"ffmpeg failed: {(error.stderr or error.stdout or 'it does not say why')}") from error
    else:
        with path.open("wb") as file, GifWriter(file, _palette(colours), fps) as gif:
            yield _FigureToGif(figure, gif)


class _FigureToGif:
    """Writes what a figure shows as the next frame of a GIF."""

    def __init__(self, figure: Figure, gif: GifWriter) -> None:
        figure.set_dpi(_DPI)
        self._canvas, self._gif = FigureCanvasAgg(figure), gif

    def grab_frame(self) -> None:
        self._canvas.draw()
        self._gif.append(np.asarray(self._canvas.buffer_rgba())[..., :3])


_FIELD_SHADES, _INK_SHADES = 26, 40
"""Shades of the field, and from white to black, among the 256 colours of a GIF."""


def _palette(colours: dict[str, str]) -> np.ndarray:
    """Return up to 256 colours, shape (n, 3), uint8: all that a frame shows, and blends along edges."""
    shades = FIELD_MAP(np.linspace(0.0, 1.0, _FIELD_SHADES))[:, :3]
    ink = np.linspace(np.ones(3), np.zeros(3), _INK_SHADES)
    n_blends = max((256 - _FIELD_SHADES - _INK_SHADES) // len(colours), 1)
    blends = [np.linspace(to_rgb(colour), np.ones(3), n_blends, endpoint=False) for colour in colours.values()]
    return np.round(255.0 * np.vstack([shades, ink, *blends])[:256]).astype(np.uint8)
