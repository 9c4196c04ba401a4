"""Files that one process holds at a time; the system lets go of them when the process ends, however it does."""

from __future__ import annotations

import os
import socket
from pathlib import Path


class HeldError(Exception):
    """Another process holds the file; the text tells which."""


def hold(path: Path) -> int:
    """Hold a file, made where there is none, until its descriptor is closed; return the descriptor.

    On a system or a file system without locks nothing is held.

    Raises
    ------
    HeldError
        Another process holds it.
    OSError
        It cannot be opened or written.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if _locked(descriptor):
            os.truncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
    except BlockingIOError:
        holder = os.read(descriptor, 1000).decode(errors="replace")
        os.close(descriptor)
        raise HeldError(holder or "another process") from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _locked(descriptor: int) -> bool:
    """Lock a file and return whether that is possible; BlockingIOError where another process has locked it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True
