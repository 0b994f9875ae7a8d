"""Which format belongs to which path ending, and how invoices reach its sink."""

import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from bigcommerce_b2b_invoices import ConfigurationError, Invoice
from bigcommerce_b2b_invoices.export import csv, extras, jsonl
from bigcommerce_b2b_invoices.export.sinks import Format, Sink, Style
from bigcommerce_b2b_invoices.files import PartFile, appearing, in_thread

ROWS = 100  # rows that are written in one turn of the thread: about 10 ms

FORMATS: dict[str, Format[Invoice]] = {
    ".jsonl": Format(jsonl.open_jsonl, jsonl.check_style, is_resumable=True),
    ".csv": Format(csv.open_csv, csv.check_style, is_resumable=True),
    ".jsonl.gz": Format(jsonl.open_jsonl_gz, jsonl.check_style),
    ".csv.gz": Format(csv.open_csv_gz, csv.check_style),
    ".parquet": Format(extras.open_parquet, extras.check_arrow_style),
    ".xlsx": Format(extras.open_excel, extras.check_excel_style),
    ".duckdb": Format(extras.open_duckdb, extras.check_arrow_style),
}


def format_of(path: Path) -> Format[Invoice]:
    """The format that the ending of a path names, in letters of any case.

    Raises:
        ConfigurationError: No format has this ending.
    """
    name = path.name.lower()
    for ending, found in FORMATS.items():
        if name.endswith(ending) and name != ending:
            return found
    raise ConfigurationError(f"no format has the ending of {path.name!r}: use {', '.join(FORMATS)}")


@attrs.define
class Export:
    """A file that is being written.

    Attributes:
        count: Invoices taken so far.
    """

    _sink: Sink[Invoice] = attrs.field(alias="sink")
    count: int = 0
    _block: list[Invoice] = attrs.field(factory=list)

    async def write(self, invoice: Invoice) -> None:
        """Take one invoice; a thread writes a block of them at a time."""
        self._block.append(invoice)
        self.count += 1
        if len(self._block) == ROWS:
            await in_thread(self._write_block)

    async def finish(self) -> None:
        """Write the rest of the file. For `open_export`."""
        await in_thread(self._finish)

    def _finish(self) -> None:
        self._write_block()
        self._sink.finish()

    def _write_block(self) -> None:
        block, self._block = self._block, []
        for invoice in block:
            self._sink.write(invoice)


async def _opened(found: Format[Invoice], part: PartFile, style: Style) -> Sink[Invoice]:
    """The sink, made in a thread, because a package may take 100 ms to import."""
    made: list[Sink[Invoice]] = []
    try:
        await in_thread(lambda: made.append(found.open(part, style)))
    except BaseException:
        for sink in made:  # the task was cancelled meanwhile
            await in_thread(sink.close)
        raise
    return made[0]


@asynccontextmanager
async def open_export(
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    columns: Sequence[str] | None = None,
    bom: bool = False,
    delimiter: str = ",",
) -> AsyncGenerator[Export]:
    """A file to write invoices to. It is open inside the `async with` block.

    If the block ends without an exception, the file appears, complete and on the disk. After an exception or a cancellation no
    new file is left behind, and an existing file is unchanged. Only the owner may read a new file.

    Args:
        path: Where to write. The ending sets the format; see `FORMATS`.
        overwrite: Whether to replace a file that exists. A symbolic link is refused, and never followed. Only a link that
            somebody makes in the instant before the file gets its name may be replaced.
        columns: Names of columns, in the order that you want; None: all of them. JSON Lines has no columns.
        bom: Begin a CSV file with a byte order mark, which makes Excel read it as UTF-8.
        delimiter: What stands between two cells of a CSV file: `,`, `;`, a tab or `|`.

    Raises:
        ConfigurationError: No format has this ending, there is no such column, or a package is missing.
        OSError: The file exists (FileExistsError), no file can have this name, or it cannot be written.
    """
    target = Path(path)
    found, style = format_of(target), Style(columns=columns, bom=bom, delimiter=delimiter)
    found.check(style)
    async with appearing(target, overwrite=overwrite) as part:
        sink = await _opened(found, part, style)
        export = Export(sink)
        try:
            yield export
            await export.finish()
        finally:
            await in_thread(sink.close)


async def write_invoices(
    path: str | os.PathLike[str],
    invoices: AsyncIterable[Invoice],
    *,
    overwrite: bool = False,
    columns: Sequence[str] | None = None,
    on_row: Callable[[int], None] | None = None,
) -> int:
    """Write invoices, such as `client.invoices.iterate()`, to a file and return how many. It holds a few hundred rows at a time.

    Args:
        path: Where to write. The ending sets the format; see `FORMATS`.
        invoices: The invoices to write, in this order.
        overwrite: Whether to replace a file that exists.
        columns: Names of columns, in the order that you want; None: all of them. JSON Lines has no columns.
        on_row: Called after each invoice with their number so far.

    Raises:
        ConfigurationError: No format has this ending, there is no such column, or a package is missing.
        OSError: The file exists (FileExistsError), or it cannot be written.
        Exception: Any error that `invoices` or `on_row` raises. No new file is left behind, and an existing file is unchanged.
    """
    async with open_export(path, overwrite=overwrite, columns=columns) as export:
        async for invoice in invoices:
            await export.write(invoice)
            if on_row is not None:
                on_row(export.count)
    return export.count
