"""Excel: a sheet `invoices` with the columns of `COLUMNS`, and a sheet `line_items`. Needs XlsxWriter: extra `excel`.

Ids and numbers of invoices are texts, so that no digit or leading zero is lost. `status` and `source` are words, as in CSV, and
`extra_fields` is JSON. The header stays in view and has a filter. XlsxWriter keeps the rows in a private folder beside the target
until the workbook is closed.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal

from xlsxwriter.exceptions import FileCreateError

from bigcommerce_b2b_invoices import Invoice, Money, to_json
from bigcommerce_b2b_invoices.export.cells import opaque, word
from bigcommerce_b2b_invoices.export.csv import COLUMNS
from bigcommerce_b2b_invoices.export.errors import Unfit, UnfitError
from bigcommerce_b2b_invoices.export.folder import private_folder, remove_folder
from bigcommerce_b2b_invoices.export.workbook import MAX_ROWS, Cell, Sheets, new_workbook
from bigcommerce_b2b_invoices.files import PartFile

SPECIAL: dict[str, Callable[[Invoice], Cell]] = {
    "id": lambda invoice: str(invoice.id),
    "status": lambda invoice: word(invoice.status) or None,
    "source": lambda invoice: word(invoice.source) or None,
    "channel_id": lambda invoice: None if invoice.channel_id is None else str(invoice.channel_id),
    "line_item_count": lambda invoice: len(invoice.line_items) if invoice.details else None,
    "extra_fields": lambda invoice: f"[{','.join(map(to_json, invoice.extra_fields))}]" if invoice.extra_fields else None,
}
LINE_ITEM_COLUMNS = (
    "invoice_id",
    "invoice_number",
    "position",
    "sku",
    "type",
    "description",
    "quantity",
    "unit_price",
    "unit_price_currency",
    "unit_discount",
    "unit_discount_currency",
    "comments",
    "custom_fields",
    "additional_properties",
)


class ExcelSink:
    """Writes invoices to a workbook. `position` counts the line items of an invoice from 0."""

    def __init__(self, part: PartFile, columns: Sequence[str] | None = None, *, max_rows: int = MAX_ROWS) -> None:
        self._folder = private_folder(part)
        self._cells = {name: SPECIAL.get(name) or _cell(name) for name in columns or COLUMNS}
        self._workbook = new_workbook(part.file, str(self._folder))
        self._invoices = Sheets(self._workbook, "invoices", tuple(self._cells), max_rows=max_rows)
        self._line_items = Sheets(self._workbook, "line_items", LINE_ITEM_COLUMNS, max_rows=max_rows)

    def write(self, row: Invoice) -> None:
        """Write an invoice and its line items."""
        where = ""
        try:
            self._invoices.append([cell(row) for cell in self._cells.values()])
            for position, cells in enumerate(_line_items(row)):
                where = f"line_items[{position}]."
                self._line_items.append(cells)
            return
        except Unfit as unfit:
            error = UnfitError(row.id, where + unfit.column, unfit.problem)
        raise error

    def finish(self) -> None:
        """Put the sheets together."""
        self._invoices.finish()
        self._line_items.finish()
        try:
            self._workbook.close()
            return
        except FileCreateError as error:
            cause = error.args[0]
        raise cause

    def close(self) -> None:
        """Delete the folder with the rows."""
        for sheet in self._workbook.worksheets():
            with suppress(OSError):  # a full disk, which has already raised its error
                sheet.row_data_fh.close()
        remove_folder(self._folder)


def _cell(name: str) -> Callable[[Invoice], Cell]:
    attribute = name.removesuffix("_currency")

    def read(invoice: Invoice) -> Cell:
        value = getattr(invoice, attribute)
        if isinstance(value, Money):
            return value.value if name == attribute else value.code
        found: Cell = value
        return found

    return read


def _money(money: Money | None) -> tuple[Decimal | None, str | None]:
    return (money.value, money.code) if money else (None, None)


def _line_items(invoice: Invoice) -> Iterable[list[Cell]]:
    for position, item in enumerate(invoice.line_items):
        yield [
            str(invoice.id),
            invoice.invoice_number,
            position,
            item.sku,
            item.type,
            item.description,
            item.quantity,
            *_money(item.unit_price),
            *_money(item.unit_discount),
            item.comments,
            opaque(item.custom_fields),
            opaque(item.additional_properties),
        ]
