"""A CSV file of hostile texts, opened in LibreOffice with every separator: no cell is a formula."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from libre_office import needs_libreoffice, opened_in_libreoffice

from bigcommerce_b2b_invoices import Invoice
from bigcommerce_b2b_invoices.export import write_invoices

FORMULAS = ["=1+1", "+1+1", "-1+A1", "@SUM(1)", '=HYPERLINK("http://127.0.0.1","x")', "=cmd|' /C calc'!A0", "＝1+1"]
SEPARATORS = [",", ";", "\t", "|", "\n", "\r\n"]
HOSTILE = [
    *FORMULAS,
    *(f"ACME{separator}{formula}" for separator in SEPARATORS for formula in FORMULAS),
    *(f"ACME{separator} {formula}" for separator in SEPARATORS for formula in FORMULAS),
    *(f'ACME{separator}"{formula}"' for separator in SEPARATORS for formula in FORMULAS),
    "00042", "12345678901234567890", "1E5", "1-2", "مؤسسة", "👩‍👩‍👧‍👦", 'quo"te', "a\nb",
]  # fmt: skip


def as_formulas(code: int) -> str:
    """The import filter that splits at this character, reads numbers and dates, and evaluates formulas."""
    return f"CSV:{code},34,76,1,,0,false,true,false,false,false,-1,true"


async def each_of(texts: list[str]) -> AsyncIterator[Invoice]:
    for number, text in enumerate(texts, start=1):
        yield Invoice(id=number, customer_name=text, terms_conditions=text)


def formulas(cells: list[list[dict[str, Any]]]) -> list[str]:
    return [cell["formula"] for row in cells for cell in row if cell["formula"]]


@needs_libreoffice
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
async def test_no_cell_is_a_formula_whatever_the_separator(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "x.csv"
    await write_invoices(path, each_of(HOSTILE), columns=["id", "customer_name", "terms_conditions"])

    cells = opened_in_libreoffice(path, as_formulas(ord(separator)))

    assert formulas(cells) == []
    assert len(cells) >= len(HOSTILE)


@needs_libreoffice
def test_without_the_rule_there_would_be_formulas(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('name\n=1+1\n"ACME;=1+1"\n')
    assert len(formulas(opened_in_libreoffice(path, as_formulas(ord(","))))) == 1
    assert len(formulas(opened_in_libreoffice(path, as_formulas(ord(";"))))) >= 1


@needs_libreoffice
async def test_what_csv_cannot_protect_is_as_the_docs_say(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    await write_invoices(path, each_of(["00042", "1E5", "12345678901234567890"]), columns=["id", "customer_name"])
    cells = opened_in_libreoffice(path, as_formulas(ord(",")))
    assert [row[1]["type"] for row in cells[1:4]] == ["float", "float", "float"]  # text for us, a number for a spreadsheet
