"""Every list of the API as a value, and a query of a list as a source of walks and pages."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Generic, Protocol, TypeVar

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError, FilterIgnoredError
from bigcommerce_b2b_invoices.models.extra_field import ExtraFieldConfig
from bigcommerce_b2b_invoices.models.invoice import Invoice
from bigcommerce_b2b_invoices.models.page import Page
from bigcommerce_b2b_invoices.models.payment import Payment
from bigcommerce_b2b_invoices.models.payment_query import PaymentFields, PaymentQuery, PaymentSortField
from bigcommerce_b2b_invoices.models.query import Direction, InvoiceQuery, RowFields, SortField
from bigcommerce_b2b_invoices.models.receipt import Receipt, ReceiptLine
from bigcommerce_b2b_invoices.models.receipt_query import (
    ReceiptLineFields,
    ReceiptLineQuery,
    ReceiptLineSortField,
    ReceiptQuery,
    ReceiptSortField,
)
from bigcommerce_b2b_invoices.walks.bookmark import fingerprint
from bigcommerce_b2b_invoices.walks.cursor import Version, version_by
from bigcommerce_b2b_invoices.walks.order import Order
from bigcommerce_b2b_invoices.wire import converter, endpoints, payment_endpoints, receipt_endpoints
from bigcommerce_b2b_invoices.wire.call import Call, Send
from bigcommerce_b2b_invoices.wire.json_text import TWICE
from bigcommerce_b2b_invoices.wire.messages import Slice
from bigcommerce_b2b_invoices.wire.reader import NOTE
from bigcommerce_b2b_invoices.wire.values import OddObject, Unreadable

T = TypeVar("T")
Query = TypeVar("Query")
Query_contra = TypeVar("Query_contra", contravariant=True)


class ListEndpoint(Protocol[Query_contra]):
    """An endpoint that answers with a page of a list."""

    def __call__(self, query: Query_contra, /, *, offset: int, limit: int) -> Call[Slice]:
        """The call that requests one page."""
        ...


@attrs.frozen(kw_only=True)
class Listing(Generic[Query, T]):
    """A list of the API.

    Attributes:
        path: The path of the endpoint, for error messages.
        endpoint: Makes the call that requests one page of a query. A query that can be sorted has `sort_by` and `order_by`.
        model: The class of a row.
        sort_by: The field that a walk sorts by, unless the query says otherwise; None: the API cannot sort this list.
        times: The fields that hold a time and can be sorted by, in the API's names.
        unique: A field to sort by whose value no two rows share. A walk falls back to it if an order by time proves nothing.
        latest: The field in `times` that every change of a row sets.
        extras: The field that rows have only if the query asks for it.
        check: Raises a FilterIgnoredError if one of the rows does not match the query; None: no row is checked.
    """

    path: str
    endpoint: ListEndpoint[Query]
    model: type[T]
    sort_by: str | None = None
    times: tuple[str, ...] = ()
    unique: str | None = None
    latest: str | None = None
    extras: str = ""
    check: Callable[[Query, Sequence[object]], None] | None = None

    def order(self, sort_by: str | None, *, descending: bool = False) -> Order:
        """The order by a field, with what the list knows about that field."""
        return Order(sort_by, descending, by_time=sort_by in self.times, unique=sort_by is not None and sort_by == self.unique)


@attrs.frozen(eq=False, repr=False)
class Listed(Generic[Query, T]):
    """A query of a list. If the server ignored a filter, no row of its answer is used.

    Attributes:
        scope: Tells the bookmarks of one store from those of another.
        bulk: Whether walks over the list let single calls go first.
        details: Whether the `details` of the rows are read and kept.
    """

    send: Send
    listing: Listing[Query, T]
    query: Query
    scope: str = ""
    bulk: bool = True
    details: bool = True
    _hook: "converter.Hook[T]" = attrs.field(
        init=False, default=attrs.Factory(lambda self: converter.hook_of(self.listing.model), takes_self=True)
    )

    @property
    def path(self) -> str:
        """The path of the endpoint, for error messages."""
        return self.listing.path

    @property
    def order(self) -> Order:
        """The order of a walk: the query's, or the list's."""
        sort_by, order_by = getattr(self.query, "sort_by", None), getattr(self.query, "order_by", None)
        return self.listing.order(sort_by or self.listing.sort_by, descending=order_by == Direction.DESCENDING)

    @property
    def unique(self) -> Order | None:
        """The order by the field whose value no two rows share; None: there is no such field."""
        return None if self.listing.unique is None else self.listing.order(self.listing.unique)

    @property
    def latest(self) -> Order | None:
        """The order that begins with the latest changes; None: the list has no such order."""
        return None if self.listing.latest is None else self.listing.order(self.listing.latest, descending=True)

    @property
    def fingerprint(self) -> str:
        """Identifies the query in a bookmark. It does not depend on whether the rows include extra fields."""
        query = self.query
        if isinstance(query, InvoiceQuery):
            query = attrs.evolve(query, include_extra_fields=False)
        call = self.listing.endpoint(query, offset=0, limit=1)
        return fingerprint(self.scope, [("", call.request.path), *call.request.query])

    @property
    def version_of(self) -> Callable[[object], Version]:
        """What makes the version of a row, for a change feed."""
        return version_by(self.listing.extras, included=getattr(self.query, "include_extra_fields", False))

    def slice(self, offset: int, limit: int, order: Order | None = None) -> Call[Slice]:
        """The call that requests some rows of the list and checks them against the query."""
        query = self.query
        if order is not None and order.sort_by is not None:
            direction = Direction.DESCENDING if order.descending else Direction.ASCENDING
            query = attrs.evolve(query, sort_by=order.sort_by, order_by=direction)  # type: ignore[misc] # a query has both
        call = self.listing.endpoint(query, offset=offset, limit=limit)
        return call if self.listing.check is None else call.then(self._check)

    def page(self, offset: int, limit: int) -> Call[Page[T]]:
        """The call that requests one page."""

        def read(found: Slice) -> Page[T]:
            items = converter.read_all(self.listing.model, found.rows)
            return Page(items, offset, limit if found.limit is None else found.limit, found.total_count)

        return self.slice(offset, limit).then(read)

    async def count(self) -> int:
        """How many rows match, as the server counts them. One request, which also reads one row to check it."""
        found = await self.send(self.slice(0, 1))
        if found.total_count is None:
            raise DecodeError("the answer has no total count", model="page", path="meta.pagination.totalCount")
        return found.total_count

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Slice:
        """Request one list answer for a walk."""
        return await self.send(attrs.evolve(self.slice(offset, limit, order), received=received), bulk=self.bulk)

    def read(self, answer: Slice, index: int) -> T:
        """Read a row of an answer as a model."""
        row = answer.rows[index]
        if not self.details and type(row) is dict:
            row = {key: value for key, value in row.items() if key != "details"}  # an error shows the row as it came
        listening = NOTE.set(answer.note)
        try:
            return self._hook(row, self.listing.model)
        except Unreadable as problem:
            error = converter.explained(problem, self.listing.model, answer.rows[index], f"data[{index}]")
        finally:
            NOTE.reset(listening)
        raise error.of_request("GET", self.path, 1)

    def _check(self, found: Slice) -> Slice:
        if self.listing.check is not None:
            self.listing.check(self.query, found.rows)
        return found


def _check_invoices(query: InvoiceQuery, rows: Sequence[object]) -> None:
    if not query.can_exclude:
        return
    read = converter.hook_of(RowFields)
    listening = NOTE.set(None)  # what these fields cannot hold is noted when the row is read as an invoice
    try:
        for row in rows:
            is_certain = isinstance(row, dict) and not (isinstance(row, OddObject) and row.problem == TWICE)
            if query.customer_id is not None and not is_certain:
                raise FilterIgnoredError("a row does not show for certain that it matches customer_id")
            if isinstance(row, dict) and (broken := query.excludes(fields := read(_plain(row), RowFields))):
                raise FilterIgnoredError(f"invoice {fields.id} does not match {broken}: the server ignored the filter")
    finally:
        NOTE.reset(listening)


def _fields_of(cls: type[T], rows: Sequence[object]) -> list[T]:
    """The fields of each row that are checked. A row in which they cannot be read fails when it is read as a whole."""
    read, found = converter.hook_of(cls), []
    listening = NOTE.set(None)  # what these fields cannot hold is noted when the row is read as a whole
    try:
        for row in rows:
            if isinstance(row, dict):
                with suppress(Unreadable):
                    found.append(read(_plain(row), cls))
    finally:
        NOTE.reset(listening)
    return found


def _check_payments(query: PaymentQuery, rows: Sequence[object]) -> None:
    for fields in _fields_of(PaymentFields, rows) if query.can_exclude else ():
        if broken := query.excludes(fields):
            raise FilterIgnoredError(f"payment {fields.id} does not match {broken}: the server ignored the filter")


def _check_receipt_lines(receipt_id: int | None, query: ReceiptLineQuery, rows: Sequence[object]) -> None:
    for fields in _fields_of(ReceiptLineFields, rows):
        if receipt_id is not None and fields.receipt_id != receipt_id:
            raise FilterIgnoredError(f"line {fields.id} does not belong to receipt {receipt_id}")
        if query.payment_statuses and fields.payment_status not in (*query.payment_statuses, None):
            raise FilterIgnoredError(f"line {fields.id} does not match payment_statuses: the server ignored the filter")


def _plain(row: dict[str, object]) -> dict[str, object]:
    return row if type(row) is dict else dict(row)  # also a row that will be refused must match the query


INVOICES: Listing[InvoiceQuery, Invoice] = Listing(
    path="/invoices",
    endpoint=endpoints.list_invoices,
    model=Invoice,
    sort_by=SortField.CREATED_AT,
    times=(SortField.CREATED_AT, SortField.UPDATED_AT),
    unique=SortField.INVOICE_NUMBER,
    latest=SortField.UPDATED_AT,
    extras="extraFields",
    check=_check_invoices,
)
EXTRA_FIELD_CONFIGS: Listing[None, ExtraFieldConfig] = Listing(
    path="/invoices/extra-fields", endpoint=endpoints.list_extra_field_configs, model=ExtraFieldConfig
)
PAYMENTS: Listing[PaymentQuery, Payment] = Listing(
    path="/payments",
    endpoint=payment_endpoints.list_payments,
    model=Payment,
    sort_by=PaymentSortField.CREATED_AT,
    times=(PaymentSortField.CREATED_AT, PaymentSortField.UPDATED_AT),
    latest=PaymentSortField.UPDATED_AT,
    check=_check_payments,
)
RECEIPTS: Listing[ReceiptQuery, Receipt] = Listing(
    path="/receipts",
    endpoint=receipt_endpoints.list_receipts,
    model=Receipt,
    sort_by=ReceiptSortField.CREATED_AT,
    times=(ReceiptSortField.CREATED_AT, ReceiptSortField.UPDATED_AT),
    latest=ReceiptSortField.UPDATED_AT,
)
RECEIPT_LINES: Listing[ReceiptLineQuery, ReceiptLine] = Listing(
    path="/receipt-lines",
    endpoint=receipt_endpoints.list_receipt_lines,
    model=ReceiptLine,
    sort_by=ReceiptLineSortField.CREATED_AT,
    times=(ReceiptLineSortField.CREATED_AT, ReceiptLineSortField.UPDATED_AT),
    latest=ReceiptLineSortField.UPDATED_AT,
    check=partial(_check_receipt_lines, None),
)


def lines_of_receipt(receipt_id: int) -> Listing[ReceiptLineQuery, ReceiptLine]:
    """The lines of one receipt: the list of all lines at another path."""
    endpoint = partial(receipt_endpoints.list_lines_of_receipt, receipt_id)
    path = endpoint(ReceiptLineQuery(), offset=0, limit=1).request.path
    return attrs.evolve(RECEIPT_LINES, path=path, endpoint=endpoint, check=partial(_check_receipt_lines, receipt_id))
