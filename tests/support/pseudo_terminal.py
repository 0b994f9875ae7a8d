"""A program at a real terminal: a pseudo-terminal of any width."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping

from rich.cells import cell_len

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def at_terminal(
    *arguments: str, width: int, typed: str = "", interrupt_at: str = "", environ: Mapping[str, str], timeout: float = 30
) -> tuple[int, str]:
    """Run the command line at a terminal so wide. Returns the exit code, and what the screen got, with its escapes.

    A program that has not ended after `timeout` seconds is killed: its exit code is then that of SIGKILL.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    attributes = termios.tcgetattr(slave)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    clean = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR", "TERM")}
    with subprocess.Popen(
        [sys.executable, "-m", "bigcommerce_b2b_invoices.cli", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**clean, "TERM": "xterm", **environ},
        close_fds=True,
    ) as process:
        os.close(slave)
        deadline = threading.Timer(timeout, process.kill)
        deadline.start()
        if typed:
            os.write(master, typed.encode())
        shown = b""
        while True:
            try:
                block = os.read(master, 65536)
            except OSError:  # the program has ended
                break
            if not block:
                break
            shown += block
            if interrupt_at and interrupt_at.encode() in shown:
                process.send_signal(signal.SIGINT)
                interrupt_at = ""
        os.close(master)
        code = process.wait()
        deadline.cancel()
        return code, shown.decode().replace("\r\n", "\n")


def plain(screen: str) -> list[str]:
    """The lines without colours."""
    return _ESCAPES.sub("", screen).splitlines()


def widest(screen: str) -> int:
    """The cells of the longest line."""
    return max(map(cell_len, plain(screen)), default=0)
