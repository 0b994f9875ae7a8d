# python examples/aiohttp_app.py
"""Invoices behind aiohttp.web, over the session that the application uses for everything else as well."""

import math
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from bigcommerce_b2b_invoices import B2BClient, B2BError, NotFoundError, RateLimitError, RateLimitWaitError, to_json
from bigcommerce_b2b_invoices.export import csv_rows

CLIENT = web.AppKey("CLIENT", B2BClient)


async def connections(app: web.Application) -> AsyncGenerator[None]:
    """One session and one client for the life of the application. The client never closes a session that it was given."""
    async with aiohttp.ClientSession() as session, B2BClient.from_env(session=session) as client:
        app[CLIENT] = client
        yield


@web.middleware
async def tell_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors of the store into answers."""
    try:
        return await handler(request)
    except (RateLimitWaitError, RateLimitError) as busy:
        raise web.HTTPServiceUnavailable(headers={"Retry-After": str(math.ceil(busy.retry_after or 1))}) from busy
    except NotFoundError as error:
        raise web.HTTPNotFound from error
    except B2BError as error:
        raise web.HTTPBadGateway from error


async def get(request: web.Request) -> web.Response:
    """One invoice. A person waits, so it fails rather than wait long for the store's quota."""
    client = request.app[CLIENT].with_options(max_wait=2)
    invoice = await client.invoices.get(int(request.match_info["invoice_id"]))
    return web.json_response(text=to_json(invoice))


async def download(request: web.Request) -> web.StreamResponse:
    """All invoices as CSV."""
    response = web.StreamResponse(headers={"Content-Disposition": 'attachment; filename="invoices.csv"'})
    response.content_type = "text/csv"
    async with aclosing(csv_rows(request.app[CLIENT].invoices.iterate())) as rows:
        await response.prepare(request)
        try:
            async for row in rows:
                await response.write(row.encode())
        except ConnectionResetError:
            pass  # the browser has left, and the walk ends
        except B2BError as error:  # the answer has begun: aiohttp cuts it off, so that nobody takes it for the whole list
            raise RuntimeError("the download broke off") from error
    return response


app = web.Application(middlewares=[tell_errors])
app.cleanup_ctx.append(connections)
app.add_routes([web.get("/invoices.csv", download), web.get("/invoices/{invoice_id:[1-9][0-9]{0,17}}", get)])

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
