r"""Sheets of an Excel workbook, row by row. It knows no invoice. Needs XlsxWriter: extra `excel`.

A text is always a text: never a formula, a link or a number. A control character is written as Excel writes it (`_x0007_`), so
the XML stays sound and Excel shows the character itself; half a character (a lone surrogate) becomes an escape such as `\ud800`.
A number is a number if Excel's 15 significant digits hold it exactly, else its exact text. A time is a date of Excel in UTC,
exact to the millisecond.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import IO, Any, TypeAlias

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from bigcommerce_b2b_invoices.export.cells import plain_amount
from bigcommerce_b2b_invoices.export.errors import Unfit
from bigcommerce_b2b_invoices.export.text import encoded

Value: TypeAlias = str | bool | int | Decimal | datetime
Cell: TypeAlias = Value | None

MAX_ROWS = 1_048_575  # of a sheet, below its header
MAX_TEXT = 32_767  # UTF-16 units of a cell
DIGITS = 15  # significant digits of a number
WIDTHS = 9, 60  # the narrowest and the widest column, in characters
_DAY_0 = datetime(1899, 12, 30, tzinfo=UTC)
_FIRST_DAY = 61  # 1 March 1900: Excel believes that 1900 was a leap year, so its earlier days are wrong
_LAST_DAY = 2_958_465.999_99  # the last second of the year 9999
_CONTROL = r"\x00-\x08\x0b-\x1f\ufffe\uffff"  # XML has no such characters, or readers change them
_ESCAPED = re.compile(f"_(?=x[0-9A-Fa-f]{{4}}[_{_CONTROL}])|[{_CONTROL}]")
_SETTINGS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
    "use_zip64": True,
}


class _PlainSheet(Worksheet):  # type: ignore[misc] # XlsxWriter has no types
    """A sheet that writes every text as it is.

    XlsxWriter takes a text from `<r>` to `</r>` for rich text of its own and writes it unescaped, so a customer's name could
    break the file. And of two escapes that share a `_`, such as in the text `_x0041_x0041_`, it protects only the first.
    """

    @staticmethod
    def _escape_control_characters(data: object) -> str:
        return _ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", str(data))

    def _xml_rich_inline_string(self, string: str, attributes: Sequence[Any] = ()) -> None:
        self._xml_inline_string(string, True, attributes)  # noqa: FBT003 - XlsxWriter's own signature


def new_workbook(file: IO[bytes], folder: str) -> Any:  # noqa: ANN401 - XlsxWriter has no types
    """A workbook that keeps its rows in files of this folder until it is closed."""
    return xlsxwriter.Workbook(file, {**_SETTINGS, "tmpdir": folder})


class Sheets:
    """Rows of one kind: a sheet with a header, and further sheets once it is full.

    Args:
        name: The name of the first sheet; the next one is called `<name> 2`.
        columns: The names of the columns.
        max_rows: Rows of a sheet below its header.
    """

    def __init__(self, workbook: Any, name: str, columns: Sequence[str], *, max_rows: int = MAX_ROWS) -> None:  # noqa: ANN401
        self._workbook = workbook
        self._name = name
        self._columns = columns
        self._max_rows = max_rows
        self._header = workbook.add_format({"bold": True})
        self._amount = workbook.add_format({"num_format": "#,##0.00#############"})
        self._time = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._sheets = 0
        self._begin()

    def append(self, cells: Sequence[Cell]) -> None:
        """Write a row.

        Raises:
            Unfit: Excel cannot hold a value. It names the column.
        """
        if self._row > self._max_rows:
            self.finish()
            self._begin()
        for index, cell in enumerate(cells):
            if cell is not None:
                try:
                    self._widths[index] = max(self._widths[index], self._write(index, cell))
                except Unfit as unfit:
                    raise Unfit(unfit.problem, self._columns[index]) from None
        self._row += 1

    def finish(self) -> None:
        """Set the widths and the filter of the current sheet."""
        for index, width in enumerate(self._widths):
            self._sheet.set_column(index, index, min(width + 2, WIDTHS[1]))
        self._sheet.autofilter(0, 0, self._row - 1, len(self._columns) - 1)

    def _begin(self) -> None:
        self._sheets += 1
        name = self._name if self._sheets == 1 else f"{self._name} {self._sheets}"
        self._sheet = self._workbook.add_worksheet(name, _PlainSheet)
        self._sheet.freeze_panes(1, 0)
        self._widths = [max(WIDTHS[0], len(column)) for column in self._columns]
        for index, column in enumerate(self._columns):
            self._sheet.write_string(0, index, column, self._header)
        self._row = 1

    def _write(self, index: int, cell: Value) -> int:
        """Write a cell and return how many characters wide it is."""
        if isinstance(cell, bool):
            self._sheet.write_boolean(self._row, index, cell)
            return 5
        if isinstance(cell, datetime):
            self._sheet.write_number(self._row, index, serial_of(cell), self._time)
            return 19
        if isinstance(cell, int | Decimal):
            text = plain_amount(Decimal(cell))
            if is_exact(text):
                style = self._amount if isinstance(cell, Decimal) else None
                self._sheet.write_number(self._row, index, float(text), style)
                return len(text) * 4 // 3
        else:
            text = checked(cell)
        self._sheet.write_string(self._row, index, text)
        return len(text)


def serial_of(time: datetime) -> float:
    """Days since the beginning of Excel's time, in UTC."""
    serial = (time - _DAY_0) / timedelta(days=1)
    if not _FIRST_DAY <= serial < _LAST_DAY:
        raise Unfit(f"is {time.isoformat()}, and Excel has no dates before March 1900 or after the year 9999")
    return serial


def is_exact(number: str) -> bool:
    """Whether Excel holds all the digits of the number."""
    return len(number.lstrip("-").replace(".", "").strip("0")) <= DIGITS


def checked(text: str) -> str:
    """The text, if a cell can hold it. Half a character becomes an escape."""
    text = encoded(text).decode()
    if len(text) > MAX_TEXT // 2 and (units := len(text.encode("utf-16-le")) // 2) > MAX_TEXT:
        raise Unfit(f"is a text of {units:,} characters, and a cell of Excel holds {MAX_TEXT:,}")
    return text
