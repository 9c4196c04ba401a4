"""``tumorabm export``: a run folder in the format of another tool."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorabm.console import (
    INTERRUPTED,
    UserError,
    clear_messages,
    complain,
    require_packages,
    shown,
    stopped_by_signals,
)

if TYPE_CHECKING:
    from tumorabm.export.recorded import RecordedRun


@dataclass(frozen=True)
class Format:
    """One format: its module, the packages that it needs and the extra that brings them, and what it holds."""

    module: str
    packages: tuple[str, ...] = ()
    extra: str = "export"
    has_map: bool = True
    one_a_site: bool = False
    """Whether each site is a file of its own."""


FORMATS = {
    "simularium": Format("tumorabm.export.to_simularium", ("simulariumio",), one_a_site=True),
    "ome-zarr": Format("tumorabm.export.to_ome_zarr", ("zarr", "yaozarrs"), one_a_site=True),
    "anndata": Format("tumorabm.export.to_anndata", ("anndata",), extra="anndata", has_map=False),
    "vtk": Format("tumorabm.export.to_vtk", ("pyevtk",)),
    "csv": Format("tumorabm.export.to_csv", has_map=False),
}


def export(
    run_folder: Annotated[str, typer.Argument(metavar="RUN_DIR", help="Run folder.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=f"Format: {', '.join(FORMATS)}.")],
    out: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="File or folder to write; by default beside the run folder, by its name."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Write a run in the format of another tool: Simularium, OME-Zarr, AnnData (h5ad), VTK, CSV."""
    with clear_messages():
        chosen = _format(to)
        require_packages(f"--to {to}", chosen.packages, chosen.extra)
        try:
            with stopped_by_signals():
                path = _export(Path(run_folder), to, chosen, out, force)
        except KeyboardInterrupt:
            complain("interrupted; nothing was written")
            raise typer.Exit(INTERRUPTED) from None
        print(shown(path))


def _format(name: str) -> Format:
    """Return the format of this name; an unknown one is refused."""
    from tumorabm.scenario.messages import unknown_name

    if name not in FORMATS:
        raise UserError(f"--to {name}: {unknown_name('format', name, FORMATS)}")
    return FORMATS[name]


def _export(folder: Path, name: str, chosen: Format, out: str | None, force: bool) -> Path:
    """Write a run in a format and return where; what cannot be read or written is refused."""
    from pyarrow import ArrowException

    from tumorabm.export.place import require_free, written_beside
    from tumorabm.export.recorded import RecordedRun
    from tumorabm.output.run_folder import reason

    module = import_module(chosen.module)
    try:
        run = RecordedRun(folder)
        wanted = _wanted(run, name, chosen, module.ENDING, out)
        require_free(wanted, folder, force=force)
        if run.provenance["finished"] != "True":
            complain(f"{folder}: the run did not finish ({run.provenance['finished']}); what it recorded is exported")
        with written_beside(wanted, force=force) as path:
            module.write(run, path)
    except ArrowException as error:
        raise UserError(f"{folder}: a file is damaged, expected those of a run: {error}") from error
    except OSError as error:
        raise UserError(f"{folder}: cannot be exported: {reason(error)}") from error
    return wanted


def _wanted(run: RecordedRun, name: str, chosen: Format, ending: str, out: str | None) -> Path:
    """Return where to write; a run or name that the format does not take is refused."""
    if run.well_mixed and chosen.has_map:
        others = ", ".join(other for other, described in FORMATS.items() if not described.has_map)
        raise UserError(f"{run.folder}: the run is well-mixed and has no map; --to {name} needs one, {others} do not")
    is_folder = chosen.one_a_site and len(run.sites) > 1
    if out is None:
        return run.folder.resolve().with_name(run.folder.resolve().name + (f"-{name}" if is_folder else ending))
    if ending.startswith(".") and not is_folder and not out.endswith(ending):
        raise UserError(f"--out {out}: expected a name that ends in {ending}")
    return Path(out).resolve()
