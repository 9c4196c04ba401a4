"""Fresh processes: what one measurement leaves behind (memory, compiled code) must not reach the next."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TypeVar

Result = TypeVar("Result")


class ProcessKilledError(Exception):
    """A process ended without an answer, for instance for want of memory."""


def in_fresh_process(
    function: Callable[..., Result], *arguments: object, environment: Mapping[str, str] | None = None
) -> Result:
    """Return ``function(*arguments)``, called in a process started for it alone.

    The process does not outlive the call, also where that is interrupted.

    Parameters
    ----------
    function, arguments
        A function of a module, and what can be pickled.
    environment
        Environment variables that the process sets before it imports the function's module.

    Raises
    ------
    ProcessKilledError
        If the process ended without an answer.
    Exception
        What the function raised, with the traceback as a note.
    """
    context = get_context("spawn")
    answer, answer_end = context.Pipe(duplex=False)
    task = pickle.dumps((function, arguments))
    process = context.Process(target=_answer, args=(answer_end, dict(environment or {}), task))
    process.start()
    answer_end.close()
    try:
        result, error = answer.recv()
    except EOFError:
        process.join()
        raise ProcessKilledError(f"the process was killed (exit code {process.exitcode})") from None
    finally:
        process.kill()
        process.join()
    if error is not None:
        raise error
    return result


def _answer(answer: Connection, environment: dict[str, str], task: bytes) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the process; the message is for its parent to print
    os.environ.update(environment)
    function, arguments = pickle.loads(task)
    try:
        answer.send((function(*arguments), None))
    except Exception as error:
        error.add_note(traceback.format_exc())
        answer.send((None, error))
