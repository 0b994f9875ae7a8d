"""Parquet: row groups of one schema, read back by pyarrow, DuckDB and polars."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from bigcommerce_b2b_invoices import (
    B2BClient,
    ConfigurationError,
    ExtraField,
    Invoice,
    InvoiceContents,
    InvoiceDetails,
    InvoiceQuery,
    LineItem,
    Money,
    to_json,
)
from bigcommerce_b2b_invoices.export import ARROW_SCHEMA, UnfitError, arrow_batches, open_export, write_invoices

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
AMOUNTS = [Decimal("349.50"), Decimal("1e-9"), Decimal("-12345678901234567890.123456789"), Decimal(0), None]


async def of(*invoices: Invoice) -> AsyncIterator[Invoice]:
    for invoice in invoices:
        yield invoice


def amounts() -> list[Invoice]:
    return [
        Invoice(id=number, open_balance=amount if amount is None else Money("USD", amount), due_date=NOON)
        for number, amount in enumerate(AMOUNTS, 1)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.parquet"


async def test_a_file_holds_the_rows_of_the_batches(path: Path, client: B2BClient) -> None:
    query = InvoiceQuery(include_extra_fields=True)
    count = await write_invoices(path, client.invoices.iterate(query))
    rows = [row async for batch in arrow_batches(client.invoices.iterate(query)) for row in batch.to_pylist()]
    found = pq.read_table(path)

    assert found.schema == ARROW_SCHEMA
    assert found.to_pylist() == rows
    assert count == found.num_rows == 60
    assert any(row["line_items"] for row in rows)


async def test_each_row_group_has_the_same_types_whatever_its_rows_hold(path: Path) -> None:
    empty, full = [Invoice(id=1)] * 1000, [*amounts(), Invoice(id=9, extra_fields=(ExtraField("A", "1"),))]
    await write_invoices(path, of(*empty, *full))
    file = pq.ParquetFile(path)

    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [1000, 6]
    assert file.schema_arrow == ARROW_SCHEMA
    assert file.read_row_group(1)["open_balance"].to_pylist() == [*AMOUNTS, None]
    assert {file.metadata.row_group(0).column(index).compression for index in range(20)} == {"ZSTD"}


async def test_invoices_with_many_parts_make_smaller_row_groups(path: Path) -> None:
    items = tuple(LineItem(sku="A") for _ in range(10_000))
    large = Invoice(id=1, details=InvoiceDetails(details=InvoiceContents(line_items=items)))
    await write_invoices(path, of(large, large, Invoice(id=2), large))
    file = pq.ParquetFile(path)

    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [2, 2]
    assert [len(row["line_items"] or ()) for row in file.read().to_pylist()] == [10_000, 10_000, 0, 10_000]


async def test_without_invoices_there_is_a_file_with_the_schema(path: Path) -> None:
    assert await write_invoices(path, of()) == 0
    assert (pq.read_schema(path), pq.read_table(path).num_rows) == (ARROW_SCHEMA, 0)


async def test_duckdb_reads_exact_amounts_and_times_in_utc(path: Path) -> None:
    await write_invoices(path, of(*amounts()))
    with duckdb.connect() as database:
        rows = database.execute("select open_balance, epoch(due_date) from read_parquet($1) order by id", [str(path)]).fetchall()
        total = database.execute("select sum(open_balance), typeof(open_balance) from read_parquet($1) group by 2", [str(path)])
        first = total.fetchone()

    assert [row[0] for row in rows] == AMOUNTS
    assert {row[1] for row in rows} == {NOON.timestamp()}
    assert first == (Decimal("-12345678901234567540.623456788"), "DECIMAL(38,9)")


async def test_polars_reads_exact_amounts_and_times_in_utc(path: Path) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    await write_invoices(path, of(*amounts()))
    frame: Any = polars.read_parquet(path)

    assert frame["open_balance"].to_list() == AMOUNTS
    assert frame["due_date"].to_list() == [NOON] * len(AMOUNTS)


async def test_columns_choose_and_order_those_of_the_schema(path: Path) -> None:
    await write_invoices(path, of(*amounts()), columns=["raw", "open_balance", "id"])
    found = pq.read_table(path)

    assert found.schema.names == ["raw", "open_balance", "id"]
    assert found["raw"].to_pylist() == [to_json(invoice) for invoice in amounts()]


@pytest.mark.parametrize("ending", [".parquet", ".duckdb"])
@pytest.mark.parametrize("columns", [["line_item_count"], ["id", "id"], []])
async def test_columns_that_it_lacks_are_refused_before_a_file_is_made(path: Path, ending: str, columns: list[str]) -> None:
    with pytest.raises(ConfigurationError, match=r"line_item_count|each only once"):
        await write_invoices(path.with_suffix(ending), of(), columns=columns)
    assert [*path.parent.iterdir()] == []


@pytest.mark.parametrize("ending", [".parquet", ".duckdb"])
@pytest.mark.parametrize("before", [0, 2500])
async def test_an_amount_that_does_not_fit_leaves_no_file(path: Path, ending: str, before: int) -> None:
    bad = Invoice(id=77, original_balance=Money("USD", Decimal("1e-10")))
    with pytest.raises(UnfitError, match=r"^invoice 77: original_balance is 1E-10, .*a \.jsonl or \.csv file can hold it$"):
        await write_invoices(path.with_suffix(ending), of(*[Invoice(id=1)] * before, bad, Invoice(id=2)))
    assert [*path.parent.iterdir()] == []


@pytest.mark.parametrize("ending", [".parquet", ".duckdb", ".xlsx"])
@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
async def test_an_error_leaves_the_old_file_and_nothing_else(path: Path, ending: str, error: BaseException) -> None:
    old = path.with_suffix(ending)
    old.write_text("old")
    with pytest.raises(type(error)):
        async with open_export(old, overwrite=True) as export:
            for number in range(1, 1500):
                await export.write(Invoice(id=number))
            raise error
    assert old.read_text() == "old"
    assert [*path.parent.iterdir()] == [old]


@pytest.mark.parametrize("ending", [".parquet", ".duckdb", ".xlsx"])
async def test_a_file_that_replaces_another_keeps_its_permissions_and_a_new_one_is_the_owners(path: Path, ending: str) -> None:
    target = path.with_suffix(ending)
    await write_invoices(target, of(Invoice(id=1)))
    new = target.stat().st_mode & 0o777
    target.chmod(0o640)
    await write_invoices(target, of(Invoice(id=1)), overwrite=True)

    assert (new, target.stat().st_mode & 0o777) == (0o600, 0o640)
    assert [*path.parent.iterdir()] == [target]


@pytest.mark.parametrize("ending", [".parquet", ".duckdb", ".xlsx"])
async def test_a_cancelled_task_leaves_nothing_at_every_step(path: Path, ending: str) -> None:
    """Cancelled after 0, 1, 2, ... milliseconds: either there is no file, or it is complete."""
    target, outcomes = path.with_suffix(ending), set[bool]()
    for step in range(12):
        task = asyncio.ensure_future(write_invoices(target, of(*[Invoice(id=1)] * 250), overwrite=True))
        await asyncio.sleep(step * 0.002)
        task.cancel()
        await asyncio.wait([task])
        left = [*path.parent.iterdir()]
        assert left in ([], [target])
        target.unlink(missing_ok=True)
        outcomes.add(bool(left))
    assert False in outcomes


@pytest.mark.parametrize(
    ("ending", "package", "extra"),
    [(".parquet", "pyarrow", "parquet"), (".duckdb", "duckdb", "duckdb"), (".duckdb", "pyarrow", "duckdb"), (".xlsx", "xlsxwriter", "excel")],
)  # fmt: skip
async def test_a_missing_package_is_named_with_its_extra(
    path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, package: str, extra: str
) -> None:
    for module in [name for name in sys.modules if name.startswith(("bigcommerce_b2b_invoices.export.", package))]:
        monkeypatch.delitem(sys.modules, module)
    for name in ("arrow", "fields", "parquet", "duckdb", "excel", "workbook"):
        monkeypatch.delattr(f"bigcommerce_b2b_invoices.export.{name}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(ConfigurationError, match=rf"pip install 'bigcommerce-b2b-invoices\[{extra}\]'"):
        await write_invoices(path.with_suffix(ending), of())
    assert [*path.parent.iterdir()] == []
