"""Facts about who dies of asparaginase (F2-F5, F18)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import spearmanr

from tumorabm.assays.media import medium_uM
from tumorabm.biology.parameters import PARAMETERS
from tumorabm.validation.experiments import Culture, asparaginase_series, grow, half_dose
from tumorabm.validation.fact import Check, Fact

RPMI = medium_uM("rpmi")


def low_asns_leukaemia_dies() -> Iterator[Check]:
    """F2: a blast line (no spread of ASNS) in RPMI."""
    line = Culture("all_blast", parameters={"asns_sigma": 0.0})
    viability = asparaginase_series({"line": line}, np.array([0.03]), RPMI)
    yield Check("viability at 0.03 IU/mL, 72 h", float(viability.loc[0.03, "line"]), high=0.10)


def asns_alone_makes_resistant() -> Iterator[Check]:
    """F3: MOLT-4-like cells, and the same with the ASNS of a solid tumour."""
    lines = {"molt4": Culture("molt4"), "with_asns": Culture("molt4", parameters={"asns_relative": 1.0})}
    viability = asparaginase_series(lines, np.array([0.03]), RPMI)
    yield Check("viability of MOLT-4 at 0.03 IU/mL", float(viability.loc[0.03, "molt4"]), high=0.10)
    yield Check("with ASNS", float(viability.loc[0.03, "with_asns"]), low=0.5)


DOSES = 10.0 ** np.arange(-5.0, 2.6, 0.5)


def silencing_potentiates() -> Iterator[Check]:
    """F4: solid cells in RPMI, ASNS knocked down to a tenth from the start."""
    lines = {"wild_type": Culture(), "knock_down": Culture(always={"asns": 0.1})}
    viability = asparaginase_series(lines, DOSES, RPMI, cells=60)
    ic50 = {name: half_dose(DOSES, viability[name].to_numpy()) for name in lines}
    yield Check("IC50 of the wild type, IU/mL", ic50["wild_type"], low=DOSES[1], high=DOSES[-2])
    yield Check("IC50 of the knock-down, IU/mL", ic50["knock_down"], low=DOSES[1], high=DOSES[-2])
    yield Check("IC50, wild type / knock-down", ic50["wild_type"] / ic50["knock_down"], 3.0, 1e4)


N_LINES = 30


def asns_predicts_sensitivity() -> Iterator[Check]:
    """F5: 30 lines of basal ASNS over two decades, with log-normal differences (s.d. 0.3 [A]) in other parameters."""
    random = np.random.default_rng(5)
    asns = 10.0 ** random.uniform(-1.7, 0.6, N_LINES)
    differing = (
        "glutamine_synthetase_amol_per_min",
        "glutaminase_amol_per_min",
        "glutamine_import_amol_per_min",
        "translation_amol_per_min",
        "asns_induction",
        "got1_amol_per_min",
        "death_signal_per_min",
    )
    lines = {}
    for index, relative in enumerate(asns):
        factors = np.exp(0.3 * random.standard_normal(len(differing)))
        own = {name: PARAMETERS[name].value * float(f) for name, f in zip(differing, factors, strict=True)}
        lines[f"line_{index}"] = Culture(parameters={"asns_relative": float(relative), **own})
    viability = asparaginase_series(lines, DOSES[::2], RPMI, cells=30)
    ic50 = np.array([half_dose(DOSES[::2], viability[name].to_numpy()) for name in lines])
    yield Check("rank correlation of IC50 with ASNS", float(spearmanr(asns, ic50).statistic), low=0.6)
    yield Check("spread of IC50, decades", float(np.log10(ic50.max() / ic50.min())), low=3.0)


LEVELS = np.array([0.0, *10.0 ** np.arange(-2.0, 1.1, 0.25)])


def silencing_sensitises_to_cisplatin() -> Iterator[Check]:
    """F18: solid cells in DMEM, where they must make their Asn; cisplatin as a level of adducts."""
    medium = medium_uM("dmem")
    cultures = {
        f"{name}_{index}": Culture(medium_uM=medium, always={"asns": asns}, perturbations={"cisplatin": level})
        for name, asns in (("wild_type", 1.0), ("knock_down", 0.1))
        for index, level in enumerate(LEVELS)
    }
    mtt = grow(cultures, 72.0, before_uM=medium, cells=100).mtt
    ic50 = {}
    for name in ("wild_type", "knock_down"):
        values = np.array([mtt[f"{name}_{index}"] for index in range(len(LEVELS))])
        ic50[name] = half_dose(LEVELS[1:], values[1:] / values[0])
    yield Check("IC50 of the wild type, level", ic50["wild_type"], LEVELS[2], LEVELS[-2])
    yield Check("IC50, wild type / knock-down", ic50["wild_type"] / ic50["knock_down"], low=1.5)


FACTS = (
    Fact(
        "F2",
        "ALL line with low ASNS, RPMI, 0.03 IU/mL, 72 h",
        "more than 90 % killed",
        "AACR abstract 3378 (RS4;11, SupB15)",
        "V",
        low_asns_leukaemia_dies,
    ),
    Fact(
        "F3",
        "MOLT-4-like, ASNS of a solid tumour, 0.03 IU/mL, 72 h",
        "ASNS alone makes resistant",
        "Biochem J 357:321",
        "V",
        asns_alone_makes_resistant,
    ),
    Fact(
        "F4",
        "solid line, RPMI, ASNS at a tenth, 72 h",
        "3 to 10,000 times more sensitive",
        "Lorenzi 2006, Mol Cancer Ther 5:2613",
        "V",
        silencing_potentiates,
    ),
    Fact(
        "F5",
        "30 solid lines, RPMI, 72 h",
        "IC50 goes with ASNS protein, over three decades",
        "Lorenzi 2008, Mol Cancer Ther 7:3123 (r = -0.65 for sensitivity); 35 melanoma lines, rho 0.75",
        "V",
        asns_predicts_sensitivity,
        disputed="ASNS mRNA predicts poorly (-0.21 to -0.39); t(12;21) blasts have more ASNS",
    ),
    Fact(
        "F18",
        "solid line, DMEM, ASNS at a tenth, cisplatin, 72 h",
        "more sensitive to cisplatin",
        "gastric cancer lines",
        "V",
        silencing_sensitises_to_cisplatin,
        disputed="holds in Asn-free medium only",
    ),
)
