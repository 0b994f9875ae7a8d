"""Checks of the rows: extra fields, keys that the library does not know, and types. They look at no value of a customer."""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

import attrs

from bigcommerce_b2b_invoices import Invoice
from bigcommerce_b2b_invoices.cli.doctor.answers import Answer, Row, read_invoice
from bigcommerce_b2b_invoices.cli.doctor.findings import Finding, differs, ok, unknown

UNDOCUMENTED = frozenset(  # keys that live answers have and that the library keeps in `additional_properties`
    ("storeHash", "bcId", "bcGroupName", "notAllowedPay", "pendingPaymentCount")
)
TEXT, WHOLE, FRACTION, FLAG, NULL, LIST, OBJECT = "text", "whole number", "fraction", "true/false", "null", "list", "object"
TYPES: dict[str, tuple[str, ...]] = {  # as live answers have them; null may stand for any but the essential ones
    "id": (WHOLE,),
    "customerId": (TEXT,),
    "externalId": (TEXT,),
    "externalCustomerId": (TEXT,),
    "invoiceNumber": (TEXT,),
    "type": (TEXT,),
    "dueDate": (WHOLE, TEXT),
    "status": (WHOLE,),
    "orderNumber": (WHOLE, TEXT),
    "purchaseOrderNumber": (TEXT,),
    "details": (OBJECT,),
    "isPendingPayment": (WHOLE,),
    "source": (WHOLE,),
    "originalBalance": (OBJECT,),
    "originalBalance.code": (TEXT,),
    "originalBalance.value": (TEXT,),
    "openBalance": (OBJECT,),
    "openBalance.code": (TEXT,),
    "openBalance.value": (TEXT,),
    "customerName": (TEXT,),
    "createdAt": (WHOLE, TEXT),
    "updatedAt": (WHOLE, TEXT),
    "channelId": (TEXT,),
    "channelName": (TEXT,),
    "externalPdfUrl": (TEXT,),
    "termsConditions": (TEXT,),
    "extraFields": (LIST,),
}
ESSENTIAL = frozenset(name for name in TYPES if name == "id" or "Balance" in name)
NONE_YET = "there is no invoice to look at"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_MOST = 10  # keys that a line names


def extra_fields(oldest: Answer, latest: Answer) -> Finding:
    """Whether `isIncludeExtraFields=1` brings the extra fields of listed invoices.

    Args:
        oldest: A list without the parameter.
        latest: A list with it.
    """
    check = "isIncludeExtraFields"
    if latest.problem is not None:
        return unknown(check, latest.problem)
    if not latest.rows:
        return unknown(check, NONE_YET)
    if any("extraFields" not in row for row in latest.rows):
        return differs(check, "listed invoices lack their extra fields: read them with get(), one request for each invoice")
    if any("extraFields" in row for row in oldest.rows):
        return ok(check, "listed invoices have their extra fields, even without it")
    return ok(check, "listed invoices have their extra fields if asked for")


def keys(rows: Iterable[Row]) -> Finding:
    """Whether invoices have keys that the library does not know."""
    seen = {key for row in rows for key in row}
    if not seen:
        return unknown("keys", NONE_YET)
    new = sorted(seen - known_keys() - UNDOCUMENTED)
    if not new:
        return ok("keys", f"all {len(seen)} keys of the invoices are known")
    return differs("keys", f"new keys: {_named(new)}. The library keeps them in additional_properties; please report them")


def types(rows: Iterable[Row]) -> Finding:
    """Whether the values have types that live answers were seen to have, and whether the library can read them."""
    check, rows = "types", tuple(rows)
    if not rows:
        return unknown(check, NONE_YET)
    odd: dict[str, None] = {}  # a set with an order
    unreadable = 0
    for row in rows:
        odd |= dict.fromkeys(f"{path} {kind}" for path, kind in _kinds(row) if not _is_usual(path, kind))
        invoice = read_invoice(row)
        unreadable += invoice is None
        kept = {} if invoice is None else invoice.additional_properties
        odd |= dict.fromkeys(f"{key} unreadable" for key in kept if key in known_keys() and row[key] not in (None, "", [], {}))
    if unreadable:
        found = f"; unusual: {_listed(odd)}" if odd else ""
        return differs(check, f"{unreadable} of {len(rows)} invoices cannot be read: walks need on_unreadable{found}")
    if odd:
        return differs(check, f"unusual: {_listed(odd)}. The library keeps what it cannot read; please report them")
    return ok(check, f"the values of {len(rows)} invoices have the usual types")


def known_keys() -> frozenset[str]:
    """The API's names of the fields of an invoice."""
    return frozenset(_camel(field.name) for field in attrs.fields(Invoice) if field.name != "additional_properties")


def _camel(name: str) -> str:
    return re.sub("_([a-z])", lambda letter: letter[1].upper(), name)


def _kinds(row: Row) -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        if key in TYPES:
            yield key, _kind(value)
        if key in ("originalBalance", "openBalance") and isinstance(value, dict):
            yield from ((f"{key}.{part}", _kind(value.get(part))) for part in ("code", "value"))


def _is_usual(path: str, kind: str) -> bool:
    return kind in TYPES[path] or (kind == NULL and path not in ESSENTIAL)


def _kind(value: object) -> str:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return FLAG
    for kind, name in ((str, TEXT), (int, WHOLE), (Decimal, FRACTION), (list, LIST)):
        if isinstance(value, kind):
            return name
    return OBJECT


def _named(names: list[str]) -> str:
    """The names, but none that may hold something else than a name."""
    plain = [name for name in names if _PLAIN.fullmatch(name)]
    odd = [f"{len(names) - len(plain)} that are no plain names"] if len(plain) < len(names) else []
    return _listed([*plain, *odd])


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    rest = [f"{len(names) - _MOST} more"] if len(names) > _MOST else []
    return ", ".join([*names[:_MOST], *rest])
