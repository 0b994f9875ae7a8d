"""The sandbox and its strangers, each in a process of its own, for the benchmarks."""

import asyncio
import json
import os
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from bigcommerce_b2b_invoices import B2BClient, InvoiceChanges, InvoiceDraft, Money, RateLimiter, RetryPolicy


def connect(environ: dict[str, str]) -> B2BClient:
    """A client that no quota holds back: what is measured is the walk."""
    return B2BClient.from_env(environ, rate_limiter=RateLimiter(1_000_000, 1.0), retry=RetryPolicy(attempts=2))


@asynccontextmanager
async def sandbox(*, invoices: int, latency: float) -> AsyncIterator[dict[str, str]]:
    """A sandbox in a process of its own; yields the environment for a client."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bigcommerce_b2b_invoices.sandbox",
        "--port", "0", "--invoices", str(invoices), "--latency", str(latency),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    environ: dict[str, str] = {}
    while len(environ) < 3:
        found = re.match(r"export (\w+)='?([^'\n]*)", (await process.stdout.readline()).decode())
        if found:
            environ[found[1]] = found[2]
    try:
        yield environ
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def strangers(environ: dict[str, str], *, writers: int) -> AsyncIterator[set[int]]:
    """Others who create, delete and update meanwhile, in a process of their own; yields the ids that they deleted, at the end."""
    deleted: set[int] = set()
    if not writers:
        yield deleted
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, str(writers),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environ},
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    await process.stdout.readline()  # they are at work
    yield deleted
    process.stdin.close()
    deleted.update(json.loads(await process.stdout.readline()))
    await process.wait()


async def _disturb(writers: int) -> None:
    """One insert, one delete and two updates in turn, by each writer, until stdin is closed."""
    deleted: list[int] = []
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    async with connect(dict(os.environ)) as client:
        first = await client.invoices.page(limit=1)
        newest = first.items[0].id
        ids = list(range(newest - (first.total_count or 0), newest))
        random.seed(1)
        random.shuffle(ids)

        async def write(writer: int) -> None:
            step = 0
            while not stop.is_set():
                step += 1
                invoice_id = ids.pop()
                money = Money("USD", Decimal(step))
                draft = InvoiceDraft(
                    invoice_number=f"S-{writer}-{step}", customer_id="1", original_balance=money, open_balance=money
                )
                try:
                    await client.invoices.delete(invoice_id)
                    deleted.append(invoice_id)
                    await client.invoices.create(draft)
                    for _ in range(2):
                        await client.invoices.update(random.choice(ids), InvoiceChanges(type="Touched"))
                except LookupError:
                    return
                except Exception as error:
                    if "404" not in str(error):
                        raise

        sys.stdout.write("at work\n")
        sys.stdout.flush()
        await asyncio.gather(*(write(writer) for writer in range(writers)))
    sys.stdout.write(json.dumps(deleted) + "\n")


if __name__ == "__main__":
    asyncio.run(_disturb(int(sys.argv[1])))
