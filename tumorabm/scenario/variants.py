"""Variants of one scenario file: tables ``[variants.<name>]`` that are merged over the rest of the file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tumorabm.scenario.messages import ScenarioError, shown, unknown_name

VARIANTS = "variants"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
VARIANTS_JSON_SCHEMA = {
    "type": "object",
    "description": "what differs in each variant of the scenario, by its name: letters, digits, _ and -",
    "propertyNames": {"pattern": f"^{_NAME.pattern}$"},
    "additionalProperties": {
        "type": "object",
        "description": "sections and values as in the file, merged over it; lists replace the ones of the file",
    },
}


def take_variants(data: dict[str, object], source: str) -> dict[str, dict[str, object]]:
    """Remove the variants from a scenario and return them by name, in the order of the file.

    Parameters
    ----------
    data
        The scenario as nested dictionaries; its key ``variants`` is removed.
    source
        What messages name as the place where the scenario was given.

    Raises
    ------
    ScenarioError
        With all variants that have no usable name or are no tables, one a line.
    """
    variants = data.pop(VARIANTS, {})
    if not isinstance(variants, dict):
        raise ScenarioError(f"{source}: {VARIANTS} = {shown(variants)}: expected tables [{VARIANTS}.<name>]")
    problems = [problem for name, variant in variants.items() if (problem := _problem(name, variant))]
    if problems:
        raise ScenarioError("\n".join(f"{source}: {problem}" for problem in problems))
    return variants


def vary(data: Mapping[str, object], variants: Mapping[str, dict], variant: str, name: str, source: str) -> dict:
    """Return a scenario with one of its variants merged over it.

    Parameters
    ----------
    data
        The scenario without its variants; not changed.
    variants
        As `take_variants` returns them.
    variant
        Name of the one to be merged. Tables are merged, lists and values replaced.
    name
        Of the scenario where it gives none.
    source
        As in `take_variants`.

    Raises
    ------
    ScenarioError
        There is no such variant.
    """
    if not variants:
        raise ScenarioError(f"{source}: variant {variant}: the scenario has no variants")
    if variant not in variants:
        raise ScenarioError(f"{source}: variant {variant}: {unknown_name('variant', variant, variants)}")
    varied = _merged({"name": name, **data}, variants[variant])
    if isinstance(varied["name"], str):  # else the schema complains of it
        varied["name"] += f"_{variant}"
    return varied


def _problem(name: str, variant: object) -> str | None:
    if not isinstance(variant, dict):
        return f"{VARIANTS}.{name} = {shown(variant)}: expected a table, [{VARIANTS}.{name}] and what differs there"
    if not _NAME.fullmatch(name):
        return f"{VARIANTS}.{name}: expected a name of letters, digits, _ and -"
    if VARIANTS in variant:
        return f"{VARIANTS}.{name}.{VARIANTS}: expected none, because a variant has no variants of its own"
    return None


def _merged(table: Mapping[str, object], change: Mapping[str, object]) -> dict[str, object]:
    both = dict(table)
    for key, value in change.items():
        before = table.get(key)
        both[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return both
