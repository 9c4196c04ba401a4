"""``tumorabm variants``: all variants of a scenario over seeds, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorabm.console import (
    FAILED,
    INTERRUPTED,
    RunsProgress,
    UserError,
    clear_messages,
    complain,
    load_to_run,
    print_table,
    say,
    shown,
    stopped_by_signals,
)

if TYPE_CHECKING:
    import pandas as pd

    from tumorabm.variants.runner import Run


def variants(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="Scenario file with tables [variants.<name>].")],
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder for all run folders and the comparison.")],
    replicates: Annotated[int, typer.Option(min=1, help="Runs of each variant: from the scenario's seed on.")] = 4,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time, each on one thread; by default the cores it may use.")
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(help="Simulate this long: a longer time extends the scenario, a shorter one stops the run early."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a value in all variants.")
    ] = None,
    readouts: Annotated[
        list[str] | None,
        typer.Option(
            "--readout", metavar="NAME", help="Column of the time series to compare; repeatable. Default: all live_..."
        ),
    ] = None,
) -> None:
    """Run all variants of a scenario over several seeds and compare them; started again, run what is missing."""
    with clear_messages():
        from tumorabm.threads import available_cores

        runs = _plan(scenario, Path(out), replicates, settings or [], hours)
        if readouts:
            _require_readouts(readouts, runs)
        faults = _run_missing(runs, jobs or available_cores())
        done = [run for run in runs if run not in faults]
        if done:
            _compare(done, readouts, runs[0].variant, Path(out))
    if faults:
        complain(f"{len(faults)} of {len(runs)} runs failed: {', '.join(run.folder.name for run in faults)}")
        raise typer.Exit(FAILED)


# -- runs -----------------------------------------------------------------------------------------------------------


def _plan(scenario: str, out: Path, replicates: int, overrides: Sequence[str], hours: float | None) -> list[Run]:
    """Return the runs, variant by variant; all problems of all variants are refused at once."""
    from tumorabm.scenario import ScenarioError, variant_names

    names = variant_names(scenario)
    if not names:
        raise UserError(f"{scenario}: has no variants; expected tables [variants.<name>]")
    runs, problems = [], []
    for name in names:
        try:
            runs += _runs_of(scenario, name, out, replicates, overrides, hours)
        except ScenarioError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return runs


def _runs_of(
    scenario: str, variant: str, out: Path, replicates: int, overrides: Sequence[str], hours: float | None
) -> list[Run]:
    from tumorabm.variants.runner import Run

    first, n_steps = load_to_run(scenario, overrides, variant, hours)
    seeds = range(first.seed, first.seed + replicates)
    loaded = (load_to_run(scenario, [*overrides, f"seed={seed}"], variant, hours)[0] for seed in seeds)
    return [Run(variant, one, n_steps, (out / f"{variant}-s{one.seed}").resolve()) for one in loaded]


def _require_readouts(readouts: Sequence[str], runs: Sequence[Run]) -> None:
    """Refuse names that are no column of the time series of any variant."""
    from tumorabm.scenario.messages import unknown_name

    one_each = {run.variant: run for run in runs}.values()
    choices = list(dict.fromkeys(name for run in one_each for name in _columns(run)))
    for name in readouts:
        if name not in choices:
            raise UserError(f"--readout {name}: {unknown_name('readout', name, choices)}")


def _columns(run: Run) -> list[str]:
    """Return the columns that the time series of a run has, those of other sites with their names."""
    from tumorabm.output.readouts import series_columns

    try:
        return series_columns(run.scenario)
    except FloatingPointError as error:
        raise UserError(f"variant {run.variant} cannot begin: {error}") from error


def _run_missing(runs: Sequence[Run], jobs: int) -> dict[Run, str]:
    """Run what is not done yet, all variants of a seed before the next seed; return what went wrong."""
    from tumorabm.output.provenance import model_version
    from tumorabm.variants.runner import code_of, is_done, run_all

    done = [run for run in runs if is_done(run)]
    missing = sorted((run for run in runs if run not in done), key=lambda run: run.seed)
    if done:
        say(f"{len(done)} of {len(runs)} runs are there already")
    others = sorted({code_of(run) for run in done} - {model_version()})
    if others:
        complain(f"some of these were made by other code: {', '.join(others)}; this is {model_version()}")
    _make_folder(runs[0].folder.parent)
    faults: dict[Run, str] = {}
    try:
        with stopped_by_signals(), RunsProgress(len(missing)) as progress:

            def ended(run: Run, fault: str | None) -> None:
                if fault is not None:
                    faults[run] = fault
                progress.ended(run.folder.name, f"ran {run.hours:g} h", fault)

            run_all(missing, jobs, ended)
    except KeyboardInterrupt:
        complain("interrupted; finished runs are kept, and the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None
    return faults


def _make_folder(folder: Path) -> None:
    from tumorabm.output.run_folder import reason

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {shown(folder)}: cannot be written: {reason(error)}") from error


# -- the comparison -------------------------------------------------------------------------------------------------


def _compare(done: Sequence[Run], readouts: Sequence[str] | None, reference: str, out: Path) -> None:
    """Write ``variants.csv``, ``comparison.csv`` and ``comparison.png``, and print the comparison."""
    from tumorabm.output.readouts import live_readouts
    from tumorabm.output.run_folder import reason, write_whole
    from tumorabm.variants.plot import draw_comparison
    from tumorabm.variants.table import compare, last_rows

    results = last_rows(done)
    readouts = list(dict.fromkeys(readouts or live_readouts(results)))
    if not readouts:
        raise UserError("there are no cells to compare; expected --readout NAME")
    for name in readouts:
        if name not in results:
            raise UserError(f"--readout {name}: no run that ended has recorded it")
    comparison = compare(results, readouts, reference)
    try:
        write_whole(out / "variants.csv", results.to_csv(index=False).encode())
        write_whole(out / "comparison.csv", comparison.to_csv(index=False, float_format="%.6g").encode())
        draw_comparison(results, comparison, out / "comparison.png", reference=reference, title=_title(done))
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {reason(error)}") from error
    _print_comparison(comparison, reference)
    print("\n95 % intervals: of means by Student's t, of ratios of means by Welch's t on logarithms")
    print(f"comparison: {shown(out)}")


def _title(done: Sequence[Run]) -> str:
    hours = sorted({run.hours for run in done})
    seeds = len({run.seed for run in done})
    name = done[0].scenario.name.removesuffix(f"_{done[0].variant}")
    times = " or ".join(f"{time_h:g} h" for time_h in hours)
    return f"{name} after {times}, {seeds} seed{'s' if seeds > 1 else ''}: means with 95 % intervals"


def _print_comparison(comparison: pd.DataFrame, reference: str) -> None:
    rows = [
        (
            row.readout,
            row.variant,
            str(row.runs),
            f"{row.mean:.4g}",
            _between(row.mean_low, row.mean_high, digits=4),
            f"{row.ratio:.3g}",
            _between(row.ratio_low, row.ratio_high, digits=3),
        )
        for row in comparison.itertuples()
    ]
    print_table(("readout", "variant", "runs", "mean", "95 %", f"ratio to {reference}", "95 %"), rows)


def _between(low: float, high: float, digits: int) -> str:
    return "-" if math.isnan(low) else f"{low:.{digits}g} to {high:.{digits}g}"
