"""Reading a scenario: TOML file, overrides, validation."""

from __future__ import annotations

import copy
import difflib
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tumorabm.scenario.messages import Key, ScenarioError, dotted, explain, shown
from tumorabm.scenario.schema import Scenario
from tumorabm.scenario.variants import VARIANTS, take_variants, vary

Overrides = Sequence[str] | Mapping[str, object]
"""Values in place of a scenario's: ``"key.below=value"`` with a TOML value each, or values by ``"key.below"``."""


def load_scenario(path: str | os.PathLike[str], overrides: Overrides = (), variant: str | None = None) -> Scenario:
    """Read and check a scenario file.

    Parameters
    ----------
    path
        TOML file, UTF-8.
    overrides
        Values to use in place of the file's, each ``"key.below=value"`` with a TOML value; a word that is no TOML value
        is taken as text. List items are named by index: ``"pharmacology.doses.0.day=3"``. They act after the variant.
        Or values by key, as in ``{"pharmacology.doses.0.day": 3}``.
    variant
        Name of the table ``[variants.<name>]`` of the file that is merged over the rest of it; by default none.

    Returns
    -------
    Scenario
        Complete and valid; its name is that of the file where the file gives none, and ends in ``_<variant>``.

    Raises
    ------
    ScenarioError
        With all problems of the file, one a line.
    """
    return scenario_from_dict(read_scenario(path), overrides, variant, source=str(path))


def read_scenario(path: str | os.PathLike[str]) -> dict[str, object]:
    """Return a scenario file as `scenario_from_dict` takes it, unchecked, with the name of the file where it has none.

    Raises
    ------
    ScenarioError
        The file cannot be read, or is no TOML.
    """
    data = read_toml(path)
    data.setdefault("name", re.sub(r"[^A-Za-z0-9_-]", "_", Path(path).stem))
    return data


def read_toml(path: str | os.PathLike[str]) -> dict[str, object]:
    """Return a TOML file as nested dictionaries and lists.

    Raises
    ------
    ScenarioError
        The file cannot be read, or is no TOML.
    """
    return _parse(_read(Path(path)), Path(path))


def variant_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the names of the variants of a scenario file, in its order.

    Raises
    ------
    ScenarioError
        The file cannot be read, or a variant is no table.
    """
    return tuple(take_variants(read_toml(path), str(path)))


def scenario_from_dict(
    data: Mapping[str, object],
    overrides: Overrides = (),
    variant: str | None = None,
    *,
    source: str = "scenario",
) -> Scenario:
    """Check a scenario given as nested dictionaries and lists, as `tomllib.loads` returns them.

    Parameters
    ----------
    data
        The scenario; not changed.
    overrides, variant
        As in `load_scenario`.
    source
        What messages name as the place where the scenario was given.

    Raises
    ------
    ScenarioError
        With all problems, one a line.
    """
    data = copy.deepcopy(dict(data))
    variants = take_variants(data, source)
    if variant is not None:
        data = vary(data, variants, variant, Scenario.model_fields["name"].default, source)
        source = f"{source}, variant {variant}"
    parsed = _parse_overrides(overrides)
    for override in parsed:
        _apply(override, data, source)
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        raise ScenarioError(
            explain(error, data, Scenario.json_schema(), lambda key: _origin(key, parsed, source))
        ) from None


def with_parameters(scenario: Scenario | str | os.PathLike[str], parameters: Mapping[str, object]) -> Scenario:
    """Return a scenario, or that of a file, with values in place of its own by the keys of ``--set``.

    Raises
    ------
    ScenarioError
        With all problems of the file and the parameters, one a line.
    """
    if not isinstance(scenario, Scenario):
        return load_scenario(scenario, parameters)
    if not parameters:
        return scenario
    return scenario_from_dict(tomllib.loads(scenario.to_toml()), parameters, source=f"scenario {scenario.name}")


def for_hours(load: Callable[[Overrides], Scenario], hours: float | None, given: str) -> tuple[Scenario, int]:
    """Return a scenario and the number of steps to run: more hours than it has extend it, fewer stop the run early.

    Parameters
    ----------
    load
        Returns the scenario with more overrides than it has.
    hours
        Simulated time, h; by default the scenario's.
    given
        What messages call the option or key that gave the hours.

    Raises
    ------
    ScenarioError
        The hours are no whole number of steps, or the scenario cannot be that long.
    """
    loaded = load({})
    if hours is None:
        return loaded, loaded.n_steps
    step_min = loaded.time.step_min
    if not (math.isfinite(hours) and loaded.time.whole_steps(hours)):
        raise ScenarioError(f"{given} {hours:g}: expected a positive whole number of steps of {step_min:g} min")
    if hours > loaded.hours:
        loaded = load({"hours": hours})
    return loaded, round(hours * 60.0 / step_min)


# -- files ----------------------------------------------------------------------------------------------------------


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file{_nearby_files(path.parent, path.name)}") from None
    except IsADirectoryError:
        raise ScenarioError(f"{path}: is a folder; expected a TOML file{_nearby_files(path, '')}") from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{path}: line {line}: byte 0x{raw[error.start]:02x} is not UTF-8 text") from None


def _nearby_files(folder: Path, name: str) -> str:
    """Name the scenario files of ``folder`` that look most like ``name``, or else some of them."""
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.suffix == ".toml")
    except OSError:
        return f"; there is no folder {folder}"
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names[:5]
    return f"; nearest in {folder}: {', '.join(near)}" if near else f"; no scenario file is in {folder}"


def _parse(text: str, path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or a number too long for int()
        raise ScenarioError(f"{path}: {_syntax_message(str(error), text)}") from None
    except RecursionError:
        raise ScenarioError(f"{path}: tables or lists are nested too deeply; expected a scenario") from None


def _syntax_message(message: str, text: str) -> str:
    lines = text.splitlines() or [""]
    what, _, place = message.rpartition(" (at ")
    if at := re.match(r"line (\d+), column (\d+)", place):
        row, column = int(at[1]), int(at[2])
        where = f"line {row}, column {column}"
    elif place:  # "end of document"
        row, column = len(lines), len(lines[-1]) + 1
        where = f"line {row}, column {column} (end of file)"
    else:
        return f"invalid TOML: {message}"
    source_line = lines[row - 1].strip() if row <= len(lines) else ""
    return f"{where}: invalid TOML: {what}" + (f": {source_line}" if source_line else "")


# -- overrides ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Override:
    """One value in place of the scenario's: its text, the path that it sets, the value, and what gave it."""

    text: str
    key: tuple[str, ...]
    value: object
    given_by: str = "--set"


def _parse_overrides(overrides: Overrides) -> list[_Override]:
    parsed, problems = [], []
    items = overrides.items() if isinstance(overrides, Mapping) else ((text,) for text in overrides)
    for item in items:
        try:
            parsed.append(_keyed_override(*item) if isinstance(overrides, Mapping) else _parse_override(*item))
        except ScenarioError as error:
            problems.append(str(error))
    if problems:
        raise ScenarioError("\n".join(problems))
    return parsed


def _parse_override(text: str) -> _Override:
    left, sign, right = text.partition("=")
    key = tuple(part.strip() for part in left.split("."))
    if not sign or not _is_key(key):
        raise ScenarioError(f"--set {text}: expected key=value, as in cells.blast.count=100")
    if key[0] == VARIANTS:
        raise ScenarioError(f"--set {text}: expected a key outside {VARIANTS}, because it acts after the variant")
    return _Override(text, key, _override_value(text, right.strip()))


def _keyed_override(name: str, value: object) -> _Override:
    key = tuple(name.split("."))
    if not _is_key(key):
        raise ScenarioError(f"parameter {name}: expected a key, as in cells.blast.count")
    if key[0] == VARIANTS:
        raise ScenarioError(f"parameter {name}: expected a key outside {VARIANTS}, because it acts after the variant")
    return _Override(f"{name} = {shown(value)}", key, value, "parameter")


def _is_key(parts: Sequence[str]) -> bool:
    return all(re.fullmatch(r"[A-Za-z0-9_-]+", part) for part in parts)


def _override_value(text: str, value: str) -> object:
    if not value:
        raise ScenarioError(f"--set {text}: expected a value after =")
    try:
        parsed = tomllib.loads(f"value = {value}")
        if len(parsed) == 1:
            return parsed["value"]
    except ValueError:
        if value[0] in "[{\"'":
            raise ScenarioError(f'--set {text}: expected a TOML value, as in 3, 0.5, true, [1, 2] or "text"') from None
    return value


def plain_value(text: str) -> object:
    """Return what a text means as a TOML value; a word that is none is text, and nothing is None."""
    try:
        return _override_value(text, text) if text else None
    except ScenarioError:
        return text


def _apply(override: _Override, data: dict[str, object], source: str) -> None:
    """Set the value in ``data``, making tables that are missing; the schema judges what comes out."""
    target: object = data
    for depth, part in enumerate(override.key):
        last = depth == len(override.key) - 1
        if isinstance(target, list):
            index: str | int = int(part) if re.fullmatch(r"0|[1-9][0-9]{0,17}", part) else -1  # one way to write each
            if not 0 <= index < len(target):
                where = dotted(override.key[:depth])
                raise ScenarioError(
                    f"{override.given_by} {override.text} ({source}): {where} is a list of {len(target)}; "
                    f"expected {f'an index from 0 to {len(target) - 1}' if target else 'no index'}, not {part}"
                )
        elif isinstance(target, dict):
            index = part
            if not last:
                target.setdefault(index, {})
        else:
            where = dotted(override.key[:depth])
            raise ScenarioError(
                f"{override.given_by} {override.text} ({source}): {where} is a value, not a table with {part}"
            )
        if last:
            target[index] = override.value
        else:
            target = target[index]


def _origin(key: Key, overrides: Sequence[_Override], source: str) -> str:
    """Return ``source``, and whether an override gave the value at ``key`` or a part of it."""
    parts = tuple(map(str, key))
    for override in reversed(overrides):
        n = min(len(parts), len(override.key))
        if parts[:n] == override.key[:n]:
            return f"{source} with {override.given_by}"
    return source
