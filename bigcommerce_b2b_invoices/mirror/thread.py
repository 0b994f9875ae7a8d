"""One thread for a library that blocks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bigcommerce_b2b_invoices.files import in_thread

R = TypeVar("R")


class OneThread:
    """Runs functions one after another in the same thread."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[[], R]) -> R:
        """Run the function and wait until it ends, even if the task is cancelled meanwhile: nothing goes on unseen."""
        return await in_thread(function, self._executor)

    def end(self) -> None:
        """End the thread, which must be idle."""
        self._executor.shutdown(wait=True)
