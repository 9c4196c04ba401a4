"""A run folder as exports read it: sites, cells at a time, fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from tumorabm.output.opened_run import open_run
from tumorabm.output.provenance import package_version
from tumorabm.output.run_folder import fields_name, require_columns, require_run
from tumorabm.output.snapshots import CellSnapshots
from tumorabm.output.zarr_store import StoredFields
from tumorabm.scenario import Scenario
from tumorabm.scenario.site_schema import PRIMARY

NOTE = "export.json"
"""File in a folder that an export wrote: what it is, and of which run."""

IDENTITY_COLUMNS = ("time_h", "site", "uid", "parent_uid", "founder_uid", "type", "phase")
PLACE_COLUMNS = ("x_um", "y_um", "z_um")
_PROVENANCE = ("scenario", "seed", "package_version", "code_version", "model_version", "started", "simulated_hours")


class RecordedRun:
    """One run folder.

    Parameters
    ----------
    folder
        The run folder.

    Attributes
    ----------
    scenario
        Its scenario.
    sites
        Names of its sites, the primary one first.
    provenance
        How the run was made: scenario, seed, versions, start, length, and how it finished ("True" or why not).

    Raises
    ------
    OutputError
        There is no such run folder, or a part is missing.
    ScenarioError
        Its scenario is not one of this version.
    """

    def __init__(self, folder: Path) -> None:
        require_run(folder, "run.json", "scenario.toml", "timeseries.parquet", "cells.parquet", "events.parquet")
        require_columns(folder / "cells.parquet", *IDENTITY_COLUMNS, *PLACE_COLUMNS)
        self.folder = folder
        self._run = open_run(folder)
        self.scenario: Scenario = self._run.scenario
        self.sites = [PRIMARY, *self.scenario.sites]
        record = self._run.provenance
        self.provenance = {name: record[name] for name in _PROVENANCE if record.get(name) is not None}
        self.provenance |= {"finished": str(record.get("finished")), "exported_by": f"tumorabm {package_version()}"}

    @property
    def well_mixed(self) -> bool:
        """Whether the run is of wells, which have no map."""
        return self.scenario.domain.mode == "well_mixed"

    @cached_property
    def cells(self) -> CellSnapshots:
        """Its cells at each time."""
        return CellSnapshots(self.folder)

    @property
    def timeseries(self) -> pd.DataFrame:
        """Its time series."""
        return self._run.timeseries

    def fields(self, site: str) -> StoredFields:
        """Return the fields of a site."""
        require_run(self.folder, fields_name(site))
        return StoredFields(self.folder / fields_name(site))

    def size_um(self, site: str) -> tuple[float, float, float]:
        """Return the sides x, y, z of a site's domain, µm; z of a 2-D domain is the thickness of its slab."""
        domain = self.scenario.domain if site == PRIMARY else self.scenario.sites[site].domain
        return tuple(domain.size_um) if domain.slab_um is None else (*domain.size_um, domain.slab_um)

    def site_paths(self, path: Path, ending: str, export_format: str) -> Iterator[tuple[str, Path]]:
        """Give each site with its place: ``path`` for a single one, else a name in a folder that is made there."""
        if len(self.sites) == 1:
            yield PRIMARY, path
            return
        path.mkdir()
        for site in self.sites:
            yield site, path / f"{site}{ending}"
        self.write_note(path, export_format, {})

    def write_note(self, folder: Path, export_format: str, more: Mapping[str, Any]) -> None:
        """Write into a folder of an export what it is."""
        note = {"format": export_format, **self.provenance, **more}
        (folder / NOTE).write_text(json.dumps(note, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
