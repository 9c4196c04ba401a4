"""What makes a run the run that it is: the code and the complete resolved scenario, in one canonical form."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from functools import cache

from tumorabm.output.provenance import hash_of_sources, package_version
from tumorabm.scenario import Scenario

ID_DIGITS = 16
_READING = ("output/readouts.py", "sweep/execute.py")  # beside the engine: they read results off a run
_NAMES = ("name", "description")  # of a scenario: they change nothing in a run


@cache
def code_version() -> str:
    """Return the version with a hash of all source files on which the results of a sweep depend."""
    return f"{package_version()}+{hash_of_sources(_READING)[:12]}"


def run_id(scenario: Scenario, n_steps: int, code_version: str) -> str:
    """Return 16 hex digits that are the same for the same run, and differ for different ones.

    Parameters
    ----------
    scenario
        With the seed of the run.
    n_steps
        Number of steps to run.
    code_version
        As `code_version` returns it.

    Raises
    ------
    ValueError
        A value is no finite number.
    """
    content = scenario.model_dump(exclude=set(_NAMES))
    text = canonical({"code_version": code_version, "n_steps": n_steps, "scenario": content})
    return hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS]


def canonical(value: object) -> str:
    """Return one text for equal values: 1 and 1.0 are one, lists and tuples are one, the order of keys counts nothing.

    Raises
    ------
    ValueError
        A number is not finite.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no finite number")
        return int(value) if value.is_integer() else value
    return value
