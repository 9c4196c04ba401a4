"""One checkpoint: a folder of plain arrays and JSON with checksums, from which a model goes on bit for bit.

=================  =====================================================================================
``arrays.npz``     all arrays, uncompressed; opens with ``numpy.load``
``state.json``     numbers and text of the state, with the arrays by name
``scenario.toml``  the scenario
``manifest.json``  format, step, versions, and size and SHA-256 of the files above and of the run's tables
=================  =====================================================================================

A checkpoint is read by the code that wrote it: the same format, the same sources of the engine and of the recording,
the same Python (3.x), NumPy, SciPy, Numba and Mesa. Any of them may change bits. What differs besides is compatible:
command line, assays, validation, pictures and documents, hence the commit, and pyarrow, pandas and the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tumorabm.output import provenance
from tumorabm.output.run_folder import OutputError, sync, sync_tree

if TYPE_CHECKING:
    from tumorabm.model import TumorModel
    from tumorabm.scenario import Scenario

FORMAT = 1
"""Number of the format; one of another number is refused."""

_LIBRARIES = ("numpy", "scipy", "numba", "mesa")
_RECORDING = tuple(
    f"output/{name}.py"
    for name in ("checkpoint", "checkpoint_series", "parquet_stream", "readouts", "recorder", "zarr_store")
)
_ARRAY, _NUMBER = "$array", "$number"
_CHUNK_BYTES = 1 << 20

FileSums = dict[str, tuple[int, str]]
"""Size in bytes and SHA-256 of files, by their paths."""


class DamagedError(OutputError):
    """A checkpoint is not whole."""


class OtherVersionError(OutputError):
    """A checkpoint was written by code, or beside libraries, that may give other bits."""


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint, read.

    Attributes
    ----------
    path
        Its folder.
    tick, time_h
        Steps done, and the simulated time.
    scenario
        The scenario.
    state
        ``model``, what `TumorModel.state` returned, and what else was written. Its arrays are read when they are used.
    run_files
        What had been recorded then.
    """

    path: Path
    tick: int
    time_h: float
    scenario: Scenario
    state: Mapping[str, Any]
    run_files: FileSums

    def model(self, threads: int | None = None) -> TumorModel:
        """Return the model as it stood, on so many threads; by default on the cores that the process may use."""
        from tumorabm.model import TumorModel

        return TumorModel(self.scenario, self.scenario.seed, threads, state=self.state["model"])


def write(path: Path | str, model: TumorModel) -> None:
    """Write a checkpoint of a model: a new folder that appears under its name once it is whole and on the disk.

    Parameters
    ----------
    path
        The folder to be made.
    model
        Between two steps.

    Raises
    ------
    OutputError
        There is something under this name.
    OSError
        It cannot be written; nothing is left then.
    ValueError
        There are ordinary Mesa agents in the model, what they hold is not known.
    """
    write_state(Path(path), model.scenario, {"model": model.state()}, {})


def write_state(path: Path, scenario: Scenario, state: Mapping[str, Any], run_files: FileSums) -> None:
    """Write a checkpoint of ``state``, in which ``model`` is that of a model, beside what a run has recorded."""
    if path.exists():
        raise OutputError(f"{path} exists, expected the name of a new checkpoint")
    beside = path.with_name(f".{path.name}.partial-{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        with zipfile.ZipFile(beside / "arrays.npz", "w") as arrays:
            plain = _written(state, "", arrays)
        (beside / "state.json").write_text(json.dumps(plain), encoding="utf-8")
        (beside / "scenario.toml").write_text(scenario.to_toml(), encoding="utf-8")
        content = {
            "format": FORMAT,
            "tick": state["model"]["tick"],
            "time_h": state["model"]["tick"] * scenario.time.step_min / 60.0,
            "scenario": scenario.name,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "must_match": versions_that_matter(),
            "made_by": _made_by(),
            "files": {file.name: file_sum(file) for file in sorted(beside.iterdir())},
            "run_files": run_files,
        }
        manifest = {**content, "sha256": _sum_of(content)}
        (beside / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        sync_tree(beside)
        beside.rename(path)
        sync(path.parent)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def read(path: Path | str, run_folder: Path | None = None) -> Checkpoint:
    """Read a checkpoint, having compared all checksums.

    Parameters
    ----------
    path
        Its folder.
    run_folder
        Where what the run had recorded is looked at too.

    Raises
    ------
    DamagedError
        A file is missing or is not as it was written.
    OtherVersionError
        It was written by code that may give other bits; the text says what differs.
    """
    from tumorabm.scenario import load_scenario

    path = Path(path)
    manifest = _manifest(path)
    _require_sums(path, manifest["files"])
    if run_folder is not None:
        _require_sums(run_folder, manifest["run_files"])
    _require_same_code(path, manifest)
    plain = json.loads((path / "state.json").read_text(encoding="utf-8"))
    state = _read(plain, path / "arrays.npz")
    return Checkpoint(
        path,
        manifest["tick"],
        manifest["time_h"],
        load_scenario(path / "scenario.toml"),
        state,
        {name: tuple(size_and_sum) for name, size_and_sum in manifest["run_files"].items()},
    )


def state_bytes(state: object) -> int:
    """Return how many bytes the arrays of a state take."""
    if isinstance(state, np.ndarray):
        return state.nbytes
    if isinstance(state, Mapping):
        return sum(map(state_bytes, state.values()))
    return 0


def file_sum(path: Path) -> tuple[int, str]:
    """Return size in bytes and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


@cache
def versions_that_matter() -> dict[str, str]:
    """Return what must be the same where a checkpoint is read, as it is for the code that this process has loaded."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {
        "sources": provenance.hash_of_sources(_RECORDING)[:16],
        "python": python,
        **{name: version(name) for name in _LIBRARIES},
    }


@cache
def _made_by() -> dict[str, str]:
    """Return the versions that run.json gives, asked for once: git is slow."""
    return provenance.versions()


def _require_same_code(path: Path, manifest: Mapping[str, Any]) -> None:
    here, there = versions_that_matter(), manifest["must_match"]
    names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    if names:
        lines = "; ".join(f"{name} {there.get(name, 'none')}, here {here.get(name, 'none')}" for name in names)
        commit = manifest["made_by"].get("code_version", "unknown")
        raise OtherVersionError(
            f"{path}: written by another version, which may give other bits: {lines}; expected the versions by which "
            f"it was written (code {commit})"
        )


def _manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of a checkpoint in this format, whole."""
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        found, number = manifest.pop("sha256"), manifest["format"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path}: manifest.json is missing or damaged") from error
    if found != _sum_of(manifest):
        raise DamagedError(f"{path}: manifest.json is damaged")
    if number != FORMAT:
        raise OtherVersionError(f"{path}: a checkpoint of format {number}, expected format {FORMAT}")
    return manifest


def _sum_of(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _require_sums(folder: Path, sums: FileSums) -> None:
    for name, (size, digest) in sums.items():
        path = folder / name
        try:
            intact = path.stat().st_size == size and file_sum(path) == (size, digest)
        except OSError as error:
            raise DamagedError(f"{path} is missing or cannot be read") from error
        if not intact:
            raise DamagedError(f"{path} is damaged, its checksum is another")


def _written(value: object, name: str, arrays: zipfile.ZipFile) -> object:
    """Return a part of a state as JSON can hold it; arrays go to ``arrays``, a piece at a time."""
    if isinstance(value, np.ndarray):
        with arrays.open(f"{name}.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array(file, value, allow_pickle=False)
        return {_ARRAY: name}
    if isinstance(value, np.generic):  # sums of plain numbers round otherwise than those of NumPy's
        return {_NUMBER: [value.dtype.name, value.item()]}
    if isinstance(value, Mapping):
        return {key: _written(item, f"{name}.{key}".lstrip("."), arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_written(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"checkpoint: {name}: expected arrays, numbers and text, got {type(value).__name__}")


def _read(plain: object, arrays: Path) -> Any:
    """Return a part of a state again."""
    if isinstance(plain, list):
        return [_read(item, arrays) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if _ARRAY in plain:
        return _StoredArray(arrays, plain[_ARRAY])
    if _NUMBER in plain:
        dtype, number = plain[_NUMBER]
        return np.dtype(dtype).type(number)
    return {key: _read(item, arrays) for key, item in plain.items()}


class _StoredArray:
    """An array that is read when NumPy asks for it: all at once would take as much memory as the model."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        with np.load(self._path, allow_pickle=False) as arrays:
            return np.asarray(arrays[self._name], dtype=dtype)
