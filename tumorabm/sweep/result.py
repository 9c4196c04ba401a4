"""What is kept of one run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

DONE, FAILED, MISSING = "done", "failed", "missing"


@dataclass(frozen=True)
class Result:
    """One run that was done, or failed.

    Attributes
    ----------
    run_id
        That of the plan.
    status, error
        Whether it came to its end, and else what went wrong.
    wall_s
        Wall time that it took, s.
    ended_s
        When it ended, s since 1970.
    digest
        SHA-256 of its whole time series, as hex digits; empty where it failed. Equal runs have equal ones.
    readouts
        Values by name; None where the run has no such column.
    series
        The kept rows of its time series as an Arrow stream; empty where it failed.
    """

    run_id: str
    status: Literal["done", "failed"]
    error: str | None
    wall_s: float
    ended_s: float
    digest: str
    readouts: dict[str, float | None] = field(default_factory=dict)
    series: bytes = b""


def failed(run_id: str, error: str, wall_s: float = 0.0) -> Result:
    """Return the result of a run that failed."""
    return Result(run_id, FAILED, error, wall_s, time.time(), "")
