"""`b2b-invoices list` and `extra-fields`: what is shown, and where."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from conftest import connect
from scripted_server import ScriptedServer, envelope

from bigcommerce_b2b_invoices import ExtraFieldConfig, Invoice, InvoiceQuery, InvoiceStatus, from_json
from bigcommerce_b2b_invoices.sandbox import Sandbox

HOSTILE = "A\x1b]0;owned\x07\tB\nC\x9b31m\u202e[red]D[/red]\ud800"
ESCAPED = r"A\x1b]0;owned\x07\tB\nC\x9b31m\u202e[red]D[/red]\ud800"


def row(invoice_id: int, **fields: Any) -> dict[str, Any]:
    return {"id": invoice_id, "invoiceNumber": f"N-{invoice_id}", "customerName": "Company", **fields}


def test_a_program_gets_a_line_an_invoice_with_tabs_between_its_cells(cli: Any) -> None:
    run = cli("list", "--sandbox", "--limit", "1")
    assert run.rows == [
        ["00002151", "2151", "Łódzkie Zakłady Włókiennicze", "completed", "0.00", "40.28", "EUR", "2026-01-14", "2025-12-31"]
    ]


def test_fifty_are_shown_unless_told_otherwise_and_the_rest_is_mentioned(cli: Any) -> None:
    run = cli("list", "--sandbox", "--sandbox-invoices", "60")
    assert (run.code, len(run.lines)) == (0, 50)
    assert run.err == "50 invoices shown, 10 not read; --limit shows more\n"
    run = cli("list", "--sandbox", "--sandbox-invoices", "60", "--limit", "60")
    assert (len(run.lines), run.err) == (60, "")


async def test_only_the_rows_that_are_shown_are_asked_for(cli_here: Any, environment: Any, sandbox: Sandbox) -> None:
    environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
    await cli_here("list", "--limit", "50")
    assert sandbox.request_count == 1


def test_json_lines_are_read_back_by_the_library(cli: Any) -> None:
    run = cli("list", "--sandbox", "--limit", "3", "--json", "--extra-fields")
    invoices = [from_json(Invoice, line) for line in run.lines]
    assert [invoice.id for invoice in invoices] == [2151, 2150, 2146]
    assert any(invoice.extra_fields for invoice in invoices)


SECOND = datetime(2025, 6, 1, 12, tzinfo=UTC)

FILTERS: list[tuple[list[str], Callable[[Invoice], bool]]] = [
    (["--status", "open"], lambda invoice: invoice.status == InvoiceStatus.OPEN),
    (["--status", "partially-paid"], lambda invoice: invoice.status == InvoiceStatus.PARTIALLY_PAID),
    (["--status", "completed"], lambda invoice: invoice.status == InvoiceStatus.COMPLETED),
    (["--customer-id", "95204"], lambda invoice: invoice.customer_id == "95204"),
    (["--customer-name", "GMBH"], lambda invoice: "gmbh" in (invoice.customer_name or "").lower()),
    (["--external-id", "90000003", "--external-id", "90000006"], lambda invoice: invoice.external_id in ("90000003", "90000006")),
    (["--channel-id", "2"], lambda invoice: invoice.channel_id == 2),
    (["--query", "INV-2025"], lambda invoice: "INV-2025" in (invoice.invoice_number or "")),
    (["--search-by", "customer-id", "-q", "95204"], lambda invoice: invoice.customer_id == "95204"),
    (["--begin", "2025-06-01"], lambda invoice: bool(invoice.created_at and f"{invoice.created_at:%F}" >= "2025-06-01")),
    (["--end", "2025-06-01T14:00:00+02:00"], lambda invoice: bool(invoice.created_at and invoice.created_at <= SECOND)),
    (["--overdue"], Invoice.is_overdue),
]


@pytest.fixture(scope="module")
def everything() -> list[Invoice]:
    """The sandbox's invoices, by another way than the one that is tested."""

    async def read() -> list[Invoice]:
        async with Sandbox(invoices=200) as sandbox, connect(sandbox) as client:
            return [invoice async for invoice in client.invoices.iterate(InvoiceQuery(order_by="DESC"))]

    return asyncio.run(read())


@pytest.mark.parametrize(("options", "expected"), FILTERS, ids=[options[0] for options, _ in FILTERS])
def test_a_filter_lets_exactly_its_invoices_pass(
    cli: Any, everything: list[Invoice], options: list[str], expected: Callable[[Invoice], bool]
) -> None:
    run = cli("list", "--sandbox", "--sandbox-invoices", "200", "--limit", "200", "--json", *options)
    found = [from_json(Invoice, line) for line in run.lines]
    assert found == [invoice for invoice in everything if expected(invoice)]
    assert 0 < len(found) < len(everything)


def test_the_order_is_chosen_by_words(cli: Any) -> None:
    run = cli("list", "--sandbox", "--sort-by", "original-balance", "--order-by", "asc")
    amounts = [Decimal(row[5]) for row in run.rows]
    assert amounts == sorted(amounts)


def test_a_terminal_gets_a_table(cli: Any, terminal: Any) -> None:
    with terminal("stdout") as screen:
        assert cli("list", "--sandbox", "--limit", "2").code == 0
    heads, first, *_ = screen.getvalue().splitlines()
    assert [word for word in ("number", "company", "status", "due") if word in heads] == ["number", "company", "status", "due"]
    assert "Łódzkie Zakłady Włókiennicze" in first


@pytest.mark.parametrize("where", ["terminal", "pipe"])
async def test_text_of_the_server_cannot_steer_the_terminal(where: str, cli_here: Any, environment: Any, terminal: Any) -> None:
    async with ScriptedServer([envelope([row(1, customerName=HOSTILE)], total=1, limit=50)]) as server:
        environment("abc123", "token", server.base_url)
        if where == "pipe":
            out = (await cli_here("list")).out
            assert out.split("\t")[2] == ESCAPED
        else:
            with terminal("stdout") as screen:
                await cli_here("list")
            out = screen.getvalue()
            assert ESCAPED in out
            assert "\x1b]" not in out
    assert not {"\x07", "\x9b", "\u202e", "\ud800"} & set(out)


@pytest.mark.parametrize(
    ("balances", "cells"),
    [
        ((("USD", "5.0000"), ("USD", "10.1250")), ["5.00", "10.125", "USD"]),
        ((("USD", "5"), ("EUR", "-1E+3")), ["5", "-1000", "USD/EUR"]),
        ((None, ("JPY", "7.1")), ["", "7.1", "JPY"]),
    ],
)
async def test_balances_are_exact_and_say_their_currency(
    cli_here: Any, environment: Any, balances: list[tuple[str, str] | None], cells: list[str]
) -> None:
    names = ("openBalance", "originalBalance")
    written = {name: {"code": found[0], "value": found[1]} for name, found in zip(names, balances, strict=True) if found}
    async with ScriptedServer([envelope([row(1, **written)], total=1, limit=50)]) as server:
        environment("abc123", "token", server.base_url)
        assert (await cli_here("list")).rows[0][4:7] == cells


def test_extra_fields_are_listed_for_people_and_for_programs(cli: Any, terminal: Any) -> None:
    run = cli("extra-fields", "--sandbox")
    assert run.rows[0] == ["Cost Center", "301", "text", "yes", "no", "yes", "built-in", "0000", "length 20"]
    configs = [from_json(ExtraFieldConfig, line) for line in cli("extra-fields", "--sandbox", "--json").lines]
    assert [config.field_name for config in configs] == [row[0] for row in run.rows]
    with terminal("stdout") as screen:
        cli("extra-fields", "--sandbox")
    assert "Cost Center" in screen.getvalue()


def unreadable(invoice_id: object) -> dict[str, Any]:
    return {"id": invoice_id, "openBalance": {"code": "USD", "value": "much"}}


async def test_unreadable_invoices_are_named_left_out_and_not_counted_as_unread(cli_here: Any, environment: Any) -> None:
    newest = [row(9), unreadable(8), row(7), unreadable(6), unreadable("?"), row(4)]
    async with ScriptedServer([envelope([*newest, row(3), row(2)], total=8, limit=8)]) as server:
        environment("abc123", "token", server.base_url)
        some = await cli_here("list", "--limit", "3", "--json")
        *errors, last = some.err.splitlines()
        found = [from_json(Invoice, line).id for line in some.lines]

    assert (some.code, found) == (3, [9, 7, 4])
    assert [error.rpartition("; ")[2] for error in errors] == ["this invoice was left out"] * 3
    assert ["invoice 8" in errors[0], "invoice 6" in errors[1], "data[4]" in errors[2]] == [True] * 3
    assert last == "3 invoices shown, 2 not read; --limit shows more"


async def test_nothing_is_left_to_read_if_the_rest_cannot_be_read(cli_here: Any, environment: Any) -> None:
    async with ScriptedServer([envelope([unreadable(2), row(1)], total=2, limit=250)]) as server:
        environment("abc123", "token", server.base_url)
        run = await cli_here("list", "--limit", "1")

    assert (run.code, run.err.count("\n")) == (3, 1)
    assert "shown" not in run.err


def created(invoice_id: int) -> dict[str, Any]:
    return row(invoice_id, createdAt=1_700_000_000 + invoice_id)


async def test_a_list_that_stops_before_its_end_says_so_and_ends_with_3(cli_here: Any, environment: Any) -> None:
    first = [created(number) for number in range(900, 650, -1)]
    second = [created(number) for number in range(652, 600, -1)]
    replies = [envelope(rows, total=900, limit=250) for rows in (first, second, [])]
    async with ScriptedServer(replies) as server:
        environment("abc123", "token", server.base_url)
        run = await cli_here("list", "--limit", "1000")
    async with ScriptedServer(replies) as server:
        environment("abc123", "token", server.base_url)
        configs = await cli_here("extra-fields")

    assert (run.code, len(run.lines)) == (3, 300)
    assert run.err.startswith("warning: the list may lack rows: ")
    assert configs.code == 3
    assert "warning: the list may lack rows: " in configs.err


def test_an_order_that_proves_nothing_is_no_sign_of_missing_rows(cli: Any) -> None:
    run = cli("list", "--sandbox", "--sandbox-invoices", "30", "--sort-by", "status")
    assert (run.code, len(run.lines), run.err) == (0, 30, "")
