"""Uptake: the greatest rate at which each cell takes up each substrate, for the fields to solve with diffusion."""

from tumorabm.biology.asparagine import antiport_per_min
from tumorabm.biology.energy import energy_of_cell, respiration
from tumorabm.biology.glutamine import synthetase_capacity
from tumorabm.biology.states import (
    ASN,
    BIOMASS,
    EXCHANGE_UM_PER_INDEX,
    GLN,
    GLU,
    MITOSIS,
    MTORC1,
    UP_AMMONIA,
    UP_ASN,
    UP_ASP,
    UP_EXCHANGE,
    UP_GLN,
    UP_GLUCOSE,
    UP_OXYGEN,
)
from tumorabm.biology.thermogenesis import thermogenic_program
from tumorabm.biology.urea import urea_capacity
from tumorabm.kernels import kernel

MMHG_PER_MM = 1000.0 / 1.3
"""Oxygen: 1.3 µM per mmHg [M]."""


@kernel
def uptake_capacities(start, stop, table, cell_type, phase, voxel, states, outside, capacities):
    """Write the greatest uptake of rows ``start..stop-1`` (amol/min); a cell takes ``capacity * c/(c + km)``.

    Parameters
    ----------
    table
        Records of `tumorabm.biology.parameters.parameter_table`, by cell type.
    cell_type, phase, voxel
        Per cell, shape (n,): type, phase (dead cells take nothing, as those without a metabolism), flat voxel index.
    states
        Shape (n, 14), see `tumorabm.biology.states`.
    outside
        `tumorabm.biology.cell.Outside`, concentrations by voxel.
    capacities
        Output, shape (n, 7), columns as `tumorabm.biology.states.UPTAKES`, in amol/min.
    """
    for row in range(start, stop):
        p = table[cell_type[row]]
        if phase[row] > MITOSIS or not p.metabolic:
            capacities[row, :] = 0.0
            continue
        where = voxel[row]
        biomass = states[row, BIOMASS]
        volume_pL = p.volume_pL * biomass
        respiring = respiration(p, outside.oxygen_mM[where] * MMHG_PER_MM)
        energy = energy_of_cell(p, states[row], respiring, outside.glucose_mM[where] * 1000.0)
        burning = biomass * thermogenic_program(p, states[row, MTORC1])
        antiport = antiport_per_min(p, outside.exchange_mM[where] * 1000.0) * states[row, ASN] / volume_pL
        exchange_per_min = p.exchange_import_per_min + p.exchange_antiport_gain_per_min * antiport / (
            p.exchange_antiport_half_uM_per_min + antiport
        )
        capacities[row, UP_OXYGEN] = p.oxygen_import_amol_per_min * p.respiration * burning
        capacities[row, UP_GLUCOSE] = p.glucose_import_amol_per_min * burning
        capacities[row, UP_ASN] = p.asparagine_import_amol_per_min * biomass
        capacities[row, UP_GLN] = p.glutamine_import_amol_per_min * biomass
        capacities[row, UP_ASP] = p.aspartate_import_amol_per_min * biomass
        capacities[row, UP_AMMONIA] = urea_capacity(p, energy, biomass) + synthetase_capacity(
            p, states[row, GLU] / volume_pL, states[row, GLN] / volume_pL, energy, biomass
        )
        capacities[row, UP_EXCHANGE] = exchange_per_min * EXCHANGE_UM_PER_INDEX * volume_pL


@kernel
def prescribed_amounts(start, stop, per_type, cell_type, phase, volume, amounts):
    """Write the prescribed uptake or secretion of rows ``start..stop-1``, in proportion to their volume.

    Parameters
    ----------
    per_type
        By cell type, in amol/min (or amol) at relative volume 1.
    cell_type, phase, volume
        Per cell, shape (n,): type, phase (dead cells do nothing), relative volume.
    amounts
        Output, shape (n,), in the unit of ``per_type``.
    """
    for row in range(start, stop):
        amounts[row] = per_type[cell_type[row]] * volume[row] if phase[row] <= MITOSIS else 0.0
