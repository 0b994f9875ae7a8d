"""DuckDB: a database of one table that appears whole or not at all, with exact amounts and times in UTC."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from bigcommerce_b2b_invoices import B2BClient, Invoice, InvoiceQuery, Money
from bigcommerce_b2b_invoices.export import ARROW_SCHEMA, arrow_batches, write_invoices
from bigcommerce_b2b_invoices.files import LEFTOVER

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


async def of(*invoices: Invoice) -> AsyncIterator[Invoice]:
    for invoice in invoices:
        yield invoice


def read(path: Path, sql: str = "from invoices") -> Any:
    """The answer of another connection, which may only read."""
    with duckdb.connect(str(path), read_only=True) as database:
        database.execute("set timezone = 'UTC'")
        return database.sql(sql).to_arrow_table()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.duckdb"


async def test_a_database_holds_the_rows_of_the_batches(path: Path, client: B2BClient) -> None:
    query = InvoiceQuery(include_extra_fields=True)
    await write_invoices(path, client.invoices.iterate(query))
    rows = [row async for batch in arrow_batches(client.invoices.iterate(query)) for row in batch.to_pylist()]
    found = read(path)

    assert found.to_pylist() == rows
    assert found.schema.names == ARROW_SCHEMA.names
    assert {name: found.schema.field(name).type for name in ("id", "status", "open_balance", "due_date")} == {
        "id": pa.int64(),
        "status": pa.int32(),
        "open_balance": pa.decimal128(38, 9),
        "due_date": pa.timestamp("us", "UTC"),
    }
    assert [*path.parent.iterdir()] == [path]


async def test_its_only_table_is_invoices_with_the_types_of_the_schema(path: Path) -> None:
    await write_invoices(path, of())

    types = read(path, "select column_name, data_type from duckdb_columns() where not internal").to_pydict()
    named = dict(zip(types["column_name"], types["data_type"], strict=True))

    assert read(path, "select table_name from duckdb_tables()")["table_name"].to_pylist() == ["invoices"]
    assert [*named] == ARROW_SCHEMA.names
    assert (named["open_balance"], named["due_date"]) == ("DECIMAL(38,9)", "TIMESTAMP WITH TIME ZONE")
    assert named["extra_fields"] == "STRUCT(field_name VARCHAR, field_value VARCHAR, additional_properties VARCHAR)[]"


async def test_rows_of_many_blocks_are_there_once_each(path: Path) -> None:
    path = path.with_name("it's.duckdb")
    rows = (Invoice(id=number, open_balance=Money("USD", Decimal(number) / 100), due_date=NOON) for number in range(1, 20_002))
    await write_invoices(path, of(*rows))

    (found,) = read(path, "select count(*) n, count(distinct id) d, sum(open_balance) s, min(epoch(due_date)) t from invoices").to_pylist()  # fmt: skip

    assert found == {"n": 20_001, "d": 20_001, "s": Decimal("2000300.01"), "t": NOON.timestamp()}


async def test_a_text_with_any_character_comes_back(path: Path) -> None:
    text = "a\0b\r\n'\"; drop table invoices; --é😀"
    await write_invoices(path, of(Invoice(id=1, customer_name=text)))
    assert read(path)["customer_name"].to_pylist() == [text]


CROWDED = """
import asyncio, resource, sys
from pathlib import Path
from bigcommerce_b2b_invoices import Invoice
from bigcommerce_b2b_invoices.export import write_invoices

async def rows():
    for number in range(1, int(sys.argv[2])):
        yield Invoice(id=number, customer_name=f"company {number * 7919 % 60_000}")

for room in range(20_000, 3_000_000, 60_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        asyncio.run(write_invoices(sys.argv[1], rows()))
    except OSError as error:
        print("no file", error.errno, sorted(each.name for each in Path(sys.argv[1]).parent.iterdir()))
    else:
        print("whole")
        break
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit to the size of files")
@pytest.mark.parametrize("rows", [299, 2999])  # the log of few rows fits where the database does not
def test_wherever_the_disk_is_full_there_is_a_whole_database_or_an_error(path: Path, rows: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CROWDED, path, str(rows + 1)], capture_output=True, text=True, timeout=50, check=True
    )
    told = ended.stdout.splitlines()

    assert set(told[:-1]) == {"no file 27 []"}
    assert len(told) > 5
    assert told[-1] == "whole"
    assert read(path, "select count(*) from invoices").to_pylist() == [{"count_star()": rows}]


ENDLESS = """
import asyncio, sys
from bigcommerce_b2b_invoices import Invoice
from bigcommerce_b2b_invoices.export import write_invoices

async def rows():
    for number in range(1, 10_000_000):
        yield Invoice(id=number)
        if number == 3000:
            print("begun", flush=True)

asyncio.run(write_invoices(sys.argv[1], rows()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
@pytest.mark.parametrize("ending", [".duckdb", ".xlsx"])
async def test_what_a_killed_process_leaves_is_private_and_swept_a_day_later(path: Path, ending: str) -> None:
    target = path.with_suffix(ending)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", ENDLESS, target, stdout=subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    process.kill()
    await process.wait()
    left = [*path.parent.iterdir()]
    modes = {each.stat().st_mode & 0o777 for each in left}
    await write_invoices(target, of())
    young = {*path.parent.iterdir()}
    long_ago = time.time() - LEFTOVER - 60
    for each in [*left, *(inner for folder in left if folder.is_dir() for inner in folder.iterdir())]:
        os.utime(each, (long_ago, long_ago))
    await write_invoices(target, of(), overwrite=True)

    assert target not in left
    assert modes == {0o600, 0o700}
    assert young == {*left, target}
    assert [*path.parent.iterdir()] == [target]
