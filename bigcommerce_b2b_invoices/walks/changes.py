"""The change feed: every row that was changed since a cursor, each version once.

The feed reads the list with the latest changes first, until it reaches the cursor. If a row is changed meanwhile, it moves to
the top, where the feed has already read. Its time is then later than the newest time at the start, so it belongs to the next
feed. The next cursor is therefore that newest time. It also holds the versions that were seen at that time, because more changes
may follow within the same second, or be committed late. The next feed reads no second whose versions the cursor does not hold,
so it never delivers a version again.

A row without a readable time of change cannot be judged like that. If it is no invoice either, it goes wherever a row goes that
cannot be read. Otherwise the feed reads every row, in the order of a field whose value no two rows share.
"""

import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

from bigcommerce_b2b_invoices.errors import DecodeError, IncompleteWalkError
from bigcommerce_b2b_invoices.walks.consumer import Consumer, Loop
from bigcommerce_b2b_invoices.walks.contradictions import PageChecks
from bigcommerce_b2b_invoices.walks.cursor import Cursor, read_cursor, write_cursor
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.order import Mark, marks_of, row_version
from bigcommerce_b2b_invoices.walks.passes import OrderBrokenError, Pass
from bigcommerce_b2b_invoices.walks.source import Source
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT, Slice

T = TypeVar("T")

CLOCK_SLACK = 120  # seconds that the clock of changes may be ahead of the `Date` of answers


class ChangeFeed(Generic[T]):
    """Invoices changed since a cursor, the newest change first: `async for invoice in feed`, then keep `feed.cursor`.

    A feed is complete: it delivers every invoice whose `updatedAt` is at or after the cursor, in its present version. Two
    consecutive feeds never deliver the same version. One request if nothing changed, otherwise one for each 248 changes. Without
    a cursor, the feed delivers every invoice of the store. If 249 or more invoices share a second that must be read, as right
    after an import, the feed reads every invoice of the store, once.

    The second of the cursor counts as over once the `Date` of an answer has passed it by `overlap` seconds. A change that is
    committed into it later is not seen, nor is one that comes after the server's clock was set back. `overlap` makes such a
    change less likely to be missed, at the price of reading that many seconds again. The `overlap` of a feed also decides which
    versions its cursor holds, and the next feed reads no earlier second, lest it deliver a version again. So if you raise
    `overlap` from one feed to the next, only the feed after that one reads more seconds again.

    A row whose `updatedAt` is in the future is delivered once; `anomalies` then says that each feed has to read it again. An
    invoice whose `updatedAt` cannot be read is delivered once for each of its versions. As long as a store has one, each feed
    that knows of it reads every invoice of the store, and `anomalies` says so. The cursor grows by about 25 characters for each
    row that feeds must compare.

    `cursor` changes only when the feed reaches its end. If you leave the loop, a new loop over the same feed goes on at the same
    place; after an IncompleteWalkError it begins again. An invoice that cannot be read raises a DecodeError, unless the feed was
    given `on_unreadable`. The feed then goes on after that invoice.

    A feed has one consumer: the task that loops over it or calls `anext`. While that task goes on, another one gets a
    RuntimeError, and the first loses nothing. Another task can continue the feed when the loop was left, has ended or raised an
    error, when the first task is over, or after `stop`. If a task begins a second loop, that loop goes on where the first one
    was, and the first one gets the RuntimeError if it asks for more.

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
        self._consumer = Consumer("feed")
        self._busy = False
        self._begin()

    def _begin(self) -> None:
        since = self._since
        self._seen = IdSet()
        self._from = None if since is None else max(since.time - self._overlap, since.known_from)  # None: every row is a change
        self._current = Pass(self._latest, MAX_LIMIT, self._seen, until=self._from)
        self._checks = PageChecks(self._latest)
        self._now: int | None = None  # the server's time of the first answer
        self._newest: int | None = None
        self._versions: dict[int, int] = {}
        self._future: dict[int, int] = {}
        self._untimed: dict[int, int] = {}
        self._must_read_all = False  # whether an invoice has no time of change
        self._reads_all = since is None
        self._count = 0  # rows that came, each once
        self._ready: deque[tuple[Slice, int]] = deque()

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
                    break
        except BaseException:
            self._consumer.free()
            raise
        finally:
            self._busy = False
        self._consumer.free()
        raise StopAsyncIteration

    def stop(self) -> None:
        """Let another task continue the feed, although the present consumer has not left its loop. Sends no request."""
        self._consumer.free()

    @property
    def cursor(self) -> str | None:
        """The cursor for the next feed. Until this feed has reached its end, it is the cursor that this feed began with."""
        return self._cursor

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
        answer = await self._source.fetch(current.order, current.offset, current.limit, _do_nothing)
        try:
            self._take(answer)
        except IncompleteWalkError:
            self._begin()
            raise

    async def _explain_pushed(self) -> None:
        """Rows moved down between two pages: as many must have been changed meanwhile, or some were left out. One request."""
        answer = await self._source.fetch(self._latest, 0, MAX_LIMIT, _do_nothing)
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
        marks: Sequence[Mark] = marks_of(answer.rows, current.order, self._latest)
        self._look_at_times(marks, answer)
        if len({mark.id for mark in marks}) < len(marks):
            self._note("two rows of a page have the same id, or are the same without one: the feed delivered only the first")
        if current.order.by_time:
            if any(mark.changed is None and self._is_readable(answer, index) for index, mark in enumerate(marks)):
                self._read_all(self._no_time)
                return
            marks = _with_keys(marks, current.frontier if current.frontier is not None else self._now or 0)
        offset, fresh = current.offset, self._receive(answer, marks)
        self._count += len(fresh)
        if not probing:
            self._check(offset, marks, answer)
        for index in fresh:
            self._choose(answer, index, marks[index])
        if current.broken:
            self._read_all(current.broken)
        elif current.order.by_time and self._since is not None and self._since.must_read_all:
            self._read_all(self._no_time)

    def _look_at_times(self, marks: Sequence[Mark], answer: Slice) -> None:
        if self._now is None:
            self._now = int(time.time()) if answer.server_time is None else answer.server_time
        if self._newest is None:
            times = [mark.changed for mark in marks if mark.changed is not None]
            past = [each for each in times if each <= self._now + CLOCK_SLACK]
            self._newest = max(past, default=None)
            if len(past) < len(times):
                self._note("some changes lie in the future: each feed reads them again, and compares them")

    def _read_all(self, reason: str) -> None:
        """Go on with every row of the list, because the changes cannot be found by time alone."""
        if self._source.unique is None:
            raise self._incomplete(reason)
        if self._newest is None:
            self._newest = (self._now or 0) - CLOCK_SLACK  # later changes may come while the feed reads
        self._reads_all = True
        self._current = Pass(self._source.unique, MAX_LIMIT, self._seen)
        self._checks = PageChecks(self._source.unique)

    def _is_readable(self, answer: Slice, index: int) -> bool:
        try:
            self._source.read(answer, index)
        except DecodeError:
            return False
        return True

    def _choose(self, answer: Slice, index: int, mark: Mark) -> None:
        """Deliver the row if this is a version that no feed has delivered."""
        newest, since, changed = self._newest, self._since, mark.changed
        is_future = self._now is not None and changed is not None and changed > self._now + CLOCK_SLACK
        if changed is not None and not is_future and not self._is_due(changed):
            return
        version = row_version(answer.rows[index])
        if changed is None:
            self._untimed[mark.id] = version
            if self._is_readable(answer, index):
                self._must_read_all = True
                self._note(f"{self._no_time}: each feed reads every row, and compares these")
        elif is_future:
            self._future[mark.id] = version
        elif newest is not None and changed >= newest - self._overlap:
            self._versions[mark.id] = version
        if since is None or version not in (since.versions.get(mark.id), since.untimed.get(mark.id)):
            self._ready.append((answer, index))

    def _is_due(self, changed: int) -> bool:
        """Whether this feed delivers changes of that second; later ones belong to the next feed."""
        return self._newest is not None and changed <= self._newest and (self._from is None or changed >= self._from)

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
        since, newest, now = self._since, self._newest, self._now
        if now is None:
            return
        if newest is None and self._count:
            newest = now - CLOCK_SLACK  # no time in the past was seen
        if since is not None:
            newest = since.time if self._newest is None else max(self._newest, since.time)
        if newest is None:
            return  # the list is empty
        known_from = newest - self._overlap if now <= newest + self._overlap else newest + 1
        if self._from is not None:
            known_from = max(known_from, self._from)
        versions = {**(since.versions if since is not None and since.time == newest else {}), **self._versions}
        self._cursor = write_cursor(
            Cursor(
                time=newest,
                known_from=known_from,
                versions={**(versions if known_from <= newest else {}), **self._future},
                untimed={**({} if self._reads_all or since is None else since.untimed), **self._untimed},
                must_read_all=self._must_read_all,
            ),
            self._source.fingerprint,
        )

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
