"""The command that shows what was changed."""

import json
import sys
from datetime import datetime

from bigcommerce_b2b_invoices import ConfigurationError
from bigcommerce_b2b_invoices.cli import show
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output, print_record
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.text import complain
from bigcommerce_b2b_invoices.cli.unreadable import Unreadable


async def show_changes(
    *,
    since: str | None = None,
    extra_fields: bool = False,
    output: Output = PLAIN,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Show the invoices that were changed since a cursor or a time, the latest change first.

    The last line on stderr (with --json, on stdout) is `{"cursor": ...}`: give that cursor to --since the next time, and the
    command shows each change once. If the command does not reach its end, it prints no cursor: run it again with the old cursor.
    It cannot see deletions.

    For example:

        b2b-invoices changes --since 2026-01-31T12:00:00Z

        b2b-invoices changes --since WzUsIjJj... --json

    Args:
        since: The cursor of the last run, or an ISO 8601 time with its time zone. Without it, the command shows every invoice.
        extra_fields: Also read the extra fields of each invoice.
        output: What to print.
        settings: Where to connect.
    """
    unreadable = Unreadable()
    async with connect(settings) as connection:
        try:
            feed = connection.client.invoices.changes(
                _time_or_cursor(since),
                include_extra_fields=extra_fields,
                details=output.json,
                on_unreadable=unreadable,
            )
        except ValueError as problem:
            raise ConfigurationError(f"--since: {problem}") from None
        as_table = sys.stdout.isatty() and not output.json
        rows: list[tuple[str, ...]] = []
        async for invoice in feed:
            if output.json:
                show.print_json(invoice)
            elif as_table:
                rows.append(show.invoice_cells(invoice))
            else:
                show.print_line(show.invoice_cells(invoice))
    if as_table:
        show.print_table(show.INVOICE_COLUMNS, rows)
    sys.stdout.flush()  # the cursor must not outlive rows that nobody could read
    if output.json:
        print_record({"cursor": feed.cursor})
    else:
        complain(json.dumps({"cursor": feed.cursor}))
    return unreadable.exit_code


def _time_or_cursor(text: str | None) -> str | datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    if time.utcoffset() is None:
        raise ConfigurationError(f"--since {text}: give the time its zone, such as {text}Z")
    return time
