"""The picture of several sites: the primary tumour, what is in the blood, what has settled, and a map of each."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from tests.unit.test_sites import content
from tumorabm import TumorModel
from tumorabm.cli import app
from tumorabm.output import site_plot
from tumorabm.output.recorder import Recorder, record_run
from tumorabm.output.run_folder import RunFolder
from tumorabm.output.site_plot import draw_sites
from tumorabm.scenario import scenario_from_dict


def recorded(folder: Path, **changes: object) -> Path:
    scenario = scenario_from_dict({"name": "two_sites", **content(**changes)})
    return record_run(
        TumorModel(scenario, threads=1), scenario, RunFolder("two_sites", 1, out=folder / "run"), n_steps=60
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "_draw_summary", lambda self: None)
        return recorded(tmp_path_factory.mktemp("runs"))


def test_curves_and_maps_show_what_was_recorded(run: Path, monkeypatch) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(site_plot.style, "save", lambda figure, path: figures.append(figure) or path)
    draw_sites(run)
    by_title = {ax.get_title(): ax for ax in figures[0].axes}
    series = pd.read_parquet(run / "timeseries.parquet").set_index("site")
    primary, lung = by_title["primary"], by_title["lung"]
    np.testing.assert_array_equal(primary.lines[0].get_ydata(), series.loc["primary", "live_tumour"])
    for line, name in zip(lung.lines, ("disseminated_cells", "dormant_cells", "micrometastases"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), series.loc["lung", name])
    assert series.loc["lung", "disseminated_cells"].iloc[-1] > 0
    assert primary.get_xlabel() == lung.get_xlabel() == "time, hours"
    last = pd.read_parquet(run / "cells.parquet").query("time_h == time_h.max()")
    for site in ("primary", "lung"):
        there = last[(last["site"] == site) & (last["type"] == "tumour")]
        live = (~there["phase"].isin(["apoptotic", "necrotic"])).sum()
        texts = [text.get_text() for ax in figures[0].axes if ax.get_legend() for text in ax.get_legend().get_texts()]
        assert f"tumour ({live})" in texts


def test_the_command_draws_it_into_the_run_folder(run: Path) -> None:
    result = CliRunner().invoke(app, ["plot", str(run), "--what", "sites"])
    assert result.exit_code == 0, result.output
    assert (run / "sites.png").stat().st_size > 10_000


def test_a_site_that_no_cell_has_reached_is_drawn_empty(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Recorder, "_draw_summary", lambda self: None)
    lung = content()["sites"]["lung"]
    run = recorded(tmp_path, circulation={"groups": ["tumour"]}, sites={"lung": {**lung, "cells": {}}})
    assert draw_sites(run).stat().st_size > 10_000


def test_a_run_says_at_its_end_what_has_settled(tmp_path: Path) -> None:
    written = {"name": "two_sites", **content(), "hours": 0.2}
    (tmp_path / "two.toml").write_text(scenario_from_dict(written).to_toml(), "utf-8")
    result = CliRunner().invoke(app, ["run", str(tmp_path / "two.toml"), "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert "lung: 0 live cells of those that arrived, 0 of them single; 0 colonies of 10 or more" in result.stdout


def test_a_run_of_one_site_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Recorder, "_draw_summary", lambda self: None)
    alone = recorded(tmp_path, circulation=None, sites={})
    result = CliRunner().invoke(app, ["plot", str(alone), "--what", "sites"])
    assert result.exit_code == 2
    assert "the run has no circulation" in result.stderr
