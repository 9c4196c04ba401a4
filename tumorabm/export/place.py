"""Where an export is written: beside its place, and renamed when it is complete."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tumorabm.export.recorded import NOTE
from tumorabm.output.run_folder import OutputError, replace, sync, sync_tree

FILE_ENDINGS = (".simularium", ".h5ad")


def require_free(wanted: Path, run_folder: Path, *, force: bool) -> None:
    """Raise OutputError where nothing may be written at ``wanted``.

    As for run folders, what exists is replaced only with ``force``, and never where it holds the run or the current
    folder.
    """
    kept = (Path.cwd(), run_folder.resolve())
    if any(wanted == folder or wanted in folder.parents for folder in kept):
        raise OutputError(f"--out {wanted} holds the run or the current folder, expected a new name")
    if run_folder.resolve() in wanted.parents and wanted.exists() and not _is_export(wanted):
        raise OutputError(f"--out {wanted} is a part of the run, expected a new name")
    if wanted.exists() and not force:
        raise OutputError(f"{wanted} exists, expected a new name (--out); --force replaces it")


@contextmanager
def written_beside(wanted: Path, *, force: bool) -> Iterator[Path]:
    """Give a path to write a file or folder to, and rename that to ``wanted`` when the block has ended.

    With ``force`` an earlier export of that name is deleted then; anything else is kept beside under a name that ends
    in ``.replaced``.

    Raises
    ------
    OutputError
        The name was taken meanwhile.
    OSError
        It cannot be written; what was there before is as it was.
    """
    wanted.parent.mkdir(parents=True, exist_ok=True)
    hidden = wanted.with_name(f".{wanted.name}.partial-{os.getpid()}")
    hidden.mkdir()
    try:
        written = hidden / wanted.name
        yield written
        sync_tree(written) if written.is_dir() else sync(written)
        if force and wanted.exists():
            replace(written, wanted, keep_old=not _is_export(wanted))
        elif wanted.exists():
            raise OutputError(f"{wanted} was made meanwhile, expected a new name (--out)")
        else:
            written.rename(wanted)
        sync(wanted.parent)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _is_export(path: Path) -> bool:
    """Return whether a file or folder is such as exports write."""
    if path.is_file():
        return path.suffix in FILE_ENDINGS
    return (path / NOTE).is_file() or "tumorabm" in _zarr_attributes(path)


def _zarr_attributes(path: Path) -> dict[str, object]:
    try:
        return json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]
    except (OSError, ValueError, KeyError):
        return {}
