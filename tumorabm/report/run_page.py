"""The page about a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
from pyarrow import ArrowException

from tumorabm.html import Html, element, pairs, table
from tumorabm.notebook import run_rows, scenario_rows
from tumorabm.output.distributions import distributions_figure
from tumorabm.output.map_plot import map_figure
from tumorabm.output.opened_run import Run, open_run
from tumorabm.output.profiles import profiles_figure
from tumorabm.output.readouts import HEADINGS_OF_TROUGHS
from tumorabm.output.run_folder import OutputError, fields_name, reading
from tumorabm.output.site_plot import sites_figure
from tumorabm.output.snapshots import FieldSnapshots, nearest
from tumorabm.output.summary_plot import curves_figure, draw_summary
from tumorabm.output.written import dose_hours, written_scenario
from tumorabm.report.page import collapsed, how_to_cite, note, page, picture, plain, section
from tumorabm.scenario import ScenarioError
from tumorabm.scenario.site_schema import PRIMARY

_SUMMARY = "summary.png"
_NEEDED = ("scenario.toml", "timeseries.parquet", "cells.parquet", "fields.zarr")
"""What the summary picture is drawn from."""


def page_of_run(folder: Path, at_hours: Sequence[float] = ()) -> str:
    """Return the page about a run; see `tumorabm.report.write_report`."""
    run = open_run(folder)
    _require_times(run, at_hours)
    sites = _sites(run)
    made = run.provenance
    parts = [_how_it_ended(run), section("What was run", *_what_was_run(run))]
    for site in sites:
        where = f": {site}" if len(sites) > 1 else ""
        parts += [
            section(f"Over time{where}", _curves(run, site)),
            section(f"Maps{where}", _maps(run, site, at_hours)),
            section(f"ASNS and ATF4{where}", _distributions(run, site)),
        ]
    if "circulation" in _written(run):
        parts.append(section("Between the sites", picture(lambda: sites_figure(folder), "what left, and what settled")))
    parts += [
        section("Distance to the nearest vessel", _profiles(run)),
        *_doses_in_plasma(folder),
        section("Nitrogen ledger", *_ledger(run.ledger)),
        section("How it was made", plain(made)),
        section("How to cite", how_to_cite(made.get("package_version"), made.get("code_version"))),
    ]
    return page(f"{made.get('scenario', folder.name)}, seed {made.get('seed')}", *parts)


def _written(run: Run) -> dict[str, object]:
    """Return the scenario as it was written, unchecked; empty where it was not."""
    return written_scenario(run.folder) if (run.folder / "scenario.toml").exists() else {}


def missing_summary(folder: Path) -> list[Path]:
    """Draw the summary picture of a run where it is missing and can be drawn; return what was written."""
    if (folder / _SUMMARY).exists() or not all((folder / name).exists() for name in _NEEDED):
        return []
    try:
        return [draw_summary(folder)]
    except (OutputError, ArrowException):  # the page tells of damaged tables
        return []


def _require_times(run: Run, at_hours: Sequence[float]) -> None:
    """Refuse times that lie outside the run."""
    end_h = run.provenance.get("simulated_hours") or 0.0
    for time_h in at_hours:
        if not 0.0 <= time_h <= end_h:
            raise OutputError(f"--at-hours {time_h:g}: expected a time of the run, 0 to {end_h:g} h")


def _sites(run: Run) -> list[str]:
    found = [] if run.timeseries is None else list(dict.fromkeys(run.timeseries["site"]))
    return found or [PRIMARY]


def _how_it_ended(run: Run) -> Html:
    finished, simulated_h = run.provenance.get("finished"), run.provenance.get("simulated_hours") or 0.0
    planned_h = _written(run).get("hours", simulated_h)
    if finished is not True:
        return note(f"This run did not come to its end: {finished}.")
    if simulated_h < planned_h:
        return note(f"It was run for {simulated_h:g} of the scenario's {planned_h:g} h: nothing later took place.")
    return Html()


def _what_was_run(run: Run) -> Iterator[Html]:
    yield pairs(run_rows(run))
    path = run.folder / "scenario.toml"
    if not path.exists():
        yield note("The scenario was not written.")
        return
    try:
        yield pairs(scenario_rows(run.scenario))
    except ScenarioError as error:  # of another version
        yield note(f"This version does not know all of the scenario: {error}")
    yield collapsed("The whole scenario, with all defaults", path.read_text(encoding="utf-8"))


def _curves(run: Run, site: str) -> Html:
    if run.timeseries is None:
        return note("No time series was recorded.")
    return picture(lambda: curves_figure(run.folder, site), "time series; dotted lines are doses")


def _maps(run: Run, site: str, at_hours: Sequence[float]) -> Html:
    missing = [name for name in ("cells.parquet", fields_name(site)) if not (run.folder / name).exists()]
    if missing:
        return note(f"There is no map: {' and '.join(missing)} were not recorded.")
    try:
        fields = FieldSnapshots(run.folder, site)
    except OutputError as error:
        return note(f"There is no map: {error}")
    if fields.well_mixed:
        return note("There is no map: the run is well mixed.")
    if not fields.times_h:
        return note("There is no map: no fields were recorded.")
    times_h = at_hours or _times_to_show(run, fields)
    return picture(
        lambda: map_figure(run.folder, times_h, site=site), "cells over a field, at the recorded times that are nearest"
    )


def _times_to_show(run: Run, fields: FieldSnapshots) -> list[float]:
    """Return the first recorded time, that of the first dose, and the last."""
    given = [time_h for time_h in dose_hours(_written(run))[:1] if time_h <= fields.times_h[-1]]
    at_dose = [fields.times_h[nearest(fields.times_h, time_h)] for time_h in given]
    return sorted({fields.times_h[0], *at_dose, fields.times_h[-1]})


def _distributions(run: Run, site: str) -> Html:
    if not (run.folder / "cells.parquet").exists():
        return note("No cells were recorded.")
    return picture(lambda: distributions_figure(run.folder, site), "how both are distributed over the live cells")


def _profiles(run: Run) -> Html:
    if not (run.folder / "cells.parquet").exists():
        return note("No cells were recorded.")
    if "vessels" not in _written(run):
        return note("There are no vessels.")
    return picture(lambda: profiles_figure(run.folder), "at the last time, over bins of 20 µm with 20 cells or more")


def _doses_in_plasma(folder: Path) -> Iterator[Html]:
    path = folder / "troughs.csv"
    if path.exists():
        with reading(path):
            doses = pd.read_csv(path)
        rows = doses.astype(object).itertuples(index=False)
        yield section("Doses in plasma", table(rows, [HEADINGS_OF_TROUGHS.get(name, name) for name in doses]))


def _ledger(ledger: Mapping[str, object] | None) -> Iterator[Html]:
    """Yield the account of each part: pools at first and in the end, and what came and went."""
    if not ledger:
        yield note("The ledger was not written.")
        return
    yield element("p", f"In amol of nitrogen, at {ledger.get('time_h', 0.0):g} h. Flows into the part are positive.")
    accounts = {name: part for name, part in ledger.items() if isinstance(part, Mapping) and "relative_error" in part}
    for name, account in accounts.items():
        yield element("h3", f"{name}: relative error {account['relative_error']:.1e}")
        rows = []
        for when, pools in (
            ("at first", account.get("initial")),
            ("flow", account.get("flows")),
            ("now", account.get("now")),
        ):
            parts = pools.items() if isinstance(pools, Mapping) else [("all", pools)]
            rows += [(when, what.replace("_", " "), float(amount)) for what, amount in parts if amount]
        yield table(rows, ("", "pool or flow", "amol"))
