"""Monolayers from one cell: a colony against Bru et al. 1998, and OpenVT's with and without contact inhibition.

Run by hand, ``pytest -m slow -s tests/validation/test_monolayer.py`` (two minutes on one core). Its tables
are kept in ``docs/validation_community.md``.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from scipy.spatial import cKDTree

from tests.validation.bru import RADIUS_UM, RADIUS_WITHIN, TIME_H
from tumorabm import Scenario, TumorModel, load_scenario
from tumorabm.mechanics import compression, relax
from tumorabm.threads import Threads

pytestmark = pytest.mark.slow

COMMUNITY = Path(__file__).parents[2] / "scenarios" / "community"
CYCLE_H = 3.0
"""OpenVT's free cycle."""
INHIBITIONS = ("area", "contact")


def scenario(name: str) -> Scenario:
    return load_scenario(COMMUNITY / f"{name}.toml")


class Front(NamedTuple):
    """How a radius grew between two times."""

    speed_um_per_h: float
    residual_um: float
    """Root mean square distance from the straight line."""
    speeding_up: float
    """Change of the speed from the first to the last time, by a parabola, over the mean speed."""


def front(model: TumorModel, last_h: float) -> Front:
    """Fit the radius over the last hours of a run by a line, and by a parabola."""
    series = model.timeseries()
    series = series[series["time_h"] >= model.time_h - last_h - 1e-9]
    time_h, radius_um = series["time_h"].to_numpy(), 0.5 * series["diameter_um"].to_numpy()
    line, parabola = np.polyfit(time_h, radius_um, 1), np.polyfit(time_h, radius_um, 2)
    residual_um = float(np.sqrt(np.mean((radius_um - np.polyval(line, time_h)) ** 2)))
    return Front(line[0], residual_um, 2.0 * parabola[0] * np.ptp(time_h) / line[0])


def depth_um(cells: pd.DataFrame, model: TumorModel) -> np.ndarray:
    """Return how far each cell lies behind the front; the colony is taken as a disc."""
    centred = cells[["x_um", "y_um"]] - cells[["x_um", "y_um"]].mean()
    return 0.5 * model.timeseries()["diameter_um"].iloc[-1] - np.hypot(*centred.to_numpy().T)


def overlaps(cells: pd.DataFrame) -> np.ndarray:
    """Return, for each pair of cells that overlap, the overlap over the sum of the radii."""
    places, radii = cells[["x_um", "y_um"]].to_numpy(), cells["radius_um"].to_numpy()
    a, b = cKDTree(places).query_pairs(2.0 * radii.max(), output_type="ndarray").T
    rest = radii[a] + radii[b]
    overlap = 1.0 - np.linalg.norm(places[a] - places[b], axis=1) / rest
    return overlap[overlap > 0.0]


def wall_gap_um(model: TumorModel) -> float:
    """Return the distance between the outermost cell and the nearest wall."""
    cells = pd.DataFrame(model.cell_columns())
    places, radii = cells[["x_um", "y_um"]].to_numpy(), cells["radius_um"].to_numpy()
    gaps = np.minimum(places, model.box_um[:2] - places).min(axis=1) - radii
    return float(gaps.min())


# -- the colony of Bru et al. -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def colony() -> TumorModel:
    return TumorModel(scenario("monolayer")).run()


def test_radius_follows_the_measured_one(colony: TumorModel) -> None:
    series = colony.timeseries().set_index("time_h").loc[TIME_H]
    radius_um = 0.5 * series["diameter_um"].to_numpy()
    table = {
        "time_h": TIME_H,
        "cells": series["live_tumour"],
        "radius_um": radius_um,
        "measured": RADIUS_UM,
        "deviation %": 100.0 * (radius_um / RADIUS_UM - 1.0),
    }
    print("\n" + pd.DataFrame(table).to_string(index=False, float_format="%.1f"))
    print(f"speed at the measured times: {np.polyfit(TIME_H, radius_um, 1)[0]:.2f} µm/h", end="; ")
    print(f"measured {np.polyfit(TIME_H, RADIUS_UM, 1)[0]:.2f} µm/h")
    assert np.abs(radius_um / RADIUS_UM - 1.0).max() < RADIUS_WITHIN


def test_front_moves_at_a_constant_speed_in_the_end(colony: TumorModel) -> None:
    last = front(colony, 200.0)
    print(f"\nlast 200 h: {last.speed_um_per_h:.2f} µm/h, r.m.s. {last.residual_um:.1f} µm, {last.speeding_up:+.1%}")
    assert abs(last.speeding_up) < 0.1
    assert last.residual_um < 0.01 * RADIUS_UM[-1]


def test_colony_lies_clear_of_the_walls(colony: TumorModel) -> None:
    assert wall_gap_um(colony) > 200.0


def test_colony_proliferates_at_its_border_only(colony: TumorModel) -> None:
    cells = pd.DataFrame(colony.cell_columns())
    depth = depth_um(cells, colony)
    cycles = cells["phase"] != "G0/G1"
    print("\nshare in S, G2 or M by depth (µm)\n" + by_depth(cycles, depth, 50.0).head(10).to_string())
    interior = cells[depth > 0.5 * depth.max()]
    overlap = overlaps(interior)
    print(
        f"mean overlap of pairs that overlap, inside half the radius: {overlap.mean():.2%}, largest {overlap.max():.1%}"
    )
    at_border, deeper = cycles[depth < 50.0].mean(), cycles[depth > 200.0].mean()
    print(f"in cycle: {at_border:.1%} of the outer 50 µm, {deeper:.2%} of what lies deeper than 200 µm")
    assert at_border > 0.25
    assert deeper < 0.02


def by_depth(flags: pd.Series, depth: np.ndarray, width_um: float) -> pd.DataFrame:
    """Return the share of cells with the flag, and their number, in rings of a width."""
    return flags.groupby(np.floor(depth / width_um) * width_um).agg(["mean", "size"]).round(3)


# -- OpenVT's monolayers ----------------------------------------------------------------------------------------------


class Monolayer(NamedTuple):
    """A run to its end."""

    model: TumorModel
    cells_a_step_before: pd.DataFrame


def grown(kind: str) -> Monolayer:
    model = TumorModel(scenario(f"openvt_{kind}_inhibition"))
    model.run(hours=model.scenario.hours - model.step_min / 60.0)
    before = pd.DataFrame(model.cell_columns())
    model.step()
    return Monolayer(model, before)


@pytest.fixture(scope="module")
def monolayers() -> dict[str, Monolayer]:
    runs = {kind: grown(kind) for kind in ("no", *INHIBITIONS)}
    columns = {}
    for kind, (model, _) in runs.items():
        series = model.timeseries().set_index(model.timeseries()["time_h"] / CYCLE_H)
        columns |= {f"cells, {kind}": series["live_cell"], f"radius_um, {kind}": 0.5 * series["diameter_um"]}
        last = front(model, 4.0 * CYCLE_H)
        speed = last.speed_um_per_h * CYCLE_H
        print(f"\n{kind} inhibition, last 4 cycles: {speed:.1f} µm a cycle, {last.speeding_up:+.1%}", end="")
    table = pd.DataFrame(columns).rename_axis("cycles")
    print("\n" + table[np.isclose(table.index % 1.0, 0.0)].to_string(float_format="%.0f", na_rep=""))
    return runs


def rate_per_cycle(model: TumorModel, first: float, last: float) -> float:
    """Return the rate at which ln(number) grows between two times, all in free cycles."""
    series = model.timeseries()
    cycles = series["time_h"] / CYCLE_H
    chosen = (cycles > first - 1e-9) & (cycles < last + 1e-9)
    return float(np.polyfit(cycles[chosen], np.log(series["live_cell"][chosen]), 1)[0])


def free_rate_per_cycle(variation: float) -> float:
    """Return the rate of a population whose cycles are normal with mean 1, cut at three s.d. (Euler and Lotka)."""
    length = stats.truncnorm(-3.0, 3.0, loc=1.0, scale=variation)
    return optimize.brentq(lambda rate: 2.0 * length.expect(lambda cycle: math.exp(-rate * cycle)) - 1.0, 0.5, 1.0)


def growth(run: Monolayer) -> pd.DataFrame:
    """Return depth (µm), own area, contact and growth in the last step of each cell."""
    model, cells = run
    places = cells[["x_um", "y_um", "z_um"]].to_numpy()
    area, contact = compression(
        places, cells["radius_um"].to_numpy(), cells["uid"].to_numpy(), model.box_um, model.threads
    )
    after = pd.DataFrame(model.cell_columns()).set_index("uid")["biomass"]
    grows = after.reindex(cells["uid"]).to_numpy() != cells["biomass"].to_numpy()  # halved, where the cell divided
    return pd.DataFrame({"depth_um": depth_um(cells, model), "area": area, "contact": contact, "grows": grows})


def test_free_cycle_is_five_times_the_relaxation_of_a_compressed_row() -> None:
    mechanics = scenario("openvt_no_inhibition").mechanics
    radius_um, cells, step_min, minutes = 5.0, 11, 0.1, 0.0
    places = np.full((cells, 3), 100.0)
    places[:, 0] += radius_um * np.arange(cells)
    while np.ptp(places[:, 0]) < 0.9 * 2.0 * radius_um * (cells - 1):
        relax(
            places, np.full(cells, radius_um), np.zeros(cells), np.arange(cells), np.full(3, 300.0), 2, step_min,
            Threads(1), rate_per_min=mechanics.relaxation_rate_per_min, tolerance=mechanics.tolerance,
        )  # fmt: skip
        minutes += step_min
    print(f"\nT = {minutes:.1f} min, five times that {minutes / 12.0:.3f} h")
    assert 5.0 * minutes == pytest.approx(60.0 * CYCLE_H, rel=0.01)


def test_without_inhibition_number_grows_exponentially_at_the_rate_of_the_free_cycle(
    monolayers: dict[str, Monolayer],
) -> None:
    model = monolayers["no"].model
    free = free_rate_per_cycle(model.scenario.cells["cell"].clock.variation)
    last = model.time_h / CYCLE_H
    rates = [rate_per_cycle(model, first, first + 3.0) for first in np.arange(6.0, last - 2.5)]
    print(f"\nrate a free cycle, three cycles each, from cycle 6: {np.round(rates, 3)}; of the cycle alone {free:.4f}")
    assert rate_per_cycle(model, 6.0, last) == pytest.approx(free, rel=0.01)


@pytest.mark.parametrize("kind", INHIBITIONS)
def test_with_inhibition_number_falls_behind_exponential_growth(monolayers: dict[str, Monolayer], kind: str) -> None:
    model = monolayers[kind].model
    last = model.time_h / CYCLE_H
    rate = rate_per_cycle(model, last - 2.0, last) / math.log(2.0)
    print(f"\n{kind}: {rate:.3f} doublings a free cycle in the last two")
    assert rate < 0.5


@pytest.mark.parametrize("kind", INHIBITIONS)
def test_with_inhibition_the_front_moves_at_a_constant_speed(monolayers: dict[str, Monolayer], kind: str) -> None:
    assert abs(front(monolayers[kind].model, 4.0 * CYCLE_H).speeding_up) < 0.1
    assert front(monolayers["no"].model, 4.0 * CYCLE_H).speeding_up > 0.3


@pytest.mark.parametrize("kind", INHIBITIONS)
def test_with_inhibition_cells_grow_at_the_rim_only(monolayers: dict[str, Monolayer], kind: str) -> None:
    cells = growth(monolayers[kind])
    rings = cells.groupby(np.floor(cells["depth_um"] / 25.0) * 25.0)[["area", "contact", "grows"]].mean()
    print(f"\n{kind}, by depth (µm)\n" + rings.head(14).to_string(float_format="%.3f"))
    middle = cells["depth_um"] > 0.5 * cells["depth_um"].max()
    assert cells["grows"][cells["depth_um"] < 10.0].mean() > 0.9
    assert cells["grows"][middle].mean() < 0.02


def test_monolayers_lie_clear_of_the_walls(monolayers: dict[str, Monolayer]) -> None:
    assert min(wall_gap_um(run.model) for run in monolayers.values()) > 100.0
