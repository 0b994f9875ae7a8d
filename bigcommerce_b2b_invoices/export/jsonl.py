"""JSON Lines: one invoice a line, in the API's own names, with what the API sent, null and nothing being the same."""

from pathlib import Path

from bigcommerce_b2b_invoices import Invoice, to_json
from bigcommerce_b2b_invoices.export.files import create_text


class JSONLinesWriter:
    """Each line is read back to an equal invoice by `from_json(Invoice, line)`."""

    def __init__(self, path: Path) -> None:
        self._file = create_text(path, newline="\n")

    def write(self, invoice: Invoice) -> None:
        """One line."""
        self._file.write(f"{to_json(invoice)}\n")

    def close(self) -> None:
        """Write out what is buffered."""
        self._file.close()
