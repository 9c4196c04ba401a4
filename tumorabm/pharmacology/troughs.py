"""What each dose of asparaginase did in plasma: peak, trough, and how long it kept asparagine away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

ACTIVITY_AIMED_AT_IU_PER_ML = 0.1
"""Trough activity that is customarily aimed at; more than 0.02 was enough in AALL07P4 [V]."""
ASPARAGINE_GONE_UM = 3.0
"""Plasma asparagine below which it counts as depleted."""

_MIN_PER_DAY = 1440.0


@dataclass
class TroughRow:
    """From one dose to the next one of asparaginase, or to now.

    Attributes
    ----------
    day
        When it was given: the step's time, days from the start.
    product, route
        What was given, "iv" or "im".
    peak_iu_per_mL, trough_iu_per_mL
        Greatest activity, and that at the end of the row's time, before the next dose.
    days
        Length of the row's time.
    days_active, days_depleted
        Of it above 0.1 IU/mL, and with asparagine below 3 µM.
    peak_ammonia_uM
        Greatest ammonia.
    """

    day: float
    product: str
    route: str
    peak_iu_per_mL: float
    trough_iu_per_mL: float
    peak_ammonia_uM: float
    days: float = 0.0
    days_active: float = 0.0
    days_depleted: float = 0.0

    def advance(self, dt_min: float, activity: tuple[float, float], asparagine_uM: float, ammonia_uM: float) -> None:
        """Note a step with its activities (IU/mL) before and after, and plasma after it."""
        self.peak_iu_per_mL = max(self.peak_iu_per_mL, activity[1])
        self.trough_iu_per_mL = activity[1]
        self.peak_ammonia_uM = max(self.peak_ammonia_uM, ammonia_uM)
        self.days += dt_min / _MIN_PER_DAY
        self.days_active += dt_min / _MIN_PER_DAY * _share_above(*activity, ACTIVITY_AIMED_AT_IU_PER_ML)
        self.days_depleted += dt_min / _MIN_PER_DAY * (asparagine_uM < ASPARAGINE_GONE_UM)


class Troughs:
    """The rows of all doses of asparaginase so far; doses of one moment share their time."""

    def __init__(self) -> None:
        self.rows: list[TroughRow] = []
        self._open: list[TroughRow] = []

    def give(self, dose: Any, day: float, activity_iu_per_mL: float, ammonia_uM: float) -> None:
        """Begin the row of a dose given now, and end those of earlier ones; ``activity`` is that after the dose."""
        self._open = [row for row in self._open if row.day == day]
        for row in self._open:
            row.peak_iu_per_mL = max(row.peak_iu_per_mL, activity_iu_per_mL)
        route = "im" if dose.by_muscle else "iv"
        self._open.append(TroughRow(day, dose.product, route, activity_iu_per_mL, activity_iu_per_mL, ammonia_uM))
        self.rows.append(self._open[-1])

    def advance(self, dt_min: float, activity: tuple[float, float], asparagine_uM: float, ammonia_uM: float) -> None:
        """Note a step for the rows that are still open; see `TroughRow.advance`."""
        for row in self._open:
            row.advance(dt_min, activity, asparagine_uM, ammonia_uM)

    def table(self) -> dict[str, list]:
        """Return the rows as columns; empty without any."""
        rows = [asdict(row) for row in self.rows]
        return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}

    def state(self) -> dict[str, Any]:
        """Return all rows for `restore`, and how many of the last ones are still open."""
        return {"rows": [asdict(row) for row in self.rows], "open": len(self._open)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the rows whose `state` this was."""
        self.rows = [TroughRow(**row) for row in state["rows"]]
        self._open = self.rows[len(self.rows) - state["open"] :]


def _share_above(before: float, after: float, bound: float) -> float:
    """Return the share of a step in which an activity that falls or rises exponentially lies above a bound."""
    if (before > bound) == (after > bound):
        return float(after > bound)
    if min(before, after) == 0.0:
        return (max(before, after) - bound) / max(before, after)
    share = math.log(max(before, after) / bound) / abs(math.log(before / after))
    return min(share, 1.0)
