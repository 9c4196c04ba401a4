"""The picture of clones: what is drawn is what the tables hold, and a folder that cannot be drawn is refused."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from tumorabm import TumorModel
from tumorabm.cli import app
from tumorabm.output import clone_plot
from tumorabm.output.clone_plot import MOST_CLONES, _read_clones, draw_clones
from tumorabm.output.parquet_stream import ParquetStream
from tumorabm.output.recorder import Recorder, record_run
from tumorabm.output.run_folder import RunFolder
from tumorabm.scenario import scenario_from_dict

TYPES = np.array(["blast", "stroma"], dtype=object)
PHASES = np.array(["G0/G1", "S", "G2", "M", "apoptotic", "necrotic"], dtype=object)
SCENARIO = """
name = "made_up"
seed = 7
[cells.blast]
[cells.stroma]
[cells.clock]
[[pharmacology.doses]]
drug = "asparaginase"
formulation = "native_e_coli"
dose_iu_per_m2 = 6000.0
day = 1.0
every = "2 d"
times = 9
"""


def table_of_cells(hours: float, cells: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    founders = generator.geometric(0.05, cells)
    basal = 0.03 * np.exp(generator.standard_normal(cells))
    return {
        "time_h": np.full(cells, hours),
        "site": np.where(generator.random(cells) < 0.8, "primary", "lung"),
        "founder_uid": founders,
        "type": TYPES[generator.integers(0, 2, cells)],
        "phase": PHASES[generator.integers(0, 6, cells)],
        "asns_relative": 2.0 * basal,
        "asns_basal": basal,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder with snapshots of 24 h, some in several row groups, and nobody left in the last."""
    folder = tmp_path / "made_up-s7"
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    (folder / "scenario.toml").write_text(SCENARIO)
    stream, generator = ParquetStream(folder / "cells.parquet"), np.random.default_rng(1)
    for hours, parts in ((0.0, (300,)), (24.0, (400, 400, 50)), (48.0, (30,)), (72.0, (0,))):
        for cells in parts:
            stream.append(table_of_cells(hours, cells, generator))
    stream.close()
    return folder


def live_blasts(folder: Path) -> pd.DataFrame:
    cells = pd.read_parquet(folder / "cells.parquet")
    return cells[
        (cells["site"] == "primary") & (cells["type"] == "blast") & ~cells["phase"].isin(["apoptotic", "necrotic"])
    ]


def test_clones_are_counted_as_in_the_whole_table(folder: Path) -> None:
    clones, cells = _read_clones(folder / "cells.parquet", "blast"), live_blasts(folder)
    counts = cells.groupby(["time_h", "founder_uid"], observed=True).size().unstack(fill_value=0)
    shares = counts.div(counts.sum(axis=1), axis=0).mean().sort_values(ascending=False)
    largest = shares.index[:MOST_CLONES]
    asns = cells.groupby("founder_uid")["asns_relative"].mean()[largest].sort_values()
    assert clones.days.tolist() == [0.0, 1.0, 2.0]
    assert clones.live.tolist() == counts.sum(axis=1).tolist()
    assert clones.n_others == len(shares) - MOST_CLONES
    np.testing.assert_allclose(clones.asns, asns)
    np.testing.assert_array_equal(clones.sizes, counts[asns.index].T)
    expected = cells.groupby("time_h")["asns_basal"].quantile([0.1, 0.5, 0.9]).unstack()
    np.testing.assert_allclose(clones.basal, expected)


def test_the_bands_add_up_to_all_live_cells_and_the_colours_rise_with_asns(folder: Path, monkeypatch) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(clone_plot.style, "save", lambda figure, path: figures.append(figure) or path)
    assert draw_clones(folder, "blast") == folder / "clones.png"
    shares, counts, basal, colour_bar = figures[0].axes
    bands = shares.collections
    assert len(bands) == 1 + MOST_CLONES
    assert max(path.vertices[:, 1].max() for band in bands for path in band.get_paths()) == pytest.approx(1.0)
    assert "relative to a solid tumour" in colour_bar.get_ylabel()
    assert (counts.get_yscale(), basal.get_yscale()) == ("log", "log")
    np.testing.assert_array_equal(
        counts.lines[MOST_CLONES].get_ydata(), live_blasts(folder).groupby("time_h").size().to_numpy()
    )
    doses = [line.get_xdata()[0] for line in basal.lines if line.get_linestyle() == ":"]
    assert doses == [1.0]  # the next falls after the last snapshot with cells
    brightness = [band.get_facecolor()[0, :3].sum() for band in bands[1:]]
    assert brightness == sorted(brightness)


def test_by_default_the_first_cells_of_the_scenario_are_drawn(folder: Path) -> None:
    def picture(cell_type: str | None) -> bytes:
        return draw_clones(folder, cell_type).read_bytes()

    assert picture(None) == picture("blast") != picture("stroma")
    assert sorted(path.name for path in folder.iterdir()) == [
        "cells.parquet", "clones.png", "run.json", "scenario.toml"
    ]  # fmt: skip


def test_a_single_clone_is_drawn_without_others(folder: Path) -> None:
    columns = table_of_cells(0.0, 20, np.random.default_rng(2))
    stream = ParquetStream(folder / "cells.parquet")
    alike = {"site": np.full(20, "primary"), "founder_uid": np.ones(20, np.int64), "asns_relative": np.ones(20)}
    stream.append({**columns, **alike})
    stream.close()
    assert _read_clones(folder / "cells.parquet", "blast").n_others == 0
    assert draw_clones(folder).stat().st_size > 10_000


def without_a_file(folder: Path, name: str) -> None:
    (folder / name).unlink()


def with_other_cells(folder: Path, **columns: np.ndarray | None) -> None:
    kept = {**table_of_cells(0.0, 20, np.random.default_rng(2)), **columns}
    stream = ParquetStream(folder / "cells.parquet")
    stream.append({name: values for name, values in kept.items() if values is not None})
    stream.close()


@pytest.mark.parametrize(
    ("damage", "arguments", "parts"),
    [
        (lambda f: None, ["--type", "blasts"], ["blasts: unknown type of cells", "nearest valid name: blast"]),
        (lambda f: None, ["--type", "clock"], ["no live cells of type clock"]),
        (lambda f: None, ["--what", "clone"], ["--what clone: unknown picture", "nearest valid name: clones"]),
        (lambda f: None, ["--what", "summary", "--type", "blast"], ["--type blast", "only --what clones"]),
        (lambda f: None, ["--what", "summary"], ["timeseries.parquet is missing, expected a run folder"]),
        (lambda f: f.rename(f.with_name("made_up-s8")), [], ["made_up-s7: no such run folder", "made_up-s8"]),
        (shutil.rmtree, [], ["no such run folder; none is in"]),
        (lambda f: without_a_file(f, "cells.parquet"), [], ["cells.parquet is missing, expected a run folder"]),
        (lambda f: (f / "cells.parquet").write_bytes(b"PAR1"), [], ["cells.parquet: is damaged"]),
        (lambda f: (f / "scenario.toml").write_text("= 3"), [], ["scenario.toml: is damaged"]),
        (lambda f: (f / "scenario.toml").write_text('name = "bare"\nseed = 1'), [], ["the run has no cells"]),
        (lambda f: with_other_cells(f, founder_uid=None), [], ["no column founder_uid", "a run of this version"]),
        (lambda f: with_other_cells(f, site=None), [], ["no column site", "a run of this version"]),
        (lambda f: with_other_cells(f, asns_relative=np.full(20, np.nan)), [], ["have no ASNS"]),
        (lambda f: (f / "clones.png").mkdir(), [], ["the picture cannot be drawn"]),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_one_message(folder: Path, damage, arguments, parts) -> None:
    damage(folder)
    what = [] if "--what" in arguments else ["--what", "clones"]
    result = CliRunner().invoke(app, ["plot", str(folder), *what, *arguments])
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1
    assert all(part in result.stderr for part in parts), result.stderr


def test_both_pictures_of_a_recorded_run_can_be_drawn_again(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Recorder, "_draw_summary", lambda self: None)
    written = {
        "name": "tiny",
        "hours": 0.2,
        "domain": {"size_um": [100.0, 80.0]},
        "cells": {"blast": {"type": "all_blast", "count": 5}},
    }
    scenario = scenario_from_dict(written)
    run = record_run(TumorModel(scenario, threads=1), scenario, RunFolder("tiny", 1, out=tmp_path / "tiny"))
    for what in ("summary", "clones"):
        result = CliRunner().invoke(app, ["plot", str(run), "--what", what])
        assert result.exit_code == 0, result.output
        assert result.stdout.strip().endswith(f"{what}.png")
        assert (run / f"{what}.png").stat().st_size > 10_000
