"""The payments of one company: none of another company passes, whatever the server sends."""

from typing import Any

import pytest
from conftest import Scripted
from scripted_server import envelope

from bigcommerce_b2b_invoices import (
    B2BClient,
    DecodeError,
    ForeignInvoiceError,
    ForeignPaymentError,
    PaymentQuery,
    PaymentSearchField,
)

INVOICE = {"id": 1, "customerId": "3"}


def row(number: int, customer: Any, **fields: Any) -> dict[str, Any]:
    line = {"invoiceId": 1, "amount": {"code": "USD", "value": "1"}}
    return {"id": number, "customerId": customer, "payerName": "SECRET", "lineItems": [line], "createdAt": number, **fields}


async def test_a_company_sees_its_own_payments_and_no_other(client: B2BClient) -> None:
    everything = [payment async for payment in client.payments.iterate()]
    own = everything[0].customer_id
    assert own
    company = client.company(own)

    walked = [payment async for payment in company.payments.iterate()]
    completed = [payment async for payment in company.payments.iterate(PaymentQuery(processing_status=3))]

    assert walked == [payment for payment in everything if payment.customer_id == own]
    assert completed == [payment for payment in walked if payment.processing_status == 3]
    for payment in everything:
        invoice_id = payment.line_items[0].invoice_id
        if payment.customer_id == own:
            history = await company.payment_history(invoice_id)
            assert await company.payments.get(payment.id) in history.payments
            assert await company.payments.of_invoice(invoice_id) == history.payments
        else:
            with pytest.raises(ForeignPaymentError):
                await company.payments.get(payment.id)
            for use in (company.payment_history(invoice_id), company.payments.of_invoice(invoice_id)):
                with pytest.raises(ForeignInvoiceError):
                    await use


FOREIGN = [row(7, "4"), row(7, 4), row(7, None), row(7, {"id": "3"}), row(7, "4", lineItems="x"), row(7, None, lineItems="x")]


@pytest.mark.parametrize("foreign", FOREIGN)
async def test_a_payment_of_another_company_never_passes_nor_its_text(scripted: Scripted, foreign: dict[str, Any]) -> None:
    server, client = await scripted(envelope(foreign))
    company = client.company(3)
    errors = []

    with pytest.raises(ForeignPaymentError) as caught:
        await company.payments.get(7)
    errors.append(caught.value)
    for use in (company.payments.of_invoice, company.payment_history):
        server.script(envelope(INVOICE), envelope([row(6, "3"), foreign], total=2, limit=250))
        with pytest.raises(ForeignPaymentError) as caught:
            await use(1)
        errors.append(caught.value)
    server.script(envelope([row(6, "3"), foreign, row(8, "3")], total=3, limit=250))
    walked = [payment.id async for payment in company.payments.iterate()]

    assert walked == [6, 8]
    for error in errors:
        assert "SECRET" not in repr(vars(error))
        assert error.__context__ is None


async def test_an_unreadable_payment_of_its_own_is_an_error(scripted: Scripted) -> None:
    server, client = await scripted(envelope(row(7, "3", lineItems="x")))
    company = client.company(3)

    with pytest.raises(DecodeError):
        await company.payments.get(7)
    server.script(envelope([row(7, "3", lineItems="x")], total=1, limit=250))
    with pytest.raises(DecodeError):
        _ = [payment async for payment in company.payments.iterate()]


async def test_the_walk_searches_for_the_company_and_refuses_another_search(scripted: Scripted) -> None:
    server, client = await scripted(envelope([], total=0, limit=250))

    assert [payment async for payment in client.company(3).payments.iterate()] == []
    with pytest.raises(ValueError, match="q of its own"):
        client.company(3).payments.iterate(PaymentQuery(search_by=PaymentSearchField.EXTERNAL_ID, q="R"))

    assert "searchBy=customerId&q=3&" in server.seen[0].target
    assert len(server.seen) == 1
