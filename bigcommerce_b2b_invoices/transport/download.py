"""A file from a host that is not trusted, onto the disk, whole or not at all.

The link comes from the API, but another integration may have put it there. So: https on port 443 at a public address, judged by
the address that is really connected to; none of our credentials, cookies or proxies; no redirects; the URL byte for byte, because
its query is signed. Only the API's own origin is exempt from the address rules: the sandbox serves its PDFs from there.
"""

import asyncio
import contextlib
import ipaddress
import os
import secrets
import socket
from pathlib import Path

import aiohttp
from yarl import URL

from bigcommerce_b2b_invoices.errors import B2BError, DownloadError, UnsafeURLError
from bigcommerce_b2b_invoices.transport.foreign import send_once, translate

MAX_FILE = 25 * 2**20  # bytes; B2B Edition's own invoices are a few hundred kB, linked ones at most 5 MB
TAIL = 1024  # bytes at the end in which a PDF must have its %%EOF


async def download_pdf(
    link: str, destination: str | os.PathLike[str], *, overwrite: bool, own_origin: URL, seconds: float
) -> Path:
    """Fetch a PDF and store it. One request, which does not count against the API's quota.

    Args:
        link: From `PDFLinks`.
        destination: A file in a folder that exists.
        overwrite: Whether a file that is there may be replaced.
        own_origin: The API's origin.
        seconds: For the whole transfer.

    Raises:
        UnsafeURLError: The link must not be followed; nothing was sent.
        DownloadError: The file cannot be had, is no whole PDF, or cannot be stored; nothing was stored.
    """
    path = _check_destination(Path(destination), overwrite=overwrite)
    url = check_link(link, own_origin)
    body = await _fetch(url, trusted=url.origin() == own_origin, seconds=seconds)
    if not body.startswith(b"%PDF-") or b"%%EOF" not in body[-TAIL:]:
        raise DownloadError("what came is not a whole PDF")
    problem = await asyncio.to_thread(_store, body, path, overwrite=overwrite)
    if problem:
        raise DownloadError(f"{path} cannot be written: {problem}")
    return path


def check_link(link: str, own_origin: URL) -> URL:
    """The link as a URL, if it may be followed. Errors name its host at most: the query may be a credential."""
    try:
        url = URL(link, encoded=True)
        host, port = url.host or "", url.port
    except (TypeError, ValueError):
        raise UnsafeURLError("the link is no URL") from None
    if not url.scheme or not host or url.user is not None or url.password is not None:
        raise UnsafeURLError("the link has no host, or a user name in it")
    if url.origin() == own_origin:
        return url
    if url.scheme != "https" or port != 443:
        raise UnsafeURLError(f"the link to {host} is not https on port 443")
    with contextlib.suppress(ValueError):
        if not ipaddress.ip_address(host).is_global:
            raise UnsafeURLError(f"the link leads to {host}, which is not a public address")
    return url


def public_socket(address: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]) -> socket.socket:
    """A socket for this address, if it is public. aiohttp calls it for names and for literal addresses alike."""
    family, kind, protocol, _, sockaddr = address
    if not ipaddress.ip_address(sockaddr[0].partition("%")[0]).is_global:
        raise _PrivateAddressError(sockaddr[0])
    return socket.socket(family, kind, protocol)


class _PrivateAddressError(Exception):
    """A name that leads to an address inside somebody's network."""


async def _fetch(url: URL, *, trusted: bool, seconds: float) -> bytes:
    connector = aiohttp.TCPConnector(socket_factory=None if trusted else public_socket, force_close=True)
    try:
        async with (
            asyncio.timeout(seconds),
            aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
            ) as session,
            session.get(url, allow_redirects=False, headers={"Accept-Encoding": "identity"}, middlewares=(send_once,)) as answer,
        ):
            return await _read(answer)
    except DownloadError as known:
        error: B2BError = known
    except _PrivateAddressError as private:
        error = UnsafeURLError(f"{url.host} leads to {private}, which is not a public address")
    except aiohttp.InvalidURL:
        error = UnsafeURLError(f"{url.host} is neither a name nor a public address")
    except Exception as foreign:  # noqa: BLE001 - the seam, as in the transport
        error = DownloadError(f"the file could not be fetched from {url.host}: {translate(foreign).message}")
    raise error


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    if answer.status != 200:
        raise DownloadError(f"{answer.url.host} answered HTTP {answer.status}", status=answer.status)
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise DownloadError(f"{answer.url.host} sent an encoding that was not asked for")
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MAX_FILE:
            answer.close()
            raise DownloadError(f"the file is larger than {MAX_FILE // 2**20} MiB")
    return bytes(body)


def _check_destination(path: Path, *, overwrite: bool) -> Path:
    if not path.parent.is_dir():
        raise DownloadError(f"there is no folder {path.parent}")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise DownloadError(f"{path} is not a plain file")
    if path.exists() and not overwrite:
        raise DownloadError(f"{path} exists: pass overwrite=True to replace it")
    return path


def _store(body: bytes, path: Path, *, overwrite: bool) -> str:
    """Write the file beside its place, then move it there; returns what went wrong, or nothing."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)  # fails where somebody made the file meanwhile
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        return error.strerror or type(error).__name__
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return ""
