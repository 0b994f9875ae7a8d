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

from bigcommerce_b2b_invoices.export.arrow import ROWS, Row, Table
from bigcommerce_b2b_invoices.export.folder import private_folder, remove_folder, take_over
from bigcommerce_b2b_invoices.files import PartFile

CONFIG: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": "false"}  # nothing is downloaded


class DuckDBSink(Generic[Row]):
    """Writes rows to a table of a new DuckDB database."""

    def __init__(self, part: PartFile, table: Table[Row]) -> None:
        self._part = part
        self._table = table
        self._rows: list[Row] = []
        self._folder = private_folder(part)
        self._file = self._folder / "invoices.duckdb"
        try:
            with _os_errors():
                self._database = duckdb.connect(str(self._file), config=CONFIG)
                self._insert("create table invoices as select * from batch", table.schema.empty_table())
        except BaseException:
            self.close()
            raise

    def write(self, row: Row) -> None:
        """Buffer a row. A full buffer goes to the database."""
        self._rows.append(row)
        if len(self._rows) == ROWS:
            self._write_rows()

    def finish(self) -> None:
        """Write the last rows, empty the log and close the database."""
        if self._rows:
            self._write_rows()
        with _os_errors():
            self._database.execute("checkpoint")  # closing does the same, but keeps a failure to itself
        self._database.close()
        take_over(self._part, self._file)

    def close(self) -> None:
        """Close the database and delete the folder."""
        with suppress(AttributeError, duckdb.Error):  # it was never opened, or a full disk has already raised its error
            self._database.close()
        remove_folder(self._folder)

    def _write_rows(self) -> None:
        rows, self._rows = self._rows, []
        batch = pa.Table.from_batches([self._table.batch(rows)])
        with _os_errors():
            self._insert("insert into invoices select * from batch", batch)

    def _insert(self, sql: str, batch: pa.Table) -> None:
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
