"""A client that knows nothing about the store's quota asks with one request first, over real HTTP."""

import asyncio

import pytest
from conftest import TOKEN, connect
from scripted_server import RESET, Drip, ScriptedServer, answer

from bigcommerce_b2b_invoices import (
    Attempt,
    B2BClient,
    B2BError,
    ConfigurationError,
    RateLimiter,
    RateLimitWaitError,
    RetryPolicy,
)
from bigcommerce_b2b_invoices.sandbox import Sandbox

LIST = {"code": 200, "data": [], "meta": {"message": "SUCCESS", "pagination": {"totalCount": 0, "offset": 0, "limit": 1}}}
GOOD = answer(LIST)


def client_of(server: ScriptedServer, attempts: list[Attempt] | None = None, **settings: object) -> B2BClient:
    settings = {"on_attempt": None if attempts is None else attempts.append, **settings}
    return B2BClient(**{"store_hash": "abc", "auth_token": TOKEN, "base_url": server.base_url, **settings})  # type: ignore[arg-type]


def waited(attempts: list[Attempt]) -> list[float]:
    """For how long each attempt was held back, in seconds; a wait that the machine adds while the request is sent is not in it."""
    return [attempt.waited for attempt in attempts]


def late(seconds: float) -> Drip:
    """A good answer after a while, on a connection that serves nobody else."""
    return Drip([b"", answer(LIST, Connection="close").text], pause=seconds)


@pytest.mark.parametrize("settings", [{}, {"max_wait": 8.0}, {"reserve": 1}])
async def test_thirty_first_calls_send_no_more_than_a_store_with_three_left_takes(settings: dict[str, float]) -> None:
    async with Sandbox(invoices=1, quota=3, quota_window=6.0, latency=0.05) as store:
        async with connect(store, rate_limiter=RateLimiter(**settings)) as client:  # type: ignore[arg-type] # mixed settings
            calls = [asyncio.create_task(client.invoices.count()) for _ in range(30)]
            await asyncio.sleep(1.5)
            sent = store.request_count
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
        assert sent == 3


async def test_a_slow_first_call_holds_the_others_for_one_second_and_a_later_burst_waits_for_nothing() -> None:
    attempts: list[Attempt] = []
    async with ScriptedServer([late(20.0), GOOD]) as server, client_of(server, attempts) as client:
        burst = [asyncio.create_task(client.invoices.count()) for _ in range(30)]
        await asyncio.wait(burst[1:])
        assert min(waited(attempts)) >= 0.99
        assert not burst[0].done()
        attempts.clear()
        await asyncio.gather(*(client.invoices.count() for _ in range(5)))
        assert max(waited(attempts)) < 0.5
        burst[0].cancel()


async def test_after_a_window_without_a_request_one_asks_again() -> None:
    attempts: list[Attempt] = []
    async with ScriptedServer([GOOD]) as server, client_of(server, attempts, rate_limiter=RateLimiter(20, 2.0)) as client:
        await client.invoices.count()
        for idle, is_asking in ((0.1, False), (2.2, True)):
            await asyncio.sleep(idle)
            attempts.clear()
            server.script(late(0.5), GOOD)
            await asyncio.gather(*(client.invoices.count() for _ in range(5)))
            assert [each > 0.3 for each in sorted(waited(attempts))] == [False] + 4 * [is_asking]


@pytest.mark.parametrize("first", ["reset", "cancelled"])
async def test_a_first_request_that_is_lost_lets_the_others_go(first: str) -> None:
    attempts: list[Attempt] = []
    async with ScriptedServer([RESET if first == "reset" else late(20.0), late(0.4)]) as server:
        async with client_of(server, attempts, retry=RetryPolicy(attempts=1)) as client:
            calls = [asyncio.create_task(client.invoices.count()) for _ in range(5)]
            await asyncio.sleep(0.2)
            if first == "cancelled":
                calls[0].cancel()
            lost, *others = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(lost, (B2BError, asyncio.CancelledError))
        assert others == [0] * 4
        assert waited(attempts)[1:] == pytest.approx([attempts[0].seconds] * 4, abs=0.1)


async def test_a_first_call_that_fails_before_it_sends_leaves_the_asking_to_the_next_one() -> None:
    tokens = iter(["", TOKEN])

    async def token() -> str:
        await asyncio.sleep(0)
        return next(tokens, TOKEN)

    attempts: list[Attempt] = []
    async with ScriptedServer([late(0.4), GOOD]) as server, client_of(server, attempts, auth_token=token) as client:
        failed, *others = await asyncio.gather(*(client.invoices.count() for _ in range(5)), return_exceptions=True)
        assert isinstance(failed, ConfigurationError)
        assert others == [0] * 4
        assert [each > 0.3 for each in waited(attempts)] == [False, False, True, True, True]
        assert client.rate_limiter.snapshot().used == 4


async def test_a_walk_and_a_single_call_wait_for_nothing() -> None:
    attempts: list[Attempt] = []
    async with Sandbox(invoices=300) as store, connect(store, on_attempt=attempts.append) as client:
        await client.invoices.count()
        assert len([invoice async for invoice in client.invoices.iterate(page_size=50)]) == 300
    assert max(waited(attempts)) < 0.5


async def test_who_waits_for_nothing_sends_all_first_calls_and_nothing_when_a_wait_is_known() -> None:
    limiter = RateLimiter(5, 60.0, max_wait=0.0)
    async with ScriptedServer([late(0.3), GOOD]) as server, client_of(server, rate_limiter=limiter) as client:
        outcomes = await asyncio.gather(*(client.invoices.count() for _ in range(7)), return_exceptions=True)
        assert outcomes[:5] == [0] * 5
        assert [type(outcome) for outcome in outcomes[5:]] == [RateLimitWaitError] * 2
        with pytest.raises(RateLimitWaitError):
            await client.invoices.count()
        assert len(server.seen) == 5
