"""What two niches do for blasts under asparaginase (run by hand: ``pytest -m slow -s tests/validation/test_niche.py``).

The table that it prints is kept in ``docs/validation_niche.md``. Three minutes on one core.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from tumorabm import TumorModel, load_scenario
from tumorabm.assays.media import medium_uM
from tumorabm.assays.wells import Wells, wells_scenario
from tumorabm.variants.table import mean_of

pytestmark = pytest.mark.slow

SCENARIO = Path(__file__).parents[2] / "scenarios" / "niche.toml"
SEEDS = (1, 2, 3, 4)
DOSE_H, LATER_H = 24.0, 36.0
NEAR_UM, FAR_UM = 20.0, 60.0
"""Middle to middle: nearer cells touch, farther ones have two cells or more between them."""
NICHES = ("stroma", "adipocyte")


def course(variant: str, seed: int) -> dict[str, float]:
    """Return which share of the blasts of the dose lives 36 h later, by what they lay beside then, and the fields."""
    model = TumorModel(load_scenario(SCENARIO, (f"seed={seed}",), variant=variant))
    model.run(hours=DOSE_H)
    at_dose = distances(model)
    model.run(hours=LATER_H)
    survives = at_dose.index.isin(distances(model).index)
    far = (at_dose[list(NICHES)] > FAR_UM).all(axis=1)
    row = {"far": survives[far].mean()}
    for niche in NICHES:
        row[f"beside {niche}"] = survives[at_dose[niche] < NEAR_UM].mean() if at_dose[niche].min() < NEAR_UM else np.nan
        for field in ("asparagine", "glutamine"):
            row[f"{field} at {niche}"], row[f"{field} in all"] = concentrations_uM(model, niche, field)
        row[f"live {niche}"] = model.observe()[f"live_{niche}"]
    return row | {"ledger": model.observe()["ledger_relative_error"]}


def distances(model: TumorModel) -> pd.DataFrame:
    """Return the distance of each live blast to the nearest cell of each niche (µm), by uid."""
    cells = pd.DataFrame(model.cell_columns()).set_index("uid")
    cells = cells[~cells["phase"].isin(["apoptotic", "necrotic"])]
    blasts = cells[cells["type"] == "blast"]
    place = ["x_um", "y_um"]
    return pd.DataFrame(
        {
            niche: cKDTree(members[place]).query(blasts[place])[0] if len(members) else np.inf
            for niche, members in ((niche, cells[cells["type"] == niche]) for niche in NICHES)
        },
        index=blasts.index,
    )


def concentrations_uM(model: TumorModel, niche: str, field: str) -> tuple[float, float]:
    """Return the mean concentration where cells of a niche lie, and that of the whole tissue."""
    values = 1000.0 * model.fields[field].concentration_mM
    members = model.population.data["cell_type"] == model.cell_types.index(niche)
    voxels = model.grid.voxel_index(model.population.block("position_um")[members])
    return float(values.ravel()[voxels].mean()) if members.any() else np.nan, float(values.mean())


@pytest.fixture(scope="module")
def courses() -> pd.DataFrame:
    variants = ("as_it_is", "no_transfer", "no_release", "no_niche")
    rows = [{"variant": name, "seed": seed, **course(name, seed)} for name in variants for seed in SEEDS]
    table = pd.DataFrame(rows).set_index(["variant", "seed"])
    print(f"\n{table.round(4).T.to_string()}\n\nmeans\n{table.groupby('variant').mean().round(4).T.to_string()}")
    return table


def protection(courses: pd.DataFrame, variant: str, niche: str) -> tuple[float, float, float]:
    """Return the survival of blasts beside a niche over that of others: geometric mean over seeds, and its interval."""
    of = courses.loc[variant]
    ratio, low, high = np.exp(mean_of(np.log((of[f"beside {niche}"] / of["far"]).to_numpy())))
    print(f"\n{variant}: live beside {niche} over others {ratio:.2f} ({low:.2f} to {high:.2f})")
    return ratio, low, high


def test_stroma_protects_the_blasts_that_it_touches(courses: pd.DataFrame) -> None:
    assert protection(courses, "as_it_is", "stroma")[1] > 1.5


def test_without_transfer_by_contact_most_of_the_protection_is_gone(courses: pd.DataFrame) -> None:
    assert protection(courses, "no_transfer", "stroma")[2] < protection(courses, "as_it_is", "stroma")[1]


def test_stroma_gives_off_asparagine_that_spreads_in_its_niche(courses: pd.DataFrame) -> None:
    of = courses.loc["no_transfer"]
    assert (of["asparagine at stroma"] > 1.2 * of["asparagine in all"]).all()


def test_glutamine_from_adipocytes_makes_no_difference_in_perfused_tissue(courses: pd.DataFrame) -> None:
    released, kept = (courses.loc[name, "glutamine at adipocyte"].mean() for name in ("as_it_is", "no_release"))
    print(f"\nglutamine at adipocytes with release {released:.1f} µM, without {kept:.1f} µM")
    assert released == pytest.approx(kept, rel=0.02)
    protection(courses, "as_it_is", "adipocyte")  # printed only


def test_in_a_well_without_glutamine_adipocytes_feed_blasts() -> None:
    scenario = load_scenario(SCENARIO)
    adipocyte = {
        "type": "adipocyte",
        "count": 100,
        "wells": [1],
        "parameters": scenario.cells["adipocyte"].parameters,
    }
    groups = {"blast": {"type": "all_blast", "count": 100, "wells": [0, 1]}, "adipocyte": adipocyte}
    medium = {**medium_uM("rpmi"), "glutamine": 0.0}
    wells = Wells(wells_scenario(groups, medium, hours=72.0, wells=2, cells_per_well=100), seed=1, threads=1)
    wells.run(72.0)
    (alone, fed), (without_uM, with_uM) = wells.counts()["blast"], wells.field("glutamine")
    print(
        f"\n72 h without glutamine: blasts alone {alone}, with adipocytes {fed}; {without_uM:.2f} and {with_uM:.2f} µM"
    )
    assert with_uM > 5.0 * without_uM
    assert fed > alone


def test_nitrogen_ledger_closes(courses: pd.DataFrame) -> None:
    assert courses["ledger"].max() < 1e-9
