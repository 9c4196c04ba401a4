"""Every number of the cell, in one place: value, unit, plausible range, where it comes from.

Tags: ``V`` seen in a source, ``M`` remembered from the literature and not yet checked, ``A`` assumed, ``D`` derived.
Values are those of the solid-tumour cell; `tumorabm.cell_types` lists what differs in other cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Parameter:
    """One row of the parameter table.

    Attributes
    ----------
    value, unit, low, high
        The value of the solid-tumour cell, its unit, and the range in which it is thought to lie.
    tag, source
        ``V``, ``M``, ``A`` or ``D`` (see the module), and the source or the reason.
    meaning
        What it does, in a few words.
    """

    value: float
    unit: str
    low: float
    high: float
    tag: str
    source: str
    meaning: str


_TUNED = "hand-tuned 12-state cell; no evidence for the value"

PARAMETERS: dict[str, Parameter] = {
    # size and growth
    "volume_pL": Parameter(2.5, "pL", 0.7, 4.0, "V", "PhysiCell default cell 2.49 pL", "cell volume at biomass 1"),
    "protein_residues_amol": Parameter(
        87000,
        "amol",
        2.8e4,
        9e4,
        "D",
        "150-220 pg protein of 110 g/mol residues, 4.4 mol% Asn",
        "residues of each of Asn, Asp, Gln, Glu in protein",
    ),
    "translation_amol_per_min": Parameter(
        48,
        "amol/min",
        10,
        80,
        "D",
        "60 fmol Asn a division in 24 h, plus turnover",
        "residues of each kind built in at full translation",
    ),
    "translation_spare": Parameter(1.5, "1", 1, 2, "A", _TUNED, "spare capacity of translation before it falls"),
    "translation_eif2a_block": Parameter(0.75, "1", 0.5, 1, "A", _TUNED, "part of translation that p-eIF2a can stop"),
    "translation_without_mtorc1": Parameter(0.35, "1", 0.2, 0.6, "A", _TUNED, "translation left without mTORC1"),
    "translation_without_nucleotides": Parameter(0.2, "1", 0, 0.5, "A", _TUNED, "translation left without nucleotides"),
    "trna_km_asparagine_uM": Parameter(15, "µM", 5, 40, "A", _TUNED, "Asn that charges half of its tRNA"),
    "trna_km_other_uM": Parameter(5, "µM", 2, 20, "A", _TUNED, "Asp, Gln or Glu that charges half of its tRNA"),
    "trna_exchange_half": Parameter(0.12, "1", 0.05, 0.3, "A", _TUNED, "index of Ser/Arg/His that charges half"),
    "proteolysis_fraction": Parameter(
        0.22, "1", 0.1, 0.3, "A", _TUNED, "proteolysis over full translation, without mTORC1"
    ),
    "proteolysis_mtorc1_cut": Parameter(0.10, "1", 0, 0.2, "A", _TUNED, "part of it that mTORC1 stops (autophagy)"),
    "proteolysis_biomass_floor": Parameter(
        0.5, "1", 0.3, 0.7, "A", "a starved cell cannot digest itself wholly", "biomass at which proteolysis ends"
    ),
    # nucleotides
    "nucleotide_amol_per_min": Parameter(40, "amol/min", 5, 80, "A", _TUNED, "nucleotide synthesis at full mTORC1"),
    "nucleotide_km_glutamine_uM": Parameter(100, "µM", 30, 300, "A", _TUNED, "Gln for half nucleotide synthesis"),
    "nucleotide_km_aspartate_uM": Parameter(
        12, "µM", 5, 50, "A", _TUNED + " (fact F19)", "Asp for half nucleotide synthesis"
    ),
    "nucleotide_weight_in_s": Parameter(
        1.4,
        "1",
        1,
        3,
        "D",
        "1 on average over a cycle of 24 h with 8 h of S",
        "nucleotide synthesis in S over its mean",
    ),
    "nucleotide_weight_outside_s": Parameter(
        0.8, "1", 0, 1, "M", "RNA over RNA and DNA, by mass 3-4 to 1", "nucleotide synthesis outside S over its mean"
    ),
    # asparagine synthetase
    "asns_turnover_amol_per_min": Parameter(
        1.2e-4, "amol/min/copy", 1e-4, 3e-4, "M", "kcat 1-3 /s", "turnover of one ASNS copy"
    ),
    "asns_copies_per_pL": Parameter(
        4.8e5, "copies/pL", 2e5, 1e6, "A", "5-10e5 copies for self-sufficiency", "ASNS at relative expression 1"
    ),
    "asns_km_aspartate_uM": Parameter(700, "µM", 400, 900, "M", "ASNS Km(Asp) 0.4-0.9 mM", "Asp at half rate of ASNS"),
    "asns_km_glutamine_uM": Parameter(1000, "µM", 1000, 2000, "M", "ASNS Km(Gln) 1-2 mM", "Gln at half rate of ASNS"),
    "asns_ki_asparagine_uM": Parameter(
        300, "µM", 50, 300, "M", "ASNS Ki(Asn) 0.05-0.3 mM; 0.12 mM in E. coli [V]", "Asn that halves ASNS"
    ),
    "asns_energy_half": Parameter(0.3, "1", 0.1, 0.5, "A", _TUNED, "energy state at half rate of ASNS"),
    "asns_relative": Parameter(
        1.0, "1", 0.01, 5, "A", "ALL 0.01-0.1, normal 0.3, solid 1, high 3-5", "basal ASNS expression (median)"
    ),
    "asns_sigma": Parameter(0.0, "1", 0, 1.5, "A", "log-normal heterogeneity", "s.d. of ln(basal ASNS) across cells"),
    "asns_drift": Parameter(
        0.05, "1", 0, 0.3, "A", "heritable with drift", "s.d. of ln(basal ASNS) added at each division"
    ),
    "asns_methylated_fraction": Parameter(
        0.0,
        "1",
        0,
        1,
        "A",
        "methylation blocks induction [V]; share of such cells assumed",
        "share of first cells with a methylated promoter",
    ),
    "asns_methylation_per_division": Parameter(
        0.0,
        "1",
        0,
        0.05,
        "A",
        "copying of methylation errs; no rate was found for this promoter",
        "chance that a daughter's promoter becomes methylated",
    ),
    "asns_demethylation_per_division": Parameter(
        0.0,
        "1",
        0,
        0.05,
        "A",
        "copying of methylation errs; no rate was found for this promoter",
        "chance that a daughter's promoter loses its methylation",
    ),
    "asns_induction": Parameter(
        15,
        "1",
        3,
        20,
        "M",
        "AAR 5-15x [M]; glucose lack 14x [V, Biochem J 339:151]; blasts 3.5x [V, Appel 2006]",
        "induction of ASNS by ATF4 through CARE",
    ),
    # uptake
    "asparagine_import_amol_per_min": Parameter(112, "amol/min", 50, 200, "A", _TUNED, "maximal Asn uptake"),
    "glutamine_import_amol_per_min": Parameter(
        1000, "amol/min", 250, 2500, "M", "60 fmol/h (20-150) net", "maximal Gln uptake"
    ),
    "aspartate_import_amol_per_min": Parameter(5, "amol/min", 0, 20, "A", _TUNED, "maximal Asp uptake (SLC1A3)"),
    "oxygen_import_amol_per_min": Parameter(
        2400, "amol/min", 60, 21000, "A", "range Wagner 2011 [V], centre assumed", "maximal oxygen uptake"
    ),
    "glucose_import_amol_per_min": Parameter(
        4000, "amol/min", 500, 8000, "A", "200-500 fmol/h in culture", "maximal glucose uptake"
    ),
    # efflux
    "asparagine_leak_per_min": Parameter(0.1, "1/min", 0.02, 0.2, "A", _TUNED + " (F16)", "Asn efflux"),
    "aspartate_leak_per_min": Parameter(0.05, "1/min", 0.01, 0.1, "A", _TUNED, "Asp efflux"),
    "glutamine_leak_per_min": Parameter(0.02, "1/min", 0.01, 0.1, "A", _TUNED, "Gln efflux"),
    "glutamate_leak_per_min": Parameter(0.05, "1/min", 0.01, 0.1, "A", _TUNED, "Glu efflux"),
    "antiport_per_min": Parameter(0.01, "1/min", 0, 0.05, "A", _TUNED, "Asn sent out against Ser/Arg/His"),
    "antiport_km_uM": Parameter(100, "µM", 30, 300, "A", _TUNED, "outer Ser/Arg/His at half antiport"),
    "contact_transfer_pL_per_min": Parameter(
        0.0,
        "pL/min",
        0,
        0.3,
        "A",
        "assumed: bulk diffusion cannot protect neighbours",
        "Asn handed to each touching cell of another type",
    ),
    # exchangeable amino acids (Ser/Arg/His) as an index: 1 is 1000 µM
    "exchange_import_per_min": Parameter(
        0.011, "1/min", 0.005, 0.03, "A", _TUNED, "uptake of Ser/Arg/His without antiport"
    ),
    "exchange_antiport_gain_per_min": Parameter(
        0.023, "1/min", 0.01, 0.05, "A", _TUNED, "uptake added by Asn antiport"
    ),
    "exchange_antiport_half_uM_per_min": Parameter(
        0.8, "µM/min", 0.3, 2, "A", _TUNED + " (F10)", "antiport flux at half of that gain"
    ),
    "exchange_use_per_min": Parameter(
        0.012, "1/min", 0.005, 0.03, "A", _TUNED, "use of Ser/Arg/His by protein synthesis"
    ),
    "exchange_leak_per_min": Parameter(0.02, "1/min", 0.01, 0.05, "A", _TUNED, "efflux of Ser/Arg/His"),
    # glutamine, glutamate, aspartate
    "glutaminase_amol_per_min": Parameter(900, "amol/min", 200, 1500, "A", _TUNED, "glutaminase (GLS)"),
    "glutaminase_km_uM": Parameter(1000, "µM", 500, 4000, "A", _TUNED, "Gln at half rate of GLS"),
    "glutamine_synthetase_amol_per_min": Parameter(
        105, "amol/min", 30, 300, "A", _TUNED + " (F7)", "glutamine synthetase (GS)"
    ),
    "glutamine_synthetase_km_uM": Parameter(2000, "µM", 1000, 4000, "A", _TUNED, "Glu at half rate of GS"),
    "got2_amol_per_min": Parameter(440, "amol/min", 100, 800, "A", _TUNED, "mitochondrial aspartate transaminase"),
    "got1_amol_per_min": Parameter(
        75, "amol/min", 10, 200, "A", _TUNED + " (F11, F19)", "cytosolic aspartate transaminase"
    ),
    "mdh": Parameter(1.0, "1", 0, 1, "A", "factor of malate dehydrogenase", "oxaloacetate that MDH makes for GOT2"),
    "got_km_glutamate_uM": Parameter(2000, "µM", 1000, 4000, "A", _TUNED, "Glu at half rate of GOT"),
    "got_anaplerosis_half_amol_per_min": Parameter(
        150, "amol/min", 50, 400, "A", _TUNED, "GLS flux at half of the anaplerotic share"
    ),
    "other_nitrogen_amol_per_min": Parameter(
        150, "amol/min", 50, 300, "A", _TUNED, "Glu made from other amino acids' nitrogen"
    ),
    "cytosolic_asparaginase_uM_per_min": Parameter(
        0.0,
        "µM/min",
        0,
        5000,
        "V",
        "absent in mammalian lines (Pavlova 2018); over-expressed at 1 µM with 10-100/s, 600-6000 [A]",
        "cytosolic asparaginase",
    ),
    "urea_amol_per_min": Parameter(
        0.0, "amol/min", 0, 2e5, "D", "hepatocytes only", "greatest ammonia uptake into the urea cycle"
    ),
    # energy
    "respiration": Parameter(1.0, "1", 0, 1, "A", "factor of the electron transport chain", "working respiration"),
    "oxygen_half_mmHg": Parameter(1.5, "mmHg", 0.5, 3, "A", _TUNED, "oxygen at half respiration"),
    "glucose_half_uM": Parameter(800, "µM", 300, 1500, "A", _TUNED, "glucose at half glycolysis"),
    "energy_from_respiration": Parameter(0.5, "1", 0.3, 0.7, "A", _TUNED, "energy state from respiration alone"),
    "energy_from_glycolysis": Parameter(0.9, "1", 0.5, 1, "A", _TUNED, "energy state from glycolysis alone"),
    "thermogenic_gain": Parameter(
        0.0,
        "1",
        0,
        4,
        "A",
        "adipocytes only; direction Xu 2021 [M]",
        "rise of thermogenesis by mTORC1",
    ),
    # stress: uncharged tRNA (AAR) and endoplasmic reticulum (UPR)
    "gcn2": Parameter(1.0, "1", 0, 3, "A", _TUNED, "GCN2 activity"),
    "gcn2_half_uncharged": Parameter(
        0.35, "1", 0.3, 0.4, "A", "GCN2 half-active at 30-40 % uncharged tRNA", "uncharged tRNA at half GCN2"
    ),
    "perk": Parameter(1.0, "1", 0, 3, "A", _TUNED, "PERK activity"),
    "perk_half_load": Parameter(0.7, "1", 0.4, 1, "A", _TUNED, "ER load at half PERK"),
    "er_load_basal": Parameter(0.1, "1", 0.05, 0.2, "A", _TUNED, "ER load of ordinary synthesis"),
    "tunicamycin": Parameter(
        0.0, "1", 0, 3, "A", "dose of an inhibitor of N-glycosylation", "ER load added by tunicamycin"
    ),
    "er_load_anoxia": Parameter(1.6, "1", 1, 3, "A", _TUNED, "ER load added by anoxia"),
    "er_anoxia_half_mmHg": Parameter(
        0.6,
        "mmHg",
        0.2,
        1,
        "A",
        "ATF4 answers anoxia, not moderate hypoxia (Blood 103:1876 [V])",
        "oxygen at half of that load",
    ),
    "er_load_glucose": Parameter(1.2, "1", 0.5, 2, "A", _TUNED, "ER load added by lack of glucose"),
    "er_glucose_half_uM": Parameter(
        1200,
        "µM",
        800,
        2000,
        "A",
        "hand-tuned; ASNS induction has k1/2 1 mM glucose (Biochem J 339:151 [V])",
        "glucose at half of that load",
    ),
    "er_time_min": Parameter(60, "min", 30, 120, "A", _TUNED, "time constant of ER load"),
    "atf4": Parameter(1.0, "1", 0, 3, "A", _TUNED, "ATF4 synthesis"),
    "atf4_half_life_min": Parameter(
        35, "min", 5, 60, "M", "30-60 min typical; < 5 min on reoxygenation [V]", "half-life of ATF4"
    ),
    "asns_mrna_half_life_min": Parameter(
        180,
        "min",
        120,
        480,
        "A",
        "4-8 h [A]; 9 h stated elsewhere [V, Atlas Genet Cytogenet Oncol]; 3 h was tried",
        "half-life of ASNS mRNA",
    ),
    "asns_half_life_min": Parameter(1200, "min", 1200, 2880, "A", "20-48 h", "half-life of ASNS protein"),
    # mTORC1
    "rag": Parameter(1.0, "1", 0, 1, "A", _TUNED, "Rag arm of mTORC1 (Ser/Arg/His)"),
    "arf1": Parameter(1.0, "1", 0, 1, "A", _TUNED, "Rag-independent Arf1 arm (Asn, Gln)"),
    "mtorc1": Parameter(1.0, "1", 0, 1, "A", _TUNED, "mTORC1 itself (1 minus inhibition)"),
    "mtorc1_rag_half": Parameter(0.35, "1", 0.2, 0.5, "A", _TUNED, "index of Ser/Arg/His at half Rag arm"),
    "mtorc1_arf_asparagine_uM": Parameter(210, "µM", 100, 400, "A", _TUNED + " (F9)", "Asn at half Arf1 arm"),
    "mtorc1_arf_glutamine_uM": Parameter(800, "µM", 400, 1600, "A", _TUNED, "Gln at half Arf1 arm"),
    "mtorc1_time_min": Parameter(15, "min", 10, 30, "M", "S6K1 tau 15 min", "time constant of mTORC1"),
    "rapamycin": Parameter(
        0.0, "1", 0, 1, "A", "stops S6K1, less than a third of the rest (F17)", "inhibition of S6K1 by rapamycin"
    ),
    # death
    "death_uncharged_threshold": Parameter(0.22, "1", 0.15, 0.3, "A", _TUNED, "uncharged tRNA above which CHOP rises"),
    "death_atrophy": Parameter(
        0.5, "1", 0, 2, "A", "more enzyme must not protect", "rise of the death signal without any translation"
    ),
    "death_signal_per_min": Parameter(3e-3, "1/min", 1e-3, 1e-2, "A", _TUNED, "rise of the death signal (CHOP)"),
    "death_signal_time_min": Parameter(1200, "min", 600, 2400, "A", _TUNED, "time constant of the death signal"),
    "death_signal_half4": Parameter(0.41, "1", 0.1, 1, "A", _TUNED, "4th power of the death signal at half killing"),
    "cisplatin": Parameter(
        0.0, "1", 0, 2, "A", "dose, relative (F18)", "rise of the death signal by cisplatin's adducts"
    ),
    "apoptosis_per_min": Parameter(1 / 600, "1/min", 5e-4, 5e-3, "A", _TUNED, "greatest rate of apoptosis"),
    "necrosis_per_min": Parameter(1 / 360, "1/min", 0, 1e-2, "V", "PhysiCell default", "greatest rate of necrosis"),
    "necrosis_oxygen_high_mmHg": Parameter(
        5.0, "mmHg", 2, 8, "V", "PhysiCell default", "oxygen below which necrosis begins"
    ),
    "necrosis_oxygen_low_mmHg": Parameter(
        2.5, "mmHg", 0, 5, "V", "PhysiCell default", "oxygen below which necrosis is at its greatest"
    ),
    "clearance_apoptotic_min": Parameter(
        516, "min", 300, 1000, "V", "PhysiCell default 516 min", "time until an apoptotic body is gone"
    ),
    "clearance_necrotic_min": Parameter(
        8640,
        "min",
        2880,
        86400,
        "A",
        "days; cleared more slowly than apoptotic bodies",
        "time until a necrotic body is gone",
    ),
    # cycle: growth carries a cell through G0/G1, the later phases last
    "g1_end_biomass": Parameter(
        1.374, "1", 1.1, 1.7, "D", "2^(11/24): G0/G1 of 11 h in a cycle of 24 h", "biomass needed to enter S"
    ),
    "s_length_min": Parameter(480, "min", 300, 720, "V", "PhysiCell default 8 h", "length of S, nucleotides enough"),
    "g2_length_min": Parameter(240, "min", 120, 360, "V", "PhysiCell default 4 h", "length of G2 with energy enough"),
    "m_length_min": Parameter(60, "min", 30, 120, "V", "PhysiCell default 1 h", "length of M with energy enough"),
    "nucleotide_supply_full": Parameter(
        0.8,
        "1",
        0.5,
        0.9,
        "D",
        "K Q/(Q+100) D/(D+12) of an unstressed cell",
        "nucleotides at which S keeps its length",
    ),
    "g1_checkpoint_mtorc1": Parameter(0.3, "1", 0.1, 0.6, "A", "G1 arrest without mTORC1", "mTORC1 needed to enter S"),
    "g1_checkpoint_charging": Parameter(
        0.5, "1", 0.3, 0.8, "A", "G1 arrest without Asn (ASNS-KD, A549 [V] direction)", "charged tRNA needed to enter S"
    ),
    "division_asymmetry": Parameter(
        0.025, "1", 0, 0.1, "A", "daughters differ by some percent", "s.d. of the share of one daughter"
    ),
    "crowding_growth_full": Parameter(
        0.75, "1", 0.1, 0.9, "A", "free growth while cells have room", "space taken up to which growth is free"
    ),
    "crowding_growth_zero": Parameter(
        1.0, "1", 0.2, 1.2, "A", "discs packed hexagonally take 0.907 of the plane", "space taken at which growth ends"
    ),
    "size_growth_full": Parameter(
        2.5, "1", 2, 3, "A", "cells held in their cycle swell, within bounds", "biomass up to which growth is free"
    ),
    "size_growth_zero": Parameter(
        3.0, "1", 2.5, 5, "A", "cells held in their cycle swell, within bounds", "biomass at which growth ends"
    ),
    # motion
    "emt_half_asparagine_uM": Parameter(170, "µM", 80, 300, "A", _TUNED + " (F16)", "Asn at half EMT state"),
    "speed_epithelial_um_per_min": Parameter(
        0.2,
        "µm/min",
        0.1,
        0.3,
        "A",
        "0.1-0.3; which state is faster is contested (Schaeffer 2014)",
        "speed without EMT",
    ),
    "speed_emt_gain_um_per_min": Parameter(
        0.6, "µm/min", 0.3, 0.7, "A", "0.4-1.0 in all; contested as above", "speed added by full EMT"
    ),
    "persistence_min": Parameter(15, "min", 5, 60, "A", "minutes to an hour", "time between turns"),
    "adhesion": Parameter(
        0.4, "1", 0, 1, "A", "relative to repulsion (PhysiCell default ratio 0.04-0.4)", "cell-cell adhesion"
    ),
}

GROUP_KEYS = ("asns_relative", "asns_sigma", "asns_induction")
"""The parameters that a scenario sets as keys of a group of cells, not among its ``parameters``."""

UPTAKE_KM_UM: dict[str, Parameter] = {
    "oxygen": Parameter(1.95, "µM", 0.5, 4, "A", "1.5 mmHg at 1.3 µM/mmHg", "oxygen at half uptake"),
    "glucose": Parameter(800, "µM", 300, 1500, "A", _TUNED, "glucose at half uptake"),
    "asparagine": Parameter(
        50,
        "µM",
        20,
        500,
        "M",
        "ASCT2 about 20 µM [V, JBC 271:14883], SNAT2 200-500 µM [V, JBC 275:22790]",
        "Asn at half uptake",
    ),
    "glutamine": Parameter(
        300, "µM", 40, 1000, "V", "310 µM (Cancer Res 44:3831), 1000 µM (Ardawi 1986)", "Gln at half uptake"
    ),
    "aspartate": Parameter(50, "µM", 20, 100, "M", "SLC1A3", "Asp at half uptake"),
    "ammonia": Parameter(200, "µM", 50, 500, "A", _TUNED, "NH3 at half fixation by GS"),
    "exchange_amino_acids": Parameter(50, "µM", 20, 200, "A", _TUNED, "Ser/Arg/His at half uptake"),
}
"""Half-saturation of each uptake. They are the same for all cells, so that uptake can be solved with diffusion."""


@dataclass(frozen=True)
class Perturbation:
    """A lever on parameters of the cell, or on the enzyme.

    Attributes
    ----------
    parameters
        What it moves, names of `PARAMETERS`; none for a property of the enzyme, which all cells share.
    meaning
        What it does, in a few words.
    is_level
        False: a factor, 1 without effect, 0 a knock-out, 0.1 a knock-down, 3 an over-expression. True: a value that
        takes the parameter's place, 0 without effect.
    highest
        Greatest value allowed.
    """

    parameters: tuple[str, ...]
    meaning: str
    is_level: bool = False
    highest: float = np.inf

    @property
    def without_effect(self) -> float:
        """The value that changes nothing."""
        return 0.0 if self.is_level else 1.0

    def applied_to(self, values: dict[str, float], value: float) -> None:
        """Change the ``values`` of a type (those that differ from `PARAMETERS`) in place."""
        for name in self.parameters:
            values[name] = value if self.is_level else value * values.get(name, PARAMETERS[name].value)


def _factor(meaning: str, *parameters: str) -> Perturbation:
    return Perturbation(parameters, meaning)


PERTURBATIONS: dict[str, Perturbation] = {
    "asns": _factor("asparagine synthetase activity", "asns_turnover_amol_per_min"),
    "asns_inducible": _factor("induction of ASNS by ATF4", "asns_induction"),
    "got": _factor("both aspartate transaminases", "got1_amol_per_min", "got2_amol_per_min"),
    "got1": _factor("cytosolic aspartate transaminase", "got1_amol_per_min"),
    "got2": _factor("mitochondrial aspartate transaminase", "got2_amol_per_min"),
    "mdh": _factor("malate dehydrogenase: oxaloacetate for GOT2", "mdh"),
    "gls": _factor("glutaminase", "glutaminase_amol_per_min"),
    "gs": _factor("glutamine synthetase", "glutamine_synthetase_amol_per_min"),
    "gcn2": _factor("GCN2, the amino-acid response", "gcn2"),
    "perk": _factor("PERK, the unfolded-protein response", "perk"),
    "atf4": _factor("ATF4 synthesis", "atf4"),
    "chop": _factor("CHOP, the death signal", "death_signal_per_min"),
    "rag": _factor("Rag arm of mTORC1", "rag"),
    "arf1": _factor("Arf1 arm of mTORC1", "arf1"),
    "mtorc1": _factor("mTORC1 activity", "mtorc1"),
    "etc": _factor("respiration (electron transport chain)", "respiration"),
    "asn_antiport": _factor("antiport of Asn against Ser/Arg/His", "antiport_per_min"),
    "slc1a3": _factor("aspartate uptake", "aspartate_import_amol_per_min"),
    "asparagine_import": _factor("asparagine uptake", "asparagine_import_amol_per_min"),
    "glutamine_import": _factor("glutamine uptake", "glutamine_import_amol_per_min"),
    "exchange_import": _factor("uptake of Ser/Arg/His without antiport", "exchange_import_per_min"),
    "glucose_import": _factor("glucose uptake", "glucose_import_amol_per_min"),
    "oxygen_import": _factor("oxygen uptake", "oxygen_import_amol_per_min"),
    "contact_transfer": _factor("asparagine handed to touching cells", "contact_transfer_pL_per_min"),
    "glutaminase_ratio": _factor("glutaminase side activity of the drug; of the whole scenario only"),
    "rapamycin": Perturbation(("rapamycin",), "inhibition of S6K1 and partly of mTORC1", True, 1.0),
    "tunicamycin": Perturbation(("tunicamycin",), "ER load by blocked N-glycosylation", True),
    "cisplatin": Perturbation(("cisplatin",), "DNA adducts that raise the death signal", True),
    "cytosolic_asparaginase": Perturbation(
        ("cytosolic_asparaginase_uM_per_min",), "asparaginase in the cytosol, µM/min", True
    ),
}

_DIVISORS = (
    "_km_", "_ki_", "half", "_time_min", "volume_pL", "protein_residues", "asns_copies_per_pL", "clearance",
    "_length_min", "nucleotide_supply_full",
)  # fmt: skip
_AT_MOST_1 = (
    "adhesion", "division_asymmetry", "asns_methylated_fraction", "asns_methylation_per_division",
    "asns_demethylation_per_division", "rapamycin",
)  # fmt: skip
_RISING = (
    ("crowding_growth_full", "crowding_growth_zero"),
    ("size_growth_full", "size_growth_zero"),
    ("necrosis_oxygen_low_mmHg", "necrosis_oxygen_high_mmHg"),
)


def parameter_problem(name: str, value: float) -> str | None:
    """Return what was expected of a parameter's value that no cell can have, else None."""
    if value < 0.0:
        return "expected a number of at least 0"
    if value == 0.0 and any(part in name for part in _DIVISORS):
        return "expected a number above 0"
    if value > 1.0 and name in _AT_MOST_1:
        return "expected a number from 0 to 1"
    return None


def order_problem(values: Mapping[str, float]) -> tuple[str, str] | None:
    """Return the first parameter that breaks an order among parameters, and what was expected, else None."""
    for names in _RISING:
        for lower, upper in pairwise(names):
            low, high = (values.get(name, PARAMETERS[name].value) for name in (lower, upper))
            if not low < high:
                return upper if upper in values else lower, f"expected {lower} ({low:g}) below {upper} ({high:g})"
    return None


PARAMETER_DTYPE = np.dtype([*((name, np.float64) for name in PARAMETERS), ("metabolic", np.bool_)], align=True)
"""What kernels read of a cell type: its parameters, and whether it has a metabolism (else a clock drives it)."""


def parameter_table(rows: Sequence[Mapping[str, float]], metabolic: Sequence[bool] | None = None) -> np.ndarray:
    """Return one record for each cell type.

    Parameters
    ----------
    rows
        For each type the values that differ from `PARAMETERS`.
    metabolic
        For each type whether it has a metabolism; by default all have.

    Returns
    -------
    numpy.ndarray
        Shape (len(rows),), dtype `PARAMETER_DTYPE`; kernels read ``table[type].volume_pL``.
    """
    table = np.zeros(len(rows), PARAMETER_DTYPE)
    table["metabolic"] = True if metabolic is None else metabolic
    for record, row in zip(table, rows, strict=True):
        for name, parameter in PARAMETERS.items():
            record[name] = row.get(name, parameter.value)
    return table
