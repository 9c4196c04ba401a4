"""Running a model while recording it into a run folder. Recording reads the model and never changes it."""

from __future__ import annotations

import copy
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from tumorabm.kernels import compile_seconds
from tumorabm.output import provenance
from tumorabm.output.checkpoint_series import CheckpointSchedule, CheckpointSeries
from tumorabm.output.parquet_stream import ParquetStream, PartedStream
from tumorabm.output.run_folder import OutputError, RunFolder, fields_name, reason, remove, require_space
from tumorabm.output.zarr_store import FieldStore
from tumorabm.packing import packed, unpacked

_EVENTS_HELD = 100_000
CELLS_PER_ROW_GROUP = 100_000
RESULT_FILES = (
    "cells.parquet",
    "events.parquet",
    "timeseries.parquet",
    "ledger.json",
    "troughs.csv",
    "scenario.toml",
    "summary.png",
)
"""Files that are written when a run ends, besides run.json and the descriptions of the fields."""

_MIN_PER_H = 60.0


class Recorder:
    """What one run has recorded so far, and when each part is due next.

    Parameters
    ----------
    model
        A `tumorabm.TumorModel`, before its first step.
    scenario
        Its scenario.
    folder
        Where to write.
    n_steps
        Steps after which the run ends.
    checkpoints
        Where the run's checkpoints go; by default it keeps none.

    Attributes
    ----------
    rows
        The rows of timeseries.parquet of the primary site so far, as `TumorModel.observe` gives them.
    """

    def __init__(
        self, model, scenario, folder: RunFolder, n_steps: int, checkpoints: CheckpointSeries | None = None
    ) -> None:
        self.n_steps = n_steps
        self._rows = {name: [] for name in model.sites}
        self.rows: list[dict[str, float]] = self._rows[model.site_name]
        self._model = model
        self._scenario = scenario
        self._folder = folder
        self._checkpoints = checkpoints
        self._cells = self._table("cells.parquet")
        self._events = self._table("events.parquet")
        self._fields = {name: self._field_store(site) for name, site in model.sites.items()}
        self._last_tick = {"timeseries": -1, "cells": -1, "fields": -1}
        self._ledger: dict[str, object] = {}
        self._cells_max = 0
        self._recording_s = 0.0
        self._started, self._wall_before_s = folder.started.isoformat(timespec="seconds"), 0.0
        self._resumed_at_h: list[float] = []
        self._versions = provenance.versions()  # of the code as it was loaded, whatever happens to it meanwhile

    def record(self, *, everything: bool = False) -> None:
        """Record what is due at this step, or ``everything`` that was not yet recorded at it."""
        before = time.perf_counter()
        sites = self._model.sites
        self._cells_max = max(self._cells_max, sum(site.population.size for site in sites.values()))
        if self._is_due("timeseries", everything):
            blood = self._model.circulation
            in_blood = {"circulating_cells": blood.size} if blood else {}
            for name, site in sites.items():
                self._rows[name].append({"time_h": site.time_h, "site": name, **site.observe(), **in_blood})
            # a copy, because the account is balanced only by observing: flows go on in every step, pools do not
            self._ledger = copy.deepcopy({"time_h": self._model.time_h, **self._model.nitrogen_report()})
        if self._is_due("cells", everything):
            self._append_cells()
            self._folder.last_table_h = self._model.time_h
        if self._is_due("fields", everything):
            for name, site in sites.items():
                concentrations = {field: values.concentration_mM for field, values in site.fields.items()}
                require_space(self._folder.path, sum(values.nbytes for values in concentrations.values()))
                self._fields[name].append(site.time_h, concentrations)
        if self._model.events_held >= _EVENTS_HELD:
            self._events.append(self._model.drain_events())
        self._recording_s += time.perf_counter() - before

    def checkpoint_where_due(self) -> None:
        """Write a checkpoint if one is due."""
        if self._checkpoints and self._checkpoints.is_due(self._model.tick):
            self.checkpoint()

    def checkpoint(self) -> None:
        """Write a checkpoint of now, where the run keeps any and there is none of now yet.

        One that cannot be written, on a full disk say, is told once, and the run goes on.
        """
        if self._checkpoints is None:
            return
        before = time.perf_counter()
        model, series = self._model, self._checkpoints
        state = {
            "model": model.state(),
            "recorder": self._state(),
            "n_steps": self.n_steps,
            "checkpoints": series.state(),
        }
        if series.has_room(model.tick, state):
            self._cells.seal()
            self._events.seal()
            chunks = [path for store in self._fields.values() for path in store.chunks()]
            series.write(self._scenario, state, [*self._cells.parts, *self._events.parts, *chunks])
        self._recording_s += time.perf_counter() - before

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where the recorder of the same run stood at a checkpoint; what came after it is gone."""
        for name, table in state["rows"].items():
            columns = unpacked(table)
            self._rows[name] += [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for name, times_h in state["field_times_h"].items():
            self._fields[name].times_h = list(times_h)
        self._last_tick, self._ledger = dict(state["last_tick"]), state["ledger"]
        self._cells_max, self._recording_s = state["cells_max"], state["recording_s"]
        self._folder.last_table_h = state["last_table_h"]
        self._started, self._wall_before_s = state["started"], state["wall_s"]
        self._resumed_at_h = [*state["resumed_at_h"], self._model.time_h]

    def close(self, finished: bool | str, *, last_state: bool = True) -> Path:
        """Write all that remains, give the folder its final name and return that.

        Parameters
        ----------
        finished
            What run.json says: True, or in words why the run ended early.
        last_state
            Record the model's state first. Not possible where a step broke off in the middle.

        Raises
        ------
        OutputError
            Some files could not be written; what could be kept is in the folder, and run.json names the missing ones.
        """
        failed: dict[str, str] = {}

        def attempt(name: str, write: Callable[[], object]) -> None:
            try:
                write()
            except (OSError, UnicodeError) as error:
                failed[name] = reason(error) if isinstance(error, OSError) else str(error)
                remove(self._folder.path / name)

        if last_state:
            attempt("the last state", lambda: self.record(everything=True))
        attempt("the last events", lambda: self._events.append(self._model.drain_events()))
        attempt("cells.parquet", self._cells.close)
        attempt("events.parquet", self._events.close)
        attempt("timeseries.parquet", self._write_timeseries)
        for name, site in self._model.sites.items():
            attempt(fields_name(name), partial(self._close_fields, name, site))
        attempt("ledger.json", lambda: self._folder.write_json("ledger.json", self._ledger))
        attempt("troughs.csv", self._write_troughs)
        attempt("scenario.toml", lambda: self._folder.write_text("scenario.toml", self._scenario.to_toml()))
        try:
            if not failed and self._fields[self._model.site_name].times_h and self._cells.path.exists():
                attempt("summary.png", self._draw_summary)
        finally:  # a fault of the drawing must not cost the data
            if failed:
                missing = "; ".join(f"{name}: {why}" for name, why in failed.items())
                finished = (
                    f"{'complete' if finished is True else finished}, but not everything could be written: {missing}"
                )
            try:
                path = self._publish(finished)
            finally:
                if self._checkpoints:
                    self._checkpoints.end(complete=finished is True and self._folder.published is not None)
        if failed:
            raise OutputError(f"{finished} (what could be kept is in {path})")
        return path

    def _state(self) -> dict[str, Any]:
        """Return what `restore` goes on from."""
        return {
            "rows": {name: packed(_columns(rows)) for name, rows in self._rows.items()},
            "field_times_h": {name: store.times_h for name, store in self._fields.items()},
            "last_tick": self._last_tick,
            "ledger": self._ledger,
            "cells_max": self._cells_max,
            "recording_s": self._recording_s,
            "last_table_h": self._folder.last_table_h,
            "started": self._started,
            "wall_s": self._wall_s,
            "resumed_at_h": self._resumed_at_h,
        }

    def _table(self, name: str) -> ParquetStream | PartedStream:
        path = self._folder.path / name
        return ParquetStream(path) if self._checkpoints is None else PartedStream(path, self._checkpoints.parts)

    @property
    def _wall_s(self) -> float:
        """Wall seconds of the run so far, without the time between processes."""
        return self._wall_before_s + (datetime.now(UTC) - self._folder.started).total_seconds()

    def _append_cells(self) -> None:
        """Write all cells, a part at a time: the whole table would need more memory than a step of the model."""
        others = (site for site in self._model.other_sites.values() if site.population.size)
        for site in (self._model, *others):
            for start in range(0, max(site.population.size, 1), CELLS_PER_ROW_GROUP):
                part = site.cell_columns(slice(start, start + CELLS_PER_ROW_GROUP))
                n = len(part["uid"])
                where = np.full(n, site.site_name, dtype=object)
                self._cells.append({"time_h": np.full(n, site.time_h), "site": where, **part})
        pa.default_memory_pool().release_unused()

    def _is_due(self, part: str, everything: bool) -> bool:
        tick = self._model.tick
        every_h = getattr(self._scenario.output, f"{part}_every_h")
        every = max(round(every_h * _MIN_PER_H / self._model.step_min), 1)
        if tick == self._last_tick[part] or not (everything or tick % every == 0):
            return False
        self._last_tick[part] = tick
        return True

    def _write_timeseries(self) -> None:
        rows = [row for at_one_time in zip(*self._rows.values(), strict=True) for row in at_one_time]
        pq.write_table(pa.table(_columns(rows)), self._folder.path / "timeseries.parquet", compression="zstd")

    def _write_troughs(self) -> None:
        """Write the table of what each dose of asparaginase did in plasma, where there was one."""
        if columns := self._model.plasma.troughs.table():
            pacsv.write_csv(pa.table(columns), self._folder.path / "troughs.csv")

    def _field_store(self, site) -> FieldStore:
        units = {name: "IU/mL" if name == "asparaginase" else "mM" for name in site.fields}
        shape = next(iter(site.fields.values())).concentration_mM.shape
        return FieldStore(self._folder.path / fields_name(site.site_name), shape, site.grid.voxel_um, units)

    def _close_fields(self, name: str, site) -> None:
        self._fields[name].close(np.asarray(site.vessel_positions_um, dtype=np.float64).reshape(-1, 3))

    def _draw_summary(self) -> None:
        from tumorabm.output.summary_plot import draw_summary  # matplotlib is slow to import

        draw_summary(self._folder.path)

    def _publish(self, finished: bool | str) -> Path:
        try:
            self._folder.write_json("run.json", self._provenance(finished))
        except OSError as error:
            self._folder.discard()
            kept = f"nothing but checkpoints could be kept of the run, in {self._folder.path}"
            raise OutputError(
                f"{kept}: {reason(error)}"
                if self._folder.kept
                else f"nothing could be kept of the run: {reason(error)} ({self._folder.path.parent})"
            ) from error
        return self._folder.publish(complete=finished is True)

    def _provenance(self, finished: bool | str) -> dict[str, object]:
        return {
            "scenario": self._scenario.name,
            "seed": self._scenario.seed,
            "threads": self._model.threads.count,
            **self._versions,
            "started": self._started,
            "wall_s": self._wall_s,
            "compile_s": compile_seconds(),
            "simulated_hours": self._model.time_h,
            "steps": self._model.tick,
            "cells_max": self._cells_max,
            "peak_rss_mb": provenance.peak_rss_mb(),
            "stages_s": {**self._model.stages_s, "recording": self._recording_s},
            "finished": finished,
            "host": provenance.host(),
            **({"resumed_at_h": self._resumed_at_h} if self._resumed_at_h else {}),
        }


def _tell(message: str) -> None:
    print(message, file=sys.stderr)


def record_run(
    model,
    scenario,
    folder: RunFolder,
    *,
    n_steps: int | None = None,
    after_step: Callable[[Recorder], object] = lambda recorder: None,
    checkpoints: CheckpointSchedule | None = None,
    tell: Callable[[str], object] = _tell,
) -> Path:
    """Run a model to its end and record it.

    However the run ends (Ctrl-C and faults too), what was recorded so far is completed and published, and run.json says
    under ``finished`` how it ended; the exception then goes on to the caller.

    Parameters
    ----------
    model
        A `tumorabm.TumorModel`, before its first step.
    scenario
        Its `tumorabm.scenario.Scenario`.
    folder
        Where to write.
    n_steps
        Stop after this many steps; by default at the end of the scenario.
    after_step
        Called with the recorder before the first step and after each one, for a progress bar, say.
    checkpoints
        When to write checkpoints, from which `tumorabm.output.resume` goes on; by default none is written.
    tell
        Called with one message where a checkpoint cannot be written.

    Returns
    -------
    pathlib.Path
        The run folder under its final name.

    Raises
    ------
    OutputError
        Something could not be written, because the disk is full, say.
    ValueError
        Checkpoints are asked for, and ordinary Mesa agents are in the model, what they hold is not known.
    """
    n_steps = model.n_steps if n_steps is None else n_steps
    if checkpoints is not None:
        model.state()  # refused here, before anything is recorded
    try:
        series = None if checkpoints is None else CheckpointSeries(folder, checkpoints, tell)
        recorder = Recorder(model, scenario, folder, n_steps, series)
    except OSError as error:
        raise OutputError(f"cannot write the run folder: {reason(error)}") from error
    return complete_run(recorder, model, folder, after_step)


def complete_run(
    recorder: Recorder, model, folder: RunFolder, after_step: Callable[[Recorder], object] = lambda recorder: None
) -> Path:
    """Run a model to its end with a recorder that was made for it, or restored; see `record_run`."""
    between_steps = True
    try:
        recorder.record()
        recorder.checkpoint_where_due()
        after_step(recorder)
        while model.running and model.tick < recorder.n_steps:
            between_steps = False
            model.step()
            between_steps = True
            recorder.record()
            recorder.checkpoint_where_due()
            after_step(recorder)
    except OSError as error:
        why = f"stopped at {model.time_h:.1f} h: {reason(error)}"
        with _uninterrupted():
            path = recorder.close(why, last_state=False)
        raise OutputError(f"the run {why}; what was recorded so far is in {path}") from error
    except BaseException as error:
        with _uninterrupted():
            path = recorder.close(_describe_end(error, model.time_h), last_state=between_steps)
        error.add_note(f"what was recorded so far is in {path}{last_table(folder)}")
        raise
    with _uninterrupted():
        return recorder.close(True)


def last_table(folder: RunFolder) -> str:
    """Return the part of a message that tells the time of the last table of all cells; empty where there is none."""
    if folder.last_table_h is None:
        return ""
    return f"; the last table of all cells is that of {folder.last_table_h:g} h"


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C while what was recorded is completed: a second of patience against the loss of a run."""
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread only
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _describe_end(error: BaseException, time_h: float) -> str:
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted by the user at {time_h:.1f} h"
    return f"stopped by an error at {time_h:.1f} h: {type(error).__name__}: {error}"


def _columns(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
