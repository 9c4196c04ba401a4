"""Compiling numeric kernels: one decorator, and one cache folder for each state of the kernel sources."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numba
from numba.core import config, event

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
    """Return the folder of compiled kernels: below ``TUMORABM_CACHE_DIR``, the user's cache folder, or a temporary one.

    The first that can be written is taken, so that a read-only home (a compute node's, say) only costs compiling.
    """
    for base in ("$TUMORABM_CACHE_DIR", "$XDG_CACHE_HOME", "~/.cache"):
        expanded = os.path.expanduser(os.path.expandvars(base))  # noqa: PTH111 - Path raises where there is no home
        folder = Path(expanded) / "tumorabm" / f"kernels-{kernel_source_hash()}"
        if expanded[:1] in ("$", "~", ""):
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"0" * 4096)
        except OSError:
            continue
        return folder
    return Path(tempfile.mkdtemp(prefix="tumorabm-kernels-"))


_CACHE_FOLDER = str(cache_folder())


def kernel(function):
    """Compile ``function`` with Numba on its first call, or load it from the cache.

    Kernels release the interpreter lock (`tumorabm.threads` runs them side by side), divide as NumPy does, and never
    reorder floating-point operations, so that the same input gives the same bits on any number of threads.
    """
    before = config.CACHE_DIR
    config.CACHE_DIR = _CACHE_FOLDER  # read by numba when the dispatcher is made; other users of numba are not affected
    try:
        dispatcher = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=False)(function)
    finally:
        config.CACHE_DIR = before
    _survive_a_broken_cache(dispatcher)
    return dispatcher


class _CompileClock(event.Listener):
    """Adds up the wall time during which Numba compiles; loading from the cache does not count."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0
        self._since = 0.0

    def on_start(self, event: event.Event) -> None:
        if self._depth == 0:
            self._since = time.perf_counter()
        self._depth += 1

    def on_end(self, event: event.Event) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._since


_clock = _CompileClock()
event.register("numba:compile", _clock)


def compile_seconds() -> float:
    """Return the wall seconds that this process has spent compiling so far."""
    return _clock.seconds


def _survive_a_broken_cache(dispatcher) -> None:
    """Let a cache file that cannot be read (cut off by a full disk, say) be dropped; numba would fail at each start.

    What cannot be written is not kept: the kernel was compiled, and the next process compiles it again.
    """
    cache = dispatcher._cache
    load, save = cache.load_overload, cache.save_overload

    def load_or_drop(signature, target_context):
        try:
            return load(signature, target_context)
        except Exception:  # whatever unpickling a damaged file raises
            with suppress(OSError):
                cache.flush()
            return None

    def save_if_possible(signature, overload):
        with suppress(OSError):
            save(signature, overload)

    cache.load_overload, cache.save_overload = load_or_drop, save_if_possible
