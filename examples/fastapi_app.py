# python examples/fastapi_app.py
"""Invoices behind FastAPI (0.118 or later): for staff, and for buyers, who see only the invoices of their own company."""

import json
import logging
import math
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Body, Depends, FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

import bigcommerce_b2b_invoices as b2b
from bigcommerce_b2b_invoices.export import csv_rows, json_lines

LOGINS: dict[str, str] = json.loads(os.environ["LOGINS"])  # token -> "staff", or a company's id; your own login goes here


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[dict[str, b2b.B2BClient]]:
    async with b2b.B2BClient.from_env() as client:
        yield {"client": client}


app = FastAPI(lifespan=lifespan)
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


async def staff(request: Request, login: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> b2b.B2BClient:
    if LOGINS.get(login.credentials) != "staff":
        raise HTTPException(403)
    client: b2b.B2BClient = request.state.client
    return client.with_options(max_wait=2)  # a person waits: a 503 is better than a minute without an answer


async def buyer(request: Request, login: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> b2b.CompanyInvoices:
    company = LOGINS.get(login.credentials, "staff")
    if company == "staff":
        raise HTTPException(403)
    client: b2b.B2BClient = request.state.client
    return client.with_options(max_wait=2).company(company)


Staff = Annotated[b2b.B2BClient, Depends(staff)]
Buyer = Annotated[b2b.CompanyInvoices, Depends(buyer)]


@app.exception_handler(b2b.B2BError)
async def failed(_request: Request, error: Exception) -> Response:
    if isinstance(error, b2b.RateLimitWaitError | b2b.RateLimitError):
        return JSONResponse({"detail": "busy"}, 503, {"Retry-After": str(math.ceil(error.retry_after or 1))})
    if isinstance(error, b2b.NotFoundError | b2b.ForeignInvoiceError):  # one answer: nobody learns which ids exist elsewhere
        return JSONResponse({"detail": "Not Found"}, 404)
    logging.getLogger("app").error("the store: %s", error)
    return JSONResponse({"detail": type(error).__name__}, 502)


@app.post("/invoices", status_code=201)
async def create(client: Staff, draft: Annotated[b2b.InvoiceDraft, Body()]) -> dict[str, int]:
    try:
        return {"id": await client.invoices.create(draft)}
    except b2b.InvoiceNumberTakenError as taken:
        if taken.is_same:  # an earlier request made it, so it is safe to send a draft again
            return {"id": taken.invoice_ids[0]}
        raise HTTPException(409, "another invoice has this number") from taken


async def everything(client: Staff) -> AsyncGenerator[b2b.Walk[b2b.Invoice]]:
    async with aclosing(client.with_options(max_wait=None).invoices.iterate()) as walk:
        yield walk  # closed after the answer, also if the browser leaves


Everything = Annotated[b2b.Walk[b2b.Invoice], Depends(everything)]


@app.get("/invoices.jsonl")
async def jsonl(walk: Everything) -> StreamingResponse:
    return StreamingResponse(json_lines(walk), media_type="application/jsonl")


@app.get("/invoices.csv")
async def csv(walk: Everything) -> StreamingResponse:
    headers = {"Content-Disposition": 'attachment; filename="invoices.csv"'}
    return StreamingResponse(csv_rows(walk), media_type="text/csv", headers=headers)


@app.get("/invoices/{invoice_id}")
async def get(client: Staff, invoice_id: Id) -> b2b.Invoice:
    return await client.invoices.get(invoice_id)


async def pdf_for_staff(client: Staff, invoice_id: Id) -> AsyncGenerator[b2b.PDFStream]:
    async with client.invoices.open_pdf(invoice_id) as pdf:  # begins when the first bytes are known to be a PDF
        yield pdf


async def pdf_for_buyer(mine: Buyer, invoice_id: Id) -> AsyncGenerator[b2b.PDFStream]:
    async with mine.open_pdf(invoice_id) as pdf:
        yield pdf


def send(pdf: b2b.PDFStream) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{pdf.filename}"'}
    return StreamingResponse(pdf, media_type="application/pdf", headers=headers)


@app.get("/invoices/{invoice_id}/pdf")
async def get_pdf(pdf: Annotated[b2b.PDFStream, Depends(pdf_for_staff)]) -> StreamingResponse:
    return send(pdf)


@app.get("/my/invoices")
async def my_page(mine: Buyer, offset: Annotated[int, Query(ge=0)] = 0) -> b2b.Page[b2b.Invoice]:
    return await mine.page(offset=offset, limit=50)


@app.get("/my/invoices/{invoice_id}")
async def my_invoice(mine: Buyer, invoice_id: Id) -> b2b.Invoice:
    return await mine.get(invoice_id)


@app.get("/my/invoices/{invoice_id}/pdf")
async def my_pdf(pdf: Annotated[b2b.PDFStream, Depends(pdf_for_buyer)]) -> StreamingResponse:
    return send(pdf)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
