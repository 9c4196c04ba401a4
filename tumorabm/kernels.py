"""Compiling numeric kernels: one decorator, and one cache folder for each state of the kernel sources."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import numba
from numba.core import config

_PACKAGE = Path(__file__).parent
_KERNEL_SOURCES = ("kernels.py", "philox.py", "fields", "biology", "mechanics")


def kernel_source_hash() -> str:
    """Return 16 hex digits that change with any source file from which kernels are compiled.

    Numba notices an edit of a kernel's own file only, not of a kernel that it calls in another file, and would run
    stale machine code. A cache folder named by this hash cannot hold any.
    """
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for name in _KERNEL_SOURCES:
        root = _PACKAGE / name
        for path in [root] if root.is_file() else sorted(root.rglob("*.py")):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return the folder of compiled kernels: below ``TUMORABM_CACHE_DIR``, or the user's cache folder."""
    base = os.environ.get("TUMORABM_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(base) / "tumorabm" / f"kernels-{kernel_source_hash()}"


_CACHE_FOLDER = str(cache_folder())


def kernel(function):
    """Compile ``function`` with Numba on its first call, or load it from the cache.

    Kernels release the interpreter lock (`tumorabm.threads` runs them side by side), divide as NumPy does, and never
    reorder floating-point operations, so that the same input gives the same bits on any number of threads.
    """
    before = config.CACHE_DIR
    config.CACHE_DIR = _CACHE_FOLDER  # read by numba when the dispatcher is made; other users of numba are not affected
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=False)(function)
    finally:
        config.CACHE_DIR = before
