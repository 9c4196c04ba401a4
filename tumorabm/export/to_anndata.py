"""Cells for the single-cell tools (scanpy, squidpy, R by zellkonverter): one AnnData file, h5ad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tumorabm.export.recorded import IDENTITY_COLUMNS, PLACE_COLUMNS, RecordedRun
from tumorabm.output.readouts import unit_in_name
from tumorabm.scenario.site_schema import PRIMARY

ENDING = ".h5ad"


def write(run: RecordedRun, path: Path) -> None:
    """Write all cells at all times as observations; states and readouts are the variables.

    ``obs`` holds time, site, uids, type and phase; ``obsm["spatial"]`` the places in µm, (n, 2) or (n, 3); of wells
    ``obs`` holds the well instead. ``var["unit"]`` and ``uns`` give the units.
    """
    import anndata

    cells = pd.read_parquet(run.folder / "cells.parquet")
    obs = cells[list(IDENTITY_COLUMNS)].copy()
    obs.index = pd.Index([f"{uid}@{time_h}h" for uid, time_h in zip(obs["uid"], obs["time_h"], strict=True)])
    for name in ("site", "type", "phase"):
        obs[name] = obs[name].astype(str).astype("category")
    obsm = {}
    if run.well_mixed:
        obs["well"] = np.floor(cells["x_um"] / run.fields(PRIMARY).voxel_um).astype(np.int64).to_numpy()
    else:
        n_axes = 3 if any(run.fields(site).shape[0] > 1 for site in run.sites) else 2
        obsm["spatial"] = cells[list(PLACE_COLUMNS[:n_axes])].to_numpy(dtype=np.float64)
    names = [name for name in cells if name not in (*IDENTITY_COLUMNS, *PLACE_COLUMNS)]
    units = [unit_in_name(name) or "1" for name in names]
    uns = {
        "spatial_unit": "µm",
        "time_unit": "h",
        "run": run.provenance,
        "scenario_toml": (run.folder / "scenario.toml").read_text(encoding="utf-8"),
    }
    states = cells[names].to_numpy(dtype=np.float64)
    data = anndata.AnnData(X=states, obs=obs, var=pd.DataFrame({"unit": units}, index=names), obsm=obsm, uns=uns)
    data.write_h5ad(path, compression="gzip")
