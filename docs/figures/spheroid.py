"""Draw the spheroid of scenarios/community/spheroid_oxygen.toml: growth over the measured data, and a cut through it.

Usage, from the top of the repository: ``python -m docs.figures.spheroid RUN_DIR PICTURE.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection

from tests.validation.freyer_sutherland import CELLS, DIAMETER_UM, DIAMETER_WITHIN, IS_OUTLIER, NUMBER_WITHIN, TIME_H
from tumorabm.output import style

STATES = {"G0/G1": "#9ecae1", "S": "#08519c", "G2": "#08519c", "M": "#08519c", "necrotic": "#8c8c8c"}


def draw(run: Path, picture: Path) -> None:
    """Write the picture of a run."""
    series = pd.read_parquet(run / "timeseries.parquet")
    cells = pd.read_parquet(run / "cells.parquet")
    cells = cells[cells["time_h"] == cells["time_h"].max()]
    figure, ((number, oxygen), (diameter, state)) = plt.subplots(
        2, 2, figsize=(10.0, 9.0), width_ratios=(1.0, 1.15), layout="constrained"
    )
    _growth(number, series, "live_tumour", CELLS, (1.0 / NUMBER_WITHIN, NUMBER_WITHIN), "live cells")
    _growth(
        diameter, series, "diameter_um", DIAMETER_UM, (1.0 - DIAMETER_WITHIN, 1.0 + DIAMETER_WITHIN), "diameter (µm)"
    )
    number.set(yscale="log", title="Number of cells")
    diameter.set(title="Diameter", xlabel="time (h)")
    number.legend(loc="upper left", fontsize="small", frameon=False)
    number.set_ylim(20.0, 5e6)

    middle = cells[["x_um", "y_um", "z_um"]].mean()
    cut = cells[(cells["z_um"] - middle["z_um"]).abs() < cells["radius_um"]]
    time_h = cells["time_h"].iloc[0]
    discs = _discs(oxygen, cut, middle)
    discs.set(array=cut["oxygen_mmHg"], cmap="viridis", clim=(0.0, 38.0))
    figure.colorbar(discs, ax=(oxygen, state), label="oxygen (mmHg)", shrink=0.44, anchor=(0.0, 0.98))
    oxygen.set(title=f"Cut through the middle at {time_h:.0f} h: oxygen")

    _discs(state, cut, middle).set(facecolor=[STATES[phase] for phase in cut["phase"]])
    for label, phase in {"G0/G1": "G0/G1", "S, G2, M": "S", "necrotic": "necrotic"}.items():
        state.plot([], [], "o", color=STATES[phase], label=label)
    state.legend(loc="upper right", fontsize="small", framealpha=0.9)
    state.set(title="The same cut: state", xlabel="µm")
    figure.savefig(picture, dpi=110)


def _growth(
    axes: Axes, series: pd.DataFrame, column: str, measured: np.ndarray, within: tuple[float, float], label: str
) -> None:
    axes.plot(series["time_h"], series[column], color=style.SINGLE_COLOUR, label="tumorabm")
    errors = [measured * (1.0 - within[0]), measured * (within[1] - 1.0)]
    held = ~IS_OUTLIER
    style_of_data = {"color": "black", "markersize": 5, "elinewidth": 0.8, "capsize": 2}
    axes.errorbar(
        TIME_H[held], measured[held], [error[held] for error in errors], fmt="o", **style_of_data,
        label="EMT6, Freyer and Sutherland 1986; bars: bounds",
    )  # fmt: skip
    axes.plot(TIME_H[IS_OUTLIER], measured[IS_OUTLIER], "o", color="black", fillstyle="none", label="outlier")
    axes.set(ylabel=label, xlim=(0.0, None))


def _discs(axes: Axes, cut: pd.DataFrame, middle: pd.Series) -> EllipseCollection:
    """Draw the circles in which the cells meet the plane through the middle."""
    places = cut[["x_um", "y_um"]].to_numpy() - middle[["x_um", "y_um"]].to_numpy()
    width_um = 2.0 * np.sqrt(cut["radius_um"] ** 2 - (cut["z_um"] - middle["z_um"]) ** 2)
    discs = EllipseCollection(
        width_um, width_um, 0.0, units="xy", offsets=places, offset_transform=axes.transData, linewidth=0.0
    )
    axes.add_collection(discs)
    half_um = 1.08 * np.abs(places).max()
    axes.set(aspect="equal", xlim=(-half_um, half_um), ylim=(-half_um, half_um), ylabel="µm")
    return discs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    chosen = parser.parse_args()
    draw(chosen.run, chosen.picture)
