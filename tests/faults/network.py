"""The faults that are places: servers that cannot be reached, or not safely. Rows A and B; no request is ever sent."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver, ResolveResult
from faults.certificates import EXPIRED, OF_ANOTHER_HOST, SELF_SIGNED, server_context, trusting
from faults.store import StoreServer
from scripted_server import ScriptedServer, Stall, reset

BASE_PATH = "/api/v3/io/ip"


@attrs.frozen
class Place:
    """Where the client is sent, and with which session."""

    base_url: str
    session: aiohttp.ClientSession | None = None


Enter = Callable[[AsyncExitStack, StoreServer], Awaitable[Place]]


@attrs.frozen
class Unreachable:
    """One way not to get through.

    Attributes:
        enter: Builds it up, for as long as the stack lives.
        sent: Whether the client cannot know that nothing arrived.
        heals: Whether the second try gets through.
        waits: Whether the client must wait for its time-out.
    """

    row: str
    title: str
    enter: Enter
    sent: bool = False
    heals: bool = False
    waits: bool = False

    @property
    def name(self) -> str:
        """For people and for test ids."""
        return f"{self.row} {self.title}"

    @property
    def allowed(self) -> set[str]:
        """What an operation may end with."""
        if self.heals:
            return {"value"}
        return {"ConnectFailedError", "ResponseError", "OutcomeUnknownError"} if self.sent else {"ConnectFailedError"}


async def _refused(_stack: AsyncExitStack, _store: StoreServer) -> Place:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return Place(f"http://127.0.0.1:{unused.getsockname()[1]}{BASE_PATH}")


async def _black_hole(stack: AsyncExitStack, _store: StoreServer) -> Place:
    """A listener whose queue is full: the kernel drops what else comes."""
    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(3):
        waiting = stack.enter_context(socket.socket())
        waiting.settimeout(0)
        waiting.connect_ex(listener.getsockname())
    return Place(f"http://127.0.0.1:{listener.getsockname()[1]}{BASE_PATH}")


class _Resolver(AbstractResolver):
    """Answers with an error, never, or with an error at first."""

    def __init__(self, *, hangs: bool = False, failures: int = 1_000_000) -> None:
        self.hangs, self.failures = hangs, failures

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        self.failures -= 1
        if self.failures >= 0:
            raise OSError(None, "Name or service not known")
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        """Nothing to close."""


def _names(**settings: Any) -> Enter:
    async def enter(stack: AsyncExitStack, store: StoreServer) -> Place:
        connector = aiohttp.TCPConnector(resolver=_Resolver(**settings), use_dns_cache=False)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        return Place(f"http://localhost:{store.port}{BASE_PATH}", session)

    return enter


async def _reset_at_once(stack: AsyncExitStack, _store: StoreServer) -> Place:
    def cut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset(writer)
        writer.close()

    server = await stack.enter_async_context(await asyncio.start_server(cut, "127.0.0.1", 0))
    return Place(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{BASE_PATH}")


async def _pool_in_use(stack: AsyncExitStack, _store: StoreServer) -> Place:
    """Somebody else uses the only connection of the session, and does not let go."""
    other = await stack.enter_async_context(ScriptedServer([Stall()]))
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)))
    holding = asyncio.create_task(_hold(session, other.base_url))
    stack.push_async_callback(_cancelled, holding)
    while not other.seen:
        await asyncio.sleep(0.001)
    return Place(other.base_url, session)


async def _hold(session: aiohttp.ClientSession, url: str) -> None:
    async with session.get(url):
        pass


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _tls(certificate: str, *, trusted: bool) -> Enter:
    async def enter(stack: AsyncExitStack, _store: StoreServer) -> Place:
        server = await stack.enter_async_context(ScriptedServer([Stall()], ssl=server_context(certificate)))
        session = None
        if trusted:
            connector = aiohttp.TCPConnector(ssl=trusting(certificate))
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        return Place(server.base_url, session)

    return enter


async def _plain_text(_stack: AsyncExitStack, store: StoreServer) -> Place:
    return Place(store.base_url.replace("http:", "https:"))


async def _reset_in_handshake(stack: AsyncExitStack, _store: StoreServer) -> Place:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        reset(writer)
        writer.close()

    server = await stack.enter_async_context(await asyncio.start_server(cut, "127.0.0.1", 0))
    return Place(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}{BASE_PATH}")


PLACES = (
    Unreachable("A1", "refused", _refused),
    Unreachable("A2", "no answer to SYN", _black_hole, waits=True),
    Unreachable("A3", "unknown name", _names()),
    Unreachable("A4", "name server silent", _names(hangs=True), waits=True),
    Unreachable("A5", "unknown name at first", _names(failures=1), heals=True),
    Unreachable("A6", "reset when accepted", _reset_at_once, sent=True),
    Unreachable("A7", "all connections in use", _pool_in_use, waits=True),
    Unreachable("B1", "TLS: self-signed", _tls(SELF_SIGNED, trusted=False)),
    Unreachable("B2", "TLS: another host", _tls(OF_ANOTHER_HOST, trusted=True)),
    Unreachable("B3", "TLS: expired", _tls(EXPIRED, trusted=True)),
    Unreachable("B5", "TLS: plain text", _plain_text, waits=True),
    Unreachable("B6", "TLS: reset in the handshake", _reset_in_handshake),
)
