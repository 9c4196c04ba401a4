"""The integrated stress response: uncharged tRNA (GCN2) and ER load (PERK) to p-eIF2a, ATF4 and ASNS.

ER load, ATF4, ASNS mRNA and ASNS each go towards a target, at the rate of their own decay.
"""

from tumorabm.biology.glycosylation import sugar_supply
from tumorabm.kernels import kernel


@kernel
def trna_charging(p, asparagine_uM, aspartate_uM, glutamine_uM, glutamate_uM, exchange_index):
    """Charged share of the scarcest tRNA, 0 to 1, and its derivatives by Asn, Asp, Gln, Glu.

    Each amino acid charges ``c/(c+K)`` of its tRNA; the scarcest one limits (only its derivative is not zero).
    """
    other = p.trna_km_other_uM
    by_asparagine = by_aspartate = by_glutamine = by_glutamate = 0.0
    charged = min(1.12 * exchange_index / (exchange_index + p.trna_exchange_half), 1.0)
    per_uM = 1.0 / (asparagine_uM + p.trna_km_asparagine_uM)
    if asparagine_uM * per_uM < charged:
        charged = asparagine_uM * per_uM
        by_asparagine = p.trna_km_asparagine_uM * per_uM * per_uM
    per_uM = 1.0 / (aspartate_uM + other)
    if aspartate_uM * per_uM < charged:
        charged = aspartate_uM * per_uM
        by_asparagine = 0.0
        by_aspartate = other * per_uM * per_uM
    per_uM = 1.0 / (glutamine_uM + other)
    if glutamine_uM * per_uM < charged:
        charged = glutamine_uM * per_uM
        by_asparagine = by_aspartate = 0.0
        by_glutamine = other * per_uM * per_uM
    per_uM = 1.0 / (glutamate_uM + other)
    if glutamate_uM * per_uM < charged:
        charged = glutamate_uM * per_uM
        by_asparagine = by_aspartate = by_glutamine = 0.0
        by_glutamate = other * per_uM * per_uM
    return charged, by_asparagine, by_aspartate, by_glutamine, by_glutamate


@kernel
def joint_charging(p, asparagine_uM, aspartate_uM, glutamine_uM, glutamate_uM):
    """Charged share of the tRNAs of Asn, Asp, Gln and Glu together, 0 to 1: the product of their ``c/(c+K)`` [A].

    What stands for the burden of starvation: a second scarce amino acid adds to the first (`death_signal_gain`).
    """
    other = p.trna_km_other_uM
    amounts = asparagine_uM * aspartate_uM * glutamine_uM * glutamate_uM
    amides = (asparagine_uM + p.trna_km_asparagine_uM) * (glutamine_uM + other)
    return amounts / (amides * ((aspartate_uM + other) * (glutamate_uM + other)))


@kernel
def eif2a_phosphorylation(p, charged_trna, er_load):
    """p-eIF2a, 0 to 1, and its derivative by charged tRNA: ``z/(1+z), z = GCN2 (u/.35)^3 + PERK (U/.7)^3``."""
    uncharged, half_uncharged = 1.0 - charged_trna, p.gcn2_half_uncharged
    # z times both halves cubed, so that one division is enough: divisions take most of the time of a cell's step
    of_uncharged = p.gcn2 * p.perk_half_load**3 * uncharged * uncharged
    of_load = p.perk * (half_uncharged * er_load) ** 3
    halves = (half_uncharged * p.perk_half_load) ** 3
    per_signal = 1.0 / (halves + of_uncharged * uncharged + of_load)
    unphosphorylated = halves * per_signal
    return 1.0 - unphosphorylated, -3.0 * of_uncharged * per_signal * unphosphorylated


@kernel
def er_stressors(p, oxygen_mmHg, glucose_uM):
    """ER load that the surroundings cause at full translation: basal, anoxia, and sequons left without a glycan.

    Glycans lack where glucose, and so their sugars, lack (`glycosylation`), and where tunicamycin blocks them.
    """
    anoxia = 1.0 / (1.0 + (oxygen_mmHg / p.er_anoxia_half_mmHg) ** 2)
    without_sugar = p.er_load_glucose * (1.0 - sugar_supply(p, glucose_uM))
    return p.er_load_basal + p.er_load_anoxia * anoxia + without_sugar + p.tunicamycin


@kernel
def er_load_target(stressors, translation):
    """ER load follows what is translated into it: ``U -> L (.25 + .75 T)``."""
    return stressors * (0.25 + 0.75 * translation)


@kernel
def atf4_target(p, p_eif2a, p_s6k1):
    """ATF4 is made where p-eIF2a is high, less without the output of mTORC1 that rapamycin stops.

    ``A -> (.3 + 12 P²/(P²+.12))(.4 + .6 min(1, K (1 - rapamycin)/.9))`` [A]; that mTORC1 raises ATF4 and ASNS in
    KRAS-mutant colorectal cancer, and that rapamycin lowers them: PMC5071549 [V].
    """
    squared = p_eif2a * p_eif2a
    return p.atf4 * (0.3 + 12.0 * squared / (squared + 0.12)) * (0.4 + 0.6 * min(1.0, p_s6k1 * (1.0 / 0.9)))


@kernel
def care_activity(atf4):
    """Occupancy of the CARE element by ATF4: ``A²/(A²+9)``."""
    return atf4 * atf4 / (atf4 * atf4 + 9.0)


@kernel
def asns_mrna_target(p, atf4, basal, methylated):
    """ASNS mRNA through CARE, equal to ``basal`` at the ATF4 of an unstressed cell (.3).

    Where the promoter is ``methylated`` (1, else 0) it stays at ``basal``: methylation blocks induction [V].
    """
    induction = p.asns_induction * (1.0 - methylated)
    return basal * (1.0 + induction * care_activity(atf4)) / (1.0 + induction * care_activity(0.3))


@kernel
def asns_protein_target(p, mrna, charged_trna, volume_pL):
    """ASNS copies: ``S -> S0 V M (.15 + .85 theta)``; starved ribosomes translate little of it."""
    return p.asns_copies_per_pL * volume_pL * mrna * (0.15 + 0.85 * charged_trna)
