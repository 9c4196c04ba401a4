"""``tumorabm assay``: the two protocols on the command line, and fits of measured plates and blots."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorabm.console import (
    FAILED,
    INTERRUPTED,
    UserError,
    clear_messages,
    complain,
    print_table,
    require_threads,
    say,
    shown,
    stopped_by_signals,
    words,
)

if TYPE_CHECKING:
    import pandas as pd

    from tumorabm.assays.blot import BlotDesign
    from tumorabm.assays.dose_response import DoseResponse
    from tumorabm.assays.plate import PlateDesign
    from tumorabm.output.run_folder import RunFolder

_DEFAULT_SEED = 1
_BLOT_COLUMNS = ("condition", "p_s6k1", "total_s6k1")
_FREE_WITH_FIT = {
    "western-blot": {"fit", "out", "force", "seed"},
    "viability": {"fit", "out", "force", "seed", "drug", "n_bootstrap", "background"},
}
"""Options that have a meaning beside --fit; the others set what is simulated."""
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
"""Of the columns of a CSV file, with their names."""

assay = typer.Typer(
    help="Do a laboratory protocol on virtual cells.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Knockouts = Annotated[
    list[str] | None, typer.Option("--knockout", metavar="NAME", help="Knock out, e.g. rag; may be repeated.")
]
Perturbs = Annotated[
    list[str] | None,
    typer.Option(
        "--perturb", metavar="NAME=VALUE", help="Factor or level, see: tumorabm parameters --perturbations; repeatable."
    ),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a value of the scenario; repeatable.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of all random numbers; default 1.")]
Threads = Annotated[int | None, typer.Option(help="Threads; by default the cores it may use.")]
Out = Annotated[str | None, typer.Option(help="Folder to write; by default runs/<assay>-...-s<seed>.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the folder --out where it exists.")]


@assay.command("western-blot")
def western_blot_command(
    context: typer.Context,
    cell_type: Annotated[str, typer.Option(metavar="TYPE", help="Type of the cells.")] = "solid_tumour",
    asparagine_uM: Annotated[
        float, typer.Option("--asparagine-uM", help="µM; dose of the asparagine stimulus.")
    ] = 500.0,
    replicates: Annotated[int, typer.Option(min=1, help="Wells of each condition.")] = 3,
    cells_per_well: Annotated[int, typer.Option(min=1, help="Cells simulated in each well.")] = 300,
    knockouts: Knockouts = None,
    perturbs: Perturbs = None,
    settings: Settings = None,
    noise: Annotated[float, typer.Option(help="Relative s.d. of loading and of each band.")] = 0.0,
    seed: Seed = None,
    threads: Threads = None,
    fit: Annotated[
        str | None,
        typer.Option(metavar="BANDS.csv", help="Densitometry of measured bands: condition, p_s6k1, total_s6k1."),
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Protocol 1: p-S6K1 after starvation and a stimulus, as a Western blot."""
    with clear_messages():
        require_threads([] if threads is None else [threads])
        if fit is not None:
            _refuse_design(context)
            _measure_bands(Path(fit), seed, out, force)
            return
        from tumorabm.assays.blot import BlotDesign

        design = BlotDesign(
            cell_type=cell_type,
            asparagine_uM=asparagine_uM,
            replicates=replicates,
            cells_per_well=cells_per_well,
            perturbations=_perturbations(knockouts, perturbs),
            overrides=tuple(settings or ()),
            seed=_DEFAULT_SEED if seed is None else seed,
            noise=noise,
        )
        _simulate_blot(design, threads, out, force)


@assay.command("viability")
def viability_command(
    context: typer.Context,
    cell_type: Annotated[str, typer.Option(metavar="TYPE", help="Type of the cells.")] = "molt4",
    drug: Annotated[str, typer.Option(help="asparaginase, or an inhibitor such as telaglenastat.")] = "asparaginase",
    formulation: Annotated[
        str | None, typer.Option(help="Of asparaginase: native_e_coli, pegaspargase, erwinia, calaspargase.")
    ] = None,
    doses: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Doses, IU/mL or µM: 0.001,0.01,0.1,1 or start:stop:n. Default: 11 doses."),
    ] = None,
    hours: Annotated[float, typer.Option(help="h with drug.")] = 72.0,
    replicates: Annotated[int, typer.Option(min=1, help="Wells of each dose and of vehicle.")] = 6,
    medium: Annotated[str, typer.Option(help="rpmi, dmem or plasma.")] = "rpmi",
    serum: Annotated[bool, typer.Option("--serum/--no-serum", help="With 10 % fetal bovine serum.")] = True,
    cells_per_well: Annotated[int, typer.Option(min=1, help="Cells seeded in the 100 µL of a well.")] = 7500,
    simulated_cells: Annotated[
        int, typer.Option(min=1, help="Cells simulated for each well, at the same density.")
    ] = 60,
    knockouts: Knockouts = None,
    perturbs: Perturbs = None,
    settings: Settings = None,
    noise: Annotated[float, typer.Option(help="Relative s.d. of absorbance.")] = 0.0,
    n_bootstrap: Annotated[int, typer.Option("--bootstrap", min=0, help="Resamples for the IC50's interval.")] = 200,
    seed: Seed = None,
    threads: Threads = None,
    fit: Annotated[
        str | None,
        typer.Option(metavar="PLATE.csv", help="Fit measured wells: dose (0: vehicle), viability or absorbance."),
    ] = None,
    background: Annotated[
        float, typer.Option(help="With --fit: absorbance of wells without cells, to be subtracted.")
    ] = 0.0,
    out: Out = None,
    force: Force = False,
) -> None:
    """Protocol 2: a 96-well plate with serial dilutions, MTT, and the IC50."""
    with clear_messages():
        require_threads([] if threads is None else [threads])
        if fit is not None:
            _refuse_design(context)
            _measure_plate(Path(fit), drug, background, n_bootstrap, seed, out, force)
            return
        if _is_given(context, "background"):
            raise UserError("--background: expected only with --fit; a simulated plate knows its background")
        from tumorabm.assays.plate import PlateDesign, dose_unit

        dose_unit(drug)
        design = PlateDesign(
            cell_type=cell_type,
            drug=drug,
            doses=None if doses is None else _doses(doses),
            formulation=formulation,
            hours=hours,
            replicates=replicates,
            medium=medium,
            serum=serum,
            cells_per_well=cells_per_well,
            simulated_cells=simulated_cells,
            perturbations=_perturbations(knockouts, perturbs),
            overrides=tuple(settings or ()),
            seed=_DEFAULT_SEED if seed is None else seed,
            noise=noise,
            n_bootstrap=n_bootstrap,
        )
        _simulate_plate(design, threads, out, force)


# -- simulated assays -----------------------------------------------------------------------------------------------


def _simulate_blot(design: BlotDesign, threads: int | None, out: str | None, force: bool) -> None:
    from tumorabm.assays.blot import blot

    scenario = design.scenario()
    with _assay_folder(scenario.name, scenario.seed, out, force) as folder:
        bands = blot(design, threads=threads, tell=say)
        folder.write_text("scenario.toml", scenario.to_toml())
        _write_blot(folder, bands, f"{design.cell_type}{_altered(design)}", exposure=1.0)
        _write_provenance(folder, "western blot", scenario.seed, _inputs(design), "scenario.toml")
        path = folder.publish()
    _print_bands(bands, path)


def _simulate_plate(design: PlateDesign, threads: int | None, out: str | None, force: bool) -> None:
    from tumorabm.assays.plate import read_plate
    from tumorabm.assays.plots import plate_figure
    from tumorabm.output import style

    scenario = design.scenario()
    with _assay_folder(scenario.name, scenario.seed, out, force) as folder:
        plate = read_plate(design, threads=threads, tell=say)
        folder.write_text("scenario.toml", scenario.to_toml())
        folder.write_text("wells.csv", plate.wells.to_csv(index=False, float_format="%.6g"))
        kind = f" ({design.formulation})" if design.formulation else ""
        title = f"{design.cell_type}, {design.drug}{kind}, {design.hours:g} h{_altered(design)}"
        style.save(plate_figure(plate.wells, title=title, unit=design.unit), folder.path / "plate.png")
        _write_fit(folder, plate.wells, plate.fit, title)
        _write_provenance(folder, "viability", scenario.seed, _inputs(design), "scenario.toml")
        path = folder.publish()
    _print_fit(plate.wells, plate.fit, path)


def _inputs(design: BlotDesign | PlateDesign) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(design)


def _altered(design: BlotDesign | PlateDesign) -> str:
    """Return what differs from the protocol, for a title."""
    perturbed = "".join(f", {name} {value:g}" for name, value in design.perturbations.items())
    return perturbed + (f", with --set {', '.join(design.overrides)}" if design.overrides else "")


# -- measured assays ------------------------------------------------------------------------------------------------


def _measure_bands(source: Path, seed: int | None, out: str | None, force: bool) -> None:
    import pandas as pd

    from tumorabm.assays.blot import densitometry

    rows = _read_csv(source, [_BLOT_COLUMNS])
    for line, row in rows:
        if row["total_s6k1"] <= 0.0:
            raise UserError(f"--fit {source}: line {line}: total_s6k1 is {row['total_s6k1']:g}, expected above 0")
        if row["p_s6k1"] < 0.0:
            raise UserError(f"--fit {source}: line {line}: p_s6k1 is {row['p_s6k1']:g}, expected at least 0")
    bands = densitometry(pd.DataFrame([row for _, row in rows]))
    seed = _DEFAULT_SEED if seed is None else seed
    with _assay_folder(f"western-blot-{source.stem}", seed, out, force) as folder:
        _write_blot(folder, bands, source.name)
        _write_provenance(folder, "western blot", seed, {"fit": str(source)}, None)
        path = folder.publish()
    _print_bands(bands, path)


def _measure_plate(
    source: Path, drug: str, background: float, n_bootstrap: int, seed: int | None, out: str | None, force: bool
) -> None:
    import pandas as pd

    from tumorabm.assays.dose_response import DOSE_RANGE, MOST_VIABILITY, fit_dose_response
    from tumorabm.assays.plate import dose_unit

    unit, (lowest, highest) = dose_unit(drug), DOSE_RANGE
    if not abs(background) <= MOST_VIABILITY:
        raise UserError(f"--background {background:g}: expected a finite number, at most {MOST_VIABILITY:g} in size")
    rows = _read_csv(source, [("dose", "viability"), ("dose", "absorbance")])
    for line, row in rows:
        if row["dose"] < 0.0:
            raise UserError(f"--fit {source}: line {line}: dose is {row['dose']:g}, expected at least 0 (0: vehicle)")
        if row["dose"] and not lowest <= row["dose"] <= highest:
            raise UserError(
                f"--fit {source}: line {line}: dose is {row['dose']:g}, expected 0 (vehicle) or from {lowest:g} to "
                f"{highest:g} {unit}"
            )
        for name in ("viability", "absorbance"):
            if abs(row.get(name, 0.0)) > MOST_VIABILITY:
                raise UserError(
                    f"--fit {source}: line {line}: {name} is {row[name]:g}, expected at most {MOST_VIABILITY:g} in size"
                )
    wells = pd.DataFrame([row for _, row in rows])
    if "viability" not in wells:
        wells["viability"] = wells["absorbance"] - background
    seed = _DEFAULT_SEED if seed is None else seed
    try:
        fit = fit_dose_response(
            wells["dose"].to_numpy(), wells["viability"].to_numpy(), unit=unit, n_bootstrap=n_bootstrap, seed=seed
        )
    except ValueError as error:
        raise UserError(f"--fit {source}: {error}") from None
    wells["viability"] /= wells.loc[wells["dose"] == 0.0, "viability"].mean()
    with _assay_folder(f"viability-{source.stem}", seed, out, force) as folder:
        _write_fit(folder, wells, fit, source.name)
        inputs = {"fit": str(source), "drug": drug, "background": background, "n_bootstrap": n_bootstrap}
        _write_provenance(folder, "viability", seed, inputs, None)
        path = folder.publish()
    _print_fit(wells, fit, path)


def _read_csv(source: Path, layouts: Sequence[tuple[str, ...]]) -> list[tuple[int, dict[str, float | str]]]:
    """Return the rows of a CSV file with their line numbers: the columns of the first layout that it has.

    Columns are separated by comma, semicolon or tab, whichever gives a header with the columns of a layout, in upper or
    lower case. All columns but ``condition`` are numbers; where no comma separates, it may be a decimal comma. Empty
    lines are passed over.
    """
    expected = " or ".join(", ".join(layout) for layout in layouts)
    try:
        text = source.read_text(encoding="utf-8-sig")
        tables = [(separator, _lines(text, separator)) for separator in _SEPARATORS]
    except OSError as error:
        from tumorabm.output.run_folder import reason

        raise UserError(f"--fit {source}: cannot be read: {reason(error)}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"--fit {source}: is no CSV file: {error}; expected the columns {expected}") from None
    if not all(lines for _, lines in tables):
        raise UserError(f"--fit {source}: is empty; expected the columns {expected}")
    fitting = [
        (separator, lines, layout)
        for separator, lines in tables
        for layout in layouts
        if set(layout) <= set(_names(lines[0][1]))
    ]
    if not fitting:
        separator, lines = max(tables, key=lambda table: len(table[1][0][1]))
        raise UserError(
            f"--fit {source}: found the columns {', '.join(lines[0][1])}; expected {expected} (taken as separator: "
            f"{_SEPARATORS[separator]})"
        )
    separator, ((_, header), *rows), layout = fitting[0]
    names = _names(header)
    for name in layout:
        if names.count(name) > 1:
            raise UserError(f"--fit {source}: found {names.count(name)} columns {name}; expected one")
    if not rows:
        raise UserError(f"--fit {source}: has a header and no rows; expected a row for each well or lane")
    return [(line, _row(source, line, row, names, layout, separator)) for line, row in rows]


def _lines(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Return the cells of each line of a CSV file that is not empty, with the line's number."""
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    blank = "".join(_SEPARATORS)
    return [(number, row) for number, row in lines if any(cell.strip(blank) for cell in row)]


def _names(header: list[str]) -> list[str]:
    return [name.casefold() for name in header]


def _row(
    source: Path, line: int, row: list[str], names: list[str], layout: Sequence[str], separator: str
) -> dict[str, float | str]:
    """Return the columns of a layout from one line."""
    where, taken = f"--fit {source}: line {line}", f"(taken as separator: {_SEPARATORS[separator]})"
    if any(row[len(names) :]):
        raise UserError(f"{where}: has {len(row)} cells, expected {len(names)} as in the header {taken}")
    values: dict[str, float | str] = {}
    for name in layout:
        index = names.index(name)
        text = row[index] if index < len(row) else ""
        if name == "condition":
            if not text:
                raise UserError(f"{where}: condition is empty; expected a name {taken}")
            values[name] = text
            continue
        values[name] = _number(text if separator == "," or "." in text else text.replace(",", "."))
        if not math.isfinite(values[name]):
            given = f'"{text}"' if text else "empty"
            raise UserError(f"{where}: {name} is {given}, expected a number {taken}")
    return values


# -- options --------------------------------------------------------------------------------------------------------


def _refuse_design(context: typer.Context) -> None:
    """Refuse options that set up a simulation beside --fit, which does none."""
    for parameter in context.command.params:
        if parameter.name not in _FREE_WITH_FIT[context.command.name] and _is_given(context, parameter.name):
            raise UserError(f"--fit: expected no {parameter.opts[0]} beside it, because nothing is simulated")


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _perturbations(knockouts: Iterable[str] | None, perturbs: Iterable[str] | None) -> dict[str, float]:
    """Return the perturbations of ``--knockout`` and ``--perturb`` by name."""
    from tumorabm.biology.parameters import PERTURBATIONS

    values: dict[str, float] = {}
    for name in knockouts or ():
        lever = _lever(f"--knockout {name}", name, [key for key, row in PERTURBATIONS.items() if not row.is_level])
        if lever.is_level:
            raise UserError(f"--knockout {name}: is a level, not a factor; expected --perturb {name}=VALUE")
        values[name] = 0.0
    for text in perturbs or ():
        name, sign, number = (part.strip() for part in text.partition("="))
        if not sign:
            raise UserError(f"--perturb {text}: expected NAME=VALUE, as in gls=0.1")
        lever = _lever(f"--perturb {text}", name, PERTURBATIONS)
        value = _number(number)
        if not 0.0 <= value <= lever.highest or math.isinf(value):
            upper = "of at least 0" if math.isinf(lever.highest) else f"from 0 to {lever.highest:g}"
            raise UserError(f"--perturb {text}: expected a number {upper} ({lever.meaning})")
        if name in values:
            raise UserError(f"--perturb {text}: {name} is given twice; expected one value")
        values[name] = value
    return values


def _lever(option: str, name: str, choices: Iterable[str]):
    from tumorabm.biology.parameters import PERTURBATIONS
    from tumorabm.scenario.messages import unknown_name

    if name not in PERTURBATIONS:
        raise UserError(f"{option}: {unknown_name('perturbation', name, choices)}")
    return PERTURBATIONS[name]


def _number(text: str) -> float:
    """Return a number, NaN where ``text`` is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _doses(text: str) -> tuple[float, ...]:
    """Return the doses of ``--doses``: a list, or start:stop:n in equal steps of the logarithm."""
    from tumorabm.assays.plate import serial_dilution

    if ":" not in text:
        doses = tuple(map(_number, text.split(",")))
        if any(map(math.isnan, doses)):
            raise UserError(f"--doses {text}: expected numbers separated by commas, or start:stop:n")
        return doses
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].strip().isdecimal():
        raise UserError(f"--doses {text}: expected start:stop:n, as in 1e-5:1:11")
    start, stop, number = _number(parts[0]), _number(parts[1]), int(parts[2])
    if not (0.0 < start < stop < math.inf):
        raise UserError(f"--doses {text}: expected 0 < start < stop")
    if not 2 <= number <= 95:
        raise UserError(f"--doses {text}: expected 2 to 95 doses, not {number}")
    return serial_dilution(start, stop, number)


# -- files ----------------------------------------------------------------------------------------------------------


@contextmanager
def _assay_folder(name: str, seed: int, out: str | None, force: bool) -> Iterator[RunFolder]:
    """Yield the folder to write; whatever breaks off before it is published leaves nothing of it."""
    from tumorabm.output.run_folder import OutputError, RunFolder, reason

    folder = RunFolder(name, seed, out=out, force=force)
    try:
        with stopped_by_signals():
            yield folder
    except OutputError:  # of publishing: its message says where the files are
        raise
    except BaseException as error:
        folder.discard()
        if isinstance(error, KeyboardInterrupt):
            complain("interrupted; nothing was written")
            raise typer.Exit(INTERRUPTED) from None
        if isinstance(error, FloatingPointError):
            complain(f"the assay failed: {words(error)}")
            raise typer.Exit(FAILED) from None
        if isinstance(error, OSError):
            why = f"cannot write the assay's folder: {reason(error)} (choose another place with --out)"
            raise OutputError(why) from error
        raise


def _write_blot(folder: RunFolder, bands: pd.DataFrame, title: str, exposure: float | None = None) -> None:
    from tumorabm.assays.plots import blot_figure
    from tumorabm.output import style

    folder.write_text("bands.csv", bands.to_csv(index=False, float_format="%.6g"))
    style.save(blot_figure(bands, title=title, exposure=exposure), folder.path / "blot.png")


def _write_fit(folder: RunFolder, wells: pd.DataFrame, fit: DoseResponse, title: str) -> None:
    from tumorabm.assays.plots import curve_figure
    from tumorabm.output import style

    folder.write_json("fit.json", fit.report())
    doses, viability = (wells[name].to_numpy(float) for name in ("dose", "viability"))
    style.save(curve_figure(doses, viability, fit, title=title), folder.path / "curve.png")


def _write_provenance(folder: RunFolder, kind: str, seed: int, inputs: dict[str, object], scenario: str | None) -> None:
    """Write ``assay.json``, and ``run.json`` by which a folder of results is known."""
    from tumorabm.output import provenance

    made = {
        "assay": kind,
        "seed": seed,
        **provenance.versions(),
        "started": folder.started.isoformat(timespec="seconds"),
        "wall_s": (datetime.now(UTC) - folder.started).total_seconds(),
        "finished": True,
    }
    folder.write_json("assay.json", {**made, "inputs": inputs, "scenario": scenario})
    folder.write_json("run.json", {**made, "host": provenance.host()})


# -- what is printed ------------------------------------------------------------------------------------------------


def _print_bands(bands: pd.DataFrame, path: Path) -> None:
    ratios = bands.groupby("condition", sort=False)["p_s6k1_ratio"]
    rows = [
        (condition, f"{of_condition.mean():.3f}", f"{of_condition.std(ddof=0):.3f}", str(len(of_condition)))
        for condition, of_condition in ratios
    ]
    print_table(("condition", "p-S6K1 / S6K1", "s.d.", "replicates"), rows)
    print(f"assay folder: {shown(path)}")


def _print_fit(wells: pd.DataFrame, fit: DoseResponse, path: Path) -> None:
    columns: dict[str, Callable[[pd.Series], str]] = {
        "live_cells": lambda values: f"{values.mean():.0f}",
        "absorbance": lambda values: f"{values.mean():.3f}",
        "viability": lambda values: f"{values.mean():.3f}",
    }
    present = [name for name in columns if name in wells]
    rows = [
        (f"{dose:.4g}" if dose else "vehicle", *(columns[name](of_dose[name]) for name in present), str(len(of_dose)))
        for dose, of_dose in wells.groupby("dose")
    ]
    print_table((f"dose, {fit.unit}", *(name.replace("_", " ") for name in present), "wells"), rows)
    print(fit.message)
    print(f"assay folder: {shown(path)}")
