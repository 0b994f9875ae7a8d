"""An invoice as the API sends it, with all its parts down to an amount of money.

Collections are tuples, times are aware and exact to the microsecond, amounts are Decimals. Every class keeps in
`additional_properties` what its other fields cannot hold, as the API sent it: unknown keys, known keys with null or an empty
value, and values that cannot be read. Writing puts them back, so no part of an invoice is lost when it is read, edited and
written. `custom_fields` and `customer_fields` are opaque JSON: their numbers are ints and Decimals.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from enum import IntEnum

import attrs
from attrs.validators import optional

from bigcommerce_b2b_invoices.models import checks, facts
from bigcommerce_b2b_invoices.models.extra_field import ExtraField
from bigcommerce_b2b_invoices.models.model import Model


class InvoiceStatus(IntEnum):
    """How far an invoice is paid. The API itself sets COMPLETED when the open balance is <= 0."""

    OPEN = 0
    PARTIALLY_PAID = 1
    COMPLETED = 2


class InvoiceSource(IntEnum):
    """Which system created an invoice."""

    B2B_EDITION = 0
    EXTERNAL = 1


@attrs.frozen
class Money(Model):
    """An exact amount in one currency, such as `Money("USD", Decimal("349.50"))`.

    Attributes:
        code: The currency code, as the store writes it.
        value: The amount in the currency's main unit. An int is also accepted; a float raises a TypeError.
    """

    code: str = attrs.field(validator=checks.filled, metadata=facts.REPEATED)
    value: Decimal = attrs.field(converter=checks.as_decimal, validator=checks.exact)
    additional_properties: Mapping[str, object] = attrs.field(
        factory=dict, kw_only=True, hash=False, validator=checks.of_type(Mapping)
    )


_TEXT = optional(checks.of_type(str))
_MONEY = optional(checks.of_type(Money))


@attrs.frozen(kw_only=True)
class CostLine(Model):
    """A line of the invoice's totals, such as subtotal, freight or tax."""

    description: str | None = attrs.field(default=None, validator=_TEXT)
    amount: Money | None = attrs.field(default=None, validator=_MONEY)
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class Address(Model):
    """A billing or shipping address."""

    first_name: str | None = attrs.field(default=None, validator=_TEXT)
    last_name: str | None = attrs.field(default=None, validator=_TEXT)
    street1: str | None = attrs.field(default=None, validator=_TEXT)
    street2: str | None = attrs.field(default=None, validator=_TEXT)
    city: str | None = attrs.field(default=None, validator=_TEXT)
    state: str | None = attrs.field(default=None, validator=_TEXT, metadata=facts.REPEATED)
    zip_code: str | None = attrs.field(default=None, validator=_TEXT)
    country: str | None = attrs.field(default=None, validator=_TEXT, metadata=facts.REPEATED)
    custom_fields: object = attrs.field(default=None, hash=False)
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class LineItem(Model):
    """A product on an invoice.

    Attributes:
        quantity: The exact number of units; an int is also accepted.
        unit_price: The price of one unit, before the discount.
        unit_discount: The discount on the price of one unit.
    """

    sku: str | None = attrs.field(default=None, validator=_TEXT)
    type: str | None = attrs.field(default=None, validator=_TEXT, metadata=facts.REPEATED)
    comments: str | None = attrs.field(default=None, validator=_TEXT)
    quantity: Decimal | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(checks.as_decimal),
        validator=optional(checks.exact),
    )
    unit_price: Money | None = attrs.field(default=None, validator=_MONEY)
    description: str | None = attrs.field(default=None, validator=_TEXT)
    custom_fields: object = attrs.field(default=None, hash=False)
    unit_discount: Money | None = attrs.field(default=None, validator=_MONEY)
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class Shipment(Model):
    """A shipment. The API keeps each field, including dates, as the text that somebody wrote."""

    address_index: str | None = attrs.field(default=None, validator=_TEXT)
    ship_date: str | None = attrs.field(default=None, validator=_TEXT)
    ship_via: str | None = attrs.field(default=None, validator=_TEXT)
    tracking_number: str | None = attrs.field(default=None, validator=_TEXT)
    comments: str | None = attrs.field(default=None, validator=_TEXT)
    custom_fields: object = attrs.field(default=None, hash=False)
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


def _cost_lines(values: Iterable[CostLine]) -> tuple[CostLine, ...]:
    return checks.as_tuple(values)


def _addresses(values: Iterable[Address]) -> tuple[Address, ...]:
    return checks.as_tuple(values)


@attrs.frozen(kw_only=True)
class InvoiceHeader(Model):
    """The upper part of `details`: totals, addresses, order date."""

    cost_lines: tuple[CostLine, ...] = attrs.field(
        default=(), converter=_cost_lines, validator=checks.each(checks.of_type(CostLine))
    )
    order_date: datetime | None = attrs.field(default=None, validator=optional(checks.aware), metadata=facts.AS_IT_CAME)
    billing_address: Address | None = attrs.field(default=None, validator=optional(checks.of_type(Address)))
    customer_fields: object = attrs.field(default=None, hash=False)
    shipping_addresses: tuple[Address, ...] = attrs.field(
        default=(), converter=_addresses, validator=checks.each(checks.of_type(Address))
    )
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


def _line_items(values: Iterable[LineItem]) -> tuple[LineItem, ...]:
    return checks.as_tuple(values)


def _shipments(values: Iterable[Shipment]) -> tuple[Shipment, ...]:
    return checks.as_tuple(values)


@attrs.frozen(kw_only=True)
class InvoiceContents(Model):
    """The lower part of `details`: line items and shipments."""

    line_items: tuple[LineItem, ...] = attrs.field(
        default=(), converter=_line_items, validator=checks.each(checks.of_type(LineItem))
    )
    shipments: tuple[Shipment, ...] = attrs.field(
        default=(), converter=_shipments, validator=checks.each(checks.of_type(Shipment))
    )
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class InvoiceDetails(Model):
    """The content of the printed invoice. The API returns it exactly as it was written, and a PUT replaces all of it.

    Attributes:
        type: For example `StandardInvoiceDetails`; None if an integration wrote the details.
        details: Line items and shipments (the API calls this part `details` as well).
    """

    type: str | None = attrs.field(default=None, validator=_TEXT, metadata=facts.REPEATED)
    header: InvoiceHeader | None = attrs.field(default=None, validator=optional(checks.of_type(InvoiceHeader)))
    details: InvoiceContents | None = attrs.field(default=None, validator=optional(checks.of_type(InvoiceContents)))
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class Invoice(Model):
    """An invoice as the API sends it.

    None means that the API sent null, nothing, or a value that cannot be read. `additional_properties` keeps such a value.

    Attributes:
        id: The API's own number for the invoice.
        customer_id: Id of the B2B Edition company.
        external_id: The invoice's id in another system, such as an ERP.
        external_customer_id: The company's id in that system.
        invoice_number: Unique in the store.
        status: 0 open, 1 partially paid, 2 completed; any other number stays an int.
        order_number: The BigCommerce order id.
        source: 0 if B2B Edition created the invoice, 1 if another system did; any other number stays an int.
        original_balance: The amount that was invoiced.
        open_balance: The amount still to be paid.
        customer_name: The name of the company.
        extra_fields: `get` always returns them; lists return them only with `include_extra_fields`.
        additional_properties: Everything that the other fields cannot hold, such as unknown keys, as the API sent it.
    """

    id: int = attrs.field(metadata=facts.ID)
    customer_id: str | None = None
    external_id: str | None = None
    external_customer_id: str | None = None
    invoice_number: str | None = None
    type: str | None = attrs.field(default=None, metadata=facts.REPEATED)
    due_date: datetime | None = None
    status: InvoiceStatus | int | None = None
    order_number: str | None = None
    purchase_order_number: str | None = None
    details: InvoiceDetails | None = None
    is_pending_payment: bool | None = attrs.field(default=None, metadata=facts.written_as(facts.Form.ZERO_OR_ONE))
    source: InvoiceSource | int | None = None
    original_balance: Money | None = attrs.field(default=None, metadata=facts.ESSENTIAL)
    open_balance: Money | None = attrs.field(default=None, metadata=facts.ESSENTIAL)
    customer_name: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    channel_id: int | None = attrs.field(default=None, metadata=facts.written_as(facts.Form.TEXT))
    channel_name: str | None = attrs.field(default=None, metadata=facts.REPEATED)
    external_pdf_url: str | None = None
    terms_conditions: str | None = None
    extra_fields: tuple[ExtraField, ...] = ()
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))

    @property
    def line_items(self) -> tuple[LineItem, ...]:
        """The products, from `details.details`."""
        return self.details.details.line_items if self.details and self.details.details else ()

    @property
    def shipments(self) -> tuple[Shipment, ...]:
        """The shipments, from `details.details`."""
        return self.details.details.shipments if self.details and self.details.details else ()

    @property
    def cost_lines(self) -> tuple[CostLine, ...]:
        """The lines of the totals, from `details.header`."""
        return self.details.header.cost_lines if self.details and self.details.header else ()

    @property
    def billing_address(self) -> Address | None:
        """The billing address, from `details.header`."""
        return self.details.header.billing_address if self.details and self.details.header else None

    @property
    def shipping_addresses(self) -> tuple[Address, ...]:
        """The shipping addresses, from `details.header`."""
        return self.details.header.shipping_addresses if self.details and self.details.header else ()

    def is_overdue(self, now: datetime | None = None) -> bool:
        """Whether the due date has passed and there is still an amount to be paid.

        The API has no such status. An invoice is never overdue if it has no due date, is completed, or has an open balance <= 0.

        Args:
            now: The aware time to compare with; by default the current time. A naive time raises a ValueError.
        """
        if now is not None and now.utcoffset() is None:
            raise ValueError("now is naive: give it a time zone, such as tzinfo=datetime.UTC")
        if self.due_date is None or self.status == InvoiceStatus.COMPLETED:
            return False
        if self.open_balance is not None and self.open_balance.value <= 0:
            return False
        return self.due_date < (now or datetime.now(UTC))

    def days_overdue(self, on: date, tz: tzinfo = UTC) -> int:
        """How many calendar days the invoice is past due, if an amount is still to be paid; otherwise 0.

        Args:
            on: The day to count to. On the due date itself, the answer is 0.
            tz: The time zone of the calendar days.
        """
        if self.due_date is None or self.status == InvoiceStatus.COMPLETED:
            return 0
        if self.open_balance is not None and self.open_balance.value <= 0:
            return 0
        try:
            due = self.due_date.astimezone(tz).date()
        except OverflowError:  # in the first or last hours of the calendar
            due = self.due_date.date()
        return max(0, (on - due).days)


@attrs.frozen(kw_only=True)
class InvoiceFromOrder(Model):
    """The invoice that the API created from an order. Source: POST /orders/{orderId}/invoices."""

    invoice_id: int = attrs.field(metadata=facts.ID)
    invoice_number: str | None = None
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class PDFLinks(Model):
    """Links to an invoice's PDF. Source: GET /invoices/{invoiceId}/download-pdf.

    Attributes:
        url: The PDF that B2B Edition created. The link expires. Its query is signed, so use it byte for byte.
        external_pdf_url: A PDF that an integration linked. Another party chose this address, so check it before you fetch it.
    """

    url: str | None = attrs.field(default=None, repr=False)  # a signed URL is a credential as long as it is valid
    external_pdf_url: str | None = None
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))
