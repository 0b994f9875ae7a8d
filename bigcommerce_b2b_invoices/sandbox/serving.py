"""An HTTP server, in the running event loop or in a thread of its own."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from threading import Thread

from aiohttp import web

GRACE = 0.1  # seconds after which aiohttp cuts off answers that still wait for their latency or delay


@asynccontextmanager
async def served(application: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve the application until the block is left; gives the port. OSError if the port is taken."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - `setup` made it; this tells the type checker
    connections: list[web.RequestHandler] = []
    try:
        server = await asyncio.get_running_loop().create_server(runner.server, host, port, backlog=128)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            await _stop_listening(server)
            connections = runner.server.connections
    finally:
        transports = [connection.transport for connection in connections if connection.transport is not None]
        await runner.cleanup()
        for transport in transports:
            transport.abort()  # closed already, but that may wait for a client that does not read
        await asyncio.sleep(0)  # the step in which asyncio closes their sockets


async def _stop_listening(server: asyncio.Server) -> None:
    """Accept no more connections, and finish those that were accepted just now: asyncio forgets them if the server is closed."""
    for listening in server.sockets:
        with suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().remove_reader(listening)
    for _ in range(3):
        await asyncio.sleep(0)  # the steps in which asyncio turns an accepted socket into a connection that aiohttp knows
    server.close()


class InThread:
    """An async context manager, entered in a thread with an event loop of its own, and left there."""

    def __init__(self, context: AbstractAsyncContextManager[int]) -> None:
        self._context = context
        self._loop = asyncio.SelectorEventLoop()  # whatever loop the program's policy makes: it may be one for tests
        self._left = asyncio.Event()
        self._entered: Future[int] = Future()
        self._thread = Thread(target=self._run, name="b2b-sandbox", daemon=True)

    def enter(self) -> int:
        """Start the thread; returns what the context manager gave, and raises what it raised."""
        self._thread.start()
        try:
            return self._entered.result()
        except BaseException:  # KeyboardInterrupt as well: nobody else could stop the thread
            self.leave()
            raise

    def leave(self) -> None:
        """Leave the context, close the loop and wait for the end of the thread."""
        with suppress(RuntimeError):  # the loop is closed already, because entering failed
            self._loop.call_soon_threadsafe(self._left.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._hold())

    async def _hold(self) -> None:
        try:
            async with self._context as port:
                self._entered.set_result(port)
                await self._left.wait()
        except BaseException as error:
            if self._entered.done():
                raise
            self._entered.set_exception(error)
