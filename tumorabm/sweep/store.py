"""The store of a sweep: Parquet parts of whole runs, written beside, synced and renamed.

A part holds up to 50 runs and grows by being written anew under its own name, so a kill costs the runs since the last
writing and never leaves half a part. Checksums of all pages, and a fixed schema, tell a damaged part; it is set aside.
"""

from __future__ import annotations

import io
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tumorabm.output import provenance
from tumorabm.output.run_folder import OutputError, reason, require_space, write_whole
from tumorabm.sweep.result import DONE, Result

RUNS_PER_PART = 50
FLUSH_S = 30.0
"""A result waits at most about this long, s, to be written."""
FORMAT = "1"
"""Of parts; those of another one are refused, and not taken for damaged."""
_LEAST_SPACE_BYTES = 1 << 20
_SUFFIX, _ASIDE = ".parquet", ".unreadable"

SCHEMA = pa.schema(
    {
        "run_id": pa.string(),
        "status": pa.string(),
        "error": pa.string(),
        "wall_s": pa.float64(),
        "ended_s": pa.float64(),
        "digest": pa.string(),
        "readouts": pa.map_(pa.string(), pa.float64()),
        "series": pa.binary(),
    }
)
_BRIEF = ("run_id", "status", "error", "ended_s", "digest")


class PartWriter:
    """Writes results as parts that no other writer writes to.

    Parameters
    ----------
    folder
        Of all parts; made where it does not exist.
    clock
        Returns seconds; they decide when results that wait are written.

    Raises
    ------
    OutputError
        Here and in all methods: the folder cannot be written. What was written before is as it was.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._results: list[Result] = []
        self._unwritten = 0
        self._written_at_s = clock()
        self._number = 0
        self._stem = f"part-{socket.gethostname()}-{os.getpid()}-{time.time_ns():x}"
        made_by = json.dumps({**provenance.versions(), "host": provenance.host()})
        self._metadata = {"tumorabm_format": FORMAT, "tumorabm": made_by}
        self._try(lambda: folder.mkdir(parents=True, exist_ok=True))
        self._try(self._probe)

    def add(self, result: Result) -> None:
        """Take a result, and write those that wait when the part is full or time is up."""
        self._results.append(result)
        self._unwritten += 1
        if len(self._results) >= RUNS_PER_PART:
            self.flush()
            self._results = []
            self._number += 1
        else:
            self.flush_if_due()

    def flush_if_due(self) -> None:
        """Write what waits, if that was not done for a while."""
        if self._unwritten and self._clock() - self._written_at_s >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if not self._unwritten:
            return
        content = part_bytes(self._results, self._metadata)
        self._try(lambda: require_space(self._folder, len(content)))
        self._try(lambda: write_whole(self._folder / f"{self._stem}-{self._number:04d}{_SUFFIX}", content))
        self._unwritten = 0
        self._written_at_s = self._clock()

    def _probe(self) -> None:
        """Find out before time is spent whether parts can be written."""
        require_space(self._folder, _LEAST_SPACE_BYTES)
        probe = self._folder / f".{self._stem}"
        write_whole(probe, b"")
        probe.unlink()

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            raise OutputError(
                f"{self._folder}: results cannot be written: {reason(error)}; those written before are safe"
            ) from error


def part_bytes(results: Sequence[Result], metadata: dict[str, str]) -> bytes:
    """Return results as the content of a part."""
    rows = [{**asdict(result), "readouts": list(result.readouts.items())} for result in results]
    table = pa.Table.from_pylist(rows, schema=SCHEMA).replace_schema_metadata(metadata)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


@dataclass
class Contents:
    """What the parts of a store hold.

    Attributes
    ----------
    chosen
        For each run the row that counts: a done one before failed ones, then the latest. Keys are run ids; values are
        the columns of the part beside readouts and series, with ``part`` (its path) and ``row`` (its number there).
    parts
        Readable parts.
    unreadable
        Damaged parts, with what is wrong in them.
    set_aside
        Damaged parts that were found earlier.
    repeated
        Number of runs that were done more than once, with the same bits.
    differing
        Runs that were done more than once with other bits.
    made_by
        Versions and host by which parts were made (`tumorabm.output.provenance`), each once, in the order of the parts.
    """

    chosen: dict[str, dict[str, object]] = field(default_factory=dict)
    parts: list[Path] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)
    set_aside: list[Path] = field(default_factory=list)
    repeated: int = 0
    differing: list[str] = field(default_factory=list)
    made_by: list[dict[str, object]] = field(default_factory=list)

    def status(self, run_id: str) -> str | None:
        """Return whether a run is done or failed; None where there is no result."""
        row = self.chosen.get(run_id)
        return None if row is None else row["status"]

    def _add(self, row: dict[str, object]) -> None:
        before = self.chosen.setdefault(row["run_id"], row)
        if before is row:
            return
        if before["status"] == row["status"] == DONE:
            if before["digest"] == row["digest"]:
                self.repeated += 1
            elif row["run_id"] not in self.differing:
                self.differing.append(row["run_id"])
        self.chosen[row["run_id"]] = max(before, row, key=lambda row: (row["status"] == DONE, row["ended_s"]))


def read_store(folder: Path, *, verify: bool = True, set_aside: bool = False) -> Contents:
    """Return what the parts in a folder hold.

    Parameters
    ----------
    folder
        Of the parts; a missing one is empty.
    verify
        Read every page and compare its checksum; else only what tells which runs are done.
    set_aside
        Rename damaged parts, so that their runs count as missing for good. Where that is not possible they stay.

    Raises
    ------
    OutputError
        A part cannot be read for a reason other than damage (no permission, say).
    """
    contents = Contents(set_aside=sorted(folder.glob(f"*{_ASIDE}")))
    for path in sorted(folder.glob(f"part-*{_SUFFIX}")):
        try:
            table = read_part(path, None if verify else _BRIEF).select(_BRIEF)
        except DamagedError as error:
            contents.unreadable[_aside(path) if set_aside else path] = str(error)
            continue
        contents.parts.append(path)
        if (made_by := _provenance_of(table)) not in contents.made_by:
            contents.made_by.append(made_by)
        for number, row in enumerate(table.to_pylist()):
            contents._add({**row, "part": path, "row": number})
    return contents


class DamagedError(Exception):
    """A part whose content is not what was written."""


def read_part(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a part, all pages that are read compared with their checksums.

    Raises
    ------
    DamagedError
        It is not what was written.
    OutputError
        It cannot be read.
    """
    try:
        with path.open("rb") as file:
            part = pq.ParquetFile(file, page_checksum_verification=True)
            format_ = (part.metadata.metadata or {}).get(b"tumorabm_format", FORMAT.encode()).decode(errors="replace")
            if not format_.isdecimal():
                raise DamagedError("its format is no number")
            if format_ != FORMAT:
                raise OutputError(f"{path}: a part of format {format_}, expected format {FORMAT}")
            if not part.schema_arrow.equals(SCHEMA):
                raise DamagedError("its columns are others")
            table = part.read(columns, use_threads=False)
            table.validate(full=True)
            return table
    except (DamagedError, OutputError):
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno:
            raise OutputError(f"{path}: cannot be read: {reason(error)}") from error
        raise DamagedError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error


def _provenance_of(part: pa.Table) -> dict[str, object]:
    """Return how a part was made; nothing where that is damaged, which no checksum covers."""
    try:
        return json.loads((part.schema.metadata or {}).get(b"tumorabm", b"{}"))
    except ValueError:
        return {}


def _aside(path: Path) -> Path:
    """Return the new name of a damaged part; the old one where it cannot be renamed."""
    aside = path.with_name(path.name + _ASIDE)
    try:
        return path.rename(aside)
    except FileNotFoundError:  # another process was faster
        return aside
    except OSError:
        return path


def series_of(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Yield row number and time series of each run of a part that has one."""
    for number, content in enumerate(table.column("series")):
        if content.as_py():
            yield number, pa.ipc.open_stream(content.as_buffer()).read_all()
