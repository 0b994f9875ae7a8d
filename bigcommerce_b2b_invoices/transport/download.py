"""A file from a host that is not trusted, onto the disk, whole or not at all.

- Only links that `link` allows are followed, over sockets to public addresses, with none of our credentials, cookies or proxies.
- No redirect is followed, no encoding is undone: both were not asked for.
- Whole is what HTTP itself can tell to be complete, starts with `%PDF-` and has `%%EOF` near its end. An answer that only
  ends with its connection is refused: one that was cut looks just like it.
- The file goes to the disk in blocks as it comes, and its size is bounded; so is the memory.
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
from bigcommerce_b2b_invoices.transport.credentials import Secret
from bigcommerce_b2b_invoices.transport.foreign import send_once, translate
from bigcommerce_b2b_invoices.transport.link import Link, check_link, is_public
from bigcommerce_b2b_invoices.transport.part_file import PartFile, part_file

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
    """Fetch a PDF and store it. One link is asked for, and a second one when the host answers the first with 403: expired.

    Args:
        ask: Gives a link, or None where the invoice has no PDF. What it raises passes.
        destination: A file in a folder that exists.
        overwrite: Whether a file that is there may be replaced.
        external: The link is one that another party chose: no origin is exempt from the rules, and it does not expire.
        own_origin: The API's origin.
        seconds: For the whole transfer.
        progress: Called with the bytes so far, and how many there will be or None.

    Raises:
        UnsafeURLError: The link must not be followed; nothing was sent.
        DownloadError: The file cannot be had, is no whole PDF, or cannot be stored; nothing was stored.
    """
    path, may_expire = Path(destination), not external
    async with part_file(path, overwrite=overwrite) as part:  # first: a place where no file can be costs no request
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


async def _fetch(link: Link, part: PartFile, *, seconds: float, progress: Progress | None) -> DownloadError | None:
    """Write what is behind the link. Returns what went wrong: frames hold the URL from here on, and a traceback its frames."""
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
                timeout=aiohttp.ClientTimeout(),  # its own would end a transfer after 300 seconds, whatever `seconds` says
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
    except Exception as foreign:  # noqa: BLE001 - the seam, as in the transport
        failure = translate(foreign)
        if sockets.refused and isinstance(failure, ConnectFailedError):
            return UnsafeURLError(f"{link.host} leads to {sockets.refused}, which is not a public address")
        return DownloadError(f"the file could not be fetched from {link.host}: {failure.message}")
    return None


class PublicSockets:
    """Makes sockets for public addresses only. aiohttp calls it for the addresses of a name and for literal ones alike.

    Attributes:
        refused: The address that was refused last.
    """

    def __init__(self) -> None:
        self.refused = ""

    def __call__(self, address: _Address) -> socket.socket:
        """A socket for this address, if it is public."""
        family, kind, protocol, _, (host, *_) = address
        if not is_public(host):
            self.refused = host
            raise PermissionError(f"{host} is not a public address")  # an OSError: aiohttp goes on to the name's next address
        return socket.socket(family, kind, protocol)


async def _receive(answer: aiohttp.ClientResponse, part: PartFile, progress: Progress | None) -> None:
    """Write the body to the file, if it is a whole PDF."""
    total = _check_head(answer)
    received, start, end, block = 0, b"", b"", bytearray()
    async for piece in answer.content.iter_any():
        received += len(piece)
        if received > MAX_FILE:
            raise _too_large(answer)
        start, end = (start + piece[: len(START)])[: len(START)], (end + piece[-TAIL:])[-TAIL:]
        if not START.startswith(start):
            raise DownloadError(f"what {answer.url.host} sent is no PDF")
        block += piece
        if len(block) >= BLOCK:
            await part.write(block)
            block.clear()
        progress = progress and _report(progress, received, total)
    if END not in end:
        raise DownloadError(f"what {answer.url.host} sent is not a whole PDF")
    await part.write(block)


def _check_head(answer: aiohttp.ClientResponse) -> int | None:
    """How many bytes will come, None where they come in chunks. DownloadError where the answer cannot be a whole file."""
    if answer.status != 200:
        raise DownloadError(f"{answer.url.host} answered HTTP {answer.status}", status=answer.status)
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise DownloadError(f"{answer.url.host} sent an encoding that was not asked for")
    total = answer.content_length
    if total is None and "chunked" not in answer.headers.get("Transfer-Encoding", "").lower():
        raise DownloadError(f"{answer.url.host} did not say where the file ends")
    if total is not None and total > MAX_FILE:
        raise _too_large(answer)
    return total


def _too_large(answer: aiohttp.ClientResponse) -> DownloadError:
    return DownloadError(f"the file at {answer.url.host} is larger than {MAX_FILE // 2**20} MiB")


def _report(progress: Progress, received: int, total: int | None) -> Progress | None:
    """Call the observer; returns it, or None when it raised: it must not decide the fate of the file."""
    try:
        progress(received, total)
    except Exception:
        logger.exception("progress failed; it is not called again")
        return None
    return progress
