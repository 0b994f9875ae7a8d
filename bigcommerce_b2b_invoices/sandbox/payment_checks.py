"""What `POST /payments/offline` accepts. Errors of a field inside a list or an object come nested, as they do in the API."""

import re
from collections.abc import Callable
from decimal import Decimal

from .answers import Body, Refused
from .assumptions import Assumptions
from .money import to_ticks
from .payment_bodies import Share
from .rows import Row
from .store import Store
from .words import COMPANIES

_REQUIRED = ("lineItems", "currency", "details", "customerId")
_TEXTS = ("currency", "customerId", "externalId", "externalCustomerId", "payerName", "payerCustomerId")
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_MOST = Decimal(10) ** 12
_COMPANY_IDS = {company.customer_id for company in COMPANIES}


def refused(errors: object) -> Refused:
    """422: which fields are wrong, and why."""
    return Refused(422, {"code": 422, "data": errors, "meta": {"message": "Parameter Error"}})


def checked_shares(sent: Body, store: Store, assume: Assumptions, is_taken: Callable[[object], bool]) -> list[Share]:
    """The invoice and the amount of each line. Raises Refused for a body that is not accepted."""
    errors: dict[str, object] = {key: ["This field is required."] for key in _REQUIRED if key not in sent}
    for key in _TEXTS:
        if key in sent and not (isinstance(sent[key], str) and sent[key]):
            errors[key] = ["Must be a string."]
    if "details" in sent:
        errors |= _details_errors(sent["details"])
    if not _is_whole(sent.get("processingStatus", 3)) or sent.get("processingStatus", 3) not in (1, 2, 3, 4):
        errors["processingStatus"] = ["Must be one of: 1, 2, 3, 4."]
    if not _is_whole(sent.get("channelId", 1)):
        errors["channelId"] = ["Must be an integer."]
    reference = sent.get("externalId")
    if isinstance(reference, str) and len(reference) > assume.longest_external_id:
        errors["externalId"] = [f"Must be at most {assume.longest_external_id} characters."]
    elif isinstance(reference, str) and assume.external_id_is_unique and is_taken(reference):
        errors["externalId"] = ["Must be unique."]
    if "customerId" not in errors and not _is_company(sent["customerId"], store):
        errors["customerId"] = ["Company does not exist."]
    shares, lines = _lines(sent, store, assume)
    if lines:
        errors.setdefault("lineItems", lines)
    if errors:
        raise refused(errors)
    return shares


def _is_company(customer_id: object, store: Store) -> bool:
    """One of the made-up companies, or one of an invoice that a test made."""
    return customer_id in _COMPANY_IDS or any(row.customer_id == customer_id for row in store.rows.values())


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _details_errors(details: object) -> dict[str, object]:
    if not isinstance(details, dict):
        return {"details": ["Must be an object."]}
    return {} if isinstance(details.get("memo", ""), str) else {"details": {"memo": ["Must be a string."]}}


def _lines(sent: Body, store: Store, assume: Assumptions) -> tuple[list[Share], object]:
    """The shares, and the errors of the lines: empty if there is none."""
    items = sent.get("lineItems")
    if not isinstance(items, list) or not items:
        return [], ["Must be a list of at least one line."]
    shares: list[Share] = []
    errors: list[dict[str, list[str]]] = []
    for item in items:
        wrong: dict[str, list[str]] = {}
        invoice_id, value = (item.get("invoiceId"), item.get("amount")) if isinstance(item, dict) else (None, None)
        row = store.rows.get(invoice_id) if isinstance(invoice_id, int) and not isinstance(invoice_id, bool) else None
        amount = _amount(value, assume)
        if row is None:
            wrong["invoiceId"] = ["Invoice does not exist."]
        elif not assume.takes_foreign_invoices and not _fits(row, sent, store):
            wrong["invoiceId"] = ["Belongs to another company, or is in another currency."]
        if amount is None:
            wrong["amount"] = ["Must be a positive number as a string."]
        elif row is not None and not assume.takes_overpayments and to_ticks(amount) > row.open_balance:
            wrong["amount"] = ["Must not be more than the open balance."]
        errors.append(wrong)
        if row is not None and amount is not None:
            shares.append((row.id, amount))
    return shares, errors if any(errors) else []


def _fits(row: Row, sent: Body, store: Store) -> bool:
    balance = store.body(row)["openBalance"]
    code = balance.get("code") if isinstance(balance, dict) else None
    return row.customer_id == sent.get("customerId") and code == sent.get("currency")


def _amount(value: object, assume: Assumptions) -> Decimal | None:
    """A positive amount, rounded to four decimals as balances are; None if it is none."""
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool) and assume.takes_numbers
    is_text = isinstance(value, str) and _AMOUNT.fullmatch(value) is not None
    if not (isinstance(value, int | Decimal | str) and (is_number or is_text)):
        return None
    number = Decimal(value)
    if not 0 < number < _MOST:
        return None
    return Decimal(to_ticks(number)).scaleb(-4) or None
