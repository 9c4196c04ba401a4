"""What a user reads when a scenario is wrong: where, what was given, what was expected, and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from tumorabm.scenario.toml_text import toml_value

Key = tuple[str | int, ...]
"""Path to a value: table keys and list indices."""

_MAX_LINES = 50
_MAX_VALUE_LENGTH = 60
_PROBLEMS = "problems"
_UNIT_TOKENS = frozenset(
    token
    for tokens in (
        "nm um um2 um3 mm mm2 mm3 cm cm2 cm3 m m2 m3 fl pl nl ul ml l",
        "fm pm nm um mm m amol fmol pmol nmol umol mmol mol",
        "mmhg kpa pa atm percent iu u ui ng ug mg g kg per",
        "s sec seconds min minutes h hour hours d day days week weeks",
    )
    for token in tokens.split()
)  # lower case


class ScenarioError(Exception):
    """A scenario that cannot be used; ``str(error)`` is the message for the user, one line for each problem."""


@dataclass(frozen=True)
class Problem:
    """A value that is well formed and does not fit the rest of its section or scenario.

    Attributes
    ----------
    key
        Path below the section that found it.
    expected
        The sentence after the value: what was expected.
    """

    key: Key
    expected: str


def refuse(problems: Iterable[Problem]) -> None:
    """Raise all problems at once, to be called in a pydantic validator; without problems do nothing."""
    found = tuple(problems)
    if found:
        text = "; ".join(f"{dotted(problem.key)}: {problem.expected}" for problem in found)
        raise PydanticCustomError(_PROBLEMS, "{text}", {"text": text, _PROBLEMS: found})


def dotted(key: Key) -> str:
    """Return a path as it is written in ``--set``."""
    return ".".join(map(str, key))


def shown(value: object) -> str:
    """Return a value for a message, as it would stand in the file, cut when long."""
    try:
        text = toml_value(value)
    except TypeError:
        text = str(value)
    return text if len(text) <= _MAX_VALUE_LENGTH else text[: _MAX_VALUE_LENGTH - 3] + "..."


def nearest(name: str, choices: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the choice that looks most like ``name``, or None where none has that ``likeness`` (0 to 1)."""
    by_lower = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else None


def unknown_name(what: str, name: str, choices: Iterable[str]) -> str:
    """Return "unknown <what>" with the nearest valid name, or all valid names when none is near."""
    choices = list(choices)
    best = nearest(name, choices)
    if best is not None:
        return f"unknown {what}; nearest valid name: {best}"
    return f"unknown {what}; expected one of {', '.join(choices)}"


def _stem_and_unit(key: str) -> tuple[str, str]:
    tokens = key.split("_")
    n = len(tokens)
    while n and tokens[n - 1].lower() in _UNIT_TOKENS:
        n -= 1
    return "_".join(tokens[:n]), "_".join(tokens[n:])


def unknown_key(key: str, choices: Mapping[str, str]) -> str:
    """Return what to say about a key that the section does not have.

    Parameters
    ----------
    key
        The key as given.
    choices
        Valid keys of the section and what they mean.
    """
    stem, unit = _stem_and_unit(key)
    for choice, meaning in choices.items():
        choice_stem, choice_unit = _stem_and_unit(choice)
        if choice_unit and choice_stem == stem:
            fault = "wrong unit" if unit else "unit is missing"
            return f"{fault}; this quantity is given as {choice} ({meaning})"
    return unknown_name("key", key, choices)


def explain(
    error: ValidationError, data: Mapping[str, object], schema: Mapping[str, object], source: Callable[[Key], str]
) -> str:
    """Turn pydantic's errors into the message for the user.

    Parameters
    ----------
    error
        What validation raised.
    data
        The scenario as given.
    schema
        JSON schema of the scenario.
    source
        Says of a path where its value was given (file or ``--set``).
    """
    lines = [
        f"{source(key)}: {text}" for details in error.errors() for key, text in _problem_lines(details, data, schema)
    ]
    if len(lines) > _MAX_LINES:
        lines[_MAX_LINES:] = [f"... and {len(lines) - _MAX_LINES} more problems"]
    return "\n".join(lines)


def _problem_lines(
    details: ErrorDetails, data: Mapping[str, object], schema: Mapping[str, object]
) -> list[tuple[Key, str]]:
    key, node, parent = _locate(schema, details["loc"])
    kind, value = details["type"], details["input"]
    if kind == _PROBLEMS:
        return [
            ((*key, *problem.key), _with_given(data, (*key, *problem.key)) + ": " + problem.expected)
            for problem in details["ctx"][_PROBLEMS]
        ]
    if kind.startswith("union_tag"):  # of a table that is one of several kinds
        tag = node["discriminator"]["propertyName"]
        kinds = {"enum": list(node["discriminator"]["mapping"])}
        return [((*key, tag), f"{_with_given(data, (*key, tag))}: expected {_expected(kinds)}")]
    if kind == "missing":
        return [(key, f"{dotted(key)} is missing: expected {_expected(node)}{_misspelt(key, data, schema)}")]
    given = f"{dotted(key)} = {shown(value)}"
    if kind == "extra_forbidden":
        choices = {name: item.get("description", "") for name, item in parent.get("properties", {}).items()}
        return [(key, f"{given}: {unknown_key(str(key[-1]), choices)}")]
    if details["loc"][-1] == "[key]":
        return [(key, f"{dotted(key)}: expected a name of letters, digits and _")]
    if kind == "finite_number":
        return [(key, f"{given}: expected a finite value, {_expected(node)}")]
    near = nearest(value, node["enum"]) if isinstance(value, str) and "enum" in node else None
    return [(key, f"{given}: expected {_expected(node)}" + (f"; nearest valid name: {near}" if near else ""))]


def _with_given(data: object, key: Key) -> str:
    """Return the path with the value given there, or the path alone where a default holds."""
    for part in key:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return dotted(key)
    return f"{dotted(key)} = {shown(data)}"


def _misspelt(key: Key, data: Mapping[str, object], schema: Mapping[str, object]) -> str:
    """Suggest the nearest sibling when a key is missing from a table whose name is free and may be misspelt."""
    if len(key) < 2:
        return ""
    *above, name = key[:-1]
    _, node, _ = _locate(schema, above)
    known = set(node.get("properties", ()))
    if name in known or not (node.get("additionalProperties") or node.get("patternProperties")):
        return ""
    table = data
    for part in above:
        table = table[part]
    best = nearest(str(name), sorted({*known, *map(str, table)} - {str(name)}), likeness=0.75)
    return f"; is {name} meant to be {best}?" if best else ""


def _resolve(schema: Mapping[str, object], node: Mapping[str, object]) -> dict:
    """Follow references and drop the alternative null, keeping what stands beside them (descriptions)."""
    node = dict(node)
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            target = schema["$defs"][node.pop("$ref").rpartition("/")[2]]
        else:
            target = next(option for option in node.pop("anyOf") if option.get("type") != "null")
        node = {**target, **node}
    return node


def _locate(schema: Mapping[str, object], location: Sequence[str | int]) -> tuple[Key, dict, dict]:
    """Return the path that a user knows, the schema node there, and the node of the table around it."""
    key: list[str | int] = []
    node = parent = _resolve(schema, schema)
    for part in location:
        if "discriminator" in node and part in node["discriminator"]["mapping"]:  # names the kind, is no key
            node = _resolve(schema, {"$ref": node["discriminator"]["mapping"][part]})
            continue
        if part == "[key]":
            continue
        key.append(part)
        parent = node
        if isinstance(part, int):
            child = node.get("items", {})
        else:
            free = node.get("additionalProperties") or next(iter(node.get("patternProperties", {}).values()), {})
            child = node.get("properties", {}).get(part, free)
        node = _resolve(schema, child)
    return tuple(key), node, parent


def _plain(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


_KINDS = {
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
}
_BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}


def _expected(node: Mapping[str, object]) -> str:
    """Say in words what a schema node accepts."""
    if "const" in node:
        words = shown(node["const"])
    elif "enum" in node:
        words = "one of " + ", ".join(map(shown, node["enum"]))
    else:
        words = _KINDS.get(node.get("type"), "a table")
        bounds = [f"{sign} {_plain(node[bound])}" for bound, sign in _BOUNDS.items() if bound in node]
        words += " " * bool(bounds) + " and ".join(bounds)
        if "minItems" in node:
            words += f" of {node['minItems']} to {node['maxItems']} numbers"
    description = node.get("description")
    return f"{words} ({description.rstrip('.')})" if description else words
