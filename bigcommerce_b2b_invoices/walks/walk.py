"""The async iterator over a whole list: asks for pages ahead of its consumer, and delivers rows in order."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Generic, Self, TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import IncompleteWalkError
from bigcommerce_b2b_invoices.walks.anchored import Order
from bigcommerce_b2b_invoices.walks.bookmark import read_bookmark, write_bookmark
from bigcommerce_b2b_invoices.walks.page import Page, WalkReport
from bigcommerce_b2b_invoices.walks.plan import Place, Plan
from bigcommerce_b2b_invoices.walks.source import Answer, Source

T = TypeVar("T")

LONGEST_TURN = 0.003  # seconds of handing out rows after which other tasks get their turn
LEAST_LIMIT = 4  # rows a page: fewer cannot overlap and advance


@attrs.define(eq=False, repr=False)
class _Asked:
    """A page that is under way, or that waits for the pages before it. `awaited` is called where the consumer waits for it."""

    offset: int
    task: asyncio.Task[Answer] = attrs.field(init=False)
    awaited: Callable[[], None] | None = None
    received: bool = False
    rejected: bool = False

    def receive(self) -> None:
        """The answer is here, but not decoded. It must not know the walk, or an abandoned one would never be forgotten."""
        self.received = True
        if self.awaited is not None:
            self.awaited()


@attrs.define(eq=False, repr=False)
class _Accepted:
    """A page that was judged; `fresh` are the indexes of its rows to deliver, of which `delivered` were."""

    answer: Answer
    offset: int
    order: Order
    closing: bool
    fresh: Sequence[int]
    delivered: int = 0

    def tell(self, place: Place) -> None:
        """Move the place of the walk behind what was delivered since the last time."""
        told, self.fresh, self.delivered = self.fresh[: self.delivered], self.fresh[self.delivered :], 0
        if self.closing:
            for index in told:
                place.late(self.answer.marks[index])
        elif told:
            place.move(self.order, [(self.answer.marks[index], self.offset + index) for index in told])


class Walk(Generic[T]):
    """Every row of a list, one after another: `async for row in walk`.

    Up to `prefetch` pages are asked for ahead of the consumer; one that stops consuming takes no more than these. Only while a
    gap is closed are pages kept beside them that were received already. Each row is turned into a model when it is delivered.
    Leaving the loop early, an error in it and cancellation end the requests that are under way. The walk can then be continued,
    by looping over it again, or in another process by its `bookmark`.

    A walk has one consumer.

    Attributes:
        prefetch: How many; may be changed on the way.
    """

    def __init__(
        self,
        source: Source[T],
        order: Order,
        *,
        page_size: int,
        prefetch: int,
        query: str,
        resume: str | None = None,
        thrifty: bool = False,
    ) -> None:
        self._ahead: deque[_Asked] = deque()  # by offset; first of all, for __del__
        if type(prefetch) is not int or prefetch < 0:
            raise ValueError(f"prefetch must be a number of pages, 0 or more, not {prefetch!r}")
        position = None if resume is None else read_bookmark(resume, query)
        self._source = source
        self._limit = max(page_size, LEAST_LIMIT)
        self.prefetch = prefetch
        self._query = query
        self._plan = Plan(order, self._limit, position=position, thrifty=thrifty)
        self._page: _Accepted | None = None
        self._place = Place(position)
        self._total_count: int | None = None
        self._delivered = 0
        self._requests = 0
        self._busy = False
        self._turn_began = 0.0
        self._loops = 0

    def __aiter__(self) -> AsyncIterator[T]:
        self._loops += 1
        return _Rows(self, self._loops)

    async def __anext__(self) -> T:
        if time.monotonic() - self._turn_began > LONGEST_TURN:
            await self._let_others()  # a consumer that awaits nothing must not keep everybody else waiting for a whole page
        page = self._page
        if page is None or page.delivered == len(page.fresh):
            page = await self._fill()
        if page is None:
            raise StopAsyncIteration
        index = page.fresh[page.delivered]
        rows = page.answer.rows
        model = self._source.read(rows[index], index)
        rows[index] = None  # its memory is still in the processor's caches, for the next one
        page.delivered += 1
        self._delivered += 1
        return model

    def pages(self) -> AsyncIterator[Page[T]]:
        """The same rows page by page, each page without rows that were handed out before."""
        self._loops += 1
        return _Pages(self, self._loops)

    async def next_page(self) -> Page[T] | None:
        """The rows at hand, or those of the next page that brings any; None at the end. What `pages` is made of."""
        page = await self._fill()
        if page is None:
            return None
        answer = page.answer
        items = tuple(self._source.read(answer.rows[index], index) for index in page.fresh[page.delivered :])
        page.delivered += len(items)
        self._delivered += len(items)
        return Page(items, page.offset, self._limit if answer.limit is None else answer.limit, answer.total_count)

    @property
    def total_count(self) -> int | None:
        """How many rows match, as the server said last; None before the first page, or where it does not say."""
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
            anomalies=tuple(self._plan.anomalies),
        )

    @property
    def bookmark(self) -> str:
        """Where to go on, as a short text: `iterate(query, resume=bookmark)`, in this process or another.

        Valid at any moment, after any exception too. The resumed walk delivers what was not delivered yet, although rows were
        created and deleted meanwhile. A row whose sort key was changed meanwhile may come again; where one may be missing, the
        report of the resumed walk says "best_effort".
        """
        if self._page is not None:
            self._page.tell(self._place)
        return write_bookmark(self._place.position(self._plan.started), self._query)

    def left(self, loop: int) -> None:
        """A loop over the walk was left. One that had ended before, and is only forgotten now, stops nothing."""
        if loop == self._loops:
            self.stop()

    def stop(self) -> None:
        """End the requests that are under way. The walk can be continued."""
        while self._ahead:
            task = self._ahead.pop().task
            if not task.done() and not task.get_loop().is_closed():
                task.cancel()

    async def aclose(self) -> None:
        """As `stop`, and wait until they have ended. For the consumer itself: another task that waits here is cancelled."""
        tasks = [asked.task for asked in self._ahead]
        self.stop()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __del__(self) -> None:
        self.stop()

    # ---- rows at hand ------------------------------------------------------------------------------------------------

    @property
    def _has_rows(self) -> bool:
        return self._page is not None and self._page.delivered < len(self._page.fresh)

    async def _fill(self) -> _Accepted | None:
        """The page with the next row, unless the walk is at its end."""
        if self._busy:
            raise RuntimeError("a walk has one consumer: make one walk for each")
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

    # ---- pages -------------------------------------------------------------------------------------------------------

    async def _take_page(self) -> None:
        """Judge one page: the first of those asked for ahead, or one that closes a gap before it."""
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
        await self._let_others()  # lets these requests be sent before the rows are turned into models

    async def _let_others(self) -> None:
        await asyncio.sleep(0)
        self._turn_began = time.monotonic()

    def _judge(self, asked: _Asked, answer: Answer) -> None:
        plan, marks, order, closing = self._plan, answer.marks, self._plan.current.order, self._plan.closing
        generation = plan.generation
        fresh = plan.receive(
            asked.offset,
            marks,
            echoed_limit=answer.limit,
            total=answer.total_count,
            now=answer.server_time,
            home_key=lambda index, home: self._source.key(answer.rows[index], home),
        )
        self._total_count = answer.total_count
        if plan.done or generation != plan.generation:
            self.stop()
        elif fresh is not None or asked.rejected or not marks:
            self._ahead.popleft()
        asked.rejected = True  # where it stays: it may connect once the gap before it is closed
        if self._page is not None:
            self._page.tell(self._place)
        self._page = _Accepted(answer, asked.offset, order, closing, fresh or ())

    def _ask(self, offset: int) -> _Asked:
        current = self._plan.current
        self._requests += 1
        asked = _Asked(offset)
        asked.task = asyncio.ensure_future(self._source.fetch(current.order, offset, current.limit, asked.receive))
        asked.task.add_done_callback(_look_at)
        return asked

    def _ask_ahead(self) -> None:
        """Have `prefetch` pages asked for, as far as can be foreseen, beside one that the consumer waits for and that is here."""
        current = self._plan.current
        pages = self.prefetch + (bool(self._ahead) and self._ahead[0].received and self._ahead[0].awaited is not None)
        while not self._plan.done and len(self._ahead) < pages:
            offset = current.next_after(self._ahead[-1].offset) if self._ahead else current.offset
            if offset is None:
                return
            self._ahead.append(self._ask(offset))


def _look_at(task: asyncio.Task[Answer]) -> None:
    """Take note of an error that nobody may wait for any more, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()


class _Loop(Generic[T]):
    """One loop over a walk. When it is left, however, this goes, and with it the requests that are under way."""

    __slots__ = ("_number", "_walk")

    def __init__(self, walk: Walk[T], number: int) -> None:
        self._walk = walk
        self._number = number

    def __aiter__(self) -> Self:
        return self

    def __del__(self) -> None:
        self._walk.left(self._number)


class _Rows(_Loop[T]):
    """A loop over the rows."""

    __slots__ = ()

    def __anext__(self) -> Coroutine[Any, Any, T]:
        return self._walk.__anext__()


class _Pages(_Loop[T]):
    """A loop over the pages."""

    __slots__ = ()

    async def __anext__(self) -> Page[T]:
        page = await self._walk.next_page()
        if page is None:
            raise StopAsyncIteration
        return page
