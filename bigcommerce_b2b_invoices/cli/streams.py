"""Standard streams that the shell closed, as `>&-` does."""

import errno
import io
import os
import sys
from contextlib import suppress


class NoStdout(io.TextIOBase):
    """Takes the place of a standard output that is closed. A command that has nothing to print does not notice it."""

    def write(self, _text: str, /) -> int:
        """Always raises an OSError: what cannot be printed is lost."""
        raise OSError(errno.EBADF, "there is no standard output to print to")


def fill_closed_streams() -> None:
    """Open the null device in place of each closed stream.

    Otherwise, the next file or connection would get the number of the stream. What a library in C then writes to "stderr" would
    end up in the file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the system gives it the lowest free number, which is this one


def let_go_of_stdout() -> None:
    """Drop output that can no longer be written: the interpreter would complain about it again when it exits."""
    stdout = sys.stdout
    if stdout is None:
        return
    try:
        stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
