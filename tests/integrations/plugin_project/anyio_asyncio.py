"""anyio's own pytest plugin."""

import anyio
import anyio.from_thread
import pytest

from bigcommerce_b2b_invoices import B2BClient


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_calls_in_a_task_group(b2b_client: B2BClient) -> None:
    counts = []

    async def count() -> None:
        counts.append(await b2b_client.invoices.count())

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(count)

    assert counts == [50, 50, 50]


def test_a_portal(b2b_client: B2BClient) -> None:
    with anyio.from_thread.start_blocking_portal() as portal:
        assert portal.call(b2b_client.invoices.count) == 50
