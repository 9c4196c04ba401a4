"""Volume of a cell whose solids and fluid relax to doubled targets: closed form, and MultiCellDS's published curve.

Solids of class k (share s_k, rate r_k) relax to twice their amount, the fluid F to the fraction f of the whole volume,
F' = ρ (f V - F). With a = ρ (1 - f) the relative volume t after the targets doubled is

    V = 2 - sum s_k [(1 - f) exp(-r_k t) + f (a exp(-r_k t) - r_k exp(-a t)) / (a - r_k)].

Everything is linear, so a division does not break the curve: the daughter's volume is half of V as it would go on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NUCLEAR_SHARE = 540.0 / 2494.0
"""Nucleus over whole cell, MCF-7 [V, PhysiCell's default cell]; solids are a quarter of both."""
FLUID_FRACTION = 0.75
FLUID_RATE_PER_MIN = 0.05
CYTOPLASMIC_RATE_PER_MIN = 0.0045
NUCLEAR_RATE_PER_MIN = 0.0055
"""Rates of the same cell [V, PhysiCell and MultiCellDS]."""
SINGLE_RATE_PER_MIN = 0.00472
"""Rate of one class of solids that fits the published curve best [D]."""
GROWTH_ONSET_MIN = 106.0
"""Where the published curve begins to grow [D]: fits of the rates and the onset together give 105.8 to 106.5."""

PUBLISHED_CURVE = np.array([
    (0, 100.0), (30, 100.0), (60, 100.0), (90, 100.0), (120, 101.9551018), (150, 107.9604984), (180, 115.3709399),
    (210, 123.3029321), (240, 131.2110512), (270, 138.7731663), (300, 145.8130126), (330, 152.2481633),
    (360, 158.0552476), (390, 163.2468548), (420, 167.856337), (450, 171.9279316), (480, 175.5104538),
    (510, 178.6533687), (540, 181.4044384), (570, 183.8084021), (600, 185.9063225), (630, 187.7353554),
    (660, 189.3287777), (690, 190.7161688), (720, 191.9236745), (810, 194.6832014), (840, 195.3745722),
    (870, 195.9758402), (900, 98.24937124), (930, 98.47674966), (960, 98.67450235), (990, 98.84649753),
    (1020, 98.99609891), (1050, 99.12623088), (1080, 99.23943543), (1110, 99.33792203), (1140, 99.42361103),
    (1170, 99.49817144), (1200, 99.5630539), (1230, 99.61951929), (1260, 99.66866358), (1290, 99.71143952),
    (1320, 99.74867535), (1350, 99.78109121), (1380, 99.80931324), (1410, 99.83388591), (1440, 99.85528274),
])  # fmt: skip
"""Time (min) and volume of one cell (% of 2494 µm³), float64 (47, 2); it divides between 870 and 900 min.

MultiCellDS, flow cytometry cell cycle (Friedman et al. 2016, doi 10.1101/090696), as distributed with the community
benchmark (github.com/PerMedCoE/observatory_benchmark, unit_test_cellcycle).
"""


def relative_volume(
    since_doubling_min: np.ndarray,
    shares: Sequence[float] = (1.0 - NUCLEAR_SHARE, NUCLEAR_SHARE),
    rates_per_min: Sequence[float] = (CYTOPLASMIC_RATE_PER_MIN, NUCLEAR_RATE_PER_MIN),
    fluid_rate_per_min: float = FLUID_RATE_PER_MIN,
    fluid_fraction: float = FLUID_FRACTION,
) -> np.ndarray:
    """Return the volume, 1 to 2, of a cell that began at 1 and whose targets doubled so long ago (1 before that)."""
    t = np.maximum(np.asarray(since_doubling_min, dtype=np.float64), 0.0)
    a = fluid_rate_per_min * (1.0 - fluid_fraction)
    volume = np.full(t.shape, 2.0)
    for share, rate in zip(shares, rates_per_min, strict=True):
        solid = np.exp(-rate * t)
        fluid = (a * solid - rate * np.exp(-a * t)) / (a - rate)
        volume -= share * ((1.0 - fluid_fraction) * solid + fluid_fraction * fluid)
    return volume
