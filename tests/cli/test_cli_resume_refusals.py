"""`export --resume` loses nothing, whatever lies beside the target, and whatever stops it."""

import asyncio
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bigcommerce_b2b_invoices import Invoice, from_json
from bigcommerce_b2b_invoices.sandbox import Sandbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "all.csv"


@pytest.fixture
def sandbox_of_its_own(environment: Any) -> Iterator[Sandbox]:
    with Sandbox(invoices=5) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        yield sandbox


def beside(path: Path) -> tuple[Path, Path]:
    return path.with_name(f".{path.name}.resume"), path.with_name(f".{path.name}.resume.json")


async def stopped(program: Any, environment: Any, sandbox: Sandbox, path: Path, *options: str) -> None:
    """An export that a lost network stopped after some checkpoints."""
    environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
    sandbox.fail(times=1000, status=403, path="/invoices")
    sandbox.clear()
    running = await program("export", str(path), "--resume", *options)
    while not beside(path)[1].exists():
        await asyncio.sleep(0.005)
    sandbox.fail(times=1000, status=403)
    run = await running.end()
    sandbox.clear()
    assert run.code == 1
    assert "run the same command again to go on" in run.err
    assert not path.exists()


async def test_the_same_command_goes_on_after_an_error_and_reads_only_the_rest(
    program: Any, environment: Any, path: Path
) -> None:
    async with Sandbox(invoices=1500, max_limit=50, latency=0.01) as sandbox:
        await stopped(program, environment, sandbox, path)
        done = json.loads(beside(path)[1].read_text())["count"]
        before = sandbox.request_count
        run = await (await program("export", str(path), "--resume")).end()
        assert (run.code, f"going on after {done} invoices" in run.err) == (0, True)
        assert sandbox.request_count - before <= (1500 - done) / 48 + 4
    assert len(path.read_text().splitlines()) == 1501
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("options", "other"),
    [
        (["--status", "open"], "filters"),
        (["--columns", "id"], "columns"),
        (["--bom"], "bom"),
        (["--delimiter", ";"], "delimiter"),
    ],
    ids=str,
)
async def test_another_command_is_refused_and_the_first_can_still_go_on(
    program: Any, cli_here: Any, environment: Any, path: Path, options: list[str], other: str
) -> None:
    async with Sandbox(invoices=600, max_limit=50, latency=0.01) as sandbox:
        await stopped(program, environment, sandbox, path)
        kept = [each.read_bytes() for each in beside(path)]
        refused = await cli_here("export", str(path), "--resume", *options)
        still = [each.read_bytes() for each in beside(path)]
        assert (refused.code, still == kept) == (2, True)
        assert f"belongs to an export with another {other}" in refused.err
        assert (await cli_here("export", str(path), "--resume")).code == 0


async def test_another_store_is_refused(program: Any, cli_here: Any, environment: Any, path: Path) -> None:
    async with Sandbox(invoices=600, max_limit=50, latency=0.01) as sandbox, Sandbox(invoices=3, seed=9) as other:
        await stopped(program, environment, sandbox, path)
        environment(other.store_hash, other.auth_token, other.base_url)
        refused = await cli_here("export", str(path), "--resume")
    assert (refused.code, "another store" in refused.err) == (2, True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99}', "null"], ids=repr)
async def test_a_damaged_checkpoint_is_refused(program: Any, cli_here: Any, environment: Any, path: Path, text: str) -> None:
    rows, checkpoint = beside(path)
    async with Sandbox(invoices=600, max_limit=50, latency=0.01) as sandbox:
        await stopped(program, environment, sandbox, path)
        checkpoint.write_text(text)
        kept = rows.read_bytes()
        refused = await cli_here("export", str(path), "--resume")
    assert (refused.code, "is damaged" in refused.err, rows.read_bytes() == kept) == (2, True, True)


@pytest.mark.parametrize(
    "change",
    [
        {"scope": []},
        {"scope": 7},
        {"scope": None},
        {"length": "1"},
        {"length": -1},
        {"length": True},
        {"length": 1.5},
        {"count": None},
        {"count": []},
        {"unreadable": {}},
        {"bookmark": None},
        {"bookmark": ""},
        {"bookmark": 5},
    ],
    ids=str,
)
def test_a_checkpoint_of_another_shape_is_refused(
    cli: Any, path: Path, sandbox_of_its_own: Sandbox, change: dict[str, Any]
) -> None:
    rows, checkpoint = beside(path)
    rows.write_text("precious")
    good = {"version": 1, "scope": {}, "bookmark": "x", "length": 1, "count": 1, "unreadable": 0}
    checkpoint.write_text(json.dumps({**good, **change}))
    refused = cli("export", str(path), "--resume")
    assert (refused.code, "is damaged" in refused.err, rows.read_text()) == (2, True, "precious")
    assert f"or delete {checkpoint.name} and {rows.name} to begin again" in refused.err


@pytest.mark.parametrize("kind", ["deep", "fifo", "folder", "link"])
def test_a_checkpoint_that_cannot_be_read_is_refused(cli: Any, path: Path, sandbox_of_its_own: Sandbox, kind: str) -> None:
    rows, checkpoint = beside(path)
    rows.write_text("precious")
    if kind == "deep":
        checkpoint.write_text("[" * 200_000)
    elif kind == "fifo":
        os.mkfifo(checkpoint)
    elif kind == "folder":
        checkpoint.mkdir()
    else:
        checkpoint.symlink_to(path.with_name("elsewhere"))
    refused = cli("export", str(path), "--resume")
    assert (refused.code, "to begin again" in refused.err, rows.read_text()) == (2, True, "precious")


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo", "leftover"])
async def test_a_checkpoint_is_written_to_a_file_of_its_own(cli_here: Any, environment: Any, path: Path, kind: str) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_text("precious")
    new = path.with_name(f".{path.name}.resume.json.new")
    if kind == "link":
        new.symlink_to(elsewhere)
    elif kind == "hard link":
        new.hardlink_to(elsewhere)
    elif kind == "fifo":
        os.mkfifo(new)
    else:
        new.write_text("x" * 10_000)
    async with Sandbox(invoices=600, max_limit=250) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        run = await asyncio.wait_for(cli_here("export", str(path), "--resume"), 20)
    assert (run.code, elsewhere.read_text()) == (0, "precious")
    assert sorted(path.parent.iterdir()) == [path, elsewhere]


async def test_a_bookmark_of_another_version_is_refused(program: Any, cli_here: Any, environment: Any, path: Path) -> None:
    rows, checkpoint = beside(path)
    async with Sandbox(invoices=600, max_limit=50, latency=0.01) as sandbox:
        await stopped(program, environment, sandbox, path)
        checkpoint.write_text(json.dumps({**json.loads(checkpoint.read_text()), "bookmark": "AAAA"}))
        refused = await cli_here("export", str(path), "--resume")
    assert (refused.code, "cannot be continued" in refused.err, rows.exists()) == (2, True, True)


async def test_rows_that_are_missing_are_noticed(program: Any, cli_here: Any, environment: Any, path: Path) -> None:
    rows, _ = beside(path)
    async with Sandbox(invoices=600, max_limit=50, latency=0.01) as sandbox:
        await stopped(program, environment, sandbox, path)
        with rows.open("r+b") as file:
            file.truncate(1000)
        refused = await cli_here("export", str(path), "--resume")
    assert (refused.code, "is shorter than its checkpoint says" in refused.err) == (2, True)


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_what_is_no_plain_file_is_not_written_to(cli: Any, path: Path, kind: str) -> None:
    rows, _ = beside(path)
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_text("precious")
    if kind == "link":
        rows.symlink_to(elsewhere)
    elif kind == "folder":
        rows.mkdir()
    else:
        os.mkfifo(rows)
    run = cli("export", str(path), "--resume", "--sandbox", "--sandbox-invoices", "5")
    assert run.code in (1, 2)
    assert run.err.startswith("error: ")
    assert elsewhere.read_text() == "precious"
    assert not path.exists()


async def test_the_same_export_cannot_run_twice_at_once(program: Any, environment: Any, path: Path) -> None:
    async with Sandbox(invoices=1000, max_limit=50, latency=0.6) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        first = await program("export", str(path), "--resume")
        while not beside(path)[0].exists():
            await asyncio.sleep(0.005)
        second = await (await program("export", str(path), "--resume")).end()
        run = await first.end()
    assert (second.code, run.code) == (2, 0)
    assert "another export with --resume is writing this file" in second.err
    assert len(path.read_text().splitlines()) == 1001


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of file sizes")
def test_a_full_disk_is_told_and_the_export_goes_on_later(environment: Any, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    with Sandbox(invoices=2000) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        command = [sys.executable, "-m", "bigcommerce_b2b_invoices.cli", "export", str(path), "--resume"]

        def run(limit: int | None) -> "subprocess.CompletedProcess[str]":
            code = "import signal, resource, runpy, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
            code += "" if limit is None else f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
            code += "sys.argv = ['b2b-invoices', *sys.argv[1:]]; "
            code += "runpy.run_module('bigcommerce_b2b_invoices.cli', run_name='__main__')"
            return subprocess.run([sys.executable, "-c", code, *command[3:]], capture_output=True, text=True, check=False)

        full = run(1_500_000)
        assert (full.returncode, path.exists()) == (1, False)
        assert "File too large" in full.stderr
        assert "run the same command again to go on" in full.stderr
        ended = run(None)
    assert ended.returncode == 0, ended.stderr
    ids = [from_json(Invoice, line).id for line in path.read_text().splitlines()]
    assert sorted(ids) == sorted(sandbox.invoice_ids)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


async def test_a_file_that_had_its_name_already_is_not_touched_by_the_next_run(cli_here: Any, path: Path) -> None:
    """Killed after the file appeared, before what lies beside it was deleted."""
    rows, checkpoint = beside(path)
    options = ["--resume", "--sandbox", "--sandbox-invoices", "500"]
    assert (await cli_here("export", str(path), *options)).code == 0
    whole = path.read_bytes()
    rows.hardlink_to(path)
    checkpoint.write_text("{}")
    assert (await cli_here("export", str(path), *options)).code == 2
    assert path.read_bytes() == whole
    assert (await cli_here("export", str(path), *options, "--overwrite")).code == 0
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]


async def test_a_finished_file_that_was_moved_away_is_not_touched(cli_here: Any, path: Path) -> None:
    """Killed between the file's own name and the removal of the other one; then somebody renames the file."""
    rows, checkpoint = beside(path)
    options = ["--resume", "--sandbox", "--sandbox-invoices", "500"]
    assert (await cli_here("export", str(path), *options)).code == 0
    january = path.rename(path.with_name("january.csv"))
    rows.hardlink_to(january)
    checkpoint.write_text("{}")
    whole = january.read_bytes()
    assert (await cli_here("export", str(path), *options)).code == 0
    assert january.read_bytes() == whole == path.read_bytes()
    assert not january.samefile(path)


def test_a_checkpoint_without_rows_vouches_for_no_later_rows(cli: Any, path: Path, sandbox_of_its_own: Sandbox) -> None:
    """Killed when the rows had their name, before their checkpoint was deleted; the next run stops before its first one."""
    checkpoint = beside(path)[1]
    checkpoint.write_text("{}")
    sandbox_of_its_own.fail(times=1000, status=403)
    assert cli("export", str(path), "--resume").code == 1
    assert not checkpoint.exists()
    sandbox_of_its_own.clear()
    assert cli("export", str(path), "--resume").code == 0
    assert len(path.read_text().splitlines()) == 6


def test_without_resume_nothing_is_kept(cli: Any, path: Path) -> None:
    assert cli("export", str(path), "--sandbox", "--sandbox-invoices", "5", "--status", "open", "--sort-by", "id").code in (
        0,
        2,
        3,
    )
    assert [each for each in path.parent.iterdir() if each != path] == []


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.parquet", "a.xlsx"])
def test_only_rows_of_text_can_be_resumed(cli: Any, tmp_path: Path, name: str) -> None:
    run = cli("export", str(tmp_path / name), "--resume", "--sandbox")
    assert (run.code, "can be resumed" in run.err or "no format" in run.err) == (2, True)
    assert list(tmp_path.iterdir()) == []
