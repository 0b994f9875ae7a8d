"""One sandbox and a plain HTTP session for each test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from bigcommerce_b2b_invoices.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(invoices=240) as sandbox:
        yield sandbox


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def api(sandbox: Sandbox, session: aiohttp.ClientSession) -> Callable[..., Awaitable[tuple[int, Any]]]:
    """Send one request with the right credentials. Back come the HTTP status and the JSON body, as text when `raw`."""
    credentials = {"X-Auth-Token": sandbox.auth_token, "X-Store-Hash": sandbox.store_hash}

    async def send(method: str, path: str, *, raw: bool = False, **options: Any) -> tuple[int, Any]:
        async with session.request(method, sandbox.base_url + path, headers=credentials, **options) as response:
            return response.status, await (response.text() if raw else response.json())

    return send
