"""What the commands share: clear messages, exit codes, tables, scenarios to run, and files that may be written."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from tumorabm.scenario import Scenario

USER_ERROR = 2
INTERRUPTED = 130
FAILED = 1
MAX_WIDTH = 160  # of tables that are not shown in a terminal


class UserError(Exception):
    """Something that the user can mend; the text is the message."""


@contextmanager
def stopped_by_schedulers() -> Iterator[None]:
    """Let SIGTERM, by which a scheduler ends a job, stop what runs as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def clear_messages() -> Iterator[None]:
    """Turn what the user can mend into one message and exit code 2."""
    from tumorabm.output.run_folder import OutputError
    from tumorabm.scenario import ScenarioError

    try:
        yield
    except (ScenarioError, OutputError, UserError) as error:
        complain(str(error))
        raise typer.Exit(USER_ERROR) from None
    except MemoryError as error:
        complain(f"{words(error)}; expected fewer voxels or cells")
        raise typer.Exit(USER_ERROR) from None


def words(error: Exception) -> str:
    """Return what an error says; Python's own MemoryError says nothing."""
    return str(error) or "the scenario needs more memory than there is"


def require_threads(counts: list[int]) -> list[int]:
    """Return the numbers of threads, or refuse one that cannot be used."""
    from tumorabm.threads import Threads

    for count in counts:
        try:
            Threads(count)
        except ValueError as error:
            raise UserError(f"--{error}") from error
    return counts


def load_to_run(path: str, overrides: Sequence[str], variant: str | None, hours: float | None) -> tuple[Scenario, int]:
    """Return a scenario and the number of steps to run: more hours than it has extend it, fewer stop the run early."""
    from tumorabm.scenario import load_scenario

    loaded = load_scenario(path, overrides, variant)
    if hours is None:
        return loaded, loaded.n_steps
    step_min = loaded.time.step_min
    if not (math.isfinite(hours) and loaded.time.whole_steps(hours)):
        raise UserError(f"--hours {hours:g}: expected a positive whole number of steps of {step_min:g} min")
    if hours > loaded.hours:
        loaded = load_scenario(path, [*overrides, f"hours={hours!r}"], variant)
    return loaded, round(hours * 60.0 / step_min)


def writable(path: Path, option: str) -> Path:
    """Return ``path`` if a file can be written there, or refuse it before time is spent."""
    import tempfile

    if path.is_dir():
        raise UserError(f"{option} {path} is a folder, expected the name of a file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise cannot_write(path, option, error) from error


def cannot_write(path: Path, option: str, error: OSError) -> UserError:
    """Return the message that ``path``, given by ``option``, cannot be written."""
    from tumorabm.output.run_folder import reason

    return UserError(f"{option} {path}: cannot be written: {reason(error)}")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: as wide as the terminal, else 160 characters."""
    from rich.table import Table

    table = Table(show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)


def clock_time(seconds: float) -> str:
    """Return a length of time as minutes and seconds, "3:07"."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"


def shown(path: Path) -> str:
    """Return a path as short as it can be from here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def say(what: str) -> None:
    """Tell on the error stream how far something is."""
    print(what, file=sys.stderr, flush=True)


def complain(message: str) -> None:
    """Print a message of the program on the error stream."""
    print(f"tumorabm: {message}", file=sys.stderr)


def console() -> Console:
    """Return where tables are printed."""
    from rich.console import Console

    console = Console(markup=False, highlight=False)
    return console if console.is_terminal else Console(markup=False, highlight=False, width=MAX_WIDTH)
