"""Synchronous tests, without any plugin for asyncio."""

import asyncio
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from bigcommerce_b2b_invoices import B2BClient
from bigcommerce_b2b_invoices.sandbox import Sandbox

pytestmark = pytest.mark.b2b_sandbox(invoices=12, seed=3)


def test_a_run_of_ones_own(b2b_client: B2BClient) -> None:
    assert asyncio.run(b2b_client.invoices.count()) == 12


@pytest.mark.b2b_sandbox(invoices=3)
def test_the_mark_of_a_test_goes_before_that_of_its_module(b2b_sandbox: Sandbox) -> None:
    with Sandbox(invoices=3, seed=3) as same:
        assert b2b_sandbox.store_hash == same.store_hash
    assert len(b2b_sandbox.invoice_ids) == 3


def test_a_client_that_is_never_used(b2b_client: B2BClient) -> None:
    assert "of store" in repr(b2b_client)


def test_a_client_that_is_closed_already(b2b_client: B2BClient) -> None:
    async def use() -> None:
        async with b2b_client:
            await b2b_client.invoices.count()

    asyncio.run(use())


def test_another_http_client(b2b_sandbox: Sandbox) -> None:
    url = urlsplit(b2b_sandbox.base_url)
    with closing(HTTPConnection(url.netloc)) as connection:
        connection.request("GET", f"{url.path}/invoices")
        assert connection.getresponse().status == 401
    assert [request.status for request in b2b_sandbox.requests] == [401]
