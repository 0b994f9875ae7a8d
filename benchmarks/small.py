"""What do the small things cost: importing the library, and one call?

    python benchmarks/small.py [--quick]

Imports are timed in processes of their own, in turn with importing the four dependencies alone; calls in turn with raw aiohttp.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

import aiohttp
from server import connect, sandbox

DEPENDENCIES = "import aiohttp, attrs, cattrs, yarl"
OURS = "import bigcommerce_b2b_invoices"


def import_seconds(code: str) -> float:
    """Seconds that the imports take without an extra, as the process itself sees them."""
    plain = "import sys, time; sys.modules['msgspec'] = None"
    program = f"{plain}; started = time.perf_counter(); {code}; print(time.perf_counter() - started)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


async def seconds_of(call: Callable[[], Awaitable[object]], times: int) -> tuple[float, float]:
    """Wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        await call()
    return (time.perf_counter() - wall) / times, (time.process_time() - cpu) / times


async def calls(rounds: int, times: int) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Each round: raw aiohttp and ours."""
    async with (
        sandbox(invoices=10, latency=0) as environ,
        connect(environ) as client,
        aiohttp.ClientSession() as session,
    ):
        invoice_id = (await client.invoices.page(limit=1)).items[0].id
        url = f"{environ['BIGCOMMERCE_B2B_BASE_URL']}/invoices/{invoice_id}"
        headers = {"X-Auth-Token": environ["BIGCOMMERCE_ACCESS_TOKEN"], "X-Store-Hash": environ["BIGCOMMERCE_STORE_HASH"]}

        async def raw() -> object:
            async with session.get(url, headers=headers) as answer:
                return json.loads(await answer.read(), parse_float=Decimal)

        async def ours() -> object:
            return await client.invoices.get(invoice_id)

        found = [(await seconds_of(raw, times), await seconds_of(ours, times)) for _ in range(rounds + 1)]
        return found[1:]  # the first round warms up


def main() -> None:
    """The table."""
    rounds = 5 if "--quick" in sys.argv else 21
    imports = [(import_seconds(DEPENDENCIES), import_seconds(OURS)) for _ in range(rounds + 1)][1:]
    base, ours = (statistics.median(column) for column in zip(*imports, strict=True))
    print("| what | raw | ours | ratio | goal |\n|---|---:|---:|---:|---:|")
    print(f"| import, beside the four dependencies | {base * 1e3:.0f} ms | {ours * 1e3:.0f} ms | {ours / base:.2f} | 1.15 |")
    found = asyncio.run(calls(rounds, 200))
    for index, kind in enumerate(("wall", "CPU")):
        base, ours = (statistics.median(each[way][index] for each in found) for way in (0, 1))
        goal = "1.5" if kind == "wall" else ""
        print(f"| one `get`, {kind} | {base * 1e6:.0f} us | {ours * 1e6:.0f} us | {ours / base:.2f} | {goal} |")


if __name__ == "__main__":
    main()
