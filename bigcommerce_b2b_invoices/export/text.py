"""Text for a binary file, and text for a stream.

Both write half a character (a lone surrogate) as an escape, because UTF-8 has no bytes for it. In JSON that escape is the
character itself.
"""

import io
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import BinaryIO

from bigcommerce_b2b_invoices import Invoice

ESCAPED = "backslashreplace"


def text_to(file: BinaryIO, *, newline: str) -> io.TextIOWrapper:
    """A text writer in UTF-8."""
    return io.TextIOWrapper(file, encoding="utf-8", errors=ESCAPED, newline=newline)


async def each_as_text(
    invoices: AsyncIterable[Invoice], write: Callable[[Invoice], str], *, first: str = ""
) -> AsyncGenerator[str]:
    """The text of one invoice after another. If it is closed early, or a text cannot be written, it closes the invoices.

    An error of the invoices themselves closes nothing: it may say that they have another consumer.

    Args:
        invoices: The invoices.
        write: Makes the text of one invoice.
        first: What comes before all of them; if empty, nothing does.
    """
    if first:
        yield first
    rows = aiter(invoices)
    async for invoice in rows:
        try:
            yield write(invoice).encode("utf-8", ESCAPED).decode()
        except BaseException:
            for source in (rows, invoices):  # a walk makes an iterator that needs no closing; a generator is its own
                if (aclose := getattr(source, "aclose", None)) is not None:
                    await aclose()
            raise
