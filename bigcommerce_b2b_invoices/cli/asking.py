"""Asks a person at the terminal. Questions stand on stderr: stdout is for the command's result."""

import asyncio
import sys
from typing import Final

from bigcommerce_b2b_invoices.cli.text import complain


class Ask:
    """Shows what is about to happen, and asks. `--quiet` does not silence a question."""

    def show(self, line: str) -> None:
        """One line before the question."""
        complain(line)

    async def whether(self, question: str) -> bool:
        """Whether the person says yes. Everything but y or yes means no."""
        complain(f"{question} [y/N]")
        answer = await asyncio.to_thread(sys.stdin.readline)
        return answer.strip().lower() in ("y", "yes")


ask: Final[Ask] = Ask()
