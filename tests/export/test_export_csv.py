"""CSV: the columns, and cells that neither a spreadsheet nor a parser can misread."""

import csv
import json
import re
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from bigcommerce_b2b_invoices import (
    ConfigurationError,
    ExtraField,
    Invoice,
    InvoiceContents,
    InvoiceDetails,
    InvoiceSource,
    InvoiceStatus,
    LineItem,
    Money,
)
from bigcommerce_b2b_invoices.export import COLUMNS, Style, bare
from bigcommerce_b2b_invoices.export.csv import CELLS, CSVText, text_cell
from bigcommerce_b2b_invoices.export.formulas import safe_json
from bigcommerce_b2b_invoices.export.text import TextSink

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
    "extra_fields": '[{"fieldName":"Region","fieldValue":"North, \\u003d1+1"},{"fieldName":"Region"}]',
}


def write(path: Path, *invoices: Invoice) -> bytes:
    with path.open("wb") as file:
        text = CSVText(CELLS, Style())
        sink = TextSink(file, text.row, header=text.header())
        for invoice in invoices:
            sink.write(invoice)
        sink.finish()
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


FORMULA = "=HYPERLINK(0)"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "\r\n", "\n", "\r", "\v", "\f", "\x85", "\u2028"])
@pytest.mark.parametrize("between", ["", " ", "  ", '"', "''", '" "', "\xa0", "\0"], ids=repr)
def test_no_text_is_a_formula_after_any_separator(separator: str, between: str) -> None:
    cell = text_cell(f"ACME{separator}{between}{FORMULA}{separator}end")
    assert cell == f"ACME{separator}{between}'{FORMULA}{separator}end"


@pytest.mark.parametrize("number", ["-5", "+5", "-5.00", "1;-2.5;3", "-1E5", "7|-3", "-5 ", "1-2", "a-b", "a=b", "INV-2026-1"])
def test_a_number_in_a_text_is_left_alone(number: str) -> None:
    assert text_cell(number) == number


@pytest.mark.parametrize("almost", ["-5+1", "-5A", "+1=2", "-", "1;-2*3", "-5;=1", "--5"])
def test_what_only_begins_like_a_number_is_not(almost: str) -> None:
    assert "'" in text_cell(almost)


@given(text=st.text(alphabet="=+-@'\";,|\t\n\r\0 a5.E＝", max_size=12) | st.text())
def test_the_apostrophes_can_be_taken_off_again(text: str) -> None:
    assert bare(text_cell(text)) == text


@given(
    value=st.recursive(
        st.text(alphabet='=+-@,;"\\ a', max_size=8) | st.integers(-9, 9), lambda inner: st.lists(inner, max_size=4)
    )
)
def test_json_in_a_cell_is_the_same_json_without_a_formula(value: object) -> None:
    text = safe_json(json.dumps(value, separators=(",", ":")))
    assert json.loads(text) == value
    assert not re.search(r"""[,;]["\s]*[=+@]""", text)


def test_a_long_text_of_separators_takes_no_long_time() -> None:
    text = " " * 50_000 + "\n" * 50_000 + "-" * 50_000
    began = time.process_time()
    text_cell(text)
    assert time.process_time() - began < 2  # it would be minutes if each character looked at all others


def test_a_style_sets_mark_delimiter_and_columns(tmp_path: Path) -> None:
    text = CSVText(CELLS, Style(columns=["invoice_number", "id"], bom=True, delimiter=";"))
    assert text.header() + text.row(Invoice(id=1, invoice_number="A;B")) == '\ufeffinvoice_number;id\r\n"A;B";1\r\n'


@pytest.mark.parametrize("delimiter", ["", ",,", "a", '"', "\n", "'"])
def test_a_delimiter_that_no_reader_knows_is_refused(delimiter: str) -> None:
    with pytest.raises(ConfigurationError, match="delimiter"):
        CSVText(CELLS, Style(delimiter=delimiter))


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
