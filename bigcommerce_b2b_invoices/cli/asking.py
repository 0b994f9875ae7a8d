"""Asks a person at the terminal. Questions stand on stderr: stdout is for the command's result."""

import asyncio
import os
import sys
import threading
from contextlib import suppress
from typing import Final

from bigcommerce_b2b_invoices.cli.text import complain

BLOCK = 2**16  # bytes


async def read_input() -> bytes:
    """What standard input has next: a line of a terminal, or a block; empty at its end.

    If the task is cancelled, the read is left to a thread that nobody waits for. It reads the descriptor itself, because the
    interpreter could not end while such a thread holds the lock of `sys.stdin`.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    descriptor = sys.stdin.fileno()

    def settle(block: bytes, error: OSError | None) -> None:
        if not done.done():
            if error is None:
                done.set_result(block)
            else:
                done.set_exception(error)

    def work() -> None:
        block, failure = b"", None
        try:
            block = os.read(descriptor, BLOCK)
        except OSError as error:
            failure = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, block, failure)

    threading.Thread(target=work, daemon=True).start()
    return await done


class Ask:
    """Shows what is about to happen, and asks. `--quiet` does not silence a question."""

    def show(self, line: str) -> None:
        """One line before the question."""
        complain(line)

    async def whether(self, question: str) -> bool:
        """Whether the person says yes. Everything but y or yes means no."""
        complain(f"{question} [y/N]")
        answer = (await read_input()).decode(errors="replace")
        return answer.strip().lower() in ("y", "yes")


ask: Final[Ask] = Ask()
