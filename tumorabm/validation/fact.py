"""A fact: what was published, how the model is asked, and within which band its answer must lie."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """One number that the model gave, and the band in which it must lie.

    Attributes
    ----------
    what
        Name of the readout, with its unit.
    value
        What the model gave.
    low, high
        Band, ends included.
    """

    what: str
    value: float
    low: float = -math.inf
    high: float = math.inf

    @property
    def holds(self) -> bool:
        """Whether the value lies in the band; NaN never does."""
        return bool(self.low <= self.value <= self.high)

    @property
    def band(self) -> str:
        """The band in words."""
        if math.isinf(self.low):
            return f"<= {self.high:.3g}"
        return f">= {self.low:.3g}" if math.isinf(self.high) else f"{self.low:.3g} to {self.high:.3g}"

    def __str__(self) -> str:
        return f"{self.what} {self.value:.3g} ({self.band}){'' if self.holds else ' FAILS'}"


@dataclass(frozen=True)
class Fact:
    """One published fact and the experiment that asks the model for it.

    Attributes
    ----------
    name
        F1-F19 or S1-S10.
    set_up
        What is done, in a line.
    published
        What was found.
    source, tag
        Where; V if it was seen there, M if it is remembered, A if only assumed. Bands are assumptions throughout.
    experiment
        Returns the checks.
    tuned
        Values that were tuned on this fact; empty: the fact is a prediction.
    disputed
        What in the literature speaks against it; empty: nothing known.
    """

    name: str
    set_up: str
    published: str
    source: str
    tag: str
    experiment: Callable[[], Sequence[Check]]
    tuned: str = ""
    disputed: str = ""

    def ask(self) -> Verdict:
        """Run the experiment."""
        start = time.perf_counter()
        checks = tuple(self.experiment())
        return Verdict(self, checks, time.perf_counter() - start)


@dataclass(frozen=True)
class Verdict:
    """What the model answered to one fact."""

    fact: Fact
    checks: tuple[Check, ...]
    seconds: float = field(compare=False)

    @property
    def holds(self) -> bool:
        """Whether every check lies in its band."""
        return all(check.holds for check in self.checks)

    @property
    def readout(self) -> str:
        """The numbers with their bands."""
        return "; ".join(map(str, self.checks))
