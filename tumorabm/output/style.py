"""One look for all figures: colours that colour-blind readers can tell apart, fixed for all that bears a name.

A panel with one curve (the enzyme, asparagine, oxygen) is drawn in `SINGLE_COLOUR`, and a field under coloured cells in
`FIELD_COLOURS`, whatever it is; colours are for cell types and causes. What has no fixed colour takes one that nothing
else in its picture has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tumorabm.output.run_folder import whole_file

PALETTE = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours without yellow, which is too light for lines on white."""

_FIXED = {
    "blast": "#D55E00",
    "normal": "#0072B2",
    "stroma": "#009E73",
    "tumour": "#CC79A7",
    "adipocyte": "#E69F00",
    "apoptosis": "#000000",
    "necrosis": "#999933",
    "hypoxia": "#56B4E9",
    "G0/G1": "#DDCC77",
    "S": "#44AA99",
    "G2": "#7A4A1E",
    "M": "#332288",
}
DEAD_COLOUR = "#505050"
SINGLE_COLOUR = "#333333"
DOSE_COLOUR = "#888888"
FIELD_COLOURS = ("#FFFFFF", "#A0C0F8")
"""Lowest and highest concentration under the map's coloured cells: no cell looks like any of it."""

_LONGEST_IN_HOURS = 72.0
_WIDE = 30.0
"""Greatest over least value above which an axis is logarithmic."""
_LATE = 0.85
"""From which share of an axis on a word stands left of its place."""

SIZE_INCHES = (18.0, 7.4)
COLUMN_WIDTHS = (1.0, 1.0, 1.0, 1.0, 3.1)
"""Four columns of curves, and the map."""
CURVES_SIZE_INCHES = (12.6, 6.2)
PROFILES_SIZE_INCHES = (9.0, 6.6)
SPACING = {"w_pad": 0.12, "h_pad": 0.08, "wspace": 0.0, "hspace": 0.0}
"""Around each panel, inches: an axis label must not touch the panel before it."""

SETTINGS = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "savefig.dpi": 110,
}


class StyledFigure(Figure):
    """A figure that is saved in the one look, and shows itself in a notebook."""

    def savefig(self, *args: object, **kwargs: object) -> None:  # noqa: D102 - matplotlib's
        with matplotlib.rc_context(SETTINGS):
            super().savefig(*args, **kwargs)

    def _repr_png_(self) -> bytes:
        return png(self)


@contextmanager
def new_figure(size_inches: tuple[float, float], settings: Mapping[str, object] | None = None) -> Iterator[Figure]:
    """Give a figure; what is drawn inside the ``with`` has the one look, with some ``settings`` changed."""
    with matplotlib.rc_context({**SETTINGS, **(settings or {})}):
        yield StyledFigure(figsize=size_inches, layout="constrained")


def colours(names: Iterable[str]) -> dict[str, str]:
    """Return one colour for each name: its fixed one, else the next of the palette that is still free."""
    names = list(dict.fromkeys(names))
    taken = {_FIXED[name] for name in names if name in _FIXED}
    free = [colour for colour in PALETTE if colour not in taken] or list(PALETTE)
    others = [name for name in names if name not in _FIXED]
    return {
        **{name: free[i % len(free)] for i, name in enumerate(others)},
        **{n: _FIXED[n] for n in names if n in _FIXED},
    }


def is_wide(values: ArrayLike) -> bool:
    """Return whether all values, but for NaN, are positive and span so much that their axis is better logarithmic."""
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[~np.isnan(numbers)]
    return bool(numbers.size and numbers.min() > 0.0 and numbers.max() > _WIDE * numbers.min())


def time_unit(longest_h: float) -> tuple[str, float]:
    """Return the unit in which to show times up to ``longest_h``, and how many hours one has."""
    return ("days", 24.0) if longest_h > _LONGEST_IN_HOURS else ("hours", 1.0)


def when(time_h: float, last_h: float) -> str:
    """Return a time of a run that ends at ``last_h`` in words."""
    unit, length_h = time_unit(last_h)
    return f"on day {time_h / length_h:.1f}" if unit == "days" else f"at {time_h:.1f} h"


def scale_from_zero(ax: Axes) -> None:
    """Let the scale of a panel reach from 0 to a little above its lines."""
    highest = max(np.nanmax(line.get_ydata(), initial=0.0) for line in ax.lines)
    ax.set_ylim(0.0, 1.05 * highest or 1.0)


def mark_doses(axes: Iterable[Axes], times: Sequence[float], labelled: Axes) -> None:
    """Draw a dotted line at each dose on all axes, and name the first on one of them."""
    for ax in axes:
        for time in times:
            ax.axvline(time, color=DOSE_COLOUR, linestyle=":", linewidth=1.2)
    if times:
        start, end = labelled.get_xlim()
        is_late = times[0] > start + _LATE * (end - start)  # the word would end outside the panel
        labelled.annotate(
            "dose",
            (times[0], 1.0),
            (-3 if is_late else 3, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right" if is_late else "left",
            va="top",
            fontsize=8,
            color=DOSE_COLOUR,
        )


def png(figure: Figure) -> bytes:
    """Return a picture as the content of a PNG file."""
    content = BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def save(figure: Figure, path: Path) -> Path:
    """Write a picture (PNG), whole or not at all; return its path."""
    with whole_file(path) as partial:
        figure.savefig(partial, format="png")
    return path
