"""The eight endpoints: what is sent, and what is refused before anything is."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bigcommerce_b2b_invoices import DecodeError, InvoiceChanges, InvoiceDraft, InvoiceQuery, Money, NotFoundError
from bigcommerce_b2b_invoices.wire import endpoints
from bigcommerce_b2b_invoices.wire.call import Call
from bigcommerce_b2b_invoices.wire.messages import Request, Response

TEN = Money("USD", Decimal(10))
DRAFT = InvoiceDraft(invoice_number="N", customer_id="3", original_balance=TEN, open_balance=TEN)
BODY = (
    b'{"invoiceNumber":"N","customerId":"3","originalBalance":{"code":"USD","value":10},"openBalance":{"code":"USD","value":10}}'
)
CALLS: list[tuple[Call[Any], Request]] = [
    (endpoints.get_invoice(9), Request("GET", "/invoices/9")),
    (endpoints.list_invoices(InvoiceQuery(q="x"), offset=5, limit=250), Request("GET", "/invoices", (("q", "x"), ("offset", "5"), ("limit", "250")))),
    (endpoints.create_invoice(DRAFT), Request("POST", "/invoices", body=BODY)),
    (endpoints.update_invoice(9, InvoiceChanges(external_pdf_url="")), Request("PUT", "/invoices/9", body=b'{"externalPdfUrl":""}')),
    (endpoints.update_invoice(9, InvoiceChanges(extra_fields=())), Request("PUT", "/invoices/9", body=b'{"extraFields":[]}')),
    (endpoints.delete_invoice(9), Request("DELETE", "/invoices/9")),
    (endpoints.create_invoice_from_order(5), Request("POST", "/orders/5/invoices")),
    (endpoints.get_pdf_links(9), Request("GET", "/invoices/9/download-pdf")),
    (endpoints.list_extra_field_configs(None, offset=0, limit=1), Request("GET", "/invoices/extra-fields", (("offset", "0"), ("limit", "1")))),
]  # fmt: skip


@pytest.mark.parametrize(("call", "request_"), CALLS)
def test_each_endpoint_makes_the_documented_request(call: Call[Any], request_: Request) -> None:
    assert call.request == request_
    assert call.repeatable is (request_.method in ("GET", "DELETE"))


@pytest.mark.parametrize(
    "make", [endpoints.get_invoice, endpoints.delete_invoice, endpoints.get_pdf_links, endpoints.create_invoice_from_order]
)
@pytest.mark.parametrize("bad", [0, -1, 2**63, "9", "", "..", "extra-fields", None, True, 9.0, Decimal(9)])
def test_an_id_that_is_no_positive_int_is_refused(make: Callable[[Any], Call[Any]], bad: object) -> None:
    with pytest.raises((TypeError, ValueError), match="_id must be"):
        make(bad)


@pytest.mark.parametrize(("offset", "limit"), [(-1, 10), (0, 0), (0, 251), (0.0, 10), (0, True), ("0", 10), (None, 10)])
def test_paging_that_cannot_be_is_refused(offset: Any, limit: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="must be"):
        endpoints.list_invoices(InvoiceQuery(), offset=offset, limit=limit)


def test_changes_that_change_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="change nothing"):
        endpoints.update_invoice(9, InvoiceChanges())


@pytest.mark.parametrize(
    "data", [b"{}", b'{"id": null}', b'{"id": "12"}', b'{"id": 0}', b'{"id": true}', b'{"id": 1e40}', b"12", b"null"]
)
def test_a_create_that_is_answered_without_an_id_is_no_success(data: bytes) -> None:
    with pytest.raises(DecodeError, match=r"data\.id"):
        endpoints.create_invoice(DRAFT).decode(Response(200, {}, b'{"code": 200, "data": ' + data + b"}"))


@pytest.mark.parametrize("data", [b"null", b"{}", b'{"list": []}', b'"x"'])
@pytest.mark.parametrize("meta", [b"{}", b'{"pagination": {"totalCount": 3}}'])
def test_what_is_not_a_list_is_not_taken_for_an_empty_one(data: bytes, meta: bytes) -> None:
    with pytest.raises(DecodeError, match="expected a list"):
        endpoints.list_invoices(InvoiceQuery(), offset=0, limit=1).decode(
            Response(200, {}, b'{"meta": ' + meta + b', "data": ' + data + b"}")
        )


def test_null_with_a_total_of_zero_is_an_empty_list() -> None:
    answer = Response(200, {}, b'{"data": null, "meta": {"pagination": {"totalCount": 0}}}')
    assert endpoints.list_invoices(InvoiceQuery(), offset=0, limit=1).decode(answer).rows == []


def test_only_a_repeated_delete_takes_not_found_for_success() -> None:
    call = endpoints.delete_invoice(9)
    gone = Response(404, {}, b'{"code": 404, "data": {"errMsg": "Invoice does not exist"}}')
    with pytest.raises(NotFoundError):
        call.decode(gone)
    call.decode(gone, repeated=True)
    for gateway in (b"<html>Not Found</html>", b'{"title": "Not Found"}', b""):
        with pytest.raises(NotFoundError):
            call.decode(Response(404, {}, gateway), repeated=True)
    with pytest.raises(Exception, match="HTTP 403"):
        call.decode(Response(403, {}, b"{}"), repeated=True)


def test_a_call_that_is_read_on_keeps_all_that_it_was() -> None:
    def received() -> None:
        raise AssertionError

    call = Call(Request("GET", "/x"), lambda envelope: envelope.data, repeatable=True, missing_is_done=True, received=received)
    longer = call.then(str)
    assert longer.received is received
    assert longer.decode(Response(200, {}, b'{"data": 1}')) == "1"
    assert longer.decode(Response(404, {}, b'{"code": 404, "data": {}}'), repeated=True) == "None"
