"""How a result was made: versions, commit, host, memory."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Collection, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_WITHOUT_EFFECT = (
    "__main__.py", "assays", "bench", "cli.py", "console.py", "export", "figures.py", "html.py", "notebook.py",
    "output", "processes.py", "report", "server", "sweep", "validation", "variants",
)  # fmt: skip


def package_version() -> str:
    """Return the version of tumorabm as installed."""
    try:
        return version("tumorabm")
    except PackageNotFoundError:
        return "not installed"


def code_version() -> str:
    """Return the git commit of the checkout that holds this package, with ``-dirty`` where files were changed.

    Outside a checkout of tumorabm itself (an installed copy inside some other repository, say) it is the version.
    """
    if not (_PACKAGE.parent / ".git").exists():
        return package_version()
    command = ["git", "-C", str(_PACKAGE), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return package_version()


@cache
def model_version() -> str:
    """Return the version with a hash of all source files on which the numbers of a run depend.

    Commands, pictures and files of results are not among them: a change there leaves results what they are.
    """
    return f"{package_version()}+{hash_of_sources()[:12]}"


def hash_of_sources(more: Collection[str] = ()) -> str:
    """Return the SHA-256 of the source files, with their names, on which the numbers of a run depend.

    Parameters
    ----------
    more
        Files of the package that count too, by their paths in it: they read numbers off a run, or write them.
    """
    digest = hashlib.sha256()
    for path in _sources(more):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _sources(more: Collection[str]) -> Iterator[Path]:
    """Yield what counts; a new file does."""
    for path in sorted(_PACKAGE.rglob("*")):
        name = path.relative_to(_PACKAGE)
        if (name.parts[0] not in _WITHOUT_EFFECT or name.as_posix() in more) and path.suffix in (".py", ".toml"):
            yield path


def versions() -> dict[str, str]:
    """Return the versions that a result depends on, by the keys of run.json."""
    return {
        "package_version": package_version(),
        "code_version": code_version(),
        "model_version": model_version(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("mesa", "numba", "numpy")},
    }


def host() -> dict[str, object]:
    """Return what matters of the machine: operating system, processor architecture, number of processors."""
    return {"system": platform.platform(), "architecture": platform.machine(), "processors": os.cpu_count()}


def peak_rss_mb() -> float | None:
    """Return the largest resident memory of this process so far, in MB (None on Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes on macOS, KiB elsewhere
