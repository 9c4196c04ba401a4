"""Ends of scales that stay while a tissue goes on."""

from __future__ import annotations

import math

_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)  # all have a tick at the end
_ROUNDING = 0.9999


def round_up(value: float) -> float:
    """Return the next of 1, 1.5, 2, 3, 4, 6, 8 times a power of ten; 1 for what is not positive."""
    if not value > 0.0:
        return 1.0
    decade = 10.0 ** math.floor(math.log10(value))
    return next(step * decade for step in _STEPS if step * decade >= _ROUNDING * value)
