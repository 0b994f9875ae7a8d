"""Write invoices to a file, which appears whole or not at all, or as text for a streaming response."""

from typing import TYPE_CHECKING

from bigcommerce_b2b_invoices.export.cells import day_in, iso_utc, opaque, plain_amount, word
from bigcommerce_b2b_invoices.export.csv import COLUMNS, csv_rows
from bigcommerce_b2b_invoices.export.errors import UnfitError
from bigcommerce_b2b_invoices.export.extras import needing
from bigcommerce_b2b_invoices.export.formats import FORMATS, Export, open_export, write_invoices
from bigcommerce_b2b_invoices.export.formulas import bare
from bigcommerce_b2b_invoices.export.jsonl import json_lines
from bigcommerce_b2b_invoices.export.resume import ResumableExport, check_resumable, open_resumable
from bigcommerce_b2b_invoices.export.sinks import Format, Sink, Style

if TYPE_CHECKING:
    from bigcommerce_b2b_invoices.export.arrow import ARROW_SCHEMA, arrow_batches

__all__ = [
    "ARROW_SCHEMA",
    "COLUMNS",
    "FORMATS",
    "Export",
    "Format",
    "ResumableExport",
    "Sink",
    "Style",
    "UnfitError",
    "arrow_batches",
    "bare",
    "check_resumable",
    "csv_rows",
    "day_in",
    "iso_utc",
    "json_lines",
    "opaque",
    "open_export",
    "open_resumable",
    "plain_amount",
    "word",
    "write_invoices",
]


def __getattr__(name: str) -> object:
    if name not in ("ARROW_SCHEMA", "arrow_batches"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needing("parquet"):
        from bigcommerce_b2b_invoices.export import arrow  # noqa: PLC0415 - whoever needs no batches needs no pyarrow
    return getattr(arrow, name)
