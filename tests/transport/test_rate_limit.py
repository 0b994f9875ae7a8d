"""The lease log, in virtual time."""

import asyncio
import math
import random
import time
from collections import deque

import attrs
import pytest
import virtual_time
from hypothesis import given, settings, strategies as st

from bigcommerce_b2b_invoices import (
    B2BClient,
    ClientClosedError,
    ConfigurationError,
    RateLimiter,
    RateLimitSnapshot,
    RateLimitWaitError,
)
from bigcommerce_b2b_invoices.sandbox.gate import Quota
from bigcommerce_b2b_invoices.transport.base_url import BASE_URL


async def use(limiter: RateLimiter, arrivals: list[float], latency: float, *, bulk: bool = False) -> None:
    """One request: it arrives half-way through its latency."""
    lease = await limiter.acquire(bulk=bulk)
    try:
        await asyncio.sleep(latency / 2)
        arrivals.append(asyncio.get_running_loop().time())
        await asyncio.sleep(latency / 2)
    finally:
        limiter.release(lease)


def most_in_a_window(arrivals: list[float]) -> int:
    """The most arrivals that any 60 seconds saw."""
    window, most = deque[float](), 0
    for arrival in sorted(arrivals):
        window.append(arrival)
        while window[0] <= arrival - 60.0:
            window.popleft()
        most = max(most, len(window))
    return most


@settings(max_examples=60)
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
            limiter.release(await asyncio.wait_for(limiter.acquire(), 0.001))

    virtual_time.run(main())
    assert most_in_a_window(arrivals) <= requests


class Store:
    """A server with a fixed window, which others use too."""

    def __init__(self, requests: int, *, headers: bool) -> None:
        self.quota = Quota(requests, 60.0, asyncio.get_running_loop().time)
        self.headers = headers
        self.arrivals: list[float] = []
        self.refusals = 0

    async def call(self, limiter: RateLimiter, latency: float, *, bulk: bool = False) -> None:
        """One call: as often as it is refused it is sent again."""
        while True:
            lease = await limiter.acquire(bulk=bulk)
            refused, headers = False, None
            try:
                await asyncio.sleep(latency / 2)
                self.arrivals.append(asyncio.get_running_loop().time())
                refused = not self.quota.take()
                told = {name.lower(): text for name, text in self.quota.headers().items()} if self.headers else {}
                await asyncio.sleep(latency / 2)
                headers = told
            finally:
                limiter.release(lease, headers, refused=refused and headers is not None)
            if not refused:
                return
            self.refusals += 1

    async def stranger(self, every: float) -> None:
        while True:
            self.quota.take()
            await asyncio.sleep(every)


@settings(max_examples=60)
@given(
    latencies=st.lists(st.floats(0.0, 30.0), min_size=1, max_size=40),
    requests=st.integers(1, 7),
    quota=st.integers(1, 9),
    cancelled=st.sets(st.integers(0, 39), max_size=10),
    bulk=st.sets(st.integers(0, 39)),
    every=st.none() | st.floats(7.0, 70.0),
    headers=st.booleans(),
    data=st.data(),
)
def test_with_strangers_too_no_window_sees_too_many_and_everybody_has_a_turn_and_no_lease_is_lost(
    latencies: list[float],
    requests: int,
    quota: int,
    cancelled: set[int],
    bulk: set[int],
    every: float | None,
    headers: bool,
    data: st.DataObject,
) -> None:
    arrivals: list[float] = []
    reserve = data.draw(st.integers(0, requests - 1))

    async def main() -> None:
        store, limiter = Store(quota, headers=headers), RateLimiter(requests, 60.0, reserve=reserve)
        store.arrivals = arrivals
        stranger = asyncio.create_task(store.stranger(every)) if every and quota > 60.0 / every + 1 else None
        tasks = [asyncio.create_task(store.call(limiter, latency, bulk=index in bulk)) for index, latency in enumerate(latencies)]
        for index in sorted(cancelled):
            await asyncio.sleep(7.0)
            if index < len(tasks):
                tasks[index].cancel()
        async with asyncio.timeout(3 * 60.0 * len(tasks)):  # one at least in about every second window
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        if stranger is not None:
            stranger.cancel()
        await asyncio.sleep(181.0)  # the longest gate is over
        assert limiter.snapshot() == RateLimitSnapshot(allowed=requests, used=0, remaining=None, waiting=0, seconds_to_reset=None)
        for _ in range(requests):  # no lease was lost
            limiter.release(await asyncio.wait_for(limiter.acquire(), 0.001), {})

    virtual_time.run(main())
    assert most_in_a_window(arrivals) <= requests


@pytest.mark.parametrize("workers", [4, 16, 200])
@pytest.mark.parametrize("headers", [True, False])
def test_alone_ten_minutes_use_all_of_the_quota_and_nothing_is_refused(workers: int, headers: bool) -> None:
    async def main() -> tuple[int, int]:
        loop, limiter, rng = asyncio.get_running_loop(), RateLimiter(), random.Random(1)
        store = Store(150, headers=headers)

        async def work() -> None:
            while loop.time() < 600:
                await store.call(limiter, rng.uniform(0.2, 1.0), bulk=True)

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        await asyncio.sleep(600)
        for task in tasks:
            task.cancel()
        return len(store.arrivals), store.refusals

    arrived, refused = virtual_time.run(main())
    assert (arrived >= 0.97 * 1500, refused) == (True, 0)


@pytest.mark.parametrize(("headers", "most_refused"), [(True, 20), (False, 100)])
def test_within_a_window_after_a_stranger_left_all_of_the_quota_is_used_again(headers: bool, most_refused: int) -> None:
    async def main() -> tuple[list[int], int]:
        loop, limiter, rng = asyncio.get_running_loop(), RateLimiter(), random.Random(1)
        store = Store(150, headers=headers)
        limiter._feedback.random = rng.random
        stranger = asyncio.create_task(store.stranger(60 / 135))
        await asyncio.sleep(30)

        async def work() -> None:
            while True:
                await store.call(limiter, rng.uniform(0.2, 1.0), bulk=True)

        tasks = [asyncio.create_task(work()) for _ in range(16)]
        await asyncio.sleep(150)
        stranger.cancel()
        left, refusals = loop.time(), store.refusals
        await asyncio.sleep(180)
        for task in tasks:
            task.cancel()
        return [sum(1 for time in store.arrivals if 0 <= time - left - start < 60) for start in (60, 120)], refusals

    windows, refused = virtual_time.run(main())
    assert min(windows) >= 0.97 * 150
    assert refused <= most_refused


def test_a_server_that_refuses_for_ever_is_asked_once_a_window() -> None:
    async def main() -> list[float]:
        limiter, store = RateLimiter(), Store(1, headers=False)
        store.quota = Quota(0, 60.0, asyncio.get_running_loop().time)
        tasks = [asyncio.create_task(store.call(limiter, 0.1)) for _ in range(20)]
        await asyncio.sleep(1000)
        for task in tasks:
            task.cancel()
        return store.arrivals

    late = [time for time in virtual_time.run(main()) if time > 400]
    assert len(late) == pytest.approx(10, abs=1)


def test_a_server_that_always_says_that_nothing_remains_is_used_all_the_same() -> None:
    async def main() -> list[float]:
        limiter, arrivals = RateLimiter(5), list[float]()
        for _ in range(3):
            arrivals.append(asyncio.get_running_loop().time())
            limiter.release(await limiter.acquire(), {"x-requests-remaining": "0 times"})
            await asyncio.sleep(0.1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(limiter.acquire(), 59)
            limiter.release(await limiter.acquire(), {})
        return arrivals

    assert virtual_time.run(main()) == pytest.approx([0, 60, 120], abs=0.1)


def test_a_walk_that_waited_for_half_a_minute_takes_its_turn_among_single_calls() -> None:
    async def main() -> tuple[float, float]:
        loop, limiter = asyncio.get_running_loop(), RateLimiter(2, 10.0, reserve=1)

        async def call(*, bulk: bool = False) -> float:
            limiter.release(await limiter.acquire(bulk=bulk))
            return loop.time()

        singles = [asyncio.create_task(call()) for _ in range(4)]
        walk = asyncio.create_task(call(bulk=True))
        for _ in range(20):  # as many as there are leases, and more
            await asyncio.sleep(2.5)
            singles.append(asyncio.create_task(call()))
        return await walk, max(await asyncio.gather(*singles))

    walked, ended = virtual_time.run(main())
    assert walked == pytest.approx(30, abs=0.1)
    assert ended > 100


def test_aged_walks_still_leave_the_reserve() -> None:
    async def main() -> int:
        limiter = RateLimiter(3, 10.0, reserve=1)
        for _ in range(2):
            await limiter.acquire(bulk=True)
        walk = asyncio.create_task(limiter.acquire(bulk=True))
        await asyncio.sleep(40)
        assert not walk.done()
        await asyncio.wait_for(limiter.acquire(), 0.01)
        walk.cancel()
        return limiter.snapshot().used

    assert virtual_time.run(main()) == 3


def test_the_snapshot_says_what_is_used_what_remains_and_who_waits() -> None:
    async def main() -> list[RateLimitSnapshot]:
        limiter = RateLimiter(2, 10.0)
        taken = [limiter.snapshot()]
        await limiter.acquire()
        limiter.release(await limiter.acquire(), {"x-requests-remaining": "7 times", "x-request-window-resets-after": "4 s"})
        waiting = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        taken.append(limiter.snapshot())
        limiter.pause(8.0)
        taken.append(limiter.snapshot())
        waiting.cancel()
        await asyncio.sleep(9)
        return [*taken, limiter.snapshot()]

    assert [attrs.astuple(taken) for taken in virtual_time.run(main())] == [
        (2, 0, None, 0, None),
        (2, 2, 7, 1, pytest.approx(4, abs=0.01)),
        (2, 2, 7, 1, pytest.approx(8, abs=0.01)),
        (2, 2, None, 0, None),
    ]


def test_max_wait_knows_of_the_gate_and_of_the_servers_reset() -> None:
    async def main() -> float:
        for headers, refused in (({"x-requests-remaining": "0 times"}, False), ({"retry-after": "30"}, True)):
            limiter = RateLimiter(5, 60.0, max_wait=20.0)
            limiter.release(await limiter.acquire(), headers, refused=refused)
            with pytest.raises(RateLimitWaitError):
                await limiter.acquire()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) < 0.1


def test_nobody_waits_for_a_timer_when_nobody_waits_for_a_lease() -> None:
    async def main() -> None:
        limiter = RateLimiter(1, 10.0)
        limiter.release(await limiter.acquire())
        waiter = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        assert limiter._timer is not None
        waiter.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert limiter._timer is None
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual_time.run(main())


def test_a_limiter_serves_one_store_only() -> None:
    limiter = RateLimiter()
    settings = {"auth_token": "token", "rate_limiter": limiter}
    first = B2BClient(store_hash="abc", **settings)  # type: ignore[arg-type] # a dict of mixed settings
    second = B2BClient(store_hash="abc", **settings)  # type: ignore[arg-type] # as above
    assert first.rate_limiter is second.rate_limiter is limiter
    for store_hash, base_url in (("other", BASE_URL), ("abc", "http://127.0.0.1:8080")):
        with pytest.raises(ConfigurationError, match="each store has its own quota"):
            B2BClient(store_hash=store_hash, base_url=base_url, **settings)  # type: ignore[arg-type] # as above
    assert B2BClient(store_hash="abc", auth_token="token").rate_limiter is not limiter


async def sent_at(limiter: RateLimiter, latencies: list[float]) -> list[float]:
    """When each of these calls is sent, in seconds from now, if all of them start now."""
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def call(latency: float) -> float:
        lease = await limiter.acquire()
        sent = loop.time() - start
        await asyncio.sleep(latency)
        limiter.release(lease, {})
        return sent

    return await asyncio.gather(*(call(latency) for latency in latencies))


@pytest.mark.parametrize(("first_takes", "others_go_at"), [(0.3, 0.3), (3.0, 1.0)])
def test_a_fresh_limiter_sends_one_request_first_and_holds_the_others_for_a_second_at_most(
    first_takes: float, others_go_at: float
) -> None:
    sent = virtual_time.run(sent_at(RateLimiter(), [first_takes] * 30))
    assert sent == pytest.approx([0.0] + 29 * [others_go_at], abs=0.01)


def test_it_asks_again_only_after_a_window_without_a_request() -> None:
    async def main() -> list[list[float]]:
        limiter, bursts = RateLimiter(10, 10.0), []
        for idle in (0.0, 9.5, 9.5, 10.1):
            await asyncio.sleep(idle)
            bursts.append(await sent_at(limiter, [0.3] * 3))
        return bursts

    asks, asks_not = [0.0, 0.3, 0.3], [0.0, 0.0, 0.0]
    assert virtual_time.run(main()) == [pytest.approx(each, abs=0.01) for each in (asks, asks_not, asks_not, asks)]


def test_a_request_under_way_for_longer_than_a_window_is_not_silence() -> None:
    async def main() -> list[float]:
        limiter = RateLimiter(10, 10.0)
        limiter.release(await limiter.acquire())
        await limiter.acquire()
        await asyncio.sleep(25.0)
        return await sent_at(limiter, [0.3] * 3)

    assert virtual_time.run(main()) == pytest.approx([0.0, 0.0, 0.0], abs=0.01)


@pytest.mark.parametrize(("sent", "others_go_at"), [(True, [0.2, 0.2, 0.2]), (False, [0.2, 0.5, 0.5])])
def test_a_first_request_that_fails_lets_the_others_go_and_one_that_was_never_sent_lets_the_next_one_ask(
    sent: bool, others_go_at: list[float]
) -> None:
    async def main() -> list[float]:
        limiter = RateLimiter()
        first = await limiter.acquire()
        others = asyncio.create_task(sent_at(limiter, [0.3] * 3))
        await asyncio.sleep(0.2)
        if sent:
            limiter.release(first)
        else:
            limiter.put_back(first)
        return await others

    assert virtual_time.run(main()) == pytest.approx(others_go_at, abs=0.01)


def test_a_lease_that_is_put_back_is_free_at_once() -> None:
    async def main() -> int:
        limiter = RateLimiter(1, max_wait=0.0)
        limiter.put_back(await limiter.acquire())
        await limiter.acquire()
        return limiter.snapshot().used

    assert virtual_time.run(main()) == 1


def test_if_the_first_call_is_cancelled_before_it_is_sent_the_next_one_becomes_the_first() -> None:
    async def main() -> list[float]:
        limiter = RateLimiter()
        limiter.pause(1.0)  # so that all of them wait
        first = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        others = asyncio.create_task(sent_at(limiter, [0.3] * 3))
        loop = asyncio.get_running_loop()
        loop.call_at(1.0, first.cancel)  # in the same step of the loop as the grant
        await asyncio.wait([first])
        assert first.cancelled()
        return await others

    assert virtual_time.run(main()) == pytest.approx([1.0, 1.3, 1.3], abs=0.01)


def test_the_calls_behind_a_first_request_that_was_answered_keep_to_what_it_learned() -> None:
    async def main() -> list[float]:
        limiter = RateLimiter()
        first = await limiter.acquire()
        others = asyncio.create_task(sent_at(limiter, [0.3] * 5))
        await asyncio.sleep(0.2)
        limiter.release(first, {"x-requests-remaining": "2 times", "x-request-window-resets-after": "7 s"})
        return await others

    assert virtual_time.run(main()) == pytest.approx([0.2, 0.2, 7.2, 7.2, 7.2], abs=0.01)


def test_asking_after_a_refusal_does_not_wait_for_the_request_that_was_first() -> None:
    async def main() -> list[float]:
        limiter = RateLimiter()
        await limiter.acquire()  # never answered
        limiter.release(await limiter.acquire(), {"retry-after": "1"}, refused=True)  # sent after a second
        return await sent_at(limiter, [0.3])

    assert virtual_time.run(main()) == pytest.approx([1.0], abs=0.11)


@pytest.mark.parametrize(("max_wait", "others_go_at"), [(0.0, 0.0), (0.4, 0.2), (10.0, 1.0)])
def test_who_will_not_wait_long_is_not_failed_by_a_first_request_without_an_answer(max_wait: float, others_go_at: float) -> None:
    sent = virtual_time.run(sent_at(RateLimiter(max_wait=max_wait), [3.0] * 30))
    assert sent == pytest.approx([0.0] + 29 * [others_go_at], abs=0.01)


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
            lease = await limiter.acquire(bulk=bulk)
            order.append(name)
            limiter.release(lease)

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
        lease = await limiter.acquire()
        if not held:
            limiter.release(lease)
        with pytest.raises(RateLimitWaitError):
            await limiter.acquire()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == pytest.approx(raised_at, abs=0.01)


def test_a_wait_that_turns_out_too_long_ends_after_max_wait() -> None:
    async def main() -> float:
        limiter = RateLimiter(1, 10.0, max_wait=5.0)
        lease = await limiter.acquire()
        limiter.release(lease)
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
        lease = await limiter.acquire()
        limiter.release(lease)
        await limiter.acquire()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize("sooner", [0.0, 1e-8])  # just after the grant, just before it
def test_a_lease_granted_to_a_waiter_that_is_cancelled_in_the_same_moment_goes_to_the_next(sooner: float) -> None:
    async def main() -> None:
        limiter = RateLimiter(1, 10.0)
        lease = await limiter.acquire()
        first = asyncio.create_task(limiter.acquire())
        second = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        limiter.release(lease)
        loop = asyncio.get_running_loop()
        loop.call_at(loop.time() + 10.0 - sooner, first.cancel)  # in the same step of the loop as the grant
        await asyncio.wait_for(second, 11)
        assert first.cancelled()

    virtual_time.run(main())


def test_leases_of_a_finished_loop_come_back_one_window_later() -> None:
    limiter = RateLimiter(1, 0.05)
    asyncio.run(limiter.acquire())
    started = time.monotonic()
    asyncio.run(asyncio.wait_for(limiter.acquire(), 5))
    assert time.monotonic() - started >= 0.05


def test_a_lease_of_a_closed_loop_is_given_back_once() -> None:
    limiter = RateLimiter(2, 60.0)
    left_behind = asyncio.run(limiter.acquire())

    async def main() -> int:
        await limiter.acquire()  # the other lease cools from now on
        limiter.release(left_behind)  # as the `finally` of what the closed loop left behind does, when it is collected
        return limiter.snapshot().used

    assert asyncio.run(main()) == 2


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
