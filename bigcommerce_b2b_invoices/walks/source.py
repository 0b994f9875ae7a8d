"""A list to walk over: what walks and feeds are given instead of an endpoint."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import attrs

from bigcommerce_b2b_invoices.walks.anchored import Mark, Order

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(eq=False, repr=False)
class Answer:
    """One list answer.

    Attributes:
        rows: Still as JSON; None where one was delivered.
        marks: Of the rows, with the keys of the order that was asked for.
        limit: That the server says it applied; None where it does not say.
        server_time: Of the answer, in microseconds.
    """

    rows: list[object]
    marks: tuple[Mark, ...]
    limit: int | None
    total_count: int | None
    server_time: int


class Source(Protocol[T_co]):
    """A list to walk over: what a walk is given instead of an endpoint."""

    @property
    def path(self) -> str:
        """Of the endpoint, for errors."""
        ...

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Answer:
        """The rows at an offset, in an order. One request. An error where a row does not belong there.

        Calls `received` when they are here, before they are decoded.
        """
        ...

    def key(self, row: object, order: Order) -> int | None:
        """What a row is sorted by in an order."""
        ...

    def read(self, row: object, index: int) -> T_co:
        """The row of an answer as a model, or a DecodeError that names the place."""
        ...
