"""Downloads a file from an untrusted host to the disk, whole or not at all.

- It follows only links that `link` allows, over sockets to public addresses, with none of our credentials, cookies or proxies.
- It follows no redirect and decodes no content encoding, because it asked for neither.
- A file is whole if HTTP shows that the answer is complete, and the file starts with `%PDF-` and has `%%EOF` near its end. If
  only the end of the connection marks the end of an answer, it is refused, because an answer that was cut looks the same.
- It writes the file to the disk in blocks as they arrive. The size of the file is limited, and so is the memory.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from yarl import URL

from bigcommerce_b2b_invoices.errors import ConnectFailedError, DownloadError, UnsafeURLError
from bigcommerce_b2b_invoices.files import PartFile, appearing
from bigcommerce_b2b_invoices.transport.credentials import Secret
from bigcommerce_b2b_invoices.transport.foreign import send_once, translate
from bigcommerce_b2b_invoices.transport.link import Link, check_link, is_public

MAX_FILE = 25 * 2**20  # bytes; B2B Edition's own invoices are a few hundred kB, linked ones at most 5 MB
BLOCK = 2**20  # bytes that are written at a time
START, END = b"%PDF-", b"%%EOF"
TAIL = 1024  # bytes at the end in which a PDF must have its %%EOF (ISO 32000, implementation notes)

Progress = Callable[[int, int | None], None]
_Address = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
logger = logging.getLogger("bigcommerce_b2b_invoices")


async def download_pdf(
    ask: Callable[[], Awaitable[str | None]],
    destination: str | os.PathLike[str],
    *,
    overwrite: bool,
    external: bool,
    own_origin: URL,
    seconds: float,
    progress: Progress | None,
) -> Path:
    """Fetch a PDF and store it. If the host answers 403, the link has expired, and the client asks once for a second link.

    Args:
        ask: Returns a link, or None if the invoice has no PDF. Its errors are passed on.
        destination: A file in a folder that exists.
        overwrite: Whether an existing file may be replaced.
        external: Whether another party chose the link. Then no origin is exempt from the rules, and the link does not expire.
        own_origin: The API's origin.
        seconds: The limit for the whole transfer from one link.
        progress: Called with the number of bytes so far, and the number of bytes in total, or None if that is not known.

    Raises:
        UnsafeURLError: The client must not follow the link; nothing was sent.
        DownloadError: The file cannot be fetched, is not a whole PDF, or cannot be stored; nothing was stored.
    """
    path, may_expire = Path(destination), not external
    async with appearing(path, overwrite=overwrite, translate=_unwritable) as part:  # opened first: a bad path costs no request
        while True:
            text = Secret(await ask() or "")
            if not text:
                raise DownloadError(f"the invoice has no {'external ' if external else ''}PDF")
            link = check_link(text, None if external else own_origin)
            error = await _fetch(link, part, seconds=seconds, progress=progress)
            if error is None:
                return path
            if error.status != 403 or not may_expire:
                raise error
            may_expire = False


def _unwritable(error: OSError) -> DownloadError:
    hint = "; pass overwrite=True to replace it" if isinstance(error, FileExistsError) else ""
    return DownloadError(f"{error.filename} cannot be written: {error.strerror or type(error).__name__}{hint}")


async def _fetch(link: Link, part: PartFile, *, seconds: float, progress: Progress | None) -> DownloadError | None:
    """Fetch the file behind the link. Returns an error instead of raising it: a traceback would hold frames that hold the URL."""
    sockets = PublicSockets()
    connector = aiohttp.TCPConnector(socket_factory=None if link.is_own else sockets, force_close=True)
    try:
        async with (
            asyncio.timeout(seconds),
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(),  # aiohttp's default ends a transfer after 300 seconds, whatever `seconds` says
            ) as session,
            session.get(
                link.url, allow_redirects=False, headers={"Accept-Encoding": "identity"}, middlewares=(send_once,)
            ) as answer,
        ):
            await _receive(answer, part, progress)
    except DownloadError as known:
        return known.with_traceback(None)
    except aiohttp.InvalidURL:
        return UnsafeURLError(f"{link.host} is neither a name nor a public address")
    except Exception as foreign:  # noqa: BLE001 - a hostile host can provoke any exception
        failure = translate(foreign)
        if sockets.refused and isinstance(failure, ConnectFailedError):
            return UnsafeURLError(f"{link.host} leads to {sockets.refused}, which is not a public address")
        return DownloadError(f"the file could not be fetched from {link.host}: {failure.message}")
    return None


class PublicSockets:
    """Makes sockets for public addresses only. aiohttp calls it for every address, from a host name or written in the link.

    Attributes:
        refused: The last address that was refused; empty if there is none.
    """

    def __init__(self) -> None:
        self.refused = ""

    def __call__(self, address: _Address) -> socket.socket:
        """A socket for this address. Raises PermissionError if the address is not public."""
        family, kind, protocol, _, (host, *_) = address
        if not is_public(host):
            self.refused = host
            raise PermissionError(f"{host} is not a public address")  # an OSError, so aiohttp tries the name's next address
        return socket.socket(family, kind, protocol)


async def _receive(answer: aiohttp.ClientResponse, part: PartFile, progress: Progress | None) -> None:
    """Write the body to the file. Raises DownloadError if it is not a whole PDF."""
    total = _check_head(answer)
    received, start, end, block = 0, b"", b"", bytearray()
    async for piece in answer.content.iter_any():
        received += len(piece)
        if received > MAX_FILE:
            raise _too_large(answer)
        start, end = (start + piece[: len(START)])[: len(START)], (end + piece[-TAIL:])[-TAIL:]
        if not START.startswith(start):
            raise DownloadError(f"the file from {answer.url.host} is not a PDF")
        block += piece
        if len(block) >= BLOCK:
            await part.write(block)
            block.clear()
        progress = progress and _report(progress, received, total)
    if END not in end:
        raise DownloadError(f"the file from {answer.url.host} is not a whole PDF")
    await part.write(block)


def _check_head(answer: aiohttp.ClientResponse) -> int | None:
    """How many bytes will come; None if they come in chunks. Raises DownloadError if the answer cannot be a whole file."""
    if answer.status != 200:
        raise DownloadError(f"{answer.url.host} answered HTTP {answer.status}", status=answer.status)
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise DownloadError(f"{answer.url.host} sent a content encoding that we did not ask for")
    total = answer.content_length
    if total is None and "chunked" not in answer.headers.get("Transfer-Encoding", "").lower():
        raise DownloadError(f"{answer.url.host} did not say where the file ends")
    if total is not None and total > MAX_FILE:
        raise _too_large(answer)
    return total


def _too_large(answer: aiohttp.ClientResponse) -> DownloadError:
    return DownloadError(f"the file at {answer.url.host} is larger than {MAX_FILE // 2**20} MiB")


def _report(progress: Progress, received: int, total: int | None) -> Progress | None:
    """Call the observer. Returns the observer, or None if it raised: its error must not make the download fail."""
    try:
        progress(received, total)
    except Exception:
        logger.exception("progress failed; it is not called again")
        return None
    return progress
