"""The change feed: complete, each version once, one request when nothing changed."""

import base64
from collections.abc import Callable
from random import Random

import pytest
from conftest import Scripted, connect
from model_store import BY_CREATION, BY_NUMBER, LATEST_CHANGES, ModelStore, row_id
from scripted_server import envelope

from bigcommerce_b2b_invoices import B2BClient, IncompleteWalkError, InvoiceChanges
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.walks.changes import ChangeFeed
from bigcommerce_b2b_invoices.walks.order import Order
from bigcommerce_b2b_invoices.wire.messages import Slice


class Versions:
    """A model store as a source, with strangers between any two requests."""

    path, fingerprint, order, unique, latest = "/model", "q", BY_CREATION, BY_NUMBER, LATEST_CHANGES

    def __init__(self, store: ModelStore, random: Random, *, busy: int) -> None:
        self.store = store
        self.random = random
        self.busy = busy  # of ten requests, before how many something changes
        self.requests = 0

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Slice:
        self.requests += 1
        received()
        while self.random.randrange(10) < self.busy:
            self.change()
        return self.store.list(order, offset, limit)

    def change(self) -> None:
        before = self.store.clock
        step = self.random.randrange(6)
        if step < 3:
            self.store.touch(self.random.randrange(99))
        elif step == 3:
            self.store.insert()
        else:
            self.store.delete(self.random.randrange(99))
        if self.random.randrange(2):  # within the same second as the change before
            changed = [row for row in self.store.rows.values() if row.updated == self.store.clock]
            self.store.clock = before
            for row in changed:
                row.updated = before
                row.number += "'"  # another version all the same

    def read(self, answer: Slice, index: int) -> dict[str, object]:
        row = answer.rows[index]
        assert isinstance(row, dict)
        return row


async def follow(seed: int) -> None:
    """Feed after feed, a mirror must come to hold every version, and never get one twice."""
    random = Random(seed)
    store = ModelStore(random.randrange(30), random, ties=random.choice([1, 2, 3]))
    store.cap = random.choice([4, 5, 8, 250])
    source = Versions(store, random, busy=random.choice([0, 3, 5]))
    mirror: dict[object, dict[str, object]] = {}
    got: set[str] = set()
    cursor: str | None = None
    for last in (False, False, False, True):
        source.busy = 0 if last else source.busy
        feed = ChangeFeed(source, since=cursor)
        async for row in feed:
            assert repr(row) not in got, "a version came twice"
            got.add(repr(row))
            mirror[row["id"]] = row
        cursor = feed.cursor
        for _ in range(0 if last else random.randrange(6)):
            source.change()
    lost = [row for row in store.rows.values() if mirror.get(row.id) != row.as_json()]
    assert lost == [] or source.busy, lost
    feed = ChangeFeed(source, since=cursor)
    assert [row async for row in feed] == []


class LateCommits(Versions):
    """Strangers whose changes are now and then committed late, with an earlier time.

    `hopeless` are the rows whose present version was committed after its second was over, so that no feed has to bring it.
    """

    def __init__(self, store: ModelStore, random: Random) -> None:
        super().__init__(store, random, busy=random.choice([0, 2, 4]))
        self.overlaps = [random.choice([0, 0, 3, 10, 30]) for _ in range(7)]
        self.feeds = 0  # that have begun
        self.over = 0  # the first second that no feed has seen to be over
        self.begun = False  # whether the present feed has had its first answer
        self.hopeless: set[int] = set()

    def next_feed(self, cursor: str | None) -> ChangeFeed[dict[str, object]]:
        self.begun, self.feeds = False, self.feeds + 1
        return ChangeFeed(self, since=cursor, overlap=self.overlaps[self.feeds - 1])

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Slice:
        if not self.begun:
            self.begun, self.now = True, self.store.clock
            self.over = max(self.over, self.now - self.overlaps[self.feeds - 1])
            return self.store.list(order, offset, limit)
        return await super().fetch(order, offset, limit, received)

    def change(self) -> None:
        store, random = self.store, self.random
        rows, kind = list(store.rows.values()), random.randrange(8)
        if kind == 0:
            store.clock += random.choice([1, 1, 5, 40])
        elif kind == 1 or not rows:
            store.insert()
        elif kind == 2:
            store.delete(random.choice([random.randrange(99), -1]))  # perhaps the newest
        else:
            row = random.choice(rows)
            row.updated = store.clock - (random.randrange(35) if kind < 6 else 0)
            row.number += "'"
            self.hopeless.discard(row.id)
            if self.feeds and row.updated < max(self.over, self.now - self.overlaps[min(self.feeds, 6)]):
                self.hopeless.add(row.id)


async def feeds_with(source: LateCommits) -> str:
    """Feed after feed, each with an overlap of its own; what went wrong, or nothing."""
    mirror: dict[object, dict[str, object]] = {}
    got: set[str] = set()
    cursor: str | None = None
    for _ in source.overlaps:
        feed = source.next_feed(cursor)
        async for row in feed:
            if repr(row) in got:
                return f"feed {source.feeds} brought a version again"
            got.add(repr(row))
            mirror[row["id"]] = row
        cursor = feed.cursor
        source.busy = 0 if source.feeds == 6 else source.busy
        for _ in range(0 if source.feeds == 7 else source.random.randrange(6)):
            source.change()
    missed = [row for row in source.store.rows.values() if mirror.get(row.id) != row.as_json()]
    return "".join(f"{row} was missed" for row in missed if row.id not in source.hopeless)


@pytest.mark.parametrize("first", range(0, 1200, 300))
async def test_with_any_overlaps_and_late_commits_each_version_comes_at_most_once_and_none_is_missed(first: int) -> None:
    wrong: list[tuple[int, str]] = []
    refused = 0
    for seed in range(first, first + 300):
        random = Random(seed)
        store = ModelStore(random.randrange(25), random, ties=random.choice([1, 2, 3]))
        store.cap = random.choice([4, 5, 8, 250])
        try:
            wrong.append((seed, await feeds_with(LateCommits(store, random))))
        except IncompleteWalkError:
            refused += 1  # a change that is committed late between two pages looks like a row that was left out

    assert [(seed, what) for seed, what in wrong if what] == []
    assert refused < 60


@pytest.mark.parametrize("first", range(0, 120, 40))
async def test_feeds_that_follow_one_another_miss_nothing_and_repeat_nothing(first: int) -> None:
    for seed in range(first, first + 40):
        await follow(seed)


async def test_a_feed_of_the_sandbox_brings_everything_once_and_then_the_changes(sandbox: Sandbox, client: B2BClient) -> None:
    feed = client.invoices.changes()
    assert feed.cursor is None
    assert sorted([invoice.id async for invoice in feed]) == sorted(sandbox.invoice_ids)
    before = sandbox.request_count
    quiet = client.invoices.changes(feed.cursor)
    assert [invoice async for invoice in quiet] == []
    assert sandbox.request_count == before + 1
    assert quiet.cursor == feed.cursor
    changed = sandbox.invoice_ids[3]
    await client.invoices.update(changed, InvoiceChanges(type="Changed"))
    later = client.invoices.changes(quiet.cursor)
    assert [(invoice.id, invoice.type) async for invoice in later] == [(changed, "Changed")]


async def test_many_changes_in_one_second_neither_stall_nor_drop() -> None:
    store = ModelStore(700, Random(0), ties=700)
    source = Versions(store, Random(0), busy=0)
    feed = ChangeFeed(source, since=None)
    assert sorted([row_id(row) async for row in feed]) == list(range(1, 701))
    assert source.requests < 8
    assert [row async for row in ChangeFeed(source, since=feed.cursor)] == []


async def test_a_feed_that_is_broken_off_keeps_its_cursor(client: B2BClient) -> None:
    feed = client.invoices.changes()
    await anext(feed)
    assert feed.cursor is None


async def test_a_cursor_that_is_none_is_refused(sandbox: Sandbox, client: B2BClient) -> None:
    feed = client.invoices.changes()
    _ = [invoice async for invoice in feed]
    assert feed.cursor
    for bad in ("", "x", feed.cursor[:-8]):
        with pytest.raises(ValueError, match="not a cursor"):
            client.invoices.changes(bad)
    with pytest.raises(TypeError):
        client.invoices.changes(5)  # type: ignore[arg-type] # that is the point
    async with Sandbox(invoices=1, seed=99) as other, connect(other) as stranger:
        with pytest.raises(ValueError, match="another store"):
            stranger.invoices.changes(feed.cursor)


async def test_a_server_that_does_not_sort_by_the_time_of_change_is_an_error_and_no_silence(scripted: Scripted) -> None:
    rows = [{"id": 1, "updatedAt": 5}, {"id": 2, "updatedAt": 9}]
    _, client = await scripted(envelope(rows, total=2, limit=250))
    with pytest.raises(IncompleteWalkError, match="updatedAt"):
        [invoice async for invoice in client.invoices.changes()]


async def test_a_server_without_times_of_change_is_compared_row_by_row_and_says_so(scripted: Scripted) -> None:
    _, client = await scripted(envelope([{"id": 1}, {"id": 2}], total=2, limit=250))
    feed = client.invoices.changes()
    assert [invoice.id async for invoice in feed] == [1, 2]
    assert "updatedAt" in feed.anomalies[0]
    assert [invoice async for invoice in client.invoices.changes(feed.cursor)] == []


async def test_an_invoice_is_found_by_its_exact_number_only(sandbox: Sandbox, client: B2BClient) -> None:
    [some] = (await client.invoices.page(limit=1)).items
    assert some.invoice_number
    before = sandbox.request_count
    assert await client.invoices.find(some.invoice_number) == some
    assert await client.invoices.find(some.invoice_number[:-1]) is None
    assert sandbox.request_count == before + 2


async def test_invoices_are_found_by_external_id_many_in_one_request() -> None:
    async with Sandbox(invoices=600) as sandbox, connect(sandbox) as client:
        everything = [invoice async for invoice in client.invoices.iterate()]
        wanted = [invoice.external_id for invoice in everything if invoice.external_id]
        before = sandbox.request_count
        found = await client.invoices.find_by_external_id([*wanted, "no such id", wanted[0]])
        assert {key: invoice.id for key, invoice in found.items()} == {
            invoice.external_id: invoice.id for invoice in everything if invoice.external_id
        }
        assert sandbox.request_count - before == -(-(len(wanted) + 1) // 100)
        assert await client.invoices.find_by_external_id([]) == {}
        assert await client.invoices.find_by_external_id(["a" * 5000, "b"]) == {}
        with pytest.raises(TypeError):
            await client.invoices.find_by_external_id("abc")


async def test_a_feed_whose_loop_was_left_goes_on_where_it_was(client: B2BClient) -> None:
    feed = client.invoices.changes()
    async for _ in feed:
        break
    assert len([invoice async for invoice in feed]) == 59
    assert [invoice async for invoice in feed] == []


async def test_a_server_that_sends_fewer_than_it_counts_moves_no_cursor() -> None:
    store = ModelStore(50, Random(0))
    store.total = lambda true: true + 100
    feed = ChangeFeed(Versions(store, Random(0), busy=0), since=None)
    with pytest.raises(IncompleteWalkError, match=r"sends none after|different sizes"):
        _ = [row async for row in feed]
    assert feed.cursor is None


async def test_hostile_cursors_are_refused(client: B2BClient) -> None:
    numbers = ('[5,"q",Infinity,5,[],[],true,false]', '[5,"q",5,1e999,[],[],true,false]', '[5,"q",5,5,[[1]],[],true,false]')
    for content in (*numbers, '[4,"q",5,5,[],[],true]', "[" * 100_000, "null"):
        with pytest.raises(ValueError, match="not a cursor"):
            client.invoices.changes(base64.urlsafe_b64encode(content.encode()).decode())
