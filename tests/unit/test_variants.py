"""Variants of a scenario: what merging does, what is refused, and the statistics of a comparison."""

import copy
import tomllib

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tumorabm.scenario import Scenario, ScenarioError, load_scenario, scenario_from_dict, variant_names
from tumorabm.variants.table import compare, mean_of, ratio_of_means

SCENARIO = """
hours = 48.0
seed = 3
[domain]
size_um = [200.0, 100.0]
[vessels]
density_per_mm2 = 60.0
[cells.tumour]
type = "solid_tumour"
count = 10
[cells.tumour.perturbations]
gls = 0.5
[[pharmacology.doses]]
drug = "asparaginase"
formulation = "pegaspargase"
dose_iu_per_m2 = 2500.0
day = 1.0

[variants.control]
[variants.control.pharmacology]
doses = []
[variants.knock_down.cells.tumour.perturbations]
asns = 0.1
[variants.low_asparagine_diet.pharmacology.plasma]
dietary_asparagine_factor = 0.3
[variants.longer]
hours = 96.0
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "arms.toml"
    path.write_text(SCENARIO, "utf-8")
    return path


def complaint(path, *changes, variant=None, overrides=()):
    text = SCENARIO
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text, "utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, overrides, variant)
    return str(caught.value)


# -- what a variant is ----------------------------------------------------------------------------------------------


def test_variants_are_listed_in_the_order_of_the_file(path):
    assert variant_names(path) == ("control", "knock_down", "low_asparagine_diet", "longer")


def test_a_file_without_variants_lists_none(path):
    path.write_text(SCENARIO.partition("[variants")[0], "utf-8")
    assert variant_names(path) == ()


def test_without_a_variant_the_plain_file_counts(path):
    plain = tomllib.loads(SCENARIO)
    del plain["variants"]
    assert load_scenario(path) == scenario_from_dict({"name": "arms", **plain})


def test_a_variant_replaces_values_and_lists_and_leaves_the_rest(path):
    plain = load_scenario(path)
    control, longer = load_scenario(path, variant="control"), load_scenario(path, variant="longer")
    assert control.pharmacology.doses == ()
    assert control.pharmacology.plasma == plain.pharmacology.plasma
    assert control.cells == plain.cells
    assert (longer.hours, longer.pharmacology) == (96.0, plain.pharmacology)


def test_nested_tables_are_merged(path):
    knock_down = load_scenario(path, variant="knock_down").cells["tumour"]
    assert knock_down.perturbations == {"gls": 0.5, "asns": 0.1}
    assert knock_down.count == 10
    diet = load_scenario(path, variant="low_asparagine_diet").pharmacology
    assert diet.plasma.dietary_asparagine_factor == 0.3
    assert diet.doses == load_scenario(path).pharmacology.doses


def test_an_empty_variant_differs_only_in_its_name(path):
    path.write_text(SCENARIO + "[variants.same]\n", "utf-8")
    same = load_scenario(path, variant="same")
    assert same.name == "arms_same"
    assert same.model_copy(update={"name": "arms"}) == load_scenario(path)


@pytest.mark.parametrize(
    ("name", "variant", "expected"),
    [("", "", "arms_x"), ('name = "given"\n', "", "given_x"), ('name = "given"\n', 'name = "own"\n', "own_x")],
)
def test_the_name_ends_in_that_of_the_variant(path, name, variant, expected):
    path.write_text(f"{name}hours = 6\n[domain]\nsize_um = [20, 20]\n[variants.x]\n{variant}", "utf-8")
    assert load_scenario(path, variant="x").name == expected


def test_a_dictionary_without_a_name_gets_the_default_one_and_stays_as_it_is():
    data = tomllib.loads(SCENARIO)
    before = copy.deepcopy(data)
    assert scenario_from_dict(data, variant="control").name == "scenario_control"
    assert data == before


def test_overrides_act_after_the_variant(path):
    assert load_scenario(path, ["hours=72"], "longer").hours == 72
    assert load_scenario(path, ["name=mine"], "longer").name == "mine"
    assert load_scenario(path, ["cells.tumour.perturbations.asns=0.2"], "knock_down").cells["tumour"].perturbations == {
        "gls": 0.5,
        "asns": 0.2,
    }


def test_the_resolved_scenario_holds_no_variants_and_reads_back(path):
    scenario = load_scenario(path, variant="low_asparagine_diet")
    written = tomllib.loads(scenario.to_toml())
    assert "variants" not in written
    assert scenario_from_dict(written) == scenario


def test_the_json_schema_describes_variants():
    variants = Scenario.json_schema()["properties"]["variants"]
    assert variants["description"]
    assert variants["additionalProperties"]["type"] == "object"
    assert "variants" not in Scenario.model_fields


# -- what is refused ------------------------------------------------------------------------------------------------


def test_an_unknown_variant_is_refused_with_the_nearest_name(path):
    assert complaint(path, variant="low_asparagin_diet").endswith(
        "arms.toml: variant low_asparagin_diet: unknown variant; nearest valid name: low_asparagine_diet"
    )
    assert "expected one of control, knock_down" in complaint(path, variant="xyz")


def test_a_variant_of_a_file_without_variants_is_refused(path):
    text = SCENARIO.partition("[variants")
    assert complaint(path, ("".join(text[1:]), ""), variant="control").endswith("the scenario has no variants")


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("[variants.longer]\nhours = 96.0", "[variants]\nlonger = 96", ["variants.longer = 96", "expected a table"]),
        ("[variants.longer]", '[variants."a b"]', ["variants.a b", "letters, digits, _ and -"]),
        ("[variants.longer]", "[variants.longer.variants.more]", ["variants.longer.variants", "expected none"]),
        (SCENARIO, "variants = 3\nhours = 6\n[domain]\nsize_um = [20, 20]", ["variants = 3", "expected tables"]),
    ],
)
@pytest.mark.parametrize("variant", [None, "control"])
def test_what_is_no_variant_is_refused_whichever_is_asked_for(path, before, after, parts, variant):
    message = complaint(path, (before, after), variant=variant)
    assert message.count("\n") == 0
    assert all(part in message for part in [str(path), *parts]), message


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("hours = 96.0", "hourz = 96.0", ["hourz = 96.0", "unknown key; nearest valid name: hours"]),
        ("hours = 96.0", "hours = -1", ["hours = -1", "expected a number > 0"]),
        ("hours = 96.0", "hours = 12.0", ["pharmacology.doses.0.day = 1.0", "before the run ends"]),
        ("hours = 96.0", "cells.more = {count = 1}", ["cells.more.type is missing"]),
        ("hours = 96.0", "name = 3", ["name = 3", "expected text"]),
    ],
)
def test_a_mistake_in_a_variant_names_the_variant(path, before, after, parts):
    message = complaint(path, (before, after), variant="longer")
    assert all(part in message for part in [f"{path}, variant longer: ", *parts]), message
    load_scenario(path, variant="control")
    load_scenario(path)


def test_an_override_of_a_variant_is_refused(path):
    message = complaint(path, overrides=["variants.longer.hours=3"])
    assert "--set variants.longer.hours=3: expected a key outside variants" in message


def test_a_misspelt_table_of_variants_is_refused(path):
    message = complaint(path, ("[variants.", "[variantz."))
    assert "variantz" in message
    assert "nearest valid name: variants" in message


# -- the comparison -------------------------------------------------------------------------------------------------


def test_the_interval_of_a_mean_is_students():
    values = np.array([3.0, 5.0, 4.0, 8.0])
    interval = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert mean_of(values) == pytest.approx((5.0, interval.low, interval.high))


def test_one_value_has_no_interval_and_none_no_mean():
    assert mean_of(np.array([3.0])) == pytest.approx((3.0, np.nan, np.nan), nan_ok=True)
    assert mean_of(np.array([])) == pytest.approx((np.nan,) * 3, nan_ok=True)


def test_the_interval_of_a_ratio_of_narrow_samples_is_welchs_of_the_difference():
    over, under = 1.0 + 1e-5 * np.array([1.0, 5.0, 2.0, 9.0]), 1.0 + 3e-5 * np.array([4.0, 2.0, 8.0])
    welch = stats.ttest_ind(over, under, equal_var=False).confidence_interval(0.95)
    ratio = ratio_of_means([over], [under])
    assert ratio.value == over.mean() / under.mean()
    assert (ratio.low - 1.0, ratio.high - 1.0) == pytest.approx((welch.low, welch.high), rel=1e-3)


@pytest.mark.parametrize("n", [4, 8])
def test_the_interval_of_a_ratio_of_products_covers_the_truth_as_often_as_it_says(n):
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        a, b, c = (random.normal(mean, 0.1 * mean, n) for mean in (2.0, 3.0, 8.0))
        ratio = ratio_of_means([a, b], [c])
        covered += ratio.low <= 0.75 <= ratio.high
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("over", "under", "value"), [([0.0, 0.0], [2.0, 3.0], 0.0), ([2.0, 3.0], [0.0, 0.0], np.nan), ([4.0], [2.0], 2.0)]
)
def test_a_ratio_without_spread_of_logarithms_has_no_interval(over, under, value):
    ratio = ratio_of_means([np.array(over)], [np.array(under)])
    assert ratio == pytest.approx((value, np.nan, np.nan), nan_ok=True)


def test_equal_values_have_an_interval_of_no_width():
    assert ratio_of_means([np.array([3.0, 3.0])], [np.array([2.0, 2.0])]) == (1.5, 1.5, 1.5)


def results(**live):
    rows = [(name, seed, n) for name, counts in live.items() for seed, n in enumerate(counts)]
    return pd.DataFrame(rows, columns=["variant", "seed", "live_tumour"])


def test_a_comparison_has_a_row_for_each_variant_with_the_ratio_to_the_reference():
    table = compare(results(b=[10, 12], a=[5, 6]), ["live_tumour"], "b").set_index("variant")
    assert table.index.tolist() == ["b", "a"]
    assert table["mean"].tolist() == [11.0, 5.5]
    assert table["ratio"].tolist() == [1.0, 0.5]
    assert table.loc["b", ["ratio_low", "ratio_high"]].isna().all()
    assert table.loc["a", "ratio_low"] < 0.5 < table.loc["a", "ratio_high"]


def test_missing_values_are_no_runs_and_without_the_reference_there_are_no_ratios():
    table = compare(results(b=[10, np.nan, 12], a=[np.nan]), ["live_tumour"], "c").set_index("variant")
    assert table["runs"].tolist() == [2, 0]
    assert table["mean"].tolist()[0] == 11.0
    assert table["ratio"].isna().all()
