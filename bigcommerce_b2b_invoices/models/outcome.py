"""What came of each of many calls, and of all of them together."""

from typing import Generic, TypeVar

import attrs

Item = TypeVar("Item")
Result = TypeVar("Result")


@attrs.frozen
class Outcome(Generic[Item, Result]):
    """What came of one item.

    Attributes:
        item: What the operation was given.
        result: What it returned; None where it failed.
        error: What it raised; None where it succeeded.
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
    """What came of a bulk run so far: each item that is known of counts once.

    Attributes:
        succeeded: Operations that returned, whether or not their outcomes were looked at.
        failed: Those that raised anything but OutcomeUnknownError.
        unknown: Those that raised OutcomeUnknownError, or were broken off when the run was: a write may or may not have happened.
        not_attempted: Items that no operation was begun for. Of items without a `len`, only those taken are known of.
        under_way: Operations that are begun and have not ended yet.
    """

    succeeded: int
    failed: int
    unknown: int
    not_attempted: int
    under_way: int
