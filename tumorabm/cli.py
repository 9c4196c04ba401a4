"""The command line. Heavy libraries are imported inside the commands, so that ``--version`` answers at once."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorabm.assays.command import assay
from tumorabm.console import (
    FAILED,
    INTERRUPTED,
    Progress,
    UserError,
    cannot_write,
    clear_messages,
    clock_time,
    complain,
    console,
    load_to_run,
    print_table,
    require_threads,
    say,
    shown,
    stopped_by_signals,
    words,
    writable,
)
from tumorabm.export.command import export
from tumorabm.server.command import serve
from tumorabm.sweep.command import sweep
from tumorabm.validation.command import sensitivity, validate
from tumorabm.variants.command import variants

if TYPE_CHECKING:
    from tumorabm.bench.cases import Case
    from tumorabm.model import TumorModel
    from tumorabm.output.checkpoint_series import CheckpointSchedule
    from tumorabm.output.recorder import Recorder
    from tumorabm.output.run_folder import RunFolder
    from tumorabm.scenario import Scenario

_PLAIN_LINES = 10
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_PICTURES = ("summary", "clones", "profiles", "sites")

app = typer.Typer(
    help="Agent-based simulation of asparagine metabolism in the tumour microenvironment.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(assay, name="assay")
app.add_typer(sweep, name="sweep")
app.command()(serve)
app.command()(validate)
app.command()(sensitivity)
app.command()(variants)
app.command()(export)


def main() -> None:
    """Run the command line: exit code 2 after a wrong input, 130 after Ctrl-C."""
    app(prog_name="tumorabm")


def _print_version(wanted: bool) -> None:
    if wanted:
        from tumorabm.output.provenance import package_version

        print(f"tumorabm {package_version()}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="Scenario file (TOML).")],
    variant: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Merge the table [variants.NAME] of the file over the rest of it."),
    ] = None,
    out: Annotated[str | None, typer.Option(help="Run folder; by default runs/<scenario>-s<seed>.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed instead of the scenario's.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a value, e.g. pharmacology.doses=[]."),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(help="Simulate this long: a longer time extends the scenario, a shorter one stops the run early."),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads; by default the cores it may use.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the path of the run folder.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the folder --out where it exists.")] = False,
    checkpoint_every: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Write a checkpoint whenever this wall time has passed: 90s, 30m or 2h."),
    ] = None,
    checkpoint_hours: Annotated[
        float | None, typer.Option(metavar="HOURS", help="Write a checkpoint whenever this long was simulated.")
    ] = None,
) -> None:
    """Run a scenario and write its run folder.

    With --checkpoint-every or --checkpoint-hours it can go on after it was killed, by tumorabm resume. SIGUSR1 then
    writes a checkpoint too, and so do SIGTERM and Ctrl-C, which end the run after its present step.
    """
    keeps_checkpoints = checkpoint_every is not None or checkpoint_hours is not None
    with _Interruption(keeps_checkpoints) as interruption, clear_messages():
        from tumorabm.output.run_folder import RunFolder

        overrides = [*(settings or []), *([] if seed is None else [f"seed={seed}"])]
        loaded, n_steps = load_to_run(scenario, overrides, variant, hours)
        require_threads([] if threads is None else [threads])
        schedule = _schedule(checkpoint_every, checkpoint_hours, loaded) if keeps_checkpoints else None
        folder = RunFolder(loaded.name, loaded.seed, out=out, force=force)
        with _said_how_it_ended(folder):
            path, rows = _simulate(loaded, folder, n_steps, threads, quiet, interruption, schedule)
    _print_end(loaded, rows, path, quiet)


@app.command()
def resume(
    run_folder: Annotated[str, typer.Argument(metavar="RUN_DIR", help="Folder that the run has, or was to have.")],
    threads: Annotated[int | None, typer.Option(help="Threads; by default the cores it may use.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the path of the run folder.")] = False,
) -> None:
    """Go on with a run that was interrupted or killed, from its newest whole checkpoint."""
    with _Interruption(keeps_checkpoints=True) as interruption, clear_messages():
        from tumorabm.memory import give_back_large_arrays
        from tumorabm.output.recorder import complete_run
        from tumorabm.output.resume import open_unfinished

        require_threads([] if threads is None else [threads])
        unfinished = open_unfinished(Path(run_folder), complain)
        checkpoint, n_steps = unfinished.checkpoint, unfinished.n_steps
        if not quiet:
            say(f"going on from the checkpoint at {checkpoint.time_h:g} h")
        give_back_large_arrays()
        model = checkpoint.model(threads)
        recorder, folder = unfinished.take_over(model, complain)
        with _said_how_it_ended(folder):
            path, rows = _watched(partial(complete_run, recorder, model, folder), model, n_steps, quiet, interruption)
    _print_end(checkpoint.scenario, rows, path, quiet)


@app.command()
def plot(
    run_folder: Annotated[str, typer.Argument(metavar="RUN_DIR", help="Run folder.")],
    what: Annotated[
        str, typer.Option(metavar="PICTURE", help=f"Picture to draw into it: {', '.join(_PICTURES)}.")
    ] = "summary",
    cell_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="Whose clones; by default those of the scenario's first cells."),
    ] = None,
) -> None:
    """Draw a picture into a run folder from what is recorded there."""
    with clear_messages():
        from tumorabm.scenario.messages import unknown_name

        if what not in _PICTURES:
            raise UserError(f"--what {what}: {unknown_name('picture', what, _PICTURES)}")
        if cell_type is not None and what != "clones":
            raise UserError(f"--type {cell_type}: expected no type, only --what clones draws one")
        print(shown(_draw(Path(run_folder), what, cell_type)))


@app.command()
def report(
    folder: Annotated[str, typer.Argument(metavar="RUN_DIR|SWEEP_DIR", help="Folder of a run or of a sweep.")],
    at_hours: Annotated[
        list[float] | None,
        typer.Option(help="Time of a map, h; may be repeated. By default at first, at the first dose, and at last."),
    ] = None,
) -> None:
    """Write report.html, one page that stands alone, into the folder of a run or a sweep."""
    with clear_messages(), _readable(Path(folder), "the page"):
        from tumorabm.report import write_report

        print("\n".join(map(shown, write_report(Path(folder), at_hours or ()))))


@app.command()
def movie(
    run_folder: Annotated[str, typer.Argument(metavar="RUN_DIR", help="Run folder.")],
    what: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Field under the cells; by default asparagine, or else oxygen."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="GIF, or MP4 where ffmpeg is installed; by default movie.gif in RUN_DIR."),
    ] = None,
    fps: Annotated[float, typer.Option(min=0.1, max=50.0, help="Frames a second.")] = 4.0,
    site: Annotated[str, typer.Option(metavar="SITE", help="Site of the cells.")] = "primary",
) -> None:
    """Draw the cells of a run over a field through all recorded times."""
    with clear_messages():
        print(shown(_animate(Path(run_folder), what, out, fps, site)))


@app.command()
def schema() -> None:
    """Print the JSON schema of a scenario, for editors."""
    from tumorabm.scenario import Scenario

    print(json.dumps(Scenario.json_schema(), indent=2))


@app.command()
def parameters(
    perturbations: Annotated[
        bool, typer.Option("--perturbations", help="Print what can be perturbed instead.")
    ] = False,
    cell_type: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="Print what differs from the solid-tumour cell in this type."),
    ] = None,
    cell_types: Annotated[bool, typer.Option("--cell-types", help="Print the cell types instead.")] = False,
) -> None:
    """Print the table of the cell's parameters: value, unit, range, source."""
    with clear_messages():
        from tumorabm.biology.parameters import PARAMETERS, PERTURBATIONS
        from tumorabm.cell_types import CELL_TYPES

        if perturbations:
            kinds = {False: "factor, 1 without effect", True: "level, 0 without effect"}
            rows = [
                (name, kinds[lever.is_level], ", ".join(lever.parameters), lever.meaning)
                for name, lever in PERTURBATIONS.items()
            ]
            print_table(("name", "value", "parameters", "meaning"), rows)
            return
        if cell_types:
            print_table(("name", "meaning"), [(name, preset.meaning) for name, preset in CELL_TYPES.items()])
            return
        table = PARAMETERS if cell_type is None else _cell_type(cell_type).table
        print_table(
            ("name", "value", "unit", "range", "tag", "meaning", "source"),
            [
                (name, f"{row.value:g}", row.unit, f"{row.low:g} to {row.high:g}", row.tag, row.meaning, row.source)
                for name, row in table.items()
            ],
        )
        print("\ntags: V seen in a source, M remembered and not yet checked, A assumed, D derived")


@app.command()
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Small tissues, few steps, no compiling: a minute.")] = False,
    sizes: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Tissue to time, e.g. disc_100k or ball_10k; may be repeated. Default: all."),
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(help="Number of threads; may be repeated. Default: 1 and 2.")
    ] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the results also as JSON.")
    ] = None,
) -> None:
    """Measure speed, memory, start-up and accuracy of this checkout on this machine."""
    with clear_messages():
        from tumorabm.bench.report import print_report, write_json
        from tumorabm.bench.suite import run_suite

        cases, counts = _bench_cases(sizes, quick), require_threads(threads or [1, 2])
        target = None if json_file is None else writable(Path(json_file), "--json")
        try:
            with stopped_by_signals():
                results = run_suite(cases, counts, cold_start=not quick, tell=say)
        except KeyboardInterrupt:
            complain("interrupted; nothing was written")
            raise typer.Exit(INTERRUPTED) from None
        print_report(results, console())
        if target is not None:
            try:
                write_json(results, target)
            except OSError as error:
                raise cannot_write(target, "--json", error) from error
    if results.failures:
        raise typer.Exit(FAILED)


class _Interruption:
    """Ctrl-C, or a scheduler's SIGTERM.

    The first asks the run to stop between two steps, the second stops it at once, later ones are ignored.
    So a run that is stopped once always ends in a state that can be recorded. Where the run keeps checkpoints, SIGUSR1
    asks for one, and so does the first of the others.
    """

    def __init__(self, keeps_checkpoints: bool) -> None:
        self._requested = self._checkpoint_requested = False
        self._handlers = {signal.SIGINT: self._on_signal, signal.SIGTERM: self._on_signal}
        if keeps_checkpoints and hasattr(signal, "SIGUSR1"):  # Windows has none
            self._handlers[signal.SIGUSR1] = self._on_wish

    def __enter__(self) -> _Interruption:
        self._before = {number: signal.signal(number, handler) for number, handler in self._handlers.items()}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt where one was asked for."""
        if self._requested:
            self._stop()

    def take_wish_for_checkpoint(self) -> bool:
        """Return whether a checkpoint was asked for since the last call."""
        wished, self._checkpoint_requested = self._checkpoint_requested or self._requested, False
        return wished

    def _on_wish(self, *_: object) -> None:
        self._checkpoint_requested = True

    def _on_signal(self, *_: object) -> None:
        if self._requested:
            self._stop()
        self._requested = True
        os.write(
            2, b"\ntumorabm: stopping after this step (press Ctrl-C again to stop at once)\n"
        )  # print is not reentrant

    @staticmethod
    def _stop() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt


class _StepProgress(Progress):
    """Simulated time, cells by type and time left: a bar in a terminal, else a line for each tenth of the run."""

    def __init__(self, n_steps: int, step_min: float, first_step: int) -> None:
        super().__init__(n_steps, "starting")
        self._n_steps = n_steps
        self._step_h = step_min / 60.0
        self._first_step = first_step
        self._step = first_step - 1
        self._timed_from_s = 0.0

    def update(self, row: dict[str, float]) -> None:
        """Show one step more; ``row`` is the last row of the time series."""
        self._step += 1
        if self._step == self._first_step + 1:  # the first step may have compiled
            self._timed_from_s = time.perf_counter()
        is_tenth = self._step * _PLAIN_LINES // self._n_steps > (self._step - 1) * _PLAIN_LINES // self._n_steps
        self.advance_to(self._step, self._text(row))
        if not self.has_bar and is_tenth and self._step > self._first_step:
            self.print(self._text(row))

    def _text(self, row: dict[str, float]) -> str:
        cells = ", ".join(f"{name} {row['live_' + name]:.0f}" for name in _types(row))
        left = ""
        timed_steps = self._step - self._first_step - 1
        if timed_steps > 0:
            left_s = (time.perf_counter() - self._timed_from_s) * (self._n_steps - self._step) / timed_steps
            left = f", {clock_time(left_s)} left"
        return f"{self._step * self._step_h:.1f} of {self._n_steps * self._step_h:g} h{left}; live: {cells}"


def _schedule(every: str | None, hours: float | None, scenario: Scenario) -> CheckpointSchedule:
    """Return when checkpoints are due by the options --checkpoint-every and --checkpoint-hours."""
    from tumorabm.output.checkpoint_series import CheckpointSchedule

    every_s, every_ticks = None, None
    if every is not None:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", every)
        every_s = float(match[1]) * _SECONDS[match[2]] if match else 0.0
        if not every_s > 0.0:
            raise UserError(f"--checkpoint-every {every}: expected a wall time above 0 such as 90s, 30m or 2h")
    if hours is not None:
        step_min = scenario.time.step_min
        if not (math.isfinite(hours) and hours > 0.0 and scenario.time.whole_steps(hours)):
            raise UserError(
                f"--checkpoint-hours {hours:g}: expected a positive whole number of steps of {step_min:g} min"
            )
        every_ticks = round(hours * 60.0 / step_min)
    return CheckpointSchedule(every_s, every_ticks)


@contextmanager
def _said_how_it_ended(folder: RunFolder) -> Iterator[None]:
    """Say of a run that breaks off why, and what is left of it."""
    try:
        yield
    except KeyboardInterrupt:
        where = (
            f"what was recorded so far is in {shown(folder.published)}" if folder.published else "nothing was recorded"
        )
        complain(f"interrupted; {where}{_way_on(folder)}")
        raise typer.Exit(INTERRUPTED) from None
    except (FloatingPointError, MemoryError) as error:
        if isinstance(error, MemoryError) and not folder.published:
            raise  # too large from the start: the user's to mend
        complain(f"the run failed: {words(error)}{_kept(folder)}")
        raise typer.Exit(FAILED) from None
    finally:
        folder.discard()


def _simulate(
    scenario: Scenario,
    folder: RunFolder,
    n_steps: int,
    threads: int | None,
    quiet: bool,
    interruption: _Interruption,
    schedule: CheckpointSchedule | None,
) -> tuple[Path, list[dict[str, float]]]:
    """Run a scenario into ``folder``; return the final path and the rows of the time series."""
    from tumorabm.memory import give_back_large_arrays
    from tumorabm.model import TumorModel
    from tumorabm.output.recorder import record_run

    if not quiet:
        say("starting (the first run on a machine compiles for about half a minute)")
    give_back_large_arrays()
    model = TumorModel(scenario, rng=scenario.seed, threads=threads)
    interruption.check()
    record = partial(record_run, model, scenario, folder, n_steps=n_steps, checkpoints=schedule, tell=complain)
    return _watched(record, model, n_steps, quiet, interruption)


def _watched(
    record: Callable[..., Path], model: TumorModel, n_steps: int, quiet: bool, interruption: _Interruption
) -> tuple[Path, list[dict[str, float]]]:
    """Let ``record`` run a model, show how far it is, and do what signals ask for after the step."""
    progress = None if quiet else _StepProgress(n_steps, model.step_min, model.tick)
    rows: list[dict[str, float]] = []

    def after_step(recorder: Recorder) -> None:
        nonlocal rows
        rows = recorder.rows
        if progress:
            progress.update(rows[-1])
        if interruption.take_wish_for_checkpoint():
            recorder.checkpoint()
        interruption.check()

    with progress or nullcontext():
        path = record(after_step=after_step)
    return path, rows


def _print_end(scenario: Scenario, rows: list[dict[str, float]], path: Path, quiet: bool) -> None:
    if quiet:
        print(shown(path))
    else:
        _print_result(scenario, rows, path)


def _print_result(scenario, rows: list[dict[str, float]], path: Path) -> None:
    """Print what became of each type, the main figures, and where the run folder is."""
    from rich.table import Table

    doses_h = [24.0 * given.day for given in scenario.pharmacology.calendar]
    at_dose = [row for row in rows if doses_h and row["time_h"] <= doses_h[0]]
    dosed = bool(doses_h) and rows[-1]["time_h"] > doses_h[0]
    table = Table(show_edge=False)
    table.add_column("live cells")
    moments = {"start": rows[0], **({"at first dose": at_dose[-1]} if dosed else {}), "end": rows[-1]}
    for heading in moments:
        table.add_column(heading, justify="right")
    for name in _types(rows[-1]):
        table.add_row(name, *(f"{row['live_' + name]:.0f}" for row in moments.values()))
    console().print(table)
    _print_sites(path / "timeseries.parquet", list(scenario.sites))
    _print_troughs(path / "troughs.csv")
    wall_s = json.loads((path / "run.json").read_text(encoding="utf-8"))["wall_s"]
    if "plasma_asparagine_uM" in rows[0]:
        print(f"plasma asparagine, lowest: {min(row['plasma_asparagine_uM'] for row in rows):.3g} µM")
    print(f"nitrogen ledger, largest relative error: {max(row['ledger_relative_error'] for row in rows):.1e}")
    print(f"simulated {rows[-1]['time_h']:g} h in {wall_s:.1f} s")
    print(f"run folder: {shown(path)}")


def _print_sites(path: Path, sites: list[str]) -> None:
    """Print what has settled at the sites beside the primary one."""
    import pyarrow.parquet as pq

    if not sites:
        return
    last = {row["site"]: row for row in pq.read_table(path).to_pylist()[-1 - len(sites) :]}
    for site in sites:
        row = last[site]
        print(
            f"{site}: {row['disseminated_cells']} live cells of those that arrived, {row['dormant_cells']} of them "
            f"single; {row['micrometastases']} colonies of 10 or more"
        )


_ACTIVITIES = ("peak_iu_per_mL", "trough_iu_per_mL")
_TIMES = ("days_active", "days_depleted")


def _print_troughs(path: Path) -> None:
    """Print what each dose of asparaginase did in plasma, where there is such a table."""
    if not path.exists():
        return
    from rich.table import Table

    from tumorabm.output.readouts import HEADINGS_OF_TROUGHS

    table = Table(show_edge=False)
    for heading in ("dose on day", *(HEADINGS_OF_TROUGHS[name] for name in (*_ACTIVITIES, *_TIMES, "peak_ammonia_uM"))):
        table.add_column(heading, justify="right")
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            value = {name: float(text) for name, text in row.items() if name not in ("product", "route")}
            times = (f"{value[name]:.1f} of {value['days']:.1f}" for name in _TIMES)
            table.add_row(
                f"{value['day']:g} ({row['product']})",
                *(f"{value[name]:.3g}" for name in _ACTIVITIES),
                *times,
                f"{value['peak_ammonia_uM']:.0f}",
            )
    console().print(table)


def _kept(folder: RunFolder) -> str:
    """Return the end of a message that says what is left of a run that broke off."""
    from tumorabm.output.recorder import last_table

    if folder.published is None:
        return ""
    return f"; what was recorded so far is in {shown(folder.published)}{last_table(folder)}{_way_on(folder)}"


def _way_on(folder: RunFolder) -> str:
    """Return the end of a message that says how a run with checkpoints goes on."""
    return f"; to go on: tumorabm resume {shown(folder.path)}" if folder.kept else ""


def _animate(folder: Path, field: str | None, out: str | None, fps: float, site: str) -> Path:
    """Write the movie of a run and show how far it is."""
    from tumorabm.output.movie import require_writer, write_movie

    path = folder / "movie.gif" if out is None else Path(out)
    require_writer(path)
    with _readable(folder, "the movie"):
        if out is not None:
            writable(path, "--out")
        with Progress(1, "reading") as progress:

            def after_frame(done: int, total: int) -> None:
                progress.advance_to(done / total, f"{done} of {total} frames")

            return write_movie(folder, path, field, fps, after_frame, site=site)


@contextmanager
def _readable(folder: Path, what: str) -> Iterator[None]:
    """Refuse what of a run cannot be read or written."""
    from pyarrow import ArrowException

    from tumorabm.output.run_folder import reason

    try:
        yield
    except ArrowException as error:
        raise UserError(f"{folder}: a file is damaged, expected those of a run: {error}") from error
    except OSError as error:
        raise UserError(f"{folder}: {what} cannot be drawn: {reason(error)}") from error


def _draw(folder: Path, what: str, cell_type: str | None) -> Path:
    """Draw one of the pictures; what cannot be read or written is refused."""
    from tumorabm.output.clone_plot import draw_clones
    from tumorabm.output.profiles import draw_profiles
    from tumorabm.output.site_plot import draw_sites
    from tumorabm.output.summary_plot import draw_summary

    with _readable(folder, "the picture"):
        if what == "clones":
            return draw_clones(folder, cell_type)
        if what == "profiles":
            return draw_profiles(folder)
        if what == "sites":
            return draw_sites(folder)
        return draw_summary(folder)


def _bench_cases(sizes: list[str] | None, quick: bool) -> list[Case]:
    """Return the cases of these names, or all; an unknown name is refused."""
    from tumorabm.bench.cases import CASES, QUICK_CASES
    from tumorabm.scenario.messages import unknown_name

    names = sizes or (QUICK_CASES if quick else CASES)
    for name in names:
        if name not in CASES:
            raise UserError(f"--sizes {name}: {unknown_name('size', name, CASES)}")
    return [CASES[name].shortened() if quick else CASES[name] for name in names]


def _cell_type(name: str):
    """Return the cell type of this name; an unknown one is refused."""
    from tumorabm.cell_types import CELL_TYPES
    from tumorabm.scenario.messages import unknown_name

    if name not in CELL_TYPES:
        raise UserError(f"--cell-type {name}: {unknown_name('cell type', name, CELL_TYPES)}")
    return CELL_TYPES[name]


def _types(row: dict[str, float]) -> list[str]:
    return [name.removeprefix("live_") for name in row if name.startswith("live_")]
