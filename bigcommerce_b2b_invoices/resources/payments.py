"""The payments of a store."""

from bigcommerce_b2b_invoices.models.page import Page
from bigcommerce_b2b_invoices.models.payment import (
    Payment,
    PaymentOperation,
    PaymentOperations,
    PaymentStatus,
    PaymentTransaction,
)
from bigcommerce_b2b_invoices.models.payment_draft import OfflinePaymentDraft, RecordedPayment
from bigcommerce_b2b_invoices.models.payment_query import PaymentQuery
from bigcommerce_b2b_invoices.resources.books import oldest_first
from bigcommerce_b2b_invoices.resources.lists import PAYMENTS, Listed
from bigcommerce_b2b_invoices.resources.payment_evidence import duplicate
from bigcommerce_b2b_invoices.resources.payment_writes import PaymentWrites
from bigcommerce_b2b_invoices.resources.settle import Locks, Settler
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire import payment_endpoints
from bigcommerce_b2b_invoices.wire.call import Send
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT

ALL_PAYMENTS = PaymentQuery()


class Payments:
    """`client.payments`. Not verified on a live store.

    Any method may raise TransportError, APIError and DecodeError. Each method names its further errors.
    """

    def __init__(self, send: Send, scope: str, *, waits: tuple[float, ...] = (), locks: Locks | None = None) -> None:
        self._send = send
        self._scope = scope  # tells the bookmarks of one store from those of another
        self._writes = PaymentWrites(send, Settler(waits=waits), locks or Locks())

    async def get(self, payment_id: int) -> Payment:
        """One payment. One request. Source: GET /payments/{paymentId}.

        Raises:
            NotFoundError: There is no such payment.
        """
        return await self._send(payment_endpoints.get_payment(payment_id))

    async def page(self, query: PaymentQuery = ALL_PAYMENTS, *, offset: int = 0, limit: int = MAX_LIMIT) -> Page[Payment]:
        """One page of the payments that match, in the server's order unless the query sets one. One request.

        The server may put fewer than `limit` payments on a page that is not the last. To get all payments, use `iterate`.
        Source: GET /payments.

        Args:
            query: Which payments, in which order.
            offset: How many payments to skip.
            limit: The most payments on the page, 1 to 250.

        Raises:
            FilterIgnoredError: The server sent a payment that the query excludes.
        """
        return await self._send(self._listed(query).page(offset, limit))

    def iterate(
        self,
        query: PaymentQuery = ALL_PAYMENTS,
        *,
        page_size: int = MAX_LIMIT,
        prefetch: int = 4,
        resume: str | None = None,
    ) -> Walk[Payment]:
        """All payments that match: `async for payment in client.payments.iterate()`, the oldest first; like `Invoices.iterate`.

        About one request for each 240 payments, and one more at the end if there is more than one page.
        Source: GET /payments.

        Args:
            query: Which payments, in which order. Only in an order by creation or update can the walk prove that it is complete.
            page_size: Payments in each request, 1 to 250.
            prefetch: Pages to request ahead of the consumer, 0 or more.
            resume: The `bookmark` of an earlier walk of the same query, to continue that walk.

        Raises:
            ValueError: The bookmark is damaged, or belongs to another query or store.
            FilterIgnoredError: The server sent a payment that the query excludes.
            DecodeError: A payment has an id or a line that cannot be read.
            IncompleteWalkError: The walk cannot reach the end of the list.
        """
        source = self._listed(query, bulk=True)
        source.slice(0, page_size)  # bad arguments raise here, not in the loop
        return Walk(source, page_size=page_size, prefetch=prefetch, resume=resume)

    def _listed(self, query: PaymentQuery, *, bulk: bool = False) -> Listed[PaymentQuery, Payment]:
        return Listed(self._send, PAYMENTS, query, scope=self._scope, bulk=bulk)

    async def count(self, query: PaymentQuery = ALL_PAYMENTS) -> int:
        """How many payments match, as the server counts them. One request. Source: GET /payments.

        Raises:
            FilterIgnoredError: The query excludes the first payment that the server counted.
        """
        return await self._listed(query).count()

    async def of_invoice(self, invoice_id: int) -> tuple[Payment, ...]:
        """All payments that have a share for the invoice, the oldest first; empty if there are none.

        One request; if there are more than 250 payments, one for each 240 and one more. Source: GET /payments.

        Raises:
            FilterIgnoredError: The server sent a payment without a share for the invoice.
            DecodeError: A payment has an id or a line that cannot be read.
        """
        query = PaymentQuery(invoice_id=invoice_id)
        if query.invoice_id is None:
            raise TypeError("invoice_id must be int, not None")
        return tuple(sorted([payment async for payment in Walk(self._listed(query))], key=oldest_first))

    async def find(self, reference: str) -> Payment | None:
        """The payment whose `external_id` is exactly this reference, or None.

        The API's own search is loose, and it may lag behind writes. This method compares what the search finds. One request, or
        one for each 240 payments whose external ids contain this one. Source: GET /payments.

        Raises:
            DuplicatePaymentError: Several payments have the reference.
            DecodeError: The search found a payment that cannot be read, and it may have this reference.
        """
        found = await self._writes.search(reference)
        if len(found) > 1:
            raise duplicate(reference, found)
        return next(iter(found.values()), None)

    async def record(self, draft: OfflinePaymentDraft, *, allow_overpayment: bool = False) -> RecordedPayment:
        """Record a payment that was made outside of the store. Sends at most one POST that the server may have acted on.

        Four requests and one for each invoice, if all goes well: this method looks for the reference in two ways, reads and
        checks the invoices, sends the payment, and looks once more. If a payment with the reference, the same company and the
        same amounts is there already, this method sends no payment: two requests, and `already_recorded` is True. Memo, payer and
        status are not compared.

        If the answer is lost, this method looks for the payment at once, and then after 1, 2, 4, 8, 16 and 32 seconds
        (`RetryPolicy.settling`), with two requests each time. It never sends the payment again to find out.

        After an OutcomeUnknownError, a cancellation or a crash, call it again with the same reference: it looks first, and sends
        only if it finds nothing. A second payment is then possible only if the store shows, or commits, the first one after that
        check. The longer you wait, the safer: settling alone takes 63 seconds by default, but no time with
        `RetryPolicy(attempts=1)`. Two processes that record one reference at the same moment may make two payments; the last
        check then reports both. All this works only if the store keeps the reference as `externalId`. If `verified` is False, the
        store may not keep it: check that before you call this method again. Source: POST /payments/offline.

        Args:
            draft: The payment.
            allow_overpayment: Whether a share may be more than the invoice's open balance.

        Raises:
            ReferenceTakenError: Another payment has the reference. Nothing was sent.
            DuplicatePaymentError: Several payments have the reference. If this call has sent one, it is among them once the list
                shows it.
            PaymentRefusedError: An invoice does not fit: OverpaymentError, CurrencyMismatchError or CompanyMismatchError. Nothing
                was sent.
            NotFoundError: There is no such invoice. Nothing was sent.
            UnprocessableError: The server refused the payment; `field_errors` says why. Nothing was recorded.
            OutcomeUnknownError: It is unknown whether the payment was recorded. `await error.resolve()` looks again.
        """
        return await self._writes.record(draft, overpay=allow_overpayment)

    async def set_status(self, payment_id: int, status: PaymentStatus) -> None:
        """Set the processing status of a payment. One request; if its answer is lost, one to four more.

        After a lost answer, this method reads the payment at once, and then after 1, 2 and 4 seconds. The change is not sent
        again. Whether balances change with the status is not documented: see `applied_status`.
        Source: PUT /payments/{paymentId}/processing-status.

        Raises:
            ValueError: The status is INCOMPLETE, which cannot be set.
            NotFoundError: There is no such payment.
            PaymentStateError: The payment does not allow this status now.
            OutcomeUnknownError: The answer was lost, and the payment does not have the status. `error.resolve()` looks again.
        """
        await self._writes.set_status(payment_id, status)

    async def operations(self, payment_id: int) -> PaymentOperations:
        """The operations and statuses that the API allows now. One request. Source: GET /payments/{paymentId}/operations.

        Raises:
            NotFoundError: There is no such payment.
        """
        return await self._send(payment_endpoints.get_payment_operations(payment_id))

    async def perform(self, payment_id: int, operation: PaymentOperation | int) -> None:
        """Carry out an operation, such as `PaymentOperation.REVERT`. One request; if its answer is lost, one to four more.

        After a lost answer to APPLY or REVERT, this method reads the payment at once, and then after 1, 2 and 4 seconds, and
        looks at `applied_status`. A payment does not show whether any other operation was carried out. This method does not send
        the operation again.
        Source: POST /payments/{paymentId}/operations.

        Args:
            payment_id: The id of the payment.
            operation: The operation, or its code, 0 or more.

        Raises:
            NotFoundError: There is no such payment.
            PaymentStateError: The payment does not allow this operation now.
            OutcomeUnknownError: The answer was lost, and the payment does not show the operation. `error.resolve()` looks again;
                after any other operation than APPLY or REVERT, it raises this error again.
        """
        await self._writes.perform(payment_id, operation)

    async def transactions(self, payment_id: int) -> tuple[PaymentTransaction, ...]:
        """The transactions of a payment; what they hold depends on the gateway. One request.

        Source: GET /payments/{paymentId}/transactions.

        Raises:
            NotFoundError: There is no such payment.
        """
        return await self._send(payment_endpoints.list_payment_transactions(payment_id))

    async def delete(self, payment_id: int) -> None:
        """Delete a payment. One request. If its answer is lost, it is sent again; a "not found" answer then means success.

        Whether the open balances of its invoices rise again is not documented: read the invoices afterwards.
        Source: DELETE /payments/{paymentId}.

        Raises:
            NotFoundError: There is no such payment.
            OutcomeUnknownError: No attempt got a trustworthy answer. `await error.resolve()` checks whether the payment is gone.
        """
        await self._writes.delete(payment_id)
