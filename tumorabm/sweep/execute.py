"""One run of a sweep, in this process: from its line in the plan to its result."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence

import pyarrow as pa

from tumorabm.model import TumorModel
from tumorabm.output.readouts import observe_sites
from tumorabm.sweep.plan import Plan, PlannedRun, readouts_of, scenario_of
from tumorabm.sweep.result import DONE, Result, failed
from tumorabm.sweep.schema import Readout

_Row = dict[str, float]
_REDUCTIONS = {"min": min, "max": max, "mean": lambda values: math.fsum(values) / len(values)}


class AbandonedError(Exception):
    """A run was given up between two steps."""


def execute(plan: Plan, run: PlannedRun, between_steps: Callable[[], object] = lambda: None) -> Result:
    """Run one planned run on one thread; what goes wrong in it becomes a failed result.

    Parameters
    ----------
    plan, run
        The plan and one of its runs.
    between_steps
        Called before each step; may raise `AbandonedError`.

    Raises
    ------
    AbandonedError
        Raised by ``between_steps``.
    """
    began_s = time.perf_counter()
    try:
        rows, kept = _simulate(plan, run, between_steps)
    except AbandonedError:
        raise
    except Exception as error:
        return failed(run.run_id, "; ".join(filter(None, (type(error).__name__, str(error)))), _since(began_s))
    wall_s = _since(began_s)
    readouts = {readout.name: read_off(readout, rows) for readout in readouts_of(plan.sweep, rows[0])}
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return Result(run.run_id, DONE, None, wall_s, time.time(), digest, readouts, _to_arrow(kept))


def read_off(readout: Readout, rows: Sequence[_Row]) -> float | None:
    """Return a readout of a time series; None where it has no such column or time, NaN where it has no values."""
    if readout.column not in rows[0]:
        return None
    if readout.at_h is not None:
        values = [row[readout.column] for row in rows if math.isclose(row["time_h"], readout.at_h, abs_tol=1e-9)]
        return float(values[0]) if values else None
    if readout.take in (None, "last"):
        return float(rows[-1][readout.column])
    values = [row[readout.column] for row in rows if not math.isnan(row[readout.column])]
    return float(_REDUCTIONS[readout.take](values)) if values else math.nan


def _simulate(plan: Plan, run: PlannedRun, between_steps: Callable[[], object]) -> tuple[list[_Row], list[_Row]]:
    """Return all rows of the time series, and those to be kept."""
    scenario, n_steps = scenario_of(plan, run)
    model = TumorModel(scenario, threads=1)
    every = _ticks(scenario.output.timeseries_every_h, model)
    keep_every = every if plan.sweep.keep_every_h is None else _ticks(plan.sweep.keep_every_h, model)
    rows, kept = [], []
    while True:
        last = model.tick == n_steps
        if last or model.tick % every == 0:
            rows.append(observe_sites(model))
            if last or model.tick % keep_every == 0:
                kept.append(rows[-1])
        if last:
            return rows, kept
        between_steps()
        model.step()


def _ticks(hours: float, model: TumorModel) -> int:
    return max(round(hours * 60.0 / model.step_min), 1)


def _to_arrow(rows: Sequence[_Row]) -> bytes:
    batch = pa.RecordBatch.from_pydict({name: [row[name] for row in rows] for name in rows[0]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _since(began_s: float) -> float:
    return time.perf_counter() - began_s
