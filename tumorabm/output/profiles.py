"""What depends on the distance to the nearest vessel: a table and its picture, from the folder of a run alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorabm.biology.states import APOPTOTIC, NECROTIC, PHASES
from tumorabm.observables import HYPOXIC_MMHG
from tumorabm.output import style
from tumorabm.output.run_folder import OutputError, require_columns, require_run
from tumorabm.output.written import title_of, written_scenario
from tumorabm.scenario.site_schema import PRIMARY

BIN_UM = 20.0
FEWEST_CELLS = 20
"""A mean of fewer cells is not drawn: it scatters too much."""

_READ = ("time_h", "phase", "oxygen_mmHg", "vessel_distance_um", "atf4", "asns_relative")


def vessel_profiles(folder: Path) -> pd.DataFrame:
    """Return how cells of the primary site fare at each distance from the nearest vessel, at each recorded time.

    Parameters
    ----------
    folder
        Run folder with cells.parquet.

    Returns
    -------
    pandas.DataFrame
        A row for each time (h) and each 20 µm of distance in which there are cells or bodies: ``time_h``,
        ``distance_um`` (middle of the bin), ``cells`` (live) and ``bodies`` (dead, not yet cleared); ``oxygen_mmHg``,
        mean over both; ``hypoxic_fraction``, live cells below 8 mmHg over live cells; ``necrotic_fraction``, necrotic
        bodies over cells and bodies; ``atf4`` and ``asns_relative``, means over live cells. NaN where there are none
        to count. Empty for a run without vessels.
    """
    of_primary = [("site", "==", PRIMARY)]
    cells = pq.read_table(folder / "cells.parquet", columns=list(_READ), filters=of_primary).to_pandas()
    cells = cells[cells["vessel_distance_um"].notna()]
    lives = ~cells["phase"].isin(PHASES[APOPTOTIC:])
    values = pd.DataFrame(
        {
            "time_h": cells["time_h"],
            "distance_um": (np.floor(cells["vessel_distance_um"] / BIN_UM) + 0.5) * BIN_UM,
            "cells": lives,
            "bodies": ~lives,
            "oxygen_mmHg": cells["oxygen_mmHg"],
            "hypoxic_fraction": (cells["oxygen_mmHg"] < HYPOXIC_MMHG).astype(float).where(lives),
            "necrotic_fraction": cells["phase"] == PHASES[NECROTIC],
            "atf4": cells["atf4"].where(lives),
            "asns_relative": cells["asns_relative"].where(lives),
        }
    )
    bins = values.groupby(["time_h", "distance_um"])
    return bins.mean().assign(**bins[["cells", "bodies"]].sum()).reset_index()


def draw_profiles(folder: Path) -> Path:
    """Draw ``profiles.png`` into a run folder: `profiles_figure`, which see."""
    return style.save(profiles_figure(folder), folder / "profiles.png")


def profiles_figure(folder: Path) -> Figure:
    """Draw `vessel_profiles` of a run at the last time.

    Parameters
    ----------
    folder
        Run folder with scenario.toml and cells.parquet.

    Raises
    ------
    OutputError
        There is no such run, or it has no cells near vessels.
    """
    folder = Path(folder)
    require_run(folder, "scenario.toml", "cells.parquet")
    require_columns(folder / "cells.parquet", "site", *_READ)
    scenario = written_scenario(folder)
    profiles = vessel_profiles(folder)
    if profiles.empty:
        raise OutputError(f"{folder}: expected a run with cells and vessels")
    time_h = profiles["time_h"].max()
    last = profiles[profiles["time_h"] == time_h].set_index("distance_um")
    most = (last["cells"] + last["bodies"]).max()
    if most < FEWEST_CELLS:
        raise OutputError(
            f"{folder}: expected {FEWEST_CELLS} cells or bodies within some {BIN_UM:g} µm of distance to vessels, "
            f"found {most} at most {style.when(time_h, time_h)}"
        )
    with style.new_figure(style.PROFILES_SIZE_INCHES) as figure:
        figure.get_layout_engine().set(**style.SPACING)
        axes = figure.subplots(2, 2, sharex=True)
        _draw_profiles(*axes.flat, last)
        for ax in axes[1]:
            ax.set(xlabel="distance to the nearest vessel, µm", xlim=(0.0, last.index.max() + 0.5 * BIN_UM))
        figure.suptitle(f"{title_of(scenario)}, {style.when(time_h, time_h)}")
    return figure


def _draw_profiles(oxygen: Axes, fractions: Axes, atf4: Axes, asns: Axes, profile: pd.DataFrame) -> None:
    everyone, live = profile["cells"] + profile["bodies"], profile["cells"]
    _draw(oxygen, profile["oxygen_mmHg"], everyone, style.SINGLE_COLOUR)
    oxygen.axhline(HYPOXIC_MMHG, color=style.DOSE_COLOUR, linestyle=":", linewidth=1.2)
    oxygen.annotate(
        "hypoxic below", (1.0, HYPOXIC_MMHG), (-2, 3), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", fontsize=8, color=style.DOSE_COLOUR,
    )  # fmt: skip
    oxygen.set(title="oxygen", ylabel="mmHg, mean of cells and bodies")
    colours = style.colours(["hypoxia", "necrosis"])
    _draw(fractions, profile["hypoxic_fraction"], live, colours["hypoxia"], "hypoxic, of live cells")
    _draw(fractions, profile["necrotic_fraction"], everyone, colours["necrosis"], "necrotic, of cells and bodies", "s")
    fractions.set(title="hypoxia and necrosis", ylabel="fraction", yticks=np.linspace(0.0, 1.0, 6))
    fractions.set_ylim(-0.02, 1.35)  # room for the legend
    fractions.legend(loc="upper left")
    _draw(atf4, profile["atf4"], live, style.SINGLE_COLOUR)
    atf4.set(title="ATF4, relative level", ylabel="mean of live cells")
    _draw(asns, profile["asns_relative"], live, style.SINGLE_COLOUR)
    asns.set(title="ASNS, relative to a solid tumour", ylabel="mean of live cells")
    for ax in (oxygen, atf4, asns):
        style.scale_from_zero(ax)


def _draw(
    ax: Axes, values: pd.Series, counts: pd.Series, colour: str, label: str | None = None, marker: str = "o"
) -> None:
    """Draw the means over enough cells; a curve ends where the cells do."""
    ax.plot(values[counts >= FEWEST_CELLS], color=colour, marker=marker, markersize=4, label=label)
