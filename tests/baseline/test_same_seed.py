"""One seed gives one result, bit for bit, whatever the number of threads and processes."""

import hashlib
import subprocess
import sys

import pytest

from tumorabm import TumorModel
from tumorabm.scenario import scenario_from_dict

SCENARIO = {
    "name": "small_niche",
    "hours": 30.0,
    "domain": {"size_um": [500.0, 500.0]},
    "vessels": {"density_per_mm2": 60.0},
    "cells": {
        "blast": {"type": "all_blast", "count": 450},
        "normal": {"type": "normal_marrow", "count": 260},
        "stroma": {"type": "msc", "count": 20},
    },
    "pharmacology": {
        "doses": [
            {
                "drug": "asparaginase",
                "formulation": "pegaspargase",
                "dose_iu_per_m2": 2500.0,
                "day": 0.25,
                "route": "iv",
            }
        ]
    },
}


def fingerprint(threads: int, seed: int) -> str:
    """Hash of all bits of the time series and of the final cells."""
    model = TumorModel(scenario_from_dict(SCENARIO), rng=seed, threads=threads).run()
    assert model.births > 0
    assert model.deaths_apoptosis > 0
    digest = hashlib.sha256()
    for values in model.timeseries().to_dict("list").values():
        digest.update(repr(values).encode())
    for name, values in model.cell_columns().items():
        digest.update(name.encode())
        digest.update(repr(values.tolist()).encode())
    for field in model.fields.values():
        digest.update(field.concentration_mM.tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def one_thread() -> str:
    return fingerprint(threads=1, seed=5)


def test_two_threads_give_the_bits_of_one(one_thread: str) -> None:
    assert fingerprint(threads=2, seed=5) == one_thread


def test_another_process_gives_the_same_bits(one_thread: str) -> None:
    command = f"import runpy; module = runpy.run_path({__file__!r}); print(module['fingerprint'](2, 5))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == one_thread


def test_another_seed_gives_another_result(one_thread: str) -> None:
    assert fingerprint(threads=1, seed=6) != one_thread
