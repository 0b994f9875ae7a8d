"""A walk by offset alone, as a state machine without I/O: for lists without an order that could prove more.

It advances by the rows received, delivers no id twice, and ends on a page that is short or empty only when the total count
does not contradict. Rows that others delete before the offset while it runs can make it skip some: its report says
"best_effort".
"""

from collections.abc import Sequence

import attrs

from bigcommerce_b2b_invoices.errors import IncompleteWalkError, OffsetIgnoredError

MAX_REPEATS = 3  # answers in a row that bring nothing new before the walk gives up


@attrs.frozen(kw_only=True)
class WalkReport:
    """What a walk did, and what it can promise.

    Attributes:
        guarantee: "complete": every row that existed all the while was delivered once. "best_effort": most likely so.
        delivered: Rows handed out.
        requests: List requests made.
        extra_requests: Those beyond the fewest that could have brought the rows.
        step_backs: How often the walk went back because rows had vanished before it.
        duplicates: Rows received again, and not handed out again.
        anomalies: Oddities of the server's answers, one sentence each.
    """

    guarantee: str
    delivered: int = 0
    requests: int = 0
    extra_requests: int = 0
    step_backs: int = 0
    duplicates: int = 0
    anomalies: tuple[str, ...] = ()


@attrs.define
class OffsetWalk:
    """Where a walk by offset stands.

    Attributes:
        offset: Of the next request.
        done: Whether there is no next request.
    """

    page_size: int
    offset: int = 0
    done: bool = False
    requests: int = 0
    duplicates: int = 0
    _seen: set[int] = attrs.field(factory=set, init=False)
    _previous: Sequence[int] = attrs.field(default=(), init=False)
    _repeats: int = attrs.field(default=0, init=False)

    def receive(self, ids: Sequence[int], *, limit: int, total_count: int | None) -> list[int]:
        """Take in the ids of the page at `offset`; returns the indexes of the rows to hand out.

        Args:
            ids: Of the page's rows, in order.
            limit: What the server says it applied.
            total_count: What the server says matches in all.

        Raises:
            OffsetIgnoredError: The same rows came for several offsets.
            IncompleteWalkError: The total count says that there is more, but no more comes.
        """
        self.requests += 1
        self.offset += len(ids)
        fresh = []
        for index, row_id in enumerate(ids):
            if row_id not in self._seen:
                self._seen.add(row_id)
                fresh.append(index)
        self.duplicates += len(ids) - len(fresh)
        more = total_count is not None and self.offset < total_count
        self._repeats = 0 if fresh else self._repeats + 1
        if self._repeats >= MAX_REPEATS:
            if ids and list(ids) == self._previous:
                raise OffsetIgnoredError(f"{MAX_REPEATS + 1} different offsets were answered with the same rows")
            if ids or more:
                raise IncompleteWalkError(f"the server says {total_count} rows match, but sends none after {len(self._seen)}")
        self._previous = list(ids)
        self.done = not more and (not ids or (total_count is not None and len(ids) < limit))
        return fresh

    def report(self) -> WalkReport:
        """What the walk has done so far."""
        fewest = max(1, -(-len(self._seen) // self.page_size))
        return WalkReport(
            guarantee="best_effort",
            delivered=len(self._seen),
            requests=self.requests,
            extra_requests=max(0, self.requests - fewest),
            duplicates=self.duplicates,
        )
