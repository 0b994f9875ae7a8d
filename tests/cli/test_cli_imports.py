"""`create` and `update`: everything is checked first, and each line is written once, however often the command runs.

`python tests/cli/test_cli_imports.py 50` kills 50 times; the test does a tenth of it.
"""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bigcommerce_b2b_invoices import InvoiceDraft, Money, to_json
from bigcommerce_b2b_invoices.sandbox import Sandbox

KILLS = 5


def draft(number: int, **more: Any) -> str:
    amount = Money("USD", Decimal(f"{number}.10"))
    return to_json(
        InvoiceDraft(invoice_number=f"NEW-{number}", customer_id="95051", original_balance=amount, open_balance=amount, **more)
    )


@pytest.fixture
def sandbox(environment: Callable[[str, str, str], None]) -> Iterator[Sandbox]:
    with Sandbox(invoices=40) as running:
        environment(running.store_hash, running.auth_token, running.base_url)
        yield running


def writes(sandbox: Sandbox) -> int:
    return sum(request.method in ("POST", "PUT", "DELETE") for request in sandbox.requests)


def numbers(sandbox: Sandbox) -> Counter[str]:
    return Counter(str((sandbox.invoice(number) or {})["invoiceNumber"]) for number in sandbox.invoice_ids)


def told(run: Any) -> list[tuple[int, str]]:
    return [(each["line"], each["outcome"]) for each in map(json.loads, run.lines)]


# ---- create --------------------------------------------------------------------------------------------------------------
def test_each_draft_is_made_once_and_a_second_run_skips_it(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    path.write_text("\n".join([draft(1), "", draft(2)]) + "\n")
    first = cli("create", str(path), "--json")
    sent = writes(sandbox)
    second = cli("create", str(path), "--json")

    assert (first.code, told(first)) == (0, [(1, "done"), (3, "done")])
    assert (second.code, told(second)) == (0, [(1, "skipped"), (3, "skipped")])
    assert [json.loads(line)["id"] for line in first.lines] == [json.loads(line)["id"] for line in second.lines]
    assert writes(sandbox) == sent == 2
    assert (numbers(sandbox)["NEW-1"], numbers(sandbox)["NEW-2"]) == (1, 1)
    journal = path.with_name("new.jsonl.journal")
    assert journal.stat().st_mode & 0o777 == 0o600
    assert sandbox.auth_token not in journal.read_text()


def test_a_csv_file_is_read_with_its_mark_its_delimiter_and_its_apostrophes(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    rows = [
        "invoice_number;customer_id;original_balance;original_balance_currency;open_balance;open_balance_currency;due_date;status;purchase_order_number",
        "A-1;95051;1234567890.8901;USD;0.10;USD;2026-02-03;partially_paid;'=PO",
        '"B;2";95051;5;EUR;5;EUR;;;',
    ]
    path.write_text("\ufeff" + "\r\n".join(rows) + "\r\n", encoding="utf-8")
    run = cli("create", str(path), "--json")
    made: list[Any] = [sandbox.invoice(json.loads(line)["id"]) for line in run.lines]

    assert (run.code, told(run)) == (0, [(2, "done"), (3, "done")])
    assert [each["invoiceNumber"] for each in made] == ["A-1", "B;2"]
    assert made[0]["purchaseOrderNumber"] == "=PO"
    assert Decimal(made[0]["openBalance"]["value"]) == Decimal("0.10")
    assert made[0]["dueDate"] == 1_770_076_800


BAD_LINES = [
    ('{"invoiceNumber": "x"', "not JSON"),
    ("[]", "expected an object"),
    (draft(1).replace("customerId", "customerID"), "customerID: an unknown key"),
    (draft(1).replace("1.10", "NaN"), "NaN"),
    (draft(1).replace('"NEW-1"', '""'), "invoice"),
    ('{"a": 1, "a": 2}', "a key twice"),
]


@pytest.mark.parametrize(("line", "text"), BAD_LINES, ids=[text for _, text in BAD_LINES])
def test_a_malformed_line_is_named_and_nothing_is_sent(cli: Any, sandbox: Sandbox, tmp_path: Path, line: str, text: str) -> None:
    path = tmp_path / "new.jsonl"
    path.write_text("\n".join([draft(5), line, draft(6)]))
    run = cli("create", str(path))
    assert (run.code, run.out, sandbox.requests) == (2, "", [])
    assert run.err.startswith("error: line 2: ")
    assert text in run.err
    assert [*tmp_path.iterdir()] == [path]


BAD_CSV = [
    ("typo,customer_id\r\n1,2\r\n", "line 1: expected names of columns, not 'typo'"),
    ("invoice_number,invoice_number\r\n1,2\r\n", "line 1: a column comes twice"),
    ("invoice_number,customer_id\r\n1\r\n", "line 2: expected 2 cells, found 1"),
    ("invoice_number,customer_id\r\n1,2\r\n", "line 2: no original_balance, open_balance"),
    ("invoice_number,open_balance\r\n1,5\r\n", "no open_balance_currency"),
    ("invoice_number,due_date\r\n1,soon\r\n", "due_date 'soon'"),
    ("invoice_number,status\r\n1,paid\r\n", "status 'paid': use open, partially_paid, completed"),
    ("invoice_number,channel_id\r\n1,1.5\r\n", "channel_id '1.5': not a whole number"),
    ('invoice_number,type\r\n1,"a"b\r\n', "not CSV"),
    (
        'invoice_number,extra_fields\r\n1,"[{""fieldName"": ""a"", ""fieldName"": ""b"", ""fieldValue"": ""c""}]"\r\n',
        "line 2: extra_fields ",
    ),
    ('invoice_number,extra_fields\r\n1,"[{""a"": 1, ""a"": 2}]"\r\n', "an object holds a key twice"),
    ('invoice_number,extra_fields\r\n1,"[{""fieldName"": ""a"", ""fieldValue"": NaN}]"\r\n', "NaN is not a number of JSON"),
    (f"invoice_number,extra_fields\r\n1,{'[' * 100_000}\r\n", "line 2: nested too deeply"),
    ("", "line 1: expected names of columns, not nothing"),
]


@pytest.mark.parametrize(("text", "message"), BAD_CSV, ids=[message for _, message in BAD_CSV])
def test_a_csv_file_that_cannot_be_read_is_refused(cli: Any, sandbox: Sandbox, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "new.csv"
    path.write_text(text, newline="")
    run = cli("create", str(path))
    assert (run.code, message in run.err, sandbox.requests) == (2, True, [])


def test_many_bad_lines_are_all_named(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    path.write_text("\n".join([draft(1), "x", draft(1), "y"]))
    run = cli("create", str(path))
    assert run.code == 2
    assert [line[:14] for line in run.err.splitlines()] == [
        "error: line 2:",
        "error: line 3:",
        "error: line 4:",
        "error: 3 lines",
    ]
    assert "invoice number 'NEW-1' is on line 1 as well" in run.err
    assert sandbox.requests == []


def test_a_dry_run_sends_only_reads_and_tells_what_would_fail(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    taken = str((sandbox.invoice(sandbox.invoice_ids[0]) or {})["invoiceNumber"])
    path = tmp_path / "new.jsonl"
    path.write_text(f"{draft(1)}\n{draft(2).replace('NEW-2', taken)}\n")
    run = cli("create", str(path), "--dry-run", "--json")
    assert (run.code, told(run), writes(sandbox)) == (3, [(1, "skipped"), (2, "failed")], 0)
    assert [*tmp_path.iterdir()] == [path]


def test_a_line_that_is_refused_does_not_stop_the_others_and_is_tried_again(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    path.write_text("\n".join(map(draft, (1, 2, 3))))
    sandbox.fail(status=422, method="POST")
    first = cli("create", str(path), "--json")
    second = cli("create", str(path), "--json")
    assert (first.code, Counter(outcome for _, outcome in told(first))) == (3, {"failed": 1, "done": 2})
    assert (second.code, Counter(outcome for _, outcome in told(second))) == (0, {"done": 1, "skipped": 2})


def test_what_another_run_made_without_a_journal_is_not_made_again(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    path.write_text(draft(1))
    assert cli("create", str(path)).code == 0
    path.with_name("new.jsonl.journal").unlink()
    run = cli("create", str(path), "--json")
    assert (run.code, told(run), numbers(sandbox)["NEW-1"]) == (0, [(1, "skipped")], 1)


# ---- journal -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("is_there", [True, False])
def test_what_was_unknown_is_settled_first(cli: Any, sandbox: Sandbox, tmp_path: Path, *, is_there: bool) -> None:
    path, journal = tmp_path / "new.jsonl", tmp_path / "new.jsonl.journal"
    path.write_text(draft(1))
    if is_there:
        assert cli("create", str(path)).code == 0
    head = {"version": 1, "command": "create", "store": sandbox.store_hash}
    journal.write_text(f'{json.dumps(head)}\n{{"key": "NEW-1", "state": "sent"}}\n{{"key": "NEW-1", "sta')  # and cut off
    sandbox.clear()
    run = cli("create", str(path), "--json")
    assert (run.code, told(run), writes(sandbox)) == (0, [(1, "done")], 0 if is_there else 1)
    assert numbers(sandbox)["NEW-1"] == 1
    assert json.loads(journal.read_text().splitlines()[-1])["state"] == "done"


@pytest.mark.parametrize(
    ("line", "problem"),
    [('{"id": 1041, "openBalance": null}', "nothing to change"), ('{"id": 9223372036854775808, "type": "A"}', "is too large")],
)
def test_a_change_that_cannot_be_sent_is_found_before_the_first_is(
    cli: Any, sandbox: Sandbox, tmp_path: Path, line: str, problem: str
) -> None:
    path = tmp_path / "changes.jsonl"
    path.write_text(f'{{"id": {sandbox.invoice_ids[0]}, "type": "B"}}\n{line}\n')
    before = sandbox.request_count
    run = cli("update", str(path))

    assert (run.code, sandbox.request_count) == (2, before)
    assert problem in run.err


def test_an_update_that_may_have_happened_is_looked_at_first(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    invoice_id = sandbox.invoice_ids[0]
    path = tmp_path / "paid.jsonl"
    path.write_text(json.dumps({"id": invoice_id, "openBalance": {"code": "USD", "value": "1.25"}}))
    assert cli("update", str(path)).code == 0
    journal = path.with_name("paid.jsonl.journal")
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))  # killed before "done"
    sandbox.clear()
    sandbox.fail(status=404, body="<html>", method="GET")
    run = cli("update", str(path), "--json")
    assert (told(run), writes(sandbox)) == ([(1, "unknown")], 0)  # a gateway's 404 says nothing of the invoice
    run = cli("update", str(path), "--json")
    assert (run.code, told(run), writes(sandbox)) == (0, [(1, "done")], 0)


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ('{"version": 1, "command": "update", "store": "STORE"}', "is the journal of another command"),
        ('{"version": 1, "command": "create", "store": "other"}', "is the journal of another store"),
        ('{"version": 9}', "is not a journal of this version"),
        ("not json", "line 1 is damaged"),
    ],
)
def test_a_journal_of_something_else_is_refused(cli: Any, sandbox: Sandbox, tmp_path: Path, head: str, text: str) -> None:
    path, journal = tmp_path / "new.jsonl", tmp_path / "new.jsonl.journal"
    path.write_text(draft(1))
    journal.write_text(head.replace("STORE", sandbox.store_hash) + "\n")
    before = journal.read_bytes()
    run = cli("create", str(path))
    assert (run.code, text in run.err, journal.read_bytes() == before, writes(sandbox)) == (2, True, True, 0)


def test_standard_input_needs_its_format_and_keeps_a_journal_if_told_to(sandbox: Sandbox, tmp_path: Path) -> None:
    journal = tmp_path / "new.journal"

    def run(*options: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "bigcommerce_b2b_invoices.cli", "create", "-", *options]
        return subprocess.run(command, input=draft(1), capture_output=True, text=True, check=False)

    assert run().returncode == 2
    assert run("--format", "jsonl", "--journal", str(journal)).stdout.endswith("\tNEW-1\tdone\n")
    assert run("--format", "jsonl", "--journal", str(journal)).stdout.endswith("\tskipped\n")
    assert numbers(sandbox)["NEW-1"] == 1


# ---- a line that was edited ----------------------------------------------------------------------------------------------
def test_a_line_that_was_edited_after_it_was_written_is_not_skipped_in_silence(
    cli: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "new.jsonl"
    path.write_text(f"{draft(1)}\n{draft(2)}\n")
    made = [json.loads(line)["id"] for line in cli("create", str(path), "--json").lines]
    before = sandbox.invoice(made[0])
    path.write_text(f"{draft(1, purchase_order_number='EDITED')}\n{draft(2)}\n")
    sandbox.clear()
    runs = [cli("create", str(path), "--json") for _ in range(2)]

    for run in runs:
        assert (run.code, told(run)) == (3, [(1, "failed"), (2, "skipped")])
        assert run.err.startswith(f"error: line 1: an earlier run already made invoice {made[0]} from this line")
        assert "had other content then; nothing was sent" in run.err
    assert (json.loads(runs[0].lines[0])["id"], sandbox.invoice(made[0]), writes(sandbox)) == (made[0], before, 0)


def test_a_dry_run_tells_that_a_line_was_edited_and_touches_no_journal(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path, journal = tmp_path / "new.jsonl", tmp_path / "new.jsonl.journal"
    path.write_text(draft(1))
    made = json.loads(cli("create", str(path), "--json").out)["id"]
    path.write_text(f"{draft(1, purchase_order_number='EDITED')}\n{draft(2)}")
    with journal.open("ab") as file:
        file.write(b'{"key": "cut o')
    before = journal.read_bytes()
    run = cli("create", str(path), "--dry-run", "--json")
    assert (run.code, told(run), journal.read_bytes() == before) == (3, [(1, "failed"), (2, "skipped")], True)
    assert f"already made invoice {made} from this line" in run.err


def test_a_line_that_says_the_same_in_another_way_is_skipped(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    path.write_text(draft(1))
    assert cli("create", str(path)).code == 0
    path.write_text(json.dumps(dict(reversed(json.loads(draft(1)).items())), separators=(" ,  ", " : ")))
    run = cli("create", str(path), "--json")
    assert (run.code, told(run)) == (0, [(1, "skipped")])


def test_a_journal_of_an_older_version_can_be_read(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path, journal = tmp_path / "new.jsonl", tmp_path / "new.jsonl.journal"
    path.write_text(draft(1))
    head = {"version": 1, "command": "create", "store": sandbox.store_hash}
    journal.write_text(f'{json.dumps(head)}\n{{"key": "NEW-1", "state": "done", "id": 77}}\n')
    run = cli("create", str(path), "--json")
    assert (run.code, told(run), json.loads(run.out)["id"], writes(sandbox)) == (0, [(1, "skipped")], 77, 0)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_line_that_was_edited_while_it_was_unknown_vouches_for_nothing(
    cli: Any, sandbox: Sandbox, tmp_path: Path, *, is_there: bool
) -> None:
    path, journal = tmp_path / "new.jsonl", tmp_path / "new.jsonl.journal"
    path.write_text(draft(1))
    run = cli("create", str(path), "--json")
    made = json.loads(run.out)["id"]
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))  # killed before "done"
    if not is_there:
        assert cli("delete", str(made), "--yes").code == 0
    path.write_text(draft(1, purchase_order_number="EDITED"))
    sandbox.clear()
    first, second = cli("create", str(path), "--json"), cli("create", str(path), "--json")

    if is_there:
        assert (told(first), told(second), writes(sandbox)) == ([(1, "failed")], [(1, "failed")], 0)
        assert f"invoice {made} has the number 'NEW-1'" in first.err
        assert (sandbox.invoice(made) or {})["purchaseOrderNumber"] != "EDITED"
    else:
        assert (told(first), told(second), writes(sandbox)) == ([(1, "done")], [(1, "skipped")], 1)
    assert numbers(sandbox)["NEW-1"] == 1


@pytest.mark.parametrize(
    "fields",
    [{"state": "finished"}, {"state": ["done"]}, {"state": "done", "id": "7"}, {"state": "done", "content": 1}, {"key": 1}],
    ids=str,
)
def test_a_damaged_line_of_a_journal_is_named(cli: Any, sandbox: Sandbox, tmp_path: Path, fields: dict[str, Any]) -> None:
    path, journal = tmp_path / "new.jsonl", tmp_path / "new.jsonl.journal"
    path.write_text(draft(1))
    head = {"version": 1, "command": "create", "store": sandbox.store_hash}
    journal.write_text(f"{json.dumps(head)}\n{json.dumps({'key': 'NEW-1', 'state': 'sent', **fields})}\n")
    run = cli("create", str(path))
    assert (run.code, "line 2 is damaged" in run.err, writes(sandbox)) == (2, True, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and FIFOs")
@pytest.mark.parametrize("kind", ["link", "link to nothing", "fifo", "folder", "device"])
@pytest.mark.parametrize("is_named", [True, False])
def test_a_journal_that_is_no_plain_file_is_refused(
    cli: Any, sandbox: Sandbox, tmp_path: Path, kind: str, *, is_named: bool
) -> None:
    path, other = tmp_path / "new.jsonl", tmp_path / "other"
    journal = tmp_path / ("my.journal" if is_named else "new.jsonl.journal")
    path.write_text(draft(1))
    if kind == "link":
        other.write_text("precious")
    if kind.startswith("link"):
        journal.symlink_to(other)
    elif kind == "fifo":
        os.mkfifo(journal)
    elif kind == "folder":
        journal.mkdir()
    else:
        journal.symlink_to("/dev/null")
    run = cli("create", str(path), *(["--journal", str(journal)] if is_named else []))

    assert (run.code, sandbox.requests) == (2, [])
    assert "with --journal; nothing was sent" in run.err
    assert other.exists() == (kind == "link")
    assert not other.exists() or other.read_text() == "precious"


# ---- update --------------------------------------------------------------------------------------------------------------
def test_an_exported_file_that_was_edited_can_be_given_back(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    assert cli("export", str(path)).code == 0
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    before = {number: sandbox.invoice(number) for number in sandbox.invoice_ids}
    rows[3]["purchase_order_number"] = "CHANGED"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    run = cli("update", str(path), "--json")
    assert (run.code, {outcome for _, outcome in told(run)}) == (0, {"done"})
    assert "columns that update does not write: customer_name, " in run.err
    for number, invoice in before.items():
        after = dict(sandbox.invoice(number) or {})
        assert invoice is not None
        same = {key for key in invoice if str(invoice[key]) == str(after[key])}  # a time may be text
        assert set(invoice) - same <= {"updatedAt", *(["purchaseOrderNumber"] if number == int(rows[3]["id"]) else [])}


def test_lines_about_one_invoice_are_sent_in_their_order(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    invoice_id = sandbox.invoice_ids[0]
    path = tmp_path / "many.jsonl"
    path.write_text("\n".join(json.dumps({"id": invoice_id, "purchaseOrderNumber": f"PO-{n}"}) for n in range(20)))
    assert cli("update", str(path)).code == 0
    assert (sandbox.invoice(invoice_id) or {})["purchaseOrderNumber"] == "PO-19"


@pytest.mark.parametrize(
    "line", ['{"id": 1}', '{"openBalance": null}', '{"id": "7", "type": "x"}', '{"id": 7, "customerName": "x"}']
)
def test_changes_without_an_id_or_without_anything_are_refused(cli: Any, sandbox: Sandbox, tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(line)
    assert (cli("update", str(path)).code, sandbox.requests) == (2, [])


@pytest.mark.parametrize("options", [[], ["--dry-run"]], ids=str)
def test_a_change_that_fails_tells_its_invoice(cli: Any, sandbox: Sandbox, tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": 987654321, "purchaseOrderNumber": "P"}')
    run = cli("update", str(path), "--json", *options)
    assert (run.code, told(run), json.loads(run.out)["id"]) == (1, [(1, "failed")], 987654321)


def test_a_change_whose_fate_is_unknown_tells_its_invoice(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"id": sandbox.invoice_ids[0], "purchaseOrderNumber": "P"}))
    assert cli("update", str(path)).code == 0
    journal = path.with_name("x.jsonl.journal")
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))  # killed before "done"
    sandbox.fail(times=100, status=403)
    run = cli("update", str(path), "--json")
    assert (told(run), json.loads(run.out)["id"]) == ([(1, "unknown")], sandbox.invoice_ids[0])


# ---- a file that is edited between two runs -----------------------------------------------------------------------------
def lines_of(*changes: tuple[int, str]) -> str:
    return "".join(json.dumps({"id": invoice_id, "purchaseOrderNumber": number}) + "\n" for invoice_id, number in changes)


def test_a_file_that_holds_an_older_change_again_is_sent_again(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    invoice_id, path = sandbox.invoice_ids[0], tmp_path / "weekly.jsonl"
    for number in ("A", "B", "A"):
        path.write_text(lines_of((invoice_id, number)))
        for outcome in ("done", "skipped"):
            run = cli("update", str(path), "--json")
            assert (run.code, told(run)) == (0, [(1, outcome)])
            assert (sandbox.invoice(invoice_id) or {})["purchaseOrderNumber"] == number


def test_a_line_that_moved_in_the_file_is_not_sent_again(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    first, second, *_ = sandbox.invoice_ids
    path = tmp_path / "paid.jsonl"
    path.write_text(lines_of((987654321, "P"), (first, "A"), (second, "B"), (second, "B")))
    assert told(cli("update", str(path), "--json")) == [(1, "failed"), (2, "done"), (3, "done"), (4, "done")]
    path.write_text("\n" + lines_of((first, "A"), (second, "B"), (second, "B")))
    sandbox.clear()
    run = cli("update", str(path), "--json")
    assert (run.code, told(run), writes(sandbox)) == (0, [(2, "skipped"), (3, "skipped"), (4, "skipped")], 0)


@pytest.mark.parametrize("seed", range(10))
def test_after_any_edits_the_store_holds_what_the_file_says(cli: Any, environment: Any, tmp_path: Path, seed: int) -> None:
    edit_again_and_again(cli, environment, tmp_path / "edited.jsonl", random.Random(seed))


def edit_again_and_again(cli: Any, environment: Any, path: Path, rng: random.Random) -> None:
    """Edit a file at random between the runs; some writes fail, and some runs end before they note what they wrote."""
    journal = path.with_name(f"{path.name}.journal")
    lines: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = [{"status": 422}, {"drop": "after"}]
    with Sandbox(invoices=3) as sandbox:
        environment(sandbox.store_hash, sandbox.auth_token, sandbox.base_url)
        for _ in range(8):
            if lines and rng.random() < 0.5:
                line = lines.pop(rng.randrange(len(lines)))
                if rng.random() < 0.5:
                    lines.insert(rng.randrange(len(lines) + 1), line)
            for _ in range(rng.randrange(3)):
                line = {"id": rng.choice(sandbox.invoice_ids), rng.choice(["purchaseOrderNumber", "type"]): rng.choice("ABC")}
                lines.insert(rng.randrange(len(lines) + 1), line)
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
            if rng.random() < 0.5:
                sandbox.fail(method="PUT", **rng.choice(faults))
            cli("update", str(path))
            noted = journal.read_text().splitlines(keepends=True)
            if rng.random() < 0.3 and '"done"' in noted[-1]:
                journal.write_text("".join(noted[:-1]))  # killed before "done"
            sandbox.clear()

            assert cli("update", str(path)).code == 0
            wanted = {(line["id"], field): line[field] for line in lines for field in line if field != "id"}
            assert {each: (sandbox.invoice(each[0]) or {})[each[1]] for each in wanted} == wanted
            sent = writes(sandbox)
            assert (cli("update", str(path)).code, writes(sandbox)) == (0, sent)


# ---- what a review found ------------------------------------------------------------------------------------------------
def test_a_later_line_of_an_invoice_waits_for_the_earlier_one(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    invoice_id = sandbox.invoice_ids[0]
    path = tmp_path / "two.jsonl"
    path.write_text("\n".join(json.dumps({"id": invoice_id, "purchaseOrderNumber": number}) for number in ("OLD", "NEW")))
    sandbox.fail(status=422, method="PUT")
    first, second = cli("update", str(path), "--json"), cli("update", str(path), "--json")
    assert (first.code, told(first)) == (1, [(1, "failed"), (2, "failed")])
    assert (second.code, told(second)) == (0, [(1, "done"), (2, "done")])
    assert (sandbox.invoice(invoice_id) or {})["purchaseOrderNumber"] == "NEW"


@pytest.mark.parametrize("command", ["create", "update"])
def test_a_look_that_fails_leaves_the_line_unknown(cli: Any, sandbox: Sandbox, tmp_path: Path, command: str) -> None:
    path, journal = tmp_path / "x.jsonl", tmp_path / "x.jsonl.journal"
    line = draft(1) if command == "create" else json.dumps({"id": sandbox.invoice_ids[0], "purchaseOrderNumber": "P"})
    path.write_text(line)
    assert cli(command, str(path)).code == 0
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))  # killed before "done"
    before = journal.read_bytes()
    sandbox.fail(times=100, status=403, method="GET")
    unknown = cli(command, str(path), "--json")
    sandbox.clear()
    assert told(unknown) == [(1, "unknown")]
    assert journal.read_bytes().startswith(before)
    assert '"failed"' not in journal.read_text()
    assert told(cli(command, str(path), "--json")) == [(1, "done")]


@pytest.mark.parametrize("text", ["precious", '{"a": 1}', "x" * 100_000])
def test_a_journal_never_empties_a_file_that_is_no_journal(cli: Any, sandbox: Sandbox, tmp_path: Path, text: str) -> None:
    path, other = tmp_path / "new.jsonl", tmp_path / "other.txt"
    path.write_text(draft(1))
    other.write_text(text)
    assert cli("create", str(path), "--journal", str(other)).code == 2
    assert cli("create", str(path), "--journal", str(path)).code == 2
    assert (other.read_text(), path.read_text(), writes(sandbox)) == (text, draft(1), 0)


@pytest.mark.parametrize("amount", ["1_000", "\u0661\u0662", "1e3", " 5", "+5", "0x10", "Infinity"])
def test_an_amount_is_plain_digits(cli: Any, sandbox: Sandbox, tmp_path: Path, amount: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"id,open_balance,open_balance_currency\r\n{sandbox.invoice_ids[0]},{amount},USD\r\n", encoding="utf-8")
    assert (cli("update", str(path)).code, sandbox.requests) == (2, [])


@pytest.mark.skipif(sys.platform == "win32", reason="needs a FIFO and signals")
def wait_until_it_handles(pid: int, number: signal.Signals) -> None:
    """Wait until the program has installed its handler; on a system without /proc, as long as that takes at most."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        time.sleep(5)
        return
    while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1:
        time.sleep(0.02)


def test_an_input_that_never_comes_hangs_nothing(cli: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    fifo = tmp_path / "x.jsonl"
    os.mkfifo(fifo)
    assert cli("create", str(fifo)).code == 2
    command = [sys.executable, "-m", "bigcommerce_b2b_invoices.cli", "create", "-", "--format", "jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until_it_handles(process.pid, signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (143, b"error: stopped by SIGTERM\n")


def test_a_reader_of_the_outcomes_that_goes_away_stops_no_write(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(draft, range(1, 31))))
    command = f"{sys.executable} -m bigcommerce_b2b_invoices.cli create {path} --json | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert sum(number.startswith("NEW-") for number in numbers(sandbox)) == 30


# ---- kills ---------------------------------------------------------------------------------------------------------------
def kill(kills: int, seed: int, folder: Path) -> int:
    """Kill imports at random moments until they are done. Returns how many kills came after the first write."""
    rng = random.Random(seed)
    done = useful = run = 0
    while done < kills:
        run += 1
        own = folder / str(run)
        own.mkdir()
        with Sandbox(invoices=60, latency=0.02) as sandbox:
            environ = {
                **os.environ,
                "BIGCOMMERCE_STORE_HASH": sandbox.store_hash,
                "BIGCOMMERCE_ACCESS_TOKEN": sandbox.auth_token,
                "BIGCOMMERCE_B2B_BASE_URL": sandbox.base_url,
            }
            ids = sandbox.invoice_ids
            new, paid = own / "new.jsonl", own / "paid.jsonl"
            new.write_text("\n".join(map(draft, range(1, 61))))
            paid.write_text("\n".join(json.dumps({"id": number, "purchaseOrderNumber": f"PO-{number}"}) for number in ids))
            command, path = rng.choice([("create", new), ("update", paid)])
            arguments = [sys.executable, "-m", "bigcommerce_b2b_invoices.cli", command, str(path)]
            for _ in range(min(5, kills - done)):
                sandbox.fail(times=2, drop=rng.choice(["before", "after", "midway"]), method=rng.choice(["POST", "PUT"]))
                before = writes(sandbox)
                with subprocess.Popen(arguments, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                    while writes(sandbox) == before and process.poll() is None:
                        time.sleep(0.002)
                    time.sleep(rng.uniform(0, 0.3))
                    process.send_signal(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
                    process.communicate()
                    if process.returncode in (0, 1, 3):
                        break
                done += 1
                useful += writes(sandbox) > before
            sandbox.clear()
            ended = subprocess.run(arguments, env=environ, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stderr
            if command == "create":
                assert {number: count for number, count in numbers(sandbox).items() if number.startswith("NEW-")} == {
                    f"NEW-{number}": 1 for number in range(1, 61)
                }
            else:
                assert all((sandbox.invoice(number) or {})["purchaseOrderNumber"] == f"PO-{number}" for number in ids)
    return useful


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_an_import_that_is_killed_again_and_again_writes_each_line_once(tmp_path: Path) -> None:
    assert kill(KILLS, 3, tmp_path) >= KILLS / 2


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 50
        sys.stdout.write(f"{kill(wanted, 1, Path(name))} of {wanted} kills came after a write was sent: all lines written once\n")
