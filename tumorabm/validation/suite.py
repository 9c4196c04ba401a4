"""All facts together: which to ask, and the table of what came out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tumorabm.validation import enzyme, metabolism, sensitivity_to_drug, signalling, stress, tissue
from tumorabm.validation.fact import Fact, Verdict


def _order(fact: Fact) -> tuple[str, int]:
    return fact.name[0], int(fact.name[1:])


FACTS: dict[str, Fact] = {
    fact.name: fact
    for fact in sorted(
        (*enzyme.FACTS, *metabolism.FACTS, *sensitivity_to_drug.FACTS, *signalling.FACTS, *stress.FACTS, *tissue.FACTS),
        key=_order,
    )
}
"""By name, F1-F19 and S1-S10."""

HEADINGS = ("fact", "set-up", "published", "source", "model (band)", "verdict", "s")


def ask(names: Sequence[str]) -> Iterator[Verdict]:
    """Ask the model for these facts, one after the other."""
    return (FACTS[name].ask() for name in names)


def row(verdict: Verdict) -> tuple[str, ...]:
    """Return one line of the table, columns as `HEADINGS`."""
    fact = verdict.fact
    source = f"{fact.source} [{fact.tag}]" + (f"; disputed: {fact.disputed}" if fact.disputed else "")
    kind = f"tuned on it: {fact.tuned}" if fact.tuned else "prediction"
    return (
        fact.name,
        fact.set_up,
        fact.published,
        source,
        verdict.readout,
        f"{'holds' if verdict.holds else 'FAILS'} ({kind})",
        f"{verdict.seconds:.1f}",
    )


def markdown(verdicts: Sequence[Verdict]) -> str:
    """Return the table in Markdown."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(row(verdict) for verdict in verdicts)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def report(verdicts: Sequence[Verdict]) -> list[dict[str, object]]:
    """Return the verdicts as plain values for JSON."""
    return [
        {
            "fact": verdict.fact.name,
            "set_up": verdict.fact.set_up,
            "published": verdict.fact.published,
            "source": verdict.fact.source,
            "tag": verdict.fact.tag,
            "tuned": verdict.fact.tuned,
            "disputed": verdict.fact.disputed,
            "holds": verdict.holds,
            "seconds": verdict.seconds,
            "checks": [
                {"what": check.what, "holds": check.holds}
                | {name: _plain(getattr(check, name)) for name in ("value", "low", "high")}
                for check in verdict.checks
            ],
        }
        for verdict in verdicts
    ]


def _plain(value: float) -> float | None:
    """Return a number that JSON can hold; None for one that is not finite."""
    return float(value) if abs(value) < float("inf") else None
