"""Oxygen around a vessel and behind a surface where cells take it up at a constant rate: closed forms at steady state.

Lengths in µm, times in min, concentrations in µM, pressures in mmHg. A vessel is a line through a disc of tissue whose
rim lets nothing through (Krogh's cylinder); what it brings crosses its wall first.
"""

import math

from scipy.optimize import brentq

UM_PER_MMHG = 1.3
"""Solubility of oxygen, µM/mmHg."""


def krogh_mmHg(
    at_um: float,
    tissue_um: float,
    supply_mmHg: float,
    uptake_uM_per_min: float,
    diffusion_um2_per_min: float,
    vessel_um: float,
    wall_min_per_um2: float = 0.0,
) -> float:
    """Return oxygen at a distance from the axis of a vessel of radius ``vessel_um`` that feeds a disc.

    ``c = c0 - pi Rt² k w - k/(4 D) (2 Rt² ln(r/Rc) - r² + Rc²)``, with w the resistance of the wall a length of vessel;
    below 0 the disc is too wide to be fed.
    """
    over_wall = math.pi * tissue_um**2 * uptake_uM_per_min * wall_min_per_um2
    squares = 2.0 * tissue_um**2 * math.log(at_um / vessel_um) - at_um**2 + vessel_um**2
    return supply_mmHg - (over_wall + uptake_uM_per_min / (4.0 * diffusion_um2_per_min) * squares) / UM_PER_MMHG


def reach_of_vessel_um(*conditions: float) -> float:
    """Return how far a lone vessel feeds tissue: the disc whose rim has no oxygen left; arguments of `krogh_mmHg`."""
    return brentq(lambda reach_um: krogh_mmHg(reach_um, reach_um, *conditions), conditions[3] + 1.0, 1000.0)


def reach_of_surface_um(supply_mmHg: float, uptake_uM_per_min: float, diffusion_um2_per_min: float) -> float:
    """Return how deep oxygen comes from a plane surface, ``sqrt(2 D c0/k)``."""
    return math.sqrt(2.0 * diffusion_um2_per_min * supply_mmHg * UM_PER_MMHG / uptake_uM_per_min)
