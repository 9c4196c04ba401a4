"""Running a model while recording it into a run folder. Recording reads the model and never changes it."""

from __future__ import annotations

import copy
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from tumorabm.kernels import compile_seconds
from tumorabm.output import provenance
from tumorabm.output.run_folder import OutputError, RunFolder, fields_name, reason, require_space
from tumorabm.output.zarr_store import FieldStore

_EVENTS_HELD = 100_000
CELLS_PER_ROW_GROUP = 100_000
_MIN_PER_H = 60.0


class ParquetStream:
    """A Parquet file that grows by one row group a call (zstd; text columns as dictionaries).

    The first row group fixes columns and types. A file that cannot be written further is deleted.

    Parameters
    ----------
    path
        File to be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: pq.ParquetWriter | None = None

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        """Write equally long columns as one row group; OSError where the disk has no room for them."""
        table = pa.table({name: _to_arrow(values) for name, values in columns.items()})
        require_space(self.path.parent, table.nbytes)
        try:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd")
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        except OSError:
            self._writer = None
            self.path.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Write the file's end, without which it cannot be read."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.close()


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

    Attributes
    ----------
    rows
        The rows of timeseries.parquet of the primary site so far, as `TumorModel.observe` gives them.
    """

    def __init__(self, model, scenario, folder: RunFolder) -> None:
        self._rows = {name: [] for name in model.sites}
        self.rows: list[dict[str, float]] = self._rows[model.site_name]
        self._model = model
        self._scenario = scenario
        self._folder = folder
        self._cells = ParquetStream(folder.path / "cells.parquet")
        self._events = ParquetStream(folder.path / "events.parquet")
        self._fields = {name: self._field_store(site) for name, site in model.sites.items()}
        self._last_tick = {"timeseries": -1, "cells": -1, "fields": -1}
        self._ledger: dict[str, object] = {}
        self._cells_max = 0
        self._recording_s = 0.0
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
                _remove(self._folder.path / name)

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
            path = self._publish(finished)
        if failed:
            raise OutputError(f"{finished} (what could be kept is in {path})")
        return path

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
        columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
        pq.write_table(pa.table(columns), self._folder.path / "timeseries.parquet", compression="zstd")

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
            raise OutputError(
                f"nothing could be kept of the run: {reason(error)} ({self._folder.path.parent})"
            ) from error
        return self._folder.publish(complete=finished is True)

    def _provenance(self, finished: bool | str) -> dict[str, object]:
        return {
            "scenario": self._scenario.name,
            "seed": self._scenario.seed,
            "threads": self._model.threads.count,
            **self._versions,
            "started": self._folder.started.isoformat(timespec="seconds"),
            "wall_s": (datetime.now(UTC) - self._folder.started).total_seconds(),
            "compile_s": compile_seconds(),
            "simulated_hours": self._model.time_h,
            "steps": self._model.tick,
            "cells_max": self._cells_max,
            "peak_rss_mb": provenance.peak_rss_mb(),
            "stages_s": {**self._model.stages_s, "recording": self._recording_s},
            "finished": finished,
            "host": provenance.host(),
        }


def record_run(
    model,
    scenario,
    folder: RunFolder,
    *,
    n_steps: int | None = None,
    after_step: Callable[[Recorder], object] = lambda recorder: None,
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

    Returns
    -------
    pathlib.Path
        The run folder under its final name.

    Raises
    ------
    OutputError
        Something could not be written, because the disk is full, say.
    """
    n_steps = model.n_steps if n_steps is None else n_steps
    try:
        recorder = Recorder(model, scenario, folder)
    except OSError as error:
        raise OutputError(f"cannot write the run folder: {reason(error)}") from error
    between_steps = True
    try:
        recorder.record()
        after_step(recorder)
        while model.running and model.tick < n_steps:
            between_steps = False
            model.step()
            between_steps = True
            recorder.record()
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


def _to_arrow(values: np.ndarray) -> pa.Array:
    if values.dtype.kind in "OU":  # an empty column of text would not tell its type
        return pa.array(values, type=pa.string()).dictionary_encode()
    return pa.array(values)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
