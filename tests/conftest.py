"""Servers on loopback for every test, with clients that talk to them."""

import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from scripted_server import Reply, ScriptedServer

from bigcommerce_b2b_invoices import B2BClient, RetryPolicy
from bigcommerce_b2b_invoices.sandbox import Sandbox

TOKEN = "canary-token-0123456789"

for each in (signal.SIGINT, signal.SIGQUIT) if os.name == "posix" else ():
    if (
        signal.getsignal(each) is signal.SIG_IGN
    ):  # a shell ignores both for what it starts in the background, and programs inherit it
        signal.signal(each, signal.default_int_handler if each is signal.SIGINT else signal.SIG_DFL)

# a machine that is slow for a moment fails no test; the parent is the profile that Hypothesis itself takes, another one in CI
settings.register_profile("slow-machine", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slow-machine")

HEAVY = {  # documentation, type checkers, browsers, kills, outages and fuzzing: with B2B_TESTS=light these are skipped by name
    "test_adversary.py", "test_cli_resume.py", "test_cli_terminal.py", "test_command_line.py", "test_csv_in_libreoffice.py",
    "test_fastapi_app_in_a_browser.py", "test_mirror_kills.py", "test_outage.py", "test_pages.py", "test_payment_programs.py",
    "test_programs.py", "test_redis_loses_data.py", "test_site.py", "test_types.py",
}  # fmt: skip
MATRIX = "test_matrix.py"  # of its 3,000 cells, every fifth is enough for the other Pythons: it reaches every fault and every operation

Scripted = Callable[..., Awaitable[tuple[ScriptedServer, B2BClient]]]


def connect(sandbox: Sandbox, **settings: Any) -> B2BClient:
    """A client of the sandbox."""
    return B2BClient(store_hash=sandbox.store_hash, auth_token=sandbox.auth_token, base_url=sandbox.base_url, **settings)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`.ci/run` runs the heavy tests on one Python only."""
    if os.environ.get("B2B_TESTS") == "light":
        cells = [item for item in items if item.path.name == MATRIX]
        left_out = {item for index, item in enumerate(cells) if index % 5}
        for item in items:
            if item.path.name in HEAVY or item in left_out:
                item.add_marker(pytest.mark.skip(reason="heavy: runs on the first Python only"))


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(invoices=60, seed=7) as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[B2BClient]:
    async with connect(sandbox) as connected:
        yield connected


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    """`server, client = await scripted(reply, reply, ...)`: the client retries fast, unless told otherwise."""
    async with AsyncExitStack() as stack:

        async def start(*replies: Reply, **settings: Any) -> tuple[ScriptedServer, B2BClient]:
            server = await stack.enter_async_context(ScriptedServer(replies))
            settings = {"retry": RetryPolicy(base_delay=0.001), "base_url": server.base_url, "auth_token": TOKEN, **settings}
            return server, await stack.enter_async_context(B2BClient(store_hash="abc123", **settings))

        yield start


@pytest.fixture
def held_fsync(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Two events: somebody is in fsync; fsync may go on."""
    inside, go, fsync = threading.Event(), threading.Event(), os.fsync

    def slow(descriptor: int) -> None:
        inside.set()
        assert go.wait(10)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    yield inside, go
    go.set()
