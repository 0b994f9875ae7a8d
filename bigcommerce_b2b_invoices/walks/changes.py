"""The change feed: everything that was changed since a cursor, each version once.

The list is read by `updatedAt`, the newest first, until it comes to the cursor. What changes while it is read moves to the
top, behind the reader's back, with a later time than the newest that was there at first: it belongs to the next feed. So the
next cursor is that newest time, with the versions that were seen at it, because more may come within the same second.
"""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Sequence
from typing import Generic, Protocol, TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import IncompleteWalkError
from bigcommerce_b2b_invoices.walks.anchored import Mark, OrderBrokenError, Pass
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.plan import BY_NUMBER, LATEST_CHANGES, MAX_LIMIT
from bigcommerce_b2b_invoices.walks.source import Answer, Source

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class VersionedSource(Source[T_co], Protocol[T_co]):
    """A list whose rows can be told from their later versions."""

    def version(self, row: object) -> int:
        """A checksum of all that the row says."""
        ...


@attrs.frozen(eq=False, repr=False)
class Cursor:
    """Up to where changes were read.

    Attributes:
        time: Of the newest change seen, in microseconds.
        versions: Of the rows changed at that time: id -> checksum.
    """

    time: int
    versions: dict[int, int]


class ChangeFeed(Generic[T]):
    """Invoices changed since a cursor, the newest change first: `async for invoice in feed`, then keep `feed.cursor`.

    Complete: every invoice whose `updatedAt` lies at or after the cursor is delivered, in its present version, and no version
    is delivered by two feeds that follow one another. One request when nothing changed, else one for each 248 changes. Without
    a cursor every invoice of the store is a change. Where 249 or more invoices share the newest second, as after an import, a
    feed looks at every invoice until a later change comes.

    `cursor` moves when the feed has come to its end, and not before: a feed that was broken off is begun anew and delivers again.

    It cannot see deletions, nor a change whose `updatedAt` the server sets to a time before the newest it has shown already.
    To find deleted invoices, walk over all of them now and then: an id that is known and was not delivered by a walk whose
    report says "complete" did not exist all the while.
    """

    def __init__(self, source: VersionedSource[T], *, query: str, since: str | None) -> None:
        self._source = source
        self._query = query
        self._cursor = since
        self._since = None if since is None else read_cursor(since, query)
        self._rows: AsyncIterator[T] | None = None
        self._ended = False

    def __aiter__(self) -> AsyncIterator[T]:
        self._rows = None  # a feed that was broken off begins anew
        return self

    async def __anext__(self) -> T:
        if self._ended:
            raise StopAsyncIteration
        rows = self._rows = self._rows or self._read()
        try:
            return await anext(rows)
        except StopAsyncIteration:
            self._ended = True
            raise
        except BaseException:
            self._rows = None
            raise

    @property
    def cursor(self) -> str | None:
        """What the next feed begins with. Until this one has come to its end, what it began with itself."""
        return self._cursor

    async def _read(self) -> AsyncIterator[T]:
        since = self._since
        seen = IdSet()
        current = Pass(LATEST_CHANGES, MAX_LIMIT, seen, until=None if since is None else since.time)
        newest: int | None = None
        versions: dict[int, int] = {}
        while not current.done:
            answer = await self._source.fetch(current.order, current.offset, current.limit, _no_matter)
            times = self._times(current, answer)
            if newest is None and times:
                newest = max(times)
            fresh = self._receive(current, answer)
            for index in fresh:
                row, mark, time = answer.rows[index], answer.marks[index], times[index]
                if newest is None or time > newest:
                    continue  # changed since this feed began: the next one's
                version = self._source.version(row) if time == newest or (since and time == since.time) else 0
                if time == newest:
                    versions[mark.id] = version
                if since is None or time > since.time or (time == since.time and since.versions.get(mark.id) != version):
                    yield self._source.read(row, index)
            if current.broken:
                current = Pass(BY_NUMBER, MAX_LIMIT, seen)  # too many changes in one second: look at every invoice
        if newest is not None and (since is None or newest >= since.time):
            kept = since.versions if since and since.time == newest else {}
            self._cursor = write_cursor(Cursor(newest, {**kept, **versions}), self._query)

    def _times(self, current: Pass, answer: Answer) -> Sequence[int]:
        marks = answer.marks
        if not current.order.by_key:
            marks = tuple(
                Mark(mark.id, self._source.key(row, LATEST_CHANGES)) for mark, row in zip(marks, answer.rows, strict=True)
            )
        times = [mark.key for mark in marks if mark.key is not None]
        if len(times) < len(marks):
            raise self._incomplete(current, "there are invoices without a readable updatedAt")
        return times

    def _receive(self, current: Pass, answer: Answer) -> list[int]:
        try:
            fresh = current.receive(current.offset, answer.marks, echoed_limit=answer.limit, total=answer.total_count)
        except OrderBrokenError as broken:
            reason = str(broken)
        else:
            if current.done and current.unproven:
                raise self._incomplete(current, current.unproven)
            return fresh or []
        raise self._incomplete(current, reason)

    def _incomplete(self, current: Pass, reason: str) -> IncompleteWalkError:
        return IncompleteWalkError(reason).of_request("GET", self._source.path, current.accepted)


def _no_matter() -> None:
    """A feed asks for no page ahead."""


def write_cursor(cursor: Cursor, query: str) -> str:
    """A cursor as a short text."""
    text = json.dumps([1, query, cursor.time, sorted(cursor.versions.items())], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(text: str, query: str) -> Cursor:
    """A cursor from its text.

    Raises:
        TypeError: It is no text.
        ValueError: It is damaged, or of another store.
    """
    if not isinstance(text, str):
        raise TypeError(f"a cursor is a text, not {type(text).__name__}")
    try:
        version, owner, time, pairs = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        cursor = Cursor(int(time), {int(row_id): int(checksum) for row_id, checksum in pairs})
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        version, owner, cursor = None, None, None
    if version != 1 or cursor is None:
        raise ValueError("this is no cursor of a change feed, or it is damaged")
    if owner != query:
        raise ValueError("the cursor belongs to another store")
    return cursor
