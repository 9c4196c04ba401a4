"""Reading a scenario: TOML file, overrides, validation."""

from __future__ import annotations

import copy
import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tumorabm.scenario.messages import Key, ScenarioError, dotted, explain
from tumorabm.scenario.schema import Scenario
from tumorabm.scenario.variants import VARIANTS, take_variants, vary


def load_scenario(path: str | os.PathLike[str], overrides: Sequence[str] = (), variant: str | None = None) -> Scenario:
    """Read and check a scenario file.

    Parameters
    ----------
    path
        TOML file, UTF-8.
    overrides
        Values to use in place of the file's, each ``"key.below=value"`` with a TOML value; a word that is no TOML value
        is taken as text. List items are named by index: ``"pharmacology.doses.0.day=3"``. They act after the variant.
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
    path = Path(path)
    data = _parse(_read(path), path)
    data.setdefault("name", re.sub(r"[^A-Za-z0-9_-]", "_", path.stem))
    return scenario_from_dict(data, overrides, variant, source=str(path))


def variant_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the names of the variants of a scenario file, in its order.

    Raises
    ------
    ScenarioError
        The file cannot be read, or a variant is no table.
    """
    path = Path(path)
    return tuple(take_variants(_parse(_read(path), path), str(path)))


def scenario_from_dict(
    data: Mapping[str, object],
    overrides: Sequence[str] = (),
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
    """One ``--set``: its text, the path that it sets, and the value."""

    text: str
    key: tuple[str, ...]
    value: object


def _parse_overrides(overrides: Sequence[str]) -> list[_Override]:
    parsed, problems = [], []
    for text in overrides:
        try:
            parsed.append(_parse_override(text))
        except ScenarioError as error:
            problems.append(str(error))
    if problems:
        raise ScenarioError("\n".join(problems))
    return parsed


def _parse_override(text: str) -> _Override:
    left, sign, right = text.partition("=")
    key = tuple(part.strip() for part in left.split("."))
    if not sign or not all(re.fullmatch(r"[A-Za-z0-9_-]+", part) for part in key):
        raise ScenarioError(f"--set {text}: expected key=value, as in cells.blast.count=100")
    if key[0] == VARIANTS:
        raise ScenarioError(f"--set {text}: expected a key outside {VARIANTS}, because it acts after the variant")
    return _Override(text, key, _override_value(text, right.strip()))


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


def _apply(override: _Override, data: dict[str, object], source: str) -> None:
    """Set the value in ``data``, making tables that are missing; the schema judges what comes out."""
    target: object = data
    for depth, part in enumerate(override.key):
        last = depth == len(override.key) - 1
        if isinstance(target, list):
            index: str | int = int(part) if part.isdecimal() else -1
            if not 0 <= index < len(target):
                where = dotted(override.key[:depth])
                raise ScenarioError(
                    f"--set {override.text} ({source}): {where} is a list of {len(target)}; "
                    f"expected {f'an index from 0 to {len(target) - 1}' if target else 'no index'}, not {part}"
                )
        elif isinstance(target, dict):
            index = part
            if not last:
                target.setdefault(index, {})
        else:
            where = dotted(override.key[:depth])
            raise ScenarioError(f"--set {override.text} ({source}): {where} is a value, not a table with {part}")
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
            return f"{source} with --set"
    return source
