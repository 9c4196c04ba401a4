"""Pictures of a sweep: heat map of two parameters, response curves with intervals, sensitivity indices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype

from tumorabm.output import style
from tumorabm.output.readouts import readout_in_words, readout_unit
from tumorabm.sweep.collect import readout_names, varying_parameters
from tumorabm.sweep.indices import MORRIS_COLUMNS, SOBOL_COLUMNS
from tumorabm.sweep.plan import Plan
from tumorabm.sweep.result import DONE
from tumorabm.variants.table import mean_of

_PANEL_INCHES = (4.6, 3.6)
_FRAMED = {"axes.spines.top": True, "axes.spines.right": True}
_MOST_PANELS = 8  # side by side, and above one another
_MOST_LINES = len(style.PALETTE)
_MOST_NUMBERS = 60  # in the cells of a heat map


def drawable_readouts(plan: Plan, results: pd.DataFrame) -> list[str]:
    """Return the readouts of which any run that is done has a value."""
    done = results[results["status"] == DONE]
    return [name for name in readout_names(plan, results) if done[name].notna().any()]


def sweep_figures(plan: Plan, results: pd.DataFrame, indices: pd.DataFrame | None) -> dict[str, Figure]:
    """Return the pictures that can be drawn of the runs of a sweep that are done.

    Parameters
    ----------
    plan
        As `tumorabm.sweep.plan.read_plan` returns it.
    results
        As `tumorabm.sweep.collect.read_sweep` returns them.
    indices
        As `tumorabm.sweep.indices.indices_of` returns them.

    Returns
    -------
    dict
        Some of ``heat_map`` (of two parameters that are not sampled), ``responses`` (of those that are numbers) and
        ``indices``.
    """
    done = results[results["status"] == DONE]
    readouts, varying = drawable_readouts(plan, results), varying_parameters(plan)
    figures = {}
    if readouts and len(varying) == 2 and _fill_a_table(done, varying):
        figures["heat_map"] = heat_map_figure(done, (varying[1], varying[0]), readouts)
    if readouts and (parameters := _numeric(done, varying)):
        figures["responses"] = responses_figure(done, parameters, readouts)
    if indices is not None:
        figures["indices"] = indices_figure(indices)
    return figures


def _fill_a_table(done: pd.DataFrame, parameters: Sequence[str]) -> bool:
    """Return whether points lie in at least half of the places of a table: those of a sampled design do not."""
    sides = [done[name].nunique(dropna=False) for name in parameters]
    return 2 * len(done.drop_duplicates(list(parameters))) >= sides[0] * sides[1]


def heat_map_figure(results: pd.DataFrame, parameters: tuple[str, str], readouts: Sequence[str]) -> Figure:
    """Draw the mean over seeds of each readout as colour, by the values of two parameters.

    Parameters
    ----------
    results
        Runs that are done, as `tumorabm.sweep.collect.read_sweep` returns them.
    parameters
        The two parameters: that of the horizontal and of the vertical axis.
    readouts
        Columns of ``results``, a panel each.
    """
    across, up = parameters
    with _panels(1, len(readouts), _FRAMED) as (figure, axes):
        for ax, readout in zip(axes[0], readouts, strict=False):
            means = results.pivot_table(readout, up, across, aggfunc="mean", dropna=False, observed=False)
            image = ax.imshow(means.to_numpy(float), origin="lower", aspect="auto", cmap="viridis")
            figure.colorbar(image, ax=ax, label=readout_unit(readout))
            ax.set_xticks(range(len(means.columns)), [_shown(value) for value in means.columns])
            ax.set_yticks(range(len(means.index)), [_shown(value) for value in means.index])
            ax.set(xlabel=across, ylabel=up, title=readout_in_words(readout))
            if means.size <= _MOST_NUMBERS:
                _write_numbers(ax, means.to_numpy(float))
        figure.suptitle(f"means of {_seeds(results)}")
    return figure


def responses_figure(results: pd.DataFrame, parameters: Sequence[str], readouts: Sequence[str]) -> Figure:
    """Draw each readout over each parameter: with up to two parameters, means with 95 % intervals over the seeds.

    With two, a line for each value of the other one; with more, or more values than colours, a dot for each point of
    the design.

    Parameters
    ----------
    results, readouts
        As in `heat_map_figure`.
    parameters
        Numeric parameters that vary.
    """
    with _panels(len(readouts), len(parameters)) as (figure, axes):
        for row, readout in zip(axes, readouts, strict=False):
            for ax, parameter in zip(row, parameters, strict=False):
                others = [name for name in parameters if name != parameter]
                _draw_response(ax, results, parameter, others, readout)
                ax.set(xlabel=parameter, ylabel=readout_unit(readout), title=readout_in_words(readout))
                if style.is_wide(results[parameter]):
                    ax.set_xscale("log")
        figure.suptitle(f"means of {_seeds(results)}, with 95 % intervals where there is more than one")
    return figure


def indices_figure(indices: pd.DataFrame) -> Figure:
    """Draw Sobol or Morris indices with their 95 % intervals.

    Parameters
    ----------
    indices
        As `tumorabm.sweep.indices.indices_of` returns them.
    """
    readouts = list(dict.fromkeys(indices["readout"]))
    shown = SOBOL_COLUMNS if set(SOBOL_COLUMNS) <= set(indices) else MORRIS_COLUMNS
    with _panels(1, len(readouts)) as (figure, axes):
        for ax, readout in zip(axes[0], readouts, strict=False):
            rows = indices[indices["readout"] == readout]
            for number, (column, (words, error)) in enumerate(shown.items()):
                place = np.arange(len(rows)) + 0.18 * (2 * number - 1)
                bars = rows[error] if error else None
                ax.errorbar(
                    rows[column], place, xerr=bars, fmt="o", color=style.PALETTE[number], capsize=3, label=words
                )
            ax.set_yticks(range(len(rows)), rows["parameter"])
            ax.set(title=readout_in_words(readout), ylim=(len(rows) - 0.5, -0.5))
            ax.axvline(0.0, color=style.DOSE_COLOUR, linewidth=0.8)
            ax.legend()
    return figure


@contextmanager
def _panels(
    n_rows: int, n_columns: int, settings: Mapping[str, object] | None = None
) -> Iterator[tuple[Figure, np.ndarray]]:
    n_rows, n_columns = min(n_rows, _MOST_PANELS), min(n_columns, _MOST_PANELS)
    width, height = _PANEL_INCHES
    with style.new_figure((width * n_columns, height * n_rows), settings) as figure:
        yield figure, figure.subplots(n_rows, n_columns, squeeze=False)


def _draw_response(ax: Axes, results: pd.DataFrame, parameter: str, others: Sequence[str], readout: str) -> None:
    lines = list(results.groupby(list(others), sort=True)) if others else [((), results)]
    if len(others) > 1 or len(lines) > _MOST_LINES:
        means = results.groupby([parameter, *others])[readout].mean()
        ax.plot(means.index.get_level_values(parameter), means, "o", color=style.SINGLE_COLOUR, markersize=3.5)
        return
    for number, (values, runs) in enumerate(lines):
        points = [(x, mean_of(of_x.dropna().to_numpy(float))) for x, of_x in runs.groupby(parameter)[readout]]
        x, means = np.array([x for x, _ in points]), np.array([mean for _, mean in points], dtype=float)
        bars = np.nan_to_num(np.abs(means[:, 1:] - means[:, :1])).T
        label = _shown(values[0]) if others else None
        ax.errorbar(
            x, means[:, 0], yerr=bars, fmt="o-", markersize=4, capsize=3, label=label, color=style.PALETTE[number]
        )
    if others:
        ax.legend(title=others[0], title_fontsize=8, fontsize=8)


def _write_numbers(ax: Axes, means: np.ndarray) -> None:
    middle = (np.nanmin(means) + np.nanmax(means)) / 2.0 if np.isfinite(means).any() else 0.0
    for (row, column), mean in np.ndenumerate(means):
        if np.isfinite(mean):
            colour = "black" if mean > middle else "white"
            ax.text(column, row, f"{mean:.4g}", ha="center", va="center", color=colour, fontsize=8)


def _seeds(results: pd.DataFrame) -> str:
    n = results["seed"].nunique()
    return f"{n} seeds" if n > 1 else "one seed"


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float | np.number) else str(value)


def _numeric(results: pd.DataFrame, names: Sequence[str]) -> list[str]:
    return [name for name in names if is_numeric_dtype(results[name]) and results[name].dtype != bool]
