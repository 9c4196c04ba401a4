"""A spheroid limited by oxygen against Freyer and Sutherland 1986: 23 days, some 250,000 cells (about half an hour)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.validation.freyer_sutherland import CELLS, DIAMETER_UM, DIAMETER_WITHIN, IS_OUTLIER, NUMBER_WITHIN, TIME_H
from tumorabm import TumorModel, load_scenario

pytestmark = pytest.mark.slow

SCENARIO = Path(__file__).parents[2] / "scenarios/community/spheroid_oxygen.toml"


@pytest.fixture(scope="module")
def spheroid() -> TumorModel:
    return TumorModel(load_scenario(SCENARIO)).run()


@pytest.fixture(scope="module")
def table(spheroid: TumorModel) -> pd.DataFrame:
    """Model and measurement at the measured times."""
    series = spheroid.timeseries()
    cells = np.exp(np.interp(TIME_H, series["time_h"], np.log(series["live_tumour"])))
    diameter_um = np.interp(TIME_H, series["time_h"], series["diameter_um"])
    rows = pd.DataFrame(
        {
            "time_h": TIME_H,
            "cells measured": CELLS,
            "model": cells.round(),
            "over measured": cells / CELLS,
            "diameter_um measured": DIAMETER_UM,
            "model ": diameter_um,
            "over measured ": diameter_um / DIAMETER_UM,
            "outlier": IS_OUTLIER,
        }
    )
    print("\n" + rows.to_string(index=False, float_format="%.2f"))
    return rows


def test_number_of_cells_follows_the_measured_one(table: pd.DataFrame) -> None:
    ratio = table["over measured"][~IS_OUTLIER]
    assert ratio.max() < NUMBER_WITHIN
    assert ratio.min() > 1.0 / NUMBER_WITHIN


def test_diameter_follows_the_measured_one(table: pd.DataFrame) -> None:
    assert (table["over measured "][~IS_OUTLIER] - 1.0).abs().max() < DIAMETER_WITHIN


def test_a_necrotic_core_lies_within_a_viable_rim(spheroid: TumorModel) -> None:
    cells = pd.DataFrame(spheroid.cell_columns())
    places = cells[["x_um", "y_um", "z_um"]].to_numpy()
    radius_um = 0.5 * spheroid.timeseries()["diameter_um"].iloc[-1]
    depth_um = radius_um - np.linalg.norm(places - places.mean(axis=0), axis=1)
    lives = ~cells["phase"].isin(["apoptotic", "necrotic"])
    by_depth = lives.groupby(np.floor(depth_um / 25.0) * 25.0).agg(["mean", "size"])
    print("\nlive share by depth (µm)\n" + by_depth.to_string(float_format="%.2f"))
    assert lives[(depth_um > 0.0) & (depth_um < 75.0)].mean() > 0.99
    assert lives[depth_um > 0.6 * radius_um].mean() < 0.05
