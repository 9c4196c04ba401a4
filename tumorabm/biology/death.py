"""Death: a slow signal (CHOP) from lasting stress ends in apoptosis; lack of oxygen in necrosis."""

from tumorabm.kernels import kernel


@kernel
def death_signal_gain(p, joint_charging, er_load, translation, proteolysis):
    """Return what four burdens add to the CHOP-like signal (1/min), which decays by itself [A].

    ``k (max(0, u - .22)/.78 + 2 max(0, U - 1) + .5 max(0, R - T)/R + cis (1.5 - T))``

    - Starvation: u is what `tumorabm.biology.stress.joint_charging` leaves uncharged.
    - Unfolded protein: ER load U.
    - Atrophy: translation T that does not replace proteolysis R, so that short-lived proteins of survival go. Without
      it glutaminase would protect cells from asparaginase: without Gln they translate less and keep their Asn.
    - Cisplatin's adducts, less where translation lets the cell repair them (gastric lines are more sensitive with ASNS
      knocked down [V]).
    """
    threshold = p.death_uncharged_threshold
    starvation = max(0.0, 1.0 - joint_charging - threshold) / (1.0 - threshold)
    unfolding = 2.0 * max(0.0, er_load - 1.0)
    atrophy = p.death_atrophy * max(0.0, 1.0 - translation / proteolysis) if proteolysis > 0.0 else 0.0
    adducts = p.cisplatin * (1.5 - translation)
    return p.death_signal_per_min * (starvation + unfolding + atrophy + adducts)


@kernel
def apoptosis_rate(p, death_signal):
    """Hazard of apoptosis (1/min): ``C⁴/(C⁴ + .41)/600``; the signal's slowness lets ASNS arrive first."""
    fourth = death_signal * death_signal * death_signal * death_signal
    return p.apoptosis_per_min * fourth / (fourth + p.death_signal_half4)


@kernel
def necrosis_rate(p, oxygen_mmHg):
    """Hazard of necrosis (1/min): rises linearly from 5 to 2.5 mmHg to 1/360 (PhysiCell default [V])."""
    lack = (p.necrosis_oxygen_high_mmHg - oxygen_mmHg) / (p.necrosis_oxygen_high_mmHg - p.necrosis_oxygen_low_mmHg)
    return p.necrosis_per_min * min(1.0, max(0.0, lack))
