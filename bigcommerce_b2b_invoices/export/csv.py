"""CSV as RFC 4180 defines it: one row for each invoice, without the contents of `details`.

A text that a spreadsheet would read as a formula gets a leading apostrophe (CWE-1236). Numbers, times and truth values never
change, so -5.00 stays a number. A field that the API left out is an empty cell.
"""

import csv
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from typing import BinaryIO, TypeAlias

from bigcommerce_b2b_invoices import ConfigurationError, Invoice, Money, to_json
from bigcommerce_b2b_invoices.export.cells import iso_utc, plain_amount, word
from bigcommerce_b2b_invoices.export.text import each_as_text, text_to

Column: TypeAlias = Callable[[Invoice], str]

FORMULA_STARTS = tuple("=+-@\t\r\n\0＝＋－＠")  # noqa: RUF001 - the last four are full-width on purpose


def text_cell(text: str | None) -> str:
    """The text in a form that no spreadsheet reads as a formula."""
    if not text:
        return ""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _number(value: int | None) -> str:
    return "" if value is None else str(int(value))


def _truth(value: bool | None) -> str:  # noqa: FBT001 - the value itself
    return "" if value is None else "true" if value else "false"


def _amount(money: Money | None) -> str:
    return plain_amount(money.value if money else None)


def _currency(money: Money | None) -> str:
    return text_cell(money.code if money else None)


def _extra_fields(invoice: Invoice) -> str:
    return f"[{','.join(map(to_json, invoice.extra_fields))}]" if invoice.extra_fields else ""


CELLS: dict[str, Column] = {
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


class _Echo:
    """A file for `csv.writer`, whose `writerow` returns what `write` returns: the text of the row."""

    def write(self, text: str) -> str:
        return text


class CSVText:
    """The text of a header with the column names, and of a row for each invoice, each with its line break."""

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        self._columns = COLUMNS if columns is None else check_columns(columns)
        self._cells = [CELLS[column] for column in self._columns]
        self._writer = csv.writer(_Echo(), lineterminator="\r\n")

    def header(self) -> str:
        """The names of the columns."""
        return self._line(self._columns)

    def row(self, invoice: Invoice) -> str:
        """One row. A text with line breaks takes several lines, in quotes."""
        return self._line([cell(invoice) for cell in self._cells])

    def _line(self, cells: Iterable[str]) -> str:
        return str(self._writer.writerow(cells))  # typeshed does not know that it is a text


def check_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns as a tuple.

    Raises:
        ConfigurationError: There is no such column, a column comes twice, or there are none.
        TypeError: `columns` is a single text.
    """
    if isinstance(columns, str):
        raise TypeError("columns must be several names, such as a list, not a single str")
    names = tuple(columns)
    unknown = [name for name in names if name not in CELLS]
    if unknown:
        raise ConfigurationError(f"no column is called {', '.join(map(repr, unknown))}: use {', '.join(COLUMNS)}")
    if not names or len(set(names)) < len(names):
        raise ConfigurationError(f"columns must name at least one column, and each only once, not {', '.join(names) or 'none'}")
    return names


def csv_rows(invoices: AsyncIterable[Invoice], columns: Sequence[str] | None = None) -> AsyncGenerator[str]:
    """Invoices as CSV, piece by piece, for a streaming response: the header first, then the text of one row at a time.

    Each piece ends with a line break, and UTF-8 can encode it. The stream takes the next invoice only when you ask for the next
    piece, so it holds one row. If you close it early, it closes `invoices` as well, and waits until their pending requests have
    ended. It sends no request of its own.

    Args:
        invoices: The invoices, such as `client.invoices.iterate()`.
        columns: Names of `COLUMNS`, in the order that you want. None: all of them.

    Raises:
        ConfigurationError: There is no such column, a column comes twice, or there are none. Raised at once.
        Exception: Any error that `invoices` raises. The pieces before it are then not the whole list: whoever passes them on must
            not end its own answer in the normal way.
    """
    text = CSVText(columns)
    return each_as_text(invoices, text.row, first=text.header())


class CSVWriter:
    """Writes a header with the column names, then one row for each invoice."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = text_to(file, newline="")
        self._text = CSVText()
        self._file.write(self._text.header())

    def write(self, invoice: Invoice) -> None:
        """Write one row."""
        self._file.write(self._text.row(invoice))

    def close(self) -> None:
        """Write out the buffer and release the file, which stays open."""
        self._file.detach()
