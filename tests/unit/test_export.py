"""Exports: each format is opened again by a reader of its own and compared with the run folder."""

import json
import re
import shutil
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.unit.test_sites import content
from tumorabm import TumorModel, console
from tumorabm.cli import app
from tumorabm.output.readouts import unit_in_name
from tumorabm.output.recorder import Recorder, record_run
from tumorabm.output.run_folder import RunFolder
from tumorabm.output.zarr_store import StoredFields
from tumorabm.scenario import scenario_from_dict

EVERY_HOUR = {"output": {"timeseries_every_h": 1.0, "cells_every_h": 1.0, "fields_every_h": 1.0}}
SLAB_UM = 30.0
ONE_SITE = {"circulation": None, "sites": {}}
FLAT = {"domain": {"size_um": [200.0, 160.0], "thickness_um": SLAB_UM}}
WELLS = {
    "name": "wells",
    "hours": 1.0,
    "domain": {"mode": "well_mixed", "volume_uL": 1.0, "wells": 3},
    "cells": {"blast": {"type": "molt4", "count": 4}},
    **EVERY_HOUR,
}


def recorded(folder: Path, n_steps: int, scenario: dict) -> Path:
    loaded = scenario_from_dict(scenario)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "_draw_summary", lambda self: None)
        return record_run(
            TumorModel(loaded, threads=1), loaded, RunFolder(loaded.name, 1, out=folder / loaded.name), n_steps=n_steps
        )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    scenarios = {
        "flat": {"name": "flat", **content(**ONE_SITE, **FLAT), **EVERY_HOUR},
        "volume": {"name": "volume", **content(ndim=3, **ONE_SITE), **EVERY_HOUR},
        "sites": {"name": "sites", **content(), **EVERY_HOUR},
        "wells": WELLS,
    }
    paths = {name: recorded(folder, 20, scenario) for name, scenario in scenarios.items()}
    paths["uneven"] = recorded(folder, 25, {**scenarios["flat"], "name": "uneven"})
    return paths


def export(run: Path, to: str, tmp_path: Path, *options: object, name: str = "out"):
    out = tmp_path / f"{name}{ENDINGS.get(to, '')}"
    result = CliRunner().invoke(app, ["export", str(run), "--to", to, "--out", str(out), *map(str, options)])
    return result, out


ENDINGS = {"simularium": ".simularium", "ome-zarr": ".ome.zarr", "anndata": ".h5ad"}


def exported(run: Path, to: str, tmp_path: Path) -> Path:
    result, out = export(run, to, tmp_path)
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == [out.name], "nothing hidden is left beside it"
    return out


def needed(*packages: str) -> None:
    for package in packages:
        pytest.importorskip(package, reason=f"needs {package}: pip install 'tumorabm[export,anndata]' vtk")


def cells_of(run: Path, site: str = "primary") -> dict[float, pd.DataFrame]:
    cells = pd.read_parquet(run / "cells.parquet")
    return dict(iter(cells[cells["site"] == site].groupby("time_h")))


# -- the run folder itself ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "axes"), [("flat", ["y_um", "x_um"]), ("volume", ["z_um", "y_um", "x_um"])])
def test_xarray_opens_fields_with_named_axes_and_units(runs, name, axes):
    needed("xarray", "zarr")
    import xarray

    fields = xarray.open_zarr(runs[name] / "fields.zarr")
    stored = StoredFields(runs[name] / "fields.zarr")
    assert fields["oxygen"].dims == ("time_h", *axes)
    assert {axis: fields[axis].attrs["units"] for axis in fields["oxygen"].dims} == {
        "time_h": "h",
        **dict.fromkeys(axes, "um"),
    }
    assert (fields["asparagine"].attrs["units"], fields["asparaginase"].attrs["units"]) == ("mM", "IU/mL")
    assert fields["time_h"].values.tolist() == [0.0, 1.0, 2.0]
    assert fields["x_um"].values[:2].tolist() == [10.0, 30.0]
    for field in stored.units:
        at_one_hour = fields[field].sel(time_h=1.0)
        np.testing.assert_array_equal(at_one_hour.values.reshape(stored.shape), stored.at(field, 1))
    near = fields["oxygen"].sel(x_um=95.0, y_um=31.0, method="nearest").isel(time_h=-1)
    assert near.values.tolist() == stored.at("oxygen", 2)[:, 1, 4].reshape(near.shape).tolist()


def test_xarray_opens_the_fields_of_another_site(runs):
    needed("xarray", "zarr")
    import xarray

    assert dict(xarray.open_zarr(runs["sites"] / "fields_lung.zarr").sizes)["x_um"] == 8


# -- csv ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["flat", "volume", "sites", "wells"])
def test_csv_has_the_tables_to_the_last_bit(runs, name, tmp_path):
    out = exported(runs[name], "csv", tmp_path)
    for table in ("timeseries", "cells", "events"):
        expected = pd.read_parquet(runs[name] / f"{table}.parquet")
        found = pd.read_csv(out / f"{table}.csv", engine="pyarrow")
        assert list(found) == list(expected)
        for column in expected:
            if pd.api.types.is_numeric_dtype(expected[column]):
                numbers = expected[column].to_numpy()
                np.testing.assert_array_equal(found[column].to_numpy(float), numbers.astype(float))
            else:
                assert found[column].tolist() == expected[column].tolist()
    note = json.loads((out / "export.json").read_text())
    assert (note["format"], note["scenario"], note["finished"]) == ("csv", name, "True")
    assert note["code_version"] == json.loads((runs[name] / "run.json").read_text())["code_version"]


# -- Simularium -----------------------------------------------------------------------------------------------------


def opened_simularium(path: Path):
    from simulariumio import FileConverter, InputFileData

    return FileConverter(InputFileData(file_path=str(path)))._data


@pytest.mark.parametrize(("name", "size_um"), [("flat", (200.0, 160.0, SLAB_UM)), ("volume", (200.0, 200.0, 200.0))])
def test_simularium_shows_every_cell_at_its_place_and_time(runs, name, size_um, tmp_path):
    needed("simulariumio")
    data = opened_simularium(exported(runs[name], "simularium", tmp_path))
    agents, unit_um = data.agent_data, data.spatial_units.magnitude
    assert (data.time_units.name, data.time_units.magnitude, unit_um) == ("h", 1.0, 10.0)
    assert data.spatial_units.name in ("µm", "μm")  # either character for micro
    np.testing.assert_allclose(data.meta_data.box_size * unit_um, size_um)
    assert agents.times.tolist() == [0.0, 1.0, 2.0]
    for index, cells in enumerate(cells_of(runs[name]).values()):
        n = int(agents.n_agents[index])
        assert agents.unique_ids[index, :n].tolist() == cells["uid"].tolist()
        assert agents.types[index][:n] == [f"{a}#{b}" for a, b in zip(cells["type"], cells["phase"], strict=True)]
        places_um = agents.positions[index, :n] * unit_um + np.array(size_um) / 2.0
        np.testing.assert_allclose(places_um, cells[["x_um", "y_um", "z_um"]], atol=1e-4)
        np.testing.assert_allclose(agents.radii[index, :n] * unit_um, cells["radius_um"], rtol=1e-6)


def test_simularium_plots_live_cells(runs, tmp_path):
    needed("simulariumio")
    plot = opened_simularium(exported(runs["flat"], "simularium", tmp_path)).plots[0]
    series = pd.read_parquet(runs["flat"] / "timeseries.parquet")
    assert plot["layout"]["xaxis"]["title"] == "time, h"
    traces = {trace["name"]: trace for trace in plot["data"]}
    assert traces["tumour"]["x"] == series["time_h"].tolist()
    assert traces["tumour"]["y"] == series["live_tumour"].tolist()


def test_simularium_writes_a_file_for_each_site(runs, tmp_path):
    needed("simulariumio")
    out = exported(runs["sites"], "simularium", tmp_path)
    assert {path.name for path in out.iterdir()} == {"primary.simularium", "lung.simularium", "export.json"}
    data = opened_simularium(out / "lung.simularium")
    cells = cells_of(runs["sites"], "lung")
    assert data.agent_data.n_agents.tolist() == [len(frame) for frame in cells.values()]
    uids = sorted({uid for frame in cells.values() for uid in frame["uid"]})
    assert uids[-1] > 2**24, "too large for the format, which gets their order"
    for index, frame in enumerate(cells.values()):
        found = data.agent_data.unique_ids[index, : len(frame)]
        assert found.tolist() == [uids.index(uid) + 1 for uid in frame["uid"]]
    np.testing.assert_allclose(data.meta_data.box_size * data.spatial_units.magnitude, (160.0, 160.0, 20.0))


# -- OME-Zarr -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "axes"), [("flat", "tcyx"), ("volume", "tczyx")])
def test_ome_zarr_has_fields_as_channels_with_places_and_times(runs, name, axes, tmp_path):
    needed("zarr", "yaozarrs")
    import zarr
    from yaozarrs import validate_ome_json

    out = exported(runs[name], "ome-zarr", tmp_path)
    validate_ome_json((out / "zarr.json").read_text())
    group = zarr.open_group(out, mode="r")
    image = group.attrs["ome"]["multiscales"][0]
    assert group.attrs["ome"]["version"] == "0.5"
    assert "".join(axis["name"] for axis in image["axes"]) == axes
    assert [axis.get("unit") for axis in image["axes"]] == ["hour", None, *["micrometer"] * (len(axes) - 2)]
    scale, translation = image["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [1.0, 1.0, *[20.0] * (len(axes) - 2)]
    assert translation["translation"] == [0.0, 0.0, *[10.0] * (len(axes) - 2)]
    assert group.attrs["tumorabm"]["times_h"] == [0.0, 1.0, 2.0]
    stored = StoredFields(runs[name] / "fields.zarr")
    labels = [channel["label"] for channel in group.attrs["ome"]["omero"]["channels"]]
    assert labels == [f"{field} ({unit})" for field, unit in stored.units.items()]
    values = group["0"]
    for time in range(3):
        for channel, field in enumerate(stored.units):
            expected = stored.at(field, time).astype(np.float32)
            np.testing.assert_array_equal(values[time, channel].reshape(stored.shape), expected)


def test_ome_zarr_counts_snapshots_where_their_times_are_uneven(runs, tmp_path):
    needed("zarr", "yaozarrs")
    import zarr

    group = zarr.open_group(exported(runs["uneven"], "ome-zarr", tmp_path), mode="r")
    image = group.attrs["ome"]["multiscales"][0]
    assert "unit" not in image["axes"][0]
    assert image["datasets"][0]["coordinateTransformations"][0]["scale"][0] == 1.0
    assert group.attrs["tumorabm"]["times_h"] == [0.0, 1.0, 2.0, 2.5]


def test_ome_zarr_writes_an_image_for_each_site(runs, tmp_path):
    needed("zarr", "yaozarrs")
    import zarr

    out = exported(runs["sites"], "ome-zarr", tmp_path)
    assert {path.name for path in out.iterdir()} == {"primary.ome.zarr", "lung.ome.zarr", "export.json"}
    lung = StoredFields(runs["sites"] / "fields_lung.zarr")
    values = zarr.open_group(out / "lung.ome.zarr", mode="r")["0"]
    assert values.shape == (3, len(lung.units), *lung.shape[1:])


WITHOUT_UNIT = {
    *("asns_relative", "asns_basal", "asns_methylated", "asns_mrna", "p_s6k1", "lipid_synthesis", "autophagy"),
    *("nucleotide_synthesis", "n_glycosylation", "thermogenic_program", "reducing_power", "er_load", "atf4", "mtorc1"),
    *("death_signal", "biomass", "translation", "charged_trna", "p_eif2a", "energy", "emt", "phase_progress"),
    *("detached", "seed_uid"),
}
"""Columns of cells.parquet that are numbers of no unit: relative levels, shares, and marks."""


# -- AnnData --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "n_axes"), [("flat", 2), ("volume", 3), ("sites", 2)])
def test_anndata_has_cells_as_observations_and_states_as_variables(runs, name, n_axes, tmp_path):
    needed("anndata")
    import anndata

    data = anndata.read_h5ad(exported(runs[name], "anndata", tmp_path))
    cells = pd.read_parquet(runs[name] / "cells.parquet")
    assert data.obs_names.is_unique
    for column in ("time_h", "uid", "founder_uid", "site", "type", "phase"):
        assert data.obs[column].tolist() == cells[column].tolist()
    np.testing.assert_array_equal(data.obsm["spatial"], cells[["x_um", "y_um", "z_um"][:n_axes]])
    for variable in ("asparagine_amol", "atf4", "radius_um", "vessel_distance_um"):
        np.testing.assert_array_equal(data[:, variable].X[:, 0], cells[variable])
    units = data.var["unit"]
    assert units["asparagine_amol"] == "amol"
    assert units[["radius_um", "oxygen_mmHg", "body_age_min"]].tolist() == ["µm", "mmHg", "min"]
    assert set(units.index[units == "1"]) <= WITHOUT_UNIT
    assert (data.uns["spatial_unit"], data.uns["time_unit"], data.uns["run"]["scenario"]) == ("µm", "h", name)
    assert tomllib.loads(data.uns["scenario_toml"])["name"] == name


def test_anndata_of_wells_names_the_well_in_place_of_a_place(runs, tmp_path):
    needed("anndata")
    import anndata

    data = anndata.read_h5ad(exported(runs["wells"], "anndata", tmp_path))
    assert "spatial" not in data.obsm
    first = data.obs[data.obs["time_h"] == 0.0]
    assert first["well"].value_counts().to_dict() == {0: 4, 1: 4, 2: 4}


# -- VTK ------------------------------------------------------------------------------------------------------------


def steps_of(collection: Path) -> list[tuple[float, Path]]:
    """Read a ParaView collection."""
    sets = ElementTree.parse(collection).getroot().iter("DataSet")
    return [(float(entry.get("timestep")), collection.parent / entry.get("file")) for entry in sets]


def by_specification(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Read a file as VTK's XML format says, raw appended data: attributes of its grid and piece, and its arrays."""
    header, binary = re.split(rb'(?<=encoding="raw">)\s*_', path.read_bytes(), maxsplit=1)
    root = ElementTree.fromstring(header + b"</AppendedData></VTKFile>")
    assert (root.get("header_type"), root.get("byte_order")) == ("UInt64", "LittleEndian")
    arrays = {}
    for entry in root.iter("DataArray"):
        start = int(entry.get("offset"))
        size = int(np.frombuffer(binary, np.uint64, 1, start)[0])
        kind = np.dtype(entry.get("type").lower())
        arrays[entry.get("Name")] = np.frombuffer(binary, kind, size // kind.itemsize, start + 8)
    return {**root[0].attrib, **root[0].find("Piece").attrib}, arrays


def by_vtk(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Read a file with VTK's own reader."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLImageDataReader, vtkXMLUnstructuredGridReader

    reader = vtkXMLImageDataReader() if path.suffix == ".vti" else vtkXMLUnstructuredGridReader()
    reader.SetFileName(str(path))
    reader.Update()
    grid = reader.GetOutput()
    data = grid.GetCellData() if path.suffix == ".vti" else grid.GetPointData()
    arrays = {data.GetArrayName(i): vtk_to_numpy(data.GetArray(i)) for i in range(data.GetNumberOfArrays())}
    if path.suffix == ".vti":
        geometry = {"Origin": grid.GetOrigin(), "Spacing": grid.GetSpacing(), "Extent": grid.GetExtent()}
        return {name: " ".join(map(str, values)) for name, values in geometry.items()}, arrays
    if grid.GetNumberOfPoints():
        arrays["points"] = vtk_to_numpy(grid.GetPoints().GetData()).ravel()
    return {"NumberOfPoints": str(grid.GetNumberOfPoints())}, arrays


def opened_vtk(path: Path, reader: str) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    return by_vtk(path) if reader == "vtk" else by_specification(path)


def needed_for(reader: str) -> None:
    needed("pyevtk", *(["vtkmodules"] if reader == "vtk" else []))


READERS = pytest.mark.parametrize("reader", ["specification", "vtk"])


@READERS
@pytest.mark.parametrize("name", ["flat", "volume"])
def test_vtk_has_fields_as_images_with_units_and_times(runs, name, reader, tmp_path):
    needed_for(reader)
    steps = steps_of(exported(runs[name], "vtk", tmp_path) / "fields_primary.pvd")
    stored = StoredFields(runs[name] / "fields.zarr")
    assert [time_h for time_h, _ in steps] == stored.times_h.tolist()
    for index, (_, path) in enumerate(steps):
        grid, arrays = opened_vtk(path, reader)
        numbers = {key: [float(part) for part in grid[key].split()] for key in ("Origin", "Spacing", "Extent")}
        nz, ny, nx = stored.shape
        thickness_um = 20.0 if name == "volume" else SLAB_UM
        assert numbers == {"Origin": [0, 0, 0], "Spacing": [20, 20, thickness_um], "Extent": [0, nx, 0, ny, 0, nz]}
        assert {"oxygen_mM", "asparaginase_iu_per_mL"} <= set(arrays)
        for field, unit in stored.units.items():
            values = arrays[f"{field}_{'iu_per_mL' if unit == 'IU/mL' else unit}"]
            np.testing.assert_array_equal(values.reshape(stored.shape), stored.at(field, index))


@READERS
@pytest.mark.parametrize("site", ["primary", "lung"])
def test_vtk_has_cells_as_points_with_their_numbers(runs, site, reader, tmp_path):
    needed_for(reader)
    out = exported(runs["sites"], "vtk", tmp_path)
    codes = json.loads((out / "export.json").read_text())["codes"]
    steps = steps_of(out / f"cells_{site}.pvd")
    assert [time_h for time_h, _ in steps] == [0.0, 1.0, 2.0]
    for (_, path), cells in zip(steps, cells_of(runs["sites"], site).values(), strict=True):
        grid, arrays = opened_vtk(path, reader)
        assert grid["NumberOfPoints"] == str(len(cells))
        np.testing.assert_array_equal(arrays["points"].reshape(-1, 3), cells[["x_um", "y_um", "z_um"]])
        for column in ("uid", "radius_um", "asparagine_amol"):
            np.testing.assert_array_equal(arrays[column], cells[column])
        assert [codes["type_code"][code] for code in arrays["type_code"]] == cells["type"].tolist()
        assert [codes["phase_code"][code] for code in arrays["phase_code"]] == cells["phase"].tolist()


# -- nobody left ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def emptied(runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder in which all cells are gone at the end, and none was in the lung at any time."""
    folder = tmp_path_factory.mktemp("emptied") / "sites"
    shutil.copytree(runs["sites"], folder)
    cells = pq.read_table(folder / "cells.parquet")
    kept = cells.filter((pc.field("site") == "primary") & (pc.field("time_h") < 2.0))
    with pq.ParquetWriter(folder / "cells.parquet", kept.schema) as writer:
        writer.write_table(kept, row_group_size=1)
        writer.write_table(kept.slice(0, 0))  # as the recorder does where nobody is left
    series = pd.read_parquet(folder / "timeseries.parquet")
    counts = [name for name in series if name.startswith(("live_", "dead_"))]
    series.loc[series["time_h"] == 2.0, counts] = 0
    series.to_parquet(folder / "timeseries.parquet")
    return folder


def test_simularium_shows_that_nobody_is_left(emptied, tmp_path):
    needed("simulariumio")
    out = exported(emptied, "simularium", tmp_path)
    for site, n_last in (("primary", 0), ("lung", 0)):
        agents = opened_simularium(out / f"{site}.simularium").agent_data
        assert agents.times.tolist() == [0.0, 1.0, 2.0]
        assert agents.n_agents[-1] == n_last
    assert agents.n_agents.tolist() == [0, 0, 0]


def test_vtk_shows_that_nobody_is_left(emptied, tmp_path):
    needed_for("vtk")
    steps = steps_of(exported(emptied, "vtk", tmp_path) / "cells_primary.pvd")
    assert [by_vtk(path)[0]["NumberOfPoints"] != "0" for _, path in steps] == [True, True, False]


# -- the command ----------------------------------------------------------------------------------------------------


def test_the_export_lies_beside_the_run_by_its_name(runs):
    result = CliRunner().invoke(app, ["export", str(runs["flat"]), "--to", "csv"])
    assert result.exit_code == 0, result.output
    path = runs["flat"].with_name("flat-csv")
    assert result.stdout.strip() == str(path)
    assert {table.name for table in path.iterdir()} == {"timeseries.csv", "cells.csv", "events.csv", "export.json"}


def test_an_existing_export_is_refused_and_replaced_with_force(runs, tmp_path):
    _, out = export(runs["flat"], "csv", tmp_path)
    before = (out / "cells.csv").read_bytes()
    refused, _ = export(runs["sites"], "csv", tmp_path)
    assert refused.exit_code == 2
    assert f"{out} exists" in refused.stderr
    assert (out / "cells.csv").read_bytes() == before
    assert export(runs["sites"], "csv", tmp_path, "--force")[0].exit_code == 0
    assert (out / "cells.csv").read_bytes() != before
    assert list(tmp_path.iterdir()) == [out]


def test_force_never_deletes_what_is_not_an_export(runs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    assert export(runs["flat"], "csv", tmp_path, "--force")[0].exit_code == 0
    assert (tmp_path / "out" / "cells.csv").exists()
    assert (tmp_path / "out.replaced" / "thesis.tex").exists()


@pytest.mark.parametrize("place", [".", "..", "fields.zarr"])
def test_force_never_replaces_the_run_or_a_part_of_it(runs, place):
    out = runs["flat"] / place
    result = CliRunner().invoke(app, ["export", str(runs["flat"]), "--to", "csv", "--out", str(out), "--force"])
    assert result.exit_code == 2
    assert "expected a new name" in result.stderr


def test_an_export_that_breaks_off_leaves_nothing(runs, tmp_path, monkeypatch):
    def fails(self, *arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tumorabm.export.recorded.RecordedRun.write_note", fails)
    result, _ = export(runs["flat"], "csv", tmp_path)
    assert result.exit_code == 2
    assert "the disk is full" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", ["simularium", "ome-zarr", "vtk"])
def test_wells_have_no_map_to_export(runs, to, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "find_spec", lambda package: True)
    result, _ = export(runs["wells"], to, tmp_path)
    assert result.exit_code == 2
    assert "well-mixed and has no map" in result.stderr
    assert "anndata, csv do not" in result.stderr


def test_a_package_that_is_missing_is_named_with_how_to_install_it(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "find_spec", lambda package: None)
    result, _ = export(runs["flat"], "ome-zarr", tmp_path)
    assert result.exit_code == 2
    assert "--to ome-zarr: needs zarr and yaozarrs; install with: pip install 'tumorabm[export]'" in result.stderr


def test_wrong_inputs_are_refused_by_name(runs, tmp_path):
    assert "nearest" in export(runs["flat"], "simulariun", tmp_path)[0].stderr
    assert "no such run folder; nearest" in export(runs["flat"].with_name("flatt"), "csv", tmp_path)[0].stderr
    needed("pyevtk", "simulariumio")
    result = CliRunner().invoke(app, ["export", str(runs["flat"]), "--to", "simularium", "--out", str(tmp_path / "a")])
    assert result.exit_code == 2
    assert "expected a name that ends in .simularium" in result.stderr


def test_a_part_of_the_run_that_is_missing_or_damaged_is_named(runs, tmp_path):
    needed("pyevtk")
    run = tmp_path / "runs" / "flat"
    shutil.copytree(runs["flat"], run)
    (run / "fields.zarr" / "oxygen" / "1.0.0").unlink()
    assert "oxygen/1.0.0 is missing" in export(run, "vtk", tmp_path)[0].stderr
    (run / "fields.zarr" / "oxygen" / "1.0.0").write_bytes(b"no zlib")
    assert "fields.zarr/oxygen/1.0.0: is damaged" in export(run, "vtk", tmp_path)[0].stderr
    (run / "cells.parquet").write_bytes(b"PAR1")
    assert "cells.parquet: is damaged" in export(run, "csv", tmp_path)[0].stderr
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_an_unfinished_run_is_exported_and_said_to_be_one(runs, tmp_path):
    run = tmp_path / "runs" / "flat"
    shutil.copytree(runs["flat"], run)
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "finished": "interrupted by the user at 2.0 h"}))
    result, out = export(run, "csv", tmp_path)
    assert result.exit_code == 0
    assert "the run did not finish (interrupted by the user at 2.0 h)" in result.stderr
    assert (out / "cells.csv").exists()


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("glutamine_amol", "amol"),
        ("glucose_uptake_amol_per_min_mean_blast", "amol/min"),
        ("radius_um", "µm"),
        ("speed_um_per_min", "µm/min"),
        ("body_age_min", "min"),
        ("atf4", None),
    ],
)
def test_units_are_read_from_the_names_of_columns(column, unit):
    assert unit_in_name(column) == unit
