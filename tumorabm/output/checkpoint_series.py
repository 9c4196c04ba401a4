"""The checkpoints of a run that is being recorded: when one is due, the last two of them, and who may write them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tumorabm.output.checkpoint import Checkpoint, DamagedError, FileSums, file_sum, read, state_bytes, write_state
from tumorabm.output.checkpoint import versions_that_matter as note_versions
from tumorabm.output.lock import HeldError, hold
from tumorabm.output.run_folder import OutputError, RunFolder, reason, require_space, sync

FOLDER = "checkpoints"
"""Folder of a run in which its checkpoints lie."""

NO_CHECKPOINT = (
    "there is no checkpoint to go on from; expected a run with --checkpoint-every or --checkpoint-hours that began its "
    "first step"
)
"""The end of a message about a run without any."""

KEPT = 2
"""The last checkpoints that are kept."""

PARTS = "parts"
"""Folder among the checkpoints in which closed parts of tables lie."""


@dataclass(frozen=True)
class CheckpointSchedule:
    """When a run writes checkpoints, besides one before its first step; either or both may be given.

    Parameters
    ----------
    every_s
        Wall time from one to the next, s.
    every_ticks
        Steps from one to the next.
    """

    every_s: float | None = None
    every_ticks: int | None = None


class CheckpointSeries:
    """The checkpoints of one run, which nobody else may continue meanwhile.

    Parameters
    ----------
    folder
        The run's folder.
    schedule
        When checkpoints are due.
    tell
        Called with one message when a checkpoint cannot be written.
    lock
        The right to write the run, where this process has it already.

    Attributes
    ----------
    parts
        Folder for the closed parts of tables.
    schedule
        As given.

    Raises
    ------
    OutputError
        The run goes on in another process.
    OSError
        The folder cannot be written.
    """

    def __init__(
        self,
        folder: RunFolder,
        schedule: CheckpointSchedule,
        tell: Callable[[str], object],
        lock: RunLock | None = None,
    ) -> None:
        self.schedule = schedule
        self._folder, self._tell = folder, tell
        self._told = False
        self._run_files: FileSums = {}
        self._tick: int | None = None
        self._written_s = time.monotonic()
        self.parts.mkdir(parents=True, exist_ok=True)
        self._lock = lock or RunLock(folder.path)
        note_versions()  # of the code as it was loaded, whatever happens to it meanwhile

    @property
    def parts(self) -> Path:  # noqa: D102 - an attribute of the class
        return self._folder.path / FOLDER / PARTS

    def state(self) -> dict[str, Any]:
        """Return what a run that goes on must know of its checkpoints."""
        return {"schedule": asdict(self.schedule), "force": self._folder.force}

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Count what was recorded up to ``checkpoint`` as recorded, and that as the newest."""
        self._run_files, self._tick = dict(checkpoint.run_files), checkpoint.tick

    def is_due(self, tick: int) -> bool:
        """Return whether a checkpoint is due after so many steps; the first one is due at once."""
        every_s, every_ticks = self.schedule.every_s, self.schedule.every_ticks
        if self._tick is None and not self._told:
            return True
        by_time = every_s is not None and time.monotonic() - self._written_s >= every_s
        return by_time or (every_ticks is not None and tick % every_ticks == 0)

    def has_room(self, tick: int, state: Mapping[str, Any]) -> bool:
        """Return whether a checkpoint can be tried: there is none of this step, and its disk has room for it."""
        if tick == self._tick:
            return False
        try:
            require_space(self._folder.path, state_bytes(state))
        except OSError as error:
            self._failed(error)
            return False
        return True

    def write(self, scenario: Any, state: Mapping[str, Any], recorded: Iterable[Path]) -> None:
        """Write a checkpoint beside what was ``recorded``, whole files of the run, and let go those before the last.

        Where that fails, a full disk say, that is told once, and the run goes on.
        """
        tick = state["model"]["tick"]
        try:
            self._note(recorded)
            write_state(checkpoint_path(self._folder.path, tick), scenario, state, self._run_files)
        except OSError as error:
            self._failed(error)
            return
        self._tick, self._folder.kept = tick, True
        self._written_s = time.monotonic()
        for older in checkpoint_paths(self._folder.path)[:-KEPT]:
            shutil.rmtree(older, ignore_errors=True)

    def end(self, *, complete: bool) -> None:
        """Let others take the run, or delete the checkpoints of one that is complete and has its final name."""
        self._lock.release()
        if complete:
            shutil.rmtree(self._folder.path / FOLDER, ignore_errors=True)

    def _note(self, recorded: Iterable[Path]) -> None:
        """Put files that were recorded since the last checkpoint on the disk for good, with their checksums."""
        root, folders = self._folder.path, set()
        for path in recorded:
            name = path.relative_to(root).as_posix()
            if name not in self._run_files:
                sync(path)
                folders.add(path.parent)
                self._run_files[name] = file_sum(path)
        for folder in folders:
            sync(folder)

    def _failed(self, error: OSError) -> None:
        self._written_s = time.monotonic()
        if not self._told:
            self._tell(f"no checkpoint could be written: {reason(error)}; the run goes on and tries again later")
        self._told = True


class RunLock:
    """The right to write a run, held by one process at a time; it ends with the process, however that ends.

    Parameters
    ----------
    folder
        The run's folder.

    Raises
    ------
    OutputError
        Another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._descriptor: int | None = hold(folder / FOLDER / "lock")
        except HeldError as error:
            raise OutputError(f"{folder}: the run still goes on in {error}; nothing to resume") from None

    def release(self) -> None:
        """Give the right up."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def checkpoint_path(run_folder: Path, tick: int) -> Path:
    """Return the folder of the checkpoint after so many steps."""
    return run_folder / FOLDER / f"step-{tick:09d}"


def checkpoint_paths(run_folder: Path) -> list[Path]:
    """Return the folders of a run's checkpoints, the newest last."""
    return sorted((run_folder / FOLDER).glob("step-*"))


def newest_whole(run_folder: Path, tell: Callable[[str], object]) -> Checkpoint:
    """Return the newest checkpoint of a run that is whole; ``tell`` is called with a warning for each that is not.

    Raises
    ------
    OutputError
        There is no checkpoint, none is whole, or the newest whole one is of another version.
    """
    paths = checkpoint_paths(run_folder)
    if not paths:
        raise OutputError(f"{run_folder}: {NO_CHECKPOINT}")
    damages = []
    for path in reversed(paths):
        try:
            checkpoint = read(path, run_folder)
        except DamagedError as error:
            damages.append(str(error))
            continue
        for damage in damages:
            tell(f"warning: {damage}; going on from the checkpoint before, at {checkpoint.time_h:g} h")
        return checkpoint
    raise OutputError(f"{run_folder}: no checkpoint is whole, expected one to go on from: {'; '.join(damages)}")
