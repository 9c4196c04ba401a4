"""Urea: the liver's sink for ammonia. Only types with the cycle have it (`hepatocyte`)."""

from tumorabm.kernels import kernel


@kernel
def urea_capacity(p, energy, biomass):
    """Greatest uptake of ammonia into the urea cycle, amol/min: ``B V a`` [A]; its nitrogen leaves the tissue."""
    return p.urea_amol_per_min * biomass * energy


@kernel
def share_into_urea(urea_capacity_amol_per_min, synthetase_capacity_amol_per_min):
    """Share of the ammonia that a cell takes up which becomes urea, not glutamine: in proportion to the capacities."""
    if urea_capacity_amol_per_min == 0.0:
        return 0.0
    return urea_capacity_amol_per_min / (urea_capacity_amol_per_min + synthetase_capacity_amol_per_min)
