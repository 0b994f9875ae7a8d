"""How much memory does an invoice take that is kept, and does a walk need more for a million invoices than for ten thousand?

    python benchmarks/memory.py [--quick]

Kept memory is counted by tracemalloc, beside the dicts of `json.loads`; a walk's peak is that of a process of its own.
"""

import asyncio
import gc
import json
import os
import sys
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import aiohttp
from server import connect, sandbox

from bigcommerce_b2b_invoices import Invoice
from bigcommerce_b2b_invoices.wire import converter, json_text
from bigcommerce_b2b_invoices.wire.json_text import read_json


def kept(make: Callable[[], object]) -> int:
    """Bytes that the result keeps."""
    make()
    gc.collect()
    tracemalloc.start()
    result = make()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del result
    return size


def rows(body: bytes) -> list[object]:
    """The rows of a list answer, as the library parses them."""
    envelope = read_json(body)
    assert isinstance(envelope, dict)
    found: list[object] = envelope["data"]
    return found


def read(body: bytes, *, details: bool) -> list[Invoice]:
    """Invoices of a walk."""
    found = rows(body)
    for row in found if not details else ():
        assert isinstance(row, dict)
        del row["details"]
    return [converter.read(Invoice, row) for row in found]


async def bodies(pages: int) -> list[bytes]:
    """The bytes of some pages."""
    async with sandbox(invoices=250 * pages, latency=0) as environ, aiohttp.ClientSession() as session:
        headers = {"X-Auth-Token": environ["BIGCOMMERCE_ACCESS_TOKEN"], "X-Store-Hash": environ["BIGCOMMERCE_STORE_HASH"]}
        found = []
        for page in range(pages):
            url = f"{environ['BIGCOMMERCE_B2B_BASE_URL']}/invoices?limit=250&offset={250 * page}"
            async with session.get(url, headers=headers) as answer:
                found.append(await answer.read())
        return found


def peak() -> int:
    """Peak memory of this process in kB. Not `ru_maxrss`: that counts what the parent had when it forked."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


async def walk() -> None:
    """Walk the store of the environment, and print the peak memory of this process in kB."""
    async with connect(dict(os.environ)) as client:
        count = 0
        async for _ in client.invoices.iterate(prefetch=4):
            count += 1
        print(json.dumps({"count": count, "peak": peak()}))


async def peak_of_a_walk(invoices: int) -> int:
    """Peak memory in kB of a process that walks so many invoices."""
    async with sandbox(invoices=invoices, latency=0) as environ:
        process = await asyncio.create_subprocess_exec(
            sys.executable, Path(__file__), "--walk", stdout=asyncio.subprocess.PIPE, env={**os.environ, **environ}
        )
        output, _ = await process.communicate()
        result = json.loads(output)
        assert result["count"] == invoices
        return int(result["peak"])


def main() -> None:
    """Both tables."""
    if "--walk" in sys.argv:
        asyncio.run(walk())
        return
    quick = "--quick" in sys.argv
    pages = asyncio.run(bodies(4 if quick else 20))
    count = 250 * len(pages)
    base = kept(lambda: [json.loads(body, parse_float=Decimal)["data"] for body in pages]) / count
    print("| an invoice kept | bytes | ratio | goal |\n|---|---:|---:|---:|")
    print(f"| dicts of json.loads | {base:.0f} | 1 | |")
    for name in (" (speed)", ""):
        if not name:
            setattr(json_text, "msgspec", None)  # noqa: B010 - as if the extra were not installed
        whole = kept(lambda: [read(body, details=True) for body in pages]) / count
        bare = kept(lambda: [read(body, details=False) for body in pages]) / count
        print(f"| an invoice{name} | {whole:.0f} | {whole / base:.2f} | |")
        print(f"| an invoice{name}, `details=False` | {bare:.0f} | {bare / base:.2f} | 0.4 |")
    few, many = (2_500, 10_000) if quick else (10_000, 1_000_000)
    small, large = (asyncio.run(peak_of_a_walk(invoices)) for invoices in (few, many))
    print("\n| peak of a process that walks | MB | ratio | goal |\n|---|---:|---:|---:|")
    print(f"| {few} invoices | {small / 1024:.1f} | 1 | |")
    print(f"| {many} invoices, ids of the walk included | {large / 1024:.1f} | {large / small:.3f} | 1.05 |")


if __name__ == "__main__":
    main()
