"""JSON Lines: one line for each invoice, with all that the API sent, under the API's own names."""

from typing import BinaryIO

from bigcommerce_b2b_invoices import Invoice, to_json
from bigcommerce_b2b_invoices.export.text import text_to


class JSONLinesWriter:
    """Writes one line for each invoice. `from_json(Invoice, line)` reads an equal invoice back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = text_to(file, newline="\n")

    def write(self, invoice: Invoice) -> None:
        """Write one line."""
        self._file.write(f"{to_json(invoice)}\n")

    def close(self) -> None:
        """Write out the buffer and release the file, which stays open."""
        self._file.detach()
