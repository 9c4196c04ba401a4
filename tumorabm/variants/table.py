"""What became of the runs: one table of all, and means and ratios of readouts with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy.stats import t as student

from tumorabm.output.readouts import column
from tumorabm.variants.runner import Run

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A value and its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def last_rows(runs: Iterable[Run]) -> pd.DataFrame:
    """Return what the time series of each run end with, after its variant and seed, in the order of the runs.

    Columns of sites beside the primary one begin with the site's name, as in ``lung_live_tumour``.
    """
    return pd.DataFrame({"variant": run.variant, "seed": run.seed, **_last_of_sites(run)} for run in runs)


def _last_of_sites(run: Run) -> dict[str, float]:
    series = pq.read_table(run.folder / "timeseries.parquet").to_pandas()
    last = series[series["time_h"] == series["time_h"].iloc[-1]].set_index("site").drop(columns="time_h")
    row = {"time_h": series["time_h"].iloc[-1]}
    for site, values in last.iterrows():
        row |= values.rename(lambda name, site=site: column(site, name)).to_dict()
    return row


def compare(results: pd.DataFrame, readouts: Sequence[str], reference: str) -> pd.DataFrame:
    """Return means of readouts by variant, and their ratios to the mean of a reference.

    Parameters
    ----------
    results
        As `last_rows` returns it.
    readouts
        Some of its columns.
    reference
        A variant; without results of it there are no ratios.

    Returns
    -------
    pandas.DataFrame
        A row a readout and variant, in their order: ``readout``, ``variant``, ``runs`` (those that have a value),
        ``mean`` with ``mean_low`` and ``mean_high`` (`mean_of`), ``ratio`` with ``ratio_low`` and ``ratio_high``
        (`ratio_of_means`; of the reference 1 without an interval).
    """
    variants = list(dict.fromkeys(results["variant"]))
    rows = []
    for readout in readouts:
        values = {name: results.loc[results["variant"] == name, readout].dropna().to_numpy(float) for name in variants}
        for name in variants:
            mean = mean_of(values[name])
            ratio = ratio_of_means([values[name]], [values.get(reference, np.array([]))])
            if name == reference:
                ratio = Interval(ratio.value, np.nan, np.nan)
            rows.append((readout, name, len(values[name]), *mean, *ratio))
    columns = ["readout", "variant", "runs", "mean", "mean_low", "mean_high", "ratio", "ratio_low", "ratio_high"]
    return pd.DataFrame(rows, columns=columns)


def mean_of(values: np.ndarray) -> Interval:
    """Return the mean of independent values, shape (n,), with Student's 95 % interval; none below two values."""
    n = len(values)
    mean = float(values.mean()) if n else np.nan
    if n < 2:
        return Interval(mean, np.nan, np.nan)
    half = student.ppf(0.5 + 0.5 * CONFIDENCE, n - 1) * float(values.std(ddof=1)) / np.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def ratio_of_means(over: Sequence[np.ndarray], under: Sequence[np.ndarray]) -> Interval:
    """Return the product of the means of samples over that of others, with Welch's 95 % interval on logarithms.

    The logarithm of a mean m of n values with standard deviation s has the variance (s/m)²/n; those of all samples add
    up, with the degrees of freedom of Welch and Satterthwaite.

    Parameters
    ----------
    over, under
        Independent samples, each of shape (n,).

    Returns
    -------
    Interval
        NaN where a mean below the line is 0; without bounds where a mean is not above 0 or a sample has below two
        values.
    """
    means = [float(sample.mean()) if len(sample) else np.nan for sample in (*over, *under)]
    below = float(np.prod(means[len(over) :]))
    value = float(np.prod(means[: len(over)])) / below if below else np.nan
    samples = (*over, *under)
    if min(map(len, samples)) < 2 or not min(means) > 0.0:
        return Interval(value, np.nan, np.nan)
    variances = np.array([sample.var(ddof=1) / len(sample) for sample in samples]) / np.square(means)
    total = float(variances.sum())
    if total == 0.0:
        return Interval(value, value, value)
    freedom = total**2 / float((variances**2 / [len(sample) - 1 for sample in samples]).sum())
    factor = float(np.exp(student.ppf(0.5 + 0.5 * CONFIDENCE, freedom) * np.sqrt(total)))
    return Interval(value, value / factor, value * factor)
