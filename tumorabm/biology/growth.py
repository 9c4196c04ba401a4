"""Growth: translation, proteolysis, nucleotide synthesis, and where space ends them."""

from tumorabm.biology.states import S_PHASE
from tumorabm.kernels import kernel


@kernel
def nucleotide_gate(p, glutamine_uM, aspartate_uM):
    """Supply of nucleotide nitrogen, 0 to 1, and its derivatives by Asp and Gln.

    ``min(1, 1.15 Q/(Q+K_Q)) min(1, 1.1 D/(D+K_D))``.
    """
    per_glutamine = 1.0 / (glutamine_uM + p.nucleotide_km_glutamine_uM)
    per_aspartate = 1.0 / (aspartate_uM + p.nucleotide_km_aspartate_uM)
    by_glutamine = by_aspartate = 0.0
    glutamine = 1.15 * glutamine_uM * per_glutamine
    if glutamine < 1.0:
        by_glutamine = 1.15 * p.nucleotide_km_glutamine_uM * per_glutamine * per_glutamine
    aspartate = 1.1 * aspartate_uM * per_aspartate
    if aspartate < 1.0:
        by_aspartate = 1.1 * p.nucleotide_km_aspartate_uM * per_aspartate * per_aspartate
    glutamine, aspartate = min(glutamine, 1.0), min(aspartate, 1.0)
    return glutamine * aspartate, glutamine * by_aspartate, aspartate * by_glutamine


@kernel
def translation_level(p, charged_trna, p_eif2a, mtorc1, energy, gate):
    """Protein synthesis over its greatest rate: ``min(1, 1.5 theta (1-.75P)(.35+.65K) a (.2+.8h))`` [A]."""
    stress = 1.0 - p.translation_eif2a_block * p_eif2a
    drive = p.translation_without_mtorc1 + (1.0 - p.translation_without_mtorc1) * mtorc1
    supply = p.translation_without_nucleotides + (1.0 - p.translation_without_nucleotides) * gate
    return min(1.0, p.translation_spare * charged_trna * stress * drive * energy * supply)


@kernel
def proteolysis_level(p, mtorc1, biomass):
    """Proteolysis and autophagy over the greatest translation: falls with mTORC1, ends at half the biomass."""
    level = p.proteolysis_fraction - p.proteolysis_mtorc1_cut * min(1.0, 1.15 * mtorc1)
    return level * min(1.0, max(0.0, 10.0 * (biomass - p.proteolysis_biomass_floor)))


@kernel
def growth_allowance(p, crowding):
    """Share of its growth that a cell keeps where space is taken: 1 below one packing, 0 above another [A]."""
    span = p.crowding_growth_zero - p.crowding_growth_full
    return min(1.0, max(0.0, (p.crowding_growth_zero - crowding) / span))


@kernel
def size_allowance(p, biomass):
    """Share of its growth that a large cell keeps, so that one held in its cycle does not grow without bound [A]."""
    span = p.size_growth_zero - p.size_growth_full
    return min(1.0, max(0.0, (p.size_growth_zero - biomass) / span))


@kernel
def translation_in_space(translation, proteolysis, allowance):
    """Return the translation of a cell that lacks space: it falls to what replaces proteolysis, not below."""
    if translation <= proteolysis:
        return translation
    return proteolysis + allowance * (translation - proteolysis)


@kernel
def nucleotide_weight(p, phase):
    """Nucleotide synthesis of a phase over its mean: RNA is made in all phases, DNA in S."""
    return p.nucleotide_weight_in_s if phase == S_PHASE else p.nucleotide_weight_outside_s


@kernel
def nucleotide_supply(p, glutamine_uM, aspartate_uM, mtorc1, energy):
    """Nucleotide synthesis over its greatest rate: ``K a Q/(Q+K_Q) D/(D+K_D)``."""
    glutamine = glutamine_uM / (glutamine_uM + p.nucleotide_km_glutamine_uM)
    return mtorc1 * energy * glutamine * aspartate_uM / (aspartate_uM + p.nucleotide_km_aspartate_uM)


@kernel
def nucleotide_rate(p, glutamine_uM, aspartate_uM, mtorc1, energy, biomass, weight):
    """Asp + 2 Gln -> 2 Glu + 3 nucleotide N: ``B V w K a Q/(Q+K_Q) D/(D+K_D)``, w of `nucleotide_weight`.

    Returns the rate (amol/min) and its derivatives by Asp and Gln.
    """
    per_glutamine = 1.0 / (glutamine_uM + p.nucleotide_km_glutamine_uM)
    per_aspartate = 1.0 / (aspartate_uM + p.nucleotide_km_aspartate_uM)
    scale = p.nucleotide_amol_per_min * weight * biomass * mtorc1 * energy
    glutamine, aspartate = glutamine_uM * per_glutamine, aspartate_uM * per_aspartate
    by_aspartate = scale * glutamine * p.nucleotide_km_aspartate_uM * per_aspartate * per_aspartate
    by_glutamine = scale * aspartate * p.nucleotide_km_glutamine_uM * per_glutamine * per_glutamine
    return scale * glutamine * aspartate, by_aspartate, by_glutamine
