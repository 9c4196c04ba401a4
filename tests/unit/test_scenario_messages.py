"""Bad scenarios: each mistake gives one line with file, key, value, what was expected, and the nearest valid name."""

import errno
from pathlib import Path

import pytest

from tumorabm.scenario import ScenarioError, load_scenario, scenario_from_dict

GOOD = """
hours = 48.0
[domain]
size_um = [200.0, 100.0]
[vessels]
density_per_mm2 = 60.0
[cells.blast]
type = "all_blast"
count = 10
[[pharmacology.doses]]
drug = "asparaginase"
formulation = "pegaspargase"
dose_iu_per_m2 = 2500.0
day = 1.0
"""


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.toml"
    path.write_text(GOOD, "utf-8")
    return path


def complaint(path, *overrides):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, overrides)
    return str(caught.value)


def test_the_good_scenario_is_good(good):
    assert load_scenario(good).cells["blast"].count == 10


@pytest.mark.parametrize(
    ("line", "instead", "parts"),
    [
        ("count = 10", "cuont = 10\ncount = 1", ["cells.blast.cuont = 10", "unknown key", "nearest valid name: count"]),
        ("hours = 48.0", "hours = -1", ["hours = -1", "expected a number > 0", "simulated time"]),
        ("hours = 48.0", "hours = nan", ["hours = nan", "finite"]),
        ("hours = 48.0", "hours = inf", ["hours = inf", "finite"]),
        ("hours = 48.0", "hours = 1e999", ["hours = inf", "finite"]),
        ("hours = 48.0", "hours = 1e308", ["hours = 1e+308", "whole number of steps"]),
        ("hours = 48.0", "hours = true", ["hours = true", "expected a number"]),
        ("hours = 48.0", 'hours = "48"', ['hours = "48"', "expected a number"]),
        ("hours = 48.0", "hours = 48.05", ["hours = 48.05", "whole number of steps of 6 min"]),
        ("hours = 48.0", "hours = 48.0\ndays = 2", ["days = 2", "wrong unit", "given as hours"]),
        ("hours = 48.0", "", ["hours is missing", "expected a number > 0"]),
        ("count = 10", "count = -3", ["cells.blast.count = -3", "expected an integer >= 0"]),
        ("count = 10", "count = 10.0", ["cells.blast.count = 10.0", "expected an integer >= 0"]),
        ("count = 10", "", ["cells.blast.count", "an integer >= 0, or a list positions_um"]),
        ("count = 10", "count = 1\npositions_um = [[1, 1]]", ["cells.blast.count = 1", "positions_um lists the cells"]),
        ("count = 10", "positions_um = [[1, 1, 1]]", ["cells.blast.positions_um.0 = [1, 1, 1]", "2 coordinates"]),
        ("count = 10", "positions_um = [[1, 101]]", ["cells.blast.positions_um.0 = [1, 101]", "x 0-200, y 0-100"]),
        ("count = 10", "positions_um = [[1, nan]]", ["cells.blast.positions_um.0.1 = nan", "finite"]),
        ('"all_blast"', '"all_blasts"', ['type = "all_blasts"', "unknown cell type", "nearest valid name: all_blast"]),
        ('"all_blast"', '"xyz"', ["unknown cell type", "expected one of", "solid_tumour", "msc"]),
        ("[cells.blast]", '[cells."a b"]', ["cells.a b", "expected a name of letters, digits and _"]),
        ("day = 1.0", "day = 2.1", ["pharmacology.doses.0.day = 2.1", "a day before the run ends, 0 to 2 (48 h)"]),
        ("day = 1.0", "day = 2.0", ["pharmacology.doses.0.day = 2.0", "before the run ends"]),
        ("count = 10", "count = 10\nparameters = {volume_pL = -1}", ["parameters.volume_pL = -1", "at least 0"]),
        ("count = 10", "count = 10\nparameters = {atf4_half_life_min = 0}", ["atf4_half_life_min = 0", "above 0"]),
        ("count = 10", "count = 10\nparameters = {adhesion = 2}", ["parameters.adhesion = 2", "from 0 to 1"]),
        (
            "count = 10",
            "count = 10\nparameters = {asns_methylation_per_division = 1.1, asns_demethylation_per_division = 1.2}",
            ["asns_methylation_per_division = 1.1", "asns_demethylation_per_division = 1.2", "from 0 to 1"],
        ),
        (
            "count = 10",
            "count = 10\nparameters = {crowding_growth_full = 1.1}",
            ["crowding_growth_full = 1.1", "expected crowding_growth_full (1.1) below crowding_growth_zero (1)"],
        ),
        ("count = 10", "count = 99999999999", ["cells.blast.count = 99999999999", "100000000"]),
        (
            "density_per_mm2 = 60.0",
            "density_per_mm2 = 1e-3",
            ["density_per_mm2 = 0.001", "expected 1 to 1e+07 vessels"],
        ),
        (
            "density_per_mm2 = 60.0",
            "density_per_mm2 = 1e30",
            ["density_per_mm2 = 1e+30", "expected 1 to 1e+07 vessels"],
        ),
        ("day = 1.0", "day = -1", ["pharmacology.doses.0.day = -1", ">= 0"]),
        ("2500.0", "0", ["pharmacology.doses.0.dose_iu_per_m2 = 0", "expected a number > 0"]),
        ("dose_iu_per_m2", "dose_mg_per_m2", ["wrong unit", "given as dose_iu_per_m2"]),
        ('"pegaspargase"', '"pegasparagase"', ["formulation", "expected one of", "nearest valid name: pegaspargase"]),
        ("[vessels]\ndensity_per_mm2 = 60.0", "", ["pharmacology.doses", "no vessels carry the doses", "[vessels]"]),
        ("density_per_mm2 = 60.0", "", ["vessels = {}", "exactly one of density_per_mm2"]),
        ("density_per_mm2 = 60.0", "density_per_mm3 = 9.0", ["vessels.density_per_mm3 = 9.0", "density_per_mm2"]),
        ("density_per_mm2 = 60.0", "positions_um = [[1, 1], [300, 1]]", ["vessels.positions_um.1 = [300, 1]"]),
        (
            "density_per_mm2 = 60.0",
            "density_per_mm2 = 60.0\ncore = { center_um = [300, 50], radius_um = 9 }",
            ["vessels.core.center_um = [300, 50]", "2 coordinates inside the domain", "x 0-200, y 0-100"],
        ),
        (
            "density_per_mm2 = 60.0",
            "density_per_mm2 = 60.0\ncore = { center_um = [9, 9], radius_um = 9, density_factor = 1.5 }",
            ["vessels.core.density_factor = 1.5", "expected a number >= 0 and <= 1", "share of its vessels"],
        ),
        (
            "density_per_mm2 = 60.0",
            "density_per_mm2 = 60.0\ncore = { center_um = [9, 9], radius_um = 0 }",
            ["vessels.core.radius_um = 0", "expected a number > 0"],
        ),
        (
            "density_per_mm2 = 60.0",
            "positions_um = [[1, 1]]\ncore = { center_um = [9, 9], radius_um = 9 }",
            ["vessels.core = {center_um = [9, 9]", "expected none, because positions_um lists the vessels"],
        ),
        (
            "density_per_mm2 = 60.0",
            "core = { center_um = [9, 9], radius_um = 9 }",
            ["expected exactly one of density_per_mm2, density_per_mm3, positions_um"],
        ),
        ("[200.0, 100.0]", "[200.0, 10.0]", ["domain.size_um.1 = 10.0", "at least one voxel along y, 20 µm"]),
        ("[200.0, 100.0]", "[200.0, 20.0]", ["domain.size_um.1 = 20.0", "at least two voxels", "or one voxel in all"]),
        ("[200.0, 100.0]", "[2e6, 2e6]", ["domain.size_um", "at most 1e+08 voxels in all"]),
        ("[200.0, 100.0]", "[210.0, 100.0]", ["domain.size_um.0 = 210.0", "whole number of voxels", "200 or 220"]),
        ("[200.0, 100.0]", "[200.0]", ["domain.size_um = [200.0]", "a list of 2 to 3 numbers"]),
        ("[200.0, 100.0]", "[1e308, 100.0]", ["domain.size_um.0 = 1e+308", "at most 1e+06 voxels"]),
        ("[domain]", "[time]\nstep_min = 90\n[domain]", ["time.step_min = 90", "> 0 and <= 60"]),
        ("[domain]", '[domain]\nmode = "wellmixed"', ['domain.mode = "wellmixed"', '"spatial", "well_mixed"']),
        ("[domain]", "[perturbations]\ngcn22 = 0\n[domain]", ["perturbations.gcn22", "nearest valid name: gcn2"]),
        ("[domain]", "[perturbations]\ngcn2 = -1\n[domain]", ["perturbations.gcn2 = -1", ">= 0"]),
        ("count = 10", "count = 1\nparameters.volume_pl = 1", ["unknown parameter", "nearest valid name: volume_pL"]),
        ("count = 10", "count = 1\nparameters.asns_sigma = 1", ["parameters.asns_sigma", "group's own keys"]),
        ("count = 10", "count = 1\nperturbations.asn = 1", ["unknown perturbation", "nearest valid name: asns"]),
        ("count = 10", 'count = 1\nplacement.shape = "ball"', ["placement.center_um", "placement.radius_um", "value"]),
        ("[domain]", "[output]\ncells_every_h = 0.25\n[domain]", ["output.cells_every_h = 0.25", "steps of 6 min"]),
    ],
)
def test_a_mistake_is_named_with_file_key_value_and_expectation(good, line, instead, parts):
    assert line in GOOD
    good.write_text(GOOD.replace(line, instead), "utf-8")
    message = complaint(good)
    assert message.startswith(f"{good}: ")
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["fields.glucose.plasma_mM=5"], ["fields.glucose.plasma_mM = 5", "wrong unit", "plasma_uM", "µM"]),
        (["fields.oxygen.plasma_uM=52"], ["wrong unit", "given as plasma_mmHg"]),
        (["fields.asparaginase.initial_uM=1"], ["wrong unit", "given as initial_iu_per_mL"]),
        (["fields.glucose.decay=1"], ["unit is missing", "given as decay_per_min"]),
        (["fields.asparagin.plasma_uM=3"], ["diffusion_um2_per_min is missing", "meant to be asparagine?"]),
        (["fields.lactate.plasma_uM=3"], ["fields.lactate.diffusion_um2_per_min is missing"]),
        (["cells.blst.asns_relative=1"], ["cells.blst.type is missing", "meant to be blast?"]),
        (["cells.blast=3"], ["cells.blast = 3", "expected a table"]),
        (["domain=3"], ["domain = 3", "expected a table"]),
    ],
)
def test_a_wrong_override_is_named_as_one(good, overrides, parts):
    message = complaint(good, *overrides)
    assert "\n" not in message
    for part in parts:
        assert part in message
    if "is missing: " not in message:
        assert message.startswith(f"{good} with --set: ")


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("hours", ["expected key=value"]),
        ("=3", ["expected key=value"]),
        ("cells..count=3", ["expected key=value"]),
        ("hours=", ["expected a value after ="]),
        ("pharmacology.doses=[", ["expected a TOML value"]),
        ("pharmacology.doses.1.day=1", ["pharmacology.doses is a list of 1", "index from 0 to 0", "not 1"]),
        ("pharmacology.doses.first.day=1", ["pharmacology.doses is a list of 1", "not first"]),
        ("hours.h=1", ["hours is a value, not a table"]),
    ],
)
def test_an_override_that_cannot_be_read_is_quoted(good, override, parts):
    message = complaint(good, override)
    for part in [f"--set {override}", *parts]:
        assert part in message


@pytest.mark.parametrize(
    ("faces", "part"),
    [
        ([("x_low", 1), ("x_low", 2)], 'faces.1.face = "x_low": overlapping faces; faces.0 sets x_low already'),
        ([("all", 1), ("y_high", 2)], 'faces.1.face = "y_high": overlapping faces; faces.0 sets y_high already'),
        ([("x_low", 1), ("all", 2)], 'faces.1.face = "all": overlapping faces; faces.0 sets x_low already'),
        ([("z_low", 1)], 'faces.0.face = "z_low": expected an x or y face, because the domain is 2-D'),
        ([("x_lo", 1)], "nearest valid name: x_low"),
        ([("x_low", -1)], "faces.0.concentration_uM = -1: expected a number >= 0"),
    ],
)
def test_faces_of_a_field_must_exist_and_not_overlap(faces, part):
    entries = [{"face": face, "concentration_uM": value} for face, value in faces]
    data = {"hours": 6, "domain": {"size_um": [20, 20]}, "fields": {"glucose": {"faces": entries}}}
    with pytest.raises(ScenarioError) as caught:
        scenario_from_dict(data)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("sections", "part"),
    [
        ({"vessels": {"density_per_mm2": 1}}, "expected no vessels, because the domain is well mixed"),
        ({"fields": {"oxygen": {"faces": [{"face": "all", "concentration_mmHg": 1}]}}}, "expected no faces"),
        ({"cells": {"a": {"type": "msc", "positions_um": [[1, 1]]}}}, "expected a count"),
        (
            {
                "cells": {
                    "a": {
                        "type": "msc",
                        "count": 1,
                        "placement": {"shape": "disc", "center_um": [1, 1], "radius_um": 1},
                    }
                }
            },
            "expected no placement",
        ),
        (
            {
                "pharmacology": {
                    "doses": [{"drug": "asparaginase", "formulation": "erwinia", "dose_iu_per_m2": 1, "day": 0}]
                }
            },
            "set fields.asparaginase.initial_iu_per_mL instead",
        ),
        ({"domain": {"mode": "well_mixed", "volume_uL": 1, "size_um": [20, 20]}}, "domain.size_um = [20, 20]: unknown"),
    ],
)
def test_a_well_has_no_space_vessels_or_doses(sections, part):
    data = {"hours": 6, "domain": {"mode": "well_mixed", "volume_uL": 1}} | sections
    with pytest.raises(ScenarioError) as caught:
        scenario_from_dict(data)
    assert part in str(caught.value)


@pytest.mark.parametrize(("size", "shape"), [([20, 20], "ball"), ([20, 20, 20], "disc")])
def test_a_placement_has_as_many_dimensions_as_the_domain(size, shape):
    placement = {"shape": shape, "center_um": size, "radius_um": 5}
    data = {"hours": 6, "domain": {"size_um": size}}
    data["cells"] = {"a": {"type": "msc", "count": 1, "placement": placement}}
    with pytest.raises(ScenarioError, match=f"the domain is {len(size)}-D"):
        scenario_from_dict(data)


def test_all_mistakes_of_a_file_are_reported_one_line_each(good):
    text = GOOD.replace("hours = 48.0", "hours = 48.0\nsede = 1").replace("[200.0, 100.0]", "[210.0, 100.0]")
    text = text.replace("all_blast", "all_blasts").replace("day = 1.0", "day = 30").replace("60.0", "-1")
    good.write_text(text, "utf-8")
    lines = complaint(good).splitlines()
    assert len(lines) == 5
    for part in ("sede", "domain.size_um.0", "cells.blast.type", "pharmacology.doses.0.day", "density_per_mm2"):
        assert sum(part in line for line in lines) == 1


def test_very_many_mistakes_are_counted_beyond_the_first_fifty():
    points = [[-1.0, 0.0]] * 80
    data = {"hours": 6, "domain": {"size_um": [20, 20]}, "cells": {"a": {"type": "msc", "positions_um": points}}}
    with pytest.raises(ScenarioError) as caught:
        scenario_from_dict(data)
    lines = str(caught.value).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "... and 30 more problems"


def test_names_that_are_no_text_are_refused_in_a_dictionary():
    data = {"hours": 6, "domain": {"size_um": [20, 20]}, "cells": {3: {"count": 1}}, 4: 5}
    with pytest.raises(ScenarioError, match=r"cells\.3"):
        scenario_from_dict(data)


# -- the file itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("hours = 3\nseed = = 4\n", ["line 2, column 8", "invalid TOML", "seed = = 4"]),
        ("hours = 3\nhours = 4\n", ["line 2, column 10", "invalid TOML", "hours = 4"]),
        ("hours = 3\na = [1,", ["line 2, column 8 (end of file)", "invalid TOML"]),
        ("seed = " + "9" * 5000, ["invalid TOML"]),
    ],
)
def test_a_syntax_error_is_named_with_line_and_column(tmp_path, text, parts):
    path = tmp_path / "bad.toml"
    path.write_text(text, "utf-8")
    message = complaint(path)
    for part in [f"{path}: ", *parts]:
        assert part in message


def test_a_missing_file_brings_the_nearest_names_of_its_folder(good):
    message = complaint(good.with_name("god.toml"))
    assert message == f"{good.with_name('god.toml')}: no such file; nearest in {good.parent}: good.toml"


def test_a_missing_folder_is_named(tmp_path):
    assert f"there is no folder {tmp_path / 'none'}" in complaint(tmp_path / "none" / "a.toml")


def test_a_folder_without_scenarios_is_named(tmp_path):
    assert f"no scenario file is in {tmp_path}" in complaint(tmp_path / "a.toml")


def test_a_folder_is_no_scenario(good):
    assert (
        complaint(good.parent)
        == f"{good.parent}: is a folder; expected a TOML file; nearest in {good.parent}: good.toml"
    )


def test_an_unreadable_file_says_why(good, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert complaint(good) == f"{good}: cannot be read: Permission denied"


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes("hours = 6\n# µm\n".encode("latin-1"))
    assert complaint(path) == f"{path}: line 2: byte 0xb5 is not UTF-8 text"
