"""Runs that were begun and never came to their end, counted in files that outlive the process."""

from __future__ import annotations

from pathlib import Path

from tumorabm.output.run_folder import OutputError, reason

MOST_ATTEMPTS = 3
"""A run that was begun this often is not begun again."""


class Attempts:
    """How often runs were begun without an end: their process was killed with them, or their task's time was up.

    Parameters
    ----------
    folder
        Holds a small file for each such run; made where it does not exist.

    Raises
    ------
    OutputError
        Here and in all methods: the folder cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, run_id: str) -> int:
        """Return how often a run was begun without an end.

        A file that was cut off counts as once. One that a crash of the machine took with it costs no more than one try
        more, so files are not synced, which would take longer than all else around a short run.
        """
        try:
            text = (self._folder / run_id).read_text(encoding="utf-8")
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise self._fault(error) from error
        return int(text) if text.isdecimal() else 1

    def begin(self, run_id: str) -> None:
        """Count a run as begun."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / run_id).write_text(str(self.of(run_id) + 1), encoding="utf-8")  # unsynced: see `of`
        except OSError as error:
            raise self._fault(error) from error

    def end(self, run_id: str) -> None:
        """Forget a run that has come to its end, or was given up for another reason."""
        try:
            (self._folder / run_id).unlink(missing_ok=True)
        except OSError as error:
            raise self._fault(error) from error

    def _fault(self, error: OSError) -> OutputError:
        return OutputError(f"{self._folder}: cannot be written: {reason(error)}")
