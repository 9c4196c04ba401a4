"""The memory that a scenario is said to need at least: measured in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tumorabm.memory import needed_bytes
from tumorabm.scenario import scenario_from_dict

MEASURE = """
import gc, json, sys
from pathlib import Path
from tumorabm import TumorModel
from tumorabm.memory import give_back_large_arrays
from tumorabm.scenario import scenario_from_dict

def kilobytes(key):
    return int(Path("/proc/self/status").read_text().split(key)[1].split()[0])

small, large = json.loads(sys.argv[1])
TumorModel(scenario_from_dict(small), threads=1).step()  # brings the kernels into memory
give_back_large_arrays()
gc.collect()
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
before = kilobytes("VmRSS:")
TumorModel(scenario_from_dict(large), threads=1).step()
print(1024 * (kilobytes("VmHWM:") - before))
"""
CLOCK = {"type": "clock_cell", "clock": {"g1_h": 5.0, "s_h": 5.0, "g2_h": 2.0, "m_h": 1.0}}


def scenario(size_um: list[float], count: int, cells: dict[str, object], **sections: object) -> dict[str, object]:
    domain = {"size_um": size_um}
    return {"hours": 1.0, "domain": domain, "cells": {"some": {**cells, "count": count}}, **sections}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak since a moment")
@pytest.mark.parametrize(
    ("size_um", "count", "cells", "sections"),
    [
        ([12_000.0, 12_000.0], 10, {"type": "all_blast"}, {"vessels": {"density_per_mm2": 60.0}}),
        ([12_000.0, 12_000.0], 10, {"type": "all_blast"}, {"medium": {}}),
        ([1_200.0, 1_200.0, 1_400.0], 10, {"type": "all_blast"}, {"vessels": {"density_per_mm3": 600.0}}),
        ([3_000.0, 3_000.0], 80_000, {"type": "all_blast"}, {"vessels": {"density_per_mm2": 60.0}}),
        ([16_000.0, 16_000.0], 10, CLOCK, {"vessels": {"density_per_mm2": 60.0}}),
    ],
    ids=["voxels in 2-D", "voxels in medium", "voxels in 3-D", "cells", "voxels of clock cells"],
)
@pytest.mark.one_version
def test_the_least_memory_is_a_little_below_what_a_run_takes(
    size_um: list[float], count: int, cells: dict[str, object], sections: dict[str, object]
) -> None:
    large = scenario(size_um, count, cells, **sections)
    small = scenario([100.0] * len(size_um), 10, cells, **sections)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps([small, large])], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 0.75 * float(done.stdout) < needed_bytes(scenario_from_dict(large)) < float(done.stdout)
