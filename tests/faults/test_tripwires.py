"""What we rely on in aiohttp, and what we guard against. A test that fails here says that aiohttp has changed."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from conftest import TOKEN
from scripted_server import CLOSE, Bytes, ScriptedServer, Stall, raw

from bigcommerce_b2b_invoices.transport.credentials import Secret
from bigcommerce_b2b_invoices.transport.foreign import ConnectionFailure, InterruptedSendingError, SendOnce, send_once

HEADERS = {"X-Auth-Token": Secret(TOKEN)}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_aiohttp_sends_twice_behind_our_back_and_send_once_stops_it(session: aiohttp.ClientSession, method: str) -> None:
    async with ScriptedServer([CLOSE]) as server:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.request(method, server.base_url)
        assert len(server.seen) == 2
        with pytest.raises(InterruptedSendingError):
            await session.request(method, server.base_url, middlewares=(send_once,))
        assert len(server.seen) == 3


async def test_aiohttp_takes_our_header_along_to_another_origin(session: aiohttp.ClientSession) -> None:
    async with ScriptedServer([raw(b"")]) as elsewhere, ScriptedServer([raw(b"", 302, Location=elsewhere.base_url)]) as server:
        async with session.get(server.base_url, headers=HEADERS):
            assert elsewhere.seen[0].headers["x-auth-token"] == TOKEN
        async with session.get(server.base_url, headers=HEADERS, allow_redirects=False) as answer:
            assert (answer.status, len(elsewhere.seen)) == (302, 1)


async def test_aiohttp_makes_up_a_status_for_what_is_no_http(session: aiohttp.ClientSession) -> None:
    async with ScriptedServer([Bytes(b"SMTP ready\r\n\r\n")]) as server:
        with pytest.raises(aiohttp.ClientResponseError) as raised:
            await session.get(server.base_url)
    assert raised.value.status == 400


async def test_a_secret_is_sent_as_it_is_and_shown_as_stars(session: aiohttp.ClientSession) -> None:
    async with ScriptedServer([raw(b"", 500)]) as server:
        with pytest.raises(aiohttp.ClientResponseError) as raised:
            await session.get(server.base_url, headers=HEADERS, raise_for_status=True)
        assert server.seen[0].headers["x-auth-token"] == TOKEN
    assert "X-Auth-Token" in repr(raised.value)
    assert TOKEN not in repr(raised.value)


async def test_a_total_time_out_looks_the_same_before_and_after_sending_but_not_to_sending() -> None:
    async with ScriptedServer([Stall()]) as server, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        begun: list[bool] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(_timed_out(session, server.base_url, begun, 2.0))
            while not server.seen:
                await asyncio.sleep(0.01)
            await _timed_out(session, server.base_url, begun, 0.1)  # it waits for the only connection
        assert begun == [False, True]
        assert len(server.seen) == 1


async def _timed_out(session: aiohttp.ClientSession, url: str, begun: list[bool], seconds: float) -> None:
    sending = SendOnce()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await session.get(url, middlewares=(sending,))
    begun.append(sending.begun)


@pytest.mark.parametrize("body", [None, b"x" * 10, b"x" * 2**20])
async def test_a_request_has_its_response_as_soon_as_anything_was_sent(session: aiohttp.ClientSession, body: Any) -> None:
    async with ScriptedServer([CLOSE]) as server:
        sending = SendOnce()
        with pytest.raises(InterruptedSendingError):
            await session.post(server.base_url, data=body, middlewares=(sending,))
        assert (sending.begun, len(server.seen)) == (True, 1)
    sending = SendOnce()
    with pytest.raises(ConnectionFailure):
        await session.post(server.base_url, data=body, middlewares=(sending,))
    assert not sending.begun


async def test_aiohttp_takes_half_a_gzip_body_for_a_whole_one(session: aiohttp.ClientSession) -> None:
    body = bytes(range(256)) * 400
    packed = gzip.compress(body)
    async with (
        ScriptedServer([raw(packed[: len(packed) // 2], Content_Encoding="gzip")]) as server,
        session.get(server.base_url) as answer,
    ):
        assert len(await answer.read()) < len(body)


async def test_a_gzip_bomb_is_unpacked_in_pieces(session: aiohttp.ClientSession) -> None:
    async with (
        ScriptedServer([raw(gzip.compress(bytes(2**26)), Content_Encoding="gzip")]) as server,
        session.get(server.base_url) as answer,
    ):
        largest = max([len(part) async for part in answer.content.iter_any()])
    assert largest <= 2**23


async def test_a_second_answer_is_not_taken_for_the_answer_to_the_next_request(session: aiohttp.ClientSession) -> None:
    async with ScriptedServer([Bytes(raw(b"one").text + raw(b"glued").text), raw(b"two")]) as server:
        for expected in ("one", "two"):
            async with session.get(server.base_url) as answer:
                assert await answer.text() == expected
