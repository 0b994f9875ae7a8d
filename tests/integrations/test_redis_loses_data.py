"""A real Redis that restarts, is flushed, evicts keys, closes connections, or whose clock is set back."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis_server
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bigcommerce_b2b_invoices import B2BError
from bigcommerce_b2b_invoices.integrations.redis import RedisRateLimiter

MISSING = redis_server.missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
REQUESTS = 30
PER = 1.5  # seconds


@asynccontextmanager
async def process(server: redis_server.RedisServer, requests: int = REQUESTS, **settings: Any) -> AsyncIterator[RedisRateLimiter]:
    """A limiter with connections of its own, as another process has it."""
    async with Redis.from_url(server.url) as redis:
        made = RedisRateLimiter(redis, requests, **{"per": PER, **settings})
        made.claim("store abc at https://example.test")
        yield made
        await made.aclose()


async def send(limiter: RedisRateLimiter, sent: list[float], seconds: float = 0.0, *, bulk: bool = False) -> None:
    lease = await limiter.acquire(bulk=bulk)
    try:
        sent.append(time.monotonic())
        await asyncio.sleep(seconds)
    finally:
        limiter.release(lease, {})


def most_in_a_window(sent: list[float]) -> int:
    return max(sum(1 for other in sent if 0 <= other - each < PER) for each in sent)


Lose = Callable[[redis_server.RedisServer, Path], Awaitable[None]]


async def flush(server: redis_server.RedisServer, folder: Path) -> None:
    async with Redis.from_url(server.url) as admin:
        await admin.flushall()


async def delete_keys_one_by_one(server: redis_server.RedisServer, folder: Path) -> None:
    async with Redis.from_url(server.url) as admin:
        for key in await admin.keys():
            await admin.delete(key)


async def restart(server: redis_server.RedisServer, folder: Path) -> None:
    server.stop()
    server.start(folder)


async def evict(server: redis_server.RedisServer, folder: Path) -> None:
    async with Redis.from_url(server.url) as admin:
        await admin.config_set("maxmemory-policy", "allkeys-random")
        await admin.config_set("maxmemory", "1")
        with pytest.raises(ResponseError, match="memory"):  # when nothing is left, there is still no memory
            for index in range(1000):
                await admin.set(f"other-{index}", "x")
        assert await admin.dbsize() == 0
        await admin.config_set("maxmemory", "0")


LOSSES = [flush, delete_keys_one_by_one, restart, evict]


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("seconds", [0.0, 0.8], ids=["answered", "under way"])
async def test_no_request_that_counts_is_forgotten_though_nobody_waits_when_the_data_is_lost(
    tmp_path: Path, lose: Lose, seconds: float
) -> None:
    sent: list[float] = []
    with redis_server.running(tmp_path) as server:
        async with process(server) as one, process(server) as other:
            under_way = [asyncio.create_task(send(one, sent, seconds)) for _ in range(REQUESTS)]
            while len(sent) < REQUESTS:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            await lose(server, tmp_path)
            await asyncio.gather(*(send(other, sent) for _ in range(REQUESTS)), *under_way)
    assert len(sent) == 2 * REQUESTS
    assert most_in_a_window(sent) <= REQUESTS


async def test_an_old_copy_that_redis_reads_from_disk_counts_as_lost_data(tmp_path: Path) -> None:
    sent: list[float] = []
    with redis_server.running(tmp_path) as server:
        async with process(server) as one, process(server) as other, Redis.from_url(server.url) as admin:
            await send(one, sent)
            await admin.save()
            await asyncio.gather(*(send(one, sent) for _ in range(REQUESTS - 1)))
            await restart(server, tmp_path)
            await asyncio.gather(*(send(other, sent) for _ in range(REQUESTS)))
    assert most_in_a_window(sent) <= REQUESTS


async def test_two_busy_processes_keep_the_quota_whatever_redis_loses(tmp_path: Path) -> None:
    sent: list[float] = []
    with redis_server.running(tmp_path) as server:
        async with process(server) as one, process(server) as other:
            ends = time.monotonic() + 6.0

            async def work(limiter: RedisRateLimiter) -> None:
                while time.monotonic() < ends:
                    with contextlib.suppress(B2BError):  # while Redis restarts
                        await send(limiter, sent, 0.05, bulk=True)

            workers = [asyncio.create_task(work(limiter)) for limiter in (one, other) for _ in range(8)]
            for lose in (flush, restart, delete_keys_one_by_one, restart):
                await asyncio.sleep(1.1)
                await lose(server, tmp_path)
            await asyncio.gather(*workers)
    assert len(sent) >= 2 * REQUESTS
    assert most_in_a_window(sent) <= REQUESTS


async def test_a_new_log_lends_nothing_until_every_process_had_time_to_look(tmp_path: Path) -> None:
    with redis_server.running(tmp_path) as server:
        async with process(server, per=9.0) as one:
            started = time.monotonic()
            await send(one, [])
            assert time.monotonic() - started > 2.7
            started = time.monotonic()
            await send(one, [])
            assert time.monotonic() - started < 2.5


@pytest.mark.parametrize("how", ["killed", "server time-out", "killed again and again"])
async def test_a_connection_that_was_closed_while_idle_fails_no_call(tmp_path: Path, how: str) -> None:
    with redis_server.running(tmp_path) as server:
        async with process(server, 1000, per=3.0) as one, Redis.from_url(server.url) as admin:

            async def kill() -> None:
                await admin.client_kill_filter(_type="normal", skipme=True)

            await send(one, [])
            await one.aclose()  # nothing keeps its connections busy
            if how == "server time-out":
                await admin.config_set("timeout", 1)
                await asyncio.sleep(2.5)
            for _ in range(20 if how == "killed again and again" else 1):
                if how != "server time-out":
                    await kill()
                await asyncio.gather(*(send(one, []) for _ in range(5)))


def set_back(score: float) -> float:
    """What a score is for a clock that was set back by an hour."""
    return score + 3600 if score > 0 else score - 3600


@pytest.mark.parametrize("ahead", [set_back, lambda _: float("inf")], ids=["clock set back", "all overwritten"])
async def test_leases_from_the_far_future_block_nobody_for_longer_than_an_attempt_and_a_window(
    tmp_path: Path, ahead: Callable[[float], float]
) -> None:
    longest = per = 0.6
    with redis_server.running(tmp_path) as server:
        async with Redis.from_url(server.url) as admin:
            async with process(server, 5, per=per, longest=longest) as one:
                for _ in range(5):
                    await send(one, [])
            log: Any = one._log()
            scores: Any = await admin.zrange(log, 0, -1, withscores=True)
            await admin.zadd(log, {name: ahead(score) for name, score in scores})
        async with process(server, 5, per=per, longest=longest) as other:
            started = time.monotonic()
            await asyncio.gather(*(send(other, [], bulk=True) for _ in range(5)))
            waited = time.monotonic() - started
    assert per / 2 < waited < 20


async def test_a_busy_log_gets_rid_of_leases_from_the_far_future_too(tmp_path: Path) -> None:
    longest = per = 0.5
    with redis_server.running(tmp_path) as server:
        async with process(server, 5, per=per, longest=longest) as one, Redis.from_url(server.url) as admin:
            await send(one, [])
            log: Any = one._log()
            ahead = {f"call-{number}": time.time() + 3600 for number in range(3)}
            await admin.zadd(log, ahead)
            started = time.monotonic()
            while time.monotonic() - started < longest + per + 0.2:
                await send(one, [])
            assert [await admin.zscore(log, name) for name in ahead] == [None] * 3
