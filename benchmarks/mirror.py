"""How fast is a mirror filled and swept again, and does it need more memory for many invoices than for few?

    PYTHONPATH=tests/support python benchmarks/mirror.py [INVOICES]

20,000 invoices, or as many as asked for, into SQLite and, if it and psycopg are installed, PostgreSQL. Each runs in a process of
its own. The quota of a store gives 625 invoices a second.
"""

import asyncio
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import postgres_server
from server import connect, sandbox

from bigcommerce_b2b_invoices.mirror import Mirror

INVOICES = 20_000


async def one(url: str, environ: dict[str, str], invoices: int) -> None:
    """One database, in this process; prints a row of the table."""
    fewest = math.ceil(invoices / 250)
    async with connect(environ) as client, Mirror(client, url) as mirror:
        began = time.perf_counter()
        first = await mirror.sync()
        filled = time.perf_counter()
        again = await mirror.sync(full=True)
        swept = time.perf_counter()
        quiet = await mirror.sync()
    assert (first.inserted, again.unchanged, first.guarantee) == (invoices, invoices, "complete")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = url.partition(":")[0].partition("+")[0]
    print(
        f"| {name} | {invoices / (filled - began):,.0f} | {invoices / (swept - filled):,.0f} | {peak:.0f} | "
        f"{first.requests / fewest:.3f} | {quiet.requests} |"
    )


async def main(invoices: int) -> None:
    """Both databases."""
    print(f"{invoices:,} invoices\n")
    print("| database | first rows/s | unchanged rows/s | peak MiB | requests / fewest | quiet |\n|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        urls = [f"sqlite:///{folder}/mirror.db"]
        if reason := postgres_server.missing():
            print(reason, file=sys.stderr)
        else:
            urls.append(stack.enter_context(postgres_server.running(Path(folder))).url)
        async with sandbox(invoices=invoices, latency=0) as environ:
            for url in urls:
                arguments = [sys.executable, __file__, "--one", url, json.dumps(environ), str(invoices)]
                process = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
                out, _ = await process.communicate()
                print(out.decode(), end="", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        asyncio.run(one(sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else INVOICES))
