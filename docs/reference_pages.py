"""The pages that are made when the site is built, from the code or from files outside docs/."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from markdown_text import HIDE_PAGE_TOC, code, prose, table
from scenario_reference import scenario_page


def setup(app) -> dict[str, bool]:
    """Write the pages before Sphinx looks for pages."""
    app.connect("builder-inited", lambda app: write_all(Path(app.srcdir) / "_generated"))
    app.connect("source-read", link_to_site)
    return {"parallel_read_safe": True}


def write_all(folder: Path) -> None:
    """Write the pages into ``folder``; a page that has not changed is left alone, so that it is not built again."""
    folder.mkdir(exist_ok=True)
    pages = {
        "scenario": scenario_page(),
        "parameters": parameters_page(),
        "command_line": command_line_page(),
        "run_folder": run_folder_page(),
        "contributing": contributing_page(),
    }
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# -- pages that stand outside docs/ ---------------------------------------------------------------------------------

ROOT = Path(__file__).parents[1]
PAGES_OUTSIDE = {
    "../README.md#the-run-folder": "_generated/run_folder.md",
    "../CONTRIBUTING.md": "_generated/contributing.md",
}
"""Links of pages in docs/ that work on the code host, and the page that stands for each on the site."""


def link_to_site(_app, name: str, source: list[str]) -> None:
    """Let a page that is being read link to pages of the site in place of files outside docs/."""
    if "/" not in name:
        for outside, inside in PAGES_OUTSIDE.items():
            source[0] = source[0].replace(f"({outside})", f"({inside})")


def run_folder_page() -> str:
    """Return the README's section on the run folder as a page."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## The run folder\n")[1].split("\n## ")[0]
    return "# The run folder\n" + section.replace("`docs/model.md`", "[the model](../model.md)").replace(
        "](docs/", "](../"
    )


def contributing_page() -> str:
    """Return CONTRIBUTING.md as a page."""
    return (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("](docs/", "](../")


# -- parameters -----------------------------------------------------------------------------------------------------


def parameters_page() -> str:
    """Return the page of all numbers: of the cell, its types, fields, enzymes and small molecules."""
    from tumorabm.biology.inhibitors import INHIBITORS
    from tumorabm.biology.parameters import PARAMETERS, PERTURBATIONS, UPTAKE_KM_UM
    from tumorabm.cell_types import CELL_TYPES
    from tumorabm.pharmacology.formulations import FORMULATIONS
    from tumorabm.scenario.field_defaults import FIELD_DEFAULTS

    parts = [
        HIDE_PAGE_TOC,
        "# Parameters\n\n",
        "Every number of the model, made from the code. Tags: **V** seen in a source, **M** remembered from the ",
        "literature and not yet checked, **A** assumed, **D** derived. Equations: [the model](../model.md).\n\n",
        "## The solid-tumour cell\n\n",
        "`tumorabm parameters`; a group of cells has values of its own by `[cells.<name>.parameters]`.\n\n",
        _parameter_table(PARAMETERS),
        "## Uptake\n\nConcentrations at half uptake, the same for all cells.\n\n",
        _parameter_table(UPTAKE_KM_UM),
        "## Cell types\n\n",
        "`tumorabm parameters --cell-types`, `--cell-type TYPE`. Else they are as the solid-tumour cell.\n\n",
    ]
    for name, preset in CELL_TYPES.items():
        parts += [f"### `{name}`\n\n", f"{preset.meaning}\n\n"]
        parts += [_parameter_table(preset.table)] if preset.table else ["As the solid-tumour cell.\n\n"]
    kinds = {False: "factor, 1 without effect", True: "level, 0 without effect"}
    parts += [
        "## Perturbations\n\n`tumorabm parameters --perturbations`.\n\n",
        table(
            ("name", "value", "parameters", "meaning"),
            (
                (code(name), kinds[lever.is_level], ", ".join(map(code, lever.parameters)), lever.meaning)
                for name, lever in PERTURBATIONS.items()
            ),
        ),
        "## Fields\n\nDefaults of `[fields.<name>]`.\n\n",
        table(
            ("field", "key", "value", "unit", "tag", "source"),
            (
                (code(field), code(key), f"{row.value:g}", row.unit, row.tag, row.source)
                for field, rows in FIELD_DEFAULTS.items()
                for key, row in rows.items()
            ),
        ),
        "## Asparaginases\n\n",
        table(
            ("formulation", "t½, h", "t½ of absorption, h", "volume, L/m²", "Km Asn, µM", "Km Gln, µM",
             "glutaminase over asparaginase", "source, with tags"),
            (
                (code(name), f"{f.half_life_h:g}", f"{f.absorption_half_life_h:g}", f"{f.volume_l_per_m2:g}",
                 f"{f.asparagine_km_uM:g}", f"{f.glutamine_km_uM:g}", f"{f.glutaminase_ratio:g}", f.source)
                for name, f in FORMULATIONS.items()
            ),
        ),
        "## Small molecules\n\n",
        table(
            ("drug", "perturbation", "action", "half effect, µM", "t½, h", "tag", "source"),
            (
                (code(name), code(drug.lever), drug.action, f"{drug.half_inhibition_uM:g}", f"{drug.half_life_h:g}",
                 drug.tag, drug.source)
                for name, drug in INHIBITORS.items()
            ),
        ),
    ]  # fmt: skip
    return "".join(parts)


def _parameter_table(rows) -> str:
    return table(
        ("name", "value", "unit", "range", "tag", "meaning", "source"),
        (
            (code(name), f"{row.value:g}", row.unit, f"{row.low:g} to {row.high:g}", row.tag, row.meaning, row.source)
            for name, row in rows.items()
        ),
    )


# -- command line ---------------------------------------------------------------------------------------------------


def command_line_page() -> str:
    """Return the page of all commands, read off the command line itself."""
    from typer.main import get_command

    from tumorabm.cli import app

    intro = (
        "# Command line\n\nMade from the commands themselves; `tumorabm COMMAND --help` prints the same. Exit codes: 0 "
        "done, 1 failed, 2 a wrong input, 130 interrupted.\n\n"
    )
    return intro + "".join(_command("tumorabm", get_command(app)))


def _command(path: str, command) -> Iterable[str]:
    """Yield the sections of a command and of those below it."""
    below = getattr(command, "commands", {})
    context = command.make_context(path, [], resilient_parsing=True)
    if path != "tumorabm":
        yield f"## `{path}`\n\n"
    if command.help:
        yield prose(command.help.strip()) + "\n\n"
    yield f"    {path} {' '.join(command.collect_usage_pieces(context))}\n\n"
    records = (parameter.get_help_record(context) for parameter in command.get_params(context))
    yield table(("argument or option", "meaning"), ((code(name), prose(text)) for name, text in filter(None, records)))
    for name, other in below.items():
        if not other.hidden:
            yield from _command(f"{path} {name}", other)
