"""The client's settings, its lifetime, and every endpoint over HTTP against the sandbox."""

import inspect
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from conftest import TOKEN, Scripted, connect
from scripted_server import envelope
from yarl import URL

import bigcommerce_b2b_invoices as package
from bigcommerce_b2b_invoices import (
    AuthenticationError,
    B2BClient,
    ConfigurationError,
    DecodeError,
    EditConflictError,
    ExtraField,
    FilterIgnoredError,
    InvoiceChanges,
    InvoiceDetails,
    InvoiceDraft,
    InvoiceNumberTakenError,
    InvoiceQuery,
    InvoiceStatus,
    LineItem,
    Money,
    NotFoundError,
    OffsetIgnoredError,
    RateLimiter,
    SortField,
)
from bigcommerce_b2b_invoices.sandbox import Sandbox

TEN = Money("USD", Decimal("10.5"))


def draft(number: str = "N-1", **fields: Any) -> InvoiceDraft:
    return InvoiceDraft(**{"invoice_number": number, "customer_id": "3", "original_balance": TEN, "open_balance": TEN, **fields})


SETTINGS = [
    ({"auth_token": ""}, "auth_token is empty"),
    ({"auth_token": "a b"}, "auth_token holds spaces"),
    ({"auth_token": "tökén"}, "auth_token holds"),
    ({"auth_token": "secret\r\nX-Evil: 1"}, "auth_token holds"),
    ({"auth_token": None}, "auth_token must be a text"),
    ({"store_hash": ""}, "store_hash must be"),
    ({"store_hash": "../x"}, "store_hash must be"),
    ({"store_hash": 5}, "store_hash must be a text"),
    ({"base_url": "http://example.com/api"}, "must be https"),
    ({"base_url": "http://127.0.0.1.example.com"}, "must be https"),
    ({"base_url": "ftp://localhost"}, "base_url must be like"),
    ({"base_url": "/api/v3"}, "base_url must be like"),
    ({"base_url": "https://user:pw@example.com"}, "no user, password"),
    ({"base_url": "https://example.com/?a=b"}, "query"),
    ({"base_url": "https://[::1"}, "not a URL"),
    ({"base_url": 5}, "not a URL"),
    ({"timeout": 5}, "timeout must be"),
    ({"retry": 3}, "retry must be"),
    ({"session": 5}, "session must be"),
    ({"rate_limiter": 5}, "rate_limiter must be"),
]


@pytest.mark.parametrize(("settings", "message"), SETTINGS)
def test_a_setting_that_cannot_be_right_is_refused_at_once_and_not_repeated(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        B2BClient(**{"store_hash": "abc123", "auth_token": TOKEN, **settings})
    assert "secret" not in str(raised.value)
    assert isinstance(raised.value, ValueError)


def test_an_unknown_setting_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="colour"):
        B2BClient(store_hash="abc123", auth_token=TOKEN, colour="red")  # type: ignore[call-arg] # that is the point
    with pytest.raises(TypeError):
        B2BClient("abc123", TOKEN)  # type: ignore[call-arg] # settings are keyword-only


@pytest.mark.parametrize(
    "base_url", ["http://localhost:1", "http://127.0.0.1/x", "http://[::1]:8080", URL("https://example.com/x")]
)
def test_loopback_may_be_http(base_url: str | URL) -> None:
    assert str(base_url) in repr(B2BClient(store_hash="abc123", auth_token=TOKEN, base_url=base_url))


def test_credentials_come_from_the_environment() -> None:
    environ = {"BIGCOMMERCE_STORE_HASH": "abc123", "BIGCOMMERCE_ACCESS_TOKEN": TOKEN}
    limiter = RateLimiter(5)
    made = B2BClient.from_env(environ, rate_limiter=limiter)
    assert made.rate_limiter is limiter
    assert repr(made) == "<B2BClient of store abc123 at https://api-b2b.bigcommerce.com/api/v3/io/ip>"
    assert "http://localhost:8080/x" in repr(
        B2BClient.from_env({**environ, "BIGCOMMERCE_B2B_BASE_URL": "http://localhost:8080/x"})
    )
    with pytest.raises(ConfigurationError, match="BIGCOMMERCE_STORE_HASH and BIGCOMMERCE_ACCESS_TOKEN"):
        B2BClient.from_env({})
    with pytest.raises(TypeError):
        B2BClient.from_env(environ, colour="red")  # type: ignore[call-arg] # that is the point


def test_every_public_name_is_exported_once_and_documented() -> None:
    assert len(package.__all__) == len(set(package.__all__))  # ruff keeps them in order
    for name in package.__all__:
        public = getattr(package, name)
        if inspect.isclass(public):
            assert public.__doc__, name
            assert all(
                inspect.getdoc(member)
                for key, member in vars(public).items()
                if inspect.isfunction(member) and not key.startswith("_")
            ), name


async def test_a_walk_delivers_exactly_the_sandboxs_invoices(sandbox: Sandbox, client: B2BClient) -> None:
    for page_size in (7, 60, 250):
        walk = client.invoices.iterate(page_size=page_size)
        ids = [invoice.id async for invoice in walk]
        assert sorted(ids) == sorted(sandbox.invoice_ids)
        assert len(ids) == len(set(ids)) == walk.total_count == walk.report.delivered


async def test_a_walk_can_be_read_page_by_page(sandbox: Sandbox, client: B2BClient) -> None:
    pages = [page async for page in client.invoices.iterate(page_size=25).pages()]
    assert [page.offset for page in pages] == [0, 25, 43]  # of the first row that no earlier page brought
    assert sum(len(page.items) for page in pages) == 60
    assert {invoice.id for page in pages for invoice in page.items} == set(sandbox.invoice_ids)
    assert {(page.limit, page.total_count) for page in pages} == {(25, 60)}


async def test_a_walk_that_was_left_can_be_continued(sandbox: Sandbox, client: B2BClient) -> None:
    walk = client.invoices.iterate(page_size=10)
    ids = []
    async for invoice in walk:
        ids.append(invoice.id)
        if len(ids) == 15:
            break
    ids += [invoice.id async for invoice in walk]
    assert sorted(ids) == sorted(sandbox.invoice_ids)
    assert walk.report.guarantee == "complete"


async def test_a_walk_without_prefetch_asks_for_a_page_when_it_is_needed(sandbox: Sandbox, client: B2BClient) -> None:
    walk = client.invoices.iterate(page_size=10, prefetch=0)
    async for _ in walk:
        break
    await walk.aclose()
    assert sandbox.request_count == 1


async def test_a_page_says_what_the_server_applied() -> None:
    async with Sandbox(invoices=30, max_limit=10) as capped, connect(capped) as client:
        page = await client.invoices.page(offset=5, limit=250)
        assert (len(page.items), page.offset, page.limit, page.total_count) == (10, 5, 10, 30)
        assert len([invoice async for invoice in client.invoices.iterate()]) == 30


async def test_one_invoice_is_the_same_alone_and_on_a_list(client: B2BClient) -> None:
    for listed in (await client.invoices.page(InvoiceQuery(include_extra_fields=True))).items:
        assert await client.invoices.get(listed.id) == listed
    assert (await client.invoices.page()).items[0].extra_fields == ()


async def test_filters_sorts_and_counts_go_to_the_server(client: B2BClient) -> None:
    everything = [invoice async for invoice in client.invoices.iterate()]
    for query in (
        InvoiceQuery(status=0),
        InvoiceQuery(customer_id=everything[0].customer_id),
        InvoiceQuery(status=2, sort_by="createdAt"),
    ):
        expected = {invoice.id for invoice in everything if query.excludes(invoice) is None}
        assert 0 < len(expected) < 60
        assert {invoice.id async for invoice in client.invoices.iterate(query)} == expected
        assert await client.invoices.count(query) == len(expected)
    by_balance = InvoiceQuery(sort_by=SortField.OPEN_BALANCE, order_by="ASC")
    balances = [invoice.open_balance.value async for invoice in client.invoices.iterate(by_balance) if invoice.open_balance]
    assert balances == sorted(balances)
    external = [invoice.external_id for invoice in everything if invoice.external_id][:3]
    assert await client.invoices.count(InvoiceQuery(external_ids=external)) == 3


async def test_an_invoice_is_created_changed_and_deleted(client: B2BClient) -> None:
    configs = [config async for config in client.extra_fields.iterate(page_size=5)]
    text = next(config for config in configs if config.field_type == 0)
    assert text.field_name
    new_id = await client.invoices.create(
        draft(issued_at=datetime(2026, 1, 1, tzinfo=UTC), due_date=datetime(2026, 2, 1, tzinfo=UTC), channel_id=1,
              extra_fields=[ExtraField(text.field_name, "x")])
    )  # fmt: skip
    created = await client.invoices.get(new_id)
    assert (created.invoice_number, created.open_balance, created.channel_id) == ("N-1", Money("USD", Decimal("10.5000")), 1)
    assert (created.created_at, created.due_date) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    await client.invoices.update(new_id, InvoiceChanges(open_balance=Money("USD", 0)))
    assert (await client.invoices.get(new_id)).status is InvoiceStatus.COMPLETED
    await client.invoices.delete(new_id)
    with pytest.raises(NotFoundError) as raised:
        await client.invoices.get(new_id)
    assert raised.value.request_id


async def test_details_are_written_back_with_what_the_library_does_not_know(client: B2BClient) -> None:
    with_items = [invoice async for invoice in client.invoices.iterate() if invoice.line_items]
    assert len(with_items) > 40
    for invoice in with_items:
        await client.invoices.update(invoice.id, InvoiceChanges(details=invoice.details))
        assert (await client.invoices.get(invoice.id)).details == invoice.details
    invoice = with_items[0]
    assert invoice.details
    assert invoice.details.details
    contents = attrs.evolve(invoice.details.details, line_items=[LineItem(sku="X", quantity=2, unit_price=TEN)])
    await client.invoices.update(invoice.id, InvoiceChanges(details=attrs.evolve(invoice.details, details=contents)))
    assert [item.sku for item in (await client.invoices.get(invoice.id)).line_items] == ["X"]


async def test_a_number_that_is_taken_is_told_apart(client: B2BClient) -> None:
    await client.invoices.create(draft())
    with pytest.raises(InvoiceNumberTakenError) as raised:
        await client.invoices.create(draft())
    assert raised.value.invoice_number == "N-1"


async def test_an_order_becomes_an_invoice(sandbox: Sandbox, client: B2BClient) -> None:
    made = await client.invoices.create_from_order(sandbox.order_ids[0])
    assert (await client.invoices.get(made.invoice_id)).invoice_number == made.invoice_number
    with pytest.raises(NotFoundError):
        await client.invoices.create_from_order(10**9)


async def test_pdf_links_are_not_shown_in_a_repr(sandbox: Sandbox, client: B2BClient) -> None:
    links = await client.invoices.pdf_links(sandbox.invoice_ids[0])
    assert links.url
    assert "X-Amz-Signature" in links.url
    assert "X-Amz" not in repr(links)


async def test_configs_are_paged_and_walked(client: B2BClient) -> None:
    page = await client.extra_fields.page(limit=3)
    walked = [config async for config in client.extra_fields.iterate(page_size=4)]
    assert tuple(walked[:3]) == page.items
    assert len(walked) == page.total_count


async def test_a_wrong_token_is_an_authentication_error(sandbox: Sandbox) -> None:
    async with B2BClient(store_hash=sandbox.store_hash, auth_token="wrong", base_url=sandbox.base_url) as client:
        with pytest.raises(AuthenticationError, match="HTTP 401"):
            await client.invoices.count()


async def test_the_quota_is_kept_by_the_limiter_and_survived_without_it() -> None:
    async with Sandbox(invoices=20, quota=5, quota_window=0.5) as limited:
        for limiter in (RateLimiter(5, 0.5), RateLimiter()):
            async with connect(limited, rate_limiter=limiter) as client:
                assert len([invoice async for invoice in client.invoices.iterate(page_size=2)]) == 20


async def test_bad_arguments_are_refused_before_anything_is_sent(sandbox: Sandbox, client: B2BClient) -> None:
    bad: Any
    for bad in (0, "9", None, 2**63, "extra-fields"):
        for method in (client.invoices.get, client.invoices.delete, client.invoices.pdf_links, client.invoices.create_from_order):
            with pytest.raises((TypeError, ValueError)):
                await method(bad)
    for bad in (0, 251, "10"):
        with pytest.raises((TypeError, ValueError)):
            client.invoices.iterate(page_size=bad)
        with pytest.raises((TypeError, ValueError)):
            client.extra_fields.iterate(page_size=bad)
        with pytest.raises((TypeError, ValueError)):
            await client.invoices.page(limit=bad)
    with pytest.raises(ValueError, match="change nothing"):
        await client.invoices.update(1, InvoiceChanges())
    with pytest.raises(TypeError):
        await client.invoices.page(InvoiceQuery(), 0, 10)  # type: ignore[call-arg] # paging is keyword-only
    assert sandbox.request_count == 0


async def test_a_filter_that_the_server_ignores_delivers_no_foreign_row(scripted: Scripted) -> None:
    rows = [{"id": 1, "customerId": "3"}, {"id": 2, "customerId": "4"}]
    _, client = await scripted(envelope(rows, total=2, limit=250))
    with pytest.raises(FilterIgnoredError, match="GET /invoices: invoice 2 does not match customer_id"):
        await client.invoices.page(InvoiceQuery(customer_id=3))
    with pytest.raises(FilterIgnoredError):
        await anext(client.invoices.iterate(InvoiceQuery(customer_id=3)))


async def test_an_offset_that_the_server_ignores_ends_the_walk(scripted: Scripted) -> None:
    server, client = await scripted(envelope([{"id": 1}, {"id": 2}], total=9, limit=2))
    with pytest.raises(OffsetIgnoredError):
        [invoice async for invoice in client.invoices.iterate(page_size=2)]
    assert len(server.seen) < 10  # by creation, and then by number


async def test_a_count_without_a_total_is_an_error_and_no_guess(scripted: Scripted) -> None:
    _, client = await scripted(envelope([]))
    with pytest.raises(DecodeError, match="totalCount"):
        await client.invoices.count()


async def test_details_are_edited_without_losing_any(client: B2BClient) -> None:
    invoice, *_ = [invoice async for invoice in client.invoices.iterate() if invoice.line_items and invoice.cost_lines]

    def retitle(details: InvoiceDetails) -> InvoiceDetails:
        return attrs.evolve(details, type="Retitled")

    edited = await client.invoices.update_details(invoice.id, retitle)
    assert invoice.details
    assert edited.details == attrs.evolve(invoice.details, type="Retitled")


async def test_an_edit_that_collides_writes_nothing(scripted: Scripted) -> None:
    server, client = await scripted(envelope({"id": 9, "type": "a"}), envelope({"id": 9, "type": "b"}))
    with pytest.raises(EditConflictError, match="nothing was written"):
        await client.invoices.update_details(9, lambda details: attrs.evolve(details, type="Mine"))
    assert [seen.method for seen in server.seen] == ["GET", "GET"]


async def test_an_edit_that_reads_back_differently_is_reported(scripted: Scripted) -> None:
    before, other = envelope({"id": 9}), envelope({"id": 9, "details": {"type": "Theirs"}})
    _, client = await scripted(before, before, envelope({"id": 9}), other)
    with pytest.raises(EditConflictError, match="changed them"):
        await client.invoices.update_details(9, lambda details: attrs.evolve(details, type="Mine"))
