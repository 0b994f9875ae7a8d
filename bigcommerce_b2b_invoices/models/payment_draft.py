"""An offline payment to record, and what became of it. A draft is checked when created, so a bad value is never sent."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import optional

from bigcommerce_b2b_invoices.models import checks
from bigcommerce_b2b_invoices.models.invoice import Money
from bigcommerce_b2b_invoices.models.model import Model
from bigcommerce_b2b_invoices.models.payment import EXACT, PaymentStatus, sum_of

if TYPE_CHECKING:
    Field = attrs.Attribute[Any]

LONGEST_REFERENCE = 255  # characters of an `externalId`
LEAST = Decimal("0.0001")  # the API keeps four decimals


def _reference(_instance: object, field: "Field", value: object) -> None:
    checks.filled(_instance, field, value)
    if isinstance(value, str) and (len(value) > LONGEST_REFERENCE or value != value.strip()):
        raise ValueError(f"reference must have 1 to {LONGEST_REFERENCE} characters, and no blanks at its ends")


def _payable(_instance: object, field: "Field", value: object) -> None:
    if not isinstance(value, Money):
        raise TypeError(f"{field.name} must be Money, not {type(value).__name__}")
    if value.value <= 0:
        raise ValueError(f"{field.name} must be above 0, not {value.value}")
    if value.value != EXACT.quantize(value.value, LEAST):
        raise ValueError(f"{field.name} must have at most 4 decimals, not {value.value}")


def _invoice_id(value: int) -> int:
    return checks.resource_id(value, "invoice_id")


@attrs.frozen
class PaymentShare(Model):
    """How much of a payment pays one invoice: `PaymentShare(1001, Money("USD", Decimal("20.00")))`.

    Attributes:
        invoice_id: The id of the invoice.
        amount: Above 0, with at most 4 decimals.
    """

    invoice_id: int = attrs.field(converter=_invoice_id)
    amount: Money = attrs.field(validator=_payable)


def _shares(values: Iterable[PaymentShare]) -> tuple[PaymentShare, ...]:
    return checks.as_tuple(values)


def _each_once(_instance: object, _field: "Field", shares: tuple[PaymentShare, ...]) -> None:
    if not shares:
        raise ValueError("shares is empty: a payment pays at least one invoice")
    if len({share.invoice_id for share in shares}) < len(shares):
        raise ValueError("shares names an invoice twice: give each invoice one share")
    codes = sorted({share.amount.code for share in shares})
    if len(codes) > 1:
        raise ValueError(f"shares has several currencies ({', '.join(codes)}): record one payment for each")


def _status(value: PaymentStatus | int) -> PaymentStatus:
    status = checks.as_member(PaymentStatus, value)
    if status is PaymentStatus.INCOMPLETE:
        raise ValueError("status cannot be INCOMPLETE: the API does not allow it to be set")
    return status


def _channel(value: int | None) -> int | None:
    return None if value is None else checks.whole_number(value, "channel_id")


@attrs.frozen(kw_only=True)
class OfflinePaymentDraft(Model):
    """A payment that was made outside of the store, to be recorded by `payments.record`. Recording it captures no money.

    A field that is None is not sent, and the API uses its default. Source: POST /payments/offline.

    Attributes:
        reference: Distinguishes this payment from all others: 1 to 255 characters, without blanks at the ends. Choose it before
            the first try, and keep it with your own record: the reference makes a repeated `record` safe. It is sent as
            `externalId`.
        customer_id: Id of the B2B Edition company; an int is also accepted.
        shares: How much of the payment pays which invoice: at least one, one for each invoice, all in one currency.
        memo: By default the reference, so that the receipt shows it.
        payer_name: By default "Store offline payment".
        payer_customer_id: By default the company.
        status: COMPLETED unless you say otherwise; INCOMPLETE cannot be set.
    """

    reference: str = attrs.field(validator=_reference)
    customer_id: str = attrs.field(converter=checks.as_company_id, validator=checks.filled)
    shares: tuple[PaymentShare, ...] = attrs.field(
        converter=_shares, validator=[checks.each(checks.of_type(PaymentShare)), _each_once]
    )
    memo: str | None = attrs.field(default=None, validator=optional(checks.filled))
    payer_name: str | None = attrs.field(default=None, validator=optional(checks.filled))
    payer_customer_id: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(checks.as_company_id), validator=optional(checks.filled)
    )
    external_customer_id: str | None = attrs.field(default=None, validator=optional(checks.filled))
    status: PaymentStatus = attrs.field(default=PaymentStatus.COMPLETED, converter=_status)
    channel_id: int | None = attrs.field(default=None, converter=_channel)

    @property
    def currency(self) -> str:
        """The currency code of all shares."""
        return self.shares[0].amount.code

    @property
    def total(self) -> Money:
        """The sum of the shares."""
        return sum_of([share.amount for share in self.shares]) or self.shares[0].amount


@attrs.frozen(kw_only=True)
class RecordedPayment(Model):
    """A payment that is in the store.

    Attributes:
        payment_id: The id of the payment.
        reference: Its reference.
        already_recorded: Whether the payment was there before this call. If so, this call sent no payment.
        verified: Whether the library read the payment back with its reference, company and amounts. If False, the store accepted
            the payment, but the check failed or did not show it with these values: the list may lag, or the store may not keep
            references.
    """

    payment_id: int
    reference: str
    already_recorded: bool
    verified: bool
