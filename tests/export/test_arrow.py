"""Record batches: one schema, exact values, and no walk left behind."""

import asyncio
import pickle
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from conftest import connect

from bigcommerce_b2b_invoices import (
    B2BClient,
    ConfigurationError,
    ConnectFailedError,
    CostLine,
    ExtraField,
    Invoice,
    InvoiceContents,
    InvoiceDetails,
    InvoiceHeader,
    InvoiceSource,
    InvoiceStatus,
    LineItem,
    Money,
    Shipment,
    to_json,
)
from bigcommerce_b2b_invoices.export import ARROW_SCHEMA, COLUMNS, UnfitError, arrow_batches
from bigcommerce_b2b_invoices.export.arrow import INVOICES
from bigcommerce_b2b_invoices.export.extras import ARROW_COLUMNS
from bigcommerce_b2b_invoices.sandbox import Sandbox

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MOST = Decimal("99999999999999999999999999999.999999999")  # of decimal128(38, 9)

FULL = Invoice(
    id=7,
    invoice_number="00007",
    customer_id="0042",
    status=InvoiceStatus.PARTIALLY_PAID,
    is_pending_payment=False,
    source=InvoiceSource.B2B_EDITION,
    original_balance=Money("USD", Decimal("1E+3")),
    open_balance=Money("EUR", Decimal("-5.00")),
    due_date=NOON.astimezone(timezone(timedelta(hours=9))),
    created_at=NOON.replace(microsecond=1),
    channel_id=-1,
    details=InvoiceDetails(
        header=InvoiceHeader(cost_lines=(CostLine(description="Freight", amount=Money("USD", Decimal("1e-9"))),)),
        details=InvoiceContents(
            line_items=(
                LineItem(
                    sku="A",
                    quantity=Decimal("1.0000000000"),
                    unit_price=Money("USD", Decimal("0.10")),
                    custom_fields={"weight": [Decimal("2.50"), None, "ü"]},
                    additional_properties={"lot": 9},
                ),
                LineItem(sku="B"),
            ),
            shipments=(Shipment(ship_via="Post", custom_fields=()),),
        ),
    ),
    extra_fields=(ExtraField("Region", "North"), ExtraField("Region")),
)
FULL_ROW = {
    **dict.fromkeys(ARROW_SCHEMA.names),
    "id": 7,
    "invoice_number": "00007",
    "customer_id": "0042",
    "status": 1,
    "is_pending_payment": False,
    "source": 0,
    "original_balance": Decimal(1000),
    "original_balance_currency": "USD",
    "open_balance": Decimal(-5),
    "open_balance_currency": "EUR",
    "due_date": NOON,
    "created_at": NOON.replace(microsecond=1),
    "channel_id": -1,
    "extra_fields": [
        {"field_name": "Region", "field_value": "North", "additional_properties": None},
        {"field_name": "Region", "field_value": None, "additional_properties": None},
    ],
    "line_items": [
        {
            "sku": "A",
            "type": None,
            "comments": None,
            "quantity": Decimal(1),
            "unit_price": Decimal("0.1"),
            "unit_price_currency": "USD",
            "description": None,
            "custom_fields": '{"weight":[2.50,null,"\\u00fc"]}',
            "unit_discount": None,
            "unit_discount_currency": None,
            "additional_properties": '{"lot":9}',
        },
        {
            **dict.fromkeys([*LineItem.__annotations__, "unit_price_currency", "unit_discount_currency"]),
            "sku": "B",
        },
    ],
    "cost_lines": [
        {"description": "Freight", "amount": Decimal("1e-9"), "amount_currency": "USD", "additional_properties": None}
    ],
    "shipments": [
        {
            **dict.fromkeys(["address_index", "ship_date", "tracking_number", "comments", "additional_properties"]),
            "ship_via": "Post",
            "custom_fields": "[]",
        }
    ],
    "raw": to_json(FULL),
}


async def of(*invoices: Invoice) -> AsyncIterator[Invoice]:
    for invoice in invoices:
        yield invoice


def row(invoice: Invoice) -> Any:
    return INVOICES.batch([invoice]).to_pylist()[0]


def with_amount(value: Decimal) -> Invoice:
    return Invoice(id=1, open_balance=Money("USD", value))


def test_the_schema_is_that_of_the_contract() -> None:
    amount, time = pa.decimal128(38, 9), pa.timestamp("us", "UTC")
    texts = {field.name for field in ARROW_SCHEMA if field.type == pa.string()}
    others = {field.name: field.type for field in ARROW_SCHEMA if field.type != pa.string() and not pa.types.is_list(field.type)}
    flat = [name for name in COLUMNS if name != "line_item_count"]

    assert ARROW_SCHEMA.names == [*flat, "line_items", "cost_lines", "shipments", "raw"] == [*ARROW_COLUMNS]
    assert others == {
        "id": pa.int64(),
        "status": pa.int32(),
        "is_pending_payment": pa.bool_(),
        "source": pa.int32(),
        "original_balance": amount,
        "open_balance": amount,
        **dict.fromkeys(["due_date", "created_at", "updated_at"], time),
        "channel_id": pa.int64(),
    }
    assert texts == set(flat) - set(others) - {"extra_fields"} | {"raw"}
    for name, parts in {
        "line_items": LineItem,
        "cost_lines": CostLine,
        "shipments": Shipment,
        "extra_fields": ExtraField,
    }.items():
        names = [field.name for field in ARROW_SCHEMA.field(name).type.value_type]
        assert [each for each in names if not each.endswith("_currency")] == [*parts.__annotations__]


def test_a_row_holds_all_of_an_invoice() -> None:
    assert row(FULL) == FULL_ROW


def test_what_the_api_left_out_is_null_and_details_without_parts_are_empty_lists() -> None:
    bare, empty = row(Invoice(id=1)), row(Invoice(id=1, details=InvoiceDetails()))
    lists = ["line_items", "cost_lines", "shipments"]

    assert {name for name, value in bare.items() if value is not None} == {"id", "extra_fields", "raw"}
    assert [bare[name] for name in lists] == [None, None, None]
    assert [empty[name] for name in lists] == [[], [], []]


def test_lists_stay_with_their_invoices() -> None:
    def invoice(*skus: str) -> Invoice:
        return Invoice(id=1, details=InvoiceDetails(details=InvoiceContents(line_items=tuple(LineItem(sku=sku) for sku in skus))))

    batch = INVOICES.batch([invoice("a", "b"), Invoice(id=2), invoice(), invoice("c")])

    lists = batch["line_items"].to_pylist()
    assert [each and [item["sku"] for item in each] for each in lists] == [["a", "b"], None, [], ["c"]]


@pytest.mark.parametrize(
    "value", [MOST, MOST.copy_negate(), Decimal("1e-9"), Decimal("1E+28"), Decimal("2.500000000000"), Decimal("-0.00")]
)
def test_an_amount_that_fits_keeps_its_value(value: Decimal) -> None:
    assert row(with_amount(value))["open_balance"] == value


@pytest.mark.parametrize("value", [Decimal("1E+29"), Decimal("-1E+29"), Decimal("1e-10"), Decimal("0.1234567891")])
def test_an_amount_that_does_not_fit_is_refused_and_never_rounded(value: Decimal) -> None:
    with pytest.raises(UnfitError, match=r"^invoice 1: open_balance .*\.jsonl or \.csv") as caught:
        row(with_amount(value))

    assert (caught.value.invoice_id, caught.value.column) == (1, "open_balance")
    assert vars(pickle.loads(pickle.dumps(caught.value))) == vars(caught.value)  # noqa: S301 - our own


def test_an_amount_in_a_line_is_named_by_its_place() -> None:
    items = (LineItem(), LineItem(quantity=Decimal("1e-12")))
    bad = Invoice(id=3, details=InvoiceDetails(details=InvoiceContents(line_items=items)))

    with pytest.raises(UnfitError, match=r"invoice 3: line_items\[1\]\.quantity"):
        INVOICES.batch([FULL, bad, FULL])


@pytest.mark.parametrize(
    "bad", [Invoice(id=2**63), Invoice(id=1, status=2**31), Invoice(id=1, source=-(2**31) - 1), Invoice(id=1, channel_id=2**64)]
)
def test_a_number_that_does_not_fit_is_refused_and_never_wrapped(bad: Invoice) -> None:
    with pytest.raises(UnfitError, match="does not fit into"):
        row(bad)


def test_half_a_character_becomes_an_escape_and_any_other_text_stays() -> None:
    assert row(Invoice(id=1, customer_name="a\ud800b"))["customer_name"] == r"a\ud800b"
    assert row(Invoice(id=1, customer_name="\0é😀\u202e\r\n"))["customer_name"] == "\0é😀\u202e\r\n"


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00"])
def test_a_time_that_python_lacks_in_utc_is_exact(edge: str) -> None:
    time = datetime.fromisoformat(edge)
    since = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    array = INVOICES.batch([Invoice(id=1, due_date=time)])["due_date"]
    assert array.cast(pa.int64()).to_pylist() == [since]


# ---- the stream ------------------------------------------------------------------------------------------------------


async def test_batches_have_the_schema_and_so_many_rows(sandbox: Sandbox, client: B2BClient) -> None:
    batches = [batch async for batch in arrow_batches(client.invoices.iterate(), rows=25)]
    ids = [number for batch in batches for number in batch["id"].to_pylist()]

    assert [batch.num_rows for batch in batches] == [25, 25, 10]
    assert all(batch.schema == ARROW_SCHEMA for batch in batches)
    assert sorted(ids) == sorted(sandbox.invoice_ids)


@pytest.mark.parametrize(("invoices", "sizes"), [(0, []), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3])])
async def test_the_last_batch_is_never_empty(invoices: int, sizes: list[int]) -> None:
    rows = (Invoice(id=number) for number in range(1, invoices + 1))
    assert [batch.num_rows async for batch in arrow_batches(of(*rows), rows=3)] == sizes


@pytest.mark.parametrize("rows", [0, -1, True, 2.5])
def test_a_batch_of_no_rows_is_refused_at_once(rows: Any) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        arrow_batches(of(), rows=rows)


async def test_it_takes_invoices_only_when_a_batch_is_wanted_and_lets_go_of_the_walk() -> None:
    async with Sandbox(invoices=4000, latency=0.05) as sandbox, connect(sandbox) as client:
        before = asyncio.all_tasks()
        batches = arrow_batches(client.invoices.iterate(page_size=50, prefetch=4), rows=100)
        first = await anext(batches)
        await batches.aclose()
        left = {task for task in asyncio.all_tasks() - before if "fetch" in repr(task.get_coro()) and not task.done()}
        count = sandbox.request_count
        await asyncio.sleep(0.2)

        assert first.num_rows == 100
        assert left == set()
        assert sandbox.request_count == count < 12


async def test_an_invoice_that_does_not_fit_ends_the_walk_behind() -> None:
    closed = []

    async def bad() -> AsyncIterator[Invoice]:
        try:
            yield with_amount(Decimal("1e-10"))
            yield FULL
        finally:
            closed.append(True)

    with pytest.raises(UnfitError) as caught:  # which holds the frames
        async for _ in arrow_batches(bad(), rows=1):
            pass

    assert closed == [True]
    del caught


async def test_an_error_of_the_walk_passes_through_and_the_batches_before_it_stand() -> None:
    async def breaks() -> AsyncIterator[Invoice]:
        for number in range(1, 4):
            yield Invoice(id=number)
        raise ConnectFailedError("gone")

    got = []
    with pytest.raises(ConnectFailedError):
        async for batch in arrow_batches(breaks(), rows=2):
            got.append(batch.num_rows)  # noqa: PERF401 - what came before the error counts

    assert got == [2]


async def test_other_tasks_go_on_while_a_batch_is_made() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    counting = asyncio.ensure_future(count())
    async for _ in arrow_batches(of(*[FULL] * 4000), rows=4000):  # 0.2 s of work
        pass
    counting.cancel()

    assert turns > 10  # it would be none if the work were done between two turns of the loop
