"""A real Redis server on a free port of loopback, for as long as a test needs it."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
from free_port import free_port


def missing() -> str | None:
    """Why no server can be started here, or None. In CI, as root, Debian's package is installed if need be."""
    if shutil.which("redis-server") is None and os.environ.get("CI") and hasattr(os, "geteuid") and os.geteuid() == 0:
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", "redis-server"], check=True, timeout=50)
    return None if shutil.which("redis-server") else "redis-server is not installed (apt-get install redis-server)"


@attrs.define
class RedisServer:
    """Starts empty; can be stopped and started again on the same port."""

    port: int = attrs.field(init=False)
    _process: "subprocess.Popen[bytes] | None" = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, folder: Path) -> None:
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
        self._process = subprocess.Popen(["redis-server", *settings], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < deadline, "redis-server does not start"
                assert self._process.poll() is None, "redis-server has ended"
                time.sleep(0.01)
            else:
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer()
    server.start(folder)
    try:
        yield server
    finally:
        server.stop()
