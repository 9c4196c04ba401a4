"""The same disc of cells in tumorabm, pyphysicell and plain Mesa, side by side in one run on this machine.

Run by hand: ``pip install -e '.[benchmark]'``, then ``python tests/benchmarks/against_pyphysicell.py [--cells N]
[--hours H] [--threads N ...]``. It prints a table with ratios; nothing is asserted, because times depend on the
machine. Each simulator runs in a process of its own and starts from the same positions. They do not do the same: see
the last column. What pyphysicell and plain Mesa leave out, they save.
"""

import argparse
import importlib.util
import time

from rich.console import Console
from rich.table import Table

from tumorabm.bench.process import in_fresh_process

WHAT_RUNS = {
    "tumorabm": "9 fields, 12 states a cell, cycle, forces, ledger",
    "pyphysicell": "4 fields, volume and cycle, forces",
    "plain Mesa": "1 field, growth and cycle, a push a minute",
}


def starting_tissue(cells: int):
    """Return the positions (n, 3) and the edge of the domain (µm) of tumorabm's disc, its cells pushed apart."""
    from tumorabm.bench.cases import Case, tissue
    from tumorabm.model import TumorModel

    model = TumorModel(tissue(Case("disc", 2, cells)))
    return model.population.block("position_um").copy(), float(model.box_um[0])


def tumorabm_hour(cells: int, hours: float, threads: int):
    """Return wall seconds a simulated hour, and bytes a cell."""
    from tumorabm.bench.cases import Case
    from tumorabm.bench.speed import measure_speed

    case = Case("disc", 2, cells, first_steps=round(10 * hours), skipped_steps=0, later_steps=1)
    speed = measure_speed(case, threads)
    return speed.first.wall_s_per_hour, speed.bytes_per_cell


def pyphysicell_hour(positions_um, side_um: float, hours: float):
    """As `tumorabm_hour`."""
    from pyphysicell_disc import simulation

    return timed(lambda: simulation(positions_um, side_um), lambda disc, min_: disc.run(until=disc.t + min_), hours)


def plain_mesa_hour(positions_um, side_um: float, hours: float):
    """As `tumorabm_hour`."""
    from plain_mesa_disc import STEP_MIN, Disc

    def advance(disc, min_):
        for _ in range(round(min_ / STEP_MIN)):
            disc.step()

    return timed(lambda: Disc(positions_um, side_um), advance, hours)


def timed(make, advance, hours: float):
    """Make a simulation, advance it untimed by one step of 6 min, then time ``hours``."""
    from tumorabm.bench.speed import peak_memory_mb

    before_mb = peak_memory_mb()
    simulation = make()
    advance(simulation, 6.0)
    start = time.perf_counter()
    advance(simulation, 60.0 * hours)
    wall_s = time.perf_counter() - start
    cells = len(simulation.agents) if hasattr(simulation, "agents") else simulation.cells.n
    return wall_s / hours, (peak_memory_mb() - before_mb) * 1e6 / cells


def side_by_side(cells: int, hours: float, threads: int) -> dict[str, tuple[float, float]]:
    """Return wall seconds a simulated hour and bytes a cell by simulator; plain Mesa knows one thread only."""
    tissue = in_fresh_process(starting_tissue, cells)
    environment = {"PHYSICELL_THREADS": str(threads)}
    measured = {
        "tumorabm": in_fresh_process(tumorabm_hour, cells, hours, threads),
        "pyphysicell": in_fresh_process(pyphysicell_hour, *tissue, hours, environment=environment),
    }
    if threads == 1:
        measured["plain Mesa"] = in_fresh_process(plain_mesa_hour, *tissue, hours)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--hours", type=float, default=1.0, help="simulated hours to time, a multiple of 0.1")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=2, help="times that all are run in turn; the fastest counts")
    chosen = parser.parse_args()
    if importlib.util.find_spec("pyphysicell") is None:
        print("skipped: pyphysicell is not installed; pip install -e '.[benchmark]'")
        return
    table = Table(title=f"{chosen.cells} cells in a disc, side by side", title_justify="left", show_edge=False)
    for heading in ("simulator", "threads", "wall s per simulated h", "ratio to tumorabm", "bytes a cell", "what runs"):
        table.add_column(heading, justify="left" if heading in ("simulator", "what runs") else "right")
    for threads in chosen.threads:
        rounds = [side_by_side(chosen.cells, chosen.hours, threads) for _ in range(chosen.rounds)]
        fastest = {name: min(measured[name] for measured in rounds) for name in rounds[0]}
        for name, (wall_s, n_bytes) in fastest.items():
            ratio = wall_s / fastest["tumorabm"][0]
            table.add_row(name, f"{threads}", f"{wall_s:.2f}", f"{ratio:.1f}", f"{n_bytes:.0f}", WHAT_RUNS[name])
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
