"""Time and memory of one tissue, measured in the process that calls."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tumorabm.bench.cases import Case, tissue
from tumorabm.memory import give_back_large_arrays
from tumorabm.model import TumorModel
from tumorabm.output.provenance import peak_rss_mb

SMOOTHINGS_PER_CYCLE = 4
"""Times that a multigrid cycle of the solver smooths each voxel of the finest grid: twice down, twice up."""

_NS_PER_S = 1e9


@dataclass(frozen=True)
class Window:
    """What was measured over consecutive steps.

    Parameters
    ----------
    from_h, to_h
        Simulated time at its start and end, h.
    steps
        Number of steps.
    mean_cells
        Cells and bodies, mean over the steps.
    wall_s
        Wall time of all steps, s.
    cpu_per_wall
        Processor time of all threads over wall time: below 1 where other programs took the processors.
    wall_s_per_hour, hours_per_wall_s
        Wall seconds per simulated hour, and simulated hours per wall second.
    ns_per_cell_step
        Wall time a cell and step, ns.
    stages_ns_per_cell_step
        The same of each part of the step, by the names of ``TumorModel.stages_s``. What is missing to the whole is
        spent between the parts.
    voxel_updates_per_s
        Smoothing updates of one voxel of one substrate a second of the stage ``fields``: cycles of the solver, times
        voxels of the finest grid, times `SMOOTHINGS_PER_CYCLE`. The stage's other work (coarse grids, residuals,
        Jacobian, error control, exchange with cells) counts in the time and not in the updates, so a smoothing pass by
        itself is faster than this.
    cycles_per_field_step
        Cycles that a field needs in a step, mean over fields and steps.
    """

    from_h: float
    to_h: float
    steps: int
    mean_cells: float
    wall_s: float
    cpu_per_wall: float
    wall_s_per_hour: float
    hours_per_wall_s: float
    ns_per_cell_step: float
    stages_ns_per_cell_step: dict[str, float]
    voxel_updates_per_s: float
    cycles_per_field_step: float


@dataclass(frozen=True)
class Speed:
    """What was measured of one case on one number of threads.

    Parameters
    ----------
    case, ndim, threads
        Name of the case, its dimensions, and the threads.
    cells, live_cells, voxels, fields
        Cells and bodies at the end, those alive, voxels, and number of fields.
    founding_s
        Wall time of `TumorModel.__init__`: placing the cells, pushing them apart, fields to their steady state.
    first, later
        The first steps, and steps after fields and cells have settled.
    bytes_per_cell
        Growth of the process's peak memory since before the model was made, over ``cells``: columns, fields, solver and
        everything else that a run needs but the interpreter and its libraries. None where the peak cannot be read.
    peak_mb
        Peak memory of the process, MB (1e6 bytes).
    """

    case: str
    ndim: int
    threads: int
    cells: int
    live_cells: int
    voxels: int
    fields: int
    founding_s: float
    first: Window
    later: Window
    bytes_per_cell: float | None
    peak_mb: float | None


def measure_speed(case: Case, threads: int) -> Speed:
    """Run a case and return what it took. Compiled code is loaded before, by a small tissue of the same kind."""
    give_back_large_arrays()  # as `tumorabm run` does
    TumorModel(tissue(Case("warm_up", case.ndim, 500)), threads=threads).run(hours=0.2)
    before_mb = peak_memory_mb()
    start = time.perf_counter()
    model = TumorModel(tissue(case), threads=threads)
    founding_s = time.perf_counter() - start
    cycles = _count_cycles(model)
    first = _time_steps(model, case.first_steps, cycles)
    for _ in range(case.skipped_steps):
        model.step()
    later = _time_steps(model, case.later_steps, cycles)
    peak_mb, n = peak_memory_mb(), model.population.size
    return Speed(
        case=case.name,
        ndim=case.ndim,
        threads=threads,
        cells=n,
        live_cells=round(sum(value for name, value in model.observe().items() if name.startswith("live_"))),
        voxels=model.grid.n_voxels,
        fields=len(model.fields),
        founding_s=founding_s,
        first=first,
        later=later,
        bytes_per_cell=None if peak_mb is None or before_mb is None else (peak_mb - before_mb) * 1e6 / n,
        peak_mb=peak_mb,
    )


def peak_memory_mb() -> float | None:
    """Return the largest resident memory of this process so far, MB.

    On Linux it is read from ``/proc``, because the figure of ``getrusage`` includes there the parent's at the start.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return peak_rss_mb()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def _count_cycles(model: TumorModel) -> list[int]:
    """Let every field note the cycles of each of its steps in the list that is returned."""
    cycles: list[int] = []
    for field in model.fields.values():

        def advance(*arguments, _advance=field.advance, **terms):
            exchange = _advance(*arguments, **terms)
            cycles.append(exchange.cycles)
            return exchange

        field.advance = advance
    return cycles


def _time_steps(model: TumorModel, steps: int, cycles: list[int]) -> Window:
    cycles.clear()
    model.stages_s.clear()
    from_h, cell_steps, wall_s, cpu_s = model.time_h, 0, 0.0, 0.0
    for _ in range(steps):
        cell_steps += model.population.size
        start, cpu_start = time.perf_counter(), time.process_time()
        model.step()
        cpu_s += time.process_time() - cpu_start
        wall_s += time.perf_counter() - start
    hours = model.time_h - from_h
    updates = sum(cycles) * model.grid.n_voxels * SMOOTHINGS_PER_CYCLE
    return Window(
        from_h=from_h,
        to_h=model.time_h,
        steps=steps,
        mean_cells=cell_steps / steps,
        wall_s=wall_s,
        cpu_per_wall=cpu_s / wall_s,
        wall_s_per_hour=wall_s / hours,
        hours_per_wall_s=hours / wall_s,
        ns_per_cell_step=_NS_PER_S * wall_s / cell_steps,
        stages_ns_per_cell_step={name: _NS_PER_S * s / cell_steps for name, s in model.stages_s.items()},
        voxel_updates_per_s=updates / model.stages_s["fields"],
        cycles_per_field_step=sum(cycles) / len(cycles),
    )
