"""The limiter for several processes, in virtual time, with a Redis that is slow, gone and back again."""

import asyncio
from collections import defaultdict
from typing import Any, cast

import attrs
import pytest
import virtual_time
from hypothesis import given, settings, strategies as st
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as GoneError

from bigcommerce_b2b_invoices import RateLimitWaitError
from bigcommerce_b2b_invoices.integrations.redis import RedisRateLimiter
from bigcommerce_b2b_invoices.transport.feedback import Lease

PER = 60.0


@attrs.define
class Logs:
    """Redis, as far as the two scripts go: test_integrations.redis.py runs them on a real one."""

    delays: list[float] = attrs.Factory(lambda: [0.001])
    gone: bool = False
    calls: int = 0
    logs: defaultdict[str, dict[str, float]] = attrs.Factory(lambda: defaultdict(dict))

    def register_script(self, text: str) -> Any:
        return self.take if "ZCARD" in text else self.give

    async def take(self, *, keys: list[str], args: list[Any]) -> int:
        await self._travel()
        now = asyncio.get_running_loop().time()
        name, kept, *limits = args
        for log, limit in zip(keys, limits, strict=True):
            self.logs[log] = {held: freed for held, freed in self.logs[log].items() if freed > now}
            if len(self.logs[log]) >= limit:
                return int((min(self.logs[log].values()) - now) * 1000) + 1
        for log in keys:
            self.logs[log][name] = now + kept
        await self._travel()
        return -1

    async def give(self, *, keys: list[str], args: list[Any]) -> None:
        await self._travel()
        now = asyncio.get_running_loop().time()
        for name, seconds in zip(args[1::2], args[2::2], strict=True):
            self.logs[keys[0]][name] = now + seconds
        await self._travel()

    async def _travel(self) -> None:
        self.calls += 1
        await asyncio.sleep(self.delays[self.calls % len(self.delays)] / 2)
        if self.gone:
            raise GoneError


def limiter(logs: Logs, requests: int, **settings: Any) -> RedisRateLimiter:
    made = RedisRateLimiter(cast("Redis", logs), requests, PER, **settings)
    made.claim("a store")
    return made


def most_in_a_window(arrivals: list[float]) -> int:
    return max((sum(1 for other in arrivals if 0 <= other - arrival < PER) for arrival in arrivals), default=0)


async def use(limiter: RedisRateLimiter, arrivals: list[float], latency: float, *, bulk: bool) -> None:
    lease = await limiter.acquire(bulk=bulk)
    try:
        await asyncio.sleep(latency / 2)
        arrivals.append(asyncio.get_running_loop().time())
        await asyncio.sleep(latency / 2)
    finally:
        limiter.release(lease, {})


@settings(max_examples=60, deadline=None)
@given(
    latencies=st.lists(st.floats(0.0, 30.0), min_size=1, max_size=30),
    requests=st.integers(1, 6),
    processes=st.integers(1, 3),
    cancelled=st.sets(st.integers(0, 29), max_size=8),
    bulk=st.sets(st.integers(0, 29)),
    delays=st.lists(st.sampled_from([0.0, 0.001, 0.3, 1.5, 5.0]), min_size=1, max_size=7),
    outages=st.lists(st.floats(0.0, 100.0), max_size=3),
    data=st.data(),
)
def test_processes_together_never_send_too_many_and_everybody_has_an_outcome_and_no_lease_is_lost(
    latencies: list[float],
    requests: int,
    processes: int,
    cancelled: set[int],
    bulk: set[int],
    delays: list[float],
    outages: list[float],
    data: st.DataObject,
) -> None:
    arrivals: list[float] = []
    reserve = data.draw(st.integers(0, requests - 1))

    async def main() -> None:
        logs = Logs(delays)
        limiters = [limiter(logs, requests, reserve=reserve) for _ in range(processes)]
        tasks = [
            asyncio.create_task(use(limiters[index % processes], arrivals, latency, bulk=index in bulk))
            for index, latency in enumerate(latencies)
        ]
        for index in sorted(cancelled):
            await asyncio.sleep(7.0)
            if index < len(tasks):
                tasks[index].cancel()
        for length in outages:
            await asyncio.sleep(20.0)
            logs.gone = True
            await asyncio.sleep(length)
            logs.gone = False
        async with asyncio.timeout(400.0 * len(tasks)):
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, (asyncio.CancelledError, RateLimitWaitError)) for outcome in outcomes)
        logs.delays = [0.0]
        await asyncio.sleep(400.0)  # longer than a dead process keeps a lease
        assert [limiter.snapshot().used for limiter in limiters] == [0] * processes
        assert asyncio.all_tasks() == {asyncio.current_task()}
        for _ in range(requests):
            limiters[0].release(await asyncio.wait_for(limiters[0].acquire(), 0.01), {})

    virtual_time.run(main())
    assert most_in_a_window(arrivals) <= requests


def test_a_lease_that_nobody_wants_any_more_is_free_for_others_at_once() -> None:
    async def main() -> float:
        logs = Logs([1.0])
        one, other = limiter(logs, 1), limiter(logs, 1)
        waiter = asyncio.create_task(one.acquire())
        await asyncio.sleep(0.7)  # it is written down, and the answer is on its way
        waiter.cancel()
        await asyncio.sleep(2.0)
        before = asyncio.get_running_loop().time()
        await other.acquire()
        return asyncio.get_running_loop().time() - before

    assert virtual_time.run(main()) < 2.0


def test_a_lease_granted_to_a_waiter_that_is_cancelled_in_the_same_moment_is_free_for_others() -> None:
    async def main() -> None:
        logs = Logs([1.0])
        one, other = limiter(logs, 1), limiter(logs, 1)
        waiter = asyncio.create_task(one.acquire())
        await asyncio.sleep(0.999)
        while not one.snapshot().used:
            await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.wait([waiter])
        assert waiter.cancelled()
        await asyncio.sleep(1.0)
        await asyncio.wait_for(other.acquire(), 2.0)

    virtual_time.run(main())


def test_a_lease_whose_answer_was_lost_is_free_for_others() -> None:
    async def main() -> None:
        logs = Logs([1.0])
        one, other = limiter(logs, 1), limiter(logs, 1)
        waiter = asyncio.create_task(one.acquire())
        await asyncio.sleep(0.7)  # it is written down
        logs.gone = True
        await asyncio.sleep(0.4)
        logs.gone = False
        with pytest.raises(RateLimitWaitError):
            await waiter
        await asyncio.sleep(1.0)
        await asyncio.wait_for(other.acquire(), 2.0)

    virtual_time.run(main())


@pytest.mark.parametrize(("asks_first", "came_meanwhile", "served_at"), [(True, False, 1.0), (False, True, 2.0)])
def test_a_walks_lease_serves_a_single_call_and_not_the_other_way_round(
    asks_first: bool, came_meanwhile: bool, served_at: float
) -> None:
    async def main() -> tuple[float, bool]:
        one = limiter(Logs([1.0]), 2, reserve=1)
        first = asyncio.create_task(one.acquire(bulk=asks_first))
        await asyncio.sleep(0.5)
        second = asyncio.create_task(one.acquire(bulk=came_meanwhile))
        await asyncio.sleep(0.1)
        first.cancel()
        lease = await second
        return asyncio.get_running_loop().time(), lease.shared.startswith("walk")

    when, walks = virtual_time.run(main())
    assert when == pytest.approx(served_at, abs=0.01)
    assert walks


def test_what_was_sent_without_redis_counts_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> tuple[int, list[float]]:
        logs, arrivals = Logs(), list[float]()
        one, other = limiter(logs, 4, without_redis=2), limiter(logs, 4)
        logs.gone = True
        tasks = [asyncio.create_task(use(one, arrivals, 1.0, bulk=False)) for _ in range(6)]
        await asyncio.sleep(10.0)
        alone = len(arrivals)
        logs.gone = False
        await asyncio.sleep(0.5)  # Redis is asked again every second
        tasks += [asyncio.create_task(use(other, arrivals, 1.0, bulk=False)) for _ in range(6)]
        await asyncio.gather(*tasks)
        return alone, arrivals

    alone, arrivals = virtual_time.run(main())
    assert alone == 2
    assert (len(arrivals), most_in_a_window(arrivals)) == (12, 4)
    assert len(caplog.records) == 1  # for the whole outage


def test_redis_that_takes_too_long_is_gone() -> None:
    async def main() -> float:
        with pytest.raises(RateLimitWaitError, match=r"cannot get a lease from Redis \(TimeoutError\)"):
            await limiter(Logs([10.0]), 5).acquire()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == pytest.approx(2.0, abs=0.01)


def test_the_gate_and_the_servers_count_hold_with_redis_too() -> None:
    async def main() -> tuple[float, Lease]:
        loop, one = asyncio.get_running_loop(), limiter(Logs(), 5)
        one.release(await one.acquire(), {"x-requests-remaining": "0 times", "x-request-window-resets-after": "7 s"})
        lease = await one.acquire()
        return loop.time(), lease

    when, lease = virtual_time.run(main())
    assert when == pytest.approx(7.0, abs=0.1)
    assert lease.shared


def test_a_limiter_whose_loop_has_ended_serves_the_next_one() -> None:
    async def main() -> float:
        before = asyncio.get_running_loop().time()
        await one.acquire()
        waited = asyncio.get_running_loop().time() - before
        waiter = asyncio.create_task(one.acquire())
        await asyncio.sleep(0.01)
        waiter.cancel()
        return waited

    one = limiter(Logs(), 3)
    assert [virtual_time.run(main()) < 5 for _ in range(2)] == [True, True]


def test_a_redis_that_hangs_is_done_without_after_a_moment() -> None:
    async def main() -> float:
        await limiter(Logs([10.0]), 5, without_redis=1).acquire()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) < 5.0


def test_a_walk_that_may_not_have_more_does_not_hold_up_a_single_call() -> None:
    async def main() -> float:
        logs = Logs()
        others, ours = limiter(logs, 5, reserve=2), limiter(logs, 5, reserve=2)
        for _ in range(3):
            await others.acquire(bulk=True)  # all that walks may have
        walk = asyncio.create_task(ours.acquire(bulk=True))
        await asyncio.sleep(35.0)  # so that it has aged
        before = asyncio.get_running_loop().time()
        await ours.acquire()
        walk.cancel()
        return asyncio.get_running_loop().time() - before

    assert virtual_time.run(main()) < 1.0


def test_closing_waits_for_what_is_asked_for_one_who_has_gone() -> None:
    async def main() -> set[asyncio.Task[Any]]:
        ours = limiter(Logs([0.3]), 5)
        waiter = asyncio.create_task(ours.acquire())
        await asyncio.sleep(0.1)
        waiter.cancel()
        await asyncio.wait([waiter])
        await ours.aclose()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert virtual_time.run(main()) == set()
