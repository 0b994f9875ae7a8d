"""The API's two lists, as walks and pages take them."""

import json
import time
from collections.abc import Callable, Sequence
from functools import partial

import attrs

from bigcommerce_b2b_invoices.errors import DecodeError, FilterIgnoredError
from bigcommerce_b2b_invoices.models.extra_field import ExtraFieldConfig
from bigcommerce_b2b_invoices.models.invoice import Invoice
from bigcommerce_b2b_invoices.models.query import Direction, InvoiceQuery, SortField
from bigcommerce_b2b_invoices.walks.anchored import Mark, Order, text_key
from bigcommerce_b2b_invoices.walks.bookmark import fingerprint
from bigcommerce_b2b_invoices.walks.page import Page
from bigcommerce_b2b_invoices.walks.source import Answer
from bigcommerce_b2b_invoices.wire import converter, endpoints
from bigcommerce_b2b_invoices.wire.call import Call, Send
from bigcommerce_b2b_invoices.wire.structs import whole


@attrs.frozen(eq=False, repr=False)
class InvoiceList:
    """GET /invoices with one query. No row of an answer is used when the server ignored a filter."""

    send: Send
    query: InvoiceQuery
    bulk: bool = True  # whether walks over it let single calls go first
    path: str = "/invoices"

    @property
    def order(self) -> Order:
        """The order of a walk: the query's, or by creation, upwards."""
        return Order(self.query.sort_by or SortField.CREATED_AT, self.query.order_by is Direction.DESCENDING)

    def fingerprint(self, scope: str) -> str:
        """What a bookmark knows the query by."""
        return fingerprint(scope, converter.query_parameters(attrs.evolve(self.query, include_extra_fields=False)))

    def slice(self, offset: int, limit: int, *, details_later: bool = False) -> Call[endpoints.Slice]:
        """The call of one list answer, its rows checked against the query."""
        call = endpoints.list_invoices(self.query, offset=offset, limit=limit, details_later=details_later)
        return call.then(self._check) if self.query.can_exclude else call

    def page(self, offset: int, limit: int) -> Call[Page[Invoice]]:
        """The call of one page."""

        def read(found: endpoints.Slice) -> Page[Invoice]:
            invoices = converter.read_all(Invoice, found.rows)
            return Page(invoices, offset, limit if found.limit is None else found.limit, found.total_count)

        return self.slice(offset, limit).then(read)

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Answer:
        """One list answer for a walk."""
        direction = Direction.DESCENDING if order.descending else Direction.ASCENDING
        ordered = attrs.evolve(self, query=attrs.evolve(self.query, sort_by=order.sort_by, order_by=direction))
        call = ordered.slice(offset, limit, details_later=True).then(partial(_answer, Invoice, order))
        return await self.send(attrs.evolve(call, received=received), bulk=self.bulk)

    def key(self, row: object, order: Order) -> int | None:
        """What a row is sorted by in an order."""
        return _marks(Invoice, (row,), order)[0].key

    def read(self, row: object, index: int) -> Invoice:
        """A row as an invoice, which reads its details when they are first looked at."""
        return converter.read_invoice_row(row, index, self.path)

    def version(self, row: object) -> int:
        """A checksum of all that a row says."""
        try:
            return text_key(json.dumps(whole(row), sort_keys=True, default=str))
        except RecursionError:
            pass
        raise DecodeError("nested too deeply", model="Invoice", path="data")

    def _check(self, found: endpoints.Slice) -> endpoints.Slice:
        for row in converter.read_row_fields(found.rows):
            if broken := self.query.excludes(row):
                raise FilterIgnoredError(f"invoice {row.id} does not match {broken}: the server ignored the filter")
        return found


@attrs.frozen(eq=False, repr=False)
class ConfigList:
    """GET /invoices/extra-fields."""

    send: Send
    path: str = "/invoices/extra-fields"

    def page(self, offset: int, limit: int) -> Call[Page[ExtraFieldConfig]]:
        """The call of one page."""

        def read(found: endpoints.Slice) -> Page[ExtraFieldConfig]:
            configs = converter.read_all(ExtraFieldConfig, found.rows)
            return Page(configs, offset, limit if found.limit is None else found.limit, found.total_count)

        return endpoints.list_extra_field_configs(offset=offset, limit=limit).then(read)

    async def fetch(self, order: Order, offset: int, limit: int, received: Callable[[], None]) -> Answer:
        """One list answer for a walk, in the server's own order."""
        call = endpoints.list_extra_field_configs(offset=offset, limit=limit).then(partial(_answer, ExtraFieldConfig, order))
        return await self.send(attrs.evolve(call, received=received), bulk=True)

    def key(self, row: object, order: Order) -> int | None:
        """What a row is sorted by: the API does not say."""
        return _marks(ExtraFieldConfig, (row,), order)[0].key

    def read(self, row: object, index: int) -> ExtraFieldConfig:
        """A row as a config."""
        return converter.read_row(ExtraFieldConfig, row, index, self.path)


def _answer(cls: type, order: Order, found: endpoints.Slice) -> Answer:
    now = time.time() if found.server_time is None else found.server_time
    return Answer(found.rows, _marks(cls, found.rows, order), found.limit, found.total_count, int(now * 1_000_000))


def _marks(cls: type, rows: Sequence[object], order: Order) -> tuple[Mark, ...]:
    marks = converter.read_marks(cls, rows, order.sort_by)
    return tuple(Mark(row_id, text_key(key) if isinstance(key, str) else key) for row_id, key in marks)
