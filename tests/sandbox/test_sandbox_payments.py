"""Payments and receipts of the sandbox: as the documents have them, and always in agreement with the balances."""

import itertools
import json
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.request import Request, urlopen

import pytest
from hypothesis import given, settings, strategies as st
from openapi import operations
from payment_calls import Caller, drift, offline

from bigcommerce_b2b_invoices.sandbox import Sandbox

LEFT_OUT = ("PUT", "/payments/offline/{paymentId}")  # A15


@pytest.fixture(scope="module")
def call() -> Iterator[Caller]:
    with Sandbox(invoices=300) as sandbox:
        yield Caller(sandbox)


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


@pytest.mark.parametrize(
    ("query", "field", "wanted"),
    [
        ("processingStatus=1", "processingStatus", 1),
        ("customerName=HOTEL", "customerName", "Hotel Zwölf & Söhne"),
        ("channelIds=2", "channelId", "2"),
        ("channelIds[]=2&channelIds[]=7", "channelId", "2"),
        ("searchBy=externalCustomerId&q=-77", "externalCustomerId", "C-77"),
        ("q=c-77", "externalCustomerId", "C-77"),
        ("searchBy=customerId&q=9901", "customerId", "990177"),
    ],
)
def test_each_filter_keeps_what_fits_and_nothing_else(call: Caller, query: str, field: str, wanted: object) -> None:
    fields = {"customerName": "Hotel Zwölf & Söhne", "channelId": "2", "externalCustomerId": "C-77", "customerId": "990177"}
    payment_id = call.sandbox.add_payment(**fields, processingStatus=1)
    rows = call.rows(f"/payments?limit=250&{query}", shows=False)
    shown = [call.sandbox.payment(row["id"]) or {} for row in rows]  # lists may leave fields out

    assert payment_id in [row["id"] for row in rows]
    assert {row[field] for row in shown} == {wanted}


@pytest.mark.parametrize(
    "field",
    [
        "moduleName", "processingStatus", "appliedStatus", "createdAt", "customerId", "externalCustomerId", "fundingStatus",
        "updatedAt", "totalAmount",
    ],
)  # fmt: skip
def test_payments_are_sorted_by_each_field_in_both_orders(call: Caller, field: str) -> None:
    def values(order: str) -> list[Any]:
        rows = call.rows(f"/payments?limit=250&sortBy={field}{order}", shows=False)
        return [
            Decimal(row["total"]["value"]) if field == "totalAmount" else row[field] if row[field] is not None else ""
            for row in rows
        ]

    assert values("&orderBy=ASC") == sorted(values("&orderBy=ASC"))
    assert values("") == sorted(values(""), reverse=True)


@pytest.mark.parametrize(
    "query", ["processingStatus=9", "sortBy=total", "searchBy=memo&q=a", "invoiceId=x", "limit=0", "orderBy=UP"]
)
def test_a_wrong_query_is_a_422(call: Caller, query: str) -> None:
    status, answer = call("GET", f"/payments?{query}", is_valid=False, shows=False)
    assert (status, list(answer["data"])) == (422, [query.partition("=")[0]])


# ---- money ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_made_up_payments_explain_the_balances(seed: int) -> None:
    sandbox = Sandbox(invoices=500, seed=seed)
    assert drift(sandbox) == {}
    assert len(sandbox.payment_ids) > 100
    assert any(len(json.loads(json.dumps(sandbox.payment(each)))["lineItems"]) > 1 for each in sandbox.payment_ids)


def test_making_payments_takes_time_in_proportion() -> None:
    def calls(invoices: int) -> int:
        count = itertools.count()
        sandbox = Sandbox(invoices=invoices)
        sys.setprofile(lambda _frame, event, _argument: next(count) if event in ("call", "c_call") else None)
        try:
            ids = sandbox.payment_ids
        finally:
            sys.setprofile(None)
        assert len(ids) > invoices / 4
        return next(count)

    assert calls(20_000) < 15 * calls(2_000)  # ten times; a hundred where each payment looks at all the others


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


@settings(max_examples=25)
@given(steps=st.lists(STEPS, max_size=12))
def test_any_sequence_of_payments_reversals_and_edits_has_no_drift(steps: list[Any]) -> None:
    with Sandbox(invoices=10) as sandbox:
        sandbox.drift(inserts=1, deletes=1, edits=1)
        call = Caller(sandbox)
        for kind, index, *rest in steps:
            invoice_id = sandbox.invoice_ids[index]
            payments = sandbox.payment_ids
            payment_id = payments[index % len(payments)] if payments else 1
            if kind == "record":
                body = offline(sandbox, invoice_id, rest[0], processingStatus=rest[1])
                body["lineItems"].append({"invoiceId": sandbox.invoice_ids[(index + rest[1]) % 10], "amount": "3.3333"})
                call("POST", "/payments/offline", body)
            elif kind == "status":
                call("PUT", f"/payments/{payment_id}/processing-status", {"processingStatus": rest[0]}, shows=False)
            elif kind == "operation":
                call("POST", f"/payments/{payment_id}/operations", {"operationCode": rest[0]}, shows=False)
            elif kind == "delete":
                call("DELETE", f"/payments/{payment_id}", shows=False)
            else:
                call("PUT", f"/invoices/{invoice_id}", {"purchaseOrderNumber": "X"}, is_valid=False, shows=False)
                call("GET", "/receipt-lines")  # others pay between two of these
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


# ---- wrong and odd values ------------------------------------------------------------------------------------------------
ANYTHING: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "1", "95017", "USD", "\ud800"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["amount", "invoiceId", "memo"]), inner),
    max_leaves=4,
)
SENT = ("lineItems", "currency", "details", "customerId", "externalId", "payerName", "processingStatus", "channelId")
STORED = (
    "id",
    "createdAt",
    "customerId",
    "externalId",
    "details",
    "moduleName",
    "processingStatus",
    "appliedStatus",
    "total",
    "lineItems",
)


@settings(max_examples=300)
@given(changes=st.dictionaries(st.sampled_from(SENT), ANYTHING, max_size=3))
def test_any_body_is_recorded_or_refused(call: Caller, changes: dict[str, Any]) -> None:
    body = offline(call.sandbox, call.sandbox.invoice_ids[0], "0.01") | changes
    assert call("POST", "/payments/offline", body, is_valid=False, shows=False)[0] in (200, 422)


@pytest.mark.parametrize("amount", ["1E999999999", "1E-999999999", "-0.0", "1E15", "0.00001"])
def test_an_absurd_amount_is_refused_at_once(call: Caller, amount: str) -> None:
    body = json.dumps(offline(call.sandbox, call.sandbox.invoice_ids[0], "x")).replace('"x"', amount)
    assert call("POST", "/payments/offline", body.encode(), is_valid=False, shows=False)[0] == 422


def test_more_decimals_than_a_balance_keeps_are_rounded_in_every_place() -> None:
    with Sandbox(invoices=3) as sandbox:
        first, second = sandbox.add(invoiceNumber="A"), sandbox.add(invoiceNumber="B")
        lines = [{"invoiceId": each, "amount": "0.00006"} for each in (first, second)]
        Caller(sandbox)("POST", "/payments/offline", offline(sandbox, first, "1") | {"lineItems": lines})
        payment: Any = sandbox.payment(sandbox.payment_ids[-1])
        assert payment["total"]["value"] == "0.0002"
        assert drift(sandbox) == {}


def test_a_company_that_only_the_test_made_pays(call: Caller) -> None:
    invoice_id = call.sandbox.add(customerId="777001")
    assert call("POST", "/payments/offline", offline(call.sandbox, invoice_id, "1.00"))[0] == 200
    assert (
        call("POST", "/payments/offline", offline(call.sandbox, invoice_id, "1.00", customerId="777002"), shows=False)[0] == 422
    )


@settings(max_examples=60)
@given(fields=st.lists(st.dictionaries(st.sampled_from(STORED), ANYTHING, max_size=4), max_size=3))
def test_any_payment_that_a_test_adds_is_listed(fields: list[dict[str, Any]]) -> None:
    with Sandbox(invoices=2) as sandbox:
        call = Caller(sandbox)
        added = {sandbox.add_payment(**each) for each in fields}
        assert added <= set(sandbox.payment_ids)
        for path in (
            "/payments?sortBy=totalAmount",
            "/payments?invoiceId=1",
            "/payments?q=1",
            "/receipts?limit=10",
            "/receipt-lines?q=1",
        ):
            call.rows(path, shows=False)
        for payment_id in added:
            assert call("GET", f"/payments/{payment_id}", shows=False)[0] == 200
            assert call("GET", f"/payments/{payment_id}/transactions", shows=False)[0] == 200
            assert call("PUT", f"/payments/{payment_id}/processing-status", {"processingStatus": 3}, shows=False)[0] in (200, 400)
            assert call("POST", f"/payments/{payment_id}/operations", {"operationCode": 1}, shows=False)[0] in (200, 400)
            assert call("DELETE", f"/payments/{payment_id}", shows=False)[0] == 200


def test_a_share_without_an_amount_is_found_by_its_invoice(call: Caller) -> None:
    payment_id = call.sandbox.add_payment(lineItems=[{"invoiceId": 987_654}])
    assert [row["id"] for row in call.rows("/payments?invoiceId=987654", shows=False)] == [payment_id]


def test_other_users_pay_between_two_lists_of_payments() -> None:
    with Sandbox(invoices=60) as sandbox:
        call = Caller(sandbox)
        sandbox.drift(inserts=2, deletes=1, edits=1)
        started = int(time.time())
        before = set(sandbox.payment_ids)
        texts = {each: sandbox.payment(each) for each in before}
        call.rows("/payments?limit=10")
        call.rows("/receipts?limit=10")
        after = set(sandbox.payment_ids)
        assert len(after) == len(before) + 1
        assert after - before
        changed: list[Any] = [sandbox.payment(each) or {} for each in before & after if sandbox.payment(each) != texts[each]]
        assert [each["updatedAt"] >= started for each in changed] == [True]
        assert drift(sandbox) == {}


def test_another_process_adds_a_payment(call: Caller) -> None:
    url = call.sandbox.base_url.replace("/api/v3/io/ip", "/_sandbox/add_payment")
    request = Request(url, data=b'{"external_id": "R-9"}', headers={"Content-Type": "application/json"})  # noqa: S310 - loopback
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
        payment: Any = call.sandbox.payment(json.loads(answer.read())["id"])
    assert payment["externalId"] == "R-9"


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
    assert (sandbox.payment(sandbox.add_payment(external_id="S")) or {})["externalId"] == "S"
    for fields in ({"details": object()}, {"externalId": "R", "external_id": "R"}):
        with pytest.raises(TypeError):
            sandbox.add_payment(**fields)


def test_a_payment_is_shown_as_the_api_says_it(call: Caller) -> None:
    payment_id = call.sandbox.payment_ids[0]
    assert call.sandbox.payment(payment_id) == call("GET", f"/payments/{payment_id}")[1]["data"]


def test_lists_leave_out_what_they_may(call: Caller) -> None:
    rows = call.rows("/payments?limit=10&orderBy=ASC&sortBy=createdAt")
    assert {"details" in row for row in rows} == {True, False}
