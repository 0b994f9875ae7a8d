"""Rows whose time of change cannot be read: a feed loses none of them, none of the others, and goes on after each."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import TOKEN, Scripted
from faults.store import invoice as row_of
from scripted_server import Reply, ScriptedServer, Seen, answer, envelope

from bigcommerce_b2b_invoices import B2BClient, DecodeError, IncompleteWalkError, RateLimiter
from bigcommerce_b2b_invoices.walks.changes import ChangeFeed
from bigcommerce_b2b_invoices.walks.order import Order
from bigcommerce_b2b_invoices.wire.messages import Slice

MISSING = object()
COUNT = 560  # three pages
VALUES = [None, MISSING, "soon", [5]]
PLACES = {"first row": COUNT, "first page": COUNT - 100, "later page": 200, "last row": 1}  # ids; the latest change comes first


class Listing(ScriptedServer):
    """Invoices over HTTP. Each stays at its place in the order of changes, whatever its `updatedAt` says."""

    def __init__(self) -> None:
        super().__init__([])
        self.rows = {number: row_of(number, f"N-{number:06}") for number in range(1, COUNT + 1)}
        self.times = {number: row["updatedAt"] for number, row in self.rows.items()}
        self.clock = max(self.times.values()) + 60

    def spoil(self, number: int, value: object, **fields: Any) -> None:
        """Let an invoice have another `updatedAt`, and other fields."""
        self.rows[number] |= {"updatedAt": value, **fields}
        if value is MISSING:
            del self.rows[number]["updatedAt"]

    def change(self, number: int) -> None:
        """Change an invoice, with a readable time."""
        self.times[number] = max(self.times.values()) + 1
        self.rows[number]["updatedAt"] = self.times[number]

    def reply(self, seen: Seen, /) -> Reply:
        query = parse_qs(urlsplit(seen.target).query)
        offset, by_time = int(query["offset"][0]), query["sortBy"] == ["updatedAt"]
        numbers = sorted(self.rows, key=lambda each: self.times[each] if by_time else each, reverse=query["orderBy"] == ["DESC"])
        rows = [self.rows[each] for each in numbers[offset : offset + 250]]
        date = format_datetime(datetime.fromtimestamp(self.clock, UTC), usegmt=True)
        meta = {"message": "", "pagination": {"totalCount": len(numbers), "limit": 250}}
        return answer({"code": 200, "data": rows, "meta": meta}, Date=date)


def connect(server: ScriptedServer) -> B2BClient:
    return B2BClient(store_hash="abc", auth_token=TOKEN, base_url=server.base_url, rate_limiter=RateLimiter(1_000_000, 1.0))


async def ids_of(feed: ChangeFeed[Any]) -> list[int]:
    return [invoice.id async for invoice in feed]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: "missing" if value is MISSING else json.dumps(value))
@pytest.mark.parametrize("place", PLACES)
async def test_an_invoice_without_a_time_comes_once_for_each_version_and_no_other_is_lost(value: object, place: str) -> None:
    odd = PLACES[place]
    async with Listing() as server, connect(server) as client:
        server.spoil(odd, value)
        first = client.invoices.changes()
        assert sorted(await ids_of(first)) == list(range(1, COUNT + 1))
        assert "updatedAt" in first.anomalies[0]

        quiet = client.invoices.changes(first.cursor)
        assert await ids_of(quiet) == []

        server.rows[odd]["purchaseOrderNumber"] = "changed, and nothing shows when"
        server.change(77)
        later = client.invoices.changes(quiet.cursor)
        assert sorted(await ids_of(later)) == sorted([odd, 77])

        server.change(odd)
        readable = client.invoices.changes(later.cursor)
        assert await ids_of(readable) == [odd]
        before = len(server.seen)
        assert await ids_of(client.invoices.changes(readable.cursor)) == []
        assert len(server.seen) == before + 1


@pytest.mark.parametrize("value", VALUES, ids=lambda value: "missing" if value is MISSING else json.dumps(value))
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("odd_id", ["own", None, "5", -3, 2**70])
async def test_a_row_that_is_no_invoice_either_costs_one_error_and_no_other_row(
    value: object, place: str, odd_id: object
) -> None:
    odd = PLACES[place]
    async with Listing() as server, connect(server) as client:
        server.spoil(odd, value, openBalance="a lot", id=odd if odd_id == "own" else odd_id)
        errors: list[DecodeError] = []
        told = client.invoices.changes(on_unreadable=errors.append)
        ids = await ids_of(told)
        raising, kept = client.invoices.changes(), list[int]()
        with pytest.raises(DecodeError) as caught:
            async for invoice in raising:
                kept.append(invoice.id)
        kept += await ids_of(raising)

        assert sorted(ids) == sorted(kept) == [number for number in range(1, COUNT + 1) if number != odd]
        assert [error.row for error in errors] == [caught.value.row] == [server.rows[odd]]
        assert await ids_of(client.invoices.changes(told.cursor)) == []  # and no error: it was told
        server.change(77)
        assert await ids_of(client.invoices.changes(raising.cursor)) == [77]


async def test_a_row_that_was_told_is_not_told_again_by_a_feed_that_reads_further() -> None:
    async with Listing() as server, connect(server) as client:
        server.spoil(1, None, openBalance="a lot")
        errors: list[DecodeError] = []
        told = client.invoices.changes(on_unreadable=errors.append)
        assert len(await ids_of(told)) == COUNT - 1
        quiet = client.invoices.changes(told.cursor, on_unreadable=errors.append)
        assert await ids_of(quiet) == []
        crowd = range(100, 400)
        for number in crowd:  # an import: more rows in one second than a page can show
            server.rows[number]["updatedAt"] = server.times[number] = server.clock

        assert sorted(await ids_of(client.invoices.changes(quiet.cursor, on_unreadable=errors.append))) == list(crowd)

        assert len(errors) == 1


async def test_a_page_of_nothing_that_can_be_read_is_told_row_by_row(scripted: Scripted) -> None:
    rows = [{"id": number, "openBalance": "a lot"} for number in range(1, 4)]
    _, client = await scripted(envelope(rows, total=3, limit=250))
    errors: list[DecodeError] = []
    feed = client.invoices.changes(on_unreadable=errors.append)

    assert await ids_of(feed) == []

    assert [error.invoice_id for error in errors] == [1, 2, 3]
    assert await ids_of(client.invoices.changes(feed.cursor)) == []


async def test_more_rows_without_a_time_than_a_page_holds_hide_no_change() -> None:
    async with Listing() as server, connect(server) as client:
        for number in range(COUNT - 259, COUNT + 1):
            server.spoil(number, None)
        first = client.invoices.changes()
        assert sorted(await ids_of(first)) == list(range(1, COUNT + 1))
        server.rows[5]["updatedAt"] = server.clock - 30  # the `Date` is half a minute ahead of the clock of changes
        server.clock += 200  # what was changed in the last two minutes comes later, for no row on the first page tells the time

        later = client.invoices.changes(first.cursor)

        assert await ids_of(later) == [5]


async def test_times_in_the_future_on_the_whole_first_page_hide_no_other_row() -> None:
    async with Listing() as server, connect(server) as client:
        for number in range(COUNT - 259, COUNT + 1):
            server.times[number] += 10**10
            server.rows[number]["updatedAt"] = server.times[number]
        first = client.invoices.changes()
        assert sorted(await ids_of(first)) == list(range(1, COUNT + 1))

        assert await ids_of(client.invoices.changes(first.cursor)) == []


async def test_two_rows_with_one_id_on_a_page_are_no_silence(scripted: Scripted) -> None:
    rows = [row_of(2, "N-2"), row_of(1, "N-1"), row_of(1, "N-1b", openBalance=None)]
    _, client = await scripted(envelope(rows, total=3, limit=250))
    feed = client.invoices.changes()

    assert await ids_of(feed) == [2, 1]
    assert "same id" in feed.anomalies[0]


async def test_without_a_field_that_tells_rows_apart_the_feed_says_that_it_is_incomplete() -> None:
    class Plain:
        path, fingerprint, order, unique = "/plain", "q", Order("updatedAt", by_time=True), None
        latest = Order("updatedAt", descending=True, by_time=True)

        async def fetch(self, order: Order, offset: int, limit: int, received: Any) -> Slice:
            return Slice([{"id": 2, "updatedAt": 5}, {"id": 1}], limit, 2, 9)

        def read(self, answer: Slice, index: int) -> object:
            return answer.rows[index]

    feed = ChangeFeed(Plain(), since=None)
    with pytest.raises(IncompleteWalkError, match="without a readable updatedAt"):
        [row async for row in feed]
    assert feed.cursor is None
