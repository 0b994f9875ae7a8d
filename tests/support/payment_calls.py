"""Calls of payments and receipts over HTTP, each checked against the official files, and the books of a sandbox."""

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from openapi import check_answer, check_request

from bigcommerce_b2b_invoices.sandbox import Sandbox


class Caller:
    """Sends requests, and checks each of them and each answer against the official files."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.used: set[tuple[str, str]] = set()

    def __call__(self, method: str, path: str, body: Any = None, *, is_valid: bool = True, shows: bool = True) -> tuple[int, Any]:
        if is_valid:
            self.used.add((method, check_request(method, path, body)))
        request = Request(  # noqa: S310 - loopback
            f"{self.sandbox.base_url}{path}",
            method=method,
            data=None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={"X-Auth-Token": self.sandbox.auth_token, "X-Store-Hash": self.sandbox.store_hash},
        )
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                status, text = answer.status, answer.read()
        except HTTPError as error:
            with error:
                status, text = error.code, error.read()
        value = json.loads(text, parse_float=Decimal)
        if shows:
            check_answer(method, path.partition("?")[0], status, json.loads(text))
        return status, value

    def rows(self, path: str, *, shows: bool = True) -> list[Any]:
        """The rows of one page."""
        status, answer = self("GET", path, shows=shows)
        assert status == 200
        rows: list[Any] = answer["data"]
        return rows


def drift(sandbox: Sandbox) -> dict[int, Decimal]:
    """Invoices whose balances and applied payments in their currency disagree, by how much."""
    applied: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for payment_id in sandbox.payment_ids:
        payment: Any = sandbox.payment(payment_id)
        if payment["appliedStatus"] == 1:
            for line in payment["lineItems"]:
                applied[line["invoiceId"], line["amount"]["code"]] += Decimal(line["amount"]["value"])
    found = {}
    for invoice_id in sandbox.invoice_ids:
        invoice: Any = sandbox.invoice(invoice_id)
        original, still_open = invoice["originalBalance"], invoice["openBalance"]
        amount = Decimal(original["value"]) - Decimal(still_open["value"]) - applied[invoice_id, still_open["code"]]
        if amount:
            found[invoice_id] = amount
    return found


def offline(sandbox: Sandbox, invoice_id: int, amount: str, **more: Any) -> dict[str, Any]:
    """The body that records an amount for an invoice."""
    invoice: Any = sandbox.invoice(invoice_id)
    return {
        "lineItems": [{"invoiceId": invoice_id, "amount": amount}],
        "currency": invoice["openBalance"]["code"],
        "details": {"memo": "m"},
        "customerId": invoice["customerId"],
        **more,
    }
