"""A spheroid limited by oxygen against Freyer and Sutherland 1986: 23 days, some 250,000 cells (23 minutes).

``pytest -m slow -s tests/validation/test_spheroid.py`` prints the tables and the run folder, from which
``python -m docs.figures.spheroid`` draws the picture.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.validation.freyer_sutherland import CELLS, DIAMETER_UM, DIAMETER_WITHIN, IS_OUTLIER, NUMBER_WITHIN, TIME_H

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCENARIO = ROOT / "scenarios/community/spheroid_oxygen.toml"


@pytest.fixture(scope="module")
def spheroid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run on two threads, by the command line."""
    folder = tmp_path_factory.mktemp("spheroid") / "run"
    command = [sys.executable, "-m", "tumorabm", "run", str(SCENARIO), "--out", str(folder), "--threads", "2"]
    subprocess.run([*command, "--quiet"], cwd=ROOT, check=True)
    about = json.loads((folder / "run.json").read_text())
    print(f"\n{folder}: {about['wall_s'] / 60:.1f} min, {about['cells_max']} cells, {about['peak_rss_mb']:.0f} MB")
    return folder


@pytest.fixture(scope="module")
def table(spheroid: Path) -> pd.DataFrame:
    """Model and measurement at the measured times."""
    series = pd.read_parquet(spheroid / "timeseries.parquet")
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


def test_a_necrotic_core_lies_within_a_viable_rim(spheroid: Path) -> None:
    cells = pd.read_parquet(spheroid / "cells.parquet")
    cells = cells[cells["time_h"] == cells["time_h"].max()]
    places = cells[["x_um", "y_um", "z_um"]].to_numpy()
    radius_um = 0.5 * pd.read_parquet(spheroid / "timeseries.parquet")["diameter_um"].iloc[-1]
    depth_um = radius_um - np.linalg.norm(places - places.mean(axis=0), axis=1)
    lives = ~cells["phase"].isin(["apoptotic", "necrotic"])
    by_depth = lives.groupby(np.floor(depth_um / 25.0) * 25.0).agg(["mean", "size"])
    print("\nlive share by depth (µm)\n" + by_depth.to_string(float_format="%.2f"))
    assert lives[(depth_um > 0.0) & (depth_um < 75.0)].mean() > 0.99
    assert lives[depth_um > 0.6 * radius_um].mean() < 0.05
