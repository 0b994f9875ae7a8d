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
    """The outcome of the operation on each item: an async iterator of `Outcome`, with a `summary`.

    Nothing is begun before the first outcome is asked for. An item keeps one of `concurrency` places from when it is taken until
    the consumer is done with its outcome and asks for another: a consumer that stops stops the rest. An exception of the
    operation is the item's outcome, and the others go on. The operation's requests let single calls go first, as those of a walk
    do, and leave the limiter's `reserve` alone. Costs the operation's own requests.

    Leaving the loop, an error in it and cancellation cancel what is under way, which for a write may mean that nobody knows
    whether it happened: to stop with certainty end the items instead, and take the outcomes that are left.

    Args:
        operation: An async function of one item, such as `client.invoices.delete`.
        items: Taken one at a time, when there is a place; may be an async iterable, such as a walk. What it raises ends the
            items, and is raised here once all outcomes of those taken have been handed out.
        concurrency: Operations under way at a time, together with outcomes not yet taken, at most.
        ordered: Hand out the outcomes in the order of the items, not as they complete: a slow one then holds up the others.

    Raises:
        TypeError: An argument cannot be used.
        ValueError: The concurrency is below 1.
    """
    return BulkRun(operation, items, concurrency=concurrency, ordered=ordered)
