"""What a test can put into the sandbox's store and read from it: add, invoice, drift, requests, clock."""

import asyncio
from decimal import Decimal
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from conftest import connect
from yarl import URL

from bigcommerce_b2b_invoices import B2BClient, DecodeError, InvoiceChanges, InvoiceQuery, Money
from bigcommerce_b2b_invoices.sandbox import Sandbox, log


@pytest.fixture
def client(sandbox: Sandbox) -> B2BClient:
    return connect(sandbox)


async def test_an_added_invoice_is_read_in_either_spelling(sandbox: Sandbox) -> None:
    balance = {"code": "EUR", "value": "12.5000"}
    camel = sandbox.add(invoiceNumber="A-1", openBalance=balance, externalPdfUrl="https://example.com/1.pdf")
    snake = sandbox.add(invoice_number="A-2", open_balance=balance, external_pdf_url="https://example.com/2.pdf")
    async with connect(sandbox) as client:
        first, second = await client.invoices.get(camel), await client.invoices.get(snake)

    assert (first.invoice_number, second.invoice_number) == ("A-1", "A-2")
    assert first.open_balance == second.open_balance == first.original_balance == Money(code="EUR", value=Decimal("12.5000"))
    assert second.external_pdf_url == "https://example.com/2.pdf"
    assert (sandbox.invoice_ids[-2:], first.extra_fields) == ((camel, snake), ())


async def test_an_added_invoice_is_found_listed_edited_and_deleted_as_any_other(sandbox: Sandbox) -> None:
    invoice_id = sandbox.add(
        invoice_number="A-1", customer_id="7", status=1, created_at=1_600_000_000, colour="red", foo_bar=None
    )
    async with connect(sandbox) as client:
        found = await client.invoices.find("A-1")
        listed = [invoice.id async for invoice in client.invoices.iterate(InvoiceQuery(customer_id="7", status=1))]
        assert found is not None
        await client.invoices.update(invoice_id, InvoiceChanges(purchase_order_number="PO-1"))
        edited = sandbox.invoice(invoice_id)
        await client.invoices.delete(invoice_id)

    assert (found.id, listed) == (invoice_id, [invoice_id])
    assert edited is not None
    assert (edited["purchaseOrderNumber"], edited["colour"], edited["foo_bar"]) == ("PO-1", "red", None)
    assert sandbox.invoice(invoice_id) is None


ODD: list[dict[str, Any]] = [
    {"created_at": "soon", "updated_at": None, "due_date": [], "channel_id": 1.5, "status": "paid"},
    {"open_balance": None, "original_balance": "12"},
    {"open_balance": {"code": "USD"}, "original_balance": {"value": "1,000"}},
    {"open_balance": {"value": "1e400"}, "original_balance": {"value": True}, "source": {}},
    {"details": [1, [2]], "extra_fields": None, "customer_id": 5, "customer_name": None, "order_number": False},
    {"invoice_number": None, "external_id": "\ud800", "type": {"a": "b"}},
]


@pytest.mark.parametrize("fields", ODD, ids=str)
async def test_any_value_is_stored_as_it_is_and_no_endpoint_breaks_on_it(
    sandbox: Sandbox, api: Any, fields: dict[str, Any]
) -> None:
    invoice_id = sandbox.add(**fields)
    said = sandbox.invoice(invoice_id)
    answers = [await api("GET", f"/invoices/{invoice_id}"), await api("GET", f"/invoices/{invoice_id}/download-pdf")]
    answers += [
        await api("GET", "/invoices", params={"limit": "250", "sortBy": name}) for name in ("createdAt", "openBalance", "status")
    ]
    async with aiohttp.ClientSession() as session, session.get(URL(answers[1][1]["data"]["url"], encoded=True)) as file:
        assert file.status == 200
    sandbox.drift(edits=500)
    answers += [await api("GET", "/invoices"), await api("PUT", f"/invoices/{invoice_id}", json={"type": "Other"})]
    answers.append(await api("DELETE", f"/invoices/{invoice_id}"))

    assert said is not None
    for name, value in fields.items():
        head, *rest = name.split("_")
        assert said[head + "".join(map(str.capitalize, rest))] == value
    assert [(status, body["code"]) for status, body in answers] == [(200, 200)] * len(answers)


async def test_an_id_of_the_tests_own_keeps_the_order_of_the_store(sandbox: Sandbox, client: B2BClient) -> None:
    low = sandbox.add(id=5, created_at=1_600_000_000)
    last = sandbox.add(created_at=1_600_000_000)
    again = sandbox.add(id=5, invoice_number="again", created_at=1_600_000_000)
    async with client:
        page = await client.invoices.page(InvoiceQuery(sort_by="createdAt", order_by="ASC"), limit=3)

    assert (low, again, sandbox.invoice_ids[0]) == (5, 5, 5)
    assert list(sandbox.invoice_ids) == sorted(sandbox.invoice_ids)
    assert [invoice.id for invoice in page.items[:2]] == [5, last]


async def test_an_impossible_id_is_only_shown(sandbox: Sandbox, client: B2BClient, api: Any) -> None:
    before = sandbox.invoice_ids
    keys = [sandbox.add(id=odd) for odd in ("7", -1, True, 10**60, None)]
    _, body = await api("GET", f"/invoices/{keys[0]}")

    assert keys == list(range(before[-1] + 1, before[-1] + 6))
    assert body["data"]["id"] == "7"
    async with client:
        with pytest.raises(DecodeError):
            await client.invoices.get(keys[3])


def test_what_cannot_be_stored_is_refused(sandbox: Sandbox) -> None:
    before = sandbox.invoice_ids
    with pytest.raises(TypeError, match="invoiceNumber is given twice"):
        sandbox.add(invoice_number="1", invoiceNumber="2")
    with pytest.raises(TypeError, match="set"):
        sandbox.add(details={1})
    with pytest.raises(ValueError, match="JSON"):
        sandbox.add(details=float("nan"))
    with pytest.raises(TypeError, match="Decimal"):
        sandbox.add(details=Decimal("NaN"))

    assert sandbox.invoice_ids == before


def test_two_invoices_may_be_given_the_same_number(sandbox: Sandbox) -> None:
    first, second = sandbox.add(invoice_number="twice"), sandbox.add(invoice_number="twice")
    for invoice_id in (first, second):
        sandbox.add(id=invoice_id, invoice_number="once")

    assert [body["invoiceNumber"] for key in (first, second) if (body := sandbox.invoice(key))] == ["once", "once"]


async def test_others_change_the_store_between_any_two_lists(sandbox: Sandbox, api: Any) -> None:
    async def total() -> int:
        _, body = await api("GET", "/invoices")
        return int(body["meta"]["pagination"]["totalCount"])

    before = sandbox.invoice_ids
    sandbox.drift(inserts=3, deletes=1)
    totals = [await total(), await total(), await total()]
    await api("GET", f"/invoices/{before[0]}")
    after = sandbox.invoice_ids
    sandbox.drift(edits=1)
    bodies = [sandbox.invoice(key) for key in after]
    await total()
    edited = [key for key, body in zip(after, bodies, strict=True) if sandbox.invoice(key) != body]
    sandbox.clear()

    assert totals == [240, 242, 244]
    assert len(set(after) - set(before)) >= 4
    assert (len(edited), await total()) == (1, 244)


async def test_others_cannot_delete_more_than_there_is() -> None:
    async with Sandbox(invoices=3) as sandbox, connect(sandbox) as client:
        sandbox.drift(deletes=2, edits=2)

        assert [await client.invoices.count() for _ in range(4)] == [3, 1, 0, 0]


@pytest.mark.parametrize("changes", [{"inserts": -1}, {"deletes": 1.5}, {"edits": "1"}, {"edits": True}])
def test_a_wrong_number_of_changes_is_a_value_error(sandbox: Sandbox, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(changes))} must be"):
        sandbox.drift(**changes)


async def test_requests_are_kept_without_the_token(sandbox: Sandbox, api: Any) -> None:
    await api("GET", "/invoices?externalId=a&externalId=b&limit=1", raw=True)
    await api("POST", "/invoices", json={"invoiceNumber": "1"})
    await api("PUT", "/invoices/1", data=b"{", raw=True)
    listed, created, odd = sandbox.requests

    assert (listed.method, listed.path, listed.status, listed.body) == ("GET", "/invoices", 200, None)
    assert (listed.query["limit"], listed.query.getall("externalId")) == ("1", ["a", "b"])
    assert (created.method, created.path, created.status, created.body) == ("POST", "/invoices", 422, {"invoiceNumber": "1"})
    assert (odd.path, odd.status, odd.body) == ("/invoices/1", 400, "{")
    assert listed.headers["x-store-hash"] == sandbox.store_hash
    assert listed.headers["X-Auth-Token"] == "***"
    assert sandbox.auth_token not in repr(sandbox.requests)
    assert listed.at <= created.at <= odd.at


async def test_a_file_is_a_request_too_and_carries_no_token(sandbox: Sandbox, client: B2BClient) -> None:
    async with client, client.invoices.open_pdf(sandbox.invoice_ids[0]) as pdf:
        assert b"".join([chunk async for chunk in pdf]).startswith(b"%PDF")
    link, file = sandbox.requests

    assert link.path == f"/invoices/{sandbox.invoice_ids[0]}/download-pdf"
    assert (file.path, file.status) == (f"/files/invoice-{sandbox.invoice_ids[0]}.pdf", 200)
    assert "X-Auth-Token" not in file.headers
    assert sandbox.request_count == 1


async def test_the_last_requests_are_kept_and_can_be_forgotten(
    sandbox: Sandbox, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "KEPT", 2)
    for number in (1, 2, 3):
        await api("GET", f"/invoices/{number}")
    kept = [request.path for request in sandbox.requests]
    sandbox.clear()

    assert kept == ["/invoices/2", "/invoices/3"]
    assert (sandbox.requests, sandbox.request_count) == ([], 3)


async def test_a_request_without_an_answer_yet_has_no_status(sandbox: Sandbox, api: Any) -> None:
    sandbox.fail(delay=5)
    waiting = asyncio.create_task(api("GET", "/invoices"))
    while not sandbox.requests:
        await asyncio.sleep(0.01)
    waiting.cancel()

    assert sandbox.requests[0].status is None


async def test_a_body_that_is_too_large_is_still_a_request(sandbox: Sandbox, api: Any) -> None:
    status, _ = await api("POST", "/invoices", data=BytesIO(b" " * 2**21))

    assert (status, sandbox.requests[0].status, sandbox.requests[0].body) == (413, 413, None)


async def test_every_time_of_the_store_comes_from_its_clock(session: aiohttp.ClientSession) -> None:
    now = 1_800_000_000.5
    async with Sandbox(invoices=1, clock=lambda: now) as sandbox, connect(sandbox) as client:
        added = sandbox.invoice(sandbox.add())
        made = sandbox.invoice((await client.invoices.create_from_order(sandbox.order_ids[0])).invoice_id)
        now += 10
        await client.invoices.update(sandbox.invoice_ids[0], InvoiceChanges(type="Other"))
        updated = sandbox.invoice(sandbox.invoice_ids[0])
        links = await client.invoices.pdf_links(sandbox.invoice_ids[0])
        now += 301
        assert links.url is not None
        async with session.get(URL(links.url, encoded=True)) as file:
            assert (file.status, file.headers["Date"]) == (403, "Fri, 15 Jan 2027 08:05:11 GMT")

    assert added is not None
    assert made is not None
    assert updated is not None
    assert (added["createdAt"], made["createdAt"], updated["updatedAt"]) == (1_800_000_000, 1_800_000_000, 1_800_000_010)
    assert [request.at for request in sandbox.requests] == [now - 311, now - 301, now - 301, now]


async def test_the_window_of_a_quota_follows_the_clock(session: aiohttp.ClientSession) -> None:
    now = 1_800_000_000.0
    async with Sandbox(invoices=1, quota=1, quota_window=60, clock=lambda: now) as sandbox:

        async def get() -> tuple[int, str]:
            headers = {"X-Auth-Token": sandbox.auth_token, "X-Store-Hash": sandbox.store_hash}
            async with session.get(f"{sandbox.base_url}/invoices", headers=headers) as response:
                return response.status, response.headers["X-Request-Window-Resets-After"]

        answers = [await get()]
        now += 10
        answers.append(await get())
        now += 50
        answers.append(await get())

    assert answers == [(200, "60.000 s"), (429, "50.000 s"), (200, "60.000 s")]


@pytest.mark.parametrize(("setting", "value"), [("clock", 5), ("allow_remote", "yes"), ("allow_remote", None)])
def test_a_wrong_setting_is_named(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{setting} must be"):
        Sandbox(**{"invoices": 0, setting: value})
