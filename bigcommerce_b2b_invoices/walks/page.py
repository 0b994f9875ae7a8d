"""A page of a list, and the report of a walk over many."""

from typing import Generic, Literal, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen
class Page(Generic[T]):
    """Some consecutive rows of a list.

    Attributes:
        items: The rows, in the server's order.
        offset: How many rows come before the first.
        limit: Most rows that the server would have put on it; it may lower what was asked for.
        total_count: How many rows match in all, as the server says; None where it does not say.
    """

    items: tuple[T, ...]
    offset: int
    limit: int
    total_count: int | None


@attrs.frozen(kw_only=True)
class WalkReport:
    """What a walk did, and what it can promise.

    Attributes:
        guarantee: "complete" once the walk has ended and proven that every row that existed all the while was delivered
            once; "best_effort" before that, and where the proof failed: then `anomalies` says why.
        delivered: Rows handed out.
        requests: List requests made.
        extra_requests: Those beyond the fewest that could have brought the rows.
        step_backs: How often the walk went back because rows before a page might have vanished.
        duplicates: Rows received again, and not handed out again; pages overlap on purpose.
        anomalies: Oddities of the server's answers, one sentence each.
    """

    guarantee: Literal["complete", "best_effort"]
    delivered: int = 0
    requests: int = 0
    extra_requests: int = 0
    step_backs: int = 0
    duplicates: int = 0
    anomalies: tuple[str, ...] = ()
