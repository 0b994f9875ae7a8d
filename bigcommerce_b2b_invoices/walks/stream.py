"""Many calls as one stream of outcomes: a few at a time, and never more than the consumer keeps up with.

There are `concurrency` places. An item keeps a place from the moment it is taken until the consumer has received its outcome and
asks for the next one. So if the consumer stops, everything stops, and nothing is buffered beyond the places.
"""

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sized
from typing import Any, Generic, TypeVar

from bigcommerce_b2b_invoices.errors import OutcomeUnknownError
from bigcommerce_b2b_invoices.models.checks import whole_number
from bigcommerce_b2b_invoices.models.outcome import BulkSummary, Failure, Outcome, Success
from bigcommerce_b2b_invoices.walks.consumer import Consumer, Loop
from bigcommerce_b2b_invoices.wire.call import IN_BULK

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Stream(AsyncIterator[T]):
    """An async iterator for one consumer, who loops over it once. When the loop ends, for any reason, it cancels pending work.

    While one consumer is active, a second one gets a RuntimeError, and the first loses nothing: see `Consumer`.
    """

    def __init__(self) -> None:
        self._consumer = Consumer(type(self).__name__)
        self._busy = False
        self._over = False
        self._broken_off = False

    def __aiter__(self) -> AsyncIterator[T]:
        return Loop(self._consumer, self.take, self.stop)

    def __anext__(self) -> Coroutine[Any, Any, T]:
        self._consumer.take_directly()
        return self.take()

    async def take(self) -> T:
        """The next element, for internal use: the caller must itself ensure that it is the only consumer. All others loop."""
        if self._busy:
            raise self._consumer.refusal()
        if self._broken_off:
            raise RuntimeError(f"this {type(self).__name__} was stopped early and cannot go on: make a new one")
        if self._over:
            raise StopAsyncIteration
        self._busy = True
        try:
            return await self._next()
        except StopAsyncIteration:
            self._over = True
            self._consumer.free()
            raise
        except BaseException:
            await self.aclose()
            raise
        finally:
            self._busy = False

    def stop(self) -> None:
        """Stop early, and cancel pending work. After the end, this does nothing."""
        self._broken_off = not self._over
        self._consumer.free()
        self._cancel()

    async def aclose(self) -> None:
        """Like `stop`, but also waits until everything has ended."""
        self._broken_off = not self._over
        self._consumer.free()
        await self._close()

    @abstractmethod
    async def _next(self) -> T:
        """Return the next element, or raise StopAsyncIteration."""

    @abstractmethod
    def _cancel(self) -> None:
        """Cancel pending work."""

    @abstractmethod
    async def _close(self) -> None:
        """Cancel pending work, and wait until it has ended."""


class BulkRun(Stream[Outcome[Item, Result]]):
    """The outcomes of one operation on many items: the result of `bulk.run`, which describes it.

    It has one consumer, who loops over it once. While one consumer is active, another task gets a RuntimeError, and the first
    loses nothing. If the loop ends early, for any reason, the run cannot be continued; `summary` says what was done.
    """

    def __init__(
        self,
        operation: Callable[[Item], Awaitable[Result]],
        items: Iterable[Item] | AsyncIterable[Item],
        *,
        concurrency: int = 8,
        ordered: bool = False,
    ) -> None:
        self._begun: set[asyncio.Task[Outcome[Item, Result] | None]] = set()  # set first, because __del__ needs it
        self._queue: deque[asyncio.Task[Outcome[Item, Result] | None]] = deque()  # in the order of delivery
        super().__init__()
        concurrency = whole_number(concurrency, "concurrency")
        if concurrency < 1:
            raise ValueError(f"concurrency must be 1 or more, not {concurrency}")
        if not callable(operation):
            raise TypeError(f"operation must be an async function, not {type(operation).__name__}")
        self._work = _Work(operation, items)
        self._concurrency = concurrency
        self._ordered = ordered

    @property
    def summary(self) -> BulkSummary:
        """The counts of succeeded, failed and other items so far; correct at any moment."""
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
    """The state that the tasks of a run share. It does not refer to the run, so Python can free the run while they wait.

    Attributes:
        items: Where the next item comes from; None: there are no more.
        error: The exception that ended the items early; None: there was none.
    """

    def __init__(self, operation: Callable[[Item], Awaitable[Result]], items: Iterable[Item] | AsyncIterable[Item]) -> None:
        if isinstance(items, str | bytes):
            raise TypeError(f"items must be several items, such as a list, not a single {type(items).__name__}")
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
        """Take an item, and run the operation on it. None: there are no more items."""
        IN_BULK.set(True)  # for this task and the tasks that it starts
        async with self._turn:
            if self.items is None:
                return None
            try:
                item = await anext(self.items)
            except StopAsyncIteration:
                self.items = None
                return None
            except Exception as error:  # noqa: BLE001 - the items' own error, which is raised to the caller
                self.items, self.error = None, error
                return None
            self._taken += 1
        try:
            result = await self._operation(item)
        except OutcomeUnknownError as error:
            self._unknown += 1
            return Failure(item, error)
        except Exception as error:  # noqa: BLE001 - one failure never stops the rest
            self._failed += 1
            return Failure(item, error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                self._unknown += 1
                raise
        except BaseException:
            self._unknown += 1
            raise
        else:
            self._succeeded += 1
            return Success(item, result)
        self._failed += 1
        return Failure(item, RuntimeError("the operation raised CancelledError, although nobody cancelled it"))


class _Each(AsyncIterator[Item]):
    """The items of a plain iterable."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)

    async def __anext__(self) -> Item:
        for item in self._items:
            return item
        raise StopAsyncIteration
