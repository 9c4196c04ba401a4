"""Wall time of a 6-minute step and memory a cell, for 100,000 cells in 2-D with the whole biology and nine fields.

Run by hand: ``python tests/benchmarks/hundred_thousand_cells.py [--cells N] [--steps N] [--threads N]``. It prints a
table; nothing is asserted, because times depend on the machine.
"""

import argparse
import resource
import sys
import time

from tumorabm import TumorModel
from tumorabm.scenario import scenario_from_dict


def scenario(cells: int):
    """A disc of tumour cells at the density of 100,000 on a disc of 6.6 mm, oxygen 38 mmHg and nutrients on the rim."""
    side_um = 20.0 * round(8000.0 * (cells / 100_000) ** 0.5 / 20.0)
    rim = {
        "oxygen": {"faces": [{"face": "all", "concentration_mmHg": 38.0}]},
        **{
            name: {"faces": [{"face": "all", "concentration_uM": value}]}
            for name, value in {
                "glucose": 5000.0, "glutamine": 600.0, "asparagine": 50.0, "aspartate": 10.0, "glutamate": 50.0,
                "ammonia": 30.0, "exchange_amino_acids": 300.0,
            }.items()
        },
    }  # fmt: skip
    placement = {"shape": "disc", "center_um": [side_um / 2, side_um / 2], "radius_um": 0.41 * side_um}
    return scenario_from_dict(
        {
            "name": "benchmark_disc",
            "hours": 24.0,
            "domain": {"size_um": [side_um, side_um]},
            "fields": rim,
            "cells": {"tumour": {"type": "solid_tumour", "count": cells, "placement": placement}},
        }
    )


def resident_mb() -> float:
    """Largest resident memory so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0 if sys.platform != "darwin" else 1024.0**2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    TumorModel(scenario(2000), threads=chosen.threads).run(hours=0.2)  # compile
    before_mb = resident_mb()
    model = TumorModel(scenario(chosen.cells), threads=chosen.threads)
    model.step()
    model.stages_s.clear()
    start = time.perf_counter()
    for _ in range(chosen.steps):
        model.step()
    per_step_s = (time.perf_counter() - start) / chosen.steps
    n = model.population.size
    print(f"{n} cells, {model.grid.n_voxels} voxels, {len(model.fields)} fields, {chosen.threads} thread(s)")
    print(f"{per_step_s:.3f} s a step of {model.step_min:g} min, {1e9 * per_step_s / n:.0f} ns a cell and step")
    for stage, seconds in model.stages_s.items():
        print(f"  {stage:14s} {seconds / chosen.steps:8.3f} s {1e9 * seconds / chosen.steps / n:8.0f} ns a cell")
    print(f"{(resident_mb() - before_mb) * 1024.0**2 / n:.0f} bytes a cell all in (growth of resident memory)")


if __name__ == "__main__":
    main()
