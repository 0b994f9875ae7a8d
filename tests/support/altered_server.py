"""A server in front of the sandbox that differs from it: it changes the parameters of a request, or the body of an answer."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from bigcommerce_b2b_invoices.sandbox import Sandbox

Pairs = list[tuple[str, str]]
Change = Callable[[Pairs], Pairs]
Edit = Callable[[Any], None]


def same(pairs: Pairs) -> Pairs:
    return pairs


def leave(_body: Any) -> None:
    """Changes nothing."""


@asynccontextmanager
async def in_front_of(sandbox: Sandbox, change: Change = same, edit: Edit = leave) -> AsyncIterator[str]:
    """The server; its base URL."""

    async def forward(request: web.Request) -> web.Response:
        query = change(list(request.query.items()))
        headers = {name: request.headers[name] for name in ("X-Auth-Token", "X-Store-Hash")}
        async with session.get(f"{sandbox.base_url}/invoices", params=query, headers=headers) as reply:
            body = json.loads(await reply.read())
            edit(body)
            kept = {name: text for name, text in reply.headers.items() if name.startswith("X-") or name == "Date"}
            return web.json_response(body, status=reply.status, headers=kept)

    application = web.Application()
    application.router.add_get("/api/invoices", forward)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/api"
    await runner.cleanup()


# ---- servers that read the parameters in another way ---------------------------------------------------------------------


def without(*names: str) -> Change:
    """Ignores these parameters."""
    return lambda pairs: [pair for pair in pairs if pair[0] not in names]


def always(name: str, value: str) -> Change:
    """Reads this value, whatever is sent."""
    return lambda pairs: [*without(name)(pairs), (name, value)]


def replaced(name: str, value: str) -> Change:
    """Reads this value if the parameter is sent."""
    return lambda pairs: [(each, value if each == name else sent) for each, sent in pairs]


def first_value_only(pairs: Pairs) -> Pairs:
    """Wants commas: of a repeated key it reads the first."""
    return list(dict(reversed(pairs)).items())


def last_value_only(pairs: Pairs) -> Pairs:
    """Wants commas: of a repeated key it reads the last."""
    return list(dict(pairs).items())


def no_brackets(pairs: Pairs) -> Pairs:
    """Wants `externalId=a,b`, and does not know `externalId[]`."""
    return without("externalId[]")(first_value_only(pairs))


def offset_in_pages(pairs: Pairs) -> Pairs:
    """Skips so many pages, not rows."""
    limit = int(dict(pairs)["limit"])
    return [(name, str(int(value) * limit) if name == "offset" else value) for name, value in pairs]


# ---- servers that answer in another way ----------------------------------------------------------------------------------


def put(key: str, value: Any) -> Edit:
    """Every row has this value."""

    def edit(body: Any) -> None:
        for row in body["data"]:
            row[key] = value

    return edit


def count(total: int | None) -> Edit:
    """`totalCount` is this; None: it is missing."""

    def edit(body: Any) -> None:
        if total is None:
            del body["meta"]["pagination"]["totalCount"]
        else:
            body["meta"]["pagination"]["totalCount"] = total

    return edit
