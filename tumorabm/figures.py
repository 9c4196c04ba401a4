"""The pictures of tumorabm as matplotlib figures.

>>> from tumorabm import figures
>>> figure = figures.summary_figure("runs/leukaemia_asparaginase-s1")  # doctest: +SKIP
>>> figure.savefig("summary.pdf")  # doctest: +SKIP

In a notebook a figure at the end of a cell shows itself. None belongs to pyplot: ``plt.show()`` does not know them, and
they need not be closed.

======================  ====================================================================================
of a run folder         `summary_figure`, `curves_figure`, `map_figure`, `distributions_figure`,
                        `profiles_figure`, `sites_figure`, `clones_figure`
of a sweep              `sweep_figures`, or `heat_map_figure`, `responses_figure`, `indices_figure`
of variants             `comparison_figure`
of assays               `blot_figure`, `plate_figure`, `curve_figure`
======================  ====================================================================================
"""

from tumorabm.assays.plots import blot_figure, curve_figure, plate_figure
from tumorabm.output.clone_plot import clones_figure
from tumorabm.output.distributions import distributions_figure
from tumorabm.output.map_plot import map_figure
from tumorabm.output.profiles import profiles_figure
from tumorabm.output.site_plot import sites_figure
from tumorabm.output.summary_plot import curves_figure, summary_figure
from tumorabm.sweep.plot import heat_map_figure, indices_figure, responses_figure, sweep_figures
from tumorabm.variants.plot import comparison_figure

__all__ = [
    "blot_figure",
    "clones_figure",
    "comparison_figure",
    "curve_figure",
    "curves_figure",
    "distributions_figure",
    "heat_map_figure",
    "indices_figure",
    "map_figure",
    "plate_figure",
    "profiles_figure",
    "responses_figure",
    "sites_figure",
    "summary_figure",
    "sweep_figures",
]
