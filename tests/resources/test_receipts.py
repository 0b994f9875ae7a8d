"""Receipts and their lines over HTTP."""

from decimal import Decimal

import pytest
from conftest import Scripted, connect
from scripted_server import envelope

from bigcommerce_b2b_invoices import (
    B2BClient,
    DecodeError,
    FilterIgnoredError,
    Money,
    NotFoundError,
    OutcomeUnknownError,
    PaymentStatus,
    ReceiptLineQuery,
    ReceiptQuery,
    RetryPolicy,
)
from bigcommerce_b2b_invoices.sandbox import Sandbox


async def test_every_receipt_and_every_line_is_walked_once(client: B2BClient) -> None:
    receipts = [receipt async for receipt in client.receipts.iterate(page_size=5)]
    lines = [line async for line in client.receipts.lines(page_size=5)]
    one_by_one = [line for receipt in receipts for line in (await client.receipts.lines_page(receipt.id)).items]

    assert len(receipts) > 10
    assert len({receipt.id for receipt in receipts}) == len(receipts)
    assert {line.id for line in lines} == {line.id for line in one_by_one}
    assert len(lines) == len(one_by_one)


async def test_a_receipt_and_its_lines_are_read_in_one_request_each(sandbox: Sandbox, client: B2BClient) -> None:
    first = (await client.receipts.page(ReceiptQuery(sort_by="createdAt", order_by="ASC"), limit=1)).items[0]
    sandbox.clear()

    receipt = await client.receipts.get(first.id)
    page = await client.receipts.lines_page(receipt.id)
    line = await client.receipts.line(receipt.id, page.items[0].id)
    everywhere = await client.receipts.lines_page(limit=3)

    assert receipt == first
    assert line == page.items[0]
    assert {each.receipt_id for each in page.items} == {receipt.id}
    assert (len(everywhere.items), len(sandbox.requests)) == (3, 4)


async def test_the_receipt_of_a_recorded_payment_names_its_reference_and_invoice(sandbox: Sandbox, client: B2BClient) -> None:
    money = {"code": "USD", "value": "100.0000"}
    invoice_id = sandbox.add(customerId="95017", originalBalance=money, openBalance=money)
    recorded = await client.invoices.record_payment(invoice_id, Money("USD", Decimal(30)), reference="R-77")

    [line] = await client.receipts.lines_of_invoice(invoice_id)
    receipt = await client.receipts.get(line.receipt_id or 0)

    assert (line.payment_id, line.amount, line.reference_number) == (
        recorded.payment_id,
        Money("USD", Decimal("30.0000")),
        "R-77",
    )
    assert (receipt.payment_id, receipt.memo, receipt.reference_number) == (recorded.payment_id, "R-77", "R-77")


async def test_a_loose_search_for_an_invoice_is_compared_exactly(scripted: Scripted) -> None:
    rows = [
        {"id": 3, "invoiceId": 14, "createdAt": 30},
        {"id": 1, "invoiceId": 114, "createdAt": 1},
        {"id": "x", "invoiceId": 140, "createdAt": 2},
        {"id": 2, "invoiceId": 14, "createdAt": 20},
    ]
    server, client = await scripted(envelope(rows, total=4, limit=250))

    lines = await client.receipts.lines_of_invoice(14)
    server.script(envelope([{"id": "x", "invoiceId": "14"}], total=1, limit=250))
    with pytest.raises(DecodeError):
        await client.receipts.lines_of_invoice(14)

    assert [line.id for line in lines] == [2, 3]


async def test_a_line_of_another_receipt_or_status_is_noticed(scripted: Scripted) -> None:
    _, client = await scripted(envelope([{"id": 1, "invoiceId": 1, "receiptId": 8, "paymentStatus": 1}], total=1, limit=250))

    for use in (client.receipts.lines_page(7), anext(client.receipts.lines(7))):
        with pytest.raises(FilterIgnoredError, match="receipt 7"):
            await use
    with pytest.raises(FilterIgnoredError, match="payment_statuses"):
        await client.receipts.lines_page(query=ReceiptLineQuery(payment_statuses=[PaymentStatus.COMPLETED]))


async def test_the_lines_of_two_receipts_have_bookmarks_of_their_own(client: B2BClient) -> None:
    receipts = (await client.receipts.page(limit=2)).items
    bookmark = client.receipts.lines(receipts[0].id).bookmark

    for other in (receipts[1].id, None):
        with pytest.raises(ValueError, match="bookmark belongs"):
            client.receipts.lines(other, resume=bookmark)


async def test_a_receipt_and_a_line_are_deleted_once_and_a_lost_delete_is_settled(sandbox: Sandbox) -> None:
    async with connect(sandbox, retry=RetryPolicy(attempts=1)) as client:
        first, second = (await client.receipts.page(limit=2)).items
        line = (await client.receipts.lines_page(first.id)).items[0]
        sandbox.clear()
        await client.receipts.delete_line(first.id, line.id)
        await client.receipts.delete(first.id)
        requests = len(sandbox.requests)
        sandbox.fail(method="DELETE", drop="before")
        with pytest.raises(OutcomeUnknownError) as unknown:
            await client.receipts.delete(second.id)
        still_there = await unknown.value.resolve()
        await client.receipts.delete(second.id)
        gone = await unknown.value.resolve()
        with pytest.raises(NotFoundError):
            await client.receipts.delete(second.id)
        with pytest.raises(NotFoundError):
            await client.receipts.line(first.id, line.id)

    assert (requests, still_there, gone) == (2, None, second.id)
