"""The command that writes invoices to a file."""

import time
from pathlib import Path

from bigcommerce_b2b_invoices import WalkReport
from bigcommerce_b2b_invoices.cli.doubt import file_code
from bigcommerce_b2b_invoices.cli.filters import NO_FILTERS, Filters
from bigcommerce_b2b_invoices.cli.progress import progress
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.text import say
from bigcommerce_b2b_invoices.cli.unreadable import Unreadable
from bigcommerce_b2b_invoices.export import open_export

STEP = 50  # invoices between two progress reports


async def export_invoices(
    path: Path,
    /,
    *,
    overwrite: bool = False,
    filters: Filters = NO_FILTERS,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Write all matching invoices to a file. The file appears only when it is complete.

    A JSON Lines file holds what the API sent, under the API's own names. A CSV file holds one row for each invoice; a text that a
    spreadsheet would read as a formula gets a leading apostrophe. Only the owner may read a new file. If an invoice cannot be
    read, the command names it on stderr, leaves it out and exits with 3. If the file may lack invoices because others changed
    the store meanwhile, the command says so on stderr and also exits with 3.

    Args:
        path: The file to write. Its ending, .jsonl or .csv, sets the format.
        overwrite: Replace the file if it exists.
        filters: Which invoices to write.
        settings: Where to connect.
    """
    query = filters.as_query()
    started = time.monotonic()
    async with open_export(path, overwrite=overwrite) as export, connect(settings) as connection:
        unreadable = Unreadable()
        walk = connection.client.invoices.iterate(query, on_unreadable=unreadable)
        with progress(as_lines=settings.verbose) as report:
            seen = 0
            async for invoice in walk:
                seen += 1
                if filters.admits(invoice):
                    await export.write(invoice)
                if seen % STEP == 0:
                    report(seen, walk.total_count)
    say(f"{path}: {summary(export.count, connection.requests, time.monotonic() - started, walk.report)}")
    return max(file_code(walk.report), unreadable.exit_code)


def summary(count: int, requests: int, seconds: float, report: WalkReport) -> str:
    """One line about the export. "best_effort" means that rows that others wrote or deleted meanwhile may be missing."""
    rate = requests / seconds * 60 if seconds > 0 else 0
    oddities = f"; oddities: {'; '.join(report.anomalies)}" if report.anomalies else ""
    return (
        f"{count} invoices, {requests} requests in {seconds:.1f} s ({rate:.0f} requests a minute), "
        f"guarantee: {report.guarantee}{oddities}"
    )
