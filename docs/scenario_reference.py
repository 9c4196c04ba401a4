"""The reference of scenario files, made from their JSON schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from markdown_text import HIDE_PAGE_TOC, code, table

from tumorabm.biology.parameters import PARAMETERS, PERTURBATIONS
from tumorabm.scenario import Scenario


@dataclass
class _Section:
    """One kind of table: where it may stand in a file, each place with the defaults that it has there."""

    places: dict[str, dict] = field(default_factory=dict)


class _Schema:
    """The sections of the JSON schema, in the order in which a file has them."""

    def __init__(self, schema: dict) -> None:
        self._definitions = schema["$defs"]
        self.root = schema
        self.sections: dict[str, _Section] = {}
        self._visit(schema, "")

    def definition(self, name: str) -> dict:
        return self._definitions[name]

    def _visit(self, table: dict, path: str) -> None:
        """Note the tables below a table at ``path``."""
        below = dict(table.get("properties", {}))
        if "$ref" in (own := table.get("additionalProperties") or {}):
            below["<name>"] = own
        for key, entry in below.items():
            for name, place in _tables(entry, f"{path}.{key}".strip(".")):
                default = entry.get("default")
                self.sections.setdefault(name, _Section()).places[place] = default if isinstance(default, dict) else {}
                self._visit(self._definitions[name], place.strip("[]"))


def _tables(entry: dict, path: str) -> Iterator[tuple[str, str]]:
    """Yield (definition, heading) of each table that an entry of the schema may be."""
    for option in (*entry.get("anyOf", ()), *entry.get("oneOf", ()), entry):
        if "$ref" in option:
            yield _name(option), f"[{path}]"
        elif "$ref" in option.get("items", {}):
            yield _name(option["items"]), f"[[{path}]]"
        for below in option.get("patternProperties", {}).values():
            if "$ref" in below:
                yield _name(below), f"[{path}.<name>]"


def _name(reference: dict) -> str:
    return reference["$ref"].removeprefix("#/$defs/")


def scenario_page() -> str:
    """Return the page of all keys of a scenario file: type, unit, default, range, description."""
    schema = _Schema(Scenario.json_schema())
    parts = [
        HIDE_PAGE_TOC,
        "# Scenario files\n\n",
        "All keys of a scenario file (TOML), made from `tumorabm schema`. A key that is not here is refused, and so is "
        "a value outside its range; what must hold between keys is said by the message. `<name>` is a name of your "
        "own. In `--set` and in sweeps a key is written with dots, as in `cells.blast.count`; items of lists have "
        "numbers, as in `pharmacology.doses.0.day`.\n\n",
        "Examples: the files in `scenarios/`, and the [tutorial](../tutorial.md). What the values mean for the model: "
        "[the model](../model.md).\n\n",
        "Sections: " + ", ".join(f"[`{_heading(schema, name)}`](#keys-{name})" for name in schema.sections) + ".\n\n",
        "## Top level\n\n",
        _keys(schema.root, {"": {}}),
    ]
    for name, section in schema.sections.items():
        parts += [
            f"(keys-{name})=\n## `{_heading(schema, name)}`\n\n",
            *_section(schema.definition(name), section.places),
        ]
    return "".join(parts)


def _heading(schema: _Schema, name: str) -> str:
    """Return the first place of a section; of tables that a mode tells apart, with the mode."""
    mode = schema.definition(name).get("properties", {}).get("mode", {}).get("const")
    first = next(iter(schema.sections[name].places))
    return f'{first} mode = "{mode}"' if mode else first


def _section(definition: dict, places: dict[str, dict]) -> Iterator[str]:
    if others := list(places)[1:]:
        yield "The same keys: " + ", ".join(f"`{place}`" for place in others) + ".\n\n"
    if description := definition.get("description"):
        yield description.replace("``", "`") + "\n\n"
    if definition.get("properties"):
        yield _keys(definition, places)


def _keys(definition: dict, places: dict[str, dict]) -> str:
    required = definition.get("required", ())
    rows = []
    for key, entry in definition["properties"].items():
        unit, description = _unit_and_description(entry.get("description", ""))
        default = "required" if key in required else _defaults(key, entry, places)
        rows.append((code(key), _type(entry), unit, default, _range(entry), description))
    return table(("key", "type", "unit", "default", "range", "description"), rows)


def _unit_and_description(text: str) -> tuple[str, str]:
    """Split ``"µm; edge of a voxel"``: what stands before the first semicolon is a unit where it is one word."""
    unit, semicolon, rest = text.partition("; ")
    return (unit, rest) if semicolon and " " not in unit else ("", text)


def _defaults(key: str, entry: dict, places: dict[str, dict]) -> str:
    """Return the default of a key, for each place where places differ."""
    by_place = {place: defaults.get(key, entry.get("default")) for place, defaults in places.items()}
    first = next(iter(by_place.values()))
    if all(value == first for value in by_place.values()):
        return _value(first)
    last_part = {place: place.strip("[]").split(".")[-1] for place in places}
    return "<br>".join(f"`{last_part[place]}` {_value(value)}" for place, value in by_place.items())


def _value(value: object) -> str:
    if value is None:
        return "absent"
    if isinstance(value, dict):
        return "its defaults" if value else "none"
    if value in ([], ""):
        return "none"
    return _number(value) if _is_number(value) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    """Return a number as one would write it in TOML."""
    return str(value) if isinstance(value, int) else f"{value:g}".replace("e+0", "e").replace("e+", "e")


def _options(entry: dict) -> list[dict]:
    """Return what an entry may be, but for null, which TOML has not."""
    options = [*entry.get("anyOf", ()), *entry.get("oneOf", ())] or [entry]
    return [option for option in options if option.get("type") != "null"]


def _type(entry: dict) -> str:
    return " or ".join(dict.fromkeys(map(_plain_type, _options(entry))))


def _plain_type(option: dict) -> str:
    if "enum" in option:
        return _one_of(option["enum"])
    if "const" in option:
        return f'`"{option["const"]}"`'
    if "$ref" in option:
        return f"[table](#keys-{_name(option)})"
    if option.get("type") == "array":
        items = option.get("items", {})
        return (
            f"list of [tables](#keys-{_name(items)})" if "$ref" in items else f"list of {_plural(_plain_type(items))}"
        )
    if option.get("type") == "object":
        below = next(iter(option.get("patternProperties", {}).values()), option.get("additionalProperties", {}))
        if "$ref" in below:
            values = f"[tables](#keys-{_name(below)})"
        else:
            values = "tables" if below.get("type") == "object" else _plural(_plain_type(below))
        names = option.get("propertyNames", {}).get("enum", ())
        return f"{values} by {_kind_of_name(names) or 'name'}"
    return {"string": "text", "boolean": "true or false"}.get(option["type"], option["type"])


def _plural(kind: str) -> str:
    head, space, rest = kind.partition(" ")
    return ("text" if head == "text" else f"{head}s") + space + rest


def _one_of(names: list[str]) -> str:
    return _kind_of_name(names) or ", ".join(f'`"{name}"`' for name in names)


def _kind_of_name(names) -> str:
    """Return what names in great number are, with a link to their list; nothing for others."""
    if names and set(names) <= set(PERTURBATIONS):
        return "[perturbation](parameters.md#perturbations)"
    if len(names) > 10 and set(names) <= set(PARAMETERS):
        return "[parameter](parameters.md#the-solid-tumour-cell)"
    return ""


def _range(entry: dict) -> str:
    return "; ".join(filter(None, map(_plain_range, _options(entry))))


def _plain_range(option: dict) -> str:
    """Return bounds of a number, or of the numbers and the length of a list."""
    below = option.get("items") or next(iter(option.get("patternProperties", {}).values()), None)
    below = below or option.get("additionalProperties") or {}
    bounds = [
        f"{sign} {_number(option[key])}"
        for key, sign in (("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤"))
        if key in option
    ]
    fewest, most = option.get("minItems"), option.get("maxItems")
    if fewest is not None and most is not None:
        bounds.append(f"{fewest} or {most} values" if most == fewest + 1 else f"{fewest} to {most} values")
    if isinstance(below, dict) and below and "$ref" not in below and (inner := _plain_range(below)):
        bounds.append(f"each {inner}")
    if "pattern" in option:
        bounds.append("letters, digits and `_`" + (" and `-`" if "-]" in option["pattern"] else ""))
    return ", ".join(bounds)
