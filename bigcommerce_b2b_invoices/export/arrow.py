"""Invoices as Arrow record batches, which every columnar format stands on. Needs pyarrow: extra `parquet`.

The columns are those of `COLUMNS` without `line_item_count`, then `line_items`, `cost_lines` and `shipments`, then `raw`, the
text of `to_json`. Amounts are exact, times are in UTC, `status` and `source` are numbers. A list of parts is null if the invoice
has no `details`, as after `iterate(details=False)`. `custom_fields` and `additional_properties` are JSON as text.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import attrs
import pyarrow as pa

from bigcommerce_b2b_invoices import ConfigurationError, CostLine, ExtraField, Invoice, LineItem, Shipment, to_json
from bigcommerce_b2b_invoices.export.csv import check_columns
from bigcommerce_b2b_invoices.export.errors import Unfit, UnfitError
from bigcommerce_b2b_invoices.export.fields import AMOUNT, Field, ListField, as_amount, column, integer, json, money, text, time
from bigcommerce_b2b_invoices.files import in_thread

ROWS = 1000  # rows of a batch: 250 ms of work for a thread, and about 5 MB
PARTS = 20_000  # line items and other parts of a batch, at which it ends early: about 20 MB


class HasId(Protocol):
    """A row with an id."""

    @property
    def id(self) -> int:
        """Its id."""
        ...


Row = TypeVar("Row", bound=HasId)
Columns: TypeAlias = Sequence[Field[Row] | ListField[Row, Any]]


@attrs.frozen
class Table(Generic[Row]):
    """The columns of one kind of rows, such as invoices."""

    columns: Columns[Row]
    schema: pa.Schema = attrs.field(init=False)

    @schema.default
    def _schema(self) -> pa.Schema:
        return pa.schema([(column.name, column.type) for column in self.columns])

    def only(self, names: Sequence[str] | None) -> "Table[Row]":
        """The table with these columns, in this order; None: all of them.

        Raises:
            ConfigurationError: There is no such column, a column comes twice, or there are none.
        """
        if names is None:
            return self
        known = {column.name: column for column in self.columns}
        return Table([known[name] for name in check_columns(names, tuple(known))])

    def batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        """The rows as a record batch.

        Raises:
            UnfitError: A column cannot hold a value.
        """
        try:
            return pa.RecordBatch.from_arrays([column.array(rows) for column in self.columns], schema=self.schema)
        except Unfit:
            misfits = ((row.id, *found) for row in rows for column in self.columns for found in column.unfit(row))
            error = UnfitError(*next(misfits))
        raise error


class Blocks(Generic[Row]):
    """Gathers rows until they are enough for a batch, so that a sink holds a bounded number of rows and of their parts."""

    def __init__(self, table: Table[Row]) -> None:
        self._table = table
        self._lists = [column.parts for column in table.columns if isinstance(column, ListField)]
        self._rows: list[Row] = []
        self._parts = 0

    def add(self, row: Row) -> pa.RecordBatch | None:
        """Take a row. Returns a batch once there are enough of them."""
        self._rows.append(row)
        self._parts += sum(len(parts(row) or ()) for parts in self._lists)
        return self.rest() if len(self._rows) >= ROWS or self._parts >= PARTS else None

    def rest(self) -> pa.RecordBatch | None:
        """A batch of the rows that are left, if there are any."""
        rows, self._rows, self._parts = self._rows, [], 0
        return self._table.batch(rows) if rows else None


def _parts(name: str) -> Callable[[Invoice], Sequence[Any] | None]:
    return lambda invoice: getattr(invoice, name) if invoice.details else None


_LINE_ITEM: list[Field[LineItem]] = [
    text("sku"),
    text("type"),
    text("comments"),
    column("quantity", AMOUNT, as_amount),
    *money("unit_price"),
    text("description"),
    json("custom_fields"),
    *money("unit_discount"),
    json("additional_properties"),
]
_COST_LINE: list[Field[CostLine]] = [text("description"), *money("amount"), json("additional_properties")]
_SHIPMENT: list[Field[Shipment]] = [
    *map(text, ("address_index", "ship_date", "ship_via", "tracking_number", "comments")),
    json("custom_fields"),
    json("additional_properties"),
]
_EXTRA_FIELD: list[Field[ExtraField]] = [text("field_name"), text("field_value"), json("additional_properties")]

INVOICES: Table[Invoice] = Table(
    [
        integer("id", pa.int64()),
        *map(text, ("invoice_number", "customer_id", "customer_name", "type")),
        integer("status", pa.int32()),
        column("is_pending_payment", pa.bool_(), lambda truth: truth),
        integer("source", pa.int32()),
        *money("original_balance"),
        *money("open_balance"),
        *map(time, ("due_date", "created_at", "updated_at")),
        *map(text, ("order_number", "purchase_order_number", "external_id", "external_customer_id")),
        integer("channel_id", pa.int64()),
        *map(text, ("channel_name", "external_pdf_url", "terms_conditions")),
        ListField("extra_fields", lambda invoice: invoice.extra_fields, _EXTRA_FIELD),
        ListField("line_items", _parts("line_items"), _LINE_ITEM),
        ListField("cost_lines", _parts("cost_lines"), _COST_LINE),
        ListField("shipments", _parts("shipments"), _SHIPMENT),
        Field("raw", pa.string(), to_json),
    ]
)
ARROW_SCHEMA: pa.Schema = INVOICES.schema


def arrow_batches(invoices: AsyncIterable[Invoice], rows: int = ROWS) -> AsyncGenerator[pa.RecordBatch]:
    """Invoices as record batches of `ARROW_SCHEMA`, for pandas, polars, DuckDB or Spark. No invoices yield no batch.

    A thread makes each batch, so the event loop goes on. The stream takes the next invoices only when you ask for the next batch,
    so it holds one batch. If you close it early, it closes `invoices` as well, and waits until their pending requests have ended.
    It sends no request of its own.

    Args:
        invoices: The invoices, such as `client.invoices.iterate()`.
        rows: Invoices of a batch; the last one may have fewer.

    Raises:
        ConfigurationError: `rows` is not a number of at least 1. Raised at once.
        UnfitError: A column cannot hold a value, such as an amount beyond `decimal128(38, 9)`.
        Exception: Any error that `invoices` raises. The batches before it are then not the whole list.
    """
    if type(rows) is not int or rows < 1:
        raise ConfigurationError(f"rows must be an int of at least 1, not {rows!r}")
    return _batches(invoices, rows)


async def _batches(invoices: AsyncIterable[Invoice], rows: int) -> AsyncGenerator[pa.RecordBatch]:
    source = aiter(invoices)
    block = await _take(source, rows)
    while block:
        try:
            yield await _batch(block)
        except BaseException:
            for each in (source, invoices):  # a walk makes an iterator that needs no closing; a generator is its own
                if (aclose := getattr(each, "aclose", None)) is not None:
                    await aclose()
            raise
        block = await _take(source, rows) if len(block) == rows else []


async def _take(source: AsyncIterable[Invoice], count: int) -> list[Invoice]:
    taken: list[Invoice] = []
    async for invoice in source:
        taken.append(invoice)
        if len(taken) == count:
            break
    return taken


async def _batch(block: list[Invoice]) -> pa.RecordBatch:
    made: list[pa.RecordBatch] = []
    await in_thread(lambda: made.append(INVOICES.batch(block)))
    return made[0]
