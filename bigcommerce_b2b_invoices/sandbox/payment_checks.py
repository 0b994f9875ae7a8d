"""What `POST /payments/offline` accepts. Errors of a field inside a list or an object come nested, as they do in the API."""

import re
from decimal import Decimal

from .answers import Body, Refused
from .assumptions import Assumptions
from .store import Store
from .words import COMPANIES

_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?")
_COMPANY_IDS = {company.customer_id for company in COMPANIES}


def refused(errors: object) -> Refused:
    """422: which fields are wrong, and why."""
    return Refused(422, {"code": 422, "data": errors, "meta": {"message": "Parameter Error"}})


def checked_shares(sent: Body, store: Store, assume: Assumptions, taken: set[object]) -> list[tuple[int, Decimal]]:
    """The invoice and the amount of each line. Raises Refused for a body that is not accepted."""
    errors: dict[str, object] = {}
    for key in ("lineItems", "currency", "details", "customerId"):
        if key not in sent:
            errors[key] = ["This field is required."]
    for key in ("currency", "customerId", "externalId", "externalCustomerId", "payerName", "payerCustomerId"):
        if key in sent and not (isinstance(sent[key], str) and sent[key]):
            errors[key] = ["Must be a string."]
    details = sent.get("details", {})
    if not isinstance(details, dict):
        errors["details"] = ["Must be an object."]
    elif not isinstance(details.get("memo", ""), str):
        errors["details"] = {"memo": ["Must be a string."]}
    status = sent.get("processingStatus", 3)
    if isinstance(status, bool) or status not in (1, 2, 3, 4):
        errors["processingStatus"] = ["Must be one of: 1, 2, 3, 4."]
    channel = sent.get("channelId", 1)
    if isinstance(channel, bool) or not isinstance(channel, int):
        errors["channelId"] = ["Must be an integer."]
    reference = sent.get("externalId")
    if isinstance(reference, str) and len(reference) > assume.longest_external_id:
        errors["externalId"] = [f"Must be at most {assume.longest_external_id} characters."]
    elif reference is not None and assume.external_id_is_unique and reference in taken:
        errors["externalId"] = ["Must be unique."]
    if "customerId" not in errors and sent["customerId"] not in _COMPANY_IDS:
        errors["customerId"] = ["Company does not exist."]
    shares, lines = _lines(sent, store, assume)
    if lines:
        errors.setdefault("lineItems", lines)
    if errors:
        raise refused(errors)
    return shares


def _lines(sent: Body, store: Store, assume: Assumptions) -> tuple[list[tuple[int, Decimal]], object]:
    """The shares, and the errors of the lines: empty if there is none."""
    items = sent.get("lineItems")
    if not isinstance(items, list) or not items:
        return [], ["Must be a list of at least one line."]
    shares: list[tuple[int, Decimal]] = []
    errors: list[dict[str, list[str]]] = []
    for item in items:
        wrong: dict[str, list[str]] = {}
        invoice_id, amount = (item.get("invoiceId"), item.get("amount")) if isinstance(item, dict) else (None, None)
        row = store.rows.get(invoice_id) if isinstance(invoice_id, int) and not isinstance(invoice_id, bool) else None
        if row is None:
            wrong["invoiceId"] = ["Invoice does not exist."]
        number = _amount(amount, assume)
        if number is None:
            wrong["amount"] = ["Must be a positive number as a string."]
        elif row is not None and not assume.takes_overpayments and number > Decimal(row.open_balance).scaleb(-4):
            wrong["amount"] = ["Must not be more than the open balance."]
        if row is not None and not assume.takes_foreign_invoices and row.customer_id != sent.get("customerId"):
            wrong["invoiceId"] = ["Belongs to another company."]
        errors.append(wrong)
        if row is not None and number is not None:
            shares.append((row.id, number))
    return shares, errors if any(errors) else []


def _amount(value: object, assume: Assumptions) -> Decimal | None:
    """A positive amount; None if it is none."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and assume.takes_numbers:
        value = format(Decimal(value), "f")
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        return None
    amount = Decimal(value)
    return amount if amount > 0 else None
