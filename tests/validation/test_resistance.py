"""What must emerge under repeated asparaginase (run by hand: ``pytest -m slow tests/validation``).

The table that it prints is kept in ``docs/validation_resistance.md``.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from tumorabm import TumorModel, load_scenario
from tumorabm.threads import available_cores
from tumorabm.variants.table import mean_of

pytestmark = pytest.mark.slow

SCENARIO = Path(__file__).parents[2] / "scenarios" / "resistance_asparaginase.toml"
SEEDS = range(1, 9)
DOSE_D, SURVIVORS_D, END_D = 2.0, 8.0, 60.0
SINGLE = ('pharmacology.doses.0.every="21 d"', "pharmacology.doses.0.times=3")
MUCH_STROMA = ("cells.stroma.count=260",)
"""Four times the scenario's: then stroma touches a third of the blasts."""
VARIANTS = {
    "every 7 d": (),
    "every 21 d": SINGLE,
    "every 21 d, much stroma": (*SINGLE, *MUCH_STROMA),
    "every 21 d, much stroma, no transfer": (*SINGLE, *MUCH_STROMA, "perturbations.contact_transfer=0.0"),
}


def course(variant: str, seed: int) -> dict[str, float | str]:
    """Run until the blasts are more than at the first dose, extinct, or the scenario ends; return what was seen."""
    model = TumorModel(load_scenario(SCENARIO, (*VARIANTS[variant], f"seed={seed}")), threads=1)
    model.run(hours=24.0 * DOSE_D)
    at_dose = blasts(model)
    model.run(hours=24.0 * (SURVIVORS_D - DOSE_D))
    survivors, series = blasts(model), model.timeseries()
    while 0 < series["live_blast"].iloc[-1] <= len(at_dose) and model.running:
        model.run(hours=6.0)
        series = model.timeseries()
    days, live = series["time_h"] / 24.0, series["live_blast"]
    back = days[(days > DOSE_D + 1.0) & (live > len(at_dose))]
    return {
        "doses": variant,
        "seed": seed,
        "at_dose": len(at_dose),
        "fewest": live[days > DOSE_D].min(),
        "survivors": len(survivors),
        "clones": survivors["founder_uid"].nunique(),
        "basal_ratio": np.exp(np.log(survivors["asns_basal"]).mean() - np.log(at_dose["asns_basal"]).mean()),
        "asns_ratio": survivors["asns_relative"].mean() / at_dose["asns_relative"].mean(),
        "methylated_before": at_dose["asns_methylated"].mean(),
        "methylated_after": survivors["asns_methylated"].mean(),
        "relapse_d": back.iloc[0] if len(back) else END_D,
        "relapsed": bool(len(back)),
    }


def blasts(model: TumorModel) -> pd.DataFrame:
    """Return the live blasts of now."""
    cells = pd.DataFrame(model.cell_columns())
    return cells[(cells["type"] == "blast") & ~cells["phase"].isin(["apoptotic", "necrotic"])]


@pytest.fixture(scope="module")
def courses() -> pd.DataFrame:
    runs = [(variant, seed) for variant in VARIANTS for seed in SEEDS]
    with ThreadPoolExecutor(available_cores()) as pool:
        table = pd.DataFrame(pool.map(course, *zip(*runs, strict=True)))
    print(f"\n{table.round(3).to_string(index=False)}")
    return table.set_index(["doses", "seed"])


def is_later(courses: pd.DataFrame, variant: str, than: str) -> float:
    """Return the chance of relapses as often later by seed as here, if neither variant were the later one.

    A sign test, because a run without relapse tells no more than that it would come after its end.
    """
    days, than_days = courses.loc[variant, "relapse_d"], courses.loc[than, "relapse_d"]
    later, n = int((days > than_days).sum()), int((days != than_days).sum())
    median = (days - than_days).median()
    print(f"\nrelapse {variant} later than {than} in {later} of {n} seeds, in the median by {median:.2f} d")
    return float(binomtest(later, n, alternative="greater").pvalue)


def test_survivors_of_the_first_dose_inherit_more_asns_than_the_blasts_before_it(courses: pd.DataFrame) -> None:
    ratio, low, high = np.exp(mean_of(np.log(courses.loc["every 7 d", "basal_ratio"].to_numpy())))
    print(f"\nbasal ASNS of survivors over that at the dose: {ratio:.1f} ({low:.1f} to {high:.1f})")
    assert low > 1.0


def test_survivors_have_fewer_methylated_promoters(courses: pd.DataFrame) -> None:
    of = courses.loc["every 7 d"]
    fall, low, high = mean_of((of["methylated_before"] - of["methylated_after"]).to_numpy())
    print(f"\nshare of methylated promoters falls by {fall:.2f} ({low:.2f} to {high:.2f})")
    assert low > 0.0


def test_relapse_follows_although_doses_go_on_wherever_a_blast_is_left(courses: pd.DataFrame) -> None:
    of = courses.loc["every 7 d"]
    assert (of["relapsed"] | (of["fewest"] == 0)).all()
    assert of["relapsed"].sum() > len(of) / 2


def test_relapse_is_later_with_closer_doses(courses: pd.DataFrame) -> None:
    assert is_later(courses, "every 7 d", than="every 21 d") < 0.05


def test_stroma_that_hands_over_asparagine_leaves_more_blasts_of_more_clones(courses: pd.DataFrame) -> None:
    protected, alone = (courses.loc[f"every 21 d, much stroma{end}"] for end in ("", ", no transfer"))
    for column in ("fewest", "clones"):
        change = np.log(protected[column].clip(lower=1)) - np.log(alone[column].clip(lower=1))
        ratio, low, high = np.exp(mean_of(change.to_numpy()))
        print(f"\n{column} with transfer over without: {ratio:.1f} ({low:.1f} to {high:.1f})")
        assert low > 1.0


def test_relapse_is_earlier_where_stroma_protects(courses: pd.DataFrame) -> None:
    assert is_later(courses, "every 21 d, much stroma, no transfer", than="every 21 d, much stroma") < 0.05
