"""Facts about tissue on plasma: migration, combinations, normal cells, stroma (F15-F17, S6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tumorabm.model import TumorModel
from tumorabm.scenario import scenario_from_dict
from tumorabm.validation.experiments import live_cells, on_plasma
from tumorabm.validation.fact import Check, Fact


def migration_follows_asparagine() -> Iterator[Check]:
    """F16: breast tumour cells on plasma for three days; the score is the mean EMT state after the last of them."""

    def arm(levers: Mapping[str, float], **plasma: object) -> tuple[float, float]:
        group = {"type": "breast_tumour", "perturbations": dict(levers)}
        tissue = on_plasma({"tumour": group}, 72.0, treat_at_h=6.0, **plasma)
        return float(tissue.model.population.data["emt"][tissue.live("tumour")].mean()), tissue.growth

    score, growth = arm({})
    for name, (levers, plasma), low, high in (
        ("asparaginase", ({}, {"formulation": "pegaspargase"}), 0.0, 0.5),
        ("diet with a fifth of the Asn", ({}, {"dietary_asparagine_factor": 0.2}), 0.0, 0.5),
        ("ASNS at a tenth", ({"asns": 0.1}, {}), 0.0, 0.5),
        ("diet with three times the Asn", ({}, {"dietary_asparagine_factor": 3.0}), 1.3, np.inf),
        ("ASNS at three times", ({"asns": 3.0}, {}), 1.3, np.inf),
    ):
        arm_score, arm_growth = arm(levers, **plasma)
        yield Check(f"{name}: invasive score", arm_score / score, low, high)
        yield Check(f"{name}: primary tumour", arm_growth / growth, 0.85, 1.15)


def drug_and_rapamycin_act_together() -> Iterator[Check]:
    """F17: colorectal cells on plasma; size is biomass over that of the control after 72 h of treatment."""

    def size(levers: Mapping[str, float], formulation: str | None) -> float:
        group = {"type": "colon_tumour", "perturbations": dict(levers)}
        return on_plasma({"tumour": group}, 72.0, treat_at_h=6.0, formulation=formulation).growth

    control = size({}, None)
    alone = {
        "asparaginase": ({}, "pegaspargase"),
        "rapamycin": ({"rapamycin": 1.0}, None),
        "ASNS at a tenth": ({"asns": 0.1}, None),
    }
    for name, arguments in alone.items():
        yield Check(f"{name} alone: size / control", size(*arguments) / control, low=0.7)
    both = size({"rapamycin": 1.0}, "pegaspargase") / control
    yield Check("asparaginase with rapamycin: size / control", both, high=0.5)
    depleted = size({"asns": 0.1}, "pegaspargase") / control
    yield Check("asparaginase with ASNS at a tenth: size / control", depleted, high=0.5)


def normal_cells_make_their_own() -> Iterator[Check]:
    """S6: normal marrow cells on plasma with pegaspargase for five days, as they are and with ASNS that cannot rise."""

    def treated(levers: Mapping[str, float]) -> tuple[float, float]:
        group = {"type": "normal_marrow", "perturbations": dict(levers)}
        before = on_plasma({"normal": group}, 0.1, treat_at_h=24.0)
        after = on_plasma({"normal": group}, 120.0, treat_at_h=24.0, formulation="pegaspargase")
        asns = [tissue.model.population.data["asns_mrna"][tissue.live("normal")].mean() for tissue in (before, after)]
        return after.survival, asns[1] / asns[0]

    survival, induction = treated({})
    yield Check("survival", survival, low=0.7)
    yield Check("ASNS mRNA, fold", induction, low=1.5)
    yield Check("survival without induction / with", treated({"asns_inducible": 0.0})[0] / survival, high=0.9)


SLAB = {
    "hours": 78.0,
    "domain": {"size_um": [240.0, 240.0]},
    "vessels": {"density_per_mm2": 150.0},
    # as in a dish: the enzyme is wherever the medium is
    "fields": {"asparaginase": {"plasma_fraction": 1.0, "vessel_exchange_per_min": 100.0}},
    "pharmacology": {
        "doses": [{"drug": "asparaginase", "formulation": "pegaspargase", "dose_iu_per_m2": 2500.0, "day": 0.25}]
    },
    "output": {"timeseries_every_h": 78.0},
}


def stroma_protects_blasts() -> Iterator[Check]:
    """F15: blasts on a layer of MSC in a perfused slab, pegaspargase, 72 h; MSC as they are, ASNS-KD, and none."""

    def survivors(stroma: Mapping[str, object] | None) -> float:
        cells = {"blast": {"type": "all_blast", "count": 150}}
        if stroma is not None:
            cells["stroma"] = {"type": "msc", "count": 220, **stroma}
        scenario = scenario_from_dict(SLAB | {"cells": cells})
        alive = [int(live_cells(TumorModel(scenario, rng=seed).run(), "blast").sum()) for seed in (1, 2, 3)]
        return float(np.mean(alive)) / 150.0

    alone, together, silenced = survivors(None), survivors({}), survivors({"perturbations": {"asns": 0.1}})
    yield Check("live blasts after 72 h, with MSC / alone", together / max(alone, 1.0 / 450.0), low=1.5)
    yield Check("with ASNS-KD MSC / with MSC", silenced / together, high=0.67)


FACTS = (
    Fact(
        "F15",
        "blasts among MSC, pegaspargase, 72 h",
        "MSC protect ALL cells, not so with ASNS knocked down",
        "Iwamoto 2007, J Clin Invest 117:1049",
        "V",
        stroma_protects_blasts,
        disputed="only by the assumed transfer between touching cells: diffusion cannot do it",
    ),
    Fact(
        "F16",
        "breast tumour on plasma: asparaginase, diets, ASNS down and up, 3 d",
        "asparaginase, low-Asn diet and ASNS-KD cut invasion, not primary growth; the opposite raises it",
        "Knott 2018, Nature 554:378 (erratum 556:135)",
        "V",
        migration_follows_asparagine,
        tuned="asparagine_leak_per_min, asparagine_import_amol_per_min, emt_half_asparagine_uM",
        disputed="fold sizes were not seen",
    ),
    Fact(
        "F17",
        "KRAS colorectal tumour on plasma: asparaginase, rapamycin, ASNS-KD, together, 72 h",
        "alone ineffective, together they suppress",
        "PMC5071549; Hettmer 2015",
        "V",
        drug_and_rapamycin_act_together,
        tuned="ATF4 with mTORC1, rapamycin's 0.3 on mTORC1, translation_spare",
    ),
    Fact(
        "S6",
        "normal marrow on plasma, pegaspargase, 5 d",
        "normal cells survive by raising their own ASNS",
        "seed document",
        "V",
        normal_cells_make_their_own,
    ),
)
