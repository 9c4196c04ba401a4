"""The curves of the page: those of a run's picture, with doses, on one time axis."""

from __future__ import annotations

from tumorabm.model import TumorModel
from tumorabm.output import style
from tumorabm.output.summary_plot import draw_curves

_SIZE_INCHES = (10.4, 8.0)


def draw_site_curves(site: TumorModel, doses_h: list[float]) -> bytes:
    """Return the curves of a site until now as a PNG.

    Parameters
    ----------
    site
        The model of the site.
    doses_h
        When doses were given, h.
    """
    with style.new_figure(_SIZE_INCHES) as figure:
        figure.get_layout_engine().set(**style.SPACING)
        *axes, spare = figure.subplots(3, 3).ravel()
        spare.set_visible(False)
        draw_curves(axes, site.timeseries(), [hours / 24.0 for hours in doses_h])
    return style.png(figure)
