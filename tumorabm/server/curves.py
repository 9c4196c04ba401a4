"""The curves of the page: those of a run's picture, with doses, on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from zlib import Z_RLE

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image

from tumorabm.output import style
from tumorabm.output.summary_plot import draw_curves
from tumorabm.server.scales import round_up

_SIZE_INCHES = (10.4, 8.0)
_DPI = 110
_PLACES = {"left": 0.09, "right": 0.985, "bottom": 0.065, "top": 0.965, "wspace": 0.464, "hspace": 0.42}
"""Of the panels, so far apart that their labels do not meet; a layout that finds them takes as long as two pictures."""
_SETTINGS = {**style.SETTINGS, "axes.autolimit_mode": "round_numbers"}


class CurvePicture:
    """The curves of a site while it goes on.

    Axes and labels take most of the time of a picture. Their scales end at round numbers, and those of a panel are
    drawn again only where one has changed.
    """

    def __init__(self) -> None:
        with matplotlib.rc_context(_SETTINGS):
            self._figure = Figure(_SIZE_INCHES, dpi=_DPI)
            self._canvas = FigureCanvasAgg(self._figure)
            *self._axes, spare = self._figure.subplots(3, 3, gridspec_kw=_PLACES).ravel()
        spare.set_visible(False)
        self._cells = [_cell_of(ax) for ax in self._axes]
        for ax in self._axes:
            ax.set_visible(False)
        self._canvas.draw()
        self._empty = [self._canvas.copy_from_bbox(cell) for cell in self._cells]
        for ax in self._axes:
            ax.set_visible(True)
        self._frames: list[tuple[tuple, object]] = [((), None)] * len(self._axes)

    def draw(self, series: pd.DataFrame, doses_h: Sequence[float]) -> bytes:
        """Return the curves until now as a PNG.

        Parameters
        ----------
        series
            What was observed of the site, as `TumorModel.timeseries` gives it.
        doses_h
            When doses were given, h.
        """
        with matplotlib.rc_context(_SETTINGS):
            for ax in self._axes:
                _empty(ax)
            # a dose that was given by hand may come after the last row
            draw_curves(self._axes, series, doses_h, until_h=max([series["time_h"].iloc[-1], *doses_h]))
            for ax in self._axes:
                _round_scales(ax)
            self._draw_frames()
            for ax in self._axes:
                if ax.get_visible():
                    for artist in _content(ax):
                        ax.draw_artist(artist)
        png, pixels = BytesIO(), np.asarray(self._canvas.buffer_rgba())[:, :, :3]
        Image.fromarray(pixels).save(png, format="png", compress_level=1, compress_type=Z_RLE)
        return png.getvalue()

    def _draw_frames(self) -> None:
        """Draw all of the panels but their content, or take what was drawn before."""
        for place, ax in enumerate(self._axes):
            if self._frames[place][0] != _frame_of(ax):
                self._canvas.restore_region(self._empty[place])
                self._frames[place] = _frame_of(ax), self._new_frame(place, ax)
        for _, frame in self._frames:
            self._canvas.restore_region(frame)

    def _new_frame(self, place: int, ax: Axes) -> object:
        """Draw all of a panel but its content; return the pixels of its cell."""
        for artist in _content(ax):
            artist.set_visible(False)
        ax.draw(self._canvas.get_renderer())
        for artist in _content(ax):
            artist.set_visible(True)
        return self._canvas.copy_from_bbox(self._cells[place])


def _cell_of(ax: Axes) -> Bbox:
    """Return the pixels of a panel with its labels; the cells of all panels cover the figure."""
    width, height = ax.figure.bbox.size
    grid, place = ax.get_gridspec(), ax.get_subplotspec()
    _, tops, lefts, _ = grid.get_grid_positions(ax.figure)
    left_px, above_px = width * lefts[0], height * (1.0 - tops[0])
    x_px = [*(width * lefts - left_px), width]
    y_px = [*(height * tops + above_px), 0.0]
    row, column = place.rowspan.start, place.colspan.start
    return Bbox([[x_px[column], y_px[row + 1]], [x_px[column + 1], y_px[row]]])


def _content(ax: Axes) -> list:
    """Return what changes from picture to picture: lines, words at them, and the legend that makes room for them."""
    legend = ax.get_legend()
    return [*ax.lines, *ax.texts, *([] if legend is None else [legend])]


def _empty(ax: Axes) -> None:
    for artist in _content(ax):
        artist.remove()
    ax.set_yscale("linear")
    ax.autoscale()


def _round_scales(ax: Axes) -> None:
    ax.set_xlim(0.0, round_up(ax.get_xlim()[1]))
    low, high = ax.get_ylim()
    if low == 0.0 or ax.get_yscale() == "log":
        ax.set_ylim(low, round_up(high))


def _frame_of(ax: Axes) -> tuple:
    """Return what the axes and labels of a panel depend on."""
    labels = ax.get_title(), ax.get_xlabel(), ax.get_ylabel()
    return ax.get_visible(), labels, ax.get_xlim(), ax.get_yscale(), ax.get_ylim()
