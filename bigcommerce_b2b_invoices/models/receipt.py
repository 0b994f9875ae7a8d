"""Receipts and their lines as the API sends them. The server makes a receipt for a payment, with a line for each invoice.

Not verified on a live store. `details` is opaque JSON, and `additional_properties` keeps what the other fields cannot hold.
"""

from collections.abc import Mapping
from datetime import datetime

import attrs

from bigcommerce_b2b_invoices.models import checks, facts
from bigcommerce_b2b_invoices.models.invoice import Money
from bigcommerce_b2b_invoices.models.model import Model
from bigcommerce_b2b_invoices.models.payment import PaymentStatus


@attrs.frozen(kw_only=True)
class Receipt(Model):
    """The receipt of one payment.

    Attributes:
        id: The API's own number for the receipt.
        customer_id: Id of the B2B Edition company.
        transaction_type: For example `Paid`.
        payment_type: For example `Offline`, or `Visa ending in 1111`.
        reference_number: The memo of an offline payment, or the gateway's number of a card payment.
        total: The amount of the whole receipt; lists may leave it out.
    """

    id: int = attrs.field(metadata=facts.ID)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    customer_id: str | None = None
    external_id: str | None = None
    external_customer_id: str | None = None
    payer_name: str | None = None
    payer_customer_id: str | None = None
    details: object = attrs.field(default=None, hash=False)
    transaction_type: str | None = attrs.field(default=None, metadata=facts.REPEATED)
    payment_type: str | None = attrs.field(default=None, metadata=facts.REPEATED)
    reference_number: str | None = None
    payment_id: int | None = None
    total: Money | None = None
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))

    @property
    def memo(self) -> str | None:
        """The memo of the payment, from `details`; None if there is none."""
        payment = self.details.get("paymentDetails") if isinstance(self.details, Mapping) else None
        memo = payment.get("memo") if isinstance(payment, Mapping) else None
        return memo if isinstance(memo, str) else None


@attrs.frozen(kw_only=True)
class ReceiptLine(Model):
    """The part of a receipt that is about one invoice.

    Attributes:
        id: The API's own number for the line.
        payment_status: The status of the payment; a number without a name stays an int.
    """

    id: int = attrs.field(metadata=facts.ID)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    customer_id: str | None = None
    external_id: str | None = None
    external_customer_id: str | None = None
    receipt_id: int | None = None
    invoice_id: int = attrs.field(metadata=facts.ID)
    amount: Money | None = None
    payment_status: PaymentStatus | int | None = None
    payment_type: str | None = attrs.field(default=None, metadata=facts.REPEATED)
    invoice_number: str | None = None
    payment_id: int | None = None
    reference_number: str | None = None
    transaction_type: str | None = attrs.field(default=None, metadata=facts.REPEATED)
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))
