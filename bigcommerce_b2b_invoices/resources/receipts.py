"""The receipts of a store, and their lines. The server makes them; they can be read and deleted."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from bigcommerce_b2b_invoices.errors import B2BError, DecodeError, OutcomeUnknownError
from bigcommerce_b2b_invoices.models.checks import resource_id
from bigcommerce_b2b_invoices.models.page import Page
from bigcommerce_b2b_invoices.models.receipt import Receipt, ReceiptLine
from bigcommerce_b2b_invoices.models.receipt_query import ReceiptLineQuery, ReceiptLineSearchField, ReceiptQuery
from bigcommerce_b2b_invoices.resources.books import EARLIEST
from bigcommerce_b2b_invoices.resources.lists import RECEIPT_LINES, RECEIPTS, Listed, lines_of_receipt
from bigcommerce_b2b_invoices.resources.settle import find_gone, outcome
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire import receipt_endpoints
from bigcommerce_b2b_invoices.wire.call import Call, Send
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT

ALL_RECEIPTS = ReceiptQuery()
ALL_LINES = ReceiptLineQuery()


class Receipts:
    """`client.receipts`. Not verified on a live store.

    Any method may raise TransportError, APIError and DecodeError. Each method names its further errors.
    """

    def __init__(self, send: Send, scope: str) -> None:
        self._send = send
        self._scope = scope  # tells the bookmarks of one store from those of another

    async def get(self, receipt_id: int) -> Receipt:
        """One receipt. One request. Source: GET /receipts/{receiptId}.

        Raises:
            NotFoundError: There is no such receipt.
        """
        return await self._send(receipt_endpoints.get_receipt(receipt_id))

    async def page(self, query: ReceiptQuery = ALL_RECEIPTS, *, offset: int = 0, limit: int = MAX_LIMIT) -> Page[Receipt]:
        """One page of the receipts that match, the newest first unless the query sets an order. One request.

        Source: GET /receipts.

        Args:
            query: Which receipts, in which order.
            offset: How many receipts to skip.
            limit: The most receipts on the page, 1 to 250.
        """
        return await self._send(Listed(self._send, RECEIPTS, query, scope=self._scope).page(offset, limit))

    def iterate(
        self,
        query: ReceiptQuery = ALL_RECEIPTS,
        *,
        page_size: int = MAX_LIMIT,
        prefetch: int = 4,
        resume: str | None = None,
    ) -> Walk[Receipt]:
        """All receipts that match, the oldest first; like `Invoices.iterate`. About one request for each 240 receipts, and one
        more.

        Source: GET /receipts.

        Args:
            query: Which receipts, in which order. Only in an order by creation or update can the walk prove that it is complete.
            page_size: Receipts in each request, 1 to 250.
            prefetch: Pages to request ahead of the consumer, 0 or more.
            resume: The `bookmark` of an earlier walk of the same query, to continue that walk.

        Raises:
            ValueError: The bookmark is damaged, or belongs to another query or store.
            DecodeError: A receipt has an id that cannot be read.
            IncompleteWalkError: The walk cannot reach the end of the list.
        """
        source = Listed(self._send, RECEIPTS, query, scope=self._scope)
        source.slice(0, page_size)  # bad arguments raise here, not in the loop
        return Walk(source, page_size=page_size, prefetch=prefetch, resume=resume)

    async def lines_page(
        self,
        receipt_id: int | None = None,
        query: ReceiptLineQuery = ALL_LINES,
        *,
        offset: int = 0,
        limit: int = MAX_LIMIT,
    ) -> Page[ReceiptLine]:
        """One page of the lines of a receipt, or of all receipts. One request.

        Source: GET /receipts/{receiptId}/lines, or GET /receipt-lines.

        Args:
            receipt_id: The id of the receipt; None: the lines of all receipts.
            query: Which lines, in which order.
            offset: How many lines to skip.
            limit: The most lines on the page, 1 to 250.

        Raises:
            FilterIgnoredError: The server sent a line of another receipt, or one that the query excludes.
        """
        return await self._send(self._listed_lines(receipt_id, query).page(offset, limit))

    def lines(
        self,
        receipt_id: int | None = None,
        query: ReceiptLineQuery = ALL_LINES,
        *,
        page_size: int = MAX_LIMIT,
        prefetch: int = 4,
        resume: str | None = None,
    ) -> Walk[ReceiptLine]:
        """All lines of a receipt, or of all receipts, the oldest first; like `iterate`.

        Source: GET /receipts/{receiptId}/lines, or GET /receipt-lines.

        Args:
            receipt_id: The id of the receipt; None: the lines of all receipts.
            query: Which lines, in which order.
            page_size: Lines in each request, 1 to 250.
            prefetch: Pages to request ahead of the consumer, 0 or more.
            resume: The `bookmark` of an earlier walk of the same lines, to continue that walk.

        Raises:
            ValueError: The bookmark is damaged, or belongs to other lines or to another store.
            FilterIgnoredError: The server sent a line of another receipt, or one that the query excludes.
            DecodeError: A line has an id, or the id of its invoice, that cannot be read.
            IncompleteWalkError: The walk cannot reach the end of the list.
        """
        source = self._listed_lines(receipt_id, query)
        source.slice(0, page_size)  # bad arguments raise here, not in the loop
        return Walk(source, page_size=page_size, prefetch=prefetch, resume=resume)

    def _listed_lines(
        self, receipt_id: int | None, query: ReceiptLineQuery, *, bulk: bool = True
    ) -> Listed[ReceiptLineQuery, ReceiptLine]:
        listing = RECEIPT_LINES if receipt_id is None else lines_of_receipt(receipt_id)
        return Listed(self._send, listing, query, scope=self._scope, bulk=bulk)

    async def lines_of_invoice(self, invoice_id: int) -> tuple[ReceiptLine, ...]:
        """All lines that are about the invoice, the oldest first; empty if there are none.

        The API's own search is loose, so this method compares the ids of the invoices. One request, or one for each 240 lines
        that the search finds and one more. Source: GET /receipt-lines.

        Raises:
            DecodeError: The search found a line that cannot be read, and it may be about this invoice.
        """
        wanted = resource_id(invoice_id, "invoice_id")
        query = ReceiptLineQuery(search_by=ReceiptLineSearchField.INVOICE_ID, q=str(wanted))

        def pass_over(error: DecodeError) -> None:
            found = error.row.get("invoiceId") if type(error.row) is dict else None  # an OddObject says nothing certain
            if type(found) is not int or found == wanted:
                raise error

        walk = Walk(self._listed_lines(None, query, bulk=False), on_unreadable=pass_over)
        return tuple(sorted([line async for line in walk if line.invoice_id == wanted], key=_oldest_first))

    async def line(self, receipt_id: int, line_id: int) -> ReceiptLine:
        """One line of a receipt. One request. Source: GET /receipts/{receiptId}/lines/{receiptLineId}.

        Raises:
            NotFoundError: There is no such line.
            FilterIgnoredError: The server sent a line of another receipt.
        """
        return await self._send(receipt_endpoints.get_receipt_line(receipt_id, line_id))

    async def delete(self, receipt_id: int) -> None:
        """Delete a receipt. One request. If its answer is lost, it is sent again; a "not found" answer then means success.

        Whether balances change with it is not documented. Source: DELETE /receipts/{receiptId}.

        Raises:
            NotFoundError: There is no such receipt.
            OutcomeUnknownError: No attempt got a trustworthy answer. `await error.resolve()` checks whether the receipt is gone.
        """
        await self._delete(receipt_endpoints.delete_receipt(receipt_id), partial(self.get, receipt_id), receipt_id)

    async def delete_line(self, receipt_id: int, line_id: int) -> None:
        """Delete a line of a receipt; like `delete`. One request. Source: DELETE /receipts/{receiptId}/lines/{receiptLineId}.

        Raises:
            NotFoundError: There is no such line.
            OutcomeUnknownError: No attempt got a trustworthy answer. `await error.resolve()` checks whether the line is gone.
        """
        deleting = receipt_endpoints.delete_receipt_line(receipt_id, line_id)
        await self._delete(deleting, partial(self.line, receipt_id, line_id), line_id)

    async def _delete(self, deleting: Call[None], read: Callable[[], Awaitable[object]], object_id: int) -> None:
        done = await outcome(self._send(deleting))
        if isinstance(done, OutcomeUnknownError):
            done.look = partial(find_gone, read, object_id)
        if isinstance(done, B2BError):
            raise done


def _oldest_first(line: ReceiptLine) -> tuple[datetime, int]:
    return line.created_at or EARLIEST, line.id
