"""What the commands share: clear messages, exit codes, progress, tables, and scenarios and files that are given."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from tumorabm.scenario import Scenario

USER_ERROR = 2
INTERRUPTED = 130
FAILED = 1
_MOST_LINES = 100  # of progress
MAX_WIDTH = 160  # of tables that are not shown in a terminal


class UserError(Exception):
    """Something that the user can mend; the text is the message."""


def require_packages(what: str, packages: Iterable[str], extra: str) -> None:
    """Refuse ``what`` needs packages that are not installed; the message names the extra that brings them."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise UserError(f"{what}: needs {' and '.join(missing)}; install with: pip install 'tumorabm[{extra}]'")


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
    from tumorabm.scenario.load import for_hours

    def load(more: Mapping[str, object]) -> Scenario:
        return load_scenario(path, [*overrides, *(f"{key}={value!r}" for key, value in more.items())], variant)

    return for_hours(load, hours, "--hours")


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


class Progress:
    """How far long work is, on the error stream: a bar with text in a terminal, else lines.

    Parameters
    ----------
    total
        Number of parts that the work has.
    text
        What to show before the first part is done.

    Attributes
    ----------
    has_bar
        Whether there is a bar; without one the caller says of what it prints a line.
    """

    def __init__(self, total: int, text: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._console = Console(stderr=True, markup=False, highlight=False)
        self.has_bar = self._console.is_terminal
        if self.has_bar:
            columns = (BarColumn(30), TextColumn("{task.description}", markup=False))
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task(text, total=total)

    def __enter__(self) -> Progress:
        if self.has_bar:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.has_bar:
            self._bar.stop()

    def advance_to(self, completed: int, text: str) -> None:
        """Let the bar, if there is one, show so many parts done and the text."""
        if self.has_bar:
            self._bar.update(self._task, completed=completed, description=text)

    def print(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        self._console.print(line, soft_wrap=True)


class RunsProgress(Progress):
    """Runs done and time left: a bar in a terminal, else up to a hundred lines; what went wrong is always a line."""

    def __init__(self, total: int) -> None:
        super().__init__(total, f"0 of {total} runs")
        self._total, self._done = total, 0
        self._began_s = time.perf_counter()

    def ended(self, name: str, what: str, fault: str | None) -> None:
        """Show one run more.

        Parameters
        ----------
        name, what
            Of the run, and what it did ("ran 3 h").
        fault
            What went wrong in it, or None.
        """
        self._done += 1
        left_s = (time.perf_counter() - self._began_s) * (self._total - self._done) / self._done
        text = f"{self._done} of {self._total} runs, {clock_time(left_s)} left"
        self.advance_to(self._done, text)
        if fault is not None:
            self.print(f"{name} failed: {fault}")
        elif not self.has_bar and self._done % max(self._total // _MOST_LINES, 1) == 0:
            self.print(f"{name} {what}; {text}")


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt meanwhile.

    SIGINT too: a shell lets its background commands ignore it, and they inherit that.
    """
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
