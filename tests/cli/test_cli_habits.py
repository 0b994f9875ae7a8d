"""What every command does alike: --json, --quiet, results on stdout and the rest on stderr, examples in the help."""

import json
from typing import Any

import pytest
from scripted_server import ScriptedServer, answer, envelope

from bigcommerce_b2b_invoices.cli.app import COMMANDS
from bigcommerce_b2b_invoices.sandbox import Sandbox

SANDBOX = ["--sandbox", "--sandbox-invoices", "60"]
RUNS = {
    "list": ["list", *SANDBOX],
    "get": ["get", "1041", *SANDBOX],
    "count": ["count", *SANDBOX],
    "count read": ["count", "--overdue", *SANDBOX],
    "extra-fields": ["extra-fields", *SANDBOX],
    "quota": ["quota", *SANDBOX],
    "delete": ["delete", "1041", "--yes", *SANDBOX],
    "aging": ["aging", *SANDBOX],
    "changes": ["changes", *SANDBOX],
    "doctor": ["doctor", *SANDBOX],
}
ELSEWHERE = {  # command -> why it has tests of its own instead
    "create": "needs a file",
    "export": "needs a file",
    "mirror": "needs a database",
    "pdf": "needs a host of PDFs",
    "reconcile": "prints nothing if all balances agree",
    "sandbox": "runs until it is stopped",
    "update": "needs a file",
}


def test_every_command_runs_here_or_elsewhere() -> None:
    assert set(COMMANDS) - {run[0] for run in RUNS.values()} == set(ELSEWHERE)


@pytest.mark.parametrize("command", [*COMMANDS])
def test_each_command_takes_json_and_quiet_and_shows_an_example(cli: Any, command: str) -> None:
    run = cli(command, "--help")
    assert run.code == 0
    assert ("--json" in run.out, "--quiet" in run.out) == (True, True)
    assert f"b2b-invoices {command}" in run.out.partition("Usage")[2].partition("\n")[2]


@pytest.mark.parametrize("name", [*RUNS])
def test_json_is_lines_of_json_and_quiet_is_silent(cli: Any, name: str) -> None:
    run = cli(*RUNS[name], "--json", "--quiet")
    assert (run.code, run.err) == (0, "")
    assert run.lines
    assert all(isinstance(json.loads(line), dict) for line in run.lines)


@pytest.mark.parametrize("arguments", [["get", "5"], ["delete", "5", "--yes"], ["get", "--number", "none"]], ids=str)
def test_quiet_does_not_silence_an_error(cli: Any, arguments: list[str]) -> None:
    run = cli(*arguments, *SANDBOX, "--quiet")
    assert (run.code, run.err.startswith("error: ")) == (1, True)


def test_count_and_quota_print_plain_values(cli: Any) -> None:
    assert cli("count", *SANDBOX).out == "60\n"
    assert cli("count", *SANDBOX, "--json").out == '{"count": 60}\n'
    assert json.loads(cli("quota", *SANDBOX, "--json").out)["used"] == 1


async def test_the_quota_is_what_the_store_says(cli_here: Any, environment: Any) -> None:
    body = {"code": 200, "data": [], "meta": {"pagination": {"totalCount": 0, "offset": 0, "limit": 1}}}
    page = answer(body, X_Rate_Limit_Requests_Left="97", X_Rate_Limit_Time_Reset_Ms="12000")
    async with ScriptedServer([page]) as server:
        environment("abc123", "token", server.base_url)
        told = json.loads((await cli_here("quota", "--json")).out)
    assert (told["allowed"], told["remaining"]) == (150, 97)
    assert 11 <= told["seconds_to_reset"] <= 12


async def test_delete_goes_on_after_one_that_fails_and_ends_with_3(cli_here: Any, environment: Any) -> None:
    with Sandbox(invoices=3) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        first, second, _ = sandbox.invoice_ids
        run = await cli_here("delete", "5", str(first), str(second), "--yes", "--json")
        left = sandbox.invoice_ids
    assert (run.code, len(left)) == (3, 1)
    assert [(each["id"], each["outcome"]) for each in map(json.loads, run.lines)] == [
        (5, "failed"),
        (first, "done"),
        (second, "done"),
    ]
    assert json.loads(run.lines[0])["error"]["status"] == 404


def test_nobody_is_asked_without_a_terminal(cli: Any) -> None:
    run = cli("delete", "1041", *SANDBOX)
    assert (run.code, run.out) == (2, "")
    assert "--yes" in run.err


async def test_requests_go_through_a_proxy(cli_here: Any, environment: Any) -> None:
    async with ScriptedServer([envelope([], total=7, limit=1)]) as proxy:
        environment("abc123", "token", "http://localhost:1/api")  # nobody listens there: the proxy answers
        run = await cli_here("count", "--proxy", str(proxy.base_url).partition("/api")[0])
    assert (run.code, run.out) == (0, "7\n")


@pytest.mark.parametrize("proxy", ["", "proxy:3128", "ftp://proxy", "http://"])
def test_a_proxy_that_cannot_be_one_is_bad_usage(cli: Any, environment: Any, proxy: str) -> None:
    environment("abc123", "token", "http://localhost:1/api")
    assert cli("count", "--proxy", proxy).code == 2


def test_a_proxy_is_hinted_at_where_no_connection_can_be_made(cli: Any, environment: Any, monkeypatch: Any) -> None:
    environment("abc123", "token", "http://localhost:1/api")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy:3128")
    run = cli("get", "7")
    assert run.code == 1
    assert "HTTPS_PROXY is set, but only --proxy URL sends" in run.err
    assert "secret" not in run.err


async def test_a_refusal_is_on_stderr_alone(cli_here: Any, environment: Any) -> None:
    async with ScriptedServer([answer({"code": 403, "data": {"errMsg": "no"}}, status=403)]) as server:
        environment("abc123", "token", server.base_url)
        run = await cli_here("count", "--json")
    assert (run.code, run.out) == (1, "")
