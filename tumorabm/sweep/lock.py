"""One command at a time works on a sweep folder: two at once would do the same runs twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tumorabm.output.lock import HeldError, hold
from tumorabm.output.run_folder import OutputError, reason
from tumorabm.sweep.plan import PLAN

LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a sweep folder for this command; where there is no plan nothing is held.

    Raises
    ------
    OutputError
        Another command holds the folder, or it cannot be written.
    """
    if not (folder / PLAN).exists():
        yield
        return
    try:
        descriptor = hold(folder / LOCK)
    except HeldError as error:
        raise OutputError(f"{folder}: {error} works on it; expected its end first") from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {reason(error)}") from error
    try:
        yield
    finally:
        os.close(descriptor)
