"""The rules by which one pass over a list loses nothing, as a state machine without I/O.

Offsets shift while others write. If somebody deletes a row that was already read, the next page begins one row too late. So a
page alone proves little. Two rules turn pages into a proof. Both assume that each list answer is a contiguous slice of the rows
at one instant. The total count is never part of the proof.

By time (such as `createdAt`): F is the greatest key accepted so far. The invariant is that the pass has accepted every row that
existed the whole time with a key < F. A page at an offset > 0 is accepted only if its first row has a key < F. Then the page
holds every row between that key and the key of its last row, so the invariant also holds for the greater F. Otherwise rows
before the page may have vanished, and the pass steps back. This rule needs no stable order of rows with equal keys.

By row (a field whose value no two rows share, such as `invoiceNumber`): a page is accepted only if it holds an anchor. An anchor
is a row that was accepted before, and whose key is still the same. Then no row after the anchor is missing.

A page may be judged long after it was received, and pages in any order: the proof is about each page at its own instant.
"""

from collections.abc import Sequence

import attrs

from bigcommerce_b2b_invoices.errors import IncompleteWalkError, OffsetIgnoredError
from bigcommerce_b2b_invoices.walks.id_set import IdSet
from bigcommerce_b2b_invoices.walks.order import Mark, Order

OVERLAP = 8  # rows that pages share if it costs little: that many deletions between two pages do no harm
ANCHOR_PAGES = 4  # pages whose rows serve as anchors
CONTRADICTIONS = 3  # how often the total count may claim more rows than the server sends
SAME_ROWS = 5  # so many offsets with the same rows are an error; deletions can cause fewer, if few rows are left
STALLS = 40  # consecutive pages that may bring the pass no further
UNBOUNDED = 40_000  # the most pages of a pass if the server never says how many rows there are


class OrderBrokenError(Exception):
    """The rows do not come in the order that a pass by time needs. The text says why."""

    def __init__(self, reason: str, *, unsorted: bool) -> None:
        super().__init__(reason)
        self.unsorted = unsorted


@attrs.frozen(repr=False)
class _Tail:
    """The facts about a page that decide the next offset. `tie` is the number of rows at its end that share one key."""

    offset: int
    size: int
    tie: int


class Pass:
    """One pass over a list. It decides which offset to request next, and which rows of an answer to take.

    Attributes:
        offset: The offset to request next.
        reach: The greatest offset at which a page would still connect, if nothing changed meanwhile.
        frontier: The greatest key accepted.
        unproven: Why the end is not certain; empty: it is certain.
        broken: Why the pass cannot go on by time; the rows it has accepted stay accepted. Empty: it can go on.
    """

    def __init__(self, order: Order, limit: int, seen: IdSet, *, until: int | None = None, thrifty: bool = False) -> None:
        self.order = order
        self.limit = limit
        self.offset: int = 0
        self.reach: int = 0
        self.frontier: int | None = None
        self.done: bool = False
        self.accepted: int = 0
        self.step_backs: int = 0
        self.duplicates: int = 0
        self.unproven: str = ""
        self.broken: str = ""
        self._seen = seen
        self._thrifty = thrifty  # request no more pages than necessary, although a deletion then costs a step back
        self.until = until  # the pass is done when it reaches keys beyond this one
        self._anchors: dict[int, int | None] = {}
        self._landmarks: dict[int, int | None] = {}  # by row: a resumed pass takes rows after one of these; empty: it has begun
        self._pages = 0
        self._longest = 0  # rows of a full page
        self._overlap = 1  # rows that pages must share, besides those of equal key
        self._tie = 0  # rows of equal key at the end of a page; the most so far
        self._stride = 0
        self._step = 0
        self._total: int | None = None
        self._expected: int | None = None  # the first total count, which bounds the pages of the pass
        self._grows = False  # whether the total count has risen during the pass
        self._contradictions = 0
        self._stalls = 0
        self._tail: _Tail | None = None  # the page after which the pass looks for more rows
        self._confirmed: _Tail | None = None  # the page after which there were no more rows
        self._same_ids: tuple[int, ...] = ()
        self._same_offsets: set[int] = set()

    def resume(self, offset: int, marks: Sequence[Mark], *, whole: bool) -> None:
        """Go on after `marks`, the rows that another pass delivered last. The last of them was at `offset`.

        If `marks` are the `whole` of the delivered rows, the pass starts at the beginning and does not deliver them again.
        """
        for mark in marks:
            self._seen.add(mark.id)
        if whole:
            return
        self.frontier = marks[-1].key
        self._anchors = {mark.id: mark.key for mark in marks}
        self._landmarks = {} if self.order.by_time else dict(self._anchors)
        self.offset = self.reach = max(0, offset + 1 - (len(marks) if self.order.by_time else 0) - OVERLAP)

    @property
    def is_probing(self) -> bool:
        """Whether the next page is only requested to see whether the list goes on."""
        return self._tail is not None

    def next_after(self, offset: int) -> int | None:
        """The expected offset of the page after the one at this offset; None if it cannot be predicted."""
        if self._total is None or not self._stride or offset + self._longest > self._total:
            return None
        return offset + self._stride

    def receive(self, offset: int, marks: Sequence[Mark], *, echoed_limit: int | None, total: int | None) -> list[int] | None:
        """Judge the page at this offset. Returns the indexes of its new rows, or None if it does not connect: look further back.

        Args:
            offset: The offset that was requested.
            marks: The marks of the page's rows.
            echoed_limit: The limit that the server says it applied.
            total: How many rows match, as the server says.

        Raises:
            OrderBrokenError: The page cannot be judged by time.
            OffsetIgnoredError: The server answered several offsets with the same rows.
            IncompleteWalkError: The pass cannot reach the end of the list.
        """
        self._grows = self._grows or (total is not None and self._total is not None and total > self._total)
        self._total = total
        self._check_bounds(offset, marks, total)
        if self.order.by_time:
            self._check_order(marks)
        else:
            self._check_unique(marks)
        if self._tail is not None:
            taken = self._probe(self._tail, marks)
            self._check_landmarks()
            return taken
        if offset > 0 and not self._connects(marks):
            self._go_back(offset)
            return None
        self._step = 0
        self.accepted += 1
        frontier, is_known = self.frontier, all(mark.id in self._anchors for mark in marks)
        fresh = self._take(marks)
        advanced = bool(fresh) or self.frontier != frontier or not (self.order.by_time or is_known)
        self._stalls = 0 if advanced else self._stalls + 1
        self._choose_next(_Tail(offset, len(marks), self._tie_of(marks)), advanced=advanced, echoed_limit=echoed_limit)
        self._check_landmarks()
        return fresh

    # ---- refused pages -----------------------------------------------------------------------------------------------

    def _check_bounds(self, offset: int, marks: Sequence[Mark], total: int | None) -> None:
        """Make sure that no server can keep a pass going for ever."""
        ids = tuple(mark.id for mark in marks)
        if not ids or ids != self._same_ids:
            self._same_ids, self._same_offsets = ids, set()
        self._same_offsets.add(offset)
        if ids and len(self._same_offsets) >= SAME_ROWS:
            raise OffsetIgnoredError(f"the server answered {SAME_ROWS} different offsets with the same rows")
        if self._expected is None:
            self._expected = total
        self._pages += 1
        full = max(1, self._longest)
        most = UNBOUNDED if self._expected is None else 1000 + 6 * (self._expected // full + 1)
        if self._pages > most or self._stalls > STALLS:
            raise IncompleteWalkError(f"no end after {self._pages} pages; the total count was {self._expected} at first")

    def _check_order(self, marks: Sequence[Mark]) -> None:
        previous: int | None = None
        for mark in marks:
            if mark.key is None:
                row = f"row {mark.id}" if mark.id >= 0 else "a row without a readable id"
                raise OrderBrokenError(f"{row} has no readable {self.order.sort_by}", unsorted=False)
            if previous is not None and self.order.before(mark.key, previous):
                raise OrderBrokenError(f"the server did not sort by {self.order.sort_by}", unsorted=True)
            previous = mark.key

    def _check_unique(self, marks: Sequence[Mark]) -> None:
        if self.order.unique:
            keys = {mark.key for mark in marks}
            if None in keys or len(keys) < len({mark.id for mark in marks}):
                self.unproven = f"some rows have no {self.order.sort_by}, or share one"

    # ---- accepting ---------------------------------------------------------------------------------------------------

    def _connects(self, marks: Sequence[Mark]) -> bool:
        if not self.order.by_time:
            return self._last_of(self._anchors, marks) is not None
        first = marks[0].key if marks else None
        return first is not None and self.frontier is not None and self.order.before(first, self.frontier)

    @staticmethod
    def _last_of(known: dict[int, int | None], marks: Sequence[Mark]) -> int | None:
        """Index of the last row that is known and has not moved."""
        for index in range(len(marks) - 1, -1, -1):
            mark = marks[index]
            if mark.id in known and known[mark.id] == mark.key:
                return index
        return None

    def _take(self, marks: Sequence[Mark]) -> list[int]:
        first_fresh = 0
        if self._landmarks:  # rows before a landmark were delivered before, or are newer
            landmark = self._last_of(self._landmarks, marks)
            first_fresh = len(marks) if landmark is None else landmark + 1
            self._landmarks = self._landmarks if landmark is None else {}
        new = [index for index, mark in enumerate(marks) if self._seen.add(mark.id)]
        fresh = [index for index in new if index >= first_fresh]
        self.duplicates += len(marks) - len(fresh)
        if self.order.by_time:
            last = marks[-1].key if marks else None
            if last is not None and (self.frontier is None or self.order.before(self.frontier, last)):
                self.frontier = last
        else:
            self._anchors.update((mark.id, mark.key) for mark in marks)
            for row_id in list(self._anchors)[: -ANCHOR_PAGES * self.limit]:
                del self._anchors[row_id]
        return fresh

    # ---- the end, or the next offset ---------------------------------------------------------------------------------

    def _choose_next(self, page: _Tail, *, advanced: bool, echoed_limit: int | None) -> None:
        full, self._longest = self._longest, max(self._longest, page.size)
        short = page.size == 0 or page.size < full
        if self.accepted == 1 and self._total == page.offset + page.size and echoed_limit is not None:
            short = short or page.size < min(self.limit, echoed_limit)
        confirmed, self._confirmed = page == self._confirmed and not advanced, None
        at_end = self._total == page.offset + page.size or (page.size == 0 and page.offset == 0)
        if self._is_beyond(self.frontier) or (((short and at_end) or confirmed) and not self._claims_more(page)):
            self.done = True
            return
        if short and self._claims_more(page) and page.size:
            self._longest = page.size  # the server says that there are more rows, so it makes smaller pages now
        if self._overlaps(page) and (advanced or not short) and not (short and self._total is None):
            self._go_on(page)
        elif page.size > 2 and not short:
            self.broken = f"more than {page.size - 2} rows share one {self.order.sort_by}"
        else:  # too few rows to decide: look right after the page
            self._tail = page
            self.offset = self.reach = page.offset + page.size

    def _check_landmarks(self) -> None:
        if self.done and self._landmarks:
            raise IncompleteWalkError("all rows that the bookmark remembers are gone: start a new walk")

    def _probe(self, tail: _Tail, marks: Sequence[Mark]) -> list[int]:
        """Judge the rows right after the tail: any row proves that there are more. The pass takes none of these rows.

        If there are no rows, that does not prove the end, because rows may have moved up. The tail must then read the same once
        more.
        """
        self._tail = None
        self.offset = self.reach = tail.offset
        if marks and self._overlaps(tail):
            self._go_on(tail)
        elif marks and tail.size > 2:
            self.broken = f"more than {tail.size - 2} rows share one {self.order.sort_by}"
        elif marks and tail.size:  # the tail grew meanwhile, or pages are that small
            self._contradictions += 1
            if self._contradictions >= CONTRADICTIONS:
                raise IncompleteWalkError(f"the server sends {tail.size} rows a page: too few to overlap")
        elif not marks and not self._claims_more(tail):
            self._confirmed = tail
        else:
            self._contradictions += 1
            if self._contradictions >= CONTRADICTIONS:
                self.done = True
                self.unproven = f"the server says that {self._total} rows match, but sends none after {tail.offset + tail.size}"
        return []

    def _go_on(self, page: _Tail) -> None:
        """Choose the next offset, so that the next page overlaps this one.

        In a list that grows, the pages must not end just after the last row that is known. More rows would fill the last page
        before it is read, and the pass would follow the end of the list row by row. So the pass then goes as far as it can.
        """
        self._tie = max(self._tie // 2, page.tie)  # a second with many rows is soon passed
        self.reach = page.offset + page.size - 1 - page.tie
        most = max(1, self._longest - self._tie - self._overlap)
        rest = 0 if self._total is None else self._total - page.offset - page.size + 1
        self._stride = min(most, -(-rest // self._pages_for(rest, most))) if rest > 0 else most
        if self._grows:
            self._stride = max(self._stride, self._longest - self._tie - max(self._overlap, min(OVERLAP, self._longest // 4)))
        self.offset = min(self.reach, max(page.offset + 1, page.offset + page.size - self._longest + self._stride))

    def _pages_for(self, rest: int, most: int) -> int:
        """Pages for the rest of the rows: the fewest, or up to 4 % more if that allows an overlap of OVERLAP rows.

        Spreading the rows evenly over these pages gives every page as much overlap as costs nothing.
        """
        fewest = -(-rest // most)
        safer = -(-rest // max(1, self._longest - self._tie - max(OVERLAP, self._overlap)))
        return fewest if self._thrifty else min(safer, max(fewest, fewest + fewest // 25 - 1))

    def _go_back(self, offset: int) -> None:
        """Step back, because rows before the page may have vanished. Later pages overlap more."""
        if not self._step:
            self._overlap = min(2 * self._overlap + 2, max(2, self._longest // 4))
        self._step = 2 * self._step or 2 * self._overlap
        self.step_backs += 1
        self._stalls += 1
        self.offset = self.reach = max(0, offset - self._step)

    def _tie_of(self, marks: Sequence[Mark]) -> int:
        return sum(mark.key == marks[-1].key for mark in marks) if self.order.by_time and marks else 0

    def _overlaps(self, page: _Tail) -> bool:
        """Whether a page after this one can both connect and bring something new."""
        return page.size - page.tie >= 2

    def _claims_more(self, page: _Tail) -> bool:
        return self._total is not None and self._total > page.offset + page.size

    def _is_beyond(self, key: int | None) -> bool:
        """Whether a key is beyond the point where the pass may end."""
        return self.until is not None and key is not None and self.order.before(self.until, key)
