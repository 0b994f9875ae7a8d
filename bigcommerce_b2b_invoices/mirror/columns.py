"""The columns of the mirror, and how an invoice fills them. No SQL.

An invoice is one row of `invoices` and a row for each part of it in the child tables. Money takes two columns: the amount under
the attribute's name, and its currency. `raw` is the text of `to_json(invoice)`: it holds all that the other columns cannot.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, IntEnum
from typing import TypeAlias

import attrs

from bigcommerce_b2b_invoices import CostLine, ExtraField, Invoice, LineItem, Money, Shipment, to_json
from bigcommerce_b2b_invoices.export import opaque
from bigcommerce_b2b_invoices.mirror.errors import MirrorError

Row: TypeAlias = dict[str, object]


class Kind(Enum):
    """What a column holds."""

    INTEGER = "a whole number of 64 bits"
    AMOUNT = "an exact decimal number"
    TEXT = "text"
    TRUTH = "true or false"
    TIME = "a time in UTC"


def _money(name: str) -> dict[str, Kind]:
    return {name: Kind.AMOUNT, f"{name}_currency": Kind.TEXT}


INVOICE: dict[str, Kind] = {
    "id": Kind.INTEGER,
    "invoice_number": Kind.TEXT,
    "customer_id": Kind.TEXT,
    "customer_name": Kind.TEXT,
    "type": Kind.TEXT,
    "status": Kind.INTEGER,
    "is_pending_payment": Kind.TRUTH,
    "source": Kind.INTEGER,
    **_money("original_balance"),
    **_money("open_balance"),
    "due_date": Kind.TIME,
    "created_at": Kind.TIME,
    "updated_at": Kind.TIME,
    "order_number": Kind.TEXT,
    "purchase_order_number": Kind.TEXT,
    "external_id": Kind.TEXT,
    "external_customer_id": Kind.TEXT,
    "channel_id": Kind.INTEGER,
    "channel_name": Kind.TEXT,
    "external_pdf_url": Kind.TEXT,
    "terms_conditions": Kind.TEXT,
    "raw": Kind.TEXT,
}
LINE_ITEM: dict[str, Kind] = {
    "sku": Kind.TEXT,
    "type": Kind.TEXT,
    "comments": Kind.TEXT,
    "quantity": Kind.AMOUNT,
    **_money("unit_price"),
    "description": Kind.TEXT,
    "custom_fields": Kind.TEXT,
    **_money("unit_discount"),
    "additional_properties": Kind.TEXT,
}
COST_LINE: dict[str, Kind] = {"description": Kind.TEXT, **_money("amount"), "additional_properties": Kind.TEXT}
SHIPMENT: dict[str, Kind] = {
    "address_index": Kind.TEXT,
    "ship_date": Kind.TEXT,
    "ship_via": Kind.TEXT,
    "tracking_number": Kind.TEXT,
    "comments": Kind.TEXT,
    "custom_fields": Kind.TEXT,
    "additional_properties": Kind.TEXT,
}
EXTRA_FIELD: dict[str, Kind] = {"field_name": Kind.TEXT, "field_value": Kind.TEXT, "additional_properties": Kind.TEXT}


@attrs.frozen
class Child:
    """A table of parts of an invoice.

    Attributes:
        columns: Its columns after `store_hash`, `invoice_id` and `position`.
        parts: The parts of an invoice, in the order that `position` counts from 0.
    """

    columns: Mapping[str, Kind]
    parts: Callable[[Invoice], tuple[LineItem | CostLine | Shipment | ExtraField, ...]]


CHILDREN: dict[str, Child] = {
    "line_items": Child(LINE_ITEM, lambda invoice: invoice.line_items),
    "cost_lines": Child(COST_LINE, lambda invoice: invoice.cost_lines),
    "shipments": Child(SHIPMENT, lambda invoice: invoice.shipments),
    "extra_fields": Child(EXTRA_FIELD, lambda invoice: invoice.extra_fields),
}
OPAQUE = ("custom_fields", "additional_properties")  # any JSON, kept as text; NULL if there is none


def invoice_row(invoice: Invoice) -> Row:
    """The columns of INVOICE, and a checksum of all that the API sent."""
    row = _flat(invoice, INVOICE)
    raw = to_json(invoice)
    row["raw"] = raw
    row["checksum"] = hashlib.blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return row


def child_rows(invoice: Invoice, child: Child) -> Iterable[Row]:
    """The rows of an invoice in a child table."""
    for position, part in enumerate(child.parts(invoice)):
        yield {"invoice_id": invoice.id, "position": position, **_flat(part, child.columns)}


def _flat(owner: Invoice | LineItem | CostLine | Shipment | ExtraField, columns: Mapping[str, Kind]) -> Row:
    row: Row = {}
    for name in columns:
        if name.endswith("_currency") or name == "raw":
            continue
        value = getattr(owner, name)
        if name in OPAQUE:
            row[name] = opaque(value)
        elif f"{name}_currency" in columns:
            row[name], row[f"{name}_currency"] = (value.value, value.code) if isinstance(value, Money) else (None, None)
        else:
            row[name] = int(value) if isinstance(value, IntEnum) else value
            if columns[name] is Kind.INTEGER and value is not None and not -(2**63) <= value < 2**63:
                raise MirrorError(f"{name} {value} of an invoice does not fit into 64 bits: the mirror cannot hold that invoice")
    return row
