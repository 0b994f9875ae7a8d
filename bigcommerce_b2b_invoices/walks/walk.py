"""The async iterator over a whole list."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Generic, Protocol, Self, TypeVar

from bigcommerce_b2b_invoices.walks.offset import OffsetWalk, WalkReport
from bigcommerce_b2b_invoices.walks.page import Page


class HasId(Protocol):
    """What a walk needs to know of a row."""

    @property
    def id(self) -> int:
        """Tells the row from every other."""
        ...


T = TypeVar("T", bound=HasId)


class Walk(Generic[T]):
    """Every row of a list, one after another: `async for row in walk`. The next page is asked for when it is needed.

    A walk is used once, by one consumer. Leaving the loop early leaves no task and no connection behind. An error ends it.
    """

    def __init__(self, fetch: Callable[[int, int], Awaitable[Page[T]]], *, page_size: int) -> None:
        self._fetch = fetch
        self._state = OffsetWalk(page_size)
        self._total_count: int | None = None
        self._pages = self._walk_pages()
        self._rows = self._walk_rows()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        return await anext(self._rows)

    def pages(self) -> AsyncIterator[Page[T]]:
        """The same rows page by page, each page without rows that were handed out before. Use either this or the rows."""
        return self._pages

    @property
    def total_count(self) -> int | None:
        """How many rows match, as the server said last; None before the first page, or where it does not say."""
        return self._total_count

    @property
    def report(self) -> WalkReport:
        """What the walk has done so far."""
        return self._state.report()

    async def aclose(self) -> None:
        """End the walk. Only needed where it must end at this very moment."""
        await self._rows.aclose()
        await self._pages.aclose()

    async def _walk_pages(self) -> AsyncGenerator[Page[T]]:
        state = self._state
        while not state.done:
            page = await self._fetch(state.offset, state.page_size)
            self._total_count = page.total_count
            fresh = state.receive([row.id for row in page.items], limit=page.limit, total_count=page.total_count)
            if fresh:
                items = tuple(page.items[index] for index in fresh)
                yield Page(items, page.offset, page.limit, page.total_count)

    async def _walk_rows(self) -> AsyncGenerator[T]:
        async for page in self._pages:
            for row in page.items:
                yield row
