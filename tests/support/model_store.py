"""A store in memory whose invoices change between any two list requests, and what a walk over it must have delivered."""

import asyncio
from collections.abc import Callable
from random import Random

import attrs

from bigcommerce_b2b_invoices.walks.order import Order
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire.messages import Slice

BY_CREATION = Order("createdAt", by_time=True)
BY_NUMBER = Order("invoiceNumber", unique=True)
LATEST_CHANGES = Order("updatedAt", descending=True, by_time=True)
START = 100_000  # seconds; what was changed before the walk was changed long before


@attrs.define
class Row:
    """An invoice of the model; `matches` says whether the walk's filter lets it through."""

    id: int
    created: int
    updated: int
    number: str
    matches: bool = True

    def as_json(self) -> dict[str, object]:
        """The row as the API would send it."""
        return {"id": self.id, "createdAt": self.created, "updatedAt": self.updated, "invoiceNumber": self.number, "dueDate": 7}


class ModelStore:
    """Rows, and the list endpoint over them. Every change moves the clock by one second."""

    def __init__(self, count: int, random: Random, *, ties: int = 1) -> None:
        self.random = random
        self.clock = START
        self.cap = 1000
        self.next_id = 1
        self.rows: dict[int, Row] = {}
        for index in range(count):
            self._add(START - 50_000 + 10 * (index // ties), updated=START - 40_000 + 10 * (index // ties))
        self.persistent: set[int] | None = None  # matching at every instant since the first answer
        self.requests = 0
        self.total: Callable[[int], int | None] = lambda true: true  # what it says of how many match

    def _add(self, created: int, updated: int) -> Row:
        row = Row(self.next_id, created, updated, f"N{self.random.randrange(10**6):06}-{self.next_id}")
        self.rows[row.id] = row
        self.next_id += 1
        return row

    # ---- what strangers do -------------------------------------------------------------------------------------------

    def insert(self, age: int = 0) -> None:
        """A new row; with an age it is back-dated."""
        self.clock += 1
        self._add(self.clock - age, self.clock)

    def delete(self, pick: int) -> None:
        row = self._pick(pick)
        if row:
            del self.rows[row.id]
            self._gone(row)

    def touch(self, pick: int) -> None:
        row = self._pick(pick)
        if row:
            row.updated = self.clock

    def move_key(self, pick: int, created: int) -> None:
        row = self._pick(pick)
        if row:
            row.created, row.updated = created, self.clock

    def flap(self, pick: int) -> None:
        """The row leaves the filter, or comes back."""
        row = self._pick(pick)
        if row:
            row.matches, row.updated = not row.matches, self.clock
            self._gone(row)

    def _pick(self, pick: int) -> Row | None:
        self.clock += 1
        rows = list(self.rows.values())
        return rows[pick % len(rows)] if rows else None

    def _gone(self, row: Row) -> None:
        if self.persistent is not None:
            self.persistent.discard(row.id)

    # ---- the endpoint ------------------------------------------------------------------------------------------------

    def list(self, order: Order, offset: int, limit: int) -> Slice:
        """A slice at this instant. Rows of equal key come in another order every time."""
        self.requests += 1
        rows = [row for row in self.rows.values() if row.matches]
        self.random.shuffle(rows)
        rows.sort(key=lambda row: self.sort_key(row, order), reverse=order.descending)
        if self.persistent is None:
            self.persistent = {row.id for row in rows}
        total = self.total(len(rows))
        page = rows[offset : offset + min(limit, self.cap)]
        return Slice([row.as_json() for row in page], limit, total, self.clock)

    @staticmethod
    def sort_key(row: Row, order: Order) -> tuple[int, str]:
        if order.sort_by == "createdAt":
            return row.created, ""
        if order.sort_by == "updatedAt":
            return row.updated, ""
        return 0, row.number


def row_id(row: object) -> int:
    """The id of a row."""
    assert isinstance(row, dict)
    found: int = row["id"]
    return found


def lagging() -> Callable[[int], int | None]:
    """A total count that is always the one of the request before."""
    last: list[int] = []

    def total(true: int) -> int:
        last.append(true)
        return last[-2] if len(last) > 1 else true

    return total


class Scene:
    """A walk over a model store, in a loop that only moves when it is told to.

    `naive` walks as most clients do instead: by the limit asked, until a short page or the total count.
    """

    def __init__(
        self,
        store: ModelStore,
        order: Order,
        *,
        page_size: int,
        prefetch: int,
        naive: bool = False,
        resume: str | None = None,
    ) -> None:
        self.store = store
        self.order = order
        self.page_size = page_size
        self.naive = naive
        self.path, self.fingerprint, self.unique, self.latest = "/model", "model", BY_NUMBER, LATEST_CHANGES
        self.pending: list[tuple[Order, int, int, asyncio.Future[Slice]]] = []
        self.loop = asyncio.new_event_loop()
        self.walk: Walk[int] = Walk(self, page_size=page_size, prefetch=prefetch, resume=resume)
        self.delivered: list[int] = []
        self.errors: list[BaseException] = []
        self.task: asyncio.Task[None] = self.loop.create_task(self._consume())
        self.turn()

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Slice:
        future: asyncio.Future[Slice] = self.loop.create_future()
        self.pending.append((order, offset, limit, future))
        answer = await future
        received()
        await asyncio.sleep(0)  # the time of decoding
        return answer

    def read(self, answer: Slice, index: int) -> int:
        return row_id(answer.rows[index])

    async def _consume(self) -> None:
        if self.naive:
            await self._consume_naively()
            return
        async for row in self.walk:
            self.delivered.append(row)

    async def _consume_naively(self) -> None:
        offset = 0
        while True:
            page = await self.fetch(self.order, offset, self.page_size, lambda: None)
            self.delivered += [each for each in map(row_id, page.rows) if each not in self.delivered]
            offset += self.page_size
            if len(page.rows) < self.page_size or (page.total_count is not None and offset >= page.total_count):
                return

    def turn(self) -> None:
        """Let the loop come to rest."""
        for _ in range(12):
            self.loop.run_until_complete(asyncio.sleep(0))
        self.pending = [ask for ask in self.pending if not ask[3].done()]
        if self.task.done() and not self.task.cancelled() and isinstance(self.task.exception(), ConnectionError):
            self.task = self.loop.create_task(self._consume())  # over the same walk
            self.turn()

    def answer(self, pick: int = 0) -> None:
        """Answer one of the requests under way, as the store is now."""
        if self.pending:
            order, offset, limit, future = self.pending.pop(pick % len(self.pending))
            future.set_result(self.store.list(order, offset, limit))
            self.turn()

    def fail(self, pick: int = 0) -> None:
        """One of the requests under way fails for good; when the walk comes to it, the consumer starts another loop."""
        if self.pending:
            self.pending.pop(pick % len(self.pending))[3].set_exception(ConnectionError("planted"))
            self.turn()

    def finish(self) -> None:
        """Answer everything that is still asked for, until the walk ends."""
        for _ in range(2000):
            if self.task.done():
                break
            assert self.pending, "the walk waits for nothing"
            self.answer()
        assert self.task.done(), "the walk does not end"

    def verdict(self) -> str:
        """What went wrong, or nothing. An error of the walk is one too."""
        self.task.result()
        if len(self.delivered) != len(set(self.delivered)):
            return "a row came twice"
        lost = (self.store.persistent or set()) - set(self.delivered)
        return f"lost {sorted(lost)}" if lost else ""

    def close(self) -> None:
        self.task.cancel()
        self.turn()
        for *_, future in self.pending:
            future.cancel()
        self.walk.stop()
        self.turn()
        assert asyncio.all_tasks(self.loop) == set(), "a task was left behind"
        self.loop.close()


def random_scene(
    seed: int,
    order: Order,
    *,
    naive: bool = False,
    total: Callable[[int], int | None] | None = None,
    caps: tuple[int, ...] = (3, 4, 6, 250),
) -> str:
    """A walk with random strangers; returns what went wrong, or nothing."""
    random = Random(seed)
    store = ModelStore(random.randrange(40), random, ties=random.choice([1, 1, 2, 3, 9]))
    store.total = total or store.total
    page_size, prefetch = random.choice([4, 5, 8]), random.choice([0, 1, 2, 4])
    store.cap = page_size  # of the closing page, too, or it would show the whole store at one instant
    scene = Scene(store, order, page_size=page_size, prefetch=prefetch, naive=naive)
    try:
        for _ in range(random.randrange(60)):
            if scene.task.done():
                break
            step = random.randrange(17)
            pick = random.randrange(1000)
            if step < 8:
                scene.answer(pick)
            elif step < 11:
                store.delete(random.choice([pick, 0]))
            elif step == 11:
                store.insert(random.choice([0, 0, 30_000, 60_000]))
            elif step == 12:
                store.touch(pick)
            elif step == 13:
                store.move_key(pick, START - random.randrange(60_000))
            elif step == 14:
                store.flap(pick)
            elif step == 15:
                store.cap = random.choice(caps or (store.cap,))
            else:
                scene.fail(pick)
        scene.finish()
        return scene.verdict()
    finally:
        scene.close()
