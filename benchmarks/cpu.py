"""What CPU does a walk cost for each invoice, beside raw HTTP and JSON and beside other ways to get typed invoices?

    python benchmarks/cpu.py [--quick] [--svg FILE]

Each way runs in a process of its own, and so does the server. They take turns, after one round that does not count. Ways whose
packages are not installed are left out, and so is the generated client where GENERATED does not name its package.
"""

import asyncio
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from server import sandbox

WAYS = {  # and the packages that each needs
    "aiohttp + json": (),
    "ours, a few fields": (),
    "ours, every field": (),
    "aiohttp + orjson": ("orjson",),
    "ours, a few fields (speed)": ("msgspec",),
    "ours, every field (speed)": ("msgspec",),
    "httpx + pydantic": ("httpx", "pydantic"),
    "generated client": ("httpx", os.environ.get("GENERATED", "-")),
}
RATIOS = (  # and the goals
    ("ours, a few fields", "aiohttp + json", 1.8),
    ("ours, a few fields", "httpx + pydantic", 0.75),
    ("ours, every field", "httpx + pydantic", 1.15),
    ("ours, every field", "generated client", 0.85),
    ("ours, every field (speed)", "httpx + pydantic", 1.0),
)


class Way:
    """A process that walks when it is told to."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.process = process
        self.costs: list[float] = []

    async def walk(self, expected: int) -> float:
        """Microseconds of CPU for each invoice."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(b"\n")
        line = await self.process.stdout.readline()
        result = json.loads(line or b'{"count": "it ended"}')
        assert result["count"] == expected, f"{self.name}: {result['count']} of {expected}"
        return result["cpu"] / expected * 1e6  # type: ignore[no-any-return] # JSON


async def measure(invoices: int, rounds: int) -> dict[str, list[float]]:
    """Costs of each way, in microseconds of CPU an invoice."""
    async with sandbox(invoices=invoices, latency=0) as environ:
        ways = []
        for name, packages in WAYS.items():
            if all(importlib.util.find_spec(package) for package in packages):
                process = await asyncio.create_subprocess_exec(
                    sys.executable, Path(__file__).parent / "peers/walkers.py", name,
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                    env={**os.environ, **environ},
                )  # fmt: skip
                ways.append(Way(name, process))
        for number in range(rounds + 1):
            for way in ways:
                cost = await way.walk(invoices)
                if number:
                    way.costs.append(cost)
        for way in ways:
            assert way.process.stdin
            way.process.stdin.close()
            await way.process.wait()
    return {way.name: way.costs for way in ways}


def main() -> None:
    """The table, the ratios, and the plot if asked for."""
    quick = "--quick" in sys.argv
    costs = asyncio.run(measure(2_500 if quick else 10_000, 3 if quick else 9))
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"CPython {version}, {len(next(iter(costs.values())))} rounds; microseconds of CPU for each invoice.\n")
    print("| way | median | least to most |\n|---|---:|---|")
    for name, values in costs.items():
        print(f"| {name} | {statistics.median(values):.1f} | {min(values):.1f} to {max(values):.1f} |")
    print("\n| ratio | measured | goal |\n|---|---:|---:|")
    for name, base, goal in RATIOS:
        if name in costs and base in costs:
            ratio = statistics.median(costs[name]) / statistics.median(costs[base])
            print(f"| {name} / {base} | {ratio:.2f} | {goal} |")
    if "--svg" in sys.argv:
        file = sys.argv[sys.argv.index("--svg") + 1]
        subprocess.run(
            [sys.executable, Path(__file__).parent / "peers/plot.py", file], input=json.dumps(costs), text=True, check=True
        )


if __name__ == "__main__":
    main()
