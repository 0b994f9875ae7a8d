"""What a change feed has delivered so far, and which rows it still has to deliver. No I/O.

The feed judges each row once, in the version that it sees. `Before` tells which rows an interrupted feed had judged already. The
feed that resumes it passes over these rows, even if others changed them meanwhile: a change belongs to the next feed, which
compares it with the version that was delivered.
"""

import attrs

from bigcommerce_b2b_invoices.walks.cursor import Cursor, Version
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.order import Mark

CLOCK_SLACK = 120  # seconds that the clock of changes may be ahead of the `Date` of answers


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Before:
    """The rows that an interrupted feed had judged.

    Attributes:
        floor: It had judged every row that was changed after this second; None: it had not come so far.
        ids: It had delivered these rows too.
        held: The cursor will hold the versions of these rows.
    """

    floor: int | None
    ids: IdSet
    held: frozenset[int]

    def judged(self, row_id: int, changed: int) -> bool:
        """Whether it had judged a row that was changed in that second."""
        return (self.floor is not None and changed > self.floor) or row_id in self.ids or row_id in self.held


@attrs.define(eq=False, repr=False, kw_only=True)
class Progress:
    """What a feed has delivered so far.

    Attributes:
        since: The cursor that the feed began with; None: every row is a change.
        overlap: Seconds before the cursor that are read again.
        now: The server's time of the first answer, in epoch seconds.
        newest: The time of the newest change in the first answer; later changes belong to the next feed.
        versions: The rows changed in a second that the cursor may have to know.
        future: The rows whose time of change is in the future.
        untimed: The rows whose time of change cannot be read.
        must_read_all: Whether one of these is an invoice.
        reads_all: Whether the feed reads every row, in an order other than by time.
        floor: The lowest second delivered in the order by time; None: none yet.
        place: The offset of the first row of that second.
        ids: The rows delivered in that second, and since the feed reads every row.
        before: What a feed that was interrupted had judged; None: this feed resumes no other.
        clock: The server's time of the first answer that this process got.
    """

    since: Cursor | None
    overlap: int
    now: int | None = None
    newest: int | None = None
    versions: dict[int, Version] = attrs.Factory(dict)
    future: dict[int, Version] = attrs.Factory(dict)
    untimed: dict[int, Version] = attrs.Factory(dict)
    must_read_all: bool = False
    reads_all: bool = False
    floor: int | None = None
    place: int = 0
    ids: IdSet = attrs.Factory(IdSet)
    before: Before | None = None
    clock: int | None = None

    @property
    def first(self) -> int | None:
        """The first second that the feed reads; None: it reads every one.

        Before a chosen time, it reads only what the cursor must know: the server's clock, or a late change, may be behind that
        time.
        """
        since = self.since
        if since is None:
            return None
        if not since.is_chosen:
            return max(since.time - self.overlap, since.known_from)
        return since.time if self.newest is None else min(since.time, self._known_from(self.newest))

    def is_future(self, changed: int) -> bool:
        """Whether the server's clock has not come to that second."""
        return self.clock is not None and changed > self.clock + CLOCK_SLACK

    def was_judged(self, row_id: int, changed: int) -> bool:
        """Whether the feed that was interrupted had judged the row."""
        return self.before is not None and self.before.judged(row_id, changed)

    def concerns(self, mark: Mark) -> bool:
        """Whether the feed looks at the version of the row. Other rows are older, or belong to the next feed, or are told."""
        changed = mark.changed
        if changed is None:
            return True
        if self.was_judged(mark.id, changed):
            return False
        first = self.first
        is_due = self.newest is not None and changed <= self.newest and (first is None or changed >= first)
        return is_due or self.is_future(changed)

    def judge(self, mark: Mark, version: Version) -> bool:
        """Keep the version if the cursor may need it. Returns whether to deliver the row."""
        since, changed, row_id = self.since, mark.changed, mark.id
        known = [self.untimed.get(row_id), self.future.get(row_id)]
        if since is not None:
            known += [since.versions.get(row_id), since.untimed.get(row_id)]
        is_told = any(version.is_told_by(each) for each in known)
        if version.extras is None:
            version = version._replace(extras=next((each.extras for each in known if each is not None), None))
        if changed is None:
            self.untimed[row_id] = version
        elif self.is_future(changed):
            self.future[row_id] = version
        elif (reached := self._reached) is not None and changed >= self._known_from(reached):
            self.versions[row_id] = version
        is_early = since is not None and since.is_chosen and changed is not None and changed < since.time
        return not is_told and not is_early

    def deliver(self, mark: Mark, place: int | None) -> None:
        """A row is delivered. `place` is its offset in the order by time; None: it came in another order."""
        if mark.changed is None:
            return  # its version is among those without a time
        if place is not None and (self.floor is None or mark.changed < self.floor):
            self.floor, self.place, self.ids = mark.changed, place, IdSet()
        self.ids.add(mark.id)

    def cursor(self, *, any_rows: bool) -> Cursor | None:
        """The cursor of a feed that has reached its end; None: the store has never had a row, as far as the feed can tell."""
        since, now = self.since, self.now
        if now is None:
            return None
        is_chosen, newest = since is not None and since.is_chosen, self._reached
        if newest is None and (any_rows or is_chosen):
            newest = now - CLOCK_SLACK  # no time in the past was seen
        if newest is None:
            return None  # the list is empty
        if is_chosen:
            self.newest = newest
        first, known_from = self.first, self._known_from(newest)
        if first is not None:
            known_from = max(known_from, first)
        versions = {**(since.versions if since is not None and since.time == newest else {}), **self.versions}
        return Cursor(
            time=newest,
            known_from=known_from,
            versions={**(versions if known_from <= newest else {}), **self.future},
            untimed={**({} if self.reads_all or since is None else since.untimed), **self.untimed},
            must_read_all=self.must_read_all,
        )

    @property
    def _reached(self) -> int | None:
        """The time of the newest change that this feed, or the one before, has seen."""
        shown = None if self.since is None or self.since.is_chosen else self.since.time
        return max((each for each in (self.newest, shown) if each is not None), default=None)

    def _known_from(self, newest: int) -> int:
        """The first second that is not over, or that the next feed reads again."""
        is_open = self.now is not None and self.now <= newest + self.overlap
        return newest - self.overlap if is_open else newest + 1
