"""A client that knows nothing about the store's quota asks with one request first, over real HTTP."""

import asyncio
import time

import pytest
from conftest import TOKEN, connect
from scripted_server import RESET, Drip, Reply, ScriptedServer, Seen, answer

from bigcommerce_b2b_invoices import B2BClient, B2BError, ConfigurationError, RateLimiter, RateLimitWaitError, RetryPolicy
from bigcommerce_b2b_invoices.sandbox import Sandbox

LIST = {"code": 200, "data": [], "meta": {"message": "SUCCESS", "pagination": {"totalCount": 0, "offset": 0, "limit": 1}}}
GOOD = answer(LIST)


class Stopwatch(ScriptedServer):
    """Notes when each request came."""

    def __init__(self, first: Reply, *others: Reply) -> None:
        super().__init__([first, *others])
        self.came: list[float] = []

    def reply(self, seen: Seen, /) -> Reply:
        self.came.append(time.monotonic())
        return super().reply(seen)

    def since_the_first(self) -> list[float]:
        return [came - self.came[0] for came in self.came]


def client_of(server: ScriptedServer, **settings: object) -> B2BClient:
    return B2BClient(**{"store_hash": "abc", "auth_token": TOKEN, "base_url": server.base_url, **settings})  # type: ignore[arg-type]


def late(seconds: float) -> Drip:
    """A good answer after a while, on a connection that serves nobody else."""
    return Drip([b"", answer(LIST, Connection="close").text], pause=seconds)


@pytest.mark.parametrize("settings", [{}, {"max_wait": 8.0}, {"reserve": 1}])
async def test_thirty_first_calls_send_no_more_than_a_store_with_three_left_takes(settings: dict[str, float]) -> None:
    async with Sandbox(invoices=1, quota=3, quota_window=2.0, latency=0.05) as store:
        async with connect(store, rate_limiter=RateLimiter(**settings)) as client:  # type: ignore[arg-type] # mixed settings
            calls = [asyncio.create_task(client.invoices.count()) for _ in range(30)]
            await asyncio.sleep(1.5)
            sent = store.request_count
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
        assert sent == 3


async def test_a_slow_first_call_holds_the_others_for_one_second_and_a_later_burst_waits_for_nothing() -> None:
    async with Stopwatch(late(3.0), GOOD) as server, client_of(server) as client:
        burst = [asyncio.create_task(client.invoices.count()) for _ in range(30)]
        await asyncio.wait(burst[1:])
        assert server.since_the_first()[1:] == pytest.approx([1.0] * 29, abs=0.3)
        assert not burst[0].done()
        server.came.clear()
        await asyncio.gather(*(client.invoices.count() for _ in range(5)))
        assert max(server.since_the_first()) < 0.3
        await burst[0]


async def test_after_a_window_without_a_request_one_asks_again() -> None:
    limiter = RateLimiter(20, 0.5)
    async with Stopwatch(GOOD) as server, client_of(server, rate_limiter=limiter) as client:
        await client.invoices.count()
        for idle, waits in ((0.1, 0.0), (0.7, 0.25)):
            await asyncio.sleep(idle)
            server.came.clear()
            server.script(late(0.25), GOOD)
            await asyncio.gather(*(client.invoices.count() for _ in range(5)))
            assert server.since_the_first()[1:] == pytest.approx([waits] * 4, abs=0.15)


@pytest.mark.parametrize("first", ["reset", "cancelled"])
async def test_a_first_request_that_is_lost_lets_the_others_go(first: str) -> None:
    async with Stopwatch(RESET if first == "reset" else late(3.0), late(0.4)) as server:
        async with client_of(server, retry=RetryPolicy(attempts=1)) as client:
            calls = [asyncio.create_task(client.invoices.count()) for _ in range(5)]
            await asyncio.sleep(0.2)
            if first == "cancelled":
                calls[0].cancel()
            lost, *others = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(lost, (B2BError, asyncio.CancelledError))
        assert others == [0] * 4
        assert server.since_the_first()[1:] == pytest.approx([0.0 if first == "reset" else 0.2] * 4, abs=0.15)


async def test_a_first_call_that_fails_before_it_sends_leaves_the_asking_to_the_next_one() -> None:
    tokens = iter(["", TOKEN])

    async def token() -> str:
        await asyncio.sleep(0)
        return next(tokens, TOKEN)

    async with Stopwatch(late(0.4), GOOD) as server, client_of(server, auth_token=token) as client:
        failed, *others = await asyncio.gather(*(client.invoices.count() for _ in range(5)), return_exceptions=True)
        assert isinstance(failed, ConfigurationError)
        assert others == [0] * 4
        assert server.since_the_first()[1:] == pytest.approx([0.4] * 3, abs=0.15)
        assert client.rate_limiter.snapshot().used == 4


async def test_a_walk_and_a_single_call_wait_for_nothing() -> None:
    async with Sandbox(invoices=300) as store, connect(store) as client:
        started = time.monotonic()
        await client.invoices.count()
        assert len([invoice async for invoice in client.invoices.iterate(page_size=50)]) == 300
        assert time.monotonic() - started < 1.0


async def test_who_waits_for_nothing_sends_all_first_calls_and_nothing_when_a_wait_is_known() -> None:
    limiter = RateLimiter(5, 60.0, max_wait=0.0)
    async with Stopwatch(late(0.3), GOOD) as server, client_of(server, rate_limiter=limiter) as client:
        outcomes = await asyncio.gather(*(client.invoices.count() for _ in range(7)), return_exceptions=True)
        assert outcomes[:5] == [0] * 5
        assert [type(outcome) for outcome in outcomes[5:]] == [RateLimitWaitError] * 2
        with pytest.raises(RateLimitWaitError):
            await client.invoices.count()
        assert len(server.seen) == 5
