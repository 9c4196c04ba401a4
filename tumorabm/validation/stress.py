"""Facts about the integrated stress response (F6, F12, S2, S7)."""

from __future__ import annotations

from collections.abc import Iterator

from tumorabm.assays.media import medium_uM, without_amino_acids
from tumorabm.validation.experiments import Culture, grow
from tumorabm.validation.fact import Check, Fact

DMEM, RPMI = medium_uM("dmem"), medium_uM("rpmi")
POOR = medium_uM("plasma", asparagine=0.0, glucose=500.0, glutamine=300.0)
"""The core of a tumour: no Asn, little glucose, half the glutamine of plasma [A]."""


def gcn2_carries_the_amino_acid_response() -> Iterator[Check]:
    """F6: liver cells without GCN2 or PERK; amino acids withdrawn, or asparaginase with its glutaminase, for 12 h."""
    kinds = {"wild_type": {}, "gcn2_null": {"gcn2": 0.0}, "perk_null": {"perk": 0.0}}
    starved, treated = without_amino_acids(DMEM), {**RPMI, "asparaginase": 10.0}
    mrna = grow(
        {
            f"{kind}_{name}": Culture("hepatocyte", medium, always=always)
            for kind, always in kinds.items()
            for name, medium in (("fed", RPMI), ("starved", starved), ("treated", treated))
        },
        12.0,
        cells=60,
    ).mean("asns_mrna")
    for name in ("starved", "treated"):
        fold = {kind: mrna[f"{kind}_{name}"] / mrna[f"{kind}_fed"] for kind in kinds}
        yield Check(f"{name}: ASNS mRNA of the wild type, fold", fold["wild_type"], low=1.5)
        yield Check(f"{name}: GCN2-null, fold", fold["gcn2_null"], high=1.2)
        rise = (fold["perk_null"] - 1.0) / (fold["wild_type"] - 1.0)
        yield Check(f"{name}: rise of PERK-null over that of the wild type", rise, low=0.7)


def anoxia_and_not_hypoxia_raises_atf4() -> Iterator[Check]:
    """F12: solid cells in RPMI at 140, 7 and 0 mmHg for 24 h, with and without PERK; survival after 72 h.

    The rule of necrosis is that of tissue, where glucose fails with oxygen: it is off in a dish full of glucose.
    """
    no_necrosis = {"necrosis_per_min": 0.0}
    cultures = {
        "wild_type": Culture(parameters=no_necrosis),
        "perk_null": Culture(always={"perk": 0.0}, parameters=no_necrosis),
    }
    air, hypoxia, anoxia = (
        # few cells in much medium, so that the oxygen they meet is that of the gas
        grow(cultures, 24.0, oxygen_mmHg=mmHg, cells=100, cells_per_uL=5.0)
        for mmHg in (140.0, 7.0, 0.0)
    )
    atf4 = air.mean("atf4")["wild_type"]
    yield Check("ATF4 in anoxia, fold", anoxia.mean("atf4")["wild_type"] / atf4, low=2.0)
    yield Check("ATF4 at 7 mmHg, fold", hypoxia.mean("atf4")["wild_type"] / atf4, high=1.5)
    phosphorylated = anoxia.mean("p_eif2a")
    ratio = phosphorylated["perk_null"] / phosphorylated["wild_type"]
    yield Check("p-eIF2a in anoxia, PERK-null / wild type", ratio, high=0.5)
    survival = anoxia.run(48.0).survival
    yield Check("survival of anoxia, PERK-null / wild type", survival["perk_null"] / survival["wild_type"], high=0.7)


def either_arm_induces_asns() -> Iterator[Check]:
    """S2: Asn withdrawn from ALL cells (only GCN2 can answer), tunicamycin (only PERK can), 12 h."""
    fed, hungry = medium_uM("rpmi"), medium_uM("rpmi", asparagine=0.0)
    experiment = grow(
        {
            "fed": Culture("jurkat", fed),
            "aar": Culture("jurkat", hungry, always={"perk": 0.0}, parameters={"asns_relative": 0.1}),
            "aar_fed": Culture("jurkat", fed, always={"perk": 0.0}, parameters={"asns_relative": 0.1}),
            "upr": Culture("jurkat", fed, always={"gcn2": 0.0}, perturbations={"tunicamycin": 1.0}),
            "upr_fed": Culture("jurkat", fed, always={"gcn2": 0.0}),
        },
        12.0,
    )
    atf4, mrna = experiment.mean("atf4"), experiment.mean("asns_mrna")
    for arm, what in (("aar", "without Asn, GCN2 alone"), ("upr", "tunicamycin, PERK alone")):
        yield Check(f"{what}: ATF4, fold", atf4[arm] / atf4[f"{arm}_fed"], low=2.0)
        yield Check(f"{what}: ASNS mRNA, fold", mrna[arm] / mrna[f"{arm}_fed"], low=1.5)


def stress_raises_asns_and_asns_helps() -> Iterator[Check]:
    """S7: solid cells in poor medium and anoxia; ASNS three times and a tenth; asparaginase."""
    anoxia = grow(
        {"normal": Culture(medium_uM=RPMI), "poor": Culture(medium_uM=POOR)}, 12.0, oxygen_mmHg=0.0, cells=100
    )
    air = grow({"normal": Culture(medium_uM=RPMI)}, 12.0, cells=100)
    for readout, what in (("atf4", "ATF4"), ("asns_mrna", "ASNS mRNA")):
        for culture in ("normal", "poor"):
            fold = anoxia.mean(readout)[culture] / air.mean(readout)["normal"]
            yield Check(f"{what} in anoxia, {culture} medium, fold", fold, low=1.5)
    cultures = {
        f"{kind}_{name}": Culture(medium_uM=medium, always={"asns": asns})
        for kind, asns in (("high", 3.0), ("normal", 1.0), ("inhibited", 0.1))
        for name, medium in (("poor", POOR), ("drug", {**RPMI, "asparaginase": 0.03}), ("rpmi", RPMI))
    }
    experiment = grow(cultures, 72.0, cells=80)
    growth, emt = experiment.growth, experiment.mean("emt")
    yield Check(
        "growth in poor medium, inhibited / high ASNS", growth["inhibited_poor"] / growth["high_poor"], high=0.7
    )
    yield Check("EMT state in poor medium, high / normal ASNS", emt["high_poor"] / emt["normal_poor"], low=1.2)
    viability = experiment.mtt
    for kind, low, high in (("high", 0.5, 1.5), ("inhibited", 0.0, 0.2)):
        relative = viability[f"{kind}_drug"] / viability[f"{kind}_rpmi"]
        yield Check(f"viability at 0.03 IU/mL, {kind} ASNS", relative, low, high)


FACTS = (
    Fact(
        "F6",
        "liver cells, GCN2-null and PERK-null, 12 h without amino acids or with asparaginase",
        "no induction of ASNS without GCN2, without PERK as in the wild type",
        "Bunpo 2009, J Nutr 139:2020",
        "V",
        gcn2_carries_the_amino_acid_response,
    ),
    Fact(
        "F12",
        "solid line, RPMI, 140, 7 and 0 mmHg",
        "anoxia raises ATF4, moderate hypoxia does not; without PERK less p-eIF2a and survival",
        "Blood 103:1876",
        "V",
        anoxia_and_not_hypoxia_raises_atf4,
        tuned="T-dependent ER load and its threshold",
        disputed="in DMEM it holds in part",
    ),
    Fact(
        "S2",
        "ALL line without Asn, without PERK; with tunicamycin, without GCN2",
        "ATF4 active, ASNS transcription up by either arm alone",
        "seed document",
        "V",
        either_arm_induces_asns,
    ),
    Fact(
        "S7",
        "solid line in anoxia, in poor medium, with asparaginase; ASNS high, normal, inhibited",
        "stress raises ATF4 and ASNS; high ASNS gives proliferation, migration, resistance; inhibition takes them away",
        "seed document",
        "V",
        stress_raises_asns_and_asns_helps,
    ),
)
