"""A raw HTTP server on loopback that answers as a script says: the faults are data, and nothing of aiohttp is patched."""

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

import attrs


@attrs.frozen
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@attrs.frozen
class Bytes:
    """These bytes, then the connection stays open, is closed, or is reset."""

    text: bytes
    then: str = "keep"  # keep, close, reset


@attrs.frozen
class Stall:
    """These bytes, then silence until the client gives up."""

    text: bytes = b""


@attrs.frozen
class Drip:
    """These pieces with a pause, in seconds, after each; then the connection stays open."""

    pieces: Sequence[bytes]
    pause: float = 0.0


@attrs.frozen
class Flood:
    """The head, then the same part again and again; the connection is closed at the end."""

    head: bytes
    part: bytes
    times: int


Reply = Bytes | Stall | Drip | Flood

CLOSE = Bytes(b"", then="close")
RESET = Bytes(b"", then="reset")


def raw(body: bytes, status: int = 200, *, length: int | None = None, then: str = "keep", **headers: Any) -> Bytes:
    """An answer with these body bytes; header names in snake_case."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Bytes("\r\n".join([*lines, "", ""]).encode() + body, then)


def answer(value: Any, status: int = 200, **headers: Any) -> Bytes:
    """An answer with this JSON."""
    return raw(json.dumps(value).encode(), status, Content_Type="application/json", **headers)


def envelope(data: Any, *, total: int | None = None, limit: int | None = None, code: Any = 200) -> Bytes:
    """A good answer of the API."""
    meta: dict[str, Any] = {"message": "SUCCESS"}
    if total is not None or limit is not None:
        meta["pagination"] = {"totalCount": total, "offset": 0, "limit": limit}
    return answer({"code": code, "data": data, "meta": meta})


class ScriptedServer:
    """Gives the replies one after another; the last one again and again. On any free port, unless told otherwise."""

    def __init__(
        self, replies: Sequence[Reply], *, host: str = "127.0.0.1", port: int = 0, ssl: SSLContext | None = None
    ) -> None:
        self.script(*replies)
        self._address = (host, port)
        self._ssl = ssl
        self.seen: list[Seen] = []
        self.connections = 0  # that were ever made
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, *self._address, ssl=self._ssl)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http{'s' if self._ssl else ''}://127.0.0.1:{self.port}/api/v3/io/ip"
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        await self._server.wait_closed()

    def script(self, *replies: Reply) -> None:
        """What to answer from now on."""
        self.replies = list(replies)

    def reply(self, _seen: Seen, /) -> Reply:
        """The answer to a request."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    @property
    def open_connections(self) -> int:
        return len(self._writers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connections += 1
        try:
            while (seen := await self._read(reader)) is not None:
                self.seen.append(seen)
                if not await self._give(self.reply(seen), reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    @staticmethod
    async def _give(reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer; whether the connection is still good for another request."""
        match reply:
            case Flood(head, part, times):
                writer.write(head)
                for _ in range(times):
                    writer.write(part)
                    await writer.drain()
                return False
            case Drip(pieces, pause):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause)
                return True
            case Stall(text):
                writer.write(text)
                await reader.read()
                return False
            case Bytes(text, then):
                writer.write(text)
                await writer.drain()
                if then == "reset":
                    reset(writer)
                return then == "keep"

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> Seen | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.rstrip().split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers: dict[str, str] = {}
        for name, _, value in (line.partition(":") for line in lines):
            known = headers.get(name.lower())
            headers[name.lower()] = value.strip() if known is None else f"{known}, {value.strip()}"  # it came twice
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Seen(method, target, headers, body)


def reset(writer: asyncio.StreamWriter) -> None:
    """Have the connection end with an RST when it is closed."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
