"""Write invoices to a file, which appears whole or not at all, or as text for a streaming response."""

from bigcommerce_b2b_invoices.export.cells import iso_utc, plain_amount, word
from bigcommerce_b2b_invoices.export.csv import COLUMNS, csv_rows
from bigcommerce_b2b_invoices.export.formats import FORMATS, Export, open_export, write_invoices
from bigcommerce_b2b_invoices.export.formulas import bare
from bigcommerce_b2b_invoices.export.jsonl import json_lines
from bigcommerce_b2b_invoices.export.sinks import Format, Sink, Style

__all__ = [
    "COLUMNS",
    "FORMATS",
    "Export",
    "Format",
    "Sink",
    "Style",
    "bare",
    "csv_rows",
    "iso_utc",
    "json_lines",
    "open_export",
    "plain_amount",
    "word",
    "write_invoices",
]
