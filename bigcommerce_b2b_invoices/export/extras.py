"""The formats that need a package, which is imported when a file is opened and not before."""

from collections.abc import Iterator
from contextlib import contextmanager

from bigcommerce_b2b_invoices import ConfigurationError, Invoice
from bigcommerce_b2b_invoices.export.csv import COLUMNS, check_columns
from bigcommerce_b2b_invoices.export.sinks import Sink, Style
from bigcommerce_b2b_invoices.files import PartFile

ARROW_COLUMNS = (*(name for name in COLUMNS if name != "line_item_count"), "line_items", "cost_lines", "shipments", "raw")


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Turn a package that cannot be imported into a ConfigurationError that names the extra."""
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"this format needs a package that is not installed ({error}): pip install 'bigcommerce-b2b-invoices[{extra}]'"
        ) from error


def check_arrow_style(style: Style) -> None:
    """Raise a ConfigurationError if a columnar file has no such columns."""
    if style.columns is not None:
        check_columns(style.columns, ARROW_COLUMNS)


def check_excel_style(style: Style) -> None:
    """Raise a ConfigurationError if a workbook has no such columns."""
    if style.columns is not None:
        check_columns(style.columns)


def open_parquet(part: PartFile, style: Style) -> Sink[Invoice]:
    """A Parquet file."""
    with needing("parquet"):
        from bigcommerce_b2b_invoices.export import arrow, parquet  # noqa: PLC0415 - they import pyarrow
    return parquet.ParquetSink(part, arrow.INVOICES.only(style.columns))


def open_duckdb(part: PartFile, style: Style) -> Sink[Invoice]:
    """A DuckDB database."""
    with needing("duckdb"):
        from bigcommerce_b2b_invoices.export import arrow, duckdb  # noqa: PLC0415 - they import pyarrow and duckdb
    return duckdb.DuckDBSink(part, arrow.INVOICES.only(style.columns))


def open_excel(part: PartFile, style: Style) -> Sink[Invoice]:
    """An Excel workbook."""
    with needing("excel"):
        from bigcommerce_b2b_invoices.export import excel  # noqa: PLC0415 - it imports XlsxWriter
    return excel.ExcelSink(part, style.columns)
