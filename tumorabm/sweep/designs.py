"""The points of a design: which value each parameter takes there."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

from tumorabm.output.run_folder import reason
from tumorabm.scenario import ScenarioError
from tumorabm.scenario.load import plain_value
from tumorabm.sweep.identity import canonical
from tumorabm.sweep.schema import Grid, LatinHypercube, Morris, Points, Sampled, Sobol, Sweep

Point = dict[str, object]
"""Values by the key of each parameter."""

MORRIS_LEVELS = 4
_KINDS = (bool, int, float, Decimal, str, list, dict)
NEEDS_SALIB = "needs SALib; install it with: pip install 'tumorabm[sweep]'"


def design_points(sweep: Sweep, path: Path) -> list[Point]:
    """Return the points of the design of a sweep file at ``path``, in a fixed order.

    Raises
    ------
    ScenarioError
        The table of a list cannot be read, is empty, or has rows of another length than its head; SALib is missing.
    """
    design = sweep.design
    if isinstance(design, Grid):
        names = list(design.parameters)
        return [dict(zip(names, values, strict=True)) for values in itertools.product(*design.parameters.values())]
    if isinstance(design, Points):
        return _points_of_file(design, path)
    ranges = list(design.ranges.items())
    shares = _sample(design, str(path))
    return [{name: range_.at(x) for (name, range_), x in zip(ranges, row, strict=True)} for row in shares]


def salib_problem(names: Sequence[str]) -> dict[str, object]:
    """Return SALib's description of parameters whose ranges are mapped onto 0 to 1."""
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}


def _sample(design: Sampled, source: str) -> np.ndarray:
    """Return shares of the ranges, shape (points, parameters)."""
    try:
        from SALib.sample import latin, morris, sobol
    except ImportError:
        raise ScenarioError(f"{source}: design.kind = {design.kind!r}: {NEEDS_SALIB}") from None
    problem, seed = salib_problem(list(design.ranges)), design.design_seed
    if isinstance(design, LatinHypercube):
        return latin.sample(problem, design.samples, seed=seed)
    if isinstance(design, Sobol):
        return sobol.sample(problem, design.samples, calc_second_order=False, seed=seed)
    assert isinstance(design, Morris)
    return morris.sample(problem, design.samples, num_levels=MORRIS_LEVELS, seed=seed)


# -- lists ----------------------------------------------------------------------------------------------------------


def _points_of_file(design: Points, path: Path) -> list[Point]:
    file = path.parent / design.file
    try:
        names, rows = _parquet(file) if file.suffix == ".parquet" else _csv(file)
    except OSError as error:
        raise ScenarioError(f"{path}: design.file = {design.file!r}: cannot be read: {reason(error)}") from None
    except (ValueError, csv.Error) as error:  # of text that is no UTF-8, and of Arrow
        raise ScenarioError(f"{file}: is damaged, or no table: {error}") from None
    problems = [*_problems_of_head(names), *_problems_of_rows(names, rows)]
    if problems:
        raise ScenarioError("\n".join(f"{file}: {problem}" for problem in problems))
    return [dict(zip(names, map(_whole, values), strict=True)) for _, values in rows]


_Rows = Sequence[tuple[int, Sequence[object]]]
"""Number of the line or row, and its values; None where there is none."""


def _csv(file: Path) -> tuple[list[str], _Rows]:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.reader(lines)
        names = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, [plain_value(cell.strip()) for cell in row]) for row in reader if row]
    return names, rows


def _parquet(file: Path) -> tuple[list[str], _Rows]:
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    return table.column_names, list(enumerate((list(row.values()) for row in table.to_pylist()), start=1))


def _whole(value: object) -> object:
    """Return a whole number as such: tables hold counts as 4.0 where another row of the column was empty once."""
    if isinstance(value, Decimal):  # such are the numbers that databases write
        value = float(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _problems_of_head(names: Sequence[str]) -> Iterator[str]:
    if not names:
        yield "is empty; expected columns with the keys of parameters"
    for place, name in enumerate(names):
        if not name:
            yield f"column {place + 1} has no name; expected the key of a parameter"
        elif name in names[:place]:
            yield f"column {name} is there twice"


def _problems_of_rows(names: Sequence[str], rows: _Rows) -> Iterator[str]:
    if names and not rows:
        yield "the design is empty; expected at least one row below the names"
    for number, values in rows:
        if len(values) != len(names):
            yield f"row {number} has {len(values)} values; expected {len(names)}, one for each column"
        for name, value in zip(names, values, strict=False):
            if value is None:
                yield f"row {number}: {name} has no value; columns must be equally long"
            elif not isinstance(value, _KINDS):
                yield f"row {number}: {name} = {value}: expected a number, true or false, text, a list or a table"


def varying(points: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the parameters that take more than one value, in the order of the design."""
    names = dict.fromkeys(name for point in points for name in point)
    return [name for name in names if len({canonical(point.get(name)) for point in points}) > 1]
