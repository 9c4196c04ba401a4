"""Compiling numeric kernels: one decorator, and one cache folder for each state of the kernel sources."""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import numba
from numba.core import config, event
from numba.core.caching import IndexDataCacheFile

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

    The first that can be written is taken, so that a read-only home (a compute node's, say) only costs compiling. The
    temporary one goes when this process ends.
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
    folder = Path(tempfile.mkdtemp(prefix="tumorabm-kernels-"))
    atexit.register(_remove_own, folder, os.getpid())
    return folder


def _remove_own(folder: Path, owner: int) -> None:
    """Remove a temporary folder at the end of the process that made it; a forked child leaves it to its parent."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


_CACHE_FOLDER = str(cache_folder())


def kernel(function=None, *, inlined: bool = False):
    """Compile ``function`` with Numba on its first call, or load it from the cache.

    One that is ``inlined`` becomes part of each caller, so that what a caller makes no use of is never computed.

    Kernels release the interpreter lock (`tumorabm.threads` runs them side by side), divide as NumPy does, and never
    reorder floating-point operations, so that the same input gives the same bits on any number of threads.
    """
    if function is None:
        return partial(kernel, inlined=inlined)
    before = config.CACHE_DIR
    config.CACHE_DIR = _CACHE_FOLDER  # read by numba when the dispatcher is made; other users of numba are not affected
    try:
        compiled = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=False, forceinline=inlined)
        dispatcher = compiled(function)
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


class _SealedCacheFile(IndexDataCacheFile):
    """Numba's files of one kernel, each closed by the SHA-256 of what comes before it.

    Numba would run damaged machine code, which takes the process down. The digest lies in the file itself, so that it
    always fits what was written with it, however many processes write at once. They may also give the same file to
    different signatures: each entry therefore carries its key.
    """

    def save(self, key: tuple, data: object) -> None:
        super().save(key, (key, data))

    def load(self, key: tuple) -> object:
        found_key, data = super().load(key) or (None, None)
        return data if found_key == key else None

    def _load_index(self) -> dict[tuple, str]:
        try:
            _unsealed(self._index_path)
        except OSError:
            return {}
        return super()._load_index()  # the digest stands behind what is unpickled

    def _load_data(self, name: str) -> object:
        return pickle.loads(_unsealed(self._data_path(name)))

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        with super()._open_for_write(filepath) as file:
            content = io.BytesIO()
            yield content
            file.write(content.getvalue() + hashlib.sha256(content.getbuffer()).digest())


def _unsealed(path: str) -> memoryview:
    """Return what a sealed file holds, or raise OSError, which numba takes for a missing one, where it is damaged."""
    content = memoryview(Path(path).read_bytes())
    size = max(len(content) - hashlib.sha256().digest_size, 0)
    if hashlib.sha256(content[:size]).digest() != content[size:]:
        raise OSError(f"{path}: the checksum does not fit")
    return content[:size]


def _survive_a_broken_cache(dispatcher) -> None:
    """Let a cache file that cannot be used (cut off by a full disk, say) be replaced; numba would fail at each start.

    What cannot be written is not kept: the kernel was compiled, and the next process compiles it again.
    """
    cache = dispatcher._cache
    cache._cache_file = _SealedCacheFile(cache.cache_path, cache._impl.filename_base, cache._cache_file._source_stamp)
    load, save = cache.load_overload, cache.save_overload

    def load_or_drop(signature, target_context):
        try:
            return load(signature, target_context)
        except Exception:  # whatever numba raises on what it does not understand
            with suppress(OSError):
                cache.flush()
            return None

    def save_if_possible(signature, overload):
        with suppress(OSError):
            save(signature, overload)

    cache.load_overload, cache.save_overload = load_or_drop, save_if_possible
