"""Movies: a frame for each recorded time, in one scale, written one after the other."""

import io
import shutil
from pathlib import Path
from subprocess import CalledProcessError

import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter
from matplotlib.colors import to_rgb
from PIL import Image
from typer.testing import CliRunner

from tests.unit.test_figures import content
from tests.unit.test_sites import content as sites_content
from tumorabm import TumorModel
from tumorabm.cli import app
from tumorabm.output import movie, style
from tumorabm.output.gif import GifWriter
from tumorabm.output.movie import write_movie
from tumorabm.output.recorder import Recorder, record_run
from tumorabm.output.run_folder import OutputError, RunFolder
from tumorabm.output.snapshots import CellSnapshot, CellSnapshots, FieldSnapshots
from tumorabm.scenario import scenario_from_dict

DOSE = {"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 0.05}


def recorded(folder: Path, n_steps: int | None = None, **changes: object) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "_draw_summary", lambda self: None)
        scenario = scenario_from_dict(content(**changes))
        model = TumorModel(scenario, threads=1)
        return record_run(model, scenario, RunFolder("small", 1, out=folder), n_steps=n_steps)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return recorded(folder, output={"cells_every_h": 1.0, "fields_every_h": 0.5}, pharmacology={"doses": [DOSE]})


def command(*arguments: object):
    return CliRunner().invoke(app, ["movie", *map(str, arguments)])


def test_a_gif_has_a_frame_for_each_time_with_cells_and_fields(run: Path, tmp_path: Path) -> None:
    result = command(run, "--out", tmp_path / "m.gif", "--fps", 5)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "m.gif") as gif:
        assert gif.n_frames == 4
        assert (gif.info["duration"], gif.info["loop"]) == (200, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["m.gif"], "nothing is left beside it"


def test_the_scale_is_that_of_the_whole_movie_and_time_and_doses_are_shown(run: Path, tmp_path, monkeypatch) -> None:
    seen = []

    class Watch:
        def __init__(self, figure, gif) -> None:
            self._figure = figure

        def grab_frame(self) -> None:
            ax, strip = self._figure.axes[:2]
            (image,) = ax.images
            seen.append((ax.get_title(), image.get_clim(), np.array(image.get_array()), strip.lines[-1].get_xdata()[0]))

    monkeypatch.setattr(movie, "_FigureToGif", Watch)
    write_movie(run, tmp_path / "m.gif")
    fields = FieldSnapshots(run)
    highest = max(fields.read("asparagine", number).max() for number in (0, 2, 4, 6))
    titles, scales, values, marks = zip(*seen, strict=True)
    assert titles[0] == "cells and asparagine at 0.0 h, 0 of 1 doses given"
    assert titles[-1] == "cells and asparagine at 3.0 h, 1 of 1 doses given"
    assert set(scales) == {(0.0, highest)}
    assert marks == (0.0, 1.0, 2.0, 3.0)
    for shown, number in zip(values, (0, 2, 4, 6), strict=True):
        np.testing.assert_array_equal(shown, fields.read("asparagine", number))


def test_frames_are_written_as_they_come_and_not_kept() -> None:
    file = io.BytesIO()
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], dtype=np.uint8)
    sizes = []
    with GifWriter(file, palette, fps=10.0) as gif:
        for number in range(3):
            frame = np.zeros((20, 30, 3), dtype=np.uint8)
            frame[:, : 10 * number] = palette[number]
            gif.append(frame)
            sizes.append(file.tell())
    assert sizes == sorted(set(sizes)), "the file grows with every frame"
    with Image.open(file) as image:
        assert image.n_frames == 3
        for number in range(3):
            image.seek(number)
            assert image.convert("RGB").getpixel((0, 0)) == (tuple(palette[number]) if number else (0, 0, 0))


def test_the_colours_of_a_gif_are_those_of_all_pictures() -> None:
    palette = {
        tuple(colour) for colour in movie._palette({"blast": style.PALETTE[0], "dead": style.DEAD_COLOUR}).tolist()
    }
    for colour in (style.PALETTE[0], style.DEAD_COLOUR, *style.FIELD_COLOURS, "black"):
        assert tuple(round(255 * part) for part in to_rgb(colour)) in palette
    assert len(movie._palette({str(number): "black" for number in range(40)})) <= 256


def test_each_site_has_a_movie_of_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Recorder, "_draw_summary", lambda self: None)
    scenario = scenario_from_dict(
        {"name": "two", **sites_content(output={"cells_every_h": 1.0, "fields_every_h": 1.0})}
    )
    folder = record_run(
        TumorModel(scenario, threads=1), scenario, RunFolder("two", 1, out=tmp_path / "run"), n_steps=20
    )
    drawn = []

    def read(self, *arguments: object, before=CellSnapshot.read):
        drawn.append(self.count)
        return before(self, *arguments)

    monkeypatch.setattr(CellSnapshot, "read", read)
    for site in ("primary", "lung"):
        assert command(folder, "--site", site, "--out", tmp_path / f"{site}.gif").exit_code == 0
        cells = CellSnapshots(folder)
        assert set(drawn) == {cells.at(time_h, site).count for time_h in cells.times_h}
        drawn.clear()
    result = command(folder, "--site", "lnug")
    assert (result.exit_code, "lnug: unknown site; nearest valid name: lung" in result.stderr) == (2, True)


def test_one_recorded_time_is_refused_with_the_keys_to_set(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "run", n_steps=0)
    result = command(folder)
    assert result.exit_code == 2
    assert "only at 0 h" in result.stderr
    assert "output.cells_every_h" in result.stderr
    assert "output.fields_every_h" in result.stderr
    assert not (folder / "movie.gif").exists()


def test_a_well_mixed_run_has_no_movie(tmp_path: Path) -> None:
    well = {"mode": "well_mixed", "volume_uL": 0.001}
    folder = recorded(tmp_path / "run", domain=well, vessels=None, hours=0.2)
    with pytest.raises(OutputError, match="well mixed"):
        write_movie(folder, tmp_path / "m.gif")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--what", "oxigen"), "oxigen: unknown field; nearest valid name: oxygen"),
        (("--out", "m.avi"), "m.avi: expected a name that ends in .gif or .mp4"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_one_message(run: Path, tmp_path, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    result = command(run, *arguments)
    assert result.exit_code == 2
    assert result.stderr.strip() == f"tumorabm: {message}"
    assert not list(tmp_path.iterdir())


def test_a_missing_ffmpeg_is_told(run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    result = command(run, "--out", tmp_path / "m.mp4")
    assert result.exit_code == 2
    assert "needs the program ffmpeg, which is not installed" in result.stderr


@pytest.mark.skipif(not FFMpegWriter.isAvailable(), reason="ffmpeg is not installed")
def test_an_mp4_is_written_where_ffmpeg_is_installed(run: Path, tmp_path: Path) -> None:
    assert write_movie(run, tmp_path / "m.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.skipif(not FFMpegWriter.isAvailable(), reason="ffmpeg is not installed")
def test_a_ctrl_c_that_ends_ffmpeg_too_is_no_failure_of_it(run: Path, tmp_path: Path, monkeypatch) -> None:
    def finish(writer: FFMpegWriter, real=FFMpegWriter.finish) -> None:
        real(writer)
        raise CalledProcessError(255, "ffmpeg")

    def after_frame(number: int, n_frames: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FFMpegWriter, "finish", finish)
    with pytest.raises(KeyboardInterrupt):
        write_movie(run, tmp_path / "m.mp4", after_frame=after_frame)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not shutil.which("false"), reason="needs a program that fails")
def test_an_ffmpeg_that_fails_leaves_nothing(run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: True))
    monkeypatch.setattr(FFMpegWriter, "bin_path", classmethod(lambda cls: "false"))
    result = command(run, "--out", tmp_path / "m.mp4")
    assert result.exit_code == 2
    assert "ffmpeg failed" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_volume_is_cut_at_one_height_in_all_frames(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "run", domain={"size_um": [60.0, 60.0, 60.0]}, vessels=None, hours=1.0)
    with Image.open(write_movie(folder, tmp_path / "m.gif", "oxygen")) as gif:
        assert gif.n_frames == 2
