"""What does an outage of 40 seconds in the middle of a long job cost, and does the job end whole?

    PYTHONPATH=tests/support python benchmarks/outage.py [--quick]

The server answers with 503 from the tenth request on, for 40 seconds (4 with --quick), and then as before.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from scripted_server import Reply, ScriptedServer, Seen, envelope, raw

from bigcommerce_b2b_invoices import B2BClient, RateLimiter, RetryPolicy, bulk
from bigcommerce_b2b_invoices.export import write_invoices

QUICK = "--quick" in sys.argv
OUTAGE = 4.0 if QUICK else 40.0  # seconds
INVOICES = 20_000
Job = Callable[[B2BClient, Path], Awaitable[int]]


class Restarting(ScriptedServer):
    """So many invoices, and a gateway that restarts."""

    def __init__(self) -> None:
        super().__init__([])
        self.until: float | None = None
        self.failures = 0

    def reply(self, seen: Seen, /) -> Reply:
        """A page or an invoice, or 503."""
        if len(self.seen) > 10:
            self.until = self.until or time.monotonic() + OUTAGE
            if time.monotonic() < self.until:
                self.failures += 1
                return raw(b"<html>restarting</html>", 503)
        url = urlsplit(seen.target)
        if not url.path.endswith("/invoices"):
            return envelope({"id": int(url.path.rpartition("/")[2])})
        query = parse_qs(url.query)
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        ids = range(1, INVOICES + 1)[::-1] if query["orderBy"] == ["DESC"] else range(1, INVOICES + 1)
        rows = [{"id": number, "createdAt": number, "updatedAt": number} for number in ids[offset : offset + limit]]
        return envelope(rows, total=INVOICES, limit=limit)


async def walk(client: B2BClient, _folder: Path) -> int:
    """All invoices, one after another."""
    return len([invoice async for invoice in client.invoices.iterate()])


async def export(client: B2BClient, folder: Path) -> int:
    """All invoices to a file."""
    return await write_invoices(folder / "all.jsonl", client.invoices.iterate())


async def read_in_bulk(client: B2BClient, _folder: Path) -> int:
    """2,000 invoices, one request each."""
    return len([outcome async for outcome in bulk.run(client.invoices.get, range(1, 2001)) if outcome.ok])


async def main() -> None:
    """The table."""
    print(f"| job | of | came | seconds | requests during {OUTAGE:.0f} s of 503 |\n|---|---:|---:|---:|---:|")
    jobs: tuple[tuple[Job, int], ...] = ((walk, INVOICES), (export, INVOICES), (read_in_bulk, 2000))
    for job, expected in jobs:
        async with Restarting() as server:
            environ = {
                "BIGCOMMERCE_STORE_HASH": "abc", "BIGCOMMERCE_ACCESS_TOKEN": "x", "BIGCOMMERCE_B2B_BASE_URL": server.base_url,
            }  # fmt: skip
            retry = RetryPolicy(max_delay=2.0 if QUICK else 20.0)
            client = B2BClient.from_env(environ, retry=retry, rate_limiter=RateLimiter(1_000_000, 1.0))
            with tempfile.TemporaryDirectory() as folder:
                started = time.monotonic()
                async with client:
                    came = await job(client, Path(folder))
                seconds = time.monotonic() - started
            print(f"| {job.__name__} | {expected} | {came} | {seconds:.1f} | {server.failures} |", flush=True)
            assert came == expected


if __name__ == "__main__":
    asyncio.run(main())
