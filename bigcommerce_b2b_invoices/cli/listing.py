"""The commands that show what the API has."""

import sys

import attrs

from bigcommerce_b2b_invoices import MAX_LIMIT, Direction, Invoice, NotFoundError
from bigcommerce_b2b_invoices.cli import show
from bigcommerce_b2b_invoices.cli.arguments import InvoiceId, OneOrMore
from bigcommerce_b2b_invoices.cli.doubt import list_code
from bigcommerce_b2b_invoices.cli.filters import NO_FILTERS, Filters
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.text import complain, say
from bigcommerce_b2b_invoices.cli.unreadable import Unreadable
from bigcommerce_b2b_invoices.cli.verdict import FAILED, error_text


async def list_invoices(
    *,
    limit: OneOrMore = 50,
    output: Output = PLAIN,
    filters: Filters = NO_FILTERS,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """List invoices, the newest first unless an option sets another order.

    On a terminal, the command prints a table. Otherwise it prints one line for each invoice, with tabs between number, id,
    company, status, open balance, original balance, currency, due date and creation date. If an invoice cannot be read, the
    command names it on stderr, leaves it out and exits with 3. It also exits with 3 if the API stopped before the list's end.

    Args:
        limit: The largest number of invoices to show.
        output: What to print; the JSON has the API's own names.
        filters: Which invoices to show.
        settings: Where to connect.
    """
    query = filters.as_query()
    if query.sort_by is None and query.order_by is None:
        query = attrs.evolve(query, order_by=Direction.DESCENDING)
    as_table = sys.stdout.isatty() and not output.json
    rows: list[tuple[str, ...]] = []
    shown = seen = left = code = 0
    unreadable = Unreadable()
    async with connect(settings) as connection:
        page_size = MAX_LIMIT if filters.overdue else min(MAX_LIMIT, limit)
        walk = connection.client.invoices.iterate(
            query, page_size=page_size, prefetch=0, details=output.json, on_unreadable=unreadable
        )
        async for invoice in walk:
            seen += 1
            if not filters.admits(invoice):
                continue
            if as_table:
                rows.append(show.invoice_cells(invoice))
            else:
                _print(invoice, json=output.json)
            shown += 1
            if shown == limit:
                left = (walk.total_count or 0) - seen - unreadable.count
                break
        else:
            code = list_code(walk.report)
    if as_table:
        show.print_table(show.INVOICE_COLUMNS, rows)
    if left > 0:
        say(f"{shown} invoices shown, {left} not read; --limit shows more")
    return max(code, unreadable.exit_code)


def _print(invoice: Invoice, *, json: bool) -> None:
    if json:
        show.print_json(invoice)
    else:
        show.print_line(show.invoice_cells(invoice))


async def get_invoices(invoice_id: InvoiceId, /, *more: InvoiceId, settings: Settings = FROM_ENVIRONMENT) -> int:
    """Print invoices as JSON under the API's own names.

    On a terminal, the JSON is indented; otherwise each invoice takes one line. If an invoice does not exist, the command reports
    it, prints the others and exits with 1.

    Args:
        invoice_id: The API's own id of the invoice.
        more: Any number of other ids.
        settings: Where to connect.
    """
    show_one = show.print_pretty_json if sys.stdout.isatty() else show.print_json
    code = 0
    async with connect(settings) as connection:
        for wanted in (invoice_id, *more):
            try:
                show_one(await connection.client.invoices.get(wanted))
            except NotFoundError as error:
                complain(f"error: {error_text(error)}")
                code = FAILED
    return code


async def list_extra_fields(*, output: Output = PLAIN, settings: Settings = FROM_ENVIRONMENT) -> int:
    """List the configs of the store's extra fields for invoices.

    The command exits with 3 if the API stopped before the list's end.

    Args:
        output: What to print; the JSON has the API's own names.
        settings: Where to connect.
    """
    async with connect(settings) as connection:
        walk = connection.client.extra_fields.iterate()
        configs = [config async for config in walk]
    if output.json:
        for config in configs:
            show.print_json(config)
    elif sys.stdout.isatty():
        show.print_table(show.CONFIG_COLUMNS, map(show.config_cells, configs))
    else:
        for config in configs:
            show.print_line(show.config_cells(config))
    return list_code(walk.report)
