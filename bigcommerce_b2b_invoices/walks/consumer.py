"""One consumer at a time for a walk, a feed or a run. A second one is refused, before it can take rows from the first.

The consumer is a loop in a task. Anybody can follow once that loop was left, has ended or raised an error, or once its task is
over. A task that calls `anext` directly has no loop that it could leave, so it stays the consumer until it is over, loops, or
calls `stop`. While its own loop goes on, it may also call `anext`.

A loop counts as left when nothing refers to it any more. So a generator that contains the loop must be closed first, or `stop`
called.
"""

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Self, TypeVar

import attrs

T = TypeVar("T")


def _nobody() -> None:
    """Stand in for a reference to what is gone."""


@attrs.define(eq=False, repr=False)
class Claim:
    """A loop, or a task that calls `anext`, as the consumer.

    Attributes:
        loop: Gets the loop; None if there is none, or no more.
        task: Gets the task that asks; None if that task is gone.
        lost: Whether another consumer took over.
    """

    loop: "Callable[[], Loop[Any] | None]" = _nobody
    task: Callable[[], asyncio.Task[Any] | None] = _nobody
    lost: bool = False


class Consumer:
    """Who may ask for the next element."""

    __slots__ = ("_claim", "_latest", "_name")

    def __init__(self, name: str) -> None:
        self._claim: Claim | None = None  # of the present consumer; None: whoever asks next becomes the consumer
        self._latest: Claim | None = None  # of the consumer that asked last
        self._name = name

    def take(self, claim: Claim) -> None:
        """Become the consumer.

        Raises:
            RuntimeError: Another consumer goes on, or took over from this one.
        """
        task, held = _current_task(), self._claim
        if held is not None and _goes_on(held.task()):
            is_left = held is claim or held.loop() is None
            if held.task() is not task or not is_left:
                raise self.refusal()
        if claim.lost:
            raise self.refusal()
        self.free()
        if self._latest is not None and self._latest is not claim:
            self._latest.lost = True
        claim.task = _nobody if task is None else weakref.ref(task)
        self._claim = self._latest = claim

    def take_directly(self) -> None:
        """Become the consumer without a loop, or ask once more in the task of the present consumer.

        Raises:
            RuntimeError: Another consumer goes on.
        """
        try:  # not by `_current_task`, because this runs for each row
            task = asyncio.current_task()
        except RuntimeError:
            task = None
        if self._claim is None or self._claim.task() is not task:
            self.take(Claim())

    def leave(self, claim: Claim) -> bool:
        """A loop is over. Returns whether it was the last that asked."""
        if self._latest is not claim:
            return False
        self._claim = None
        return True

    def free(self) -> None:
        """Let anybody follow. A loop that goes on must take its claim again."""
        if self._claim is not None and (loop := self._claim.loop()) is not None:
            loop.ask = None
        self._claim = None

    def refusal(self) -> RuntimeError:
        """The error of a second consumer."""
        return RuntimeError(
            f"a {self._name} has one consumer, and another loop or task is that consumer: make one {self._name} for each "
            "consumer, or call stop() to let another one follow"
        )


class Loop(AsyncIterator[T]):
    """One `async for`. When the loop ends, for any reason, it calls `left`, which cancels pending work.

    Attributes:
        ask: Gets the next element; None as long as another consumer might be the one. So a row costs no further check.
    """

    __slots__ = ("__weakref__", "_claim", "_consumer", "_get_next", "_left", "ask")

    def __init__(self, consumer: Consumer, get_next: Callable[[], Coroutine[Any, Any, T]], left: Callable[[], None]) -> None:
        self.ask: Callable[[], Coroutine[Any, Any, T]] | None = None
        self._consumer = consumer
        self._claim = Claim(weakref.ref(self))
        self._get_next = get_next
        self._left = left

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[Any, Any, T]:
        return (self.ask or self._begin())()

    def _begin(self) -> Callable[[], Coroutine[Any, Any, T]]:
        self._consumer.take(self._claim)
        self.ask = self._get_next
        return self.ask

    def __del__(self) -> None:
        if self._consumer.leave(self._claim):
            self._left()


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None  # no event loop is running


def _goes_on(task: asyncio.Task[Any] | None) -> bool:
    return task is not None and not task.done() and not task.get_loop().is_closed()
