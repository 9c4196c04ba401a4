"""How asparagine moves metastasis and not the primary tumour (run by hand: ``pytest -m slow -s tests/validation``).

The table that it prints is kept in ``docs/validation_metastasis.md``. Half an hour on two cores.
"""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tumorabm.cli import app

pytestmark = pytest.mark.slow

SCENARIO = Path(__file__).parents[2] / "scenarios" / "metastasis.toml"
REPLICATES = 8
BURDEN, PRIMARY, SCORE = "lung_disseminated_cells", "live_tumour", "emt_mean_tumour"
FEWER = ("asns_knock_down", "asparaginase", "low_asparagine_diet")
MORE = ("asns_over_expression", "high_asparagine_diet")


@pytest.fixture(scope="module")
def ratios(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Means over control by readout and variant, with intervals."""
    out = tmp_path_factory.mktemp("metastasis") / "out"
    readouts = [part for name in (BURDEN, PRIMARY, SCORE, "births") for part in ("--readout", name)]
    command = ["variants", str(SCENARIO), "--out", str(out), "--replicates", str(REPLICATES), *readouts]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out / "comparison.csv")
    print(f"\n{out}\n{table.round(3).to_string(index=False)}")
    return table.set_index(["readout", "variant"])


@pytest.mark.parametrize("arm", FEWER)
def test_less_asparagine_halves_the_burden_or_more(ratios: pd.DataFrame, arm: str) -> None:
    assert ratios.loc[(BURDEN, arm), "ratio"] <= 0.5


@pytest.mark.parametrize("arm", MORE)
def test_more_asparagine_raises_the_burden_by_a_third(ratios: pd.DataFrame, arm: str) -> None:
    assert ratios.loc[(BURDEN, arm), "ratio"] >= 1.3


@pytest.mark.parametrize("arm", FEWER)
def test_the_primary_tumour_stays_within_15_percent(ratios: pd.DataFrame, arm: str) -> None:
    assert ratios.loc[(PRIMARY, arm), "ratio"] == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("arm", [*FEWER, *MORE])
def test_the_burden_follows_the_invasive_score(ratios: pd.DataFrame, arm: str) -> None:
    score, burden = (ratios.loc[(name, arm), "ratio"] for name in (SCORE, BURDEN))
    assert (score < 1.0) == (burden < 1.0)
