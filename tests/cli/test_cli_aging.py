"""`b2b-invoices aging`: the same exact amounts on every screen and in every file."""

import csv
import io
import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from scripted_server import ScriptedServer, envelope

from bigcommerce_b2b_invoices import Invoice, from_json
from bigcommerce_b2b_invoices.reports import AgingRow, aging

SANDBOX = ["--sandbox", "--sandbox-invoices", "120", "--on", "2024-06-30"]
AGES = ("current", "days_1_to_30", "days_31_to_60", "days_61_to_90", "over_90", "total")


@pytest.fixture
def rows(cli: Any) -> tuple[AgingRow, ...]:
    listed = cli("list", "--sandbox", "--sandbox-invoices", "120", "--limit", "120", "--json").lines
    return aging([from_json(Invoice, line) for line in listed], on=date(2024, 6, 30))


def test_json_has_the_rows_of_the_report_with_amounts_as_text(cli: Any, rows: tuple[AgingRow, ...]) -> None:
    found = [json.loads(line) for line in cli("aging", *SANDBOX, "--json").lines]
    assert [(each["customer_id"], each["currency"], each["invoices"]) for each in found] == [
        (row.customer_id, row.currency, row.invoices) for row in rows
    ]
    assert [[Decimal(each[age]) for age in AGES] for each in found] == [[getattr(row, age) for age in AGES] for row in rows]
    assert all(isinstance(each[age], str) for each in found for age in AGES)


def test_a_csv_file_has_the_same_rows(cli: Any, rows: tuple[AgingRow, ...], tmp_path: Path) -> None:
    path = tmp_path / "ages.csv"
    assert cli("aging", *SANDBOX, "--csv", str(path)).code == 0
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [[Decimal(each[age]) for age in AGES] for each in found] == [[getattr(row, age) for age in AGES] for row in rows]
    assert cli("aging", *SANDBOX, "--csv", str(path)).code == 2
    assert cli("aging", *SANDBOX, "--csv", str(path), "--overwrite").code == 0


def test_a_file_that_is_there_costs_no_request(cli: Any, environment: Any, tmp_path: Path) -> None:
    path = tmp_path / "ages.csv"
    path.write_text("old")
    environment("abc123", "token", "http://localhost:1/api")  # nobody is there to be asked
    run = cli("aging", "--csv", str(path))
    assert (run.code, "exists already" in run.err, path.read_text()) == (2, True, "old")


@pytest.mark.parametrize(("options", "days"), [(["--overdue-days", "31"], 31), (["--overdue"], 1)], ids=str)
def test_what_is_overdue_counts_to_the_day_of_the_report(cli: Any, options: list[str], days: int) -> None:
    listed = cli("list", "--sandbox", "--sandbox-invoices", "120", "--limit", "120", "--json").lines
    day = date(2024, 6, 30)
    invoices = [from_json(Invoice, line) for line in listed]
    overdue = [each for each in invoices if each.days_overdue(day) >= days and each.open_balance is not None]
    assert 0 < len(overdue) < len([each for each in invoices if each.is_overdue() and each.open_balance is not None])

    found = [json.loads(line) for line in cli("aging", *SANDBOX, *options, "--json").lines]

    assert sum(each["invoices"] for each in found) == len(overdue)


def test_a_report_that_may_lack_invoices_says_why(cli: Any) -> None:
    run = cli("aging", *SANDBOX, "--sort-by", "due-date")
    assert run.code == 3
    assert "warning: the report may lack invoices: the API can list several rows in any order" in run.err


def test_a_terminal_gets_tables_with_totals_and_bars(cli: Any, rows: tuple[AgingRow, ...], terminal: Any) -> None:
    with terminal("stdout") as screen:
        cli("aging", *SANDBOX)
    currencies = {row.currency for row in rows}
    assert len([line for line in screen.getvalue().splitlines() if line.startswith("total")]) == len(currencies)


async def test_what_has_no_balance_is_counted_and_a_name_is_no_formula(cli_here: Any, environment: Any, tmp_path: Path) -> None:
    found = [
        {"id": 1, "customerId": "1", "customerName": "=1+1", "openBalance": {"code": "USD", "value": "5"}},
        {"id": 2, "customerId": "1"},
    ]
    async with ScriptedServer([envelope(found, total=2, limit=250)]) as server:
        environment("abc123", "token", server.base_url)
        run = await cli_here("aging", "--csv", str(tmp_path / "x.csv"))
    assert "1 invoices have no open balance and are left out" in run.err
    (row,) = csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text()))
    assert (row["customer_name"], row["total"]) == ("'=1+1", "5")


def test_a_table_and_a_picture_need_a_file_each(cli: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    assert cli("aging", *SANDBOX, "--csv", path, "--png", path).code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_picture_needs_its_package_and_says_so(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    run = cli("aging", *SANDBOX, "--png", str(tmp_path / "x.png"))
    assert (run.code, "bigcommerce-b2b-invoices[plot]" in run.err) == (2, True)


def test_a_picture_is_drawn(cli: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    path = tmp_path / "x.png"
    assert cli("aging", *SANDBOX, "--png", str(path)).code == 0
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("options", [["--tz", "Mars/Base"], ["--tz", "../etc"], ["--on", "yesterday"]], ids=str)
def test_an_unknown_zone_or_day_is_bad_usage(cli: Any, options: list[str]) -> None:
    assert cli("aging", "--sandbox", *options).code == 2
