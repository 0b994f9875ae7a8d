"""The command that writes invoices to a file, or to standard output."""

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Literal

import attrs
from cyclopts import Parameter

from bigcommerce_b2b_invoices import MAX_LIMIT, ConfigurationError, Invoice, Walk, WalkReport
from bigcommerce_b2b_invoices.cli.doubt import file_code
from bigcommerce_b2b_invoices.cli.filters import NO_FILTERS, Filters
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output, print_record
from bigcommerce_b2b_invoices.cli.paths import STANDARD, PathOrStandard
from bigcommerce_b2b_invoices.cli.progress import Report, progress
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Connection, Settings, connect
from bigcommerce_b2b_invoices.cli.text import complain, say
from bigcommerce_b2b_invoices.cli.unreadable import Unreadable
from bigcommerce_b2b_invoices.export import (
    Export,
    ResumableExport,
    Style,
    check_resumable,
    csv_rows,
    json_lines,
    open_export,
    open_resumable,
)

STEP = 50  # invoices between two progress reports
ROWS = MAX_LIMIT  # invoices between two checkpoints


@Parameter(name="*", group="File")
@attrs.frozen(kw_only=True)
class FileOptions:
    """How to write the file.

    Attributes:
        overwrite: Replace the file if it exists.
        resume: Keep the rows written so far, so that the same command can continue after any stop. Only for .jsonl and .csv.
        columns: Names of columns, with commas between, in the order that you want. Not for .jsonl.
        delimiter: What stands between two cells of a CSV file. The word tab means a tab.
        bom: Begin a CSV file with a byte order mark, so that Excel reads it as UTF-8.
        format: What to write to standard output.
    """

    overwrite: bool = False
    resume: bool = False
    columns: str | None = None
    delimiter: Literal[",", ";", "|", "tab"] = ","
    bom: bool = False
    format: Annotated[Literal["jsonl", "csv"] | None, Parameter(name="--format")] = None

    def style(self) -> Style:
        """How to write the rows."""
        names = None if self.columns is None else [name.strip() for name in self.columns.split(",")]
        return Style(columns=names, bom=self.bom, delimiter="\t" if self.delimiter == "tab" else self.delimiter)


DEFAULT = FileOptions()


async def export_invoices(
    path: PathOrStandard,
    /,
    *,
    file: FileOptions = DEFAULT,
    output: Output = PLAIN,
    filters: Filters = NO_FILTERS,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Write all matching invoices to a file, or to standard output. A file appears only when it is complete.

    A JSON Lines file holds what the API sent, under the API's own names. A CSV file holds one row for each invoice; a text that a
    spreadsheet would read as a formula gets an apostrophe. Only the owner may read a new file. If an invoice cannot be read, the
    command names it on stderr, leaves it out and exits with 3. If the file may lack invoices because others changed the store
    meanwhile, the command says so on stderr and also exits with 3.

    With --resume, the command keeps the rows in .PATH.resume beside the file until the file is complete. If it was stopped, run
    the same command again to continue.

    For example:

        b2b-invoices export invoices.csv --status open --bom

        b2b-invoices export invoices.jsonl.gz --overwrite

        b2b-invoices export all.csv --resume

        b2b-invoices export - --format csv --columns id,open_balance | head

    Args:
        path: The file to write. Its ending sets the format. A single - means standard output.
        file: How to write the file.
        output: What to print; the JSON is one summary.
        filters: Which invoices to write.
        settings: Where to connect.
    """
    if path == STANDARD:
        return await _to_stdout(file, output, filters, settings)
    if file.format is not None:
        raise ConfigurationError("--format is for standard output (-): the ending of the path sets the format of a file")
    if not file.resume:
        style = file.style()
        to_file = open_export(path, overwrite=file.overwrite, columns=style.columns, bom=style.bom, delimiter=style.delimiter)
        async with to_file as export, connect(settings) as connection:
            run = _Run(connection, filters, settings)
            await run.write(export)
        return run.end(path, export.count, output)
    check_resumable(path, file.style())
    async with connect(settings) as connection:
        run = _Run(connection, filters, settings)
        scope = {"store": connection.client.store_hash, "filters": json.dumps(attrs.asdict(filters), default=str)}
        opened = open_resumable(path, scope=scope, overwrite=file.overwrite, style=file.style())
        begun = False
        try:
            async with opened as resumable:
                begun = True
                await run.write(resumable)
        except BaseException:
            if begun:
                complain(f"{path} is not complete; what was read is kept beside it: run the same command again to go on")
            raise
    return run.end(path, resumable.count, output)


class _Run:
    """One walk, and what it met."""

    def __init__(self, connection: Connection, filters: Filters, settings: Settings) -> None:
        self._connection = connection
        self._filters = filters
        self._as_lines = settings.verbose
        self._query = filters.as_query()
        self._started = time.monotonic()
        self._unreadable = Unreadable()
        self.walk: Walk[Invoice]

    async def write(self, export: Export | ResumableExport) -> None:
        """Write every invoice that passes the filters. A resumable export goes on at its bookmark."""
        resumable = export if isinstance(export, ResumableExport) else None
        if resumable is not None:
            self._unreadable.count = resumable.unreadable
            if resumable.bookmark is not None:
                say(f"going on after {resumable.count} invoices")
        walk = self._begin(None if resumable is None else resumable.bookmark)
        written, unreadable = walk.bookmark, self._unreadable.count
        seen = 0
        try:
            with progress(as_lines=self._as_lines) as report:
                async for invoice in walk:
                    if resumable is not None:
                        # before `write`: if that is cancelled, it has the invoice already
                        written, unreadable = walk.bookmark, self._unreadable.count
                    if self._filters.admits(invoice):
                        await export.write(invoice)
                    seen += 1
                    if seen % STEP == 0:
                        report(seen, walk.total_count)
                    if resumable is not None and seen % ROWS == 0:
                        await resumable.checkpoint(written, unreadable=unreadable)
        except BaseException:
            if resumable is not None and resumable.is_sound and seen:
                await resumable.checkpoint(written, unreadable=unreadable)
            raise

    async def rows(self, report: Report) -> AsyncIterator[Invoice]:
        """The invoices that pass the filters."""
        seen = 0
        async for invoice in self._begin(None):
            seen += 1
            if self._filters.admits(invoice):
                yield invoice
            if seen % STEP == 0:
                report(seen, self.walk.total_count)

    def _begin(self, bookmark: str | None) -> Walk[Invoice]:
        invoices = self._connection.client.invoices
        try:
            self.walk = invoices.iterate(self._query, resume=bookmark, on_unreadable=self._unreadable)
        except ValueError as problem:  # another version of the library made the bookmark
            raise ConfigurationError(f"this export cannot be continued: {problem}") from None
        return self.walk

    def end(self, path: Path, count: int, output: Output) -> int:
        """Tell what was done, and return the exit code."""
        report, seconds = self.walk.report, time.monotonic() - self._started
        if output.json and path != STANDARD:
            print_record(
                {
                    "path": str(path),
                    "count": count,
                    "requests": self._connection.requests,
                    "seconds": round(seconds, 1),
                    "guarantee": report.guarantee,
                    "anomalies": list(report.anomalies),
                    "unreadable": self._unreadable.count,
                }
            )
        say(f"{path}: {summary(count, self._connection.requests, seconds, report)}")
        return max(file_code(report), self._unreadable.exit_code)


async def _to_stdout(file: FileOptions, output: Output, filters: Filters, settings: Settings) -> int:
    if output.json:
        raise ConfigurationError("standard output gets the invoices: --json, which prints a summary there, is for files")
    if file.resume or file.overwrite:
        raise ConfigurationError("--resume and --overwrite are for files, not for standard output")
    style, is_csv = file.style(), file.format == "csv"
    if not is_csv and style != Style():
        raise ConfigurationError("--columns, --delimiter and --bom need --format csv")
    count = 0
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(connect(settings))
        run = _Run(connection, filters, settings)
        report = stack.enter_context(progress(as_lines=True)) if not sys.stdout.isatty() else _untold
        rows = run.rows(report)
        lines = csv_rows(rows, style.columns, bom=style.bom, delimiter=style.delimiter) if is_csv else json_lines(rows)
        stack.push_async_callback(lines.aclose)
        async for line in lines:
            sys.stdout.write(line)
            count += 1
    return run.end(STANDARD, count - is_csv, output)


def _untold(_done: int, _total: int | None) -> None:
    """Print no progress between the rows."""


def summary(count: int, requests: int, seconds: float, report: WalkReport) -> str:
    """One line about the export. "best_effort" means that rows that others wrote or deleted meanwhile may be missing."""
    rate = requests / seconds * 60 if seconds > 0 else 0
    oddities = f"; oddities: {'; '.join(report.anomalies)}" if report.anomalies else ""
    return (
        f"{count} invoices, {requests} requests in {seconds:.1f} s ({rate:.0f} requests a minute), "
        f"guarantee: {report.guarantee}{oddities}"
    )
