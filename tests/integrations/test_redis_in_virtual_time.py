"""The limiter for several processes, in virtual time, with a Redis that is slow, gone and back again."""

import asyncio
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
    """Redis, as far as the two scripts go: test_redis.py runs them on a real one."""

    delays: list[float] = attrs.Factory(lambda: [0.001])
    gone: bool = False
    calls: int = 0
    mark: str = "not new"
    lends_from: float = 0.0
    leases: dict[str, float] = attrs.Factory(dict)

    def register_script(self, text: str) -> Any:
        return self.take if "ZCARD" in text else self.give

    def lose_everything(self) -> None:
        self.mark, self.leases = "", {}

    async def take(self, keys: list[str], args: list[Any]) -> tuple[str, int]:
        await self._travel()
        now = self._look(*args[:3])
        kept, _, _, name, limit, walks_limit = args
        walks = {held: freed for held, freed in self.leases.items() if held.startswith("walk")}
        wait = self.lends_from - now
        for log, most in ((self.leases, limit), (walks, walks_limit if name.startswith("walk") else limit)):
            if len(log) >= most:
                wait = max(wait, min(log.values()) - now)
        if wait <= 0:
            self.leases[name] = now + kept
        answer = self.mark, int(wait * 1000) + 1 if wait > 0 else -1
        await self._travel()
        return answer

    async def give(self, keys: list[str], args: list[Any]) -> tuple[str, int]:
        await self._travel()
        now = self._look(*args[:3])
        for name, seconds in zip(args[3::2], args[4::2], strict=True):
            self.leases[name] = now + seconds
        answer = self.mark, 0
        await self._travel()
        return answer

    def _look(self, _kept: float, grace: float, new_mark: str) -> float:
        now = asyncio.get_running_loop().time()
        if not self.mark:
            self.mark, self.lends_from = new_mark, now + grace
        self.leases = {held: freed for held, freed in self.leases.items() if freed > now}
        return now

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


@settings(max_examples=60)
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


@settings(max_examples=60)
@given(
    latencies=st.lists(st.floats(0.0, 30.0), min_size=10, max_size=60),
    requests=st.integers(2, 6),
    processes=st.integers(2, 3),
    delays=st.lists(st.sampled_from([0.0, 0.001, 0.1, 0.3]), min_size=1, max_size=7),
    losses=st.lists(st.floats(0.0, 40.0), min_size=1, max_size=8),
    outage=st.floats(0.0, 3.0),
    data=st.data(),
)
def test_when_redis_loses_its_data_no_request_that_counts_is_forgotten(
    latencies: list[float],
    requests: int,
    processes: int,
    delays: list[float],
    losses: list[float],
    outage: float,
    data: st.DataObject,
) -> None:
    arrivals: list[float] = []
    turns = data.draw(st.lists(st.integers(0, processes - 1), min_size=len(latencies), max_size=len(latencies)))
    pauses = data.draw(st.lists(st.sampled_from([0.0, 0.0, 3.0, 20.0]), min_size=len(latencies), max_size=len(latencies)))

    async def main() -> None:
        logs = Logs(delays)
        limiters = [limiter(logs, requests, reserve=1) for _ in range(processes)]

        async def lose() -> None:
            for wait in losses:
                await asyncio.sleep(wait)
                logs.gone = outage > 0
                logs.lose_everything()
                await asyncio.sleep(outage)
                logs.gone = False

        losing = asyncio.create_task(lose())
        tasks = []
        for index, (latency, turn, pause) in enumerate(zip(latencies, turns, pauses, strict=True)):
            await asyncio.sleep(pause)
            tasks.append(asyncio.create_task(use(limiters[turn], arrivals, latency, bulk=index % 3 == 0)))
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, RateLimitWaitError) for outcome in outcomes)
        await losing
        await asyncio.sleep(400.0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert [len(limiter._leases) for limiter in limiters] == [0] * processes

    virtual_time.run(main())
    assert most_in_a_window(arrivals) <= requests


def test_a_process_asks_redis_nothing_while_it_has_no_leases() -> None:
    async def main() -> list[int]:
        logs = Logs()
        one, calls = limiter(logs, 5), []
        one.release(await one.acquire(), {})
        for wait in (10.0, 60.0, 100.0):
            await asyncio.sleep(wait)
            calls.append(logs.calls)
        return calls

    while_cooling, cooled, long_after = virtual_time.run(main())
    assert while_cooling == pytest.approx(2 * 10 / 0.5, abs=6)
    assert cooled == long_after


def test_a_lease_that_is_put_back_is_free_for_others_at_once() -> None:
    async def main() -> float:
        logs = Logs()
        one, other = limiter(logs, 1), limiter(logs, 1)
        one.put_back(await one.acquire())
        await asyncio.sleep(0.1)
        before = asyncio.get_running_loop().time()
        await other.acquire()
        return asyncio.get_running_loop().time() - before

    assert virtual_time.run(main()) < 0.1
