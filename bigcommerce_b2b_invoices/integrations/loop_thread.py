"""An event loop for code that is not async."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Run(Protocol):
    """Runs a coroutine in the loop, and waits for its result."""

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Run it. Raises what it raises."""
        ...


@contextmanager
def loop_thread() -> Iterator[Run]:
    """An event loop in a thread: it goes on while the caller does something else, so that answers and leases do not wait.

    Yields a function that runs a coroutine in that loop, and waits for it.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = Thread(target=asyncio.run, args=(_until_stopped(started),), name="b2b_invoices", daemon=True)
    thread.start()
    loop, stop = started.result()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result()
    finally:
        loop.call_soon_threadsafe(stop.set)  # asyncio.run then cancels what is left, and closes it
        thread.join()


async def _until_stopped(started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    stop = asyncio.Event()
    started.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()
