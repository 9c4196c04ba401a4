"""A recorded run, opened: its tables, scenario and provenance, each read when it is first used."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumorabm.notebook import run_html
from tumorabm.output.run_folder import reading, require_run

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from tumorabm.scenario import Scenario


def open_run(folder: str | Path) -> Run:
    """Open the folder of a run.

    >>> run = open_run("runs/leukaemia_asparaginase-s1")  # doctest: +SKIP
    >>> run.timeseries.plot("time_h", "live_blast")  # doctest: +SKIP

    Raises
    ------
    tumorabm.output.run_folder.OutputError
        There is no such run folder.
    """
    require_run(Path(folder), "run.json")
    return Run(Path(folder))


class Run:
    """The folder of a run. A table that was not recorded, because the run broke off, is None.

    Attributes
    ----------
    folder
        Path of the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """What run.json holds: seed, versions, host, wall time, and whether the run finished."""
        return _json(self.folder / "run.json")

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario, complete.

        Raises
        ------
        ScenarioError
            It is missing, or this version does not know all of it.
        """
        from tumorabm.scenario import load_scenario

        return load_scenario(self.folder / "scenario.toml")

    @cached_property
    def timeseries(self) -> pd.DataFrame | None:
        """A row for each time and site; columns are in the README."""
        return self._table("timeseries.parquet")

    @cached_property
    def cells(self) -> pd.DataFrame | None:
        """All cells at all recorded times; columns are in the README. Of a large run this is large."""
        return self._table("cells.parquet")

    @cached_property
    def events(self) -> pd.DataFrame | None:
        """Divisions, deaths and doses, a row each."""
        return self._table("events.parquet")

    @cached_property
    def ledger(self) -> dict[str, Any] | None:
        """The nitrogen account at the end, amol, by site."""
        path = self.folder / "ledger.json"
        return _json(path) if path.exists() else None

    @property
    def summary(self) -> Figure:
        """Curves and last map, drawn anew; see `tumorabm.figures` for all other pictures."""
        from tumorabm.output.summary_plot import summary_figure  # matplotlib is slow to import

        return summary_figure(self.folder)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        return run_html(self)

    def _table(self, name: str) -> pd.DataFrame | None:
        import pandas as pd

        path = self.folder / name
        with reading(path):
            return pd.read_parquet(path) if path.exists() else None


def _json(path: Path) -> dict[str, Any]:
    """Return what a file of a run holds as JSON; OutputError where it is damaged."""
    with reading(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError(f"it holds {content!r:.40}, no names and values")
        return content
