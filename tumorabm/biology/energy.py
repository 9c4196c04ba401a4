"""Energy: respiration on oxygen, glycolysis on glucose."""

from tumorabm.kernels import kernel


@kernel
def respiration(p, oxygen_mmHg):
    """Return working respiration, 0 to 1: ``respiration * O2 / (O2 + K)``."""
    return p.respiration * oxygen_mmHg / (oxygen_mmHg + p.oxygen_half_mmHg)


@kernel
def energy_state(p, respiration_rate, glucose_uM):
    """Return the energy state, 0 to 1: ``min(1, 0.5 respiration + 0.9 Glc / (Glc + K))`` [A]."""
    glycolysis = glucose_uM / (glucose_uM + p.glucose_half_uM)
    return min(1.0, p.energy_from_respiration * respiration_rate + p.energy_from_glycolysis * glycolysis)
