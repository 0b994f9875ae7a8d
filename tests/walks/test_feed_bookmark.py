"""A change feed that is interrupted goes on in another process: no version is lost, none comes twice.

`python tests/walks/test_feed_bookmark.py 20000` runs so many random programs; the test runs a tenth of `PROGRAMS`.
"""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import attrs
import pytest

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "support")]

from conftest import connect
from model_store import BY_CREATION, BY_NUMBER, LATEST_CHANGES, ModelStore

from bigcommerce_b2b_invoices import B2BClient, DecodeError, IncompleteWalkError, InvoiceChanges
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.walks import changes, feed_bookmark
from bigcommerce_b2b_invoices.walks.bookmark import pack
from bigcommerce_b2b_invoices.walks.changes import ChangeFeed
from bigcommerce_b2b_invoices.walks.cursor import Version, cursor_at
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.order import Mark, Order
from bigcommerce_b2b_invoices.walks.progress import Before, Progress
from bigcommerce_b2b_invoices.wire.messages import Slice

PROGRAMS = 4000
REFUSED = 0.06  # of the programs may end with an IncompleteWalkError: as many as without any interruption


class Shop:
    """A store in memory, with strangers between any two requests and requests that fail. `odd` rows have no time of change."""

    path, fingerprint, order, unique, latest = "/model", "q", BY_CREATION, BY_NUMBER, LATEST_CHANGES

    def __init__(self, random: Random) -> None:
        self.random = random
        self.store = ModelStore(random.randrange(40), random, ties=random.choice([1, 2, 3, 3, 6]))
        self.store.cap = random.choice([4, 5, 8, 250])
        self.busy = random.choice([0, 2, 4])  # of ten requests, before how many something changes
        self.fails = random.choice([0, 0, 2])
        self.quiet = False  # whether nobody writes before the next answer
        self.odd = {number for number in self.store.rows if random.randrange(40) == 0} if random.randrange(4) == 0 else set()

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Slice:
        if self.random.randrange(10) < self.fails:
            raise ConnectionError("planted")
        received()
        while not self.quiet and self.random.randrange(10) < self.busy:
            self.change()
        self.quiet = False
        answer = self.store.list(order, offset, limit)
        return Slice([self.shown(row) for row in answer.rows], answer.limit, answer.total_count, answer.server_time)

    def shown(self, row: object) -> dict[str, object]:
        assert isinstance(row, dict)
        return {**row, "updatedAt": None} if row["id"] in self.odd else row

    def change(self) -> None:
        """One change, in a second of its own or in the second of the change before."""
        store, before, step = self.store, self.store.clock, self.random.randrange(7)
        if step < 4:
            store.touch(self.random.randrange(99))
        elif step == 4:
            store.insert()
        elif step == 5:
            store.delete(self.random.choice([self.random.randrange(99), -1]))
        else:
            store.clock += self.random.choice([1, 40, 1000])
        if step < 5 and self.random.randrange(2):
            changed = [row for row in store.rows.values() if row.updated == store.clock]
            store.clock = before
            for row in changed:
                row.updated = before
                row.number += "'"  # another version all the same

    def read(self, answer: Slice, index: int) -> dict[str, object]:
        row = answer.rows[index]
        assert isinstance(row, dict)
        return row


async def program(seed: int) -> str:
    """Feeds that are interrupted now and then; what went wrong, or nothing."""
    random = Random(seed)
    shop = Shop(random)
    mirror: dict[object, object] = {}
    got: set[str] = set()
    cursor: str | datetime | None = None
    if random.randrange(3) == 0:  # from now on, by a clock that may be ahead
        cursor = datetime.fromtimestamp(shop.store.clock + random.choice([-30_000, 0, 0, 90, 10_000]), UTC)
        shop.quiet = True  # until the first request: a clock that is ahead tells no change of these seconds from an older one
        mirror = {row.id: shop.shown(row.as_json()) for row in shop.store.rows.values()}
    for last in (False, False, False, True):
        shop.busy, shop.fails = (0, 0) if last else (shop.busy, shop.fails)
        feed, asked = ChangeFeed(shop, since=cursor, overlap=random.choice([0, 0, 5, 60])), True
        while asked:
            stop = random.choice([0, 1, random.randrange(9), 99, 99])
            try:
                while asked and stop:
                    row = await anext(feed, None)
                    if row is None:
                        asked = False
                    elif repr(row) in got:
                        return f"{row} came again"
                    else:
                        got.add(repr(row))
                        mirror[row["id"]] = row
                        stop -= 1
            except ConnectionError:
                pass
            if asked or random.randrange(2):
                bookmark = feed.bookmark
                for _ in range(0 if last or shop.quiet else random.choice([0, 0, 2, 9])):
                    shop.change()
                feed = ChangeFeed(shop, since=None, resume=bookmark)
        cursor = feed.cursor
        for _ in range(0 if last else random.randrange(6)):
            shop.change()
    missed = [row.id for row in shop.store.rows.values() if mirror.get(row.id) != shop.shown(row.as_json())]
    return f"{missed} were missed" if missed else ""


async def wrong_programs(seeds: range) -> list[str]:
    wrong, refused = list[str](), 0
    for seed in seeds:
        try:
            if verdict := await program(seed):
                wrong.append(f"{seed}: {verdict}")
        except IncompleteWalkError:
            refused += 1
    return wrong if refused <= REFUSED * len(seeds) + 1 else [*wrong, f"{refused} were refused"]


@pytest.mark.parametrize("first", range(0, PROGRAMS // 10, 100))
async def test_interrupted_feeds_together_deliver_every_version_once(first: int) -> None:
    assert await wrong_programs(range(first, first + 100)) == []


def forget_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was delivered is delivered again."""
    monkeypatch.setattr(Before, "judged", lambda self, row_id, changed: row_id in self.ids or row_id in self.held)


def forget_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the second at which the feed was interrupted are delivered again."""
    monkeypatch.setattr(feed_bookmark, "_ids_of", lambda words: IdSet())


def forget_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resumed feed judges rows once more, in a version that it may not deliver."""
    plain = Progress.judge

    def judge_silently(self: Progress, mark: Mark, version: Version) -> bool:
        was_told = self.before is not None and mark.id in self.before.held
        return plain(self, mark, version) and not was_told

    monkeypatch.setattr(Progress, "concerns", lambda self, mark: True if mark.changed is None else concerns(self, mark))
    monkeypatch.setattr(Progress, "judge", judge_silently)

    def concerns(self: Progress, mark: Mark) -> bool:
        changed, first = mark.changed or 0, self.first
        judged = self.before is not None and mark.id not in self.before.held and self.before.judged(mark.id, changed)
        return not judged and self.newest is not None and changed <= self.newest and (first is None or changed >= first)


def hold_what_is_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor knows versions that nobody got."""
    plain = feed_bookmark.write_feed_bookmark
    monkeypatch.setattr(
        changes, "write_feed_bookmark", lambda *values, pending, end: plain(*values, pending=frozenset(), end=end)
    )


def take_the_newest_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resumed feed moves the cursor over changes that it passes over."""
    plain = feed_bookmark._read_state

    def read_state(progress: Progress, fields: list[object]) -> None:
        plain(progress, fields)
        progress.now = progress.newest = 10**9

    monkeypatch.setattr(feed_bookmark, "_read_state", read_state)


def trust_the_clock_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chosen time is taken for one that the server has shown."""
    monkeypatch.setattr(changes, "cursor_at", lambda time: attrs.evolve(cursor_at(time), is_chosen=False))


@pytest.mark.parametrize(
    "mistake",
    [forget_floor, forget_ids, forget_held, hold_what_is_pending, take_the_newest_of_today, trust_the_clock_of_the_caller],
)
async def test_the_programs_notice_a_mistake(mistake: Callable[[pytest.MonkeyPatch], None]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        mistake(monkeypatch)
        wrong = await wrong_programs(range(600))

    assert [verdict for verdict in wrong if "came again" in verdict or "were missed" in verdict]


async def test_a_feed_of_a_store_goes_on_in_another_client_after_any_row() -> None:
    async with Sandbox(invoices=600, seed=3) as sandbox, connect(sandbox) as client, connect(sandbox) as other:
        for rows in (0, 1, 249, 250, 599, 600):
            sandbox.clear()
            feed = client.invoices.changes()
            first = [(await anext(feed)).id for _ in range(rows)]
            await other.invoices.update(sandbox.invoice_ids[-1], InvoiceChanges(type=f"Changed after {rows}"))
            before = sandbox.request_count

            resumed = other.invoices.changes(resume=feed.bookmark)
            rest = [invoice.id async for invoice in resumed]

            assert sorted(first + rest) == sorted(sandbox.invoice_ids)
            assert sandbox.request_count - before <= 4 - rows // 249
            assert len(feed.bookmark) < 4000
            news = [invoice.id async for invoice in client.invoices.changes(resumed.cursor)]
            assert news == ([sandbox.invoice_ids[-1]] if rows else [])
            after = sandbox.request_count
            over = client.invoices.changes(resume=resumed.bookmark)
            assert [invoice async for invoice in over] == []
            assert (over.cursor, sandbox.request_count) == (resumed.cursor, after)


async def test_a_feed_goes_on_after_an_invoice_that_cannot_be_read() -> None:
    async with Sandbox(invoices=20) as sandbox, connect(sandbox) as client:
        odd = sandbox.add(openBalance="a lot")
        feed, first = client.invoices.changes(), list[int]()
        with pytest.raises(DecodeError):
            async for invoice in feed:
                first.append(invoice.id)

        rest = [invoice.id async for invoice in client.invoices.changes(resume=feed.bookmark)]

        assert sorted(first + rest) == [each for each in sorted(sandbox.invoice_ids) if each != odd]


async def test_a_bookmark_that_is_none_is_refused(client: B2BClient) -> None:
    feed = client.invoices.changes()
    await anext(feed)
    bookmark, cursor = feed.bookmark, await cursor_of(client)
    walk = client.invoices.iterate()
    await anext(walk)
    for bad in ("", "x", bookmark[:-8], bookmark[:40] + "A" + bookmark[41:], walk.bookmark, cursor, pack(["feed 1"])):
        with pytest.raises(ValueError, match="not a bookmark of a change feed"):
            client.invoices.changes(resume=bad)
    with pytest.raises(TypeError, match="a bookmark is a text"):
        client.invoices.changes(resume=5)  # type: ignore[arg-type] # that is the point
    with pytest.raises(ValueError, match="since or resume"):
        client.invoices.changes(cursor, resume=bookmark)
    with pytest.raises(ValueError, match="not a bookmark of a walk"):
        client.invoices.iterate(resume=bookmark)
    with pytest.raises(ValueError, match="not a cursor"):
        client.invoices.changes(bookmark)
    async with Sandbox(invoices=1, seed=99) as other, connect(other) as stranger:
        with pytest.raises(ValueError, match="another store"):
            stranger.invoices.changes(resume=bookmark)


async def cursor_of(client: B2BClient) -> str:
    feed = client.invoices.changes()
    _ = [invoice async for invoice in feed]
    assert feed.cursor
    return feed.cursor


def hostile(index: int, value: object) -> str:
    fields: list[object] = ["feed 1", "q", None, 0, 5, 5, [], [], [], False, False, 5, 0, []]
    return pack([*fields[:index], value, *fields[index + 1 :]])


@pytest.mark.parametrize("index", [2, 3, 4, 5, 6, 7, 8, 11, 12, 13])
@pytest.mark.parametrize("value", ["x", 1.5, [1], [[1]], [[1, "x"]], {"a": 1}, float("inf")], ids=repr)
async def test_a_bookmark_with_other_types_is_refused(index: int, value: object) -> None:
    ChangeFeed(Shop(Random(0)), since=None, resume=hostile(3, 7))
    with pytest.raises(ValueError, match="not a bookmark of a change feed"):
        ChangeFeed(Shop(Random(0)), since=None, resume=hostile(index, value))


async def test_a_feed_that_reads_every_row_goes_on_without_repeating_one() -> None:
    shop = Shop(Random(1))
    shop.store, shop.busy, shop.fails, shop.odd = ModelStore(3000, Random(0), ties=3000), 0, 0, set()
    feed, got = ChangeFeed(shop, since=None), list[object]()
    got += [(await anext(feed))["id"] for _ in range(2000)]

    resumed = ChangeFeed(shop, since=None, resume=feed.bookmark)
    got += [row["id"] async for row in resumed]

    assert sorted(map(str, got)) == sorted(map(str, shop.store.rows))
    assert len(feed.bookmark) < 4000


async def test_ids_that_a_bookmark_cannot_hold_come_again_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_bookmark, "KEPT_WORDS", 5)
    shop = Shop(Random(1))
    shop.store, shop.busy, shop.fails, shop.odd = ModelStore(700, Random(0), ties=700), 0, 0, set()
    feed = ChangeFeed(shop, since=None)
    first = [(await anext(feed))["id"] for _ in range(600)]

    rest = [row["id"] async for row in ChangeFeed(shop, since=None, resume=feed.bookmark)]

    assert {*first, *rest} == {*shop.store.rows}
    assert len(feed.bookmark) < 400


async def test_a_feed_that_must_doubt_its_answers_begins_again_when_it_was_resumed_too() -> None:
    shop = Shop(Random(1))
    shop.store, shop.busy, shop.fails, shop.odd = ModelStore(700, Random(0)), 0, 0, set()
    feed = ChangeFeed(shop, since=None)
    for _ in range(300):
        await anext(feed)
    resumed = ChangeFeed(shop, since=None, resume=feed.bookmark)
    shop.store.total = lambda true: true + 100
    with pytest.raises(IncompleteWalkError):
        _ = [row async for row in resumed]
    shop.store.total = lambda true: true

    again = [row["id"] async for row in ChangeFeed(shop, since=None, resume=resumed.bookmark)]

    assert sorted(map(str, again)) == sorted(map(str, shop.store.rows))


if __name__ == "__main__":
    found = asyncio.run(wrong_programs(range(int(sys.argv[1]) if len(sys.argv) > 1 else PROGRAMS)))
    sys.stdout.write("\n".join([*found[:40], f"{len(found)} wrong\n"]))
    sys.exit(bool(found))
