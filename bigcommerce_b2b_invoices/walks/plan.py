"""The passes of a walk: which one comes first, what follows, and what they prove together."""

from collections import deque
from collections.abc import Callable, Sequence

import attrs

from bigcommerce_b2b_invoices.models.query import SortField
from bigcommerce_b2b_invoices.walks.anchored import Mark, Order, OrderBrokenError, Pass
from bigcommerce_b2b_invoices.walks.id_set import IdSet

BY_CREATION = Order(SortField.CREATED_AT)
BY_NUMBER = Order(SortField.INVOICE_NUMBER)
LATEST_CHANGES = Order(SortField.UPDATED_AT, descending=True)
CLOCK_SLACK = 120_000_000  # microseconds: whole seconds, skewed clocks and late commits in `updatedAt`
MAX_LIMIT = 250  # rows of a closing page: the more, the surer one page is enough
CLOSINGS = 3  # passes over the latest changes before the walk gives up its guarantee
LATE = 1000  # rows of the closing that a bookmark remembers; beyond them some may come again
RECENT = 32  # rows that a bookmark of a pass by row remembers


@attrs.frozen(kw_only=True)
class Position:
    """How far a walk was delivered, so that another can go on from there.

    Attributes:
        order: Of the pass that delivered last.
        offset: Of the row that was delivered last.
        marks: By key: the delivered rows that share the last key. By row: the rows delivered last, up to RECENT.
        started: Server time of the walk's beginning, in microseconds.
        floor: The `marks` of a pass by key that the walk gave up for one by row.
        late: Ids of rows that were delivered by the closing.
        whole: By row: `marks` are all the rows that the pass has delivered.
    """

    order: Order
    offset: int
    marks: tuple[Mark, ...]
    started: int
    floor: tuple[Mark, ...] = ()
    late: tuple[int, ...] = ()
    whole: bool = False


class Place:
    """Where the delivery of a walk stands; moves with every row."""

    def __init__(self, position: Position | None) -> None:
        self._order = position.order if position else None
        self._offset = position.offset if position else 0
        self._marks = deque(position.marks if position else ())
        self._floor = position.floor if position else ()
        self._late = list(position.late if position else ())
        self._whole = position is None or position.whole

    def late(self, mark: Mark) -> None:
        """A row was delivered by the closing."""
        if len(self._late) < LATE:
            self._late.append(mark.id)

    def move(self, order: Order, delivered: Sequence[tuple[Mark, int]]) -> None:
        """Rows were delivered: at least one, with their offsets."""
        key = delivered[-1][0].key
        tail = len(delivered) - 1  # by key only the rows that share the last key count, by row only the last few
        while tail > 0 and (delivered[tail - 1][0].key == key if order.by_key else len(delivered) - tail <= RECENT):
            tail -= 1
        for mark, offset in delivered[tail:]:
            self._move(order, mark, offset)

    def _move(self, order: Order, mark: Mark, offset: int) -> None:
        marks = self._marks
        if order != self._order:
            if self._order is not None and self._order.by_key:
                self._floor = tuple(marks)
            self._order = order
            self._whole = not order.by_key
            marks.clear()
        if order.by_key and marks and marks[-1].key != mark.key:
            if order.before(mark.key or 0, marks[-1].key or 0):
                return  # a row that came in behind the frontier moves nothing
            marks.clear()
        if not order.by_key and len(marks) >= RECENT:
            marks.popleft()
            self._whole = False
        marks.append(mark)
        self._offset = offset

    def position(self, started: int) -> Position | None:
        """What a bookmark holds; None: nothing was delivered yet."""
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
        )


class Plan:
    """A walk as a state machine without I/O: passes one after another.

    First a pass in the order that was asked for, or by creation. Where that cannot be judged by key, a pass by number. Last
    the closing: a row whose key is changed may jump behind the frontier, but such a change also sets `updatedAt`, so the
    latest changes are read back to the walk's beginning, in one page if few. A walk of one page is one instant, and needs
    no closing.
    """

    def __init__(self, order: Order, limit: int, *, position: Position | None = None, thrifty: bool = False) -> None:
        self.limit = limit
        self._thrifty = thrifty
        self.started = position.started if position else 0
        self.anomalies: list[str] = []
        self.generation = 0  # counts the passes: pages asked for in one say nothing in the next
        self.done = False
        self._home = order  # in whose keys `_floor` is given
        self._floor: int | None = None  # rows whose key lies before it were delivered by the walk that is resumed
        self._resumed = position is not None
        self._forgotten = position is not None and not position.order.by_key and not position.whole
        self._seen = IdSet()
        self._closings = 0
        self._until = 0  # the closing looks for changes since then
        self._pass_began = 0
        self._earlier_step_backs = 0
        self._earlier_duplicates = 0
        self._provable = order.by_key or order.sort_by is SortField.INVOICE_NUMBER
        self.current = Pass(position.order if position else order, limit, self._seen, thrifty=thrifty)
        if position:
            self._go_on_from(position)

    @property
    def closing(self) -> bool:
        """Whether the list has been read, and only changes are looked for."""
        return self._closings > 0

    @property
    def guarantee_holds(self) -> bool:
        """Whether the walk has ended and proven itself complete."""
        return self.done and self._provable

    @property
    def step_backs(self) -> int:
        """Of all passes."""
        return self._earlier_step_backs + self.current.step_backs

    @property
    def duplicates(self) -> int:
        """Of all passes."""
        return self._earlier_duplicates + self.current.duplicates

    def receive(
        self,
        offset: int,
        marks: Sequence[Mark],
        *,
        echoed_limit: int | None,
        total: int | None,
        now: int,
        home_key: Callable[[int, Order], int | None],
    ) -> list[int] | None:
        """Judge a page of the current pass; returns the indexes of the rows to deliver, or None where it was of no use.

        Args:
            offset: That was asked for.
            marks: Of the page's rows, with keys of the current pass's order.
            echoed_limit: The limit that the server says it applied.
            total: How many rows it says match.
            now: The server's time of the answer, in microseconds.
            home_key: The key that the row of an index has in another order.

        Raises:
            IncompleteWalkError: The walk cannot come to an end.
        """
        self.started = self.started or now - CLOCK_SLACK
        self._pass_began = self._pass_began or now - CLOCK_SLACK
        try:
            fresh = self.current.receive(offset, marks, echoed_limit=echoed_limit, total=total)
        except OrderBrokenError as broken:
            if broken.unsorted and not self.closing:
                self._doubt("the server does not keep the order that is asked for")
            self._give_up_keys(str(broken))
            return None
        if fresh is None:
            return None
        if self._resumed:
            old = {index for index in fresh if self._is_old(index, marks, home_key)}
            fresh = [index for index in fresh if index not in old]
            for index in old:
                self._seen.discard(marks[index].id)  # the closing judges it once more
        if self.current.broken:
            self._give_up_keys(self.current.broken)
        elif self.current.done:
            self._next_pass()
        return fresh

    def _go_on_from(self, position: Position) -> None:
        self.current.resume(position.offset, position.marks, whole=position.whole)
        known = position.marks if position.order.by_key else position.floor
        for row_id in (*position.late, *(mark.id for mark in position.floor)):
            self._seen.add(row_id)
        if known and self._home.by_key:
            self._floor = known[-1].key

    def _is_old(self, index: int, marks: Sequence[Mark], home_key: Callable[[int, Order], int | None]) -> bool:
        """Whether the row was delivered before the bookmark, as far as its keys tell."""
        own = marks[index].key
        if self.closing and own is not None and own < self._until:
            return True  # not changed since the walk began, so it was delivered in its place
        key = own if self.current.order == self._home else home_key(index, self._home)
        old = key is not None and self._floor is not None and self._home.before(key, self._floor)
        if self.closing and self._forgotten:
            old = True  # delivered or not: the bookmark does not tell
        if old and self.closing:
            self._doubt("invoices before the bookmark were changed since: if one was moved there, it is missing")
        return old

    def _give_up_keys(self, reason: str) -> None:
        if self.closing:
            self._doubt(f"the latest changes cannot be read: {reason}")
            self.done = True
            return
        self.anomalies.append(f"{reason}; went on by invoice number")
        self._begin(BY_NUMBER)

    def _next_pass(self) -> None:
        passed = self.current
        if passed.unproven:
            self._doubt(passed.unproven)
        one_instant = passed.accepted == 1 and not (self._resumed and not self.closing)
        if one_instant or not self._provable:
            self.done = True
        elif self._closings >= CLOSINGS:
            self._doubt("invoices were changed faster than the changes could be read")
            self.done = True
        else:
            self._until = self._pass_began if self.closing else self.started
            self._closings += 1
            self._begin(LATEST_CHANGES, until=self._until)

    def _begin(self, order: Order, *, until: int | None = None) -> None:
        self._earlier_step_backs += self.current.step_backs
        self._earlier_duplicates += self.current.duplicates
        limit = self.limit if until is None else MAX_LIMIT
        self.current = Pass(order, limit, self._seen, until=until, thrifty=self._thrifty)
        self.generation += 1
        self._pass_began = 0

    def _doubt(self, reason: str) -> None:
        self._provable = False
        if reason not in self.anomalies:
            self.anomalies.append(reason)
