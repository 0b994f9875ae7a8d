"""The command `sandbox` in a container."""

import signal
import sys
from typing import Any

import pytest

ANY = "0.0.0.0"  # noqa: S104 - what a container listens on


def test_listening_beyond_loopback_must_be_allowed(cli: Any) -> None:
    run = cli("sandbox", "--host", ANY)

    assert (run.code, run.out) == (2, "")
    assert "host must be a loopback address" in run.err


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
async def test_listening_beyond_loopback_is_said(program: Any) -> None:
    running = await program("sandbox", "--port", "0", "--host", ANY, "--allow-remote")
    for _ in range(3):
        await running.process.stdout.readline()
    running.process.send_signal(signal.SIGTERM)
    run = await running.end()

    assert (run.code, run.err) == (
        0,
        f"Warning: the sandbox listens on {ANY}, beyond this machine. Anyone who can reach it can control it.\n",
    )
