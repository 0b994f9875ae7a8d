"""CSV: the columns, and cells that neither a spreadsheet nor a parser can misread."""

import csv
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from bigcommerce_b2b_invoices import (
    ExtraField,
    Invoice,
    InvoiceContents,
    InvoiceDetails,
    InvoiceSource,
    InvoiceStatus,
    LineItem,
    Money,
)
from bigcommerce_b2b_invoices.export.csv import COLUMNS, CSVWriter, text_cell

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)

FULL = Invoice(
    id=7,
    invoice_number="00007",
    customer_id="0042",
    customer_name='Smith, "Jones"\r\n& Co',
    type="Invoice",
    status=InvoiceStatus.PARTIALLY_PAID,
    is_pending_payment=False,
    source=InvoiceSource.B2B_EDITION,
    original_balance=Money("USD", Decimal("1E+3")),
    open_balance=Money("EUR", Decimal("-5.00")),
    due_date=NOON.astimezone(timezone(timedelta(hours=9))),
    created_at=NOON,
    updated_at=NOON.replace(microsecond=250_000),
    order_number="100",
    purchase_order_number="-PO-1",
    external_id="E1",
    external_customer_id="@home",
    channel_id=-1,
    channel_name="Übersee",
    external_pdf_url="https://example.com/7.pdf",
    terms_conditions="\ttabbed",
    details=InvoiceDetails(details=InvoiceContents(line_items=(LineItem(sku="A"), LineItem(sku="B")))),
    extra_fields=(ExtraField("Region", "North, =1+1"), ExtraField("Region", None)),
)
FULL_ROW = {
    "id": "7",
    "invoice_number": "00007",
    "customer_id": "0042",
    "customer_name": 'Smith, "Jones"\r\n& Co',
    "type": "Invoice",
    "status": "partially_paid",
    "is_pending_payment": "false",
    "source": "b2b_edition",
    "original_balance": "1000",
    "original_balance_currency": "USD",
    "open_balance": "-5.00",
    "open_balance_currency": "EUR",
    "due_date": "2026-01-31T12:00:00Z",
    "created_at": "2026-01-31T12:00:00Z",
    "updated_at": "2026-01-31T12:00:00.250000Z",
    "order_number": "100",
    "purchase_order_number": "'-PO-1",
    "external_id": "E1",
    "external_customer_id": "'@home",
    "channel_id": "-1",
    "channel_name": "Übersee",
    "external_pdf_url": "https://example.com/7.pdf",
    "terms_conditions": "'\ttabbed",
    "line_item_count": "2",
    "extra_fields": '[{"fieldName":"Region","fieldValue":"North, =1+1"},{"fieldName":"Region"}]',
}


def write(path: Path, *invoices: Invoice) -> bytes:
    with path.open("wb") as file:
        writer = CSVWriter(file)
        for invoice in invoices:
            writer.write(invoice)
        writer.close()
    return path.read_bytes()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_holds_the_invoice_in_columns_with_the_names_of_its_attributes(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", FULL)
    assert read(tmp_path / "x.csv") == [FULL_ROW]


def test_what_the_api_left_out_is_an_empty_cell(tmp_path: Path) -> None:
    written = write(tmp_path / "x.csv", Invoice(id=1))
    assert written == f"{','.join(COLUMNS)}\r\n1{',' * (len(COLUMNS) - 1)}\r\n".encode()


def test_a_status_that_has_no_name_stays_a_number(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", Invoice(id=1, status=9, source=8))
    assert (read(tmp_path / "x.csv")[0]["status"], read(tmp_path / "x.csv")[0]["source"]) == ("9", "8")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠"])
def test_no_text_is_a_formula(tmp_path: Path, start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"
    write(tmp_path / "x.csv", Invoice(id=1, customer_name=text, open_balance=Money(text, Decimal(-1))))
    row = read(tmp_path / "x.csv")[0]
    assert (row["customer_name"], row["open_balance_currency"], row["open_balance"]) == (f"'{text}", f"'{text}", "-1")


def test_a_lone_surrogate_is_written_as_an_escape(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", Invoice(id=1, customer_name="a\ud800b"))
    assert read(tmp_path / "x.csv")[0]["customer_name"] == r"a\ud800b"


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_without_a_name_in_utc_keeps_its_own(tmp_path: Path, edge: str) -> None:
    write(tmp_path / "x.csv", Invoice(id=1, due_date=datetime.fromisoformat(edge)))
    assert read(tmp_path / "x.csv")[0]["due_date"] == edge


@given(texts=st.lists(st.text(), min_size=3, max_size=3))
def test_any_text_comes_back_from_any_csv_reader(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    number, name, terms = texts
    write(path, Invoice(id=1, invoice_number=number, customer_name=name, terms_conditions=terms), Invoice(id=2))
    first, second = read(path)
    assert [first["invoice_number"], first["customer_name"], first["terms_conditions"]] == [text_cell(text) for text in texts]
    assert (first["id"], second["id"]) == ("1", "2")
