"""Text for a terminal: what a server sent must not be able to steer it."""

import os
import sys
import unicodedata
from contextlib import suppress

_HARMLESS = ("Zs",)  # spaces of all widths; `isprintable` knows only one
_JOINERS = "\u200c\u200d"  # part of Persian words and of emoji


def printable(text: str) -> str:
    r"""The text on one line, with `\x1b` and the like in place of characters that control something."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) in _HARMLESS or character in _JOINERS
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def masked(text: str) -> str:
    """The text without the token, which a server may have echoed."""
    token = os.environ.get("BIGCOMMERCE_ACCESS_TOKEN")
    return text.replace(token, "***") if token else text


def say(line: str) -> None:
    """One line for the user, on stderr: stdout is for what was asked for. Where nobody reads it, it is lost."""
    with suppress(OSError, AttributeError):  # a closed pipe; no stderr at all
        sys.stderr.write(f"{printable(masked(line))}\n")
        sys.stderr.flush()
