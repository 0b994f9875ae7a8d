"""A store in memory that misbehaves on purpose, and what a walk or a feed over it said that was not true.

Each misbehaviour is one way in which a server can break what a walk relies on. It notes whether it ever changed an answer: a
run in which it did not proves nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, ClassVar

import attrs
from model_store import BY_CREATION, BY_NUMBER, LATEST_CHANGES, Row

from bigcommerce_b2b_invoices import IncompleteWalkError, WalkReport
from bigcommerce_b2b_invoices.walks.changes import ChangeFeed
from bigcommerce_b2b_invoices.walks.order import Order
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire.messages import Slice

NEWEST_FIRST = Order("createdAt", descending=True, by_time=True)
BY_CHANGE = Order("updatedAt", by_time=True)
BY_DUE_DATE = Order("dueDate")
START = 1_000_000  # epoch seconds at which a walk begins; what happened before happened long before


@attrs.define
class Store:
    """Rows that strangers change, and the list endpoint over them.

    Attributes:
        pace: Seconds that pass between two answers.
        rate: Changes by strangers, a second.
        kinds: What strangers do.
        cap: Most rows on a page.
        took_effect: Whether the misbehaviour has ever changed an answer.
        shown: Ids of the rows that a look for changes showed.
        persistent: Ids of the rows that matched at every answer; None before the first.
    """

    random: Random
    rows: dict[int, Row] = attrs.field(factory=dict)
    clock: float = START
    pace: float = 0.5
    rate: float = 0.0
    kinds: Sequence[str] = ("insert", "edit", "delete")
    cap: int = 250
    took_effect: bool = False
    persistent: set[int] | None = None
    requests: int = 0
    next_id: int = 1
    owed: float = 0.0
    shown: set[int] = attrs.field(factory=set)

    def add(self, created: float, updated: float | None = None) -> Row:
        """A new row."""
        number = f"INV-{self.next_id:06}"
        row = Row(self.next_id, int(created), int(created if updated is None else updated), number)
        self.rows[row.id] = row
        self.next_id += 1
        return row

    def matching(self) -> list[Row]:
        """The rows that the filter lets through."""
        return [row for row in self.rows.values() if row.matches]

    USUAL: ClassVar[Sequence[str]] = ("insert", "edit", "delete")
    ORDER: ClassVar[Order | None] = None  # of every walk; None: one of several

    # ---- strangers ---------------------------------------------------------------------------------------------------

    def strangers(self) -> None:
        """What others do until the next answer."""
        self.clock += self.pace
        self.owed += self.rate * self.pace
        while self.owed >= 1:
            self.owed -= 1
            self.change(self.random.choice(self.kinds))

    def change(self, kind: str) -> None:
        """One change."""
        now, rows = int(self.clock), list(self.rows.values())
        if kind == "insert" or not rows:
            self.add(now)
            return
        row = self.random.choice(rows)
        if kind == "backdate":
            self.add(now - self.random.randrange(90_000), now)
        elif kind == "edit":
            row.updated = now
        elif kind == "move":
            row.created, row.updated = now - self.random.randrange(90_000), now
        elif kind == "flap":
            row.matches, row.updated = not row.matches, now
        elif kind in {"delete", "replace"}:
            del self.rows[row.id]
            if kind == "replace":  # so that no total count shows the deletion
                self.add(now)

    # ---- the endpoint ------------------------------------------------------------------------------------------------

    def list(self, order: Order, offset: int, limit: int) -> Slice:
        """An honest answer, as the store is now. Rows of equal key come in another order every time."""
        self.requests += 1
        self.strangers()
        rows = self.matching()
        self.persistent = {row.id for row in rows} if self.persistent is None else self.persistent & {row.id for row in rows}
        found = self.answer(self.ordered(rows, order), offset, min(limit, self.cap), limit)
        if order == LATEST_CHANGES:
            self.shown |= {row["id"] for row in found.rows}  # type: ignore[index] # a dict
        return found

    def could_be_known(self, lost: set[int]) -> set[int]:
        """Those of the lost rows about which the answers told anything."""
        return lost

    def ordered(self, rows: Sequence[Row], order: Order) -> Sequence[Row]:
        """The rows as a page takes a slice of them."""
        shuffled = self.random.sample(rows, len(rows))
        return sorted(shuffled, key=lambda row: self.sort_key(row, order), reverse=order.descending)

    def sort_key(self, row: Row, order: Order) -> Any:
        """What the rows are sorted by."""
        return {"createdAt": row.created, "updatedAt": row.updated, "invoiceNumber": row.number}.get(order.sort_by or "", 0)

    def answer(self, rows: Sequence[Row], offset: int, limit: int, asked: int) -> Slice:
        """The page."""
        page = rows[offset : offset + limit]
        return Slice([row.as_json() for row in page], min(asked, self.cap), self.total(len(rows)), self.date())

    def total(self, true: int) -> int | None:
        """What it says of how many match."""
        return true

    def date(self) -> int:
        """The `Date` of an answer."""
        return int(self.clock)

    # ---- as a source -------------------------------------------------------------------------------------------------

    path = "/adversary"
    fingerprint = "adversary"
    order: Order = BY_CREATION
    unique: Order | None = BY_NUMBER
    latest: Order | None = LATEST_CHANGES

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Slice:
        """One answer."""
        for _ in range(self.random.randrange(3)):
            await asyncio.sleep(0)  # answers overtake each other
        received()
        return self.list(order, offset, limit)

    def read(self, answer: Slice, index: int) -> dict[str, object]:
        """A row as it is."""
        row = answer.rows[index]
        assert isinstance(row, dict)
        return row


# ---- misbehaviours ---------------------------------------------------------------------------------------------------


class Honest(Store):
    """Nothing is wrong with it."""

    def date(self) -> int:
        self.took_effect = True
        return super().date()


class NumbersWithTies(Store):
    """Sorts invoice numbers by their first characters, those alike in another order every time."""

    ORDER = BY_NUMBER

    def sort_key(self, row: Row, order: Order) -> Any:
        if order.sort_by == "invoiceNumber":
            self.took_effect = True
            return row.number[: self.random.choice([8])]
        return super().sort_key(row, order)


class PairsOfNumbers(Store):
    """As the one above, with ties of ten rows at most."""

    ORDER = BY_NUMBER

    def sort_key(self, row: Row, order: Order) -> Any:
        if order.sort_by == "invoiceNumber":
            self.took_effect = True
            return row.number[:-1]
        return super().sort_key(row, order)


class IgnoresSortBy(Store):
    """Sorts by creation whatever is asked for."""

    def sort_key(self, row: Row, order: Order) -> Any:
        self.took_effect = self.took_effect or order.sort_by != "createdAt"
        return row.created


class LeavesRowsOut(Store):
    """Takes some rows out of a page after it was cut; the total counts them."""

    def answer(self, rows: Sequence[Row], offset: int, limit: int, asked: int) -> Slice:
        found = super().answer(rows, offset, limit, asked)
        kept = [row for row in found.rows if row["id"] % 97 != 5]  # type: ignore[index] # a dict
        self.took_effect = self.took_effect or len(kept) < len(found.rows)
        return attrs.evolve(found, rows=kept)


class LeavesARowOutOnce(Store):
    """Takes one row out of one page, and fills the page with the next row. Nobody deletes: that would look just like it."""

    USUAL = ("insert", "edit")

    def answer(self, rows: Sequence[Row], offset: int, limit: int, asked: int) -> Slice:
        if self.requests == 3 and len(rows) > offset + limit:
            self.took_effect = True
            cut = offset + limit // 2
            found = super().answer([*rows[:cut], *rows[cut + 1 :]], offset, limit, asked)
            return attrs.evolve(found, total_count=self.total(len(rows)))
        return super().answer(rows, offset, limit, asked)


class ReachesOnlySome(Store):
    """Reaches only the first rows, and counts no more. Only rows that a look for changes shows can be known."""

    def could_be_known(self, lost: set[int]) -> set[int]:
        return lost & self.shown

    def answer(self, rows: Sequence[Row], offset: int, limit: int, asked: int) -> Slice:
        reach = 2 * self.cap + 3
        self.took_effect = self.took_effect or len(rows) > reach
        return super().answer(rows[:reach], offset, limit, asked)


class DeepOffsetsAreEmpty(Store):
    """Answers deep offsets with nothing, though it counts all rows."""

    def answer(self, rows: Sequence[Row], offset: int, limit: int, asked: int) -> Slice:
        found = super().answer(rows, offset, limit, asked)
        if offset > 2 * self.cap and found.rows:
            self.took_effect = True
            return attrs.evolve(found, rows=[])
        return found


class ShortPagesAndNoTotal(Store):
    """Sends no total, and now and then a page that is too short."""

    def answer(self, rows: Sequence[Row], offset: int, limit: int, asked: int) -> Slice:
        if self.requests % 3 == 2 and len(rows) > offset + limit:
            self.took_effect = True
            limit = max(1, limit - 2)
        return super().answer(rows, offset, limit, asked)

    def total(self, true: int) -> int | None:
        return None


class ShortPagesAndALowTotal(ShortPagesAndNoTotal):
    """Sends a total from long ago instead. Only rows after it that a look for changes shows can be known."""

    def could_be_known(self, lost: set[int]) -> set[int]:
        return lost & self.shown

    def total(self, true: int) -> int | None:
        return true // 2


class DateAhead(Store):
    """Its `Date` is an hour ahead of the clock that stamps changes."""

    USUAL = ("edit", "move", "backdate", "insert")

    def date(self) -> int:
        self.took_effect = True
        return int(self.clock) + 3600


class DateBehind(DateAhead):
    """Its `Date` is an hour behind."""

    def date(self) -> int:
        self.took_effect = True
        return int(self.clock) - 3600


class ListsById(Store):
    """Lists by id whatever is asked for; some rows are back-dated."""

    def sort_key(self, row: Row, order: Order) -> Any:
        self.took_effect = True
        return row.id


class OldReplica(Store):
    """Some answers come from a copy of the store as it was a while ago."""

    copy: list[Row]

    def ordered(self, rows: Sequence[Row], order: Order) -> Sequence[Row]:
        if not hasattr(self, "copy") or self.requests % 7 == 0:
            self.copy = [attrs.evolve(row) for row in rows]
        if self.requests % 5 == 4:
            self.took_effect = self.took_effect or self.copy != list(rows)
            return super().ordered(self.copy, order)
        return super().ordered(rows, order)


MISBEHAVIOURS: tuple[type[Store], ...] = (
    NumbersWithTies,
    PairsOfNumbers,
    IgnoresSortBy,
    LeavesRowsOut,
    LeavesARowOutOnce,
    ReachesOnlySome,
    DeepOffsetsAreEmpty,
    ShortPagesAndNoTotal,
    ShortPagesAndALowTotal,
    DateAhead,
    DateBehind,
    ListsById,
)


@attrs.frozen
class Told:
    """What a run of walks came to.

    Attributes:
        lost: Persistent rows that were not delivered.
        twice: Rows that were delivered twice.
        report: Of the last walk; None if it raised.
        took_effect: Whether the misbehaviour changed an answer.
    """

    lost: int
    twice: int
    report: WalkReport | None
    took_effect: bool
    requests: int

    @property
    def is_complete(self) -> bool:
        """Whether the walk said that it lost nothing."""
        return self.report is not None and self.report.guarantee == "complete"

    @property
    def untrue(self) -> str:
        """What was said and is not true; nothing if all is."""
        if self.is_complete and self.lost:
            return f"complete, and {self.lost} rows lost"
        if self.twice and self.report is not None and not self.report.anomalies:
            return f"{self.twice} rows came twice without a word"
        return ""


def store_of(cls: type[Store], random: Random, *, most: int = 120, busy: bool = True) -> Store:
    """A store of this kind with rows, caps and strangers at random."""
    store = cls(random)
    store.kinds = cls.USUAL
    store.cap = random.choice([4, 5, 8, 20, 50, 250])
    store.rate = random.choice([0.0, 0.0, 0.5, 2.0, 6.0]) if busy else 0.0
    store.order = cls.ORDER or random.choice([BY_CREATION, BY_CREATION, NEWEST_FIRST, BY_CHANGE])
    count, ties = random.randrange(most), random.choice([1, 1, 1, 2, 3, 9])
    for index in range(count):
        made = START - 90_000 + 60 * (index // ties)
        store.add(made, made + random.choice([0, 0, 500]))
    if busy and random.randrange(4) == 0:  # an import right before the walk
        for row in random.sample(list(store.rows.values()), count // 2):
            row.updated = START - random.choice([1, 60, 100])
    return store


async def walk_over(store: Store, random: Random, *, resume: bool | None = None) -> Told:
    """Walk over the store, perhaps in several legs, each resumed by the bookmark of the one before."""
    delivered: list[int] = []
    report: WalkReport | None = None
    bookmark: str | None = None
    resume = random.randrange(3) == 0 if resume is None else resume
    page_size = random.choice([4, 5, 8, 20, 50, 250])
    try:
        while True:
            walk: Walk[dict[str, object]] = Walk(store, page_size=page_size, prefetch=random.randrange(9), resume=bookmark)
            stop_after = random.randrange(60) if resume and len(delivered) < 400 else -1
            left = False
            async for row in walk:
                delivered.append(row["id"])  # type: ignore[arg-type] # an int
                stop_after -= 1
                if stop_after == 0:
                    left = True
                    break
            report = walk.report
            await walk.aclose()
            if not left:
                break
            bookmark = walk.bookmark
    except IncompleteWalkError:
        report = None
    lost = store.could_be_known((store.persistent or set()) - set(delivered))
    return Told(len(lost), len(delivered) - len(set(delivered)), report, store.took_effect, store.requests)


async def feeds_over(store: Store, random: Random, *, rounds: int = 4) -> str:
    """Follow changes feed after feed; at the end nobody writes. What was not told, or nothing."""
    mirror: dict[object, dict[str, object]] = {}
    seen: set[tuple[object, ...]] = set()
    cursor: str | None = None
    for number in range(rounds):
        store.rate = 0.0 if number == rounds - 1 else store.rate
        feed: ChangeFeed[dict[str, object]] = ChangeFeed(store, since=cursor)
        try:
            async for row in feed:
                version = tuple(row.items())
                if version in seen:
                    return "a version came twice"
                seen.add(version)
                mirror[row["id"]] = row
        except IncompleteWalkError:
            return ""
        cursor = feed.cursor
        for _ in range(random.randrange(6)):
            store.strangers()
        store.clock += 5
    lost = [row.id for row in store.matching() if mirror.get(row.id) != row.as_json()]
    return f"{len(lost)} versions were not told" if lost else ""
