"""The view of one company."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Scripted
from scripted_server import envelope

from bigcommerce_b2b_invoices import B2BClient, DecodeError, FilterIgnoredError, ForeignInvoiceError, InvoiceQuery, NotFoundError
from bigcommerce_b2b_invoices.sandbox import Sandbox


async def test_a_company_sees_its_own_invoices_and_no_other(client: B2BClient, tmp_path: Path) -> None:
    everything = [invoice async for invoice in client.invoices.iterate()]
    own = everything[0].customer_id
    assert own
    company = client.company(own)
    ids = {invoice.id for invoice in everything if invoice.customer_id == own}
    assert {invoice.id async for invoice in company.iterate(page_size=2)} == ids
    assert {invoice.id for invoice in (await company.page()).items} == ids
    assert await company.count() == len(ids)
    for invoice in everything[:20]:
        if invoice.id in ids:
            assert (await company.get(invoice.id)).id == invoice.id
            assert (await company.pdf_links(invoice.id)).url
        else:
            for method in (company.get, company.pdf_links):
                with pytest.raises(ForeignInvoiceError):
                    await method(invoice.id)
            with pytest.raises(ForeignInvoiceError):
                await company.download_pdf(invoice.id, tmp_path / "x.pdf")
    assert (await company.download_pdf(everything[0].id, tmp_path / "own.pdf")).read_bytes().startswith(b"%PDF-")


async def test_a_query_for_another_company_is_refused(sandbox: Sandbox, client: B2BClient) -> None:
    with pytest.raises(ValueError, match="this view shows only company 3"):
        await client.company(3).page(InvoiceQuery(customer_id="4"))
    bad: Any
    for bad in ("", None, True, 1.5):
        with pytest.raises((TypeError, ValueError)):
            client.company(bad)
    assert sandbox.request_count == 0


async def test_a_server_that_ignores_the_filter_leaks_nothing(scripted: Scripted) -> None:
    _, client = await scripted(envelope([{"id": 1, "customerId": "3"}, {"id": 2, "customerId": "4"}], total=2, limit=250))
    company = client.company(3)
    for use in (company.page(), company.count(), anext(company.iterate())):
        with pytest.raises(FilterIgnoredError):
            await use


async def test_a_company_finds_its_own_invoices_and_no_other(client: B2BClient) -> None:
    everything = [invoice async for invoice in client.invoices.iterate()]
    own = everything[0].customer_id
    assert own
    company = client.company(own)
    external_ids = [invoice.external_id for invoice in everything if invoice.external_id]

    found = [await company.find(invoice.invoice_number or "") for invoice in everything]
    by_external_id = await company.find_by_external_id(external_ids)
    outcomes = {outcome.item: outcome async for outcome in company.get_many([*(each.id for each in everything), 999_999])}

    assert [invoice and invoice.id for invoice in found] == [each.id if each.customer_id == own else None for each in everything]
    assert {invoice.customer_id for invoice in by_external_id.values()} <= {own}
    assert set(by_external_id) == {each.external_id for each in everything if each.customer_id == own and each.external_id}
    assert isinstance(outcomes.pop(999_999).error, NotFoundError)
    for invoice in everything:
        outcome = outcomes[invoice.id]
        assert outcome.ok == (invoice.customer_id == own)
        assert outcome.ok or isinstance(outcome.error, ForeignInvoiceError)


FOREIGN: list[dict[str, Any]] = [
    {"id": 7, "customerId": "4", "invoiceNumber": "SECRET", "openBalance": "a lot"},
    {"id": 7, "customerId": 4, "invoiceNumber": "SECRET", "openBalance": "a lot"},
    {"id": 7, "customerId": None, "invoiceNumber": "SECRET", "openBalance": "a lot"},
    {"id": 7, "customerId": {"id": "3"}, "invoiceNumber": "SECRET", "openBalance": "a lot"},
]


@pytest.mark.parametrize("row", FOREIGN)
async def test_an_unreadable_invoice_of_another_company_is_not_shown_by_its_error(
    scripted: Scripted, row: dict[str, Any]
) -> None:
    server, client = await scripted(envelope(row))
    company = client.company("3")

    with pytest.raises(ForeignInvoiceError) as caught:
        await company.get(7)
    [outcome] = [outcome async for outcome in company.get_many([7])]
    server.script(envelope([row], total=1, limit=250))
    nothing = await company.find("SECRET")

    assert nothing is None
    assert isinstance(outcome.error, ForeignInvoiceError)
    for error in (caught.value, outcome.error):
        assert "SECRET" not in repr(vars(error))
        assert error.__context__ is None


async def test_an_unreadable_invoice_of_its_own_is_an_error(scripted: Scripted) -> None:
    row = {"id": 7, "customerId": 3, "invoiceNumber": "N", "openBalance": "a lot"}
    server, client = await scripted(envelope(row))
    company = client.company(3)

    with pytest.raises(DecodeError):
        await company.get(7)
    server.script(envelope([row], total=1, limit=250))
    with pytest.raises(DecodeError):
        await company.find("N")


async def test_only_a_company_can_be_searched_for(client: B2BClient) -> None:
    bad: Any
    for bad in ("", True, 1.5):
        with pytest.raises((TypeError, ValueError)):
            await client.invoices.find("N", customer_id=bad)
