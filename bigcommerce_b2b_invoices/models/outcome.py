"""The outcome of each of many calls, and the summary of all of them."""

from typing import Generic, TypeVar

import attrs

Item = TypeVar("Item")
Result = TypeVar("Result")


@attrs.frozen
class Outcome(Generic[Item, Result]):
    """The outcome of the operation on one item.

    Attributes:
        item: The item.
        result: The value that the operation returned; None if it failed.
        error: The exception that the operation raised; None if it succeeded.
    """

    item: Item
    result: Result | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether the operation succeeded."""
        return self.error is None


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
