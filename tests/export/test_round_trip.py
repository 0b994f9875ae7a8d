"""Invoices with every quirk of the wire, through each format and back by a reader of its own: equal in number, time and text.

The test writes 1,000 invoices. For more: `python tests/export/test_round_trip.py 10000`.
"""

import asyncio
import csv
import gzip
import io
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any

import attrs
import pytest

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "support")]

import duckdb
import pyarrow.parquet as pq
from conftest import connect
from quirks import add_quirks
from workbook_reader import read_workbook

from bigcommerce_b2b_invoices import Invoice, InvoiceQuery, Money, RateLimiter, from_json, to_json
from bigcommerce_b2b_invoices.export import ARROW_SCHEMA, COLUMNS, bare, write_invoices
from bigcommerce_b2b_invoices.sandbox import Sandbox

ENDINGS = [".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet", ".duckdb", ".xlsx"]
Rows = list[dict[str, Any]]


# ---- what must come back ---------------------------------------------------------------------------------------------


def shown(text: str) -> str:
    """A text with escapes in place of halves of characters, which UTF-8 lacks."""
    return text.encode("utf-8", "backslashreplace").decode()


def plain(value: Any) -> Any:
    """A field as every format can say it: times in UTC, members of an enum as numbers."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return int(value) if isinstance(value, IntEnum) else value


def flat(model: Any, names: Iterable[str]) -> dict[str, Any]:
    """These fields of a model. Money is two, opaque JSON is what the text of it means."""
    row: dict[str, Any] = {}
    for name in names:
        value = getattr(model, name.removesuffix("_currency"))
        if name in ("custom_fields", "additional_properties"):
            row[name] = None if value in (None, {}) else opaque(value)
        elif isinstance(value, Money):
            row[name] = shown(value.code) if name.endswith("_currency") else value.value
        else:
            row[name] = plain(value)
    return row


def opaque(value: Any) -> Any:
    """JSON as it is parsed from text, with exact numbers."""
    if isinstance(value, dict):
        return {key: opaque(each) for key, each in value.items()}
    return [opaque(each) for each in value] if isinstance(value, list | tuple) else value


def parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text, parse_float=Decimal)


def as_arrow(invoice: Invoice) -> dict[str, Any]:
    """The row of an invoice in a columnar format, with opaque JSON parsed."""
    lists = [field.name for field in ARROW_SCHEMA if hasattr(field.type, "value_type")]
    row = flat(invoice, [name for name in ARROW_SCHEMA.names if name not in (*lists, "raw")])
    for name in lists:
        names = [field.name for field in ARROW_SCHEMA.field(name).type.value_type]
        is_null = name != "extra_fields" and not invoice.details
        row[name] = None if is_null else [flat(part, names) for part in getattr(invoice, name)]
    return {**row, "raw": to_json(invoice)}


def as_sheet(invoice: Invoice) -> dict[str, Any]:
    """The row of an invoice in CSV and Excel: what is empty is left out."""
    row = flat(invoice, [name for name in COLUMNS if name not in ("line_item_count", "extra_fields", "status", "source")])
    for name in ("status", "source"):
        value = getattr(invoice, name)
        row[name] = value.name.lower() if isinstance(value, IntEnum) else None if value is None else str(value)
    row |= {"id": str(invoice.id), "channel_id": None if invoice.channel_id is None else str(invoice.channel_id)}
    row["line_item_count"] = Decimal(len(invoice.line_items)) if invoice.details else None
    row["extra_fields"] = [json.loads(to_json(each)) for each in invoice.extra_fields] or None
    return {name: value for name, value in row.items() if value is not None and value != ""}


# ---- the readers -----------------------------------------------------------------------------------------------------


def text_of(path: Path) -> str:
    written = path.read_bytes()
    return (gzip.decompress(written) if path.suffix == ".gz" else written).decode()


def csv_rows_of(path: Path) -> Rows:
    rows = csv.DictReader(io.StringIO(text_of(path), newline=""))
    return [{name: csv_value(name, cell) for name, cell in row.items() if cell} for row in rows]


def csv_value(name: str, cell: str) -> Any:
    if name in ("original_balance", "open_balance", "line_item_count"):
        return Decimal(cell)
    if name in ("due_date", "created_at", "updated_at"):
        return datetime.fromisoformat(cell)
    if name == "is_pending_payment":
        return cell == "true"
    return json.loads(cell) if name == "extra_fields" else bare(cell)


def columnar(rows: Rows) -> Rows:
    """Rows of a columnar format, with opaque JSON parsed."""
    for row in rows:
        for parts in row.values():
            for part in parts if isinstance(parts, list) else ():
                part.update({name: parsed(part[name]) for name in ("custom_fields", "additional_properties") if name in part})
    return rows


def duckdb_rows(sql: str, path: Path | None = None) -> Rows:
    with duckdb.connect(":memory:" if path is None else str(path), read_only=path is not None) as database:
        database.execute("set timezone = 'UTC'")
        return columnar(database.sql(sql).to_arrow_table().to_pylist())


def excel_rows(path: Path) -> Rows:
    rows = read_workbook(path)["invoices"]
    for row in rows:
        row |= {name: Decimal(str(row[name])) for name in ("original_balance", "open_balance") if name in row}
        if "extra_fields" in row:
            row |= {"extra_fields": json.loads(str(row["extra_fields"]))}
    return [{name: value for name, value in row.items() if value != ""} for row in rows]


def excel_items(path: Path) -> Rows:
    rows: Rows = [dict(row) for row in read_workbook(path)["line_items"]]
    for row in rows:
        row |= {name: parsed(row[name]) for name in ("custom_fields", "additional_properties") if name in row}
        row |= {name: Decimal(row[name]) for name in ("quantity", "unit_price", "unit_discount") if name in row}
    return [{name: value for name, value in row.items() if value not in ("", None)} for row in rows]


def items(invoices: Iterable[Invoice]) -> Rows:
    """The rows of the second sheet."""
    rows = []
    for invoice in invoices:
        for position, item in enumerate(invoice.line_items):
            names = [each.name for each in attrs.fields(type(item))]
            row = flat(item, [*names, "unit_price_currency", "unit_discount_currency"])
            row |= {"invoice_id": str(invoice.id), "invoice_number": plain(invoice.invoice_number), "position": Decimal(position)}
            rows.append({name: value for name, value in row.items() if value is not None and value != ""})
    return rows


# ---- the test --------------------------------------------------------------------------------------------------------


async def store(count: int) -> list[Invoice]:
    """The invoices of a sandbox, half of them odd."""
    async with Sandbox(invoices=count // 2) as sandbox:
        add_quirks(sandbox, count - count // 2)
        async with connect(sandbox, rate_limiter=RateLimiter(1_000_000)) as client:
            found = [invoice async for invoice in client.invoices.iterate(InvoiceQuery(include_extra_fields=True))]
    assert len({invoice.id for invoice in found}) == len(found) == count
    return found


async def each_of(invoices: list[Invoice]) -> AsyncIterator[Invoice]:
    for invoice in invoices:
        yield invoice


def check(ending: str, path: Path, invoices: list[Invoice]) -> None:
    """Read a file back and compare."""
    if ending.startswith(".jsonl"):
        same(text_of(path).splitlines(), invoices, lambda line: from_json(Invoice, line), lambda invoice: invoice)
    elif ending.startswith(".csv"):
        same(csv_rows_of(path), invoices, dict, as_sheet)
    elif ending == ".xlsx":
        same(excel_rows(path), invoices, dict, lambda invoice: to_the_millisecond(as_sheet(invoice)))
        same(excel_items(path), items(invoices), dict, dict)
    elif ending == ".duckdb":
        same(duckdb_rows("from invoices", path), invoices, dict, as_arrow)
    else:
        same(columnar(pq.read_table(path).to_pylist()), invoices, dict, as_arrow)
        same(duckdb_rows(f"from read_parquet('{path}')"), invoices, dict, as_arrow)
        if polars := sys.modules.get("polars"):
            same(columnar(polars.read_parquet(path).to_dicts()), invoices, dict, as_arrow)


def to_the_millisecond(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its times as exact as Excel's."""
    times = {name: value for name, value in row.items() if isinstance(value, datetime)}
    return row | {name: time.replace(microsecond=round(time.microsecond, -3)) for name, time in times.items()}


def same(found: Iterable[Any], wanted: Iterable[Any], read: Callable[[Any], Any], say: Callable[[Any], Any]) -> None:
    found, wanted = list(found), list(wanted)
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert read(one) == say(other)


@pytest.fixture(scope="module")
def invoices() -> list[Invoice]:
    return asyncio.run(store(1000))


@pytest.mark.parametrize("ending", ENDINGS)
async def test_every_invoice_comes_back_equal(tmp_path: Path, invoices: list[Invoice], ending: str) -> None:
    path = tmp_path / f"x{ending}"
    assert await write_invoices(path, each_of(invoices)) == len(invoices)
    check(ending, path, invoices)


async def test_polars_reads_parquet_too(tmp_path: Path, invoices: list[Invoice]) -> None:
    pytest.importorskip("polars", reason="polars is not installed")
    path = tmp_path / "x.parquet"
    await write_invoices(path, each_of(invoices))
    check(".parquet", path, invoices)


def test_the_invoices_are_as_odd_as_they_should_be(invoices: list[Invoice]) -> None:
    assert sum(bool(invoice.additional_properties.get("dueDate")) for invoice in invoices) > 10  # times that cannot be read
    assert {type(invoice.status) for invoice in invoices} > {int, type(None)}
    assert sum("\\ud800" in to_json(invoice) for invoice in invoices) > 50
    assert any(invoice.open_balance and len(invoice.open_balance.value.as_tuple().digits) == 38 for invoice in invoices)
    assert sum(item.quantity == Decimal("1e-9") for invoice in invoices for item in invoice.line_items) > 5


async def main(count: int) -> None:
    """Write and read so many invoices."""
    with suppress(ImportError):
        import polars as pl  # noqa: F401 - `check` looks for it  # pyright: ignore[reportMissingImports]
    found = await store(count)
    with tempfile.TemporaryDirectory() as folder:
        for ending in ENDINGS:
            path = Path(folder) / f"x{ending}"
            await write_invoices(path, each_of(found))
            check(ending, path, found)
            sys.stdout.write(f"{ending}: {count:,} invoices are equal\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
