"""How many requests do ordinary jobs take, beside the naive way?

    python benchmarks/requests.py [--quick]

Requests are what a store is short of: it grants all its integrations 150 a minute together.
"""

import asyncio
import math
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal

from server import connect

from bigcommerce_b2b_invoices import (
    B2BClient,
    InvoiceChanges,
    InvoiceQuery,
    InvoiceStatus,
    Money,
    NotFoundError,
    OfflinePaymentDraft,
    PaymentShare,
)
from bigcommerce_b2b_invoices.sandbox import Sandbox

WANTED = 500  # invoices


async def pages(client: B2BClient, limit: int) -> dict[int, datetime | None]:
    """Every invoice with its last change, as most clients read them: until a short page or the total count."""
    found: dict[int, datetime | None] = {}
    offset = 0
    while True:
        page = await client.invoices.page(offset=offset, limit=limit)
        found.update((invoice.id, invoice.updated_at) for invoice in page.items)
        offset += limit
        if len(page.items) < limit or offset >= (page.total_count or 0):
            return found


async def measure(name: str, sandbox: Sandbox, ours: Callable[[], Awaitable[int]], naive: Callable[[], Awaitable[int]]) -> None:
    """One line of the table; both ways must come to the same."""
    before = sandbox.request_count
    expected = await naive()
    naively = sandbox.request_count - before
    assert await ours() == expected, name
    used = sandbox.request_count - before - naively
    minutes = used / 150, naively / 150
    print(f"| {name} | {expected} | {used} | {naively} | {minutes[0]:.1f} min | {minutes[1]:.1f} min |", flush=True)


async def jobs(invoices: int) -> None:
    """The jobs, in a quiet store of so many invoices."""
    async with Sandbox(invoices=invoices) as sandbox, connect(environ_of(sandbox)) as client:
        api = client.invoices
        everything = {invoice.id: invoice.external_id async for invoice in api.iterate()}
        shuffled = random.Random(1).sample(sandbox.invoice_ids, WANTED)
        external_ids = [external_id for external_id in everything.values() if external_id][:: max(1, invoices // 2000)][:WANTED]

        async def all_ours() -> int:
            return len([invoice async for invoice in api.iterate()])

        async def all_naive() -> int:
            return len(await pages(client, 10))

        async def many(ids: list[int]) -> int:
            return sum([outcome.ok async for outcome in api.get_many(ids)])

        async def one_by_one(ids: list[int]) -> int:
            found = 0
            for invoice_id in ids:
                try:
                    found += bool(await api.get(invoice_id))
                except NotFoundError:
                    continue
            return found

        async def by_external_id() -> int:
            return len(await api.find_by_external_id(external_ids))

        async def by_external_id_naive() -> int:
            return sum([len((await api.page(InvoiceQuery(external_ids=[each]))).items) for each in external_ids])

        await measure("all invoices (naive: the default page of 10)", sandbox, all_ours, all_naive)
        for name, ids in (
            ("500 by id, from all over the store", shuffled),
            ("500 by id, 100 of them deleted", [*shuffled[:400], *range(10**9, 10**9 + 100)]),
            ("20 by id, from all over the store", shuffled[:20]),
        ):
            await measure(name, sandbox, lambda ids=ids: many(ids), lambda ids=ids: one_by_one(ids))  # type: ignore[misc] # bound now
        await measure(f"{len(external_ids)} by external id", sandbox, by_external_id, by_external_id_naive)

        feed = api.changes()
        known = {invoice.id: invoice.updated_at async for invoice in feed}
        for changed, name in ((0, "what changed today: nothing"), (100, "what changed today: 100 invoices")):
            for invoice_id in shuffled[:changed]:
                await api.update(invoice_id, InvoiceChanges(type="Changed"))

            async def changes_ours(cursor: str | None = feed.cursor) -> int:
                return len([invoice async for invoice in api.changes(cursor)])

            async def changes_naive() -> int:
                return len(set((await pages(client, 250)).items()) - set(known.items()))

            await measure(name, sandbox, changes_ours, changes_naive)


async def books(invoices: int) -> None:
    """Payments and balances, beside the fewest requests that could read or write as much."""
    async with Sandbox(invoices=invoices) as sandbox, connect(environ_of(sandbox)) as client:
        api = client.invoices
        owed = [
            each async for each in api.iterate(InvoiceQuery(status=InvoiceStatus.OPEN)) if each.open_balance and each.customer_id
        ]
        first = owed[0]
        of_one = [each for each in owed if each.customer_id == first.customer_id][:5]
        cent = Decimal("0.01")
        shares = [PaymentShare(each.id, Money(each.open_balance.code, cent)) for each in of_one if each.open_balance]
        draft = OfflinePaymentDraft(reference="BENCH-5", customer_id=str(first.customer_id), shares=shares)
        fewest = math.ceil(len(sandbox.payment_ids) / 250) + math.ceil(invoices / 250)

        async def count(job: Awaitable[object]) -> int:
            before = sandbox.request_count
            await job
            return sandbox.request_count - before

        async def reconcile() -> None:
            assert [check async for check in api.reconcile()] == []

        one = Money(shares[0].amount.code, cent)
        for name, job, least in (
            ("a payment of one invoice", api.record_payment(first.id, one, reference="BENCH-1"), 5),
            ("a payment of 5 invoices", client.payments.record(draft), len(shares) + 4),
            ("the same again", client.payments.record(draft), 2),
            ("the payments of one invoice", api.payment_history(first.id), 2),
            (f"all books: {invoices} invoices, {len(sandbox.payment_ids)} payments", reconcile(), fewest),
        ):
            used = await count(job)
            print(f"| {name} | {used} | {least} | {used / least:.3f} |", flush=True)


def environ_of(sandbox: Sandbox) -> dict[str, str]:
    """The environment for a client of the sandbox."""
    return {
        "BIGCOMMERCE_STORE_HASH": sandbox.store_hash,
        "BIGCOMMERCE_ACCESS_TOKEN": sandbox.auth_token,
        "BIGCOMMERCE_B2B_BASE_URL": str(sandbox.base_url),
    }


async def main() -> None:
    """The table; `--quick` with a small store."""
    invoices = 2000 if "--quick" in sys.argv else 10_000
    print(f"A quiet store of {invoices} invoices. Minutes: at 150 requests each.\n")
    print("| job | invoices | requests | naive | time | naive |")
    print("|---|---:|---:|---:|---:|---:|")
    await jobs(invoices)
    print("\n| payments | requests | fewest | ratio |\n|---|---:|---:|---:|")
    await books(invoices)


if __name__ == "__main__":
    asyncio.run(main())
