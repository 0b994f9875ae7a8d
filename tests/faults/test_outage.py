"""An outage in the middle of a walk, an export or a bulk read is outlasted, within few requests; a single call is not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from conftest import TOKEN
from faults.store import StoreServer
from scripted_server import CLOSE, Reply, Seen, raw

from bigcommerce_b2b_invoices import B2BClient, ForbiddenError, RetryPolicy, ServerError, bulk
from bigcommerce_b2b_invoices.export import write_invoices

UNAVAILABLE = raw(b"<html>restarting</html>", 503)
OUTAGE = 4.0  # seconds; a tenth of what benchmarks/outage.py waits for


class Restarting(StoreServer):
    """After some good answers nothing but failures for a while."""

    def __init__(self, failure: Reply = UNAVAILABLE, seconds: float = OUTAGE) -> None:
        super().__init__()
        self.failure = failure
        self.seconds = seconds
        self.good = 1
        self.until: float | None = None
        self.failures = 0

    def reply(self, seen: Seen, /) -> Reply:
        now = asyncio.get_running_loop().time()
        if self.good:
            self.good -= 1
            return super().reply(seen)
        self.until = self.until or now + self.seconds
        if now < self.until:
            self.failures += 1
            return self.failure
        return super().reply(seen)


def connect(server: Restarting, retry: RetryPolicy) -> B2BClient:
    return B2BClient(store_hash="abc123", auth_token=TOKEN, base_url=server.base_url, retry=retry)


async def walk(client: B2BClient, _folder: Path) -> int:
    return len([invoice async for invoice in client.invoices.iterate(page_size=8)])


async def feed(client: B2BClient, _folder: Path) -> int:
    await client.invoices.count()
    return len([invoice async for invoice in client.invoices.changes()])


async def export(client: B2BClient, folder: Path) -> int:
    return await write_invoices(folder / "all.jsonl", client.invoices.iterate(page_size=8))


async def read_in_bulk(client: B2BClient, _folder: Path) -> int:
    run = bulk.run(client.invoices.get, range(1, 13), concurrency=2)
    return len([outcome async for outcome in run if outcome.ok])


async def get_many(client: B2BClient, _folder: Path) -> int:
    await client.invoices.count()
    return len([outcome async for outcome in client.invoices.get_many(range(1, 13)) if outcome.ok])


@pytest.mark.parametrize("failure", [UNAVAILABLE, CLOSE], ids=["503", "closed"])
@pytest.mark.parametrize("job", [walk, feed, export, read_in_bulk, get_many], ids=lambda job: job.__name__)
async def test_a_job_outlasts_an_outage_with_few_requests(
    job: Any, failure: Reply, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Restarting(failure) as server, connect(server, RetryPolicy(max_delay=1.0, outage=6.0)) as client:
        count = await job(client, tmp_path)

    assert count == 12
    assert 3 < server.failures < 60
    assert "nothing but failures" in caplog.text


async def test_a_single_call_keeps_to_its_attempts() -> None:
    async with Restarting() as server, connect(server, RetryPolicy(base_delay=0.001)) as client:
        await client.invoices.get(1)
        with pytest.raises(ServerError):
            await client.invoices.get(1)

    assert server.failures == 4


@pytest.mark.parametrize(
    "retry", [RetryPolicy(base_delay=0.001, outage=0), RetryPolicy(attempts=1), RetryPolicy(base_delay=0.001, outage=0.5)]
)
async def test_patience_ends_or_is_switched_off(retry: RetryPolicy, tmp_path: Path) -> None:
    async with Restarting() as server, connect(server, retry) as client:
        with pytest.raises(ServerError):
            await walk(client, tmp_path)


async def test_an_answer_that_forbids_is_no_outage(tmp_path: Path) -> None:
    forbidden = raw(b'{"code": 403, "data": {"errMsg": "Invalid token"}}', 403)
    async with Restarting(forbidden) as server, connect(server, RetryPolicy()) as client:
        with pytest.raises(ForbiddenError):
            await walk(client, tmp_path)

    assert server.failures <= 6  # of the pages that were requested ahead


async def test_a_client_that_was_never_answered_well_does_not_wait_for_an_outage_to_end(tmp_path: Path) -> None:
    async with Restarting() as server, connect(server, RetryPolicy(base_delay=0.001)) as client:
        server.good = 0
        with pytest.raises(ServerError):
            await walk(client, tmp_path)
