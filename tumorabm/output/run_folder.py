"""The folder of one run: written under a hidden name beside its place, and renamed when it is complete."""

from __future__ import annotations

import difflib
import errno
import itertools
import json
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tumorabm.scenario.site_schema import PRIMARY

RESERVE_BYTES = 1_000_000
"""Room kept free while a run is recorded, so that its last small files can be written on a disk that fills up."""

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a part of this path is a file, not a folder",
    errno.EEXIST: "a part of this path is a file, not a folder",
    errno.ENAMETOOLONG: "the name is too long",
}


class OutputError(Exception):
    """A run folder cannot be written or read; the text is one message for the user."""


def reason(error: OSError) -> str:
    """Return in plain words why a file could not be written."""
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


def require_run(folder: Path, *names: str) -> None:
    """Raise OutputError unless ``folder`` is a run folder that holds the files of these names."""
    if not folder.is_dir():
        runs = [path.parent.name for path in folder.parent.glob("*/run.json")]
        near = difflib.get_close_matches(folder.name, runs, n=3, cutoff=0.5) or sorted(runs)[:5]
        raise OutputError(
            f"{folder}: no such run folder"
            + (f"; nearest in {folder.parent}: {', '.join(near)}" if near else f"; none is in {folder.parent}")
        )
    for name in names:
        if not (folder / name).exists():
            raise OutputError(f"{folder}: {name} is missing, expected a run folder")


def hidden_run_name(path: Path) -> str | None:
    """Return the final name of a run in the hidden folder ``path``; None for another folder."""
    match = re.fullmatch(r"\.(.+)\.partial-\d+", path.name)
    return None if match is None else match[1]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name the file where what a run wrote cannot be read.

    Raises
    ------
    OutputError
        The file is missing, may not be read, or its content is not what a run writes.
    """
    try:
        yield
    except OSError as error:
        why = f"cannot be read: {reason(error)}" if error.errno else f"is damaged: {error}"  # Arrow's have no number
        raise OutputError(f"{path}: {why}") from error
    except (pa.ArrowException, zlib.error, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        raise OutputError(f"{path}: is damaged, expected what a run writes: {error}") from error


def require_columns(path: Path, *names: str) -> None:
    """Raise OutputError unless a Parquet table of a run has columns of these names."""
    with reading(path):
        present = pq.read_schema(path).names
    for name in names:
        if name not in present:
            raise OutputError(f"{path}: no column {name}, expected a run of this version")


def fields_name(site: str) -> str:
    """Return the name of the array of a site's fields in a run folder."""
    return "fields.zarr" if site == PRIMARY else f"fields_{site}.zarr"


def require_space(folder: Path, n_bytes: int) -> None:
    """Raise OSError (ENOSPC) unless ``folder``'s disk holds ``n_bytes`` more beside the reserve.

    A Parquet file whose row group was cut off by a full disk cannot be closed and loses all earlier ones too, so the
    room is looked at before.
    """
    usage = shutil.disk_usage(folder)
    if usage.total > 0 and usage.free < n_bytes + RESERVE_BYTES:  # some network file systems report a total of 0
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write a file to, and put it under its own when the block has ended: half a file never bears it.

    Raises
    ------
    OSError
        It cannot be written; a file that was there before is as it was.
    """
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        yield partial
        sync(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    with suppress(OSError):  # the file is there; some folders may be written but not read, and then not synced
        sync(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file as `whole_file` does; OSError where that fails."""
    with whole_file(path) as partial:
        partial.write_bytes(content)


class RunFolder:
    """The place of a run's files.

    Parameters
    ----------
    scenario
        Name of the scenario.
    seed
        Seed of the run.
    out
        Folder that the user asked for. By default ``runs/<scenario>-s<seed>`` below the current folder, with -2, -3
        appended where that exists.
    force
        Replace ``out`` where it exists. The old folder stays until the new one is complete; it is then deleted if it
        is a run folder, else kept beside under a name that ends in ``.replaced``.

    Attributes
    ----------
    path
        The hidden folder to write to, until `publish` renames it.
    published
        The final path, or None before `publish`.
    last_table_h
        Time (h) of the last table of all cells that was written, or None before the first.
    started
        When this object was made.
    kept
        True where checkpoints lie in the hidden folder: `discard` leaves it, for a run can go on from there.

    Raises
    ------
    OutputError
        The folder exists (without ``force``) or cannot be written.
    """

    def __init__(self, scenario: str, seed: int, *, out: Path | str | None = None, force: bool = False) -> None:
        self.started = datetime.now(UTC)
        self.published: Path | None = None
        self.last_table_h: float | None = None
        self.kept = False
        self._force = force
        self._chosen_by_user = out is not None
        self._wanted = Path(out if out is not None else Path("runs") / f"{scenario}-s{seed}")
        try:
            self._wanted = self._wanted.resolve()
            if self._chosen_by_user:
                self._check_wanted()
            self._wanted.parent.mkdir(parents=True, exist_ok=True)
            self.path = self._make_hidden()
            self._check_writable()
        except OSError as error:
            raise OutputError(self._message(reason(error))) from error

    @classmethod
    def reopened(cls, path: Path, wanted: Path, *, force: bool) -> RunFolder:
        """Take over the folder of a run that goes on; one that was published becomes hidden again.

        Parameters
        ----------
        path
            The folder as it is found.
        wanted
            The final name.
        force
            Replace what lies under the final name in the end.
        """
        folder = cls.__new__(cls)
        folder.started = datetime.now(UTC)
        folder.published, folder.last_table_h, folder.kept = None, None, True
        folder._force, folder._chosen_by_user, folder._wanted = force, True, wanted.resolve()
        folder.path = path.resolve()
        if hidden_run_name(path) is None:
            numbers = itertools.count(os.getpid())
            names = (folder._wanted.with_name(f".{folder._wanted.name}.partial-{number}") for number in numbers)
            hidden = next(name for name in names if not name.exists())
            try:
                folder.path = folder.path.rename(hidden)
            except OSError as error:
                raise OutputError(folder._message(reason(error))) from error
        return folder

    @property
    def force(self) -> bool:
        """Whether the run, once complete, replaces what lies under its name."""
        return self._force

    def write_text(self, name: str, text: str) -> None:
        """Write one text file; nothing is left of it where that fails."""
        path = self.path / name
        try:
            path.write_text(text, encoding="utf-8")
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def write_json(self, name: str, content: object) -> None:
        """Write one JSON file; NumPy numbers are written as plain ones."""
        self.write_text(name, json.dumps(content, indent=2, default=lambda value: value.item()) + "\n")

    def publish(self, *, complete: bool = True) -> Path:
        """Put all files on the disk for good, give the folder its final name and return that.

        A name that was taken is overwritten only with ``force``, and only by a ``complete`` run; else -2, -3 is
        appended to this one.
        """
        try:
            sync_tree(self.path)
            if complete and self._force and self._wanted.exists():
                self._replace()
                self.published = self._wanted
            else:
                self.published = self._rename_to_free_name()
            sync(self.published.parent)
        except OSError as error:
            raise OutputError(f"{self._message(reason(error))}; what was recorded is in {self.path}") from error
        self.path = self.published
        return self.published

    def discard(self) -> None:
        """Delete the hidden folder, unless it is kept."""
        if self.published is None and not self.kept:
            shutil.rmtree(self.path, ignore_errors=True)

    def _message(self, why: str) -> str:
        return f"cannot write the run folder {self._wanted}: {why} (choose another place with --out)"

    def _check_wanted(self) -> None:
        out = self._wanted
        if not out.exists():
            return
        if not out.is_dir():
            raise OutputError(f"--out {out} is a file, expected a folder or a new name")
        if out == Path.cwd() or out in Path.cwd().parents:
            raise OutputError(f"--out {out} holds the current folder, expected a new name or an earlier run folder")
        if not self._force:
            raise OutputError(f"--out {out} exists, expected a new name; --force replaces it")

    def _names(self) -> Iterator[Path]:
        yield self._wanted
        for number in itertools.count(2):
            yield self._wanted.with_name(f"{self._wanted.name}-{number}")

    def _make_hidden(self) -> Path:
        for name in self._names():
            if name.exists() and not self._chosen_by_user:
                continue
            path = name.with_name(f".{name.name}.partial-{os.getpid()}")
            try:
                path.mkdir()
            except FileExistsError:  # another run of this process is being written there
                continue
            return path
        raise AssertionError("unreachable: the names do not end")

    def _check_writable(self) -> None:
        try:
            require_space(self.path, 0)
            self.write_text("run.json", "{}\n")
        except OSError:
            self.discard()
            raise

    def _rename_to_free_name(self) -> Path:
        for name in self._names():
            try:
                self.path.rename(name)
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR) and name.exists():
                    continue
                raise
            return name
        raise AssertionError("unreachable: the names do not end")

    def _replace(self) -> None:
        is_run = (self._wanted / "run.json").is_file() or not any(self._wanted.iterdir())
        replace(self.path, self._wanted, keep_old=not is_run)


def replace(new: Path, wanted: Path, *, keep_old: bool) -> None:
    """Give a file or folder the name of what lies at ``wanted``; that stays there where it fails.

    Parameters
    ----------
    new
        What is complete under another name beside.
    wanted
        Name that is taken.
    keep_old
        Keep what bore the name beside, under a name that ends in ``.replaced``; else it is deleted.

    Raises
    ------
    OutputError
        The name for the old one is taken too.
    OSError
        A name cannot be changed.
    """
    hidden = wanted.with_name(f".{wanted.name}.old-{os.getpid()}")
    aside = wanted.with_name(f"{wanted.name}.replaced") if keep_old else hidden
    if aside.exists():
        raise OutputError(f"cannot move {wanted} aside: {aside} exists; the new one is in {new}")
    wanted.rename(aside)
    try:
        new.rename(wanted)
    except OSError:
        aside.rename(wanted)
        raise
    if not keep_old:
        remove(aside)


def remove(path: Path) -> None:
    """Delete a file or a folder as far as possible."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync_tree(folder: Path) -> None:
    """Put a folder and all in it on the disk for good."""
    for path in [*sorted(folder.rglob("*"), reverse=True), folder]:
        sync(path)


def sync(path: Path) -> None:
    """Put a file, or the names in a folder, on the disk for good."""
    if os.name == "nt":  # neither folders nor files opened for reading can be synced there
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
