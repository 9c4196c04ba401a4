"""N-glycosylation: sequons of new protein want a glycan in the ER; without it protein unfolds (see `stress`)."""

from tumorabm.kernels import kernel


@kernel
def sugar_supply(p, glucose_uM):
    """Supply of the glycans' sugars from glucose, 0 to 1: ``Glc²/(Glc² + K²)`` [A].

    Half at 1.2 mM: ASNS is half induced at 1 mM of glucose (Biochem J 339:151 [V]).
    """
    squared = glucose_uM * glucose_uM
    return squared / (squared + p.er_glucose_half_uM * p.er_glucose_half_uM)


@kernel
def glycosylated_share(p, glucose_uM):
    """Share of the sequons made that get their glycan, 0 to 1: sugar supply over ``1 + tunicamycin`` [A]."""
    return sugar_supply(p, glucose_uM) / (1.0 + p.tunicamycin)


@kernel
def n_glycosylation(p, translation, glucose_uM):
    """N-glycosylation over its greatest rate: Asn residues are its sites, so it follows translation [D]."""
    return translation * glycosylated_share(p, glucose_uM)
