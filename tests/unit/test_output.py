"""The run folder: complete, standing alone, never half-written, never at the cost of an earlier one."""

import errno
import json
import os
import tomllib
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure

from tumorabm.output import parquet_stream as parquet_stream_module
from tumorabm.output import recorder as recorder_module
from tumorabm.output import run_folder as run_folder_module
from tumorabm.output.map_plot import draw_cells
from tumorabm.output.parquet_stream import ParquetStream
from tumorabm.output.recorder import record_run
from tumorabm.output.run_folder import OutputError, RunFolder, whole_file
from tumorabm.output.snapshots import CellSnapshot, CellSnapshots
from tumorabm.output.style import colours
from tumorabm.output.zarr_store import FieldStore, read_chunk
from tumorabm.scenario import scenario_from_dict

TYPES = ("blast", "normal")


def make_scenario(size_um=(100.0, 80.0), hours=6.0):
    cells = {"blast": {"type": "all_blast", "count": 5}, "normal": {"type": "normal_marrow", "count": 4}}
    return scenario_from_dict(
        {
            "name": "small",
            "hours": hours,
            "seed": 3,
            "domain": {"size_um": list(size_um)},
            "vessels": {"positions_um": [[x / 2 for x in size_um]]},
            "cells": cells,
            "pharmacology": {
                "doses": [{"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 0.1}]
            },
            "output": {"timeseries_every_h": 1.0, "cells_every_h": 2.0, "fields_every_h": 3.0},
        }
    )


class FakeModel:
    """What recording reads of a model, with one birth a step and values that depend on the tick alone."""

    def __init__(self, scenario):
        self.step_min, self.tick, self.running = scenario.time.step_min, 0, True
        self.n_steps = round(scenario.hours * 60.0 / self.step_min)
        size_um = scenario.domain.size_um
        self.shape = tuple(round(side / 20.0) for side in reversed([*size_um, 20.0][:3]))
        self.grid = SimpleNamespace(voxel_um=20.0)
        names = ("oxygen", "asparagine", "asparaginase")
        self.fields = {name: SimpleNamespace(concentration_mM=np.full(self.shape, 0.05)) for name in names}
        self.vessel_positions_um = np.array([[10.0, 20.0, 10.0], [50.0, 60.0, 10.0]])
        self.threads = SimpleNamespace(count=2)
        self.stages_s = {"fields": 1.5}
        self.flows = {"vessels": np.float64(0.0)}
        self.ledger = SimpleNamespace(report=lambda: {"flows": self.flows, "relative_error": 1e-12})
        self.population = SimpleNamespace(size=9)
        self.events = []
        self.fail_at = {}
        self.site_name, self.circulation, self.other_sites = "primary", None, {}
        self.plasma = SimpleNamespace(troughs=SimpleNamespace(table=dict))

    sites = property(lambda self: {"primary": self})
    events_held = property(lambda self: len(self.events))
    nitrogen_report = property(lambda self: self.ledger.report)
    time_min = property(lambda self: self.tick * self.step_min)
    time_h = property(lambda self: self.time_min / 60.0)

    def step(self):
        if self.tick in self.fail_at:
            self.flows["vessels"] += 0.5
            raise self.fail_at[self.tick]
        self.tick += 1
        self.flows["vessels"] += 1.0
        self.population.size += 1
        self.fields["oxygen"].concentration_mM[...] += 0.001
        self.events.append((self.time_h, "birth", self.population.size, "blast", 1.0, 2.0, 10.0))

    def drain_events(self):
        names = ("time_h", "event", "uid", "type", "x_um", "y_um", "z_um")
        kinds = (float, object, np.int64, object, float, float, float)
        rows, self.events = self.events, []
        columns = list(zip(*rows, strict=True)) or [[]] * len(names)
        return {n: np.array(c, dtype=kind) for n, kind, c in zip(names, kinds, columns, strict=True)}

    def cell_columns(self, rows=slice(None)):
        n = self.population.size
        columns = {
            "uid": np.arange(1, n + 1),
            "parent_uid": np.zeros(n, dtype=np.int64),
            "type": np.array([TYPES[i % 2] for i in range(n)], dtype=object),
            "x_um": np.linspace(5.0, 95.0, n),
            "y_um": np.linspace(75.0, 5.0, n),
            "z_um": np.full(n, 10.0),
            "radius_um": np.full(n, 6.0),
            "phase": np.array([("G0/G1", "S", "apoptotic")[i % 3] for i in range(n)]),
            "atf4": np.full(n, 0.4),
        }
        return {name: values[rows] for name, values in columns.items()}

    def observe(self):
        row = {"time_h": self.time_h, "births": float(self.tick), "deaths_apoptosis": 2.0 * self.tick}
        row |= {"deaths_necrosis": 0.0, "plasma_asparagine_uM": 50.0 / (1 + self.tick), "hypoxic_fraction": 0.1}
        row |= {"plasma_asparaginase_iu_per_mL": 0.5, "ledger_relative_error": 1e-12}
        for kind in TYPES:
            row |= {f"live_{kind}": 10.0 + self.tick, f"dead_{kind}": 1.0, f"asns_mean_{kind}": 1e4}
            row |= {f"atf4_mean_{kind}": 0.4, f"mtorc1_mean_{kind}": 0.9}
        return row


draw_picture = recorder_module.Recorder._draw_summary


@pytest.fixture(autouse=True)
def in_own_folder_without_picture(tmp_path, monkeypatch):
    """Drawing takes longer than all the rest; the tests of the picture put it back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recorder_module.Recorder, "_draw_summary", lambda self: None)


@pytest.fixture
def with_picture(monkeypatch, in_own_folder_without_picture):
    monkeypatch.setattr(recorder_module.Recorder, "_draw_summary", draw_picture)


def run(out=None, force=False, scenario=None, fail_at=None, **arguments):
    scenario = scenario or make_scenario()
    model = FakeModel(scenario)
    model.fail_at = fail_at or {}
    return record_run(model, scenario, RunFolder("small", 3, out=out, force=force), **arguments)


def read_run_json(path):
    return json.loads((path / "run.json").read_text())


def last_cells(folder) -> CellSnapshot:
    snapshots = CellSnapshots(folder)
    return snapshots.at(snapshots.times_h[-1])


def names_in(folder):
    return [path.name for path in Path(folder).iterdir()]


def independent_zarr_v2(store, name):
    """Read an array as the zarr 2 specification says, all chunks."""
    meta = json.loads((store / name / ".zarray").read_text())
    assert meta["zarr_format"] == 2
    assert meta["order"] == "C"
    assert meta["compressor"]["id"] == "zlib"
    assert meta["filters"] is None
    values = np.full(meta["shape"], np.nan)
    for index in np.ndindex(*(-(-n // c) for n, c in zip(meta["shape"], meta["chunks"], strict=True))):
        raw = zlib.decompress((store / name / ".".join(map(str, index))).read_bytes())
        chunk = np.frombuffer(raw, meta["dtype"]).reshape(meta["chunks"])
        place = tuple(slice(i * c, (i + 1) * c) for i, c in zip(index, meta["chunks"], strict=True))
        values[place] = chunk
    return values


def test_a_run_folder_holds_every_part(with_picture):
    path = run()
    assert {p.name for p in path.iterdir()} == {
        "run.json",
        "scenario.toml",
        "timeseries.parquet",
        "cells.parquet",
        "events.parquet",
        "fields.zarr",
        "ledger.json",
        "summary.png",
    }
    assert (path / "summary.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((path / "ledger.json").read_text()) == {
        "time_h": 6.0,
        "flows": {"vessels": 60.0},
        "relative_error": 1e-12,
    }
    assert list(path.parent.iterdir()) == [path], "nothing hidden is left beside it"


def test_run_json_has_the_agreed_keys_and_says_how_the_run_was_made():
    record = read_run_json(run())
    assert set(record) == {
        "scenario", "seed", "threads", "package_version", "code_version", "model_version", "python", "mesa", "numba",
        "numpy", "started", "wall_s", "compile_s", "simulated_hours", "steps", "cells_max", "peak_rss_mb", "stages_s",
        "finished", "host",
    }  # fmt: skip
    assert record["finished"] is True
    assert (record["scenario"], record["seed"], record["threads"]) == ("small", 3, 2)
    assert (record["steps"], record["simulated_hours"], record["cells_max"]) == (60, 6.0, 69)
    assert record["stages_s"]["fields"] == 1.5
    assert record["stages_s"]["recording"] > 0.0
    assert record["peak_rss_mb"] > 10.0
    assert pd.Timestamp(record["started"]).tzinfo is not None


def test_the_resolved_scenario_gives_the_same_scenario_again():
    written = tomllib.loads((run() / "scenario.toml").read_text())
    assert scenario_from_dict(written) == make_scenario()


def test_time_series_has_a_row_an_hour_with_the_models_names():
    series = pd.read_parquet(run() / "timeseries.parquet")
    assert series["time_h"].tolist() == [0, 1, 2, 3, 4, 5, 6]
    names = list(FakeModel(make_scenario()).observe())
    assert list(series) == [names[0], "site", *names[1:]]
    assert series["births"].tolist() == [0, 10, 20, 30, 40, 50, 60]


def test_cells_are_one_row_group_a_snapshot_with_dictionary_text():
    path = run() / "cells.parquet"
    with pq.ParquetFile(path) as file:
        assert file.num_row_groups == 4
        assert [file.read_row_group(i)["time_h"][0].as_py() for i in range(4)] == [0, 2, 4, 6]
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    cells = pd.read_parquet(path)
    assert list(cells)[:10] == [
        "time_h",
        "site",
        "uid",
        "parent_uid",
        "type",
        "x_um",
        "y_um",
        "z_um",
        "radius_um",
        "phase",
    ]
    assert cells.groupby("time_h").size().tolist() == [9, 29, 49, 69]
    assert isinstance(cells["type"].dtype, pd.CategoricalDtype)


def test_many_cells_are_written_in_parts_and_read_as_one_table(monkeypatch):
    whole = pd.read_parquet(run() / "cells.parquet")
    monkeypatch.setattr(recorder_module, "CELLS_PER_ROW_GROUP", 10)
    path = run() / "cells.parquet"
    with pq.ParquetFile(path) as file:
        rows = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert rows == [9, 10, 10, 9, 10, 10, 10, 10, 9, 10, 10, 10, 10, 10, 10, 9]
    pd.testing.assert_frame_equal(pd.read_parquet(path), whole)
    parts = last_cells(path.parent)
    drawn, counts = parts.read(TYPES)
    assert parts.count == len(drawn) == sum(counts.values()) == 69
    last = whole[whole["time_h"] == 6]
    assert parts.mean_z_um() == pytest.approx(last["z_um"].mean())
    np.testing.assert_array_equal(drawn["x_um"], last["x_um"])
    thinned, all_counts = parts.read(TYPES, 4)
    assert all_counts == counts
    assert thinned["group"].value_counts().to_dict() == {name: -(-n // 4) for name, n in counts.items() if n}


def test_of_very_many_cells_some_are_drawn_and_all_are_counted():
    parts = last_cells(run())
    ax = Figure().subplots()
    draw_cells(ax, *parts.read(TYPES, 4))
    drawn = [len(item.get_offsets()) for item in ax.collections if isinstance(item, EllipseCollection)]
    counted = [int(text.get_text().split("(")[1].rstrip(")")) for text in ax.get_legend().get_texts()]
    assert sum(counted) == parts.count == 69
    assert drawn == [-(-number // 4) for number in counted]


def test_the_picture_of_a_volume_shows_the_cells_that_a_plane_cuts():
    parts = last_cells(run())
    cells = pd.read_parquet(run() / "cells.parquet").query("time_h == 6")
    z_um = float(cells["z_um"].iloc[0] + cells["radius_um"].iloc[0] / 2)
    cut = (cells["z_um"] - z_um).abs() < cells["radius_um"]
    drawn, counts = parts.read(TYPES, 1, z_um)
    assert len(drawn) == sum(counts.values()) == cut.sum() > 0
    assert len(parts.read(TYPES, 1, 1e6)[0]) == 0


@pytest.mark.parametrize("lengths", [(2, 0), (0, 2)])
def test_a_population_may_be_empty_at_any_snapshot(tmp_path, lengths):
    stream = ParquetStream(tmp_path / "cells.parquet")
    for n in lengths:
        stream.append({"uid": np.arange(n), "type": np.array(["blast"] * n, dtype=object)})
    stream.close()
    with pq.ParquetFile(stream.path) as file:
        assert tuple(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)) == lengths
        assert file.read()["type"].to_pylist() == ["blast"] * 2


@pytest.mark.parametrize("held", [100_000, 7])
def test_every_event_is_recorded_once_in_order(monkeypatch, held):
    monkeypatch.setattr(recorder_module, "_EVENTS_HELD", held)
    events = pd.read_parquet(run() / "events.parquet")
    assert list(events) == ["time_h", "event", "uid", "type", "x_um", "y_um", "z_um"]
    assert events["uid"].tolist() == list(range(10, 70))


def test_a_run_without_events_has_a_readable_empty_table():
    events = pd.read_parquet(run(n_steps=0) / "events.parquet")
    assert len(events) == 0
    assert "event" in events


@pytest.mark.parametrize("size_um", [(100.0, 80.0), (100.0, 80.0, 60.0)])
def test_fields_are_a_zarr_array_over_time_and_space(size_um):
    store = run(scenario=make_scenario(size_um)) / "fields.zarr"
    shape = tuple(round(side / 20) for side in reversed(size_um))
    oxygen = independent_zarr_v2(store, "oxygen")
    assert oxygen.shape == (3, *shape)
    assert oxygen.reshape(3, -1).max(axis=1) == pytest.approx([0.05, 0.08, 0.11])
    assert independent_zarr_v2(store, "time_h").tolist() == [0, 3, 6]
    assert independent_zarr_v2(store, "x_um").tolist() == [10, 30, 50, 70, 90]
    assert independent_zarr_v2(store, "vessel_position_um")[1].tolist() == [50, 60, 10]
    assert np.array_equal(read_chunk(store, "oxygen", 1)[0], oxygen[1])


def test_fields_carry_dimensions_units_and_consolidated_metadata():
    store = run() / "fields.zarr"
    metadata = json.loads((store / ".zmetadata").read_text())["metadata"]
    for key, content in metadata.items():
        assert json.loads((store / key).read_text()) == content
    assert metadata["oxygen/.zattrs"]["_ARRAY_DIMENSIONS"] == ["time_h", "y_um", "x_um"]
    assert metadata["oxygen/.zattrs"]["units"] == "mM"
    assert metadata["asparaginase/.zattrs"]["units"] == "IU/mL"


def test_a_snapshot_of_fields_that_does_not_fit_leaves_nothing(tmp_path, monkeypatch):
    store = FieldStore(tmp_path / "f.zarr", (1, 2, 2), 20.0, {"a": "mM", "b": "mM"})
    both = {name: np.ones((1, 2, 2)) for name in "ab"}
    store.append(0.0, both)
    (tmp_path / "f.zarr/b/1.0.0").mkdir()  # writing the second field's chunk fails here
    with pytest.raises(IsADirectoryError):
        store.append(1.0, {"a": both["a"], "b": both["b"]})
    assert not (tmp_path / "f.zarr/a/1.0.0").exists()
    assert store.times_h == [0.0]


def test_recording_changes_nothing_in_the_model():
    scenario = make_scenario()
    alone, recorded = FakeModel(scenario), FakeModel(scenario)
    for _ in range(alone.n_steps):
        alone.step()
    record_run(recorded, scenario, RunFolder("small", 3))
    assert recorded.observe() == alone.observe()
    for name, field in alone.fields.items():
        assert np.array_equal(recorded.fields[name].concentration_mM, field.concentration_mM)


def test_runs_are_numbered_and_never_overwritten():
    assert [run().name for _ in range(3)] == ["small-s3", "small-s3-2", "small-s3-3"]


def test_a_name_taken_while_the_run_was_going_on_is_left_alone(tmp_path):
    def take_name(recorder):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / "kept").touch()

    assert run(out="mine", after_step=take_name).name == "mine-2"
    assert names_in("mine") == ["kept"]


def test_two_processes_that_write_a_file_do_not_meet(tmp_path, monkeypatch):
    table = tmp_path / "table"
    with whole_file(table) as one:
        one.write_text("first")
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with whole_file(table) as other:
            other.write_text("second")
        assert (table.read_text(), one.read_text()) == ("second", "first")
    assert (table.read_text(), [path.name for path in tmp_path.iterdir()]) == ("first", ["table"])


def test_a_file_that_is_not_finished_leaves_the_earlier_one(tmp_path):
    table = tmp_path / "table"
    table.write_text("earlier")
    with pytest.raises(KeyboardInterrupt), whole_file(table) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert (table.read_text(), [path.name for path in tmp_path.iterdir()]) == ("earlier", ["table"])


def test_the_final_name_appears_only_when_all_is_there(tmp_path):
    def look(recorder):
        assert [p.name for p in (tmp_path / "runs").iterdir()] == [f".small-s3.partial-{os.getpid()}"]

    run(after_step=look)


def test_an_existing_folder_is_refused_and_untouched():
    path = run(out="mine")
    before = read_run_json(path)
    with pytest.raises(OutputError, match=r"mine exists, expected.*--force"):
        run(out="mine")
    assert read_run_json(path) == before
    assert names_in(".") == ["mine"]


def test_force_replaces_an_earlier_run_only_when_the_new_one_is_complete():
    path = run(out="mine")
    (path / "old").touch()
    assert run(out="mine", force=True, after_step=lambda recorder: (path / "old").stat()) == path
    assert not (path / "old").exists()
    assert names_in(".") == ["mine"]


def test_an_interrupted_run_never_replaces_a_complete_one():
    def interrupt(recorder):
        if len(recorder.rows) > 1:
            raise KeyboardInterrupt

    path = run(out="mine")
    before = read_run_json(path)
    with pytest.raises(KeyboardInterrupt):
        run(out="mine", force=True, after_step=interrupt)
    assert read_run_json(path) == before
    assert read_run_json(path.with_name("mine-2"))["finished"].startswith("interrupted")


def test_force_never_deletes_what_is_not_a_run(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    path = run(out="mine", force=True)
    assert (path / "run.json").exists()
    assert (tmp_path / "mine.replaced" / "thesis.tex").exists()


@pytest.mark.parametrize("out", [".", ".."])
def test_force_never_replaces_the_current_folder(out):
    with pytest.raises(OutputError, match="holds the current folder"):
        run(out=out, force=True)


def test_a_new_folder_that_cannot_be_renamed_leaves_the_old_one(monkeypatch):
    path = run(out="mine")
    before = read_run_json(path)
    folder = RunFolder("small", 3, out="mine", force=True)
    hidden = folder.path
    rename = type(hidden).rename

    def fails_once(self, target):
        if self == hidden:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(type(hidden), "rename", fails_once)
    with pytest.raises(OutputError, match="Input/output error"):
        folder.publish()
    assert read_run_json(path) == before


@pytest.mark.parametrize("between", [True, False])
def test_an_interrupted_run_can_be_read(between):
    def interrupt(recorder):
        if recorder.rows[-1]["time_h"] == 2.0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(**({"after_step": interrupt} if between else {"fail_at": {20: KeyboardInterrupt()}}))
    path = Path("runs/small-s3")
    assert read_run_json(path)["finished"] == "interrupted by the user at 2.0 h"
    assert pd.read_parquet(path / "timeseries.parquet")["time_h"].max() == 2.0
    assert pd.read_parquet(path / "cells.parquet")["time_h"].max() == 2.0
    assert len(pd.read_parquet(path / "events.parquet")) == 20
    assert independent_zarr_v2(path / "fields.zarr", "time_h").tolist() == ([0, 2] if between else [0])


def test_a_run_that_fails_is_recorded_up_to_there_and_the_error_goes_on():
    with pytest.raises(FloatingPointError, match="oxygen") as caught:
        run(fail_at={25: FloatingPointError("oxygen did not converge")})
    assert read_run_json(Path("runs/small-s3"))["finished"] == (
        "stopped by an error at 2.5 h: FloatingPointError: oxygen did not converge"
    )
    assert "recorded so far" in caught.value.__notes__[0]


def test_the_ledger_of_a_step_that_broke_off_is_that_of_the_last_observation():
    with pytest.raises(KeyboardInterrupt):
        run(out="mine", fail_at={25: KeyboardInterrupt()})
    ledger = json.loads(Path("mine/ledger.json").read_text())
    assert (ledger["time_h"], ledger["flows"]) == (2.0, {"vessels": 20.0})


def fill_disk_after(monkeypatch, n_calls):
    calls = []

    def require_space(folder, n_bytes):
        calls.append(n_bytes)
        if len(calls) > n_calls:
            raise OSError(errno.ENOSPC, "No space left on device")

    for module in (recorder_module, parquet_stream_module):
        monkeypatch.setattr(module, "require_space", require_space)


def test_on_a_disk_that_fills_up_all_earlier_snapshots_stay_readable(monkeypatch):
    fill_disk_after(monkeypatch, 3)  # cells and fields at 0 h, cells at 2 h
    path = Path("mine")
    with pytest.raises(OutputError, match=r"stopped at 3\.0 h: the disk is full.*could be kept is in .*mine"):
        run(out=path)
    assert "the disk is full" in read_run_json(path)["finished"]
    assert pd.read_parquet(path / "timeseries.parquet")["time_h"].max() == 3.0
    assert sorted(set(pd.read_parquet(path / "cells.parquet")["time_h"])) == [0, 2]
    assert independent_zarr_v2(path / "fields.zarr", "oxygen").shape[0] == 1


def test_a_table_cut_off_by_a_full_disk_is_deleted_and_the_rest_kept(monkeypatch):
    write = pq.ParquetWriter.write_table

    def full(self, table, **arguments):
        if table.num_rows > 40:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, table, **arguments)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OutputError, match="the disk is full"):
        run(out="mine")
    assert not Path("mine/cells.parquet").exists()
    assert pd.read_parquet("mine/timeseries.parquet")["time_h"].max() == 4.0


def test_a_part_that_cannot_be_written_at_the_end_is_named_and_removed(monkeypatch):
    def full(self):
        (self._folder.path / "timeseries.parquet").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recorder_module.Recorder, "_write_timeseries", full)
    with pytest.raises(OutputError, match=r"timeseries\.parquet: the disk is full"):
        run(out="mine")
    assert not Path("mine/timeseries.parquet").exists()
    assert "timeseries.parquet" in read_run_json(Path("mine"))["finished"]
    assert len(pd.read_parquet("mine/cells.parquet")) > 0


def test_nothing_is_left_where_not_even_run_json_fits(monkeypatch):
    folder = RunFolder("small", 3)

    def full(self, name, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunFolder, "write_text", full)
    scenario = make_scenario()
    with pytest.raises(OutputError, match="nothing could be kept of the run: the disk is full"):
        record_run(FakeModel(scenario), scenario, folder, n_steps=2)
    assert names_in("runs") == []


def test_a_full_disk_is_noticed_before_computing(monkeypatch):
    monkeypatch.setattr(
        run_folder_module.shutil, "disk_usage", lambda path: SimpleNamespace(total=10**9, free=10**5, used=0)
    )
    with pytest.raises(OutputError, match="the disk is full"):
        RunFolder("small", 3)
    assert names_in("runs") == []


@pytest.mark.parametrize(
    ("out", "why"),
    [("file/run", "is a file, not a folder"), ("file", "is a file"), ("a" * 300, "the name is too long")],
)
def test_a_place_that_cannot_be_written_is_refused_before_computing(tmp_path, out, why):
    (tmp_path / "file").write_text("text")
    with pytest.raises(OutputError, match=why):
        RunFolder("small", 3, out=out)
    assert names_in(".") == ["file"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind root")
def test_a_read_only_parent_is_refused_before_computing(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="no permission"):
        RunFolder("small", 3, out="locked/run")


@pytest.mark.parametrize(
    ("code", "why"), [(errno.EROFS, "read-only"), (errno.EACCES, "no permission"), (errno.ENOSPC, "the disk is full")]
)
def test_the_reason_of_a_refusal_is_said_in_plain_words(monkeypatch, code, why):
    def refuse(self, *arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match=why):
        RunFolder("small", 3, out="mine")


@pytest.mark.parametrize("size_um", [(20.0, 20.0), (100.0, 80.0, 60.0)])
def test_a_run_of_one_voxel_and_one_in_3d_have_a_picture_too(with_picture, size_um):
    assert (run(scenario=make_scenario(size_um)) / "summary.png").stat().st_size > 10_000


def test_an_interrupted_run_has_a_picture(with_picture):
    with pytest.raises(KeyboardInterrupt):
        run(fail_at={15: KeyboardInterrupt()})
    assert Path("runs/small-s3/summary.png").exists()


def test_a_fault_of_the_drawing_does_not_cost_the_data(monkeypatch):
    def fault(self):
        raise ZeroDivisionError

    monkeypatch.setattr(recorder_module.Recorder, "_draw_summary", fault)
    with pytest.raises(ZeroDivisionError):
        run(out="mine")
    assert len(pd.read_parquet("mine/timeseries.parquet")) == 7


def test_known_types_keep_their_colour_whatever_stands_beside_them():
    assert colours(["normal", "blast"])["blast"] == colours(["blast", "own", "other"])["blast"]
    assert len(set(colours(["blast", "own", "other", "stroma", "third"]).values())) == 5
