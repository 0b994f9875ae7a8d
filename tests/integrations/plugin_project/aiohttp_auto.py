"""pytest-aiohttp: a service that uses the client, tested over HTTP."""

from typing import Any

from aiohttp import web

from bigcommerce_b2b_invoices import B2BClient


async def test_a_service_of_ones_own(aiohttp_client: Any, b2b_client: B2BClient) -> None:
    async def count(_request: web.Request) -> web.Response:
        return web.json_response({"count": await b2b_client.invoices.count()})

    application = web.Application()
    application.router.add_get("/", count)
    service = await aiohttp_client(application)

    async with service.get("/") as answer:
        assert await answer.json() == {"count": 50}


async def test_one_call(b2b_client: B2BClient) -> None:
    assert await b2b_client.invoices.count() == 50
