"""A page of a list."""

from typing import Generic, TypeVar

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
