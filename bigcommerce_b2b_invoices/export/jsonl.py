"""JSON Lines: one line for each invoice, with all that the API sent, under the API's own names."""

from collections.abc import AsyncGenerator, AsyncIterable
from typing import BinaryIO

from bigcommerce_b2b_invoices import Invoice, to_json
from bigcommerce_b2b_invoices.export.text import each_as_text, text_to


def json_line(invoice: Invoice) -> str:
    """The line of an invoice, with its line break. `from_json(Invoice, line)` reads an equal invoice back."""
    return f"{to_json(invoice)}\n"


def json_lines(invoices: AsyncIterable[Invoice]) -> AsyncGenerator[str]:
    """Invoices as JSON Lines, for a streaming response: one line of text at a time, with its line break.

    UTF-8 can encode each line, and `from_json(Invoice, line)` reads an equal invoice back. The stream takes the next invoice only
    when you ask for the next line, so it holds one row. If you close it early, it closes `invoices` as well, and waits until
    their pending requests have ended. It sends no request of its own.

    Args:
        invoices: The invoices, such as `client.invoices.iterate()`.

    Raises:
        Exception: Any error that `invoices` raises. The lines before it are then not the whole list: whoever passes them on must
            not end its own answer in the normal way.
    """
    return each_as_text(invoices, json_line)


class JSONLinesWriter:
    """Writes one line for each invoice."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = text_to(file, newline="\n")

    def write(self, invoice: Invoice) -> None:
        """Write one line."""
        self._file.write(json_line(invoice))

    def close(self) -> None:
        """Write out the buffer and release the file, which stays open."""
        self._file.detach()
