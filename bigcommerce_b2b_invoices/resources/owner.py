"""Whether an invoice or a payment belongs to a company.

The owner also judges rows that cannot be read: a DecodeError holds the row, and must not show it to another company.
"""

from collections.abc import Awaitable
from typing import Protocol, TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError, ForeignInvoiceError
from bigcommerce_b2b_invoices.models.query import InvoiceQuery
from bigcommerce_b2b_invoices.wire.values import Unreadable, read_text


class Owned(Protocol):
    """What belongs to a company."""

    @property
    def customer_id(self) -> str | None:
        """The id of the company; None if it is not known."""
        ...


T = TypeVar("T", bound=Owned)


@attrs.frozen
class Owner:
    """The company that a caller may see.

    Attributes:
        customer_id: The id of the B2B Edition company; None: every company.
    """

    customer_id: str | None = None

    @classmethod
    def of(cls, customer_id: str | int | None) -> "Owner":
        """The owner with this id, which is checked as in a query."""
        return cls(InvoiceQuery(customer_id=customer_id).customer_id)

    def owns(self, row: Owned) -> bool:
        """Whether the invoice or payment belongs to the company."""
        return self.customer_id is None or row.customer_id == self.customer_id

    async def see(self, reading: Awaitable[T], invoice_id: int) -> T:
        """The invoice or payment that is being read. Raises a ForeignInvoiceError if it belongs to another company."""
        error: DecodeError | ForeignInvoiceError = self.foreign(invoice_id)
        try:
            row = await reading
            if self.owns(row):
                return row
            del row  # a traceback may show it
        except DecodeError as unreadable:
            error = self.judge(unreadable, invoice_id)
        raise error

    def judge(self, error: DecodeError, invoice_id: int | None = None) -> DecodeError | ForeignInvoiceError:
        """The error of an invoice that cannot be read, or a ForeignInvoiceError if the invoice may belong to another company.

        Args:
            error: The error.
            invoice_id: The id that was asked for, if one was.
        """
        if self.customer_id is None:
            return error
        try:
            found = read_text(error.row.get("customerId")) if type(error.row) is dict else None  # an OddObject is not certain
        except Unreadable:
            found = None
        return error if found == self.customer_id else self.foreign(error.invoice_id if invoice_id is None else invoice_id)

    def foreign(self, invoice_id: int | None) -> ForeignInvoiceError:
        """The error of an invoice that the caller may not see, or that may be such a one."""
        if invoice_id is None:
            return ForeignInvoiceError(f"an invoice does not belong to company {self.customer_id}").of_request(
                "GET", "/invoices", 1
            )
        error = ForeignInvoiceError(f"invoice {invoice_id} does not belong to company {self.customer_id}")
        return error.of_request("GET", f"/invoices/{invoice_id}", 1)


EVERYBODY = Owner()
