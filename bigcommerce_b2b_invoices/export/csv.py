"""CSV as RFC 4180 defines it: one row for each invoice, without the contents of `details`.

No text is a formula, whichever separator a spreadsheet splits at; see `formulas`. Numbers, times and truth values never change,
so -5.00 stays a number. A field that the API left out is an empty cell. What CSV cannot protect: a spreadsheet that opens the
file by a double click may read `00042` or `1E5` as a number, `1-2` as a date, and more than 15 digits as a rounded number. Import
such columns as text, or export to Excel, where ids are texts.
"""

import csv
import gzip
import io
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeAlias, TypeVar

from bigcommerce_b2b_invoices import ConfigurationError, Invoice, Money, to_json
from bigcommerce_b2b_invoices.export.cells import iso_utc, plain_amount, word
from bigcommerce_b2b_invoices.export.formulas import safe, safe_json
from bigcommerce_b2b_invoices.export.sinks import Style
from bigcommerce_b2b_invoices.export.text import TextSink, each_as_text
from bigcommerce_b2b_invoices.files import PartFile

Row = TypeVar("Row")
Cells: TypeAlias = Mapping[str, Callable[[Row], str]]

DELIMITERS = (",", ";", "\t", "|")
BOM = "\ufeff"


def text_cell(text: str | None) -> str:
    """The text in a form that no spreadsheet reads as a formula."""
    return safe(text) if text else ""


def _number(value: int | None) -> str:
    return "" if value is None else str(int(value))


def _truth(value: bool | None) -> str:  # noqa: FBT001 - the value itself
    return "" if value is None else "true" if value else "false"


def _amount(money: Money | None) -> str:
    return plain_amount(money.value if money else None)


def _currency(money: Money | None) -> str:
    return text_cell(money.code if money else None)


def _extra_fields(invoice: Invoice) -> str:
    return safe_json(f"[{','.join(map(to_json, invoice.extra_fields))}]") if invoice.extra_fields else ""


CELLS: dict[str, Callable[[Invoice], str]] = {
    "id": lambda invoice: _number(invoice.id),
    "invoice_number": lambda invoice: text_cell(invoice.invoice_number),
    "customer_id": lambda invoice: text_cell(invoice.customer_id),
    "customer_name": lambda invoice: text_cell(invoice.customer_name),
    "type": lambda invoice: text_cell(invoice.type),
    "status": lambda invoice: word(invoice.status),
    "is_pending_payment": lambda invoice: _truth(invoice.is_pending_payment),
    "source": lambda invoice: word(invoice.source),
    "original_balance": lambda invoice: _amount(invoice.original_balance),
    "original_balance_currency": lambda invoice: _currency(invoice.original_balance),
    "open_balance": lambda invoice: _amount(invoice.open_balance),
    "open_balance_currency": lambda invoice: _currency(invoice.open_balance),
    "due_date": lambda invoice: iso_utc(invoice.due_date),
    "created_at": lambda invoice: iso_utc(invoice.created_at),
    "updated_at": lambda invoice: iso_utc(invoice.updated_at),
    "order_number": lambda invoice: text_cell(invoice.order_number),
    "purchase_order_number": lambda invoice: text_cell(invoice.purchase_order_number),
    "external_id": lambda invoice: text_cell(invoice.external_id),
    "external_customer_id": lambda invoice: text_cell(invoice.external_customer_id),
    "channel_id": lambda invoice: _number(invoice.channel_id),
    "channel_name": lambda invoice: text_cell(invoice.channel_name),
    "external_pdf_url": lambda invoice: text_cell(invoice.external_pdf_url),
    "terms_conditions": lambda invoice: text_cell(invoice.terms_conditions),
    "line_item_count": lambda invoice: _number(len(invoice.line_items) if invoice.details else None),
    "extra_fields": _extra_fields,  # JSON, as the API writes them
}


COLUMNS: tuple[str, ...] = tuple(CELLS)


class CSVText(Generic[Row]):
    """The text of a header with the column names, and of a row, each with its line break.

    Args:
        cells: Makes the cell of each column.
        style: Which columns, and what stands between them.
    """

    def __init__(self, cells: Cells[Row], style: Style) -> None:
        check_style(style)
        self._columns = tuple(cells) if style.columns is None else check_columns(style.columns, tuple(cells))
        self._cells = [cells[column] for column in self._columns]
        self._begin = BOM if style.bom else ""
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text, lineterminator="\r\n", delimiter=style.delimiter)

    def header(self) -> str:
        """The names of the columns, after the byte order mark if there is one."""
        return self._begin + self._line(self._columns)

    def row(self, row: Row) -> str:
        """One row. A text with line breaks takes several lines, in quotes."""
        return self._line([cell(row) for cell in self._cells])

    def _line(self, cells: Iterable[str]) -> str:
        self._writer.writerow(cells)
        line = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return line


def check_style(style: Style) -> None:
    """Raise a ConfigurationError if a CSV file cannot be written in this style."""
    if style.delimiter not in DELIMITERS:
        raise ConfigurationError(f"the delimiter must be , ; | or a tab, not {style.delimiter!r}")
    if style.columns is not None:
        check_columns(style.columns)


def check_columns(columns: Sequence[str], known: Sequence[str] = COLUMNS) -> tuple[str, ...]:
    """The columns as a tuple.

    Raises:
        ConfigurationError: There is no such column, a column comes twice, or there are none.
        TypeError: `columns` is a single text.
    """
    if isinstance(columns, str):
        raise TypeError("columns must be several names, such as a list, not a single str")
    names = tuple(columns)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigurationError(f"no column is called {', '.join(map(repr, unknown))}: use {', '.join(known)}")
    if not names or len(set(names)) < len(names):
        raise ConfigurationError(f"columns must name at least one column, and each only once, not {', '.join(names) or 'none'}")
    return names


def csv_rows(
    invoices: AsyncIterable[Invoice], columns: Sequence[str] | None = None, *, bom: bool = False, delimiter: str = ","
) -> AsyncGenerator[str]:
    """Invoices as CSV, piece by piece, for a streaming response: the header first, then the text of one row at a time.

    Each piece ends with a line break, and UTF-8 can encode it. The stream takes the next invoice only when you ask for the next
    piece, so it holds one row. If you close it early, it closes `invoices` as well, and waits until their pending requests have
    ended. It sends no request of its own.

    Args:
        invoices: The invoices, such as `client.invoices.iterate()`.
        columns: Names of `COLUMNS`, in the order that you want. None: all of them.
        bom: Begin with a byte order mark, which makes Excel read the file as UTF-8.
        delimiter: What stands between two cells: `,`, `;`, a tab or `|`.

    Raises:
        ConfigurationError: There is no such column, a column comes twice, or there are none. Raised at once.
        Exception: Any error that `invoices` raises. The pieces before it are then not the whole list: if you pass them on, do not
            end your own answer in the normal way.
    """
    text = CSVText(CELLS, Style(columns=columns, bom=bom, delimiter=delimiter))
    return each_as_text(invoices, text.row, first=text.header())


def open_csv(part: PartFile, style: Style) -> TextSink[Invoice]:
    """A header with the column names, then one row for each invoice."""
    text = CSVText(CELLS, style)
    return TextSink(part.file, text.row, header=text.header())


def open_csv_gz(part: PartFile, style: Style) -> TextSink[Invoice]:
    """The same, compressed."""
    text = CSVText(CELLS, style)
    return TextSink(gzip.GzipFile("", "wb", fileobj=part.file, mtime=0), text.row, header=text.header(), is_wrapped=True)
