"""One thread for a library that blocks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

R = TypeVar("R")


class OneThread:
    """Runs functions one after another in the same thread."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[[], R]) -> R:
        """Run the function and wait until it ends, even if the task is cancelled meanwhile: nothing goes on unseen."""
        running = asyncio.get_running_loop().run_in_executor(self._executor, function)
        cancelled: asyncio.CancelledError | None = None
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            running.exception()  # has been looked at
            raise cancelled
        return running.result()

    def end(self) -> None:
        """End the thread, which must be idle."""
        self._executor.shutdown(wait=True)
