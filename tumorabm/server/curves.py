"""The curves of the page: those of a run's picture, with doses, on one time axis."""

from __future__ import annotations

from io import BytesIO

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tumorabm.model import TumorModel
from tumorabm.output import style
from tumorabm.output.summary_plot import draw_curves

_SIZE_INCHES = (10.4, 8.0)
_DPI = 110
_PLACES = {"left": 0.075, "right": 0.985, "bottom": 0.065, "top": 0.965, "wspace": 0.33, "hspace": 0.42}
"""Of the panels; a layout that finds them takes as long as drawing them twice more."""


def draw_site_curves(site: TumorModel, doses_h: list[float]) -> bytes:
    """Return the curves of a site until now as a PNG.

    Parameters
    ----------
    site
        The model of the site.
    doses_h
        When doses were given, h.
    """
    with matplotlib.rc_context(style.SETTINGS):
        figure = Figure(_SIZE_INCHES, dpi=_DPI)
        canvas = FigureCanvasAgg(figure)
        *axes, spare = figure.subplots(3, 3, gridspec_kw=_PLACES).ravel()
        spare.set_visible(False)
        draw_curves(axes, site.timeseries(), [hours / 24.0 for hours in doses_h])
        png = BytesIO()
        canvas.print_png(png, pil_kwargs={"compress_level": 1})  # draws once; savefig would twice
    return png.getvalue()
