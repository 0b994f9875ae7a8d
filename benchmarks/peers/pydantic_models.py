"""The invoice as one would write it with pydantic: tolerant, exact, unknown keys kept. For the benchmarks."""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """camelCase on the wire; numbers may come as texts, texts as numbers."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", coerce_numbers_to_str=True)


class Money(Model):
    """An amount."""

    code: str
    value: Decimal


class CostLine(Model):
    """A line of the totals."""

    description: str | None = None
    amount: Money | None = None


class Address(Model):
    """An address."""

    first_name: str | None = None
    last_name: str | None = None
    street1: str | None = None
    street2: str | None = None
    city: str | None = None
    state: str | None = None
    zip_code: str | None = None
    country: str | None = None
    custom_fields: object = None


class Header(Model):
    """`details.header`."""

    cost_lines: tuple[CostLine, ...] = ()
    order_date: datetime | None = None
    billing_address: Address | None = None
    customer_fields: object = None
    shipping_addresses: tuple[Address, ...] = ()


class LineItem(Model):
    """A product."""

    sku: str | None = None
    type: str | None = None
    comments: str | None = None
    quantity: Decimal | None = None
    unit_price: Money | None = None
    description: str | None = None
    custom_fields: object = None
    unit_discount: Money | None = None


class Shipment(Model):
    """A shipment."""

    address_index: str | None = None
    ship_date: str | None = None
    ship_via: str | None = None
    tracking_number: str | None = None
    comments: str | None = None
    custom_fields: object = None


class Contents(Model):
    """`details.details`."""

    line_items: tuple[LineItem, ...] = ()
    shipments: tuple[Shipment, ...] = ()


class Details(Model):
    """`details`."""

    type: str | None = None
    header: Header | None = None
    details: Contents | None = None


class Invoice(Model):
    """An invoice."""

    id: int
    customer_id: str | None = None
    external_id: str | None = None
    external_customer_id: str | None = None
    invoice_number: str | None = None
    type: str | None = None
    due_date: datetime | None = None
    status: int | None = None
    order_number: str | None = None
    purchase_order_number: str | None = None
    details: Details | None = None
    is_pending_payment: bool | None = None
    source: int | None = None
    original_balance: Money | None = None
    open_balance: Money | None = None
    customer_name: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    channel_id: int | None = None
    channel_name: str | None = None
    external_pdf_url: str | None = None
    terms_conditions: str | None = None


class Envelope(Model):
    """A list answer."""

    data: tuple[Invoice, ...]
