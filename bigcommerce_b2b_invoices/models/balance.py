"""What an invoice's payments say about its balance."""

from decimal import Decimal

import attrs

from bigcommerce_b2b_invoices.models.invoice import Invoice
from bigcommerce_b2b_invoices.models.model import Model
from bigcommerce_b2b_invoices.models.payment import Payment


@attrs.frozen(kw_only=True)
class BalanceCheck(Model):
    """An invoice's balances beside its payments. All amounts are in `currency`.

    Attributes:
        currency: The currency of the invoice's balances; None if the invoice has no balance.
        original: The amount that was invoiced; None if the invoice does not say.
        open: The amount still to be paid; None if the invoice does not say.
        applied: The sum of the invoice's shares in payments with `applied_status` 1.
        pending: The sum of its shares in payments that await processing or are in process, and are not applied.
        drift: `original - open - applied`: how much was paid that no applied payment explains. None if a balance is missing, or
            if the two balances are in different currencies.
        payment_ids: Ids of all payments that have a share for the invoice.
        odd_payment_ids: Ids of the payments whose share has no amount, or is in another currency. `applied` and `pending` do not
            include these shares.
    """

    invoice_id: int
    invoice_number: str | None
    customer_id: str | None
    currency: str | None
    original: Decimal | None
    open: Decimal | None
    applied: Decimal
    pending: Decimal
    drift: Decimal | None
    payment_ids: tuple[int, ...] = ()
    odd_payment_ids: tuple[int, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the books agree: the drift is 0, and every share was summed."""
        return self.drift == 0 and not self.odd_payment_ids


@attrs.frozen(kw_only=True)
class PaymentHistory(Model):
    """An invoice with its payments, the oldest first, and whether its balance agrees with them."""

    invoice: Invoice
    payments: tuple[Payment, ...]
    balance: BalanceCheck
