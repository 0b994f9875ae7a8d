"""JSON Lines: one line for each row, with all that the API sent, under the API's own names."""

import gzip
from collections.abc import AsyncGenerator, AsyncIterable

import attrs

from bigcommerce_b2b_invoices import ConfigurationError, Invoice, to_json
from bigcommerce_b2b_invoices.export.sinks import Style
from bigcommerce_b2b_invoices.export.text import TextSink, each_as_text
from bigcommerce_b2b_invoices.files import PartFile


def json_line(model: attrs.AttrsInstance) -> str:
    """The line of a model, with its line break. `from_json(Invoice, line)` reads an equal invoice back."""
    return f"{to_json(model)}\n"


def json_lines(invoices: AsyncIterable[Invoice]) -> AsyncGenerator[str]:
    """Invoices as JSON Lines, for a streaming response: one line of text at a time, with its line break.

    UTF-8 can encode each line, and `from_json(Invoice, line)` reads an equal invoice back. The stream takes the next invoice only
    when you ask for the next line, so it holds one row. If you close it early, it closes `invoices` as well, and waits until
    their pending requests have ended. It sends no request of its own.

    Args:
        invoices: The invoices, such as `client.invoices.iterate()`.

    Raises:
        Exception: Any error that `invoices` raises. The lines before it are then not the whole list: if you pass them on, do not
            end your own answer in the normal way.
    """
    return each_as_text(invoices, json_line)


def check_style(style: Style) -> None:
    """Raise a ConfigurationError if columns are chosen: a line holds all that the API sent."""
    if style.columns is not None:
        raise ConfigurationError("JSON Lines hold the whole invoice: choose columns for another format, such as .csv")


def open_jsonl(part: PartFile, style: Style) -> TextSink[Invoice]:
    """One line for each invoice."""
    check_style(style)
    return TextSink(part.file, json_line)


def open_jsonl_gz(part: PartFile, style: Style) -> TextSink[Invoice]:
    """The same, compressed."""
    check_style(style)
    return TextSink(gzip.GzipFile("", "wb", fileobj=part.file, mtime=0), json_line, is_wrapped=True)
