"""Protocol 1: what mTORC1 shows on the blot after starvation and a stimulus, and the files of the command."""

import json
import signal
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tumorabm.assays import western_blot
from tumorabm.assays.blot import densitometry
from tumorabm.assays.plots import blot_figure
from tumorabm.cli import app
from tumorabm.output import style
from tumorabm.scenario import ScenarioError

SMALL = {"replicates": 2, "cells_per_well": 40}
COLUMNS = ["condition", "replicate", "p_s6k1_ratio", "p_s6k1", "total_s6k1"]


def ratios(bands: pd.DataFrame) -> pd.Series:
    return bands.groupby("condition")["p_s6k1_ratio"].mean()


@pytest.fixture(scope="module")
def wild_type() -> pd.Series:
    return ratios(western_blot(**SMALL))


@pytest.fixture
def own_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def assay(*arguments: object):
    return CliRunner().invoke(app, ["assay", "western-blot", *map(str, arguments)])


def test_starved_cells_lose_the_band_and_asparagine_brings_a_part_of_it_back(wild_type: pd.Series) -> None:
    assert wild_type["starved"] <= 0.1
    assert 0.2 <= wild_type["asparagine 500 uM"] / wild_type["complete medium"] <= 0.6
    assert wild_type["glutamine 2 mM"] > 3.0 * wild_type["starved"]
    assert wild_type["all amino acids"] / wild_type["complete medium"] >= 0.7


def test_asparagine_acts_without_rag_and_through_arf1(wild_type: pd.Series) -> None:
    stimulus = "asparagine 500 uM"
    without_rag = ratios(western_blot(perturbations={"rag": 0.0}, **SMALL))
    without_arf1 = ratios(western_blot(perturbations={"arf1": 0.0}, **SMALL))
    assert 0.7 <= without_rag[stimulus] / wild_type[stimulus] <= 1.3
    assert without_arf1[stimulus] / wild_type[stimulus] <= 0.3


def test_rapamycin_takes_every_band_of_p_s6k1_away_and_none_of_s6k1() -> None:
    bands = western_blot(perturbations={"rapamycin": 1.0}, **SMALL)
    assert bands["p_s6k1_ratio"].max() <= 0.1
    assert (bands["total_s6k1"] == 1.0).all()


def test_more_asparagine_gives_a_darker_band(wild_type: pd.Series) -> None:
    little = ratios(western_blot(asparagine_uM=50.0, **SMALL))
    assert little["starved"] <= little["asparagine 50 uM"] < wild_type["asparagine 500 uM"]


def test_the_same_seed_gives_the_same_bands_on_any_number_of_threads() -> None:
    small = {"replicates": 1, "cells_per_well": 20, "noise": 0.05}
    one, same = (western_blot(seed=3, threads=threads, **small) for threads in (1, 2))
    pd.testing.assert_frame_equal(one, same, check_exact=True)
    other = western_blot(seed=4, **small)
    assert (one["total_s6k1"] != other["total_s6k1"]).all()


def test_densitometry_divides_and_numbers_replicates_in_order() -> None:
    bands = pd.DataFrame(
        {"condition": ["a", "b", "a"], "p_s6k1": [1.0, 2.0, 3.0], "total_s6k1": [2.0, 2.0, 4.0], "film": [1, 1, 2]}
    )
    measured = densitometry(bands)
    assert list(measured) == COLUMNS
    assert list(measured["replicate"]) == [1, 1, 2]
    assert list(measured["p_s6k1_ratio"]) == [0.5, 1.0, 0.75]


def test_the_command_writes_its_folder(own_folder: Path) -> None:
    result = assay("--replicates", 2, "--cells-per-well", 10, "--knockout", "rag", "--seed", 5, "--out", "blot")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "assay folder: blot"
    bands = pd.read_csv("blot/bands.csv")
    assert list(bands) == COLUMNS
    assert len(bands) == 10
    assert np.allclose(bands["p_s6k1_ratio"], bands["p_s6k1"] / bands["total_s6k1"], rtol=1e-4)
    assert (own_folder / "blot/blot.png").stat().st_size > 5000
    made = json.loads(Path("blot/assay.json").read_text())
    assert made["seed"] == 5
    assert made["inputs"]["perturbations"] == {"rag": 0.0}
    assert made["package_version"]
    scenario = tomllib.loads(Path("blot", made["scenario"]).read_text())
    assert (scenario["seed"], scenario["domain"]["wells"]) == (5, 10)
    assert "exists" in assay("--out", "blot").stderr
    assert [path.name for path in own_folder.iterdir()] == ["blot"]


def test_measured_bands_give_densitometry(own_folder: Path) -> None:
    Path("film.csv").write_text(
        "condition,p_s6k1,total_s6k1,note\nwild type,30,100,\nRag KO,40,80,x\nwild type,33,110,\n"
    )
    result = assay("--fit", "film.csv")
    assert result.exit_code == 0, result.output
    bands = pd.read_csv("runs/western-blot-film-s1/bands.csv")
    assert np.array_equal(bands["p_s6k1_ratio"], [0.3, 0.5, 0.3])
    assert Path("runs/western-blot-film-s1/blot.png").exists()


def test_measured_bands_of_european_excel_are_the_same(own_folder: Path) -> None:
    Path("film.csv").write_text("Condition;P_S6K1;Total_S6K1\nwild type;0,3;1\nRag KO, starved;0,5;1,0\n")
    result = assay("--fit", "film.csv")
    assert result.exit_code == 0, result.output
    bands = pd.read_csv("runs/western-blot-film-s1/bands.csv")
    assert list(bands["condition"]) == ["wild type", "Rag KO, starved"]
    assert list(bands["p_s6k1_ratio"]) == [0.3, 0.5]


@pytest.mark.parametrize("n_replicates", [1, 12, 200])
def test_a_blot_is_no_wider_than_a_screen_and_its_title_no_wider_than_the_blot(
    n_replicates: int,
) -> None:
    bands = densitometry(pd.DataFrame({"condition": ["a", "b"] * n_replicates, "p_s6k1": 1.0, "total_s6k1": 1.0}))
    title = "solid_tumour, with --set " + ", ".join(f"perturbations.lever_{n}=0.{n}" for n in range(8)) + "_" * 200
    figure = blot_figure(bands, title=title)
    assert figure.get_size_inches()[0] <= 16.0
    box = figure._suptitle.get_window_extent()
    assert 0.0 <= box.x0 < box.x1 <= figure.bbox.width
    assert figure._suptitle.get_text().startswith("solid_tumour, with --set perturbations.lever_0=0.0,")


def test_the_title_of_a_blot_names_what_was_set(own_folder: Path, monkeypatch) -> None:
    titles = []
    monkeypatch.setattr(style, "save", lambda figure, path: titles.append(figure._suptitle.get_text()))
    small = ("--replicates", 1, "--cells-per-well", 10, "--out", "blot")
    assert assay(*small, "--perturb", "gls=0.5", "--set", "perturbations.gs=0").exit_code == 0
    assert titles == ["solid_tumour, gls 0.5, with --set perturbations.gs=0"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--cell-type", "fibroblst"], "nearest valid name: fibroblast"),
        (["--cell-type", "clock_cell"], "has no metabolism to measure"),
        (["--knockout", "rg"], "--knockout rg: unknown perturbation; nearest valid name: rag"),
        (["--knockout", "rapamycin"], "expected --perturb rapamycin=VALUE"),
        (["--perturb", "rapamycin=2"], "expected a number from 0 to 1"),
        (["--perturb", "gls"], "expected NAME=VALUE"),
        (["--knockout", "gls", "--perturb", "gls=1"], "gls is given twice"),
        (["--asparagine-uM", "nan"], "expected a dose in µM"),
        (["--noise", "-1"], "expected a relative standard deviation"),
        (["--set", "fields.oxygen.initial_mmHg=0", "--set", "fields.oxygen.plasma_mmHg=0"], "gas of an incubator"),
        (["--set", "fields.oxygen.plasma_mmHg=0"], "fields.oxygen.plasma_mmHg = 0: cells die without oxygen"),
        (["--set", "domain.gas_exchange_per_min=0"], "gas_exchange_per_min = 0: no oxygen reaches the medium"),
        (["--set", "cells.cells.count=0"], "cells.cells.count = 0: expected at least one cell in each well"),
        (["--replicates", "40"], "replicates = 40: expected at most 12 lanes of each condition"),
        (["--set", "domain.wells=3"], "expected the 15 wells of the protocol"),
        (["--set", "hours=3"], "the protocol sets the times"),
        (["--set", "cells.cells.type=clock_cell"], "has no metabolism"),
        (["--fit", "empty.csv"], "is empty; expected the columns condition, p_s6k1, total_s6k1"),
        (["--fit", "none.csv"], "cannot be read"),
        (["--fit", "zero.csv"], "line 3: total_s6k1 is 0, expected above 0"),
        (["--fit", "zero.csv", "--knockout", "rag"], "expected no --knockout beside it"),
    ],
)
def test_wrong_input_gets_one_message(own_folder: Path, arguments: list[str], expected: str) -> None:
    Path("empty.csv").write_text("")
    Path("zero.csv").write_text("condition,p_s6k1,total_s6k1\na,1,1\nb,1,0\n")
    result = assay(*arguments)
    assert result.exit_code == 2, result.output
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in own_folder.iterdir()) == ["empty.csv", "zero.csv"], "something was left behind"


def test_cells_that_die_before_lysis_are_named() -> None:
    with pytest.raises(ScenarioError, match="no cell of 'complete medium' lives at lysis"):
        western_blot(overrides=["fields.oxygen.plasma_mmHg=1e-6", "fields.oxygen.initial_mmHg=0"], **SMALL)


def test_an_assay_that_a_scheduler_ends_leaves_nothing_behind(own_folder: Path, monkeypatch) -> None:
    monkeypatch.setattr("tumorabm.assays.blot.blot", lambda *args, **options: signal.raise_signal(signal.SIGTERM))
    result = assay("--out", own_folder / "blot")
    assert result.exit_code == 130
    assert "interrupted; nothing was written" in result.stderr
    assert list(own_folder.iterdir()) == []
