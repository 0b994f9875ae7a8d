"""The passes of a walk: which one comes first, what follows, and what they prove together."""

from collections import deque
from collections.abc import Callable, Sequence

import attrs

from bigcommerce_b2b_invoices.errors import IncompleteWalkError
from bigcommerce_b2b_invoices.walks.contradictions import PageChecks, Versions
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.order import Mark, Order
from bigcommerce_b2b_invoices.walks.passes import OrderBrokenError, Pass
from bigcommerce_b2b_invoices.wire.messages import MAX_LIMIT

CLOCK_SLACK = 120  # seconds that allow for skewed clocks and late commits in the times of changes
CHASE = 20  # pages that a walk reads beyond twice the first total count, if the rows there are newer than the walk
CLOSINGS = 3  # passes over the latest changes before the walk gives up its guarantee
LATE = 1000  # rows of the closing that a bookmark remembers; if there are more, some may come again
RECENT = 32  # rows that a bookmark of a pass by row remembers


@attrs.frozen(kw_only=True)
class Position:
    """How far a walk has delivered, so that another walk can go on from there.

    Attributes:
        order: The order of the pass that delivered last.
        offset: The offset of the row that was delivered last.
        marks: In a pass by time: the delivered rows that share the last key. By row: the rows delivered last, up to RECENT.
        started: Server time of the walk's beginning, in epoch seconds.
        floor: The `marks` of a pass by time that the walk gave up for one by row.
        late: Ids of the rows that the closing delivered.
        whole: In a pass by row: whether `marks` are all the rows that the pass has delivered.
        count: How many rows were delivered.
        greatest: The greatest id of them.
        doubts: Why the walk cannot prove that it lost nothing.
    """

    order: Order
    offset: int
    marks: tuple[Mark, ...]
    started: int
    floor: tuple[Mark, ...] = ()
    late: tuple[int, ...] = ()
    whole: bool = False
    count: int = 0
    greatest: int = 0
    doubts: tuple[str, ...] = ()


class Place:
    """The place that the delivery of a walk has reached; it moves with every row."""

    def __init__(self, position: Position | None) -> None:
        self._order = position.order if position else None
        self._offset = position.offset if position else 0
        self._marks = deque(position.marks if position else ())
        self._floor = position.floor if position else ()
        self._late = list(position.late if position else ())
        self._whole = position is None or position.whole
        self._count = position.count if position else 0
        self._greatest = position.greatest if position else 0

    def late(self, mark: Mark) -> None:
        """Record that the closing delivered a row."""
        self._tally([mark])
        if len(self._late) < LATE:
            self._late.append(mark.id)

    def move(self, order: Order, delivered: Sequence[tuple[Mark, int]]) -> None:
        """Record that rows were delivered: at least one, each with its offset."""
        self._tally([mark for mark, _ in delivered])
        key = delivered[-1][0].key
        tail = len(delivered) - 1  # by time only the rows that share the last key count, by row only the last few
        while tail > 0 and (delivered[tail - 1][0].key == key if order.by_time else len(delivered) - tail <= RECENT):
            tail -= 1
        for mark, offset in delivered[tail:]:
            self._move(order, mark, offset)

    def _tally(self, marks: Sequence[Mark]) -> None:
        self._count += len(marks)
        self._greatest = max(self._greatest, *(mark.id for mark in marks))

    def _move(self, order: Order, mark: Mark, offset: int) -> None:
        marks = self._marks
        if order != self._order:
            if self._order is not None and self._order.by_time:
                self._floor = tuple(marks)
            self._order = order
            self._whole = not order.by_time
            marks.clear()
        if order.by_time and marks and marks[-1].key != mark.key:
            if order.before(mark.key or 0, marks[-1].key or 0):
                return  # a row that appeared behind the frontier moves nothing
            marks.clear()
        if not order.by_time and len(marks) >= RECENT:
            marks.popleft()
            self._whole = False
        marks.append(mark)
        self._offset = offset

    def position(self, started: int, doubts: Sequence[str]) -> Position | None:
        """The position for a bookmark; None: nothing was delivered yet."""
        if self._order is None:
            return None
        return Position(
            order=self._order,
            offset=self._offset,
            marks=tuple(self._marks),
            started=started,
            floor=self._floor,
            late=tuple(self._late),
            whole=self._whole,
            count=self._count,
            greatest=self._greatest,
            doubts=tuple(doubts),
        )


class Plan:
    """A walk as a state machine without I/O: passes one after another.

    The first pass is in the order of the list. If its rows cannot be judged by time, the next pass sorts by the field whose value
    no two rows share. The last pass is the closing. If the key of a row changes, the row may jump behind the frontier, and the
    walk may miss it. But every such change also sets the time of the row's last change. So the closing reads the latest changes,
    back to the beginning of the walk; if they are few, they fit on one page. If they are not, the next look goes back only to the
    latest change that the look before showed, until one page is enough or nothing has changed. A walk of one page shows one
    instant, and needs no closing.

    A proof also takes the server at its word. So whatever its answers show that contradicts the proof is a doubt: more rows
    counted than delivered, pages of different sizes, rows that moved down for no reason, another order of the same rows, or rows
    in the closing that were neither delivered before nor changed.

    Args:
        order: The order of the first pass.
        limit: Rows on a page.
        unique: The order of the pass to fall back to; None: there is none.
        latest: The order of the closing; None: the walk cannot look for changes, so only a walk of one page proves anything.
        position: Where to go on; None: at the beginning.
        thrifty: Whether to request no more pages than necessary.
    """

    def __init__(
        self,
        order: Order,
        limit: int,
        *,
        unique: Order | None,
        latest: Order | None,
        position: Position | None = None,
        thrifty: bool = False,
    ) -> None:
        self.limit = limit
        self._unique = unique
        self._latest = latest
        self._thrifty = thrifty
        self.started: int = position.started if position else 0
        self.anomalies: list[str] = []
        self.generation: int = 0  # counts the passes: pages requested in one pass mean nothing in the next
        self.done: bool = False
        self.home = order  # the order whose keys `_floor` uses
        self._floor: int | None = None  # the walk that is resumed has delivered the rows whose key comes before it
        self._resumed = position is not None
        self._by_time = position is None or position.order.by_time
        self._forgotten = not self._by_time and position is not None and not position.whole
        self._seen = IdSet()
        self._closings = 0
        self._until = 0  # the closing looks for changes since this time
        self._began = 0  # the server's time of the first answer of this walk
        self._newest: int | None = None  # the latest change that the present closing showed first
        self._all_settled = True  # whether the present closing showed only rows as they were delivered
        self._versions = Versions()
        self._checks = PageChecks(order)
        self._frontier: int | None = None  # the key after which the list ended, if it is sorted by time
        self._unconnected = ""  # the unique field by which a pass stepped back more often than rows were deleted
        self._ended = 0  # when the server showed that end
        self._added = 0  # delivered rows that were not in the list when the pass was there
        self._fallen = 0  # by how much the total count fell, in all
        self._risen = 0  # by how much it rose
        self._total: int | None = None
        self._first_total: int | None = None
        self._rose = False  # whether the last answer counted more rows than the one before
        self._count = position.count if position else 0
        self._greatest = position.greatest if position else 0
        self._earlier_step_backs = 0
        self._earlier_duplicates = 0
        self._provable = order.provable
        self.current: Pass = Pass(position.order if position else order, limit, self._seen, thrifty=thrifty)
        if position:
            self._go_on_from(position)

    @property
    def doubts(self) -> Sequence[str]:
        """Why the guarantee is given up; empty: it is not."""
        return () if self._provable else self.anomalies

    @property
    def closing(self) -> bool:
        """Whether the walk has read the list, and only looks for changes."""
        return self._closings > 0

    @property
    def guarantee_holds(self) -> bool:
        """Whether the walk has ended and proven itself complete."""
        return self.done and self._provable

    @property
    def step_backs(self) -> int:
        """The step backs of all passes."""
        return self._earlier_step_backs + self.current.step_backs

    @property
    def duplicates(self) -> int:
        """The duplicates of all passes."""
        return self._earlier_duplicates + self.current.duplicates

    def receive(
        self,
        offset: int,
        marks: Sequence[Mark],
        *,
        echoed_limit: int | None,
        total: int | None,
        now: int,
        arrived: int,
        home_key: Callable[[int, Order], int | None],
    ) -> list[int] | None:
        """Judge a page of the current pass; returns the indexes of the rows to deliver, or None if the page cannot be used.

        `offset`, `marks`, `echoed_limit` and `total` are those of `Pass.receive`. `now` is the server's time of the answer, in
        epoch seconds. `arrived` grows from answer to answer, in the order in which they arrived. `home_key` gets the index of a
        row and another order, and returns the row's key in that order.

        Raises:
            IncompleteWalkError: The walk cannot reach the end of the list.
        """
        self._watch(marks, total, now)
        self._check_chase(offset, marks)
        if self.closing:
            self._look_at_changes(marks, now, home_key)
        probing, frontier = self.current.is_probing, self.current.frontier
        try:
            fresh = self.current.receive(offset, marks, echoed_limit=echoed_limit, total=total)
        except OrderBrokenError as broken:
            self._note_broken_order(broken)
            return None
        if fresh is None:
            return None
        if not probing and not self.closing:
            wrong = self._checks.contradiction(offset, marks, echoed_limit=echoed_limit, total=total, arrived=arrived)
            if wrong:
                self.doubt(wrong)
        if self._resumed:
            fresh = self._not_delivered_before(fresh, marks, home_key)
        self._deliver(fresh, marks, frontier)
        self._look_for_the_end(now)
        return fresh

    def _note_broken_order(self, broken: OrderBrokenError) -> None:
        if broken.unsorted and not self.closing:
            self.doubt("the server does not sort as requested")
        self._all_settled = self._all_settled and not broken.unsorted
        self._give_up_keys(str(broken))

    def _look_for_the_end(self, now: int) -> None:
        """Begin the next pass if the present one cannot go on, or has ended."""
        if self.current.broken:
            self._give_up_keys(self.current.broken)
        elif self.current.done:
            if not self.closing and self.current.order.by_time:
                self._frontier, self._ended = self.current.frontier, now
            elif not self.closing and self.current.step_backs > self._fallen:
                self._unconnected = self.current.order.sort_by or ""
            self._next_pass()

    def _watch(self, marks: Sequence[Mark], total: int | None, now: int) -> None:
        """Take note of what an answer says about the list as a whole."""
        self._began = self._began or now
        self.started = self.started or now - CLOCK_SLACK
        if any(mark.id < 0 for mark in marks):
            self.doubt("the server sent rows without a readable id: any missing row may be one of them")
        elif len({mark.id for mark in marks}) < len(marks):
            self.doubt("two rows of a page have the same id: the walk delivered only the first")
        change = 0 if total is None or self._total is None else total - self._total
        self._fallen += max(0, -change)
        self._risen += max(0, change)
        self._rose = change > 0
        self._total = total
        self._first_total = total if self._first_total is None else self._first_total

    def _check_chase(self, offset: int, marks: Sequence[Mark]) -> None:
        """Make sure that a list that grows as fast as the walk reads it does not keep the walk going.

        Rows that were there when the walk began are never too many: the server may have counted too few of them at first. The
        check takes no row, so the walk can go on when the list has stopped growing.
        """
        far = self._first_total is not None and offset > 2 * self._first_total + CHASE * self.current.limit
        if not far or not self._rose or self.closing:
            return
        fresh = [mark for mark in marks if mark.id not in self._seen]
        if fresh and all((mark.changed or 0) >= self._began for mark in fresh):
            raise IncompleteWalkError(
                f"rows are added as fast as the walk reads them: no end after {offset} rows; "
                f"the total count was {self._first_total} at first, and is {self._total} now"
            )

    def _look_at_changes(self, marks: Sequence[Mark], now: int, home_key: Callable[[int, Order], int | None]) -> None:
        """Compare the rows of a closing page with what was delivered.

        A row that changed before the walk began, as far as the server's clock tells, and not as it was delivered shows that the
        clock of changes is another one. Then the closing goes back further: as long before the latest change as the walk took.
        """
        if self._newest is None and marks:
            self._newest = marks[0].key
        changed = [index for index, mark in enumerate(marks) if mark.id not in self._seen or not self._versions.is_settled(mark)]
        self._all_settled = self._all_settled and not changed
        odd = [index for index in changed if (marks[index].key or 0) < self._until]
        if self._resumed:  # most rows were delivered by an earlier leg, which is not remembered
            odd = [index for index in odd if self._is_of_this_leg(index, marks, home_key)]
        if odd:
            self._until = min(self._until, (self._newest or 0) - (now - self._began) - CLOCK_SLACK)
            self.current.until = self._until
        missing = [index for index in changed if marks[index].id not in self._seen]
        if any(self._stood_after_the_end(index, marks, home_key) for index in missing):
            self.doubt("the latest changes show rows that the end of the list should have shown")
        if any((marks[index].key or 0) < self._until for index in missing if index in odd):
            self.doubt("the latest changes show rows that were neither delivered nor changed during the walk")

    def _stood_after_the_end(self, index: int, marks: Sequence[Mark], home_key: Callable[[int, Order], int | None]) -> bool:
        """Whether the row was there, as it is now, when the server showed the end of the list before it."""
        key, changed = home_key(index, self.home), marks[index].key
        if key is None or changed is None or self._frontier is None or not self.home.before(self._frontier, key):
            return False
        return changed + 1 < self._ended

    def _is_of_this_leg(self, index: int, marks: Sequence[Mark], home_key: Callable[[int, Order], int | None]) -> bool:
        """Whether no earlier leg of the walk can have delivered the row."""
        key = home_key(index, self.home) if self.home.by_time and self._by_time else None
        after_floor = key is not None and self._floor is not None and self.home.before(self._floor, key)
        return marks[index].id > self._greatest or after_floor

    def _not_delivered_before(
        self, fresh: Sequence[int], marks: Sequence[Mark], home_key: Callable[[int, Order], int | None]
    ) -> list[int]:
        """The rows that an earlier leg of the walk has not delivered, as far as their keys tell."""
        old = {index for index in fresh if self._is_old(index, marks, home_key)}
        for index in old:
            self._seen.discard(marks[index].id)  # so that the closing judges it again
        for index in set(fresh) - old:
            changed = marks[index].changed
            if marks[index].id <= self._greatest and (changed is None or changed >= self.started):
                self.doubt("rows were changed since the walk began: one that moved after the bookmark may come twice")
        return [index for index in fresh if index not in old]

    def _deliver(self, fresh: Sequence[int], marks: Sequence[Mark], frontier: int | None) -> None:
        """Take note of rows to deliver; those that appeared before the frontier have pushed others down the list."""
        self._count += len(fresh)
        order = self.current.order
        is_added = [
            self.closing or (order.by_time and frontier is not None and order.before(marks[i].key or 0, frontier)) for i in fresh
        ]
        self._added += sum(is_added)
        for mark in marks if self.closing else (marks[index] for index in fresh):
            self._versions.keep(mark)

    def _go_on_from(self, position: Position) -> None:
        for doubt in position.doubts:
            self.doubt(doubt)
        self.current.resume(position.offset, position.marks, whole=position.whole)
        known = position.marks if position.order.by_time else position.floor
        for row_id in (*position.late, *(mark.id for mark in position.floor)):
            self._seen.add(row_id)
        if known and self.home.by_time:
            self._floor = known[-1].key

    def _is_old(self, index: int, marks: Sequence[Mark], home_key: Callable[[int, Order], int | None]) -> bool:
        """Whether the row was delivered before the bookmark was made, as far as its keys tell."""
        own = marks[index].key
        if self.closing and own is not None and own < self._until:
            return True  # not changed since the walk began, so an earlier pass delivered it
        key = own if self.current.order == self.home else home_key(index, self.home)
        old = key is not None and self._floor is not None and self.home.before(key, self._floor)
        if self.closing and self._forgotten:
            old = True  # the bookmark does not tell whether the row was delivered
        if old and self.closing:
            self.doubt("rows before the bookmark were changed since then: a row that moved there may be missing")
        return old

    def _give_up_keys(self, reason: str) -> None:
        if self.closing:
            if not self._nothing_changed:
                self.doubt(f"the latest changes cannot be read: {reason}")
            self._end()
        elif self._unique is None:
            self.doubt(f"{reason}, and no field of this list tells all rows apart")
            self._begin(Order(self.home.sort_by, self.home.descending))
        else:
            self.anomalies.append(f"{reason}; the walk then sorted by {self._unique.sort_by}")
            self._begin(self._unique)

    @property
    def _nothing_changed(self) -> bool:
        """Whether the closing shows only rows as they were delivered, and as many are counted as were delivered."""
        return self._all_settled and not self._resumed and not self._fallen and self._total == self._count

    def _next_pass(self) -> None:
        passed = self.current
        if passed.unproven:
            self.doubt(passed.unproven)
        one_instant = passed.accepted == 1 and not (self._resumed and not self.closing)
        if one_instant or not self.home.provable or (self.closing and self._nothing_changed):
            self._end()
        elif self._latest is None:
            self.doubt("the list does not show which rows were changed last: a row that moved may be missing")
            self._end()
        elif self._closings >= CLOSINGS:
            self.doubt("rows were changed faster than the walk could read the changes")
            self._end()
        else:
            self._until = self._newest if self.closing and self._newest is not None else self.started
            self._closings += 1
            self._newest, self._all_settled = None, True
            self._begin(self._latest, until=self._until)

    def _end(self) -> None:
        """End the walk, if what it delivered agrees with what the server counts."""
        self.done = True
        if not self._provable:
            return
        if self._total is not None and self._total > self._count:
            self.doubt(f"the server counts {self._total} rows, but sent {self._count}")
        elif self._total is not None and self._total < self._count and (self._resumed or not self._fallen):
            self.doubt(f"the server counts only {self._total} rows, but {self._count} were delivered")
        elif self._resumed and self._fallen:
            self.doubt("rows were deleted since the bookmark: they may hide rows that are missing")
        elif self._unconnected:
            self.doubt(f"pages sorted by {self._unconnected} did not connect at first: their order may change")
        elif self._fallen and self._checks.size_unsure:
            self.doubt("the server sent fewer rows than requested on a page that is not the last")
        elif self._checks.pushed > self._added + min(self._risen, self._fallen) and self.home != self._latest:
            self.doubt("rows moved down the list although none was added: the server may leave rows out")

    def _begin(self, order: Order, *, until: int | None = None) -> None:
        self._earlier_step_backs += self.current.step_backs
        self._earlier_duplicates += self.current.duplicates
        limit = self.limit if until is None else MAX_LIMIT
        self.current = Pass(order, limit, self._seen, until=until, thrifty=self._thrifty)
        if not self.closing:
            self._checks = PageChecks(order)
        self.generation += 1

    def doubt(self, reason: str) -> None:
        """Give up the guarantee, and say why."""
        self._provable = False
        if reason not in self.anomalies:
            self.anomalies.append(reason)
