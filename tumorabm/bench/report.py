"""The results of a benchmark as tables and as JSON."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tumorabm.bench.elsewhere import OTHERS, PHYSICELL_ERROR, SOURCE, OtherSimulator
from tumorabm.bench.speed import Speed, Window
from tumorabm.bench.suite import Results


def to_json(results: Results) -> str:
    """Return the results, and the figures measured elsewhere under a key of their own, as a JSON document."""
    elsewhere = {
        "source": SOURCE,
        "simulators": [asdict(other) for other in OTHERS],
        "physicell_relative_error": PHYSICELL_ERROR,
    }
    return json.dumps({**asdict(results), "measured_elsewhere": elsewhere}, indent=2, allow_nan=False) + "\n"


def write_json(results: Results, path: Path) -> None:
    """Write `to_json` beside ``path`` and rename it, so that there is never half a file; may raise OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(to_json(results), encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def print_report(results: Results, console: Console) -> None:
    """Print all tables, and what failed."""
    made = results.made
    console.print(
        f"tumorabm {made['code_version']}, Python {made['python']}, numba {made['numba']}, "
        f"{made['processors']} processors, load {made['load']} at the start"
    )
    of_speed = (_speed_table, _stage_table, _memory_table, _elsewhere_table) if results.speed else ()
    for table in (*of_speed, _start_up_table, _accuracy_table):
        console.print()
        console.print(table(results))
    console.print(f"\nmeasured elsewhere: {SOURCE}")
    for failure in results.failures:
        console.print(f"not measured: {failure}")


def _table(title: str, left: tuple[str, ...], right: tuple[str, ...]) -> Table:
    """Return an empty table with columns of text, then columns of numbers."""
    table = Table(title=title, title_justify="left", show_edge=False)
    for heading in left:
        table.add_column(heading, overflow="fold")
    for heading in right:
        table.add_column(heading, justify="right", overflow="fold")
    return table


def _windows(speeds: list[Speed]) -> list[tuple[Speed, Window]]:
    return [(speed, window) for speed in speeds for window in (speed.first, speed.later)]


def _hours(window: Window) -> str:
    return f"{window.from_h:g}-{window.to_h:g}"


def _speed_table(results: Results) -> Table:
    table = _table(
        "speed, first hour and after the start-up transient",
        ("case",),
        (
            "threads",
            "cells",
            "voxels",
            "simulated h",
            "wall s per h",
            "h per wall s",
            "ns a cell and step",
            "cpu per wall",
        ),
    )
    for speed, window in _windows(results.speed):
        table.add_row(
            speed.case, f"{speed.threads}", f"{window.mean_cells:.0f}", f"{speed.voxels}", _hours(window),
            f"{window.wall_s_per_hour:.3g}", f"{window.hours_per_wall_s:.3g}", f"{window.ns_per_cell_step:.0f}",
            f"{window.cpu_per_wall:.2f}",
        )  # fmt: skip
    return table


def _stage_table(results: Results) -> Table:
    stages = list(results.speed[0].first.stages_ns_per_cell_step)
    table = _table("of it by stage: ns a cell and step", ("case",), ("threads", "simulated h", *stages))
    for speed, window in _windows(results.speed):
        spent = window.stages_ns_per_cell_step
        table.add_row(speed.case, f"{speed.threads}", _hours(window), *(f"{spent[stage]:.0f}" for stage in stages))
    return table


def _memory_table(results: Results) -> Table:
    table = _table(
        "fields and memory (updates: voxels of one substrate smoothed once, over all time in the fields)",
        ("case",),
        ("threads", "fields", "cycles a field and step", "updates per s", "start s", "bytes a cell", "peak MB"),
    )
    for speed in results.speed:
        table.add_row(
            speed.case, f"{speed.threads}", f"{speed.fields}", f"{speed.later.cycles_per_field_step:.1f}",
            f"{speed.later.voxel_updates_per_s:.2g}", f"{speed.founding_s:.1f}", _number(speed.bytes_per_cell),
            _number(speed.peak_mb),
        )  # fmt: skip
    return table


def _start_up_table(results: Results) -> Table:
    table = _table("from the start of the process to the end of the first step", ("cache",), ("s", "of it compiling s"))
    for start in results.start_up:
        table.add_row(start.cache, f"{start.wall_s:.1f}", f"{start.compile_s:.1f}")
    return table


def _accuracy_table(results: Results) -> Table:
    table = _table(
        "accuracy with Dirichlet faces: greatest relative error, %",
        ("case",),
        ("step min", "solver", "grid of 20 µm itself", "PhysiCell 1.14.2, measured elsewhere"),
    )
    for row in results.accuracy:
        table.add_row(
            row.meaning, f"{row.step_min:g}", f"{100.0 * row.solver_error:.2g}", f"{100.0 * row.grid_error:.2g}",
            f"{100.0 * PHYSICELL_ERROR[row.case]:.2g}",
        )  # fmt: skip
    return table


def _elsewhere_table(results: Results) -> Table:
    table = _table(
        "measured elsewhere, and its ratio to what this run measured (the slower of both lines of a case)",
        ("simulator", "case"),
        ("threads", "wall s per h", "ratio to here", "kB a cell at 100k", "ratio to here"),
    )
    measured = {(speed.case, speed.threads): speed for speed in results.speed}
    for other in OTHERS:
        for case, by_threads in other.wall_s_per_hour.items():
            for threads, wall_s in by_threads.items():
                speed = measured.get((case, threads))
                faster = f"{wall_s / _slower(speed):.0f}" if speed else "-"
                row = (other.name, case, f"{threads}", f"{wall_s:.0f}", faster)
                table.add_row(*row, *(_memory_ratio(other, speed) if case == "disc_100k" else ()))
    return table


def _memory_ratio(other: OtherSimulator, speed: Speed | None) -> tuple[str, str]:
    ratio = f"{other.bytes_per_cell / speed.bytes_per_cell:.1f}" if speed and speed.bytes_per_cell else "-"
    return f"{other.bytes_per_cell / 1000:.1f}", ratio


def _slower(speed: Speed) -> float:
    """Return the wall seconds per simulated hour of the slower of the two windows."""
    return max(speed.first.wall_s_per_hour, speed.later.wall_s_per_hour)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
