"""The rules of writing: what `POST /invoices` and `PUT /invoices/{invoiceId}` accept, and the invoice that they store.

The rules apply in this order. A wrong JSON type gets a 422. Then `channelId: null` gets a 404, which is an oddity of the real
API. Then a wrong number gets a 400.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from .answers import Body, bad_request, invalid_number, not_found, unprocessable
from .money import LIMIT, to_text, to_ticks
from .rows import amount_of, objects_at
from .words import CHANNELS, COMPANIES

_DUE_DAYS = 30  # "a pre-configured number of days" of the store
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?")
_NAMES = {company.customer_id: company.name for company in COMPANIES}

Check = Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_balance(value: object) -> bool:
    return isinstance(value, dict) and _is_name(value.get("code")) and value.get("value") is not None


def _are_extra_fields(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict) and _is_name(item.get("fieldName")) and _is_text(item.get("fieldValue")) for item in value
    )


_TEXT: tuple[Check, str] = (_is_text, "Must be a string.")
_NAME: tuple[Check, str] = (_is_name, "Must be a string of at least one character.")
_WHOLE: tuple[Check, str] = (_is_whole, "Must be an integer.")
_TIME: tuple[Check, str] = (_is_time, "Must be a Unix timestamp in seconds.")
_STATUS: tuple[Check, str] = (lambda value: _is_whole(value) and value in (0, 1, 2), "Must be one of: 0, 1, 2.")
_SOURCE: tuple[Check, str] = (lambda value: _is_whole(value) and value in (0, 1), "Must be one of: 0, 1.")
_BALANCE: tuple[Check, str] = (_is_balance, "Must be an object with code and value.")
_OBJECT: tuple[Check, str] = (_is_object, "Must be an object.")
_EXTRA_FIELDS: tuple[Check, str] = (_are_extra_fields, "Must be objects with fieldName and fieldValue.")

_REQUIRED = ("invoiceNumber", "originalBalance", "openBalance", "customerId")
_CREATE: dict[str, tuple[Check, str]] = {
    "invoiceNumber": _NAME,
    "type": _TEXT,
    "dueDate": _TIME,
    "status": _STATUS,
    "orderNumber": _TEXT,
    "purchaseOrderNumber": _TEXT,
    "originalBalance": _BALANCE,
    "openBalance": _BALANCE,
    "issuedAt": _TIME,
    "details": _OBJECT,
    "source": _SOURCE,
    "customerId": _NAME,
    "externalId": _TEXT,
    "externalCustomerId": _TEXT,
    "channelId": _WHOLE,
    "externalPdfUrl": _TEXT,
    "termsConditions": _TEXT,
    "extraFields": _EXTRA_FIELDS,
}
_CHANGE: dict[str, tuple[Check, str]] = {
    "customerId": _NAME,
    "externalCustomerId": _NAME,
    "externalId": _NAME,
    "invoiceNumber": _NAME,
    "type": _NAME,
    "dueDate": _TIME,
    "status": _STATUS,
    "purchaseOrderNumber": _NAME,
    "details": _OBJECT,
    "source": _SOURCE,
    "originalBalance": _BALANCE,
    "openBalance": _BALANCE,
    "createdAt": _TIME,
    "externalPdfUrl": _TEXT,
    "extraFields": _EXTRA_FIELDS,
}


def new_body(sent: Body, *, invoice_id: int, store_hash: str, now: int) -> Body:
    """The invoice that `POST /invoices` makes. It drops unknown keys."""
    has_null_channel = "channelId" in sent and sent["channelId"] is None
    if has_null_channel:
        sent = {key: value for key, value in sent.items() if key != "channelId"}
    _check(sent, _CREATE, required=_REQUIRED)
    if has_null_channel:
        raise not_found("Channel does not exist", status=200)
    balances = {key: _number_balance(sent[key]) for key in ("originalBalance", "openBalance")}
    details = sent.get("details", {})
    _check_details(details)
    channel_id = str(sent["channelId"]) if "channelId" in sent else None
    customer_name = _NAMES.get(str(sent["customerId"]), "")
    body: Body = {
        "id": invoice_id,
        "storeHash": store_hash,
        "customerId": sent["customerId"],
        "externalId": sent.get("externalId"),
        "externalCustomerId": sent.get("externalCustomerId"),
        "invoiceNumber": sent["invoiceNumber"],
        "type": sent.get("type", "Invoice"),
        "dueDate": sent.get("dueDate", now + _DUE_DAYS * 86_400),
        "status": sent.get("status", 0),
        "orderNumber": sent.get("orderNumber"),
        "purchaseOrderNumber": sent.get("purchaseOrderNumber"),
        "details": details,
        "isPendingPayment": 0,
        "pendingPaymentCount": 0,
        "notAllowedPay": 0,
        "source": sent.get("source", 0),
        **balances,
        "customerName": customer_name,
        "bcGroupName": customer_name,
        "createdAt": sent.get("issuedAt", now),
        "updatedAt": now,
        "channelId": channel_id,
        "channelName": CHANNELS.get(channel_id or "", ""),
        "externalPdfUrl": sent.get("externalPdfUrl") or None,
        "extraFields": sent.get("extraFields", []),
    }
    if "termsConditions" in sent:
        body["termsConditions"] = sent["termsConditions"]
    return _completed(body)


def changed_body(body: Body, sent: Body, *, now: int) -> Body:
    """The invoice after `PUT /invoices/{invoiceId}`. Only the given keys change, and each value is replaced as a whole."""
    changes = {key: value for key, value in sent.items() if key in _CHANGE}
    _check(changes, _CHANGE)
    for key in ("originalBalance", "openBalance"):
        if key in changes:
            changes[key] = _text_balance(changes[key], invoice_id=body["id"])
    if "externalPdfUrl" in changes:
        changes["externalPdfUrl"] = changes["externalPdfUrl"] or None  # an empty text removes the link
    if "customerId" in changes:
        changes["customerName"] = changes["bcGroupName"] = _NAMES.get(str(changes["customerId"]), "")
    return _completed({**body, **changes, "updatedAt": now})


def _completed(body: Body) -> Body:
    open_amount = amount_of(body["openBalance"])
    return {**body, "status": 2} if open_amount is not None and open_amount <= 0 else body


def _check(sent: Body, rules: dict[str, tuple[Check, str]], *, required: tuple[str, ...] = ()) -> None:
    errors = {key: ["This field is required."] for key in required if key not in sent}
    errors |= {key: [message] for key, (check, message) in rules.items() if key in sent and not check(sent[key])}
    if errors:
        raise unprocessable(errors)


def _number_balance(balance: object) -> Body:
    """A balance of POST, whose value is a JSON number."""
    code, value = (balance["code"], balance["value"]) if isinstance(balance, dict) else (None, None)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or Decimal(value).copy_abs() >= LIMIT:
        raise invalid_number()
    return {"code": code, "value": to_text(to_ticks(Decimal(value)))}


def _text_balance(balance: object, *, invoice_id: object) -> Body:
    """A balance of PUT, whose value is text."""
    code, value = (balance["code"], balance["value"]) if isinstance(balance, dict) else (None, None)
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise invalid_number(id=invoice_id)
    return {"code": code, "value": to_text(to_ticks(Decimal(value)))}


def _check_details(details: object) -> None:
    """Amounts and quantities of a new invoice must be strings. Everything else in `details` is kept as it is."""
    amounts = [line.get("amount") for line in objects_at(details, "header", "costLines")]
    for item in objects_at(details, "details", "lineItems"):
        amounts += [{"value": item.get("quantity")}, item.get("unitPrice"), item.get("unitDiscount")]
    for amount in amounts:
        if isinstance(amount, dict) and isinstance(amount.get("value"), int | Decimal):
            raise bad_request("Amounts and quantities in details must be strings.")
