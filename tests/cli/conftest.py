"""The command line, run in this process or as the program that it is."""

import asyncio
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import attrs
import pytest

from bigcommerce_b2b_invoices.cli import main

VARIABLES = ("BIGCOMMERCE_STORE_HASH", "BIGCOMMERCE_ACCESS_TOKEN", "BIGCOMMERCE_B2B_BASE_URL")


@attrs.frozen
class Ended:
    """A run that has ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.lines]


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Sets store hash, token and base URL."""

    def set_all(store_hash: str, auth_token: str, base_url: str) -> None:
        for name, value in zip(VARIABLES, (store_hash, auth_token, base_url), strict=True):
            monkeypatch.setenv(name, value)

    return set_all


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs the command line in this process."""

    def run(*arguments: str) -> Ended:
        code = main([*arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ended(code, captured.out, captured.err)

    return run


@pytest.fixture
def cli_here(cli: Callable[..., Ended]) -> Callable[..., asyncio.Future[Ended]]:
    """The same for a test that serves what the command asks for: it runs in a thread."""

    def run(*arguments: str) -> asyncio.Future[Ended]:
        return asyncio.ensure_future(asyncio.to_thread(cli, *arguments))

    return run


@attrs.frozen
class Program:
    """`python -m bigcommerce_b2b_invoices.cli` as a process."""

    process: asyncio.subprocess.Process

    async def end(self) -> Ended:
        out, err = await self.process.communicate()
        assert b"Traceback" not in err
        return Ended(self.process.returncode or 0, (out or b"").decode(), err.decode())


@pytest.fixture
def program() -> Callable[..., asyncio.Future[Program]]:
    """Starts the program. Signals reach it, even where the tests run in the background of a shell or under nohup."""
    start = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "hasattr(signal, 'SIGHUP') and signal.signal(signal.SIGHUP, signal.SIG_DFL); sys.argv[0] = 'b2b-invoices'; "
        "runpy.run_module('bigcommerce_b2b_invoices.cli', run_name='__main__')"
    )

    async def run(*arguments: str, stdout: int = asyncio.subprocess.PIPE) -> Program:
        return Program(
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", start, *arguments, stdout=stdout, stderr=asyncio.subprocess.PIPE, env=dict(os.environ)
            )
        )

    return lambda *arguments, **settings: asyncio.ensure_future(run(*arguments, **settings))


class Terminal(io.StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AbstractContextManager[Terminal]]:
    """`with terminal("stdout") as screen` puts a terminal there."""

    @contextmanager
    def put(stream: str) -> Iterator[Terminal]:
        with monkeypatch.context() as patch:
            patch.setenv("TERM", "xterm")
            patch.delenv("NO_COLOR", raising=False)
            patch.setattr(sys, stream, screen := Terminal())
            yield screen

    return put
