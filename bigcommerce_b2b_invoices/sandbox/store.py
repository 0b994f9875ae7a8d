"""The invoices of the sandbox: read by page, written one at a time."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import cast

from .answers import Body, dump, loads
from .rows import Row, row_of
from .views import Filter, View

VIEWS = 16  # sorted views kept; one of 100,000 invoices holds 0.8 MB and takes about 0.1 s to make


@dataclass(frozen=True, slots=True)
class Query:
    """Which page of which invoices."""

    filter: Filter = field(default_factory=Filter)
    sort_by: str = "createdAt"
    descending: bool = True
    offset: int = 0
    limit: int = 10
    with_extra_fields: bool = False


class Store:
    """Invoices by id, and views of them.

    `make_text` returns a made-up invoice that nobody has changed yet as JSON, and its extra fields as JSON of their own.
    """

    def __init__(self, rows: Iterable[Row], make_text: Callable[[Row], tuple[str, str]]) -> None:
        self.rows: dict[int, Row] = {row.id: row for row in rows}  # in the order of their ids, which views rely on
        self.numbers: dict[str, int] = {row.invoice_number: row.id for row in self.rows.values()}
        self.next_id: int = max(self.rows, default=0) + 1  # an id is never used twice
        self._make_text = make_text
        self._views: OrderedDict[tuple[Filter, str], View] = OrderedDict()

    def select(self, query: Query) -> tuple[Sequence[Row], int]:
        """The rows of a page, and how many rows pass the filter."""
        wanted = query.filter
        if query.sort_by == "createdAt":  # times select a slice of this view, so a walk by time makes no view for each page
            view = self._view(replace(wanted, begin=None, end=None), query.sort_by)
            low, high = view.between(wanted.begin, wanted.end)
        else:
            view = self._view(wanted, query.sort_by)
            low, high = 0, len(view.rows)
        if query.descending:
            stop = max(low, high - query.offset)
            rows = view.rows[max(low, stop - query.limit) : stop][::-1]
        else:
            start = min(high, low + query.offset)
            rows = view.rows[start : min(high, start + query.limit)]
        return rows, high - low

    def _view(self, wanted: Filter, sort_by: str) -> View:
        key = (wanted, sort_by)
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = View(self.rows.values(), wanted, sort_by)
            if len(self._views) > VIEWS:
                self._views.popitem(last=False)
        self._views.move_to_end(key)
        return view

    def text(self, row: Row, *, with_extra_fields: bool) -> bytes:
        """An invoice as JSON. It is made once and kept until somebody writes the invoice."""
        if not row.text:
            text, extra_fields = self._make_text(row)
            row.text, row.extra_fields = text.encode(), extra_fields.encode()
        if not with_extra_fields:
            return row.text
        return b'%b,"extraFields":%b}' % (row.text[:-1], row.extra_fields)

    def body(self, row: Row) -> Body:
        """Everything that the API knows about an invoice. Its numbers keep every digit."""
        return cast("Body", loads(self.text(row, with_extra_fields=True)))

    def new_number(self) -> str:
        """The number of the next invoice that B2B Edition makes: its id with eight digits, or the next free number."""
        return next(number for n in count(self.next_id) if (number := f"{n:08d}") not in self.numbers)

    def put_body(self, body: Body, *, key: int | None = None) -> None:
        """Store an invoice as it is written. `key` is its id if its body has none that can be read."""
        row = row_of(body)
        row.id = row.id if key is None else key
        rest = {name: value for name, value in body.items() if name != "extraFields"}
        row.text, row.extra_fields = dump(rest), dump(body["extraFields"])
        self.put(row)

    def put(self, row: Row) -> None:
        """Store an invoice. It replaces the one with the same id, if there is one."""
        old = self.rows.get(row.id)
        if old is not None:
            self._free_number(old)
        self.rows[row.id] = row
        if old is None and row.id < self.next_id:  # a test chose a low id
            self.rows = dict(sorted(self.rows.items()))
        self.numbers[row.invoice_number] = row.id
        self.next_id = max(self.next_id, row.id + 1)
        for view in self._views.values():
            if old is not None:
                view.discard(old)
            view.add(row)

    def delete(self, invoice_id: int) -> None:
        """Remove an invoice."""
        row = self.rows.pop(invoice_id)
        self._free_number(row)
        for view in self._views.values():
            view.discard(row)

    def _free_number(self, row: Row) -> None:
        if self.numbers.get(row.invoice_number) == row.id:  # a test may have given the same number to two invoices
            del self.numbers[row.invoice_number]
