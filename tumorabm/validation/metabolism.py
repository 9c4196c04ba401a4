"""Facts about glutamine, aspartate, growth and the cycle (F7, F8, F11, S3, S4, S9)."""

from __future__ import annotations

from collections.abc import Iterator

from tumorabm.assays.media import medium_uM
from tumorabm.validation.experiments import Culture, grow
from tumorabm.validation.fact import Check, Fact

DMEM, RPMI = medium_uM("dmem"), medium_uM("rpmi")
WITHOUT_GLUTAMINE = medium_uM("dmem", glutamine=0.0)
WITH_ASN = {**WITHOUT_GLUTAMINE, "asparagine": 1000.0}


def asparagine_rescues_without_glutamine() -> Iterator[Check]:
    """F7, S4: solid cells in DMEM without Gln, with and without 1 mM Asn, 72 h."""
    experiment = grow(
        {
            "fed": Culture(medium_uM=DMEM),
            "without": Culture(medium_uM=WITHOUT_GLUTAMINE),
            "with_asn": Culture(medium_uM=WITH_ASN),
        },
        72.0,
        before_uM=DMEM,
    )
    survival, growth = experiment.survival, experiment.growth
    yield Check("survival without Gln", survival["without"], high=0.3)
    yield Check("survival with Asn", survival["with_asn"], low=0.8)
    yield Check("growth with Asn, fold", growth["with_asn"], high=1.3)
    for name in ("aspartate", "glutamate"):
        pool = experiment.pool_uM(name)
        yield Check(f"{name} pool with Asn / fed", pool["with_asn"] / pool["fed"], high=0.6)


def cytosolic_asparaginase_undoes_the_rescue() -> Iterator[Check]:
    """F8: as F7, with an asparaginase in the cytosol (1 IU/mL of cell water)."""
    experiment = grow(
        {
            "with_asn": Culture(medium_uM=WITH_ASN),
            "with_enzyme": Culture(medium_uM=WITH_ASN, always={"cytosolic_asparaginase": 1000.0}),
        },
        72.0,
        before_uM=DMEM,
    )
    yield Check("survival with Asn", experiment.survival["with_asn"], low=0.8)
    yield Check("survival with Asn and the enzyme", experiment.survival["with_enzyme"], high=0.5)


def aspartate_makers_matter_under_the_drug() -> Iterator[Check]:
    """F11: Jurkat-like cells without GOT2 or MDH, RPMI with and without 0.02 IU/mL, 72 h.

    At the screen's 0.25 U/mL the enzyme's glutaminase kills the wild type too.
    """
    cultures = {
        f"{kind}_{name}": Culture("jurkat", medium, always=always)
        for kind, always in (("wild_type", {}), ("got2_null", {"got2": 0.0}), ("mdh_null", {"mdh": 0.0}))
        for name, medium in (("free", RPMI), ("drug", {**RPMI, "asparaginase": 0.02}))
    }
    growth = grow(cultures, 72.0, cells=100).growth
    yield Check("growth of the wild type without the drug, fold", growth["wild_type_free"], low=2.0)
    yield Check("growth of the wild type with the drug, fold", growth["wild_type_drug"], low=1.5)
    for kind in ("got2_null", "mdh_null"):
        yield Check(
            f"growth without the drug, {kind} / wild type", growth[f"{kind}_free"] / growth["wild_type_free"], low=0.5
        )
        yield Check(
            f"growth with the drug, {kind} / wild type", growth[f"{kind}_drug"] / growth["wild_type_drug"], high=0.2
        )


def starved_blasts_stop_in_g1_and_die() -> Iterator[Check]:
    """S3: an ALL line in RPMI with 1 IU/mL: first protein synthesis, then the cycle, then death."""
    line = {"asns_sigma": 0.0}
    drug = {**RPMI, "asparaginase": 1.0}
    cultures = {
        "free": Culture("all_blast", RPMI, parameters=line),
        "drug": Culture("all_blast", drug, parameters=line),
    }
    experiment = grow(cultures, 6.0, cells=400)
    translation = experiment.mean("translation")
    yield Check("translation after 6 h, drug / free", translation["drug"] / translation["free"], high=0.5)
    yield Check("survival after 6 h", experiment.survival["drug"], low=0.95)
    experiment.run(18.0)
    g1 = experiment.g1_fraction()
    yield Check("share in G0/G1 after 24 h, drug", g1["drug"], low=0.9)
    yield Check("share in G0/G1 after 24 h, drug / free", g1["drug"] / g1["free"], low=1.2)
    yield Check("survival after 72 h", experiment.run(48.0).survival["drug"], high=0.3)


def building_blocks() -> Iterator[Check]:
    """S9: what Asn, Gln and Asp are needed for, and where ammonia comes from and goes."""
    medium = medium_uM("plasma")
    cultures = {
        "fed": Culture("molt4", medium),
        "no_asn": Culture("molt4", {**medium, "asparagine": 0.0}),
        "no_gln": Culture("molt4", {**medium, "glutamine": 0.0}),
        "no_asp": Culture("molt4", medium, perturbations={"got": 0.0, "slc1a3": 0.0}),
        "no_gls": Culture("molt4", medium, perturbations={"gls": 0.0}),
        "enzyme": Culture("molt4", {**medium, "asparaginase": 1.0}),
        "liver": Culture("hepatocyte", {**medium, "ammonia": 500.0}),
        "liver_off": Culture("hepatocyte", {**medium, "ammonia": 500.0}, parameters={"urea_amol_per_min": 0.0}),
    }
    experiment = grow(cultures, 12.0, before_uM=medium)
    for readout, culture, high in (
        ("translation", "no_asn", 0.6),
        ("n_glycosylation", "no_asn", 0.6),
        ("nucleotide_synthesis", "no_gln", 0.7),
        ("nucleotide_synthesis", "no_asp", 0.7),
    ):
        values = experiment.mean(readout)
        yield Check(f"{readout}, {culture} / fed", values[culture] / values["fed"], high=high)
    ammonia = dict(zip(cultures, experiment.wells.field("ammonia"), strict=True))
    yield Check("ammonia of the medium, without GLS / fed", ammonia["no_gls"] / ammonia["fed"], high=0.9)
    yield Check("with asparaginase / fed", ammonia["enzyme"] / ammonia["fed"], low=1.5)
    fixing = {"gs": Culture(always={"gls": 0.0}), "no_gs": Culture(always={"gls": 0.0, "gs": 0.0})}
    crowd = grow(fixing, 12.0, before_uM=medium, settle_h=0.0, cells_per_uL=2000.0).wells.field("ammonia")
    yield Check("a crowd without GLS: with GS / without GS", crowd[0] / crowd[1], high=0.8)
    yield Check("with liver cells / liver cells without urea cycle", ammonia["liver"] / ammonia["liver_off"], high=0.7)


FACTS = (
    Fact(
        "F7",
        "solid line, DMEM without Gln, with and without Asn, 72 h",
        "cells die; Asn rescues them, not their growth, Asp and Glu",
        "Zhang 2014, Mol Cell 56:205",
        "V",
        asparagine_rescues_without_glutamine,
        tuned="glutamine_synthetase_amol_per_min",
        disputed="other lines proliferate (Chiodi 2021)",
    ),
    Fact(
        "F8",
        "as F7, with an asparaginase in the cytosol",
        "the rescue is suppressed",
        "Pavlova 2018, Cell Metab 27:428",
        "V",
        cytosolic_asparaginase_undoes_the_rescue,
    ),
    Fact(
        "F11",
        "Jurkat-like line without GOT2 or MDH, RPMI, 0.02 IU/mL, 72 h",
        "growth lost under asparaginase, spared without",
        "CRISPR screen, PMC7546708",
        "V",
        aspartate_makers_matter_under_the_drug,
        tuned="got1_amol_per_min, asns_km_aspartate_uM",
        disputed="the screen used 0.25 U/mL, which kills the model's wild type",
    ),
    Fact(
        "S3",
        "ALL line, RPMI, 1 IU/mL",
        "protein synthesis falls, the cycle stops in G0/G1, then apoptosis",
        "seed document",
        "V",
        starved_blasts_stop_in_g1_and_die,
    ),
    Fact(
        "S4",
        "solid line, DMEM without Gln, with and without Asn",
        "apoptosis; Asn rescues viability without restoring TCA intermediates",
        "seed document (Zhang 2014)",
        "V",
        asparagine_rescues_without_glutamine,
        tuned="as F7",
    ),
    Fact(
        "S9",
        "ALL line and liver cells in plasma-like medium, 12 h",
        "protein synthesis and N-glycosylation need Asn, "
        "nucleotides Gln and Asp; asparaginase and glutaminase make ammonia, GS and the urea cycle remove it",
        "seed document",
        "V",
        building_blocks,
    ),
)
