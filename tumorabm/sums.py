"""Sums over cells that have the same bits whatever the order of the rows."""

from __future__ import annotations

import math

import numpy as np

_FOLDS = 2
"""What two leave out of a million values is below 2^-44 of the largest: less than an ordinary sum loses."""
_LARGEST = 1e290  # beyond this the cut itself could overflow


def sum_in_any_order(values: np.ndarray) -> float:
    """Return the sum of all values, the same to the last bit for any order of them.

    Rounding makes an ordinary sum depend on the order. Here each value is first cut at one place for all, coarse enough
    that no sum of the cut values is ever rounded; what was cut off is treated likewise, at a finer place. This is the
    pre-rounding of Demmel and Nguyen, Fast reproducible floating-point summation, ARITH 21 (2013) [M].

    Parameters
    ----------
    values
        Numbers in any shape.

    Returns
    -------
    float
        0 where there are none; NaN where one is not finite, or beyond 1e290.
    """
    rest = np.array(values, dtype=np.float64)
    total = 0.0
    for _ in range(_FOLDS):
        largest = max(rest.max(initial=0.0).item(), -rest.min(initial=0.0).item())
        if largest == 0.0:
            break
        if not largest <= _LARGEST:
            return math.nan
        exponent = math.frexp(largest)[1] + max(1, math.ceil(math.log2(rest.size)))
        anchor = math.ldexp(1.5, exponent)
        coarse = rest + anchor
        coarse -= anchor
        total += float(coarse.sum())
        rest -= coarse
    return total
