"""The async iterator over a whole list. It requests pages ahead of its consumer, and delivers rows in order."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from itertools import count
from typing import Any, Generic, TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError, IncompleteWalkError
from bigcommerce_b2b_invoices.models.checks import whole_number
from bigcommerce_b2b_invoices.models.page import Page, WalkReport
from bigcommerce_b2b_invoices.walks.bookmark import read_bookmark, write_bookmark
from bigcommerce_b2b_invoices.walks.consumer import Consumer, Loop
from bigcommerce_b2b_invoices.walks.order import Mark, Order, marks_of
from bigcommerce_b2b_invoices.walks.plan import Place, Plan
from bigcommerce_b2b_invoices.walks.source import Source
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT, Slice

T = TypeVar("T")
R = TypeVar("R")

LONGEST_TURN = 0.003  # seconds of delivering rows after which other tasks get their turn
LEAST_LIMIT = 4  # rows on a page: fewer cannot both overlap and advance


@attrs.define(eq=False, repr=False)
class _Asked:
    """A page under way, or one that waits for the pages before it. Its arrival calls `awaited`, if the consumer waits for it."""

    offset: int
    arrivals: "count[int]"
    task: asyncio.Task[Slice] = attrs.field(init=False)
    arrived: int = 0
    awaited: Callable[[], None] | None = None
    received: bool = False
    rejected: bool = False

    def receive(self) -> None:
        """Record that the answer has arrived, still undecoded.

        This must not hold a reference to the walk, or Python could never free an abandoned walk.
        """
        self.received, self.arrived = True, next(self.arrivals)
        if self.awaited is not None:
            self.awaited()


@attrs.define(eq=False, repr=False)
class Accepted:
    """A page that was judged. `fresh` are the indexes of its rows to deliver; the first `delivered` of them were delivered."""

    answer: Slice
    marks: Sequence[Mark]
    offset: int
    order: Order
    closing: bool
    fresh: Sequence[int]
    delivered: int = 0

    def tell(self, place: Place) -> None:
        """Move the place of the walk past the rows that were delivered since the last call."""
        told, self.fresh, self.delivered = self.fresh[: self.delivered], self.fresh[self.delivered :], 0
        if self.closing:
            for index in told:
                place.late(self.marks[index])
        elif told:
            place.move(self.order, [(self.marks[index], self.offset + index) for index in told])


class Walk(Generic[T]):
    """Every row of a list, one after another: `async for row in walk`.

    The walk requests up to `prefetch` pages ahead of the consumer. If the consumer stops, the walk requests no more than these.
    It keeps other pages that have already arrived only while it closes a gap. It turns each row into a model when it delivers the
    row.

    If the loop ends early, by a `break`, an error or cancellation, pending requests are cancelled. You can then continue the
    walk: loop over it again, or use its `bookmark` in another process. A row that cannot be read raises a DecodeError, unless the
    walk was given `on_unreadable`. If you continue the walk, it goes on after that row.

    A walk has one consumer: the loop over it, or the task that calls `anext`. While one consumer is active, a second one gets a
    RuntimeError, and the first loses nothing. Anybody can continue the walk when the loop was left, has ended or raised an error,
    when its task is over, or after `stop`.

    Attributes:
        prefetch: How many pages to request ahead; may be changed during the walk.
    """

    def __init__(
        self,
        source: Source[T],
        *,
        page_size: int = MAX_LIMIT,
        prefetch: int = 0,
        resume: str | None = None,
        thrifty: bool = False,
        on_unreadable: Callable[[DecodeError], None] | None = None,
    ) -> None:
        self._ahead: deque[_Asked] = deque()  # by offset; set first, because __del__ needs it
        prefetch = whole_number(prefetch, "prefetch")
        if prefetch < 0:
            raise ValueError(f"prefetch must be a number of pages, 0 or more, not {prefetch}")
        position = None if resume is None else read_bookmark(resume, source.fingerprint)
        self._source = source
        self._limit = max(whole_number(page_size, "page_size"), LEAST_LIMIT)
        self.prefetch = prefetch
        self._plan = Plan(
            source.order, self._limit, unique=source.unique, latest=source.latest, position=position, thrifty=thrifty
        )
        self._on_unreadable = on_unreadable
        self._page: Accepted | None = None
        self._place = Place(position)
        self._total_count: int | None = None
        self._delivered = 0
        self._unreadable = 0
        self._requests = 0
        self._arrivals = count(1)
        self._consumer = Consumer("walk")
        self._busy = False
        self._turn_began = 0.0

    def __aiter__(self) -> AsyncIterator[T]:
        return Loop(self._consumer, self._next_row, self._left)

    def __anext__(self) -> Coroutine[Any, Any, T]:
        self._consumer.take_directly()
        return self._next_row()

    def pages(self) -> AsyncIterator[Page[T]]:
        """The same rows, page by page. No page repeats a row that was delivered before.

        Rows that cannot be read are left out of a page, and so are rows that an earlier page brought. The last pages may bring
        rows that changed during the walk; their `offset` is the place in the list sorted by the latest changes.
        """
        return Loop(self._consumer, self._next_page, self._left)

    async def _next_row(self) -> T:
        try:
            while True:
                if time.monotonic() - self._turn_began > LONGEST_TURN:
                    await self._let_others()  # a consumer that awaits nothing must not keep other tasks waiting for a whole page
                page = self._page
                if page is None or page.delivered == len(page.fresh):
                    page = await self._next_accepted()
                if page is None:
                    break
                try:
                    return self._read(page)
                except DecodeError as error:
                    self._pass_over(error)
        except BaseException:
            self._end_loop()
            raise
        self._end_loop()
        raise StopAsyncIteration

    async def _next_page(self) -> Page[T]:
        try:
            while (page := await self._next_accepted()) is not None:
                if (found := self._read_page(page)) is not None:
                    return found
        except BaseException:
            self._end_loop()
            raise
        self._end_loop()
        raise StopAsyncIteration

    def _read_page(self, page: Accepted) -> Page[T] | None:
        """The rows of a page up to one that cannot be read; None: the walk has passed over the rest of the page."""
        items: list[T] = []
        first = 0
        while page.delivered < len(page.fresh):
            first = first if items else page.fresh[page.delivered]
            try:
                items.append(self._read(page))
            except DecodeError as error:
                if items:  # deliver the rows before it first: on_unreadable may raise, or save the bookmark
                    page.delivered -= 1
                    self._unreadable -= 1
                    break
                self._pass_over(error)
        if not items:
            return None
        limit = self._limit if page.answer.limit is None else page.answer.limit
        return Page(tuple(items), page.offset + first, limit, page.answer.total_count)

    async def take_page(self) -> Accepted | None:
        """The page with the next row, for a caller that reads its `fresh` rows itself; None at the end."""
        page = await self._next_accepted()
        if page is not None:
            self._delivered += len(page.fresh) - page.delivered
            page.delivered = len(page.fresh)
        return page

    @property
    def total_count(self) -> int | None:
        """How many rows match, as the server said last; None before the first page, or if the server does not say."""
        return self._total_count

    @property
    def report(self) -> WalkReport:
        """What the walk has done so far, and, once it has ended, what it can promise."""
        fewest = -(-self._delivered // self._limit) or 1
        return WalkReport(
            guarantee="complete" if self._plan.guarantee_holds and not self._has_rows else "best_effort",
            delivered=self._delivered,
            requests=self._requests,
            extra_requests=max(0, self._requests - fewest),
            step_backs=self._plan.step_backs,
            duplicates=self._plan.duplicates,
            unreadable=self._unreadable,
            anomalies=tuple(self._plan.anomalies),
        )

    @property
    def bookmark(self) -> str:
        """Where to go on, as a short text: `iterate(query, resume=bookmark)`, in this process or another.

        Valid at any moment, also after any exception. The resumed walk delivers the rows that were not delivered yet, even if
        rows were created and deleted meanwhile. A row whose sort key changed meanwhile may be delivered again. If a row may be
        missing, the report of the resumed walk says "best_effort".
        """
        if self._page is not None:
            self._page.tell(self._place)
        return write_bookmark(self._place.position(self._plan.started, self._plan.doubts), self._source.fingerprint)

    def _end_loop(self) -> None:
        """Let another consumer follow, because the present one gets an error or the end."""
        if not self._busy:  # busy: only a call beside the one that waits was refused
            self._consumer.free()

    def _left(self) -> None:
        """Cancel pending requests, because the consumer has left its loop."""
        if not self._busy:  # busy: somebody let go of the loop while its next row is still awaited
            self._drop_ahead()

    def stop(self) -> None:
        """Cancel pending requests. The walk can be continued, also by another consumer."""
        self._consumer.free()
        self._drop_ahead()

    def _drop_ahead(self) -> None:
        while self._ahead:
            task = self._ahead.pop().task
            if not task.done() and not task.get_loop().is_closed():
                task.cancel()

    async def aclose(self) -> None:
        """Like `stop`, but also waits until the requests have ended.

        Only the consumer should call it: if another task is waiting for a row, that task is cancelled.
        """
        tasks = [asked.task for asked in self._ahead]
        self.stop()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __del__(self) -> None:
        self._drop_ahead()

    # ---- rows at hand ------------------------------------------------------------------------------------------------

    @property
    def _has_rows(self) -> bool:
        return self._page is not None and self._page.delivered < len(self._page.fresh)

    async def _next_accepted(self) -> Accepted | None:
        """The page with the next row; None at the end."""
        if self._busy:
            raise self._consumer.refusal()
        self._busy = True
        try:
            while not self._has_rows:
                if self._plan.done:
                    return None
                await self._take_page()
        except IncompleteWalkError as error:
            error.report = self.report
            if error.method is None:
                error.of_request("GET", self._source.path, self._requests)
            raise
        finally:
            self._busy = False
        return self._page

    def _read(self, page: Accepted) -> T:
        """The next row of the page. The walk goes on after it, even if it cannot be read."""
        index = page.fresh[page.delivered]
        page.delivered += 1
        try:
            model = self._source.read(page.answer, index)
        except DecodeError:
            self._unreadable += 1
            home = self._plan.home
            if home.provable and marks_of([page.answer.rows[index]], home)[0].key is None:
                self._plan.doubt(f"a row without a readable {home.sort_by} could not be read")
            raise
        page.answer.rows[index] = None  # frees memory that is still in the processor's caches, for the next row
        self._delivered += 1
        return model

    def _pass_over(self, error: DecodeError) -> None:
        if self._on_unreadable is None:
            raise error
        self._on_unreadable(error)

    # ---- pages -------------------------------------------------------------------------------------------------------

    async def _take_page(self) -> None:
        """Judge one page: the first one that was requested ahead, or one that closes a gap before it."""
        current = self._plan.current
        if not self._ahead or self._ahead[0].offset > current.reach:
            self._ahead.appendleft(self._ask(current.offset))
        asked = self._ahead[0]
        asked.awaited = self._ask_ahead
        self._ask_ahead()
        try:
            answer = await asked.task
            self._judge(asked, answer)
        except BaseException:
            await self.aclose()
            raise
        finally:
            asked.awaited = None
        self._ask_ahead()
        await self._let_others()  # sends these requests before the rows are turned into models

    async def _let_others(self) -> None:
        await asyncio.sleep(0)
        self._turn_began = time.monotonic()

    def _judge(self, asked: _Asked, answer: Slice) -> None:
        plan, order, closing = self._plan, self._plan.current.order, self._plan.closing
        generation, marks = plan.generation, marks_of(answer.rows, order, self._source.latest)
        fresh = plan.receive(
            asked.offset,
            marks,
            echoed_limit=answer.limit,
            total=answer.total_count,
            now=int(time.time()) if answer.server_time is None else answer.server_time,
            arrived=asked.arrived,
            home_key=lambda index, home: marks_of([answer.rows[index]], home)[0].key,
        )
        self._total_count = answer.total_count
        if plan.done or generation != plan.generation:
            self._drop_ahead()
        elif fresh is not None or asked.rejected or not marks:
            self._ahead.popleft()
        asked.rejected = True  # if the page stays, it may connect once the gap before it is closed
        if self._page is not None:
            self._page.tell(self._place)
        self._page = Accepted(answer, marks, asked.offset, order, closing, fresh or ())

    def _ask(self, offset: int) -> _Asked:
        current = self._plan.current
        self._requests += 1
        asked = _Asked(offset, self._arrivals)
        asked.task = asyncio.ensure_future(self._source.fetch(current.order, offset, current.limit, asked.receive))
        asked.task.add_done_callback(_look_at)
        return asked

    def _ask_ahead(self) -> None:
        """Request pages until there are `prefetch`, as far as their offsets can be predicted.

        A page that the consumer waits for, and that has arrived, does not count.
        """
        current = self._plan.current
        pages = self.prefetch + (bool(self._ahead) and self._ahead[0].received and self._ahead[0].awaited is not None)
        while not self._plan.done and len(self._ahead) < pages:
            offset = current.next_after(self._ahead[-1].offset) if self._ahead else current.offset
            if offset is None:
                return
            self._ahead.append(self._ask(offset))


def _look_at(task: asyncio.Task[Slice]) -> None:
    """Read an error that nobody may be waiting for any more, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()
