"""How long does a walk keep the event loop from others, while full pages are consumed without awaiting anything else?

    python benchmarks/stall.py [--quick]

A watcher asks for its turn again and again; the gaps between its turns, longer than a turn of an idle loop, are the stalls.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

import aiohttp
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


async def watched(work: Awaitable[object]) -> list[float]:
    """Gaps of a millisecond and more, during some work."""
    gaps: list[float] = []
    watcher = asyncio.create_task(watch(gaps))
    await work
    watcher.cancel()
    return sorted(gap for gap in gaps if gap >= 0.001)


async def walk(environ: dict[str, str], prefetch: int, use: Callable[[Invoice], object], *, details: bool) -> None:
    """Our walk."""
    async with connect(environ) as client:
        async for invoice in client.invoices.iterate(prefetch=prefetch, details=details):
            use(invoice)


async def raw(environ: dict[str, str], prefetch: int, invoices: int) -> None:
    """The pages by aiohttp, parsed by the standard library and thrown away, with as many under way as a walk has."""
    headers = {"X-Auth-Token": environ["BIGCOMMERCE_ACCESS_TOKEN"], "X-Store-Hash": environ["BIGCOMMERCE_STORE_HASH"]}
    places = asyncio.Semaphore(prefetch + 1)
    async with aiohttp.ClientSession(headers=headers) as session:

        async def page(offset: int) -> None:
            url = f"{environ['BIGCOMMERCE_B2B_BASE_URL']}/invoices?limit=250&offset={offset}"
            async with places, session.get(url) as answer:
                assert json.loads(await answer.read(), parse_float=Decimal)["data"]

        await asyncio.gather(*(page(offset) for offset in range(0, invoices, 250)))


def row(name: str, gaps: list[float], base: float) -> float:
    """Print a row of the table; returns its p99."""
    p99 = gaps[int(len(gaps) * 0.99)]
    figures = " | ".join(f"{1000 * seconds:.1f} ms" for seconds in (statistics.median(gaps), p99, gaps[-1]))
    print(f"| {name} | {len(gaps)} | {figures} | {p99 / (base or p99):.2f} |", flush=True)
    return p99


async def main() -> None:
    """The table. The first walk is the first of this process: readers are made in it."""
    invoices = 2_500 if "--quick" in sys.argv else 20_000
    use = {"reads ids": lambda invoice: invoice.id, "reads details": lambda invoice: invoice.line_items}
    async with sandbox(invoices=invoices, latency=0.02) as environ:
        await raw(environ, 4, invoices)  # warm-up: the server makes each row's text once
        first = await watched(walk(environ, 4, use["reads details"], details=True))
        print("| who | stalls of 1 ms and more | median | p99 | longest | p99, ratio |\n|---|---:|---:|---:|---:|---:|")
        for prefetch in (1, 4, 16):
            base = row(f"aiohttp + json, prefetch {prefetch}", await watched(raw(environ, prefetch, invoices)), 0.0)
            if prefetch == 4:
                row("the first walk of a process, reads details, prefetch 4", first, base)
            for name, consume in use.items():
                gaps = await watched(walk(environ, prefetch, consume, details=name == "reads details"))
                row(f"a walk, {name}, prefetch {prefetch}", gaps, base)
    print("\nGoal: a p99 of at most 1.6 times that of aiohttp + json.")


if __name__ == "__main__":
    asyncio.run(main())
