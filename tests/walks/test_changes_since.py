"""A change feed that begins at a time, and feeds with and without extra fields."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from conftest import connect

from bigcommerce_b2b_invoices import ExtraField, Invoice, InvoiceChanges
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.walks.changes import ChangeFeed

NOW = 1_800_000_000


class Clock:
    """The server's clock, which stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return float(self.now)


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


async def ids_of(feed: ChangeFeed[Invoice]) -> list[int]:
    return [invoice.id async for invoice in feed]


async def test_a_feed_from_now_on_takes_one_request_and_then_follows_the_changes() -> None:
    clock = Clock()
    async with Sandbox(invoices=600, clock=clock) as sandbox, connect(sandbox) as client:
        first, second = sandbox.invoice_ids[:2]
        feed = client.invoices.changes(at(NOW))
        assert feed.cursor
        assert await ids_of(feed) == []
        assert sandbox.request_count == 1

        await client.invoices.update(first, InvoiceChanges(type="Changed"))
        later = client.invoices.changes(feed.cursor)
        assert await ids_of(later) == [first]
        await client.invoices.update(second, InvoiceChanges(type="Changed"))  # in the same second

        assert await ids_of(client.invoices.changes(later.cursor)) == [second]
        for within in (at(NOW), at(NOW) + timedelta(microseconds=999_999)):
            assert sorted(await ids_of(client.invoices.changes(within))) == sorted([first, second])
        assert await ids_of(client.invoices.changes(at(NOW + 1))) == []


@pytest.mark.parametrize("ahead", [1, 90, 1_000_000])
@pytest.mark.parametrize("overlap", [0.0, 30.0])
async def test_a_clock_ahead_of_the_servers_loses_no_later_change(ahead: int, overlap: float) -> None:
    clock = Clock()
    async with Sandbox(invoices=20, clock=clock) as sandbox, connect(sandbox) as client:
        old, new = sandbox.invoice_ids[:2]
        await client.invoices.update(old, InvoiceChanges(type="Old"))
        feed = client.invoices.changes(at(NOW + ahead), overlap=overlap)
        assert await ids_of(feed) == []
        await client.invoices.update(new, InvoiceChanges(type="New"))  # in the second of the first request

        later = client.invoices.changes(feed.cursor, overlap=overlap)

        assert await ids_of(later) == [new]
        clock.now += 5
        await client.invoices.update(old, InvoiceChanges(type="New"))
        assert await ids_of(client.invoices.changes(later.cursor, overlap=overlap)) == [old]


async def test_an_empty_store_loses_nothing_of_what_comes_after_a_time_ahead() -> None:
    clock = Clock()
    async with Sandbox(invoices=0, clock=clock) as sandbox, connect(sandbox) as client:
        feed = client.invoices.changes(at(NOW + 60))
        assert await ids_of(feed) == []
        new = sandbox.add(updatedAt=NOW)

        assert await ids_of(client.invoices.changes(feed.cursor)) == [new]


class Odd(datetime):
    """A subclass that calculates otherwise."""

    def __sub__(self, other: object) -> timedelta:  # type: ignore[override]
        return timedelta(0)


async def test_any_aware_time_is_taken_and_a_naive_one_is_refused() -> None:
    async with Sandbox(invoices=3, clock=Clock()) as sandbox, connect(sandbox) as client:
        ids = sandbox.invoice_ids
        for zone in (UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))):
            assert sorted(await ids_of(client.invoices.changes(datetime.min.replace(tzinfo=zone)))) == sorted(ids)
            feed = client.invoices.changes(datetime.max.replace(tzinfo=zone))
            assert await ids_of(feed) == []
            assert await ids_of(client.invoices.changes(feed.cursor)) == []
        assert await ids_of(client.invoices.changes(Odd(2100, 1, 1, tzinfo=UTC))) == []
        with pytest.raises(ValueError, match="naive"):
            client.invoices.changes(at(NOW).replace(tzinfo=None))
        with pytest.raises(TypeError, match="aware datetime"):
            client.invoices.changes(at(NOW).date())  # type: ignore[arg-type] # that is the point


async def test_a_feed_that_did_not_end_keeps_the_time_as_its_cursor() -> None:
    async with Sandbox(invoices=3, clock=Clock()) as sandbox, connect(sandbox) as client:
        await client.invoices.update(sandbox.invoice_ids[0], InvoiceChanges(type="Changed"))

        unused = client.invoices.changes(at(NOW))

        assert await ids_of(client.invoices.changes(unused.cursor)) == [sandbox.invoice_ids[0]]


async def test_a_change_of_an_extra_field_within_the_second_of_the_cursor_is_not_lost() -> None:
    clock = Clock()
    async with Sandbox(invoices=20, clock=clock) as sandbox, connect(sandbox) as client:
        some = sandbox.invoice_ids[0]

        async def put(value: str) -> None:
            await client.invoices.update(some, InvoiceChanges(extra_fields=(ExtraField("colour", value),)))

        async def told(cursor: str | None, *, extras: bool) -> tuple[str | None, list[tuple[int, str | None]]]:
            feed = client.invoices.changes(cursor, include_extra_fields=extras)
            rows = [(row.id, row.extra_fields[0].field_value if row.extra_fields else None) async for row in feed]
            return feed.cursor, rows

        await put("red")
        cursor, rows = await told(None, extras=False)
        assert len(rows) == 20
        assert (some, None) in rows

        await put("blue")  # in the same second: without extra fields, nothing is new
        without, rows = await told(cursor, extras=False)
        assert rows == []
        cursor, rows = await told(without, extras=True)
        assert rows == [(some, "blue")]
        assert (await told(cursor, extras=True))[1] == (await told(cursor, extras=False))[1] == []

        between, _ = await told(cursor, extras=False)  # keeps what it knows about the extra fields
        assert (await told(between, extras=True))[1] == []
        await put("green")
        assert (await told(between, extras=True))[1] == [(some, "green")]
        clock.now += 60
        cursor, _ = await told(between, extras=False)
        assert (await told(cursor, extras=True))[1] == []
