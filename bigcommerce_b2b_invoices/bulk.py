"""One operation on many items: `async for outcome in bulk.run(client.invoices.get, ids)`."""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import TypeVar

from bigcommerce_b2b_invoices import BulkRun

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(
    operation: Callable[[Item], Awaitable[Result]],
    items: Iterable[Item] | AsyncIterable[Item],
    *,
    concurrency: int = 8,
    ordered: bool = False,
) -> BulkRun[Item, Result]:
    """Run the operation on each item. Returns an async iterator of `Outcome`, with a `summary`.

    No operation starts before the consumer asks for the first outcome. There are `concurrency` places. An item takes a place when
    it is taken from `items`, and frees it when the consumer has its outcome and asks for another one. So if the consumer stops,
    the run stops as well. If the operation raises an exception, that exception is the outcome of the item, and the other items
    continue. Like the requests of a walk, the operation's requests let single calls go first, and they never use the limiter's
    `reserve`. The run costs the operation's own requests.

    If the loop ends early (by `break`, an error or cancellation), the operations that have not ended are cancelled. A write that
    is cancelled may or may not have happened. To stop cleanly, stop supplying items and take the outcomes that are left.

    Args:
        operation: An async function of one item, such as `client.invoices.delete`.
        items: An iterable or an async iterable, such as a walk. The run takes one item at a time, when a place is free. If
            `items` raises an exception, the run takes no more items, hands out the outcomes of the items already taken, and then
            raises that exception.
        concurrency: The most operations at a time, including those that have ended but whose outcome has not been taken.
        ordered: Hand out the outcomes in the order of the items, not as they complete. A slow item then holds up the others.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: The concurrency is below 1.
    """
    return BulkRun(operation, items, concurrency=concurrency, ordered=ordered)
