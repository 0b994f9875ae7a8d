"""Which writer belongs to which path ending, and how invoices reach the writer."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import attrs

from bigcommerce_b2b_invoices import ConfigurationError, Invoice
from bigcommerce_b2b_invoices.export.csv import CSVWriter
from bigcommerce_b2b_invoices.export.jsonl import JSONLinesWriter
from bigcommerce_b2b_invoices.files import appearing

ROWS = 100  # rows written before other tasks get a turn: about 10 ms


class InvoiceWriter(Protocol):
    """Writes one file."""

    def write(self, invoice: Invoice) -> None:
        """Write one invoice, or buffer it."""

    def close(self) -> None:
        """Write out the buffer and release the file, which stays open. Called once, also after a failed `write`."""


FORMATS: dict[str, Callable[[BinaryIO], InvoiceWriter]] = {".csv": CSVWriter, ".jsonl": JSONLinesWriter}


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
    """A file to write invoices to. It is open inside the `async with` block.

    If the block ends without an exception, the file appears, complete and on the disk. After an exception or a cancellation no
    new file is left behind, and an existing file is unchanged. Only the owner may read a new file.

    Args:
        path: Where to write. The ending sets the format: `.csv` or `.jsonl`.
        overwrite: Whether to replace a file that exists. A symbolic link is refused, and never followed. Only a link that
            somebody makes in the instant before the file gets its name may be replaced.

    Raises:
        ConfigurationError: No format has this ending.
        OSError: The file exists (FileExistsError), no file can have this name, or it cannot be written.
    """
    target = Path(path)
    make_writer = FORMATS.get(target.suffix.lower())
    if make_writer is None:
        raise ConfigurationError(f"no format has the ending of {target.name!r}: use {' or '.join(FORMATS)}")
    async with appearing(target, overwrite=overwrite) as part:
        writer = make_writer(part.file)
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
    """Write invoices, such as `client.invoices.iterate()`, to a file and return how many. It does not collect rows in memory.

    Args:
        path: Where to write. The ending sets the format: `.csv` or `.jsonl`.
        invoices: The invoices to write, in this order.
        overwrite: Whether to replace a file that exists.
        on_row: Called after each invoice with the number written so far.

    Raises:
        ConfigurationError: No format has this ending.
        OSError: The file exists (FileExistsError), or it cannot be written.
        Exception: Any error that `invoices` or `on_row` raises. No new file is left behind, and an existing file is unchanged.
    """
    async with open_export(path, overwrite=overwrite) as export:
        async for invoice in invoices:
            await export.write(invoice)
            if on_row is not None:
                on_row(export.count)
    return export.count
