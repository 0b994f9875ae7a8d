"""Text for a binary file, and text for a stream.

Both write half a character (a lone surrogate) as an escape, because UTF-8 has no bytes for it. In JSON that escape is the
character itself.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import Generic, Protocol, TypeVar

Row = TypeVar("Row")
ESCAPED = "backslashreplace"


class Writable(Protocol):
    """A binary file, or a compressor around one."""

    def write(self, block: bytes, /) -> object:
        """Write a block."""

    def close(self) -> None:
        """Write the rest."""


def encoded(text: str) -> bytes:
    """The text in UTF-8."""
    return text.encode("utf-8", ESCAPED)


class TextSink(Generic[Row]):
    """Writes the text of one row after another.

    Args:
        file: What to write to.
        write: Makes the text of a row, with its line break.
        header: What comes before all rows.
        is_wrapped: Whether `file` belongs to the sink and must be closed, as a compressor must.
    """

    def __init__(self, file: Writable, write: Callable[[Row], str], *, header: str = "", is_wrapped: bool = False) -> None:
        self._file = file
        self._text = write
        self._is_wrapped = is_wrapped
        self._file.write(encoded(header))

    def write(self, row: Row) -> None:
        """Write one row."""
        self._file.write(encoded(self._text(row)))

    def finish(self) -> None:
        """Write the rest."""
        if self._is_wrapped:
            self._file.close()

    def close(self) -> None:
        """Release everything. The file itself stays open."""


async def each_as_text(invoices: AsyncIterable[Row], write: Callable[[Row], str], *, first: str = "") -> AsyncGenerator[str]:
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
            yield encoded(write(invoice)).decode()
        except BaseException:
            for source in (rows, invoices):  # a walk makes an iterator that needs no closing; a generator is its own
                if (aclose := getattr(source, "aclose", None)) is not None:
                    await aclose()
            raise
