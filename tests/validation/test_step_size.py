"""The results of the main scenario hold at half the cell step and at half the voxel edge (by hand, about an hour).

``pytest -m slow -s tests/validation/test_step_size.py`` prints the table. Each seed runs at three resolutions. The same
seed places the same cells and vessels in all three, but each resolution draws its own chances of dying and walking,
so the difference between two runs of a seed is the effect of the resolution plus noise; the standard error of the mean
difference measures that noise.
"""

import math
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from tumorabm.threads import available_cores

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCENARIO = ROOT / "scenarios" / "leukaemia_asparaginase.toml"
SEEDS = (1, 2, 3, 4, 5, 6)
HOURS = 120.0  # the dose comes at 48 h; after three days 2 % of the blasts are left
TIMES_H = (24.0, 48.0, 54.0, 60.0, 72.0, 96.0, 120.0)
RESOLUTIONS = {
    "as given": (),
    "half the step": ("time.step_min=3",),
    "half the voxel": ("domain.voxel_um=10",),
}
OBSERVABLES = (
    "live_blast",
    "live_normal",
    "live_stroma",
    "hypoxic_fraction",
    "asns_mean_blast",
    "asns_mean_normal",
    "asns_mean_stroma",
    "plasma_asparagine_uM",
)
TOLERANCE = 0.02
"""Change allowed beyond the noise."""
NOISE = float(t.ppf(0.975, len(SEEDS) - 1))
"""Standard errors of a 95 % interval (Student's t): 2.57 with six seeds."""


def timeseries(folder: Path, seed: int, overrides: tuple[str, ...]) -> pd.DataFrame:
    """Run the scenario in a process of its own and return what is compared, by time."""
    command = [sys.executable, "-m", "tumorabm", "run", str(SCENARIO), "--seed", str(seed), "--hours", str(HOURS)]
    command += ["--out", str(folder), "--threads", "1", "--quiet"]
    for override in overrides:
        command += ["--set", override]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    series = pd.read_parquet(folder / "timeseries.parquet").set_index("time_h")
    return series.loc[list(TIMES_H), list(OBSERVABLES)]


def comparison(base: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the mean change from base to other, one value a seed, and its standard error, over the base's mean."""
    mean, difference = base.mean(), other - base
    if not difference.any():
        return 0.0, 0.0
    error = difference.std(ddof=1) / math.sqrt(len(difference))
    return difference.mean() / mean, error / mean


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return a row for each observable and time: mean and spread over seeds, and what each resolution changes."""
    folder = tmp_path_factory.mktemp("runs")
    with ThreadPoolExecutor(available_cores()) as pool:
        runs = {
            name: [
                pool.submit(timeseries, folder / f"{name.replace(' ', '_')}-{seed}", seed, overrides) for seed in SEEDS
            ]
            for name, overrides in RESOLUTIONS.items()
        }
        values = {name: np.array([run.result().to_numpy() for run in of_seeds]) for name, of_seeds in runs.items()}
    rows = pd.DataFrame(rows_of(values)).set_index(["observable", "time_h"])
    print(f"\n{SCENARIO.name}, seeds {', '.join(map(str, SEEDS))}; changes and their standard errors in %")
    print(rows.to_string(float_format=lambda value: f"{value:.4g}"))
    return rows


def rows_of(values: dict[str, np.ndarray]) -> Iterator[dict[str, object]]:
    """Yield the rows of the table from (seed, time, observable) arrays by resolution."""
    base = values["as given"]
    for column, observable in enumerate(OBSERVABLES):
        for place, time_h in enumerate(TIMES_H):
            here = base[:, place, column]
            row = {"observable": observable, "time_h": time_h, "mean": here.mean(), "s.d.": here.std(ddof=1)}
            for name in list(RESOLUTIONS)[1:]:
                change, error = comparison(here, values[name][:, place, column])
                row |= {name: 100.0 * change, f"s.e. {name}": 100.0 * error}
            yield row


@pytest.mark.parametrize("resolution", list(RESOLUTIONS)[1:])
@pytest.mark.parametrize("observable", OBSERVABLES)
def test_resolution_changes_results_by_at_most_2_percent_beyond_noise(
    table: pd.DataFrame, observable: str, resolution: str
) -> None:
    rows = table.loc[observable]
    beyond = rows[resolution].abs() - NOISE * rows[f"s.e. {resolution}"]
    assert (beyond <= 100.0 * TOLERANCE).all(), rows.to_string()


def test_the_dose_and_the_kill_lie_inside_the_compared_times(table: pd.DataFrame) -> None:
    blasts, plasma = table.loc["live_blast", "mean"], table.loc["plasma_asparagine_uM", "mean"]
    assert blasts.loc[HOURS] < 0.1 * blasts.loc[48.0]
    assert plasma.loc[HOURS] < 0.1 * plasma.loc[48.0]
    assert table.loc["hypoxic_fraction", "mean"].loc[48.0] > 0.0
