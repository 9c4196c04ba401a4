"""Facts about the drug itself: what it does to medium and plasma (F1, F13, F14, S10)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import lambertw

from tumorabm.assays.media import medium_uM
from tumorabm.assays.wells import Wells, wells_scenario
from tumorabm.model import TumorModel
from tumorabm.scenario import scenario_from_dict
from tumorabm.validation.fact import Check, Fact

KM_UM = 15.0
RPMI_ASN_UM = 378.0


def _lambert_uM(velocity_uM_per_min: float, minutes: float) -> float:
    """Asn (µM) left of that of RPMI: ``Km W((S0/Km) exp((S0 - V t)/Km))``."""
    start = RPMI_ASN_UM / KM_UM
    return float(KM_UM * lambertw(start * np.exp(start - velocity_uM_per_min * minutes / KM_UM)).real)


def depletion_in_medium() -> Iterator[Check]:
    """F1: RPMI with enzyme and without cells; 0.01 IU/mL splits 10 µM/min at most."""
    for dose, step_min, by_min in ((0.01, 6.0, 240.0), (1.0, 0.05, 5.0)):
        scenario = wells_scenario(
            {}, medium_uM("rpmi"), hours=by_min / 60.0, cells_per_well=100, time={"step_min": step_min}
        )
        wells = Wells(scenario)
        wells.set_field("asparaginase", dose)
        gone_min, worst = np.inf, 0.0
        while wells.model.running:
            wells.model.step()
            left_uM = wells.field("asparagine")[0]
            expected_uM = _lambert_uM(1000.0 * dose, wells.model.time_min)
            if expected_uM > 10.0:
                worst = max(worst, abs(left_uM / expected_uM - 1.0))
            if left_uM < 1.0:
                gone_min = min(gone_min, wells.model.time_min)
        yield Check(f"{dose:g} IU/mL: min to 1 µM", gone_min, high=by_min)
        yield Check(f"{dose:g} IU/mL: largest error against Lambert W", worst, high=0.01)


def _plasma_course(formulation: str, days: float, step_min: float = 60.0, diet: float = 1.0) -> TumorModel:
    dose = {"drug": "asparaginase", "formulation": formulation, "dose_iu_per_m2": 2500.0, "day": 1.0}
    data = {
        "hours": 24.0 * days,
        "time": {"step_min": step_min},
        "domain": {"mode": "well_mixed", "volume_uL": 1.0, "perfusion_per_min": 1.0},
        "pharmacology": {"doses": [dose], "plasma": {"dietary_asparagine_factor": diet}},
    }
    return TumorModel(scenario_from_dict(data)).run()


def depletion_in_plasma() -> Iterator[Check]:
    """F13: pegaspargase 2500 IU/m² into plasma; gone means below 1 µM, as in F1."""
    series = _plasma_course("pegaspargase", 45.0).timeseries()
    after_h = series["time_h"] - 24.0
    depleted = series.loc[(after_h > 0.0) & (series["plasma_asparagine_uM"] < 1.0), "time_h"] - 24.0
    yield Check("h until Asn is below 1 µM", float(depleted.min()), high=24.0)
    yield Check("days with Asn below 1 µM", float(depleted.max() - depleted.min()) / 24.0, 20.0, 33.0)


def half_lives() -> Iterator[Check]:
    """F14: the slope of the activity in plasma from one day after the dose on."""
    for formulation, published_h in (("native_e_coli", 26.0), ("pegaspargase", 132.0)):
        series = _plasma_course(formulation, 8.0).timeseries()
        late = series["time_h"] > 48.0
        slope = np.polyfit(series.loc[late, "time_h"], np.log2(series.loc[late, "plasma_asparaginase_iu_per_mL"]), 1)[0]
        yield Check(f"{formulation}: half-life, h", float(-1.0 / slope), 0.8 * published_h, 1.2 * published_h)


def systemic_balance() -> Iterator[Check]:
    """S10: diet, synthesis and degradation set plasma Asn; Asp and Glu that the drug sets free are reported."""
    with_drug = _plasma_course("pegaspargase", 3.0).timeseries().set_index("time_h")
    half_diet = _plasma_course("pegaspargase", 3.0, diet=0.5).timeseries().set_index("time_h")
    before, after = with_drug.loc[24.0], with_drug.loc[26.0]
    yield Check("plasma Asn on half the diet / normal", half_diet["plasma_asparagine_uM"].loc[24.0] / 50.0, 0.4, 0.6)
    yield Check(
        "plasma Asn 2 h after the drug / before", after.plasma_asparagine_uM / before.plasma_asparagine_uM, high=0.05
    )
    for name in ("aspartate", "glutamate", "ammonia"):
        rise = after[f"plasma_{name}_uM"] / before[f"plasma_{name}_uM"]
        yield Check(f"plasma {name} 2 h after the drug / before", float(rise), low=1.1)


FACTS = (
    Fact(
        "F1",
        "RPMI, 0.01 and 1 IU/mL, no cells",
        "Asn exhausted by 4 h and by 5 min",
        "Li 2010, Chin J Contemp Pediatr 12:557",
        "V",
        depletion_in_medium,
    ),
    Fact(
        "F13",
        "pegaspargase 2500 IU/m² i.v., plasma",
        "Asn gone within 24 h, for 20-33 days",
        "AALL07P4, Schore 2019",
        "V",
        depletion_in_plasma,
        disputed="whether 0.02 or 0.1 IU/mL is needed",
    ),
    Fact(
        "F14",
        "native and pegylated enzyme in plasma",
        "half-lives of 26 h and 5.5 d",
        "Blood 2002;99:1986",
        "V",
        half_lives,
        tuned="the half-lives are inputs",
    ),
    Fact(
        "S10",
        "plasma with half the dietary Asn; with pegaspargase",
        "plasma Asn is the balance of diet, synthesis and degradation; the drug sets Asp, Glu, ammonia free",
        "seed document",
        "V",
        systemic_balance,
    ),
)
