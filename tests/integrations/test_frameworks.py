"""What a view returns in FastAPI, Litestar and Django is the whole invoice."""

import json
from pathlib import Path
from typing import Annotated, Any

import fastapi
import httpx
import litestar
from django.conf import settings
from django.http import JsonResponse

from bigcommerce_b2b_invoices import Invoice, InvoiceDraft, Money, Page, from_dict, from_json, to_dict, to_json

SAMPLE = Path(__file__).parent.parent / "samples" / "get_invoice_200.json"
INVOICE = from_json(Invoice, json.dumps(json.loads(SAMPLE.read_text())["data"]))
ODD = from_json(Invoice, '{"id": 1, "dueDate": "soon", "status": 9, "new": [2.5, null]}')
DRAFT = InvoiceDraft(invoice_number="N", customer_id="3", original_balance=Money("USD", 2), open_balance=Money("USD", 1))
app = fastapi.FastAPI()


@app.get("/one")
async def one() -> Invoice:
    return INVOICE


@app.get("/many")
async def many() -> list[Invoice]:
    return [INVOICE, ODD]


@app.get("/page")
async def page() -> Page[Invoice]:
    return Page((INVOICE, ODD), 0, 250, None)


@app.post("/draft")
async def take(draft: Annotated[InvoiceDraft, fastapi.Body()]) -> InvoiceDraft:
    assert isinstance(draft, InvoiceDraft)
    return draft


async def test_fastapi_takes_and_returns_the_models() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        single, several, paged = [(await http.get(path)).json() for path in ("/one", "/many", "/page")]
        taken = await http.post("/draft", json=to_dict(DRAFT))

    assert single == to_dict(INVOICE)
    assert several == [to_dict(INVOICE), to_dict(ODD)]
    assert from_dict(Page[Invoice], paged).items[0] == INVOICE
    assert taken.json() == to_dict(DRAFT)


async def test_a_body_that_is_no_draft_is_a_422_that_names_the_path() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        for body, path in (
            ({**to_dict(DRAFT), "dueDate": "soon"}, "InvoiceDraft.dueDate"),
            ({**to_dict(DRAFT), "openBalance": {"code": "USD", "value": 1.5}}, "InvoiceDraft.openBalance.value"),
            ({}, "InvoiceDraft.invoiceNumber"),
            ([], "expected an object"),
        ):
            answer = await http.post("/draft", json=body)

            assert answer.status_code == 422
            assert path in answer.text


async def test_fastapi_describes_the_models_with_their_fields() -> None:
    described: dict[str, Any] = app.openapi()["components"]["schemas"]

    assert {"Invoice", "Money", "LineItem", "InvoiceDraft", "InvoiceDetails"} <= set(described)
    assert described["Invoice"]["properties"]["openBalance"]["anyOf"][0] == {"$ref": "#/components/schemas/Money"}


@litestar.get("/text", sync_to_thread=False)
def text() -> litestar.Response[str]:
    return litestar.Response(to_json(INVOICE), media_type="application/json")


@litestar.get("/plain", sync_to_thread=False)
def plain() -> dict[str, Any]:
    return to_dict(INVOICE)


async def test_litestar_loses_nothing() -> None:
    transport = httpx.ASGITransport(litestar.Litestar([text, plain]))  # type: ignore[arg-type] # its types of ASGI are narrower
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        assert from_json(Invoice, (await http.get("/text")).text) == INVOICE
        assert (await http.get("/plain")).json() == to_dict(INVOICE)


def test_django_loses_nothing() -> None:
    if not settings.configured:
        settings.configure(DEFAULT_CHARSET="utf-8")

    assert from_dict(Invoice, json.loads(JsonResponse(to_dict(INVOICE)).content)) == INVOICE
