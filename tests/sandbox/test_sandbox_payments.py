"""Payments and receipts of the sandbox: as the documents have them, and always in agreement with the balances."""

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from hypothesis import given, settings, strategies as st
from openapi import check_answer, check_request, operations

from bigcommerce_b2b_invoices.sandbox import Assumptions, Sandbox

LEFT_OUT = ("PUT", "/payments/offline/{paymentId}")  # A15


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
            data=None if body is None else json.dumps(body).encode(),
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


@pytest.fixture(scope="module")
def call() -> Iterator[Caller]:
    with Sandbox(invoices=300) as sandbox:
        yield Caller(sandbox)


def drift(sandbox: Sandbox) -> dict[int, Decimal]:
    """Invoices whose balances and applied payments disagree, by how much."""
    applied: dict[int, Decimal] = defaultdict(Decimal)
    for payment_id in sandbox.payment_ids:
        payment: Any = sandbox.payment(payment_id)
        if payment["appliedStatus"] == 1:
            for line in payment["lineItems"]:
                applied[line["invoiceId"]] += Decimal(line["amount"]["value"])
    found = {}
    for invoice_id in sandbox.invoice_ids:
        invoice: Any = sandbox.invoice(invoice_id)
        amount = Decimal(invoice["originalBalance"]["value"]) - Decimal(invoice["openBalance"]["value"]) - applied[invoice_id]
        if amount:
            found[invoice_id] = amount
    return found


def offline(sandbox: Sandbox, invoice_id: int, amount: str, **more: Any) -> dict[str, Any]:
    invoice: Any = sandbox.invoice(invoice_id)
    return {
        "lineItems": [{"invoiceId": invoice_id, "amount": amount}],
        "currency": invoice["openBalance"]["code"],
        "details": {"memo": "m"},
        "customerId": invoice["customerId"],
        **more,
    }


# ---- the documents -------------------------------------------------------------------------------------------------------
def test_every_endpoint_answers_as_the_official_files_show(call: Caller) -> None:
    sandbox = call.sandbox
    invoice_id = sandbox.invoice_ids[0]
    _, made = call("POST", "/payments/offline", offline(sandbox, invoice_id, "1.00", externalId="R-1", processingStatus=1))
    payment_id = made["data"]["paymentId"]
    call("GET", f"/payments/{payment_id}")
    for query in (
        "limit=250&offset=0",
        "searchBy=externalId&q=R-1",
        f"invoiceId={invoice_id}",
        "processingStatus=3&sortBy=totalAmount",
    ):
        call("GET", f"/payments?{query}")
    call("GET", f"/payments/{payment_id}/operations")
    call("PUT", f"/payments/{payment_id}/processing-status", {"processingStatus": 3})
    call("POST", f"/payments/{payment_id}/operations", {"operationCode": 1})
    call("GET", f"/payments/{payment_id}/transactions")
    for query in ("limit=250&offset=0", "searchBy=referenceNumber&q=m&orderBy=ASC", "paymentStatus[]=3&paymentStatus[]=1"):
        call("GET", f"/receipts?{query}")
        call("GET", f"/receipt-lines?{query}")
    _, receipts = call("GET", "/receipts?limit=1")
    receipt_id = receipts["data"][0]["id"]
    _, lines = call("GET", f"/receipts/{receipt_id}/lines?limit=10")
    line_id = lines["data"][0]["id"]
    call("GET", f"/receipts/{receipt_id}")
    call("GET", f"/receipts/{receipt_id}/lines/{line_id}")
    call("DELETE", f"/receipts/{receipt_id}/lines/{line_id}")
    call("DELETE", f"/receipts/{receipt_id}")
    call("DELETE", f"/payments/{payment_id}")

    assert call.used == set(operations()) - {LEFT_OUT}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/payments/99999", None, 404),
        ("GET", "/payments/99999/operations", None, 404),
        ("GET", "/payments/99999/transactions", None, 404),
        ("DELETE", "/payments/99999", None, 404),
        ("GET", "/receipts/99999", None, 404),
        ("GET", "/receipts/99999/lines", None, 404),
        ("DELETE", "/receipts/99999", None, 404),
        ("POST", "/payments/1/operations", {"operationCode": 3}, 400),
        ("PUT", "/payments/1/processing-status", {"processingStatus": 0}, 400),
    ],
)
def test_an_error_is_the_documented_one(call: Caller, method: str, path: str, body: Any, status: int) -> None:
    assert call(method, path, body)[0] == status


def test_a_wrong_body_is_a_422_with_nested_reasons(call: Caller) -> None:
    body = {
        "lineItems": [{"invoiceId": 1041, "amount": "-1"}, {}],
        "currency": "USD",
        "details": {"memo": 4},
        "customerId": "95051",
    }
    status, answer = call("POST", "/payments/offline", body, is_valid=False, shows=False)
    assert (status, set(answer["data"])) == (422, {"lineItems", "details"})
    assert answer["data"]["lineItems"][0] == {"amount": ["Must be a positive number as a string."]}
    assert set(answer["data"]["lineItems"][1]) == {"invoiceId", "amount"}


def test_pages_join_to_the_whole_list_in_either_order(call: Caller) -> None:
    _, whole = call("GET", "/payments?limit=250&orderBy=ASC&sortBy=createdAt")
    parts = [
        call("GET", f"/payments?limit=50&offset={offset}&orderBy=ASC&sortBy=createdAt")[1]["data"] for offset in (0, 50, 100)
    ]
    assert [row["id"] for part in parts for row in part] == [row["id"] for row in whole["data"][:150]]
    assert whole["meta"]["pagination"]["totalCount"] == len(call.sandbox.payment_ids)


# ---- money ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_made_up_payments_explain_the_balances(seed: int) -> None:
    sandbox = Sandbox(invoices=500, seed=seed)
    assert drift(sandbox) == {}
    assert len(sandbox.payment_ids) > 100
    assert any(len(json.loads(json.dumps(sandbox.payment(each)))["lineItems"]) > 1 for each in sandbox.payment_ids)


def test_a_tampered_balance_is_found() -> None:
    with Sandbox(invoices=20) as sandbox:
        invoice_id = sandbox.invoice_ids[3]
        invoice: Any = sandbox.invoice(invoice_id)
        value = Decimal(invoice["openBalance"]["value"]) + 5
        sandbox.add(**{**invoice, "openBalance": {"code": invoice["openBalance"]["code"], "value": str(value)}})
        assert drift(sandbox) == {invoice_id: Decimal(-5)}


STEPS = st.one_of(
    st.tuples(st.just("record"), st.integers(0, 9), st.sampled_from(["0.01", "1.00", "12.3456"]), st.sampled_from([1, 2, 3])),
    st.tuples(st.just("status"), st.integers(0, 9), st.sampled_from([1, 2, 3, 4])),
    st.tuples(st.just("operation"), st.integers(0, 9), st.sampled_from([0, 1, 2])),
    st.tuples(st.just("delete"), st.integers(0, 9)),
    st.tuples(st.just("edit"), st.integers(0, 9)),
)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEPS, max_size=12))
def test_any_sequence_of_payments_reversals_and_edits_has_no_drift(steps: list[Any]) -> None:
    with Sandbox(invoices=10) as sandbox:
        call = Caller(sandbox)
        for kind, index, *rest in steps:
            invoice_id = sandbox.invoice_ids[index]
            payments = sandbox.payment_ids
            payment_id = payments[index % len(payments)] if payments else 1
            if kind == "record":
                call("POST", "/payments/offline", offline(sandbox, invoice_id, rest[0], processingStatus=rest[1]), shows=False)
            elif kind == "status":
                call("PUT", f"/payments/{payment_id}/processing-status", {"processingStatus": rest[0]}, shows=False)
            elif kind == "operation":
                call("POST", f"/payments/{payment_id}/operations", {"operationCode": rest[0]}, shows=False)
            elif kind == "delete":
                call("DELETE", f"/payments/{payment_id}", shows=False)
            else:
                call("PUT", f"/invoices/{invoice_id}", {"purchaseOrderNumber": "X"}, is_valid=False, shows=False)
        assert drift(sandbox) == {}


def test_a_payment_moves_balance_and_status_and_makes_a_receipt(call: Caller) -> None:
    sandbox = call.sandbox
    invoice_id = sandbox.add(originalBalance={"code": "USD", "value": "10.0000"}, openBalance={"code": "USD", "value": "10.0000"})

    def state() -> tuple[Any, Any]:
        invoice: Any = sandbox.invoice(invoice_id)
        return invoice["openBalance"]["value"], invoice["status"]

    call("POST", "/payments/offline", offline(sandbox, invoice_id, "4.00", externalId="R-4", details={"memo": "R-4"}))
    assert state() == ("6.0000", 1)
    call("POST", "/payments/offline", offline(sandbox, invoice_id, "6.00"))
    assert state() == ("0.0000", 2)
    _, receipts = call("GET", "/receipts?searchBy=referenceNumber&q=R-4")
    assert [each["total"]["value"] for each in receipts["data"]] == ["4.0000"]
    _, lines = call("GET", f"/receipt-lines?searchBy=invoiceId&q={invoice_id}&limit=250")
    assert sum(Decimal(each["amount"]["value"]) for each in lines["data"] if each["invoiceId"] == invoice_id) == 10


# ---- what is open --------------------------------------------------------------------------------------------------------
def test_each_assumption_is_a_switch() -> None:
    assume = Assumptions(
        keeps_external_id=False, takes_overpayments=False, takes_foreign_invoices=False, delete_reverts=False, max_limit=10
    )
    with Sandbox(invoices=40, assume=assume) as sandbox:
        call = Caller(sandbox)
        invoices: dict[int, Any] = {each: sandbox.invoice(each) for each in sandbox.invoice_ids}
        invoice_id = next(each for each in invoices if Decimal(invoices[each]["openBalance"]["value"]) > 2)
        other = next(each for each in invoices if invoices[each]["customerId"] != invoices[invoice_id]["customerId"])
        status, made = call("POST", "/payments/offline", offline(sandbox, invoice_id, "1.00", externalId="R"))
        assert (status, (sandbox.payment(made["data"]["paymentId"]) or {})["externalId"]) == (200, None)
        assert call("POST", "/payments/offline", offline(sandbox, invoice_id, "999999.00"), shows=False)[0] == 422
        foreign = offline(sandbox, invoice_id, "1.00") | {"lineItems": [{"invoiceId": other, "amount": "0.01"}]}
        assert call("POST", "/payments/offline", foreign, shows=False)[0] == 422
        assert len(call("GET", "/payments?limit=250")[1]["data"]) == 10
        call("DELETE", f"/payments/{made['data']['paymentId']}")
        assert drift(sandbox)[invoice_id] == 1


def test_faults_and_the_log_cover_payments(call: Caller) -> None:
    sandbox = call.sandbox
    sandbox.clear()
    sandbox.fail(status=503, path="/payments/{paymentId}", method="GET")
    assert call("GET", "/payments/1", shows=False)[0] == 503
    assert call("GET", "/payments/1")[0] == 200
    assert [request.path for request in sandbox.requests] == ["/payments/1", "/payments/1"]


def test_a_payment_can_be_added_as_it_is() -> None:
    sandbox = Sandbox(invoices=3)
    payment_id = sandbox.add_payment(externalId="R", lineItems=[{"invoiceId": 1, "paymentId": 7}], total="odd")
    payment: Any = sandbox.payment(payment_id)
    assert (payment["externalId"], payment["total"], payment["lineItems"][0]["invoiceId"]) == ("R", "odd", 1)
    assert sandbox.payment(10**6) is None
    with pytest.raises(TypeError):
        sandbox.add_payment(details=object())
