"""Worker processes of this package: begun alike, and never stopped by a Ctrl-C that is meant for their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment in which no library starts threads of its own: there are as many processes as cores already."""


def begin(target: Callable[..., object], *arguments: object) -> tuple[BaseProcess, Connection]:
    """Begin a new process on one thread that ends with this one and never hears Ctrl-C.

    Parameters
    ----------
    target
        Called there with ``arguments`` and its end of a connection.

    Returns
    -------
    tuple
        The process, and this end of the connection.
    """
    context = multiprocessing.get_context("spawn")  # no thread, lock or file of this process goes with it
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(target, *arguments, there), daemon=True)
    with _interrupts_held(), _environment(ONE_THREAD):
        process.start()
    there.close()
    return process, here


def _serve(target: Callable[..., object], *arguments: object) -> None:
    """Call ``target`` in a process that also ends when its parent was killed."""
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    target(*arguments)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ |= values
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold SIGINT and SIGTERM back meanwhile; a process begun meanwhile never hears Ctrl-C.

    It inherits the mask of this thread. The mask alone does not spare this thread, because whichever thread hears a
    signal, Python calls the handler in the main one: half of what the process is to be told would be sent.
    """
    held: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, lambda number, frame: held.append(number))
    has_masks = hasattr(signal, "pthread_sigmask")  # not on Windows
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if has_masks else None
    try:
        yield
    finally:
        if has_masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in held:
            signal.raise_signal(number)
