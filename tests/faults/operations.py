"""The operations of the matrix: how each is called, and whether what it told is true."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
from faults.store import PDF, StoreServer

from bigcommerce_b2b_invoices import (
    B2BClient,
    InvoiceChanges,
    InvoiceDraft,
    Money,
    OfflinePaymentDraft,
    OutcomeUnknownError,
    PaymentShare,
    PaymentStatus,
)

TEN = Money("USD", Decimal(10))
DRAFT = InvoiceDraft(invoice_number="NEW", customer_id="3", original_balance=TEN, open_balance=TEN)
PAYMENT = OfflinePaymentDraft(reference="NEW", customer_id="3", shares=[PaymentShare(1, TEN)])
CHANGES = InvoiceChanges(type="Changed")


@attrs.frozen
class Operation:
    """One use of the client.

    Attributes:
        run: Does it.
        true: Whether a returned value is what the store holds.
        effects: How often the store shows the effect of a write; None for a read.
        repeatable: Whether it may be sent again when nobody knows what became of it.
        skip: Answers to leave alone before the fault strikes once: the walk meets it on its second page.
        path: Where the fault strikes: paths that end so.
        other_way: Whether it asks in another way after an answer that cannot be read.
        method: Requests of this method only; empty: any.
    """

    name: str
    run: Callable[[B2BClient, Path], Awaitable[Any]]
    true: Callable[[Any, StoreServer], bool]
    effects: Callable[[StoreServer], int] | None = None
    repeatable: bool = True
    skip: int = 0
    path: str = ""
    other_way: bool = False
    method: str = ""

    def lie(self, result: object, error: BaseException | None, store: StoreServer) -> str:
        """What is untrue in the outcome that was told; nothing where it is true."""
        if self.effects is None:
            return "" if error or self.true(result, store) else f"delivered {result!r}"
        effects = self.effects(store)
        if effects > 1:
            return f"{effects} effects"
        if error is None:
            return "" if effects and self.true(result, store) else f"told that it happened, with {effects} effects"
        is_honest = isinstance(error, OutcomeUnknownError) or not effects
        return "" if is_honest else f"told that it did not happen ({type(error).__name__})"


async def _get(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.get(1)


async def _page(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.page(limit=250)


async def _walk(client: B2BClient, _folder: Path) -> Any:
    return [invoice.id async for invoice in client.invoices.iterate(page_size=8, prefetch=2)]


async def _create(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.create(DRAFT)


async def _update(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.update(1, CHANGES)


async def _delete(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.delete(1)


async def _download(client: B2BClient, folder: Path) -> Any:
    return await client.invoices.download_pdf(1, folder / "invoice.pdf", overwrite=True)


async def _open_pdf(client: B2BClient, _folder: Path) -> Any:
    async with client.invoices.open_pdf(1) as pdf:
        return b"".join([chunk async for chunk in pdf])


async def _count(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.count()


async def _find(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.find("N-1")


async def _find_by_external_id(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.find_by_external_id(["E-1", "E-2"])


async def _get_many(client: B2BClient, _folder: Path) -> Any:
    found = [outcome async for outcome in client.invoices.get_many([1, 2, 3, 4])]
    if errors := [outcome.error for outcome in found if outcome.error]:
        raise errors[0]
    return sorted(outcome.item for outcome in found)


async def _changes(client: B2BClient, _folder: Path) -> Any:
    return [invoice.id async for invoice in client.invoices.changes()]


async def _pdf_links(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.pdf_links(1)


async def _create_from_order(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.create_from_order(7)


async def _update_details(client: B2BClient, _folder: Path) -> Any:
    return await client.invoices.update_details(1, lambda details: attrs.evolve(details, type="Changed"))


async def _configs_page(client: B2BClient, _folder: Path) -> Any:
    return [config.id for config in (await client.extra_fields.page()).items]


async def _configs(client: B2BClient, _folder: Path) -> Any:
    return [config.id async for config in client.extra_fields.iterate()]


async def _check(client: B2BClient, _folder: Path) -> Any:
    return [problem.problem for problem in await client.extra_fields.check(())]


async def _payments(client: B2BClient, _folder: Path) -> Any:
    return [payment.id async for payment in client.payments.iterate(page_size=8, prefetch=2)]


async def _record(client: B2BClient, _folder: Path) -> Any:
    return await client.payments.record(PAYMENT)


async def _set_status(client: B2BClient, _folder: Path) -> Any:
    return await client.payments.set_status(1, PaymentStatus.PROCESSING)


def _is_whole(result: Path, _store: StoreServer) -> bool:
    return result.read_bytes() == PDF


OPERATIONS = (
    Operation("get", _get, lambda result, _: result.id == 1 and result.open_balance == Money("USD", Decimal("349.5"))),
    Operation("page", _page, lambda result, store: [each.id for each in result.items] == list(store.invoices)),
    Operation("walk", _walk, lambda result, store: result == list(store.invoices), skip=1),
    Operation(
        "create", _create, lambda result, store: store.numbered("NEW") == [result],
        lambda store: len(store.numbered("NEW")), repeatable=False,
    ),
    Operation(
        "update", _update, lambda result, _: result is None,
        lambda store: store.invoices[1]["type"] == "Changed", repeatable=False,
    ),
    Operation("delete", _delete, lambda result, _: result is None, lambda store: 1 not in store.invoices),
    Operation("count", _count, lambda result, store: result == len(store.invoices)),
    Operation("find", _find, lambda result, _: result.id == 1),
    Operation("find_by_external_id", _find_by_external_id, lambda result, _: list(result) == ["E-1", "E-2"]),
    Operation("get_many", _get_many, lambda result, _: result == [1, 2, 3, 4], other_way=True),
    Operation("changes", _changes, lambda result, store: result == list(store.invoices)[::-1]),
    Operation("pdf_links", _pdf_links, lambda result, _: result.url is None or result.url.endswith("/file.pdf")),
    Operation(
        "create_from_order", _create_from_order, lambda result, store: store.numbered("NEW") == [result.invoice_id],
        lambda store: len(store.numbered("NEW")), repeatable=False,
    ),
    Operation(
        "update_details", _update_details, lambda result, _: result.details.type == "Changed",
        lambda store: store.invoices[1].get("details") == {"type": "Changed"}, repeatable=False, method="PUT",
    ),
    Operation("extra_fields.page", _configs_page, lambda result, _: result == [1]),
    Operation("extra_fields.iterate", _configs, lambda result, _: result == [1]),
    Operation("extra_fields.check", _check, lambda result, _: result == ["missing"]),
    Operation("payments.iterate", _payments, lambda result, store: result == list(store.payments), skip=1),
    Operation(
        "payments.record", _record, lambda result, store: store.referenced("NEW") == [result.payment_id] and result.verified,
        lambda store: len(store.referenced("NEW")), repeatable=False, method="POST",
    ),
    Operation(
        "payments.set_status", _set_status, lambda result, _: result is None,
        lambda store: store.payments[1]["processingStatus"] == 2, repeatable=False, method="PUT",
    ),
    Operation("download_pdf", _download, _is_whole, path="/download-pdf"),
    Operation("open_pdf", _open_pdf, lambda result, _: result == PDF, path="/download-pdf"),
)  # fmt: skip
FILE = attrs.evolve(OPERATIONS[-1], path="/file.pdf")  # the same, with the fault on the file and not on its link
