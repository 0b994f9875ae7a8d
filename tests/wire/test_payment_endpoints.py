"""The fifteen endpoints of payments and receipts: what is sent, and what is refused before anything is."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from openapi import check_request

from bigcommerce_b2b_invoices import (
    APIError,
    BadRequestError,
    DecodeError,
    FilterIgnoredError,
    Money,
    NotFoundError,
    OfflinePaymentDraft,
    PaymentOperation,
    PaymentQuery,
    PaymentShare,
    PaymentStateError,
    PaymentStatus,
    ReceiptLineQuery,
    ReceiptQuery,
)
from bigcommerce_b2b_invoices.wire import payment_endpoints, receipt_endpoints
from bigcommerce_b2b_invoices.wire.call import Call
from bigcommerce_b2b_invoices.wire.messages import Request, Response

SHARES = (PaymentShare(13, Money("USD", Decimal("20.00"))), PaymentShare(14, Money("USD", 5)))
DRAFT = OfflinePaymentDraft(reference="R-1", customer_id="113", shares=SHARES)
FULL = OfflinePaymentDraft(
    reference="R-2", customer_id="113", shares=SHARES[:1], memo="M", payer_name="P", payer_customer_id="4", external_customer_id="E",
    status=PaymentStatus.PROCESSING, channel_id=1,
)  # fmt: skip
BODY = (
    b'{"lineItems":[{"invoiceId":13,"amount":"20.00"},{"invoiceId":14,"amount":"5"}],"currency":"USD","details":{"memo":"R-1"},'
    b'"customerId":"113","externalId":"R-1","processingStatus":3}'
)
FULL_BODY = (
    b'{"lineItems":[{"invoiceId":13,"amount":"20.00"}],"currency":"USD","details":{"memo":"M"},"customerId":"113",'
    b'"externalId":"R-2","externalCustomerId":"E","payerName":"P","payerCustomerId":"4","processingStatus":2,"channelId":1}'
)
FIRST = (("offset", "0"), ("limit", "250"))
QUERY = PaymentQuery(invoice_id=9, processing_status=0, q="x", search_by="externalId", channel_ids=[1, 2], sort_by="totalAmount")
QUERIED = (
    ("invoiceId", "9"), ("processingStatus", "0"), ("searchBy", "externalId"), ("q", "x"), ("sortBy", "totalAmount"),
    ("channelIds", "1"), ("channelIds", "2"),
)  # fmt: skip
LINES = ReceiptLineQuery(payment_statuses=[1, 3], search_by="invoiceId", q="14", order_by="ASC")
ASKED = (("searchBy", "invoiceId"), ("q", "14"), ("orderBy", "ASC"), ("paymentStatus[]", "1"), ("paymentStatus[]", "3"))
CALLS: list[tuple[Call[Any], Request]] = [
    (payment_endpoints.get_payment(9), Request("GET", "/payments/9")),
    (payment_endpoints.list_payments(QUERY, offset=0, limit=250), Request("GET", "/payments", (*QUERIED, *FIRST))),
    (payment_endpoints.record_offline_payment(DRAFT), Request("POST", "/payments/offline", body=BODY)),
    (payment_endpoints.record_offline_payment(FULL), Request("POST", "/payments/offline", body=FULL_BODY)),
    (payment_endpoints.set_processing_status(9, PaymentStatus.REFUNDED), Request("PUT", "/payments/9/processing-status", body=b'{"processingStatus":4}')),
    (payment_endpoints.get_payment_operations(9), Request("GET", "/payments/9/operations")),
    (payment_endpoints.perform_payment_operation(9, PaymentOperation.REVERT), Request("POST", "/payments/9/operations", body=b'{"operationCode":1}')),
    (payment_endpoints.perform_payment_operation(9, 3), Request("POST", "/payments/9/operations", body=b'{"operationCode":3}')),
    (payment_endpoints.list_payment_transactions(9), Request("GET", "/payments/9/transactions")),
    (payment_endpoints.delete_payment(9), Request("DELETE", "/payments/9")),
    (receipt_endpoints.get_receipt(9), Request("GET", "/receipts/9")),
    (receipt_endpoints.list_receipts(ReceiptQuery(sort_by="total"), offset=0, limit=250), Request("GET", "/receipts", (("sortBy", "total"), *FIRST))),
    (receipt_endpoints.list_receipt_lines(LINES, offset=0, limit=250), Request("GET", "/receipt-lines", (*ASKED, *FIRST))),
    (receipt_endpoints.list_lines_of_receipt(7, ReceiptLineQuery(), offset=0, limit=250), Request("GET", "/receipts/7/lines", FIRST)),
    (receipt_endpoints.get_receipt_line(7, 8), Request("GET", "/receipts/7/lines/8")),
    (receipt_endpoints.delete_receipt(7), Request("DELETE", "/receipts/7")),
    (receipt_endpoints.delete_receipt_line(7, 8), Request("DELETE", "/receipts/7/lines/8")),
]  # fmt: skip


@pytest.mark.parametrize(("call", "request_"), CALLS)
def test_each_endpoint_makes_the_documented_request(call: Call[Any], request_: Request) -> None:
    assert call.request == request_
    assert call.repeatable is (request_.method in ("GET", "DELETE"))
    assert call.operation.startswith(("payments.", "receipts."))
    assert not any(part.isdecimal() for part in call.route.split("/"))


@pytest.mark.parametrize(("call", "request_"), CALLS)
def test_each_request_is_valid_against_the_official_files(call: Call[Any], request_: Request) -> None:
    path = f"{request_.path}?{urlencode(request_.query)}" if request_.query else request_.path

    checked = check_request(request_.method, path, None if request_.body is None else json.loads(request_.body))

    assert checked.replace("{receiptLineId}", "{id}").count("{") == call.route.count("{")


MAKERS: list[Callable[[Any], object]] = [
    payment_endpoints.get_payment,
    payment_endpoints.get_payment_operations,
    payment_endpoints.list_payment_transactions,
    payment_endpoints.delete_payment,
    lambda bad: payment_endpoints.set_processing_status(bad, PaymentStatus.COMPLETED),
    lambda bad: payment_endpoints.perform_payment_operation(bad, 0),
    receipt_endpoints.get_receipt,
    receipt_endpoints.delete_receipt,
    lambda bad: receipt_endpoints.list_lines_of_receipt(bad, ReceiptLineQuery(), offset=0, limit=1),
    lambda bad: receipt_endpoints.get_receipt_line(1, bad),
    lambda bad: receipt_endpoints.delete_receipt_line(bad, 1),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("bad", [0, -1, 2**63, "9", "offline", "../9", None, True, 9.0])
def test_an_id_that_is_no_positive_int_is_refused(make: Callable[[Any], object], bad: object) -> None:
    with pytest.raises((TypeError, ValueError), match="_id must be"):
        make(bad)


@pytest.mark.parametrize(("operation", "error"), [(-1, ValueError), (True, TypeError), ("0", TypeError), (None, TypeError)])
def test_an_operation_that_is_no_code_is_refused(operation: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        payment_endpoints.perform_payment_operation(1, operation)


@pytest.mark.parametrize("status", [PaymentStatus.INCOMPLETE, 0, 5, -1])
def test_a_status_that_cannot_be_set_is_refused(status: Any) -> None:
    with pytest.raises(ValueError, match=r"INCOMPLETE|valid PaymentStatus"):
        payment_endpoints.set_processing_status(1, status)


def answered(data: bytes, status: int = 200) -> Response:
    return Response(status, {}, b'{"code": %d, "data": %s}' % (status, data))


@pytest.mark.parametrize(
    "data", [b"{}", b'{"id": 3}', b'{"paymentId": null}', b'{"paymentId": "112"}', b'{"paymentId": 0}', b"null"]
)
def test_a_payment_that_is_answered_without_its_id_is_no_success(data: bytes) -> None:
    with pytest.raises(DecodeError, match=r"data\.paymentId"):
        payment_endpoints.record_offline_payment(DRAFT).decode(answered(data))


@pytest.mark.parametrize("text", ["The payment operation is not allowed.", "The payment processing status is not allowed."])
def test_the_two_documented_refusals_are_about_the_state_of_the_payment(text: str) -> None:
    refused = answered(b'{"errMsg": "%s"}' % text.encode(), 400)
    for call in (
        payment_endpoints.set_processing_status(1, PaymentStatus.COMPLETED),
        payment_endpoints.perform_payment_operation(1, 0),
    ):
        with pytest.raises(BadRequestError) as raised:
            call.decode(refused)

        assert type(raised.value) is PaymentStateError


@pytest.mark.parametrize(
    ("call", "data", "error"),
    [
        (payment_endpoints.get_payment(9), b'{"id": 8}', DecodeError),
        (payment_endpoints.list_payment_transactions(9), b"null", DecodeError),
        (receipt_endpoints.get_receipt(9), b'{"id": 8}', DecodeError),
        (receipt_endpoints.get_receipt_line(7, 8), b'{"id": 9, "receiptId": 7, "invoiceId": 1}', DecodeError),
        (receipt_endpoints.get_receipt_line(7, 8), b'{"id": 8, "receiptId": 6, "invoiceId": 1}', FilterIgnoredError),
        (receipt_endpoints.get_receipt_line(7, 8), b'{"id": 8, "invoiceId": 1}', FilterIgnoredError),
    ],
)
def test_an_answer_about_something_else_is_refused(call: Call[Any], data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        call.decode(answered(data))


def test_no_transaction_is_ordinary() -> None:
    assert payment_endpoints.list_payment_transactions(9).decode(answered(b"[]")) == ()


@pytest.mark.parametrize(
    "call",
    [payment_endpoints.delete_payment(1), receipt_endpoints.delete_receipt(1), receipt_endpoints.delete_receipt_line(1, 2)],
)
def test_only_a_repeated_delete_takes_not_found_for_success(call: Call[None]) -> None:
    gone = answered(b'{"errMsg": "Payment does not exist"}', 404)

    call.decode(gone, repeated=True)

    with pytest.raises(NotFoundError):
        call.decode(gone)


NESTED = [
    ({"lineItems": ["This field is required."]}, {"lineItems": ("This field is required.",)}),
    (
        {"lineItems": [{"amount": ["a", "b"]}, {}, {"invoiceId": "c"}], "details": {"memo": ["d"]}},
        {"lineItems[0].amount": ("a", "b"), "lineItems[2].invoiceId": ("c",), "details.memo": ("d",)},
    ),
    ({"lineItems": ["x", {"amount": ["a"]}]}, {"lineItems": ("x",), "lineItems[1].amount": ("a",)}),
    ({"errMsg": "Invalid request data"}, {}),
    ({"a\nb": {"c\td": ["e\rf"]}}, {r"a\nb.c\td": (r"e\rf",)}),
]


@pytest.mark.parametrize(("data", "fields"), NESTED)
def test_nested_messages_of_a_422_are_found_by_their_path(data: dict[str, Any], fields: dict[str, Any]) -> None:
    with pytest.raises(APIError) as raised:
        payment_endpoints.record_offline_payment(DRAFT).decode(answered(json.dumps(data).encode(), 422))

    assert raised.value.field_errors == fields


def test_a_422_of_many_or_deep_fields_is_read_in_part() -> None:
    deep: Any = ["no"]
    for _ in range(40):
        deep = {"a": deep}
    many = {f"f{number}": [{"x": ["no"]}] * 50 for number in range(50)}
    for data in (deep, many):
        with pytest.raises(APIError) as raised:
            payment_endpoints.record_offline_payment(DRAFT).decode(answered(json.dumps(data).encode(), 422))

        assert len(raised.value.field_errors) <= 150
