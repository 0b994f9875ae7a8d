"""The transport over real HTTP: retry, limits, sessions, loops, and what is never sent anywhere else."""

import asyncio
import gzip
import json
import logging
import traceback
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from conftest import TOKEN, Scripted
from scripted_server import CLOSE, RESET, Bytes, Reply, ScriptedServer, Stall, answer, envelope, raw

from bigcommerce_b2b_invoices import (
    Attempt,
    B2BClient,
    B2BError,
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    ConnectFailedError,
    DecodeError,
    Invoice,
    InvoiceChanges,
    InvoiceDraft,
    InvoiceQuery,
    Money,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    RequestTimeoutError,
    ResponseError,
    RetryPolicy,
    ServerError,
    Timeout,
)
from bigcommerce_b2b_invoices.transport import transport
from bigcommerce_b2b_invoices.wire.call import Call
from bigcommerce_b2b_invoices.wire.envelope import Envelope
from bigcommerce_b2b_invoices.wire.messages import Request

GOOD = envelope({"id": 9})
TEN = Money("USD", Decimal(10))
DRAFT = InvoiceDraft(invoice_number="N-1", customer_id="3", original_balance=TEN, open_balance=TEN)
UNAVAILABLE = raw(b"<html>Bad Gateway</html>", 502)


async def test_a_request_carries_the_credentials_and_nothing_it_need_not(scripted: Scripted) -> None:
    server, client = await scripted(GOOD)
    assert await client.invoices.get(9) == Invoice(id=9)
    [seen] = server.seen
    assert (seen.method, seen.target) == ("GET", "/api/v3/io/ip/invoices/9")
    assert seen.headers["x-auth-token"] == TOKEN
    assert seen.headers["x-store-hash"] == "abc123"
    assert set(seen.headers) == {"host", "x-auth-token", "x-store-hash", "accept", "accept-encoding", "user-agent"}


async def test_query_values_are_percent_encoded(scripted: Scripted) -> None:
    server, client = await scripted(envelope([], total=0, limit=250))
    await client.invoices.page(InvoiceQuery(q="a&b=ü+%", external_ids=["1", "2"]))
    target = server.seen[0].target
    assert target == "/api/v3/io/ip/invoices?q=a%26b%3D%C3%BC%2B%25&externalId%5B%5D=1&externalId%5B%5D=2&offset=0&limit=250"


@pytest.mark.parametrize("fault", [CLOSE, RESET, UNAVAILABLE, raw(b"{", 200), raw(b"x", length=9, then="close"), raw(b"", 500)])
async def test_a_read_is_tried_again_and_each_sending_is_one_sending(scripted: Scripted, fault: Reply) -> None:
    server, client = await scripted(GOOD, fault, fault, GOOD)
    await client.invoices.get(9)
    await client.invoices.get(9)
    assert len(server.seen) == 4


@pytest.mark.parametrize("fault", [CLOSE, RESET])
async def test_aiohttps_hidden_second_sending_is_off(scripted: Scripted, fault: Reply) -> None:
    server, client = await scripted(fault, retry=RetryPolicy(attempts=1))
    with pytest.raises(ResponseError, match="the connection broke"):
        await client.invoices.get(9)
    with pytest.raises(OutcomeUnknownError):
        await client.invoices.delete(9)
    with pytest.raises(OutcomeUnknownError):
        await client.invoices.update(9, InvoiceChanges(type="x"))
    assert [seen.method for seen in server.seen] == ["GET", "DELETE", "PUT", "GET"]  # the last one looks for the update


async def test_a_reused_connection_that_the_server_closed_meanwhile_is_one_failed_attempt(scripted: Scripted) -> None:
    server, client = await scripted(GOOD, CLOSE, GOOD)
    await client.invoices.get(9)
    await client.invoices.get(9)
    assert len(server.seen) == 3


@pytest.mark.parametrize("fault", [CLOSE, RESET, UNAVAILABLE, raw(b"<html>"), envelope({}), raw(b"", 302, Location="/x")])
async def test_a_write_whose_fate_is_unknown_is_never_sent_again_blindly(scripted: Scripted, fault: Reply) -> None:
    server, client = await scripted(fault)
    with pytest.raises(OutcomeUnknownError, match="POST /invoices: it may or may not have happened") as raised:
        await client.invoices.create(DRAFT)
    assert [seen.method for seen in server.seen].count("POST") == 1  # it is looked for, but that fails, too
    assert raised.value.invoice_number == "N-1"
    assert isinstance(raised.value.reason, B2BError)
    assert raised.value.__context__ is None


async def test_a_write_that_is_refused_for_now_is_sent_again(scripted: Scripted) -> None:
    server, client = await scripted(raw(b"", 429, Retry_After="0"), GOOD)
    assert await client.invoices.create(DRAFT) == 9
    assert len(server.seen) == 2
    assert server.seen[0].body == server.seen[1].body != b""


async def test_a_repeated_delete_that_finds_nothing_succeeded(scripted: Scripted) -> None:
    gone = answer({"code": 404, "data": {"errMsg": "Invoice does not exist"}}, 404)
    _, client = await scripted(CLOSE, gone)
    await client.invoices.delete(9)
    _, client = await scripted(raw(b"", 429), gone)  # refused is not lost: nobody else's delete is taken for ours
    with pytest.raises(NotFoundError):
        await client.invoices.delete(9)


async def test_server_errors_before_any_other_answer_are_retried_once_and_hint_at_the_store_hash(scripted: Scripted) -> None:
    server, client = await scripted(UNAVAILABLE)
    with pytest.raises(ServerError, match=r"wrong store hash .* \(HTTP 502, 2 attempts\)"):
        await client.invoices.get(9)
    assert len(server.seen) == 2
    with pytest.raises(OutcomeUnknownError, match="wrong store hash"):
        await client.invoices.update(9, InvoiceChanges(type="x"))
    server.script(raw(b"", 404), UNAVAILABLE)  # the store is known, though the invoice is not
    with pytest.raises(NotFoundError):
        await client.invoices.get(9)
    with pytest.raises(ServerError, match=r"ServerError \(HTTP 502, 4 attempts\)"):
        await client.invoices.get(9)


async def test_an_invoice_that_is_not_the_one_asked_for_is_not_edited_nor_taken_for_updated(scripted: Scripted) -> None:
    server, client = await scripted(envelope({"id": 10, "type": "x"}))
    with pytest.raises(DecodeError, match="expected invoice 9"):
        await client.invoices.update_details(9, lambda details: details)
    server.script(CLOSE, envelope({"id": 10, "type": "x"}))
    with pytest.raises(OutcomeUnknownError, match="expected invoice 9"):
        await client.invoices.update(9, InvoiceChanges(type="x"))


@pytest.mark.parametrize("answered", [{}, None, {"error": "boom"}, {"success": False}])
async def test_an_answer_without_an_id_is_no_yes_to_an_update(scripted: Scripted, answered: object) -> None:
    _, client = await scripted(envelope(answered), envelope({"id": 9, "type": "old"}))
    with pytest.raises(OutcomeUnknownError):
        await client.invoices.update(9, InvoiceChanges(type="x"))
    _, client = await scripted(envelope(answered), envelope({"id": 9, "type": "x"}))
    await client.invoices.update(9, InvoiceChanges(type="x"))  # it is seen to have happened


async def test_an_echoed_token_is_in_no_text_no_traceback_and_not_cut_in_half(scripted: Scripted) -> None:
    for place in ("", "x" * 280):
        echo = {"code": 401, "data": {"errMsg": f"{place}{TOKEN}", "field": [TOKEN]}}
        _, client = await scripted(answer(echo, 401, X_Request_Id=f"{place}{TOKEN}"))
        for call in (client.invoices.get(9), client.invoices.create(DRAFT), client.invoices.delete(9)):
            with pytest.raises(B2BError) as raised:
                await call
            frames = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
            ours = [frame for frame in frames.stack if "bigcommerce_b2b_invoices" in frame.filename]
            shown = f"{raised.value} {vars(raised.value)} {[frame.locals for frame in ours]}"
            assert TOKEN[:6] not in shown
            assert len(raised.value.message) <= 300


async def test_an_auth_token_function_that_fails_is_a_configuration_error(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    async def no_token() -> str:
        raise KeyError("vault")

    server, client = await scripted(GOOD, auth_token=no_token)
    with pytest.raises(ConfigurationError, match="auth_token function raised KeyError"):
        await client.invoices.get(9)
    assert "vault" in caplog.text
    assert server.seen == []


async def test_the_last_error_says_how_often_it_was_tried(scripted: Scripted) -> None:
    server, client = await scripted(GOOD, UNAVAILABLE)
    await client.invoices.get(9)
    server.seen.clear()
    with pytest.raises(ServerError, match=r"GET /invoices/9: ServerError \(HTTP 502, 4 attempts\)") as raised:
        await client.invoices.get(9)
    assert (raised.value.method, raised.value.path, raised.value.attempts, len(server.seen)) == ("GET", "/invoices/9", 4, 4)


async def test_the_hint_of_a_429_holds_back_every_call_to_the_store(scripted: Scripted) -> None:
    server, client = await scripted(raw(b"", 429, X_Request_Window_Resets_After="0.2 s"), GOOD)
    loop = asyncio.get_running_loop()
    started = loop.time()
    first = asyncio.create_task(client.invoices.get(9))
    while not server.seen:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    await asyncio.gather(first, client.invoices.get(9))
    assert loop.time() - started >= 0.2
    assert len(server.seen) == 3


async def test_the_servers_count_and_every_429_reach_the_limiter(scripted: Scripted) -> None:
    told = answer({"code": 200, "data": {"id": 9}}, X_Requests_Remaining="7 times", X_Request_Window_Resets_After="40 s")
    _, client = await scripted(told, raw(b"", 429, Retry_After="50"))
    await client.invoices.get(9)
    assert client.rate_limiter.snapshot().remaining == 7
    async with asyncio.timeout(10):
        call = asyncio.create_task(client.invoices.get(9))
        while (client.rate_limiter.snapshot().seconds_to_reset or 0) < 49:
            await asyncio.sleep(0.005)
    call.cancel()


async def test_a_429_that_is_not_tried_again_closes_the_gate_too(scripted: Scripted) -> None:
    body = b'{"code": 429, "data": {}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nRetry-After: 20\r\nRetry-After: 30\r\n\r\n" % len(body)
    _, client = await scripted(Bytes(head + body), retry=RetryPolicy(attempts=1))
    with pytest.raises(RateLimitError) as raised:
        await client.invoices.get(9)
    assert raised.value.retry_after == 30.0  # the longer of two
    assert (client.rate_limiter.snapshot().seconds_to_reset or 0) > 29


async def test_a_hint_of_hours_is_an_error_at_once(scripted: Scripted) -> None:
    server, client = await scripted(raw(b"", 429, Retry_After="3600"))
    with pytest.raises(RateLimitError) as raised:
        await client.invoices.get(9)
    assert (raised.value.retry_after, len(server.seen)) == (3600.0, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(scripted: Scripted, status: int) -> None:
    elsewhere, _ = await scripted(GOOD)
    server, client = await scripted(raw(b"", status, Location=f"http://localhost:{elsewhere.port}/api/v3/io/ip/invoices/9"))
    with pytest.raises(ResponseError, match="redirect"):
        await client.invoices.get(9)
    assert (len(server.seen), elsewhere.seen) == (1, [])


async def test_an_answer_that_does_not_come_times_out(scripted: Scripted) -> None:
    for timeout in (Timeout(read=0.05), Timeout(total=0.05)):
        for stall in (Stall(), Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")):
            _, client = await scripted(stall, timeout=timeout, retry=RetryPolicy(attempts=1))
            with pytest.raises(RequestTimeoutError, match="no answer in time"):
                await client.invoices.get(9)


async def test_the_callers_own_time_out_ends_everything_at_once(scripted: Scripted) -> None:
    _, client = await scripted(UNAVAILABLE, retry=RetryPolicy(base_delay=60.0, max_delay=60.0))
    client._transport.random = lambda: 1.0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.invoices.get(9)


async def test_no_connection_is_said_to_be_no_connection() -> None:
    async with ScriptedServer([GOOD]) as server:
        closed = server.base_url
    async with B2BClient(store_hash="abc123", auth_token=TOKEN, base_url=closed, retry=RetryPolicy(2, 0.0)) as client:
        with pytest.raises(ConnectFailedError, match="no connection: ") as raised:
            await client.invoices.create(DRAFT)
    assert raised.value.attempts == 2


async def test_gzip_is_asked_for_and_read(scripted: Scripted) -> None:
    body = gzip.compress(b'{"code": 200, "data": {"id": 9}}')
    server, client = await scripted(raw(body, Content_Encoding="gzip"))
    assert (await client.invoices.get(9)).id == 9
    assert server.seen[0].headers["accept-encoding"] == "gzip, deflate"


async def test_a_body_beyond_the_cap_is_refused_before_it_fills_the_memory(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_BODY", 2**20)
    bomb = gzip.compress(b" " * 2**22)
    for reply in (raw(bomb, Content_Encoding="gzip"), raw(b" " * 2**21), raw(b"", length=2**21)):
        _, client = await scripted(reply, retry=RetryPolicy(attempts=1))
        with pytest.raises(ResponseError, match="larger than 1 MiB"):
            await client.invoices.get(9)


@pytest.mark.parametrize(
    "reply",
    [
        raw(b"garbage", Content_Encoding="gzip"),
        raw(b"x", Transfer_Encoding="chunked"),
        raw(b"{}", 999),
        raw(b"\xff\xfe", Content_Type="application/json; charset=rot13"),
        Stall(b"SMTP ready\r\n\r\n"),
        Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    ],
)
async def test_malformed_http_is_a_response_error_and_never_a_bad_request(scripted: Scripted, reply: Reply) -> None:
    _, client = await scripted(reply, retry=RetryPolicy(attempts=1), timeout=Timeout(read=2))
    with pytest.raises(ResponseError):
        await client.invoices.get(9)


async def test_a_token_that_the_server_echoes_does_not_come_back(scripted: Scripted) -> None:
    body = {"code": 400, "data": {"errMsg": "bad token a/b", "a/b": ["a/b"]}}
    escaped = raw(json.dumps(body).replace("/", "\\/").encode(), 400, X_Request_Id="a/b", Trace_Id="a/b")
    _, client = await scripted(escaped, auth_token="a/b")
    with pytest.raises(BadRequestError, match=r"bad token \*\*\*") as raised:
        await client.invoices.get(9)
    assert "a/b" not in repr(vars(raised.value))


async def test_a_good_answer_is_left_as_it_is(scripted: Scripted) -> None:
    _, client = await scripted(envelope({"id": 9, "invoiceNumber": "data-1"}), auth_token="data")
    assert (await client.invoices.get(9)).invoice_number == "data-1"


async def test_a_cookie_of_the_server_is_not_sent_back(scripted: Scripted) -> None:
    body = b'{"data": {"id": 9}}'
    server, client = await scripted(raw(body, Set_Cookie="csrftoken=1"))
    client._transport.base_url = client._transport.base_url.with_host("localhost")  # aiohttp keeps no cookies of an address
    await client.invoices.get(9)
    await client.invoices.get(9)
    assert "cookie" not in server.seen[1].headers


async def test_an_injected_session_is_used_and_left_open(scripted: Scripted) -> None:
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        server, client = await scripted(raw(b"", 404), session=session)
        with pytest.raises(NotFoundError):
            await client.invoices.get(9)
        await client.aclose()
        assert not session.closed
        assert "x-auth-token" not in session.headers
        assert server.seen
        with pytest.raises(ClientClosedError):
            await client.invoices.get(9)


async def test_a_closed_session_or_client_is_a_client_closed_error(scripted: Scripted) -> None:
    session = aiohttp.ClientSession()
    server, client = await scripted(GOOD, session=session)
    await session.close()
    with pytest.raises(ClientClosedError, match="session"):
        await client.invoices.get(9)
    _, other = await scripted(GOOD)
    await other.aclose()
    await other.aclose()
    with pytest.raises(ClientClosedError, match="the client is closed"):
        await other.invoices.get(9)
    assert server.seen == []


async def test_closing_during_a_request_ends_a_read_and_leaves_a_write_unknown(scripted: Scripted) -> None:
    uses: list[tuple[Callable[[B2BClient], Coroutine[Any, Any, object]], type[B2BError]]] = [
        (lambda client: client.invoices.get(9), ClientClosedError),
        (lambda client: client.invoices.create(DRAFT), OutcomeUnknownError),
        (lambda client: client.invoices.delete(9), OutcomeUnknownError),
    ]
    for use, expected in uses:
        server, client = await scripted(Stall())
        request = asyncio.create_task(use(client))
        while not server.seen:
            await asyncio.sleep(0.005)
        await client.aclose()
        with pytest.raises(expected):
            await request


async def test_a_delete_that_was_lost_once_is_not_said_to_be_unsent(scripted: Scripted) -> None:
    server, client = await scripted(CLOSE, raw(b"{}", 403))
    with pytest.raises(OutcomeUnknownError, match="ForbiddenError"):
        await client.invoices.delete(9)
    assert len(server.seen) == 2


async def test_proxies_of_the_environment_never_see_a_token(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, _ = await scripted(GOOD)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    server, client = await scripted(GOOD)
    await client.invoices.get(9)
    assert (len(server.seen), proxy.seen) == (1, [])


async def test_another_event_loop_is_a_client_closed_error(scripted: Scripted) -> None:
    _, client = await scripted(GOOD)
    await client.invoices.get(9)

    def elsewhere() -> None:
        with pytest.raises(ClientClosedError, match="another event loop"):
            asyncio.run(client.invoices.get(9))

    await asyncio.to_thread(elsewhere)


def test_making_a_client_needs_no_event_loop_and_opens_nothing() -> None:
    assert B2BClient(store_hash="abc123", auth_token=TOKEN)._transport.state.own_session is None


async def test_the_token_may_come_from_a_function_asked_for_every_attempt(scripted: Scripted) -> None:
    tokens = iter(["first", "second", "line\nbreak"])

    async def fresh() -> str:
        return next(tokens)

    server, client = await scripted(UNAVAILABLE, GOOD, auth_token=fresh)
    await client.invoices.get(9)
    assert [seen.headers["x-auth-token"] for seen in server.seen] == ["first", "second"]
    with pytest.raises(ConfigurationError, match="auth_token"):
        await client.invoices.get(9)


async def test_attempts_are_reported_to_the_observer_and_the_log(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[Attempt] = []
    _, client = await scripted(UNAVAILABLE, GOOD, on_attempt=attempts.append)
    with caplog.at_level(logging.DEBUG, "bigcommerce_b2b_invoices"):
        await client.invoices.get(9)
    assert [(a.method, a.path, a.attempt, a.status, type(a.error)) for a in attempts] == [
        ("GET", "/invoices/9", 1, 502, ServerError),
        ("GET", "/invoices/9", 2, 200, type(None)),
    ]
    assert all(0 <= attempt.seconds < 5 for attempt in attempts)
    assert "GET /invoices/9: ServerError in" in caplog.text
    assert TOKEN not in caplog.text


async def test_an_observer_that_fails_decides_nothing(scripted: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_attempt: Attempt) -> None:
        raise KeyError("observer")

    _, client = await scripted(GOOD, on_attempt=fail)
    assert (await client.invoices.get(9)).id == 9
    assert "on_attempt failed" in caplog.text


async def test_every_sending_takes_a_lease_and_gives_it_back(scripted: Scripted) -> None:
    _, client = await scripted(UNAVAILABLE, GOOD)
    await client.invoices.get(9)
    limiter = client.rate_limiter
    assert (limiter._held, len(limiter._cooling)) == (0, 2)


async def test_cancelling_a_call_leaves_no_task_no_connection_and_no_lease(scripted: Scripted) -> None:
    server, client = await scripted(Stall())
    before = asyncio.all_tasks()
    request = asyncio.create_task(client.invoices.get(9))
    while not server.seen:
        await asyncio.sleep(0.005)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    while server.open_connections:
        await asyncio.sleep(0.005)
    assert client.rate_limiter._held == 0
    assert [task for task in asyncio.all_tasks() - before if "ScriptedServer" not in repr(task)] == []


async def test_large_answers_are_decoded_in_turns_of_their_own(scripted: Scripted) -> None:
    _, client = await scripted(raw(b'{"data": 1}' + b" " * transport.LARGE_BODY))
    turn, decoded = 0, list[int]()

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def read(_envelope: Envelope) -> None:
        decoded.append(turn)

    counting = asyncio.create_task(count())
    call = Call(Request("GET", "/invoices"), read, repeatable=True)
    await asyncio.gather(*(client._transport.send(call) for _ in range(8)))
    counting.cancel()
    assert len(set(decoded)) == 8
