"""The payments of one company, for a back end that shows buyers only their own payments."""

from collections.abc import AsyncIterator, Awaitable, Callable

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError, ForeignInvoiceError
from bigcommerce_b2b_invoices.models.invoice import Invoice
from bigcommerce_b2b_invoices.models.payment import Payment
from bigcommerce_b2b_invoices.models.payment_query import PaymentQuery, PaymentSearchField
from bigcommerce_b2b_invoices.payment_errors import ForeignPaymentError
from bigcommerce_b2b_invoices.resources.owner import Owner
from bigcommerce_b2b_invoices.resources.payments import ALL_PAYMENTS, Payments
from bigcommerce_b2b_invoices.walks.stream import Stream
from bigcommerce_b2b_invoices.walks.walk import Walk


class PaymentOwner(Owner):
    """The company whose payments a caller may see."""

    def foreign(self, invoice_id: int | None) -> ForeignInvoiceError:
        """The error of a payment that the caller may not see, or that may be such a one."""
        path = "/payments" if invoice_id is None else f"/payments/{invoice_id}"
        which = "a payment" if invoice_id is None else f"payment {invoice_id}"
        return ForeignPaymentError(f"{which} does not belong to company {self.customer_id}").of_request("GET", path, 1)


async def own_payments_of(payments: Payments, owner: PaymentOwner, invoice_id: int) -> tuple[Payment, ...]:
    """All payments of an invoice that is known to be the owner's. Raises a ForeignPaymentError if one is not the owner's."""
    error: DecodeError | ForeignInvoiceError
    try:
        found = await payments.of_invoice(invoice_id)
        foreign = next((each.id for each in found if not owner.owns(each)), None)
        if foreign is None:
            return found
        error = owner.foreign(foreign)
        del found  # a traceback may show them
    except DecodeError as unreadable:
        error = owner.judge(unreadable)
    raise error


class CompanyPayments:
    """`client.company(customer_id).payments`: reads payments, but only those of one company.

    A payment of another company never reaches the caller: this class compares each answer with the company.
    """

    def __init__(self, payments: Payments, get_invoice: Callable[[int], Awaitable[Invoice]], customer_id: str) -> None:
        self._payments = payments
        self._get_invoice = get_invoice
        self._owner = PaymentOwner(customer_id)
        self.customer_id = customer_id

    async def get(self, payment_id: int) -> Payment:
        """One payment of the company. One request.

        Raises:
            ForeignPaymentError: The payment belongs to another company.
            NotFoundError: There is no such payment.
        """
        return await self._owner.see(self._payments.get(payment_id), payment_id)

    async def of_invoice(self, invoice_id: int) -> tuple[Payment, ...]:
        """All payments that have a share for the company's invoice, the oldest first. Two requests: the invoice is read first.

        Raises:
            ForeignInvoiceError: The invoice belongs to another company.
            ForeignPaymentError: One of the payments belongs to another company; no payment is returned.
            NotFoundError: There is no such invoice.
        """
        await self._get_invoice(invoice_id)
        return await own_payments_of(self._payments, self._owner, invoice_id)

    def iterate(self, query: PaymentQuery = ALL_PAYMENTS) -> AsyncIterator[Payment]:
        """All payments of the company that match, the oldest first.

        The API has no filter by company. It can only search for one, and its search is loose, so this walk skips payments of
        other companies. About one request for each 240 payments that the search finds.

        Raises:
            ValueError: The query has a `q` of its own.
            DecodeError: A payment of the company cannot be read.
        """
        if query.q is not None:
            raise ValueError("the query has a q of its own, and the API needs it to search for the company")
        return _OwnPayments(self._payments, query, self._owner)


class _OwnPayments(Stream[Payment]):
    """The payments of a walk that belong to one company."""

    def __init__(self, payments: Payments, query: PaymentQuery, owner: PaymentOwner) -> None:
        super().__init__()
        own = attrs.evolve(query, search_by=PaymentSearchField.CUSTOMER_ID, q=owner.customer_id)
        self._owner = owner
        self._walk: Walk[Payment] = payments.iterate(own)
        self._rows = aiter(self._walk)

    async def _next(self) -> Payment:
        while True:
            try:
                payment = await anext(self._rows)
            except DecodeError as unreadable:
                error = self._owner.judge(unreadable)
            else:
                if self._owner.owns(payment):
                    return payment
                continue
            if isinstance(error, DecodeError):
                raise error  # outside the except block: a chained error would show the row

    def _cancel(self) -> None:
        self._walk.stop()

    async def _close(self) -> None:
        await self._walk.aclose()
