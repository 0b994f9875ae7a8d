"""Text for a binary file."""

import io
from typing import BinaryIO


def text_to(file: BinaryIO, *, newline: str) -> io.TextIOWrapper:
    """A text writer in UTF-8. It writes half a character (a lone surrogate) as an escape."""
    return io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline=newline)
