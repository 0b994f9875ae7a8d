"""A mirror that is killed with -9 at random moments, while others change the store, is equal to the store in the end.

`python tests/mirror/test_mirror_kills.py 50 [postgresql]` kills 50 times; the test does a tenth of it.
"""

import asyncio
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

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "support")]

import postgres_server
import sqlalchemy as sa
from mirror_check import assert_equal, connect, rows_of
from sqlalchemy.exc import SQLAlchemyError

from bigcommerce_b2b_invoices.sandbox import Sandbox

KILLS = 5
START = "import runpy, sys; sys.argv[0] = 'b2b-invoices'; runpy.run_module('bigcommerce_b2b_invoices.cli', run_name='__main__')"


@attrs.define
class Counts:
    kills: int = 0
    in_sweep: int = 0  # between two commits of a sweep
    complete_with_deletions: int = 0


def start(sandbox: Sandbox, url: str, *options: str) -> "subprocess.Popen[str]":
    environ = {
        **os.environ,
        "BIGCOMMERCE_STORE_HASH": sandbox.store_hash,
        "BIGCOMMERCE_ACCESS_TOKEN": sandbox.auth_token,
        "BIGCOMMERCE_B2B_BASE_URL": sandbox.base_url,
    }
    command = [sys.executable, "-c", START, "mirror", url, *options, "--json", "--requests-per-minute", "100000"]
    return subprocess.Popen(command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def in_sweep(url: str, store_hash: str) -> bool:
    """Whether a sweep has committed a page, and has not ended."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            found = connection.execute(
                sa.text("select bookmark from sync_state where store_hash = :store"), {"store": store_hash}
            ).scalar()
        return bool(found)
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()


def ids_in(url: str, store_hash: str) -> set[int]:
    """The invoices that the mirror holds; none before its tables are made."""
    try:
        return {row["id"] for row in rows_of(url, store_hash)["invoices"]}
    except SQLAlchemyError:
        return set()


def killed(url: str, rng: random.Random, counts: Counts, *, kills: int) -> None:
    """One mirror, killed so often while the store changes, and then left alone."""
    with Sandbox(invoices=1200, seed=rng.randrange(50), latency=0.03, max_limit=100) as sandbox:
        known: set[int] = set()
        for turn in range(kills):
            sandbox.drift(inserts=1, deletes=1, edits=1)
            before = sandbox.request_count
            process = start(sandbox, url, *(["--full"] if turn % 3 else []))
            while sandbox.request_count == before and process.poll() is None:
                time.sleep(0.002)
            time.sleep(rng.uniform(0.0, 1.2))
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate(timeout=20)
            assert process.returncode in (-signal.SIGKILL, 0, 3), (out, err)
            counts.kills += process.returncode == -signal.SIGKILL
            counts.in_sweep += process.returncode == -signal.SIGKILL and in_sweep(url, sandbox.store_hash)
            now = ids_in(url, sandbox.store_hash)
            assert known & set(sandbox.invoice_ids) <= now  # no row was deleted that exists
            known = now
        sandbox.drift()
        for _ in range(3):
            victims = rng.sample(sandbox.invoice_ids, 3)
            process = start(sandbox, url, "--full")
            out, err = process.communicate(timeout=40)
            assert process.returncode in (0, 3), err
            told = json.loads(out)
            counts.complete_with_deletions += told["guarantee"] == "complete" and told["deleted"] > 0
            asyncio.run(_delete(sandbox, victims))
        process = start(sandbox, url, "--full")
        out, err = process.communicate(timeout=40)
        assert process.returncode == 0, err
        asyncio.run(_compare(sandbox, url))


async def _delete(sandbox: Sandbox, ids: list[int]) -> None:
    async with connect(sandbox) as client:
        for invoice_id in ids:
            await client.invoices.delete(invoice_id)


async def _compare(sandbox: Sandbox, url: str) -> None:
    async with connect(sandbox) as client:
        await assert_equal(url, client)


def kill(kills: int, seed: int, url_of: Any) -> Counts:
    """So many kills, of several mirrors."""
    rng, counts, mirror = random.Random(seed), Counts(), 0
    while counts.kills < kills:
        killed(url_of(mirror), rng, counts, kills=min(5, kills - counts.kills))
        mirror += 1
    return counts


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_mirror_in_sqlite_that_is_killed_is_equal_in_the_end(tmp_path: Path) -> None:
    counts = kill(KILLS, 4, lambda number: f"sqlite:///{tmp_path}/{number}.db")
    assert counts.in_sweep >= 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_mirror_in_postgresql_that_is_killed_is_equal_in_the_end(postgres: postgres_server.PostgresServer) -> None:
    counts = kill(KILLS, 5, lambda _number: _empty(postgres.url))
    assert counts.in_sweep >= 1


def _empty(url: str) -> str:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("drop schema public cascade"))
        connection.execute(sa.text("create schema public"))
    engine.dispose()
    return url


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as name:
        if sys.argv[2:] == ["postgresql"]:
            with postgres_server.running(Path(name)) as server:
                counts = kill(wanted, 1, lambda _number: _empty(server.url))
        else:
            counts = kill(wanted, 1, lambda number: f"sqlite:///{name}/{number}.db")
    sys.stdout.write(f"{counts}\n")
