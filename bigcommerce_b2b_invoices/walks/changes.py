"""The change feed: every row that was changed since a cursor, each version once.

The feed reads the list with the latest changes first, until it reaches the cursor. If a row is changed meanwhile, it moves to
the top, where the feed has already read. Its time is then later than the newest time at the start, so it belongs to the next
feed. The next cursor is therefore that newest time. It also holds the versions that were seen at that time, because more changes
may follow within the same second.
"""

import base64
import binascii
import json
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Generic, TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError, IncompleteWalkError
from bigcommerce_b2b_invoices.walks.contradictions import PageChecks
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.order import Mark, marks_of, row_version
from bigcommerce_b2b_invoices.walks.passes import OrderBrokenError, Pass
from bigcommerce_b2b_invoices.walks.source import Source
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT, Slice

T = TypeVar("T")

CLOCK_SLACK = 120  # seconds that the clock of changes may be ahead of the `Date` of answers


@attrs.frozen(eq=False, repr=False)
class Cursor:
    """The point up to which a feed has read changes.

    Attributes:
        time: The time of the newest change seen, in epoch seconds.
        closed: Whether every change in that second was seen, as far as the server's clock tells.
        versions: The rows changed at that time: id -> checksum.
    """

    time: int
    closed: bool
    versions: dict[int, int]


class ChangeFeed(Generic[T]):
    """Invoices changed since a cursor, the newest change first: `async for invoice in feed`, then keep `feed.cursor`.

    A feed is complete: it delivers every invoice whose `updatedAt` is at or after the cursor, in its present version. Two
    consecutive feeds never deliver the same version. One request if nothing changed, otherwise one for each 248 changes. Without
    a cursor, the feed delivers every invoice of the store. If 249 or more invoices share a second that must be read, as right
    after an import, the feed reads every invoice of the store, once.

    The second of the cursor counts as over once the `Date` of an answer has passed it by `overlap` seconds. A change that is
    committed into it later is not seen, nor is one that comes after the server's clock was set back. `overlap` makes such a
    change less likely to be missed, at the price of reading that many seconds again. A row whose `updatedAt` is in the future is
    delivered once; `anomalies` then says that each feed has to read it again.

    `cursor` changes only when the feed reaches its end. If you leave the loop, a new loop over the same feed goes on at the same
    place. An invoice that cannot be read raises a DecodeError, unless the feed was given `on_unreadable`. The feed then goes on
    after that invoice.

    A feed cannot see deletions. It also cannot see a change if the server sets its `updatedAt` to a time before the newest one
    that the server has already shown. To find deleted invoices, walk over all invoices from time to time. If a walk did not
    deliver an id that you know, passed over no unreadable row, and its report says "complete", that invoice was deleted before
    the walk ended.
    """

    def __init__(
        self,
        source: Source[T],
        *,
        since: str | None,
        overlap: float = 0.0,
        on_unreadable: Callable[[DecodeError], None] | None = None,
    ) -> None:
        if source.latest is None:
            raise ValueError(f"the list at {source.path} does not show which rows were changed last")
        if not 0 <= overlap < math.inf:
            raise ValueError(f"overlap must be a number of seconds, 0 or more, not {overlap}")
        self._source = source
        self._latest = source.latest
        self._overlap = math.ceil(overlap)
        self._anomalies: list[str] = []
        self._cursor = since
        self._since = None if since is None else read_cursor(since, source.fingerprint)
        self._on_unreadable = on_unreadable
        self._busy = False
        self._begin()

    def _begin(self) -> None:
        self._seen = IdSet()
        self._from = self._first_second()
        self._current = Pass(self._latest, MAX_LIMIT, self._seen, until=self._from)
        self._checks = PageChecks(self._latest)
        self._now: int | None = None  # the server's time of the first answer
        self._newest: int | None = None
        self._versions: dict[int, int] = {}
        self._future: dict[int, int] = {}
        self._count = 0  # rows that came, each once
        self._ready: deque[tuple[Slice, int]] = deque()

    def _first_second(self) -> int | None:
        """The first second of which this feed delivers changes; None: every row is a change."""
        if self._since is None:
            return None
        return self._since.time + 1 if self._since.closed else self._since.time - self._overlap

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if self._busy:
            raise RuntimeError("a feed has one consumer: make one feed for each consumer")
        self._busy = True
        try:
            while True:
                while self._ready:
                    try:
                        return self._source.read(*self._ready.popleft())
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
                    raise StopAsyncIteration
        finally:
            self._busy = False

    @property
    def cursor(self) -> str | None:
        """The cursor for the next feed. Until this feed has reached its end, it is the cursor that this feed began with."""
        return self._cursor

    @property
    def anomalies(self) -> tuple[str, ...]:
        """What was odd about the answers, one sentence each."""
        return tuple(self._anomalies)

    async def _read_page(self) -> None:
        current = self._current
        answer = await self._source.fetch(current.order, current.offset, current.limit, _no_matter)
        try:
            self._take(answer)
        except IncompleteWalkError:
            self._begin()
            raise

    async def _explain_pushed(self) -> None:
        """Rows moved down between two pages: as many must have been changed meanwhile, or some were left out. One request."""
        answer = await self._source.fetch(self._latest, 0, MAX_LIMIT, _no_matter)
        marks = marks_of(answer.rows, self._latest)
        later = sum(mark.id not in self._seen or (mark.key or 0) > (self._newest or 0) for mark in marks)
        pushed, self._checks.pushed = self._checks.pushed, 0
        if pushed > later and later < len(marks):
            wrong = self._incomplete("rows moved down the list although none was changed: the server may leave rows out")
            self._begin()
            raise wrong

    def _take(self, answer: Slice) -> None:
        """Judge a page, and choose the rows to deliver."""
        current, probing = self._current, self._current.is_probing
        marks = marks_of(answer.rows, current.order, self._latest)
        times = self._times(marks)
        if self._now is None:
            self._now = int(time.time()) if answer.server_time is None else answer.server_time
        if self._newest is None:
            past = [each for each in times if each <= self._now + CLOCK_SLACK]
            self._newest = max(past, default=None)
            if len(past) < len(times):
                self._doubt_clock()
        offset, fresh = current.offset, self._receive(answer, marks)
        self._count += len(fresh)
        if not probing:
            self._check(offset, marks, answer)
        for index in fresh:
            self._choose(answer, index, marks[index].id, times[index])
        if current.broken:
            if self._source.unique is None:
                raise self._incomplete(current.broken)
            self._newest = self._now if self._newest is None else self._newest
            self._current = Pass(self._source.unique, MAX_LIMIT, self._seen)  # too many changes in one second: read every row
            self._checks = PageChecks(self._source.unique)

    def _doubt_clock(self) -> None:
        if not self._anomalies:
            self._anomalies.append("some changes lie in the future: each feed reads them again, and compares them")

    def _choose(self, answer: Slice, index: int, row_id: int, changed: int) -> None:
        """Deliver the row if this is a version that no feed has delivered."""
        newest, since = self._newest, self._since
        is_future = self._now is not None and changed > self._now + CLOCK_SLACK
        if not is_future and (newest is None or changed > newest or (self._from is not None and changed < self._from)):
            return  # changed after this feed began, which belongs to the next feed; or before the cursor
        version = row_version(answer.rows[index])
        if is_future:
            self._future[row_id] = version
        elif newest is not None and changed >= newest - self._overlap:
            self._versions[row_id] = version
        if since is None or since.versions.get(row_id) != version:
            self._ready.append((answer, index))

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
        """Move the cursor to the newest change; its second is closed once the server's clock has passed it by the overlap."""
        since, newest = self._since, self._newest
        if since is not None:
            newest = since.time if newest is None else max(newest, since.time)
        elif newest is None and self._future:
            newest = self._now
        if newest is None or self._now is None:
            return
        closed = self._now > newest + self._overlap
        kept = {} if closed else {**(since.versions if since and since.time == newest else {}), **self._versions}
        self._cursor = write_cursor(Cursor(newest, closed, {**kept, **self._future}), self._source.fingerprint)

    def _times(self, marks: Sequence[Mark]) -> Sequence[int]:
        times = [mark.changed for mark in marks if mark.changed is not None]
        if len(times) < len(marks):
            raise self._incomplete(f"there are rows without a readable {self._latest.sort_by}")
        return times

    def _receive(self, answer: Slice, marks: Sequence[Mark]) -> list[int]:
        current = self._current
        try:
            fresh = current.receive(current.offset, marks, echoed_limit=answer.limit, total=answer.total_count)
        except OrderBrokenError as broken:
            reason = str(broken)
        else:
            if current.done and current.unproven:
                raise self._incomplete(current.unproven)
            return fresh or []
        raise self._incomplete(reason)

    def _incomplete(self, reason: str) -> IncompleteWalkError:
        return IncompleteWalkError(reason).of_request("GET", self._source.path, self._current.accepted)


def _no_matter() -> None:
    """Do nothing: a feed does not request pages ahead."""


def write_cursor(cursor: Cursor, query: str) -> str:
    """A cursor as a short text."""
    text = json.dumps([3, query, cursor.time, cursor.closed, sorted(cursor.versions.items())], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(text: str, query: str) -> Cursor:
    """A cursor from its text.

    Raises:
        TypeError: It is not a text.
        ValueError: It is damaged, or belongs to another store.
    """
    if not isinstance(text, str):
        raise TypeError(f"a cursor is a text, not {type(text).__name__}")
    try:
        version, owner, second, closed, pairs = json.loads(
            base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        )
        cursor = Cursor(int(second), bool(closed), {int(row_id): int(checksum) for row_id, checksum in pairs})
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        version, owner, cursor = None, None, None
    if version != 3 or cursor is None:
        raise ValueError("this is not a cursor of a change feed, or it is damaged")
    if owner != query:
        raise ValueError("the cursor belongs to another store")
    return cursor
