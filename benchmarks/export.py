"""How many invoices a second does each format take, and does an export of many need more memory than one of few?

    python benchmarks/export.py [INVOICES]

Each format is exported in a process of its own, from a sandbox in another: 20,000 invoices, or as many as asked for. "ready rows"
writes the same number of invoices that are in memory already, so it is the sink alone. The quota of a store gives 625 a second.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from server import connect, sandbox

from bigcommerce_b2b_invoices import ConfigurationError, Invoice, InvoiceQuery
from bigcommerce_b2b_invoices.export import FORMATS, write_invoices

INVOICES = 20_000
READY = 2_000  # invoices that are written again and again


async def walk(environ: dict[str, str], path: Path) -> tuple[int, float]:
    """Export the whole store; the number of invoices, and seconds."""
    async with connect(environ) as client:
        began = time.perf_counter()
        count = await write_invoices(path, client.invoices.iterate(InvoiceQuery(include_extra_fields=True)))
        return count, time.perf_counter() - began


async def ready(environ: dict[str, str], path: Path, count: int) -> float:
    """Write so many invoices that are in memory already; seconds."""
    rows: list[Invoice] = []
    async with connect(environ) as client:
        async for invoice in client.invoices.iterate(InvoiceQuery(include_extra_fields=True)):
            rows.append(invoice)
            if len(rows) == READY:
                break

    async def again() -> AsyncIterator[Invoice]:
        for index in range(count):
            yield rows[index % len(rows)]

    began = time.perf_counter()
    await write_invoices(path, again())
    return time.perf_counter() - began


async def one(ending: str, environ: dict[str, str]) -> None:
    """One format, in this process; prints a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"all{ending}"
        try:
            count, seconds = await walk(environ, path)
        except ConfigurationError as missing:
            print(f"| {ending} | {missing} | | | |")
            return
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = path.stat().st_size / 1e6
        path.unlink()
        alone = await ready(environ, path, count)
    print(f"| {ending} | {count / seconds:,.0f} | {count / alone:,.0f} | {peak:.0f} | {size:.1f} |")


async def main(invoices: int) -> None:
    """All formats."""
    print(f"{invoices:,} invoices\n")
    print("| format | rows/s | ready rows/s | peak MiB | file MB |\n|---|---:|---:|---:|---:|", flush=True)
    async with sandbox(invoices=invoices, latency=0) as environ:
        for ending in FORMATS:
            arguments = [sys.executable, __file__, "--one", ending, json.dumps(environ)]
            process = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
            out, _ = await process.communicate()
            print(out.decode(), end="", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        asyncio.run(one(sys.argv[2], json.loads(sys.argv[3])))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else INVOICES))
