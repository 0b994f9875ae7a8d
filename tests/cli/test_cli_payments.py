"""`payments list | get | record` and `reconcile`."""

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from scripted_server import ScriptedServer, envelope

from bigcommerce_b2b_invoices import Payment, from_json
from bigcommerce_b2b_invoices.sandbox import Sandbox


@pytest.fixture
def sandbox(environment: Callable[[str, str, str], None]) -> Iterator[Sandbox]:
    with Sandbox(invoices=60) as running:
        environment(running.store_hash, running.auth_token, running.base_url)
        yield running


def owed(sandbox: Sandbox) -> tuple[int, Any]:
    """An invoice of which more than 2 is open."""
    invoices: dict[int, Any] = {number: sandbox.invoice(number) for number in sandbox.invoice_ids}
    return next((each, invoices[each]) for each in invoices if Decimal(invoices[each]["openBalance"]["value"]) > 2)


def sent(sandbox: Sandbox) -> int:
    return sum(request.method == "POST" for request in sandbox.requests)


def test_a_payment_is_recorded_once_for_its_reference(cli: Any, sandbox: Sandbox) -> None:
    number, before = owed(sandbox)
    command = ["payments", "record", str(number), "1.25", "--reference", "BANK-1", "--yes"]
    first, second = cli(*command, "--json"), cli(*command, "--json")
    after: Any = sandbox.invoice(number)

    assert (first.code, second.code, sent(sandbox)) == (0, 0, 1)
    assert [json.loads(run.out)["already_recorded"] for run in (first, second)] == [False, True]
    assert json.loads(first.out)["verified"] is True
    assert Decimal(before["openBalance"]["value"]) - Decimal(after["openBalance"]["value"]) == Decimal("1.25")
    payment: Any = sandbox.payment(json.loads(first.out)["payment_id"])
    assert (payment["externalId"], payment["total"]["code"]) == ("BANK-1", before["openBalance"]["code"])


def test_a_dry_run_checks_and_sends_only_reads(cli: Any, sandbox: Sandbox) -> None:
    number, _ = owed(sandbox)
    good = cli("payments", "record", str(number), "1", "--reference", "R", "--dry-run")
    much = cli("payments", "record", str(number), "99999999", "--reference", "R", "--dry-run")
    assert (good.code, much.code, sent(sandbox)) == (0, 1, 0)
    assert "is more than the open balance" in much.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["x", "--reference", "R", "--yes"], 2),
        (["0", "--reference", "R", "--yes"], 2),
        (["1.00001", "--reference", "R", "--yes"], 2),
        (["NaN", "--reference", "R", "--yes"], 2),
        (["-5", "--reference", "R", "--yes"], 2),
        (["1"], 2),
        (["1e30", "--reference", "R", "--yes"], 2),
        (["1_0", "--reference", "R", "--dry-run"], 2),
        (["\u0661", "--reference", "R", "--dry-run"], 2),
        (["1", "--reference", "", "--yes"], 2),
        (["1", "--reference", "R ", "--yes"], 2),
        (["1", "--reference", "R" * 256, "--dry-run"], 2),
        (["1", "--reference", "R"], 2),
        (["99999999", "--reference", "R", "--yes"], 1),
    ],
    ids=str,
)
def test_what_cannot_be_recorded_is_refused_before_a_write(cli: Any, sandbox: Sandbox, arguments: list[str], code: int) -> None:
    number, _ = owed(sandbox)
    run = cli("payments", "record", str(number), *arguments)
    assert (run.code, run.out, sent(sandbox)) == (code, "", 0)
    assert run.err


def test_a_dry_run_of_what_is_recorded_already_is_fine(cli: Any, sandbox: Sandbox) -> None:
    number, _ = owed(sandbox)
    command = ["payments", "record", str(number), "1.25", "--reference", "BANK-1"]
    assert cli(*command, "--yes").code == 0
    again = cli(*command, "--dry-run")
    assert (again.code, "is recorded already" in again.err) == (0, True)
    other = cli("payments", "record", str(number), "1", "--reference", "BANK-1", "--dry-run")
    assert (other.code, "has this reference already" in other.err) == (1, True)


def test_payments_are_listed_and_shown(cli: Any, sandbox: Sandbox) -> None:
    newest = cli("payments", "list", "--limit", "5", "--json")
    shown = [from_json(Payment, line) for line in newest.lines]
    assert len(shown) == 5
    assert shown == sorted(shown, key=lambda each: (each.created_at, each.id), reverse=True)
    invoice_id = shown[0].line_items[0].invoice_id
    of_one = cli("payments", "list", "--invoice", str(invoice_id))
    assert str(shown[0].id) in [row[0] for row in of_one.rows]
    got = cli("payments", "get", str(shown[0].id), "999999")
    assert (got.code, from_json(Payment, got.lines[0]).id) == (3, shown[0].id)
    assert cli("payments", "get", "999999").code == 1


def test_a_terminal_gets_a_table_and_a_card(cli: Any, sandbox: Sandbox, terminal: Any) -> None:
    with terminal("stdout") as screen:
        cli("payments", "list", "--limit", "3")
        cli("payments", "get", str(sandbox.payment_ids[0]))
    assert "reference" in screen.getvalue()
    assert re.search(rf"^id +{sandbox.payment_ids[0]}$", screen.getvalue(), re.MULTILINE)


def test_reconcile_finds_only_what_disagrees(cli: Any, sandbox: Sandbox) -> None:
    fine = cli("reconcile")
    assert (fine.code, fine.out, fine.err) == (0, "", "the books agree\n")
    number, invoice = owed(sandbox)
    value = Decimal(invoice["openBalance"]["value"]) - 1
    sandbox.add(**{**invoice, "openBalance": {**invoice["openBalance"], "value": str(value)}})
    run = cli("reconcile", "--json")
    found = json.loads(run.out)
    assert (run.code, found["invoice_id"], found["ok"]) == (4, number, False)
    assert Decimal(found["drift"]) == 1
    assert isinstance(found["drift"], str)
    everything = cli("reconcile", "--all", "--json", "--quiet")
    assert (everything.code, len(everything.lines), everything.err) == (4, 60, "")


def test_books_that_were_not_read_to_the_end_for_sure_do_not_agree(cli: Any, sandbox: Sandbox) -> None:
    run = cli("reconcile", "--sort-by", "due-date")
    assert (run.code, run.out, run.err.splitlines()[-1]) == (3, "", "no disagreement was found")
    assert run.err.startswith("warning: disagreements may be missing, because the list of invoices may lack rows: the API can ")
    assert "the books agree" not in run.err


async def test_payments_that_may_be_missing_are_told(cli_here: Any, environment: Callable[..., None]) -> None:
    payment = {"id": 1, "createdAt": 1_700_000_000, "customerId": "1", "lineItems": [], "total": {"code": "USD", "value": "1"}}
    answers = [
        envelope([payment], total=5, limit=250),  # says that there are 5
        envelope([payment], total=5, limit=250),
        envelope([], total=0, limit=250),
        envelope([], total=0, limit=250),
    ]
    async with ScriptedServer(answers) as server:
        environment("abc123", "token", server.base_url)
        run = await cli_here("reconcile")
    assert (run.code, "because the list of payments may lack rows" in run.err) == (3, True)


def test_a_disagreement_is_told_even_if_others_may_be_missing(cli: Any, sandbox: Sandbox) -> None:
    _, invoice = owed(sandbox)
    value = Decimal(invoice["openBalance"]["value"]) - 1
    sandbox.add(**{**invoice, "openBalance": {**invoice["openBalance"], "value": str(value)}})
    run = cli("reconcile", "--sort-by", "due-date", "--json")
    assert (run.code, len(run.lines), "disagreements may be missing" in run.err) == (4, 1, True)


def test_filters_that_need_every_row_are_refused(cli: Any) -> None:
    assert cli("reconcile", "--overdue", "--sandbox").code == 2


@pytest.mark.parametrize("command", [["payments", "list"], ["payments", "get"], ["payments", "record"]], ids=str)
def test_the_help_has_an_example(cli: Any, command: list[str]) -> None:
    run = cli(*command, "--help")
    assert (run.code, run.out.count(f"b2b-invoices {' '.join(command)}") >= 2) == (0, True)
    assert ("--json" in run.out, "--quiet" in run.out) == (True, True)
