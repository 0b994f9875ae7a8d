"""The command that writes invoices to a file."""

import time
from pathlib import Path

from bigcommerce_b2b_invoices import WalkReport
from bigcommerce_b2b_invoices.cli.filters import NO_FILTERS, Filters
from bigcommerce_b2b_invoices.cli.progress import progress
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.text import say
from bigcommerce_b2b_invoices.export import open_export

STEP = 50  # invoices between two reports of the progress


async def export_invoices(
    path: Path,
    /,
    *,
    overwrite: bool = False,
    filters: Filters = NO_FILTERS,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Write all invoices that match to a file, which appears when it is complete and not before.

    JSON Lines hold what the API sent, in its own names. CSV holds one row an invoice, where a text that a spreadsheet would
    take for a formula gets a leading apostrophe. Only the owner may read a new file.

    Args:
        path: The file; its ending, .jsonl or .csv, chooses the format.
        overwrite: Replace the file if it exists.
        filters: Which invoices.
        settings: Where to connect.
    """
    query = filters.as_query()
    started = time.monotonic()
    async with open_export(path, overwrite=overwrite) as export, connect(settings) as connection:
        walk = connection.client.invoices.iterate(query)
        with progress(as_lines=settings.verbose) as report:
            seen = 0
            async for invoice in walk:
                seen += 1
                if filters.admits(invoice):
                    await export.write(invoice)
                if seen % STEP == 0:
                    report(seen, walk.total_count)
    say(f"{path}: {summary(export.count, connection.requests, time.monotonic() - started, walk.report)}")
    return 0


def summary(count: int, requests: int, seconds: float, report: WalkReport) -> str:
    """One line on what was done. "best_effort": rows may be missing that others wrote or deleted meanwhile."""
    rate = requests / seconds * 60 if seconds > 0 else 0
    oddities = f"; oddities: {'; '.join(report.anomalies)}" if report.anomalies else ""
    return (
        f"{count} invoices, {requests} requests in {seconds:.1f} s ({rate:.0f} requests a minute), "
        f"guarantee: {report.guarantee}{oddities}"
    )
