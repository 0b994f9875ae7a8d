"""A page of a list, and the report of a walk over many pages."""

from typing import Generic, Literal, TypeVar

import attrs

from bigcommerce_b2b_invoices.models.model import Model

T = TypeVar("T")


@attrs.frozen
class Page(Model, Generic[T]):
    """Some consecutive rows of a list.

    Attributes:
        items: The rows, in the server's order.
        offset: The number of rows in the list before the first row of this page.
        limit: The most rows that the server would have put on this page; the server may lower the limit of the request.
        total_count: The number of matching rows in the whole list, as the server says; None if it does not say.
    """

    items: tuple[T, ...]
    offset: int
    limit: int
    total_count: int | None


@attrs.frozen(kw_only=True)
class WalkReport(Model):
    """What a walk did, and what it guarantees.

    Attributes:
        guarantee: "complete" if the walk has ended and has proved that it delivered, exactly once, every row that existed from
            its start to its end. "best_effort" before the walk has ended, or if the proof failed; `anomalies` then says why.
        delivered: Rows that the walk delivered.
        requests: List requests that the walk made.
        extra_requests: Requests beyond the smallest number that could have brought these rows.
        step_backs: How often the walk went back because rows before a page might have disappeared.
        duplicates: Rows that the walk received again and did not deliver again; pages overlap on purpose.
        unreadable: Rows that could not be read. The walk skipped them, or raised a DecodeError for them.
        anomalies: Oddities of the server's answers, one sentence each.
    """

    guarantee: Literal["complete", "best_effort"]
    delivered: int = 0
    requests: int = 0
    extra_requests: int = 0
    step_backs: int = 0
    duplicates: int = 0
    unreadable: int = 0
    anomalies: tuple[str, ...] = ()
