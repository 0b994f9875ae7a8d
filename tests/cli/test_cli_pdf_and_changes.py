"""`b2b-invoices pdf` and `changes`, and the filters by due date."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from bigcommerce_b2b_invoices import Invoice, from_json
from bigcommerce_b2b_invoices.sandbox import Sandbox


# ---- pdf -----------------------------------------------------------------------------------------------------------------
async def test_each_pdf_is_a_file_and_what_is_there_is_skipped(cli_here: Any, environment: Any, tmp_path: Path) -> None:
    folder = tmp_path / "some" / "pdfs"
    with Sandbox(invoices=3) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        first, second, third = sandbox.invoice_ids
        run = await cli_here("pdf", str(first), str(second), "--to", str(folder), "--json")
        again = await cli_here("pdf", str(first), str(third), "--to", str(folder), "--json")
        anew = await cli_here("pdf", str(first), "--to", str(folder), "--overwrite", "--json")
    assert run.code == again.code == anew.code == 0
    assert {path.name for path in folder.iterdir()} == {f"invoice-{number}.pdf" for number in (first, second, third)}
    assert all(path.read_bytes().startswith(b"%PDF") for path in folder.iterdir())
    assert {each["id"]: each["outcome"] for each in map(json.loads, again.lines)} == {first: "skipped", third: "done"}
    assert json.loads(anew.out)["outcome"] == "done"


async def test_filters_choose_invoices_and_one_that_fails_is_code_3(cli_here: Any, environment: Any, tmp_path: Path) -> None:
    with Sandbox(invoices=30) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        wanted = (await cli_here("list", "--status", "open", "--json")).lines
        sandbox.fail(status=404, path=f"/invoices/{json.loads(wanted[0])['id']}/download-pdf")
        run = await cli_here("pdf", "--status", "open", "--to", str(tmp_path), "--json")
    outcomes = [json.loads(line) for line in run.lines]
    assert run.code == 3
    assert sorted(each["id"] for each in outcomes) == sorted(json.loads(line)["id"] for line in wanted)
    assert sum(each["outcome"] == "failed" for each in outcomes) == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["--tz", "Asia/Tokyo"], ["--sort-by", "created-at"], ["1041", "--all"], ["1041", "--status", "open"]],
    ids=str,
)
def test_neither_or_both_of_ids_and_filters_is_bad_usage(cli: Any, tmp_path: Path, arguments: list[str]) -> None:
    assert cli("pdf", *arguments, "--to", str(tmp_path / "x"), "--sandbox").code == 2
    assert not (tmp_path / "x").exists()


def test_all_means_all(cli: Any, tmp_path: Path) -> None:
    assert cli("pdf", "--all", "--to", str(tmp_path), "--sandbox", "--sandbox-invoices", "4").code == 0
    assert len(list(tmp_path.iterdir())) == 4


# ---- changes -------------------------------------------------------------------------------------------------------------
async def test_each_change_is_shown_once_from_cursor_to_cursor(cli_here: Any, environment: Any) -> None:
    with Sandbox(invoices=5) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        first = await cli_here("changes", "--json")
        cursor = json.loads(first.lines[-1])["cursor"]
        added = sandbox.add(invoiceNumber="A-1")
        second = await cli_here("changes", "--since", cursor, "--json")
        third = await cli_here("changes", "--since", json.loads(second.lines[-1])["cursor"])
    assert [from_json(Invoice, line).id for line in second.lines[:-1]] == [added]
    assert len(first.lines) == 6
    assert (third.out, json.loads(third.err)["cursor"] is not None) == ("", True)


async def test_a_time_is_taken_with_its_zone_alone(cli_here: Any, environment: Any) -> None:
    with Sandbox(invoices=5) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        now = await cli_here("changes", "--since", datetime.now(UTC).isoformat(), "--json")
        naive = await cli_here("changes", "--since", "2026-01-01T00:00:00")
        wrong = await cli_here("changes", "--since", "garbage")
    assert (now.code, len(now.lines)) == (0, 1)
    assert (naive.code, "give the time its zone" in naive.err) == (2, True)
    assert (wrong.code, "--since" in wrong.err) == (2, True)


async def test_a_run_that_fails_prints_no_cursor(cli_here: Any, environment: Any) -> None:
    with Sandbox(invoices=900, max_limit=100) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        sandbox.fail(status=403, path="/invoices", times=50)
        run = await cli_here("changes", "--json")
    assert (run.code, "cursor" in run.out) == (1, False)


# ---- filters by due date -------------------------------------------------------------------------------------------------
def ids(cli: Any, *options: str) -> set[int]:
    return {json.loads(line)["id"] for line in cli("list", "--sandbox", "--limit", "1000", "--json", *options).lines}


def test_due_from_and_due_to_are_inclusive_calendar_days(cli: Any) -> None:
    everything = [from_json(Invoice, line) for line in cli("list", "--sandbox", "--limit", "1000", "--json").lines]
    days = {invoice.id: invoice.due_date.date() for invoice in everything if invoice.due_date}
    first, last = date(2025, 1, 10), date(2025, 1, 20)
    between = ids(cli, "--due-from", "2025-01-10", "--due-to", "2025-01-20")
    assert between == {number for number, day in days.items() if first <= day <= last}
    assert between
    assert ids(cli, "--due-to", "2025-01-20") == {number for number, day in days.items() if day <= last}


def test_overdue_days_counts_calendar_days(cli: Any) -> None:
    everything = [from_json(Invoice, line) for line in cli("list", "--sandbox", "--limit", "1000", "--json").lines]
    today = datetime.now(UTC).date()
    assert ids(cli, "--overdue-days", "400") == {each.id for each in everything if each.days_overdue(today) >= 400}


@pytest.mark.parametrize(
    "options",
    [["--due-from", "x"], ["--due-from", "2026-02-01", "--due-to", "2026-01-01"], ["--overdue-days", "0"], ["--tz", "No/Where"]],
    ids=str,
)
def test_days_that_cannot_be_are_bad_usage(cli: Any, options: list[str]) -> None:
    assert cli("count", "--sandbox", *options).code == 2
