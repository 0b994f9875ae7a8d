"""The invoices of a store."""

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from bigcommerce_b2b_invoices.errors import DecodeError, DownloadError
from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.invoice import Invoice, InvoiceDetails, InvoiceFromOrder, PDFLinks
from bigcommerce_b2b_invoices.models.query import InvoiceQuery, SearchField
from bigcommerce_b2b_invoices.resources.get_many import GetMany
from bigcommerce_b2b_invoices.resources.lists import InvoiceList
from bigcommerce_b2b_invoices.resources.writes import Writes
from bigcommerce_b2b_invoices.walks.changes import ChangeFeed
from bigcommerce_b2b_invoices.walks.page import Page
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire import endpoints
from bigcommerce_b2b_invoices.wire.call import Send

EVERYTHING = InvoiceQuery()


IDS_A_REQUEST = 100  # external ids
ID_CHARACTERS = 6000  # of them in a URL, percent-encoded, of the 8 kB that servers take
ID_NAME = len("&externalId%5B%5D=")


Progress = Callable[[int, int | None], None]


class Download(Protocol):
    """Stores the PDF behind a link: what this resource is given instead of a transport."""

    async def __call__(
        self,
        ask: Callable[[], Awaitable[str | None]],
        destination: str | os.PathLike[str],
        *,
        overwrite: bool,
        external: bool,
        progress: Progress | None,
    ) -> Path:
        """The path of the stored file, or a DownloadError."""
        ...


class Invoices:
    """`client.invoices`. Any method may raise TransportError, APIError and DecodeError; further errors are named with it."""

    def __init__(self, send: Send, download: Download, scope: str, *, waits: tuple[float, ...] = (), attempts: int = 1) -> None:
        self._send = send
        self._download = download
        self._scope = scope  # tells the bookmarks of one store from those of another
        self._writes = Writes(send, self.get, self._with_number, waits=waits, attempts=attempts)

    async def get(self, invoice_id: int) -> Invoice:
        """One invoice, with its extra fields. One request. Source: GET /invoices/{invoiceId}.

        Raises:
            NotFoundError: There is no such invoice.
        """
        return await self._send(endpoints.get_invoice(invoice_id))

    async def page(self, query: InvoiceQuery = EVERYTHING, *, offset: int = 0, limit: int = 250) -> Page[Invoice]:
        """One page of the invoices that match, the newest first unless the query orders them. One request.

        The server may put fewer than `limit` on a page that is not the last: for all of them use `iterate`.
        Source: GET /invoices.

        Args:
            query: Which invoices, in which order.
            offset: How many to skip.
            limit: How many at most, 1 to 250.

        Raises:
            FilterIgnoredError: The server sent an invoice that the query excludes.
        """
        return await self._send(InvoiceList(self._send, query).page(offset, limit))

    def iterate(
        self,
        query: InvoiceQuery = EVERYTHING,
        *,
        page_size: int = 250,
        prefetch: int = 4,
        resume: str | None = None,
    ) -> Walk[Invoice]:
        """All invoices that match: `async for invoice in client.invoices.iterate()`.

        Every invoice that existed and matched all the while is delivered once, whatever others write meanwhile: pages
        overlap by a few rows, are checked to connect, and a last request looks for changes. The oldest come first, unless the
        query orders them; an order other than by creation, update or number is kept as well as it can be. `walk.report` says
        what could be proven.

        About one request for each 248 invoices, and one at the end where there is more than one page. The first page is
        asked for alone, the next ones ahead. Calls of other methods go first where the quota is short. Source: GET /invoices.

        Args:
            query: Which invoices, in which order.
            page_size: Invoices a request, 1 to 250.
            prefetch: Pages asked for ahead of the consumer, 0 or more.
            resume: The `bookmark` of an earlier walk of the same query, which is to be continued.

        Raises:
            ValueError: The bookmark is damaged, or of another query or store.
            FilterIgnoredError: The server sent an invoice that the query excludes.
            IncompleteWalkError: The walk cannot come to an end.
        """
        return self._walk(query, page_size=page_size, prefetch=prefetch, resume=resume)

    def _walk(
        self, query: InvoiceQuery, *, page_size: int = 250, prefetch: int, resume: str | None = None, bulk: bool = True
    ) -> Walk[Invoice]:
        source = InvoiceList(self._send, query, bulk=bulk)
        source.slice(0, page_size)  # refuses bad arguments here, not in the loop
        return Walk(
            source,
            source.order,
            page_size=page_size,
            prefetch=prefetch,
            query=source.fingerprint(self._scope),
            resume=resume,
        )

    async def count(self, query: InvoiceQuery = EVERYTHING) -> int:
        """How many invoices match, as the server counts them. One request. Source: GET /invoices.

        Raises:
            FilterIgnoredError: The first invoice counted is one that the query excludes.
        """
        found = await self._send(InvoiceList(self._send, query).slice(0, 1))
        if found.total_count is None:
            raise DecodeError("the answer has no total count", model="page", path="meta.pagination.totalCount")
        return found.total_count

    async def find(self, invoice_number: str) -> Invoice | None:
        """The invoice with exactly this number, or None.

        The API's own search is loose, and what it finds is compared again: one request, or one for each 248 invoices whose
        numbers hold this one as a part. Source: GET /invoices.
        """
        return next(iter(await self._with_number(invoice_number)), None)

    async def _with_number(self, invoice_number: str) -> list[Invoice]:
        query = InvoiceQuery(search_by=SearchField.INVOICE_NUMBER, q=invoice_number)
        found = [invoice async for invoice in self._walk(query, prefetch=0, bulk=False)]
        return [invoice for invoice in found if invoice.invoice_number == invoice_number]

    async def find_by_external_id(self, external_ids: Iterable[str]) -> dict[str, Invoice]:
        """The invoices with these ids in another system; an id that no invoice has is not in the result.

        One request for each 100 ids, or 6,000 characters of them in the URL. Where several invoices share an id, the one made
        last is given. Source: GET /invoices.

        Raises:
            FilterIgnoredError: The server sent an invoice with another external id.
        """
        found: dict[str, Invoice] = {}
        for some in _in_requests(InvoiceQuery(external_ids=external_ids).external_ids):
            async for invoice in self._walk(InvoiceQuery(external_ids=some), prefetch=0, bulk=False):
                if invoice.external_id in some:
                    found[invoice.external_id] = invoice
        return found

    def get_many(self, invoice_ids: Iterable[int], *, concurrency: int = 8) -> GetMany:
        """The invoices with these ids, in as few requests as can be foreseen: an async iterator of `Outcome[int, Invoice]`.

        Each id has one outcome, however often it is given: the invoice with its extra fields, or an error, which stops no other;
        NotFoundError where there is no such invoice. They come as they are found, in no order. Up to 3 ids are asked for one by
        one. For more, a first page of the whole list tells how many invoices there are and may hold some of those wanted; the
        rest comes from the other pages or one by one, whatever takes fewer requests; `plan()` says which.

        With `total` invoices in a quiet store: `min(len(ids), ceil(total / 249) + 2)` requests at most; one more only where
        `len(ids)` is the lesser and the first page held none of them, or where there is no invoice at all. Where others write
        meanwhile, a walk may take more, and if it cannot prove itself complete, ids that it did not meet are asked for one by
        one. Single calls go first where the quota is short. Source: GET /invoices, GET /invoices/{invoiceId}.

        Args:
            invoice_ids: Of the invoices; all are read and checked at once.
            concurrency: Requests under way at a time, at most.
        """
        return GetMany(self._send, invoice_ids, concurrency=concurrency)

    def changes(self, since: str | None = None) -> ChangeFeed[Invoice]:
        """Invoices that were changed since the `cursor` of an earlier feed, the newest change first.

        `async for invoice in (feed := client.invoices.changes(cursor))`, then keep `feed.cursor`. One request when nothing
        changed. It cannot see deletions: see `ChangeFeed`. Source: GET /invoices.

        Args:
            since: The `cursor` of an earlier feed of the same store; None: every invoice is a change.

        Raises:
            ValueError: The cursor is damaged, or of another store.
            IncompleteWalkError: The server does not sort by `updatedAt`, or does not come to an end.
        """
        source = InvoiceList(self._send, EVERYTHING)
        return ChangeFeed(source, query=source.fingerprint(self._scope), since=since)

    async def create(self, draft: InvoiceDraft) -> int:
        """Make an invoice; returns its id. At most one invoice has the draft's number afterwards, whatever fails.

        One request where all goes well. Where the answer is lost, the number is looked up, at once and then after 1, 2, 4, 8, 16
        and 32 seconds (`RetryPolicy.settling`): one request each. The invoice that is found is compared with the draft, and its
        id returned. Where none is found the same number is sent again, at most three times in all. Source: POST /invoices.

        Choose the number before the first try and keep it with your own record: then a create that was cancelled, or whose
        process ended, is simply called again. `InvoiceNumberTakenError.is_same` tells whether the earlier one had arrived.

        Raises:
            InvoiceNumberTakenError: Another invoice has the number, and `is_same` tells whether it looks like the draft. One
                request more, to see.
            OutcomeUnknownError: It is still not known whether the invoice was made: `await error.resolve()` looks again.
        """
        return await self._writes.create(draft)

    async def create_from_order(self, order_id: int) -> InvoiceFromOrder:
        """Make the invoice of an order; returns its id and number. One request.

        Sent again only where the server cannot have acted on it. A lost answer is not settled: the number is the server's
        choice, and a B2B order id appears in no invoice.

        Args:
            order_id: A B2B Edition order id, which is not the BigCommerce order id.

        Source: POST /orders/{orderId}/invoices.

        Raises:
            NotFoundError: There is no such order.
            OutcomeUnknownError: No trustworthy answer came: look for the order's invoice before trying again.
        """
        return await self._writes.create_from_order(order_id)

    async def update(self, invoice_id: int, changes: InvoiceChanges) -> None:
        """Change an invoice. One request; where its answer is lost, one to four more. Source: PUT /invoices/{invoiceId}.

        After a lost answer the invoice is read, at once and after 1, 2 and 4 seconds; when it is as the changes say, all is well.
        The changes are not sent a second time: somebody else may have written meanwhile. `details` are replaced as a whole, and
        the API knows no versions: what somebody else writes at the same time is lost.

        Raises:
            ValueError: The changes change nothing.
            NotFoundError: There is no such invoice.
            InvoiceNumberTakenError: Another invoice has the new number.
            OutcomeUnknownError: The answer was lost, and the invoice is not as the changes say. `error.resolve()` looks again.
        """
        await self._writes.update(invoice_id, changes)

    async def update_details(self, invoice_id: int, edit: Callable[[InvoiceDetails], InvoiceDetails]) -> Invoice:
        """Change an invoice's details without losing any of them; returns the invoice as it is afterwards. Four requests.

        Reads the invoice, edits its details, reads it again to see that nobody changed it meanwhile, writes, and reads what
        was written. The API knows no versions: somebody who writes between the second reading and the writing is still
        overwritten. Keys that this library does not know are written back. Where the edit changes nothing, nothing is written.

        Where the answer to the writing is lost, the invoice is read as after a lost create, and the same details are sent again
        only while it is as it was before.

        Args:
            invoice_id: Of the invoice.
            edit: Gets the details (empty ones where there are none) and returns the new ones; `attrs.evolve` helps.

        Raises:
            NotFoundError: There is no such invoice.
            EditConflictError: Somebody changed the invoice meanwhile, and nothing was written; or right after the writing.
            OutcomeUnknownError: No trustworthy answer came, or the API accepted the writing but the invoice could not be read
                back: `error.resolve()` looks again.
        """
        return await self._writes.update_details(invoice_id, edit)

    async def delete(self, invoice_id: int) -> None:
        """Delete an invoice. One request; sent again when its answer is lost, and to find nothing then is success.

        Source: DELETE /invoices/{invoiceId}.

        Raises:
            NotFoundError: There is no such invoice.
            OutcomeUnknownError: No trustworthy answer came to any attempt; `await error.resolve()` looks whether it is gone.
        """
        await self._writes.delete(invoice_id)

    async def pdf_links(self, invoice_id: int) -> PDFLinks:
        """Where the invoice's PDF can be fetched, for a while; making it can take seconds. One request.

        Source: GET /invoices/{invoiceId}/download-pdf.

        Raises:
            NotFoundError: There is no such invoice.
        """
        return await self._send(endpoints.get_pdf_links(invoice_id))

    async def download_pdf(
        self,
        invoice_id: int,
        destination: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        external: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Store the invoice's PDF in a file; returns its path. One request for the link, one to the host of the file.

        The file appears whole or not at all. Its host is not trusted: no credential goes there, no redirect is followed, and the
        address must be public. A link that has expired (403) is asked for once more. The transfer may take `Timeout.total`
        seconds. Cancelling leaves no file, or, at the very end, the whole one.

        Args:
            invoice_id: Of the invoice.
            destination: A file in a folder that exists. Nothing of its name comes from the server.
            overwrite: Whether a file that is there may be replaced; a symbolic link never is.
            external: Fetch `external_pdf_url`, which an integration linked, instead of the PDF that B2B Edition made. Another
                party chose that address: it is followed to any public host, but never without this being asked for.
            progress: Called as the bytes come with their number so far, and how many there will be, or None where the host
                does not say; must not block. What it raises is logged, and it is not called again.

        Raises:
            NotFoundError: There is no such invoice.
            UnsafeURLError: The link leads to a place where no invoice can be; it was not followed.
            DownloadError: The invoice has no such link, or no whole PDF (of 25 MiB at most) could be had or stored.
        """
        asked = 0

        async def ask() -> str | None:
            nonlocal asked
            asked += 1
            links = await self.pdf_links(invoice_id)
            return links.external_pdf_url if external else links.url

        try:
            return await self._download(ask, destination, overwrite=overwrite, external=external, progress=progress)
        except DownloadError as error:
            if asked:
                error.of_request("GET", f"/invoices/{invoice_id}/download-pdf", asked)
            raise


def _in_requests(external_ids: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The ids without repetition, as many in one request as fit."""
    some: list[str] = []
    characters = 0
    for external_id in dict.fromkeys(external_ids):
        length = ID_NAME + len(quote(external_id, safe=""))
        if some and (len(some) == IDS_A_REQUEST or characters + length > ID_CHARACTERS):
            yield tuple(some)
            some, characters = [], 0
        some.append(external_id)
        characters += length
    if some:
        yield tuple(some)
