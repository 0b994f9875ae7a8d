"""The lease log, in virtual time."""

import asyncio
import math
import time
from collections import deque

import pytest
import virtual_time
from hypothesis import given, settings, strategies as st

from bigcommerce_b2b_invoices import ClientClosedError, RateLimiter, RateLimitWaitError


async def use(limiter: RateLimiter, arrivals: list[float], latency: float, *, bulk: bool = False) -> None:
    """One request: it arrives half-way through its latency."""
    await limiter.acquire(bulk=bulk)
    try:
        await asyncio.sleep(latency / 2)
        arrivals.append(asyncio.get_running_loop().time())
        await asyncio.sleep(latency / 2)
    finally:
        limiter.release()


@settings(max_examples=60, deadline=None)
@given(
    latencies=st.lists(st.floats(0.0, 30.0), min_size=1, max_size=60),
    requests=st.integers(1, 7),
    cancelled=st.sets(st.integers(0, 59), max_size=10),
    bulk=st.sets(st.integers(0, 59)),
)
def test_no_window_ever_sees_more_arrivals_than_requests(
    latencies: list[float], requests: int, cancelled: set[int], bulk: set[int]
) -> None:
    arrivals: list[float] = []

    async def main() -> None:
        limiter = RateLimiter(requests, 60.0)
        tasks = [
            asyncio.create_task(use(limiter, arrivals, latency, bulk=index in bulk)) for index, latency in enumerate(latencies)
        ]
        for index in sorted(cancelled):
            await asyncio.sleep(7.0)
            if index < len(tasks):
                tasks[index].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(60.1)
        for _ in range(requests):  # no lease was lost
            await asyncio.wait_for(limiter.acquire(), 0.001)

    virtual_time.run(main())
    window: deque[float] = deque()
    for arrival in sorted(arrivals):
        window.append(arrival)
        while window[0] <= arrival - 60.0:
            window.popleft()
        assert len(window) <= requests


def test_a_free_lease_is_had_at_once_and_a_used_one_after_a_window() -> None:
    async def main() -> list[float]:
        limiter, arrivals = RateLimiter(2, 10.0), list[float]()
        await asyncio.gather(*(use(limiter, arrivals, 0.0) for _ in range(5)))
        return arrivals

    assert virtual_time.run(main()) == pytest.approx([0, 0, 10, 10, 20], abs=0.01)


def test_single_calls_go_before_walks_that_came_earlier() -> None:
    async def main() -> list[str]:
        limiter, order = RateLimiter(1, 10.0), list[str]()

        async def call(name: str, *, bulk: bool) -> None:
            await limiter.acquire(bulk=bulk)
            order.append(name)
            limiter.release()

        await call("first", bulk=False)
        async with asyncio.TaskGroup() as group:
            group.create_task(call("walk", bulk=True))
            await asyncio.sleep(1)
            group.create_task(call("single", bulk=False))
        return order

    assert virtual_time.run(main()) == ["first", "single", "walk"]


def test_walks_leave_the_reserve_to_single_calls() -> None:
    async def main() -> list[float]:
        limiter, arrivals = RateLimiter(3, 10.0, reserve=1), list[float]()
        await asyncio.gather(*(use(limiter, arrivals, 0.0, bulk=True) for _ in range(3)))
        return arrivals

    assert virtual_time.run(main()) == pytest.approx([0, 0, 10], abs=0.01)


def test_a_pause_stops_everybody_until_it_is_over() -> None:
    async def main() -> list[float]:
        limiter, arrivals = RateLimiter(5, 10.0), list[float]()
        limiter.pause(3.0)
        limiter.pause(1.0)
        await asyncio.gather(*(use(limiter, arrivals, 0.0) for _ in range(2)))
        return arrivals

    assert virtual_time.run(main()) == pytest.approx([3, 3], abs=0.01)


@pytest.mark.parametrize(("held", "raised_at"), [(False, 0.0), (True, 0.0)])
def test_a_wait_that_is_known_to_be_too_long_is_refused_at_once(held: bool, raised_at: float) -> None:
    async def main() -> float:
        limiter = RateLimiter(1, 10.0, max_wait=5.0)
        await limiter.acquire()
        if not held:
            limiter.release()
        with pytest.raises(RateLimitWaitError):
            await limiter.acquire()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == pytest.approx(raised_at, abs=0.01)


def test_a_wait_that_turns_out_too_long_ends_after_max_wait() -> None:
    async def main() -> float:
        limiter = RateLimiter(1, 10.0, max_wait=5.0)
        await limiter.acquire()
        limiter.release()
        await asyncio.sleep(6)
        first = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(1)
        limiter.pause(60)
        with pytest.raises(RateLimitWaitError):
            await first
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == pytest.approx(11, abs=0.01)


def test_max_wait_lets_a_shorter_wait_through() -> None:
    async def main() -> float:
        limiter = RateLimiter(1, 10.0, max_wait=10.5)
        await limiter.acquire()
        limiter.release()
        await limiter.acquire()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == pytest.approx(10, abs=0.01)


def test_a_lease_granted_to_a_waiter_that_is_cancelled_in_the_same_moment_goes_to_the_next() -> None:
    async def main() -> None:
        limiter = RateLimiter(1, 10.0)
        await limiter.acquire()
        first = asyncio.create_task(limiter.acquire())
        second = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        limiter.release()
        loop = asyncio.get_running_loop()
        loop.call_at(loop.time() + 10.0, first.cancel)  # due together with the grant, and after it
        await asyncio.wait_for(second, 11)
        assert first.cancelled()

    virtual_time.run(main())


def test_leases_of_a_finished_loop_come_back_one_window_later() -> None:
    limiter = RateLimiter(1, 0.05)
    asyncio.run(limiter.acquire())
    started = time.monotonic()
    asyncio.run(asyncio.wait_for(limiter.acquire(), 5))
    assert time.monotonic() - started >= 0.05


def test_a_limiter_of_a_running_loop_refuses_another_loop() -> None:
    limiter = RateLimiter()

    async def other() -> None:
        with pytest.raises(ClientClosedError, match="another event loop"):
            await limiter.acquire()

    async def main() -> None:
        await limiter.acquire()
        await asyncio.to_thread(asyncio.run, other())

    asyncio.run(main())


@pytest.mark.parametrize(
    "settings",
    [
        {"requests": 0},
        {"per": 0.0},
        {"reserve": 150},
        {"reserve": -1},
        {"max_wait": -1.0},
        {"per": math.nan},
        {"max_wait": math.nan},
    ],
)
def test_a_limiter_that_cannot_be_is_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"limiter|reserve|max_wait"):
        RateLimiter(**settings)
