"""One benchmark from end to end: which measurements are made, in which order, and what is kept of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tumorabm.bench.accuracy import Accuracy, measure_accuracy
from tumorabm.bench.cases import Case
from tumorabm.bench.process import ProcessKilledError, in_fresh_process
from tumorabm.bench.speed import Speed, measure_speed
from tumorabm.bench.startup import StartUp, measure_start_up
from tumorabm.output.provenance import host, versions


@dataclass
class Results:
    """What one run of the benchmark measured.

    Parameters
    ----------
    made
        Time, versions, host, and load of the machine at the start (runnable processes, mean of a minute).
    accuracy, start_up, speed
        See `Accuracy`, `StartUp`, `Speed`.
    failures
        One line for each measurement that could not be made.
    """

    made: dict[str, object]
    accuracy: list[Accuracy] = field(default_factory=list)
    start_up: list[StartUp] = field(default_factory=list)
    speed: list[Speed] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def run_suite(cases: Sequence[Case], threads: Sequence[int], cold_start: bool, tell: Callable[[str], None]) -> Results:
    """Measure accuracy, start-up, and the speed of each case on each number of threads, each in a process of its own.

    Parameters
    ----------
    cases
        Tissues, in the order in which they are run.
    threads
        Numbers of threads.
    cold_start
        Whether to time also a start with nothing compiled.
    tell
        Called with a line of text before each measurement.
    """
    results = Results(
        made={"at": datetime.now(UTC).isoformat(timespec="seconds"), **versions(), **host(), "load": _load()}
    )
    tell("accuracy")
    results.accuracy = in_fresh_process(measure_accuracy)
    tell("start-up")
    results.start_up = measure_start_up(cold_start)
    for case in cases:
        for count in threads:
            what = f"{case.name} on {count} thread{'s' * (count > 1)}"
            tell(what)
            try:
                results.speed.append(in_fresh_process(measure_speed, case, count))
            except (ProcessKilledError, FloatingPointError) as error:
                results.failures.append(f"{what}: {error}")
            except MemoryError:
                results.failures.append(f"{what}: not enough memory")
    return results


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
