"""`b2b-invoices mirror`: a copy in a database, told in one line or one object."""

import json
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra mirror")

from sqlalchemy import make_url

from bigcommerce_b2b_invoices.sandbox import Sandbox

NAMES_ARE_QUOTED = pytest.mark.skipif(
    make_url("sqlite:///%20").database == "%20", reason="before SQLAlchemy 2.1, a percent sign in a file's name is just that"
)


@pytest.fixture
def sandbox(environment: Callable[[str, str, str], None]) -> Iterator[Sandbox]:
    with Sandbox(invoices=120) as running:
        environment(running.store_hash, running.auth_token, running.base_url)
        yield running


def count(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("select count(*) from invoices").fetchone()[0])
    finally:
        connection.close()


def test_the_first_run_reads_everything_and_the_next_what_was_changed(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    first = cli("mirror", f"sqlite:///{path}", "--json", "--quiet")
    sandbox.add(invoiceNumber="N")
    second = cli("mirror", f"sqlite:///{path}")
    told = json.loads(first.out)

    assert (first.code, first.err, told["inserted"], told["guarantee"], told["anomalies"]) == (0, "", 120, "complete", [])
    assert (second.code, second.out) == (0, "")
    assert second.err.startswith("1 new, 0 changed, 0 deleted, 0 unchanged; 1 requests in ")
    assert count(path) == 121


def test_the_url_may_come_from_the_environment(cli: Any, sandbox: Sandbox, tmp_path: Path, monkeypatch: Any) -> None:
    assert cli("mirror").code == 2
    monkeypatch.setenv("BIGCOMMERCE_MIRROR_URL", f"sqlite:///{tmp_path}/x.db")
    assert cli("mirror", "--full").code == 0
    assert count(tmp_path / "x.db") == 120


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("nonsense", 2),
        ("mysql://user:s3cret@host/db", 2),
        ("sqlite:////proc/nowhere/x.db", 1),
        ("postgresql://user:s3cret@host:x/db", 2),
        ("postgresql://user:s3cret@host:s3cret/db", 2),
        ("postgresql://user:s3cret@[::1/db", 2),
        ("postgresql://user@127.0.0.1:1/db?sslmode=s3cret&password=s3cret", 1),
        ("postgresql://user@127.0.0.1:1/db?sslmode=s3cret&password=other", 1),
        ("postgresql://user@127.0.0.1:1/db?passwort=s3cret", 2),
        ("postgresql://user@127.0.0.1:1/db?password=s3%40cret&sslmode=s3%40cret", 1),
        ("sqlite:////tmp/x.db?timeout=s3cret", 2),
        ("sqlite:////tmp/x.db?uri=s3cret", 2),
        pytest.param("sqlite:////tmp/x%00.db", 2, marks=NAMES_ARE_QUOTED),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line_without_its_password(cli: Any, sandbox: Sandbox, url: str, code: int) -> None:
    if "@127.0.0.1:1/" in url:  # one that reads as the URL of a database
        pytest.importorskip("psycopg", reason="needs the extra postgres")
    run = cli("mirror", url)
    assert (run.code, run.out, run.err.count("\n"), "cret" in run.err) == (code, "", 1, False)
    assert "unexpected" not in run.err
    assert sandbox.requests == []


def test_too_many_deletions_are_refused_with_what_to_do(cli_here: Any, cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    assert cli("mirror", url).code == 0
    assert cli("delete", *map(str, sandbox.invoice_ids[:80]), "--yes", "--quiet").code == 0
    run = cli("mirror", url, "--full")
    assert (run.code, "max_deleted" in run.err, count(tmp_path / "x.db")) == (1, True, 120)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_watching_ends_cleanly(program: Any, sandbox: Sandbox, tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "x.db"
    running = await program("mirror", f"sqlite:///{path}", "--watch", "0.1", "--json")
    assert json.loads(await running.process.stdout.readline())["inserted"] == 120
    sandbox.add(invoiceNumber="N")
    while json.loads(await running.process.stdout.readline())["inserted"] != 1:
        pass
    running.process.send_signal(number)
    ended = await running.end()
    assert ended.code == (130 if number == signal.SIGINT else 143)
    assert count(path) == 121
