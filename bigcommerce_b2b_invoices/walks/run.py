"""Many calls as one stream of outcomes: a few at a time, and never more than the consumer keeps up with.

An item has a place from when it is taken until its outcome was handed out and the consumer came back; there are `concurrency`
places. So a consumer that stops stops everything, and nothing is buffered beyond the places.
"""

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sized
from typing import Generic, Self, TypeVar

from bigcommerce_b2b_invoices.errors import OutcomeUnknownError
from bigcommerce_b2b_invoices.models.outcome import BulkSummary, Outcome
from bigcommerce_b2b_invoices.wire.call import IN_BULK

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Stream(AsyncIterator[T]):
    """An async iterator for one consumer, who loops over it once: when the loop is left, what is under way is stopped."""

    def __init__(self) -> None:
        self._busy = False
        self._over = False
        self._broken_off = False

    def __aiter__(self) -> AsyncIterator[T]:
        return _Loop(self)

    async def __anext__(self) -> T:
        if self._busy:
            raise RuntimeError(f"a {type(self).__name__} has one consumer: make one for each")
        if self._broken_off:
            raise RuntimeError(f"this {type(self).__name__} was broken off and cannot go on: make another")
        if self._over:
            raise StopAsyncIteration
        self._busy = True
        try:
            return await self._next()
        except StopAsyncIteration:
            self._over = True
            raise
        except BaseException:
            await self.aclose()
            raise
        finally:
            self._busy = False

    def stop(self) -> None:
        """Break off, and cancel what is under way. At the end it does nothing."""
        self._broken_off = not self._over
        self._cancel()

    async def aclose(self) -> None:
        """As `stop`, and wait until everything has ended."""
        self._broken_off = not self._over
        await self._close()

    @abstractmethod
    async def _next(self) -> T:
        """The next element, or StopAsyncIteration."""

    @abstractmethod
    def _cancel(self) -> None:
        """Cancel what is under way."""

    @abstractmethod
    async def _close(self) -> None:
        """Cancel what is under way, and wait until it has ended."""


class BulkRun(Stream[Outcome[Item, Result]]):
    """The outcomes of one operation on many items: what `bulk.run` returns, and describes.

    It has one consumer, who loops over it once. When it is left early, however, it cannot be gone on with; `summary` says what
    had been done.
    """

    def __init__(
        self,
        operation: Callable[[Item], Awaitable[Result]],
        items: Iterable[Item] | AsyncIterable[Item],
        *,
        concurrency: int = 8,
        ordered: bool = False,
    ) -> None:
        self._begun: set[asyncio.Task[Outcome[Item, Result] | None]] = set()  # first of all, for __del__
        self._queue: deque[asyncio.Task[Outcome[Item, Result] | None]] = deque()  # in the order of delivery
        super().__init__()
        if type(concurrency) is not int:
            raise TypeError(f"concurrency must be an int, not {type(concurrency).__name__}")
        if concurrency < 1:
            raise ValueError(f"concurrency must be 1 or more, not {concurrency}")
        if not callable(operation):
            raise TypeError(f"operation must be an async function, not {type(operation).__name__}")
        self._work = _Work(operation, items)
        self._concurrency = concurrency
        self._ordered = ordered

    @property
    def summary(self) -> BulkSummary:
        """What has come of the items so far; right at any moment."""
        return self._work.summary()

    async def _next(self) -> Outcome[Item, Result]:
        while True:
            while self._work.items is not None and len(self._begun) < self._concurrency:
                self._begin()
            if not self._begun:
                raise self._work.error or StopAsyncIteration
            if self._queue and self._queue[0].done():
                task = self._queue.popleft()
                self._begun.discard(task)
                outcome = task.result()
                if outcome is not None:
                    return outcome
            else:
                await asyncio.wait([self._queue[0]] if self._ordered else self._begun, return_when=asyncio.FIRST_COMPLETED)

    def _begin(self) -> None:
        task = asyncio.ensure_future(self._work.one())
        self._begun.add(task)
        if self._ordered:
            self._queue.append(task)
        else:
            task.add_done_callback(self._queue.append)

    def _cancel(self) -> None:
        self._work.items = None
        for task in self._begun:
            if not task.done() and not task.cancelling() and not task.get_loop().is_closed():
                task.cancel()

    async def _close(self) -> None:
        self._cancel()
        await asyncio.gather(*self._begun, return_exceptions=True)

    def __del__(self) -> None:
        if self._begun:
            self._cancel()


class _Work(Generic[Item, Result]):
    """What the tasks of a run share. It does not know the run, which so can be forgotten while they wait.

    Attributes:
        items: Where the next item comes from; None: there are no more.
        error: What they ended with, if not with their end.
    """

    def __init__(self, operation: Callable[[Item], Awaitable[Result]], items: Iterable[Item] | AsyncIterable[Item]) -> None:
        if isinstance(items, str | bytes):
            raise TypeError(f"items must be several, such as a list, not {type(items).__name__}")
        self.items: AsyncIterator[Item] | None = aiter(items) if isinstance(items, AsyncIterable) else _Each(items)
        self.error: Exception | None = None
        self._operation = operation
        self._count = len(items) if isinstance(items, Sized) else 0
        self._turn = asyncio.Lock()
        self._taken = self._succeeded = self._failed = self._unknown = 0

    def summary(self) -> BulkSummary:
        """The counts as they are now."""
        return BulkSummary(
            succeeded=self._succeeded,
            failed=self._failed,
            unknown=self._unknown,
            not_attempted=max(0, self._count - self._taken),
            under_way=self._taken - self._succeeded - self._failed - self._unknown,
        )

    async def one(self) -> Outcome[Item, Result] | None:
        """Take an item, and do with it what is to be done. None: there are no more items."""
        IN_BULK.set(True)  # for this task and what it starts
        async with self._turn:
            if self.items is None:
                return None
            try:
                item = await anext(self.items)
            except StopAsyncIteration:
                self.items = None
                return None
            except Exception as error:  # noqa: BLE001 - the caller's own, which is raised to the caller
                self.items, self.error = None, error
                return None
            self._taken += 1
        try:
            result = await self._operation(item)
        except OutcomeUnknownError as error:
            self._unknown += 1
            return Outcome(item, error=error)
        except Exception as error:  # noqa: BLE001 - one failure never stops the rest
            self._failed += 1
            return Outcome(item, error=error)
        except BaseException:
            self._unknown += 1
            raise
        self._succeeded += 1
        return Outcome(item, result)


class _Each(AsyncIterator[Item]):
    """The items of a plain iterable."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)

    async def __anext__(self) -> Item:
        for item in self._items:
            return item
        raise StopAsyncIteration


class _Loop(AsyncIterator[T]):
    """A loop over a stream. When it is left, however, this goes, and stops what is under way."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream[T]) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        return await anext(self._stream)

    def __del__(self) -> None:
        self._stream.stop()
