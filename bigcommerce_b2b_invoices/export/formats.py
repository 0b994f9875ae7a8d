"""Which writer a path's ending means, and how invoices reach it."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import attrs

from bigcommerce_b2b_invoices import ConfigurationError, Invoice
from bigcommerce_b2b_invoices.export.csv import CSVWriter
from bigcommerce_b2b_invoices.export.files import appearing
from bigcommerce_b2b_invoices.export.jsonl import JSONLinesWriter

ROWS = 100  # written in one go before other tasks have their turn: some 10 ms


class InvoiceWriter(Protocol):
    """Writes one file, which it creates when it is made."""

    def write(self, invoice: Invoice) -> None:
        """Take one invoice; it may be buffered."""

    def close(self) -> None:
        """Write out what is buffered, and let go of the file; called once, after a failed `write` too."""


FORMATS: dict[str, Callable[[Path], InvoiceWriter]] = {".csv": CSVWriter, ".jsonl": JSONLinesWriter}


@attrs.define
class Export:
    """A file that is being written.

    Attributes:
        count: Invoices written so far.
    """

    _writer: InvoiceWriter
    count: int = 0

    async def write(self, invoice: Invoice) -> None:
        """Write one invoice."""
        self._writer.write(invoice)
        self.count += 1
        if self.count % ROWS == 0:
            await asyncio.sleep(0)


@asynccontextmanager
async def open_export(path: str | os.PathLike[str], *, overwrite: bool = False) -> AsyncGenerator[Export]:
    """A file to write invoices to, open for as long as an `async with` block lasts.

    The file appears when the block ends well, complete and on the disk. After an exception or a cancellation nothing of it is
    left, and a file that was to be overwritten is as it was. Only the owner may read a new file.

    Args:
        path: Its ending chooses the format: `.csv` or `.jsonl`.
        overwrite: Whether a file that exists may be replaced.

    Raises:
        ConfigurationError: No format has such an ending.
        OSError: The file exists (FileExistsError), or it cannot be written.
    """
    target = Path(path)
    make_writer = FORMATS.get(target.suffix.lower())
    if make_writer is None:
        raise ConfigurationError(f"no format has the ending of {target.name!r}: use {' or '.join(FORMATS)}")
    async with appearing(target, overwrite=overwrite) as temporary:
        try:
            writer = make_writer(temporary)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(target)) from None  # the temporary name tells nobody anything
        try:
            yield Export(writer)
        finally:
            writer.close()


async def write_invoices(
    path: str | os.PathLike[str],
    invoices: AsyncIterable[Invoice],
    *,
    overwrite: bool = False,
    on_row: Callable[[int], None] | None = None,
) -> int:
    """Write invoices, such as `client.invoices.iterate()`, to a file; returns how many. Rows are never held in memory.

    Args:
        path: Its ending chooses the format: `.csv` or `.jsonl`.
        invoices: What to write, in this order.
        overwrite: Whether a file that exists may be replaced.
        on_row: Called after each invoice with the number written so far.

    Raises:
        ConfigurationError: No format has such an ending.
        OSError: The file exists (FileExistsError), or it cannot be written.
        Exception: Whatever `invoices` or `on_row` raises. No file is left behind, and an existing one is as it was.
    """
    async with open_export(path, overwrite=overwrite) as export:
        async for invoice in invoices:
            await export.write(invoice)
            if on_row is not None:
                on_row(export.count)
    return export.count
