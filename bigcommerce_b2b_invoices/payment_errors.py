"""The errors that only payments lead to. Part of the tree in `errors`; all can be pickled, with what they hold."""

from bigcommerce_b2b_invoices.errors import B2BError, BadRequestError, ForeignInvoiceError
from bigcommerce_b2b_invoices.models.invoice import Money


class PaymentRefusedError(B2BError):
    """The library refused to record a payment, before it sent a write.

    Attributes:
        reference: The reference of the payment; None if it has none.
        invoice_id: Id of the invoice that the payment does not fit; None if it is not about one invoice.
    """

    def __init__(self, message: str = "", *, reference: str | None = None, invoice_id: int | None = None) -> None:
        super().__init__(message)
        self.reference = reference
        self.invoice_id = invoice_id


class OverpaymentError(PaymentRefusedError):
    """An invoice's share is more than its open balance.

    Attributes:
        amount: The invoice's share of the payment; None if it is not known.
        open_balance: The open balance, as it was read just before; None if it is not known.
    """

    amount: Money | None = None
    open_balance: Money | None = None


class CurrencyMismatchError(PaymentRefusedError):
    """An invoice is in another currency than the payment, or has no open balance that would show its currency."""


class CompanyMismatchError(PaymentRefusedError):
    """An invoice belongs to another company than the payment, or does not show its company."""


class ReferenceTakenError(B2BError):
    """Another payment has the reference, and its company, invoices or amounts differ from the draft. This call sent no payment.

    Attributes:
        reference: The reference.
        payment_ids: Ids of the payments that have it.
    """

    def __init__(self, message: str = "", *, reference: str | None = None, payment_ids: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.reference = reference
        self.payment_ids = payment_ids


class DuplicatePaymentError(B2BError):
    """Several payments have the reference. Compare them with the money that arrived, and delete a payment that was recorded
    twice.

    Attributes:
        reference: The reference.
        payment_ids: Ids of the payments that have it.
    """

    def __init__(self, message: str = "", *, reference: str | None = None, payment_ids: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.reference = reference
        self.payment_ids = payment_ids


class PaymentStateError(BadRequestError):
    """The state of the payment does not allow this status or operation."""


class ForeignPaymentError(ForeignInvoiceError):
    """A company view received a payment of another company, and did not return it."""
