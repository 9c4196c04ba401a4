"""The integrated stress response: uncharged tRNA (GCN2) and ER load (PERK) to p-eIF2a, ATF4 and ASNS."""

import math

from tumorabm.biology.glycosylation import sugar_supply
from tumorabm.kernels import kernel

LN2 = math.log(2.0)


@kernel
def trna_charging(p, asparagine_uM, aspartate_uM, glutamine_uM, glutamate_uM, exchange_index):
    """Charged share of the scarcest tRNA, 0 to 1, and its derivatives by Asn, Asp, Gln, Glu.

    Each amino acid charges ``c/(c+K)`` of its tRNA; the scarcest one limits (only its derivative is not zero).
    """
    other = p.trna_km_other_uM
    charged = 1.12 * exchange_index / (exchange_index + p.trna_exchange_half)
    by_asparagine = by_aspartate = by_glutamine = by_glutamate = 0.0
    charged = min(charged, 1.0)
    by_amino_acid = asparagine_uM / (asparagine_uM + p.trna_km_asparagine_uM)
    if by_amino_acid < charged:
        charged = by_amino_acid
        by_asparagine = p.trna_km_asparagine_uM / (asparagine_uM + p.trna_km_asparagine_uM) ** 2
    by_amino_acid = aspartate_uM / (aspartate_uM + other)
    if by_amino_acid < charged:
        charged = by_amino_acid
        by_asparagine = 0.0
        by_aspartate = other / (aspartate_uM + other) ** 2
    by_amino_acid = glutamine_uM / (glutamine_uM + other)
    if by_amino_acid < charged:
        charged = by_amino_acid
        by_asparagine = by_aspartate = 0.0
        by_glutamine = other / (glutamine_uM + other) ** 2
    by_amino_acid = glutamate_uM / (glutamate_uM + other)
    if by_amino_acid < charged:
        charged = by_amino_acid
        by_asparagine = by_aspartate = by_glutamine = 0.0
        by_glutamate = other / (glutamate_uM + other) ** 2
    return charged, by_asparagine, by_aspartate, by_glutamine, by_glutamate


@kernel
def joint_charging(p, asparagine_uM, aspartate_uM, glutamine_uM, glutamate_uM):
    """Charged share of the tRNAs of Asn, Asp, Gln and Glu together, 0 to 1: the product of their ``c/(c+K)`` [A].

    What stands for the burden of starvation: a second scarce amino acid adds to the first (`death_signal_rate`).
    """
    other = p.trna_km_other_uM
    acidic = aspartate_uM / (aspartate_uM + other) * glutamate_uM / (glutamate_uM + other)
    amides = asparagine_uM / (asparagine_uM + p.trna_km_asparagine_uM) * glutamine_uM / (glutamine_uM + other)
    return acidic * amides


@kernel
def eif2a_phosphorylation(p, charged_trna, er_load):
    """p-eIF2a, 0 to 1, and its derivative by charged tRNA: ``z/(1+z), z = GCN2 (u/.35)^3 + PERK (U/.7)^3``."""
    uncharged = (1.0 - charged_trna) / p.gcn2_half_uncharged
    load = er_load / p.perk_half_load
    signal = p.gcn2 * uncharged * uncharged * uncharged + p.perk * load * load * load
    slope = -3.0 * p.gcn2 * uncharged * uncharged / p.gcn2_half_uncharged
    return signal / (1.0 + signal), slope / ((1.0 + signal) * (1.0 + signal))


@kernel
def er_stressors(p, oxygen_mmHg, glucose_uM):
    """ER load that the surroundings cause at full translation: basal, anoxia, and sequons left without a glycan.

    Glycans lack where glucose, and so their sugars, lack (`glycosylation`), and where tunicamycin blocks them.
    """
    anoxia = 1.0 / (1.0 + (oxygen_mmHg / p.er_anoxia_half_mmHg) ** 2)
    without_sugar = p.er_load_glucose * (1.0 - sugar_supply(p, glucose_uM))
    return p.er_load_basal + p.er_load_anoxia * anoxia + without_sugar + p.tunicamycin


@kernel
def er_load_rate(p, er_load, stressors, translation):
    """ER load follows what is translated into it: ``(L (.25 + .75 T) - U)/tau`` (1/min)."""
    return (stressors * (0.25 + 0.75 * translation) - er_load) / p.er_time_min


@kernel
def atf4_rate(p, atf4, p_eif2a, p_s6k1):
    """ATF4 made where p-eIF2a is high, less without the output of mTORC1 that rapamycin stops (1/min).

    ``((.3 + 12 P²/(P²+.12))(.4 + .6 min(1, K (1 - rapamycin)/.9)) - A) ln2/t½`` [A]; that mTORC1 raises ATF4 and ASNS
    in KRAS-mutant colorectal cancer, and that rapamycin lowers them: PMC5071549 [V].
    """
    squared = p_eif2a * p_eif2a
    made = p.atf4 * (0.3 + 12.0 * squared / (squared + 0.12)) * (0.4 + 0.6 * min(1.0, p_s6k1 / 0.9))
    return (made - atf4) * LN2 / p.atf4_half_life_min


@kernel
def care_activity(atf4):
    """Occupancy of the CARE element by ATF4: ``A²/(A²+9)``."""
    return atf4 * atf4 / (atf4 * atf4 + 9.0)


@kernel
def asns_mrna_rate(p, mrna, atf4, basal, methylated):
    """ASNS mRNA through CARE, equal to ``basal`` at the ATF4 of an unstressed cell (.3).

    Where the promoter is ``methylated`` (1, else 0) it stays at ``basal``: methylation blocks induction [V].
    """
    induction = p.asns_induction * (1.0 - methylated)
    made = basal * (1.0 + induction * care_activity(atf4)) / (1.0 + induction * care_activity(0.3))
    return (made - mrna) * LN2 / p.asns_mrna_half_life_min


@kernel
def asns_protein_rate(p, copies, mrna, charged_trna, volume_pL):
    """ASNS copies: ``(S0 V M (.15 + .85 theta) - S) ln2/t½``; starved ribosomes translate little of it."""
    made = p.asns_copies_per_pL * volume_pL * mrna * (0.15 + 0.85 * charged_trna)
    return (made - copies) * LN2 / p.asns_half_life_min
