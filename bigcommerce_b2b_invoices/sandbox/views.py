"""Sorted and filtered views of the invoices. They stay sorted while invoices change.

Rules: Every order is total, because equal values are sorted by id. Null comes before every value. Descending order is ascending
order read backwards.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter

from .rows import Row

_NO_TIME = float("-inf")

# The fields of `sortBy`. Balances sort as numbers, customer ids and invoice numbers as text.
SORTS: dict[str, Callable[[Row], object]] = {
    "invoiceNumber": attrgetter("invoice_number"),
    "createdAt": attrgetter("created_at"),
    "customerId": attrgetter("customer_id"),
    "externalCustomerId": lambda row: (row.external_customer_id is not None, row.external_customer_id or ""),
    "dueDate": lambda row: _NO_TIME if row.due_date is None else row.due_date,
    "updatedAt": attrgetter("updated_at"),
    "isPendingPayment": lambda row: -1 if row.is_pending_payment is None else row.is_pending_payment,
    "openBalance": attrgetter("open_balance"),
    "originalBalance": attrgetter("original_balance"),
    "status": attrgetter("status"),
}

# The fields of `searchBy`.
SEARCHES: dict[str, Callable[[Row], object]] = {
    "invoiceNumber": attrgetter("invoice_number"),
    "type": attrgetter("type"),
    "orderNumber": attrgetter("order_number"),
    "purchaseOrderNumber": attrgetter("purchase_order_number"),
    "customerId": attrgetter("customer_id"),
    "externalCustomerId": attrgetter("external_customer_id"),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which invoices pass. A field that is None is not checked. Times are epoch seconds, and both ends are inclusive."""

    search_by: str | None = None
    q: str | None = None
    customer_name: str | None = None
    customer_id: str | None = None
    status: int | None = None
    external_ids: frozenset[str] | None = None
    channel_ids: frozenset[str] | None = None
    begin: int | None = None
    end: int | None = None

    def tests(self) -> list[Callable[[Row], bool]]:
        """One test for each field in use; an invoice passes all of them."""
        tests: list[Callable[[Row], bool]] = []
        if (customer_id := self.customer_id) is not None:
            tests.append(lambda row: row.customer_id == customer_id)
        if (status := self.status) is not None:
            tests.append(lambda row: row.status == status)
        if (begin := self.begin) is not None:
            tests.append(lambda row: row.created_at >= begin)
        if (end := self.end) is not None:
            tests.append(lambda row: row.created_at <= end)
        if (external_ids := self.external_ids) is not None:
            tests.append(lambda row: row.external_id in external_ids)
        if (channel_ids := self.channel_ids) is not None:
            tests.append(lambda row: row.channel_id in channel_ids)
        if (customer_name := self.customer_name) is not None:
            tests.append(_contains(customer_name, [attrgetter("customer_name")]))
        if (q := self.q) is not None:
            tests.append(_contains(q, [SEARCHES[self.search_by]] if self.search_by else list(SEARCHES.values())))
        return tests


def _contains(word: str, fields: list[Callable[[Row], object]]) -> Callable[[Row], bool]:
    """A test whether any of the fields contains the word, in upper or lower case."""
    sought = word.casefold()

    def contains(row: Row) -> bool:
        return any(sought in str(value).casefold() for read in fields if (value := read(row)) is not None)

    return contains


class View:
    """The rows that pass a filter, in the ascending order of one field."""

    def __init__(self, rows: Iterable[Row], rows_filter: Filter, sort_by: str) -> None:
        """Sort `rows`. They must come in the order of their ids, because rows with equal values keep that order."""
        self._tests = rows_filter.tests()
        self._key = SORTS[sort_by]
        for test in self._tests:
            rows = [row for row in rows if test(row)]
        self.rows: list[Row] = sorted(rows, key=self._key)  # type: ignore[arg-type]  # keys of one field compare, as int, str or (bool, str)

    def _place(self, row: Row) -> tuple[object, int]:
        return (self._key(row), row.id)

    def _find(self, row: Row) -> int:
        return bisect_left(self.rows, self._place(row), key=self._place)

    def add(self, row: Row) -> None:
        """Add a row if it passes the filter."""
        if all(test(row) for test in self._tests):
            self.rows.insert(self._find(row), row)

    def discard(self, row: Row) -> None:
        """Remove a row, which must be as it was when it was added."""
        if all(test(row) for test in self._tests):
            del self.rows[self._find(row)]

    def between(self, begin: int | None, end: int | None) -> tuple[int, int]:
        """The range of indexes that hold the invoices of a time, in a view by createdAt. The second index is exclusive."""
        created_at = attrgetter("created_at")
        low = 0 if begin is None else bisect_left(self.rows, begin, key=created_at)
        high = len(self.rows) if end is None else bisect_right(self.rows, end, key=created_at)
        return low, max(low, high)
