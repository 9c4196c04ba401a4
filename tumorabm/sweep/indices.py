"""Which parameters matter: Sobol indices and Morris' elementary effects, by SALib."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tumorabm.scenario import ScenarioError
from tumorabm.sweep.designs import MORRIS_LEVELS, NEEDS_SALIB, salib_problem
from tumorabm.sweep.plan import Plan
from tumorabm.sweep.schema import Morris, Range, Sobol

SOBOL_COLUMNS = {"S1": ("first order", "S1_conf"), "ST": ("total order", "ST_conf")}
MORRIS_COLUMNS = {"mu_star": ("mean of absolute effects (µ*)", "mu_star_conf"), "sigma": ("their spread (σ)", None)}
_SEED = 1  # of the resamples behind the intervals


def indices_of(plan: Plan, results: pd.DataFrame, readouts: Sequence[str]) -> pd.DataFrame | None:
    """Return the indices of each readout, from means over seeds; None unless all points of the design are done.

    Parameters
    ----------
    plan
        With a Sobol or Morris design; for others there are no indices.
    results
        As `tumorabm.sweep.collect.read_sweep` returns them.
    readouts
        Columns of ``results``.

    Returns
    -------
    pandas.DataFrame
        A row a readout and parameter: ``readout``, ``parameter``, and SALib's ``S1``, ``ST`` (with ``_conf``, half a
        95 % interval) or ``mu_star``, ``mu``, ``sigma``, ``mu_star_conf``, which are per range of the parameter.
        Readouts that do not vary have none.
    """
    design = plan.sweep.design
    if not isinstance(design, Sobol | Morris):
        return None
    try:
        from SALib.analyze import morris, sobol
    except ImportError:
        raise ScenarioError(f"indices: {NEEDS_SALIB}") from None
    names, problem = list(design.ranges), salib_problem(list(design.ranges))
    tables = []
    for readout in readouts:
        values = _by_point(plan, results, readout)
        if not np.isfinite(values).all() or np.ptp(values) == 0.0:
            continue
        if isinstance(design, Sobol):
            found = sobol.analyze(problem, values, calc_second_order=False, seed=_SEED)
            columns = ("S1", "S1_conf", "ST", "ST_conf")
        else:
            found = morris.analyze(problem, _shares(plan), values, num_levels=MORRIS_LEVELS, seed=_SEED)
            columns = ("mu_star", "mu_star_conf", "mu", "sigma")
        tables.append(pd.DataFrame({"readout": readout, "parameter": names, **{name: found[name] for name in columns}}))
    return pd.concat(tables, ignore_index=True) if tables else None


def _n_points(plan: Plan) -> int:
    return 1 + max(point for run in plan.runs for point in run.points)


def _by_point(plan: Plan, results: pd.DataFrame, readout: str) -> np.ndarray:
    """Return means over seeds by point of the design, shape (points,); NaN where a run is missing."""
    values = results[readout].to_numpy(float)
    total, count = np.zeros(_n_points(plan)), np.zeros(_n_points(plan))
    for value, run in zip(values, plan.runs, strict=True):
        total[list(run.points)] += value
        count[list(run.points)] += 1
    return total / count


def _shares(plan: Plan) -> np.ndarray:
    """Return where each point lies in the ranges, 0 to 1, shape (points, parameters)."""
    shares = np.empty((_n_points(plan), len(plan.sweep.design.ranges)))
    for run in plan.runs:
        ranges = plan.sweep.design.ranges
        shares[list(run.points)] = [_share(ranges[name], run.parameters[name]) for name in ranges]
    return shares


def _share(range_: Range, value: float) -> float:
    if range_.scale == "log":
        return math.log(value / range_.low) / math.log(range_.high / range_.low)
    return (value - range_.low) / (range_.high - range_.low)
