"""A call, which is one use of one endpoint, and the protocol of the function that sends it."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Generic, Protocol, TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import APIError, DecodeError, NotFoundError
from bigcommerce_b2b_invoices.models.checks import MAX_ID
from bigcommerce_b2b_invoices.wire.envelope import NO_MEANINGS, Envelope, open_envelope
from bigcommerce_b2b_invoices.wire.messages import Request, Response

T = TypeVar("T")
R = TypeVar("R")

IN_BULK: ContextVar[bool] = ContextVar("IN_BULK", default=False)  # True in a task of a bulk run: all its calls are bulk calls


@attrs.frozen(eq=False, repr=False)
class Call(Generic[T]):
    """One use of one endpoint.

    Attributes:
        read: Turns a good answer into the result, or raises a DecodeError.
        repeatable: Whether the request may be sent again if nobody knows the outcome of an earlier attempt.
        meanings: Text of the API, in lower case -> the class of the error for a refusal that contains it.
        id_key: The key of the id that the answer to a write must hold. Without it, the answer does not count as success.
        missing_is_done: Whether a repeated attempt that gets a 404 has succeeded, because an earlier one may have done the work.
            Only a 404 of the API itself counts.
        received: Called when an answer has arrived, before it is decoded.
        operation: A name for observers, such as `invoices.get`.
        route: The path as a template, such as `/invoices/{invoiceId}`.
    """

    request: Request
    read: Callable[[Envelope], T]
    repeatable: bool
    meanings: Mapping[str, type[APIError]] = NO_MEANINGS
    id_key: str | None = None
    missing_is_done: bool = False
    received: Callable[[], None] | None = None
    operation: str = ""
    route: str = ""

    def decode(self, response: Response, *, repeated: bool = False) -> T:
        """The result. Raises an APIError, a ResponseError or a DecodeError if the answer is not a good one.

        Args:
            response: The answer to one attempt.
            repeated: Whether the answer to an earlier attempt was lost.
        """
        try:
            envelope = open_envelope(response, self.meanings)
        except NotFoundError as missing:
            if not (repeated and self.missing_is_done and missing.is_enveloped):
                raise
            envelope = Envelope(None)
        if self.id_key is not None:
            found = envelope.data.get(self.id_key) if type(envelope.data) is dict else None  # an OddObject says nothing certain
            if type(found) is not int or not 0 < found <= MAX_ID:
                raise DecodeError("expected an id", model="answer", path=f"data.{self.id_key}")
        return self.read(envelope)

    def then(self, read: Callable[[T], R]) -> "Call[R]":
        """The same call, with its result passed to `read`. An error of `read` counts as an error of the attempt."""
        first = self.read
        return attrs.evolve(self, read=lambda envelope: read(first(envelope)))  # type: ignore[arg-type, return-value] # another result


class Send(Protocol):
    """Sends a call. The resources get such a function instead of a transport."""

    async def __call__(self, call: Call[T], *, bulk: bool = False) -> T:
        """The call's result. Raises a B2BError if it fails. Single calls go before bulk calls."""
        ...
