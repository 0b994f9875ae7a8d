"""`get_many`: every id has one outcome, and it takes no more requests than it said, and than its bound."""

import asyncio
import math
from functools import partial
from random import Random
from typing import Any, TypeVar

import attrs
import pytest
from conftest import Scripted, connect
from scripted_server import answer, envelope

from bigcommerce_b2b_invoices import (
    B2BClient,
    DecodeError,
    GetMany,
    GetPlan,
    IncompleteWalkError,
    Invoice,
    NotFoundError,
    Outcome,
    RateLimiter,
    ServerError,
)
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.order import Mark, Order
from bigcommerce_b2b_invoices.walks.passes import Pass
from bigcommerce_b2b_invoices.wire.call import Call

T = TypeVar("T")

NO_ID = 10**9


def unlimited() -> RateLimiter:
    """No quota: what is counted are requests, not seconds."""
    return RateLimiter(1_000_000, 1.0)


async def outcomes_of(many: GetMany) -> dict[int, Outcome[int, Invoice]]:
    """By id; none may come twice."""
    outcomes = [outcome async for outcome in many]
    by_id = {outcome.item: outcome for outcome in outcomes}
    assert len(by_id) == len(outcomes)
    return by_id


@attrs.define
class Spy:
    """A `send` that something can befall on its way."""

    client: B2BClient
    errors: list[Exception | None] = attrs.field(factory=list)  # of the list calls, one after another
    lists: int = 0
    gets: int = 0
    on_its_way: set[int] = attrs.field(factory=set)
    most: int = 0
    singles: int = 0
    slow: float = 0.0  # seconds that any GET after the first takes longer

    @property
    def calls(self) -> int:
        return self.lists + self.gets

    async def __call__(self, call: Call[T], *, bulk: bool = False) -> T:
        is_list = call.request.path == "/invoices"
        self.lists += is_list
        self.gets += not is_list
        self.singles += not bulk
        if is_list and self.errors and (error := self.errors.pop(0)):
            raise error
        self.on_its_way.add(id(call))
        self.most = max(self.most, len(self.on_its_way))
        try:
            if self.gets > 1:
                await asyncio.sleep(self.slow)
            return await self.client._transport.send(attrs.evolve(call, received=partial(self._here, call)), bulk=bulk)
        finally:
            self.on_its_way.discard(id(call))

    def _here(self, call: Call[T]) -> None:
        """The answer is here; it is yet to be decoded, and meanwhile the next request may be sent."""
        self.on_its_way.discard(id(call))
        if call.received is not None:
            call.received()


def number_of(invoice: Invoice) -> str:
    return invoice.invoice_number or ""


def left_over() -> list[str]:
    """Tasks of ours."""
    coroutines = [repr(task.get_coro()) for task in asyncio.all_tasks() if not task.cancelling()]
    return [name for name in coroutines if "fetch" in name or "_Work.one" in name]


def choose(ids: tuple[int, ...], count: int, which: str) -> list[int]:
    if which == "oldest":
        return list(ids[:count])
    if which == "newest":
        return list(ids[-count:])
    if which == "spread":
        return list(ids[:: max(1, len(ids) // count)][:count])
    found = Random(count).sample(ids, max(0, min(len(ids), count - 2)))
    return [*found, *range(NO_ID, NO_ID + count - len(found))]  # "some missing"


@pytest.mark.parametrize("total", [0, 1, 60, 249, 250, 251, 499, 500, 1000, 2500])
async def test_it_takes_no_more_requests_than_its_bound_and_its_plan(total: int) -> None:
    async with Sandbox(invoices=total) as sandbox, connect(sandbox, rate_limiter=unlimited()) as client:
        sent = 0
        for count in (1, 2, 3, 4, 5, 7, 10, 30, 500):
            for which in ("oldest", "newest", "spread", "some missing"):
                ids = choose(sandbox.invoice_ids, count, which)
                spy = Spy(client)
                many = GetMany(spy, ids, concurrency=8)
                plan = await many.plan()
                planning = spy.calls
                found = await outcomes_of(many)
                used = spy.calls  # those too that were broken off, which the sandbox may count later
                sent += used
                assert set(found) == set(ids)
                assert all(outcome.ok == (item < NO_ID) for item, outcome in found.items())
                assert used <= plan.requests
                assert planning == (len(ids) > 3)
                bound = min(len(ids), math.ceil(total / 249) + 2)
                first_page_was_in_vain = plan.way == "each" and plan.requests == len(ids) + 1
                assert used <= bound + first_page_was_in_vain or (total, count) == (0, 3), (count, which)
        await asyncio.sleep(0.05)
        assert 0 < sandbox.request_count <= sent


async def test_a_walk_that_is_under_way_is_left_only_where_the_pages_asked_for_ahead_are_made_good() -> None:
    async with Sandbox(invoices=2500, latency=0.01) as sandbox, connect(sandbox, rate_limiter=unlimited()) as client:
        by_number = sorted([invoice async for invoice in client.invoices.iterate()], key=number_of)
        ids = [invoice.id for invoice in (*by_number[300:311], *by_number[-9:])]  # on the second page, and on the last
        before = sandbox.request_count
        assert len(await outcomes_of(client.invoices.get_many(ids))) == 20
        assert sandbox.request_count - before <= 13  # the bound; ten requests by now, and nine more one by one, are above it


@pytest.mark.parametrize("total", [251, 499, 2500, 20_000, 100_000])
def test_the_fewest_pages_are_within_the_bound(total: int) -> None:
    marks = [Mark(number, number) for number in range(total)]
    current = Pass(Order("invoiceNumber", unique=True), 250, IdSet(), thrifty=True)
    pages = 0
    while not current.done:
        page = marks[current.offset : current.offset + 250]
        assert current.receive(current.offset, page, echoed_limit=250, total=total) is not None
        pages += 1
    assert pages + 1 <= math.ceil(total / 249) + 2  # one looks for changes


async def test_both_ways_give_the_same_invoices(sandbox: Sandbox, client: B2BClient) -> None:
    few, all_of_them = sandbox.invoice_ids[:3], sandbox.invoice_ids
    one_by_one = await outcomes_of(client.invoices.get_many(few))
    walked = await outcomes_of(client.invoices.get_many(all_of_them))
    assert sandbox.request_count == 3 + 1
    for invoice_id in few:
        assert one_by_one[invoice_id] == walked[invoice_id]
        assert one_by_one[invoice_id].result == await client.invoices.get(invoice_id)


async def test_an_id_that_is_given_twice_has_one_outcome(sandbox: Sandbox, client: B2BClient) -> None:
    first, second = sandbox.invoice_ids[:2]
    found = await outcomes_of(client.invoices.get_many([first, second, first, NO_ID]))
    assert set(found) == {first, second, NO_ID}
    assert sandbox.request_count == 3


@pytest.mark.parametrize("others", [0, 5])
async def test_a_missing_id_is_an_outcome_with_its_error(others: int, sandbox: Sandbox, client: B2BClient) -> None:
    found = await outcomes_of(client.invoices.get_many([NO_ID, *sandbox.invoice_ids[:others]]))
    error = found[NO_ID].error
    assert isinstance(error, NotFoundError)
    assert error.path == f"/invoices/{NO_ID}"
    assert error.status == 404
    assert found[NO_ID].result is None


async def test_no_ids_cost_nothing(sandbox: Sandbox, client: B2BClient) -> None:
    many = client.invoices.get_many(())
    assert await many.plan() == GetPlan(way="each", requests=0)
    assert await outcomes_of(many) == {}
    assert sandbox.request_count == 0


@pytest.mark.parametrize(
    ("ids", "settings", "error"),
    [([5, 0], {}, ValueError), ([5, "6"], {}, TypeError), ([True], {}, TypeError), ("56", {}, TypeError), ([5], {"concurrency": 0}, ValueError)],
)  # fmt: skip
async def test_what_cannot_be_an_id_is_refused_before_anything_is_sent(
    ids: Any, settings: Any, error: type[Exception], sandbox: Sandbox, client: B2BClient
) -> None:
    with pytest.raises(error):
        client.invoices.get_many(ids, **settings)
    assert sandbox.request_count == 0


async def test_a_walk_ends_when_everything_was_found() -> None:
    async with Sandbox(invoices=2000, latency=0.01) as sandbox, connect(sandbox) as client:
        by_number = sorted([invoice async for invoice in client.invoices.iterate()], key=number_of)
        before = sandbox.request_count
        assert len(await outcomes_of(client.invoices.get_many([invoice.id for invoice in by_number[:400]]))) == 400
        assert sandbox.request_count - before == 2
        many = client.invoices.get_many([invoice.id for invoice in (*by_number[:10], *by_number[300:330])])
        for _ in range(40):
            assert (await anext(many)).ok
        assert not left_over()  # though pages had been asked for ahead


async def test_all_its_calls_are_bulk_calls_and_no_more_at_a_time_than_said() -> None:
    async with Sandbox(invoices=3000, latency=0.005) as sandbox, connect(sandbox, rate_limiter=unlimited()) as client:
        for count, concurrency in ((3, 1), (3, 2), (14, 3), (500, 1), (500, 3)):
            spy = Spy(client)
            many = GetMany(spy, choose(sandbox.invoice_ids, count, "some missing"), concurrency=concurrency)
            assert len(await outcomes_of(many)) == count
            assert spy.singles == 0
            assert spy.most <= concurrency
            assert not left_over()


@pytest.mark.parametrize("leave", ["break", "error", "cancel", "aclose"])
@pytest.mark.parametrize(("count", "taken"), [(3, 1), (500, 60)])  # with GETs under way; with pages under way
async def test_leaving_the_loop_leaves_no_task(leave: str, count: int, taken: int) -> None:
    async with Sandbox(invoices=3000, latency=0.05) as sandbox, connect(sandbox, rate_limiter=unlimited()) as client:
        many = GetMany(Spy(client, slow=9.0), sandbox.invoice_ids[: 6 * count : 6], concurrency=8)

        async def consume() -> None:
            left = taken
            async for _ in many:
                left -= 1
                if left == 0:
                    assert left_over()
                    if leave == "error":
                        raise KeyError("consumer")
                    if leave == "cancel":
                        asyncio.current_task().cancel()  # type: ignore[union-attr] # this one
                        await asyncio.sleep(60)
                    if leave == "aclose":
                        await many.aclose()
                        assert not left_over()
                    break

        await asyncio.gather(asyncio.create_task(consume()), return_exceptions=True)
        assert not left_over()
        with pytest.raises(RuntimeError, match="stopped early"):
            await anext(many)


async def test_a_list_that_cannot_be_walked_over_is_not_needed(sandbox: Sandbox, client: B2BClient) -> None:
    for error in (IncompleteWalkError("planted"), DecodeError("planted")):
        spy = Spy(client, [error])
        found = await outcomes_of(GetMany(spy, sandbox.invoice_ids[:9], concurrency=8))
        assert all(outcome.ok for outcome in found.values())
        assert (spy.lists, spy.gets) == (1, 9)


async def test_when_the_server_fails_every_id_that_is_left_has_that_error() -> None:
    async with Sandbox(invoices=600) as sandbox, connect(sandbox) as client:
        ids = sandbox.invoice_ids[::5]
        spy = Spy(client, [None, ServerError("planted")])
        found = await outcomes_of(GetMany(spy, ids, concurrency=1))
        assert set(found) == set(ids)
        assert 10 < sum(outcome.ok for outcome in found.values()) < 110
        assert {type(outcome.error) for outcome in found.values() if not outcome.ok} == {ServerError}
        assert spy.gets == 0


async def test_a_plan_that_fails_can_be_tried_again(sandbox: Sandbox, client: B2BClient) -> None:
    spy = Spy(client, [ServerError("planted")])
    many = GetMany(spy, sandbox.invoice_ids[:9], concurrency=8)
    with pytest.raises(ServerError):
        await many.plan()
    assert await many.plan() == await many.plan() == GetPlan(way="walk", requests=2)
    assert len(await outcomes_of(many)) == 9


async def test_an_invoice_that_cannot_be_read_is_an_error_only_where_it_was_asked_for(scripted: Scripted) -> None:
    rows: list[dict[str, Any]] = [{"id": number, "invoiceNumber": f"N-{number}"} for number in range(1, 8)]
    rows[2]["openBalance"] = rows[6]["openBalance"] = "a lot"
    server, client = await scripted(envelope(rows, total=7, limit=250))
    found = await outcomes_of(client.invoices.get_many([1, 2, 3, 4, 5]))
    assert [item for item, outcome in found.items() if not outcome.ok] == [3]
    assert isinstance(found[3].error, DecodeError)
    assert found[3].error.invoice_id == 3
    assert len(server.seen) == 1


async def test_where_the_walk_proves_nothing_the_missing_are_asked_for_one_by_one(scripted: Scripted) -> None:
    rows = [{"id": number} for number in range(1, 8)]  # without numbers: nothing to tell the order by
    server, client = await scripted(envelope(rows, total=7, limit=250), envelope({"id": 9}))
    found = await outcomes_of(client.invoices.get_many([1, 2, 3, 4, 9]))
    assert all(outcome.ok for outcome in found.values())
    assert [seen.target.split("?")[0][-10:] for seen in server.seen] == ["p/invoices", "invoices/9"]


async def test_a_server_that_does_not_count_is_asked_one_by_one(scripted: Scripted) -> None:
    server, client = await scripted(
        envelope([{"id": 1, "invoiceNumber": "N-1"}] * 250), answer({"code": 404}, 404), rate_limiter=unlimited()
    )
    many = client.invoices.get_many(range(1000, 1500))
    assert await many.plan() == GetPlan(way="each", requests=501)
    assert len(await outcomes_of(many)) == 500
    assert len(server.seen) == 501


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_that_exists_is_called_missing_while_others_delete_and_create(seed: int) -> None:
    random = Random(seed)
    max_limit = random.choice([60, 250])
    async with Sandbox(invoices=900, max_limit=max_limit) as sandbox, connect(sandbox, rate_limiter=unlimited()) as client:
        wanted = random.sample(sandbox.invoice_ids, random.choice([20, 200]))
        doomed = [each for each in sandbox.invoice_ids if each not in set(wanted)]
        random.shuffle(doomed)

        class Busy(Spy):
            async def __call__(self, call: Call[T], *, bulk: bool = False) -> T:
                for _ in range(random.randrange(3)):
                    await client.invoices.delete(doomed.pop())
                return await super().__call__(call, bulk=bulk)

        found = await outcomes_of(GetMany(Busy(client), [*wanted, NO_ID], concurrency=4))
        assert [item for item, outcome in found.items() if not outcome.ok] == [NO_ID]
