"""Whether a mirror is equal to its store: every row of every table."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from bigcommerce_b2b_invoices import B2BClient, Invoice, InvoiceQuery, RateLimiter
from bigcommerce_b2b_invoices.mirror.columns import CHILDREN, INVOICE, child_rows, invoice_row
from bigcommerce_b2b_invoices.mirror.schema import tables
from bigcommerce_b2b_invoices.sandbox import Sandbox


def connect(sandbox: Sandbox) -> B2BClient:
    return B2BClient(
        store_hash=sandbox.store_hash,
        auth_token=sandbox.auth_token,
        base_url=sandbox.base_url,
        rate_limiter=RateLimiter(1_000_000),
    )


async def invoices_of(client: B2BClient) -> list[Invoice]:
    return [invoice async for invoice in client.invoices.iterate(InvoiceQuery(include_extra_fields=True))]


def rows_of(url: str, store_hash: str) -> dict[str, list[dict[str, Any]]]:
    """Every table but `sync_state`, without the bookkeeping columns."""
    engine = sa.create_engine(url)
    try:
        made = tables(engine.dialect.name)
        found = {}
        with engine.connect() as connection:
            for name, table in {"invoices": made.invoices, **made.children}.items():
                query = sa.select(table).where(table.c.store_hash == store_hash).order_by(*table.primary_key.columns)
                hidden = {"store_hash", "sweep", "checksum"}
                found[name] = [
                    {key: value for key, value in row._mapping.items() if key not in hidden and not key.endswith("_e4")}
                    for row in connection.execute(query)
                ]
        return found
    finally:
        engine.dispose()


def expected(invoices: Iterable[Invoice]) -> dict[str, list[dict[str, Any]]]:
    ordered = sorted(invoices, key=lambda invoice: invoice.id)
    whole: dict[str, list[dict[str, Any]]] = {
        "invoices": [{name: invoice_row(invoice)[name] for name in INVOICE} for invoice in ordered]
    }
    for name, child in CHILDREN.items():
        whole[name] = [row for invoice in ordered for row in child_rows(invoice, child)]
    return whole


async def assert_equal(url: str, client: B2BClient) -> None:
    """Every row of the mirror is as the store has it, and no other is there."""
    found, wanted = rows_of(url, client.store_hash), expected(await invoices_of(client))
    for name, rows in wanted.items():
        assert len(found[name]) == len(rows), name
        assert [_plain(row) for row in found[name]] == [_plain(row) for row in rows], name


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: f"{value:f}" if isinstance(value, Decimal) else value for key, value in row.items()}
