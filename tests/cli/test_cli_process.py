"""The program as a process: without its standard streams, without docstrings, and stopped by every signal that can stop it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bigcommerce_b2b_invoices.files import LEFTOVER
from bigcommerce_b2b_invoices.sandbox import Sandbox

COMMANDS = ["", "list", "get", "export", "extra-fields", "sandbox"]
PROGRAM = f"{sys.executable} -m bigcommerce_b2b_invoices.cli"
SMALL = "--sandbox --sandbox-invoices 20"
LOST = "error: there is no standard output to print to\n"


def shell(arguments: str, redirected: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program in a shell."""
    command = f"{PROGRAM} {arguments} {redirected}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=50, check=False)
    assert "Traceback" not in done.stderr
    return done


PRINTING = [
    f"list {SMALL}",
    f"list --json {SMALL}",
    f"extra-fields {SMALL}",
    "--help",
    "export --help",
    "--version",
    "sandbox --port 0",
]


@pytest.mark.parametrize("arguments", PRINTING)
def test_what_cannot_be_printed_is_one_line_and_code_1(arguments: str) -> None:
    closed = shell(arguments, ">&-")
    without_any = shell(arguments, "<&- >&- 2>&-")
    assert (closed.returncode, closed.stderr) == (1, LOST)
    assert (without_any.returncode, without_any.stderr, without_any.stdout) == (1, "", "")


@pytest.mark.parametrize("redirected", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_an_export_needs_no_standard_stream(tmp_path: Path, redirected: str) -> None:
    path = tmp_path / "all.jsonl"
    assert shell(f"export {path} --verbose {SMALL}", redirected).returncode == 0
    assert len(path.read_text().splitlines()) == 20
    assert list(tmp_path.iterdir()) == [path]


def test_without_stderr_the_result_and_the_code_stay() -> None:
    assert len(shell(f"list {SMALL}", "2>&-").stdout.splitlines()) == 20
    assert shell(f"list --verbose --limit 0 {SMALL}", "2>&-").returncode == 2
    assert shell(f"get 1 {SMALL}", "2>&-").returncode == 1
    assert len(shell(f"list {SMALL}", "<&-").stdout.splitlines()) == 20


CLOSED = """
import os
os.closerange(0, 3)
from bigcommerce_b2b_invoices.cli import main
main(["--version"])
os._exit(os.open(os.devnull, os.O_RDONLY))
"""


def test_a_closed_stream_is_filled_so_that_no_file_gets_its_number() -> None:
    next_number = subprocess.run([sys.executable, "-c", CLOSED], check=False, timeout=50).returncode
    assert next_number >= 3


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [f"list {SMALL}", f"extra-fields --json {SMALL}", "--help", "get --help", "--version"])
def test_a_full_disk_behind_any_output_is_one_line_and_code_1(arguments: str) -> None:
    done = shell(arguments, ">/dev/full")
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_the_same_without_docstrings(command: str) -> None:
    def help_of(*options: str) -> str:
        arguments = [sys.executable, *options, "-m", "bigcommerce_b2b_invoices.cli", *command.split(), "--help"]
        return subprocess.run(arguments, capture_output=True, text=True, timeout=50, check=True).stdout

    assert help_of("-OO") == help_of()


def test_the_commands_work_without_docstrings(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    arguments = [sys.executable, "-OO", "-m", "bigcommerce_b2b_invoices.cli", "export", str(path), *SMALL.split()]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert path.exists()


STOPS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGALRM", "SIGUSR1", "SIGUSR2"]


async def stop(program: Any, sandbox: Sandbox, path: Path, number: signal.Signals) -> Any:
    """Start an export, and send the signal in the middle of it."""
    running = await program("export", str(path))
    while sandbox.request_count < 3:
        await asyncio.sleep(0.01)
    (part,) = path.parent.iterdir()
    assert part.stat().st_mode & 0o777 == 0o600
    running.process.send_signal(number)
    return await running.end()


@pytest.mark.parametrize("name", STOPS)
async def test_a_signal_that_can_be_handled_leaves_nothing_behind(
    program: Any, environment: Any, tmp_path: Path, name: str
) -> None:
    number = signal.Signals[name]
    async with Sandbox(invoices=500, max_limit=20, latency=0.05) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        run = await stop(program, sandbox, tmp_path / "all.csv", number)
    assert (run.code, run.out, run.err.count("\n")) == (128 + number, "", 1)
    assert run.err.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


async def test_what_a_killed_export_leaves_is_its_owners_and_goes_with_the_first_run_a_day_later(
    program: Any, environment: Any, tmp_path: Path
) -> None:
    async with Sandbox(invoices=500, max_limit=20, latency=0.05) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        run = await stop(program, sandbox, tmp_path / "all.csv", signal.SIGKILL)
    (left,) = tmp_path.iterdir()
    long_ago = time.time() - LEFTOVER - 60
    os.utime(left, (long_ago, long_ago))
    again = await (await program("export", str(tmp_path / "other.csv"), *SMALL.split())).end()

    assert (run.code, left.stat().st_mode & 0o777 if left.exists() else 0o600) == (-signal.SIGKILL, 0o600)
    assert again.code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["other.csv"]
