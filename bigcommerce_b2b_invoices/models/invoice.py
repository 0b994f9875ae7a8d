"""An invoice as the API says it, from the whole down to an amount of money.

Collections are tuples, times are aware, amounts are Decimals. Every class keeps in `additional_properties` what its fields cannot
hold, as it came: keys that it does not know and, inside `details`, known keys that were sent as null or as an empty list. Writing
puts them back, so nothing of an invoice is lost when it is read, edited and written. `custom_fields` and `customer_fields` are
opaque JSON: their numbers are ints and Decimals.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING

import attrs
from attrs.validators import optional

from bigcommerce_b2b_invoices.models import checks
from bigcommerce_b2b_invoices.models.extra_field import ExtraField


class InvoiceStatus(IntEnum):
    """How far an invoice is paid. The API sets COMPLETED by itself when the open balance is <= 0."""

    OPEN = 0
    PARTIALLY_PAID = 1
    COMPLETED = 2


class InvoiceSource(IntEnum):
    """Who made an invoice."""

    B2B_EDITION = 0
    EXTERNAL = 1


@attrs.frozen
class Money:
    """An exact amount in one currency, such as `Money("USD", Decimal("349.50"))`.

    Attributes:
        code: Currency code, as the store writes it.
        value: The amount in the currency's main unit. An int is taken too; a float is a TypeError.
    """

    code: str = attrs.field(validator=checks.filled)
    value: Decimal = attrs.field(converter=checks.as_decimal, validator=checks.exact)
    additional_properties: Mapping[str, object] = attrs.field(
        factory=dict, kw_only=True, hash=False, validator=checks.of_type(Mapping)
    )


_TEXT = optional(checks.of_type(str))
_MONEY = optional(checks.of_type(Money))


@attrs.frozen(kw_only=True)
class CostLine:
    """A line of the invoice's totals, such as subtotal, freight or tax."""

    description: str | None = attrs.field(default=None, validator=_TEXT)
    amount: Money | None = attrs.field(default=None, validator=_MONEY)
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class Address:
    """A billing or shipping address."""

    first_name: str | None = attrs.field(default=None, validator=_TEXT)
    last_name: str | None = attrs.field(default=None, validator=_TEXT)
    street1: str | None = attrs.field(default=None, validator=_TEXT)
    street2: str | None = attrs.field(default=None, validator=_TEXT)
    city: str | None = attrs.field(default=None, validator=_TEXT)
    state: str | None = attrs.field(default=None, validator=_TEXT)
    zip_code: str | None = attrs.field(default=None, validator=_TEXT)
    country: str | None = attrs.field(default=None, validator=_TEXT)
    custom_fields: object = attrs.field(default=None, hash=False)
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class LineItem:
    """A product on an invoice.

    Attributes:
        quantity: How many; exact, and an int is taken too.
        unit_price: Price of one, before the discount.
        unit_discount: What is taken off the price of one.
    """

    sku: str | None = attrs.field(default=None, validator=_TEXT)
    type: str | None = attrs.field(default=None, validator=_TEXT)
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
class Shipment:
    """A shipment. The API keeps its fields as the texts that somebody wrote, dates too."""

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
class InvoiceHeader:
    """The upper part of `details`: totals, addresses, order date."""

    cost_lines: tuple[CostLine, ...] = attrs.field(
        default=(), converter=_cost_lines, validator=checks.each(checks.of_type(CostLine))
    )
    order_date: datetime | None = attrs.field(default=None, validator=optional(checks.aware))
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
class InvoiceContents:
    """The lower part of `details`: what was sold and shipped."""

    line_items: tuple[LineItem, ...] = attrs.field(
        default=(), converter=_line_items, validator=checks.each(checks.of_type(LineItem))
    )
    shipments: tuple[Shipment, ...] = attrs.field(
        default=(), converter=_shipments, validator=checks.each(checks.of_type(Shipment))
    )
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class InvoiceDetails:
    """What shows on the printed invoice: a blob that the API echoes as it was written, and that a PUT replaces as a whole.

    Attributes:
        type: Such as `StandardInvoiceDetails`; absent where an integration wrote the details.
        details: Line items and shipments (the API names this part `details` again).
    """

    type: str | None = attrs.field(default=None, validator=_TEXT)
    header: InvoiceHeader | None = attrs.field(default=None, validator=optional(checks.of_type(InvoiceHeader)))
    details: InvoiceContents | None = attrs.field(default=None, validator=optional(checks.of_type(InvoiceContents)))
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


class _DetailsOnTouch:
    """Lets an invoice of a walk read its `details` when they are first looked at: they are most of the work, and often unused.

    Python asks `__getattr__` only while the slot `details` is empty. So equality, hash, repr, pickling, `attrs.evolve` and every
    other reader get the same details as of an invoice that was read at once; `_unread_details` is what the reader left
    to do, as a function and its arguments.
    """

    __slots__ = ("_unread_details",)

    if not TYPE_CHECKING:  # to a type checker it would allow any name

        def __getattr__(self, name: str) -> object:
            if name == "details":
                try:
                    read, *arguments = object.__getattribute__(self, "_unread_details")
                except AttributeError:
                    pass  # another thread was faster
                else:
                    object.__setattr__(self, "details", read(*arguments))
                    try:  # noqa: SIM105 - suppress() takes a tenth of the time that reading does
                        object.__delattr__(self, "_unread_details")
                    except AttributeError:
                        pass  # another thread was as fast
            return object.__getattribute__(self, name)


@attrs.frozen(kw_only=True)
class Invoice(_DetailsOnTouch):
    """An invoice as the API sends it. None means that the API sent null or nothing.

    An invoice of a walk reads its `details` when they are first looked at. Where they cannot be read, it is that look which
    raises the DecodeError; everything else of the invoice has been read before it is handed out.

    Attributes:
        id: The API's own number for the invoice.
        customer_id: Id of the B2B Edition company.
        external_id: The invoice's id in another system, such as an ERP.
        external_customer_id: The company's id there.
        invoice_number: Unique in the store.
        status: 0 open, 1 partially paid, 2 completed; a number outside stays an int.
        order_number: BigCommerce order id.
        source: 0 made by B2B Edition, 1 by another system; a number outside stays an int.
        original_balance: What was invoiced.
        open_balance: What is still to be paid.
        customer_name: Name of the company.
        extra_fields: Always there from `get`; on lists only with `include_extra_fields`.
        additional_properties: Keys that this class does not know, as they came.
    """

    id: int
    customer_id: str | None = None
    external_id: str | None = None
    external_customer_id: str | None = None
    invoice_number: str | None = None
    type: str | None = None
    due_date: datetime | None = None
    status: InvoiceStatus | int | None = None
    order_number: str | None = None
    purchase_order_number: str | None = None
    details: InvoiceDetails | None = None
    is_pending_payment: bool | None = None
    source: InvoiceSource | int | None = None
    original_balance: Money | None = None
    open_balance: Money | None = None
    customer_name: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    channel_id: int | None = None
    channel_name: str | None = None
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
        """Whether the due date has passed and something is still to be paid.

        The API has no such status. An invoice without a due date, completed, or with an open balance <= 0 is never overdue.

        Args:
            now: An aware time to judge by; by default the present. A naive one is a ValueError.
        """
        if now is not None and now.utcoffset() is None:
            raise ValueError("now is naive: give it a time zone, such as tzinfo=datetime.UTC")
        if self.due_date is None or self.status == InvoiceStatus.COMPLETED:
            return False
        if self.open_balance is not None and self.open_balance.value <= 0:
            return False
        return self.due_date < (now or datetime.now(UTC))


@attrs.frozen(kw_only=True)
class InvoiceFromOrder:
    """The invoice that was made of an order. Source: POST /orders/{orderId}/invoices."""

    invoice_id: int
    invoice_number: str | None = None
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))


@attrs.frozen(kw_only=True)
class PDFLinks:
    """Where an invoice's PDF can be fetched, for a while. Source: GET /invoices/{invoiceId}/download-pdf.

    Attributes:
        url: The PDF that B2B Edition made. The query is signed: use it byte for byte.
        external_pdf_url: A PDF that an integration linked. Another party chose this address: do not fetch it unseen.
    """

    url: str | None = attrs.field(default=None, repr=False)  # a signed URL is a credential for as long as it lives
    external_pdf_url: str | None = None
    additional_properties: Mapping[str, object] = attrs.field(factory=dict, hash=False, validator=checks.of_type(Mapping))
