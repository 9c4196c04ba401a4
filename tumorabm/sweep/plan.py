"""The plan of a sweep: its runs, each with the parameters, the seed and the identity that it has for ever.

A sweep folder holds ``plan.jsonl`` (a line a run), ``sweep.toml`` and ``scenario.toml`` (as they were given), and what
`tumorabm.sweep.store` and `tumorabm.sweep.collect` write. Nothing in it names a place outside.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tumorabm.output.readouts import series_columns
from tumorabm.output.run_folder import OutputError, reason, write_whole
from tumorabm.scenario import Scenario, ScenarioError, scenario_from_dict
from tumorabm.scenario.load import for_hours, read_scenario
from tumorabm.scenario.messages import unknown_name
from tumorabm.sweep.designs import Point, design_points
from tumorabm.sweep.identity import canonical, code_version, run_id
from tumorabm.sweep.schema import Readout, Sweep, load_sweep

PLAN, SWEEP, SCENARIO, PARTS, SUBMISSIONS = "plan.jsonl", "sweep.toml", "scenario.toml", "parts", "submissions"
SUMS = "plan.sha256"
_MOST_PROBLEMS = 50


@dataclass(frozen=True)
class PlannedRun:
    """One run.

    Attributes
    ----------
    run_id
        As `tumorabm.sweep.identity.run_id` returns it.
    points
        Numbers, from 0, of the points of the design that it stands for: several where they are equal.
    seed
        Of all its random numbers.
    parameters
        Values in place of the scenario's, by key.
    code_version
        Of the code that made the plan.
    """

    run_id: str
    points: tuple[int, ...]
    seed: int
    parameters: Point
    code_version: str


class BaseScenario:
    """The scenario that all runs of a sweep share.

    Parameters
    ----------
    path
        Scenario file.
    sweep
        Gives variant and hours.
    """

    def __init__(self, path: Path, sweep: Sweep) -> None:
        self._data = read_scenario(path)
        self._source = str(path)
        self._sweep = sweep

    def resolve(self, parameters: Mapping[str, object]) -> tuple[Scenario, int]:
        """Return the complete scenario with these parameters, and the number of steps to run.

        Raises
        ------
        ScenarioError
            With all problems, one a line.
        """

        def load(more: Mapping[str, object]) -> Scenario:
            return scenario_from_dict(self._data, {**parameters, **more}, self._sweep.variant, source=self._source)

        return for_hours(load, self._sweep.hours, "hours =")


@dataclass(frozen=True)
class Plan:
    """A plan in its folder.

    Attributes
    ----------
    folder
        The sweep folder.
    sweep, base
        The sweep and its scenario, as they were when the plan was made.
    runs
        In the order of the design, all seeds of a point together.
    """

    folder: Path
    sweep: Sweep
    base: BaseScenario
    runs: tuple[PlannedRun, ...]

    @property
    def parts(self) -> Path:
        """Folder of the results."""
        return self.folder / PARTS


# -- making ---------------------------------------------------------------------------------------------------------


def make_plan(path: Path) -> list[PlannedRun]:
    """Return the runs of a sweep file.

    Raises
    ------
    ScenarioError
        With all problems of the file, its design and its readouts, one a line.
    """
    sweep = load_sweep(path)
    base = BaseScenario(path.parent / sweep.scenario, sweep)
    points = design_points(sweep, path)
    resolved = _resolved(base, points)
    seeds = sweep.seeds if isinstance(sweep.seeds, tuple) else range(first := resolved[0][0].seed, first + sweep.seeds)
    _require_readouts(sweep, resolved, path)
    runs: dict[str, PlannedRun] = {}
    for number, point in enumerate(points):
        for seed in seeds:
            scenario, n_steps = base.resolve({**point, "seed": seed})
            identity = run_id(scenario, n_steps, code_version())
            same = runs[identity].points if identity in runs else ()
            runs[identity] = PlannedRun(identity, (*same, number), seed, point, code_version())
    return list(runs.values())


def _resolved(base: BaseScenario, points: Sequence[Point]) -> list[tuple[Scenario, int]]:
    """Return scenario and steps of each point; all problems of all points are refused at once."""
    resolved, problems = [], {}
    for point in points:
        try:
            _require_apart(point)
            if "seed" in point:
                raise ScenarioError("parameter seed: expected no such parameter, because seeds gives the seeds")
            scenario, n_steps = base.resolve(point)
            run_id(scenario, n_steps, "")  # finds numbers that are not finite
            resolved.append((scenario, n_steps))
        except (ScenarioError, ValueError) as error:
            problems |= dict.fromkeys(str(error).splitlines())
    _refuse(problems)
    return resolved


def _require_apart(point: Point) -> None:
    """Refuse a parameter that lies within another one: only one of the two would count."""
    for inner, outer in itertools.permutations(point, 2):
        if inner.startswith(f"{outer}."):
            raise ScenarioError(f"parameter {inner}: expected none of these, because {outer} gives all of it")


def _refuse(problems: Iterable[str]) -> None:
    lines = list(problems)
    if len(lines) > _MOST_PROBLEMS:
        lines[_MOST_PROBLEMS:] = [f"... and {len(lines) - _MOST_PROBLEMS} more problems"]
    if lines:
        raise ScenarioError("\n".join(lines))


def _require_readouts(sweep: Sweep, resolved: Sequence[tuple[Scenario, int]], path: Path) -> None:
    """Refuse columns that the time series of no run has, and times at which none is recorded."""
    problems = [
        problem
        for scenario, n_steps in {_times(*run): run for run in resolved}.values()
        for problem in _problems_of_times(sweep, scenario, n_steps)
    ]
    if sweep.readouts:
        choices = _columns(scenario for scenario, _ in resolved)
        problems += [
            f"readouts.{place}.column = {readout.column}: {unknown_name('readout', readout.column, choices)}"
            for place, readout in enumerate(sweep.readouts)
            if readout.column not in choices
        ]
    _refuse(dict.fromkeys(f"{path}: {problem}" for problem in problems))


def one_of_each_kind(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    """Return runs such that each other one differs from one of them in no more than its numbers."""
    return list({canonical(_without_numbers(run.parameters)): run for run in reversed(list(runs))}.values())


def _without_numbers(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_numbers(item) for item in value]
    return None if isinstance(value, int | float) and not isinstance(value, bool) else value


def _columns(scenarios: Iterable[Scenario]) -> list[str]:
    """Return the columns that any of the scenarios records; one model is made of all that record the same."""
    alike: dict[object, Scenario] = {}
    for scenario in scenarios:
        drugs = frozenset(dose.drug for dose in scenario.pharmacology.doses)
        parts = (tuple(scenario.cells), scenario.field_names, tuple(scenario.sites), scenario.domain.mode, drugs)
        alike.setdefault(parts, scenario)
    try:
        return list(dict.fromkeys(name for scenario in alike.values() for name in series_columns(scenario)))
    except FloatingPointError as error:
        raise ScenarioError(f"the scenario cannot begin: {error}") from error


def _times(scenario: Scenario, n_steps: int) -> tuple[float, float, int]:
    return scenario.time.step_min, scenario.output.timeseries_every_h, n_steps


def _problems_of_times(sweep: Sweep, scenario: Scenario, n_steps: int) -> Iterator[str]:
    step_min, every_h, _ = _times(scenario, n_steps)
    hours = n_steps * step_min / 60.0
    if sweep.keep_every_h is not None and not _is_multiple(sweep.keep_every_h, every_h):
        yield f"keep_every_h = {sweep.keep_every_h:g}: expected a multiple of output.timeseries_every_h = {every_h:g}"
    for place, readout in enumerate(sweep.readouts):
        at_h = readout.at_h
        if at_h is not None and at_h != hours and not (at_h <= hours and _is_multiple(at_h, every_h)):
            yield (
                f"readouts.{place}.at_h = {at_h:g}: expected a multiple of output.timeseries_every_h = {every_h:g}, "
                f"at most {hours:g}"
            )


def _is_multiple(of_h: float, every_h: float) -> bool:
    return abs(of_h / every_h - round(of_h / every_h)) < 1e-9


# -- files ----------------------------------------------------------------------------------------------------------


def write_plan(path: Path, folder: Path) -> list[PlannedRun]:
    """Make the plan of a sweep file and write it, with copies of the sweep and its scenario, into a sweep folder.

    Parameters
    ----------
    path
        Sweep file.
    folder
        Made where it does not exist. A plan with results, or one that was submitted, keeps its runs and readouts.

    Raises
    ------
    ScenarioError
        As `make_plan` raises it.
    OutputError
        The folder cannot be written, or holds another plan that has results or was submitted.
    """
    runs = make_plan(path)
    lines = [json.dumps(asdict(run), ensure_ascii=False) for run in runs]
    scenario = path.parent / load_sweep(path).scenario
    contents = {
        SWEEP: path.read_bytes(),
        SCENARIO: scenario.read_bytes(),
        PLAN: ("\n".join(lines) + "\n").encode(),
    }
    contents[SUMS] = _sums(contents)  # last: a folder without it holds no plan
    try:
        changed = [name for name, content in contents.items() if _differs(folder / name, content)]
        if _in_use(folder) and _means_another(folder, contents, load_sweep(path)):
            changed = [name for name in changed if name != SUMS]
            raise OutputError(
                f"{folder}: has results of another plan, or jobs of it ({', '.join(changed)} changed); "
                "expected a new --out DIR"
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name in contents if changed else ():
            write_whole(folder / name, contents[name])
    except OSError as error:
        raise OutputError(f"{folder}: the plan cannot be written: {reason(error)}") from error
    return runs


def _in_use(folder: Path) -> bool:
    return any(any((folder / name).glob("*")) for name in (PARTS, SUBMISSIONS))


def _means_another(folder: Path, contents: Mapping[str, bytes], sweep: Sweep) -> bool:
    """Return whether the plan that is there has other runs or readouts: comments and names of files do not count.

    A file that was damaged is taken for what the sums say of it.
    """
    sums = (folder / SUMS).read_bytes() if (folder / SUMS).exists() else b""

    def as_noted(name: str) -> bool:
        return _sums({name: contents[name]}) in sums

    if not as_noted(PLAN) and _differs(folder / PLAN, contents[PLAN]):
        return True
    return not as_noted(SWEEP) and not _same_but_for_names(folder / SWEEP, sweep)


def _same_but_for_names(path: Path, sweep: Sweep) -> bool:
    try:
        return load_sweep(path).model_copy(update={"scenario": sweep.scenario}) == sweep
    except ScenarioError:
        return False


def _sums(contents: Mapping[str, bytes]) -> bytes:
    """Return the SHA-256 of files, in the form that ``sha256sum --check`` reads."""
    return "".join(f"{hashlib.sha256(of).hexdigest()}  {name}\n" for name, of in contents.items()).encode()


def _differs(path: Path, content: bytes) -> bool:
    return not path.exists() or path.read_bytes() != content


def read_plan(folder: Path) -> Plan:
    """Return the plan of a sweep folder.

    Raises
    ------
    OutputError
        The folder holds no plan, or a damaged one.
    ScenarioError
        The sweep or the scenario in it cannot be read.
    """
    path = folder / PLAN
    try:
        contents = {name: (folder / name).read_bytes() for name in (SWEEP, SCENARIO, PLAN, SUMS)}
        lines = contents[PLAN].decode().splitlines()
    except OSError as error:
        why = "holds no plan" if isinstance(error, FileNotFoundError) else f"cannot be read: {reason(error)}"
        raise OutputError(f"{folder}: {why}; expected a folder made by: tumorabm sweep plan SWEEP --out DIR") from error
    except ValueError as error:
        raise OutputError(f"{path}: is damaged: {error}") from error
    if not lines:
        raise OutputError(f"{path}: is empty, expected a line for each run")
    runs = tuple(_planned(line, f"{path}: line {number}") for number, line in enumerate(lines, start=1))
    if contents.pop(SUMS) != _sums(contents):
        raise OutputError(f"{folder}: {PLAN}, {SCENARIO} or {SWEEP} was changed since the plan was made")
    sweep = load_sweep(folder / SWEEP)
    return Plan(folder, sweep, BaseScenario(folder / SCENARIO, sweep), runs)


def _planned(line: str, where: str) -> PlannedRun:
    try:
        fields = json.loads(line)
        return PlannedRun(**{**fields, "points": tuple(fields["points"])})
    except (ValueError, TypeError, KeyError) as error:
        raise OutputError(f"{where} is damaged, expected a run: {error}") from error


def require_as_planned(plan: Plan) -> None:
    """Raise OutputError where the code, the sweep or the scenario is not that of the plan: its runs would be others."""
    for version in {run.code_version for run in plan.runs}:
        if version != code_version():
            raise OutputError(
                f"{plan.folder}: was planned with the code {version}, this is {code_version()}; "
                "expected that version, or a new plan in a new folder"
            )
    scenario_of(plan, plan.runs[0])


def scenario_of(plan: Plan, run: PlannedRun) -> tuple[Scenario, int]:
    """Return the scenario of a planned run, with its seed, and its number of steps.

    Raises
    ------
    OutputError
        It is no longer what was planned.
    """
    scenario, n_steps = plan.base.resolve({**run.parameters, "seed": run.seed})
    if run_id(scenario, n_steps, code_version()) != run.run_id:
        raise OutputError(f"{plan.folder}: {SCENARIO} or {SWEEP} was changed since the plan was made")
    return scenario, n_steps


def readouts_of(sweep: Sweep, columns: Iterable[str]) -> tuple[Readout, ...]:
    """Return the readouts of a run whose time series has these columns: by default the last of all live cells."""
    from tumorabm.output.readouts import live_readouts

    return sweep.readouts or tuple(Readout(column=name) for name in live_readouts(columns))
