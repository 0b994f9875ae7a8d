"""Where a command connects to, how fast, and what it tells about it; the command `sandbox`."""

import asyncio
import logging
import signal
from typing import Any

import pytest

from bigcommerce_b2b_invoices import B2BClient, __version__
from bigcommerce_b2b_invoices.cli.settings import REQUESTS_PER_MINUTE, UNLIMITED, Settings, connect
from bigcommerce_b2b_invoices.cli.text import printable


def test_the_version_and_the_help_are_told(cli: Any) -> None:
    assert cli("--version").out == f"{__version__}\n"
    for arguments in ([], ["--help"], ["export", "--help"]):
        run = cli(*arguments)
        assert (run.code, run.err) == (0, "")
        assert "Usage: b2b-invoices" in run.out


@pytest.mark.parametrize(
    ("settings", "requests"),
    [
        (Settings(sandbox=True, sandbox_invoices=0), UNLIMITED),
        (Settings(sandbox=True, sandbox_invoices=0, requests_per_minute=7), 7),
        (Settings(), REQUESTS_PER_MINUTE),
        (Settings(requests_per_minute=20), 20),
    ],
)
async def test_the_limiter_is_the_apis_unless_told_otherwise(settings: Settings, requests: int, environment: Any) -> None:
    environment("abc123", "token", "http://127.0.0.1:9/")
    async with connect(settings) as connection:
        assert (connection.client.rate_limiter.requests, connection.client.rate_limiter.per) == (requests, 60)


async def test_a_sandbox_of_its_own_has_the_invoices_of_its_seed() -> None:
    ids = []
    for seed in (1, 1, 2):
        async with connect(Settings(sandbox=True, sandbox_invoices=30, sandbox_seed=seed)) as connection:
            ids.append([invoice.invoice_number async for invoice in connection.client.invoices.iterate()])
            assert connection.requests >= 1
    assert [len(numbers) for numbers in ids] == [30, 30, 30]
    assert ids[0] == ids[1] != ids[2]


def test_verbose_shows_each_attempt_and_leaves_the_log_as_it_was(cli: Any) -> None:
    run = cli("get", "--sandbox", "--sandbox-invoices", "5", "1041", "--verbose")
    assert "GET /invoices/1041: 200 in " in run.err
    logger = logging.getLogger("bigcommerce_b2b_invoices")
    assert (logger.handlers, logger.level) == ([], logging.NOTSET)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_sandbox_runs_until_it_is_stopped(program: Any, number: signal.Signals) -> None:
    running = await program("sandbox", "--port", "0", "--invoices", "12", "--seed", "3")
    environ = {}
    for _ in range(3):
        line = (await running.process.stdout.readline()).decode()
        word, _, assignment = line.rstrip("\n").partition(" ")
        assert word == "export"
        name, _, environ[name] = assignment.partition("=")
    async with B2BClient.from_env(environ) as client:
        assert await client.invoices.count() == 12
    running.process.send_signal(number)
    run = await running.end()
    assert (run.code, run.out, run.err) == (0, "", "")


async def test_a_port_that_is_taken_is_said(cli_here: Any) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with server:
        run = await cli_here("sandbox", "--port", str(server.sockets[0].getsockname()[1]))
    assert (run.code, run.out, run.err.count("\n")) == (1, "", 1)
    assert "address already in use" in run.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 成 🌞", "plain ü 成 🌞"),
        ("a\tb\r\nc\0", r"a\tb\r\nc\x00"),
        ("\x1b[31m\x9b1m\x7f", r"\x1b[31m\x9b1m\x7f"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("1\u00a0000\u202fkg", "1\u00a0000\u202fkg"),
        ("\u0646\u0645\u06cc\u200c\u062e", "\u0646\u0645\u06cc\u200c\u062e"),
        ("\ud800\u2028", r"\ud800\u2028"),
    ],
)
def test_what_controls_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
