"""The change feed: every row that was changed since a cursor, each version once.

The feed reads the list with the latest changes first, until it reaches the cursor. If a row is changed meanwhile, it moves to
the top, where the feed has already read. Its time is then later than the newest time at the start, so it belongs to the next
feed. The next cursor is therefore that newest time. It also holds the versions that were seen at that time, because more changes
may follow within the same second, or be committed late. The next feed reads no second whose versions the cursor does not hold,
so it never delivers a version again.

The feed cannot judge a row like that if its time of change is not readable. If the row is also not a readable invoice, the feed
treats it like any other unreadable row. Otherwise the feed reads every row, in the order of a field whose value no two rows
share.
"""

import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError, IncompleteWalkError
from bigcommerce_b2b_invoices.walks.consumer import Consumer, Loop
from bigcommerce_b2b_invoices.walks.contradictions import PageChecks
from bigcommerce_b2b_invoices.walks.cursor import Version, cursor_at, read_cursor, write_cursor
from bigcommerce_b2b_invoices.walks.feed_bookmark import read_feed_bookmark, write_feed_bookmark
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.order import Mark, marks_of, row_version
from bigcommerce_b2b_invoices.walks.passes import OVERLAP, OrderBrokenError, Pass
from bigcommerce_b2b_invoices.walks.progress import CLOCK_SLACK, Progress
from bigcommerce_b2b_invoices.walks.source import Source
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT, Slice

T = TypeVar("T")

FUTURE = "some changes lie in the future: each feed reads them again, and compares them"
COMPARED = "each feed reads every row, and compares these"


@attrs.frozen(eq=False, repr=False)
class _Ready:
    """A row to deliver, and its offset in the order by time (None: it came in another order)."""

    answer: Slice
    index: int
    mark: Mark
    place: int | None


class ChangeFeed(Generic[T]):
    """Invoices changed since a cursor, the newest change first: `async for invoice in feed`, then keep `feed.cursor`.

    A feed is complete: it delivers every invoice whose `updatedAt` is at or after the cursor, in its present version. Two
    consecutive feeds never deliver the same version. One request if nothing changed, otherwise one for each 240 changes. Without
    a cursor, the feed delivers every invoice of the store. If 249 or more invoices share a second that must be read, as right
    after an import, the feed reads every invoice of the store, once.

    The second of the cursor counts as over once the `Date` of an answer has passed it by `overlap` seconds. The feed does not see
    a change that the store commits into that second later. It also does not see a change that comes after the server's clock was
    set back. A larger `overlap` makes it less likely that the feed misses such a change, but the feed then reads more seconds
    again. The `overlap` of a feed also decides which versions its cursor holds, and the next feed reads no earlier second,
    because it could deliver a version again. So if you raise `overlap` from one feed to the next, only the feed after that one
    reads more seconds again.

    A row whose `updatedAt` is in the future is delivered once; `anomalies` then says that each feed has to read it again. An
    invoice whose `updatedAt` cannot be read is delivered once for each of its versions. As long as a store has such an invoice,
    each feed that knows of it reads every invoice of the store, and `anomalies` says so. The cursor grows by about 25 characters
    for each row that feeds must compare.

    A feed that begins with a datetime delivers the invoices whose `updatedAt` is in that second or later, and those whose
    `updatedAt` cannot be read. Its cursor gives the same guarantees. If the server has shown no change at or after that time, the
    cursor stands at the newest change that the server has shown. So the next feed delivers each change that comes after the first
    request, even if your clock is ahead of the server's.

    `cursor` changes only when the feed reaches its end. If you leave the loop, a new loop over the same feed goes on at the same
    place; after an IncompleteWalkError it begins again. An invoice that cannot be read raises a DecodeError, unless the feed was
    given `on_unreadable`. The feed then goes on after that invoice.

    `bookmark` lets another process continue a feed that was interrupted: `changes(resume=bookmark)`. Both feeds together deliver
    every change, and the last cursor is as good as that of one feed. A change that came after the first feed had begun belongs to
    the next feed. Resuming takes about one request more, and one for each 240 invoices that were changed meanwhile. If the feed
    reads every invoice of the store, the resumed feed reads every invoice once more, but delivers only those that are left. A
    version comes twice only in two cases: after an IncompleteWalkError, when the feed begins again and so does its bookmark; and
    if a feed that reads every invoice has delivered more ids than a bookmark holds. A bookmark holds 4,000 ids of any kind, and
    up to 256,000 that are close together.

    A feed has one consumer: the loop over it, or the task that calls `anext`. While one consumer is active, a second one gets a
    RuntimeError, and the first loses nothing. Anybody can continue the feed when the loop was left, has ended or raised an error,
    when its task is over, or after `stop`.

    A feed cannot see deletions. It also cannot see a change if the server sets its `updatedAt` to a time before the newest one
    that the server has already shown. To find deleted invoices, walk over all invoices from time to time. If a walk did not
    deliver an id that you know, passed over no unreadable row, and its report says "complete", that invoice was deleted before
    the walk ended.
    """

    def __init__(
        self,
        source: Source[T],
        *,
        since: str | datetime | None,
        resume: str | None = None,
        overlap: float = 0.0,
        version_of: Callable[[object], Version] | None = None,
        on_unreadable: Callable[[DecodeError], None] | None = None,
    ) -> None:
        if source.latest is None:
            raise ValueError(f"the list at {source.path} does not show which rows were changed last")
        if not 0 <= overlap < math.inf:
            raise ValueError(f"overlap must be a number of seconds, 0 or more, not {overlap}")
        if since is not None and resume is not None:
            raise ValueError("give since or resume: a bookmark holds the cursor of the feed that was interrupted")
        self._source = source
        self._latest = source.latest
        self._anomalies: list[str] = []
        self._version_of = version_of or _version_of
        self._on_unreadable = on_unreadable
        self._consumer = Consumer("feed")
        self._busy = False
        self._requests = 0
        end = None
        if resume is not None:
            progress, end = read_feed_bookmark(resume, source.fingerprint)
        elif isinstance(since, datetime):
            progress = Progress(since=cursor_at(since), overlap=math.ceil(overlap))
        else:
            cursor = None if since is None else read_cursor(since, source.fingerprint)
            progress = Progress(since=cursor, overlap=math.ceil(overlap))
        began = None if progress.since is None else write_cursor(progress.since, source.fingerprint)
        self._cursor = end or (since if isinstance(since, str) else began)
        self._is_over = end is not None
        self._begin(progress)

    def _begin(self, progress: Progress) -> None:
        self._progress = progress
        self._seen = IdSet()
        self._current = Pass(self._latest, MAX_LIMIT, self._seen, until=progress.first)
        self._checks = PageChecks(self._latest)
        self._count = 0  # rows that came, each once
        self._ready: deque[_Ready] = deque()
        if progress.reads_all:
            self._read_all(self._no_time)
        elif progress.floor is not None:
            self._current.frontier = progress.floor
            self._current.offset = self._current.reach = max(0, progress.place - OVERLAP)
        if progress.future:
            self._note(FUTURE)
        if progress.must_read_all:
            self._note(f"{self._no_time}: {COMPARED}")

    def _begin_again(self) -> None:
        """Doubt all that came: begin with the cursor."""
        self._begin(Progress(since=self._progress.since, overlap=self._progress.overlap))

    def __aiter__(self) -> AsyncIterator[T]:
        return Loop(self._consumer, self._next_row, _do_nothing)

    def __anext__(self) -> Coroutine[Any, Any, T]:
        self._consumer.take_directly()
        return self._next_row()

    async def _next_row(self) -> T:
        if self._busy:
            raise self._consumer.refusal()
        self._busy = True
        try:
            while not self._is_over:
                while self._ready:
                    row = self._ready.popleft()
                    self._progress.deliver(row.mark, row.place)
                    try:
                        return self._source.read(row.answer, row.index)
                    except DecodeError as error:
                        if self._on_unreadable is None:
                            raise
                        self._on_unreadable(error)
                if not self._current.done:
                    await self._read_page()
                elif self._checks.pushed and self._current.order.by_time:
                    await self._explain_pushed()
                else:
                    self._end()
        except BaseException:
            self._consumer.free()
            raise
        finally:
            self._busy = False
        self._consumer.free()
        raise StopAsyncIteration

    def stop(self) -> None:
        """Let another task continue the feed, even if the present consumer has not left its loop. Sends no request."""
        self._consumer.free()

    @property
    def cursor(self) -> str | None:
        """The cursor for the next feed. Until this feed has reached its end, it is the cursor that this feed began with."""
        return self._cursor

    @property
    def bookmark(self) -> str:
        """The place of the feed, for `changes(resume=...)`, in this process or another. Valid at any moment. Sends no request.

        A row counts as delivered when the loop gets it, or its error. The text is short, usually below 4 kB. It grows as the
        cursor does, and by the ids that the feed has delivered, if it reads every invoice of the store.
        """
        pending = frozenset(row.mark.id for row in self._ready)
        return write_feed_bookmark(
            self._progress, self._source.fingerprint, pending=pending, end=self._cursor if self._is_over else None
        )

    @property
    def requests(self) -> int:
        """The number of list requests that the feed has made so far."""
        return self._requests

    @property
    def anomalies(self) -> tuple[str, ...]:
        """What was odd about the answers, one sentence each."""
        return tuple(self._anomalies)

    def _note(self, anomaly: str) -> None:
        if anomaly not in self._anomalies:
            self._anomalies.append(anomaly)

    # ---- pages -------------------------------------------------------------------------------------------------------

    async def _read_page(self) -> None:
        current = self._current
        self._requests += 1
        answer = await self._source.fetch(current.order, current.offset, current.limit, _do_nothing)
        try:
            self._take(answer)
        except IncompleteWalkError:
            self._begin_again()
            raise

    async def _explain_pushed(self) -> None:
        """Rows moved down between two pages: as many must have been changed meanwhile, or some were left out. One request."""
        self._requests += 1
        answer = await self._source.fetch(self._latest, 0, MAX_LIMIT, _do_nothing)
        marks = marks_of(answer.rows, self._latest)
        later = sum(self._explains(mark.id, mark.key or 0) for mark in marks)
        pushed = self._checks.pushed
        self._checks.explained()
        if pushed > later and later < len(marks):
            wrong = self._incomplete("rows moved down the list although none was changed: the server may leave rows out")
            self._begin_again()
            raise wrong

    def _explains(self, row_id: int, changed: int) -> bool:
        """Whether a row was changed since the feed, or the one that it resumes, had passed its place."""
        progress = self._progress
        return changed > (progress.newest or 0) or not (row_id in self._seen or progress.was_judged(row_id, changed))

    def _take(self, answer: Slice) -> None:
        """Judge a page, and choose the rows to deliver."""
        current, probing = self._current, self._current.is_probing
        marks: Sequence[Mark] = marks_of(answer.rows, current.order, self._latest)
        self._look_at_times(marks, answer)
        if len({mark.id for mark in marks}) < len(marks):
            self._note("two rows of a page have the same id, or are the same without one: the feed delivered only the first")
        by_time, since = current.order.by_time, self._progress.since
        if by_time:
            current.until = self._progress.first
            if any(mark.changed is None and self._is_readable(answer, index) for index, mark in enumerate(marks)):
                self._read_all(self._no_time)
                return
            marks = _with_keys(marks, current.frontier if current.frontier is not None else self._progress.now or 0)
        offset, fresh = current.offset, self._receive(answer, marks)
        self._count += len(fresh)
        if not probing:
            self._check(offset, marks, answer)
        for index in fresh:
            self._choose(_Ready(answer, index, marks[index], offset + index if by_time else None))
        if current.broken:
            self._read_all(current.broken)
        elif by_time and since is not None and since.must_read_all:
            self._read_all(self._no_time)

    def _look_at_times(self, marks: Sequence[Mark], answer: Slice) -> None:
        progress = self._progress
        if progress.clock is None:
            progress.clock = int(time.time()) if answer.server_time is None else answer.server_time
        if progress.now is None:
            progress.now = progress.clock
        if progress.newest is None:
            times = [mark.changed for mark in marks if mark.changed is not None]
            progress.newest = max((each for each in times if not progress.is_future(each)), default=None)
            if any(map(progress.is_future, times)):
                self._note(FUTURE)

    def _read_all(self, reason: str) -> None:
        """Go on with every row of the list, because the changes cannot be found by time alone."""
        if self._source.unique is None:
            raise self._incomplete(reason)
        progress = self._progress
        if progress.newest is None:
            progress.newest = (progress.now or 0) - CLOCK_SLACK  # later changes may come while the feed reads
        progress.reads_all = True
        self._current = Pass(self._source.unique, MAX_LIMIT, self._seen)
        self._checks = PageChecks(self._source.unique)

    def _is_readable(self, answer: Slice, index: int) -> bool:
        try:
            self._source.read(answer, index)
        except DecodeError:
            return False
        return True

    def _choose(self, row: _Ready) -> None:
        """Deliver the row if this is a version that no feed has delivered."""
        progress, mark = self._progress, row.mark
        if not progress.concerns(mark):
            return
        if mark.changed is None and self._is_readable(row.answer, row.index):
            progress.must_read_all = True
            self._note(f"{self._no_time}: {COMPARED}")
        if progress.judge(mark, self._version_of(row.answer.rows[row.index])):
            self._ready.append(row)

    @property
    def _no_time(self) -> str:
        return f"there are rows without a readable {self._latest.sort_by}"

    def _check(self, offset: int, marks: Sequence[Mark], answer: Slice) -> None:
        wrong = self._checks.contradiction(
            offset, marks, echoed_limit=answer.limit, total=answer.total_count, arrived=self._current.accepted
        )
        total = answer.total_count
        if self._current.done and not self._current.order.by_time and total is not None and total > self._count:
            wrong = f"the server counts {total} rows, but sent {self._count}"
        if wrong:
            raise self._incomplete(wrong)

    def _end(self) -> None:
        """Move the cursor to the newest change; its second is over once the server's clock has passed it by the overlap."""
        self._is_over = True
        cursor = self._progress.cursor(any_rows=bool(self._count))
        if cursor is not None:
            self._cursor = write_cursor(cursor, self._source.fingerprint)

    def _receive(self, answer: Slice, marks: Sequence[Mark]) -> list[int]:
        current = self._current
        one_instant = current.offset == 0 and answer.total_count == len(marks)  # the whole list on one page
        try:
            fresh = current.receive(current.offset, marks, echoed_limit=answer.limit, total=answer.total_count)
        except OrderBrokenError as broken:
            reason = str(broken)
        else:
            if current.done and current.unproven and not one_instant:
                raise self._incomplete(current.unproven)
            return fresh or []
        raise self._incomplete(reason)

    def _incomplete(self, reason: str) -> IncompleteWalkError:
        return IncompleteWalkError(reason).of_request("GET", self._source.path, self._current.accepted)


def _version_of(row: object) -> Version:
    return Version(row_version(row))


def _do_nothing() -> None:
    """Do nothing: a feed does not request pages ahead, so it has nothing to cancel either."""


def _with_keys(marks: Sequence[Mark], otherwise: int) -> Sequence[Mark]:
    """Give each row without a key the key of the row before it, or after it: the page then proves as much as without that row."""
    if all(mark.key is not None for mark in marks):
        return marks
    key = next((mark.key for mark in marks if mark.key is not None), otherwise)
    keyed = []
    for mark in marks:
        key = key if mark.key is None else mark.key
        keyed.append(mark._replace(key=key))
    return keyed
