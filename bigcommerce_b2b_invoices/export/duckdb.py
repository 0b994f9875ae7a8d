"""DuckDB: a database with one table, `invoices`, which has the columns of `ARROW_SCHEMA`. Needs duckdb: extra `duckdb`.

DuckDB makes its file and its log (WAL) in a private folder beside the target. The closed file, which needs no log, takes the
place of the temporary file. Amounts are `DECIMAL(38, 9)`, times are `TIMESTAMP WITH TIME ZONE`. There is no primary key, which
would make the file four times as large.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Generic

import duckdb
import pyarrow as pa

from bigcommerce_b2b_invoices.export.arrow import Blocks, Row, Table
from bigcommerce_b2b_invoices.export.folder import private_folder, remove_folder, take_over
from bigcommerce_b2b_invoices.files import PartFile

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",  # nothing is downloaded
    "memory_limit": "1GB",  # enough for invoices of 10,000 lines; what does not fit goes to the private folder
    "threads": "1",  # each thread has buffers of its own, and the rows come from one
}


GROUP = 4096  # rows of a row group, which DuckDB holds in memory until it is full
ROUNDS = 4  # batches after which the file is closed and opened again: DuckDB keeps what it wrote in memory until then


class DuckDBSink(Generic[Row]):
    """Writes rows to a table of a new DuckDB database."""

    def __init__(self, part: PartFile, table: Table[Row]) -> None:
        self._part = part
        self._blocks = Blocks(table)
        self._batches = 0
        self._folder = private_folder(part)
        self._file = self._folder / "invoices.duckdb"
        try:
            self._database = duckdb.connect(config={**CONFIG, "temp_directory": str(self._folder)})
            with _os_errors():
                self._attach()
                self._run("create table invoices as select * from batch", table.schema.empty_table())
        except BaseException:
            self.close()
            raise

    def write(self, row: Row) -> None:
        """Buffer a row. A full buffer goes to the database."""
        if (batch := self._blocks.add(row)) is not None:
            self._insert(batch)

    def finish(self) -> None:
        """Write the last rows, empty the log and close the database."""
        if (batch := self._blocks.rest()) is not None:
            self._insert(batch)
        with _os_errors():
            self._detach()
        take_over(self._part, self._file)

    def close(self) -> None:
        """Close the database and delete the folder."""
        with suppress(AttributeError, duckdb.Error):  # it was never opened, or a full disk has already raised its error
            self._database.close()
        remove_folder(self._folder)

    def _attach(self) -> None:
        path = str(self._file).replace("'", "''")
        self._database.execute(f"attach '{path}' as export (row_group_size {GROUP})")
        self._database.execute("use export")

    def _detach(self) -> None:
        self._database.execute("checkpoint export")  # detaching does the same, but keeps a failure to itself
        self._database.execute("use memory")
        self._database.execute("detach export")

    def _insert(self, batch: pa.RecordBatch) -> None:
        with _os_errors():
            self._run("insert into invoices select * from batch", pa.Table.from_batches([batch]))
            self._batches += 1
            if self._batches % ROUNDS == 0:
                self._detach()
                self._attach()

    def _run(self, sql: str, batch: pa.Table) -> None:
        self._database.register("batch", batch)
        self._database.execute(sql)
        self._database.unregister("batch")


@contextmanager
def _os_errors() -> Iterator[None]:
    """Turn DuckDB's errors of the disk into OSErrors."""
    try:
        yield
    except duckdb.Error as failure:
        text = str(failure)
        code = next((code for code in errno.errorcode if text.endswith(os.strerror(code))), None)
        if code is None and not isinstance(failure, duckdb.IOException):
            raise
        error = OSError(code or errno.EIO, os.strerror(code) if code else text)
    else:
        return
    raise error
