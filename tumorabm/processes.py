"""Worker processes of this package: begun alike, and never stopped by a Ctrl-C that is meant for their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
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
    process = context.Process(target=target, args=(*arguments, there), daemon=True)
    with _interrupts_held(), _environment(ONE_THREAD):
        process.start()
    there.close()
    return process, here


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
    """Hold Ctrl-C back meanwhile; a process begun meanwhile never hears it, because the mask is inherited."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
