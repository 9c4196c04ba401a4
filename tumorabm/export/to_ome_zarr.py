"""Fields as images of microscopy: one OME-Zarr (OME-NGFF 0.5) a site, axes t, c, [z,] y, x, a channel a field."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tumorabm.export.recorded import RecordedRun
from tumorabm.output.run_folder import OutputError
from tumorabm.output.zarr_store import StoredFields

ENDING = ".ome.zarr"
_EVEN = 1e-9  # relative; times are sums of steps


def write(run: RecordedRun, path: Path) -> None:
    """Write the fields of each site in single precision, with the run's units in the names of the channels."""
    for site, target in run.site_paths(path, ENDING, "ome-zarr"):
        fields = run.fields(site)
        if len(fields.times_h) == 0:
            raise OutputError(f"{run.folder}: no field of {site} was recorded, expected at least one time")
        _write_site(fields, target, f"{run.scenario.name}, {site}", {"site": site, **run.provenance})


def _write_site(fields: StoredFields, target: Path, title: str, provenance: dict[str, object]) -> None:
    from yaozarrs.write.v05 import prepare_image

    space = fields.shape if fields.shape[0] > 1 else fields.shape[1:]
    shape = (len(fields.times_h), len(fields.units), *space)
    _, arrays = prepare_image(
        target,
        _image(fields, title, len(space)),
        (shape, np.dtype(np.float32)),
        # the specification knows only even times
        extra_attributes={"tumorabm": {"times_h": fields.times_h.tolist(), **provenance}},
        chunks=(1, 1, *space),
        writer="zarr",
    )
    for index in range(len(fields.times_h)):
        for channel, name in enumerate(fields.units):
            arrays["0"][index, channel] = fields.at(name, index).reshape(space).astype(np.float32)


def _image(fields: StoredFields, title: str, n_axes: int):
    """Return the description of an image; where times are not even its axis counts snapshots, without a unit."""
    from yaozarrs import v05

    steps_h = np.diff(fields.times_h)
    step_h = steps_h[0] if len(steps_h) else 1.0
    even = bool(np.all(np.abs(steps_h - step_h) <= _EVEN * fields.times_h[-1]))
    first, step, unit = (float(fields.times_h[0]), float(step_h), "hour") if even else (0.0, 1.0, None)
    transformations = [
        v05.ScaleTransformation(scale=[step, 1.0, *[fields.voxel_um] * n_axes]),
        v05.TranslationTransformation(translation=[first, 0.0, *[fields.voxel_um / 2.0] * n_axes]),
    ]
    axes = [
        v05.TimeAxis(name="t", unit=unit),
        v05.ChannelAxis(name="c"),
        *(v05.SpaceAxis(name=name, unit="micrometer") for name in "zyx"[-n_axes:]),
    ]
    dataset = v05.Dataset(path="0", coordinateTransformations=transformations)
    return v05.Image(
        multiscales=[v05.Multiscale(name=title, axes=axes, datasets=[dataset])],
        omero=v05.Omero(channels=[_channel(fields, name, unit) for name, unit in fields.units.items()]),
    )


def _channel(fields: StoredFields, name: str, unit: str):
    """Return how to show a field at first: grey, from 0 to its highest value at any time; one of them alone."""
    from yaozarrs import v05

    highest = max(float(fields.at(name, index).max()) for index in range(len(fields.times_h))) or 1.0
    return v05.OmeroChannel(
        label=f"{name} ({unit})",
        color="FFFFFF",
        window=v05.OmeroWindow(start=0.0, min=0.0, end=highest, max=highest),
        active=name == next(iter(fields.units)),
    )
