"""The view of one company."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Scripted
from scripted_server import envelope

from bigcommerce_b2b_invoices import B2BClient, FilterIgnoredError, ForeignInvoiceError, InvoiceQuery
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
