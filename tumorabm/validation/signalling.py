"""Facts about mTORC1, and about what Asn is exchanged for (F9, F10, F19, S1, S5, S8)."""

from __future__ import annotations

from collections.abc import Iterator

from tumorabm.assays.media import medium_uM, without_amino_acids
from tumorabm.biology import states as s
from tumorabm.biology.parameters import UPTAKE_KM_UM
from tumorabm.surroundings import Surroundings
from tumorabm.validation.experiments import Culture, Experiment, grow
from tumorabm.validation.fact import Check, Fact

DMEM = medium_uM("dmem", serum=True)
STARVED = without_amino_acids(medium_uM("dmem"))


def _stimulated(kinds: dict[str, dict[str, float]], stimuli: dict[str, dict[str, float]]) -> dict[str, float]:
    """Protocol 1: 2 h without amino acids, then a stimulus for 1 h; p-S6K1 over that of the unstarved wild type."""
    cultures = {
        f"{kind}_{name}": Culture(medium_uM=STARVED, always=always)
        for kind, always in kinds.items()
        for name in ("unstarved", *stimuli)
    }
    experiment = grow(cultures, 0.0, before_uM=DMEM, settle_h=24.0, cells=60)
    unstarved = experiment.mean("p_s6k1")["wild_type_unstarved"]
    experiment.run(2.0)
    for well, culture in enumerate(cultures):
        name = culture.partition("_")[2] if culture.startswith("wild") else culture
        for stimulus, medium in stimuli.items():
            if name.endswith(stimulus):
                experiment.wells.change_medium(medium, slice(well, well + 1))
    experiment.run(1.0)
    ratio = experiment.mean("p_s6k1") / unstarved
    return {culture: float(ratio[culture]) for culture in cultures}


def asparagine_drives_s6k1_without_rag() -> Iterator[Check]:
    """F9: Protocol 1 with RagA/B knocked out, Arf1 knocked down to a tenth, rapamycin."""
    kinds = {"wild_type": {}, "rag": {"rag": 0.0}, "arf1": {"arf1": 0.1}, "rapamycin": {"rapamycin": 1.0}}
    stimuli = {"starved": STARVED, "asparagine": {**STARVED, "asparagine": 500.0}, "all": DMEM}
    ratio = _stimulated(kinds, stimuli)
    wild_type = ratio["wild_type_asparagine"]
    yield Check("p-S6K1 starved for 2 h / unstarved", ratio["wild_type_starved"], high=0.1)
    yield Check("with 500 µM Asn for 1 h", wild_type, 0.2, 0.6)
    yield Check("with all amino acids", ratio["wild_type_all"], low=0.7)
    yield Check("Asn, RagA/B-KO / wild type", ratio["rag_asparagine"] / wild_type, 0.7, 1.3)
    yield Check("Asn, Arf1-KD / wild type", ratio["arf1_asparagine"] / wild_type, high=0.3)
    yield Check("Asn with rapamycin / unstarved", ratio["rapamycin_asparagine"], high=0.1)


def depletion_silences_s6k1() -> Iterator[Check]:
    """S1: Asn withdrawn from Gln-free medium for 2 h, in the wild type and without RagA/B."""
    with_asn = {**STARVED, "asparagine": 500.0, "exchange_amino_acids": 1000.0}
    cultures = {
        f"{kind}_{name}": Culture(medium_uM=medium, always=always)
        for kind, always in (("wild_type", {}), ("rag_null", {"rag": 0.0}))
        for name, medium in (("with", with_asn), ("without", {**with_asn, "asparagine": 0.0}))
    }
    p_s6k1 = grow(cultures, 3.0, before_uM=DMEM, cells=60).mean("p_s6k1")
    for kind, high in (("wild_type", 0.9), ("rag_null", 0.5)):
        yield Check(f"p-S6K1 without Asn / with, {kind}", p_s6k1[f"{kind}_without"] / p_s6k1[f"{kind}_with"], high=high)


def _exchange_uptake(experiment: Experiment) -> dict[str, float]:
    """Uptake of Ser/Arg/His by a cell of each culture, amol/min per biomass."""
    model = experiment.model
    capacity = Surroundings(model).capacities_amol_per_min[:, s.UP_EXCHANGE]
    outside = experiment.wells.field("exchange_amino_acids")
    well = model.grid.voxel_index(model.population.block("position_um"))
    saturation = outside / (outside + UPTAKE_KM_UM["exchange_amino_acids"].value)
    uptake = capacity * saturation[well] / model.population.data["biomass"]
    return {
        name: float(uptake[model.population.data["cell_type"] == i].mean()) for i, name in enumerate(model.cell_types)
    }


def asparagine_brings_in_other_amino_acids() -> Iterator[Check]:
    """F10: ASNS knocked down in Asn-free DMEM, with and without 0.1 mM Asn, 24 h."""
    medium = medium_uM("dmem")
    experiment = grow(
        {
            "wild_type": Culture(medium_uM=medium),
            "knock_down": Culture(medium_uM=medium, always={"asns": 0.1}),
            "restored": Culture(medium_uM={**medium, "asparagine": 100.0}, always={"asns": 0.1}),
        },
        24.0,
        before_uM=medium_uM("dmem", asparagine=100.0),
    )
    uptake, mtorc1, translation = (
        _exchange_uptake(experiment),
        experiment.mean("mtorc1"),
        experiment.mean("translation"),
    )
    yield Check(
        "uptake of Ser/Arg/His, change with the knock-down",
        uptake["knock_down"] / uptake["wild_type"] - 1.0,
        -0.7,
        -0.2,
    )
    yield Check("mTORC1, knock-down / wild type", mtorc1["knock_down"] / mtorc1["wild_type"], high=0.95)
    yield Check("translation, knock-down / wild type", translation["knock_down"] / translation["wild_type"], high=0.8)
    yield Check("mTORC1 with 0.1 mM Asn / wild type", mtorc1["restored"] / mtorc1["wild_type"], low=0.9)
    yield Check("translation with 0.1 mM Asn / wild type", translation["restored"] / translation["wild_type"], low=0.9)


def respiration_acts_through_asparagine() -> Iterator[Check]:
    """F19: respiration at a hundredth in Asn-free DMEM for 48 h, with and without 1 mM Asn."""
    medium = medium_uM("dmem")
    experiment = grow(
        {
            "control": Culture(medium_uM=medium),
            "inhibited": Culture(medium_uM=medium, perturbations={"etc": 0.01}),
            "restored": Culture(medium_uM={**medium, "asparagine": 1000.0}, perturbations={"etc": 0.01}),
        },
        48.0,
        before_uM=medium,
    )
    growth, atf4, mtorc1 = experiment.growth, experiment.mean("atf4"), experiment.mean("mtorc1")
    for name in ("aspartate", "asparagine"):
        pool = experiment.pool_uM(name)
        yield Check(f"{name} pool, inhibited / control", pool["inhibited"] / pool["control"], high=0.7)
    yield Check("mTORC1, inhibited / control", mtorc1["inhibited"] / mtorc1["control"], high=0.95)
    yield Check("ATF4, inhibited / control", atf4["inhibited"] / atf4["control"], low=2.0)
    yield Check("ATF4 with Asn / control", atf4["restored"] / atf4["control"], high=1.5)
    yield Check("mTORC1 with Asn / inhibited", mtorc1["restored"] / mtorc1["inhibited"], low=1.05)
    yield Check("mTORC1 with Asn / control", mtorc1["restored"] / mtorc1["control"], low=0.8)
    yield Check("growth, inhibited / control", growth["inhibited"] / growth["control"], high=0.7)
    yield Check("growth with Asn / control", growth["restored"] / growth["control"], low=0.7)


def asparagine_warms_adipocytes() -> Iterator[Check]:
    """S5: adipocytes in plasma-like medium with 0.5 mM Asn or none, and with mTORC1 inhibited."""
    medium = medium_uM("plasma", asparagine=0.0)
    experiment = grow(
        {
            "without": Culture("adipocyte", medium),
            "with": Culture("adipocyte", {**medium, "asparagine": 500.0}),
            "with_inhibitor": Culture("adipocyte", {**medium, "asparagine": 500.0}, perturbations={"mtorc1": 0.0}),
        },
        12.0,
        before_uM=medium,
    )
    genes, flux = experiment.mean("thermogenic_program"), experiment.mean("glucose_uptake_amol_per_min")
    for what, values in (("thermogenic genes", genes), ("glucose uptake", flux)):
        yield Check(f"{what} with Asn / without", values["with"] / values["without"], low=1.2)
        yield Check(f"{what} with Asn and inhibitor / without", values["with_inhibitor"] / values["without"], high=1.0)


def mtorc1_builds_and_spares() -> Iterator[Check]:
    """S8: mTORC1 off for 12 h in RPMI."""
    experiment = grow({"on": Culture(), "off": Culture(perturbations={"mtorc1": 0.0})}, 12.0)
    for readout, low, high in (
        ("translation", 0.0, 0.8),
        ("lipid_synthesis", 0.0, 0.2),
        ("nucleotide_synthesis", 0.0, 0.2),
        ("autophagy", 1.5, 10.0),
    ):
        values = experiment.mean(readout)
        yield Check(f"{readout}, mTORC1 off / on", values["off"] / values["on"], low, high)


FACTS = (
    Fact(
        "F9",
        "Protocol 1, DMEM: 2 h without amino acids, 500 µM Asn for 1 h; RagA/B-KO, Arf1-KD, rapamycin",
        "Asn restores p-S6K1 in part, without Rag, through Arf1",
        "Meng 2020, Jewell 2015; doses from the seed document",
        "V",
        asparagine_drives_s6k1_without_rag,
        tuned="mtorc1_arf_asparagine_uM, mtorc1_arf_glutamine_uM",
    ),
    Fact(
        "F10",
        "solid line, ASNS at a tenth, DMEM with and without 0.1 mM Asn",
        "uptake of Ser/Arg/His, mTORC1 and translation fall; Asn restores them",
        "Krall 2016, Nat Commun 7:11457",
        "V",
        asparagine_brings_in_other_amino_acids,
        tuned="exchange_antiport_half_uM_per_min",
    ),
    Fact(
        "F19",
        "solid line, DMEM, respiration inhibited, with and without Asn",
        "Asp, Asn and mTORC1 fall, ATF4 rises; Asn restores ATF4, mTORC1 and proliferation",
        "Krall 2021, Cell Metab 33:1013",
        "V",
        respiration_acts_through_asparagine,
        tuned="got1_amol_per_min, nucleotide_km_aspartate_uM",
    ),
    Fact(
        "S1",
        "solid line, Gln-free medium with and without Asn, wild type and RagA/B-null",
        "depletion of Asn lowers p-S6K1, also without Rag",
        "seed document (Jewell 2015, Meng 2020)",
        "V",
        depletion_silences_s6k1,
    ),
    Fact(
        "S5",
        "adipocytes with and without 0.5 mM Asn, mTORC1 inhibited",
        "Asn raises thermogenic genes and glucose flux, through mTORC1",
        "seed document (Xu 2021, EMBO J)",
        "V",
        asparagine_warms_adipocytes,
        tuned="glutamine_import_amol_per_min of adipocytes",
    ),
    Fact(
        "S8",
        "solid line, RPMI, mTORC1 off",
        "mTORC1 raises protein, lipid and nucleotide synthesis and lowers autophagy",
        "seed document",
        "V",
        mtorc1_builds_and_spares,
    ),
)
