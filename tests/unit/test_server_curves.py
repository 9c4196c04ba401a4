"""The curves of the page, whose axes are drawn again only where a scale has changed."""

from io import BytesIO

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tumorabm import TumorModel
from tumorabm.scenario import scenario_from_dict
from tumorabm.server.curves import _SETTINGS, CurvePicture
from tumorabm.server.scales import round_up


@pytest.fixture(scope="module")
def series() -> pd.DataFrame:
    """Rows of three days and more: the unit of time changes, and a dose takes cells and asparagine away."""
    scenario = scenario_from_dict(
        {
            "name": "small",
            "hours": 96.0,
            "time": {"step_min": 60.0},
            "domain": {"size_um": [100.0, 80.0]},
            "vessels": {"positions_um": [[30.0, 30.0]]},
            "cells": {"blast": {"type": "all_blast", "count": 12}, "normal": {"type": "normal_marrow", "count": 9}},
            "pharmacology": {
                "doses": [{"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 1.0}]
            },
            "output": {"timeseries_every_h": 4.0},
        }
    )
    return TumorModel(scenario, threads=1).run().timeseries()


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(png)))


def doses_h(rows: pd.DataFrame) -> tuple[float, ...]:
    return (24.0,) if rows["time_h"].iloc[-1] >= 24.0 else ()


def wide(series: pd.DataFrame) -> pd.DataFrame:
    """ASNS that gets a logarithmic axis on the way."""
    return series.assign(asns_mean_blast=0.01 * 1.2 ** np.arange(len(series)))


def without_plasma(series: pd.DataFrame) -> pd.DataFrame:
    """A tissue that is measured by its diameter."""
    in_plasma = [name for name in series if name.startswith("plasma_")]
    return series.drop(columns=in_plasma).assign(diameter_um=200.0 + np.arange(len(series)))


@pytest.mark.parametrize("changed", [lambda series: series, wide, without_plasma])
def test_a_picture_that_grew_is_the_one_drawn_at_once(series, changed):
    series, growing = changed(series), CurvePicture()
    for n_rows in range(1, len(series) + 1):
        rows = series.iloc[:n_rows]
        grown = pixels(growing.draw(rows, doses_h(rows)))
        if n_rows % 8 == 1:
            np.testing.assert_array_equal(grown, pixels(CurvePicture().draw(rows, doses_h(rows))))


def test_the_axes_stay_while_their_scales_do(series):
    picture, frames = CurvePicture(), []
    for n_rows in range(1, len(series) + 1):
        picture.draw(series.iloc[:n_rows], ())
        frames.append([frame for _, frame in picture._frames])
    for panel in zip(*frames, strict=True):
        drawn = sum(one is not other for one, other in zip(panel[1:], panel[:-1], strict=True))
        assert 2 <= drawn < len(panel) / 2


def long_labels(series: pd.DataFrame) -> pd.DataFrame:
    """Half a million cells, and hardly any ASNS."""
    return series.assign(live_blast=5e5, asns_mean_blast=0.00121, asns_mean_normal=0.00118)


@pytest.mark.parametrize("changed", [lambda series: series, wide, without_plasma, long_labels])
def test_each_panel_keeps_to_its_cell(series, changed):
    series, picture = changed(series), CurvePicture()
    for n_rows in (1, 20, len(series)):
        picture.draw(series.iloc[:n_rows], ())
        for ax, cell in zip(picture._axes, picture._cells, strict=True):
            if ax.get_visible():
                labelled = ax.get_tightbbox(picture._canvas.get_renderer())
                assert cell.x0 <= labelled.x0 < labelled.x1 <= cell.x1
                assert cell.y0 <= labelled.y0 < labelled.y1 <= cell.y1


def test_words_that_reach_beyond_a_panel_are_not_cut_off(series):
    picture = CurvePicture()
    long_name = series.rename(columns=lambda name: name.replace("blast", "blast_of_a_very_long_name_indeed"))
    partly = pixels(picture.draw(long_name, [series["time_h"].iloc[-1]]))
    legend = picture._axes[0].get_legend().get_window_extent(picture._canvas.get_renderer())
    assert legend.x1 > picture._axes[0].bbox.x1 + 6.0 or legend.x0 < picture._axes[0].bbox.x0 - 6.0
    with matplotlib.rc_context(_SETTINGS):
        picture._canvas.draw()
    whole = np.asarray(picture._canvas.buffer_rgba())[:, :, :3]
    around = np.ones(whole.shape[:2], dtype=bool)
    for ax in picture._axes:
        (left, bottom), (right, top) = ax.bbox.padded(6.0).get_points()  # lines cross axes there
        around[round(len(around) - top) : round(len(around) - bottom), round(left) : round(right)] = False
    np.testing.assert_array_equal(partly[around], whole[around])


def test_a_dose_after_the_last_row_is_marked(series):
    picture = CurvePicture()
    picture.draw(series.iloc[:3], (9.5,))  # the last row is of hour 8
    for ax in picture._axes:
        if ax.get_visible():
            marks = [line for line in ax.lines if line.get_linestyle() == ":"]
            assert [mark.get_xdata()[0] for mark in marks] == [9.5]
            assert ax.get_xlim()[1] >= 9.5


def test_a_run_of_minutes_fills_its_panels(series):
    picture = CurvePicture()
    picture.draw(series.iloc[:3].assign(time_h=[0.0, 0.1, 0.2]), ())
    assert picture._axes[0].get_xlim() == (0.0, 0.2)


def test_scales_end_at_round_numbers():
    assert [round_up(value) for value in (0.7, 1.0, 1.01, 16.0, 7100.0, 0.0, -1.0, np.nan)] == [
        0.8, 1.0, 1.5, 20.0, 8000.0, 1.0, 1.0, 1.0,
    ]  # fmt: skip
