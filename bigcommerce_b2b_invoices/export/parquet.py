"""Parquet: one file, one schema, a row group for each batch of rows. Needs pyarrow: extra `parquet`.

Every row group has the types of `ARROW_SCHEMA`, whatever its rows hold, so pyarrow, DuckDB, polars and Spark read the same
values. The compression is zstd.
"""

from typing import Generic

import pyarrow.parquet

from bigcommerce_b2b_invoices.export.arrow import ROWS, Row, Table
from bigcommerce_b2b_invoices.files import PartFile


class ParquetSink(Generic[Row]):
    """Writes rows to a Parquet file."""

    def __init__(self, part: PartFile, table: Table[Row]) -> None:
        self._table = table
        self._rows: list[Row] = []
        self._writer = pyarrow.parquet.ParquetWriter(part.file, table.schema, compression="zstd")

    def write(self, row: Row) -> None:
        """Buffer a row. A full buffer becomes a row group."""
        self._rows.append(row)
        if len(self._rows) == ROWS:
            self._write_rows()

    def finish(self) -> None:
        """Write the last row group and the footer."""
        if self._rows:
            self._write_rows()
        self._writer.close()

    def close(self) -> None:
        """Release the writer. After a failure, it writes a footer of which nothing remains."""
        self._writer.close()

    def _write_rows(self) -> None:
        rows, self._rows = self._rows, []
        self._writer.write_batch(self._table.batch(rows))
