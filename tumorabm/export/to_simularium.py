"""Cells as moving spheres for the Simularium viewer: one file a site."""

from __future__ import annotations

import math
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from tumorabm.biology.states import APOPTOTIC, PHASES
from tumorabm.export.recorded import PLACE_COLUMNS, RecordedRun
from tumorabm.output import style
from tumorabm.output.run_folder import OutputError

ENDING = ".simularium"
_READ = ["uid", "type", "phase", *PLACE_COLUMNS, "radius_um"]
_SMALLEST_BOX = 6.4  # the viewer wants boxes of 4 to 64 of its units; a power of ten always leads between 6.4 and 64
_LARGEST_ID = 2**24  # above it the format's single precision makes two cells one
_BYTES_A_CELL, _MOST_BYTES = 44, 4_000_000_000  # what one file holds


def write(run: RecordedRun, path: Path) -> None:
    """Write the cells of each site at all times, named ``type#phase``, and the number of live cells as a plot."""
    for site, target in run.site_paths(path, ENDING, "simularium"):
        _write_site(run, site, target)


def _write_site(run: RecordedRun, site: str, target: Path) -> None:
    from simulariumio import MetaData, ModelMetaData, ScatterPlotData, TrajectoryConverter, TrajectoryData, UnitData

    _require_fitting(run, site)
    size_um = np.array(run.size_um(site))
    unit_um = 10.0 ** math.floor(math.log10(size_um.max() / _SMALLEST_BOX))
    series = run.timeseries[run.timeseries["site"] == site]
    live = {name.removeprefix("live_"): series[name].to_numpy() for name in series if name.startswith("live_")}
    with redirect_stdout(StringIO()):  # the library tells what it does
        converter = TrajectoryConverter(
            TrajectoryData(
                meta_data=MetaData(
                    box_size=size_um / unit_um,
                    scale_factor=1.0 / unit_um,
                    trajectory_title=f"{run.scenario.name}, seed {run.scenario.seed}, {site}",
                    model_meta_data=ModelMetaData(
                        title="tumorabm", version=str(run.provenance.get("package_version", ""))
                    ),
                ),
                agent_data=_agents(run, site, size_um, unit_um),
                time_units=UnitData("hour"),
                spatial_units=UnitData("um", unit_um),
            )
        )
        converter.add_plot(
            ScatterPlotData("live cells", "time, h", "cells", series["time_h"].to_numpy(), live, "lines"), "scatter"
        )
        converter.save(str(target.with_name(target.name.removesuffix(ENDING))), binary=True)


def _require_fitting(run: RecordedRun, site: str) -> None:
    """Refuse a run that the format cannot hold."""
    n_bytes = _BYTES_A_CELL * sum(run.cells.at(time_h, site).count for time_h in run.cells.times_h)
    if n_bytes > _MOST_BYTES:
        raise OutputError(f"{run.folder}: the cells of {site} take {n_bytes / 1e9:.1f} GB, expected at most 4 GB")


def _agents(run: RecordedRun, site: str, size_um: np.ndarray, unit_um: float):
    """Return the cells as the library's table: padded arrays (time, cell), the box's middle at the origin."""
    from simulariumio import DISPLAY_TYPE, AgentData, DisplayData

    frames = [run.cells.at(time_h, site).table(_READ) for time_h in run.cells.times_h]
    counts = [len(frame) for frame in frames]
    shape = (len(frames), max(1, *counts))
    uids, radii, places = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros((*shape, 3))
    for index, (frame, n) in enumerate(zip(frames, counts, strict=True)):
        uids[index, :n] = frame["uid"]
        radii[index, :n] = frame["radius_um"] / unit_um
        places[index, :n] = (frame[list(PLACE_COLUMNS)].to_numpy() - size_um / 2.0) / unit_um
    colours = style.colours(run.scenario.cells)
    return AgentData(
        times=np.array(run.cells.times_h),
        n_agents=np.array(counts),
        viz_types=np.full(shape, 1000.0),
        unique_ids=_identities(uids),
        types=[_names(frame) for frame in frames],
        positions=places,
        radii=radii,
        display_data={
            f"{name}#{phase}": DisplayData(
                name=f"{name}#{phase}",
                display_type=DISPLAY_TYPE.SPHERE,
                color=style.DEAD_COLOUR if phase in PHASES[APOPTOTIC:] else colours[name],
            )
            for name in run.scenario.cells
            for phase in PHASES
        },
    )


def _identities(uids: np.ndarray) -> np.ndarray:
    """Return the uids where the format holds them, else the place of each in their order, from 1.

    Raises
    ------
    OutputError
        There are too many cells for that.
    """
    if uids.max() <= _LARGEST_ID:
        return uids
    distinct = np.unique(uids[uids > 0])  # 0 pads
    if len(distinct) > _LARGEST_ID:
        raise OutputError(f"{len(distinct)} cells over all times, expected at most {_LARGEST_ID} for Simularium")
    return np.searchsorted(distinct, uids) + 1


def _names(frame: pd.DataFrame) -> list[str]:
    return (frame["type"].astype(str) + "#" + frame["phase"].astype(str)).tolist()
