"""The table of facts: complete, honest about what fails, and some of the quick facts themselves."""

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from tumorabm.assays.media import medium_uM
from tumorabm.biology.parameters import order_problem, parameter_problem
from tumorabm.cli import app
from tumorabm.validation import suite
from tumorabm.validation.experiments import Culture, asparaginase_series, grow, half_dose
from tumorabm.validation.fact import Check, Fact, Verdict
from tumorabm.validation.sensitivity import READOUTS, STEP, sensitivities, varied_parameters


def test_all_facts_of_the_literature_and_of_the_seed_document_are_there() -> None:
    assert list(suite.FACTS) == [*(f"F{i}" for i in range(1, 20)), *(f"S{i}" for i in range(1, 11))]


@pytest.mark.parametrize("name", suite.FACTS)
def test_a_fact_says_what_was_done_found_and_where(name: str) -> None:
    fact = suite.FACTS[name]
    for text in (fact.set_up, fact.published, fact.source):
        assert len(text) > 10
    assert fact.tag in {"V", "M", "A"}


@pytest.mark.parametrize(
    ("low", "high", "value", "holds"),
    [
        (0.0, 1.0, 0.5, True),
        (0.0, 1.0, 1.0, True),
        (0.0, 1.0, 1.01, False),
        (-math.inf, 0.1, -5.0, True),
        (2.0, math.inf, 1.9, False),
        (-math.inf, math.inf, math.nan, False),
    ],
)
def test_a_check_holds_within_its_band_and_never_for_nan(low: float, high: float, value: float, holds: bool) -> None:
    check = Check("readout", value, low, high)
    assert check.holds is holds
    assert str(check).endswith("FAILS") is not holds


def fact_that(value: float, tag: str) -> Fact:
    return Fact("F1", "set-up here", "published there", "a journal", tag, lambda: [Check("x", value, high=1.0)])


@pytest.mark.parametrize(("value", "tag", "code"), [(0.5, "V", 0), (2.0, "V", 1), (2.0, "A", 0)])
def test_the_command_ends_with_1_when_a_verified_fact_fails(monkeypatch, tmp_path, value, tag, code) -> None:
    monkeypatch.setitem(suite.FACTS, "F1", fact_that(value, tag))
    result = CliRunner().invoke(app, ["validate", "--only", "f1", "--json", str(tmp_path / "facts.json")])
    assert result.exit_code == code
    assert ("FAILS" in result.stdout) is (value > 1.0)
    (written,) = json.loads((tmp_path / "facts.json").read_text())
    assert written["holds"] is (value <= 1.0)
    assert written["checks"] == [{"what": "x", "holds": value <= 1.0, "value": value, "low": None, "high": 1.0}]


def test_the_table_comes_in_markdown_too(monkeypatch) -> None:
    monkeypatch.setitem(suite.FACTS, "F1", fact_that(0.5, "V"))
    lines = CliRunner().invoke(app, ["validate", "--only", "F1", "--markdown"]).stdout.splitlines()
    assert lines[0] == "| fact | set-up | published | source | model (band) | verdict | s |"
    assert lines[2].startswith(
        "| F1 | set-up here | published there | a journal [V] | x 0.5 (<= 1) | holds (prediction) |"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["validate", "--only", "F20"], "--only F20: unknown fact; nearest valid name: F2"),
        (["validate", "--only", ","], "--only: expected names of facts"),
        (["validate", "--json", "/nowhere/x.json"], "cannot be written"),
        (["sensitivity", "--out", "README.md"], "expected a new or empty folder"),
        (["sensitivity", "--out", "/tmp/new-folder", "--parameter", "asns_copies_per_pl"], "asns_copies_per_pL"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_one_message(arguments: list[str], expected: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["F1", "F9", "F14", "S1", "S8", "S10"])
def test_facts_that_take_a_second_hold(name: str) -> None:
    verdict: Verdict = suite.FACTS[name].ask()
    assert verdict.holds, verdict.readout


def test_half_dose_lies_between_the_doses_and_never_beyond_them() -> None:
    doses = np.array([0.01, 0.1, 1.0])
    assert half_dose(doses, np.array([1.0, 0.75, 0.25])) == pytest.approx(10.0**-0.5)
    assert half_dose(doses, np.array([1.0, 0.9, 0.8])) == 1.0
    assert half_dose(doses, np.array([0.3, 0.1, 0.0])) == 0.01


@pytest.mark.one_version
class TestSense:
    """What must hold whatever the parameters are."""

    RPMI = medium_uM("rpmi")

    def test_more_enzyme_never_raises_the_viability_of_an_auxotroph_and_there_are_no_jumps(self) -> None:
        doses = 10.0 ** np.arange(-4.5, -3.0, 0.1)
        viability = asparaginase_series({"line": Culture("molt4")}, doses, self.RPMI, cells=80)["line"].to_numpy()
        assert np.diff(viability).max() < 0.08  # noise of a well of 80 cells
        assert viability[0] > 0.9
        assert viability[-1] < 0.05
        # the well runs dry within three days or does not: the curve is steep, but no step
        assert ((viability > 0.1) & (viability < 0.9)).sum() >= 2
        assert -np.diff(viability).min() < 0.6

    @pytest.mark.parametrize("medium", ["rpmi", "plasma"])
    def test_glutaminase_never_protects_an_auxotroph_at_any_time(self, medium: str) -> None:
        """Without Gln a cell translates less and keeps its Asn; that must not let it live longer."""
        doses = np.array([0.0, 0.01, 0.1, 1.0, 10.0])
        contents = medium_uM(medium)
        culture = Culture("molt4", {**contents, "asparaginase": doses}, wells=len(doses))
        experiment = grow({"line": culture}, 24.0, before_uM=contents, cells=300)
        for _ in range(3):
            live = experiment.mtt_by_well()["line"]
            viability = live[1:] / live[0]
            # the standard error of a share of 300 cells
            noise = 3.0 * np.sqrt(viability.max() * (1.0 - viability.max()) / 300.0) / 2.0
            assert np.diff(viability).max() < noise
            experiment.run(24.0)

    def test_more_asns_never_lowers_viability_under_the_drug(self) -> None:
        levels = (0.03, 0.1, 0.3, 1.0, 3.0)
        lines = {
            f"line_{index}": Culture("molt4", parameters={"asns_relative": level}) for index, level in enumerate(levels)
        }
        viability = asparaginase_series(lines, np.array([0.03]), self.RPMI, cells=150).iloc[0].to_numpy()
        assert np.diff(viability).min() > -0.05
        assert viability[-1] > viability[0] + 0.4

    def test_the_ic50_of_an_auxotroph_is_set_by_how_long_the_well_keeps_its_asparagine(self) -> None:
        doses = 10.0 ** np.arange(-6.0, -1.9, 0.25)
        ic50 = {}
        for asparagine_uM in (378.0, 75.6):
            medium = self.RPMI | {"asparagine": asparagine_uM}
            viability = asparaginase_series({"line": Culture("molt4")}, doses, medium, cells=60)
            ic50[asparagine_uM] = half_dose(doses, viability["line"].to_numpy())
        # E splits 1000 E µM/min: at the IC50 of RPMI, Asn lasts between 12 h and the three days of the assay
        assert 12.0 < 378.0 / (1000.0 * ic50[378.0]) / 60.0 < 72.0
        # a fifth of the asparagine is gone with about a fifth of the enzyme
        assert ic50[378.0] / ic50[75.6] == pytest.approx(5.0, rel=0.5)


@pytest.mark.parametrize("factor", [1.0 - STEP, 1.0 + STEP])
def test_every_parameter_can_be_varied_by_itself(factor: float) -> None:
    for name, value in varied_parameters().items():
        assert parameter_problem(name, factor * value) is None, name
        assert order_problem({name: factor * value}) is None, name


@pytest.mark.one_version
def test_sensitivities_find_what_a_readout_rests_on() -> None:
    table = sensitivities(["emt_half_asparagine_uM", "asns_induction"], cells=20)
    assert set(READOUTS) < set(table.columns)
    assert table.loc["emt_half_asparagine_uM", "invasive_score"] < -0.5
    assert table.loc["asns_induction", "asns_induction"] > 0.3
    assert "persistence_min" not in varied_parameters()
