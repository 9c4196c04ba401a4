"""Tables as text: timeseries.csv, cells.csv, events.csv, and troughs.csv where the run has it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from tumorabm.export.recorded import RecordedRun

ENDING = "-csv"
TABLES = ("timeseries", "cells", "events")


def write(run: RecordedRun, path: Path) -> None:
    """Write a folder of tables with the columns of the run's; numbers read back are the same to the last bit."""
    path.mkdir()
    for name in TABLES:
        _write_table(run.folder / f"{name}.parquet", path / f"{name}.csv")
    if (run.folder / "troughs.csv").exists():
        shutil.copyfile(run.folder / "troughs.csv", path / "troughs.csv")
    run.write_note(path, "csv", {})


def _write_table(source: Path, target: Path) -> None:
    """Copy a table part by part: all cells at once may be more than the memory holds."""
    with pq.ParquetFile(source, pre_buffer=False) as file:
        schema = pa.schema([(field.name, _plain(field.type)) for field in file.schema_arrow])
        with pacsv.CSVWriter(target, schema) as writer:
            for group in range(file.num_row_groups):
                writer.write_table(file.read_row_group(group).cast(schema))


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column as readers of CSV take it: no dictionary, and numbers of double precision."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    return pa.float64() if pa.types.is_float32(kind) else kind
