"""Receipts of the sandbox: they appear by themselves, and lists of them are searched, sorted and filtered as the documents say."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from payment_calls import Caller, offline

from bigcommerce_b2b_invoices.sandbox import Sandbox


@pytest.fixture(scope="module")
def call() -> Iterator[Caller]:
    with Sandbox(invoices=200) as sandbox:
        yield Caller(sandbox)


@pytest.fixture
def payment_id(call: Caller) -> int:
    body = offline(
        call.sandbox, call.sandbox.invoice_ids[0], "1.00", processingStatus=1, details={"memo": "M-1"}, externalId="R-1"
    )
    made: int = call("POST", "/payments/offline", body)[1]["data"]["paymentId"]
    return made


def of_payment(call: Caller, payment_id: int) -> list[Any]:
    rows = call.rows("/receipts?limit=250&searchBy=referenceNumber&q=M-1")
    return [row for row in rows if row["paymentId"] == payment_id]


def test_a_receipt_appears_when_the_payment_is_completed_and_only_once(call: Caller, payment_id: int) -> None:
    counts = [len(of_payment(call, payment_id))]
    for status in (3, 1, 3):
        call("PUT", f"/payments/{payment_id}/processing-status", {"processingStatus": status})
        counts.append(len(of_payment(call, payment_id)))
    assert counts == [0, 1, 1, 1]


def test_a_receipt_repeats_its_payment(call: Caller, payment_id: int) -> None:
    call("PUT", f"/payments/{payment_id}/processing-status", {"processingStatus": 3})
    (receipt,) = of_payment(call, payment_id)
    (line,) = call.rows(f"/receipts/{receipt['id']}/lines")
    payment: Any = call.sandbox.payment(payment_id)

    assert (receipt["referenceNumber"], receipt["externalId"], receipt["total"]) == ("M-1", "R-1", payment["total"])
    assert receipt["details"] == {"paymentDetails": {"memo": "M-1"}}
    assert (line["receiptId"], line["invoiceId"], line["amount"], line["paymentStatus"]) == (
        receipt["id"],
        call.sandbox.invoice_ids[0],
        payment["lineItems"][0]["amount"],
        3,
    )


def test_the_status_of_lines_follows_the_payment_and_filters_receipts(call: Caller, payment_id: int) -> None:
    call("PUT", f"/payments/{payment_id}/processing-status", {"processingStatus": 3})
    (receipt,) = of_payment(call, payment_id)
    call("PUT", f"/payments/{payment_id}/processing-status", {"processingStatus": 4})

    assert [line["paymentStatus"] for line in call.rows(f"/receipts/{receipt['id']}/lines")] == [4]
    for path in ("/receipts", "/receipt-lines"):
        refunded, completed = (
            {row["paymentId"] for row in call.rows(f"{path}?limit=250&paymentStatus[]={status}")} for status in (4, 3)
        )
        assert (payment_id in refunded, payment_id in completed) == (True, False)


@pytest.mark.parametrize(
    ("path", "sorts"),
    [
        ("/receipts", ("customerId", "createdAt", "updatedAt", "paymentId", "total", "transactionType", "referenceNumber")),
        ("/receipt-lines", ("customerId", "createdAt", "updatedAt", "receiptId", "invoiceId", "amount")),
    ],
)
def test_lists_are_sorted_by_each_field_in_both_orders(call: Caller, path: str, sorts: tuple[str, ...]) -> None:
    def rank(row: Any, field: str) -> Any:
        return Decimal(row[field]["value"]) if field in ("total", "amount") else row[field]

    for field in sorts:
        rising = [rank(row, field) for row in call.rows(f"{path}?limit=250&sortBy={field}&orderBy=ASC")]
        falling = [rank(row, field) for row in call.rows(f"{path}?limit=250&sortBy={field}")]
        assert rising == sorted(rising)
        assert falling == sorted(falling, reverse=True)
        assert len(rising) > 20


def test_lines_are_found_by_the_payer_that_they_do_not_show(call: Caller, payment_id: int) -> None:
    call("DELETE", f"/payments/{payment_id}")
    body = offline(call.sandbox, call.sandbox.invoice_ids[0], "1.00", payerName="Zora Q", payerCustomerId="606060")
    made = call("POST", "/payments/offline", body)[1]["data"]["paymentId"]

    for query in ("searchBy=payerName&q=zora", "searchBy=payerCustomerId&q=606060"):
        assert [line["paymentId"] for line in call.rows(f"/receipt-lines?{query}")] == [made]
    assert [receipt["paymentId"] for receipt in call.rows("/receipts?q=zora")] == [made]


def test_a_search_is_loose(call: Caller) -> None:
    wanted = call.sandbox.invoice_ids[0]
    found = {line["invoiceId"] for line in call.rows(f"/receipt-lines?limit=250&searchBy=invoiceId&q={str(wanted)[-1]}")}
    assert len(found) > 1
    assert all(str(wanted)[-1] in str(each) for each in found)


def test_pages_say_how_many_there_are(call: Caller) -> None:
    _, whole = call("GET", "/receipts?limit=250&orderBy=ASC")
    _, part = call("GET", "/receipts?limit=7&offset=7&orderBy=ASC")
    assert part["data"] == whole["data"][7:14]
    assert part["meta"]["pagination"] == {"totalCount": whole["meta"]["pagination"]["totalCount"], "offset": 7, "limit": 7}


def test_a_deleted_receipt_takes_its_lines_along_and_no_balance(call: Caller, payment_id: int) -> None:
    call("PUT", f"/payments/{payment_id}/processing-status", {"processingStatus": 3})
    (receipt,) = of_payment(call, payment_id)
    invoice = call.sandbox.invoice(call.sandbox.invoice_ids[0])
    call("DELETE", f"/receipts/{receipt['id']}")

    assert call("GET", f"/receipts/{receipt['id']}/lines")[0] == 404
    assert payment_id not in {line["paymentId"] for line in call.rows("/receipt-lines?limit=250")}
    assert call.sandbox.invoice(call.sandbox.invoice_ids[0]) == invoice


def test_a_line_of_another_receipt_does_not_exist(call: Caller) -> None:
    first, second = call.rows("/receipts?limit=2")
    line = call.rows(f"/receipts/{first['id']}/lines")[0]
    assert call("GET", f"/receipts/{second['id']}/lines/{line['id']}", shows=False)[0] == 404
    assert call("DELETE", f"/receipts/{second['id']}/lines/{line['id']}", shows=False)[0] == 404
    assert line in call.rows(f"/receipts/{first['id']}/lines")
