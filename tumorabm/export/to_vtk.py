"""Fields and cells for ParaView and VisIt: one file a site and time, and a collection (.pvd) that gives the times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tumorabm.biology.states import PHASES
from tumorabm.export.recorded import PLACE_COLUMNS, RecordedRun

ENDING = "-vtk"
_TEXT = ("time_h", "site", "type", "phase")


def write(run: RecordedRun, path: Path) -> None:
    """Write a folder of fields as image data (values of voxels) and cells as points with all numbers of the table.

    Type and phase are numbers there, for VTK draws no text; the note in the folder lists them. Times are hours, lengths
    µm.
    """
    path.mkdir()
    codes = {"type_code": list(run.scenario.cells), "phase_code": list(PHASES)}
    for site in run.sites:
        _write_fields(run, site, path)
        _write_cells(run, site, path, codes)
    run.write_note(path, "vtk", {"time_unit": "h", "length_unit": "um", "codes": codes})


def _write_fields(run: RecordedRun, site: str, folder: Path) -> None:
    from pyevtk.hl import imageToVTK
    from pyevtk.vtk import VtkGroup

    fields = run.fields(site)
    thickness_um = fields.voxel_um if fields.shape[0] > 1 else run.size_um(site)[2]
    collection = VtkGroup(str(folder / f"fields_{site}"))
    for index, time_h in enumerate(fields.times_h):
        # x is the fastest axis there too: the transposed view has the bytes in VTK's order
        values = {_with_unit(name, unit): fields.at(name, index).T for name, unit in fields.units.items()}
        name = folder / f"fields_{site}_{index:04d}"
        spacing = (fields.voxel_um, fields.voxel_um, thickness_um)
        written = imageToVTK(str(name), spacing=spacing, cellData=values)
        collection.addFile(written, sim_time=time_h)
    collection.save()


def _write_cells(run: RecordedRun, site: str, folder: Path, codes: dict[str, list[str]]) -> None:
    from pyevtk.vtk import VtkGroup

    collection = VtkGroup(str(folder / f"cells_{site}"))
    for index, time_h in enumerate(run.cells.times_h):
        cells = run.cells.at(time_h, site).table()
        coded = {
            "type_code": pd.Categorical(cells["type"], categories=codes["type_code"]).codes.astype(np.int32),
            "phase_code": pd.Categorical(cells["phase"], categories=codes["phase_code"]).codes.astype(np.int32),
        }
        numbers = {name: cells[name].to_numpy() for name in cells if name not in (*_TEXT, *PLACE_COLUMNS)}
        places = [np.ascontiguousarray(cells[axis], dtype=np.float64) for axis in PLACE_COLUMNS]
        written = _write_points(folder / f"cells_{site}_{index:04d}", places, {**coded, **numbers})
        collection.addFile(written, sim_time=time_h)
    collection.save()


def _write_points(path: Path, places: list[np.ndarray], data: dict[str, np.ndarray]) -> str:
    """Write points; pyevtk refuses a table of none, which a site may well have."""
    from pyevtk.hl import pointsToVTK

    if places[0].size:
        return pointsToVTK(str(path), *places, data={name: np.ascontiguousarray(data[name]) for name in data})
    empty = path.with_suffix(".vtu")
    empty.write_text(_NO_POINTS, encoding="utf-8")
    return str(empty)


_NO_POINTS = """<?xml version="1.0"?>
<VTKFile type="UnstructuredGrid" version="1.0">
<UnstructuredGrid><Piece NumberOfPoints="0" NumberOfCells="0">
<Points><DataArray type="Float64" NumberOfComponents="3" format="ascii"/></Points>
<Cells>
<DataArray type="Int32" Name="connectivity" format="ascii"/>
<DataArray type="Int32" Name="offsets" format="ascii"/>
<DataArray type="UInt8" Name="types" format="ascii"/>
</Cells>
</Piece></UnstructuredGrid>
</VTKFile>
"""


def _with_unit(field: str, unit: str) -> str:
    """Return the name of a field with its unit, as the columns of tables have it."""
    return f"{field}_{'iu_per_mL' if unit == 'IU/mL' else unit}"
