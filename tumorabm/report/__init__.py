"""The report: one HTML page about a run or a sweep that stands alone, drawn from its folder.

Start at `write_report`. `run_page` and `sweep_page` say what is on a page, `page` how it looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tumorabm.output.run_folder import OutputError, hidden_run_name, require_run, write_whole
from tumorabm.report.run_page import missing_summary, page_of_run
from tumorabm.report.sweep_page import page_of_sweep
from tumorabm.sweep.plan import PLAN

REPORT = "report.html"


def write_report(folder: Path, at_hours: Sequence[float] = ()) -> list[Path]:
    """Write ``report.html`` into the folder of a run or a sweep, and the pictures of it that are missing.

    Parameters
    ----------
    folder
        Folder of a run, or of a sweep.
    at_hours
        Of a run: times of the maps, h. By default the first recorded time, that of the first dose, and the last.

    Returns
    -------
    list of Path
        What was written, the page first.

    Raises
    ------
    OutputError
        It is no such folder, or a time lies outside the run.
    OSError
        The folder cannot be written.
    """
    if (folder / PLAN).exists():
        if at_hours:
            raise OutputError("--at-hours: expected no times for a sweep, which keeps no maps")
        content, pictures = page_of_sweep(folder)
    else:
        _require_whole_run(folder)
        content, pictures = page_of_run(folder, at_hours), missing_summary(folder)
    write_whole(folder / REPORT, content.encode())
    return [folder / REPORT, *pictures]


def _require_whole_run(folder: Path) -> None:
    name = hidden_run_name(folder.absolute())
    if name is not None:
        raise OutputError(
            f"{folder}: the run goes on, or was killed; expected a folder without .partial "
            f"(where it kept checkpoints, go on with: tumorabm resume {folder.with_name(name)})"
        )
    require_run(folder, "run.json")
    if (folder / "assay.json").exists():
        raise OutputError(f"{folder}: holds an assay, expected the folder of a run or a sweep")
