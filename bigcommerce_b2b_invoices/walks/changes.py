"""The change feed: every row that was changed since a cursor, each version once.

The feed reads the list with the latest changes first, until it reaches the cursor. If a row is changed meanwhile, it moves to
the top, where the feed has already read. Its time is then later than the newest time at the start, so it belongs to the next
feed. The next cursor is therefore that newest time. It also holds the versions that were seen at that time, because more changes
may follow within the same second.
"""

import base64
import binascii
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Generic, TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError, IncompleteWalkError
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.order import Mark, marks_of, row_version
from bigcommerce_b2b_invoices.walks.passes import OrderBrokenError, Pass
from bigcommerce_b2b_invoices.walks.source import Source
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT, Slice

T = TypeVar("T")


@attrs.frozen(eq=False, repr=False)
class Cursor:
    """The point up to which a feed has read changes.

    Attributes:
        time: The time of the newest change seen, in epoch seconds.
        versions: The rows changed at that time: id -> checksum.
    """

    time: int
    versions: dict[int, int]


class ChangeFeed(Generic[T]):
    """Invoices changed since a cursor, the newest change first: `async for invoice in feed`, then keep `feed.cursor`.

    A feed is complete: it delivers every invoice whose `updatedAt` is at or after the cursor, in its present version. Two
    consecutive feeds never deliver the same version. One request if nothing changed, otherwise one for each 248 changes. Without
    a cursor, the feed delivers every invoice of the store. If 249 or more invoices share the newest second, as after an import,
    each feed reads every invoice until a later change comes.

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
        on_unreadable: Callable[[DecodeError], None] | None = None,
    ) -> None:
        if source.latest is None:
            raise ValueError(f"the list at {source.path} does not show which rows were changed last")
        self._source = source
        self._latest = source.latest
        self._cursor = since
        self._since = None if since is None else read_cursor(since, source.fingerprint)
        self._on_unreadable = on_unreadable
        self._busy = False
        self._begin()

    def _begin(self) -> None:
        self._seen = IdSet()
        until = None if self._since is None else self._since.time
        self._current = Pass(self._latest, MAX_LIMIT, self._seen, until=until)
        self._newest: int | None = None
        self._versions: dict[int, int] = {}
        self._ready: deque[tuple[Slice, int]] = deque()

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
                if self._current.done:
                    self._end()
                    raise StopAsyncIteration
                await self._read_page()
        finally:
            self._busy = False

    @property
    def cursor(self) -> str | None:
        """The cursor for the next feed. Until this feed has reached its end, it is the cursor that this feed began with."""
        return self._cursor

    async def _read_page(self) -> None:
        current = self._current
        answer = await self._source.fetch(current.order, current.offset, current.limit, _no_matter)
        try:
            self._take(answer)
        except IncompleteWalkError:
            self._begin()
            raise

    def _take(self, answer: Slice) -> None:
        """Judge a page, and choose the rows to deliver."""
        since, current = self._since, self._current
        marks = marks_of(answer.rows, current.order)
        times = self._times(answer, marks)
        if self._newest is None and times:
            self._newest = max(times)
        for index in self._receive(answer, marks):
            row_id, time = marks[index].id, times[index]
            if self._newest is None or time > self._newest:
                continue  # changed after this feed began: it belongs to the next feed
            version = row_version(answer.rows[index]) if time == self._newest or (since and time == since.time) else 0
            if time == self._newest:
                self._versions[row_id] = version
            if since is None or time > since.time or (time == since.time and since.versions.get(row_id) != version):
                self._ready.append((answer, index))
        if current.broken:
            if self._source.unique is None:
                raise self._incomplete(current.broken)
            self._current = Pass(self._source.unique, MAX_LIMIT, self._seen)  # too many changes in one second: read every row

    def _end(self) -> None:
        since, newest = self._since, self._newest
        if newest is not None and (since is None or newest >= since.time):
            kept = since.versions if since and since.time == newest else {}
            self._cursor = write_cursor(Cursor(newest, {**kept, **self._versions}), self._source.fingerprint)

    def _times(self, answer: Slice, marks: Sequence[Mark]) -> Sequence[int]:
        if not self._current.order.by_time:
            marks = marks_of(answer.rows, self._latest)
        times = [mark.key for mark in marks if mark.key is not None]
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
    text = json.dumps([2, query, cursor.time, sorted(cursor.versions.items())], separators=(",", ":"))
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
        version, owner, time, pairs = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        cursor = Cursor(int(time), {int(row_id): int(checksum) for row_id, checksum in pairs})
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        version, owner, cursor = None, None, None
    if version != 2 or cursor is None:
        raise ValueError("this is not a cursor of a change feed, or it is damaged")
    if owner != query:
        raise ValueError("the cursor belongs to another store")
    return cursor
