"""The commands that show what the API has."""

import sys

import attrs

from bigcommerce_b2b_invoices import MAX_LIMIT, ConfigurationError, Direction, Invoice, NotFoundError
from bigcommerce_b2b_invoices.cli import show
from bigcommerce_b2b_invoices.cli.arguments import InvoiceId, OneOrMore
from bigcommerce_b2b_invoices.cli.doubt import list_code
from bigcommerce_b2b_invoices.cli.filters import NO_FILTERS, Filters
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output, print_record
from bigcommerce_b2b_invoices.cli.progress import progress
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.text import complain, say
from bigcommerce_b2b_invoices.cli.unreadable import Unreadable
from bigcommerce_b2b_invoices.cli.verdict import FAILED, IN_PART, error_text


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

    For example:

        b2b-invoices list --status open --limit 20

        b2b-invoices list --customer-id 95075 --json

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
        page_size = MAX_LIMIT if filters.needs_rows else min(MAX_LIMIT, limit)
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


async def get_invoices(
    *ids: InvoiceId,
    number: str | None = None,
    output: Output = PLAIN,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Show invoices: readable at a terminal, otherwise as JSON under the API's own names, one line for each.

    If an invoice does not exist, the command reports it, shows the others and exits with 3, or with 1 if there are no others.

    For example:

        b2b-invoices get 1041 1042

        b2b-invoices get --number INV-2026-0001 --json

    Args:
        ids: The API's own ids of the invoices.
        number: The number of an invoice, exactly, instead of ids.
        output: What to print; the JSON has the API's own names.
        settings: Where to connect.
    """
    if bool(ids) == bool(number):
        raise ConfigurationError("give ids of invoices, or --number with one invoice number")
    show_one = show.print_card if sys.stdout.isatty() and not output.json else show.print_json
    shown = missing = 0
    async with connect(settings) as connection:
        invoices = connection.client.invoices
        if number:
            found = await invoices.find(number)
            if found is None:
                complain(f"error: no invoice has the number {number!r}")
                return FAILED
            show_one(await invoices.get(found.id))  # only `get` has the extra fields
            return 0
        for wanted in ids:
            try:
                invoice = await invoices.get(wanted)
            except NotFoundError as error:
                complain(f"error: {error_text(error)}")
                missing += 1
                continue
            if shown and show_one is show.print_card:
                sys.stdout.write("\n")
            show_one(invoice)
            shown += 1
    return 0 if not missing else IN_PART if shown else FAILED


async def count_invoices(*, output: Output = PLAIN, filters: Filters = NO_FILTERS, settings: Settings = FROM_ENVIRONMENT) -> int:
    """Count invoices. This takes one request, unless you use a filter that the API lacks: then the command reads the invoices.

    For example:

        b2b-invoices count --status open

        b2b-invoices count --overdue --json

    Args:
        output: What to print; the JSON is `{"count": n}`.
        filters: Which invoices to count.
        settings: Where to connect.
    """
    query = filters.as_query()
    unreadable, code = Unreadable(), 0
    async with connect(settings) as connection:
        invoices = connection.client.invoices
        if not filters.needs_rows:
            total = await invoices.count(query)
        else:
            walk = invoices.iterate(query, details=False, on_unreadable=unreadable)
            total = 0
            with progress(as_lines=settings.verbose) as report:
                async for invoice in walk:
                    total += filters.admits(invoice)
                    report(walk.report.delivered, walk.total_count)
            code = list_code(walk.report)
    if output.json:
        print_record({"count": total})
    else:
        sys.stdout.write(f"{total}\n")
    return max(code, unreadable.exit_code)


async def list_extra_fields(*, output: Output = PLAIN, settings: Settings = FROM_ENVIRONMENT) -> int:
    """List the configs of the store's extra fields for invoices.

    The command exits with 3 if the API stopped before the list's end.

    For example:

        b2b-invoices extra-fields --json

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
