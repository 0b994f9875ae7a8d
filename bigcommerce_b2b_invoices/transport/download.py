"""Fetches a PDF from an untrusted host, piece by piece.

- It follows only links that `link` allows, over sockets to public addresses, with none of our credentials, cookies or proxies.
- It follows no redirect and decodes no content encoding, because it asked for neither.
- A file is whole if HTTP shows that the answer is complete, and the file starts with `%PDF-` and has `%%EOF` near its end. If
  only the end of the connection marks the end of an answer, it is refused, because an answer that was cut looks the same.
- The size of the file is limited, and so is the memory: a piece is read only when it is wanted.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp
from yarl import URL

from bigcommerce_b2b_invoices.errors import ConnectFailedError, DownloadError, UnsafeURLError
from bigcommerce_b2b_invoices.transport.credentials import Secret
from bigcommerce_b2b_invoices.transport.foreign import send_once, translate
from bigcommerce_b2b_invoices.transport.link import Link, check_link, is_public

T = TypeVar("T")

MAX_FILE = 25 * 2**20  # bytes; B2B Edition's own invoices are a few hundred kB, linked ones at most 5 MB
START, END = b"%PDF-", b"%%EOF"
TAIL = 1024  # bytes at the end in which a PDF must have its %%EOF (ISO 32000, implementation notes)

_Address = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


@asynccontextmanager
async def open_pdf(
    ask: Callable[[], Awaitable[str | None]], *, external: bool, own_origin: URL, seconds: float
) -> AsyncGenerator["Transfer"]:
    """A PDF, of which the first bytes have come. If the host answers 403, the link has expired: asks once for a second link.

    Args:
        ask: Returns a link, or None if the invoice has no PDF. Its errors are passed on.
        external: Whether another party chose the link. Then no origin is exempt from the rules, and the link does not expire.
        own_origin: The API's origin.
        seconds: The limit for all waits for the host.

    Raises:
        UnsafeURLError: The client must not follow the link; nothing was sent.
        DownloadError: The file cannot be fetched, or is not a PDF.
    """
    may_expire = not external
    while True:
        text = Secret(await ask() or "")
        if not text:
            raise DownloadError(f"the invoice has no {'external ' if external else ''}PDF")
        transfer = Transfer(check_link(text, None if external else own_origin), seconds=seconds)
        try:
            error = await transfer.open()
            if error is None:
                yield transfer
                return
        finally:
            await transfer.close()
        if error.status != 403 or not may_expire:
            raise error
        may_expire = False


class Transfer:
    """A file on its way from a host.

    Attributes:
        size: The number of bytes of the file; None if the host does not tell.
    """

    def __init__(self, link: Link, *, seconds: float) -> None:
        self.size: int | None = None
        self._link = link
        self._left = seconds
        self._sockets = PublicSockets()
        self._session: aiohttp.ClientSession | None = None
        self._answer: aiohttp.ClientResponse | None = None
        self._pieces: AsyncIterator[bytes] | None = None
        self._first = b""
        self._received = 0
        self._reading = False
        self._start = self._end = b""

    async def open(self) -> DownloadError | None:
        """Ask for the file, and wait for its first bytes.

        Returns an error instead of raising it, and so do the methods below: a traceback would hold frames that hold the URL.
        """
        found = await self._in_time(self._ask())
        return found if isinstance(found, DownloadError) else None

    async def read(self) -> bytes:
        """The next bytes; empty at the end of the file. Raises a DownloadError if it breaks off or is not a whole PDF."""
        if self._pieces is None:
            raise RuntimeError("the PDF is closed: read it inside `async with`")
        if self._first:
            piece, self._first = self._first, b""
            return piece
        if self._reading:
            raise RuntimeError("a PDF has one reader: open it once for each reader")
        self._reading = True
        try:
            found = await self._in_time(self._next(self._pieces))
        finally:
            self._reading = False
        if isinstance(found, DownloadError):
            raise found
        return found

    async def close(self) -> None:
        """Close the connection, whether or not the whole file has come."""
        session, answer = self._session, self._answer
        self._session = self._answer = self._pieces = None
        if answer is not None:
            answer.close()
        if session is not None:
            await session.close()

    async def _ask(self) -> None:
        connector = aiohttp.TCPConnector(socket_factory=None if self._link.is_own else self._sockets, force_close=True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(),  # aiohttp's default ends a transfer after 300 seconds, whatever `seconds` says
        )
        answer = self._answer = await self._session.get(
            self._link.url, allow_redirects=False, headers={"Accept-Encoding": "identity"}, middlewares=(send_once,)
        )
        self.size = _check_head(answer)
        self._pieces = answer.content.iter_any()
        first = bytearray()
        while len(first) < len(START):
            first += await self._next(self._pieces)
        self._first = bytes(first)

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes:
        piece = await anext(pieces, b"")
        host = self._link.host
        self._received += len(piece)
        if self._received > MAX_FILE:
            raise _too_large(host)
        self._start, self._end = (self._start + piece[: len(START)])[: len(START)], (self._end + piece[-TAIL:])[-TAIL:]
        if not START.startswith(self._start):
            raise DownloadError(f"the file from {host} is not a PDF")
        if not piece and END not in self._end:
            raise DownloadError(f"the file from {host} is not a whole PDF")
        return piece

    async def _in_time(self, work: Awaitable[T]) -> T | DownloadError:
        """The result or the error of one step. The seconds that it waited count towards the limit."""
        clock, host = asyncio.get_running_loop().time, self._link.host
        began = clock()
        try:
            async with asyncio.timeout(self._left):
                return await work
        except DownloadError as known:
            return known.with_traceback(None)
        except aiohttp.InvalidURL:
            return UnsafeURLError(f"{host} is neither a name nor a public address")
        except Exception as foreign:  # noqa: BLE001 - a hostile host can provoke any exception
            failure = translate(foreign)
            if self._sockets.refused and isinstance(failure, ConnectFailedError):
                return UnsafeURLError(f"{host} leads to {self._sockets.refused}, which is not a public address")
            return DownloadError(f"the file could not be fetched from {host}: {failure.message}")
        finally:
            self._left -= clock() - began


class PublicSockets:
    """Makes sockets for public addresses only. aiohttp calls it for every address, from a host name or written in the link.

    Attributes:
        refused: The last address that was refused; empty if there is none.
    """

    def __init__(self) -> None:
        self.refused: str = ""

    def __call__(self, address: _Address) -> socket.socket:
        """A socket for this address. Raises PermissionError if the address is not public."""
        family, kind, protocol, _, (host, *_) = address
        if not is_public(host):
            self.refused = host
            raise PermissionError(f"{host} is not a public address")  # an OSError, so aiohttp tries the name's next address
        return socket.socket(family, kind, protocol)


def _check_head(answer: aiohttp.ClientResponse) -> int | None:
    """How many bytes will come; None if they come in chunks. Raises DownloadError if the answer cannot be a whole file."""
    host = answer.url.host or ""
    if answer.status != 200:
        raise DownloadError(f"{host} answered HTTP {answer.status}", status=answer.status)
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise DownloadError(f"{host} sent a content encoding that we did not ask for")
    total = answer.content_length
    if total is None and "chunked" not in answer.headers.get("Transfer-Encoding", "").lower():
        raise DownloadError(f"{host} did not say where the file ends")
    if total is not None and total > MAX_FILE:
        raise _too_large(host)
    return total


def _too_large(host: str) -> DownloadError:
    return DownloadError(f"the file at {host} is larger than {MAX_FILE // 2**20} MiB")
