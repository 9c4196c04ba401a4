"""Pieces of Markdown pages that are made from the code."""

from collections.abc import Iterable, Sequence

HIDE_PAGE_TOC = "---\nhtml_theme.sidebar_secondary.remove: true\n---\n\n"
"""Front matter of pages whose tables need the width."""


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join("| " + " | ".join(map(_cell, line)) + " |\n" for line in lines) + "\n"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def code(value: object) -> str:
    """Return a value as Markdown code."""
    return f"`{value}`"


def prose(text: str) -> str:
    """Return text in which ``<name>`` is no HTML."""
    return text.replace("<", "&lt;")
