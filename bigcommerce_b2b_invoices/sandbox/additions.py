"""An invoice that a test describes: what it says is stored as it is, the rest is made up."""

import re
from collections.abc import Iterable, Mapping

from .answers import Body
from .words import COMPANIES
from .writes import new_body

_MOST_ID = 10**18
_CURRENCY = "USD"
_COMPANY = next(company for company in COMPANIES if company.currency == _CURRENCY)
_NAMES = {company.customer_id: company.name for company in COMPANIES}


def add_body(fields: Mapping[str, object], *, next_id: int, number: str, store_hash: str, now: int) -> tuple[int, Body]:
    """The id under which the invoice is stored, and the invoice.

    The id is `next_id` unless the fields name one that the API could have. Raises TypeError for a field that comes in both
    spellings.
    """
    named = fields.get("id")
    is_possible = isinstance(named, int) and not isinstance(named, bool) and 0 < named < _MOST_ID
    invoice_id = named if is_possible and isinstance(named, int) else next_id
    balance = {"code": _CURRENCY, "value": 100}
    made_up = new_body(
        {"invoiceNumber": number, "customerId": _COMPANY.customer_id, "originalBalance": balance, "openBalance": balance},
        invoice_id=invoice_id,
        store_hash=store_hash,
        now=now,
    )
    given = in_camel_case(fields, known=(*made_up, "termsConditions", "bcId"))
    for name, other in (("originalBalance", "openBalance"), ("openBalance", "originalBalance")):
        if name in given:
            made_up[other] = given[name]
    if "customerId" in given:
        made_up["customerName"] = made_up["bcGroupName"] = _NAMES.get(str(given["customerId"]), "")
    return invoice_id, {**made_up, **given}


def in_camel_case(fields: Mapping[str, object], *, known: Iterable[str]) -> Body:
    """The fields under the API's names. A field that nobody knows keeps its spelling.

    Raises TypeError for a field that comes in both spellings.
    """
    camel = {re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name): name for name in known}
    given: Body = {}
    for name, value in fields.items():
        if camel.get(name, name) in given:
            raise TypeError(f"{camel.get(name, name)} is given twice")
        given[camel.get(name, name)] = value
    return given
