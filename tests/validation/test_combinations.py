"""What asparaginase must do together with other drugs (run by hand: ``pytest -m slow -s tests/validation``).

The table that it prints is kept in ``docs/validation_combinations.md``. Ten minutes on one core.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tumorabm.cli import app
from tumorabm.variants.table import Interval, ratio_of_means

pytestmark = pytest.mark.slow

SCENARIO = Path(__file__).parents[2] / "scenarios" / "combinations.toml"
SEEDS = 4
PARTNERS = ("rapamycin", "iacs_010759", "asns_inhibitor")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Live tumour cells at the end by variant, shape (seeds,)."""
    out = tmp_path_factory.mktemp("combinations") / "out"
    command = ["variants", str(SCENARIO), "--out", str(out), "--replicates", str(SEEDS)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out / "variants.csv")
    cells = {name: part["live_tumour"].to_numpy(float) for name, part in table.groupby("variant", sort=False)}
    print(f"\n{out}\n| variant | live cells, mean | over control |\n|---|---|---|")
    for name, values in cells.items():
        ratio = "1" if name == "control" else shown(ratio_of_means([values], [cells["control"]]))
        print(f"| {name} | {values.mean():.0f} | {ratio} |")
    print("\n| asparaginase with | observed | expected | observed / expected |\n|---|---|---|---|")
    for partner in PARTNERS:
        values = cells[f"asparaginase_and_{partner}"]
        observed = ratio_of_means([values], [cells["control"]])
        expected = ratio_of_means([cells["asparaginase"], cells[partner]], [cells["control"], cells["control"]])
        print(f"| {partner} | {observed.value:.3f} | {expected.value:.3f} | {shown(excess(cells, partner))} |")
    return cells


def shown(ratio: Interval) -> str:
    return f"{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"


def excess(live: dict[str, np.ndarray], partner: str) -> Interval:
    """Return what a pair leaves of the control over the product of what each drug leaves: Bliss's independence is 1."""
    pair = live[f"asparaginase_and_{partner}"]
    return ratio_of_means([pair, live["control"]], [live["asparaginase"], live[partner]])


@pytest.mark.parametrize("drug", ["asparaginase", *PARTNERS])
def test_a_drug_alone_leaves_most_of_the_tumour(live: dict[str, np.ndarray], drug: str) -> None:
    assert ratio_of_means([live[drug]], [live["control"]]).value >= 0.7


@pytest.mark.parametrize("partner", PARTNERS)
def test_together_they_suppress_it(live: dict[str, np.ndarray], partner: str) -> None:
    pair = live[f"asparaginase_and_{partner}"]
    assert ratio_of_means([pair], [live["control"]]).value <= 0.5
    for alone in ("asparaginase", partner):
        assert ratio_of_means([pair], [live[alone]]).high < 1.0


@pytest.mark.parametrize("partner", PARTNERS)
def test_they_do_more_than_independent_drugs(live: dict[str, np.ndarray], partner: str) -> None:
    assert excess(live, partner).high < 1.0
