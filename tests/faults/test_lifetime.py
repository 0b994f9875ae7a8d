"""Closed, forked, cancelled by a sibling, or one of five hundred: the client says what it is, and shares no socket."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import aiohttp
import pytest
from conftest import TOKEN, Scripted
from faults.operations import DRAFT
from scripted_server import CLOSE, Stall, envelope

from bigcommerce_b2b_invoices import ClientClosedError, ResponseError, RetryPolicy

FORK = """
import asyncio, os
from bigcommerce_b2b_invoices import B2BClient, ClientClosedError
from scripted_server import ScriptedServer, envelope

async def start():
    server = await ScriptedServer([envelope({"id": 9})]).__aenter__()
    client = B2BClient(store_hash="abc123", auth_token="t", base_url=server.base_url)
    await client.invoices.get(9)
    return server, client

async def use_in_child(client):
    try:
        await client.invoices.get(9)
    except ClientClosedError as error:
        print(error, flush=True)
    await client.aclose()

async def finish(server, client):
    print(await client.invoices.get(9), flush=True)
    assert server.connections == 1, "the child closed the parent's connection"
    await client.aclose()
    await server.__aexit__(None, None, None)

with asyncio.Runner() as runner:
    server, client = runner.run(start())
    child = os.fork()
    if child == 0:
        asyncio.run(use_in_child(client))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    runner.run(finish(server, client))
"""

TESTS = Path(__file__).parent.parent


def test_a_forked_process_is_refused_and_the_parent_goes_on() -> None:
    environ = {
        **os.environ,
        "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS / 'support'}",
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORK)], env=environ, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert "before this process was forked" in first
    assert second.startswith("Invoice(id=9")


async def test_what_waits_for_a_connection_when_the_client_is_closed_was_not_sent(scripted: Scripted) -> None:
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        server, client = await scripted(Stall(), session=session)
        first = asyncio.create_task(client.invoices.get(9))
        while not server.seen:
            await asyncio.sleep(0.001)
        write = asyncio.create_task(client.invoices.create(DRAFT))
        await asyncio.sleep(0.01)
        await session.close()
        with pytest.raises(ClientClosedError):
            await write
        with pytest.raises(ClientClosedError):
            await first
    assert [seen.method for seen in server.seen] == ["GET"]


async def test_a_sibling_that_fails_cancels_the_rest_and_leaves_nothing(scripted: Scripted) -> None:
    server, client = await scripted(Stall(), retry=RetryPolicy(attempts=1))

    async def fail() -> None:
        while len(server.seen) < 5:
            await asyncio.sleep(0.001)
        raise KeyError

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(client.invoices.get(9))
            group.create_task(fail())
    assert [type(error) for error in raised.value.exceptions] == [KeyError]
    assert client.rate_limiter._held == 0
    session = client._transport.state.own_session
    assert session
    assert not session.connector._acquired  # type: ignore[union-attr]


async def test_five_hundred_calls_share_ten_connections(scripted: Scripted) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=10)) as session:
        server, client = await scripted(envelope({"id": 9}), session=session)
        client.rate_limiter.requests = 1000
        found = await asyncio.gather(*(client.invoices.get(9) for _ in range(500)))
    assert {invoice.id for invoice in found} == {9}
    assert (len(server.seen), server.connections) == (500, 10)


async def test_an_error_holds_no_object_of_aiohttp_and_no_token(scripted: Scripted) -> None:
    _, client = await scripted(CLOSE, retry=RetryPolicy(attempts=1))
    with pytest.raises(ResponseError) as raised:
        await client.invoices.get(9)
    assert raised.value.__context__ is raised.value.__cause__ is None
    traceback = raised.value.__traceback__
    while traceback := traceback and traceback.tb_next:
        held = [value for value in traceback.tb_frame.f_locals.values() if isinstance(value, aiohttp.ClientResponse)]
        assert held == []
        assert TOKEN not in repr(traceback.tb_frame.f_locals)
