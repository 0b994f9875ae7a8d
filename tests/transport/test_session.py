"""A session of the caller: what it can do works, what it cannot is told as the caller's, and what its code raises passes."""

import asyncio
import logging
import os
import pickle
import subprocess
import sys
import textwrap
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from conftest import TOKEN, Scripted
from faults.certificates import SELF_SIGNED, server_context, trusting
from faults.operations import DRAFT
from scripted_server import CLOSE, Bytes, ScriptedServer, answer, envelope, raw

from bigcommerce_b2b_invoices import (
    Attempt,
    B2BClient,
    ClientClosedError,
    ConfigurationError,
    ConnectFailedError,
    Invoice,
    RetryPolicy,
    ServerError,
)

GOOD = envelope({"id": 9})
NINE = Invoice(id=9)
NOTHING: dict[object, Any] = {}


def hook(point: str, error: BaseException) -> aiohttp.TraceConfig:
    """A trace hook that raises this."""
    config = aiohttp.TraceConfig()

    async def fail(*_: object) -> None:
        raise error

    getattr(config, point).append(fail)
    return config


def idle(client: B2BClient, session: aiohttp.ClientSession) -> bool:
    """Whether every lease and every connection was given back."""
    return not client.rate_limiter._held and not session.connector._acquired  # type: ignore[union-attr]


# what the caller's code raises

POINTS = [
    "on_request_start",
    "on_connection_create_start",
    "on_dns_resolvehost_start",
    "on_dns_resolvehost_end",
    "on_dns_cache_miss",
    "on_connection_create_end",
    "on_request_headers_sent",
    "on_request_chunk_sent",
    "on_request_end",
]
RAISED: list[Exception] = [
    KeyError("mine"),
    OSError(5, "mine"),
    TimeoutError("mine"),
    aiohttp.ClientOSError(5, "mine"),
    aiohttp.ServerDisconnectedError("mine"),
    ConnectFailedError("mine"),
    ServerError("mine", status=500),
]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_what_a_trace_hook_raises_passes_at_once_and_is_logged(
    scripted: Scripted, caplog: pytest.LogCaptureFixture, point: str, error: Exception
) -> None:
    reports: list[Attempt] = []
    error = type(error)(*error.args)  # without the traceback of another test
    async with aiohttp.ClientSession(trace_configs=[hook(point, error)]) as session:
        server, client = await scripted(GOOD, session=session, on_attempt=reports.append)
        client._transport.base_url = client._transport.base_url.with_host("localhost")  # a name, so that it is looked up
        with caplog.at_level(logging.ERROR), pytest.raises(type(error)) as raised:
            await client.invoices.create(DRAFT)
        is_idle = idle(client, session)

    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert raised.value is error
    assert raised.value.__context__ is None
    assert len(server.seen) <= 1, "no retry"
    assert [report.error for report in reports] == [error]
    assert is_idle
    assert "in fail\n" in caplog.text
    assert TOKEN not in shown + caplog.text


async def test_what_a_hook_raises_about_a_failure_passes_too(scripted: Scripted) -> None:
    error = KeyError("mine")
    async with aiohttp.ClientSession(trace_configs=[hook("on_request_exception", error)]) as session:
        server, client = await scripted(CLOSE, session=session)
        with pytest.raises(KeyError) as raised:
            await client.invoices.get(9)
        assert idle(client, session)
    assert raised.value is error
    assert len(server.seen) == 1


async def test_a_hook_of_a_kept_connection_and_the_context_of_a_hook_pass_too(scripted: Scripted) -> None:
    error = OSError("mine")

    def refuse(*, trace_request_ctx: object) -> Any:
        raise error

    async with aiohttp.ClientSession(trace_configs=[hook("on_connection_reuseconn", error)]) as session:
        server, client = await scripted(GOOD, session=session)
        await client.invoices.get(9)
        with pytest.raises(OSError, match="mine") as raised:
            await client.invoices.get(9)
        assert raised.value is error
        assert idle(client, session)
    config = aiohttp.TraceConfig(refuse)  # type: ignore[arg-type] # aiohttp calls it like a class
    async with aiohttp.ClientSession(trace_configs=[config]) as session:
        _, client = await scripted(GOOD, session=session)
        with pytest.raises(OSError, match="mine") as raised:
            await client.invoices.get(9)
        assert raised.value is error
    assert len(server.seen) == 1


async def test_a_failure_inside_the_handling_of_a_hooks_exception_is_still_the_networks(scripted: Scripted) -> None:
    failing = [True]
    config = aiohttp.TraceConfig()

    async def fail(*_: object) -> None:
        if failing.pop():
            raise KeyError("mine")
        failing.append(False)

    config.on_request_start.append(fail)
    async with aiohttp.ClientSession(trace_configs=[config]) as session:
        _, client = await scripted(CLOSE, session=session, retry=RetryPolicy(attempts=1))
        failing.insert(0, False)
        try:
            await client.invoices.get(9)
        except KeyError:
            with pytest.raises(Exception, match="the connection broke"):
                await client.invoices.get(9)


async def test_a_hook_that_raises_ends_a_walk_and_leaves_nothing_behind(scripted: Scripted) -> None:
    error = TimeoutError("mine")
    rows = [{"id": number} for number in range(1, 4)]
    async with aiohttp.ClientSession(trace_configs=[hook("on_request_end", error)]) as session:
        _, client = await scripted(envelope(rows, total=3, limit=250), session=session)
        with pytest.raises(TimeoutError) as raised:
            _ = [invoice async for invoice in client.invoices.iterate()]
        await asyncio.sleep(0)
        tasks = [task for task in asyncio.all_tasks() if "Walk" in repr(task) or "_attempt" in repr(task)]
        assert (raised.value, tasks, idle(client, session)) == (error, [], True)


class Broken(AbstractResolver):
    """A resolver with a bug."""

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return list(NOTHING[host])

    async def close(self) -> None:
        pass


class BrokenRequest(aiohttp.ClientRequest):
    """A request with a bug, before anything is sent."""

    async def send(self, conn: Any) -> Any:
        return NOTHING["send"]


class BrokenResponse(aiohttp.ClientResponse):
    """An answer with a bug, after everything was sent."""

    async def start(self, connection: Any) -> Any:
        await super().start(connection)
        return NOTHING["start"]


@pytest.mark.parametrize("kind", ["resolver", "request", "response", "jar"])
async def test_a_bug_in_another_part_of_the_session_passes_too(
    scripted: Scripted, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    class BrokenJar(aiohttp.DummyCookieJar):
        def filter_cookies(self, request_url: Any) -> Any:
            return NOTHING[request_url]

    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "resolver": lambda: {"connector": aiohttp.TCPConnector(resolver=Broken())},
        "request": lambda: {"request_class": BrokenRequest},
        "response": lambda: {"response_class": BrokenResponse},
        "jar": lambda: {"cookie_jar": BrokenJar()},
    }
    async with aiohttp.ClientSession(**parts[kind]()) as session:
        server, client = await scripted(GOOD, session=session)
        client._transport.base_url = client._transport.base_url.with_host("localhost")
        with pytest.raises(KeyError):
            await client.invoices.create(DRAFT)
        is_idle = idle(client, session)
    assert len(server.seen) == (kind == "response")
    assert is_idle
    assert "KeyError" in caplog.text


async def test_a_name_that_the_callers_resolver_does_not_know_is_no_connection(scripted: Scripted) -> None:
    class Unknown(Broken):
        async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
            raise OSError(None, "no such name")

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Unknown())) as session:
        _, client = await scripted(GOOD, session=session)
        client._transport.base_url = client._transport.base_url.with_host("localhost")
        with pytest.raises(ConnectFailedError, match=r"no such name.*4 attempts"):
            await client.invoices.get(9)


# what works


async def swallow(request: Any, handler: Any) -> Any:
    raise AssertionError


def refuse_json(_: object) -> str:
    raise AssertionError


async def refuse_status(_: object) -> None:
    raise AssertionError


SETTINGS: dict[str, dict[str, Any]] = {
    "raise_for_status": {"raise_for_status": True},
    "own raise_for_status": {"raise_for_status": refuse_status},
    "a tiny buffer": {"read_bufsize": 1},
    "no buffer": {"read_bufsize": 0},
    "tiny limits": {"max_line_size": 8, "max_field_size": 8, "max_headers": 1},
    "middlewares": {"middlewares": (swallow,)},
    "json_serialize": {"json_serialize": refuse_json},
    "cookies": {"cookies": {"a": "b"}},
    "base_url": {"base_url": "http://127.0.0.1:9/elsewhere/"},
    "HTTP/1.0": {"version": aiohttp.HttpVersion10},
    "own credentials": {"headers": {"x-auth-token": "other", "X-STORE-HASH": "other", "accept-encoding": "br"}},
    "skipped headers": {"skip_auto_headers": ["Content-Type", "User-Agent", "Accept", "Accept-Encoding", "Host"]},
    "a short time-out": {"timeout": aiohttp.ClientTimeout(total=1e-9)},
    "trust_env": {"trust_env": True},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
async def test_a_session_with_settings_of_its_own_reads_and_writes_as_ours(scripted: Scripted, settings: dict[str, Any]) -> None:
    async with aiohttp.ClientSession(**settings) as session:
        server, client = await scripted(envelope({"id": 9}), envelope({"id": 5}, code=201), raw(b"", 404), session=session)
        read, made = await client.invoices.get(9), await client.invoices.create(DRAFT)
        with pytest.raises(Exception, match="HTTP 404"):
            await client.invoices.get(8)
    assert (read, made, len(server.seen)) == (NINE, 5, 3)
    for seen in server.seen:
        assert (seen.headers["x-auth-token"], seen.headers["x-store-hash"]) == (TOKEN, "abc123")
        assert seen.headers["accept-encoding"] == "gzip, deflate"
    assert server.seen[1].headers["content-type"] == "application/json"
    assert b'"NEW"' in server.seen[1].body


async def test_a_proxy_of_the_session_and_one_of_the_environment_are_used(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, _ = await scripted(GOOD)
    async with aiohttp.ClientSession(proxy=f"http://user:secret@127.0.0.1:{proxy.port}") as session:
        server, client = await scripted(answer({}, 500), session=session)
        assert await client.invoices.get(9) == NINE
    monkeypatch.setenv("http_proxy", f"http://user:secret@127.0.0.1:{proxy.port}")
    async with aiohttp.ClientSession(trust_env=True) as session:
        _, client = await scripted(answer({}, 500), session=session)
        assert await client.invoices.get(9) == NINE
    assert (len(proxy.seen), server.seen) == (2, [])
    assert all(seen.headers["proxy-authorization"].startswith("Basic ") for seen in proxy.seen)


# what cannot work

UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "auto_decompress": ({"auto_decompress": False}, "auto_decompress=False"),
    "length": ({"headers": {"Content-Length": "1"}}, "Content-Length"),
    "encoding": ({"headers": {"content-encoding": "gzip"}}, "Content-Encoding"),
    "chunked": ({"headers": {"Transfer-Encoding": "chunked"}}, "Transfer-Encoding"),
    "range": ({"headers": {"Range": "bytes=0-1"}}, "Range"),
    "proxy": ({"proxy": "http://user:secret@[::1"}, "InvalidURL|proxy"),
    "two authorizations": ({"headers": {"Authorization": "Basic x"}, "trust_env": True}, "ValueError"),
}


@pytest.mark.parametrize("name", UNFIT)
async def test_a_session_that_cannot_work_is_a_configuration_error_on_first_use(
    scripted: Scripted, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    settings, reason = UNFIT[name]
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with aiohttp.ClientSession(**settings) as session:
        server, client = await scripted(GOOD, session=session)
        uses: list[Callable[[], Any]] = [lambda: client.invoices.get(9), lambda: client.invoices.create(DRAFT)]
        for use in uses:
            with pytest.raises(ConfigurationError, match=reason) as raised:
                await use()
            assert raised.value.attempts <= 1
            assert "session" in str(raised.value)
            assert "secret" not in str(raised.value) + repr(raised.value) + str(pickle.dumps(raised.value)) + caplog.text
        assert idle(client, session)
    assert server.seen == []


@contextmanager
def another_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        loop.close()


async def test_a_session_of_another_loop_is_a_client_closed_error_that_says_so(scripted: Scripted) -> None:
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    with another_loop() as loop:
        session = await asyncio.to_thread(loop.run_until_complete, make())
        server, client = await scripted(GOOD, session=session)
        with pytest.raises(ClientClosedError, match="session given to the client belongs to another event loop"):
            await client.invoices.get(9)
        await asyncio.to_thread(loop.run_until_complete, session.close())
    assert server.seen == []
    assert not client.rate_limiter._held


async def test_a_closed_connector_is_a_closed_session(scripted: Scripted) -> None:
    connector = aiohttp.TCPConnector()
    async with aiohttp.ClientSession(connector=connector, connector_owner=False) as session:
        _, client = await scripted(GOOD, session=session)
        await client.invoices.get(9)
        await connector.close()
        with pytest.raises(ClientClosedError, match="session given to the client is closed"):
            await client.invoices.get(9)


FORK = """
import asyncio, os, aiohttp
from bigcommerce_b2b_invoices import B2BClient, ClientClosedError

async def make():
    session = aiohttp.ClientSession()
    return session, B2BClient(store_hash="abc123", auth_token="t", session=session, base_url="http://127.0.0.1:9/")

async def use(client):
    try:
        await client.invoices.get(9)
    except ClientClosedError as error:
        print(error, flush=True)

with asyncio.Runner() as runner:
    session, client = runner.run(make())
    child = os.fork()
    if child == 0:
        asyncio.run(use(client))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    runner.run(session.close())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_session_from_before_a_fork_is_refused_even_if_it_was_never_used() -> None:
    environ = {**os.environ, "PYTHONWARNINGS": "ignore::DeprecationWarning"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORK)], env=environ, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stderr == ""
    assert "the session given to the client was made before this process was forked" in done.stdout


# proxies

SECRET = "hunter2"
CHALLENGE = raw(b"<html>Proxy Authentication Required</html>", 407, Proxy_Authenticate="Basic")


@asynccontextmanager
async def through(
    proxy: ScriptedServer, monkeypatch: pytest.MonkeyPatch, *, by_environment: bool = False
) -> AsyncIterator[aiohttp.ClientSession]:
    url = f"http://user:{SECRET}@127.0.0.1:{proxy.port}"
    if by_environment:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, url)
    settings: dict[str, Any] = {"trust_env": True} if by_environment else {"proxy": url}
    async with aiohttp.ClientSession(**settings) as session:
        yield session


@pytest.mark.parametrize("by_environment", [False, True], ids=["session", "environment"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_asks_for_a_password_is_named_without_it(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, scheme: str, *, by_environment: bool
) -> None:
    async with ScriptedServer([CHALLENGE]) as proxy, through(proxy, monkeypatch, by_environment=by_environment) as session:
        _, client = await scripted(GOOD, session=session, base_url=f"{scheme}://127.0.0.1:9/api")
        uses: list[Callable[[], Any]] = [lambda: client.invoices.get(9), lambda: client.invoices.create(DRAFT)]
        for use in uses:
            with pytest.raises(ConnectFailedError) as raised:
                await use()
            error = raised.value
            assert f"127.0.0.1:{proxy.port}" in str(error)
            assert "407" in str(error)
            assert error.is_permanent
            assert error.attempts == 1
            shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
            for text in (str(error), repr(error), str(pickle.dumps(error)), shown):
                assert SECRET not in text
                assert TOKEN not in text
        assert [seen.method for seen in proxy.seen] == (["CONNECT"] * 2 if scheme == "https" else ["GET", "POST"])
        assert idle(client, session)


@pytest.mark.parametrize(("status", "attempts"), [(403, 1), (429, 4), (502, 4), (503, 4)])
async def test_what_else_a_proxy_answers_to_connect_is_the_proxys(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, status: int, attempts: int
) -> None:
    async with ScriptedServer([raw(b"", status, then="close")]) as proxy, through(proxy, monkeypatch) as session:
        _, client = await scripted(GOOD, session=session, base_url="https://127.0.0.1:9/api")
        with pytest.raises(ConnectFailedError, match=f"the proxy 127.0.0.1:{proxy.port} answered HTTP {status}") as raised:
            await client.invoices.get(9)
    assert raised.value.attempts == len(proxy.seen) == attempts


async def test_a_proxy_that_is_not_there_or_hangs_up_is_named(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer([Bytes(b"", then="close")]) as proxy, through(proxy, monkeypatch) as session:
        _, client = await scripted(GOOD, session=session, base_url="https://127.0.0.1:9/api")
        with pytest.raises(ConnectFailedError, match=f"proxy 127.0.0.1:{proxy.port}"):
            await client.invoices.create(DRAFT)
    async with through(proxy, monkeypatch) as session:
        for scheme in ("http", "https"):
            _, client = await scripted(GOOD, session=session, base_url=f"{scheme}://127.0.0.1:9/api")
            with pytest.raises(ConnectFailedError, match=f"proxy 127.0.0.1:{proxy.port}") as raised:
                await client.invoices.get(9)
            assert SECRET not in str(raised.value)


async def test_a_407_without_a_proxy_or_from_inside_a_tunnel_is_the_apis(scripted: Scripted) -> None:
    _, client = await scripted(CHALLENGE)
    with pytest.raises(Exception, match="HTTP 407") as raised:
        await client.invoices.get(9)
    assert not isinstance(raised.value, ConnectFailedError)

    async with ScriptedServer([CHALLENGE], ssl=server_context(SELF_SIGNED)) as server:
        tunnel = await asyncio.start_server(lambda reader, writer: relay(reader, writer, server.port), "127.0.0.1", 0)
        port = tunnel.sockets[0].getsockname()[1]
        connector = aiohttp.TCPConnector(ssl=trusting(SELF_SIGNED))
        async with tunnel, aiohttp.ClientSession(connector=connector, proxy=f"http://127.0.0.1:{port}") as session:
            _, client = await scripted(GOOD, session=session, base_url=server.base_url)
            with pytest.raises(Exception, match="HTTP 407") as raised:
                await client.invoices.get(9)
            assert not isinstance(raised.value, ConnectFailedError)
            assert len(server.seen) == 1


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """A proxy that lets everything through."""
    await reader.readuntil(b"\r\n\r\n")
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(65_536):
            sink.write(piece)
        sink.close()

    await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer), return_exceptions=True)
