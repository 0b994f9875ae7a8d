"""Starts an example by the command in its first line, against a sandbox, in an empty folder."""

import asyncio
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
import httpx

from bigcommerce_b2b_invoices.sandbox import Sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 15  # seconds that a program may take to start or to do its work


def command(name: str) -> list[str]:
    """The command in the first line of an example."""
    first = (EXAMPLES / name).read_text().splitlines()[0]
    assert first.startswith("# "), first
    return shlex.split(first.removeprefix("# "))


def environment(sandbox: Sandbox, **more: str) -> dict[str, str]:
    """What a production environment holds, too."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "error",
        "BIGCOMMERCE_STORE_HASH": sandbox.store_hash,
        "BIGCOMMERCE_ACCESS_TOKEN": sandbox.auth_token,
        "BIGCOMMERCE_B2B_BASE_URL": sandbox.base_url,
        **more,
    }


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@attrs.frozen
class Program:
    """An example that runs."""

    process: subprocess.Popen[str]
    log: Path
    url: str

    def http(self, token: str = "", **options: object) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE, **options)  # type: ignore[arg-type]

    async def wait_until_it_serves(self) -> None:
        async with httpx.AsyncClient() as http:
            for _ in range(PATIENCE * 20):
                try:
                    await http.get(self.url)
                except httpx.TransportError:
                    assert self.process.poll() is None, self.log.read_text()
                    await asyncio.sleep(0.05)
                else:
                    return
        raise AssertionError(self.log.read_text())

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until the condition holds."""
        until = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < until, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            await asyncio.sleep(0.02)


class Run:
    """Starts examples, and kills them in the end."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack

    @contextmanager
    def _killed(self, arguments: list[str], log: Path, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
        with (
            log.open("a") as output,
            subprocess.Popen(arguments, cwd=self.folder, env=environ, stdout=output, stderr=output, text=True) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def start(self, name: str, sandbox: Sandbox, **environ: str) -> Program:
        """A program that goes on."""
        port, log = free_port(), self.folder / f"{name}.log"
        whole = environment(sandbox, PORT=str(port), **environ)
        return Program(self._stack.enter_context(self._killed(command(name), log, whole)), log, f"http://127.0.0.1:{port}")

    async def serve(self, name: str, sandbox: Sandbox, **environ: str) -> Program:
        """A back end that answers."""
        program = self.start(name, sandbox, **environ)
        await program.wait_until_it_serves()
        sandbox.clear()
        return program

    def to_its_end(self, name: str, sandbox: Sandbox, **environ: str) -> subprocess.CompletedProcess[str]:
        """A program that ends."""
        return subprocess.run(
            command(name),
            cwd=self.folder,
            env=environment(sandbox, **environ),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
