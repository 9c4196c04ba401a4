"""Concentration fields over time as a chunked array on disk, in zarr format 2.

The format is a folder: JSON beside one zlib-compressed file per chunk. It is written here directly, so that a run needs
no further library, and opens with ``xarray.open_zarr(folder)``: an axis bears the name of the array of its coordinates,
by which xarray takes these for the index. Specification: zarr storage format, version 2.
"""

from __future__ import annotations

import errno
import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tumorabm.output.run_folder import reading

_COMPRESSION_LEVEL = 1


class FieldStore:
    """Writer of one zarr group with an array ``(time_h, [z_um,] y_um, x_um)`` for each field, one chunk a snapshot.

    Until `close` is called the chunks have no description and the folder does not open as a zarr group.

    Parameters
    ----------
    path
        Folder to be made.
    shape
        Shape (nz, ny, nx) of the grid; the axis z is left out where nz = 1.
    voxel_um
        Edge of a voxel, µm.
    units
        Unit of each field, by its name; these are the fields that each snapshot must bring.

    Attributes
    ----------
    times_h
        Times of the snapshots; of a run that goes on, set it to those that are there.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], voxel_um: float, units: Mapping[str, str]) -> None:
        self.path = path
        self.times_h: list[float] = []
        self._units = dict(units)
        self._axes = ["z_um", "y_um", "x_um"][-(3 if shape[0] > 1 else 2) :]
        self._shape = list(shape)[-len(self._axes) :]
        self._voxel_um = voxel_um
        self._metadata: dict[str, object] = {}
        for name in self._units:
            (path / name).mkdir(parents=True, exist_ok=True)

    def append(self, time_h: float, concentrations: Mapping[str, np.ndarray]) -> None:
        """Write one snapshot: an array (nz, ny, nx) for each field. A snapshot that does not fit leaves nothing."""
        paths = self._chunks(len(self.times_h))
        try:
            for name, path in paths.items():
                _write_chunk(path, concentrations[name])
        except OSError:
            for path in paths.values():
                path.unlink(missing_ok=True)
            raise
        self.times_h.append(time_h)

    def chunks(self) -> list[Path]:
        """Return the files of all snapshots so far."""
        return [path for index in range(len(self.times_h)) for path in self._chunks(index).values()]

    def close(self, vessels_um: np.ndarray) -> None:
        """Write the coordinates, the vessels' positions (m, 3) in µm, and all descriptions."""
        for name, unit in self._units.items():
            shape = [len(self.times_h), *self._shape]
            self._describe(name, shape, [1, *self._shape], ["time_h", *self._axes], {"units": unit})
        self._write_whole("time_h", np.array(self.times_h), ["time_h"], {"units": "h"})
        for axis, length in zip(self._axes, self._shape, strict=True):
            centres_um = (np.arange(length) + 0.5) * self._voxel_um
            self._write_whole(axis, centres_um, [axis], {"units": "um"})
        self._write_whole("vessel_position_um", vessels_um, ["vessel", "xyz"], {"units": "um"})
        self._metadata[".zgroup"] = {"zarr_format": 2}
        self._metadata[".zattrs"] = {"title": "concentrations at the centres of the voxels"}
        for name, content in self._metadata.items():
            _write_json(self.path / name, content)
        _write_json(self.path / ".zmetadata", {"zarr_consolidated_format": 1, "metadata": self._metadata})

    def _chunks(self, snapshot: int) -> dict[str, Path]:
        """Return the file of each field in a snapshot."""
        key = ".".join([str(snapshot), *["0"] * len(self._shape)])
        return {name: self.path / name / key for name in self._units}

    def _write_whole(self, name: str, values: np.ndarray, dimensions: list[str], attributes: dict) -> None:
        (self.path / name).mkdir(exist_ok=True)
        if values.size:
            _write_chunk(self.path / name / ".".join("0" * values.ndim), values)
        self._describe(name, list(values.shape), [max(n, 1) for n in values.shape], dimensions, attributes)

    def _describe(
        self, name: str, shape: list[int], chunks: list[int], dimensions: list[str], attributes: dict
    ) -> None:
        self._metadata[f"{name}/.zarray"] = {
            "zarr_format": 2,
            "shape": shape,
            "chunks": chunks,
            "dtype": "<f8",
            "order": "C",
            "fill_value": "NaN",
            "filters": None,
            "compressor": {"id": "zlib", "level": _COMPRESSION_LEVEL},
        }
        self._metadata[f"{name}/.zattrs"] = {"_ARRAY_DIMENSIONS": dimensions, **attributes}


def read_chunk(store: Path, name: str, index: int = 0) -> np.ndarray:
    """Return chunk ``index`` along the first axis of an array that `FieldStore` wrote.

    For a field this is the snapshot ``index``, of shape (1, [nz,] ny, nx); the other arrays have one chunk.
    """
    description = json.loads((store / name / ".zarray").read_text())
    key = ".".join([str(index), *["0"] * (len(description["chunks"]) - 1)])
    path = store / name / key
    if not path.exists():
        return np.full(description["shape"], np.nan)
    values = np.frombuffer(zlib.decompress(path.read_bytes()), dtype=description["dtype"])
    return values.reshape(description["chunks"])


class StoredFields:
    """Reader of what `FieldStore` wrote.

    Parameters
    ----------
    path
        Its folder.

    Attributes
    ----------
    units
        Unit of each field, by its name.
    times_h
        (n,) float64, times of the snapshots.
    shape
        Shape (nz, ny, nx) of the grid; nz is 1 in two dimensions.
    voxel_um
        Edge of a voxel, µm.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path):
            self._describe()

    def _describe(self) -> None:
        metadata = json.loads((self.path / ".zmetadata").read_text())["metadata"]
        arrays = {key.removesuffix("/.zarray"): value for key, value in metadata.items() if key.endswith("/.zarray")}
        fields = {name: array for name, array in arrays.items() if len(array["shape"]) > 2}
        self.units: dict[str, str] = {name: metadata[f"{name}/.zattrs"]["units"] for name in fields}
        self.times_h = read_chunk(self.path, "time_h")
        space = next(iter(fields.values()))["shape"][1:]
        self.shape: tuple[int, int, int] = (1, *space) if len(space) == 2 else tuple(space)
        self.voxel_um = 2.0 * float(read_chunk(self.path, "x_um")[0])

    def at(self, name: str, index: int) -> np.ndarray:
        """Return snapshot ``index`` of a field, (nz, ny, nx) float64.

        Raises
        ------
        FileNotFoundError
            Its file is gone.
        OutputError
            It is damaged.
        """
        key = ".".join([str(index), *["0"] * (3 if self.shape[0] > 1 else 2)])
        if not (self.path / name / key).exists():
            raise FileNotFoundError(errno.ENOENT, f"{self.path / name / key} is missing")
        with reading(self.path / name / key):
            return read_chunk(self.path, name, index).reshape(self.shape)


def _write_chunk(path: Path, values: np.ndarray) -> None:
    path.write_bytes(zlib.compress(np.ascontiguousarray(values, dtype="<f8"), _COMPRESSION_LEVEL))


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1))
