"""The page about a sweep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from tumorabm.html import Html, element, pairs, table
from tumorabm.output import style
from tumorabm.output.readouts import readout_in_words, readout_unit
from tumorabm.report.page import collapsed, how_to_cite, note, page, picture, plain, section
from tumorabm.scenario import ScenarioError
from tumorabm.sweep.collect import results_of, varying_parameters
from tumorabm.sweep.indices import indices_of
from tumorabm.sweep.plan import SCENARIO, SWEEP, Plan, read_plan
from tumorabm.sweep.plot import drawable_readouts, sweep_figures
from tumorabm.sweep.result import DONE, FAILED, MISSING
from tumorabm.sweep.store import Contents, read_store
from tumorabm.variants.table import mean_of

_MOST_POINTS, _MOST_FAILURES = 200, 50
_CAPTIONS = {
    "heat_map": "means over seeds by the two parameters that vary",
    "responses": "each readout over each parameter",
    "indices": "how much each parameter matters",
}


def page_of_sweep(folder: Path) -> tuple[str, list[Path]]:
    """Return the page about a sweep, and the pictures that were written into its folder.

    Raises
    ------
    OutputError, ScenarioError
        The folder cannot be read.
    OSError
        A picture cannot be written.
    """
    plan = read_plan(folder)
    contents = read_store(plan.parts)
    results = results_of(plan, contents)
    readouts = drawable_readouts(plan, results)
    pictures, written = [], []
    try:
        indices = indices_of(plan, results, readouts)
    except ScenarioError as error:  # SALib is not installed
        indices = None
        pictures.append(note(str(error)))
    for name, figure in sweep_figures(plan, results, indices).items():
        pictures.append(picture(lambda figure=figure: figure, _CAPTIONS[name]))
        written.append(style.save(figure, folder / f"{name}.png"))
    made = [of for of in contents.made_by if of]
    newest = made[-1] if made else {}
    parts = [
        section("Plan", *_plan(plan, contents, results)),
        section("Pictures", *(pictures or [note("No picture: no run is done, or no parameter varies.")])),
        section("Readouts by point of the design", *_points(plan, results, readouts)),
        section("Failures", *_failures(results)),
        section("How it was made", *(map(plain, made) if made else [note("No run has a result yet.")])),
        section("How to cite", how_to_cite(newest.get("package_version"), newest.get("code_version"))),
    ]
    return page(f"sweep {folder.absolute().name}", *parts), written


def _plan(plan: Plan, contents: Contents, results: pd.DataFrame) -> Iterator[Html]:
    counts, sweep = results["status"].value_counts(), plan.sweep
    varying = varying_parameters(plan)
    fixed = {name: value for name, value in plan.runs[0].parameters.items() if name not in varying}
    rows = [
        ("scenario", sweep.scenario + (f", variant {sweep.variant}" if sweep.variant else "")),
        ("design", sweep.design.kind.replace("_", " ")),
        ("points", str(len({point for run in plan.runs for point in run.points}))),
        ("seeds", ", ".join(map(str, sorted({run.seed for run in plan.runs})))),
        (
            "runs",
            f"{len(plan.runs)}: " + ", ".join(f"{counts.get(name, 0)} {name}" for name in (DONE, FAILED, MISSING)),
        ),
        ("varied", "; ".join(f"{name}: {_values(plan, name)}" for name in varying) or "nothing"),
        ("set in all runs", "; ".join(f"{name} = {json.dumps(value)}" for name, value in fixed.items()) or "nothing"),
    ]
    yield pairs(rows)
    for path, why in contents.unreadable.items():
        yield note(f"{path.name} is damaged ({why}): its runs count as missing.")
    if contents.set_aside:
        yield note(
            f"{len(contents.set_aside)} damaged parts were set aside: their runs count as missing or were done again."
        )
    if contents.differing:
        yield note(f"Runs that were done twice with different bits: {', '.join(contents.differing)}.")
    for name in (SWEEP, SCENARIO):
        yield collapsed(name, (plan.folder / name).read_text(encoding="utf-8"))


def _values(plan: Plan, name: str) -> str:
    values = list(dict.fromkeys(json.dumps(run.parameters.get(name)) for run in plan.runs))
    return ", ".join(values) if len(values) <= 10 else f"{len(values)} values"


def _points(plan: Plan, results: pd.DataFrame, readouts: Sequence[str]) -> Iterator[Html]:
    """Yield means with 95 % intervals over seeds, a row for each point."""
    if not readouts:
        yield note("No run is done.")
        return
    varying = varying_parameters(plan)
    done = results[results["status"] == DONE]
    points = list(done.groupby(varying, sort=False, dropna=False)) if varying else [((), done)]
    rows = [(*values, len(runs), *(_mean(runs[name]) for name in readouts)) for values, runs in points[:_MOST_POINTS]]
    headings = [f"{readout_in_words(name)}, {readout_unit(name)}" for name in readouts]
    yield element("p", "Means over seeds, with 95 % intervals (Student's t) where there are two runs or more.")
    yield table(rows, (*varying, "runs done", *headings))
    if len(points) > _MOST_POINTS:
        yield note(f"{len(points) - _MOST_POINTS} more points: tumorabm.read_sweep gives all runs to pandas.")


def _mean(values: pd.Series) -> str:
    mean = mean_of(values.dropna().to_numpy(float))
    if pd.isna(mean.value):
        return "-"
    return f"{mean.value:.4g}" + ("" if pd.isna(mean.low) else f" ({mean.low:.4g} to {mean.high:.4g})")


def _failures(results: pd.DataFrame) -> Iterator[Html]:
    failed = results[results["status"] == FAILED]
    if failed.empty:
        yield element("p", "No run failed.")
        return
    rows = [(run.run_id, str(run.seed), run.error) for run in failed.head(_MOST_FAILURES).itertuples()]
    yield table(rows, ("run", "seed", "error"))
    if len(failed) > len(rows):
        yield note(f"{len(failed) - len(rows)} more runs failed; tumorabm sweep status tells why.")
