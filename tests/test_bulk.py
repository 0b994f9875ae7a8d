"""`bulk.run`: bounded, one failure never stops the rest, nothing is left running, and every item is accounted for once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import attrs
import pytest
import virtual_time
from conftest import Scripted, connect
from hypothesis import given, strategies as st
from scripted_server import answer, envelope

from bigcommerce_b2b_invoices import (
    B2BClient,
    BulkRun,
    BulkSummary,
    ForbiddenError,
    NotFoundError,
    Outcome,
    OutcomeUnknownError,
    RateLimiter,
    bulk,
)
from bigcommerce_b2b_invoices.sandbox import Sandbox


@attrs.frozen
class Job:
    """An item, and what becomes of it."""

    name: int
    seconds: float
    end: str = "ok"  # ok, fails, unknown
    late: float = 0.0  # seconds that the items let wait for it


@attrs.define
class Work:
    """An operation that watches over how it is called."""

    concurrency: int
    under_way: int = 0
    begun: int = 0
    delivered: int = 0
    crowded: bool = False

    async def __call__(self, job: Job) -> int:
        self.begun += 1
        self.under_way += 1
        self.crowded |= self.begun - self.delivered > self.concurrency
        try:
            await asyncio.sleep(job.seconds)
        finally:
            self.under_way -= 1
        if job.end == "unknown":
            raise OutcomeUnknownError("planted")
        if job.end == "fails":
            raise KeyError(job.name)
        return -job.name


async def slowly(jobs: list[Job]) -> AsyncIterator[Job]:
    for job in jobs:
        await asyncio.sleep(job.late)
        yield job


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def total(summary: BulkSummary) -> int:
    return sum(attrs.astuple(summary))


JOBS = st.lists(
    st.builds(
        Job,
        st.integers(0, 10**6),
        st.sampled_from([0.0, 0.0, 1.0, 2.0, 3.5]),
        st.sampled_from(["ok", "ok", "fails", "unknown"]),
        st.sampled_from([0.0, 0.0, 0.7]),
    ),
    max_size=12,
    unique_by=lambda job: job.name,
)
ENDS = {"ok": type(None), "fails": KeyError, "unknown": OutcomeUnknownError}


@attrs.define
class Scene:
    """A consumer that takes some outcomes and leaves in one of the ways there are."""

    jobs: list[Job]
    leave: str
    after: int  # outcomes, or seconds until it is cancelled
    pause: float  # seconds between two outcomes
    work: Work
    known: Callable[[], int]  # items
    outcomes: list[Outcome[Job, int]] = attrs.field(factory=list)

    async def play(self, run: BulkRun[Job, int]) -> None:
        with suppress(ZeroDivisionError, TimeoutError):
            async with asyncio.timeout(self.after if self.leave == "cancel" else None):
                await (self.forget(run) if self.leave == "forget" else self.loop(run))

    async def loop(self, run: BulkRun[Job, int]) -> None:
        async for outcome in run:
            await self.take(run, outcome)
            if len(self.outcomes) > self.after and self.leave == "break":
                break
            if len(self.outcomes) > self.after and self.leave == "error":
                raise ZeroDivisionError
            if len(self.outcomes) > self.after and self.leave == "aclose":
                await run.aclose()
                assert not others()
                break

    async def forget(self, run: BulkRun[Job, int]) -> None:
        while len(self.outcomes) < min(self.after, len(self.jobs)):
            await self.take(run, await anext(run))

    async def take(self, run: BulkRun[Job, int], outcome: Outcome[Job, int]) -> None:
        self.outcomes.append(outcome)
        assert total(run.summary) == self.known()
        await asyncio.sleep(self.pause)
        self.work.delivered += 1

    def check(self, summary: BulkSummary, *, ordered: bool) -> None:
        assert not self.work.crowded
        assert total(summary) == self.known()
        names = [outcome.item.name for outcome in self.outcomes]
        assert len(set(names)) == len(names)
        if ordered:
            assert names == [job.name for job in self.jobs][: len(names)]
        for outcome in self.outcomes:
            assert outcome.ok == (outcome.item.end == "ok")
            assert outcome.result == (-outcome.item.name if outcome.ok else None)
            assert type(outcome.error) is ENDS[outcome.item.end]
        if self.leave == "end" or len(self.outcomes) == len(self.jobs):
            ends = [job.end for job in self.jobs]
            assert len(names) == len(self.jobs)
            assert attrs.astuple(summary) == (ends.count("ok"), ends.count("fails"), ends.count("unknown"), 0, 0)


@given(
    jobs=JOBS,
    concurrency=st.integers(1, 5),
    ordered=st.booleans(),
    source=st.sampled_from(["list", "iterator", "async"]),
    leave=st.sampled_from(["end", "break", "error", "cancel", "aclose", "forget"]),
    after=st.integers(0, 12),
    pause=st.sampled_from([0.0, 0.0, 2.0]),
)
def test_whatever_happens_no_task_is_left_and_every_item_is_accounted_for_once(
    *, jobs: list[Job], concurrency: int, ordered: bool, source: str, leave: str, after: int, pause: float
) -> None:
    work = Work(concurrency)
    scene = Scene(jobs, leave, after, pause, work, lambda: len(jobs) if source == "list" else work.begun)

    async def main() -> None:
        items = jobs if source == "list" else iter(jobs) if source == "iterator" else slowly(jobs)
        runs = [bulk.run(work, items, concurrency=concurrency, ordered=ordered)]
        await scene.play(runs[0])
        summary = runs[0].summary
        if leave == "forget":
            runs.clear()
        for _ in range(5):
            await asyncio.sleep(0)  # the cancelled ones end
        assert not others()
        assert not work.under_way
        scene.check(runs[0].summary if runs else summary, ordered=ordered)

    virtual_time.run(main())


async def names(run: BulkRun[Job, int]) -> list[int]:
    return [outcome.item.name async for outcome in run]


def test_outcomes_come_as_they_complete_or_in_the_order_of_the_items() -> None:
    jobs = [Job(1, 9.0), Job(2, 1.0), Job(3, 2.0), Job(4, 0.5), Job(5, 0.5)]
    assert virtual_time.run(names(bulk.run(Work(3), jobs, concurrency=99))) == [4, 5, 2, 3, 1]
    assert virtual_time.run(names(bulk.run(Work(99), jobs, ordered=True))) == [1, 2, 3, 4, 5]


def test_nothing_is_begun_before_the_first_outcome_is_asked_for_and_the_items_are_not_touched() -> None:
    taken: list[int] = []

    def items() -> Iterator[Job]:
        for name in range(9):
            taken.append(name)
            yield Job(name, 1.0)

    async def main() -> None:
        run = bulk.run(Work(2), items(), concurrency=2)
        await asyncio.sleep(5)
        assert taken == []
        await anext(run)
        await asyncio.sleep(50)
        assert taken == [0, 1]  # a consumer that stops stops the rest
        assert run.summary == BulkSummary(succeeded=2, failed=0, unknown=0, not_attempted=0, under_way=0)

    virtual_time.run(main())


def test_one_place_means_one_after_another_so_that_the_first_failure_can_stop_the_rest() -> None:
    async def main() -> None:
        work = Work(1)
        run = bulk.run(work, [Job(1, 1.0), Job(2, 1.0, "unknown"), Job(3, 1.0)], concurrency=1)
        async for outcome in run:
            await asyncio.sleep(10)
            work.delivered += 1
            if not outcome.ok:
                break
        assert run.summary == BulkSummary(succeeded=1, failed=0, unknown=1, not_attempted=1, under_way=0)
        assert not others()

    virtual_time.run(main())


def test_what_was_broken_off_is_unknown() -> None:
    async def main() -> None:
        run = bulk.run(Work(9), [Job(1, 0.0), Job(2, 1.0), Job(3, 2.0), Job(4, 9.0)], concurrency=3)
        await anext(run)
        await run.aclose()
        assert run.summary == BulkSummary(succeeded=1, failed=0, unknown=2, not_attempted=1, under_way=0)
        with pytest.raises(RuntimeError, match="stopped early"):
            await anext(run)

    virtual_time.run(main())


@pytest.mark.parametrize("source", ["plain", "async"])
def test_an_error_of_the_items_is_raised_once_all_that_was_begun_is_delivered(source: str) -> None:
    def plain() -> Iterator[Job]:
        yield from (Job(1, 5.0), Job(2, 1.0))
        raise LookupError("no more")

    async def slow() -> AsyncIterator[Job]:
        for job in plain():
            yield job

    async def main() -> None:
        run = bulk.run(Work(9), plain() if source == "plain" else slow())
        assert [(await anext(run)).item.name, (await anext(run)).item.name] == [2, 1]
        with pytest.raises(LookupError, match="no more"):
            await anext(run)
        assert run.summary == BulkSummary(succeeded=2, failed=0, unknown=0, not_attempted=0, under_way=0)

    virtual_time.run(main())


def test_a_cancellation_that_nobody_asked_for_is_a_failed_outcome() -> None:
    async def operation(number: int) -> int:
        await asyncio.sleep(number)
        if number == 2:
            raise asyncio.CancelledError
        return number

    async def main() -> None:
        run = bulk.run(operation, [1, 2, 3], concurrency=2)
        outcomes = {outcome.item: outcome async for outcome in run}

        assert [item for item, outcome in outcomes.items() if outcome.ok] == [1, 3]
        assert isinstance(outcomes[2].error, RuntimeError)
        assert "nobody cancelled" in str(outcomes[2].error)
        assert run.summary == BulkSummary(succeeded=2, failed=1, unknown=0, not_attempted=0, under_way=0)

    virtual_time.run(main())


@pytest.mark.parametrize("leave", ["cancel", "break"])
def test_what_is_broken_off_may_clean_up_and_is_waited_for(leave: str) -> None:
    cleaned: list[int] = []

    async def operation(number: int) -> None:
        try:
            await asyncio.sleep(60 * number)
        finally:
            await asyncio.sleep(1)
            cleaned.append(number)

    async def main() -> None:
        run = bulk.run(operation, [0, 1, 2])
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                async for _ in run:
                    if leave == "break":
                        break
        assert sorted(cleaned) == ([0, 1, 2] if leave == "cancel" else [0])
        await asyncio.sleep(0.5)
        run.stop()  # a second time, which must not cut the cleaning up short
        await run.aclose()
        assert sorted(cleaned) == [0, 1, 2]

    virtual_time.run(main())


def test_a_run_has_one_consumer_who_loops_once() -> None:
    async def main() -> None:
        run = bulk.run(Work(9), [Job(1, 1.0)])
        first = asyncio.ensure_future(anext(run))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one consumer"):
            await anext(run)
        assert (await first).result == -1
        assert await names(run) == []
        assert await names(run) == []
        run.stop()
        assert await names(run) == []  # it had come to its end

    virtual_time.run(main())


def test_an_event_loop_that_was_closed_first_does_no_harm() -> None:
    loop = virtual_time.VirtualLoop()
    run = bulk.run(Work(9), [Job(1, 0.0), Job(2, 60.0)])
    loop.run_until_complete(anext(run))
    loop.close()
    run.stop()
    assert run.summary == BulkSummary(succeeded=1, failed=0, unknown=0, not_attempted=0, under_way=1)


def test_the_items_are_let_go_when_the_loop_over_the_outcomes_is_left() -> None:
    let_go: list[bool] = []

    def items() -> Iterator[Job]:
        try:
            yield from (Job(name, 0.0) for name in range(99))
        finally:
            let_go.append(True)

    async def main() -> None:
        run = bulk.run(Work(9), items())
        async for _ in run:
            break
        assert let_go
        assert run.summary.succeeded == 8

    virtual_time.run(main())


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        ((len, [1]), {"concurrency": 0}, ValueError, "1 or more"),
        ((len, [1]), {"concurrency": 2.0}, TypeError, "must be an int"),
        ((len, [1]), {"concurrency": True}, TypeError, "must be an int"),
        ((None, [1]), {}, TypeError, "operation must be"),
        ((len, "INV-1"), {}, TypeError, "items must be several"),
        ((len, 5), {}, TypeError, "iterable"),
        ((len, [1], 3), {}, TypeError, "positional"),
    ],
)
def test_an_argument_that_cannot_be_right_is_refused_at_once(
    arguments: Any, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        bulk.run(*arguments, **settings)


async def test_a_walk_can_feed_a_run_and_is_left_with_it(sandbox: Sandbox, client: B2BClient) -> None:
    async with connect(sandbox) as other:
        run = bulk.run(lambda invoice: other.invoices.get(invoice.id), client.invoices.iterate(page_size=5, prefetch=2))
        async for outcome in run:
            assert outcome.result
            assert outcome.result.id == outcome.item.id
            break
        await run.aclose()
        await asyncio.sleep(0.02)
        assert not [task for task in others() if "fetch" in repr(task.get_coro()) or "one" in repr(task.get_coro())]
        assert sandbox.request_count <= 8 + 1 + 3  # places, the walk's first page, and those ahead of it


async def test_one_failure_stops_no_other(sandbox: Sandbox, client: B2BClient) -> None:
    ids = sandbox.invoice_ids[:20]
    outcomes = {outcome.item: outcome async for outcome in bulk.run(client.invoices.delete, [*ids, 5, *ids[:1]])}
    assert [item for item, outcome in outcomes.items() if not outcome.ok and item != ids[0]] == [5]
    assert isinstance(outcomes[5].error, NotFoundError)
    assert not set(ids) & set(sandbox.invoice_ids)


async def test_the_calls_of_a_run_let_single_calls_go_first_and_leave_the_reserve_alone(sandbox: Sandbox) -> None:
    limiter = RateLimiter(4, 30.0, reserve=2)
    async with connect(sandbox, rate_limiter=limiter) as client:
        run = bulk.run(client.invoices.get, sandbox.invoice_ids[:6])
        first = asyncio.ensure_future(anext(run))
        while sandbox.request_count < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert sandbox.request_count == 2  # the rest waits for leases beyond the reserve
        async with asyncio.timeout(10):
            await client.invoices.get(sandbox.invoice_ids[9])
            await client.invoices.get(sandbox.invoice_ids[9])
        assert sandbox.request_count == 4
        assert (await first).ok
        await run.aclose()


async def test_a_refusal_is_an_outcome_with_its_error(scripted: Scripted) -> None:
    _, client = await scripted(answer({"code": 403, "meta": {"message": "no"}}, 403), envelope({"id": 7}))
    outcomes = [outcome async for outcome in bulk.run(client.invoices.get, [7, 7], concurrency=1)]
    assert isinstance(outcomes[0].error, ForbiddenError)
    assert outcomes[0].error.path == "/invoices/7"
    assert outcomes[1].ok
