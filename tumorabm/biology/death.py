"""Death: a slow signal (CHOP) from lasting stress ends in apoptosis; lack of oxygen in necrosis."""

from tumorabm.kernels import kernel


@kernel
def death_signal_rate(p, death_signal, charged_trna, er_load, translation):
    """CHOP-like signal (1/min): ``k (max(0, u - .22)/.78 + 2 max(0, U - 1) + cis (1.5 - T)) - C/tau`` [A].

    Cisplatin's adducts raise it, less where translation lets the cell repair them (direction: gastric lines are more
    sensitive with ASNS knocked down [V]).
    """
    threshold = p.death_uncharged_threshold
    starvation = max(0.0, 1.0 - charged_trna - threshold) / (1.0 - threshold)
    unfolding = 2.0 * max(0.0, er_load - 1.0)
    adducts = p.cisplatin * (1.5 - translation)
    return p.death_signal_per_min * (starvation + unfolding + adducts) - death_signal / p.death_signal_time_min


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
