"""What shows itself in a notebook, a run that is opened again, and the example notebook, which runs as it is."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

import tumorabm
from tests.unit.test_figures import content
from tumorabm import TumorModel, open_run
from tumorabm.output.recorder import Recorder, record_run
from tumorabm.output.run_folder import OutputError, RunFolder
from tumorabm.scenario import scenario_from_dict

EXAMPLE = Path(__file__).parents[2] / "docs/example.ipynb"
DOSES = [
    {"drug": "asparaginase", "formulation": "erwinia", "dose_iu": 1e4, "day": 1, "every": "2 d", "times": 3},
    {"drug": "rapamycin", "peak_uM": 0.1, "day": 0.5},
]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "_draw_summary", lambda self: None)
        scenario = scenario_from_dict(content(hours=1.0))
        folder = RunFolder("small", 1, out=tmp_path_factory.mktemp("runs") / "run")
        return record_run(TumorModel(scenario, threads=1), scenario, folder)


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", " ", html)


def test_a_scenario_shows_space_cells_and_doses() -> None:
    scenario = scenario_from_dict(content(hours=200.0, description="<i>", pharmacology={"doses": DOSES}))
    html = scenario._repr_html_()
    assert "&lt;i&gt;" in html
    for expected in (
        "100 × 80 µm, voxels of 20 µm", "zeta: 5 of type all_blast; alpha: 9 of type normal_marrow",
        "erwinia 10000 IU on day 1, every 2 d, 3 times; rapamycin to 0.1 µM on day 0.5", "cells every 1 h",
    ):  # fmt: skip
        assert expected in text_of(html)
    assert len(html) < 2000, "a short table"


def test_a_long_list_is_counted_and_not_shown() -> None:
    cells = {f"group_{number}": {"type": "all_blast", "count": 1} for number in range(30)}
    assert "and 22 more" in scenario_from_dict(content(cells=cells))._repr_html_()


def test_a_model_shows_where_it_stands_and_stays_as_it_is() -> None:
    model, twin = (TumorModel(scenario_from_dict(content()), threads=1) for _ in range(2))
    for each in (model, twin):
        each.run(0.5)
    text = text_of(model._repr_html_())
    assert "0.5 h, step 5 of 30" in text
    observed = twin.observe()
    assert re.search(rf"primary\s+zeta\s+{observed['live_zeta']}\s+{observed['dead_zeta']}\s", text)
    assert model.observe() == observed


def test_an_opened_run_reads_its_tables_when_they_are_used(run_folder: Path, monkeypatch) -> None:
    read, parquet = [], pd.read_parquet
    monkeypatch.setattr(pd, "read_parquet", lambda path, **kwargs: read.append(path.name) or parquet(path, **kwargs))
    run = open_run(str(run_folder))
    assert read == []
    assert run.timeseries is run.timeseries
    assert run.cells["time_h"].unique().tolist() == [0.0, 1.0]
    assert "event" in run.events
    assert read == ["timeseries.parquet", "cells.parquet", "events.parquet"]
    assert run.scenario == scenario_from_dict(content(hours=1.0))
    assert run.ledger["primary"]["relative_error"] < 1e-12
    assert isinstance(run.summary, Figure)


def test_an_opened_run_shows_itself(run_folder: Path) -> None:
    text = text_of(open_run(run_folder)._repr_html_())
    assert re.search(r"ended\s+complete", text)
    assert re.search(r"primary\s+alpha\s+9\s+9\s", text)


def test_what_was_not_recorded_is_none(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"scenario": "a", "seed": 1, "finished": "stopped at 1.0 h: the disk is full"}')
    run = open_run(tmp_path)
    assert (run.timeseries, run.cells, run.events, run.ledger) == (None, None, None, None)
    assert "early: stopped at 1.0 h: the disk is full" in run._repr_html_()
    assert "no time series was recorded" in run._repr_html_()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"run\.json is missing"):
        open_run(tmp_path)


def test_the_core_knows_neither_notebooks_nor_pictures_until_they_are_asked_for() -> None:
    script = (
        "import sys, tumorabm; tumorabm.TumorModel, tumorabm.open_run, tumorabm.load_scenario;"
        "print([name for name in ('IPython', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert "open_run" in tumorabm.__all__


@pytest.mark.one_version
def test_the_example_notebook_runs_without_an_error(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed; it comes with tumorabm[test]")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed; it comes with tumorabm[test]")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed; it comes with tumorabm[test]")
    notebook = nbformat.read(EXAMPLE, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": EXAMPLE.parent}}).execute()
    produced = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in produced) >= 3


def test_the_example_notebook_is_kept_with_its_outputs_and_small() -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed; it comes with tumorabm[test]")
    notebook = nbformat.read(EXAMPLE, as_version=4)
    nbformat.validate(notebook)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert EXAMPLE.stat().st_size < 300_000
