"""The sandbox in this loop and in a thread of its own: nothing is left behind, and every thread may use it."""

import asyncio
import contextlib
import gc
import socket
import sys
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import pytest
from conftest import connect

from bigcommerce_b2b_invoices import B2BClient, ConfigurationError
from bigcommerce_b2b_invoices.sandbox import Sandbox, settings


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """No thread, and no socket for the garbage collector."""
    threads = threading.active_count()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert threading.active_count() == threads
    assert [str(warning.message) for warning in caught] == []


@contextlib.contextmanager
def quick_switches() -> Iterator[None]:
    """Threads take turns so often that each race is met."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def port_of(sandbox: Sandbox) -> int:
    return int(sandbox.base_url.split(":")[2].split("/")[0])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_synchronous_test_has_a_sandbox_in_a_thread() -> None:
    with nothing_left(), Sandbox(invoices=5) as sandbox:
        port = port_of(sandbox)
        counts = [asyncio.run(count(sandbox)) for _ in range(2)]

    assert counts == [5, 5]
    assert not is_open(port)
    assert [request.status for request in sandbox.requests] == [200, 200], "they can be read afterwards"


async def count(sandbox: Sandbox) -> int:
    async with connect(sandbox) as client:
        return await client.invoices.count()


async def test_an_asynchronous_test_may_use_a_sandbox_in_a_thread() -> None:
    with Sandbox(invoices=5) as sandbox:
        assert await count(sandbox) == 5


def test_a_request_that_is_stalled_ends_with_the_sandbox() -> None:
    with nothing_left(), ThreadPoolExecutor() as executor:
        with Sandbox(invoices=1) as sandbox:
            sandbox.fail(delay=100)
            waiting = executor.submit(urllib.request.urlopen, sandbox.base_url)
            while not sandbox.requests:
                pass
        with pytest.raises(ConnectionError):
            waiting.result(5)


def test_a_client_that_does_not_read_holds_nothing_up() -> None:
    with nothing_left(), socket.socket() as lazy, Sandbox(invoices=1) as sandbox:
        sandbox.fail(body="x" * 2**24)
        lazy.connect(("127.0.0.1", port_of(sandbox)))
        lazy.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while not sandbox.requests or sandbox.requests[0].status is None:
            pass


@pytest.mark.parametrize("turns", range(5))
def test_connections_that_are_made_at_the_last_moment_are_closed_too(turns: int) -> None:
    async def connect_until_refused(port: int, opened: list[socket.socket]) -> None:
        with contextlib.suppress(ConnectionError):
            while True:  # one more in each turn of the loop
                opened.append(socket.create_connection(("127.0.0.1", port)))
                await asyncio.sleep(0)

    async def stop_meanwhile(opened: list[socket.socket]) -> None:
        async with Sandbox(invoices=1) as sandbox:
            connecting = asyncio.create_task(connect_until_refused(port_of(sandbox), opened))
            for _ in range(turns):
                await asyncio.sleep(0)
        await connecting

    opened: list[socket.socket] = []
    with nothing_left():
        asyncio.run(stop_meanwhile(opened))
        for each in opened:
            each.close()


async def test_a_sandbox_in_this_loop_can_be_used_by_other_threads(sandbox: Sandbox) -> None:
    before = len(sandbox.invoice_ids)
    made = await asyncio.gather(*(asyncio.to_thread(sandbox.add, type=str(number)) for number in range(50)))

    assert len(set(made)) == 50
    assert len(sandbox.invoice_ids) == before + 50


def test_many_threads_and_requests_at_once_lose_nothing() -> None:
    async def create_and_read(sandbox: Sandbox) -> None:
        async with connect(sandbox) as client:
            for order_id in sandbox.order_ids[:100]:
                await client.invoices.create_from_order(order_id)

    def add(sandbox: Sandbox) -> None:
        for _ in range(200):
            sandbox.add()
            seen = sandbox.invoice_ids
            assert seen == tuple(sorted(seen))

    with quick_switches(), Sandbox(invoices=0) as sandbox, ThreadPoolExecutor() as executor:
        jobs = [executor.submit(add, sandbox) for _ in range(3)]
        asyncio.run(create_and_read(sandbox))
        for job in jobs:
            job.result()

        assert len(sandbox.invoice_ids) == 3 * 200 + 100


def test_entering_twice_is_a_runtime_error() -> None:
    async def enter(sandbox: Sandbox) -> None:
        async with sandbox:
            pass

    with Sandbox(invoices=0) as sandbox:
        with pytest.raises(RuntimeError, match="already running"), sandbox:
            pass
        with pytest.raises(RuntimeError, match="already running"):
            asyncio.run(enter(sandbox))
        assert asyncio.run(count(sandbox)) == 0, "it still runs"


def test_what_needs_a_running_sandbox_says_so() -> None:
    sandbox = Sandbox(invoices=1)
    sandbox.fail(status=500, method="POST")
    assert sandbox.add()
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.base_url
    with sandbox:
        pass
    for use in (sandbox.add, sandbox.clear, sandbox.drift, lambda: sandbox.fail(status=500), lambda: sandbox.base_url):
        with pytest.raises(RuntimeError, match=r"not running|stopped"):
            use()
    assert len(sandbox.invoice_ids) == 2


def test_a_taken_port_is_an_oserror_and_leaves_no_thread() -> None:
    with nothing_left(), Sandbox(invoices=0) as taken:
        port = port_of(taken)
        second = Sandbox(invoices=0, port=port)
        with pytest.raises(OSError, match=str(port)), second:
            pass
        assert threading.active_count() == 2 or not second.requests
    with second:
        assert port_of(second) == port


def test_a_loop_of_a_tests_own_policy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        pytest.fail("the sandbox must not use the program's way to make loops")

    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    with Sandbox(invoices=0) as sandbox:
        assert is_open(port_of(sandbox))


ANY = "0.0.0.0"  # noqa: S104 - what a container listens on


@pytest.mark.parametrize("host", [ANY, "::", "192.0.2.1", "sandbox", ""])
def test_only_loopback_is_listened_on_unless_allowed(host: str) -> None:
    with pytest.raises(ValueError, match=r"^host must be"):
        Sandbox(invoices=0, host=host)


def test_listening_beyond_loopback_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(invoices=2, host=ANY, allow_remote=True) as sandbox:
        assert sandbox.base_url.startswith("http://127.0.0.1:")
        assert asyncio.run(count(sandbox)) == 2
    shown = capsys.readouterr().err
    with Sandbox(invoices=0, host="127.0.0.2", allow_remote=True) as sandbox:
        assert sandbox.base_url.startswith("http://127.0.0.2:")

    assert shown == f"Warning: the sandbox listens on {ANY}, beyond this machine. Anyone who can reach it can control it.\n"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("host", "shown"), [("sandbox", "sandbox"), ("192.0.2.1", "192.0.2.1"), ("fd00::1", "[fd00::1]")])
def test_another_host_is_in_the_url_as_it_was_given(host: str, shown: str) -> None:
    assert settings.reachable(host) == shown


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_all_addresses_of_ipv6_are_reached_at_its_loopback(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        with Sandbox(invoices=2, host="::", allow_remote=True) as sandbox:
            assert sandbox.base_url.startswith("http://[::1]:")
            assert asyncio.run(count(sandbox)) == 2
    except OSError as error:
        pytest.skip(f"no IPv6: {error}")
    assert "listens on ::" in capsys.readouterr().err


async def test_a_container_is_reached_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        pytest.skip("this machine does not know its own name")
    async with Sandbox(invoices=2, host=ANY, allow_remote=True) as sandbox:
        url = sandbox.base_url.replace("127.0.0.1", name)
        given: dict[str, Any] = {"store_hash": sandbox.store_hash, "auth_token": sandbox.auth_token, "base_url": url}
        with pytest.raises(ConfigurationError, match="must be https"):
            B2BClient(**given)
        async with B2BClient(**given, allow_http=[name.upper()]) as client:
            assert await client.invoices.count() == 2
            async with client.invoices.open_pdf(sandbox.invoice_ids[0]) as pdf:
                assert pdf.size
    assert ANY in capsys.readouterr().err


async def test_a_connection_is_kept_for_the_next_request(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    for _ in range(2):
        async with session.get(sandbox.base_url) as response:
            assert response.headers.get("Connection") != "close"
