"""The wire's nonsense in every operation: kept and written back, or a DecodeError of that one invoice, and never a loss."""

import asyncio
import contextlib
import json
import logging
from pathlib import Path
from typing import Any

import attrs
import pytest
from conftest import TOKEN, Scripted
from faults.store import StoreServer, invoice as row_of
from scripted_server import answer, envelope

from bigcommerce_b2b_invoices import (
    Address,
    B2BClient,
    DecodeError,
    Invoice,
    InvoiceChanges,
    InvoiceContents,
    InvoiceDetails,
    InvoiceHeader,
    InvoiceQuery,
    InvoiceStatus,
    LineItem,
    SortField,
    to_json,
)
from bigcommerce_b2b_invoices.cli import main
from bigcommerce_b2b_invoices.export import write_invoices
from bigcommerce_b2b_invoices.walks.order import Order
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire.messages import Slice

KEPT: list[dict[str, Any]] = [
    {"details": []},
    {"details": "see attachment"},
    {"details": {"header": ""}},
    {"details": {"header": {"billingAddress": []}}},
    {"details": {"details": {"lineItems": [{"quantity": ""}, {"quantity": "two"}]}}},
    {"details": {"details": {"lineItems": "none"}}},
    {"extraFields": {}},
    {"extraFields": [7]},
    {"channelId": ""},
    {"status": "paid"},
    {"dueDate": "soon"},
    {"dueDate": ""},
    {"isPendingPayment": "maybe"},
    {"originalBalance": ""},
    {"openBalance": None},
    {"customerName": {"first": "A"}},
    {"neverSeen": {"a": [None]}},
]
UNREADABLE: list[dict[str, Any]] = [
    {"openBalance": "a lot"},
    {"openBalance": {"code": "USD", "value": "a lot"}},
    {"originalBalance": {"code": "USD"}},
    {"originalBalance": [1]},
]
ODD = 5  # the id of the odd one of the store's twelve invoices


@attrs.define
class Store:
    """A store with one odd invoice, and a client of it."""

    server: StoreServer
    client: B2BClient

    @property
    def row(self) -> dict[str, Any]:
        return self.server.invoices[ODD]


@pytest.fixture
async def store(request: pytest.FixtureRequest) -> Any:
    server = StoreServer()
    server.invoices[ODD] = row_of(ODD, "N-5", **request.param)
    async with server, B2BClient(store_hash="abc123", auth_token=TOKEN, base_url=server.base_url) as client:
        yield Store(server, client)


def of(values: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """A test for stores whose odd invoice has these fields."""
    return pytest.mark.parametrize("store", values, ids=json.dumps, indirect=True)


async def outcomes(store: Store, folder: Path) -> dict[str, object]:
    """What each operation makes of the odd invoice."""
    invoices = store.client.invoices

    async def from_stream(stream: Any) -> object:
        [found] = [invoice async for invoice in stream if invoice.id == ODD]
        return found

    async def from_export() -> object:
        path = folder / "all.jsonl"
        await write_invoices(path, invoices.iterate(), overwrite=True)
        [line] = [line for line in path.read_text().splitlines() if json.loads(line)["id"] == ODD]
        return line

    async def outcome(work: Any) -> object:
        try:
            return await work
        except DecodeError as error:
            return error

    many = {found.item: found async for found in invoices.get_many(store.server.invoices)}
    return {
        "get": await outcome(invoices.get(ODD)),
        "page": await outcome(from_page(store)),
        "iterate": await outcome(from_stream(invoices.iterate())),
        "find": await outcome(invoices.find("N-5")),
        "changes": await outcome(from_stream(invoices.changes())),
        "get_many": many[ODD].result or many[ODD].error,
        "export": await outcome(from_export()),
    }


async def from_page(store: Store) -> object:
    [found] = [invoice for invoice in (await store.client.invoices.page()).items if invoice.id == ODD]
    return found


@of(KEPT)
async def test_what_is_odd_is_kept_in_every_operation_and_written_back(store: Store, tmp_path: Path) -> None:
    found = await outcomes(store, tmp_path)

    for name, invoice in found.items():
        text = invoice if isinstance(invoice, str) else to_json(invoice)  # type: ignore[arg-type] # an invoice, or its line
        assert json.loads(text) == store.row, name
    assert len({repr(invoice) for name, invoice in found.items() if name != "export"}) == 1


@of([odd for odd in KEPT if odd.get("details") != "see attachment"])
async def test_an_edit_of_the_details_sends_what_it_did_not_change_as_it_came(store: Store) -> None:
    before = store.row.get("details")

    await store.client.invoices.update_details(ODD, lambda details: attrs.evolve(details, type="Mine"))

    after = store.row["details"]
    assert after == {**(before if isinstance(before, dict) else {}), "type": "Mine"}


@of([{"details": "see attachment"}, {"details": ["a"]}, {"details": 5}, {"details": 0}])
async def test_an_edit_does_not_replace_details_that_cannot_be_read(store: Store) -> None:
    before = store.row["details"]

    with pytest.raises(DecodeError, match="nothing was written") as caught:
        await store.client.invoices.update_details(ODD, lambda details: attrs.evolve(details, type="Mine"))

    assert caught.value.invoice_id == ODD
    assert store.row["details"] == before


NEW = LineItem(sku="new")


def with_line(details: InvoiceDetails) -> InvoiceDetails:
    contents = details.details or InvoiceContents()
    return attrs.evolve(details, details=attrs.evolve(contents, line_items=(*contents.line_items, NEW)))


def with_address(details: InvoiceDetails) -> InvoiceDetails:
    header = details.header or InvoiceHeader()
    return attrs.evolve(details, header=attrs.evolve(header, billing_address=header.billing_address or Address(city="new")))


LOST: list[tuple[dict[str, Any], Any, str]] = [
    ({"details": {"details": {"lineItems": [{"sku": "A"}, None]}}}, with_line, "details.details.lineItems"),
    ({"details": {"details": {"lineItems": [{"sku": "A"}, "B"]}}}, with_line, "details.details.lineItems"),
    ({"details": {"details": {"lineItems": {"0": {"sku": "A"}}}}}, with_line, "details.details.lineItems"),
    ({"details": {"details": "see attachment"}}, with_line, "details.details"),
    ({"details": {"header": ["a"]}}, with_address, "details.header"),
    ({"details": {"header": {"billingAddress": "Main St 1"}}}, with_address, "details.header.billingAddress"),
]


@pytest.mark.parametrize(
    ("store", "edit", "path"),
    LOST,
    indirect=["store"],
    ids=["null", "text", "object", "no object", "list", "text in place of an address"],
)
async def test_an_edit_does_not_replace_a_part_that_cannot_be_read(store: Store, edit: Any, path: str) -> None:
    before = store.row["details"]

    with pytest.raises(DecodeError, match="nothing was written") as edited:
        await store.client.invoices.update_details(ODD, edit)
    read = (await store.client.invoices.get(ODD)).details
    assert read is not None
    with pytest.raises(DecodeError, match="nothing was written") as updated:
        await store.client.invoices.update(ODD, InvoiceChanges(details=edit(read)))

    assert (edited.value.path, updated.value.path) == (path, path)
    assert store.row["details"] == before
    assert not [seen for seen in store.server.seen if seen.method == "PUT"]


@of([{"details": {"details": {"lineItems": [{"sku": "A"}, None], "new": 1}}}])
async def test_a_part_that_cannot_be_read_is_replaced_on_purpose(store: Store) -> None:
    def replace(details: InvoiceDetails) -> InvoiceDetails:
        assert details.details is not None
        kept = {key: value for key, value in details.details.additional_properties.items() if key != "lineItems"}
        contents = attrs.evolve(details.details, line_items=(NEW,), additional_properties=kept)
        return attrs.evolve(details, details=contents)

    await store.client.invoices.update_details(ODD, replace)

    assert store.row["details"] == {"details": {"lineItems": [{"sku": "new"}], "new": 1}}


@of(UNREADABLE[:1])
async def test_an_unreadable_invoice_is_no_obstacle_to_finding_another_one(store: Store) -> None:
    store.server.invoices[4] = row_of(4, "N-57")  # the loose search for N-5 finds both
    store.server.invoices[ODD]["invoiceNumber"] = "N-577"
    invoices = store.client.invoices

    assert await invoices.find("N-57") == await invoices.get(4)
    assert await invoices.find("N-5") is None
    with pytest.raises(DecodeError, match="invoice 5"):
        await invoices.find("N-577")
    store.server.invoices[ODD]["invoiceNumber"] = ["N-57"]  # it may be any
    with pytest.raises(DecodeError, match="invoice 5"):
        await invoices.find("N-57")


async def test_the_answer_to_another_question_is_no_answer(scripted: Scripted) -> None:
    server, client = await scripted(envelope(row_of(7, "N-7")))

    with pytest.raises(DecodeError, match="expected invoice 5") as caught:
        await client.invoices.get(5)
    [outcome] = [outcome async for outcome in client.invoices.get_many([5])]

    assert caught.value.invoice_id == 7
    assert isinstance(outcome.error, DecodeError)
    assert len(server.seen) == 2


@of(UNREADABLE[:1])
async def test_pages_lose_nothing_when_on_unreadable_raises_or_saves_the_bookmark(store: Store) -> None:
    bookmarks: list[str] = []

    def save_and_raise(_: DecodeError) -> None:
        bookmarks.append(walk.bookmark)
        raise LookupError

    walk = store.client.invoices.iterate(on_unreadable=save_and_raise)
    ids: list[int] = []
    places: list[int] = []
    for _ in range(2):
        with contextlib.suppress(LookupError):
            async for page in walk.pages():
                ids.extend(invoice.id for invoice in page.items)
                places.append(page.offset)
    before = ids[: ids.index(next(i for i in ids if i > ODD))]
    resumed = [invoice.id async for invoice in store.client.invoices.iterate(resume=bookmarks[0])]

    assert ids == [i for i in range(1, 13) if i != ODD]
    assert places == [0, ODD]  # rows before the first of each page
    assert before + resumed == ids


@of(UNREADABLE[:1])
async def test_without_details_the_error_still_shows_the_row_as_it_came(store: Store) -> None:
    store.row["details"] = {"type": "Mine"}
    errors: list[DecodeError] = []

    async for _ in store.client.invoices.iterate(details=False, on_unreadable=errors.append):
        pass

    assert [error.row for error in errors] == [store.row]


@of(KEPT[:1])
async def test_a_second_consumer_is_refused_and_the_first_gets_every_row(store: Store) -> None:
    walk = store.client.invoices.iterate()

    async def consume() -> list[int]:
        return [invoice.id async for invoice in walk]

    first, second = await asyncio.gather(consume(), consume(), return_exceptions=True)

    assert first == list(range(1, 13))
    assert isinstance(second, RuntimeError)


@of(UNREADABLE)
async def test_an_invoice_without_a_readable_balance_is_an_error_in_every_operation(store: Store, tmp_path: Path) -> None:
    found = await outcomes(store, tmp_path)

    for name, error in found.items():
        assert isinstance(error, DecodeError), name
        assert error.invoice_id == ODD
        assert error.row == store.row
    with pytest.raises(DecodeError):
        await store.client.invoices.update_details(ODD, lambda _: InvoiceDetails())
    assert "details" not in store.row


@of(UNREADABLE[:1])
@pytest.mark.parametrize("way", ["walk", "pages", "feed"])
async def test_what_raised_goes_on_after_the_row_when_it_is_looped_over_again(store: Store, way: str) -> None:
    walk = store.client.invoices.iterate()
    stream: Any = {"walk": walk, "pages": walk, "feed": store.client.invoices.changes()}[way]
    ids: list[int] = []

    async def consume() -> None:
        if way == "pages":
            async for page in walk.pages():
                ids.extend(invoice.id for invoice in page.items)
        else:
            async for invoice in stream:
                ids.append(invoice.id)  # noqa: PERF401 - each must be kept before the next is awaited

    with pytest.raises(DecodeError):
        await consume()
    await consume()

    assert sorted(ids) == [number for number in store.server.invoices if number != ODD]
    if way != "feed":
        assert (walk.report.delivered, walk.report.unreadable, walk.report.guarantee) == (11, 1, "complete")


@of(UNREADABLE[:1])
async def test_a_bookmark_goes_on_after_the_row(store: Store) -> None:
    walk, ids = store.client.invoices.iterate(page_size=8), list[int]()
    with pytest.raises(DecodeError):
        async for invoice in walk:
            ids.append(invoice.id)

    ids += [invoice.id async for invoice in store.client.invoices.iterate(page_size=8, resume=walk.bookmark)]

    assert ids == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]


@of(UNREADABLE[:1])
async def test_on_unreadable_is_told_and_the_proof_holds(store: Store) -> None:
    errors: list[DecodeError] = []
    walk = store.client.invoices.iterate(page_size=8, on_unreadable=errors.append)

    ids = [invoice.id async for invoice in walk]
    feed = [invoice.id async for invoice in store.client.invoices.changes(on_unreadable=errors.append)]
    pages = [page async for page in store.client.invoices.iterate(on_unreadable=errors.append).pages()]

    assert ids == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
    assert feed == ids[::-1]
    assert [invoice.id for page in pages for invoice in page.items] == ids
    assert [page.offset for page in pages] == [0, ODD]  # rows before the first of each page
    assert [error.row for error in errors] == [store.row] * 3
    assert (walk.report.unreadable, walk.report.delivered, walk.report.guarantee) == (1, 11, "complete")


@pytest.mark.parametrize(
    "odd",
    [{"id": "5"}, {"id": None}, {"id": -5}, {"createdAt": "soon"}, {"createdAt": None}],
    ids=json.dumps,
)
async def test_a_row_without_a_readable_id_or_sort_key_costs_the_proof(odd: dict[str, Any], scripted: Scripted) -> None:
    rows = [row_of(number, f"N-{number}") for number in range(1, 8)]
    rows[4] |= {"openBalance": "a lot", **odd}
    _, client = await scripted(envelope(rows, total=7, limit=250))
    errors: list[DecodeError] = []
    walk = client.invoices.iterate(on_unreadable=errors.append)

    ids = [invoice.id async for invoice in walk]

    assert ids == [1, 2, 3, 4, 6, 7]
    assert len(errors) == 1
    assert (walk.report.unreadable, walk.report.guarantee) == (1, "best_effort")
    assert walk.report.anomalies != ()


async def test_no_text_shows_a_number_that_stands_for_a_missing_id(scripted: Scripted) -> None:
    rows = [row_of(1, "N-1"), row_of(2, "N-2", id=None, createdAt=None, updatedAt=None)]
    _, client = await scripted(envelope(rows, total=2, limit=250))
    walk = client.invoices.iterate(on_unreadable=lambda _: None)

    assert [invoice.id async for invoice in walk] == [1]

    assert any("a row without a readable id has no readable createdAt" in anomaly for anomaly in walk.report.anomalies)


async def test_two_rows_with_one_id_on_a_page_cost_the_proof() -> None:
    class Doubled:
        path, fingerprint, unique = "/doubled", "q", None
        order, latest = Order("createdAt", by_time=True), Order("updatedAt", descending=True, by_time=True)

        async def fetch(self, order: Order, offset: int, limit: int, received: Any) -> Slice:
            received()
            rows: list[Any] = [{"id": 1, "createdAt": 1, "updatedAt": 3}, {"id": 2, "createdAt": 2, "updatedAt": 2}]
            rows.append({"id": 2, "createdAt": 3, "updatedAt": 1})
            return Slice(rows[offset:], None, None, 9_000)

        def read(self, answer: Slice, index: int) -> object:
            return answer.rows[index]

    walk = Walk(Doubled())

    assert len([row async for row in walk]) == 2

    assert walk.report.guarantee == "best_effort"
    assert "same id" in walk.report.anomalies[0]


async def test_null_with_a_total_of_zero_is_an_empty_list(scripted: Scripted) -> None:
    _, client = await scripted(answer({"code": 200, "data": None, "meta": {"pagination": {"totalCount": 0}}}))

    assert (await client.invoices.page()).items == ()
    assert [invoice async for invoice in client.invoices.iterate()] == []
    assert [invoice async for invoice in client.invoices.changes()] == []
    assert await client.invoices.find("N-1") is None
    assert await client.invoices.count() == 0


async def test_a_filter_is_checked_on_rows_that_cannot_be_read_too(scripted: Scripted) -> None:
    rows = [row_of(1, "N-1"), row_of(2, "N-2", customerId="4", id="x", openBalance="a lot")]
    _, client = await scripted(envelope(rows, total=2, limit=250))
    errors: list[DecodeError] = []

    with pytest.raises(Exception, match="customer_id") as raised:
        [invoice async for invoice in client.company(3).iterate(on_unreadable=errors.append)]

    assert type(raised.value).__name__ == "FilterIgnoredError"
    assert errors == []


async def test_what_is_kept_is_logged_once_a_field_and_client_and_never_shown(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {"status": "secret-status", "details": {"header": {"orderDate": "secret-date"}}, "channelId": "", "externalId": None}
    rows = [row_of(number, f"N-{number}", **odd, bcId="secret") for number in range(1, 60)]
    _, client = await scripted(envelope(rows, total=59, limit=250))
    caplog.set_level(logging.WARNING)

    for _ in range(2):
        assert len([invoice async for invoice in client.invoices.iterate()]) == 59
        await client.invoices.page(InvoiceQuery(customer_id=3, status=InvoiceStatus.OPEN))

    assert sorted(record.getMessage().split(":")[0] for record in caplog.records) == ["Invoice.status", "InvoiceHeader.orderDate"]
    assert "secret" not in caplog.text


@of([{"details": {"header": {"orderDate": 5}}}])
async def test_without_details_they_are_neither_read_nor_kept(store: Store) -> None:
    invoices = store.client.invoices

    walked = [invoice async for invoice in invoices.iterate(details=False)]
    changed = [invoice async for invoice in invoices.changes(details=False)]
    whole = [invoice async for invoice in invoices.iterate()]

    assert [(invoice.details, invoice.additional_properties) for invoice in [*walked, *changed]] == [(None, {})] * 24
    assert walked == [attrs.evolve(invoice, details=None) for invoice in whole]
    assert whole[ODD - 1].details


@of([{}])
async def test_no_row_of_a_walk_gets_round_the_converter(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from bigcommerce_b2b_invoices.wire import converter

    read: list[object] = []
    honest = converter.hook_of(Invoice)

    def counting(value: object, cls: type[Invoice]) -> Invoice:
        read.append(value)
        return honest(value, cls)

    own = converter.converter.copy()
    own.register_structure_hook(Invoice, counting)
    monkeypatch.setattr(converter, "converter", own)
    invoices = store.client.invoices

    streams: list[Any] = [invoices.iterate(), invoices.changes(), invoices.get_many([1, 2, 3, 4, 5])]
    for stream in streams:
        read.clear()
        count = len([item async for item in stream])
        assert len(read) == count
    read.clear()
    assert len((await invoices.page()).items) == len(read) == 12


@pytest.mark.parametrize(("command", "out"), [("export", ""), ("list", "N-")])
async def test_the_command_line_passes_over_names_the_invoice_and_ends_with_3(
    command: str, out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = StoreServer()
    server.invoices[ODD] |= {"openBalance": "a lot"}
    path = tmp_path / "all.jsonl"
    async with server:
        monkeypatch.setenv("BIGCOMMERCE_STORE_HASH", "abc123")
        monkeypatch.setenv("BIGCOMMERCE_ACCESS_TOKEN", TOKEN)
        monkeypatch.setenv("BIGCOMMERCE_B2B_BASE_URL", server.base_url)
        code = await asyncio.to_thread(main, [command, *([str(path)] if command == "export" else [])])
    captured = capsys.readouterr()

    assert code == 3
    assert "of invoice 5" in captured.err
    lines = path.read_text().splitlines() if command == "export" else captured.out.splitlines()
    assert len(lines) == 11
    assert captured.out.startswith(out)


async def test_a_query_by_status_lets_an_unreadable_status_pass(scripted: Scripted) -> None:
    rows = [row_of(1, "N-1", status="paid")]
    _, client = await scripted(envelope(rows, total=1, limit=250))

    [invoice] = [invoice async for invoice in client.invoices.iterate(InvoiceQuery(status=InvoiceStatus.OPEN))]

    assert (invoice.status, invoice.additional_properties) == (None, {"status": "paid"})


async def test_an_order_that_cannot_be_judged_does_not_ask_for_its_key(scripted: Scripted) -> None:
    rows = [row_of(1, "N-1"), row_of(2, "N-2", dueDate="soon")]
    _, client = await scripted(envelope(rows, total=2, limit=250))

    walk = client.invoices.iterate(InvoiceQuery(sort_by=SortField.DUE_DATE))

    assert [invoice.id async for invoice in walk] == [1, 2]
    assert walk.report.unreadable == 0
