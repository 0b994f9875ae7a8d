"""`python -m bigcommerce_b2b_invoices.sandbox`."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest

from bigcommerce_b2b_invoices.sandbox.__main__ import main

COMMAND = (sys.executable, "-W", "error", "-m", "bigcommerce_b2b_invoices.sandbox", "--invoices", "20")


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program; killed if the test leaves it running."""
    pipe = subprocess.PIPE
    with subprocess.Popen((*COMMAND, *arguments), stdout=pipe, stderr=pipe, text=True) as program:
        try:
            yield program
        finally:
            program.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_program_serves_what_it_prints_until_it_is_stopped(
    session: aiohttp.ClientSession, number: signal.Signals
) -> None:
    with running("--port", "0") as program:
        assert program.stdout is not None
        lines = [program.stdout.readline().strip() for _ in range(3)]
        settings = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        url, store_hash = settings["BIGCOMMERCE_B2B_BASE_URL"], settings["BIGCOMMERCE_STORE_HASH"]
        headers = {"X-Auth-Token": settings["BIGCOMMERCE_ACCESS_TOKEN"], "X-Store-Hash": store_hash}
        async with session.get(f"{url}/invoices", headers=headers) as response:
            assert (await response.json())["meta"]["pagination"]["totalCount"] == 20
        program.send_signal(number)
        _, errors = program.communicate(timeout=10)
        assert (program.returncode, errors) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
async def test_a_container_is_told_how_to_reach_it_and_that_others_can(session: aiohttp.ClientSession) -> None:
    with running("--port", "0", "--host", "0.0.0.0", "--allow-remote") as program:  # noqa: S104 - as in a container
        assert program.stdout is not None
        url = program.stdout.readline().strip().partition("=")[2]
        async with session.get(url.replace("/api/v3/io/ip", "/_sandbox/requests")) as response:
            assert await response.json() == []
        program.send_signal(signal.SIGTERM)
        _, errors = program.communicate(timeout=10)

    assert url.startswith("http://127.0.0.1:")
    assert errors == "Warning: the sandbox listens on 0.0.0.0, beyond this machine. Anyone who can reach it can control it.\n"


def test_listening_for_others_must_be_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--host", "0.0.0.0"])  # noqa: S104 - it must be refused
    assert "allow_remote" in capsys.readouterr().err


def test_a_taken_port_is_one_readable_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--invoices", "1"]) == 1
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.count("\n") == 1
    assert f"127.0.0.1 port {port}" in errors


def test_a_bad_setting_is_an_error_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--invoices", "-1"])
    assert "invoices must be" in capsys.readouterr().err
