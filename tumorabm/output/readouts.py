"""Columns of a run's tables as readouts: their names across sites, in words, and with units."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tumorabm.pharmacology.troughs import ACTIVITY_AIMED_AT_IU_PER_ML, ASPARAGINE_GONE_UM
from tumorabm.scenario.site_schema import PRIMARY

if TYPE_CHECKING:
    from tumorabm.model import TumorModel
    from tumorabm.scenario import Scenario

_UNITS = {
    "_amol_per_min": "amol/min",
    "_amol": "amol",
    "_iu_per_mL": "IU/mL",
    "_uM": "µM",
    "_mmHg": "mmHg",
    "_um_per_min": "µm/min",
    "_um": "µm",
    "_min": "min",
    "_copies": "copies",
}
_TAKEN = re.compile(r"_(at_[\d.e+-]+_h|min|max|mean)$")
"""Which value of a column a readout of a sweep takes (`tumorabm.sweep.schema.Readout`)."""

HEADINGS_OF_TROUGHS = {
    "peak_iu_per_mL": "peak IU/mL",
    "trough_iu_per_mL": "trough IU/mL",
    "days": "days to the next",
    "days_active": f"days > {ACTIVITY_AIMED_AT_IU_PER_ML:g} IU/mL",
    "days_depleted": f"days Asn < {ASPARAGINE_GONE_UM:g} µM",
    "peak_ammonia_uM": "peak NH3 µM",
}
"""Of columns of troughs.csv, in tables for readers."""

_COUNTS = re.compile(r"(^|_)(live_|dead_|births$|deaths_)|_cells$|micrometastases$")


def column(site: str, name: str) -> str:
    """Return how a column of the time series of a site is called beside those of the others."""
    return name if site == PRIMARY else f"{site}_{name}"


def observe_sites(model: TumorModel) -> dict[str, float]:
    """Return one row for now of all sites side by side, as `TumorModel.observe` gives them, and the cells in blood."""
    row = {"time_h": model.time_h}
    for site, part in model.sites.items():
        row |= {column(site, name): value for name, value in part.observe().items() if name != "time_h"}
    if model.circulation:
        row["circulating_cells"] = model.circulation.size
    return row


def series_columns(scenario: Scenario) -> list[str]:
    """Return the columns that the time series of a scenario has beside the time, those of other sites with their names.

    Raises
    ------
    FloatingPointError
        The scenario cannot begin.
    """
    from tumorabm.model import TumorModel

    return [name for name in observe_sites(TumorModel(scenario, threads=1)) if name != "time_h"]


def live_readouts(columns: Iterable[str]) -> list[str]:
    """Return the columns that count live cells at the primary site, and what has settled at others."""
    return [name for name in columns if name.startswith("live_") or name.endswith("_disseminated_cells")]


def readout_in_words(readout: str) -> str:
    """Return a readout in words, without its unit; of one number of a column also which one it is."""
    if taken := _TAKEN.search(readout):
        return f"{readout_in_words(_TAKEN.sub('', readout))}, {taken[1].replace('_', ' ')}"
    for prefix, words in (("live_", "live cells: "), ("dead_", "dead bodies: ")):
        if readout.startswith(prefix):
            return words + readout.removeprefix(prefix).replace("_", " ")
    what, _, cells = readout.partition("_mean_")
    for ending in _UNITS:
        what = what.removesuffix(ending)
    return what.replace("_", " ") + (f", mean over {cells.replace('_', ' ')}" if cells else "")


def readout_unit(readout: str) -> str:
    """Return what the axis of a readout counts."""
    if _COUNTS.search(readout):
        return "cells"
    if _TAKEN.search(readout):
        return readout_unit(_TAKEN.sub("", readout))
    if "fraction" in readout:
        return "fraction of live cells"
    return unit_in_name(readout) or "relative"


def unit_in_name(column: str) -> str | None:
    """Return the unit that the name of a column carries; None where it carries none."""
    units = (unit for ending, unit in _UNITS.items() if re.search(f"{ending}(_mean_|$)", column))
    return next(units, None)
