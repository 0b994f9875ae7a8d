"""The three values that go down to the transport and come up again, and the way down."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Generic, Protocol, TypeVar

import attrs

T = TypeVar("T")
R = TypeVar("R")

IN_BULK: ContextVar[bool] = ContextVar("IN_BULK", default=False)  # set in a task of a bulk run: all its calls are bulk calls


@attrs.frozen
class Request:
    """What is sent, without host and credentials.

    Attributes:
        path: Below the base URL, starting with a slash; made of fixed words and checked ids only.
        query: Names and values, not yet percent-encoded; a name may come several times.
        body: JSON as UTF-8, or None.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@attrs.frozen(eq=False, repr=False)
class Response:
    """What came back: header names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen(eq=False, repr=False)
class Call(Generic[T]):
    """One use of one endpoint.

    Attributes:
        decode: Turns the response into the result, or raises an APIError, a ResponseError or a DecodeError.
        repeatable: Whether the request may be sent again when the fate of an earlier attempt is unknown.
        decode_repeated: Reads the answer to an attempt after one whose answer was lost; None: as `decode`.
        received: Called when an answer is here, before it is decoded.
    """

    request: Request
    decode: Callable[[Response], T]
    repeatable: bool
    decode_repeated: Callable[[Response], T] | None = None
    received: Callable[[], None] | None = None

    def then(self, read: Callable[[T], R]) -> "Call[R]":
        """The same call with its result read on. What `read` raises belongs to the attempt, as what `decode` raises does."""
        decode, repeated = self.decode, self.decode_repeated
        return Call(
            self.request,
            lambda response: read(decode(response)),
            self.repeatable,
            None if repeated is None else lambda response: read(repeated(response)),
            self.received,
        )


class Send(Protocol):
    """Makes a call: what the resources are given instead of a transport."""

    async def __call__(self, call: Call[T], *, bulk: bool = False) -> T:
        """The call's result, or an error of the tree. Bulk calls let single ones go first."""
        ...
