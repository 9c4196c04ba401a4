"""What a sweep takes beside its runs: wall time a run, memory of the process, files. Asserts nothing.

python tests/benchmarks/sweep_overhead.py [RUNS]
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from tumorabm.sweep.collect import results_of, write_tables
from tumorabm.sweep.plan import read_plan, write_plan
from tumorabm.sweep.store import read_store
from tumorabm.sweep.task import run_task

SCENARIO = """
hours = 0.1
[domain]
size_um = [40.0, 40.0]
[cells.cell]
type = "clock_cell"
count = 1
[cells.cell.clock]
[output]
timeseries_every_h = 0.1
"""
SWEEP = """
scenario = "base.toml"
seeds = {runs}
[design]
kind = "grid"
[design.parameters]
"cells.cell.count" = [1]
"""
TIMED_FROM = 100  # runs before are warming up
REPORTS = 10


def resident_mb() -> float:
    """Return the memory that this process holds now, MB (its peak where the system does not tell)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main(n_runs: int) -> None:
    """Plan, run as one task in this process, and collect; print what each took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "base.toml").write_text(SCENARIO)
        (folder / "sweep.toml").write_text(SWEEP.format(runs=n_runs))
        began_s = time.perf_counter()
        runs = write_plan(folder / "sweep.toml", folder / "out")
        print(f"plan: {1e3 * (time.perf_counter() - began_s) / n_runs:.2f} ms a run", flush=True)
        plan = read_plan(folder / "out")
        state = {"done": 0, "compute_s": 0.0, "began_s": 0.0, "cpu_s": 0.0}

        def ended(result) -> None:
            state["done"] += 1
            if state["done"] == TIMED_FROM:
                state["began_s"], state["cpu_s"] = time.perf_counter(), time.process_time()
            elif state["done"] > TIMED_FROM:
                state["compute_s"] += result.wall_s
            if state["done"] % (n_runs // REPORTS) == 0:
                print(f"{state['done']} runs: {resident_mb():.0f} MB", flush=True)

        run_task(plan, [run.run_id for run in runs], ended)
        wall_s, cpu_s = time.perf_counter() - state["began_s"], time.process_time() - state["cpu_s"]
        timed = n_runs - TIMED_FROM
        print(f"runs: {1e3 * state['compute_s'] / timed:.2f} ms a run, {1e3 * cpu_s / timed:.2f} ms of processor time")
        print(f"beside them: {1e3 * (wall_s - state['compute_s']) / timed:.2f} ms a run")
        began_s = time.perf_counter()
        contents = read_store(plan.parts)
        write_tables(plan, contents, results_of(plan, contents))
        print(f"collect: {1e3 * (time.perf_counter() - began_s) / n_runs:.2f} ms a run")
        print(f"files: {len(contents.parts)} parts of {n_runs} runs")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
