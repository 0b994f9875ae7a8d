"""How long does a walk keep the event loop from others, while full pages are consumed without awaiting anything else?

    python benchmarks/stall.py [--quick]

A watcher asks for its turn again and again; the gaps between its turns, longer than a turn of an idle loop, are the stalls.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Callable

from server import connect, sandbox

from bigcommerce_b2b_invoices import Invoice


async def watch(gaps: list[float]) -> None:
    """Note how long each turn lets one wait."""
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now


async def stalls(environ: dict[str, str], prefetch: int, use: Callable[[Invoice], object]) -> list[float]:
    """Gaps of a millisecond and more, during a walk."""
    async with connect(environ) as client:
        gaps: list[float] = []
        watcher = asyncio.create_task(watch(gaps))
        async for invoice in client.invoices.iterate(prefetch=prefetch):
            use(invoice)
        watcher.cancel()
        return sorted(gap for gap in gaps if gap >= 0.001)


async def main() -> None:
    """The table."""
    quick = "--quick" in sys.argv
    print("| consumer | prefetch | stalls of 1 ms and more | median | p99 | longest |\n|---|---:|---:|---:|---:|---:|")
    async with sandbox(invoices=2_500 if quick else 20_000, latency=0.02) as environ:
        await stalls(environ, 4, lambda invoice: invoice.id)  # warm-up: the server makes each row's text once
        for name, use in (("reads ids", lambda invoice: invoice.id), ("reads details", lambda invoice: invoice.details)):
            for prefetch in (1, 4, 16):
                gaps = await stalls(environ, prefetch, use)
                p99 = gaps[int(len(gaps) * 0.99)]
                figures = " | ".join(f"{1000 * seconds:.1f} ms" for seconds in (statistics.median(gaps), p99, gaps[-1]))
                print(f"| {name} | {prefetch} | {len(gaps)} | {figures} |", flush=True)
    print("\nGoal: p99 of at most 10 ms.")


if __name__ == "__main__":
    asyncio.run(main())
