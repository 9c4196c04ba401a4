"""Tables that grow while a run goes on, as Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tumorabm.output.run_folder import require_space


class ParquetStream:
    """A Parquet file that grows by one row group a call (zstd; text columns as dictionaries).

    The first row group fixes columns and types. A file that cannot be written further is deleted.

    Parameters
    ----------
    path
        File to be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: pq.ParquetWriter | None = None

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        """Write equally long columns as one row group; OSError where the disk has no room for them."""
        self.append_table(pa.table({name: _to_arrow(values) for name, values in columns.items()}))

    def append_table(self, table: pa.Table) -> None:
        """Write a table as one row group; OSError where the disk has no room for it."""
        require_space(self.path.parent, table.nbytes)
        try:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd")
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        except OSError:
            self._writer = None
            self.path.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Write the file's end, without which it cannot be read."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.close()


class PartedStream:
    """The file of a `ParquetStream`, kept as closed parts until the run ends, so that a killed run has them.

    Parameters
    ----------
    path
        File to be made when the stream is closed, byte for byte that of a `ParquetStream`.
    folder
        Where the parts lie; those of an earlier process are taken over.

    Attributes
    ----------
    parts
        The closed parts, in order.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.parts = sorted(folder.glob(f"{path.stem}-*.parquet"))
        self._folder = folder
        self._open: ParquetStream | None = None

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        """Write equally long columns as one row group; OSError where the disk has no room for them."""
        if self._open is None:
            self._open = ParquetStream(self._folder / f"{self.path.stem}-{len(self.parts) + 1:06d}.parquet")
        self._open.append(columns)

    def seal(self) -> None:
        """Close the part that is being written, so that it can be read."""
        if self._open is None:
            return
        part, self._open = self._open, None
        part.close()
        if part.path.exists():  # one that a full disk cut off was deleted
            self.parts.append(part.path)

    def close(self) -> None:
        """Write the file from its parts, a row group at a time."""
        self.seal()
        whole = ParquetStream(self.path)
        for path in self.parts:
            with pq.ParquetFile(path, pre_buffer=False) as part:
                for group in range(part.num_row_groups):
                    whole.append_table(part.read_row_group(group, use_threads=False).combine_chunks())
        whole.close()


def _to_arrow(values: np.ndarray) -> pa.Array:
    if values.dtype.kind in "OU":  # an empty column of text would not tell its type
        return pa.array(values, type=pa.string()).dictionary_encode()
    return pa.array(values)
