"""What the scenario.toml of a run folder says, unchecked as a whole: it may be of another version."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tumorabm.output.run_folder import OutputError, reading
from tumorabm.scenario.messages import unknown_name
from tumorabm.scenario.pharmacology_schema import Pharmacology
from tumorabm.scenario.site_schema import PRIMARY


def written_scenario(folder: Path) -> dict[str, Any]:
    """Return the scenario of a run as tables and lists.

    Raises
    ------
    OutputError
        It cannot be read, or is damaged.
    """
    path = folder / "scenario.toml"
    with reading(path):
        scenario = tomllib.loads(path.read_text(encoding="utf-8"))
        if missing := {"name", "seed"} - scenario.keys():
            raise ValueError(f"there is no {sorted(missing)[0]}")
        return scenario


def series_of(folder: Path, site: str) -> pd.DataFrame:
    """Return the time series of a site of a run; OutputError where there is none, or it cannot be read."""
    require_site(folder, site)
    path = folder / "timeseries.parquet"
    with reading(path):
        return pd.read_parquet(path, filters=[("site", "==", site)])


def require_site(folder: Path, site: str) -> None:
    """Raise OutputError where a run has no such site."""
    sites = [PRIMARY, *written_scenario(folder).get("sites", {})]
    if site not in sites:
        raise OutputError(f"{folder}: {site}: {unknown_name('site', site, sites)}")


def dose_hours(scenario: Mapping[str, Any]) -> list[float]:
    """Return when all doses of a written scenario are given, h, ascending."""
    return [24.0 * given.day for given in Pharmacology.model_validate(scenario.get("pharmacology", {})).calendar]


def title_of(scenario: Mapping[str, Any], site: str = PRIMARY) -> str:
    """Return name and seed of a written scenario, and a site that is not the primary one: the title of a picture."""
    return f"{scenario['name']}, seed {scenario['seed']}" + ("" if site == PRIMARY else f", {site}")
