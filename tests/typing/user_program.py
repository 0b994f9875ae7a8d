"""A user's program, for `mypy --strict` and `pyright` in strict mode; `tests/test_types.py` runs them. It is also run itself."""

import asyncio
from decimal import Decimal

from bigcommerce_b2b_invoices import (
    B2BClient,
    DecodeError,
    Failure,
    Invoice,
    InvoiceChanges,
    InvoiceDraft,
    InvoiceNumberTakenError,
    InvoiceQuery,
    InvoiceStatus,
    Money,
    Page,
    Success,
    Wait,
    bulk,
    from_json,
    to_dict,
    to_json,
)
from bigcommerce_b2b_invoices.sandbox import Sandbox

waits: list[Wait] = []
unreadable: list[DecodeError] = []


def total(page: Page[Invoice]) -> Decimal:
    return sum((each.open_balance.value for each in page.items if each.open_balance), Decimal())


async def push(client: B2BClient, number: str) -> int:
    amount = Money("USD", Decimal("10.00"))
    draft = InvoiceDraft(invoice_number=number, customer_id="3", original_balance=amount, open_balance=amount)
    try:
        return await client.invoices.create(from_json(InvoiceDraft, to_json(draft)))
    except InvoiceNumberTakenError as taken:
        if taken.is_same and taken.invoice_ids:
            return taken.invoice_ids[0]
        raise


async def main() -> None:
    async with (
        Sandbox(invoices=30) as sandbox,
        B2BClient(store_hash=sandbox.store_hash, auth_token=sandbox.auth_token, base_url=sandbox.base_url) as client,
    ):
        quick = client.with_options(max_wait=2.0, on_wait=waits.append)
        walk = quick.invoices.iterate(InvoiceQuery(status=InvoiceStatus.OPEN), on_unreadable=unreadable.append)
        names = [invoice.customer_name or "" async for invoice in walk]
        print(walk.report.guarantee, len(names), total(await client.invoices.page()))
        new = [await push(client, f"N-{number}") for number in range(3)]
        async for outcome in bulk.run(client.invoices.get, [*new, 999_999]):
            match outcome:
                case Success(item, invoice):
                    print(item + 1, invoice.invoice_number, to_dict(invoice)["id"])
                case Failure(item, error):
                    print(item, error)
            if outcome.ok is True:
                await client.invoices.update(outcome.result.id, InvoiceChanges(type="Paid"))
        async for found in client.invoices.get_many(new):
            print(found.error if isinstance(found, Failure) else found.result.type)
        async with client.invoices.open_pdf(new[0]) as pdf:
            print(pdf.size, sum([len(chunk) async for chunk in pdf]))


if __name__ == "__main__":
    asyncio.run(main())
