"""A mirror is as its store is, in SQLite and in PostgreSQL, and never loses a row on a guess."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from mirror_check import assert_equal, connect, rows_of
from sqlalchemy import event

from bigcommerce_b2b_invoices import ConfigurationError, ExtraField, Invoice, InvoiceChanges, Money
from bigcommerce_b2b_invoices.mirror import (
    DatabaseUnavailableError,
    MassDeletionError,
    Mirror,
    MirrorError,
    MirrorInUseError,
)
from bigcommerce_b2b_invoices.mirror.database import Database, State, Written
from bigcommerce_b2b_invoices.mirror.engine import make_engine
from bigcommerce_b2b_invoices.mirror.mirror import EVERYTHING
from bigcommerce_b2b_invoices.sandbox import Sandbox


def query(url: str, text: str) -> list[Any]:
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(sa.text(text))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


# ---- what it does --------------------------------------------------------------------------------------------------------
async def test_the_first_sync_reads_everything_and_a_quiet_one_costs_a_request(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        first, before = await mirror.sync(), store.request_count
        quiet = await mirror.sync()

        assert (first.inserted, first.updated, first.deleted, first.guarantee) == (600, 0, 0, "complete")
        assert (quiet.inserted, quiet.unchanged, quiet.requests, store.request_count - before) == (0, 0, 1, 1)
        await assert_equal(url, client)


async def test_a_quiet_sync_costs_a_request_though_the_newest_second_has_400_rows(url: str, store: Sandbox) -> None:
    then = int(time.time()) - 5  # a second that is not over could still get more rows, so it is read again
    for number in range(400):
        store.add(invoiceNumber=f"IMPORT-{number}", createdAt=then, updatedAt=then)
    async with connect(store) as client, Mirror(client, url) as mirror:
        first, _, before = await mirror.sync(), await mirror.sync(), store.request_count
        quiet = await mirror.sync()

        assert (first.inserted, first.guarantee) == (1000, "complete")
        assert (quiet.inserted, quiet.updated, quiet.requests, store.request_count - before) == (0, 0, 1, 1)
        await assert_equal(url, client)


async def test_what_changes_is_followed(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        await client.invoices.update(store.invoice_ids[5], InvoiceChanges(type="Changed"))
        added = store.add(invoiceNumber="N-1")
        report = await mirror.sync()

        assert (report.inserted, report.updated, report.requests) == (1, 1, 1)
        assert added in [row["id"] for row in rows_of(url, client.store_hash)["invoices"]]
        await assert_equal(url, client)


async def test_a_full_sync_finds_what_was_deleted_and_writes_no_unchanged_row(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        for invoice_id in store.invoice_ids[10:15]:
            await client.invoices.delete(invoice_id)
        report = await mirror.sync(full=True)

        assert (report.deleted, report.unchanged, report.updated, report.guarantee) == (5, 595, 0, "complete")
        await assert_equal(url, client)


async def test_what_a_best_effort_sweep_did_not_meet_is_asked_for(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        gone = store.invoice_ids[20]
        await client.invoices.delete(gone)
        store.fail(times=1, body=_page_without(store, {store.invoice_ids[3]}), path="/invoices", method="GET")
        report = await mirror.sync(full=True)

        assert (report.deleted, report.may_lack_rows) == (1, False)
        await assert_equal(url, client)


async def test_what_was_not_proven_stays_so_until_a_sweep_proves_it(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        store.fail(times=1, delay=0.001, path="/invoices")  # the request for the first cursor
        store.fail(times=1, body=_page_without(store, {store.invoice_ids[3]}), path="/invoices")
        first = await mirror.sync()
        store.add(invoiceNumber="N")
        quiet = await mirror.sync()
        full = await mirror.sync(full=True)
        last = await mirror.sync()

        assert [(each.guarantee, each.may_lack_rows) for each in (first, quiet)] == [("best_effort", True)] * 2
        assert quiet.anomalies == ("an earlier sync could not prove that the mirror has every invoice: sync with full=True",)
        assert [(each.guarantee, each.may_lack_rows, each.anomalies) for each in (full, last)] == [("complete", False, ())] * 2
        await assert_equal(url, client)


@pytest.mark.parametrize("interrupted", [False, True])
async def test_an_unreadable_invoice_is_a_doubt_until_a_sweep_reads_all(url: str, store: Sandbox, *, interrupted: bool) -> None:
    def stop(rows: int) -> None:
        if interrupted and rows == 300:
            raise KeyError("stop")

    async with connect(store) as client, Mirror(client, url) as mirror:
        odd = store.invoice_ids[0]
        was = store.invoice(odd)
        assert was
        store.add(**{**was, "openBalance": {"code": "USD", "value": "much"}})
        with contextlib.suppress(KeyError):
            await mirror.sync(on_row=stop)
        swept = await mirror.sync()
        quiet = await mirror.sync()
        store.add(**was)
        full = await mirror.sync(full=True)

        assert [(each.guarantee, each.may_lack_rows) for each in (swept, quiet)] == [("best_effort", True)] * 2
        assert (full.guarantee, full.may_lack_rows, full.unreadable) == ("complete", False, 0)
        await assert_equal(url, client)


async def test_a_sweep_that_passed_over_a_row_before_it_was_interrupted_deletes_only_what_the_api_says_is_gone(
    url: str, store: Sandbox
) -> None:
    def stop(rows: int) -> None:
        if rows == 300:
            raise KeyError("stop")

    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        oldest_first = sorted(store.invoice_ids, key=lambda number: int(str((store.invoice(number) or {})["createdAt"])))
        was = store.invoice(oldest_first[0]) or {}
        store.add(**{**was, "openBalance": {"code": "USD", "value": "much"}})
        with pytest.raises(KeyError):
            await mirror.sync(full=True, on_row=stop)
        for number in oldest_first[-51:]:  # more than are asked for if the sweep is a proof
            await client.invoices.delete(number)
        before = len(store.requests)
        report = await mirror.sync(full=True)
        asked = {
            int(request.path.split("/")[-1]) for request in store.requests[before:] if not request.path.endswith("/invoices")
        }

        assert asked >= set(oldest_first[-51:])
        assert (report.deleted, report.may_lack_rows) == (51, True)


async def test_a_page_that_lacks_a_row_while_another_is_deleted_costs_no_row(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        ordered = sorted(store.invoice_ids, key=lambda number: int(str((store.invoice(number) or {})["createdAt"])))
        for number in ordered[-51:]:  # more than are asked for if the sweep is a proof
            await client.invoices.delete(number)
        lacking = min(ordered[260:440], key=lambda number: int(str((store.invoice(number) or {})["updatedAt"])))
        before = len(store.requests)
        assert len([invoice async for invoice in client.invoices.iterate(EVERYTHING)]) == 549
        offset = sorted(int(dict(request.query)["offset"]) for request in store.requests[before:])[2]  # 0, 0, the second page
        store.fail(times=1, body=_page_without(store, set()), path="/invoices")
        store.fail(times=1, body=_page_without(store, {lacking}, offset), path="/invoices")
        await client.invoices.delete(ordered[0])  # after the page that lacks a row: the rows after it stay at their places
        report = await mirror.sync(full=True)

        assert lacking in [row["id"] for row in rows_of(url, client.store_hash)["invoices"]]
        assert (report.deleted, report.guarantee, report.anomalies) == (51, "complete", ())


async def test_a_store_that_counts_more_than_the_mirror_has_is_a_doubt(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        old = store.invoice(store.invoice_ids[2]) or {}
        late = store.add(invoiceNumber="LATE", createdAt=old["createdAt"], updatedAt=old["updatedAt"])  # no feed can show it
        store.fail(times=1, body=_page_without(store, {late}), path="/invoices")
        full = await mirror.sync(full=True)
        quiet = await mirror.sync()
        again = await mirror.sync(full=True)

        assert "the store counts 601 invoices, and the mirror has 600" in full.anomalies
        assert [(each.guarantee, each.may_lack_rows) for each in (full, quiet)] == [("best_effort", True)] * 2
        assert (again.guarantee, again.inserted, again.may_lack_rows) == ("complete", 1, False)


def _page_without(store: Sandbox, missing: set[int], offset: int = 0) -> dict[str, Any]:
    """A page of the list, as a store would send it that leaves out an invoice."""
    rows = [store.invoice(number) for number in store.invoice_ids if number not in missing]
    rows.sort(key=lambda row: (int((row or {})["createdAt"]), int((row or {})["id"])))  # type: ignore[call-overload]
    return {
        "code": 200,
        "data": rows[offset : offset + 250],
        "meta": {"message": "SUCCESS", "pagination": {"totalCount": len(store.invoice_ids), "offset": offset, "limit": 250}},
    }


async def test_a_sync_that_would_delete_most_deletes_nothing(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        for invoice_id in store.invoice_ids[:300]:
            await client.invoices.delete(invoice_id)
        with pytest.raises(MassDeletionError) as caught:
            await mirror.sync(full=True)
        kept = len(rows_of(url, client.store_hash)["invoices"])
        async with Mirror(client, url, max_deleted=0.6) as willing:
            report = await willing.sync(full=True)

        assert (caught.value.count > 50, caught.value.total, kept) == (True, 600, 600)
        assert report.deleted == 300
        await assert_equal(url, client)


async def test_a_gateways_404_is_no_proof_that_an_invoice_is_gone(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        hidden = set(store.invoice_ids[3:6])
        store.fail(times=1, body=_page_without(store, hidden), path="/invoices", method="GET")
        store.fail(times=50, status=404, body="<html>not here</html>", path="/invoices/{invoiceId}", method="GET")
        report = await mirror.sync(full=True)

        assert (report.deleted, len(rows_of(url, client.store_hash)["invoices"])) == (0, 600)
        store.clear()


async def test_a_refused_deletion_leaves_the_mirror_up_to_date_and_no_old_proof(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        for invoice_id in store.invoice_ids[:300]:
            await client.invoices.delete(invoice_id)
        added = store.add(invoiceNumber="LATE")
        with pytest.raises(MassDeletionError):
            await mirror.sync(full=True)
        report = await mirror.sync()

        assert added in [row["id"] for row in rows_of(url, client.store_hash)["invoices"]]
        assert (report.requests, report.deleted) == (1, 0)


async def test_several_stores_share_a_database(url: str, store: Sandbox) -> None:
    with Sandbox(invoices=40, seed=3) as other:
        async with connect(store) as first, connect(other) as second, Mirror(first, url) as one, Mirror(second, url) as two:
            await one.sync()
            await two.sync()
            other.drift(deletes=2)
            await second.invoices.page()
            await second.invoices.page()
            other.drift()
            await two.sync(full=True)

            await assert_equal(url, first)
            await assert_equal(url, second)


async def test_a_sweep_that_was_interrupted_goes_on(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        store.fail(times=50, status=403, path="/invoices")
        with pytest.raises(Exception, match="403"):
            await mirror.sync()
        store.clear()

        def stop(rows: int) -> None:
            if rows == 300:
                raise KeyError("stop")

        with pytest.raises(KeyError):
            await mirror.sync(on_row=stop)
        before = store.request_count
        report = await mirror.sync()

        assert report.inserted < 600
        assert store.request_count - before < 6
        await assert_equal(url, client)


async def test_only_changes_cannot_come_first(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        with pytest.raises(ValueError, match="full=False"):
            await mirror.sync(full=False)
        await mirror.sync()
        assert (await mirror.sync(full=False)).requests == 1


async def test_everything_is_read_again_when_it_is_due(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url, full_every=0.0) as mirror:
        await mirror.sync()
        assert (await mirror.sync()).unchanged == 600


async def test_rows_are_told_as_they_are_read(url: str, store: Sandbox) -> None:
    told: list[int] = []
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync(on_row=told.append)
    assert told == list(range(1, 601))


# ---- what a database cannot hold by itself -------------------------------------------------------------------------------
ODD = [
    ("12345678901234567890.1234", "NUL \0 and half \ud800"),
    ("-0.00000001", "back\\slash ' quote"),
    ("922337203685477.5807", "日本"),
    ("922337203685477.5808", ""),
    ("0.5", "x"),
    ("-0.5000", "x"),
    ("1E+20", "x"),
]


async def test_amounts_texts_and_times_come_back_exactly(url: str) -> None:
    with Sandbox(invoices=0) as store:
        for number, (value, text) in enumerate(ODD):
            money = {"code": "USD", "value": value}
            store.add(
                invoiceNumber=f"{number}{text}",
                customerName=text,
                openBalance=money,
                originalBalance=money,
                dueDate=number * 10**9,
            )
        async with connect(store) as client, Mirror(client, url) as mirror:
            await mirror.sync()
            rows = rows_of(url, client.store_hash)["invoices"]

    assert [row["open_balance"] for row in rows] == [Decimal(value) for value, _ in ODD]
    assert rows[1]["due_date"] == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    nul = "\0" if url.startswith("sqlite") else "\u2400"
    assert rows[0]["customer_name"] == f"NUL {nul} and half \\ud800"
    assert "\\u0000" in rows[0]["raw"]


async def test_sqlite_sums_in_ten_thousandths(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    with Sandbox(invoices=0) as store:
        for value, _ in ODD:
            store.add(openBalance={"code": "USD", "value": value}, originalBalance={"code": "USD", "value": "1"})
        async with connect(store) as client, Mirror(client, url) as mirror:
            await mirror.sync()
    rows = query(url, "select open_balance_e4, original_balance_e4 from invoices order by id")
    assert [row[0] for row in rows] == [None, None, 2**63 - 1, None, 5000, -5000, None]
    assert query(url, "select sum(original_balance_e4), typeof(open_balance) from invoices")[0] == (70_000, "text")


# ---- who may write, and where --------------------------------------------------------------------------------------------
async def test_a_second_mirror_of_a_store_is_refused_before_a_request(url: str, store: Sandbox) -> None:
    async with connect(store) as client, connect(store) as again, Mirror(client, url) as mirror, Mirror(again, url) as second:
        refused: list[BaseException] = []

        async def intrude() -> None:
            before = store.request_count
            try:
                await second.sync()
            except MirrorInUseError as error:
                refused.append(error)
                assert store.request_count == before

        tasks: list[asyncio.Task[None]] = []
        entered = asyncio.get_running_loop()
        await mirror.sync(on_row=lambda rows: tasks.append(entered.create_task(intrude())) if rows == 250 else None)
        await asyncio.gather(*tasks)
        await second.sync()

    assert len(refused) == 1 or tasks  # the second came in the middle, or after the end
    assert not refused or "another mirror of store" in str(refused[0])


async def test_one_mirror_runs_one_sync_at_a_time(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        running = asyncio.create_task(mirror.sync())
        await asyncio.sleep(0.01)
        with pytest.raises(RuntimeError, match="this mirror is syncing"):
            await mirror.sync()
        await running


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("create table invoices (id integer)", "that does not belong to a mirror"),
        ("create table line_items (sku varchar(10))", "that does not belong to a mirror"),
    ],
)
async def test_a_table_that_is_not_ours_is_not_touched(url: str, store: Sandbox, statement: str, text: str) -> None:
    query(url, statement)
    async with connect(store) as client, Mirror(client, url) as mirror:
        with pytest.raises(MirrorError, match=text):
            await mirror.sync()
        assert store.requests == []


async def test_a_newer_schema_is_refused_and_an_older_one_read_anew(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        query(url, "update sync_state set schema_version = 99")
        before = store.request_count
        with pytest.raises(MirrorError, match="a newer version"):
            await mirror.sync()
        assert store.request_count == before
        query(url, "update sync_state set schema_version = 0")
        assert (await mirror.sync()).inserted == 600
        await assert_equal(url, client)


async def test_an_older_schema_that_no_sync_has_filled_is_made_anew(url: str, store: Sandbox) -> None:
    async with connect(store) as client, Mirror(client, url) as mirror:
        await mirror.sync()
        query(url, "delete from sync_state")
        query(url, "alter table sync_state drop column proven")
        assert (await mirror.sync()).inserted == 600
        await assert_equal(url, client)


async def test_an_engine_that_was_given_is_left_open(url: str, store: Sandbox) -> None:
    engine = sa.create_engine(url)
    async with connect(store) as client:
        async with Mirror(client, engine) as mirror:
            await mirror.sync()
        with engine.connect() as connection:
            assert connection.execute(sa.text("select count(*) from invoices")).scalar() == 600
    engine.dispose()


async def test_a_closed_mirror_says_so(url: str, store: Sandbox) -> None:
    async with connect(store) as client:
        mirror = Mirror(client, url)
        await mirror.aclose()
        await mirror.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await mirror.sync()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("nonsense", "must be a URL"),
        ("mysql://user:secret@host/db", "needs SQLite or PostgreSQL"),
        ("sqlite+pysqlcipher://:secret@/x.db", ""),
    ],
)
async def test_a_url_that_cannot_be_used_is_a_configuration_error_without_its_password(
    store: Sandbox, url: str, text: str
) -> None:
    async with connect(store) as client:
        with pytest.raises((ConfigurationError, MirrorError)) as caught:
            async with Mirror(client, url) as mirror:
                await mirror.sync()
    assert text in str(caught.value)
    assert "secret" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


async def test_a_database_that_cannot_be_reached_is_told_without_its_password(store: Sandbox) -> None:
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    async with connect(store) as client, Mirror(client, "postgresql+psycopg://user:s3cret@127.0.0.1:1/db") as mirror:
        with pytest.raises(DatabaseUnavailableError) as caught:
            await mirror.sync()
        assert store.requests == []
    assert "s3cret" not in f"{caught.value!r} {caught.value}"


async def test_a_folder_that_is_not_there_is_told(store: Sandbox, tmp_path: Path) -> None:
    async with connect(store) as client, Mirror(client, f"sqlite:///{tmp_path}/nowhere/x.db") as mirror:
        with pytest.raises(MirrorError, match="unable to open"):
            await mirror.sync()
        assert store.requests == []


@pytest.mark.parametrize("kind", ["no database", "folder", "locked"])
async def test_a_lock_that_cannot_be_taken_is_another_mirror_only_if_it_is_locked(
    store: Sandbox, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"x.db-{store.store_hash}.lock"
    with closing(sqlite3.connect(path if kind == "locked" else ":memory:", isolation_level=None)) as other:
        other.execute("begin exclusive")
        if kind == "folder":
            path.mkdir()
        elif kind == "no database":
            path.write_text("precious" * 1000)
        async with connect(store) as client, Mirror(client, f"sqlite:///{tmp_path}/x.db") as mirror:
            with pytest.raises(MirrorError) as caught:
                await mirror.sync()
    assert isinstance(caught.value, MirrorInUseError) == (kind == "locked")
    assert ("another mirror" in str(caught.value)) == (kind == "locked")
    assert kind == "locked" or str(path) in str(caught.value)
    assert store.requests == []


async def test_of_an_invoice_that_comes_twice_in_a_batch_the_later_one_is_kept(url: str) -> None:
    balance = Money("USD", Decimal(5))
    fields = [ExtraField(field_name="a", field_value=text) for text in ("old", "new")]
    old, new = (Invoice(id=1, invoice_number="A-1", open_balance=balance, extra_fields=(field,)) for field in fields)
    other = Invoice(id=2, invoice_number="A-2", open_balance=balance)
    database = Database(make_engine(url), "abc123", is_ours=True)
    database.open()
    try:
        first = database.save([old, other, new], [], State(sweep=1))
        again = database.save([new, old, new], [], State(sweep=2))
    finally:
        database.dispose()

    assert (first, again) == (Written(inserted=2), Written(unchanged=1))
    assert query(url, "select invoice_id, field_value from extra_fields") == [(1, "new")]


@pytest.mark.parametrize("settings", [{"full_every": -1}, {"max_deleted": 2}, {"max_deleted": -0.1}], ids=str)
async def test_settings_that_cannot_be_are_refused(store: Sandbox, tmp_path: Path, settings: dict[str, float]) -> None:
    async with connect(store) as client:
        with pytest.raises(ValueError, match=next(iter(settings))):
            Mirror(client, f"sqlite:///{tmp_path}/x.db", **settings)


# ---- the worker ----------------------------------------------------------------------------------------------------------
async def test_a_worker_follows_until_it_is_cancelled(url: str, store: Sandbox) -> None:
    reports: list[Any] = []
    async with connect(store) as client, Mirror(client, url) as mirror:
        worker = asyncio.create_task(mirror.run(every=0.05, on_report=reports.append))
        await _until(lambda: len(reports) >= 2)
        store.add(invoiceNumber="LATE")
        await _until(lambda: any(report.inserted == 1 for report in reports))
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker
        await assert_equal(url, client)


async def test_a_worker_outlasts_a_database_that_goes_away(postgres: Any, store: Sandbox) -> None:
    query(postgres.url, "drop schema public cascade; create schema public")
    reports: list[Any] = []
    async with connect(store) as client, Mirror(client, postgres.url) as mirror:
        worker = asyncio.create_task(mirror.run(every=0.05, on_report=reports.append))
        await _until(lambda: bool(reports))
        postgres.stop()
        await asyncio.sleep(0.3)
        postgres.start()
        store.add(invoiceNumber="LATE")
        await _until(lambda: any(report.inserted == 1 for report in reports))
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker
        await assert_equal(postgres.url, client)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_full_disk_is_told_and_leaves_the_mirror_as_it_was(tmp_path: Path, store: Sandbox) -> None:
    url, is_full = f"sqlite:///{tmp_path}/mirror.db", False
    engine = sa.create_engine(url)

    @event.listens_for(engine, "begin")
    def limit(connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1 if is_full else 1_000_000}")

    async with connect(store) as client, Mirror(client, engine) as mirror:
        await mirror.sync()
        before = rows_of(url, client.store_hash)
        for number in range(200):
            store.add(invoiceNumber=f"N-{number}")
        is_full = True
        with pytest.raises(MirrorError, match=r"mirror\.db refused what the mirror wrote: database or disk is full"):
            await mirror.sync()
        kept = rows_of(url, client.store_hash)
        is_full = False
        report = await mirror.sync()

        assert kept == before
        assert report.inserted == 200
        await assert_equal(url, client)
    engine.dispose()


async def test_others_can_read_sqlite_while_it_is_written(tmp_path: Path, store: Sandbox) -> None:
    path = tmp_path / "x.db"
    counts: list[int] = []

    def look(rows: int) -> None:
        if rows % 250 == 0:
            reader = sqlite3.connect(path, timeout=0)
            counts.append(reader.execute("select count(*) from invoices").fetchone()[0])
            reader.close()

    async with connect(store) as client, Mirror(client, f"sqlite:///{path}") as mirror:
        await mirror.sync(on_row=look)
    assert counts
