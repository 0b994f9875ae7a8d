"""The outcome of each of many calls, and the summary of all of them."""

from typing import Generic, Literal, TypeAlias, TypeVar

import attrs

Item = TypeVar("Item")
Result = TypeVar("Result")


@attrs.frozen
class Success(Generic[Item, Result]):
    """The outcome of an operation that returned.

    Attributes:
        item: The item that the operation was called with.
        result: The value that it returned.
        error: None.
        ok: True.
    """

    item: Item
    result: Result
    error: None = attrs.field(default=None, init=False, repr=False)
    ok: Literal[True] = attrs.field(default=True, init=False, repr=False)


@attrs.frozen
class Failure(Generic[Item]):
    """The outcome of an operation that raised an exception.

    Attributes:
        item: The item that the operation was called with.
        result: None.
        error: The exception that it raised.
        ok: False.
    """

    item: Item
    error: Exception
    result: None = attrs.field(default=None, init=False, repr=False)
    ok: Literal[False] = attrs.field(default=False, init=False, repr=False)


# The outcome of an operation on one item. To tell the two apart: `if outcome.ok` (pyright needs `outcome.ok is True`),
# `isinstance(outcome, Success)`, or `match outcome: case Success(item, result)`.
Outcome: TypeAlias = Success[Item, Result] | Failure[Item]


@attrs.frozen(kw_only=True)
class BulkSummary:
    """The counts of a bulk run so far. Each known item counts once.

    Attributes:
        succeeded: Operations that returned, whether or not the consumer has taken their outcomes.
        failed: Operations that raised an error other than OutcomeUnknownError.
        unknown: Operations that raised OutcomeUnknownError, or that were cancelled when the run ended early. If such an operation
            is a write, it may or may not have happened.
        not_attempted: Items whose operation has not started. If the items have no `len`, only the items already taken are known,
            and this is 0.
        under_way: Operations that have started and have not ended yet.
    """

    succeeded: int
    failed: int
    unknown: int
    not_attempted: int
    under_way: int
