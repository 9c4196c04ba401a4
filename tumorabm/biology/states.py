"""The states of a cell, in the order in which the kernels hold them.

Amounts, not concentrations, are stored, so that growth needs no dilution terms and division splits them exactly.
"""

METABOLIC_STATES = (
    "asparagine_amol",
    "aspartate_amol",
    "glutamine_amol",
    "glutamate_amol",
    "exchange_amino_acids_amol",  # Ser/Arg/His; 1000 µM is index 1
    "er_load",
    "atf4",
    "asns_mrna",
    "asns_copies",
    "mtorc1",
    "death_signal",
    "biomass",  # 1 after division, 2 before
    "nucleotide_nitrogen_amol",
    "integrator_step_min",  # last sub-step of the integrator, kept for the next step
)
(ASN, ASP, GLN, GLU, EXCHANGE, ER_LOAD, ATF4, ASNS_MRNA, ASNS, MTORC1, DEATH, BIOMASS, NUCLEOTIDE_N, SUBSTEP) = range(
    14
)

EXTENSIVE_STATES = (ASN, ASP, GLN, GLU, EXCHANGE, ASNS, BIOMASS, NUCLEOTIDE_N)
"""Indices of the states that division splits; the others are copied."""

SIGNALS = ("translation", "charged_trna", "p_eif2a", "energy", "emt")
"""What a step derives from the states and the surroundings, kept for fate, motion and records."""
(TRANSLATION, CHARGED_TRNA, P_EIF2A, ENERGY, EMT) = range(5)

UPTAKES = ("oxygen", "glucose", "asparagine", "glutamine", "aspartate", "ammonia", "exchange_amino_acids")
"""Substrates that cells take up, in the order of the columns of the uptake arrays."""
(UP_OXYGEN, UP_GLUCOSE, UP_ASN, UP_GLN, UP_ASP, UP_AMMONIA, UP_EXCHANGE) = range(7)

EFFLUXES = ("asparagine", "aspartate", "glutamine", "glutamate", "ammonia", "exchange_amino_acids")
"""Substrates that cells give off, in the order of the columns of the efflux arrays."""
(OUT_ASN, OUT_ASP, OUT_GLN, OUT_GLU, OUT_AMMONIA, OUT_EXCHANGE) = range(6)

PHASES = ("G0/G1", "S", "G2", "M", "apoptotic", "necrotic")
(G1, S_PHASE, G2, MITOSIS, APOPTOTIC, NECROTIC) = range(6)

EXCHANGE_UM_PER_INDEX = 1000.0
"""Concentration of exchange amino acids (µM in cell water) at index 1 [A]."""
