"""`b2b-invoices export`: the right invoices, whole or not at all."""

import asyncio
import csv
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scripted_server import ScriptedServer, answer, envelope

from bigcommerce_b2b_invoices import Invoice, WalkReport, from_json
from bigcommerce_b2b_invoices.cli.exporting import summary
from bigcommerce_b2b_invoices.cli.progress import lines
from bigcommerce_b2b_invoices.export import FORMATS as FORMATS_OF_EXPORT
from bigcommerce_b2b_invoices.sandbox import Sandbox

FORMATS = ["jsonl", "csv"]
OLD = "what was here before\n"


def read_ids(path: Path) -> list[int]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [int(row["id"]) for row in csv.DictReader(file)]
    return [from_json(Invoice, line).id for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("ending", FORMATS)
async def test_the_program_exports_each_invoice_once(program: Any, environment: Any, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"invoices.{ending}"
    async with Sandbox(invoices=520) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        run = await (await program("export", str(path))).end()
        assert (run.code, run.out) == (0, "")
        assert sorted(read_ids(path)) == sorted(sandbox.invoice_ids)
        requests = sandbox.request_count
        assert sandbox.auth_token not in run.err
    figures = rf"520 invoices, {requests} requests in \d+\.\d s \(\d+ requests a minute\), guarantee: (best_effort|complete)\n"
    assert re.fullmatch(re.escape(str(path)) + ": " + figures, run.err)
    assert list(tmp_path.iterdir()) == [path]


def test_the_filters_are_those_of_list(cli: Any, tmp_path: Path) -> None:
    path, options = tmp_path / "overdue.CSV", ["--sandbox", "--sandbox-invoices", "200", "--overdue", "--status", "open"]
    assert cli("export", str(path), *options).code == 0
    with path.open(encoding="utf-8", newline="") as file:
        found = [row["id"] for row in csv.DictReader(file)]
    assert found[::-1] == [row[1] for row in cli("list", *options, "--limit", "200").rows]


BAD_PATHS = [
    ("invoices.xls", "error: no format has the ending of 'invoices.xls': use {formats}\n"),
    ("invoices", "error: no format has the ending of 'invoices': use {formats}\n"),
    ("there.csv", "error: {}/there.csv: the file exists already\n"),
    ("nowhere/invoices.csv", "error: {}/nowhere/invoices.csv: there is no such folder\n"),
    ("there.csv/invoices.csv", "error: {}/there.csv/invoices.csv: Not a directory\n"),
    ("directory.csv --overwrite", "error: {}/directory.csv: the path exists and is not a plain file\n"),
    ("link.csv --overwrite", "error: {}/link.csv: the path exists and is not a plain file\n"),
]


@pytest.mark.parametrize(("path", "line"), BAD_PATHS, ids=[path for path, _ in BAD_PATHS])
def test_a_path_that_cannot_be_is_refused_before_anything_is_asked_for(cli: Any, tmp_path: Path, path: str, line: str) -> None:
    there = tmp_path / "there.csv"
    there.write_text(OLD)
    (tmp_path / "directory.csv").mkdir()
    (tmp_path / "link.csv").symlink_to(there)
    name, *options = path.split(" ")
    run = cli("export", str(tmp_path / name), *options)  # without credentials: they are looked at later
    assert (run.code, run.err) == (2, line.format(tmp_path, formats=", ".join(FORMATS_OF_EXPORT)))
    assert there.read_text() == OLD
    assert len(list(tmp_path.iterdir())) == 3


def test_an_existing_file_is_replaced_when_told_to(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "invoices.jsonl"
    path.write_text(OLD)
    assert cli("export", str(path), "--overwrite", "--sandbox", "--sandbox-invoices", "3").code == 0
    assert len(read_ids(path)) == 3


@pytest.mark.parametrize("ending", FORMATS)
async def test_a_walk_that_fails_in_the_middle_leaves_everything_as_it_was(
    cli_here: Any, environment: Any, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"invoices.{ending}"
    path.write_text(OLD)
    page = envelope([{"id": number} for number in range(1, 251)], total=500, limit=250)
    async with ScriptedServer([page, answer({"code": 403, "data": {"errMsg": "Access denied"}}, status=403)]) as server:
        environment("abc123", "token", server.base_url)
        run = await cli_here("export", str(path), "--overwrite")
    assert (run.code, run.err) == (1, "error: GET /invoices: Access denied (HTTP 403)\n")
    assert path.read_text() == OLD
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (signal.SIGINT, 130, "error: interrupted\n"),
        (signal.SIGTERM, 143, "error: stopped by SIGTERM\n"),
        (signal.SIGHUP, 129, "error: stopped by SIGHUP\n"),
    ],
)
async def test_a_signal_in_the_middle_leaves_everything_as_it_was(
    *, program: Any, environment: Any, tmp_path: Path, number: signal.Signals, code: int, line: str
) -> None:
    path = tmp_path / "invoices.csv"
    path.write_text(OLD)
    async with Sandbox(invoices=500, max_limit=20, latency=0.05) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        running = await program("export", str(path), "--overwrite")
        while sandbox.request_count < 3:
            await asyncio.sleep(0.01)
        assert len(list(tmp_path.iterdir())) == 2  # it is being written
        running.process.send_signal(number)
        run = await running.end()
    assert (run.code, run.err, run.out) == (code, line, "")
    assert path.read_text() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_a_terminal_gets_a_bar(cli: Any, terminal: Any, tmp_path: Path) -> None:
    with terminal("stderr") as screen:
        cli("export", str(tmp_path / "invoices.csv"), "--sandbox", "--sandbox-invoices", "150")
    assert "150/150" in screen.getvalue()
    assert screen.getvalue().endswith("guarantee: best_effort\n") or "guarantee: complete" in screen.getvalue()


def test_without_a_terminal_a_line_comes_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([100.0, 101.0, 105.0, 106.0, 112.0])
    with lines(every=5.0, clock=lambda: next(times)) as report:
        for done, total in ((10, None), (50, None), (60, 240), (240, 240)):
            report(done, total)
    assert capsys.readouterr().err == "50 of ? invoices, 10 a second\n240 of 240 invoices, 20 a second\n"


def test_the_summary_tells_what_was_odd() -> None:
    report = WalkReport(guarantee="complete", anomalies=("pages out of order", "no total count"))
    text = "3 invoices, 2 requests in 60.0 s (2 requests a minute), guarantee: complete"
    assert summary(3, 2, 60.0, report) == text + "; oddities: pages out of order; no total count"


def test_a_reader_of_stderr_that_has_gone_does_not_undo_an_export(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    command = f"{sys.executable} -m bigcommerce_b2b_invoices.cli export {path} --sandbox --verbose 2>&1 >/dev/null | true; exit ${{PIPESTATUS[0]}}"
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 0
    assert len(path.read_text().splitlines()) == 1000


def test_an_export_needs_neither_stdout_nor_stderr(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    command = f"{sys.executable} -m bigcommerce_b2b_invoices.cli export {path} --sandbox >&- 2>&-"
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 0
    assert len(path.read_text().splitlines()) == 1000


async def test_an_export_that_may_lack_rows_says_so_and_ends_with_3(cli_here: Any, environment: Any, tmp_path: Path) -> None:
    rows = [{"id": number} for number in range(1, 8)]  # no times and no numbers: nothing proves that these are all
    async with ScriptedServer([envelope(rows, total=7, limit=250)]) as server:
        environment("abc123", "token", server.base_url)
        run = await cli_here("export", str(tmp_path / "all.jsonl"))

    assert run.code == 3
    assert "could not prove" in run.err
    assert read_ids(tmp_path / "all.jsonl") == list(range(1, 8))


async def test_an_export_of_300_of_900_says_so_and_ends_with_3(cli_here: Any, environment: Any, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    rows = [{"id": number, "createdAt": 1_700_000_000 + number} for number in range(1, 301)]
    pages = [
        envelope(rows[:250], total=900, limit=250),
        envelope(rows[248:], total=900, limit=250),
        envelope([], total=900, limit=250),
    ]
    async with ScriptedServer(pages) as server:
        environment("abc123", "token", server.base_url)
        run = await cli_here("export", str(path))

    assert run.code == 3
    assert "could not prove" in run.err
    assert "900" in run.err
    assert read_ids(path) == list(range(1, 301))


def test_an_order_with_ties_is_a_doubt_that_the_export_names(cli: Any, tmp_path: Path) -> None:
    run = cli("export", str(tmp_path / "all.csv"), "--sandbox", "--sandbox-invoices", "30", "--sort-by", "status")
    assert run.code == 3
    assert run.err.endswith("any order, and rows may have moved between its pages\n")


async def test_unreadable_invoices_are_named_left_out_and_cost_code_3(cli_here: Any, environment: Any, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    bad = {"openBalance": {"code": "USD", "value": "much"}}
    rows = [{"id": number, "createdAt": 1_700_000_000 + number, **(bad if number in (2, 4) else {})} for number in range(1, 6)]
    async with ScriptedServer([envelope(rows, total=5, limit=250)]) as server:
        environment("abc123", "token", server.base_url)
        run = await cli_here("export", str(path))

    errors = [line for line in run.err.splitlines() if line.startswith("error: ")]
    assert run.code == 3
    assert [number for error in errors for number in (2, 4) if f"of invoice {number}:" in error] == [2, 4]
    assert read_ids(path) == [1, 3, 5]


@pytest.mark.parametrize("name", ["a\0.csv", "\ud800.csv", "x" * 300 + ".csv"], ids=["null", "half a character", "long"])
def test_a_name_that_no_file_can_have_is_code_2(cli: Any, tmp_path: Path, name: str) -> None:
    run = cli("export", str(tmp_path / name), "--sandbox")
    assert (run.code, run.err.count("\n")) == (2, 1)
    assert run.err.startswith(f"error: {tmp_path}")
    assert list(tmp_path.iterdir()) == []
