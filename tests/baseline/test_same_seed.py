"""One seed gives one run folder, bit for bit, whatever the number of threads and of processes at once."""

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumorabm import TumorModel, load_scenario
from tumorabm.output.recorder import Recorder, record_run
from tumorabm.output.run_folder import RunFolder
from tumorabm.threads import Threads

HERE = Path(__file__).parent
TISSUES = ("tissue_2d", "tissue_3d", "tissue_clocks")
OF_THE_RUN_ITSELF = {"started", "wall_s", "compile_s", "stages_s", "peak_rss_mb", "threads", "host"}
"""What run.json tells of where and how fast it was made; all else belongs to the result."""


def run_folder(tissue: str, out: Path, threads: int, seed: int | None = None) -> Path:
    overrides = [] if seed is None else [f"seed={seed}"]
    scenario = load_scenario(HERE / f"{tissue}.toml", overrides)
    model = TumorModel(scenario, threads=threads)
    return record_run(model, scenario, RunFolder(scenario.name, scenario.seed, out=out))


def contents(folder: Path) -> dict[str, object]:
    """Return every file of a run folder by name: its bytes, and of run.json what belongs to the result."""
    files: dict[str, object] = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    run = json.loads(files["run.json"])
    assert run.keys() >= OF_THE_RUN_ITSELF
    files["run.json"] = {key: value for key, value in run.items() if key not in OF_THE_RUN_ITSELF}
    return files


def differing(one: Path, other: Path) -> list[str]:
    """Return the names of the files that are not the same in both folders."""
    first, second = contents(one), contents(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


@pytest.fixture(scope="module")
def one_thread(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Run folder of each tissue, made with one thread."""
    base = tmp_path_factory.mktemp("one_thread")
    return {tissue: run_folder(tissue, base / tissue, threads=1) for tissue in TISSUES}


@pytest.fixture
def without_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than the run; the runs in processes of their own draw theirs."""
    monkeypatch.setattr(Recorder, "_draw_summary", lambda self: None)


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Count over how many pieces rows were cut, and on which threads pieces ran."""
    counted: Counter = Counter()
    over_rows = Threads.over_rows

    def counting(self: Threads, kernel, n_rows: int, *arguments: object) -> list:
        starts = []

        def piece(start: int, stop: int, *rest: object) -> object:
            starts.append(start)
            counted[threading.get_ident()] += 1
            return kernel(start, stop, *rest)

        results = over_rows(self, piece, n_rows, *arguments)
        counted["most"] = max(counted["most"], len(starts))
        return results

    monkeypatch.setattr(Threads, "over_rows", counting)
    return counted


@pytest.mark.usefixtures("without_picture")
@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("tissue", TISSUES)
def test_threads_do_not_change_a_byte(
    tissue: str, threads: int, one_thread: dict[str, Path], tmp_path: Path, pieces: Counter
) -> None:
    folder = run_folder(tissue, tmp_path / "run", threads)
    assert differing(folder, one_thread[tissue]) == ["summary.png"]  # only the picture, not drawn here
    assert pieces["most"] == threads
    assert len(pieces) - 1 > 1, "all pieces ran on one thread"


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.one_version
def test_processes_at_once_do_not_change_a_byte(processes: int, one_thread: dict[str, Path], tmp_path: Path) -> None:
    names = [("tissue_2d", "tissue_3d")[i % 2] for i in range(processes)]
    folders = [tmp_path / str(i) for i in range(processes)]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tumorabm", "run", f"{HERE / name}.toml", "--out", folder, "--threads=1", "--quiet"],
            cwd=HERE.parents[1],
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, folder in zip(names, folders, strict=True)
    ]
    for process, name, folder in zip(started, names, folders, strict=True):
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        assert differing(folder, one_thread[name]) == []


@pytest.mark.usefixtures("without_picture")
def test_another_seed_gives_another_result(one_thread: dict[str, Path], tmp_path: Path) -> None:
    other = run_folder("tissue_3d", tmp_path / "run", threads=1, seed=6)
    assert {"cells.parquet", "events.parquet", "timeseries.parquet", "ledger.json"} <= set(
        differing(other, one_thread["tissue_3d"])
    )


# What the comparisons above are worth rests on everything happening in these tissues.


@pytest.mark.parametrize("tissue", ["tissue_2d", "tissue_3d"])
def test_cells_divide_die_are_cleared_move_and_meet_the_drug(tissue: str, one_thread: dict[str, Path]) -> None:
    events = pd.read_parquet(one_thread[tissue] / "events.parquet")["event"].value_counts()
    assert events["dose"] == 2
    for event in ("division", "apoptosis", "necrosis"):
        assert events[event] > 20
    first, last = first_and_last_table(one_thread[tissue])
    assert len(first) + events["division"] - len(last) > 20, "bodies were cleared"
    assert (last["contact_asparagine_amol"] > 0.0).sum() > 20
    assert moved_um(first, last) > 1.0
    assert pd.read_parquet(one_thread[tissue] / "timeseries.parquet")["plasma_asparaginase_iu_per_mL"].max() > 0.1


def test_clock_cells_divide_die_and_move(one_thread: dict[str, Path]) -> None:
    events = pd.read_parquet(one_thread["tissue_clocks"] / "events.parquet")["event"].value_counts()
    for event in ("division", "necrosis"):
        assert events[event] > 20
    assert moved_um(*first_and_last_table(one_thread["tissue_clocks"])) > 1.0


def first_and_last_table(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    cells = pd.read_parquet(folder / "cells.parquet").set_index("uid")
    return cells[cells["time_h"] == 0.0], cells[cells["time_h"] == cells["time_h"].max()]


def moved_um(first: pd.DataFrame, last: pd.DataFrame) -> float:
    """Return the median distance between the places of the cells that are in both tables."""
    way_um = (last[["x_um", "y_um"]] - first[["x_um", "y_um"]]).dropna()
    return float(np.hypot(way_um["x_um"], way_um["y_um"]).median())
