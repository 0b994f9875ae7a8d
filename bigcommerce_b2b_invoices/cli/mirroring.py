"""The command that keeps a copy of the store in a database."""

import asyncio
import os
from typing import Annotated

import attrs
from cyclopts import Parameter, validators

from bigcommerce_b2b_invoices import ConfigurationError
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output, print_record
from bigcommerce_b2b_invoices.cli.progress import progress
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.text import say
from bigcommerce_b2b_invoices.cli.verdict import IN_PART
from bigcommerce_b2b_invoices.mirror import Mirror, MirrorReport

VARIABLE = "BIGCOMMERCE_MIRROR_URL"
STEP = 50  # invoices between two progress reports


async def mirror_invoices(
    url: str | None = None,
    /,
    *,
    watch: Annotated[float | None, Parameter(validator=validators.Number(gt=0))] = None,
    full: bool = False,
    output: Output = PLAIN,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Bring a copy of the invoices in SQLite or PostgreSQL up to date.

    The first run reads everything. Later runs read what was changed, and once a day they read everything again to find what was
    deleted. If a run was stopped, the next run continues where it stopped. Without a URL, the command takes it from
    BIGCOMMERCE_MIRROR_URL. Leave a password out of the URL: it comes from PGPASSWORD or ~/.pgpass. The command exits with 3 if
    the copy may lack invoices.

    For example:

        b2b-invoices mirror sqlite:///invoices.db

        b2b-invoices mirror postgresql://erp@db.example/finance --watch 60

    Args:
        url: The database, such as sqlite:///invoices.db.
        watch: Repeat until Ctrl-C, with this many seconds from one run to the next.
        full: Read everything now.
        output: What to print; the JSON is one summary for each run.
        settings: Where to connect.
    """
    database = url or os.environ.get(VARIABLE)
    if not database:
        raise ConfigurationError(f"name a database, such as sqlite:///invoices.db, or set {VARIABLE}")
    code = 0

    def tell(report: MirrorReport) -> None:
        nonlocal code
        code = IN_PART if report.may_lack_rows else 0
        if output.json:
            print_record({**attrs.asdict(report), "seconds": round(report.seconds, 1), "anomalies": list(report.anomalies)})
        say(summary(report))

    async with connect(settings) as connection, Mirror(connection.client, database) as mirror:
        with progress(as_lines=settings.verbose) as show:
            first = await mirror.sync(full=True if full else None, on_row=lambda rows: None if rows % STEP else show(rows, None))
        tell(first)
        if watch is not None:
            await asyncio.sleep(watch)
            await mirror.run(every=watch, on_report=tell)
    return code


def summary(report: MirrorReport) -> str:
    """One line about a run."""
    oddities = f"; oddities: {'; '.join(report.anomalies)}" if report.anomalies else ""
    return (
        f"{report.inserted} new, {report.updated} changed, {report.deleted} deleted, {report.unchanged} unchanged; "
        f"{report.requests} requests in {report.seconds:.1f} s, guarantee: {report.guarantee}{oddities}"
    )
