"""The envelope with all its error shapes."""

import json
from typing import Any

import pytest

from bigcommerce_b2b_invoices import errors
from bigcommerce_b2b_invoices.wire.envelope import Envelope, open_envelope
from bigcommerce_b2b_invoices.wire.messages import Response


def response(body: Any, status: int = 200, **headers: str) -> Response:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, text)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"code": 200, "data": {"id": 1}, "meta": {"message": "SUCCESS"}}, Envelope({"id": 1})),
        ({"code": 200, "data": []}, Envelope([])),
        ({"data": {"errMsg": None}}, Envelope({"errMsg": None})),
        ({"code": "200", "data": 1}, Envelope(1)),
        ({"code": 0, "data": 1}, Envelope(1)),
        ({"code": 200.0, "data": 1, "meta": None}, Envelope(1)),
        ({"data": [], "meta": {"pagination": {"totalCount": 7, "limit": "250"}}}, Envelope([], 7, 250)),
        ({"data": [], "meta": {"pagination": {"totalCount": -7, "limit": None}}}, Envelope([], None, None)),
        ({"data": [], "meta": {"pagination": {"totalCount": "many", "limit": True}}}, Envelope([], None, None)),
        ({"data": [], "meta": {"pagination": []}}, Envelope([])),
    ],
)
def test_a_good_answer_is_opened(body: object, expected: Envelope) -> None:
    assert open_envelope(response(body)) == expected


def test_a_created_answer_is_good() -> None:
    assert open_envelope(response({"code": 201, "data": 1}, 201)) == Envelope(1)


ERRORS = [
    (200, {"code": 400, "data": {"errMsg": "Bad"}}, errors.BadRequestError, "Bad"),
    (200, {"code": 400, "meta": {"message": "Bad Requests Error", "errors": "Please enter a valid number; "}, "data": {"id": 33}},
     errors.BadRequestError, "Please enter a valid number;"),
    (200, {"code": 400, "data": {"errMsg": "The invoice number already exists."}, "meta": {"message": "Bad Requests Error"}},
     errors.InvoiceNumberTakenError, "The invoice number already exists."),
    (200, {"code": 404, "data": {"invoiceId": 36, "errMsg": "Order does not exist"}}, errors.NotFoundError, "Order does not exist"),
    (409, {"data": {"errMsg": "The invoice number already exists."}}, errors.InvoiceNumberTakenError, "The invoice number already exists."),
    (404, {"code": 404, "data": {"errMsg": "Invoice does not exist"}, "meta": {"message": "Not Found Error"}},
     errors.NotFoundError, "Invoice does not exist"),
    (400, {"code": 200, "data": {"id": 1}}, errors.BadRequestError, ""),
    (200, {"code": 200, "data": {"id": 1, "errMsg": "no"}}, errors.BadRequestError, "no"),
    (200, {"code": 429, "data": {}}, errors.RateLimitError, ""),
    (200, {"code": "500", "data": {}}, errors.ServerError, ""),
    (422, {"code": 422, "data": {"dueDate": ["must be a number", "is required"]}, "meta": {"message": "Validation"}},
     errors.UnprocessableError, "dueDate: must be a number"),
    (401, {"status": 401, "title": "Unauthorized", "detail": "no token", "errors": {}}, errors.AuthenticationError, "Unauthorized: no token"),
    (403, {"code": 403, "data": {"errMsg": "Invalid token"}}, errors.ForbiddenError, "Invalid token"),
    (405, {"title": "Method Not Allowed"}, errors.BadRequestError, "Method Not Allowed"),
    (409, {}, errors.ConflictError, ""),
    (413, b"", errors.PayloadTooLargeError, ""),
    (429, b"slow down", errors.RateLimitError, ""),
    (500, {"code": 200}, errors.ServerError, ""),
    (502, b"<html>Bad Gateway</html>", errors.ServerError, ""),
    (503, b"", errors.ServerError, ""),
    (400, [], errors.BadRequestError, ""),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "expected", "message"), ERRORS)
def test_an_error_answer_raises_the_class_of_the_worse_code(
    status: int, body: object, expected: type[errors.APIError], message: str
) -> None:
    with pytest.raises(errors.APIError) as raised:
        open_envelope(response(body, status), {"invoice number already exists": errors.InvoiceNumberTakenError})
    assert type(raised.value) is expected
    assert (raised.value.status, raised.value.message) == (status, message)
    assert raised.value.__context__ is None


def test_field_errors_are_kept_for_each_field() -> None:
    for body in (
        {"code": 422, "data": {"dueDate": ["a", "b"], "status": "c"}},
        {"title": "t", "errors": {"dueDate": ["a", "b"], "status": "c"}},
    ):
        with pytest.raises(errors.UnprocessableError) as raised:
            open_envelope(response(body, 422))
        assert raised.value.field_errors == {"dueDate": ("a", "b"), "status": ("c",)}


def test_an_error_names_the_request_for_bigcommerces_support() -> None:
    with pytest.raises(errors.RateLimitError, match=r"HTTP 429, request id r1") as raised:
        open_envelope(response({}, 429, x_request_id="r1", trace_id="t1", retry_after="3"))
    assert (raised.value.request_id, raised.value.trace_id, raised.value.retry_after) == ("r1", "t1", 3.0)


def test_a_servers_text_forges_no_line_of_a_log_and_holds_no_depths() -> None:
    deep: Any = "no"
    for _ in range(50):
        deep = [deep]
    body = {"data": {"errMsg": "a\r\nERROR b\x1b[31m\ud800", "due\nDate": ["x\ny", deep, 1]}}
    with pytest.raises(errors.UnprocessableError) as raised:
        open_envelope(response(body, 422, x_request_id="r\n1"))
    assert raised.value.message == r"a\r\nERROR b\x1b[31m\ud800"
    assert raised.value.field_errors == {r"due\nDate": (r"x\ny",)}
    assert raised.value.request_id == r"r\n1"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""), (200, b"<html>"), (200, b"[]"), (200, b"null"), (200, b'{"data": 1'), (200, b"[" * 100_000),
        (204, b""), (206, b'{"data": 1}'), (301, b""), (302, b'{"code": 200}'), (304, b""), (999, b""), (100, b""),
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_a_response_error(status: int, body: bytes) -> None:
    with pytest.raises(errors.ResponseError) as raised:
        open_envelope(response(body, status))
    assert raised.value.status == status
