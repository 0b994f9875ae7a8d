"""At a real terminal of any width, no id, amount or date is cut or wrapped."""

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
pseudo_terminal = pytest.importorskip("pseudo_terminal", reason="needs a pseudo-terminal")
from pseudo_terminal import at_terminal, plain, widest  # noqa: E402

from bigcommerce_b2b_invoices.cli.table import Column, layout  # noqa: E402
from bigcommerce_b2b_invoices.sandbox import Sandbox  # noqa: E402

WIDTHS = [20, 40, 60, 80, 120, 200]
HOSTILE = [
    "成都软件园有限公司" * 8,
    "مؤسسة الأفق العربي " * 4,
    "👩‍👩‍👧‍👦 Family & Sons 🌞",
    "[red]x[/red]\x1b[31m\u202eevil",
    "A" * 300,
    "",
]
LONG = "123456789012345678901234.5678"


def environ_of(sandbox: Sandbox) -> dict[str, str]:
    return {
        "BIGCOMMERCE_STORE_HASH": sandbox.store_hash,
        "BIGCOMMERCE_ACCESS_TOKEN": sandbox.auth_token,
        "BIGCOMMERCE_B2B_BASE_URL": sandbox.base_url,
    }


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    with Sandbox(invoices=0) as sandbox:
        for number, name in enumerate(HOSTILE):
            money = {"code": "USD", "value": "12.5000"}
            sandbox.add(
                invoiceNumber=f"INV-{number}-{'9' * (number * 3)}",
                customerName=name,
                originalBalance=money,
                openBalance=money,
                dueDate=1_767_225_600 + number,
                details={
                    "details": {"lineItems": [{"sku": name, "description": name, "quantity": "1000000", "unitPrice": money}]}
                },
            )
        yield {
            "BIGCOMMERCE_STORE_HASH": sandbox.store_hash,
            "BIGCOMMERCE_ACCESS_TOKEN": sandbox.auth_token,
            "BIGCOMMERCE_B2B_BASE_URL": sandbox.base_url,
        }


@pytest.mark.parametrize("width", WIDTHS)
def test_a_list_has_each_id_and_amount_whole_on_a_line_that_fits(environ: dict[str, str], width: int) -> None:
    code, screen = at_terminal("list", "--quiet", width=width, environ=environ)
    rows = [line for line in plain(screen) if "12.50" in line]
    assert (code, len(rows)) == (0, len(HOSTILE))
    assert widest(screen) <= width
    assert all(re.search(r"\b\d+ .*\b12\.50  USD\b", row) for row in rows)
    assert all("2026-01-01" in row for row in rows) or width < 30
    assert not any("\u202e" in row or "\x1b" in row for row in rows)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_list_fits_whatever_the_terminal_can_do(environ: dict[str, str], term: str, width: int) -> None:
    _, screen = at_terminal("list", "--quiet", width=width, environ={**environ, "TERM": term})
    assert widest(screen) <= width
    assert len([line for line in plain(screen) if re.search(r"\b12\.50  USD\b", line)]) == len(HOSTILE)
    assert ("\x1b[" in screen) == (term == "xterm")


def test_no_color_is_obeyed(environ: dict[str, str]) -> None:
    _, screen = at_terminal("list", "--quiet", width=80, environ={**environ, "NO_COLOR": "1"})
    assert not re.search(r"\x1b\[3[0-9]", screen)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_card_has_every_id_amount_and_date_whole(environ: dict[str, str], width: int) -> None:
    code, screen = at_terminal("get", "--number", "INV-0-", "--quiet", width=width, environ=environ)
    assert code == 0
    lines = plain(screen)
    for value in ("INV-0-", "12.50 USD", "2026-01-01"):
        assert any(line.endswith(value) or f"{value} " in line for line in lines), (value, screen)


@pytest.mark.parametrize("width", [20, 40])
def test_an_amount_that_is_wider_than_a_table_makes_each_row_some_lines(width: int) -> None:
    with Sandbox(invoices=0) as sandbox:
        sandbox.add(openBalance={"code": "USD", "value": LONG}, originalBalance={"code": "USD", "value": LONG})
        _, screen = at_terminal("list", "--quiet", width=width, environ=environ_of(sandbox))
    assert LONG in screen  # on a line of its own, if need be


def test_ctrl_c_at_a_question_ends_the_command() -> None:
    with Sandbox(invoices=3) as sandbox:
        invoice_id = sandbox.invoice_ids[0]
        code, screen = at_terminal("delete", str(invoice_id), width=100, interrupt_at="[y/N]", environ=environ_of(sandbox))
        assert sandbox.invoice(invoice_id) is not None
    assert (code, "interrupted" in screen) == (130, True)


@pytest.mark.parametrize("answer", ["y\n", "n\n", "\n", "yes\n"])
def test_delete_asks_and_only_a_yes_deletes(answer: str) -> None:
    with Sandbox(invoices=3) as sandbox:
        invoice_id = sandbox.invoice_ids[0]
        code, screen = at_terminal("delete", str(invoice_id), width=100, typed=answer, environ=environ_of(sandbox))
        is_gone = sandbox.invoice(invoice_id) is None
    assert code == 0
    assert "Delete 1 invoices? This cannot be undone." in screen
    assert is_gone == (answer in ("y\n", "yes\n"))


def test_columns_are_left_out_by_rank_and_texts_shortened_first() -> None:
    columns = [Column("id", rank=0), Column("name", is_text=True, rank=1), Column("due", rank=2)]
    rows = [["1234", "a long name indeed", "2026-01-31"]]

    assert layout(columns, rows, 40) is not None
    assert layout(columns, rows, 40).shown == ((0, 4), (1, 18), (2, 10))  # type: ignore[union-attr]
    assert layout(columns, rows, 28).shown == ((0, 4), (1, 10), (2, 10))  # type: ignore[union-attr]
    assert layout(columns, rows, 20).left_out == ("due",)  # type: ignore[union-attr]
    assert layout(columns, rows, 10).shown == ((0, 4),)  # type: ignore[union-attr]
    assert layout(columns, rows, 3) is None


def test_a_wait_for_the_quota_is_told_with_its_length(environ: dict[str, str]) -> None:
    with Sandbox(invoices=600, quota=3, quota_window=2.0, max_limit=50) as sandbox:
        hurried = {
            "BIGCOMMERCE_STORE_HASH": sandbox.store_hash,
            "BIGCOMMERCE_ACCESS_TOKEN": sandbox.auth_token,
            "BIGCOMMERCE_B2B_BASE_URL": sandbox.base_url,
        }
        code, screen = at_terminal("count", "--overdue", width=100, environ=hurried)
    assert code == 0
    assert re.search(r"waiting \d+ s (for the quota|because the API refuses requests)", screen)


def test_shell_completion_can_be_installed(cli: Any) -> None:
    assert "--install-completion" in cli("--help").out
