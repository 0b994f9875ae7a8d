"""Compares an invoice with what a write asked for, field by field and without I/O."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal

import attrs

from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.invoice import Invoice, Money

KEPT = Decimal("0.0001")  # the API keeps balances with four decimals
DIGITS = Context(prec=64)  # more digits than any amount that a Money accepts
TELLING = (  # fields that tell our invoice from somebody else's: set when it is made, and seldom changed later
    "customer_id", "original_balance", "type", "due_date", "order_number", "purchase_order_number",
    "external_id", "external_customer_id",
)  # fmt: skip


def differences(draft: InvoiceDraft, invoice: Invoice) -> tuple[str, ...]:
    """Names of the `TELLING` fields in which the invoice differs from the draft. Fields unset in the draft do not count."""
    return tuple(
        name for name in TELLING if (wanted := getattr(draft, name)) is not None and not _same(wanted, getattr(invoice, name))
    )


def has_changes(changes: InvoiceChanges, invoice: Invoice) -> bool:
    """Whether the invoice has every value that the changes set."""
    return all(
        _same(wanted, getattr(invoice, field.name))
        for field in attrs.fields(InvoiceChanges)
        if (wanted := getattr(changes, field.name)) is not None
    )


def _same(wanted: object, found: object) -> bool:
    if isinstance(wanted, Money):
        return (
            isinstance(found, Money) and _plain(found.code) == _plain(wanted.code) and _kept(found.value) == _kept(wanted.value)
        )
    if isinstance(wanted, datetime):
        return isinstance(found, datetime) and int(found.timestamp()) == int(wanted.timestamp())  # sent in whole seconds
    if isinstance(wanted, tuple):  # extra fields, in any order
        return isinstance(found, tuple) and set(found) == set(wanted)
    if isinstance(wanted, str) and isinstance(found, str):
        return _plain(found) == _plain(wanted)
    return found == wanted or (wanted == "" and found is None)  # an empty text removes a link


def _kept(amount: Decimal) -> Decimal:
    return amount.quantize(KEPT, ROUND_HALF_UP, DIGITS)


def _plain(text: str) -> str:
    """The text in a common form, because a store may change it: blanks stripped, case folded, no leading zeros in numbers."""
    text = text.strip().casefold()
    return text.lstrip("0") or "0" if text.isdecimal() else text
