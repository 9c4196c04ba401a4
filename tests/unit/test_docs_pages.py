"""The generated pages of the site hold all that the code knows, and no page loads anything from elsewhere."""

import re
import sys
from pathlib import Path

import pytest

from tumorabm.biology.parameters import PARAMETERS, PERTURBATIONS
from tumorabm.cell_types import CELL_TYPES
from tumorabm.scenario import Scenario

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The generated pages by name."""
    sys.path.insert(0, str(DOCS))
    try:
        import reference_pages

        folder = tmp_path_factory.mktemp("site") / "_generated"
        reference_pages.write_all(folder)
    finally:
        sys.path.remove(str(DOCS))
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def row_of(page, key, section=""):
    """The cells of the row of ``key`` in the table below a heading."""
    below = page.split(f"\n## `{section}`\n")[1] if section else page
    line = re.search(rf"^\| `{re.escape(key)}` \| (.*) \|$", below, re.MULTILINE)
    return line[1].split(" | ")


def test_every_key_of_the_schema_is_on_the_scenario_page(pages):
    schema = Scenario.json_schema()
    keys = [key for table in (schema, *schema["$defs"].values()) for key in table.get("properties", {})]
    assert len(keys) > 100
    assert [key for key in keys if f"\n| `{key}` |" not in pages["scenario"]] == []


def test_a_key_has_type_unit_default_range_and_description(pages):
    page = pages["scenario"]
    assert row_of(page, "step_min", "[time]") == ["number", "min", "6", "> 0, ≤ 60", "one step of the cells"]
    assert row_of(page, "hours")[:4] == ["number", "h", "required", "> 0"]
    assert row_of(page, "size_um", '[domain] mode = "spatial"')[:4] == [
        "list of numbers",
        "µm",
        "required",
        "2 or 3 values",
    ]


def test_defaults_that_differ_between_fields_are_all_told(pages):
    default = row_of(pages["scenario"], "plasma_uM", "[fields.glucose]")[2]
    assert "`glucose` 5000" in default
    assert "`asparagine` 50" in default


def test_all_parameters_types_and_perturbations_are_on_the_parameter_page(pages):
    page = pages["parameters"]
    assert [name for name in (*PARAMETERS, *PERTURBATIONS) if f"\n| `{name}` |" not in page] == []
    assert [name for name in CELL_TYPES if f"\n### `{name}`\n" not in page] == []


def test_all_commands_are_on_their_page_with_their_options(pages):
    page = pages["command_line"]
    for command in ("run", "resume", "plot", "sweep plan", "sweep submit", "assay viability", "variants", "validate"):
        assert f"\n## `tumorabm {command}`\n" in page
    assert "checkpoint" in row_of(page, "--checkpoint-every TIME", "tumorabm run")[0]


def test_what_a_page_loads_from_elsewhere_is_found(tmp_path):
    sys.path.insert(0, str(DOCS))
    try:
        from offline import loaded_from_elsewhere
    finally:
        sys.path.remove(str(DOCS))
    page = '<link rel="stylesheet" href="site.css"><a href="https://a.org">a</a><img src="images/a.png">'
    (tmp_path / "index.html").write_text(page)
    assert loaded_from_elsewhere(tmp_path) == []
    (tmp_path / "index.html").write_text(page + '<script async src="https://cdn.org/a.js"></script>')
    (tmp_path / "site.css").write_text("@import url(//fonts.org/a.css);")
    assert [address for _, address in loaded_from_elsewhere(tmp_path)] == ["https://cdn.org/a.js", "//fonts.org/a.css"]
