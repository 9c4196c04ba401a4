"""The command ``tumorabm validate``."""

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
