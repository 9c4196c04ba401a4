"""Going on with a run that was interrupted or killed, from its newest whole checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tumorabm.model import TumorModel
from tumorabm.output.checkpoint import Checkpoint
from tumorabm.output.checkpoint_series import (
    FOLDER,
    NO_CHECKPOINT,
    PARTS,
    CheckpointSchedule,
    CheckpointSeries,
    RunLock,
    checkpoint_paths,
    newest_whole,
)
from tumorabm.output.recorder import RESULT_FILES, Recorder
from tumorabm.output.run_folder import OutputError, RunFolder, hidden_run_name, reason, require_run
from tumorabm.packing import in_memory


@dataclass
class UnfinishedRun:
    """A run that can go on, and that no other process can take meanwhile.

    Attributes
    ----------
    path
        Its folder: a hidden one of a run that was killed, or that of an interrupted run.
    wanted
        The name that it is to have in the end.
    checkpoint
        The newest whole one.
    n_steps
        Steps after which the run ends.
    """

    path: Path
    wanted: Path
    checkpoint: Checkpoint
    lock: RunLock

    @property
    def n_steps(self) -> int:  # noqa: D102 - an attribute of the class
        return self.checkpoint.state["n_steps"]

    def take_over(self, model: TumorModel, tell: Callable[[str], object]) -> tuple[Recorder, RunFolder]:
        """Make the run unfinished again: hide its folder, and delete there what came after the checkpoint.

        Parameters
        ----------
        model
            What ``checkpoint.model()`` returned; after this call the checkpoint lies elsewhere and cannot be read.
        tell
            Called with one message where a later checkpoint cannot be written.

        Returns
        -------
        Recorder, RunFolder
            For `tumorabm.output.recorder.complete_run`.
        """
        state = self.checkpoint.state
        recorded = in_memory(state["recorder"])
        with _reported(self.path):
            folder = RunFolder.reopened(self.path, self.wanted, force=state["checkpoints"]["force"])
            _forget_later(folder.path, self.checkpoint)
            schedule = CheckpointSchedule(**state["checkpoints"]["schedule"])
            series = CheckpointSeries(folder, schedule, tell, self.lock)
            series.go_on_from(self.checkpoint)
            recorder = Recorder(model, self.checkpoint.scenario, folder, self.n_steps, series)
        recorder.restore(recorded)
        return recorder, folder


def open_unfinished(asked: Path, tell: Callable[[str], object]) -> UnfinishedRun:
    """Find a run that can go on.

    Parameters
    ----------
    asked
        The run folder: one that was published after Ctrl-C, or the name that a killed run was to have, or its hidden
        folder.
    tell
        Called with warnings, of a damaged checkpoint say.

    Raises
    ------
    OutputError
        There is no such run; it is finished, or still goes on; it has no whole checkpoint, or one of another version.
    """
    path = asked.resolve()
    if not path.is_dir():
        path = _hidden_of(asked)
    elif hidden_run_name(path) is None:
        _require_unfinished(asked)
    if not (path / FOLDER).is_dir():
        raise OutputError(f"{asked}: {NO_CHECKPOINT}")
    with _reported(path):
        lock = RunLock(path)
    try:
        checkpoint = newest_whole(path, tell)
    except BaseException:
        lock.release()
        raise
    return UnfinishedRun(path, path.with_name(hidden_run_name(path) or path.name), checkpoint, lock)


def _hidden_of(asked: Path) -> Path:
    """Return the hidden folder of a run that was killed before it got its name."""
    path = asked.resolve()
    hidden = [folder for folder in _siblings(path) if hidden_run_name(folder) == path.name]
    can_go_on = [folder for folder in hidden if checkpoint_paths(folder)]
    if len(can_go_on) > 1:
        raise OutputError(
            f"{asked}: more than one unfinished run was to have this name, expected one of their folders: "
            + ", ".join(str(asked.with_name(folder.name)) for folder in can_go_on)
        )
    if hidden and not can_go_on:
        raise OutputError(f"{asked}: {NO_CHECKPOINT}")
    if not hidden:
        require_run(asked)
    return can_go_on[0]


def _siblings(path: Path) -> list[Path]:
    return sorted(path.parent.iterdir()) if path.parent.is_dir() else []


def _require_unfinished(asked: Path) -> None:
    """Raise OutputError where a published run is finished, or no run."""
    require_run(asked, "run.json")
    try:
        finished = json.loads((asked / "run.json").read_text(encoding="utf-8"))["finished"]
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{asked}: run.json is damaged, expected that of a run") from error
    if finished is True:
        shutil.rmtree(asked / FOLDER, ignore_errors=True)  # left where the process died once all was published
        others = [folder for folder in _siblings(asked.resolve()) if hidden_run_name(folder) == asked.resolve().name]
        also = "".join(f"; of the same name there is also {asked.with_name(other.name)}" for other in others)
        raise OutputError(f"{asked}: the run is finished, expected one that was interrupted or killed{also}")


@contextmanager
def _reported(folder: Path) -> Iterator[None]:
    """Say in one message that a folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{folder}: the run cannot go on there: {reason(error)}") from error


def _forget_later(folder: Path, checkpoint: Checkpoint) -> None:
    """Delete what was written after a checkpoint; first the later checkpoints, which lose what they stand on."""
    kept = {folder / name for name in checkpoint.run_files}
    for path in reversed(checkpoint_paths(folder)):
        if path.name > checkpoint.path.name:
            shutil.rmtree(path)
    for path in (folder / FOLDER).glob(".step-*"):
        shutil.rmtree(path, ignore_errors=True)
    in_stores = [path for store in folder.glob("*.zarr") for path in store.rglob("*") if path.is_file()]
    for path in [*(folder / FOLDER / PARTS).iterdir(), *in_stores]:
        if path not in kept:
            path.unlink()
    for name in RESULT_FILES:
        (folder / name).unlink(missing_ok=True)
