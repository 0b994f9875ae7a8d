"""What observers learn, over real HTTP, that they cannot break a call, and clients made by `with_options`."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import attrs
import pytest
from conftest import TOKEN, Scripted, connect
from scripted_server import RESET, Stall, answer, envelope, raw

from bigcommerce_b2b_invoices import (
    Attempt,
    B2BClient,
    B2BError,
    ClientClosedError,
    ConfigurationError,
    ConnectFailedError,
    InvoiceChanges,
    InvoiceDraft,
    InvoiceNumberTakenError,
    InvoiceQuery,
    Money,
    NotFoundError,
    Operation,
    OutcomeUnknownError,
    RateLimiter,
    RateLimitError,
    RateLimitWaitError,
    RequestTimeoutError,
    ResponseError,
    RetryPolicy,
    Sending,
    ServerError,
    Timeout,
    Wait,
)
from bigcommerce_b2b_invoices.sandbox import Sandbox

GOOD = envelope({"id": 9})
UNAVAILABLE = raw(b"<html>Bad Gateway</html>", 502)
TEN = Money("USD", Decimal(10))
DRAFT = InvoiceDraft(invoice_number="N-1", customer_id="3", original_balance=TEN, open_balance=TEN)
NO_RETRY = RetryPolicy(attempts=1)
ENDPOINTS = {
    ("invoices.get", "GET", "/invoices/{invoiceId}"),
    ("invoices.page", "GET", "/invoices"),
    ("invoices.create", "POST", "/invoices"),
    ("invoices.update", "PUT", "/invoices/{invoiceId}"),
    ("invoices.delete", "DELETE", "/invoices/{invoiceId}"),
    ("invoices.create_from_order", "POST", "/orders/{orderId}/invoices"),
    ("invoices.pdf_links", "GET", "/invoices/{invoiceId}/download-pdf"),
    ("extra_fields.page", "GET", "/invoices/extra-fields"),
}


class Watcher:
    """An instrument that notes what happens, and does something at each place."""

    def __init__(self, **do: Callable[[Any], None]) -> None:
        self.do = do
        self.events: list[str] = []
        self.operations: list[Operation] = []
        self.sendings: list[Sending] = []

    @contextmanager
    def _around(self, name: str, value: Operation | Sending) -> Iterator[None]:
        self._at(f"{name}_enter", value)
        try:
            yield
        finally:
            self._at(f"{name}_exit", value)

    def _at(self, place: str, value: Operation | Sending) -> None:
        self.events.append(place)
        self.do.get(place, lambda _value: None)(value)

    def operation(self, operation: Operation) -> Any:
        self.operations.append(operation)
        return self._around("operation", operation)

    def attempt(self, sending: Sending) -> Any:
        self.sendings.append(sending)
        return self._around("attempt", sending)


def fail(_value: object) -> None:
    raise KeyError("observer")


# What observers learn


async def test_an_attempt_tells_every_field(scripted: Scripted) -> None:
    attempts: list[Attempt] = []
    limited, body = raw(b'{"code":429}', 429, X_Request_Id="r-1", Retry_After="1"), b'{"data":{"id":5}}'
    server, client = await scripted(limited, raw(body, X_Request_Id="r-2"), on_attempt=attempts.append)
    began = time.monotonic()
    await client.invoices.update(5, InvoiceChanges(external_id="e"))
    elapsed = time.monotonic() - began
    first, second = attempts

    shared: dict[str, Any] = {
        "operation": "invoices.update", "method": "PUT", "route": "/invoices/{invoiceId}", "path": "/invoices/5",
        "sent": len(server.seen[0].body),
    }  # fmt: skip
    assert first == Attempt(
        **shared, attempt=1, status=429, waited=first.waited, seconds=first.seconds, received=12, request_id="r-1",
        error=first.error, retry_in=first.retry_in,
    )  # fmt: skip
    assert second == Attempt(
        **shared, attempt=2, status=200, waited=second.waited, seconds=second.seconds, received=len(body), request_id="r-2",
        error=None, retry_in=None,
    )  # fmt: skip
    assert isinstance(first.error, RateLimitError)
    assert shared["sent"] == len(b'{"externalId":"e"}')
    assert first.waited < 0.5
    assert second.waited >= 1
    assert first.seconds > 0 < second.seconds
    assert sum(attempt.waited + attempt.seconds for attempt in attempts) < elapsed + 0.01


async def test_an_attempt_tells_how_long_until_the_next_one(scripted: Scripted) -> None:
    attempts: list[Attempt] = []
    slept: list[float] = []
    _, client = await scripted(UNAVAILABLE, GOOD, on_attempt=attempts.append)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    client._transport.sleep = sleep
    await client.invoices.get(9)

    assert [attempt.retry_in for attempt in attempts] == [*slept, None]
    assert slept != []
    assert [(attempt.attempt, attempt.status, attempt.request_id) for attempt in attempts] == [(1, 502, None), (2, 200, None)]


async def test_every_endpoint_has_an_operation_a_route_and_a_path_that_fits_it(sandbox: Sandbox) -> None:
    attempts: list[Attempt] = []
    watcher = Watcher()
    async with connect(sandbox, on_attempt=attempts.append, instrument=watcher) as client:
        invoices, known = client.invoices, sandbox.invoice_ids[0]
        await invoices.get(known)
        await invoices.page(limit=1)
        [_ async for _ in invoices.iterate(InvoiceQuery())]
        await invoices.count()
        new = await invoices.create(DRAFT)
        await invoices.update(new, InvoiceChanges(external_id="e"))
        await invoices.delete(new)
        await invoices.create_from_order(sandbox.order_ids[0])
        await invoices.pdf_links(known)
        await client.extra_fields.page()

    assert {(attempt.operation, attempt.method, attempt.route) for attempt in attempts} == ENDPOINTS
    assert {(operation.name, operation.method, operation.route) for operation in watcher.operations} == ENDPOINTS
    for attempt in attempts:
        assert re.fullmatch(re.sub(r"\{\w+\}", r"\\d+", attempt.route), attempt.path)


async def test_an_attempt_tells_how_long_it_waited_for_the_quota(scripted: Scripted) -> None:
    attempts: list[Attempt] = []
    _, client = await scripted(GOOD, on_attempt=attempts.append, rate_limiter=RateLimiter(1, 0.3))
    began = time.monotonic()
    await client.invoices.get(9)
    await client.invoices.get(9)
    elapsed = time.monotonic() - began

    assert attempts[0].waited < 0.1
    assert attempts[1].waited > 0.28
    assert sum(attempt.waited + attempt.seconds for attempt in attempts) < elapsed + 0.01


async def test_a_wait_that_ends_an_attempt_is_told_too(scripted: Scripted) -> None:
    attempts: list[Attempt] = []
    _, client = await scripted(GOOD, on_attempt=attempts.append, rate_limiter=RateLimiter(1, 60))
    await client.invoices.get(9)
    began = time.monotonic()
    waiting = asyncio.create_task(client.invoices.get(9))
    await asyncio.sleep(0.15)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    elapsed = time.monotonic() - began

    cancelled = attempts[-1]
    assert isinstance(cancelled.error, asyncio.CancelledError)
    assert (cancelled.status, cancelled.seconds, cancelled.retry_in) == (None, 0.0, None)
    assert 0.1 < cancelled.waited < elapsed + 0.01


async def test_a_cancelled_attempt_does_not_look_like_a_success(scripted: Scripted) -> None:
    attempts: list[Attempt] = []
    watcher = Watcher()
    server, client = await scripted(Stall(), on_attempt=attempts.append, instrument=watcher)
    request = asyncio.create_task(client.invoices.get(9))
    while not server.seen:
        await asyncio.sleep(0.005)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    [attempt], [sending] = attempts, watcher.sendings
    assert isinstance(attempt.error, asyncio.CancelledError)
    assert (attempt.status, attempt.received, attempt.retry_in) == (None, 0, None)
    assert attempt.seconds > 0
    assert isinstance(sending.error, asyncio.CancelledError)
    assert watcher.events == ["operation_enter", "attempt_enter", "attempt_exit", "operation_exit"]


async def test_an_exception_of_the_session_is_told_as_it_is(scripted: Scripted) -> None:
    attempts: list[Attempt] = []
    watcher = Watcher()
    own = LookupError("the hook's own")

    async def hook(*_: object) -> None:
        raise own

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(hook)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        _, client = await scripted(GOOD, session=session, on_attempt=attempts.append, instrument=watcher)
        with pytest.raises(LookupError):
            await client.invoices.get(9)

    assert [(attempt.error, attempt.retry_in) for attempt in attempts] == [(own, None)]
    assert [sending.error for sending in watcher.sendings] == [own]


@pytest.mark.parametrize("status", [200, 502])
async def test_no_observer_gets_a_token_that_the_server_repeats(scripted: Scripted, status: int) -> None:
    attempts: list[Attempt] = []
    watcher = Watcher()
    echo = raw(b'{"data": {"id": 9}}', status, X_Request_Id=f"{TOKEN}-1" + "x" * 2000)
    _, client = await scripted(echo, on_attempt=attempts.append, instrument=watcher, retry=NO_RETRY)
    if status == 200:
        await client.invoices.get(9)
    else:
        with pytest.raises(ServerError):
            await client.invoices.get(9)

    [attempt], [sending] = attempts, watcher.sendings
    assert attempt.request_id == sending.request_id
    assert attempt.request_id is not None
    assert attempt.request_id.endswith("xxx")
    assert len(attempt.request_id) <= 300
    assert TOKEN not in repr((attempt, attempt.error, sending))


async def test_an_instrument_is_told_about_calls_attempts_and_their_ends(scripted: Scripted) -> None:
    ends: list[Sending] = []
    watcher = Watcher(attempt_exit=lambda sending: ends.append(attrs.evolve(sending)))
    server, client = await scripted(UNAVAILABLE, answer({"data": []}, X_Request_Id="r"), instrument=watcher)
    await client.invoices.page(InvoiceQuery(customer_name="Pemberton"), limit=7)

    operation = Operation(name="invoices.page", method="GET", route="/invoices", store_hash="abc123", bulk=False)
    assert watcher.operations == [operation]
    assert watcher.events == ["operation_enter", *["attempt_enter", "attempt_exit"] * 2, "operation_exit"]
    first, second = ends
    assert (first.operation, first.attempt, first.status, type(first.error)) == (operation, 1, 502, ServerError)
    assert (second.attempt, second.status, second.request_id, second.received, second.error) == (2, 200, "r", 12, None)
    assert first.url == second.url == server.base_url + server.seen[0].target.removeprefix("/api/v3/io/ip")
    assert "customerName=Pemberton" in first.url


async def test_calls_of_walks_are_bulk(sandbox: Sandbox) -> None:
    watcher = Watcher()
    async with connect(sandbox, instrument=watcher) as client:
        [_ async for _ in client.invoices.iterate()]
        await client.invoices.get(sandbox.invoice_ids[0])

    assert {operation.bulk for operation in watcher.operations[:-1]} == {True}
    assert not watcher.operations[-1].bulk


# Observers that fail


async def test_a_callback_that_raises_is_logged_once_and_ignored(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    _, client = await scripted(UNAVAILABLE, GOOD, on_attempt=fail, on_wait=fail)
    await client.invoices.get(9)
    await client.with_options(retry=NO_RETRY).invoices.get(9)

    texts = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert texts == [
        "on_attempt failed; further failures are not logged",
        "on_wait failed; further failures are not logged",
    ]


async def test_a_callback_may_stop_the_program(scripted: Scripted) -> None:
    def stop(_value: object) -> None:
        raise SystemExit(3)

    _, client = await scripted(UNAVAILABLE, GOOD, on_attempt=stop)
    with pytest.raises(SystemExit):
        await client.invoices.get(9)

    waits = client.with_options(on_attempt=None, on_wait=stop)
    client._transport.rate_limiter.pause(5)
    with pytest.raises(SystemExit):
        await waits.invoices.get(9)
    assert client.rate_limiter.snapshot().waiting == 0
    assert client.rate_limiter._held == 0


@pytest.mark.parametrize("place", ["operation_enter", "operation_exit", "attempt_enter", "attempt_exit"])
async def test_an_instrument_that_raises_is_logged_once_and_ignored(
    scripted: Scripted, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = Watcher(**{place: fail})
    server, client = await scripted(UNAVAILABLE, GOOD, instrument=watcher)
    assert (await client.invoices.get(9)).id == 9
    assert (await client.invoices.get(9)).id == 9

    assert len(server.seen) == 3
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "instrument failed; further failures are not logged"
    ]
    assert client.rate_limiter._held == 0


@pytest.mark.parametrize("place", ["operation_exit", "attempt_exit"])
async def test_an_instrument_that_raises_does_not_replace_the_error_of_the_call(scripted: Scripted, place: str) -> None:
    _, client = await scripted(answer({"code": 404}, 404), instrument=Watcher(**{place: fail}))
    with pytest.raises(NotFoundError):
        await client.invoices.get(9)


async def test_an_instrument_that_returns_no_context_is_ignored(scripted: Scripted) -> None:
    class Careless:
        def operation(self, _operation: Operation) -> Any:
            return None

        attempt = operation

    _, client = await scripted(GOOD, instrument=Careless())
    assert (await client.invoices.get(9)).id == 9


async def test_an_instrument_cannot_swallow_an_exception(scripted: Scripted) -> None:
    class Swallower:
        def operation(self, _value: object) -> "Swallower":
            return self

        attempt = operation

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> bool:
            return True

    _, client = await scripted(answer({"code": 404}, 404), Stall(), instrument=Swallower())
    with pytest.raises(NotFoundError):
        await client.invoices.get(9)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.invoices.get(9)


@pytest.mark.parametrize("method", ["get", "create"])
async def test_an_instrument_adds_headers_and_replaces_none(scripted: Scripted, method: str) -> None:
    own = {"X-Auth-Token": "evil", "x-auth-token": "evil", "x-store-hash": "evil", "ACCEPT": "evil", "accept-encoding": "br",
           "user-agent": "evil", "Host": "evil.example", "content-length": "3", "Transfer-Encoding": "chunked", "Expect": "100-continue",
           "content-encoding": "gzip", "content-type": "text/evil", "Connection": "close", "range": "bytes=0-0"}  # fmt: skip

    def add(sending: Sending) -> None:
        sending.headers |= {"traceparent": "00-1-2-01", **own}

    server, client = await scripted(GOOD, instrument=Watcher(attempt_enter=add))
    _, plain = await scripted(GOOD, base_url=server.base_url)
    for each in (plain, client):
        await (each.invoices.get(9) if method == "get" else each.invoices.create(DRAFT))

    without, added = [seen.headers for seen in server.seen if method == "get" or seen.method == "POST"]
    assert added == {**without, "traceparent": "00-1-2-01"}


@pytest.mark.parametrize(
    "headers",
    [
        {"bad name": "x"},
        {"line": "x\r\nX-Auth-Token: evil"},
        {"number": 3},
        {3: "x"},
        {"": "x"},
        {"surrogate": "\udc80"},
        None,
        [("a", "b")],
    ],
)
async def test_headers_that_cannot_be_sent_are_left_out_and_logged_once(
    scripted: Scripted, headers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def add(sending: Sending) -> None:
        sending.headers = headers

    server, client = await scripted(GOOD, instrument=Watcher(attempt_enter=add))
    await client.invoices.get(9)
    await client.invoices.get(9)

    assert [len(seen.headers) for seen in server.seen] == [6, 6]
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


@pytest.mark.parametrize("setting", ["on_attempt", "on_wait", "instrument"])
def test_an_observer_that_cannot_be_called_is_refused_at_once(setting: str) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        B2BClient(store_hash="abc123", auth_token="x", **{setting: "print"})  # type: ignore[arg-type]


# Waits


async def test_a_wait_for_the_quota_is_told_when_it_begins(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bigcommerce_b2b_invoices")
    waits: list[Wait] = []
    limiter = RateLimiter(1, 0.3)
    _, client = await scripted(GOOD, on_wait=waits.append, rate_limiter=limiter)
    lease = await limiter.acquire()
    first, second = (asyncio.create_task(client.invoices.get(9)) for _ in range(2))
    await asyncio.sleep(0.05)
    told = list(waits)
    limiter.release(lease)
    await asyncio.gather(first, second)

    assert [(wait.reason, wait.waiting, wait.operation) for wait in told] == [
        ("quota", 1, "invoices.get"),
        ("quota", 2, "invoices.get"),
    ]
    assert [wait.seconds for wait in told] == [0.3, 0.6]
    assert caplog.records == []  # each was expected to be shorter than 1 s


async def test_a_wait_after_a_refusal_is_told(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bigcommerce_b2b_invoices")
    waits: list[Wait] = []
    attempts: list[Attempt] = []
    refused = answer({"code": 429}, 429, Retry_After="1")
    _, client = await scripted(refused, GOOD, on_wait=waits.append, on_attempt=attempts.append)
    await client.invoices.get(9)

    [wait] = waits
    assert (wait.reason, wait.waiting, wait.operation) == ("refused", 1, "invoices.get")
    assert 1.0 <= wait.seconds < 1.5
    assert isinstance(attempts[0].error, RateLimitError)
    assert attempts[0].retry_in == pytest.approx(wait.seconds, abs=0.3)
    assert attempts[1].waited >= wait.seconds - 0.01
    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == ("INFO", f"invoices.get waits {wait.seconds:.1f} s (refused; 1 calls wait)")


async def test_a_wait_before_another_attempt_is_told(scripted: Scripted) -> None:
    waits: list[Wait] = []
    attempts: list[Attempt] = []
    _, client = await scripted(UNAVAILABLE, GOOD, on_wait=waits.append, on_attempt=attempts.append)
    await client.invoices.get(9)

    assert [(wait.reason, wait.waiting, wait.operation) for wait in waits] == [("retry", 1, "invoices.get")]
    assert waits[0].seconds == attempts[0].retry_in


@pytest.mark.parametrize("seconds", [0.0, 0.99, 1.0, 2.5])
async def test_only_a_wait_of_a_second_or_longer_is_logged(
    scripted: Scripted, caplog: pytest.LogCaptureFixture, seconds: float
) -> None:
    caplog.set_level(logging.INFO, "bigcommerce_b2b_invoices")
    waits: list[Wait] = []
    _, client = await scripted(UNAVAILABLE, GOOD, on_wait=waits.append, retry=RetryPolicy(base_delay=2.5))

    async def no_sleep(_seconds: float) -> None:
        return

    client._transport.sleep, client._transport.random = no_sleep, lambda: seconds / 2.5
    await client.invoices.get(9)

    assert [wait.seconds for wait in waits] == [pytest.approx(seconds)]
    texts = [f"invoices.get waits {seconds:.1f} s (retry; 1 calls wait)"] if seconds >= 1 else []
    assert [record.getMessage() for record in caplog.records] == texts


# with_options


async def test_a_derived_client_shares_session_and_quota(scripted: Scripted) -> None:
    server, client = await scripted(GOOD)
    derived = client.with_options(max_wait=2)
    await client.invoices.get(9)
    await derived.invoices.get(9)

    assert server.connections == 1
    assert derived.rate_limiter is client.rate_limiter
    assert client.rate_limiter.snapshot().used == 2
    assert (derived.store_hash, type(derived)) == (client.store_hash, B2BClient)


async def test_a_session_that_a_derived_client_opens_is_the_parents(scripted: Scripted) -> None:
    server, client = await scripted(GOOD)
    async with client.with_options(timeout=Timeout(read=1)) as derived:
        await derived.invoices.get(9)
    await derived.invoices.get(9)
    await client.invoices.get(9)

    assert server.connections == 1
    await client.aclose()
    while server.open_connections:
        await asyncio.sleep(0.005)


async def test_a_derived_client_ends_with_its_parent(scripted: Scripted) -> None:
    _, client = await scripted(GOOD)
    derived = client.with_options().with_options(max_wait=1)
    await derived.invoices.get(9)
    await client.aclose()

    with pytest.raises(ClientClosedError):
        await derived.invoices.get(9)
    with pytest.raises(ClientClosedError):
        await client.with_options().invoices.get(9)


async def test_options_that_are_not_named_stay_and_the_parent_keeps_its_own(scripted: Scripted) -> None:
    told: list[str] = []
    retry, timeout, watcher = RetryPolicy(attempts=2, base_delay=0.001), Timeout(total=7), Watcher()
    _, client = await scripted(
        UNAVAILABLE, retry=retry, timeout=timeout, instrument=watcher,
        on_attempt=lambda _: told.append("attempt"), on_wait=lambda _: told.append("wait"),
    )  # fmt: skip
    derived = client.with_options(retry=NO_RETRY).with_options(on_wait=lambda _: told.append("derived"))
    with pytest.raises(ServerError):
        await derived.invoices.get(9)
    assert told == ["attempt"]
    assert len(watcher.operations) == 1

    with pytest.raises(ServerError):
        await client.invoices.get(9)
    assert told == ["attempt", "attempt", "wait", "attempt"]

    with pytest.raises(ServerError):
        await derived.with_options(retry=retry, on_attempt=None).invoices.get(9)
    assert told[4:] == ["derived"]
    assert derived._transport.timeout is timeout


async def test_a_derived_client_has_its_own_timeout(scripted: Scripted) -> None:
    _, client = await scripted(Stall(), retry=NO_RETRY)
    with pytest.raises(RequestTimeoutError):
        await client.with_options(timeout=Timeout(read=0.05)).invoices.get(9)


async def test_the_longest_wait_may_be_longer_shorter_or_unlimited(scripted: Scripted) -> None:
    _, client = await scripted(GOOD, rate_limiter=RateLimiter(1, 0.4, max_wait=0.1))
    await client.invoices.get(9)
    for impatient in (
        client,
        client.with_options(retry=NO_RETRY),
        client.with_options(max_wait=0),
        client.with_options(max_wait=0.05),
    ):
        with pytest.raises(RateLimitWaitError) as caught:
            await impatient.invoices.get(9)
        assert caught.value.retry_after == 1

    await client.with_options(max_wait=2).invoices.get(9)
    await client.with_options(max_wait=None).invoices.get(9)
    await client.with_options(max_wait=None).with_options(on_wait=None).invoices.get(9)


async def test_a_client_that_waits_for_nothing_still_sends_if_it_can(scripted: Scripted) -> None:
    _, client = await scripted(GOOD)
    impatient = client.with_options(max_wait=0)
    for _ in range(3):
        assert (await impatient.invoices.get(9)).id == 9


@pytest.mark.parametrize(
    "options",
    [{"timeout": 3}, {"timeout": None}, {"retry": 3}, {"retry": None}, {"max_wait": -1}, {"max_wait": float("nan")}, {"max_wait": "2"},
     {"max_wait": True}, {"max_wait": Decimal(2)}, {"on_attempt": "print"}, {"on_wait": 3}],
)  # fmt: skip
async def test_wrong_options_are_refused_at_once(client: B2BClient, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        client.with_options(**options)


async def test_a_derived_client_of_a_subclass_has_what_its_parent_has(scripted: Scripted) -> None:
    class Ours(B2BClient):
        def __init__(self, tenant: str, **settings: Any) -> None:
            super().__init__(**settings)
            self.tenant = tenant

    client = Ours("north", store_hash="abc123", auth_token="x")
    derived = client.with_options(max_wait=1)

    assert (type(derived), derived.tenant) == (Ours, "north")
    assert derived.invoices is not client.invoices


async def test_a_client_and_its_derived_client_never_make_two_invoices_of_one_number() -> None:
    async with Sandbox(invoices=0, latency=0.02) as sandbox, connect(sandbox) as client:
        clients = [client, client.with_options(max_wait=5), client.with_options().with_options(retry=NO_RETRY)]
        results = await asyncio.gather(*(each.invoices.create(DRAFT) for each in clients * 2), return_exceptions=True)

        made = [result for result in results if isinstance(result, int)]
        assert len(made) == 1
        assert len(sandbox.invoice_ids) == 1
        assert {type(result) for result in results} == {int, InvoiceNumberTakenError}


# Waits that are too long


async def test_of_a_burst_some_get_their_answer_and_the_others_learn_when_to_come_back() -> None:
    window = 5.0
    async with Sandbox(invoices=1, latency=0.1, quota=150, quota_window=window) as sandbox:
        [known] = sandbox.invoice_ids
        limiter = RateLimiter(150, window)
        async with asyncio.timeout(25), connect(sandbox, rate_limiter=limiter) as parent:
            client = parent.with_options(max_wait=2)
            loop = asyncio.get_running_loop()

            async def get() -> tuple[float, RateLimitWaitError | None]:
                began = loop.time()
                try:
                    assert (await client.invoices.get(known)).id == known
                except RateLimitWaitError as error:
                    return loop.time() - began, error
                return loop.time() - began, None

            async def come_back(seconds: float) -> tuple[float, RateLimitWaitError | None]:
                await asyncio.sleep(seconds)
                return await get()

            first = await asyncio.gather(*(get() for _ in range(200)))
            refused = [error for _, error in first if error is not None]
            assert 1 <= len(refused) <= 50
            assert max(seconds for seconds, error in first if error is not None) < window
            assert all(1 <= error.retry_after <= 6 for error in refused)
            again = await asyncio.gather(*(come_back(error.retry_after) for error in refused))

            assert [error for _, error in again if error is not None] == []
            assert {seen.status for seen in sandbox.requests} == {200}
            assert limiter.snapshot().waiting == 0


async def test_a_call_that_comes_back_in_time_is_answered_even_if_it_does_not_wait(scripted: Scripted) -> None:
    _, client = await scripted(GOOD, rate_limiter=RateLimiter(2, 1.5))
    await asyncio.gather(client.invoices.get(9), client.invoices.get(9))
    impatient = client.with_options(max_wait=0)
    caught: list[RateLimitWaitError] = []
    for _ in range(2):
        with pytest.raises(RateLimitWaitError) as refusal:
            await impatient.invoices.get(9)
        caught.append(refusal.value)
    waits = {error.retry_after for error in caught}

    assert waits == {2}
    await asyncio.sleep(2)
    await impatient.invoices.get(9)
    await impatient.invoices.get(9)


async def test_a_refused_call_is_told_about_every_call_that_waits_before_it(scripted: Scripted) -> None:
    server, client = await scripted(GOOD, rate_limiter=RateLimiter(2, 1.0))
    impatient = client.with_options(max_wait=0.4)
    await asyncio.gather(client.invoices.get(9), client.invoices.get(9))
    before = [asyncio.create_task(client.invoices.get(9)) for _ in range(4)]  # the next two windows are theirs
    await asyncio.sleep(0)
    refused = asyncio.create_task(impatient.invoices.get(9))
    await asyncio.sleep(0)
    assert refused.done()  # it cannot succeed, so it does not wait
    with pytest.raises(RateLimitWaitError) as refusal:
        await refused

    assert 3 <= refusal.value.retry_after <= 4
    await asyncio.sleep(refusal.value.retry_after)
    await impatient.invoices.get(9)
    assert all(task.done() for task in before)
    assert len(server.seen) == 7


async def test_a_refused_call_is_told_about_requests_that_are_still_under_way(sandbox: Sandbox) -> None:
    sandbox.fail(delay=0.4)
    async with connect(sandbox, rate_limiter=RateLimiter(1, 1.0)) as client:
        known = sandbox.invoice_ids[0]
        impatient = client.with_options(max_wait=0)
        under_way = asyncio.create_task(client.invoices.get(known))
        await asyncio.sleep(0.01)
        with pytest.raises(RateLimitWaitError) as refusal:
            await impatient.invoices.get(known)
        await asyncio.sleep(refusal.value.retry_after)
        await impatient.invoices.get(known)
        await under_way


async def test_a_refused_walk_is_told_how_long_the_reserve_keeps_it_waiting(sandbox: Sandbox) -> None:
    async with connect(sandbox, rate_limiter=RateLimiter(10, 1.6, reserve=9)) as client:
        impatient = client.with_options(max_wait=0.1, retry=NO_RETRY)
        [_ async for _ in client.invoices.get_many(sandbox.invoice_ids[:1])]
        [refused] = [outcome async for outcome in impatient.invoices.get_many(sandbox.invoice_ids[:1])]

        assert isinstance(refused.error, RateLimitWaitError)
        assert refused.error.retry_after == 2
        await asyncio.sleep(2)
        [outcome] = [outcome async for outcome in impatient.invoices.get_many(sandbox.invoice_ids[:1])]
        assert outcome.ok


async def test_a_refused_walk_is_told_when_the_servers_count_leaves_room_above_the_reserve(scripted: Scripted) -> None:
    few = answer({"data": {"id": 9}}, X_Rate_Limit_Requests_Left="3", X_Rate_Limit_Time_Reset_Ms="5000")
    _, client = await scripted(few, rate_limiter=RateLimiter(10, 60, reserve=4, max_wait=0.1))
    await client.invoices.get(9)
    [refused] = [outcome async for outcome in client.invoices.get_many([9])]

    assert isinstance(refused.error, RateLimitWaitError)
    assert refused.error.retry_after == 5
    await client.invoices.get(9)  # a single call may use the reserve


@pytest.mark.parametrize("max_wait", [0, 0.9])
async def test_that_the_first_answer_is_missing_fails_no_impatient_call(sandbox: Sandbox, max_wait: float) -> None:
    sandbox.fail(delay=20)
    attempts: list[Attempt] = []
    async with connect(sandbox, on_attempt=attempts.append) as client:
        known = sandbox.invoice_ids[0]
        first = asyncio.create_task(client.invoices.get(known))
        await asyncio.sleep(0.05)
        await client.with_options(max_wait=max_wait).invoices.get(known)

        [attempt] = attempts
        assert attempt.waited >= max_wait / 2
        assert not first.done()
        first.cancel()


# Errors as plain values


@pytest.mark.parametrize(
    ("reply", "kind", "status", "code", "request_id"),
    [
        (answer({"code": 404, "message": "no such"}, 404, X_Request_Id="r-9"), NotFoundError, 404, 404, "r-9"),
        (answer({"code": 404, "data": {}, "meta": {"message": "gone"}}), NotFoundError, 200, 404, None),
        (raw(f"bad {TOKEN}".encode(), 500, X_Request_Id=TOKEN), ServerError, 500, None, "***"),
        (raw(b"nonsense"), ResponseError, 200, None, None),
        (RESET, ResponseError, None, None, None),
        (Stall(), RequestTimeoutError, None, None, None),
    ],
)
async def test_an_error_is_told_as_plain_values(
    scripted: Scripted, reply: Any, kind: type[B2BError], status: int | None, code: int | None, request_id: str | None
) -> None:
    _, client = await scripted(reply, retry=NO_RETRY, timeout=Timeout(read=0.1))
    with pytest.raises(kind) as caught:
        await client.invoices.get(9)
    told = caught.value.to_dict()

    assert set(told) == {"type", "message", "status", "code", "request_id"}
    assert told["type"] == kind.__name__
    assert str(told["message"]).startswith("GET /invoices/9: ")
    assert (told["status"], told["code"]) == (status, code)
    assert request_id is None or str(told["request_id"]) == request_id
    assert TOKEN not in json.dumps(told)


async def test_errors_of_writes_connections_and_waits_are_told_as_plain_values(scripted: Scripted) -> None:
    _, client = await scripted(RESET, retry=NO_RETRY)
    with pytest.raises(OutcomeUnknownError) as unknown:
        await client.invoices.update(9, InvoiceChanges(external_id="e"))
    nobody = B2BClient(store_hash="abc123", auth_token=TOKEN, base_url="http://127.0.0.1:9/api", retry=NO_RETRY)
    with pytest.raises(ConnectFailedError) as unconnected:
        await nobody.invoices.get(9)
    await nobody.aclose()
    told = [
        error.to_dict() for error in (unknown.value, unconnected.value, RateLimitWaitError("later", retry_after=3), B2BError())
    ]

    assert [each["type"] for each in told] == ["OutcomeUnknownError", "ConnectFailedError", "RateLimitWaitError", "B2BError"]
    assert [each["status"] for each in told] == [None] * 4
    assert TOKEN not in json.dumps(told)
