"""Excel: texts are texts, numbers are exact, dates are dates, and what Excel lacks is a clear error."""

import errno
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from libre_office import needs_libreoffice, opened_in_libreoffice
from workbook_reader import NAMES, read_workbook, read_xml

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
from bigcommerce_b2b_invoices.export import COLUMNS, UnfitError, open_export, write_invoices
from bigcommerce_b2b_invoices.export.excel import ExcelSink
from bigcommerce_b2b_invoices.export.workbook import is_exact
from bigcommerce_b2b_invoices.files import appearing

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOSTILE = [
    "=1+1", "+1+1", "-1+1", "@SUM(1)", '=HYPERLINK("http://evil.example","x")', 'ACME;=HYPERLINK("http://evil.example")', "a,=1+1", "a\t=1+1",
    "a|=1+1", "a\n=1+1", "a\r\n=cmd|' /C calc'!A0", "{=1+1}", 'say "hi"', "''", "'=1", "http://evil.example", "mailto:a@evil.example",
    "internal:Sheet2!A1", "file:///etc/passwd", "00042", "12345678901234567890", "1E5", "1-2", "3/4", "TRUE", "#REF!", "12:30", " two  blanks ",
    "עברית \u202eabc", "😀👩‍👩‍👧", "\ufeffbom", "<b>&amp;</b>", "<r><t>rich</t></r>", "<r></c></row><evil/></r>", "]]>", "_x0041_", "_x005F_x0041_", "_x0041_x0041_", "_x0041\0_",
    "\ufffe\uffff", "\x1f\x7f\x85", "tab\tstop", "line\nbreak", "cr\rlf\r\n",
]  # fmt: skip


async def of(*invoices: Invoice) -> AsyncIterator[Invoice]:
    for invoice in invoices:
        yield invoice


async def written(path: Path, *invoices: Invoice, columns: list[str] | None = None) -> dict[str, list[dict[str, Any]]]:
    await write_invoices(path, of(*invoices), columns=columns)
    return read_workbook(path)


def with_items(invoice_id: int, *items: LineItem) -> Invoice:
    return Invoice(id=invoice_id, details=InvoiceDetails(details=InvoiceContents(line_items=items)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.xlsx"


async def test_a_row_holds_an_invoice_under_the_names_of_columns(path: Path) -> None:
    full = Invoice(
        id=7, invoice_number="00007", customer_id="0042", status=InvoiceStatus.PARTIALLY_PAID, is_pending_payment=False,
        source=InvoiceSource.EXTERNAL, original_balance=Money("USD", Decimal("1E+3")), open_balance=Money("EUR", Decimal("-5.10")),
        due_date=NOON.astimezone(timezone(timedelta(hours=9))), created_at=NOON.replace(microsecond=250_000), channel_id=-1,
        external_id="12345678901234567890", extra_fields=(ExtraField("Region", "North"),),
        details=InvoiceDetails(details=InvoiceContents(line_items=(LineItem(sku="A"), LineItem()))),
    )  # fmt: skip

    sheets = await written(path, full, Invoice(id=8, status=9))

    assert [*sheets] == ["invoices", "line_items"]
    assert sheets["invoices"] == [
        {
            "id": "7",
            "invoice_number": "00007",
            "customer_id": "0042",
            "status": "partially_paid",
            "is_pending_payment": False,
            "source": "external",
            "original_balance": Decimal(1000),
            "original_balance_currency": "USD",
            "open_balance": Decimal("-5.1"),
            "open_balance_currency": "EUR",
            "due_date": NOON,
            "created_at": NOON.replace(microsecond=250_000),
            "channel_id": "-1",
            "external_id": "12345678901234567890",
            "line_item_count": Decimal(2),
            "extra_fields": '[{"fieldName":"Region","fieldValue":"North"}]',
        },
        {"id": "8", "status": "9"},
    ]
    assert sheets["line_items"] == [
        {"invoice_id": "7", "invoice_number": "00007", "position": Decimal(0), "sku": "A"},
        {"invoice_id": "7", "invoice_number": "00007", "position": Decimal(1)},
    ]


async def test_the_line_items_hold_amounts_and_opaque_json(path: Path) -> None:
    item = LineItem(
        type="product", description="=1", quantity=Decimal("1.5"), unit_price=Money("USD", Decimal("0.10")), comments="c",
        unit_discount=Money("EUR", Decimal("1e-20")), custom_fields={"a": [Decimal("2.50")]}, additional_properties={"lot": None},
    )  # fmt: skip

    sheets = await written(path, with_items(1, item))

    assert sheets["line_items"] == [
        {
            "invoice_id": "1",
            "position": Decimal(0),
            "type": "product",
            "description": "=1",
            "quantity": Decimal("1.5"),
            "unit_price": Decimal("0.1"),
            "unit_price_currency": "USD",
            "unit_discount": Decimal("1e-20"),
            "unit_discount_currency": "EUR",
            "comments": "c",
            "custom_fields": '{"a":[2.50]}',
            "additional_properties": '{"lot":null}',
        }
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
async def test_a_text_stays_that_text(path: Path, text: str) -> None:
    invoice = Invoice(id=1, customer_name=text, details=InvoiceDetails(details=InvoiceContents(line_items=(LineItem(sku=text),))))

    sheets = await written(path, invoice)

    assert sheets["invoices"][0]["customer_name"] == text
    assert sheets["line_items"][0]["sku"] == text
    assert read_xml(path, "xl/worksheets/sheet1.xml").find("hyperlinks", NAMES) is None


@settings(max_examples=50)
@given(texts=st.lists(st.text(st.characters(codec="utf-8") | st.sampled_from("_x04\0"), min_size=1), min_size=1, max_size=20))
async def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("any") / "any.xlsx"
    sheets = await written(path, *(Invoice(id=1, customer_name=text) for text in texts))
    assert [row["customer_name"] for row in sheets["invoices"]] == texts


async def test_half_a_character_becomes_an_escape(path: Path) -> None:
    sheets = await written(path, Invoice(id=1, customer_name="a\ud800b"))
    assert sheets["invoices"][0]["customer_name"] == r"a\ud800b"


# ---- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["0", "-0.00", "0.10", "999999999999999", "0.000123456789012345", "1E+30", "-123456789012.345", "1e-30"]
)
async def test_an_amount_of_15_digits_is_a_number(path: Path, text: str) -> None:
    sheets = await written(path, Invoice(id=1, open_balance=Money("USD", Decimal(text))))
    found = sheets["invoices"][0]["open_balance"]
    assert isinstance(found, Decimal)
    assert found == Decimal(text)


@pytest.mark.parametrize(
    "text", ["1234567890123456", "0.1234567890123456", "99999999999999999999.999999999", "-1000000000000.001"]
)
async def test_an_amount_of_more_digits_is_its_exact_text(path: Path, text: str) -> None:
    sheets = await written(path, Invoice(id=1, open_balance=Money("USD", Decimal(text))))
    assert sheets["invoices"][0]["open_balance"] == text


@given(value=st.decimals(-(10**15), 10**15, allow_nan=False, places=4))
def test_a_number_that_is_called_exact_survives_the_way_through_excel(value: Decimal) -> None:
    stored = float(f"{float(value):.16G}")  # as XlsxWriter writes it, and a reader reads it
    assert not is_exact(format(value, "f")) or Decimal(f"{stored:.15g}") == value


# ---- dates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["1900-03-01T00:00:00Z", "2000-02-29T23:59:59.999Z", "9999-12-31T23:59:59Z", "2026-03-29T02:30:00+01:00"]
)
async def test_a_time_is_a_date_in_utc(path: Path, text: str) -> None:
    sheets = await written(path, Invoice(id=1, due_date=datetime.fromisoformat(text)))
    assert sheets["invoices"][0]["due_date"] == datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "text", ["1900-02-28T23:59:59Z", "1900-03-01T00:00:00+01:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:00:00-12:00"]
)  # fmt: skip
async def test_a_date_that_excel_lacks_is_an_error_and_leaves_no_file(path: Path, text: str) -> None:
    with pytest.raises(UnfitError, match=r"^invoice 5: due_date is .* Excel has no dates before March 1900") as caught:
        await written(path, Invoice(id=4), Invoice(id=5, due_date=datetime.fromisoformat(text)))

    assert (caught.value.invoice_id, caught.value.column) == (5, "due_date")
    assert [*path.parent.iterdir()] == []


# ---- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["x", "😀"])  # Excel counts an emoji as two
async def test_the_longest_text_fits_and_a_longer_one_is_an_error(path: Path, letter: str) -> None:
    units = len(letter.encode("utf-16-le")) // 2
    longest = letter * (32_767 // units)
    sheets = await written(path, Invoice(id=1, customer_name=longest))
    path.unlink()
    with pytest.raises(UnfitError, match=r"invoice 2: line_items\[1\]\.comments is a text of 32,76\d characters"):
        await written(path, with_items(2, LineItem(), LineItem(comments=longest + letter)))

    assert sheets["invoices"][0]["customer_name"] == longest
    assert [*path.parent.iterdir()] == []


async def test_more_rows_go_on_in_further_sheets(path: Path) -> None:
    async with appearing(path, overwrite=False) as part:
        sink = ExcelSink(part, ["id"], max_rows=3)
        for number in range(1, 9):
            sink.write(with_items(number, LineItem(sku=f"{number}")) if number < 4 else with_items(number))
        sink.finish()
        sink.close()

    sheets = read_workbook(path)

    assert {name: [row.get("id") for row in rows] for name, rows in sheets.items() if name != "line_items"} == {
        "invoices": ["1", "2", "3"],
        "invoices 2": ["4", "5", "6"],
        "invoices 3": ["7", "8"],
    }
    assert [row["sku"] for row in sheets["line_items"]] == ["1", "2", "3"]


# ---- the sheet -------------------------------------------------------------------------------------------------------


async def test_the_header_stays_in_view_and_has_a_filter_and_columns_have_widths(path: Path) -> None:
    await written(path, Invoice(id=1, customer_name="x" * 40, terms_conditions="y" * 500))
    sheet = read_xml(path, "xl/worksheets/sheet1.xml")
    pane, names = sheet.find("sheetViews/sheetView/pane", NAMES), COLUMNS
    widths = {
        names[number - 1]: float(each.get("width", 0))
        for each in sheet.iterfind("cols/col", NAMES)
        for number in range(int(each.get("min", 0)), int(each.get("max", 0)) + 1)
    }

    assert pane is not None
    assert (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")
    assert [each.get("ref") for each in sheet.iterfind("autoFilter", NAMES)] == ["A1:Y2"]
    assert 40 < widths["customer_name"] < 45
    assert 60 < widths["terms_conditions"] < 65


async def test_without_invoices_there_are_the_headers(path: Path) -> None:
    assert await written(path) == {"invoices": [], "line_items": []}


async def test_columns_choose_those_of_the_first_sheet(path: Path) -> None:
    sheets = await written(path, Invoice(id=1, invoice_number="n"), columns=["invoice_number", "id"])
    assert sheets["invoices"] == [{"invoice_number": "n", "id": "1"}]
    with pytest.raises(ConfigurationError, match="'raw'"):
        await written(path.with_name("y.xlsx"), columns=["raw"])


async def test_its_temporary_files_are_the_owners_alone_and_lie_beside_the_target(path: Path) -> None:
    async with open_export(path) as export:
        for number in range(1, 201):
            await export.write(with_items(number, LineItem()))
        folder = next(each for each in path.parent.iterdir() if each.is_dir())
        modes = {each.stat().st_mode & 0o777 for each in folder.iterdir()}
        mode = folder.stat().st_mode & 0o777

    assert (mode, modes) == (0o700, {0o600})
    assert [*path.parent.iterdir()] == [path]
    assert path.stat().st_mode & 0o777 == 0o600


FULL_DISK = """
import asyncio, resource, sys
from bigcommerce_b2b_invoices import Invoice
from bigcommerce_b2b_invoices.export import write_invoices

async def rows():
    for number in range(1, 60_000):
        yield Invoice(id=number, customer_name=f"company {number * 7919 % 60_000}")

before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), before[1]))
try:
    asyncio.run(write_invoices(sys.argv[1], rows()))
except OSError as error:
    print(type(error).__name__, error.errno)
resource.setrlimit(resource.RLIMIT_FSIZE, before)  # what measures coverage writes a file at the end
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit to the size of files")
@pytest.mark.parametrize("ending", [".xlsx", ".parquet", ".duckdb"])
@pytest.mark.parametrize("room", [100_000, 600_000])
def test_a_file_that_cannot_grow_is_an_os_error_and_leaves_nothing(path: Path, ending: str, room: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", FULL_DISK, path.with_suffix(ending), str(room)], capture_output=True, text=True, timeout=50, check=False
    )  # fmt: skip

    assert (ended.stdout, ended.stderr, ended.returncode) == (f"OSError {errno.EFBIG}\n", "", 0)
    assert [*path.parent.iterdir()] == []


# ---- LibreOffice -----------------------------------------------------------------------------------------------------


@needs_libreoffice
async def test_libreoffice_sees_texts_numbers_and_dates_and_no_formula(path: Path) -> None:
    amounts = [Decimal("0.10"), Decimal("-1234567.89"), Decimal("999999999999.999")]
    await written(path, *(Invoice(id=1, customer_name=text) for text in HOSTILE), *(Invoice(id=2, open_balance=Money("USD", each), due_date=NOON) for each in amounts))  # fmt: skip

    cells = [cell for row in opened_in_libreoffice(path) for cell in row]

    texts = {each["text"] for each in cells if each["type"] == "string"}
    assert {as_shown(text) for text in HOSTILE} <= {as_shown(text) for text in texts}
    assert not any(each["formula"] or each["link"] for each in cells)
    assert [Decimal(each["value"]) for each in cells if each["type"] == "float" and each["value"] != "0"][
        : len(amounts)
    ] == amounts
    assert [each["value"] for each in cells if each["type"] == "date"] == ["2026-01-31T12:00:00"] * 3


def as_shown(text: str) -> str:
    """Without what no XML file can hold; LibreOffice's own format is one."""
    return "".join(letter for letter in text if letter >= " " and letter not in "\ufffe\uffff\x7f\x85")
