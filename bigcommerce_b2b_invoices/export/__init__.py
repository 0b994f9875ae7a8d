"""Write invoices to a file. The path's ending sets the format, and the file appears whole or not at all."""

from bigcommerce_b2b_invoices.export.cells import iso_utc, plain_amount, word
from bigcommerce_b2b_invoices.export.formats import FORMATS, Export, InvoiceWriter, open_export, write_invoices

__all__ = [
    "FORMATS",
    "Export",
    "InvoiceWriter",
    "iso_utc",
    "open_export",
    "plain_amount",
    "word",
    "write_invoices",
]
