"""What the scenario.toml of a run folder says, unchecked as a whole: it may be of another version."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tumorabm.scenario.pharmacology_schema import Pharmacology


def written_scenario(folder: Path) -> dict[str, Any]:
    """Return the scenario of a run as tables and lists.

    Raises
    ------
    tomllib.TOMLDecodeError
        The file is damaged.
    OSError
        It cannot be read.
    """
    return tomllib.loads((folder / "scenario.toml").read_text(encoding="utf-8"))


def dose_days(scenario: Mapping[str, Any]) -> list[float]:
    """Return the days of all doses of a written scenario, ascending."""
    return [given.day for given in Pharmacology.model_validate(scenario.get("pharmacology", {})).calendar]


def title_of(scenario: Mapping[str, Any]) -> str:
    """Return name and seed of a written scenario, the title of a picture."""
    return f"{scenario['name']}, seed {scenario['seed']}"
