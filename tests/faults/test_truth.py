"""What is told of a write is true, over HTTP, though its answer is lost and the store changes values or lags behind."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import attrs
import pytest
from conftest import TOKEN
from faults.store import StoreServer
from scripted_server import CLOSE, Reply, Seen, answer, raw

from bigcommerce_b2b_invoices import (
    B2BClient,
    EditConflictError,
    InvoiceChanges,
    InvoiceDetails,
    InvoiceDraft,
    InvoiceNumberTakenError,
    LineItem,
    Money,
    OutcomeUnknownError,
    RetryPolicy,
)

QUICK = RetryPolicy(base_delay=0.002)
DRAFT = InvoiceDraft(
    invoice_number="NEW", customer_id="3", original_balance=Money("USD", Decimal("10.55")), open_balance=Money("USD", Decimal(5)),
    purchase_order_number="PO number 12345678", external_id="E-New ", type="Invoice",
)  # fmt: skip


class OddStore(StoreServer):
    """A store that changes what it keeps, lags behind, and loses answers to writes."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: list[Reply] = []  # what is sent in place of the answers to writes that took effect
        self.dropped: list[Reply] = []  # the same, for writes that do not take effect
        self.kept: Any = lambda row: row
        self.lag = 0.0
        self._old: dict[str, tuple[float, Reply]] = {}

    def reply(self, seen: Seen, /) -> Reply:
        now = asyncio.get_running_loop().time()
        if seen.method == "GET":
            until, old = self._old.get(seen.target, (0.0, None))
            return old if old is not None and now < until else super().reply(seen)
        if self.dropped:
            return self.dropped.pop(0)
        before = super().reply(Seen("GET", seen.target, seen.headers, b"")) if seen.method != "POST" else None
        told = super().reply(seen)
        for invoice_id, row in self.invoices.items():
            self.invoices[invoice_id] = self.kept(json.loads(json.dumps(row, default=str)))
        if before is not None and self.lag:
            self._old[seen.target] = (now + self.lag, before)
        return self.lost.pop(0) if self.lost else told


@pytest.fixture
async def store() -> Any:
    async with OddStore() as server:
        yield server


@pytest.fixture
async def client(store: OddStore) -> Any:
    async with B2BClient(store_hash="abc123", auth_token=TOKEN, base_url=store.base_url, retry=QUICK) as connected:
        yield connected


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [("type", "Old", "old"), ("purchase_order_number", "po 1", "po 1 "), ("external_id", "7", "007"), ("type", "ÉTÉ", "été")],
)
async def test_an_update_that_changes_next_to_nothing_and_is_lost_is_not_told_to_be_done(
    store: OddStore, client: B2BClient, field: str, before: str, after: str
) -> None:
    await client.invoices.update(1, InvoiceChanges(**{field: before}))  # type: ignore[arg-type] # any of the texts
    store.dropped = [CLOSE]

    with pytest.raises(OutcomeUnknownError):
        await client.invoices.update(1, InvoiceChanges(**{field: after}))  # type: ignore[arg-type]

    assert getattr(await client.invoices.get(1), field) == before


GATEWAY = [raw(b"<html>not here</html>", 404), raw(b"", 404), answer({"title": "Not Found", "status": 404}, status=404)]


@pytest.mark.parametrize("missing", GATEWAY, ids=["html", "empty", "problem"])
async def test_a_delete_is_not_done_because_a_gateway_finds_nothing(store: OddStore, client: B2BClient, missing: Reply) -> None:
    store.dropped = [raw(b"<html>Bad Gateway</html>", 502), missing]

    with pytest.raises(OutcomeUnknownError) as raised:
        await client.invoices.delete(1)

    assert 1 in store.invoices
    assert await raised.value.resolve() is None


async def test_a_delete_that_the_api_finds_nothing_for_after_a_lost_answer_is_done(store: OddStore, client: B2BClient) -> None:
    store.lost = [CLOSE]

    await client.invoices.delete(1)

    assert 1 not in store.invoices


def stripped(row: dict[str, Any]) -> dict[str, Any]:
    """Without the blanks around any text."""
    parsed: dict[str, Any] = json.loads(json.dumps(row).replace(' "', '"').replace('":"', '": "'))
    return parsed


def line(client: B2BClient) -> Any:
    item = LineItem(sku=" A-1 ", quantity=Decimal(2))

    def add(details: InvoiceDetails) -> InvoiceDetails:
        contents = details.details
        lines = contents.line_items if contents else ()
        from bigcommerce_b2b_invoices import InvoiceContents

        return attrs.evolve(details, details=InvoiceContents(line_items=(*lines, item)))

    return client.invoices.update_details(1, add)


@pytest.mark.parametrize("kept", [lambda row: row, stripped], ids=["as sent", "stripped"])
@pytest.mark.parametrize("lag", [0.0, 0.01])
async def test_an_accepted_edit_is_done_though_reads_lag_or_the_store_strips_blanks(
    store: OddStore, client: B2BClient, kept: Any, lag: float
) -> None:
    store.kept, store.lag = kept, lag

    after = await line(client)

    assert len(after.line_items) == 1
    assert len(store.invoices[1]["details"]["details"]["lineItems"]) == 1


@pytest.mark.parametrize("kept", [None, [], "", "old"])
async def test_a_field_that_was_null_is_seen_to_be_filled_though_the_answer_was_lost(
    store: OddStore, client: B2BClient, kept: object
) -> None:
    store.invoices[1]["details"] = {"details": {"lineItems": [{"sku": "A", "comments": kept}]}}
    store.lost = [CLOSE]

    def fill(details: InvoiceDetails) -> InvoiceDetails:
        assert details.details is not None
        item = attrs.evolve(details.details.line_items[0], comments="x")
        return attrs.evolve(details, details=attrs.evolve(details.details, line_items=(item,)))

    await client.invoices.update_details(1, fill)

    assert store.invoices[1]["details"] == {"details": {"lineItems": [{"sku": "A", "comments": "x"}]}}


async def test_somebody_elses_edit_is_still_a_conflict(store: OddStore, client: B2BClient) -> None:
    store.kept = lambda row: {**row, "details": {"type": "Theirs"}} if "details" in row else row

    with pytest.raises(EditConflictError):
        await line(client)


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    if row["invoiceNumber"] == "NEW":
        row["originalBalance"] = {"code": "usd", "value": "11"}
    return row


def cut(row: dict[str, Any]) -> dict[str, Any]:
    if row["invoiceNumber"] == "NEW":
        row["purchaseOrderNumber"] = row["purchaseOrderNumber"][:8].upper()
        row["externalId"] = row["externalId"].strip()
    return row


def replaced(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "type": "Standard"} if row["invoiceNumber"] == "NEW" else row


@pytest.mark.parametrize("kept", [rounded, cut], ids=["rounded", "cut and trimmed"])
@pytest.mark.parametrize("lost", [CLOSE, *(raw(b"", status) for status in (408, 421, 425, 499, 500, 502))], ids=repr)
async def test_a_create_that_arrived_is_ours_though_the_store_normalised_it(
    store: OddStore, client: B2BClient, kept: Any, lost: Reply
) -> None:
    store.kept, store.lost = kept, [lost]

    invoice_id = await client.invoices.create(DRAFT)

    assert store.numbered("NEW") == [invoice_id]


async def test_a_create_whose_value_the_store_replaced_is_neither_ours_nor_anothers(store: OddStore, client: B2BClient) -> None:
    store.kept, store.lost = replaced, [CLOSE]

    with pytest.raises(OutcomeUnknownError, match="type") as raised:
        await client.invoices.create(DRAFT)

    assert raised.value.invoice_number == "NEW"
    assert len(store.numbered("NEW")) == 1


async def test_an_invoice_of_another_company_with_the_number_is_anothers(store: OddStore, client: B2BClient) -> None:
    store.invoices[99] = {**store.invoices[1], "id": 99, "invoiceNumber": "NEW", "customerId": "4"}
    store.dropped = [CLOSE]

    with pytest.raises(InvoiceNumberTakenError):
        await client.invoices.create(DRAFT)
