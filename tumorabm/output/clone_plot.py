"""The picture of a run's clones, drawn from its folder alone: what descends from each cell that was placed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure

from tumorabm.biology.states import APOPTOTIC, PHASES
from tumorabm.output import style
from tumorabm.output.run_folder import OutputError, require_columns, require_run
from tumorabm.output.written import dose_hours, title_of, written_scenario
from tumorabm.scenario.messages import unknown_name
from tumorabm.scenario.site_schema import PRIMARY

MOST_CLONES = 12
"""More bands than these, each with an edge of its own, would be too thin to tell apart."""

_COLUMNS = ("founder_uid", "asns_relative", "asns_basal")
_SELECTED_BY = ("site", "type", "phase")
_PERCENTS = (10, 50, 90)
_MAP = ListedColormap(matplotlib.colormaps["plasma"](np.linspace(0.0, 0.8, 256)))
"""Without its yellow end, which is too light for lines on white."""
_WIDE = 5.0
"""Greatest over least basal ASNS above which its scale is logarithmic."""
_OTHERS_COLOUR = "#D5D5D5"
_SIZE_INCHES = (9.5, 9.5)
_HEIGHTS = (2.2, 1.2, 1.0)


@dataclass(frozen=True)
class _Clones:
    """The clones of one cell type at the primary site over the snapshots of a run; only live cells count.

    Attributes
    ----------
    days
        Of the snapshots, shape (m,).
    live
        Cells of all clones, shape (m,).
    sizes
        Cells of each clone that is drawn by itself, shape (k, m), by rising ``asns``.
    asns
        Mean of their relative ASNS over their cells of all snapshots, shape (k,).
    n_others
        Number of the other clones.
    basal
        10th, 50th and 90th percentile of the basal ASNS of cells, shape (m, 3); NaN without cells.
    """

    days: np.ndarray
    live: np.ndarray
    sizes: np.ndarray
    asns: np.ndarray
    n_others: int
    basal: np.ndarray


def draw_clones(folder: Path, cell_type: str | None = None) -> Path:
    """Draw ``clones.png`` into a run folder: `clones_figure`, which see."""
    return style.save(clones_figure(folder, cell_type), folder / "clones.png")


def clones_figure(folder: Path, cell_type: str | None = None) -> Figure:
    """Draw the clones of a run from its cells and scenario.

    Three panels over time: the clones' shares of the primary site's live cells of one type, stacked (the `MOST_CLONES`
    with the greatest mean share each by itself, coloured by its mean ASNS); their counts; the spread of basal ASNS.

    Parameters
    ----------
    folder
        Run folder with scenario.toml and cells.parquet.
    cell_type
        Group of cells of the scenario; by default its first.

    Raises
    ------
    OutputError
        The folder is no run folder, or has no such cells, or no ASNS was recorded of them.
    """
    folder = Path(folder)
    require_run(folder, "scenario.toml", "cells.parquet")
    scenario = written_scenario(folder)
    cell_type = _type_to_draw(folder, list(scenario.get("cells", {})), cell_type)
    require_columns(folder / "cells.parquet", *_SELECTED_BY, *_COLUMNS)
    clones = _read_clones(folder / "cells.parquet", cell_type)
    with style.new_figure(_SIZE_INCHES) as figure:
        axes = figure.subplots(3, 1, sharex=True, gridspec_kw={"height_ratios": _HEIGHTS})
        colours = _colours(clones, axes[0])
        _draw_shares(axes[0], clones, colours)
        _draw_counts(axes[1], clones, colours)
        _draw_basal(axes[2], clones)
        doses_d = [time_h / 24.0 for time_h in dose_hours(scenario) if time_h / 24.0 <= clones.days[-1]]
        style.mark_doses(axes, doses_d, axes[1])
        axes[2].set(xlabel="time, days", xlim=(0.0, max(clones.days[-1], 1e-3)))
        figure.suptitle(f"{title_of(scenario)}: clones of {cell_type}")
    return figure


def _type_to_draw(folder: Path, present: list[str], wanted: str | None) -> str:
    if not present:
        raise OutputError(f"{folder}: the run has no cells, expected a run with cells")
    if wanted is not None and wanted not in present:
        raise OutputError(f"{folder}: {wanted}: {unknown_name('type of cells', wanted, present)}")
    return wanted or present[0]


def _read_clones(path: Path, cell_type: str) -> _Clones:
    """Read the table of cells twice, a snapshot at a time: who is large is known only at its end."""
    hours, live, basal = [], [], []
    totals = pd.DataFrame(columns=["cells", "asns", "share"], dtype=float)
    for time_h, cells in _snapshots(path, cell_type):
        hours.append(time_h)
        live.append(len(cells))
        basal.append(np.percentile(cells["asns_basal"], _PERCENTS) if len(cells) else np.full(3, np.nan))
        of_clone = cells.groupby("founder_uid")["asns_relative"].agg(cells="size", asns="sum")
        totals = totals.add(of_clone.assign(share=of_clone["cells"] / max(len(cells), 1)), fill_value=0.0)
    if totals.empty:
        raise OutputError(f"{path}: no live cells of type {cell_type}, expected some")
    largest = totals.nlargest(MOST_CLONES, "share")
    asns = (largest["asns"] / largest["cells"]).sort_values()
    if not (asns > 0.0).all():
        raise OutputError(f"{path}: cells of type {cell_type} have no ASNS, expected a type with a metabolism")
    counts = (cells["founder_uid"].value_counts() for _, cells in _snapshots(path, cell_type))
    sizes = np.column_stack([count.reindex(asns.index, fill_value=0) for count in counts])
    days = np.array(hours) / 24.0
    return _Clones(days, np.array(live), sizes, asns.to_numpy(), len(totals) - len(asns), np.array(basal))


def _snapshots(path: Path, cell_type: str) -> Iterator[tuple[float, pd.DataFrame]]:
    """Yield the time (h) of each snapshot and its live cells of one type, with the columns that are drawn."""
    parts: list[pd.DataFrame] = []
    before_h = None
    for time_h, part in _parts(path, cell_type):
        if parts and time_h != before_h:
            yield before_h, pd.concat(parts)
            parts = []
        parts.append(part)
        before_h = time_h
    if parts:
        yield before_h, pd.concat(parts)


def _parts(path: Path, cell_type: str) -> Iterator[tuple[float, pd.DataFrame]]:
    """Yield the row groups as `_snapshots` does: a whole snapshot with all its columns could need more than the run."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=["time_h", *_SELECTED_BY, *_COLUMNS], use_threads=False)
            if table.num_rows == 0:  # nobody is left
                continue
            cells = table.to_pandas(self_destruct=True)
            drawn = (cells["type"] == cell_type) & (cells["site"] == PRIMARY) & ~cells["phase"].isin(PHASES[APOPTOTIC:])
            yield float(cells["time_h"].iloc[0]), cells.loc[drawn, list(_COLUMNS)]


def _colours(clones: _Clones, ax: Axes) -> np.ndarray:
    """Return the colour of each clone, shape (k, 4), and draw beside ``ax`` the bar that explains them."""
    low, high = clones.asns[0], max(clones.asns[-1], 2.0 * clones.asns[0])
    scale = ScalarMappable(LogNorm(low, high), _MAP)
    bar = ax.figure.colorbar(scale, ax=ax, pad=0.02, ticks=np.geomspace(low, high, 5), format="%.2g")
    bar.set_label("mean ASNS of the clone, relative to a solid tumour")
    bar.minorticks_off()
    return scale.to_rgba(clones.asns)


def _draw_shares(ax: Axes, clones: _Clones, colours: np.ndarray) -> None:
    others = clones.live - clones.sizes.sum(axis=0)
    shares = np.vstack([others, clones.sizes]) / np.maximum(clones.live, 1)
    bands = ax.stackplot(clones.days, shares, colors=[_OTHERS_COLOUR, *colours], edgecolor="white", linewidth=0.6)
    bands[0].set_label(f"{clones.n_others} other clones")
    ax.set(title=f"{len(clones.asns)} largest clones, ASNS rising upwards", ylabel="share of live cells", ylim=(0, 1))
    if clones.n_others:
        ax.legend(loc="lower left", frameon=True, framealpha=0.8)


def _draw_counts(ax: Axes, clones: _Clones, colours: np.ndarray) -> None:
    for size, colour in zip(clones.sizes, colours, strict=True):
        ax.plot(clones.days, np.where(size > 0, size, np.nan), color=colour, linewidth=1.2)
    ax.plot(clones.days, np.where(clones.live > 0, clones.live, np.nan), color=style.SINGLE_COLOUR, label="all clones")
    ax.set(title="live cells", ylabel="cells", yscale="log", ylim=(0.8, 2.0 * clones.live.max()))
    ax.legend(loc="best")


def _draw_basal(ax: Axes, clones: _Clones) -> None:
    low, median, high = clones.basal.T
    ax.fill_between(clones.days, low, high, color=style.SINGLE_COLOUR, alpha=0.2, linewidth=0, label="10-90 % of cells")
    ax.plot(clones.days, median, color=style.SINGLE_COLOUR, label="median")
    wide = np.nanmax(clones.basal) > _WIDE * np.nanmin(clones.basal)
    ax.set(title="basal ASNS, as inherited", ylabel="relative to\na solid tumour", yscale="log" if wide else "linear")
    ax.legend(loc="best")
