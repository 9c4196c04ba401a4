"""Protocol 2: which cells asparaginase kills, the plate's files, and refusals before any time is spent."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tumorabm.assays import viability
from tumorabm.assays.dose_response import fit_dose_response
from tumorabm.assays.plate import PlateDesign, default_doses, plate_layout
from tumorabm.assays.plots import curve_figure
from tumorabm.biology.inhibitors import INHIBITORS
from tumorabm.biology.parameters import PERTURBATIONS
from tumorabm.cli import app
from tumorabm.output import style
from tumorabm.scenario import ScenarioError

DOSES = (1e-5, 1e-4, 3e-4, 1e-3, 1e-2)
SMALL = {"replicates": 2, "simulated_cells": 25, "n_bootstrap": 20}
CHANGE = "{perturbation='cisplatin', at_h=30, value=1}"
COLUMNS = ["well", "dose", "replicate", "live_cells", "absorbance", "viability"]


def means(wells: pd.DataFrame) -> pd.Series:
    return wells.groupby("dose")["viability"].mean()


@pytest.fixture
def own_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def assay(*arguments: object):
    return CliRunner().invoke(app, ["assay", "viability", *map(str, arguments)])


@pytest.mark.one_version
def test_molt4_is_sensitive_to_asparaginase() -> None:
    plate = viability("molt4", doses=DOSES, **SMALL)
    assert 1e-4 <= plate.fit.ic50 <= 1e-2
    assert plate.fit.unit == "IU/mL"
    of_vehicle = plate.wells[plate.wells["dose"] == 0.0]
    assert of_vehicle["absorbance"].mean() == pytest.approx(1.0)
    assert of_vehicle["viability"].mean() == pytest.approx(1.0)
    assert 5 * 7500 < of_vehicle["live_cells"].mean() < 32 * 7500, "counts are those of a real well"


@pytest.mark.one_version
def test_blasts_die_at_the_activity_of_treatment() -> None:
    plate = viability("all_blast", doses=(1e-3, 3e-3, 1e-2, 3e-2), **SMALL)
    assert means(plate.wells)[3e-2] <= 0.10


@pytest.mark.one_version
def test_normal_cells_with_asns_resist_and_the_report_says_so() -> None:
    plate = viability("normal_marrow", doses=DOSES, **SMALL)
    assert plate.fit.ic50 is None
    assert plate.fit.message.startswith("IC50 above the highest dose, 0.01 IU/mL: viability there is ")


@pytest.mark.one_version
def test_asns_makes_the_resistance() -> None:
    plate = viability("normal_marrow", doses=(1e-3, 3e-3, 1e-2, 3e-2), perturbations={"asns": 0.0}, **SMALL)
    assert means(plate.wells)[3e-2] < 0.2


@pytest.mark.one_version
def test_an_inhibitor_acts_on_its_own_wells_from_the_change_of_medium_on() -> None:
    design = PlateDesign("jurkat", "cisplatin", doses=(0.1, 1.0, 5.0, 50.0), hours=24.0, **SMALL)
    groups = design.scenario().cells
    assert list(groups) == ["vehicle", "dose_1", "dose_2", "dose_3", "dose_4"]
    assert not groups["vehicle"].perturbation_schedule
    change = groups["dose_3"].perturbation_schedule[0]
    assert (change.perturbation, change.at_h, change.value) == ("cisplatin", 24.0, 1.0)
    assert groups["dose_3"].wells == (6, 7)
    by_dose = means(viability("jurkat", "cisplatin", doses=(0.1, 1.0, 5.0, 50.0), hours=48.0, **SMALL).wells)
    assert by_dose[50.0] < 0.1 < 0.9 < by_dose[0.1]


def test_every_inhibitor_moves_a_lever_that_there_is_and_more_with_the_dose() -> None:
    for inhibitor in INHIBITORS.values():
        lever = PERTURBATIONS[inhibitor.lever]
        assert lever.is_level == (inhibitor.action != "factor")
        assert inhibitor.lever_at(0.0) == lever.without_effect
        half = inhibitor.lever_at(inhibitor.half_inhibition_uM)
        assert half == (1.0 if inhibitor.action == "open level" else 0.5)
        assert inhibitor.lever_at(1e6) <= lever.highest
        assert abs(inhibitor.lever_at(1.0) - lever.without_effect) < abs(inhibitor.lever_at(2.0) - lever.without_effect)


def test_the_same_seed_gives_the_same_plate_on_any_number_of_threads() -> None:
    short = {"doses": DOSES, "hours": 12.0, "noise": 0.05, "replicates": 2, "simulated_cells": 12, "n_bootstrap": 5}
    one, same, other = (viability(seed=seed, threads=n, **short) for seed, n in ((2, 1), (2, 2), (3, 2)))
    pd.testing.assert_frame_equal(one.wells, same.wells, check_exact=True)
    assert one.fit.report() == same.fit.report()
    assert (one.wells["absorbance"] != other.wells["absorbance"]).any()


def test_a_concentration_has_a_column_of_the_plate_where_it_fits() -> None:
    by_column = plate_layout(12, 8)
    assert (by_column[0, 0], by_column[0, 7], by_column[11, 7]) == ("A1", "H1", "H12")
    assert list(plate_layout(3, 2)[1]) == ["A2", "B2"]
    full = plate_layout(32, 3)
    assert len(np.unique(full)) == 96
    assert list(full[2]) == ["G1", "H1", "A2"]


def test_default_doses_surround_the_potency() -> None:
    assert default_doses("asparaginase")[::5] == (1e-5, 0.003162, 1.0)
    for name, inhibitor in INHIBITORS.items():
        doses = default_doses(name)
        assert doses[5] == pytest.approx(inhibitor.half_inhibition_uM)
        assert len(doses) == 11


def test_the_command_writes_its_folder(own_folder: Path) -> None:
    options = ("--doses", "1e-4:1e-1:4", "--hours", 6, "--replicates", 2, "--simulated-cells", 10, "--bootstrap", 5)
    result = assay(*options, "--formulation", "erwinia", "--set", "perturbations.gs=0", "--seed", 4)
    assert result.exit_code == 0, result.output
    folder = Path("runs/viability-molt4-asparaginase-s4")
    assert result.stdout.splitlines()[-1] == f"assay folder: {folder}"
    wells = pd.read_csv(folder / "wells.csv")
    assert list(wells) == COLUMNS
    assert list(wells["well"]) == ["A1", "B1", "A2", "B2", "A3", "B3", "A4", "B4", "A5", "B5"]
    assert list(wells["dose"][::2]) == pytest.approx([0.0, 1e-4, 1e-3, 1e-2, 1e-1])
    fit = json.loads((folder / "fit.json").read_text())
    assert {"ic50", "ic50_low", "ic50_high", "hill", "top", "bottom", "unit"} <= set(fit)
    assert fit["message"] in result.stdout
    made = json.loads((folder / "assay.json").read_text())
    assert (made["seed"], made["inputs"]["overrides"]) == (4, ["perturbations.gs=0"])
    scenario = tomllib.loads((folder / made["scenario"]).read_text())
    assert scenario["perturbations"] == {"gs": 0}
    assert scenario["fields"]["asparaginase"]["formulation"] == "erwinia"
    for picture in ("plate.png", "curve.png"):
        assert (folder / picture).stat().st_size > 5000
    assert [path.name for path in Path("runs").iterdir()] == [folder.name]


def test_measured_wells_are_fitted(own_folder: Path) -> None:
    doses = np.repeat([0.0, 0.01, 0.1, 1.0, 10.0, 100.0], 3)
    absorbance = 0.1 + 0.8 / (1.0 + doses)
    measured = pd.DataFrame({"plate": 1, "absorbance": absorbance, "dose": doses})
    measured.to_csv("plate.csv", index=False)
    result = assay("--fit", "plate.csv", "--background", 0.1, "--drug", "cisplatin")
    assert result.exit_code == 0, result.output
    fit = json.loads(Path("runs/viability-plate-s1/fit.json").read_text())
    assert fit["ic50"] == pytest.approx(1.0, rel=1e-2)
    assert fit["unit"] == "µM"
    assert Path("runs/viability-plate-s1/curve.png").exists()


@pytest.mark.parametrize("separator", [";", "\t"])
def test_measured_wells_of_european_excel_are_fitted_alike(own_folder: Path, separator: str) -> None:
    doses = np.repeat([0.0, 0.01, 0.1, 1.0, 10.0, 100.0], 3)
    wells = pd.DataFrame({"Note, if any": "a", "DOSE": doses, "Viability": 1.0 / (1.0 + doses)})
    wells.to_csv("plate.csv", index=False, sep=separator, decimal=",", encoding="utf-8-sig", lineterminator="\r\n")
    assert f"0,01{separator}0,990" in Path("plate.csv").read_text()
    result = assay("--fit", "plate.csv")
    assert result.exit_code == 0, result.output
    fit = json.loads(Path("runs/viability-plate-s1/fit.json").read_text())
    assert fit["ic50"] == pytest.approx(1.0, rel=1e-2)


def test_the_pictures_of_a_plate_say_what_was_done_within_their_edges(own_folder: Path, monkeypatch) -> None:
    drawn = []
    monkeypatch.setattr(style, "save", lambda figure, path: drawn.append(figure))
    changes = {"gls": 0.123, "gs": 0.5, "asn_antiport": 0.25, "contact_transfer": 0.3, "glutaminase_ratio": 0.2}
    perturb = [word for name, value in changes.items() for word in ("--perturb", f"{name}={value}")]
    short = ("--doses", "1e-4:1e-1:4", "--hours", 1, "--replicates", 2, "--simulated-cells", 10, "--bootstrap", 5)
    result = assay(*short, *perturb, "--set", "perturbations.exchange_import=0.9")
    assert result.exit_code == 0, result.output
    assert len(drawn) == 2
    for figure in drawn:
        title = figure._suptitle.get_text().replace("\n", " ")
        assert title == (
            f"molt4, asparaginase, 1 h, {', '.join(f'{name} {value:g}' for name, value in changes.items())}, "
            "with --set perturbations.exchange_import=0.9"
        )
        box = figure._suptitle.get_window_extent()
        assert 0.0 <= box.x0 < box.x1 <= figure.bbox.width


def test_the_curve_picture_says_that_its_ic50_is_interpolated() -> None:
    doses = np.repeat([0.0, *np.geomspace(1e-5, 1.0, 11)], 3)
    wells = np.where(doses < 2e-4, 1.0, np.where(doses < 0.2, 0.4, 0.0))
    fit = fit_dose_response(doses, wells, unit="IU/mL", n_bootstrap=10)
    assert fit.ic50_method == "interpolation"
    (ax,) = curve_figure(doses, wells, fit, title="two steps").axes
    assert {"means, joined", "IC50, of the means"} <= {text.get_text() for text in ax.get_legend().get_texts()}
    assert "interpolated" in ax.get_title()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--cell-type", "molt"], "nearest valid name: molt4"),
        (["--cell-type", "clock_cell"], "has no metabolism to measure; expected one of"),
        (["--drug", "rapamicin"], "unknown drug; nearest valid name: rapamycin"),
        (["--medium", "rpni"], "unknown medium; nearest valid name: rpmi"),
        (["--formulation", "erwina"], "nearest valid name: erwinia"),
        (["--drug", "torin_1", "--formulation", "erwinia"], "because torin_1 has none"),
        (["--drug", "rapamycin", "--perturb", "rapamycin=1"], "the dose of rapamycin sets it"),
        (["--drug", "rapamycin", "--set", "perturbations.rapamycin=0.5"], "the dose of rapamycin sets it"),
        (["--drug", "cisplatin", "--set", f"perturbation_schedule=[{CHANGE}]"], "the dose of cisplatin sets it"),
        (
            ["--drug", "cisplatin", "--set", "cells.vehicle.perturbations.cisplatin=1"],
            "cells.vehicle.perturbations.cis",
        ),
        (["--drug", "cisplatin", "--set", f"cells.vehicle.perturbation_schedule=[{CHANGE}]"], "no other value of cis"),
        (
            ["--drug", "cisplatin", "--set", "cells.vehicle.parameters.cisplatin=1"],
            "cells.vehicle.parameters.cisplatin",
        ),
        (["--drug", "torin_1", "--set", "cells.dose_3.perturbation_schedule=[]"], "the dose of torin_1 sets it"),
        (["--knockout", "gss"], "nearest valid name: gs"),
        (["--set", "perturbations.gss=0"], "nearest valid name: gs"),
        (["--doses", "1,2,-3,4"], "-3: expected numbers above 0 in IU/mL"),
        (["--doses", "0"], "doses: expected at least one above 0 in IU/mL"),
        (["--doses", "-1,2"], "expected numbers above 0 in IU/mL, or 0 for vehicle"),
        (["--doses", "1,2,nan,4"], "expected numbers separated by commas"),
        (["--doses", "1,2,2,4,5"], "2 twice; expected distinct doses"),
        (["--doses", "1:2"], "expected start:stop:n"),
        (["--doses", "1e-3:1:20"], "126 wells; expected at most 96, as with 4 replicates"),
        (["--hours", "71.93"], "hours = 71.93: expected a positive whole number of steps of 6 min"),
        (["--hours", "nan"], "expected a positive whole number of steps"),
        (["--set", "fields.oxygen.initial_mmHg=0", "--set", "domain.gas_exchange_per_min=0"], "gas of an incubator"),
        (["--set", "fields.oxygen.plasma_mmHg=0"], "fields.oxygen.plasma_mmHg = 0: cells die without oxygen"),
        (["--set", "domain.gas_exchange_per_min=0"], "gas_exchange_per_min = 0: no oxygen reaches the medium"),
        (["--set", "cells.cells.count=0"], "cells.cells.count = 0: expected at least one cell in each well"),
        (["--doses", "1e-320,1e-3,1e-2,1e-1"], "expected numbers from 1e-12 to 1e+12 in IU/mL"),
        (["--background", "0.1"], "expected only with --fit"),
        (["--fit", "empty.csv"], "is empty; expected the columns dose, viability or dose, absorbance"),
        (["--fit", "other.csv"], "found the columns a, b; expected dose, viability or dose, absorbance"),
        (["--fit", "words.csv"], 'line 4: viability is "high", expected a number'),
        (["--fit", "treated.csv"], "no vehicle wells"),
        (["--fit", "negative.csv"], "line 3: dose is -1, expected at least 0"),
        (["--fit", "short.csv"], "line 3: viability is empty, expected a number"),
        (["--fit", "treated.csv", "--hours", "3"], "expected no --hours beside it"),
        (["--fit", "tiny.csv"], "line 3: dose is 9.99989e-321, expected 0 (vehicle) or from 1e-12 to 1e+12 IU/mL"),
        (["--fit", "huge.csv"], "line 2: viability is 1e+308, expected at most 1e+06 in size"),
        (["--fit", "treated.csv", "--background", "1e300"], "at most 1e+06 in size"),
        (["--fit", "other.csv"], "(taken as separator: comma)"),
        (["--fit", "semicolon.csv"], "found the columns a, b; expected dose, viability or dose, absorbance (taken as"),
        (["--fit", "semicolon.csv"], "(taken as separator: semicolon)"),
        (
            ["--fit", "thousands.csv"],
            'line 2: viability is "1.000,5", expected a number (taken as separator: semicolon)',
        ),
        (["--fit", "decimal.csv"], "line 3: has 4 cells, expected 2 as in the header (taken as separator: comma)"),
        (["--fit", "twice.csv"], "found 2 columns dose; expected one"),
        (["--fit", "blank.csv"], "is empty"),
    ],
)
def test_wrong_input_gets_one_message(own_folder: Path, arguments: list[str], expected: str) -> None:
    files = {
        "empty": "\n",
        "other": "a,b\n1,2\n",
        "words": "dose,viability\n0,1\n\n1,high\n",
        "treated": "dose,viability\n1,1\n2,0.8\n3,0.5\n4,0.1\n",
        "negative": "dose,viability\n0,1\n-1,0.8\n",
        "short": "dose,viability\n0,1\n1\n",
        "tiny": "dose,viability\n0,1\n1e-320,1\n1,1\n2,0.8\n3,0.5\n",
        "huge": "dose,viability\n0,1e308\n0,1e308\n1,1\n2,0.8\n3,0.5\n4,0.1\n",
        "semicolon": "a;b\n1;2\n",
        "thousands": "dose;viability\n0;1.000,5\n",
        "decimal": "dose,viability\n0,1\n0,5,0,9\n",
        "twice": "dose,Dose,viability\n0,0,1\n",
        "blank": ";;\n\n;;\n",
    }
    for name, text in files.items():
        Path(f"{name}.csv").write_text(text)
    result = assay(*arguments)
    assert result.exit_code == 2, result.output
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(path.stem for path in own_folder.iterdir()) == sorted(files), "something was left behind"


def test_vehicle_wells_that_die_by_themselves_are_named() -> None:
    plate = viability("molt4", medium="dmem", doses=(0.1, 0.2, 0.5, 1.0), hours=36.0, **SMALL)
    assert "die in this medium without any drug" in plate.fit.message


def test_vehicle_wells_without_live_cells_have_no_viability() -> None:
    with pytest.raises(ScenarioError, match="no cell of the vehicle wells lives"):
        anoxic = ["fields.oxygen.plasma_mmHg=1e-6", "fields.oxygen.initial_mmHg=0"]
        viability(doses=DOSES, hours=6.0, overrides=anoxic, **SMALL)


def test_a_plate_with_one_dose_is_read_without_a_fit(own_folder: Path) -> None:
    arguments = ("--doses", "0,0.03", "--replicates", "2", "--simulated-cells", "20", "--hours", "48", "--out", "one")
    result = assay(*arguments)
    assert result.exit_code == 0
    assert "no IC50: a curve needs at least 4 doses, 1 was tested" in result.stdout
    wells = pd.read_csv("one/wells.csv")
    assert list(wells) == COLUMNS
    assert wells["dose"].tolist() == [0.0, 0.0, 0.03, 0.03]
    assert json.loads(Path("one/fit.json").read_text())["ic50"] is None
    assert Path("one/curve.png").stat().st_size > 1000
