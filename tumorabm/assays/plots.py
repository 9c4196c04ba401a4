"""Pictures of the assays: the blot, the plate and the dose-response curve."""

from __future__ import annotations

import math
import textwrap

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.text import Text
from scipy.special import erf

from tumorabm.assays.dose_response import HALF, INTERPOLATION, DoseResponse
from tumorabm.output import style

BANDS = {"p_s6k1": "p-S6K1 (Thr389)", "total_s6k1": "S6K1"}

_PIXELS_PER_LANE, _PIXELS_PER_ROW = 40, 36
_BAND_HALF_WIDTH, _BAND_HALF_HEIGHT, _BAND_EDGE = 0.36, 0.13, 0.06  # of a lane, and of a row
_PAPER, _DARKEST = 0.93, 0.9  # grey of the membrane, and how much of it the darkest band takes away
_GAP_LANES = 0.6  # between conditions
_INCHES_PER_LANE, _WIDEST = 0.42, 16.0  # of a blot; more lanes than fit are drawn closer together
_MOST_HORIZONTAL_LABELS = 7
_LABEL_LETTERS = 13

_VIABILITY_MAP = "viridis"
_WELL_RADIUS = 0.42
_ROWS, _N_COLUMNS = "ABCDEFGH", 12

_TITLE_SHARE, _MESSAGE_SHARE = 0.96, 0.66  # of the figure's width
_TITLE_LINES = 4  # what goes beyond is left out

_CURVE_POINTS = 400
_VEHICLE_SHARE = 0.17  # of the width of the tested doses, left of the lowest one


def blot_figure(bands: pd.DataFrame, *, title: str, exposure: float | None = None) -> Figure:
    """Draw bands as on a membrane, and their densitometry beneath.

    Parameters
    ----------
    bands
        As `tumorabm.assays.blot.densitometry` gives them, a row a lane.
    title
        Above all.
    exposure
        Intensity of p-S6K1 that is darkest, and at least on the axis; by default that of the darkest lane, as a film
        is exposed.
    """
    conditions = list(dict.fromkeys(bands["condition"]))
    group = bands["condition"].map(conditions.index).to_numpy()
    bands, group = bands.iloc[np.argsort(group, kind="stable")], np.sort(group)
    lanes = np.arange(len(bands)) + _GAP_LANES * group
    middles = [lanes[group == index].mean() for index in range(len(conditions))]
    width = float(lanes[-1] + 1.0)
    inches = min(max(6.0, 2.2 + _INCHES_PER_LANE * width), _WIDEST)
    with style.new_figure((inches, 6.4)) as figure:
        _wrap(figure.suptitle(""), title)
        membranes = figure.subplots(
            3, 1, sharex=True, gridspec_kw={"height_ratios": (1.0, 1.0, 4.5)}, subplot_kw={"xlim": (-0.8, width - 0.2)}
        )
        scales = {"p_s6k1": exposure, "total_s6k1": None}
        for ax, (column, label) in zip(membranes, BANDS.items(), strict=False):
            intensity = bands[column].to_numpy(float)
            _draw_row(ax, lanes, intensity / (max(scales[column] or 0.0, intensity.max()) or 1.0), width)
            ax.set_ylabel(label, rotation=0, ha="right", va="center")
        _label_lanes(membranes[0], conditions, middles)
        _draw_densitometry(membranes[-1], bands["p_s6k1_ratio"].to_numpy(float), lanes, group, middles, exposure)
    return figure


def plate_figure(wells: pd.DataFrame, *, title: str, unit: str) -> Figure:
    """Draw a plate of 96 wells, coloured by viability.

    Parameters
    ----------
    wells
        Columns well (A1 to H12), dose, viability.
    title
        Above all.
    unit
        Of the doses.
    """
    row = wells["well"].str[0].map(_ROWS.index).to_numpy()
    column = wells["well"].str[1:].astype(int).to_numpy() - 1
    viability = wells["viability"].to_numpy(float)
    norm, colours = Normalize(0.0, max(1.0, viability.max())), matplotlib.colormaps[_VIABILITY_MAP]
    with style.new_figure((9.4, 6.0), {"axes.spines.left": False, "axes.spines.bottom": False}) as figure:
        ax = figure.subplots(
            subplot_kw={"aspect": "equal", "xlim": (-0.7, _N_COLUMNS - 0.3), "ylim": (len(_ROWS) - 0.3, -0.7)}
        )
        _wrap(figure.suptitle(""), title)
        empty = [Circle((x, y), _WELL_RADIUS) for x in range(_N_COLUMNS) for y in range(len(_ROWS))]
        ax.add_collection(PatchCollection(empty, facecolor="white", edgecolor="#BBBBBB"))
        used = [Circle(place, _WELL_RADIUS) for place in zip(column, row, strict=True)]
        ax.add_collection(PatchCollection(used, facecolor=colours(norm(viability)), edgecolor="#444444"))
        doses_of = wells.groupby(column)["dose"].unique()
        by_column = all(len(doses) == 1 for doses in doses_of)
        for x, y, dose, value in zip(column, row, wells["dose"], viability, strict=True):
            text = f"{100.0 * value:.0f}" if by_column else f"{_dose_label(dose)}\n{100.0 * value:.0f}"
            ink = "black" if norm(value) > HALF else "white"
            ax.text(x, y, text, ha="center", va="center", fontsize=9 if by_column else 6, color=ink)
        ax.set_yticks(range(len(_ROWS)), list(_ROWS))
        ax.set_xticks(range(_N_COLUMNS), [str(number + 1) for number in range(_N_COLUMNS)])
        ax.tick_params(length=0, labeltop=True, labelbottom=False)
        if by_column:
            below = ax.secondary_xaxis("bottom")
            below.set_xticks(doses_of.index, [_dose_label(doses[0]) for doses in doses_of], rotation=45, ha="right")
            below.tick_params(length=0)
            below.spines[:].set_visible(False)
            below.set_xlabel(f"dose, {unit} (in the wells: viability, %)")
        else:
            ax.set_xlabel(f"in the wells: dose, {unit}, and viability, %")
        bar = figure.colorbar(ScalarMappable(norm, colours), ax=ax, shrink=0.8, pad=0.02)
        bar.set_label("viability, 1 is the mean vehicle well")
    return figure


def curve_figure(doses: np.ndarray, viability: np.ndarray, fit: DoseResponse, *, title: str) -> Figure:
    """Draw wells, their means and the fitted curve over the logarithm of the dose; the vehicle stands at the left.

    Parameters
    ----------
    doses, viability
        Shape (n,): dose of each well, 0 for vehicle, and its viability relative to the mean vehicle well.
    fit
        What `tumorabm.assays.dose_response.fit_dose_response` found in them.
    title
        Above all.
    """
    tested = np.unique(doses[doses > 0.0])
    span = max(math.log10(tested[-1] / tested[0]), 1.0)
    vehicle_at = tested[0] * 10.0 ** (-_VEHICLE_SHARE * span)
    places = np.where(doses > 0.0, doses, vehicle_at)
    means = pd.Series(viability).groupby(places).mean()
    well_colour, curve_colour, ic50_colour = style.DOSE_COLOUR, style.PALETTE[1], style.PALETTE[0]
    with style.new_figure((8.2, 5.2)) as figure:
        ax = figure.subplots()
        ax.set_xscale("log")
        ax.plot(places, viability, "o", color=well_colour, markersize=4, alpha=0.6, label="wells")
        ax.plot(means.index, means, "D", color=style.SINGLE_COLOUR, markersize=6, fillstyle="none", label="mean")
        if fit.curve is not None:
            grid = np.geomspace(tested[0], tested[-1], _CURVE_POINTS)
            ax.plot(grid, fit.curve(grid), color=curve_colour, label="fit, four-parameter logistic")
        if fit.ic50_method == INTERPOLATION:
            of_doses = means[means.index >= tested[0]]
            ax.plot(of_doses.index, of_doses, color=style.SINGLE_COLOUR, linewidth=1.0, label="means, joined")
        ax.axhline(HALF, color=style.DOSE_COLOUR, linestyle=":", linewidth=1.0)
        if fit.ic50 is not None:
            label = "IC50, of the means" if fit.ic50_method == INTERPOLATION else "IC50"
            ax.plot([fit.ic50, fit.ic50], [0.0, HALF], color=ic50_colour, linestyle="--", label=label)
            ax.plot(fit.ic50, HALF, "s", color=ic50_colour, markersize=6)
        if fit.ic50_low is not None and fit.ic50_high is not None:
            ax.axvspan(fit.ic50_low, fit.ic50_high, color=ic50_colour, alpha=0.15, linewidth=0, label="95 % interval")
        ax.set_xlim(vehicle_at * 10.0 ** (-0.04 * span), tested[-1] * 10.0 ** (0.04 * span))
        ax.set_ylim(min(-0.04, viability.min() - 0.04), max(1.1, viability.max() + 0.06))
        _mark_vehicle(ax, vehicle_at, tested)
        ax.set(xlabel=f"dose, {fit.unit}", ylabel="viability, 1 is the mean vehicle well")
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        _wrap(figure.suptitle(""), title)
        _wrap(ax.set_title("", fontsize=9), fit.message, _MESSAGE_SHARE, 2 * _TITLE_LINES)
    return figure


def _wrap(text: Text, words: str, share: float = _TITLE_SHARE, most_lines: int = _TITLE_LINES) -> None:
    """Show ``words`` as they are, in lines that take at most a ``share`` of the figure's width."""
    text.set_parse_math(False)  # a file may be named with two dollar signs
    text.set_text(words)
    letters, available = len(words), share * text.get_figure().bbox.width
    while letters > 1 and (width := text.get_window_extent().width) > available:
        letters = max(min(letters - 1, int(letters * available / width)), 1)
        text.set_text(textwrap.fill(words, letters, max_lines=most_lines, placeholder=" …"[:letters]))


def _draw_row(ax: Axes, lanes: np.ndarray, darkness: np.ndarray, width: float) -> None:
    """Draw one row of bands; ``darkness`` of each lane is 0 to 1."""
    left, right = ax.get_xlim()
    x = np.linspace(left, right, round(_PIXELS_PER_LANE * (right - left)))
    y = np.linspace(-0.5, 0.5, _PIXELS_PER_ROW)
    across = _soft_box(x[:, None] - lanes, _BAND_HALF_WIDTH, _BAND_EDGE)
    along = np.exp(-0.5 * (y / _BAND_HALF_HEIGHT) ** 2)
    taken = np.outer(along, (across * darkness).sum(axis=1))
    ax.imshow(
        _PAPER * (1.0 - _DARKEST * taken), cmap="gray", vmin=0.0, vmax=1.0, extent=(left, right, -0.5, 0.5),
        aspect="auto", interpolation="bilinear",
    )  # fmt: skip
    ax.add_patch(Rectangle((left, -0.5), right - left, 1.0, fill=False, edgecolor="black", linewidth=1.0))
    ax.set_yticks([])
    ax.tick_params(bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)


def _soft_box(distance: np.ndarray, half_width: float, edge: float) -> np.ndarray:
    """Return 1 inside a box and 0 outside, blurred over ``edge``."""
    return 0.5 * (erf((half_width - distance) / edge) + erf((half_width + distance) / edge))


def _label_lanes(ax: Axes, conditions: list[str], middles: list[float]) -> None:
    top = ax.secondary_xaxis("top")
    if len(conditions) <= _MOST_HORIZONTAL_LABELS:
        top.set_xticks(middles, [textwrap.fill(_with_micro(name), _LABEL_LETTERS) for name in conditions])
    else:
        top.set_xticks(middles, [_with_micro(name) for name in conditions], rotation=45, ha="left")
    top.tick_params(length=0)
    top.spines[:].set_visible(False)


def _with_micro(condition: str) -> str:
    """Return a condition as it is printed: µ, and no line break between a number and its unit."""
    return condition.replace(" uM", "\N{NO-BREAK SPACE}µM").replace(" mM", "\N{NO-BREAK SPACE}mM")


def _draw_densitometry(
    ax: Axes, ratio: np.ndarray, lanes: np.ndarray, group: np.ndarray, middles: list[float], exposure: float | None
) -> None:
    """Draw the mean ratio of each condition as a bar under its lanes, and each replicate as a point."""
    for index, middle in enumerate(middles):
        members = group == index
        width = members.sum() - 1.0 + 2.0 * _BAND_HALF_WIDTH
        mean = ratio[members].mean()
        ax.bar(middle, mean, width, color=style.PALETTE[5], edgecolor=style.SINGLE_COLOUR, linewidth=0.8)
        ax.annotate(
            f"{mean:.2f}", (middle, max(mean, ratio[members].max())), (0, 5), textcoords="offset points", ha="center",
            va="bottom", fontsize=9,
        )  # fmt: skip
    ax.plot(lanes, ratio, "o", color=style.SINGLE_COLOUR, markersize=4, label="replicate")
    ax.set(ylabel="p-S6K1 / S6K1", ylim=(0.0, 1.15 * (max(exposure or 0.0, ratio.max()) or 1.0)))
    ax.tick_params(bottom=False, labelbottom=False)
    ax.set_xlabel("bars: mean of a condition; points: replicates, in the order of the lanes", fontsize=9)


def _mark_vehicle(ax: Axes, vehicle_at: float, tested: np.ndarray) -> None:
    """Label the vehicle's place on the axis, and break the axis between it and the lowest dose."""
    decades = 10.0 ** np.arange(math.ceil(math.log10(tested[0]) - 1e-9), math.floor(math.log10(tested[-1]) + 1e-9) + 1)
    ticks = decades if len(decades) > 1 else tested
    ax.set_xticks([vehicle_at, *ticks], ["vehicle", *map(_dose_label, ticks)])
    minor = [tick for tick in ax.get_xticks(minor=True) if tested[0] <= tick <= tested[-1]]
    ax.set_xticks(minor, minor=True)
    ax.tick_params(which="minor", labelbottom=False)
    gap = math.sqrt(vehicle_at * tested[0])
    slash = [(-0.6, -1.0), (0.6, 1.0)]
    on_axis = ax.get_xaxis_transform()
    ax.plot(gap, 0.0, marker=slash, color="black", markersize=9, transform=on_axis, clip_on=False)


def _dose_label(dose: float) -> str:
    if dose == 0.0:
        return "vehicle"
    mantissa, exponent = f"{dose:.2e}".split("e")
    if -3 <= int(exponent) <= 3:
        return f"{dose:.3g}"
    factor = f"{float(mantissa):g}·" if float(mantissa) != 1.0 else ""
    return f"{factor}$10^{{{int(exponent)}}}$"
