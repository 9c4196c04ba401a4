"""Profiles against the distance from vessels: what is counted, and that the picture needs the folder alone."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumorabm.output.profiles import draw_profiles, profiles_figure, vessel_profiles
from tumorabm.output.run_folder import OutputError

PHASES = ("G0/G1", "S", "apoptotic", "necrotic")


def run_folder(folder: Path, cells: pd.DataFrame) -> Path:
    cells.to_parquet(folder / "cells.parquet")
    (folder / "scenario.toml").write_text('name = "tissue"\nseed = 3\n', "utf-8")
    return folder


def some_cells(n: int = 2000) -> pd.DataFrame:
    draw = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "time_h": np.repeat([0.0, 24.0], n // 2),
            "site": pd.Categorical(np.full(n, "primary")),
            "phase": pd.Categorical(draw.choice(PHASES, n)),
            "oxygen_mmHg": draw.uniform(0.0, 20.0, n),
            "vessel_distance_um": draw.uniform(0.0, 90.0, n),
            "atf4": draw.random(n),
            "asns_relative": draw.random(n),
        }
    )


def test_each_bin_counts_its_own_cells_at_its_own_time(tmp_path: Path) -> None:
    cells = some_cells()
    profiles = vessel_profiles(run_folder(tmp_path, cells))
    assert profiles["time_h"].tolist() == [0.0] * 5 + [24.0] * 5
    assert profiles["distance_um"].tolist() == [10.0, 30.0, 50.0, 70.0, 90.0] * 2
    for _, row in profiles.iterrows():
        low_um, high_um = row["distance_um"] - 10.0, row["distance_um"] + 10.0
        members = [
            cell
            for cell in cells.to_dict("records")
            if cell["time_h"] == row["time_h"] and low_um <= cell["vessel_distance_um"] < high_um
        ]
        live = [cell for cell in members if cell["phase"] in ("G0/G1", "S")]
        necrotic = [cell for cell in members if cell["phase"] == "necrotic"]
        assert (row["cells"], row["bodies"]) == (len(live), len(members) - len(live))
        assert row["necrotic_fraction"] == pytest.approx(len(necrotic) / len(members))
        assert row["hypoxic_fraction"] == pytest.approx(sum(cell["oxygen_mmHg"] < 8.0 for cell in live) / len(live))
        assert row["oxygen_mmHg"] == pytest.approx(np.mean([cell["oxygen_mmHg"] for cell in members]))
        for name in ("atf4", "asns_relative"):
            assert row[name] == pytest.approx(np.mean([cell[name] for cell in live]))


def test_bodies_alone_have_oxygen_and_necrosis_but_no_stress_response(tmp_path: Path) -> None:
    cells = some_cells().assign(phase="necrotic")
    row = vessel_profiles(run_folder(tmp_path, cells)).iloc[0]
    assert (row["cells"], row["necrotic_fraction"]) == (0, 1.0)
    assert row["oxygen_mmHg"] > 0.0
    assert all(math.isnan(row[name]) for name in ("hypoxic_fraction", "atf4", "asns_relative"))


def test_cells_of_other_sites_are_left_out(tmp_path: Path) -> None:
    cells = some_cells()
    alone = vessel_profiles(run_folder(tmp_path, cells))
    both = pd.concat([cells, cells.assign(site="lung")]).astype({"site": "category"})
    pd.testing.assert_frame_equal(vessel_profiles(run_folder(tmp_path, both)), alone)


def test_without_vessels_there_is_no_profile_and_no_picture(tmp_path: Path) -> None:
    run_folder(tmp_path, some_cells().assign(vessel_distance_um=math.nan))
    assert vessel_profiles(tmp_path).empty
    with pytest.raises(OutputError, match="expected a run with cells and vessels"):
        draw_profiles(tmp_path)


def test_a_picture_in_which_nothing_would_be_drawn_is_refused(tmp_path: Path) -> None:
    run_folder(tmp_path, some_cells(n=80))
    with pytest.raises(OutputError, match=r"expected 20 cells or bodies .* found \d+ at most at 24.0 h"):
        draw_profiles(tmp_path)


def test_all_of_a_curve_lies_within_its_panel(tmp_path: Path) -> None:
    figure = profiles_figure(run_folder(tmp_path, some_cells().assign(atf4=7.0)))
    for ax in figure.axes:
        low, high = ax.get_ylim()
        for line in ax.lines:
            assert low <= np.min(line.get_ydata())
            assert np.max(line.get_ydata()) < 0.98 * high


def test_the_picture_is_drawn_into_the_folder_from_what_lies_there(tmp_path: Path) -> None:
    picture = draw_profiles(run_folder(tmp_path, some_cells()))
    assert picture == tmp_path / "profiles.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
