"""pytest-asyncio in its strict mode, with loops of every scope."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from bigcommerce_b2b_invoices import B2BClient, ServerError
from bigcommerce_b2b_invoices.sandbox import Sandbox


@pytest.fixture(scope="session")
def shared() -> Iterator[Sandbox]:
    with Sandbox(invoices=7) as sandbox:
        yield sandbox


@pytest_asyncio.fixture
async def first_id(b2b_client: B2BClient) -> AsyncIterator[int]:
    page = await b2b_client.invoices.page(limit=1)
    yield page.items[0].id
    await b2b_client.invoices.count()


@pytest.mark.asyncio
async def test_one_call(b2b_client: B2BClient, b2b_sandbox: Sandbox) -> None:
    assert await b2b_client.invoices.count() == len(b2b_sandbox.invoice_ids) == 50


@pytest.mark.asyncio
async def test_an_async_fixture_may_use_the_client(first_id: int, b2b_client: B2BClient) -> None:
    assert (await b2b_client.invoices.get(first_id)).id == first_id


@pytest.mark.asyncio
@pytest.mark.b2b_sandbox(invoices=600, quota=100)
async def test_a_walk_may_be_left(b2b_client: B2BClient) -> None:
    async for _ in b2b_client.invoices.iterate(page_size=50):
        break


@pytest.mark.asyncio
async def test_a_file(b2b_client: B2BClient, b2b_sandbox: Sandbox) -> None:
    async with b2b_client.invoices.open_pdf(b2b_sandbox.invoice_ids[0]) as pdf:
        assert [chunk async for chunk in pdf]


@pytest.mark.asyncio
async def test_a_fault(b2b_client: B2BClient, b2b_sandbox: Sandbox) -> None:
    b2b_sandbox.fail(9, status=503, headers={"Retry-After": "0"})
    with pytest.raises(ServerError):
        await b2b_client.invoices.count()


@pytest.mark.asyncio
async def test_a_task_that_is_still_waiting(b2b_client: B2BClient, b2b_sandbox: Sandbox) -> None:
    b2b_sandbox.fail(delay=60)
    waiting = asyncio.create_task(b2b_client.invoices.count())
    while not b2b_sandbox.requests:
        await asyncio.sleep(0.01)
    assert not waiting.done()


@pytest.mark.asyncio(loop_scope="class")
class TestLoopOfAClass:
    async def test_first(self, b2b_client: B2BClient) -> None:
        assert await b2b_client.invoices.count() == 50

    async def test_second(self, b2b_client: B2BClient) -> None:
        assert await b2b_client.invoices.count() == 50


@pytest.mark.asyncio(loop_scope="module")
async def test_loop_of_the_module(b2b_client: B2BClient) -> None:
    assert await b2b_client.invoices.count() == 50


@pytest.mark.asyncio(loop_scope="module")
async def test_loop_of_the_module_again(b2b_client: B2BClient) -> None:
    assert await b2b_client.invoices.count() == 50


@pytest.mark.asyncio(loop_scope="session")
async def test_loop_of_the_session(b2b_client: B2BClient) -> None:
    assert await b2b_client.invoices.count() == 50


@pytest.mark.asyncio(loop_scope="session")
async def test_loop_of_the_session_again(b2b_client: B2BClient) -> None:
    assert await b2b_client.invoices.count() == 50


@pytest.mark.asyncio
async def test_a_sandbox_of_the_session(shared: Sandbox) -> None:
    async with B2BClient(store_hash=shared.store_hash, auth_token=shared.auth_token, base_url=shared.base_url) as client:
        assert await client.invoices.count() == 7


@pytest.mark.asyncio(loop_scope="session")
async def test_a_sandbox_of_the_session_in_another_loop(shared: Sandbox) -> None:
    async with B2BClient(store_hash=shared.store_hash, auth_token=shared.auth_token, base_url=shared.base_url) as client:
        assert await client.invoices.count() == 7
