"""Aspartate from oxaloacetate, with glutamate as donor: MDH and respiration give the one, GOT1 and GOT2 join both."""

from tumorabm.kernels import kernel


@kernel
def transaminase_rate(p, glutamate_uM, respiration_rate, glutaminase_amol_per_min, biomass):
    """Glu -> Asp by GOT2, tied to respiration and anaplerosis, and by GOT1.

    ``[B V2 MDH (.02 + .98 r)(.25 + .75 gls/(gls + 150 B)) + B V1] G/(G+K)`` [A]: oxaloacetate of the mitochondrion
    needs malate dehydrogenase, NAD+ from respiration, and carbon from glutamine. Returns the rate (amol/min) and its
    derivative by Glu.
    """
    anaplerosis = glutaminase_amol_per_min / (glutaminase_amol_per_min + p.got_anaplerosis_half_amol_per_min * biomass)
    oxaloacetate = p.mdh * (0.02 + 0.98 * respiration_rate) * (0.25 + 0.75 * anaplerosis)
    mitochondrial = p.got2_amol_per_min * oxaloacetate
    scale = biomass * (mitochondrial + p.got1_amol_per_min)
    per_glutamate = 1.0 / (glutamate_uM + p.got_km_glutamate_uM)
    return scale * glutamate_uM * per_glutamate, scale * p.got_km_glutamate_uM * per_glutamate * per_glutamate
