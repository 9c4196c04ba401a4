"""Results of a sweep as tables: one row a run, and the time series of all runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tumorabm.output.run_folder import OutputError, reason, whole_file
from tumorabm.sweep.designs import varying
from tumorabm.sweep.plan import Plan, read_plan
from tumorabm.sweep.result import MISSING
from tumorabm.sweep.store import Contents, read_part, read_store, series_of

RESULTS, TIMESERIES = "results.parquet", "timeseries.parquet"
_ROWS_TOGETHER = 100_000
"""Of the time series: short runs share a row group."""


def read_sweep(folder: str | Path) -> pd.DataFrame:
    """Return the results of a sweep so far, read from its store.

    Parameters
    ----------
    folder
        Sweep folder, as `tumorabm sweep plan` makes it.

    Returns
    -------
    pandas.DataFrame
        A row a planned run, in the order of the plan: ``run_id``; a column for each parameter (lists and tables as
        JSON); ``seed``; ``status`` (done, failed, missing); ``error``; ``wall_s``, s; and the readouts.

    Raises
    ------
    tumorabm.output.run_folder.OutputError
        The folder holds no plan, or cannot be read.
    """
    plan = read_plan(Path(folder))
    return results_of(plan, read_store(plan.parts))


def results_of(plan: Plan, contents: Contents) -> pd.DataFrame:
    """Return the table of results; see `read_sweep`."""
    values: dict[str, dict[str, object]] = {}
    for path in contents.parts:
        for number, row in enumerate(read_part(path, ("run_id", "status", "error", "wall_s", "readouts")).to_pylist()):
            if _counts(contents, row["run_id"], path, number):
                values[row["run_id"]] = row
    readouts = list(dict.fromkeys(name for row in values.values() for name, _ in row["readouts"]))
    missing = {"status": MISSING, "error": None, "wall_s": None, "readouts": ()}
    names = list(dict.fromkeys(name for run in plan.runs for name in run.parameters))
    rows = []
    for run in plan.runs:
        row = values.get(run.run_id, missing)
        found = dict(row["readouts"])
        rows.append(
            {
                "run_id": run.run_id,
                **{name: _flat(run.parameters.get(name)) for name in names},
                "seed": run.seed,
                **{name: row[name] for name in ("status", "error", "wall_s")},
                **{name: found.get(name) for name in readouts},
            }
        )
    return pd.DataFrame(rows).astype(dict.fromkeys(("wall_s", *readouts), float))


def readout_names(plan: Plan, results: pd.DataFrame) -> list[str]:
    """Return the columns of a table of results that are readouts."""
    others = {"run_id", "seed", "status", "error", "wall_s", *(name for run in plan.runs for name in run.parameters)}
    return [name for name in results if name not in others]


def write_tables(plan: Plan, contents: Contents, results: pd.DataFrame) -> None:
    """Write ``results.parquet`` and ``timeseries.parquet`` into the sweep folder, a part at a time.

    Raises
    ------
    OutputError
        They cannot be written.
    """
    try:
        with whole_file(plan.folder / RESULTS) as path:
            pq.write_table(pa.Table.from_pandas(results, preserve_index=False), path, compression="zstd")
        with whole_file(plan.folder / TIMESERIES) as path:
            _write_timeseries(path, contents)
    except OSError as error:
        raise OutputError(f"{plan.folder}: tables cannot be written: {reason(error)}") from error


def _write_timeseries(path: Path, contents: Contents) -> None:
    """Write the series of all runs that count, with their run ids, in a schema that has the columns of all."""
    schemas = (series.schema for part in contents.parts for _, series in series_of(read_part(part, ["series"])))
    schema = pa.unify_schemas(
        [pa.schema({"run_id": pa.string()}), *dict.fromkeys(schemas)], promote_options="permissive"
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        waiting, n_rows = [schema.empty_table()], 0
        for table in _series_that_count(contents, schema):
            waiting.append(table)
            n_rows += table.num_rows
            if n_rows >= _ROWS_TOGETHER:
                writer.write_table(pa.concat_tables(waiting))
                waiting, n_rows = [schema.empty_table()], 0
        if n_rows:
            writer.write_table(pa.concat_tables(waiting))


def _series_that_count(contents: Contents, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the series of each run, with its id, in a schema that may have more columns."""
    for part in contents.parts:
        table = read_part(part, ["run_id", "series"])
        ids = table.column("run_id").to_pylist()
        for number, series in series_of(table):
            if _counts(contents, ids[number], part, number):
                columns = {"run_id": pa.array([ids[number]] * series.num_rows, pa.string())}
                columns |= dict(zip(series.column_names, series.columns, strict=True))
                empty = pa.nulls(series.num_rows)
                yield pa.table({name: columns.get(name, empty) for name in schema.names}).cast(schema)


def _counts(contents: Contents, run_id: str, part: Path, number: int) -> bool:
    """Return whether this row, of those of a run, is the one that counts."""
    chosen = contents.chosen.get(run_id)  # none: the part has grown since
    return chosen is not None and chosen["part"] == part and chosen["row"] == number


def _flat(value: object) -> object:
    """Return a value as a cell of a table: lists and tables as JSON."""
    return json.dumps(value) if isinstance(value, list | tuple | Mapping) else value


def varying_parameters(plan: Plan) -> list[str]:
    """Return the parameters that take more than one value in the plan."""
    return varying([run.parameters for run in plan.runs])
