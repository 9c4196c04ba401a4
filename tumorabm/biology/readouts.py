"""What can be measured on a cell besides its states: outputs of mTORC1, glycosylation, thermogenesis, reducing power.

All follow from the states and the surroundings of now; nothing in a step depends on them.
"""

from tumorabm.biology import states as s
from tumorabm.biology.glycosylation import n_glycosylation
from tumorabm.biology.growth import nucleotide_supply, proteolysis_level
from tumorabm.biology.mtorc1 import lipid_synthesis, s6k1_phosphorylation
from tumorabm.biology.thermogenesis import thermogenic_program
from tumorabm.kernels import kernel

READOUTS = (
    "p_s6k1",
    "lipid_synthesis",
    "autophagy",
    "nucleotide_synthesis",
    "n_glycosylation",
    "thermogenic_program",
    "glucose_uptake_amol_per_min",
    "reducing_power",
)
"""Columns of `write_readouts`; relative but for the one with a unit."""
(P_S6K1, LIPIDS, AUTOPHAGY, NUCLEOTIDES, GLYCOSYLATION, THERMOGENESIS, GLUCOSE_UPTAKE, REDUCING_POWER) = range(8)


@kernel
def write_readouts(start, stop, table, cell_type, phase, voxel, states, signals, glucose_mM, glucose_km_uM, readouts):
    """Write the readouts of rows ``start..stop-1``; NaN for cells without a metabolism, 0 for dead ones.

    Parameters
    ----------
    table, cell_type, phase, voxel, states, signals
        As in `tumorabm.biology.cell.advance_cells`.
    glucose_mM, glucose_km_uM
        Glucose by voxel, and its concentration at half uptake.
    readouts
        Output, shape (n, 8), columns as `READOUTS`. Autophagy is proteolysis over its greatest rate. Reducing power, by
        which a cell turns MTT into formazan, is energy state times biomass [A].
    """
    for row in range(start, stop):
        p = table[cell_type[row]]
        if phase[row] > s.MITOSIS or not p.metabolic:
            readouts[row, :] = 0.0 if p.metabolic else float("nan")
            continue
        glucose_uM = glucose_mM[voxel[row]] * 1000.0
        mtorc1, energy = states[row, s.MTORC1], signals[row, s.ENERGY]
        biomass = states[row, s.BIOMASS]
        per_volume = 1.0 / (p.volume_pL * biomass)
        glutamine_uM, aspartate_uM = states[row, s.GLN] * per_volume, states[row, s.ASP] * per_volume
        program = thermogenic_program(p, mtorc1)
        readouts[row, P_S6K1] = s6k1_phosphorylation(p, mtorc1)
        readouts[row, LIPIDS] = lipid_synthesis(mtorc1, energy)
        readouts[row, AUTOPHAGY] = proteolysis_level(p, mtorc1, biomass) / p.proteolysis_fraction
        readouts[row, NUCLEOTIDES] = nucleotide_supply(p, glutamine_uM, aspartate_uM, mtorc1, energy)
        readouts[row, GLYCOSYLATION] = n_glycosylation(p, signals[row, s.TRANSLATION], glucose_uM)
        readouts[row, THERMOGENESIS] = program
        readouts[row, GLUCOSE_UPTAKE] = (
            p.glucose_import_amol_per_min * biomass * program * glucose_uM / (glucose_uM + glucose_km_uM)
        )
        readouts[row, REDUCING_POWER] = energy * biomass
