"""Glutamine and glutamate: glutaminase, glutamine synthetase, ammonia fixed by GDH."""

from tumorabm.kernels import kernel


@kernel
def glutaminase_rate(p, glutamine_uM, biomass):
    """Gln -> Glu + NH3: ``B V Q/(Q+K)``. Returns the rate (amol/min) and its derivative by Gln."""
    per_glutamine = 1.0 / (glutamine_uM + p.glutaminase_km_uM)
    scale = p.glutaminase_amol_per_min * biomass
    return scale * glutamine_uM * per_glutamine, scale * p.glutaminase_km_uM * per_glutamine * per_glutamine


@kernel
def glutamate_saturation(p, glutamate_uM):
    """Saturation of glutamine synthetase by its glutamate: ``G/(G+K)``."""
    return glutamate_uM / (glutamate_uM + p.glutamine_synthetase_km_uM)


@kernel
def synthetase_capacity(p, glutamate_uM, glutamine_uM, energy, biomass):
    """Glutamine synthetase, the most it can fix: ``B V G/(G+K) a (1 + 400/(200+Q))``, in amol/min [A].

    Multiplied by NH3/(NH3+200 µM) outside, this is the uptake of ammonia that the fields solve for.
    """
    derepression = 1.0 + 400.0 / (200.0 + glutamine_uM)
    scale = p.glutamine_synthetase_amol_per_min * biomass * energy * derepression
    return scale * glutamate_saturation(p, glutamate_uM)


@kernel
def fixation_rate(p, ammonia_amol_per_min, glutamate_uM, saturation_at_start):
    """Glu + NH3 -> Gln with the ammonia that the fields delivered, as long as glutamate lasts (amol/min).

    The uptake was set with the saturation at the start of the step; what a falling glutamate cannot fix goes back to
    the field. The rate is slow against the glutamate pool, so the integrator takes it explicitly: no slope.
    """
    now = glutamate_saturation(p, glutamate_uM)
    return ammonia_amol_per_min if now >= saturation_at_start else ammonia_amol_per_min * now / saturation_at_start


@kernel
def internal_synthesis_rate(p, glutamate_uM, capacity_amol_per_min, ammonia_saturation):
    """2 Glu -> Gln through GDH and GS where ammonia is short: ``0.3 capacity (1-w) G/(G+500)`` [A].

    Returns the rate (amol/min) and its derivative by Glu.
    """
    per_glutamate = 1.0 / (glutamate_uM + 500.0)
    scale = 0.3 * capacity_amol_per_min * (1.0 - ammonia_saturation)
    return scale * glutamate_uM * per_glutamate, scale * 500.0 * per_glutamate * per_glutamate
