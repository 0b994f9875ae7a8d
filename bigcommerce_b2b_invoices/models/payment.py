"""A payment as the API sends it, with its lines, its transactions, and what may be done with it.

Not verified on a live store. As in an invoice, every class keeps in `additional_properties` what its other fields cannot hold.
`details`, `fees`, `module_data` and `raw_transaction` are opaque JSON: their numbers are ints and Decimals.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Context
from enum import IntEnum

import attrs

from bigcommerce_b2b_invoices.models import checks, facts
from bigcommerce_b2b_invoices.models.invoice import Money
from bigcommerce_b2b_invoices.models.model import Model

EXACT = Context(prec=200)  # sums are exact, whatever the application's context rounds to


class PaymentStatus(IntEnum):
    """How far a payment is processed. Only `applied_status` shows whether its amounts are taken off the open balances."""

    INCOMPLETE = 0
    AWAITING_PROCESSING = 1
    PROCESSING = 2
    COMPLETED = 3
    REFUNDED = 4


class PaymentOperation(IntEnum):
    """What can be done with a payment. The API also accepts the code 3, which has no documented name."""

    APPLY = 0
    REVERT = 1
    PULL_FROM_ORDER = 2


@attrs.frozen(kw_only=True)
class PaymentLine(Model):
    """The share of a payment that pays one invoice.

    Attributes:
        amount: None if the API did not send it, as lists may do, or if it cannot be read.
    """

    payment_id: int | None = None
    invoice_id: int = attrs.field(metadata=facts.ID)
    invoice_number: str | None = None
    amount: Money | None = None
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class Payment(Model):
    """A payment of one company, in one currency, for one or more invoices.

    None means that the API sent null, nothing, or a value that cannot be read. `additional_properties` keeps such a value.

    Attributes:
        id: The API's own number for the payment.
        customer_id: Id of the B2B Edition company.
        external_id: The payment's id in another system. If `record` made the payment, this is its reference.
        details: Opaque JSON, usually an object with a `memo`. Lists may leave it out.
        module_name: Where the payment came from, such as `payments_offline`.
        processing_status: 0 incomplete, 1 awaiting processing, 2 processing, 3 completed, 4 refunded; any other number stays an
            int.
        applied_status: 1 if its amounts are taken off the open balances of its invoices, 0 if they are not.
        funding_status: A number from 0 to 3 whose meaning the API does not document.
        total: The amount of the whole payment.
        line_items: The shares of the invoices.
        allowed_operations: The numbers of the operations that the API would accept now.
        allowed_statuses: The numbers of the statuses that can be set now.
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
    module_name: str | None = attrs.field(default=None, metadata=facts.REPEATED)
    fees: object = attrs.field(default=None, hash=False)
    module_data: object = attrs.field(default=None, hash=False)
    processing_status: PaymentStatus | int | None = None
    applied_status: int | None = None
    funding_status: int | None = None
    total: Money | None = None
    line_items: tuple[PaymentLine, ...] = attrs.field(default=(), metadata=facts.ESSENTIAL)
    customer_name: str | None = None
    allowed_operations: tuple[PaymentOperation | int, ...] = ()
    allowed_statuses: tuple[PaymentStatus | int, ...] = ()
    channel_id: int | None = attrs.field(default=None, metadata=facts.written_as(facts.Form.TEXT))
    channel_name: str | None = attrs.field(default=None, metadata=facts.REPEATED)
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))

    @property
    def memo(self) -> str | None:
        """The memo, from `details`; None if there is none."""
        memo = self.details.get("memo") if isinstance(self.details, Mapping) else None
        return memo if isinstance(memo, str) else None

    @property
    def is_applied(self) -> bool:
        """Whether its amounts are taken off the open balances of its invoices."""
        return self.applied_status == 1

    def amount_for(self, invoice_id: int) -> Money | None:
        """The sum of the payment's lines for an invoice.

        None if there is no such line, if one of them has no amount, or if they are not in one currency.
        """
        amounts = [line.amount for line in self.line_items if line.invoice_id == invoice_id]
        return None if None in amounts else sum_of([amount for amount in amounts if amount is not None])


def sum_of(amounts: "list[Money]") -> Money | None:
    """The exact sum; None if there is nothing to add, or if the amounts are not in one currency."""
    if len({amount.code for amount in amounts}) != 1:
        return None
    total = amounts[0].value
    for amount in amounts[1:]:
        total = EXACT.add(total, amount.value)
    return Money(amounts[0].code, total)


@attrs.frozen(kw_only=True)
class PaymentOperations(Model):
    """What the API allows now for a payment. Source: GET /payments/{paymentId}/operations.

    Attributes:
        allowed_operations: The operations that `perform` would carry out.
        allowed_statuses: The statuses that `set_status` would set.
    """

    allowed_operations: tuple[PaymentOperation | int, ...] = ()
    allowed_statuses: tuple[PaymentStatus | int, ...] = ()
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class PaymentCard(Model):
    """The card of a transaction, as far as the gateway shows it."""

    type: str | None = None
    last4: str | None = attrs.field(default=None, repr=False)
    expiry_year: int | None = None
    expiry_month: int | None = None
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class PaymentTransaction(Model):
    """A transaction of a payment; what it holds depends on the gateway. Source: GET /payments/{paymentId}/transactions.

    Attributes:
        event: For example `capture`.
        raw_transaction: Opaque JSON: the gateway's own record.
    """

    type: str | None = None
    gateway: str | None = None
    transaction_id: str | None = None
    auth_code: str | None = None
    event: str | None = None
    card: PaymentCard | None = None
    raw_transaction: object = attrs.field(default=None, hash=False)
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))
