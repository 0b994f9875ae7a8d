"""The commands that show what the API has."""

import sys

import attrs

from bigcommerce_b2b_invoices import Direction, Invoice, NotFoundError
from bigcommerce_b2b_invoices.cli import show
from bigcommerce_b2b_invoices.cli.arguments import InvoiceId, OneOrMore
from bigcommerce_b2b_invoices.cli.filters import NO_FILTERS, Filters
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.text import say
from bigcommerce_b2b_invoices.cli.verdict import FAILED, error_text

PAGE = 250  # invoices a request, the API's maximum


async def list_invoices(
    *,
    limit: OneOrMore = 50,
    json: bool = False,
    filters: Filters = NO_FILTERS,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """List invoices, the newest first unless they are sorted.

    A terminal gets a table. A program gets lines with tabs between number, id, company, status, open balance, original balance,
    currency, due date and date made.

    Args:
        limit: Most invoices to show.
        json: Print JSON Lines instead, in the API's own names.
        filters: Which invoices.
        settings: Where to connect.
    """
    query = filters.as_query()
    if query.sort_by is None and query.order_by is None:
        query = attrs.evolve(query, order_by=Direction.DESCENDING)
    as_table = sys.stdout.isatty() and not json
    rows: list[tuple[str, ...]] = []
    shown = seen = left = 0
    async with connect(settings) as connection:
        page_size = PAGE if filters.overdue else min(PAGE, limit)
        walk = connection.client.invoices.iterate(query, page_size=page_size, prefetch=0)
        async for invoice in walk:
            seen += 1
            if not filters.admits(invoice):
                continue
            if as_table:
                rows.append(show.invoice_cells(invoice))
            else:
                _print(invoice, json=json)
            shown += 1
            if shown == limit:
                left = (walk.total_count or 0) - seen
                break
    if as_table:
        show.print_table(show.INVOICE_COLUMNS, rows)
    if left > 0:
        say(f"{shown} invoices shown, {left} not read; --limit shows more")
    return 0


def _print(invoice: Invoice, *, json: bool) -> None:
    if json:
        show.print_json(invoice)
    else:
        show.print_line(show.invoice_cells(invoice))


async def get_invoices(invoice_id: InvoiceId, /, *more: InvoiceId, settings: Settings = FROM_ENVIRONMENT) -> int:
    """Print invoices as JSON in the API's own names.

    A terminal gets it indented, a program one invoice a line. An invoice that does not exist is reported and makes the exit code
    1; the others are printed all the same.

    Args:
        invoice_id: The API's own number of the invoice.
        more: Any number of further ids.
        settings: Where to connect.
    """
    show_one = show.print_pretty_json if sys.stdout.isatty() else show.print_json
    code = 0
    async with connect(settings) as connection:
        for wanted in (invoice_id, *more):
            try:
                show_one(await connection.client.invoices.get(wanted))
            except NotFoundError as error:
                say(f"error: {error_text(error)}")
                code = FAILED
    return code


async def list_extra_fields(*, json: bool = False, settings: Settings = FROM_ENVIRONMENT) -> int:
    """List how the store's extra fields of invoices are configured.

    Args:
        json: Print JSON Lines instead, in the API's own names.
        settings: Where to connect.
    """
    async with connect(settings) as connection:
        configs = [config async for config in connection.client.extra_fields.iterate()]
    if json:
        for config in configs:
            show.print_json(config)
    elif sys.stdout.isatty():
        show.print_table(show.CONFIG_COLUMNS, map(show.config_cells, configs))
    else:
        for config in configs:
            show.print_line(show.config_cells(config))
    return 0
