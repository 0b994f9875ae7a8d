"""A list to walk over. Walks and feeds get a `Source` instead of an endpoint."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from bigcommerce_b2b_invoices.walks.order import Order
from bigcommerce_b2b_invoices.wire.messages import Slice

T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    """A list to walk over."""

    @property
    def path(self) -> str:
        """The path of the endpoint, for error messages."""
        ...

    @property
    def order(self) -> Order:
        """The order of a walk."""
        ...

    @property
    def unique(self) -> Order | None:
        """The order to fall back to if `order` proves nothing: by a field whose value no two rows share; None: there is none."""
        ...

    @property
    def latest(self) -> Order | None:
        """The order that begins with the latest changes; None: a walk cannot look for changes."""
        ...

    @property
    def fingerprint(self) -> str:
        """Identifies the list and its query in a bookmark."""
        ...

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Slice:
        """The rows at an offset, in an order. One request. Raises an error if a row does not match the query.

        Calls `received` when the answer has arrived, before it is decoded.
        """
        ...

    def read(self, answer: Slice, index: int) -> T_co:
        """Return a row of an answer as a model, or raise a DecodeError that names the place and holds the row."""
        ...
