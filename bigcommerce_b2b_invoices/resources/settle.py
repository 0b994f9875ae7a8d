"""Finds out whether a write happened if its answer was lost: looks for it until it is found or the waits are over.

This module does not know what is written. Each family of writes says how to recognise one of its own: it gives every
`OutcomeUnknownError` a look, a function that looks for the write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

import attrs

from bigcommerce_b2b_invoices.errors import (
    APIError,
    B2BError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
    TransportError,
)

T = TypeVar("T")

MOST_REMEMBERED = 10_000  # objects; no list lags behind by more writes of one client
PASSING = (TransportError, ServerError, RateLimitError, OutcomeUnknownError)  # another look may succeed after these


class Look(Protocol):
    """Looks for a write whose answer was lost."""

    async def __call__(self) -> int | None:
        """The id of the written object if the write is found; None if it has not been found so far.

        If this raises an error that is a verdict, the write did not happen and never will.
        """
        ...


@attrs.frozen(kw_only=True)
class Settler:
    """Looks for writes whose answers were lost.

    Attributes:
        waits: Seconds between looks. Their sum should be longer than the server's slowest processing.
        sleep: Waits for a number of seconds.
    """

    waits: tuple[float, ...]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def settle(
        self, unknown: OutcomeUnknownError, *, looks: int | None = None, verdicts: tuple[type[B2BError], ...] = ()
    ) -> int | None:
        """The id if the write is found; None if it has not been found after all waits.

        Args:
            unknown: The error of the write, with its look.
            looks: The most waits to use; there is a look before each wait and one after the last. None: all waits.
            verdicts: Errors of a look that mean that the write has not happened.

        Raises:
            B2BError: One of the verdicts.
            OutcomeUnknownError: The look failed, so the outcome stays unknown.
        """

        async def look() -> int | B2BError | None:
            return await outcome(unknown.resolve())

        found = await self.until(look, lambda found: found is not None, looks=looks, verdicts=verdicts)
        if isinstance(found, verdicts):
            raise found
        if isinstance(found, B2BError):
            raise unknown.because(found)
        return found

    async def until(
        self,
        look: Callable[[], Awaitable[T | B2BError]],
        is_seen: Callable[[T], bool],
        *,
        looks: int | None = None,
        verdicts: tuple[type[B2BError], ...] = (),
    ) -> T | B2BError:
        """Look until `is_seen` accepts a result, and return that result.

        Returns an error instead if it is a verdict, or if it makes further looks pointless. After all waits, returns the result
        or the error of the last look.
        """
        for wait in (*self.waits[:looks], None):
            found = await look()
            if isinstance(found, B2BError):
                if wait is None or isinstance(found, verdicts) or not isinstance(found, PASSING):
                    return found
            elif wait is None or is_seen(found):
                return found
            await self.sleep(wait)
        raise AssertionError("the last wait is None")


class Locks:
    """One lock for each number or reference and event loop, so that a client runs one write of it at a time.

    It also remembers the latest objects that were written: a list of the store may not show them yet.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()
        self._written: dict[str, int] = {}

    def alone(self, name: str) -> AbstractAsyncContextManager[None]:
        """Enter this to be the only one that writes this name."""
        return self._locks.setdefault((id(asyncio.get_running_loop()), name), asyncio.Lock())

    def remember(self, name: str, object_id: int) -> None:
        """Remember the id of the object that was written under this name."""
        self._written.pop(name, None)
        self._written[name] = object_id
        if len(self._written) > MOST_REMEMBERED:
            del self._written[next(iter(self._written))]

    def remembered(self, name: str) -> int | None:
        """The id of the object that was written under this name; None if none is remembered."""
        return self._written.get(name)


async def outcome(awaitable: Awaitable[T]) -> T | B2BError:
    """The result or the error. The caller raises the error outside `except`, so that no error is the context of another."""
    try:
        return await awaitable
    except B2BError as error:
        return error


async def find_gone(read: Callable[[], Awaitable[object]], object_id: int) -> int | None:
    """The id if reading the object shows that it is gone; None if it is still there."""
    found = await outcome(read())
    if isinstance(found, NotFoundError) and found.is_enveloped:  # a gateway's 404 says nothing about the object
        return object_id
    if isinstance(found, B2BError):
        raise found
    return None


def unknown_outcome(error: B2BError, look: Look) -> OutcomeUnknownError:
    """The error of a write that may have happened, with its look."""
    if not isinstance(error, OutcomeUnknownError):
        reason, error = error, OutcomeUnknownError("an earlier attempt may or may not have taken effect", reason=error)
        error.of_request(reason.method or "", reason.path or "", reason.attempts)
    error.look = look
    return error


def is_final(error: B2BError) -> bool:
    """Whether the API would answer another attempt in the same way."""
    return isinstance(error, APIError) and not isinstance(error, RateLimitError | ServerError)
