"""However a command fails: one line on stderr, the right exit code, no traceback, no credential."""

import asyncio
import os
import sys
from typing import Any

import pytest
from scripted_server import ScriptedServer, answer, raw

from bigcommerce_b2b_invoices import BadRequestError
from bigcommerce_b2b_invoices.cli.verdict import error_text, exit_code
from bigcommerce_b2b_invoices.sandbox import Sandbox

TOKEN = "canary-token-0123456789"

USAGE = [
    (["lst"], 'Unknown command "lst". Did you mean "list"?'),
    (["list", "--nope"], "--nope"),
    (["list", "--limit", "0"], "--limit"),
    (["list", "--limit", "many"], "--limit"),
    (["list", "--status", "lost"], "--status"),
    (["list", "--begin", "yesterday"], "'yesterday' is not an ISO 8601 date or time"),
    (["list", "--begin", "2026-01-02", "--end", "2026-01-01"], "begin_date_at is later than end_date_at"),
    (["list", "--search-by", "type"], "--search-by names the field to search in: also give the text to search for, with --query"),
    (["list", "--query", ""], "q is empty"),
    (["list", "--order-by", "up"], "--order-by"),
    (["list", "--requests-per-minute", "0"], "--requests-per-minute"),
    (["list", "--token", "x"], "--token"),
    (["export"], "PATH"),
    (["sandbox", "--latency", "-1"], "--latency"),
    (["sandbox", "--latency", "inf"], "latency must be a number of seconds"),
    (["list"], "set the environment variable BIGCOMMERCE_STORE_HASH and BIGCOMMERCE_ACCESS_TOKEN"),
]


@pytest.mark.parametrize(("arguments", "text"), USAGE, ids=[" ".join(arguments) for arguments, _ in USAGE])
def test_what_the_user_must_change_is_code_2(cli: Any, arguments: list[str], text: str) -> None:
    run = cli(*arguments)
    assert (run.code, run.out, run.err.count("\n")) == (2, "", 1)
    assert run.err.startswith("error: ")
    assert text in run.err


@pytest.mark.parametrize(
    ("store_hash", "token", "base_url", "text"),
    [
        ("a/b", TOKEN, "http://127.0.0.1:1/", "store_hash must be"),
        ("abc123", TOKEN + " x", "http://127.0.0.1:1/", "auth_token holds spaces"),
        ("abc123", TOKEN, "http://example.com/", "base_url must be https"),
    ],
)
def test_an_environment_that_cannot_be_right_is_code_2(
    *, cli: Any, environment: Any, store_hash: str, token: str, base_url: str, text: str
) -> None:
    environment(store_hash, token, base_url)
    run = cli("list")
    assert (run.code, run.err.count("\n")) == (2, 1)
    assert text in run.err
    assert TOKEN not in run.err


ANSWERS = [
    (answer({"code": 401, "meta": {"message": f"Bad token {TOKEN}"}}, status=401), "Bad token *** (HTTP 401)"),
    (
        answer({"code": 422, "data": {"q": ["Too\nlong."]}, "meta": {"message": "Invalid"}}, status=422),
        r"q: Too\nlong. (HTTP 422)",
    ),
    (answer({"code": 422, "data": {"q": ["Too long.", "Odd."], "x": ["No."]}}, status=422), "(HTTP 422); q: Too long. Odd."),
    (answer({"code": 403, "data": {"errMsg": "\x1b[2J"}}, status=403), r"\x1b[2J (HTTP 403)"),
    (raw(b"<html>"), "not JSON"),
    (answer({"code": 200, "data": {"id": "x"}}), "cannot read page at data: expected a list"),
]


@pytest.mark.parametrize(("reply", "text"), ANSWERS, ids=[text for _, text in ANSWERS])
async def test_what_the_api_refuses_is_code_1(cli_here: Any, environment: Any, reply: Any, text: str) -> None:
    async with ScriptedServer([reply]) as server:
        environment("abc123", TOKEN, server.base_url)
        run = await cli_here("list", "--verbose" if "Bad token" in text else "--json")
    *_, last = run.err.splitlines()
    assert (run.code, run.out) == (1, "")
    assert last.startswith("error: ")
    assert text in last
    assert TOKEN not in run.err
    assert "\x1b" not in run.err


def test_a_server_that_is_not_there_is_code_1(cli: Any, environment: Any) -> None:
    environment("abc123", TOKEN, "http://127.0.0.1:9/")
    run = cli("extra-fields")
    assert (run.code, run.err.count("\n")) == (1, 1)


async def test_a_wrong_store_hash_is_hinted_at(cli_here: Any, environment: Any) -> None:
    async with Sandbox(invoices=0) as sandbox:
        environment("wrong", sandbox.auth_token, sandbox.base_url)
        run = await cli_here("get", "1")
    assert run.code == 1
    assert run.err.endswith("; a wrong BIGCOMMERCE_STORE_HASH gets the same answer\n")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (PermissionError(13, "Permission denied", "x.csv"), 2, "x.csv: Permission denied"),
        (ValueError("a bug"), 1, "unexpected ValueError: a bug (--verbose shows where)"),
        (BadRequestError("q: Bad", status=400, field_errors={"q": ("Bad",)}), 1, "q: Bad (HTTP 400)"),
    ],
)
def test_every_exception_has_a_line_and_a_code(error: BaseException, code: int, text: str) -> None:
    assert (exit_code(error), error_text(error)) == (code, text)


LONG = ["list", "--sandbox", "--limit", "200"]


@pytest.mark.parametrize("arguments", [[*LONG, "--json"], LONG, ["--help"]], ids=["json", "lines", "help"])
async def test_a_reader_that_goes_away_ends_the_program_quietly(program: Any, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        running = await program(*arguments, stdout=writer)
    finally:
        os.close(writer)
    run = await running.end()
    assert (run.code, run.err) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
async def test_a_full_disk_behind_stdout_is_one_line_and_code_1(program: Any) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    run = await (await program("list", "--sandbox", "--limit", "1000", stdout=full)).end()
    os.close(full)
    assert (run.code, run.err) == (1, "error: No space left on device\n")


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
async def test_without_its_packages_the_command_line_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from bigcommerce_b2b_invoices.cli import main; sys.exit(main())"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, "list", stderr=asyncio.subprocess.PIPE)
    _, err = await process.communicate()
    assert process.returncode == 1
    assert err == b"error: the command line needs more packages: pip install 'bigcommerce-b2b-invoices[cli]'\n"


async def test_the_export_package_needs_neither_of_them() -> None:
    code = "import sys; sys.modules['cyclopts'] = sys.modules['rich'] = None; import bigcommerce_b2b_invoices.export"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await process.wait() == 0
