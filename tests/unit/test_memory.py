"""The memory that a scenario is said to need at least: measured in a process of its own."""

import json
import platform
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
FAULTS = """
import json, resource, sys
from tumorabm import TumorModel
from tumorabm.memory import give_back_large_arrays
from tumorabm.scenario.load import scenario_from_dict

give_back_large_arrays()
model = TumorModel(scenario_from_dict(json.loads(sys.argv[1])), threads=1)
faults = []
for _ in range(6):
    model.step()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(faults[-1] - faults[-3])
"""
CLOCK = {"type": "clock_cell", "clock": {"g1_h": 5.0, "s_h": 5.0, "g2_h": 2.0, "m_h": 1.0}}


def scenario(size_um: list[float], count: int, cells: dict[str, object], **sections: object) -> dict[str, object]:
    domain = {"size_um": size_um}
    return {"hours": 1.0, "domain": domain, "cells": {"some": {**cells, "count": count}}, **sections}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
@pytest.mark.one_version
def test_steps_do_not_fetch_their_memory_from_the_system_again_and_again() -> None:
    large = scenario([3_000.0, 3_000.0], 60_000, {"type": "all_blast"}, vessels={"density_per_mm2": 60.0})
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, json.dumps(large)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1500  # pages of 4 kB in two steps, whose arrays take 30 MB


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
