"""The command that downloads the PDFs of invoices."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from bigcommerce_b2b_invoices import B2BError, ConfigurationError, Invoice, bulk
from bigcommerce_b2b_invoices.cli.arguments import InvoiceId
from bigcommerce_b2b_invoices.cli.doubt import file_code
from bigcommerce_b2b_invoices.cli.filters import NO_FILTERS, Filters
from bigcommerce_b2b_invoices.cli.outcomes import Outcomes, Verdict
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output
from bigcommerce_b2b_invoices.cli.progress import progress
from bigcommerce_b2b_invoices.cli.settings import FROM_ENVIRONMENT, Settings, connect
from bigcommerce_b2b_invoices.cli.unreadable import Unreadable
from bigcommerce_b2b_invoices.files import in_thread

CONCURRENCY = 8


@attrs.frozen
class Wanted:
    """An invoice whose PDF is to be had."""

    invoice_id: int
    number: str | None = None


async def download_pdfs(
    *ids: InvoiceId,
    to: Path,
    overwrite: bool = False,
    all_invoices: Annotated[bool, Parameter(name="--all")] = False,
    output: Output = PLAIN,
    filters: Filters = NO_FILTERS,
    settings: Settings = FROM_ENVIRONMENT,
) -> int:
    """Download the PDFs of invoices into a folder, as `invoice-<id>.pdf`.

    Each file appears whole or not at all. A file that is there already is skipped. Each PDF takes a request of the quota. The
    command prints one line for each invoice, with tabs between four fields: line number (empty here), id, invoice number and
    outcome. It exits with 3 if only some could be downloaded.

    For example:

        b2b-invoices pdf 1041 1042 --to invoices

        b2b-invoices pdf --customer-id 95075 --begin 2026-01-01 --to january

    Args:
        ids: The API's own ids of the invoices.
        to: The folder; it is made if there is none.
        overwrite: Replace files that are there.
        all_invoices: All invoices of the store.
        output: What to print.
        filters: Which invoices, instead of ids.
        settings: Where to connect.
    """
    is_filtered = filters.selects
    if bool(ids) + is_filtered + all_invoices != 1:
        raise ConfigurationError("name invoices by their ids, or by filters, or take --all of them")
    await in_thread(lambda: to.mkdir(parents=True, exist_ok=True))
    outcomes, unreadable = Outcomes(output), Unreadable()
    query = filters.as_query()
    async with connect(settings) as connection:
        invoices = connection.client.invoices
        walk = None if ids else invoices.iterate(query, details=False, on_unreadable=unreadable)

        async def fetch(wanted: Wanted) -> bool:
            """False if the file was there already."""
            path = to / f"invoice-{wanted.invoice_id}.pdf"
            if path.exists() and not overwrite:
                return False
            await invoices.download_pdf(wanted.invoice_id, path, overwrite=overwrite)
            return True

        items: AsyncIterator[Wanted] | Iterable[Wanted]
        items = map(Wanted, dict.fromkeys(ids)) if walk is None else _matching(walk, filters)
        total = len(set(ids)) if walk is None else None
        with progress(as_lines=True) as report:
            async for outcome in bulk.run(fetch, items, concurrency=CONCURRENCY):
                item, error = outcome.item, outcome.error
                if error is not None and not isinstance(error, B2BError):
                    raise error
                verdict: Verdict = "failed" if error is not None else "done" if outcome.result else "skipped"
                outcomes.tell(verdict, invoice_id=item.invoice_id, invoice_number=item.number, error=error)
                report(outcomes.good + outcomes.bad, total if walk is None else walk.total_count)
    code = max(outcomes.exit_code, unreadable.exit_code)
    return code if walk is None else max(code, file_code(walk.report))


async def _matching(walk: AsyncIterator[Invoice], filters: Filters) -> AsyncIterator[Wanted]:
    async for invoice in walk:
        if filters.admits(invoice):
            yield Wanted(invoice.id, invoice.invoice_number)
