"""The picture of a comparison: for each readout all replicates, means and intervals by variant."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorabm.output import style
from tumorabm.output.readouts import readout_in_words, readout_unit

_MOST_COLUMNS = 3
_PANEL_WIDTH_INCHES = 4.2
_NAMES_WIDTH_INCHES = 2.6
_VARIANT_INCHES, _FRAME_INCHES = 0.42, 1.3
"""Height of a panel: for each variant, and for what is around them."""
_SPREAD = 0.22  # of the replicates about the line of their variant


def draw_comparison(results: pd.DataFrame, comparison: pd.DataFrame, path: Path, *, reference: str, title: str) -> Path:
    """Write `comparison_figure`, which see, as a PNG file."""
    return style.save(comparison_figure(results, comparison, reference=reference, title=title), path)


def comparison_figure(results: pd.DataFrame, comparison: pd.DataFrame, *, reference: str, title: str) -> Figure:
    """Draw a panel a readout: a point for each run, and the mean with its 95 % interval, a line for each variant.

    Parameters
    ----------
    results, comparison
        As `tumorabm.variants.table.last_rows` and `compare` return them.
    reference
        Variant whose mean is marked across the others.
    title
        Above all.
    """
    readouts = list(dict.fromkeys(comparison["readout"]))
    variants = list(dict.fromkeys(comparison["variant"]))
    n_columns = min(len(readouts), _MOST_COLUMNS)
    n_rows = -(-len(readouts) // n_columns)
    width = _NAMES_WIDTH_INCHES + _PANEL_WIDTH_INCHES * n_columns
    height = n_rows * (_FRAME_INCHES + _VARIANT_INCHES * len(variants))
    colours = style.colours([name for name in variants if name != reference]) | {reference: style.SINGLE_COLOUR}
    with style.new_figure((width, height)) as figure:
        axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True).ravel()
        for ax, readout in zip(axes, readouts, strict=False):
            _draw_readout(ax, results, comparison[comparison["readout"] == readout], reference, colours)
        for ax in axes[len(readouts) :]:
            ax.set_visible(False)
        names = [name.replace("_", " ") for name in variants]
        axes[0].set_yticks(range(len(names)), names)
        axes[0].set_ylim(len(names) - 0.4, -0.6)
        figure.suptitle(title)
    return figure


def _draw_readout(
    ax: Axes, results: pd.DataFrame, comparison: pd.DataFrame, reference: str, colours: dict[str, str]
) -> None:
    readout, means = comparison["readout"].iloc[0], comparison["mean"].dropna()
    if style.is_wide(means):
        ax.set_xscale("log", nonpositive="clip")
    for place, row in enumerate(comparison.itertuples()):
        values = results.loc[results["variant"] == row.variant, readout].dropna().to_numpy(float)
        aside = np.linspace(-_SPREAD, _SPREAD, len(values)) if len(values) > 1 else np.zeros(len(values))
        ax.plot(values, place + aside, "o", color=colours[row.variant], markersize=4.5, markeredgewidth=0)
        bars = None if math.isnan(row.mean_low) else [[row.mean - row.mean_low], [row.mean_high - row.mean]]
        ax.errorbar(row.mean, place, xerr=bars, fmt="|", color="black", markersize=14, capsize=4, linewidth=1.2)
        if row.variant == reference:
            ax.axvline(row.mean, color=style.DOSE_COLOUR, linestyle=":", linewidth=1.2, zorder=0)
    ax.set(title=readout_in_words(readout), xlabel=readout_unit(readout))
    if ax.get_xscale() == "linear" and (results[readout].dropna() >= 0.0).all():
        ax.set_xlim(left=0.0)
