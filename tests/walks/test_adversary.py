"""Walks and feeds over stores that misbehave: nothing is called complete that lost a row. `python test_adversary.py` runs all."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

sys.path.append(str(Path(__file__).parent.parent / "support"))

from adversary import (
    MISBEHAVIOURS,
    NEWEST_FIRST,
    START,
    DateAhead,
    Honest,
    LeavesARowOutOnce,
    LeavesRowsOut,
    ListsById,
    NumbersWithTies,
    ReachesOnlySome,
    ShortPagesAndALowTotal,
    Store,
    Told,
    feeds_over,
    store_of,
    walk_over,
)
from model_store import BY_CREATION, ModelStore, Scene
from scripted_server import Reply, ScriptedServer, Seen, answer

from bigcommerce_b2b_invoices import B2BClient, IncompleteWalkError, RateLimiter
from bigcommerce_b2b_invoices.walks.changes import ChangeFeed
from bigcommerce_b2b_invoices.walks.contradictions import PageChecks
from bigcommerce_b2b_invoices.walks.order import Order
from bigcommerce_b2b_invoices.walks.plan import Plan
from bigcommerce_b2b_invoices.wire.messages import Slice

WALKS = 60  # of each kind; a tenth of what `python tests/walks/test_adversary.py` runs


def walks(cls: type[Store], count: int, *, busy: bool = True, prepare: Callable[[Store], object] = bool) -> list[Told]:
    """Walks over stores of a kind, each with sizes, orders, strangers and interruptions of its own."""

    async def run() -> list[Told]:
        told = []
        for seed in range(count):
            random = Random(f"{cls.__name__}{seed}")
            store = store_of(cls, random, busy=busy)
            prepare(store)
            told.append(await walk_over(store, random))
        return told

    return asyncio.run(run())


@pytest.mark.timeout(180)  # up to 25 seconds of CPU, and more under coverage beside other work
@pytest.mark.parametrize("cls", [Honest, *MISBEHAVIOURS], ids=lambda cls: cls.__name__)
def test_no_walk_says_that_it_is_complete_and_lost_a_row(cls: type[Store]) -> None:
    told = walks(cls, WALKS)

    assert [(seed, each.untrue) for seed, each in enumerate(told) if each.untrue] == []
    assert any(each.took_effect for each in told)


def test_every_walk_over_a_quiet_honest_store_is_complete() -> None:
    told = walks(Honest, 4 * WALKS, busy=False)

    assert [seed for seed, each in enumerate(told) if not each.is_complete] == []


def test_nearly_every_walk_is_complete_though_two_rows_change_every_second() -> None:
    def two_a_second(store: Store) -> None:
        store.rate, store.cap, store.order = 2.0, max(store.cap, 20), BY_CREATION

    async def run() -> list[Told]:
        told = []
        for seed in range(4 * WALKS):
            random = Random(seed)
            store = store_of(Honest, random, busy=False)
            two_a_second(store)
            told.append(await walk_over(store, random, resume=False))
        return told

    told = asyncio.run(run())

    assert [each.untrue for each in told if each.untrue] == []
    assert sum(each.is_complete for each in told) >= 0.95 * len(told)


def test_a_bookmark_carries_the_doubts_of_the_walk_that_made_it() -> None:
    async def run() -> tuple[Told, Told]:
        stores = []
        for _ in range(2):
            store = ListsById(Random(5))
            store.cap = 20
            for index in range(90):
                store.add(900_000 + 60 * (index if index % 7 else 0))
            stores.append(store)
        return await walk_over(stores[0], Random(1), resume=False), await walk_over(stores[1], Random(1), resume=True)

    at_once, in_legs = asyncio.run(run())

    assert not at_once.is_complete
    assert not in_legs.is_complete


@pytest.mark.parametrize(("changed", "seconds"), [(252, 60), (400, 1), (900, 1), (252, 600)])
def test_an_import_right_before_the_walk_does_not_cost_the_proof(changed: int, seconds: int) -> None:
    async def run() -> Told:
        store = Honest(Random(0), order=BY_CREATION)
        for index in range(5000):
            store.add(900_000 + 10 * index)
        for index in range(changed):
            store.rows[index + 1].updated = int(store.clock) - 1 - index % seconds
        return await walk_over(store, Random(3), resume=False)

    told = asyncio.run(run())

    assert told.is_complete
    assert told.lost == 0


class OverHTTP(ScriptedServer):
    """A store of the adversary's behind a real server, as the API would answer."""

    def __init__(self, store: Store) -> None:
        super().__init__([])
        self.store = store

    def reply(self, seen: Seen, /) -> Reply:
        """The page that was asked for, with the `Date` of the store."""
        query = parse_qs(urlsplit(seen.target).query)
        sort_by, descending = query["sortBy"][0], query["orderBy"] == ["DESC"]
        order = Order(sort_by, descending, by_time=sort_by.endswith("At"), unique=sort_by == "invoiceNumber")
        found = self.store.list(order, int(query["offset"][0]), int(query["limit"][0]))
        pagination = {"totalCount": found.total_count, "limit": found.limit}
        date = format_datetime(datetime.fromtimestamp(found.server_time or 0, UTC), usegmt=True)
        return answer({"code": 200, "data": found.rows, "meta": {"message": "", "pagination": pagination}}, Date=date)


@pytest.mark.parametrize("cls", [Honest, *MISBEHAVIOURS], ids=lambda cls: cls.__name__)
async def test_nor_does_a_walk_over_http(cls: type[Store]) -> None:
    untrue = []
    for seed in range(8):  # of fourteen kinds: a hundred walks in all
        random = Random(f"{cls.__name__} http {seed}")
        store = store_of(cls, random, most=400)
        limiter = RateLimiter(1_000_000, 1.0)
        async with OverHTTP(store) as server, B2BClient(
            store_hash="abc", auth_token="x", base_url=server.base_url, rate_limiter=limiter
        ) as client:  # fmt: skip
            walk = client.invoices.iterate(page_size=random.choice([20, 50, 250]), prefetch=random.randrange(9))
            try:
                ids = [invoice.id async for invoice in walk]
            except IncompleteWalkError:
                continue
        lost = store.could_be_known((store.persistent or set()) - set(ids))
        if (walk.report.guarantee == "complete" and lost) or len(ids) != len(set(ids)):
            untrue.append((seed, walk.report, lost))

    assert untrue == []


# ---- feeds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [Honest, *MISBEHAVIOURS], ids=lambda cls: cls.__name__)
def test_no_feed_misses_a_version_or_brings_one_twice(cls: type[Store]) -> None:
    if cls in (ReachesOnlySome, ShortPagesAndALowTotal, LeavesRowsOut, DateAhead):
        pytest.skip("documented: what the list never shows, and a change in a second that `Date` says is over")

    async def run() -> list[str]:
        wrong = []
        for seed in range(WALKS):
            random = Random(f"{cls.__name__} feeds {seed}")
            store = store_of(cls, random)
            if cls in (LeavesARowOutOnce, NumbersWithTies):
                store.rate = 0.0  # documented: a row that is left out while others change rows can look like one of their changes
            wrong.append(await feeds_over(store, random))
        return wrong

    assert [(seed, wrong) for seed, wrong in enumerate(asyncio.run(run())) if wrong] == []


async def test_a_quiet_store_with_400_changes_in_its_newest_second_costs_one_request_a_poll() -> None:
    store = Honest(Random(0))
    for index in range(5000):
        store.add(900_000 + index)
    for index in range(400):
        store.rows[index + 1].updated = START - 30
    feed = ChangeFeed(store, since=None)
    assert len([row async for row in feed]) == 5000
    before = store.requests

    for _ in range(3):
        feed = ChangeFeed(store, since=feed.cursor)
        assert [row async for row in feed] == []

    assert store.requests == before + 3


async def test_a_change_in_the_future_hides_no_later_change() -> None:
    store = Honest(Random(0))
    for index in range(50):
        store.add(900_000 + index)
    store.rows[7].updated = START + 10**8
    feed = ChangeFeed(store, since=None)
    assert len([row async for row in feed]) == 50
    assert "future" in feed.anomalies[0]
    store.rows[9].updated = int(store.clock)

    feed = ChangeFeed(store, since=feed.cursor)

    assert [row["id"] async for row in feed] == [9]


async def test_an_overlap_reads_seconds_before_the_cursor_again_and_brings_only_new_versions() -> None:
    store = Honest(Random(0), pace=0.0)
    for index in range(50):
        store.add(900_000 + index, START - 5 + index % 5)
    feed = ChangeFeed(store, since=None, overlap=10.0)
    assert len([row async for row in feed]) == 50
    store.rows[3].updated = START - 4  # committed late
    store.rows[3].number = "late"

    later = ChangeFeed(store, since=feed.cursor, overlap=10.0)

    assert [row["id"] async for row in later] == [3]
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="overlap"):
            ChangeFeed(store, since=None, overlap=bad)


class LeavesOut(ModelStore):
    """Leaves one row out of the next answer."""

    row: int | None = None

    def list(self, order: Order, offset: int, limit: int) -> Slice:
        kept, row = self.rows, self.row
        self.rows, self.row = {number: each for number, each in kept.items() if number != row}, None
        answer = super().list(order, offset, limit)
        self.rows = kept
        return attrs.evolve(answer, total_count=len(kept))


@pytest.mark.parametrize("order", [BY_CREATION, NEWEST_FIRST])
def test_a_deletion_does_not_explain_why_rows_moved_down(order: Order) -> None:
    store = LeavesOut(200, Random(1))
    store.cap = 20
    scene = Scene(store, order, page_size=20, prefetch=0)
    for _ in range(2):
        scene.answer()
    store.delete(0 if order is BY_CREATION else 199)
    for _ in range(5):
        scene.answer()
    [(_, offset, _, _)] = scene.pending
    ordered = sorted(store.rows.values(), key=lambda row: row.created, reverse=order.descending)
    store.row = ordered[offset + 10].id
    scene.answer()
    scene.finish()

    assert store.row is None
    assert scene.walk.report.anomalies == ("rows moved down the list although none was added: the server may leave rows out",)
    scene.close()


# ---- mutants: each guard is needed -----------------------------------------------------------------------------------


def never_wrong(*_: object, **__: object) -> str:
    return ""


def just_end(self: Plan) -> None:
    self.done = True


def do_not_look(*_: object) -> None:
    """The latest changes are not compared."""


def with_deletions(store: Store) -> None:
    """Deletions make the counts agree again."""
    store.kinds, store.rate = ("delete", "insert"), max(store.rate, 2.0)


def with_replacements(store: Store) -> None:
    """As many rows are added as deleted, so no total count shows it."""
    store.kinds, store.rate, store.order = ("replace",), 0.3, BY_CREATION


MUTANTS: list[tuple[type[Store], type, str, object, Callable[[Store], object]]] = [
    (LeavesRowsOut, Plan, "_end", just_end, bool),
    (LeavesRowsOut, PageChecks, "_size", never_wrong, with_deletions),
    (NumbersWithTies, PageChecks, "_sequence", never_wrong, with_deletions),
    (LeavesARowOutOnce, PageChecks, "_measure", do_not_look, with_replacements),
    (ReachesOnlySome, Plan, "_look_at_changes", do_not_look, bool),
]


@pytest.mark.parametrize(
    ("cls", "owner", "name", "mutant", "prepare"), MUTANTS, ids=[f"{row[0].__name__} {row[2]}" for row in MUTANTS]
)
def test_without_a_guard_more_walks_say_what_is_not_true(
    monkeypatch: pytest.MonkeyPatch, cls: type[Store], owner: type, name: str, mutant: object, prepare: Callable[[Store], object]
) -> None:
    guarded = sum(bool(each.untrue) for each in walks(cls, 150, prepare=prepare))
    monkeypatch.setattr(owner, name, mutant)
    unguarded = sum(bool(each.untrue) for each in walks(cls, 150, prepare=prepare))

    assert guarded < unguarded


def main(count: int) -> int:
    """Run thousands of walks of each kind, and print what they came to."""
    untrue = 0
    kinds: tuple[type[Store], ...] = (Honest, *MISBEHAVIOURS)
    for cls in kinds:
        told = walks(cls, count)
        words = Counter("error" if each.report is None else each.report.guarantee for each in told)
        wrong = [(seed, each.untrue) for seed, each in enumerate(told) if each.untrue]
        untrue += len(wrong)
        effect = sum(each.took_effect for each in told)
        sys.stdout.write(f"{cls.__name__}: {dict(words)}, took effect in {effect}, untrue: {wrong}\n")
        sys.stdout.flush()
    return untrue


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 600))
