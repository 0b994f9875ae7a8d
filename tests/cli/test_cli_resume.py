"""`export --resume`, killed at random moments: the file is whole in the end, and has each invoice once.

`python tests/cli/test_cli_resume.py 50` kills 50 times; the test does a tenth of it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs
import pytest

from bigcommerce_b2b_invoices import Invoice, from_json
from bigcommerce_b2b_invoices.sandbox import Sandbox

KILLS = 5
INVOICES = 3000
STOPS = (signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
# A slow disk: a checkpoint takes long enough to be killed in the middle of it.
START = """
import os, runpy, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
fsync = os.fsync
os.fsync = lambda descriptor: (time.sleep(0.02), fsync(descriptor))
sys.argv[0] = 'b2b-invoices'
runpy.run_module('bigcommerce_b2b_invoices.cli', run_name='__main__')
"""


@attrs.define
class Counts:
    kills: int = 0
    between: int = 0  # the first and the last checkpoint
    inside: int = 0  # while a checkpoint was written


def start(sandbox: Sandbox, path: Path) -> "subprocess.Popen[str]":
    environ = {
        **os.environ,
        "BIGCOMMERCE_STORE_HASH": sandbox.store_hash,
        "BIGCOMMERCE_ACCESS_TOKEN": sandbox.auth_token,
        "BIGCOMMERCE_B2B_BASE_URL": sandbox.base_url,
    }
    command = [sys.executable, "-c", START, "export", str(path), "--resume", "--requests-per-minute", "100000"]
    return subprocess.Popen(command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def resumed(folder: Path, rng: random.Random, counts: Counts, *, kills: int, changes: bool, ending: str) -> None:
    """One export, killed so often and then left alone."""
    path = folder / f"all{ending}"
    checkpoint = folder / f".all{ending}.resume.json"
    with Sandbox(invoices=INVOICES, seed=rng.randrange(100), latency=0.02, max_limit=100) as sandbox:
        before = set(sandbox.invoice_ids)
        if changes:
            sandbox.drift(inserts=1, deletes=1, edits=1)
        for _ in range(kills):
            before_it = sandbox.request_count
            process = start(sandbox, path)
            while sandbox.request_count == before_it and process.poll() is None:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.9))
            stop = rng.choice(STOPS)
            process.send_signal(stop)
            _, err = process.communicate(timeout=20)
            if path.exists():  # too late: it had ended
                break
            assert process.returncode in (-signal.SIGKILL, 130, 128 + signal.SIGTERM), (process.returncode, stop, err)
            if stop != signal.SIGKILL and checkpoint.exists():
                assert "run the same command again to go on" in err
            counts.kills += 1
            counts.between += checkpoint.exists() and json.loads(checkpoint.read_text())["count"] < INVOICES
            counts.inside += checkpoint.with_name(f"{checkpoint.name}.new").exists()
            assert sandbox.auth_token not in "".join(each.read_text() for each in folder.iterdir())
            assert all(each.stat().st_mode & 0o777 == 0o600 for each in folder.iterdir())
        sandbox.drift()
        if not path.exists():
            _, err = (process := start(sandbox, path)).communicate(timeout=30)
            assert process.returncode in (0, 3), err
            assert process.returncode == 0 or changes, err
        left = set(sandbox.invoice_ids) & before
        undisturbed = folder / f"undisturbed{ending}"
        if not changes:
            _, err = (process := start(sandbox, undisturbed)).communicate(timeout=30)
            assert process.returncode == 0, err
    rows = path.read_text(encoding="utf-8").splitlines()
    ids = [int(row.partition(",")[0]) for row in rows[1:]] if ending == ".csv" else [from_json(Invoice, row).id for row in rows]
    assert len(ids) == len(set(ids))
    assert left <= set(ids)
    if not changes:
        assert path.read_bytes() == undisturbed.read_bytes()
        undisturbed.unlink()
    rows_file = checkpoint.with_suffix("")  # stays, as a second name of the file, if the kill came right after the file appeared
    assert path in folder.iterdir()
    assert {*folder.iterdir()} <= {path, rows_file, checkpoint}
    assert not rows_file.exists() or rows_file.samefile(path)


@pytest.mark.parametrize("answered", range(1, 8))
async def test_a_resumed_export_counts_each_unreadable_invoice_once(
    cli_here: Any, environment: Any, tmp_path: Path, answered: int
) -> None:
    path = tmp_path / "all.jsonl"
    async with Sandbox(invoices=0, max_limit=10) as sandbox:
        for number in range(60):
            sandbox.add(invoiceNumber=f"N{number}", openBalance={"code": "USD", "value": "1" if number % 3 else "x"})
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        sandbox.fail(times=answered, delay=0.001)
        sandbox.fail(times=99, status=403)
        stopped = await cli_here("export", str(path), "--resume")
        assert (stopped.code, path.exists()) == (1, False)
        sandbox.clear()
        ended = await cli_here("export", str(path), "--resume", "--json")
    assert (ended.code, len(path.read_text().splitlines()), json.loads(ended.out)["unreadable"]) == (3, 40, 20)


def kill(kills: int, seed: int, folder: Path) -> Counts:
    """So many kills, of several exports; others change the store during every second one."""
    rng, counts, export = random.Random(seed), Counts(), 0
    while counts.kills < kills:
        own = folder / str(export)
        own.mkdir()
        wanted = min(5, kills - counts.kills)
        resumed(own, rng, counts, kills=wanted, changes=export % 2 == 1, ending=(".csv", ".jsonl")[export // 2 % 2])
        export += 1
    return counts


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_an_export_that_is_killed_again_and_again_has_each_invoice_once(tmp_path: Path) -> None:
    counts = kill(KILLS, 7, tmp_path)
    assert counts.kills == KILLS
    assert counts.between >= KILLS / 2


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 50
        sys.stdout.write(f"{kill(wanted, 1, Path(name))}\n")
