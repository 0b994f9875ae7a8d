"""The walk over real HTTP: what it costs, what it leaves behind, and a process that is killed."""

import asyncio
import gc
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Scripted, connect
from scripted_server import Stall, answer, envelope

from bigcommerce_b2b_invoices import B2BClient, B2BError, IncompleteWalkError, InvoiceQuery, SortField
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.walks.order import Order
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire.messages import Slice


async def drained(sandbox: Sandbox) -> int:
    """Requests so far, once everything under way has ended."""
    await asyncio.sleep(0.05)
    return sandbox.request_count


async def test_a_walk_costs_five_percent_more_than_the_fewest_requests_at_most() -> None:
    # Nobody knows beforehand that a full page is the last; and what takes more than one page needs a look for changes.
    for count, most in ((0, 1), (1, 1), (249, 1), (251, 3), (1000, 6), (5000, 22)):
        async with Sandbox(invoices=count) as sandbox, connect(sandbox) as client:
            walk = client.invoices.iterate()
            assert len([invoice async for invoice in walk]) == count
            assert sandbox.request_count == walk.report.requests <= most
            assert walk.report.guarantee == "complete"


async def test_a_consumer_that_stops_takes_no_more_pages_than_prefetch() -> None:
    for prefetch in (0, 1, 3):
        async with Sandbox(invoices=300) as sandbox, connect(sandbox) as client:
            walk = client.invoices.iterate(page_size=10, prefetch=prefetch)
            await anext(walk)
            assert await drained(sandbox) == 1 + prefetch
            await walk.aclose()


@pytest.mark.parametrize("how", ["break", "error", "cancel", "pages"])
async def test_leaving_a_loop_leaves_no_task_and_no_connection(how: str) -> None:
    async with Sandbox(invoices=300, latency=0.02) as sandbox, connect(sandbox) as client:
        before = asyncio.all_tasks()
        walk = client.invoices.iterate(page_size=10, prefetch=4)

        async def consume() -> None:
            async for _ in walk.pages() if how == "pages" else walk:
                if how == "error":
                    raise KeyError("consumer")
                if how == "cancel":
                    await asyncio.sleep(60)
                break

        task = asyncio.create_task(consume())
        await asyncio.wait([task], timeout=0.2)
        task.cancel()
        await asyncio.wait([task])
        del task
        await asyncio.sleep(0.05)
        session = client._transport.state.own_session
        assert session
        assert session.connector
        assert not session.connector._acquired
        ours = [each for each in asyncio.all_tasks() - before if "fetch" in repr(each.get_coro())]
        assert ours == []


async def test_an_abandoned_walk_is_forgotten(client: B2BClient) -> None:
    walk = client.invoices.iterate(page_size=10)
    await anext(walk)
    del walk
    gc.collect()
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if "fetch" in repr(task.get_coro()) and not task.cancelling()] == []


async def test_a_walk_has_one_consumer(client: B2BClient) -> None:
    walk = client.invoices.iterate()
    first = asyncio.create_task(anext(walk))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="one consumer"):
        await anext(walk)
    await first


async def test_an_order_that_cannot_be_proven_is_kept_and_says_best_effort(sandbox: Sandbox, client: B2BClient) -> None:
    walk = client.invoices.iterate(InvoiceQuery(sort_by=SortField.DUE_DATE, order_by="DESC"), page_size=10)
    invoices = [invoice async for invoice in walk]
    dues = [invoice.due_date for invoice in invoices if invoice.due_date]
    assert dues == sorted(dues, reverse=True)
    assert sorted(invoice.id for invoice in invoices) == sorted(sandbox.invoice_ids)
    assert walk.report.guarantee == "best_effort"


async def test_rows_without_a_time_are_walked_by_number(scripted: Scripted) -> None:
    rows = [{"id": number, "invoiceNumber": f"N{number}"} for number in range(1, 4)]
    server, client = await scripted(envelope(rows, total=3, limit=250))
    walk = client.invoices.iterate()
    assert [invoice.id async for invoice in walk] == [1, 2, 3]
    assert "sortBy=createdAt&orderBy=ASC" in server.seen[0].target
    assert "sortBy=invoiceNumber&orderBy=ASC" in server.seen[1].target
    assert walk.report.guarantee == "complete"
    assert "then sorted by invoiceNumber" in walk.report.anomalies[0]


async def test_a_walk_that_cannot_end_says_what_it_did(scripted: Scripted) -> None:
    _, client = await scripted(
        answer({"data": [{"id": 1, "createdAt": 1}], "meta": {"pagination": {"totalCount": 9, "limit": 1}}})
    )
    with pytest.raises(IncompleteWalkError, match=r"GET /invoices: .*too few to overlap") as raised:
        [invoice async for invoice in client.invoices.iterate()]
    assert raised.value.report
    assert raised.value.report.delivered == 1


async def test_a_failed_walk_can_be_looped_over_again(scripted: Scripted) -> None:
    from bigcommerce_b2b_invoices import RetryPolicy, Timeout

    rows = [{"id": number, "createdAt": number} for number in range(1, 4)]
    _, client = await scripted(Stall(), envelope(rows, total=3, limit=250), retry=RetryPolicy(1), timeout=Timeout(read=0.05))
    walk = client.invoices.iterate()
    with pytest.raises(B2BError):
        [invoice async for invoice in walk]
    assert [invoice.id async for invoice in walk] == [1, 2, 3]


PROGRAM = """
    import asyncio, os, sys
    from bigcommerce_b2b_invoices import B2BClient

    async def main(bookmark):
        async with B2BClient.from_env() as client:
            walk = client.invoices.iterate(page_size=40, prefetch=2, resume=bookmark or None)
            async for invoice in walk:
                print(invoice.id, walk.bookmark, flush=True)
        print("end", walk.report.guarantee, flush=True)

    asyncio.run(main(sys.argv[1]))
"""


async def test_a_process_that_is_killed_is_continued_by_another_from_its_last_bookmark(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    async with Sandbox(invoices=400) as sandbox:
        environ = {
            "BIGCOMMERCE_STORE_HASH": sandbox.store_hash,
            "BIGCOMMERCE_ACCESS_TOKEN": sandbox.auth_token,
            "BIGCOMMERCE_B2B_BASE_URL": sandbox.base_url,
        }
        ids: list[int] = []
        bookmark = ""
        for rows in (7, 41, 150, 1000):
            seen = 0
            process = await asyncio.create_subprocess_exec(sys.executable, program, bookmark, stdout=subprocess.PIPE, env=environ)
            assert process.stdout
            async for line in process.stdout:
                first, second = line.decode().split()
                if first == "end":
                    assert second == "complete"
                    break
                ids.append(int(first))
                bookmark = second
                seen += 1
                if seen == rows:
                    process.kill()
                    break
            await process.stdout.read()
            await process.wait()
        assert len(ids) == len(set(ids))
        assert sorted(ids) == sorted(sandbox.invoice_ids)


async def test_a_consumer_that_awaits_nothing_lets_others_have_their_turn(client: B2BClient) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    walk = client.invoices.iterate(prefetch=0)
    await anext(walk)
    task = asyncio.create_task(others())
    rows = 0
    async for _ in walk:  # all of them are at hand already
        rows += 1
        busy_until = time.perf_counter() + 0.001
        while time.perf_counter() < busy_until:
            pass
    task.cancel()
    assert rows == 59
    assert turns >= 10


async def test_cancelling_between_rows_loses_no_row(sandbox: Sandbox, client: B2BClient) -> None:
    walk = client.invoices.iterate(page_size=10)
    ids: list[int] = []

    async def consume() -> None:
        async for invoice in walk:
            ids.append(invoice.id)  # noqa: PERF401 - each must be kept before the next is awaited

    for turns in range(40):
        task = asyncio.create_task(consume())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await consume()
    assert sorted(ids) == sorted(sandbox.invoice_ids)


class Slow:
    """A list of 1000 rows whose answers come, and are decoded, when the test says so; the first at once."""

    path, fingerprint, order, unique, latest = "/slow", "", Order("createdAt", by_time=True), None, None

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.here, self.decoded = asyncio.Event(), asyncio.Event()

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Slice:
        self.asked.append(offset)
        if offset:
            await self.here.wait()
        received()
        if offset:
            await self.decoded.wait()
        rows: list[object] = [{"id": number, "createdAt": number} for number in range(offset, offset + limit)]
        return Slice(rows, limit, 1000, 1)

    def read(self, answer: Slice, index: int) -> object:
        return answer.rows[index]


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_next_page_is_asked_for_before_the_one_that_is_waited_for_is_decoded() -> None:
    slow = Slow()
    walk = Walk(slow, page_size=100, prefetch=1)
    await anext(walk)
    await asyncio.sleep(0)
    assert len(slow.asked) == 2  # one ahead of a consumer that has its page
    for _ in range(99):
        await anext(walk)
    waiting = asyncio.ensure_future(walk.__anext__())
    await turns(5)
    assert len(slow.asked) == 2
    slow.here.set()
    await turns(5)
    assert len(slow.asked) == 3  # the second is here, though not decoded: it is no longer ahead
    assert not waiting.done()
    slow.decoded.set()
    await waiting
    await walk.aclose()
