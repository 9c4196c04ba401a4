"""Energy: respiration on oxygen, glycolysis on glucose, and what asparagine synthetase spends of it."""

from tumorabm.biology.asparagine import asns_rate
from tumorabm.biology.states import ASN, ASNS, ASP, BIOMASS, GLN
from tumorabm.kernels import kernel

ATP_PER_OXYGEN = 5.0
"""ATP from one O2 in respiration: P/O about 2.5 [M]."""
ATP_PER_GLUCOSE = 2.0
"""ATP from one glucose in glycolysis."""
BONDS_PER_ASPARAGINE = 2.0
"""ATP -> AMP + PPi, and PPi is split: two energy-rich bonds for each Asn that ASNS makes."""


@kernel
def respiration(p, oxygen_mmHg):
    """Return working respiration, 0 to 1: ``respiration * O2 / (O2 + K)``."""
    return p.respiration * oxygen_mmHg / (oxygen_mmHg + p.oxygen_half_mmHg)


@kernel
def energy_supply(p, respiration_rate, glucose_uM):
    """Return what respiration and glycolysis supply, over what a cell needs: ``0.5 r + 0.9 Glc/(Glc + K)`` [A]."""
    glycolysis = glucose_uM / (glucose_uM + p.glucose_half_uM)
    return p.energy_from_respiration * respiration_rate + p.energy_from_glycolysis * glycolysis


@kernel
def energy_state(p, supply, asns_amol_per_min, biomass):
    """Return the energy state, 0 to 1: supply less what ASNS spends, ``min(1, supply - 2 v (.5 + .9)/(B ATP))`` [A].

    ATP is what the greatest uptakes of oxygen and glucose can give (amol/min), which a supply of 1.4 stands for [D].
    """
    atp = ATP_PER_OXYGEN * p.oxygen_import_amol_per_min + ATP_PER_GLUCOSE * p.glucose_import_amol_per_min
    greatest = p.energy_from_respiration + p.energy_from_glycolysis
    spent = BONDS_PER_ASPARAGINE * asns_amol_per_min * greatest / (atp * biomass) if atp > 0.0 else 0.0
    return max(0.0, min(1.0, supply - spent))


@kernel
def energy_of_cell(p, state, respiration_rate, glucose_uM):
    """Return the energy state of a cell with these states (14,): see `energy_state`."""
    supply = energy_supply(p, respiration_rate, glucose_uM)
    per_volume = 1.0 / (p.volume_pL * state[BIOMASS])
    N, D, Q = state[ASN] * per_volume, state[ASP] * per_volume, state[GLN] * per_volume
    asns, _, _, _ = asns_rate(p, state[ASNS], N, D, Q, min(1.0, supply))
    return energy_state(p, supply, asns, state[BIOMASS])
