"""Faults that a test orders: which request meets them, what the client sees, and what the store did."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import closing
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from conftest import connect

from bigcommerce_b2b_invoices import B2BClient, ForbiddenError, InvoiceDraft, Money, OutcomeUnknownError, RetryPolicy, ServerError
from bigcommerce_b2b_invoices.sandbox import Sandbox

Answer = tuple[int | None, bytes]  # status and body; no status if the connection was closed without an answer


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[B2BClient]:
    async with connect(sandbox, retry=RetryPolicy(attempts=2, base_delay=0.001)) as connected:
        yield connected


async def send(sandbox: Sandbox, method: str, path: str) -> Answer:
    """One request with the right credentials. aiohttp's client would send some of them again, unseen."""

    def sent() -> Answer:
        url = urlsplit(sandbox.base_url)
        with closing(HTTPConnection(url.netloc)) as connection:
            headers = {"X-Auth-Token": sandbox.auth_token, "X-Store-Hash": sandbox.store_hash}
            connection.request(method, url.path + path, headers=headers)
            try:
                response = connection.getresponse()
            except RemoteDisconnected:
                return None, b""
            try:
                return response.status, response.read()
            except IncompleteRead:
                return response.status, b"(cut)"

    return await asyncio.to_thread(sent)


FAULTS: list[tuple[dict[str, Any], int | None, bool]] = [  # the fault, the status that the client sees, whether it took effect
    ({"status": 503}, 503, False),
    ({"body": {"a": 1}}, 200, False),
    ({"drop": "before"}, None, False),
    ({"drop": "before", "status": 502}, 502, False),
    ({"drop": "after"}, None, True),
    ({"drop": "after", "status": 502}, 502, True),
    ({"drop": "midway"}, 200, True),
    ({"drop": "midway", "status": 502}, 502, True),
    ({"drop": "midway", "body": ""}, None, True),
    ({"delay": 0.05}, 200, True),
    ({"delay": 0.05, "status": 500}, 500, False),
    ({"headers": {"X-Odd": "1"}}, 200, True),
]


@pytest.mark.parametrize(("fault", "status", "took_effect"), FAULTS, ids=str)
async def test_a_fault_takes_effect_or_not_and_shows_what_it_says(
    sandbox: Sandbox, fault: dict[str, Any], status: int | None, took_effect: bool
) -> None:
    invoice_id = sandbox.invoice_ids[0]
    sandbox.fail(**fault)

    began = time.perf_counter()
    seen, body = await send(sandbox, "DELETE", f"/invoices/{invoice_id}")

    assert seen == status
    assert (body == b"(cut)") == (fault.get("drop") == "midway" and status is not None)
    assert (sandbox.invoice(invoice_id) is None) == took_effect
    assert sandbox.requests[-1].status == status
    assert time.perf_counter() - began >= fault.get("delay", 0)
    assert (await send(sandbox, "GET", "/invoices"))[0] == 200, "the fault was for one request"


async def test_a_request_meets_the_first_fault_that_matches_it_as_often_as_it_was_ordered(sandbox: Sandbox) -> None:
    first, second, *_ = sandbox.invoice_ids
    sandbox.fail(2, status=500, path="/invoices/{invoiceId}", method="get")
    sandbox.fail(status=501, path=f"/invoices/{first}")
    sandbox.fail(status=504, path="/invoices/*/download-pdf")
    sandbox.fail(status=502, path="/api/v3/io/ip/invoices", method="GET")

    paths = [
        f"/invoices/{first}",
        f"/invoices/{second}",
        f"/invoices/{first}",
        f"/invoices/{first}",
        f"/invoices/{first}/download-pdf",
    ]
    answers = [await send(sandbox, "GET", path) for path in [*paths, "/invoices/extra-fields", "/invoices", "/invoices"]]

    assert [status for status, _ in answers] == [500, 500, 501, 200, 504, 200, 502, 200]


async def test_a_made_up_answer_is_sent_as_it_is(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    sandbox.fail(status=502, body="<html>Bad Gateway</html>", headers={"Content-Type": "text/html", "Retry-After": "3"})
    sandbox.fail(body=b"\xff\x00")
    sandbox.fail(body=[{"id": 1}])
    sandbox.fail(status=404)

    async with session.get(sandbox.base_url) as response:
        assert (response.status, response.content_type, response.headers["Retry-After"]) == (502, "text/html", "3")
        assert await response.text() == "<html>Bad Gateway</html>"
    assert await send(sandbox, "GET", "/invoices") == (200, b"\xff\x00")
    assert await send(sandbox, "GET", "/invoices") == (200, b'[{"id":1}]')
    status, body = await send(sandbox, "GET", "/invoices")
    assert (status, json.loads(body)["code"], json.loads(body)["data"]) == (404, 404, {"errMsg": "Not Found"})


async def test_a_fault_that_nobody_met_can_be_ended(sandbox: Sandbox) -> None:
    sandbox.fail(5, status=500)
    sandbox.clear()

    assert (await send(sandbox, "GET", "/invoices"))[0] == 200


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "what goes wrong"),
    ({"times": 0, "status": 500}, "times"),
    ({"times": True, "status": 500}, "times"),
    ({"status": 99}, "status"),
    ({"status": "500"}, "status"),
    ({"drop": "sideways"}, "drop"),
    ({"drop": []}, "drop"),
    ({"delay": -1}, "delay"),
    ({"delay": "1"}, "delay"),
    ({"delay": float("inf")}, "delay"),
    ({"body": float("nan")}, "JSON"),
    ({"status": 500, "method": "BREW"}, "method"),
    ({"status": 500, "method": 5}, "method"),
    ({"status": 500, "path": "invoices"}, "path"),
    ({"status": 500, "path": "/invoices?limit=1"}, "path"),
    ({"headers": "X-Odd: 1"}, "headers"),
    ({"headers": {"X Odd": "1"}}, "headers"),
    ({"headers": {"Content-Length": "1"}}, "headers"),
    ({"headers": {"X-Odd": "1\r\nX-Evil: 2"}}, "headers"),
    ({"headers": {"X-Odd": 1}}, "headers"),
    ({"headers": {"X-Odd": "1"}, "drop": "before"}, "headers"),
]


@pytest.mark.parametrize(("fault", "named"), WRONG, ids=str)
def test_a_wrong_value_is_a_value_error_that_names_it(fault: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Sandbox(invoices=0).fail(**fault)


def test_what_fail_does_not_know_is_a_type_error() -> None:
    sandbox = Sandbox(invoices=0)
    with pytest.raises(TypeError, match="colour"):
        sandbox.fail(colour="red")  # type: ignore[call-arg] # that is the point
    with pytest.raises(TypeError, match="set"):
        sandbox.fail(body={1})


async def test_the_client_tells_the_truth_about_each_lost_answer(sandbox: Sandbox, client: B2BClient) -> None:
    ten = Money(code="USD", value=10)
    outcomes = []
    for number, fault in enumerate([{"drop": "before"}, {"drop": "after"}, {"drop": "midway"}, {"drop": "after", "status": 502}]):
        sandbox.fail(method="POST", **fault)  # type: ignore[arg-type] # of the right types each
        draft = InvoiceDraft(invoice_number=f"N-{number}", customer_id="95068", original_balance=ten, open_balance=ten)
        made = await client.invoices.create(draft)
        outcomes.append(sandbox.invoice(made) is not None)
    numbers = [body["invoiceNumber"] for invoice_id in sandbox.invoice_ids if (body := sandbox.invoice(invoice_id))]

    assert outcomes == [True] * 4
    assert [numbers.count(f"N-{number}") for number in range(4)] == [1] * 4


async def test_the_client_reports_a_fault_that_stays(sandbox: Sandbox, client: B2BClient) -> None:
    sandbox.fail(100, status=503, headers={"Retry-After": "0"})
    with pytest.raises(ServerError):
        await client.invoices.count()
    sandbox.clear()
    sandbox.fail(100, status=403)
    with pytest.raises(ForbiddenError):
        await client.invoices.count()
    sandbox.clear()
    sandbox.fail(100, drop="before")
    with pytest.raises(OutcomeUnknownError):
        await client.invoices.delete(sandbox.invoice_ids[0])
    assert len(sandbox.invoice_ids) == 240


async def test_a_client_that_gives_up_during_a_delay_harms_nobody(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    for drop in (None, "midway", "after"):
        sandbox.fail(delay=0.1, drop=drop)
        with pytest.raises(TimeoutError):
            await session.get(sandbox.base_url, timeout=aiohttp.ClientTimeout(total=0.03))
    await asyncio.sleep(0.15)

    assert (await send(sandbox, "GET", "/invoices"))[0] == 200
