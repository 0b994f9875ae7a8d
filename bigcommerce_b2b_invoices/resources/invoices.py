"""The invoices of a store."""

import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError, DownloadError
from bigcommerce_b2b_invoices.models.balance import PaymentHistory
from bigcommerce_b2b_invoices.models.checks import as_tuple
from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.invoice import Invoice, InvoiceDetails, InvoiceFromOrder, Money, PDFLinks
from bigcommerce_b2b_invoices.models.page import Page
from bigcommerce_b2b_invoices.models.payment import PaymentStatus
from bigcommerce_b2b_invoices.models.payment_draft import OfflinePaymentDraft, PaymentShare, RecordedPayment
from bigcommerce_b2b_invoices.models.query import MOST_EXTERNAL_IDS, InvoiceQuery, SearchField
from bigcommerce_b2b_invoices.payment_errors import CompanyMismatchError
from bigcommerce_b2b_invoices.resources.books import Reconciliation, read_history
from bigcommerce_b2b_invoices.resources.get_many import GetMany
from bigcommerce_b2b_invoices.resources.invoice_writes import InvoiceWrites
from bigcommerce_b2b_invoices.resources.lists import INVOICES, Listed
from bigcommerce_b2b_invoices.resources.owner import EVERYBODY, Owner
from bigcommerce_b2b_invoices.resources.payment_writes import PaymentWrites
from bigcommerce_b2b_invoices.resources.payments import Payments
from bigcommerce_b2b_invoices.resources.pdf import OpenPDF, PDFStream, Progress, Transfer, store_pdf
from bigcommerce_b2b_invoices.resources.settle import Locks, Settler
from bigcommerce_b2b_invoices.walks.changes import ChangeFeed
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire import endpoints
from bigcommerce_b2b_invoices.wire.call import Send
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT

EVERYTHING = InvoiceQuery()


ID_CHARACTERS = 6000  # of ids in one URL, percent-encoded; servers take about 8 kB in all
ID_NAME = len("&externalId%5B%5D=")


class Invoices:
    """`client.invoices`. Any method may raise TransportError, APIError and DecodeError. Each method names its further errors."""

    def __init__(
        self,
        send: Send,
        open_pdf: OpenPDF,
        scope: str,
        *,
        waits: tuple[float, ...] = (),
        attempts: int = 1,
        locks: Locks | None = None,
    ) -> None:
        self._send = send
        self._open_pdf = open_pdf
        self._scope = scope  # tells the bookmarks of one store from those of another
        settler, locks = Settler(waits=waits), locks or Locks()
        self._writes = InvoiceWrites(send, self.get, self._search, settler, attempts=attempts, locks=locks)
        self._payments = Payments(send, scope, waits=waits, locks=locks)
        self._payment_writes = PaymentWrites(send, settler, locks)

    async def get(self, invoice_id: int) -> Invoice:
        """One invoice, with its extra fields. One request. Source: GET /invoices/{invoiceId}.

        Raises:
            NotFoundError: There is no such invoice.
        """
        return await self._send(endpoints.get_invoice(invoice_id))

    async def page(self, query: InvoiceQuery = EVERYTHING, *, offset: int = 0, limit: int = MAX_LIMIT) -> Page[Invoice]:
        """One page of the invoices that match, the newest first unless the query sets an order. One request.

        The server may put fewer than `limit` invoices on a page that is not the last. To get all invoices, use `iterate`.
        Source: GET /invoices.

        Args:
            query: Which invoices, in which order.
            offset: How many invoices to skip.
            limit: The most invoices on the page, 1 to 250.

        Raises:
            FilterIgnoredError: The server sent an invoice that the query excludes.
        """
        return await self._send(self._listed(query).page(offset, limit))

    def iterate(
        self,
        query: InvoiceQuery = EVERYTHING,
        *,
        page_size: int = MAX_LIMIT,
        prefetch: int = 4,
        resume: str | None = None,
        details: bool = True,
        on_unreadable: Callable[[DecodeError], None] | None = None,
    ) -> Walk[Invoice]:
        """All invoices that match: `async for invoice in client.invoices.iterate()`.

        Every invoice that existed and matched during the whole walk is delivered once, even if others write meanwhile: pages
        overlap by a few rows, the walk checks that they connect, and a last request looks for changes. The oldest invoices come
        first, unless the query sets an order. In an order other than by creation, update or number, the walk does its best but
        cannot prove that nothing is missing. `walk.report` says what could be proven.

        About one request for each 240 invoices, and one more at the end if there is more than one page. The walk requests the
        first page alone, and later pages ahead. If the quota is short, calls of other methods go first. Source: GET /invoices.

        Args:
            query: Which invoices, in which order.
            page_size: Invoices in each request, 1 to 250.
            prefetch: Pages to request ahead of the consumer, 0 or more.
            resume: The `bookmark` of an earlier walk of the same query, to continue that walk.
            details: If False, `details` are not read and are None. The walk then takes two thirds of the CPU time. This is enough
                for balances and dates.
            on_unreadable: Called with the error of an invoice that cannot be read. The walk then skips that invoice and counts it
                in `report.unreadable`. None: the walk raises the error, and goes on after that invoice if you continue it.

        Raises:
            ValueError: The bookmark is damaged, or belongs to another query or store.
            FilterIgnoredError: The server sent an invoice that the query excludes.
            DecodeError: An invoice has an id or a balance that cannot be read.
            IncompleteWalkError: The walk cannot reach the end of the list.
        """
        source = self._listed(query, bulk=True, details=details)
        source.slice(0, page_size)  # bad arguments raise here, not in the loop
        return Walk(source, page_size=page_size, prefetch=prefetch, resume=resume, on_unreadable=on_unreadable)

    def _listed(self, query: InvoiceQuery, *, bulk: bool = False, details: bool = True) -> Listed[InvoiceQuery, Invoice]:
        return Listed(self._send, INVOICES, query, scope=self._scope, bulk=bulk, details=details)

    async def count(self, query: InvoiceQuery = EVERYTHING) -> int:
        """How many invoices match, as the server counts them. One request. Source: GET /invoices.

        Raises:
            FilterIgnoredError: The query excludes the first invoice that the server counted.
        """
        return await self._listed(query).count()

    async def find(self, invoice_number: str, *, customer_id: str | int | None = None) -> Invoice | None:
        """The invoice with exactly this number, or None. With `customer_id`, only an invoice of that company.

        The API's own search is loose, so this method compares the numbers of the invoices that the search finds. One request, or
        one for each 240 invoices whose numbers contain this one. Source: GET /invoices.

        Raises:
            DecodeError: The search found an invoice that cannot be read, and its number is this one or cannot be read either.
        """
        owner = Owner.of(customer_id)
        found = await self._search(invoice_number, owner)
        return next((each for each in found if each.invoice_number == invoice_number and owner.owns(each)), None)

    async def _search(self, invoice_number: str, owner: Owner = EVERYBODY) -> list[Invoice]:
        query = InvoiceQuery(search_by=SearchField.INVOICE_NUMBER, q=invoice_number)

        def pass_over(error: DecodeError) -> None:
            number = error.row.get("invoiceNumber") if isinstance(error.row, dict) else None
            if number == invoice_number or not isinstance(number, str):
                _raise_own(owner, error)

        return [invoice async for invoice in Walk(self._listed(query), on_unreadable=pass_over)]

    async def find_by_external_id(
        self, external_ids: Iterable[str], *, customer_id: str | int | None = None
    ) -> dict[str, Invoice]:
        """The invoices with these ids of another system, keyed by that id. An id that no invoice has is not in the result.
        With `customer_id`, only invoices of that company.

        One request for each 100 ids, or for each 6,000 characters of ids in the URL. If several invoices share an id, the result
        has the newest of them. Source: GET /invoices.

        Raises:
            FilterIgnoredError: The server sent an invoice with another external id.
        """
        owner, found = Owner.of(customer_id), dict[str, Invoice]()
        for query in [InvoiceQuery(external_ids=some) for some in _in_requests(as_tuple(external_ids))]:  # all are checked first
            async for invoice in Walk(self._listed(query), on_unreadable=partial(_raise_own, owner)):
                if invoice.external_id in query.external_ids and owner.owns(invoice):
                    found[invoice.external_id] = invoice
        return found

    def get_many(self, invoice_ids: Iterable[int], *, concurrency: int = 8, customer_id: str | int | None = None) -> GetMany:
        """The invoices with these ids, in as few requests as can be planned: an async iterator of `Outcome[int, Invoice]`.

        Each id has one outcome, even if you give it several times. The outcome holds the invoice with its extra fields, or an
        error: a NotFoundError if there is no such invoice. An error does not stop the other ids. Outcomes come as they are found,
        in no particular order.

        Up to 3 ids are requested one by one. For more ids, the first page of the whole list tells how many invoices there are,
        and may hold some of the wanted ones. The rest comes from the other pages or from single requests, whichever takes fewer
        requests; `plan()` says which.

        If nobody writes meanwhile, a store of `total` invoices takes at most `min(len(ids), ceil(total / 249) + 2)` requests. It
        takes one more only if `len(ids)` is the smaller number and the first page held none of the ids, or if the store has no
        invoices at all. If others write meanwhile, a walk may take more. If the walk cannot prove itself complete, the ids that
        it did not find are requested one by one. If the quota is short, single calls go first.
        Source: GET /invoices, GET /invoices/{invoiceId}.

        Args:
            invoice_ids: The ids of the invoices. The call takes and checks all of them before it sends a request.
            concurrency: The most requests under way at a time.
            customer_id: If you give it and an invoice belongs to another company, the outcome holds a ForeignInvoiceError instead
                of the invoice.
        """
        return GetMany(self._send, invoice_ids, concurrency=concurrency, owner=Owner.of(customer_id))

    def changes(
        self,
        since: str | datetime | None = None,
        *,
        resume: str | None = None,
        overlap: float = 0.0,
        include_extra_fields: bool = False,
        details: bool = True,
        on_unreadable: Callable[[DecodeError], None] | None = None,
    ) -> ChangeFeed[Invoice]:
        """Invoices that were changed since the `cursor` of an earlier feed, the newest change first.

        Loop with `async for invoice in (feed := client.invoices.changes(cursor))`, then keep `feed.cursor`. One request if
        nothing changed. To get only changes from now on, begin with `changes(datetime.now(UTC))`. A feed cannot see deletions:
        see `ChangeFeed`. Source: GET /invoices.

        Args:
            since: The `cursor` of an earlier feed of the same store, or an aware datetime. From a datetime, the feed delivers the
                invoices whose `updatedAt` is in that second or later. If the server's clock has not reached that time, the time
                of the first request counts instead. So the feed loses no later change if your clock is ahead of the server's.
                None: the feed delivers every invoice.
            resume: The `bookmark` of a feed that was interrupted, to continue that feed with its own `since` and `overlap`.
            overlap: How many seconds before the cursor the feed reads again, because the store may commit a change late, with an
                earlier time. Of these seconds, the feed delivers only versions that no feed has delivered. Feeds stop reading
                them again once the server's clock is this many seconds past the newest change. If you raise the overlap from one
                feed to the next, the larger overlap takes effect one feed later: see `ChangeFeed`.
            include_extra_fields: Whether the invoices have their extra fields. You can use a cursor with and without them. If the
                feed before had none, this feed delivers once more the invoices whose versions the cursor holds, because their
                extra fields may have changed within the same second. Usually the cursor holds no versions.
            details: As for `iterate`.
            on_unreadable: As for `iterate`.

        Raises:
            ValueError: The cursor or the bookmark is damaged, or belongs to another store; or the datetime is naive; or both
                `since` and `resume` are given.
            DecodeError: An invoice has an id or a balance that cannot be read.
            IncompleteWalkError: The server does not sort by `updatedAt`, or the feed cannot reach the end of the list.
        """
        query = InvoiceQuery(include_extra_fields=True) if include_extra_fields else EVERYTHING
        source = self._listed(query, bulk=True, details=details)
        return ChangeFeed(
            source,
            since=since,
            resume=resume,
            overlap=overlap,
            version_of=source.version_of,
            on_unreadable=on_unreadable,
        )

    async def create(self, draft: InvoiceDraft) -> int:
        """Create an invoice; returns its id. Never makes two invoices with one number, even if the connection drops halfway.

        One request if all goes well. If the answer is lost, this method looks up the number at once, and then after 1, 2, 4, 8,
        16 and 32 seconds (`RetryPolicy.settling`), with one request each time. If it finds an invoice, it compares that with
        the draft, and returns the id if they match; otherwise it raises an error. If it finds none, it sends the same number
        again, at most three times in all. Source: POST /invoices.

        Choose the number before the first try, and keep it with your own record. If a create was cancelled, or its process ended,
        call it again with the same number. `InvoiceNumberTakenError.is_same` then tells whether the earlier create arrived.

        Raises:
            InvoiceNumberTakenError: Another invoice has the number. `is_same` tells whether that invoice looks like the draft;
                this check takes one more request.
            OutcomeUnknownError: It is still unknown whether the invoice was made. `await error.resolve()` looks again.
        """
        return await self._writes.create(draft)

    async def create_from_order(self, order_id: int) -> InvoiceFromOrder:
        """Create the invoice of an order; returns its id and number. One request.

        The request is sent again only if the server cannot have acted on it. A lost answer is not settled: the server chooses the
        number, and invoices do not show their B2B order id.

        Args:
            order_id: A B2B Edition order id, which is not the BigCommerce order id.

        Source: POST /orders/{orderId}/invoices.

        Raises:
            NotFoundError: There is no such order.
            InvoiceNumberTakenError: Another invoice has the number that the store chose.
            OutcomeUnknownError: No trustworthy answer came. Look for the order's invoice before you try again.
        """
        return await self._writes.create_from_order(order_id)

    async def update(self, invoice_id: int, changes: InvoiceChanges) -> None:
        """Change an invoice. One request; if its answer is lost, one to four more. Source: PUT /invoices/{invoiceId}.

        After a lost answer, this method reads the invoice at once, and then after 1, 2 and 4 seconds. If the invoice has the new
        values, the update has succeeded. The changes are not sent a second time, because somebody else may have written
        meanwhile. `details` are replaced as a whole. The API has no versions: what somebody else writes at the same time is lost.

        Raises:
            ValueError: The changes set no field.
            DecodeError: The `details` replace a list or an object that could not be read, as in `update_details`; nothing was
                written.
            NotFoundError: There is no such invoice.
            InvoiceNumberTakenError: Another invoice has the new number.
            OutcomeUnknownError: The answer was lost, and the invoice does not have the new values. `error.resolve()` looks again.
        """
        await self._writes.update(invoice_id, changes)

    async def update_details(self, invoice_id: int, edit: Callable[[InvoiceDetails], InvoiceDetails]) -> Invoice:
        """Change an invoice's details without losing any of them; returns the invoice after the change. Four requests.

        Reads the invoice, edits its details, reads it again to check that nobody changed it meanwhile, writes, and reads the
        result. The API has no versions: a change that somebody makes between the second read and the write is still overwritten.
        Keys that this library does not know are written back. If the edit changes nothing, nothing is written.

        If the answer to the write is lost, this method reads the invoice at once, and then after the same waits as `create`. It
        sends the same details again only if the invoice is still the same as before.

        Args:
            invoice_id: The id of the invoice.
            edit: Gets the details (empty ones if there are none) and returns the new ones; `attrs.evolve` helps.

        Raises:
            NotFoundError: There is no such invoice.
            DecodeError: The edit would replace a list or an object that cannot be read; nothing was written. To replace it on
                purpose, let the edit leave its key out of `additional_properties`.
            EditConflictError: Somebody changed the invoice before the write, so nothing was written; or right after the write.
            OutcomeUnknownError: No trustworthy answer came, or the API accepted the write but the invoice could not be read
                back. `error.resolve()` looks again.
        """
        return await self._writes.update_details(invoice_id, edit)

    async def delete(self, invoice_id: int) -> None:
        """Delete an invoice. One request. If its answer is lost, it is sent again; a "not found" answer then means success.

        Source: DELETE /invoices/{invoiceId}.

        Raises:
            NotFoundError: There is no such invoice.
            OutcomeUnknownError: No attempt got a trustworthy answer. `await error.resolve()` checks whether the invoice is gone.
        """
        await self._writes.delete(invoice_id)

    async def record_payment(
        self,
        invoice_id: int,
        amount: Money,
        *,
        reference: str,
        memo: str | None = None,
        payer_name: str | None = None,
        status: PaymentStatus = PaymentStatus.COMPLETED,
        allow_overpayment: bool = False,
    ) -> RecordedPayment:
        """Record a payment of one invoice that was made outside of the store; see `Payments.record`, whose rules hold here.

        This method reads the invoice first, and takes the company from it. Five requests if all goes well. Not verified on a live
        store. Source: POST /payments/offline.

        Args:
            invoice_id: The id of the invoice.
            amount: Above 0, with at most 4 decimals, in the currency of the invoice.
            reference: Distinguishes this payment from all others. Choose it before the first try: it makes a repeated call safe.
            memo: By default the reference.
            payer_name: By default "Store offline payment".
            status: COMPLETED unless you say otherwise; INCOMPLETE cannot be set.
            allow_overpayment: Whether the amount may be more than the open balance.

        Raises:
            NotFoundError: There is no such invoice. Nothing was sent.
            B2BError: The errors of `Payments.record`.
        """
        draft = OfflinePaymentDraft(
            reference=reference,
            customer_id="the invoice's",  # everything else is checked before the first request
            shares=(PaymentShare(invoice_id, amount),),
            memo=memo,
            payer_name=payer_name,
            status=status,
        )
        invoice = await self.get(invoice_id)
        if invoice.customer_id is None:
            raise CompanyMismatchError(
                f"invoice {invoice_id} does not show its company", reference=reference, invoice_id=invoice_id
            )
        draft = attrs.evolve(draft, customer_id=invoice.customer_id)
        return await self._payment_writes.record(draft, overpay=allow_overpayment, known={invoice.id: invoice})

    async def payment_history(self, invoice_id: int) -> PaymentHistory:
        """The invoice with its payments, the oldest first, and whether its balance agrees with them. Two requests.

        If they disagree, this method reads both again, because a payment may have arrived in between: two to four requests more.
        It reports a disagreement if two readings in a row show the same one. If each of three readings shows a different one, it
        reports the last. Not verified on a live store. Source: GET /invoices/{invoiceId}, GET /payments.

        Raises:
            NotFoundError: There is no such invoice.
            FilterIgnoredError: The server sent a payment without a share for the invoice.
        """
        return await read_history(self.get, self._payments.of_invoice, invoice_id)

    def reconcile(self, query: InvoiceQuery = EVERYTHING, *, all_invoices: bool = False) -> Reconciliation:
        """Find invoices whose balances disagree with their payments: `async for check in client.invoices.reconcile()`.

        This method first walks over all payments and keeps a few numbers of each. Then it walks over the invoices. Afterwards,
        `reports` of the result says whether both walks read everything. If an invoice seems to disagree, the method reads it and
        its payments again, as `payment_history` does, and reports it only if it still disagrees. One request for each 240
        payments, one for each 240 invoices, two more, and two to six for each suspect. If the quota is short, single calls go
        first. Not verified on a live store. Source: GET /payments, GET /invoices.

        Args:
            query: Which invoices, in which order.
            all_invoices: Whether the result also has the invoices whose books agree.

        Raises:
            FilterIgnoredError: The server sent an invoice that the query excludes.
            DecodeError: An invoice or a payment cannot be read.
            IncompleteWalkError: A walk cannot reach the end of its list.
        """
        invoices = self.iterate(query, details=False)
        return Reconciliation(self._payments.iterate(), invoices, self.payment_history, all_invoices=all_invoices)

    async def pdf_links(self, invoice_id: int) -> PDFLinks:
        """The links to the invoice's PDF, which work for a while. The server may need several seconds to make the PDF. One
        request.

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

        The file appears complete or not at all. Its host is not trusted: no credentials go there, no redirect is followed, and
        the address must be public. If the link has expired (403), this method asks for a new one once. The transfer may take
        `Timeout.total` seconds. Cancelling leaves no file, or, at the very end, the complete file.

        Args:
            invoice_id: The id of the invoice.
            destination: A file in a folder that exists. No part of its name comes from the server.
            overwrite: Whether an existing file may be replaced. A symbolic link is refused, and never followed. Only a link that
                somebody makes in the instant before the file gets its name may be replaced.
            external: Fetch `external_pdf_url`, which an integration linked, instead of the PDF that B2B Edition made. Another
                party chose that address, and it may be on any public host. So it is followed only if you ask for it here.
            progress: Called as the bytes arrive, with two numbers: the bytes so far, and the total, which is None if the host
                does not give it. It must not block. If it raises an exception, the client logs the exception and does not call it
                again.

        Raises:
            NotFoundError: There is no such invoice.
            UnsafeURLError: The link leads to an address that cannot hold an invoice; it was not followed.
            DownloadError: The invoice has no such link, or a complete PDF (of at most 25 MiB) could not be fetched or stored.
        """
        open_pdf = partial(self._transfer, invoice_id, external=external)
        return await store_pdf(open_pdf, destination, overwrite=overwrite, progress=progress)

    @asynccontextmanager
    async def open_pdf(self, invoice_id: int, *, external: bool = False) -> AsyncGenerator[PDFStream]:
        """The invoice's PDF as a stream, to pass it on: `async with client.invoices.open_pdf(1001) as pdf`.

        The block begins once the first bytes have arrived and show that the file is a PDF. Then loop with
        `async for chunk in pdf`; see `PDFStream`. The rules are those of `download_pdf`. `Timeout.total` limits only the time
        spent waiting for the host, so your own code may read slowly. At the end of the block the connection is closed. One
        request for the link, one to the host.

        Args:
            invoice_id: The id of the invoice.
            external: As for `download_pdf`.

        Raises:
            NotFoundError: There is no such invoice.
            UnsafeURLError: The link leads to an address that cannot hold an invoice; it was not followed.
            DownloadError: The invoice has no such link, the file is not a PDF, or it cannot be fetched; also from the loop.
        """
        async with self._transfer(invoice_id, external=external) as transfer:
            yield PDFStream(transfer, f"invoice-{invoice_id}.pdf")

    @asynccontextmanager
    async def _transfer(self, invoice_id: int, *, external: bool) -> AsyncGenerator[Transfer]:
        asked = 0

        async def ask() -> str | None:
            nonlocal asked
            asked += 1
            links = await self.pdf_links(invoice_id)
            return links.external_pdf_url if external else links.url

        try:
            async with self._open_pdf(ask, external=external) as transfer:
                yield transfer
        except DownloadError as error:
            if asked and error.method is None:
                error.of_request("GET", f"/invoices/{invoice_id}/download-pdf", asked)
            raise


def _raise_own(owner: Owner, error: DecodeError) -> None:
    if isinstance(owner.judge(error), DecodeError):
        raise error


def _in_requests(external_ids: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The ids without duplicates, in groups of as many as fit in one request."""
    some: list[str] = []
    characters = 0
    for external_id in dict.fromkeys(external_ids):
        length = ID_NAME + len(quote(str(external_id), safe=""))
        if some and (len(some) == MOST_EXTERNAL_IDS or characters + length > ID_CHARACTERS):
            yield tuple(some)
            some, characters = [], 0
        some.append(external_id)
        characters += length
    if some:
        yield tuple(some)
