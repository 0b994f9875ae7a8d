"""The error tree: each class is reached over HTTP, holds facts and no secret, and survives pickling."""

import copyreg
import pickle
import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from conftest import TOKEN, Scripted
from scripted_server import CLOSE, Reply, Stall, answer, envelope, raw

from bigcommerce_b2b_invoices import B2BClient, InvoiceDraft, InvoiceQuery, Money, RateLimiter, RetryPolicy, Timeout, errors
from bigcommerce_b2b_invoices.transport.credentials import Secret

TEN = Money("USD", Decimal(10))
DRAFT = InvoiceDraft(invoice_number="N-1", customer_id="3", original_balance=TEN, open_balance=TEN)
Use = Callable[[B2BClient], Awaitable[object]]


def get(client: B2BClient) -> Awaitable[object]:
    return client.invoices.get(9)


def create(client: B2BClient) -> Awaitable[object]:
    return client.invoices.create(DRAFT)


async def walk(client: B2BClient) -> object:
    return [invoice async for invoice in client.invoices.iterate(InvoiceQuery(customer_id=3), page_size=2)]


def edit(client: B2BClient) -> Awaitable[object]:
    return client.invoices.update_details(9, lambda details: details)


def get_of_company(client: B2BClient) -> Awaitable[object]:
    return client.company(3).get(9)


def download(client: B2BClient) -> Awaitable[object]:
    return client.invoices.download_pdf(9, "never.pdf")


async def use_after_close(client: B2BClient) -> object:
    await client.aclose()
    return await client.invoices.get(9)


async def twice(client: B2BClient) -> object:
    await client.invoices.get(9)
    return await client.invoices.get(9)


def page_of(customer: str, total: int) -> Reply:
    return envelope([{"id": 1, "customerId": customer}, {"id": 2, "customerId": customer}], total=total, limit=2)


TAKEN = answer({"code": 400, "data": {"errMsg": "The invoice number already exists."}})
SLOW = {"timeout": Timeout(read=0.05)}
ONE_LEASE = {"rate_limiter": RateLimiter(1, 60.0, max_wait=0.01)}
REACHED: list[tuple[type[errors.B2BError], Use, list[Reply], dict[str, Any]]] = [
    (errors.RequestTimeoutError, get, [Stall()], SLOW),
    (errors.ResponseError, get, [raw(b"<html>")], {}),
    (errors.BadRequestError, get, [raw(b"{}", 400)], {}),
    (errors.InvoiceNumberTakenError, create, [TAKEN], {}),
    (errors.AuthenticationError, get, [raw(b"{}", 401)], {}),
    (errors.ForbiddenError, get, [raw(b"{}", 403)], {}),
    (errors.NotFoundError, get, [raw(b"{}", 404)], {}),
    (errors.ConflictError, get, [raw(b"{}", 409)], {}),
    (errors.PayloadTooLargeError, get, [raw(b"{}", 413)], {}),
    (errors.UnprocessableError, get, [raw(b"{}", 422)], {}),
    (errors.RateLimitError, get, [raw(b"{}", 429)], {}),
    (errors.ServerError, get, [raw(b"{}", 503)], {}),
    (errors.DecodeError, get, [envelope({"id": "x"})], {}),
    (errors.OutcomeUnknownError, create, [CLOSE], {}),
    (errors.IncompleteWalkError, walk, [envelope([{"id": 1, "customerId": "3", "createdAt": 1}], total=9, limit=1)], {}),
    (errors.OffsetIgnoredError, walk, [page_of("3", 9)], {}),
    (errors.FilterIgnoredError, walk, [page_of("4", 2)], {}),
    (errors.EditConflictError, edit, [envelope({"id": 9, "status": 0}), envelope({"id": 9, "status": 1})], {}),
    (errors.ForeignInvoiceError, get_of_company, [envelope({"id": 9, "customerId": "4"})], {}),
    (errors.DownloadError, download, [envelope({"url": None})], {}),
    (errors.UnsafeURLError, download, [envelope({"url": "http://example.com/x.pdf?X-Amz-Signature=x"})], {}),
    (errors.RateLimitWaitError, twice, [envelope({"id": 9})], ONE_LEASE),
    (errors.ClientClosedError, use_after_close, [envelope({"id": 9})], {}),
]


@pytest.mark.parametrize(("expected", "use", "replies", "settings"), REACHED)
async def test_each_error_is_reached_over_http_and_shows_no_secret(
    scripted: Scripted, expected: type[errors.B2BError], use: Use, replies: list[Reply], settings: dict[str, Any]
) -> None:
    _, client = await scripted(*replies, **{"retry": RetryPolicy(attempts=2, base_delay=0.0), **settings})
    with pytest.raises(errors.B2BError) as raised:
        await use(client)
    error = raised.value
    assert type(error) is expected
    assert error.__context__ is None
    assert error.__cause__ is None
    frames = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert str(again) == str(error)
    for shown in (str(error), repr(error), frames, repr(vars(again))):
        assert TOKEN not in shown


def test_a_secret_is_masked_and_stays_in_this_process() -> None:
    secret = Secret("token")
    assert (str(secret), repr(secret), f"{[secret]}") == ("token", "'***'", "['***']")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(secret, protocol)
    assert Secret not in copyreg.dispatch_table


def test_every_class_of_the_tree_is_reached() -> None:
    tree = {cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.B2BError)}
    kinds = {errors.B2BError, errors.TransportError, errors.APIError}  # never raised themselves
    elsewhere = {errors.ConfigurationError, errors.ConnectFailedError}  # where nothing answers: test_client, test_transport
    assert tree - kinds - elsewhere == {expected for expected, *_ in REACHED}


def test_an_error_without_a_request_is_just_its_message() -> None:
    assert str(errors.ConfigurationError("no")) == "no"
    assert str(errors.ServerError(status=502)) == "ServerError (HTTP 502)"
