"""What a run recorded of cells and fields, a time at a time: all at once could need more memory than the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tumorabm.biology.states import APOPTOTIC, PHASES
from tumorabm.output.run_folder import fields_name, reading
from tumorabm.output.written import written_scenario
from tumorabm.output.zarr_store import StoredFields
from tumorabm.scenario.site_schema import PRIMARY
from tumorabm.scenario.units import oxygen_mM_to_mmHg

_DEAD_PHASES = PHASES[APOPTOTIC:]


def cell_types(folder: Path) -> list[str]:
    """Return the types of cells of a run, in the order of its scenario.toml, which gives their colours."""
    return list(written_scenario(folder).get("cells", {}))


class CellSnapshots:
    """The cells of a run at each time at which they were recorded.

    Parameters
    ----------
    folder
        Run folder with cells.parquet; where nobody was left at some time, with scenario.toml and timeseries.parquet.

    Attributes
    ----------
    times_h
        Times of the tables, h, ascending.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "cells.parquet"
        self._groups: dict[tuple[float, str], list[int]] = {}
        for number, (time_h, site) in enumerate(_groups(self._path, folder)):
            self._groups.setdefault((time_h, site), []).append(number)
        self.times_h = sorted({time_h for time_h, _ in self._groups})

    def at(self, time_h: float, site: str = PRIMARY) -> CellSnapshot:
        """Return the cells of a site at one of `times_h`."""
        return CellSnapshot(self._path, self._groups.get((time_h, site), []))


class CellSnapshot:
    """The cells of one site at one time, read part by part.

    Attributes
    ----------
    count
        Number of these cells.
    """

    def __init__(self, path: Path, groups: Sequence[int]) -> None:
        self._path, self._groups = path, groups
        with _opened(path) as file:
            self.count = sum(file.metadata.row_group(group).num_rows for group in groups)

    def mean_z_um(self) -> float:
        """Return the height of their middle."""
        return sum(part["z_um"].sum() for part in self.parts(["z_um"])) / self.count

    def read(
        self, types: Sequence[str], one_in: int = 1, z_um: float | None = None
    ) -> tuple[pd.DataFrame, dict[str, int]]:
        """Return one cell in so many of each group (type, or "dead"), as x, y, radius and group, and all counts.

        Counts are in the order of all ``types`` of the run, the dead last. With ``z_um``, only the cells that a plane
        at this height cuts are read.
        """
        drawn = [pd.DataFrame(columns=["x_um", "y_um", "radius_um", "group"])]
        counts = dict.fromkeys([*types, "dead"], 0)
        for part in self.parts(["type", "phase", "x_um", "y_um", "z_um", "radius_um"]):
            part["group"] = np.where(part["phase"].isin(_DEAD_PHASES), "dead", part["type"].astype(str))
            if z_um is not None:
                part = part[np.abs(part["z_um"] - z_um) < part["radius_um"]]
            place = part.groupby("group").cumcount() + part["group"].map(counts).astype(int)
            drawn.append(part.loc[place % one_in == 0, ["x_um", "y_um", "radius_um", "group"]])
            for name, found in part["group"].value_counts().items():
                counts[name] += int(found)
        pa.default_memory_pool().release_unused()
        return pd.concat(drawn, ignore_index=True), counts

    def table(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Return some columns of all cells and bodies, or all columns, at once."""
        with _opened(self._path) as file:
            return file.read_row_groups(list(self._groups), columns=names and list(names)).to_pandas()

    def live(self, names: Sequence[str]) -> pd.DataFrame:
        """Return some columns of the live cells."""
        parts = [part[~part["phase"].isin(_DEAD_PHASES)] for part in self.parts(dict.fromkeys(["phase", *names]))]
        return pd.concat(parts)[list(names)] if parts else pd.DataFrame(columns=list(names))

    def parts(self, names: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield some columns of all cells and bodies, up to 100,000 at a time."""
        with _opened(self._path) as file:
            for group in self._groups:
                table = file.read_row_group(group, columns=list(names), use_threads=False)
                yield table.to_pandas(self_destruct=True)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a table; OutputError names the file where it cannot be read."""
    with reading(path), pq.ParquetFile(path, pre_buffer=False) as file:
        yield file


def _groups(path: Path, folder: Path) -> Iterator[tuple[float, str]]:
    """Yield time and site of each row group.

    One without rows tells neither: it is the primary site's, from which nobody is left, and begins a snapshot.
    """
    with _opened(path) as file:
        columns = [file.schema_arrow.names.index(name) for name in ("time_h", "site")]
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        # the greatest, because Parquet gives 0 as -0 where it is the least
        found = [
            tuple(group.column(column).statistics.max for column in columns) if group.num_rows else None
            for group in groups
        ]
    before_h: float | None = None
    for number, here in enumerate(found):
        following = found[number + 1] if number + 1 < len(found) else None
        if here is not None:
            time_h, site = here
        elif following is not None and following[1] != PRIMARY:
            time_h, site = following[0], PRIMARY
        else:
            time_h, site = 0.0 if before_h is None else _next_time_h(folder, before_h), PRIMARY
        yield time_h, site
        before_h = time_h


def _next_time_h(folder: Path, before_h: float) -> float:
    """Return when cells were recorded next: after their interval, or at the end of the run."""
    scenario = written_scenario(folder)
    path = folder / "timeseries.parquet"
    with reading(path):
        series_h = pq.read_table(path, columns=["time_h"])["time_h"]
    every_h = scenario["output"]["cells_every_h"]
    return min((math.floor(before_h / every_h + 1e-6) + 1) * every_h, series_h[-1].as_py())


class FieldSnapshots:
    """The fields of one site at each time at which they were recorded.

    Parameters
    ----------
    folder
        Run folder with the site's fields.
    site
        Name of the site.

    Attributes
    ----------
    times_h
        Times, h, ascending.
    names
        Fields that were recorded.
    voxel_um
        Edge of a voxel, µm.
    shape
        Number of voxels along z (in a volume), y and x.
    """

    def __init__(self, folder: Path, site: str = PRIMARY) -> None:
        self._stored = StoredFields(folder / fields_name(site))
        self.times_h = self._stored.times_h.tolist()
        self.names = sorted(self._stored.units)
        self.voxel_um = self._stored.voxel_um
        self.shape = self._stored.shape[0 if self._stored.shape[0] > 1 else 1 :]

    @property
    def well_mixed(self) -> bool:
        """Whether there is nothing to map: a single voxel, or a row of wells."""
        return min(self.shape[-2:]) < 2

    @property
    def size_um(self) -> tuple[float, float]:
        """Width and height, µm."""
        return self.shape[-1] * self.voxel_um, self.shape[-2] * self.voxel_um

    @property
    def usual(self) -> str:
        """The field that is shown where none is chosen: asparagine, or else oxygen."""
        return "asparagine" if "asparagine" in self.names else "oxygen"

    def read(self, name: str, number: int) -> np.ndarray:
        """Return a field at the time of this number, in `unit_of` it: of shape ([nz,] ny, nx)."""
        return as_shown(name, self._stored.at(name, number)).reshape(self.shape)


def unit_of(field: str) -> str:
    """Return the unit in which a field is shown."""
    return {"asparaginase": "IU/mL", "oxygen": "mmHg"}.get(field, "µM")


def as_shown(field: str, values: np.ndarray) -> np.ndarray:
    """Return what the engine holds of a field, mM or IU/mL, in `unit_of` it."""
    if field == "asparaginase":
        return values
    return oxygen_mM_to_mmHg(values) if field == "oxygen" else values * 1e3


def nearest(times_h: Sequence[float], time_h: float) -> int:
    """Return the number of the recorded time that is nearest."""
    return int(np.argmin(np.abs(np.asarray(times_h) - time_h)))
