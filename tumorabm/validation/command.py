"""The commands ``tumorabm validate`` and ``tumorabm sensitivity``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tumorabm.console import FAILED, UserError, clear_messages, print_table, say, writable


def validate(
    only: Annotated[str | None, typer.Option(metavar="F3,S5", help="Only these facts; by default all.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table in Markdown.")] = False,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the results also as JSON.")
    ] = None,
) -> None:
    """Print what is published beside what the model does; exit code 1 where a verified fact fails."""
    with clear_messages():
        target = None if json_file is None else writable(Path(json_file), "--json")
        names = _names(only)
        from tumorabm.validation import suite

        verdicts = []
        for verdict in suite.ask(names):
            say(f"{verdict.fact.name} {'holds' if verdict.holds else 'FAILS'} ({verdict.seconds:.1f} s)")
            verdicts.append(verdict)
        if target is not None:
            target.write_text(json.dumps(suite.report(verdicts), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if markdown:
            print(suite.markdown(verdicts))
        else:
            print_table(suite.HEADINGS, [suite.row(verdict) for verdict in verdicts])
    if any(not verdict.holds and verdict.fact.tag == "V" for verdict in verdicts):
        raise typer.Exit(FAILED)


def _names(only: str | None) -> list[str]:
    """Return the names of the facts that are asked for; an unknown one is refused."""
    from tumorabm.scenario.messages import unknown_name
    from tumorabm.validation.suite import FACTS

    if only is None:
        return list(FACTS)
    names = [name.strip().upper() for name in only.split(",") if name.strip()]
    if not names:
        raise UserError("--only: expected names of facts, such as F3,S5")
    for name in names:
        if name not in FACTS:
            raise UserError(f"--only {name}: {unknown_name('fact', name, FACTS)}")
    return list(dict.fromkeys(names))


def sensitivity(
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder for sensitivity.csv and sensitivity.png.")],
    parameters: Annotated[
        list[str] | None, typer.Option("--parameter", metavar="NAME", help="Parameter; may be repeated. Default: all.")
    ] = None,
    cells: Annotated[int, typer.Option(min=10, help="Cells in a well: more give less noise.")] = 60,
) -> None:
    """Rank the cell's parameters by how far they move IC50, ASNS induction and invasive score."""
    with clear_messages():
        folder = _empty_folder(Path(out))
        names = _parameters(parameters)
        from tumorabm.validation.sensitivity import READOUTS, draw, sensitivities

        say("three readouts of all variants; some ten minutes for all parameters")
        table = sensitivities(names, cells)
        folder.mkdir(parents=True, exist_ok=True)
        table.to_csv(folder / "sensitivity.csv", float_format="%.4g")
        draw(table, folder / "sensitivity.png")
        rows = [
            (name, row["tag"], *(f"{row[readout]:+.2f} ± {row[f'{readout}_noise']:.2f}" for readout in READOUTS))
            for name, row in table.head(20).iterrows()
        ]
        print_table(("parameter", "tag", *READOUTS), rows)
        print(f"\n% per % of the parameter, solid-tumour cell; all {len(table)} in {folder / 'sensitivity.csv'}")


def _empty_folder(folder: Path) -> Path:
    """Return a folder that does not exist yet or is empty, or refuse it before time is spent."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--out {folder}: exists already; expected a new or empty folder")
    return folder


def _parameters(names: list[str] | None) -> list[str] | None:
    """Return the names of parameters that can be varied; an unknown one is refused."""
    from tumorabm.scenario.messages import unknown_name
    from tumorabm.validation.sensitivity import varied_parameters

    varied = varied_parameters()
    for name in names or ():
        if name not in varied:
            raise UserError(f"--parameter {name}: {unknown_name('parameter that a well feels', name, varied)}")
    return names
