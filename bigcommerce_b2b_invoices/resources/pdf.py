"""The PDF of an invoice, as a stream of bytes or stored in a file, whole or not at all."""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from bigcommerce_b2b_invoices.errors import DownloadError
from bigcommerce_b2b_invoices.files import appearing

BLOCK = 2**20  # bytes that are written at a time
Progress = Callable[[int, int | None], None]
logger: logging.Logger = logging.getLogger("bigcommerce_b2b_invoices")


class Transfer(Protocol):
    """A file on its way from a host."""

    size: int | None

    async def read(self) -> bytes:
        """The next bytes; empty at the end of the file. Raises a DownloadError if it breaks off or is not a whole PDF."""
        ...


class OpenPDF(Protocol):
    """Opens the PDF behind a link. The resources get this function instead of a transport."""

    def __call__(self, ask: Callable[[], Awaitable[str | None]], *, external: bool) -> AbstractAsyncContextManager[Transfer]:
        """The file, of which the first bytes have come; closed at the end of the block."""
        ...


class PDFStream(AsyncIterator[bytes]):
    """The bytes of a PDF: `async for chunk in pdf`. The stream reads the next chunk from the host only when the loop wants it.

    If the host breaks off, or the file turns out not to be a whole PDF, the loop raises a DownloadError. If you pass the bytes
    on, do not end your own answer in the normal way after that error.

    Attributes:
        size: The number of bytes; None if the host does not tell.
        filename: A name for the file, such as `invoice-1001.pdf`. No part of it comes from the server.
    """

    def __init__(self, transfer: Transfer, filename: str) -> None:
        self._transfer = transfer
        self.size: int | None = transfer.size
        self.filename = filename

    async def __anext__(self) -> bytes:
        if chunk := await self._transfer.read():
            return chunk
        raise StopAsyncIteration


async def store_pdf(
    open_pdf: Callable[[], AbstractAsyncContextManager[Transfer]],
    destination: str | os.PathLike[str],
    *,
    overwrite: bool,
    progress: Progress | None,
) -> Path:
    """Store a PDF in a file; returns its path. If the path cannot be used, nothing is requested."""
    path = Path(destination)
    async with appearing(path, overwrite=overwrite, translate=_unwritable) as part, open_pdf() as transfer:
        received, block = 0, bytearray()
        while piece := await transfer.read():
            received += len(piece)
            block += piece
            if len(block) >= BLOCK:
                await part.write(block)
                block.clear()
            progress = progress and _report(progress, received, transfer.size)
        await part.write(block)
    return path


def _unwritable(error: OSError) -> DownloadError:
    hint = "; pass overwrite=True to replace it" if isinstance(error, FileExistsError) else ""
    return DownloadError(f"{error.filename} cannot be written: {error.strerror or type(error).__name__}{hint}")


def _report(progress: Progress, received: int, total: int | None) -> Progress | None:
    """Call the observer. Returns the observer, or None if it raised: its error must not make the download fail."""
    try:
        progress(received, total)
    except Exception:
        logger.exception("progress failed; it is not called again")
        return None
    return progress
