"""Cell types as parameter sets: what differs from the solid-tumour cell of `tumorabm.biology.parameters`.

The values are hand-tuned starts (tag A) except where a comment names a source.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CellType:
    """A preset of the scenario's ``type`` key.

    Attributes
    ----------
    meaning
        What the cell is.
    parameters
        Values that differ from `tumorabm.biology.parameters.PARAMETERS`.
    quiescent
        Whether such cells lie in G0/G1 at the start instead of cycling.
    resting_state
        Steady state in human plasma of a cell that does not grow, at biomass 1 and the preset's ``asns_relative``: Asn,
        Asp, Gln, Glu in µM, index of exchange amino acids, ER load, ATF4, ASNS mRNA, ASNS copies and mTORC1. A cell
        with another ``asns_relative`` or volume starts with ASNS mRNA and copies scaled in proportion.
    metabolic
        Whether such cells have the metabolism of `tumorabm.biology.cell`; else a clock drives them.
    """

    meaning: str
    parameters: dict[str, float] = field(default_factory=dict)
    resting_state: dict[str, float] = field(default_factory=dict)
    quiescent: bool = False
    metabolic: bool = True


CLOCK_CELL_PARAMETERS = (
    "volume_pL",
    "necrosis_per_min",
    "necrosis_oxygen_high_mmHg",
    "necrosis_oxygen_low_mmHg",
    "clearance_necrotic_min",
    "division_asymmetry",
    "crowding_growth_full",
    "crowding_growth_zero",
    "speed_epithelial_um_per_min",
    "persistence_min",
    "adhesion",
)
"""The parameters that a cell without a metabolism has."""

_LYMPHOID = {
    "volume_pL": 1.0,  # lymphoblast 0.7-1.3 pL [M]
    "translation_amol_per_min": 19.3,
    "protein_residues_amol": 35000.0,
    "asparagine_import_amol_per_min": 50.0,
    "glutamine_import_amol_per_min": 400.0,
    "aspartate_import_amol_per_min": 2.0,
    "glutaminase_amol_per_min": 360.0,
    "glutamine_synthetase_amol_per_min": 42.0,
    "got2_amol_per_min": 176.0,
    "got1_amol_per_min": 32.0,
    "other_nitrogen_amol_per_min": 60.0,
    "nucleotide_amol_per_min": 16.0,
    "oxygen_import_amol_per_min": 600.0,  # three times a resting lymphocyte's 3.3 amol/s (Blood 28:163, 1966 [V])
    "glucose_import_amol_per_min": 1000.0,  # ten times a resting lymphocyte's 6.2 fmol/h (same source [V])
}


def _resting(*values: float) -> dict[str, float]:
    names = (
        "asparagine_uM", "aspartate_uM", "glutamine_uM", "glutamate_uM", "exchange_index",
        "er_load", "atf4", "asns_mrna", "asns_copies", "mtorc1",
    )  # fmt: skip
    return dict(zip(names, values, strict=True))


CELL_TYPES: dict[str, CellType] = {
    "solid_tumour": CellType(
        "solid epithelial tumour cell (lung, breast, colon)",
        {},
        _resting(148, 1240, 1230, 3070, 0.62, 0.17, 0.39, 1.09, 1.2e6, 0.91),
    ),
    "all_blast": CellType(
        "acute lymphoblastic leukaemia blast, low ASNS",
        {**_LYMPHOID, "asns_relative": 0.03, "asns_sigma": 1.0, "asns_induction": 3.0},
        _resting(79, 1230, 1360, 3240, 0.53, 0.17, 1.16, 0.041, 1.68e4, 0.86),
    ),
    "molt4": CellType(
        "T-ALL line like MOLT-4",
        {**_LYMPHOID, "asns_relative": 0.05, "asns_induction": 3.0},
        _resting(79, 1230, 1360, 3240, 0.53, 0.17, 1.16, 0.068, 2.8e4, 0.86),
    ),
    "normal_marrow": CellType(
        "normal haematopoietic marrow cell, quiescent where space is taken",
        {
            **_LYMPHOID,
            "oxygen_import_amol_per_min": 200.0,  # resting lymphocyte (Blood 28:163, 1966 [V])
            "glucose_import_amol_per_min": 100.0,
            "translation_amol_per_min": 12.0,
            "nucleotide_amol_per_min": 10.0,
            "asns_relative": 0.3,
            "asns_sigma": 0.5,
            "crowding_growth_full": 0.1,
            "crowding_growth_zero": 0.25,
        },
        _resting(166, 1430, 1500, 3400, 0.63, 0.17, 0.37, 0.32, 1.42e5, 0.95),
        quiescent=True,
    ),
    "msc": CellType(
        "mesenchymal stromal cell, about 20 times the blasts' ASNS (Iwamoto 2007 [V])",
        {
            "oxygen_import_amol_per_min": 1250.0,  # as translation, about half the solid-tumour cell's
            "glucose_import_amol_per_min": 2000.0,
            "translation_amol_per_min": 25.0,
            "nucleotide_amol_per_min": 15.0,
            "asns_relative": 0.6,
            "asns_induction": 5.0,
            "crowding_growth_full": 0.1,
            "crowding_growth_zero": 0.25,
            "contact_transfer_pL_per_min": 0.1,
            "adhesion": 0.8,
            "speed_epithelial_um_per_min": 0.05,  # stroma stays where it is
            "speed_emt_gain_um_per_min": 0.0,
        },
        _resting(189, 1710, 1570, 3220, 0.65, 0.17, 0.35, 0.61, 6.9e5, 0.96),
        quiescent=True,
    ),
    "adipocyte": CellType(
        "brown or beige adipocyte",
        {
            "translation_amol_per_min": 15.0,
            "nucleotide_amol_per_min": 5.0,
            "asns_relative": 0.1,
            "asns_induction": 10.0,
            "rag": 0.5,
            "glutamine_import_amol_per_min": 250.0,
            "asparagine_import_amol_per_min": 60.0,
            "crowding_growth_full": 0.1,
            "crowding_growth_zero": 0.25,
        },
        _resting(93, 973, 232, 1160, 0.65, 0.11, 0.41, 0.108, 1.14e5, 0.31),
        quiescent=True,
    ),
    "clock_cell": CellType(
        "cell of the community benchmark: a clock drives its cycle; no metabolism",
        {
            "volume_pL": 2.494,  # MCF-7 of MultiCellDS, the default of PhysiCell [V]
            "division_asymmetry": 0.0,
            "speed_epithelial_um_per_min": 0.0,
            "speed_emt_gain_um_per_min": 0.0,
        },
        metabolic=False,
    ),
}
