"""What must emerge in the leukaemia scenario (run by hand: ``pytest -m slow tests/validation``).

The tables that it prints are kept in ``docs/validation_leukaemia.md``.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumorabm import TumorModel, load_scenario

pytestmark = pytest.mark.slow

SCENARIO = Path(__file__).parents[2] / "scenarios" / "leukaemia_asparaginase.toml"
DOSE_H = 48.0


def run(*overrides: str) -> pd.DataFrame:
    model = TumorModel(load_scenario(SCENARIO, overrides)).run()
    series = model.timeseries().set_index("time_h")
    shown = [c for c in series if c.startswith(("live_", "plasma_asp", "asns_mean", "translation_mean"))]
    print(f"\n{SCENARIO.name} {' '.join(overrides)}")
    print(series.loc[[0.0, 48.0, 60.0, 72.0, 96.0, 120.0, 168.0, 240.0, 336.0], shown].round(3).to_string())
    return series


@pytest.fixture(scope="module", params=[1, 2, 3])
def treated(request: pytest.FixtureRequest) -> pd.DataFrame:
    return run(f"seed={request.param}")


def test_plasma_asparagine_falls_below_3_uM_and_stays_while_the_enzyme_is_active(treated: pd.DataFrame) -> None:
    after = treated.loc[DOSE_H + 24.0 :]
    assert (after.loc[after["plasma_asparaginase_iu_per_mL"] > 0.1, "plasma_asparagine_uM"] < 3.0).all()


def test_at_least_90_percent_of_blasts_die_within_five_days_but_not_all(treated: pd.DataFrame) -> None:
    nadir = treated.loc[DOSE_H : DOSE_H + 120.0, "live_blast"].min()
    assert 0 < nadir <= 0.1 * treated.loc[DOSE_H, "live_blast"]


def test_blasts_lose_protein_synthesis_within_an_hour_of_the_dose(treated: pd.DataFrame) -> None:
    translation = treated["translation_mean_blast"]
    assert translation.loc[DOSE_H + 1.0] < 0.5 * translation.loc[DOSE_H]


def test_normal_cells_raise_atf4_and_asns_and_at_least_70_percent_live(treated: pd.DataFrame) -> None:
    after = treated.loc[DOSE_H:]
    assert after["atf4_mean_normal"].max() > 2.0 * treated.loc[24.0, "atf4_mean_normal"]
    assert after["asns_mean_normal"].max() > 1.5 * treated.loc[24.0, "asns_mean_normal"]
    assert after["live_normal"].min() >= 0.7 * treated.loc[0.0, "live_normal"]


def test_nitrogen_ledger_closes(treated: pd.DataFrame) -> None:
    assert treated["ledger_relative_error"].max() < 1e-9


def test_untreated_blasts_grow_at_least_threefold_and_then_lack_space() -> None:
    untreated = run("pharmacology.doses=[]")
    growth = untreated["live_blast"] / untreated["live_blast"].iloc[0]
    assert growth.max() >= 3.0
    assert growth.iloc[-1] < 1.2 * growth.loc[240.0]


def test_at_least_half_of_blasts_with_the_asns_of_solid_tumours_survive_the_dose() -> None:
    at_dose, survivors = _basal_asns_of_blasts("cells.blast.asns_relative=1.0")
    print(f"\nrelative ASNS 1.0: {len(survivors)} of {len(at_dose)} blasts live five days after the dose")
    assert len(survivors) >= 0.5 * len(at_dose)


def test_survivors_are_the_tail_of_high_basal_asns() -> None:
    at_dose, survivors = _basal_asns_of_blasts()
    print(f"\nmedian basal ASNS: at the dose {np.median(at_dose):.3f}, of survivors {np.median(survivors):.3f}")
    assert 0 < len(survivors) < 0.1 * len(at_dose)
    assert np.median(survivors) > 5.0 * np.median(at_dose)


def _basal_asns_of_blasts(*overrides: str) -> tuple[np.ndarray, np.ndarray]:
    """Basal ASNS of the blasts alive at the dose, and of those among these very cells that live five days later."""
    model = TumorModel(load_scenario(SCENARIO, overrides)).run(hours=DOSE_H)
    blast = model.cell_types.index("blast")

    def live() -> dict[int, float]:
        data = model.population.data
        chosen = (data["cell_type"] == blast) & (data["phase"] < 4)
        return dict(zip(data["uid"][chosen].tolist(), data["asns_basal"][chosen].tolist(), strict=True))

    at_dose = live()
    later = model.run(hours=120.0) and live()
    return np.array(list(at_dose.values())), np.array([value for uid, value in later.items() if uid in at_dose])


def test_blasts_that_touch_stroma_at_the_dose_last_longer_and_contact_transfer_is_why() -> None:
    with_transfer, without = protection(), protection("perturbations.contact_transfer=0.0")
    print(f"\nlive share, touching stroma / not: {with_transfer}; without transfer {without}")
    assert with_transfer[0] > 1.5 * with_transfer[1]
    assert without[0] < 1.5 * without[1]


def protection(*overrides: str) -> tuple[float, float]:
    """Live share after 36 h of the blasts that touched stroma at the dose, and of the others (means of three seeds)."""
    shares = [_protection_of_one(f"seed={seed}", *overrides) for seed in (1, 2, 3)]
    touching, others = np.mean(shares, axis=0)
    return float(touching), float(others)


def _protection_of_one(*overrides: str) -> tuple[float, float]:
    model = TumorModel(load_scenario(SCENARIO, overrides)).run(hours=DOSE_H)
    data = model.population.data
    touched = np.zeros(model.population.size, bool)
    touched[model.touching(np.flatnonzero(data["cell_type"] == model.cell_types.index("stroma")))] = True
    blast = (data["cell_type"] == model.cell_types.index("blast")) & (data["phase"] < 4)
    groups = [set(data["uid"][blast & touched].tolist()), set(data["uid"][blast & ~touched].tolist())]
    model.run(hours=36.0)
    data = model.population.data
    alive = set(data["uid"][data["phase"] < 4].tolist())
    return tuple(len(group & alive) / len(group) for group in groups)
