"""What the client says of whose an invoice is and what became of a write, in answers that only look alike."""

from typing import Any

import attrs
import pytest
from conftest import Scripted
from faults.store import invoice as row_of
from scripted_server import Bytes, answer, envelope, raw

from bigcommerce_b2b_invoices import (
    Address,
    DecodeError,
    DownloadError,
    EditConflictError,
    FilterIgnoredError,
    ForeignInvoiceError,
    InvoiceChanges,
    InvoiceDetails,
    InvoiceDraft,
    InvoiceHeader,
    InvoiceNumberTakenError,
    Money,
    OutcomeUnknownError,
    RetryPolicy,
)

MONEY = Money("USD", 349)
DRAFT = InvoiceDraft(invoice_number="INV-1", customer_id="123", original_balance=MONEY, open_balance=MONEY)
LOST = raw(b"", status=504)
NOTHING = envelope([], total=0, limit=250)


def found(number: str = "INV-1", **fields: Any) -> Bytes:
    """A list answer with one invoice that looks like the draft."""
    balance = {"code": "USD", "value": "349"}
    row = {**row_of(77, number), "customerId": "123", "originalBalance": balance, "openBalance": balance}
    row = {name: value for name, value in row.items() if name not in ("externalId", "type")}
    return envelope([{**row, **fields}], total=1, limit=250)


@pytest.mark.parametrize("other", ["12", "0123", "1234", " 123", "123A"])
async def test_an_invoice_of_a_company_with_a_similar_id_is_not_ours(scripted: Scripted, other: str) -> None:
    server, client = await scripted(LOST, found(customerId=other))

    with pytest.raises(InvoiceNumberTakenError) as taken:
        await client.invoices.create(DRAFT)
    server.script(answer({"code": 400, "data": {"errMsg": "The invoice number already exists."}}, 400), found(customerId=other))
    with pytest.raises(InvoiceNumberTakenError) as refused:
        await client.invoices.create(DRAFT)

    assert (taken.value.is_same, refused.value.is_same) == (False, False)


async def test_an_invoice_without_a_company_shows_nothing(scripted: Scripted) -> None:
    server, client = await scripted(LOST, found(customerId=None))

    with pytest.raises(OutcomeUnknownError):
        await client.invoices.create(DRAFT)
    server.script(answer({"code": 400, "data": {"errMsg": "The invoice number already exists."}}, 400), found(customerId=None))
    with pytest.raises(InvoiceNumberTakenError) as refused:
        await client.invoices.create(DRAFT)

    assert refused.value.is_same is None


@pytest.mark.parametrize("number", ["inv-1", "INV-1 ", "Inv-1"])
async def test_a_number_that_the_store_writes_in_another_way_is_not_sent_again(scripted: Scripted, number: str) -> None:
    server, client = await scripted(LOST, found(number))

    with pytest.raises(OutcomeUnknownError) as unknown:
        await client.invoices.create(DRAFT)
    with pytest.raises(OutcomeUnknownError, match="77"):
        await unknown.value.resolve()

    assert len([seen for seen in server.seen if seen.method == "POST"]) == 1


@pytest.mark.parametrize("after", [{"note": "old"}, {}])
async def test_an_edit_of_an_unknown_key_that_is_not_there_is_not_done(scripted: Scripted, after: dict[str, Any]) -> None:
    before = envelope({"id": 9, "details": {"type": "X", "note": "old"}})
    done, read_back = envelope({"id": 9}), envelope({"id": 9, "details": {"type": "X", **after}})
    _, client = await scripted(before, before, done, read_back)

    with pytest.raises((OutcomeUnknownError, EditConflictError)):
        await client.invoices.update_details(
            9, lambda details: attrs.evolve(details, additional_properties={**details.additional_properties, "note": "new"})
        )


@pytest.mark.parametrize("custom", [{"a": (1, 2)}, {1: "x"}, [(None,)]])
async def test_opaque_values_read_back_as_json_holds_them(scripted: Scripted, custom: object) -> None:
    stored: Any = {"a": [1, 2]} if custom == {"a": (1, 2)} else {"1": "x"} if custom == {1: "x"} else [[None]]
    before = envelope({"id": 9})
    after = envelope({"id": 9, "details": {"header": {"billingAddress": {"customFields": stored}}}})
    _, client = await scripted(before, before, envelope({"id": 9}), after)
    details = InvoiceDetails(header=InvoiceHeader(billing_address=Address(custom_fields=custom)))

    written = await client.invoices.update_details(9, lambda _: details)

    assert written.billing_address is not None
    assert written.billing_address.custom_fields == stored


async def test_details_that_nobody_could_read_back_are_not_sent(scripted: Scripted) -> None:
    deep: object = 1
    for _ in range(70):
        deep = [deep]
    server, client = await scripted(envelope({"id": 9}))
    details = InvoiceDetails(header=InvoiceHeader(customer_fields=deep))

    for write in (
        client.invoices.update(9, InvoiceChanges(details=details)),
        client.invoices.create(attrs.evolve(DRAFT, details=details)),
    ):
        with pytest.raises(ValueError, match="nested too deeply"):
            await write

    assert server.seen == []


async def test_a_servers_key_is_not_part_of_an_error(scripted: Scripted) -> None:
    deep = "[" * 70 + "]" * 70
    _, client = await scripted(raw(b'{"code": 200, "data": {"id": 5, "secret\\nINJECTED": ' + deep.encode() + b"}}"))

    with pytest.raises(DecodeError) as caught:
        await client.invoices.get(5)

    assert caught.value.path == "data.additional_properties"
    assert "secret" not in str(caught.value)


async def test_an_error_about_a_pdf_names_its_own_invoice(scripted: Scripted) -> None:
    server, client = await scripted(Bytes(b""), retry=RetryPolicy(attempts=1))
    link = envelope({"url": f"http://127.0.0.1:{server.port}/x.pdf"})
    server.script(link, raw(b"%PDF-1.4\n%%EOF"), link, raw(b"<html>"))

    with pytest.raises(DownloadError) as caught:
        async with client.invoices.open_pdf(5), client.invoices.open_pdf(6):
            raise AssertionError

    assert caught.value.path == "/invoices/6/download-pdf"


TWICE = (
    b'{"code": 200, "data": [{"id": 1, "customerId": "12", "customerId": "1", "details": "' + b"x" * 70_000 + b'"}], "meta": {}}'
)


@pytest.mark.parametrize("body", [b'{"code": 200, "data": ["SECRET"]}', TWICE], ids=["no object", "two companies"])
async def test_a_row_whose_company_is_not_certain_does_not_reach_the_view_of_a_company(scripted: Scripted, body: bytes) -> None:
    server, client = await scripted(raw(body))
    company = client.company("1")

    with pytest.raises(FilterIgnoredError) as ignored:
        await anext(company.iterate(on_unreadable=lambda _: None))
    server.script(envelope(row_of(6, "N-6")))
    with pytest.raises(ForeignInvoiceError) as foreign:
        await company.get(5)

    assert foreign.value.path == "/invoices/5"
    assert "SECRET" not in repr(vars(ignored.value))
