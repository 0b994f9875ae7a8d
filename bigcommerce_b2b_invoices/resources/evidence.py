"""Compares an invoice with what a write asked for, field by field and without I/O."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal

import attrs

from bigcommerce_b2b_invoices.models.draft import InvoiceChanges, InvoiceDraft
from bigcommerce_b2b_invoices.models.invoice import Invoice, InvoiceDetails, Money
from bigcommerce_b2b_invoices.wire import converter
from bigcommerce_b2b_invoices.wire.json_text import read_json, write_json
from bigcommerce_b2b_invoices.wire.reader import KEPT

DIGITS = Context(prec=64)  # more digits than any amount that a Money accepts
TELLING = (  # fields that tell our invoice from somebody else's: set when it is made, and seldom changed later
    "original_balance", "type", "due_date", "order_number", "purchase_order_number",
    "external_id", "external_customer_id",
)  # fmt: skip


def differences(draft: InvoiceDraft, invoice: Invoice) -> tuple[str, ...]:
    """Names of the `TELLING` fields in which the invoice differs from the draft, apart from what a store does to values.

    A store may round an amount, cut a text, strip blanks, or change the case, but it does not change the company. Fields that are
    unset in the draft do not count.
    """
    others = [] if invoice.customer_id == draft.customer_id else ["customer_id"]
    for name in TELLING:
        wanted = getattr(draft, name)
        if wanted is not None and not is_alike(wanted, getattr(invoice, name)):
            others.append(name)
    return tuple(others)


def is_same_number(wanted: str, found: str | None) -> bool:
    """Whether a store may have stored a number as another one that differs only in blanks, case or leading zeros."""
    return found is not None and _plain(found) == _plain(wanted)


def has_changes(changes: InvoiceChanges, invoice: Invoice) -> bool:
    """Whether the invoice has exactly every value that the changes set: a value that looks alike may be the old one."""
    return all(
        _is_equal(wanted, getattr(invoice, field.name))
        for field in attrs.fields(InvoiceChanges)
        if (wanted := getattr(changes, field.name)) is not None
    )


def may_have_changes(changes: InvoiceChanges, invoice: Invoice) -> bool:
    """Whether the invoice has every value that the changes set, apart from what a store does to values."""
    return all(
        is_alike(wanted, getattr(invoice, field.name))
        for field in attrs.fields(InvoiceChanges)
        if (wanted := getattr(changes, field.name)) is not None
    )


def _is_equal(wanted: object, found: object) -> bool:
    if isinstance(wanted, Money):
        return isinstance(found, Money) and found.code == wanted.code and found.value == wanted.value
    if isinstance(wanted, datetime):
        return isinstance(found, datetime) and int(found.timestamp()) == int(wanted.timestamp())  # sent in whole seconds
    if isinstance(wanted, tuple):  # extra fields, in any order
        return isinstance(found, tuple) and set(found) == set(wanted)
    if isinstance(wanted, InvoiceDetails):  # as they were sent: a kept null is not written once its field has a value
        sent = write_json(converter.write(wanted)).encode()
        return found in (wanted, converter.read(InvoiceDetails, read_json(sent)))
    return found == wanted or (wanted == "" and found is None)  # an empty text removes a link


def details_alike(wanted: InvoiceDetails, found: InvoiceDetails | None) -> bool:
    """Whether the found details are the wanted ones, apart from what a store does to values."""
    return is_alike(wanted, found)


def is_alike(wanted: object, found: object) -> bool:
    """Whether a store may have made one value of the other by rounding, cutting, sorting, or by changing blanks or the case."""
    if _is_empty(wanted):
        return _is_empty(found)
    if isinstance(wanted, Money):
        return isinstance(found, Money) and _plain(found.code) == _plain(wanted.code) and _is_rounded(wanted.value, found.value)
    if isinstance(wanted, Decimal):
        return isinstance(found, Decimal) and _is_rounded(wanted, found)
    if isinstance(wanted, str):
        cut = _plain(found) if isinstance(found, str) else ""
        return cut == _plain(wanted) or (bool(cut) and _plain(wanted).startswith(cut))
    if isinstance(wanted, tuple | list) and isinstance(found, tuple | list):
        return len(wanted) == len(found) and _in_some_order(wanted, found)
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(is_alike(value, found.get(key)) for key, value in wanted.items())
    if attrs.has(type(wanted)) and type(found) is type(wanted):
        names = [field.name for field in attrs.fields(type(wanted)) if field.name != KEPT]  # type: ignore[arg-type]
        if not all(is_alike(getattr(wanted, name), getattr(found, name)) for name in names):
            return False
        return is_alike(getattr(wanted, KEPT, {}), getattr(found, KEPT, {}))
    return _is_equal(wanted, found)


def _in_some_order(wanted: Sequence[object], found: Sequence[object]) -> bool:
    rest = list(found)
    for each in wanted:
        place = next((index for index, other in enumerate(rest) if is_alike(each, other)), None)
        if place is None:
            return False
        del rest[place]
    return True


def _is_empty(value: object) -> bool:
    """Whether a store may leave the value out: nothing, an empty text or list, or an object with nothing else in it."""
    if attrs.has(type(value)):
        return all(_is_empty(getattr(value, field.name)) for field in attrs.fields(type(value)))  # type: ignore[arg-type]
    return value in (None, "", (), {}, [])


def _is_rounded(wanted: Decimal, found: Decimal) -> bool:
    """Whether an amount is another one rounded to as many decimals as it has, or to whole units."""
    decimals = found.normalize(DIGITS).as_tuple().exponent
    unit = Decimal(1).scaleb(min(decimals, 0) if isinstance(decimals, int) else 0, DIGITS)
    return abs(DIGITS.subtract(wanted, found)) * 2 <= unit  # a half may go either way


def _plain(text: str) -> str:
    """The text in a common form, because a store may change it: single blanks, case folded, no leading zeros in numbers."""
    text = " ".join(text.split()).casefold()
    return text.lstrip("0") or "0" if text.isdecimal() else text
