"""What the answers of a server show that contradicts what a proof takes for granted.

A proof assumes that each answer is a slice of one sorted list, that pages are full until the end, and that rows keep their
order. No request checks these assumptions, but the answers of a walk show it if one of them does not hold.
"""

from bisect import bisect_right
from collections.abc import Sequence

from bigcommerce_b2b_invoices.walks.order import Mark, Order

SURE = 3  # pages of one size after which that is the size of a full page; a row that two pages share may be missing on both
KEPT_VERSIONS = 2_000  # rows with the latest changes whose versions are remembered


class PageChecks:
    """Looks at the accepted pages of one pass, in the order of the list.

    Attributes:
        size_unsure: Whether too few pages tell how many rows a full page has, if the server does not say so.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._full = 0  # rows of a page that is not the last
        self._alike = 0  # pages that are not the last
        self._short_end: int | None = None  # where a page ended that was too short, if the server sends no total count
        self._last: Mark | None = None  # of the page before
        self._rank: int | None = None  # the place in the list of the first row with the key of that one
        self._arrived = 0
        self._known: dict[int, Mark] = {}  # the rows of the page before, in their order
        self._pushes: list[tuple[int, int, int]] = []  # from this answer to that one, a row moved down by so many places
        self.size_unsure: bool = False

    def contradiction(
        self, offset: int, marks: Sequence[Mark], *, echoed_limit: int | None, total: int | None, arrived: int
    ) -> str:
        """What is wrong with the page; empty: nothing.

        Args:
            offset: The offset that was requested.
            marks: The marks of the page's rows.
            echoed_limit: The limit that the server says it applied.
            total: How many rows match, as the server says.
            arrived: Grows from answer to answer.
        """
        wrong = self._size(offset, len(marks), echoed_limit, total) or self._sequence(marks)
        self._measure(offset, marks, arrived)
        if marks:
            self._last, self._known, self._arrived = marks[-1], {mark.id: mark for mark in marks}, arrived
            self._rank = self._rank_of(offset, marks, marks[-1])
        return wrong

    def _size(self, offset: int, size: int, echoed_limit: int | None, total: int | None) -> str:
        end = offset + size
        if total is None:
            self._full = max(self._full, size)
            too_short = self._short_end is not None and end > self._short_end
            self._short_end = end if 0 < size < self._full else self._short_end
        else:
            is_last = end >= total
            too_short = bool(self._full) and (size > self._full or (size < self._full and not is_last))
            self._alike += not is_last
            self.size_unsure = self.size_unsure if is_last else size != echoed_limit and self._alike < SURE
            self._full = self._full if is_last else self._full or size
        return "the server sent pages of different sizes: it may leave rows out" if too_short else ""

    def _sequence(self, marks: Sequence[Mark]) -> str:
        """In an order by a unique field, rows that two pages share stand in the same order on both."""
        if not self._order.unique or self._last is None:
            return ""
        places = {row_id: place for place, row_id in enumerate(self._known)}
        shared = [places[mark.id] for mark in marks if mark.id in places and self._known[mark.id].key == mark.key]
        return "" if shared == sorted(shared) else f"the server does not always sort by {self._order.sort_by} in the same way"

    def _measure(self, offset: int, marks: Sequence[Mark], arrived: int) -> None:
        """By how many places the last row of the page before moved down."""
        if self._last is not None and self._rank is not None and (rank := self._rank_of(offset, marks, self._last)) is not None:
            moved = rank - self._rank if arrived > self._arrived else self._rank - rank
            if moved > 0:
                self._pushes.append((min(arrived, self._arrived), max(arrived, self._arrived), moved))

    @property
    def pushed(self) -> int:
        """The fewest rows that explain why rows moved down the list: added before them, or left out of a page by the server.

        Pages are requested ahead, so their answers can arrive in another order than that of the list. Then one added row pushes
        rows between several pairs of answers. Only pairs that do not overlap in time need rows of their own.
        """
        ends, fewest = [0], [0]  # fewest[i]: up to the answer ends[i]
        for began, ended, moved in sorted(self._pushes, key=lambda push: push[1]):
            fewest.append(max(fewest[-1], fewest[bisect_right(ends, began) - 1] + moved))
            ends.append(ended)
        return fewest[-1]

    def explained(self) -> None:
        """Forget the rows that moved down so far."""
        self._pushes.clear()

    def _rank_of(self, offset: int, marks: Sequence[Mark], wanted: Mark) -> int | None:
        for index, mark in enumerate(marks):
            if mark.key == wanted.key and (self._order.by_time or mark.id == wanted.id):
                return offset + index if index or not offset or not self._order.by_time else None
        return None


class Versions:
    """When the latest changed rows had been changed last, as they were delivered."""

    def __init__(self) -> None:
        self._changed: dict[int, int] = {}
        self._floor: int | None = None  # versions before it are not kept

    def keep(self, mark: Mark) -> None:
        """Remember the version of a delivered row."""
        if mark.changed is None or (self._floor is not None and mark.changed < self._floor):
            return
        self._changed[mark.id] = mark.changed
        if len(self._changed) > 2 * KEPT_VERSIONS:
            self._floor = sorted(self._changed.values())[-KEPT_VERSIONS]
            self._changed = {row_id: changed for row_id, changed in self._changed.items() if changed >= self._floor}

    def is_settled(self, mark: Mark) -> bool:
        """Whether a row that was delivered is still in the version that was delivered."""
        if mark.changed is None or (self._floor is not None and mark.changed < self._floor):
            return True
        return self._changed.get(mark.id) == mark.changed
