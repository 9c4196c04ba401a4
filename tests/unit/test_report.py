"""The report: one page that stands alone, says what is missing, and shows text as text."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.test_figures import content
from tests.unit.test_sites import content as content_of_sites
from tests.unit.test_sweep_command import planned, sweep
from tumorabm import TumorModel
from tumorabm.cli import app
from tumorabm.html import Html, element, table
from tumorabm.output import style
from tumorabm.output.recorder import Recorder, record_run
from tumorabm.output.run_folder import RunFolder
from tumorabm.output.style import StyledFigure
from tumorabm.report import run_page
from tumorabm.scenario import scenario_from_dict

DOSE = {"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 0.05}


def recorded(folder: Path, *, written: dict | None = None, **changes: object) -> Path:
    """Record a small run without its picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "_draw_summary", lambda self: None)
        scenario = scenario_from_dict({**(written or content()), **changes})
        return record_run(TumorModel(scenario, threads=1), scenario, RunFolder(scenario.name, 1, out=folder))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hostile = "<script>alert('x')</script> & <b>"
    folder = tmp_path_factory.mktemp("runs") / "run"
    return recorded(folder, description=hostile, pharmacology={"doses": [DOSE]})


@pytest.fixture(autouse=True)
def without_rendering(monkeypatch) -> None:
    """Rendering takes longer than all the rest; one test does it."""
    monkeypatch.setattr(style, "png", lambda figure: b"\x89PNG")
    monkeypatch.setattr(StyledFigure, "savefig", lambda figure, path, **kwargs: Path(path).write_bytes(b"\x89PNG"))


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(run, tmp_path / "run")


def report(*arguments: object):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def page_of(folder: Path, *arguments: object) -> str:
    result = report(folder, *arguments)
    assert result.exit_code == 0, result.output
    return (folder / "report.html").read_text("utf-8")


class Outline(HTMLParser):
    """Elements that a page has, headings, text, and what it refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.references, self.headings, self.columns, self.text = [], [], [], [], [], ""
        self.feed(page)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append(tag)
        if tag not in ("img", "meta"):
            self.open.append(tag)
        self.references += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "data")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if self.open and self.open[-1] == "th":
            self.columns.append(data)


def test_the_page_stands_alone(copy: Path, monkeypatch) -> None:
    monkeypatch.undo()
    page = page_of(copy)
    assert page.count("base64,iVBORw0KGgo") == 3  # PNG
    outline = Outline(page)
    assert {"script", "link", "iframe", "object"}.isdisjoint(outline.tags)
    assert outline.references
    assert all(reference.startswith("data:image/png;base64,") for reference in outline.references)
    without_pictures = re.sub(r"data:image/png;base64,[^\"]*", "", page)
    assert not re.search(r"https?:|url\(|@import", without_pictures)
    assert "default-src 'none'" in page


def test_all_text_is_escaped(copy: Path) -> None:
    outline = Outline(page_of(copy))
    assert "<script>alert('x')</script> & <b>" in outline.text
    assert "b" not in outline.tags


def test_the_page_of_a_run_has_all_parts(copy: Path) -> None:
    outline = Outline(page_of(copy))
    assert outline.headings == [
        "What was run", "Over time", "Maps", "ASNS and ATF4", "Distance to the nearest vessel", "Doses in plasma",
        "Nitrogen ledger", "How it was made", "How to cite",
    ]  # fmt: skip
    assert outline.tags.count("img") == 3
    assert "expected 20 cells or bodies within some 20 µm of distance to vessels" in outline.text
    assert {"peak IU/mL", "days > 0.1 IU/mL", "days Asn < 3 µM"} <= set(outline.columns)
    made = json.loads((copy / "run.json").read_text())
    ledger = json.loads((copy / "ledger.json").read_text())
    for expected in (
        "zeta: 5 of type all_blast", "100 × 80 µm", "pegaspargase 2500 IU/m² on day 0.05", made["code_version"],
        made["host"]["system"], f"relative error {ledger['primary']['relative_error']:.1e}", "[cells.zeta]",
    ):  # fmt: skip
        assert expected in outline.text


def test_a_missing_summary_is_drawn_and_one_that_is_there_stays(copy: Path) -> None:
    assert report(copy).stdout.split() == [str(copy / "report.html"), str(copy / "summary.png")]
    (copy / "summary.png").write_bytes(b"mine")
    assert report(copy).stdout.split() == [str(copy / "report.html")]
    assert (copy / "summary.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("arguments", "times"), [((), [0.0, 1.0, 3.0]), (("--at-hours", 2, "--at-hours", 0.4), [2.0, 0.4])]
)
def test_maps_are_at_first_at_the_first_dose_and_at_last_or_when_wanted(copy, monkeypatch, arguments, times) -> None:
    asked, draw = [], run_page.map_figure
    monkeypatch.setattr(
        run_page, "map_figure", lambda folder, at, site: asked.append(list(at)) or draw(folder, at, site=site)
    )
    page_of(copy, *arguments)
    assert asked == [times]


def test_a_time_outside_the_run_is_refused(copy: Path) -> None:
    result = report(copy, "--at-hours", 3.5)
    assert result.exit_code == 2
    assert result.stderr == "tumorabm: --at-hours 3.5: expected a time of the run, 0 to 3 h\n"
    assert not (copy / "report.html").exists()


def test_every_site_has_its_curves_and_maps(tmp_path: Path) -> None:
    outline = Outline(page_of(recorded(tmp_path / "run", written={"name": "two", **content_of_sites(), "hours": 0.5})))
    for heading in ("Over time: primary", "Over time: lung", "Maps: primary", "Maps: lung", "Between the sites"):
        assert heading in outline.headings


def test_the_page_says_what_an_interrupted_run_lacks(copy: Path) -> None:
    made = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**made, "finished": "interrupted by the user at 1.0 h"}))
    shutil.rmtree(copy / "fields.zarr")
    (copy / "ledger.json").unlink()
    outline = Outline(page_of(copy))
    assert "This run did not come to its end: interrupted by the user at 1.0 h." in outline.text
    assert "There is no map: fields.zarr were not recorded." in outline.text
    assert "The ledger was not written." in outline.text
    (copy / "cells.parquet").unlink()
    (copy / "timeseries.parquet").unlink()
    outline = Outline(page_of(copy))
    assert outline.text.count("No cells were recorded.") == 2
    assert "No time series was recorded." in outline.text
    assert "img" not in outline.tags


def test_a_damaged_table_costs_its_pictures_only(copy: Path) -> None:
    (copy / "cells.parquet").write_bytes(b"PAR1 damaged PAR1")
    outline = Outline(page_of(copy))
    assert outline.text.count("No picture (") == 3
    assert outline.tags.count("img") == 1


@pytest.mark.parametrize("command", ["report", "plot", "movie"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", b"{"),
        ("run.json", b"[]"),
        ("ledger.json", b"{"),
        ("scenario.toml", b""),
        ("scenario.toml", b"\xff"),
        ("timeseries.parquet", b"PAR1 damaged PAR1"),
        ("cells.parquet", b"PAR1 damaged PAR1"),
        ("fields.zarr/.zmetadata", b"{}"),
        ("fields.zarr/asparagine/0.0.0", b"x"),
    ],
)
def test_a_damaged_file_is_named_and_never_a_traceback(copy: Path, command, name, content) -> None:
    (copy / name).write_bytes(content)
    result = CliRunner().invoke(app, [command, str(copy)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    if result.exit_code:
        assert (result.exit_code, f"{name}" in result.stderr or "fields.zarr" in result.stderr) == (2, True)
        assert len(result.stderr.splitlines()) == 1


def test_a_run_that_was_cut_short_on_purpose_says_so(copy: Path) -> None:
    made = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(made | {"simulated_hours": 0.5}))
    assert re.search(
        r"It was run for 0\.5 of the scenario's [\d.]+ h: nothing later took place", Outline(page_of(copy)).text
    )


def test_a_well_mixed_run_has_no_map_and_no_vessels(tmp_path: Path) -> None:
    well = {"mode": "well_mixed", "volume_uL": 0.001}
    outline = Outline(page_of(recorded(tmp_path / "run", domain=well, vessels=None, hours=0.2)))
    assert "There is no map: the run is well mixed." in outline.text
    assert "There are no vessels." in outline.text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "no such run folder"),
        (lambda folder: folder.mkdir(), "run.json is missing, expected a run folder"),
        (
            lambda folder: (folder.mkdir(), *((folder / n).write_text("{}") for n in ("run.json", "assay.json"))),
            "holds an assay",
        ),
    ],
)
def test_another_folder_is_refused(tmp_path: Path, make, message: str) -> None:
    make(tmp_path / "run")
    result = report(tmp_path / "run")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "run/report.html").exists()


def test_a_run_that_goes_on_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ".mine.partial-12"
    folder.mkdir()
    result = report(folder)
    assert result.exit_code == 2
    assert f"tumorabm resume {tmp_path / 'mine'}" in result.stderr


# -- sweeps ---------------------------------------------------------------------------------------------------------


def test_the_page_of_a_sweep_has_plan_pictures_points_and_failures(tmp_path: Path, monkeypatch) -> None:
    from tumorabm.sweep import command
    from tumorabm.sweep.result import Result, failed
    from tumorabm.sweep.store import PartWriter

    folder = planned(tmp_path)
    plan, _ = command._open(str(folder), set_aside=False)
    writer = PartWriter(plan.parts)
    for number, run in enumerate(plan.runs[:-1]):
        value = float(run.parameters["cells.blast.count"] + run.seed - 5)
        readouts = {"live_blast": value, "asns_mean_blast_max": 1.0, "live_blast_at_0.5_h": 2.0}
        writer.add(
            failed(run.run_id, "<it broke>")
            if number == 0
            else Result(run.run_id, "done", None, 1.0, 1.0, "d", readouts)
        )
    writer.flush()
    outline = Outline(page_of(folder))
    assert outline.headings == [
        "Plan", "Pictures", "Readouts by point of the design", "Failures", "How it was made", "How to cite",
    ]  # fmt: skip
    for expected in ("8: 6 done, 1 failed, 1 missing", "cells.blast.count: 2, 3", "<it broke>", plan.runs[0].run_id):
        assert expected in outline.text
    assert "2.5 (-3.853 to 8.853)" in outline.text  # 2 and 3: their mean by Student's t
    assert {path.name for path in folder.glob("*.png")} == {"heat_map.png", "responses.png"}
    assert outline.tags.count("img") == 2


def test_a_sweep_without_results_says_so(tmp_path: Path) -> None:
    folder = planned(tmp_path)
    outline = Outline(page_of(folder))
    assert "8: 0 done, 0 failed, 8 missing" in outline.text
    assert "No run is done." in outline.text
    result = report(folder, "--at-hours", 1)
    assert result.exit_code == 2
    assert "--at-hours: expected no times for a sweep" in result.stderr
    assert sweep("status", folder).exit_code == 0


# -- HTML -----------------------------------------------------------------------------------------------------------


def test_text_is_escaped_and_html_is_not() -> None:
    assert element("p", "a < b", element("b", "&"), class_='x"y') == '<p class="x&quot;y">a &lt; b<b>&amp;</b></p>'
    assert table([("<", 1, 2.0)], ("h",)).count("&lt;") == 1
    assert isinstance(table([]), Html)
