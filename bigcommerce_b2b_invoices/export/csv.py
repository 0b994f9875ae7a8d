"""CSV as RFC 4180 defines it: one row for each invoice, without the contents of `details`.

A text that a spreadsheet would read as a formula gets a leading apostrophe (CWE-1236). Numbers, times and truth values never
change, so -5.00 stays a number. A field that the API left out is an empty cell.
"""

import csv
from collections.abc import Callable
from typing import BinaryIO, TypeAlias

from bigcommerce_b2b_invoices import Invoice, Money, to_json
from bigcommerce_b2b_invoices.export.cells import iso_utc, plain_amount, word
from bigcommerce_b2b_invoices.export.text import text_to

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


COLUMNS: dict[str, Column] = {
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


class CSVWriter:
    """Writes a header with the column names, then one row for each invoice."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = text_to(file, newline="")
        self._rows = csv.writer(self._file, lineterminator="\r\n")
        self._rows.writerow(COLUMNS)

    def write(self, invoice: Invoice) -> None:
        """Write one row. A text with line breaks takes several lines, in quotes."""
        self._rows.writerow([cell(invoice) for cell in COLUMNS.values()])

    def close(self) -> None:
        """Write out the buffer and release the file, which stays open."""
        self._file.detach()
