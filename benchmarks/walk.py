"""What does a walk that loses nothing cost, in requests and in time, beside a naive one?

    python benchmarks/walk.py [--quick]

The server is a process of its own, and so are the strangers who write to it meanwhile.
"""

import asyncio
import math
import statistics
import sys
import time

from server import connect, sandbox, strangers

from bigcommerce_b2b_invoices import B2BClient


async def naive(client: B2BClient) -> tuple[set[int], int, float]:
    """Walk as most clients do: by the limit asked, until a short page or the total count."""
    started = time.perf_counter()
    ids: set[int] = set()
    offset = requests = 0
    while True:
        page = await client.invoices.page(offset=offset, limit=250)
        requests += 1
        ids.update(invoice.id for invoice in page.items)
        offset += 250
        if len(page.items) < 250 or offset >= (page.total_count or 0):
            return ids, requests, time.perf_counter() - started


async def anchored(client: B2BClient, prefetch: int) -> tuple[set[int], int, float]:
    """Our walk."""
    started = time.perf_counter()
    walk = client.invoices.iterate(prefetch=prefetch)
    ids = {invoice.id async for invoice in walk}
    if walk.report.guarantee != "complete":
        sys.stdout.write(f"  not proven: {walk.report.anomalies}\n")
    return ids, walk.report.requests, time.perf_counter() - started


async def requests_and_losses(counts: list[int]) -> None:
    """Requests used against the fewest there can be, and persistent invoices lost."""
    print("| invoices | strangers | walk | requests | fewest | ratio | lost | writes a request |")
    print("|---:|---|---|---:|---:|---:|---:|---:|")
    for count in counts:
        for writers, name in ((0, "quiet"), (4, "four writers")):
            for kind in ("naive", "anchored"):
                async with sandbox(invoices=count, latency=0.02) as environ, connect(environ) as client:
                    before = {invoice.id async for invoice in client.invoices.iterate(prefetch=8)}
                    async with strangers(environ, writers=writers) as deleted:
                        ids, requests, _ = await (naive(client) if kind == "naive" else anchored(client, 4))
                    lost = len(before - deleted - ids)
                    fewest = math.ceil(count / 250)
                    writes = 4 * len(deleted) / requests
                    used = f"{requests} | {fewest} | {requests / fewest:.3f}"
                    print(f"| {count} | {name} | {kind} | {used} | {lost} | {writes:.1f} |", flush=True)


async def wall_time(count: int, repeats: int) -> None:
    """Wall time against the latency bound: the first page, the others `prefetch` at a time, and the closing page."""
    print(f"\nWall time of a walk over {count} invoices, median of {repeats}; in brackets the ratio to the latency bound.\n")
    prefetches = (1, 4, 8, 16)
    print("| latency | " + " | ".join(f"prefetch {prefetch}" for prefetch in prefetches) + " |")
    print("|---:|" + "---:|" * len(prefetches))
    for latency in (0.0, 0.02, 0.1):
        cells = []
        async with sandbox(invoices=count, latency=latency) as environ, connect(environ) as client:
            await anchored(client, 4)  # warm-up: the server makes each row's text once
            for prefetch in prefetches:
                runs = [await anchored(client, prefetch) for _ in range(repeats)]
                wall = statistics.median(seconds for _, _, seconds in runs)
                pages = runs[0][1] - 1
                bound = latency * (2 + math.ceil((pages - 1) / prefetch))
                cells.append(f"{wall:.2f} s" + (f" ({wall / bound:.2f})" if bound else ""))
        print(f"| {latency * 1000:.0f} ms | " + " | ".join(cells) + " |", flush=True)


async def main() -> None:
    """Both questions; `--quick` with less."""
    quick = "--quick" in sys.argv
    await requests_and_losses([2500] if quick else [10_000, 100_000])
    await wall_time(2500 if quick else 10_000, 1 if quick else 3)


if __name__ == "__main__":
    asyncio.run(main())
