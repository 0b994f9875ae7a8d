# python examples/starlette_app.py
"""Invoices behind Starlette: one invoice as JSON, all of them as JSON Lines, and a PDF that is passed on."""

import math
import os
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bigcommerce_b2b_invoices import B2BClient, B2BError, NotFoundError, RateLimitError, RateLimitWaitError, to_json
from bigcommerce_b2b_invoices.export import json_lines


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncGenerator[dict[str, B2BClient]]:
    """One client for the life of the application: `request.state.client`."""
    async with B2BClient.from_env() as client:
        yield {"client": client}


async def failed(_request: Request, error: Exception) -> Response:
    """Tell errors of the store."""
    if isinstance(error, RateLimitWaitError | RateLimitError):
        return Response("busy", 503, {"Retry-After": str(math.ceil(error.retry_after or 1))})
    return Response(type(error).__name__, 404 if isinstance(error, NotFoundError) else 502)


def id_of(request: Request) -> int:
    """The id in the path; a 404 for what cannot be one."""
    text: str = request.path_params["invoice_id"]
    if not re.fullmatch(r"[1-9][0-9]{0,17}", text):
        raise HTTPException(404)
    return int(text)


async def get(request: Request) -> Response:
    """One invoice. A person waits, so it fails rather than wait long for the store's quota."""
    client: B2BClient = request.state.client.with_options(max_wait=2)
    return Response(to_json(await client.invoices.get(id_of(request))), media_type="application/json")


async def lines(request: Request) -> ASGIApp:
    """All invoices. What an endpoint returns is called to send the answer, so it may hold a walk or a file while it does."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(request.state.client.invoices.iterate()) as walk:  # ends here, also if the browser leaves
            await StreamingResponse(json_lines(walk), media_type="application/jsonl")(scope, receive, send)

    return answer


async def pdf(request: Request) -> ASGIApp:
    """The PDF of an invoice. Nothing is sent before its first bytes are known to be a PDF."""
    client: B2BClient = request.state.client.with_options(max_wait=2)
    invoice_id = id_of(request)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async with client.invoices.open_pdf(invoice_id) as file:
            headers = {"Content-Disposition": f'attachment; filename="{file.filename}"'}
            await StreamingResponse(file, headers=headers, media_type="application/pdf")(scope, receive, send)

    return answer


routes = [Route("/invoices.jsonl", lines), Route("/invoices/{invoice_id}", get), Route("/invoices/{invoice_id}/pdf", pdf)]
app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={B2BError: failed})

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
