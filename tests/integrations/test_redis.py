"""One quota for several processes, against a real Redis server."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis_server
from conftest import connect
from redis.asyncio import Redis

from bigcommerce_b2b_invoices import B2BClient, ConfigurationError, RateLimitWaitError
from bigcommerce_b2b_invoices.integrations.redis import RedisRateLimiter
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.transport.feedback import Lease

MISSING = redis_server.missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")
STORE = "store abc at https://example.test"
PER = 0.2  # seconds


@pytest.fixture
def server(tmp_path: Path) -> Iterator[redis_server.RedisServer]:
    with redis_server.running(tmp_path) as started:
        yield started


@asynccontextmanager
async def limiter(server: redis_server.RedisServer, requests: int = 3, **settings: Any) -> AsyncIterator[RedisRateLimiter]:
    async with Redis.from_url(server.url) as redis:
        made = RedisRateLimiter(redis, requests, **{"per": PER, **settings})
        made.claim(STORE)
        yield made
        await made.aclose()


async def take(limiter: RedisRateLimiter, count: int, *, bulk: bool = False) -> list[Lease]:
    return [await asyncio.wait_for(limiter.acquire(bulk=bulk), 5) for _ in range(count)]


async def test_what_one_limiter_uses_the_other_has_not(server: redis_server.RedisServer) -> None:
    async with limiter(server) as one, limiter(server) as other:
        leases = await take(one, 3)
        started = time.monotonic()
        waiting = asyncio.create_task(other.acquire())
        for lease in leases:
            one.release(lease)
        other.release(await waiting)
        assert time.monotonic() - started >= PER


async def test_a_lease_is_held_for_as_long_as_its_request_is_under_way(server: redis_server.RedisServer) -> None:
    async with limiter(server, 1) as one, limiter(server, 1, max_wait=2 * PER) as other:
        [lease] = await take(one, 1)
        with pytest.raises(RateLimitWaitError):
            await other.acquire()
        one.release(lease)


async def test_a_lease_of_a_process_that_died_comes_back(server: redis_server.RedisServer) -> None:
    async with limiter(server, 1, longest=0.1, per=0.1) as dead, limiter(server, 1, longest=0.1, per=0.1) as other:
        started = time.monotonic()
        await take(dead, 1)
        await take(other, 1)
        assert time.monotonic() - started >= 0.2


async def test_walks_leave_the_reserve_of_all_processes_to_single_calls(server: redis_server.RedisServer) -> None:
    async with limiter(server, reserve=1) as one, limiter(server, reserve=1, max_wait=0.1) as other:
        await take(one, 2, bulk=True)
        with pytest.raises(RateLimitWaitError):
            await other.acquire(bulk=True)
        await take(other, 1)


async def test_single_calls_go_before_walks_that_came_earlier(server: redis_server.RedisServer) -> None:
    async with limiter(server, 1) as limited:
        order: list[str] = []

        async def call(name: str, *, bulk: bool) -> None:
            lease = await limited.acquire(bulk=bulk)
            order.append(name)
            limited.release(lease)

        await call("first", bulk=False)
        async with asyncio.TaskGroup() as group:
            group.create_task(call("walk", bulk=True))
            await asyncio.sleep(PER / 4)
            group.create_task(call("single", bulk=False))
        assert order == ["first", "single", "walk"]


async def test_a_cancelled_waiter_leaves_no_lease_and_no_task(server: redis_server.RedisServer) -> None:
    before = asyncio.all_tasks()
    async with limiter(server, 2) as limited:
        for wait in (0, 0, 0.0001, 0.0005, 0.001, 0.002, 0.005):
            waiter = asyncio.create_task(limited.acquire())
            await asyncio.sleep(wait)
            waiter.cancel()
            [outcome] = await asyncio.gather(waiter, return_exceptions=True)
            if isinstance(outcome, Lease):  # it was served before
                limited.release(outcome)
        await asyncio.sleep(PER)
        await take(limited, 2)  # a lost one would be kept for two minutes
        assert limited.snapshot().used == 2
    for _ in range(3):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_without_redis_nothing_is_sent_unless_wanted(server: redis_server.RedisServer) -> None:
    async with limiter(server) as limited:
        server.stop()
        async with asyncio.timeout(10):
            outcomes = await asyncio.gather(*(limited.acquire() for _ in range(3)), return_exceptions=True)
        assert all(isinstance(outcome, RateLimitWaitError) for outcome in outcomes)
        assert "cannot get a lease from Redis" in str(outcomes[0])


async def test_without_redis_each_process_sends_its_own_part_and_redis_learns_of_it_later(
    server: redis_server.RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bigcommerce_b2b_invoices.integrations.redis.RETRY", 0.05)
    async with limiter(server, without_redis=2, per=3.0, max_wait=2.0) as limited, limiter(server, max_wait=0.2) as other:
        server.stop()
        leases = await take(limited, 2)
        with pytest.raises(RateLimitWaitError):  # its part is used up
            await asyncio.wait_for(limited.acquire(), 5)
        server.start(tmp_path)
        await asyncio.sleep(0.06)
        leases += await take(limited, 1)  # Redis is asked again
        for lease in leases:
            limited.release(lease)
        await limited.aclose()
        with pytest.raises(RateLimitWaitError):
            await other.acquire()


async def test_redis_that_does_not_answer_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bigcommerce_b2b_invoices.integrations.redis.PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with Redis(port=silent.getsockname()[1]) as redis:
            limited = RedisRateLimiter(redis)
            limited.claim(STORE)
            with pytest.raises(RateLimitWaitError, match="TimeoutError"):
                await limited.acquire()


async def test_the_client_takes_it_as_its_limiter(server: redis_server.RedisServer, sandbox: Sandbox) -> None:
    async with Redis.from_url(server.url) as redis:
        shared = RedisRateLimiter(redis, 10)
        async with connect(sandbox, rate_limiter=shared) as client:
            assert len([invoice async for invoice in client.invoices.iterate(page_size=20)]) == 60
            await client.invoices.count()
        await shared.aclose()
        mark = 1
        assert await redis.zcard(shared._log()) - mark == sandbox.request_count == shared.snapshot().used
        with pytest.raises(ConfigurationError, match="its own quota"):
            B2BClient(store_hash="other", auth_token="token", base_url=sandbox.base_url, rate_limiter=shared)


async def test_a_limiter_that_serves_no_store_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="does not serve a store"):
        await RedisRateLimiter(Redis()).acquire()


@pytest.mark.parametrize("settings", [{"longest": 0}, {"without_redis": -1}, {"without_redis": 151}, {"requests": 0}])
def test_a_limiter_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"longest|without_redis|limiter"):
        RedisRateLimiter(Redis(), **settings)


WORKER = """
import asyncio, json, random, sys, time
from redis.asyncio import Redis
from bigcommerce_b2b_invoices.integrations.redis import RedisRateLimiter

async def main(url, seed):
    rng, arrivals = random.Random(seed), []
    async with Redis.from_url(url) as redis:
        limiter = RedisRateLimiter(redis, 20, 0.25)
        limiter.claim("s")
        async def use():
            while time.monotonic() - started < 1.25:
                lease = await limiter.acquire(bulk=rng.random() < 0.5)
                await asyncio.sleep(rng.random() * 0.02)
                arrivals.append(time.monotonic())  # one clock for all processes of a machine
                await asyncio.sleep(rng.random() * 0.02)
                limiter.release(lease)
        started = time.monotonic()
        await asyncio.gather(*(use() for _ in range(8)))
        await limiter.aclose()
    print(json.dumps(arrivals))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_four_processes_keep_within_one_quota(server: redis_server.RedisServer) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, server.url, str(seed)], stdout=subprocess.PIPE) for seed in range(4)
    ]
    shares = [json.loads(worker.communicate()[0]) for worker in workers]
    arrivals = sorted(arrival for share in shares for arrival in share)
    most = max(sum(1 for other in arrivals if 0 <= other - arrival < 0.25) for arrival in arrivals)
    assert all(shares), "every process had its turn"
    assert most <= 20
    assert len(arrivals) >= 20 * 4, "the quota was used"


def test_the_package_does_not_import_redis() -> None:
    program = "import sys, bigcommerce_b2b_invoices; sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
