"""The fields of an invoice by which lists are filtered and sorted."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from .answers import Body
from .money import LIMIT, to_ticks


@dataclass(slots=True, eq=False)
class Row:
    """One invoice. It is small, so that making 100,000 of them is quick.

    `text` and `extra_fields` are its JSON. They are empty until somebody asks for the invoice.
    """

    id: int
    customer_id: str
    customer_name: str
    external_id: str | None
    external_customer_id: str | None
    invoice_number: str
    type: str
    due_date: int | None
    status: int
    order_number: str | int | None
    purchase_order_number: str | None
    is_pending_payment: int | None
    source: int
    original_balance: int  # in ten-thousandths, like open_balance
    open_balance: int
    created_at: int
    updated_at: int
    channel_id: str | None
    text: bytes = b""
    extra_fields: bytes = b""


def row_of(body: Body) -> Row:
    """The row of an invoice. A value that cannot be read, which only a test writes, counts as missing."""
    return Row(
        id=_whole(body["id"]) or 0,
        customer_id=_text(body["customerId"]) or "",
        customer_name=_text(body["customerName"]) or "",
        external_id=_text(body["externalId"]),
        external_customer_id=_text(body["externalCustomerId"]),
        invoice_number=_text(body["invoiceNumber"]) or "",
        type=_text(body["type"]) or "",
        due_date=_whole(body["dueDate"]),
        status=_whole(body["status"]) or 0,
        order_number=_order_number(body["orderNumber"]),
        purchase_order_number=_text(body["purchaseOrderNumber"]),
        is_pending_payment=_whole(body.get("isPendingPayment")),
        source=_whole(body["source"]) or 0,
        original_balance=_ticks(body["originalBalance"]),
        open_balance=_ticks(body["openBalance"]),
        created_at=_whole(body["createdAt"]) or 0,
        updated_at=_whole(body["updatedAt"]) or 0,
        channel_id=_text(body["channelId"]),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:  # as times are in some invoices
        return int(value)
    return value if isinstance(value, int) else None


def _order_number(value: object) -> str | int | None:
    return value if isinstance(value, str | int) else None


def _ticks(balance: object) -> int:
    return to_ticks(amount_of(balance) or Decimal(0))


def amount_of(balance: object) -> Decimal | None:
    """The amount of a balance; None if it cannot be read."""
    try:
        amount = Decimal(str(balance["value"])) if isinstance(balance, dict) else None
    except (KeyError, InvalidOperation):
        return None
    return amount if amount is not None and amount.is_finite() and amount.copy_abs() < LIMIT else None


def objects_at(value: object, *path: str) -> list[Body]:
    """The objects of the list at the end of the path. Empty if the path ends early, because `details` may be anything."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
