"""Text for a terminal. Text from a server must not be able to control the terminal."""

import os
import sys
import unicodedata
from contextlib import suppress
from contextvars import ContextVar

_HARMLESS = ("Zs",)  # spaces of all widths; `isprintable` accepts only one of them
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)
_JOINERS = "\u200c\u200d"  # part of Persian words and of emoji


def printable(text: str) -> str:
    r"""The text on one line, with an escape such as `\x1b` in place of each control character."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) in _HARMLESS or character in _JOINERS
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def masked(text: str) -> str:
    """The text with `***` in place of the token, which a server may have echoed."""
    token = os.environ.get("BIGCOMMERCE_ACCESS_TOKEN")
    return text.replace(token, "***") if token else text


def say(line: str) -> None:
    """One line for the user, on stderr: stdout is for the command's result. `--quiet` silences it."""
    if not _quiet.get():
        complain(line)


def complain(line: str) -> None:
    """An error, on stderr, with `--quiet` too. If nobody reads stderr, the line is lost."""
    with suppress(OSError, AttributeError):  # a closed pipe, or no stderr at all
        sys.stderr.write(f"{printable(masked(line))}\n")
        sys.stderr.flush()


def be_quiet(*, quiet: bool) -> None:
    """Whether `say` is silent from now on, in this context."""
    _quiet.set(quiet)


def is_quiet() -> bool:
    """Whether the user asked for nothing but errors on stderr."""
    return _quiet.get()
