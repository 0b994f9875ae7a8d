"""The rules of one pass over a list that loses nothing, as a state machine without I/O.

Offsets shift while others write, so a page proves little by itself: when a row before it is deleted, the next page begins one
row too late. Two rules make a proof of it. Each list answer is taken to be a contiguous slice of the rows at one instant; the
total count is never part of the proof.

By key (`createdAt`, `updatedAt`): F is the greatest key accepted so far. The invariant is that every row that existed all the
while with a key < F was accepted. A page at an offset > 0 is accepted only if its first row has a key < F. Then it holds every
row between that key and the key of its last row, so the invariant holds for the greater F. Otherwise rows before it may have
vanished, and the pass steps back. It needs no stable order of rows with equal keys.

By row (`invoiceNumber`, which is unique): a page is accepted only if it holds an anchor, which is a row accepted before whose
key is still the same. All rows after the anchor are then there.

Pages may be judged long after they were received and in any order: the proof speaks of each page at its own instant.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import attrs

from bigcommerce_b2b_invoices.errors import IncompleteWalkError, OffsetIgnoredError
from bigcommerce_b2b_invoices.models.query import SortField
from bigcommerce_b2b_invoices.walks.id_set import IdSet

OVERLAP = 8  # rows that pages share where it costs little: so many deletions between two pages do no harm
ANCHOR_PAGES = 4  # pages whose rows serve as anchors
CONTRADICTIONS = 3  # times that the total count may claim more than comes
SAME_ROWS = 5  # different offsets that may be answered with the same rows: where few are left, deletions can do that
STALLS = 40  # pages in a row that bring the pass no further
UNBOUNDED = 40_000  # pages of a pass whose server never says how many rows there are


@attrs.frozen
class Order:
    """The order that a pass asks for; None: whatever order the server keeps."""

    sort_by: SortField | None = None
    descending: bool = False

    @property
    def by_key(self) -> bool:
        """Whether rows are compared by a time: then equal keys may come in any order."""
        return self.sort_by in (SortField.CREATED_AT, SortField.UPDATED_AT)

    def before(self, first: int, second: int) -> bool:
        """Whether a key lies strictly before another."""
        return second < first if self.descending else first < second


class Mark(NamedTuple):
    """What the rules look at in a row.

    Attributes:
        id: Of the row.
        key: What it is sorted by: a time in microseconds, or a checksum of the text; None where it has none.
    """

    id: int
    key: int | None


def text_key(text: str) -> int:
    """A text as a key for anchors, which are only compared for equality."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


class OrderBrokenError(Exception):
    """The rows do not come as a pass by key needs them; says why."""

    def __init__(self, reason: str, *, unsorted: bool) -> None:
        super().__init__(reason)
        self.unsorted = unsorted


@attrs.frozen(repr=False)
class _Tail:
    """A page as the choice of the next offset sees it; `tie`: rows at its end that share one key."""

    offset: int
    size: int
    tie: int


class Pass:
    """One pass over a list: which offset to ask for next, and what of an answer to take.

    Attributes:
        offset: To ask for next.
        reach: The greatest offset at which a page would still connect, if nothing changed meanwhile.
        frontier: The greatest key accepted.
        unproven: Why the end is not certain; empty: it is.
        broken: Why the pass cannot go on by key; what it has accepted stands.
    """

    def __init__(self, order: Order, limit: int, seen: IdSet, *, until: int | None = None, thrifty: bool = False) -> None:
        self.order = order
        self.limit = limit
        self.offset = 0
        self.reach = 0
        self.frontier: int | None = None
        self.done = False
        self.accepted = 0
        self.step_backs = 0
        self.duplicates = 0
        self.unproven = ""
        self.broken = ""
        self._seen = seen
        self._thrifty = thrifty  # no page more than the fewest, though a deletion then costs a step back
        self._until = until  # the pass is done when it comes to keys beyond this one
        self._anchors: dict[int, int | None] = {}
        self._landmarks: dict[int, int | None] = {}  # by row: where a resumed pass begins to take rows; empty: it has begun
        self._pages = 0
        self._longest = 0  # rows of a full page
        self._overlap = 1  # rows that must be shared, beside those of equal key
        self._tie = 0  # rows of equal key at the end of a page; the most so far
        self._stride = 0
        self._step = 0
        self._total: int | None = None
        self._expected: int | None = None  # the first total count, by which the pages of the pass are bounded
        self._contradictions = 0
        self._stalls = 0
        self._tail: _Tail | None = None  # the page behind which is looked
        self._confirmed: _Tail | None = None  # the page behind which nothing was
        self._same_ids: tuple[int, ...] = ()
        self._same_offsets: set[int] = set()

    def resume(self, offset: int, marks: Sequence[Mark], *, whole: bool) -> None:
        """Go on behind rows that another pass delivered last: `marks`, of which the last stood at `offset`.

        Where they are the `whole` of what was delivered, the pass simply begins anew without them.
        """
        for mark in marks:
            self._seen.add(mark.id)
        if whole:
            return
        self.frontier = marks[-1].key
        self._anchors = {mark.id: mark.key for mark in marks}
        self._landmarks = {} if self.order.by_key else dict(self._anchors)
        self.offset = self.reach = max(0, offset + 1 - (len(marks) if self.order.by_key else 0) - OVERLAP)

    def next_after(self, offset: int) -> int | None:
        """The offset to ask for beyond the page at this one, as far as can be foreseen; None: there is none to foresee."""
        if self._total is None or not self._stride or offset + self._longest > self._total:
            return None
        return offset + self._stride

    def receive(self, offset: int, marks: Sequence[Mark], *, echoed_limit: int | None, total: int | None) -> list[int] | None:
        """Judge the page at this offset. Returns the indexes of its new rows; None: it does not connect, look further back.

        Args:
            offset: That was asked for.
            marks: Of the page's rows.
            echoed_limit: The limit that the server says it applied.
            total: How many rows it says match.

        Raises:
            OrderBrokenError: The page cannot be judged by key.
            OffsetIgnoredError: Several offsets were answered with the same rows.
            IncompleteWalkError: The pass cannot come to an end.
        """
        self._total = total
        self._check_bounds(offset, marks, total)
        if self.order.by_key:
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
        frontier = self.frontier
        fresh = self._take(marks)
        advanced = bool(fresh) or self.frontier != frontier
        self._stalls = 0 if advanced else self._stalls + 1
        self._choose_next(_Tail(offset, len(marks), self._tie_of(marks)), advanced=advanced, echoed_limit=echoed_limit)
        self._check_landmarks()
        return fresh

    # ---- what is refused ---------------------------------------------------------------------------------------------

    def _check_bounds(self, offset: int, marks: Sequence[Mark], total: int | None) -> None:
        """No server can make a pass go on for ever."""
        ids = tuple(mark.id for mark in marks)
        if not ids or ids != self._same_ids:
            self._same_ids, self._same_offsets = ids, set()
        self._same_offsets.add(offset)
        if ids and len(self._same_offsets) >= SAME_ROWS:
            raise OffsetIgnoredError(f"{SAME_ROWS} different offsets were answered with the same rows")
        if self._expected is None:
            self._expected = total
        self._pages += 1
        full = max(1, self._longest)
        most = UNBOUNDED if self._expected is None else 1000 + 6 * (self._expected // full + 1)
        if self._pages > most or self._stalls > STALLS:
            raise IncompleteWalkError(f"no end after {self._pages} pages, where the server spoke of {self._expected} rows")

    def _check_order(self, marks: Sequence[Mark]) -> None:
        previous: int | None = None
        for mark in marks:
            if mark.key is None:
                raise OrderBrokenError(f"row {mark.id} has no readable {self.order.sort_by}", unsorted=False)
            if previous is not None and self.order.before(mark.key, previous):
                raise OrderBrokenError(f"the server did not sort by {self.order.sort_by}", unsorted=True)
            previous = mark.key

    def _check_unique(self, marks: Sequence[Mark]) -> None:
        if self.order.sort_by is SortField.INVOICE_NUMBER:
            keys = {mark.key for mark in marks}
            if None in keys or len(keys) < len({mark.id for mark in marks}):
                self.unproven = "there are invoices without a number, or with the same one"

    # ---- accepting ---------------------------------------------------------------------------------------------------

    def _connects(self, marks: Sequence[Mark]) -> bool:
        if not self.order.by_key:
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
        if self._landmarks:  # what stands before one was delivered before, or is newer
            landmark = self._last_of(self._landmarks, marks)
            first_fresh = len(marks) if landmark is None else landmark + 1
            self._landmarks = self._landmarks if landmark is None else {}
        new = [index for index, mark in enumerate(marks) if self._seen.add(mark.id)]
        fresh = [index for index in new if index >= first_fresh]
        self.duplicates += len(marks) - len(fresh)
        if self.order.by_key:
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
        if self._is_beyond(self.frontier) or ((short or confirmed) and not self._claims_more(page)):
            self.done = True
            return
        if short and page.size:
            self._longest = page.size  # there is more, they say: so the server makes smaller pages now
        if self._overlaps(page) and (advanced or not short):
            self._go_on(page)
        elif page.size > 2 and not short:
            self.broken = f"more than {page.size - 2} rows share one {self.order.sort_by}"
        else:  # too little to tell: look right behind the page
            self._tail = page
            self.offset = self.reach = page.offset + page.size

    def _check_landmarks(self) -> None:
        if self.done and self._landmarks:
            raise IncompleteWalkError("the rows that the bookmark remembers are all gone: start the walk anew")

    def _probe(self, tail: _Tail, marks: Sequence[Mark]) -> list[int]:
        """What came from right behind the tail: nothing, or proof that there is more. None of it is taken.

        Nothing is no proof of the end, for rows may have moved up: the tail must then read the same once more.
        """
        self._tail = None
        self.offset = self.reach = tail.offset
        if marks and self._overlaps(tail):
            self._go_on(tail)
        elif marks and tail.size > 2:
            self.broken = f"more than {tail.size - 2} rows share one {self.order.sort_by}"
        elif marks and tail.size:  # it grew meanwhile, or the pages are that small
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
        """Choose the next offset, so that the next page overlaps this one."""
        self._tie = max(self._tie // 2, page.tie)  # a crowded second soon lies behind
        self.reach = page.offset + page.size - 1 - page.tie
        most = max(1, self._longest - self._tie - self._overlap)
        rest = 0 if self._total is None else self._total - page.offset - page.size + 1
        self._stride = min(most, -(-rest // self._pages_for(rest, most))) if rest > 0 else most
        self.offset = min(self.reach, max(page.offset + 1, page.offset + page.size - self._longest + self._stride))

    def _pages_for(self, rest: int, most: int) -> int:
        """Pages for the rest of the rows: the fewest, or up to 4 % more where that buys an overlap of OVERLAP rows.

        Spreading the rows evenly over them gives every page as much overlap as comes for free.
        """
        fewest = -(-rest // most)
        safer = -(-rest // max(1, self._longest - self._tie - max(OVERLAP, self._overlap)))
        return fewest if self._thrifty else min(safer, max(fewest, fewest + fewest // 25 - 1))

    def _go_back(self, offset: int) -> None:
        """Rows before the page may have vanished: look further ahead of it, and overlap more from now on."""
        if not self._step:
            self._overlap = min(2 * self._overlap + 2, max(2, self._longest // 4))
        self._step = 2 * self._step or 2 * self._overlap
        self.step_backs += 1
        self._stalls += 1
        self.offset = self.reach = max(0, offset - self._step)

    def _tie_of(self, marks: Sequence[Mark]) -> int:
        return sum(mark.key == marks[-1].key for mark in marks) if self.order.by_key and marks else 0

    def _overlaps(self, page: _Tail) -> bool:
        """Whether a page after this one can both connect and bring something new."""
        return page.size - page.tie >= 2

    def _claims_more(self, page: _Tail) -> bool:
        return self._total is not None and self._total > page.offset + page.size

    def _is_beyond(self, key: int | None) -> bool:
        """Whether a key lies where the pass need not go."""
        return self._until is not None and key is not None and self.order.before(self._until, key)
