"""Parquet: one file, one schema, a row group for each batch of rows. Needs pyarrow: extra `parquet`.

Every row group has the types of `ARROW_SCHEMA`, whatever its rows hold, so pyarrow, DuckDB, polars and Spark read the same
values. The compression is zstd.
"""

from contextlib import suppress
from typing import Generic

import pyarrow as pa
import pyarrow.parquet as pq

from bigcommerce_b2b_invoices.export.arrow import Blocks, Row, Table
from bigcommerce_b2b_invoices.files import PartFile


class ParquetSink(Generic[Row]):
    """Writes rows to a Parquet file."""

    def __init__(self, part: PartFile, table: Table[Row]) -> None:
        self._blocks = Blocks(table)
        self._writer = pq.ParquetWriter(part.file, table.schema, compression="zstd")

    def write(self, row: Row) -> None:
        """Buffer a row. A full buffer becomes a row group."""
        if (batch := self._blocks.add(row)) is not None:
            self._writer.write_batch(batch)

    def finish(self) -> None:
        """Write the last row group and the footer."""
        if (batch := self._blocks.rest()) is not None:
            self._writer.write_batch(batch)
        self._writer.close()

    def close(self) -> None:
        """Release the writer. After a failure, it writes a footer of which nothing remains."""
        with suppress(OSError, pa.ArrowException):  # a full disk, which has already raised its error
            self._writer.close()
