"""The examples that are no back ends: a worker, a push, a script. Each is run, killed, and run again."""

import signal
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import connect
from example_runs import Run

from bigcommerce_b2b_invoices import InvoiceChanges, InvoiceDraft, Money, to_json
from bigcommerce_b2b_invoices.sandbox import Sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals")


# ---- follow_changes.py -------------------------------------------------------------------------------------------------
def saved(folder: Path) -> tuple[dict[int, str], str | None]:
    """The invoices and the cursor in the worker's database."""
    with closing(sqlite3.connect(folder / "invoices.db", timeout=10)) as database:
        try:
            cursor = database.execute("SELECT cursor FROM state").fetchone()
            return dict(database.execute("SELECT id, json FROM invoices")), cursor and cursor[0]
        except sqlite3.OperationalError:  # no tables so far
            return {}, None


async def in_store(sandbox: Sandbox) -> dict[int, str]:
    async with connect(sandbox) as client:
        return {invoice.id: to_json(invoice) async for invoice in client.invoices.changes()}


async def test_the_worker_has_every_invoice_and_follows_changes(run: Run) -> None:
    with Sandbox(invoices=700, seed=3) as sandbox:
        worker = run.start("follow_changes.py", sandbox, EVERY="0.1")
        await worker.wait_for(lambda: saved(run.folder)[1] is not None)
        at_first = saved(run.folder)[0]
        everything = await in_store(sandbox)

        new = sandbox.add(invoice_number="NEW-1", open_balance={"code": "USD", "value": "12.3400"})
        async with connect(sandbox) as client:
            await client.invoices.update(sandbox.invoice_ids[0], InvoiceChanges(external_id="changed"))
        await worker.wait_for(lambda: new in saved(run.folder)[0] and "changed" in saved(run.folder)[0][sandbox.invoice_ids[0]])
        worker.process.send_signal(signal.SIGTERM)

        assert worker.process.wait(5) == 0
        assert at_first == everything
        assert saved(run.folder)[0] == await in_store(sandbox)
        assert "Traceback" not in worker.log.read_text()


async def test_a_worker_that_is_killed_in_the_middle_has_nothing_half_and_begins_again(run: Run) -> None:
    with Sandbox(invoices=900, seed=3, latency=0.2) as sandbox:
        worker = run.start("follow_changes.py", sandbox, EVERY="0.1")
        await worker.wait_for(lambda: len(sandbox.requests) >= 3)
        worker.process.kill()
        worker.process.wait(5)
        after_kill = saved(run.folder)

        worker = run.start("follow_changes.py", sandbox, EVERY="0.1")
        await worker.wait_for(lambda: saved(run.folder)[1] is not None)

        assert after_kill == ({}, None)
        assert set(saved(run.folder)[0]) == set(sandbox.invoice_ids)


async def test_sigterm_ends_the_worker_in_the_middle_of_its_first_feed(run: Run) -> None:
    with Sandbox(invoices=900, seed=3, latency=0.3) as sandbox:
        worker = run.start("follow_changes.py", sandbox)
        await worker.wait_for(lambda: len(sandbox.requests) >= 2)
        worker.process.send_signal(signal.SIGTERM)

        assert worker.process.wait(5) == 0
        assert saved(run.folder) == ({}, None)
        assert "Traceback" not in worker.log.read_text()


async def test_a_feed_that_fails_writes_nothing_and_the_next_one_tries_again(run: Run) -> None:
    with Sandbox(invoices=300, seed=3) as sandbox:
        sandbox.fail(times=1, status=400, path="/invoices")
        worker = run.start("follow_changes.py", sandbox, EVERY="0.1")
        await worker.wait_for(lambda: saved(run.folder)[1] is not None)

        assert "tries again" in worker.log.read_text()
        assert set(saved(run.folder)[0]) == set(sandbox.invoice_ids)


# ---- erp_push.py -------------------------------------------------------------------------------------------------------
def draft(number: int, amount: str = "10.50") -> InvoiceDraft:
    total = Money("USD", Decimal(amount))
    return InvoiceDraft(invoice_number=f"ERP-{number:04d}", customer_id="95051", original_balance=total, open_balance=total)


def write_drafts(folder: Path, *drafts: InvoiceDraft, then: str = "") -> None:
    (folder / "drafts.jsonl").write_text("".join(f"{to_json(each)}\n" for each in drafts) + then)


async def numbers(sandbox: Sandbox) -> Counter[str | None]:
    async with connect(sandbox) as client:
        found = [invoice.invoice_number async for invoice in client.invoices.iterate()]
    return Counter(number for number in found if number and number.startswith("ERP-"))


async def test_a_push_creates_each_invoice_once_though_answers_are_lost_and_may_run_again(run: Run) -> None:
    with Sandbox(invoices=10) as sandbox:
        write_drafts(run.folder, *map(draft, range(20)))
        sandbox.fail(times=3, drop="after", method="POST")

        first = run.to_its_end("erp_push.py", sandbox)
        again = run.to_its_end("erp_push.py", sandbox)
        created = await numbers(sandbox)

    assert (first.returncode, first.stdout) == (0, "20 created, 0 there already, 0 failed, 0 unknown\n"), first
    assert (again.returncode, again.stdout) == (0, "0 created, 20 there already, 0 failed, 0 unknown\n")
    assert created == {f"ERP-{number:04d}": 1 for number in range(20)}


async def test_a_push_that_is_killed_in_the_middle_is_finished_by_the_next_one(run: Run) -> None:
    with Sandbox(invoices=10, latency=0.1) as sandbox:
        write_drafts(run.folder, *map(draft, range(40)))
        killed = run.start("erp_push.py", sandbox)
        await killed.wait_for(lambda: sum(request.method == "POST" for request in sandbox.requests) >= 12)
        killed.process.kill()
        killed.process.wait(5)
        sent_before = sum(request.method == "POST" for request in sandbox.requests)

        done = run.to_its_end("erp_push.py", sandbox)
        created = await numbers(sandbox)

    assert sent_before < 40
    assert done.returncode == 0, done
    assert created == {f"ERP-{number:04d}": 1 for number in range(40)}


async def test_a_push_names_the_lines_that_are_not_done_and_does_the_others(run: Run) -> None:
    with Sandbox(invoices=10) as sandbox:
        sandbox.add(invoice_number="ERP-0001", customer_id="95052")  # somebody else's
        write_drafts(run.folder, draft(0), draft(1), then=f"\nno JSON\n{to_json(draft(2))}\n" + '{"invoiceNumber": "ERP-0003"}\n')

        done = run.to_its_end("erp_push.py", sandbox)
        created = await numbers(sandbox)

    assert done.returncode == 1
    assert sorted(line.split(": ")[:2] for line in done.stdout.splitlines()[:-1]) == [
        [f"line {line}", "failed"] for line in (2, 4, 6)
    ]
    assert done.stdout.splitlines()[-1] == "2 created, 0 there already, 3 failed, 0 unknown"
    assert created == {"ERP-0000": 1, "ERP-0001": 1, "ERP-0002": 1}


# ---- overdue.py --------------------------------------------------------------------------------------------------------
async def test_the_script_prints_what_each_company_owes(run: Run) -> None:
    with Sandbox(invoices=600, seed=1) as sandbox:
        began = time.monotonic()
        done = run.to_its_end("overdue.py", sandbox)
        assert time.monotonic() - began < 10
        owed: Counter[tuple[str, str]] = Counter()
        async with connect(sandbox) as client:
            async for invoice in client.invoices.iterate():
                if invoice.is_overdue() and invoice.open_balance:
                    owed[str(invoice.customer_id), invoice.open_balance.code] += invoice.open_balance.value  # type: ignore[assignment]

    lines = [line.split("\t") for line in done.stdout.splitlines()]
    printed = {(line[0], line[3].split()[1]): Decimal(line[3].split()[0]) for line in lines}
    assert (done.returncode, done.stderr) == (0, "")
    assert printed == dict(owed)
    assert len(printed) > 3


@pytest.mark.parametrize("name", ["follow_changes.py", "erp_push.py", "overdue.py"])
def test_a_wrong_token_ends_a_program_with_an_error(run: Run, name: str) -> None:
    with Sandbox(invoices=1) as sandbox:
        write_drafts(run.folder, draft(1))
        done = run.to_its_end(name, sandbox, BIGCOMMERCE_ACCESS_TOKEN="wrong-token-1234")

    assert done.returncode == 1
    assert "wrong-token-1234" not in done.stdout + done.stderr
