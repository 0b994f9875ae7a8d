"""A list of a sibling family, walked with proof over HTTP from one `Listing` value; and what the guards of the house demand."""

import random
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest
from conftest import TOKEN
from scripted_server import Reply, ScriptedServer, Seen, envelope

from bigcommerce_b2b_invoices import B2BClient, DecodeError
from bigcommerce_b2b_invoices.models import facts
from bigcommerce_b2b_invoices.resources.lists import Listed, Listing
from bigcommerce_b2b_invoices.walks.walk import Walk
from bigcommerce_b2b_invoices.wire.call import Call
from bigcommerce_b2b_invoices.wire.endpoints import list_call
from bigcommerce_b2b_invoices.wire.messages import Slice


@attrs.frozen
class Payment:
    """A plain class of five fields."""

    id: int = attrs.field(metadata=facts.ID)
    external_id: str | None = None
    payer_name: str | None = None
    created_at: int | None = None
    updated_at: int | None = None


@attrs.frozen(kw_only=True)
class PaymentQuery:
    payer_name: str | None = None
    sort_by: str | None = None
    order_by: str | None = None


def list_payments(query: PaymentQuery, *, offset: int, limit: int) -> Call[Slice]:
    """GET /payments."""
    named = {"payerName": query.payer_name, "sortBy": query.sort_by, "orderBy": query.order_by}
    return list_call("/payments", [(name, str(value)) for name, value in named.items() if value], offset=offset, limit=limit)


PAYMENTS: Listing[PaymentQuery, Payment] = Listing(
    path="/payments",
    endpoint=list_payments,
    model=Payment,
    sort_by="createdAt",
    times=("createdAt", "updatedAt"),
    unique="externalId",
    latest="updatedAt",
)


class PaymentServer(ScriptedServer):
    """Payments, those of one second in another order for every request; a stranger changes something before each."""

    def __init__(self, rows: list[dict[str, Any]], change: Callable[[list[dict[str, Any]]], object]) -> None:
        super().__init__([])
        self.rows = rows
        self.change = change

    def reply(self, seen: Seen, /) -> Reply:
        query = parse_qs(urlsplit(seen.target).query)
        if self.seen[1:]:
            self.change(self.rows)
        key, offset, limit = query["sortBy"][0], int(query["offset"][0]), int(query["limit"][0])
        rows = random.Random(len(self.seen)).sample(self.rows, len(self.rows))
        rows.sort(key=lambda row: row[key], reverse=query["orderBy"] == ["DESC"])
        return envelope(rows[offset : offset + limit], total=len(rows), limit=limit)


def payments(count: int, *, in_a_second: int) -> list[dict[str, Any]]:
    """So many, of which each `in_a_second` were made in the same second."""
    return [
        {"id": number, "externalId": f"P-{number:05}", "createdAt": 10 * (number // in_a_second), "updatedAt": 1, "fees": []}
        for number in range(1, count + 1)
    ]


async def walked(rows: list[dict[str, Any]], change: Callable[[list[dict[str, Any]]], object]) -> tuple[list[int], Walk[Payment]]:
    async with PaymentServer(rows, change) as server, B2BClient(
        store_hash="abc123", auth_token=TOKEN, base_url=server.base_url
    ) as client:  # fmt: skip
        walk = Walk(Listed(client._transport.send, PAYMENTS, PaymentQuery()), prefetch=2)
        return [payment.id async for payment in walk], walk


def nothing(rows: list[dict[str, Any]]) -> None:
    """Nobody changes anything."""


def delete_the_first(rows: list[dict[str, Any]]) -> None:
    del rows[0]


@pytest.mark.parametrize("in_a_second", [1, 40, 249, 250, 600, 1000])
@pytest.mark.parametrize("change", [nothing, delete_the_first])
async def test_payments_are_walked_with_proof_ties_of_a_whole_page_included(
    in_a_second: int, change: Callable[[list[dict[str, Any]]], object]
) -> None:
    rows = payments(1000, in_a_second=in_a_second)

    ids, walk = await walked(rows, change)

    assert len(ids) == len(set(ids))
    assert {row["id"] for row in rows} <= set(ids)
    assert walk.report.guarantee == "complete"


async def test_without_a_field_that_tells_all_rows_apart_a_crowded_second_costs_the_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(globals(), "PAYMENTS", attrs.evolve(PAYMENTS, unique=None))

    ids, walk = await walked(payments(1000, in_a_second=600), nothing)

    assert len(ids) == len(set(ids))
    assert walk.report.guarantee == "best_effort"
    assert "tells all rows apart" in walk.report.anomalies[0]


async def test_only_an_id_makes_a_payment_unreadable() -> None:
    rows = [
        {"id": 1, "payerName": [1], "createdAt": 1, "updatedAt": 1, "externalId": "a"},
        {"id": "2", "createdAt": 2, "externalId": "b"},
    ]

    with pytest.raises(DecodeError, match=re.escape("cannot read Payment at data[1].id")):
        await walked(rows, nothing)
