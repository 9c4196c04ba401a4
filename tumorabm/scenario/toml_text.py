"""Writing TOML: the value kinds of a scenario (tables, lists, text, numbers, booleans)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping


def toml_value(value: object) -> str:
    """Return ``value`` as a TOML value on one line.

    Raises
    ------
    TypeError
        For a kind of value that a scenario cannot hold.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, str):
        # JSON escapes what TOML wants escaped, except DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"a {type(value).__name__} cannot be written to a scenario file")


def toml_document(table: Mapping[str, object]) -> str:
    """Return a TOML document; all keys must be bare keys (letters, digits, ``_`` and ``-``)."""
    return "\n".join(_lines(table, "")).lstrip("\n") + "\n"


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _lines(table: Mapping[str, object], prefix: str) -> Iterator[str]:
    below = {key: value for key, value in table.items() if isinstance(value, Mapping) or _is_list_of_tables(value)}
    for key, value in table.items():
        if key not in below:
            yield f"{key} = {toml_value(value)}"
    for key, value in below.items():
        header, tables = (f"[{prefix}{key}]", [value]) if isinstance(value, Mapping) else (f"[[{prefix}{key}]]", value)
        for item in tables:
            yield ""
            yield header
            yield from _lines(item, f"{prefix}{key}.")
