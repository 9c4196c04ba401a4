"""Draw the colony of scenarios/community/monolayer.toml: its radius over the measured one, and where it proliferates.

Usage, from the top of the repository: ``python -m docs.figures.monolayer RUN_DIR PICTURE.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection

from tests.validation.bru import RADIUS_UM, RADIUS_WITHIN, TIME_H
from tumorabm.output import style

WAITS, CYCLES = "#9ecae1", "#08519c"


def draw(run: Path, picture: Path) -> None:
    """Write the picture of a run."""
    series = pd.read_parquet(run / "timeseries.parquet")
    cells = pd.read_parquet(run / "cells.parquet")
    plt.rcParams.update(style.SETTINGS)
    figure, (radius, colony) = plt.subplots(1, 2, figsize=(10.0, 4.8), layout="constrained")
    _radius(radius, series)
    _colony(colony, cells[cells["time_h"] == cells["time_h"].max()])
    figure.savefig(picture)


def _radius(axes: Axes, series: pd.DataFrame) -> None:
    axes.plot(series["time_h"], 0.5 * series["diameter_um"], color=style.SINGLE_COLOUR, label="tumorabm")
    axes.errorbar(
        TIME_H, RADIUS_UM, RADIUS_WITHIN * RADIUS_UM, fmt="o", color="black", markersize=5, elinewidth=0.8, capsize=2,
        label="Bru et al. 1998; bars: bounds",
    )  # fmt: skip
    axes.set(title="Radius of the colony", xlabel="time (h)", ylabel="µm", xlim=(0.0, None), ylim=(0.0, None))
    axes.legend(loc="upper left")


def _colony(axes: Axes, cells: pd.DataFrame) -> None:
    places = (cells[["x_um", "y_um"]] - cells[["x_um", "y_um"]].mean()).to_numpy()
    width_um = 2.0 * cells["radius_um"].to_numpy()
    colours = [WAITS if phase == "G0/G1" else CYCLES for phase in cells["phase"]]
    discs = EllipseCollection(
        width_um, width_um, 0.0, units="xy", offsets=places, offset_transform=axes.transData, linewidth=0.0,
        facecolor=colours,
    )  # fmt: skip
    axes.add_collection(discs)
    axes.plot([], [], "o", color=WAITS, label="G0/G1")
    axes.plot([], [], "o", color=CYCLES, label="S, G2, M")
    half_um = 1.12 * abs(places).max()
    axes.set(
        title=f"{len(cells):,} cells at {cells['time_h'].iloc[0]:.0f} h", xlabel="µm", ylabel="µm", aspect="equal",
        xlim=(-half_um, half_um), ylim=(-half_um, half_um),
    )  # fmt: skip
    axes.legend(loc="upper right")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    chosen = parser.parse_args()
    draw(chosen.run, chosen.picture)
