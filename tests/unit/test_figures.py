"""Pictures as figures: all in one place, in one look, with one colour for each thing that bears a name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.colors import same_color, to_hex, to_rgb
from matplotlib.figure import Figure

from tumorabm import TumorModel, figures
from tumorabm.output import style
from tumorabm.output.distributions import distributions
from tumorabm.output.map_plot import FIELD_MAP, map_figure
from tumorabm.output.recorder import Recorder, record_run
from tumorabm.output.run_folder import OutputError, RunFolder
from tumorabm.output.snapshots import CellSnapshots, FieldSnapshots
from tumorabm.output.summary_plot import draw_curves
from tumorabm.scenario import scenario_from_dict


def content(**changes: object) -> dict:
    return {
        "name": "small",
        "hours": 3.0,
        "domain": {"size_um": [100.0, 80.0]},
        "vessels": {"positions_um": [[30.0, 30.0]]},
        # names without a fixed colour, and the second has most cells
        "cells": {"zeta": {"type": "all_blast", "count": 5}, "alpha": {"type": "normal_marrow", "count": 9}},
        "output": {"cells_every_h": 1.0, "fields_every_h": 1.0},
        **changes,
    }


def recorded(folder: Path, **changes: object) -> Path:
    scenario = scenario_from_dict(content(**changes))
    return record_run(TumorModel(scenario, threads=1), scenario, RunFolder("small", 1, out=folder))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "_draw_summary", lambda self: None)
        return recorded(tmp_path_factory.mktemp("runs") / "run")


def test_what_bears_a_name_has_a_colour_that_nothing_else_has() -> None:
    fixed = {**style._FIXED, "dead": style.DEAD_COLOUR, "single": style.SINGLE_COLOUR, "dose": style.DOSE_COLOUR}
    assert len({to_hex(colour) for colour in fixed.values()}) == len(fixed)
    assert not {to_hex(colour) for colour in style.FIELD_COLOURS} & {to_hex(colour) for colour in fixed.values()}


def lab(colours: list, seen_as: np.ndarray) -> np.ndarray:
    """Return CIE L*a*b* of colours (n, 3) as somebody sees them, D65."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(linear @ seen_as.T, 1e-3, 1.0) @ to_xyz.T / to_xyz.sum(axis=1)).T
    return np.column_stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


# Machado, Oliveira, Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1 [V]
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("names", [("blast", "normal", "stroma", "tumour", "adipocyte"), ("G0/G1", "S", "G2", "M")])
def test_colours_of_a_map_can_be_told_apart(eyes: str, names: tuple[str, ...]) -> None:
    cells = [*style.colours(names).values(), style.DEAD_COLOUR]
    seen = lab([*cells, *FIELD_MAP(np.linspace(0.0, 1.0, 20))[:, :3]], EYES[eyes])
    apart = np.linalg.norm(seen[: len(cells), None] - seen, axis=2)
    apart[np.diag_indices(len(cells))] = np.inf
    assert apart.min() > 17.0  # 2.3 is just seen; blasts and adipocytes are the nearest, to deuteranopes
    assert apart[:, len(cells) :].min() > 20.0, "cells on their field"


def test_all_pictures_are_figures_that_write_no_file(run: Path) -> None:
    before = sorted(path.name for path in run.iterdir())
    for draw in (figures.summary_figure, figures.curves_figure, figures.map_figure, figures.distributions_figure):
        assert isinstance(draw(run), Figure)
        assert isinstance(draw(str(run)), Figure), "a folder may be text"
    assert sorted(path.name for path in run.iterdir()) == before
    assert all(hasattr(figures, name) for name in figures.__all__)


def test_a_figure_shows_itself_in_a_notebook_and_is_saved_in_the_same_look(run: Path) -> None:
    figure = figures.curves_figure(run)
    assert figure._repr_png_() == style.png(figure)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_curve_of_one_value_is_a_point(run: Path) -> None:
    series = pd.read_parquet(run / "timeseries.parquet")
    for rows, marker in ((1, "o"), (2, "None")):
        axes = Figure().subplots(2, 4).ravel()
        draw_curves(axes, series.iloc[:rows], [])
        lines = [line for ax in axes if ax is not axes[1] for line in ax.lines]  # there is no drug
        assert {line.get_marker() for line in lines} == {marker}


def test_curves_and_map_give_a_type_the_same_colour_whatever_its_name(run: Path) -> None:
    curves = {line.get_label(): line.get_color() for line in figures.curves_figure(run).axes[0].lines}
    ax = map_figure(run).axes[0]
    names = [text.get_text().split(" ")[0] for text in ax.get_legend().get_texts()]
    drawn = [item.get_facecolor()[0] for item in ax.collections if isinstance(item, EllipseCollection)]
    assert names[:2] == ["zeta", "alpha"]
    for name, colour in zip(names[:2], drawn, strict=False):
        assert same_color(colour, curves[name])
    bands = figures.distributions_figure(run).axes
    medians = {ax.get_title(): ax.lines[0].get_color() for ax in bands}
    assert medians["ASNS, zeta"] == curves["zeta"]
    assert medians["ATF4, alpha"] == curves["alpha"]


def test_maps_show_the_recorded_times_that_are_nearest_in_one_scale(run: Path) -> None:
    figure = map_figure(run, [0.0, 1.9], field="oxygen")
    maps = [ax for ax in figure.axes if ax.images and ax.get_title()]
    assert [ax.get_title() for ax in maps] == ["cells and oxygen at 0.0 h", "cells and oxygen at 2.0 h"]
    fields = FieldSnapshots(run)
    highest = max(fields.read("oxygen", number).max() for number in (0, 2))
    for ax, number in zip(maps, (0, 2), strict=True):
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), fields.read("oxygen", number))
        assert image.get_clim() == (0.0, highest)


@pytest.mark.parametrize("day", [0.0, 0.5, 9.9])
def test_the_word_at_a_dose_stands_inside_its_panel(day: float) -> None:
    figure = Figure((2.0, 2.0))
    axes = figure.subplots()
    axes.plot([0.0, 10.0], [0.0, 1.0])
    style.mark_doses([axes], [day], axes)
    figure.draw_without_rendering()
    (word,) = axes.texts
    left, right = axes.bbox.intervalx
    assert left <= word.get_window_extent().x0 < word.get_window_extent().x1 <= right


def test_a_field_or_site_that_was_not_recorded_is_refused(run: Path) -> None:
    with pytest.raises(OutputError, match="oxygen"):
        map_figure(run, field="oxigen")
    with pytest.raises(OutputError, match="fields_lung"):
        map_figure(run, site="lung")


def test_distributions_are_percentiles_of_the_live_cells_of_a_type(run: Path) -> None:
    table, cells = distributions(run), pd.read_parquet(run / "cells.parquet")
    assert len(table) == 4 * 2 * 2  # times, types, quantities
    for _, row in table.iterrows():
        here = cells[(cells["time_h"] == row["time_h"]) & (cells["type"] == row["type"])]
        live = here.loc[~here["phase"].isin(["apoptotic", "necrotic"]), row["quantity"]]
        assert row["cells"] == len(live)
        assert row[["p10", "p50", "p90"]].tolist() == pytest.approx(np.percentile(live, [10, 50, 90]).tolist())


def test_cells_without_a_metabolism_have_no_distribution(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Recorder, "_draw_summary", lambda self: None)
    clock = {"clock": {"type": "clock_cell", "count": 3}}
    folder = recorded(tmp_path / "run", cells=clock, hours=0.2)
    with pytest.raises(OutputError, match="no live cells with a metabolism"):
        figures.distributions_figure(folder)


def test_times_at_which_nobody_is_left_are_known(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Recorder, "_draw_summary", lambda self: None)
    scenario = scenario_from_dict(content(hours=2.5))
    model = TumorModel(scenario, threads=1)

    def after_step(recorder: Recorder) -> None:
        if model.tick == 12:  # after 1.2 h
            model.population.bury(np.arange(model.population.size))

    folder = record_run(model, scenario, RunFolder("small", 1, out=tmp_path / "run"), after_step=after_step)
    snapshots = CellSnapshots(folder)
    assert snapshots.times_h == [0.0, 1.0, 2.0, 2.5]
    assert [snapshots.at(time_h).count for time_h in snapshots.times_h] == [14, 14, 0, 0]
    assert map_figure(folder, [2.0]).axes[0].get_legend() is None
