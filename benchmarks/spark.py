"""How many rows a second does Spark read from many stores with 1, 2 and 4 workers, beside one process without Spark?

    PYTHONPATH=tests/support python benchmarks/spark.py [STORES]

16 stores, or as many as asked for, of 1,000 invoices, each in a process of its own that answers after 0.5 s. A store has one
reader, so the answers are what is waited for, and not the cores. Needs the extra `spark` and Java. Starting Spark is not counted.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from server import sandbox

from bigcommerce_b2b_invoices import B2BClient

STORES = 16
INVOICES = 1_000  # of each store
LATENCY = 0.5  # seconds
WORKERS = (1, 2, 4)


async def alone(stores: dict[str, dict[str, str]]) -> None:
    """One store after another in this process; prints a row of the table."""
    rows, total, began = 0, Decimal(0), time.perf_counter()
    for settings in stores.values():
        async with B2BClient(**settings) as client:  # type: ignore[arg-type] # texts, all of them
            async for invoice in client.invoices.iterate():
                rows += 1
                total += invoice.open_balance.value if invoice.open_balance else 0
    show("one process, no Spark", rows, total, time.perf_counter() - began)


def with_spark(workers: int, path: str, names: list[str]) -> None:
    """The same by executors of one core each; prints a row of the table."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

    from bigcommerce_b2b_invoices.integrations.pyspark import B2BInvoices  # noqa: PLC0415

    builder: Any = SparkSession.builder.master(f"local-cluster[{workers},1,1024]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    spark.dataSource.register(B2BInvoices)

    def read(names: list[str]) -> Any:  # noqa: ANN401 - a row
        invoices = spark.read.format("b2b_invoices").option("stores", ",".join(names)).option("credentials", path).load()
        return invoices.selectExpr("count(*) as number", "sum(open_balance) as open").collect()[0]

    read(names[: workers * 2])  # every executor has started its Python
    began = time.perf_counter()
    found = read(names)
    show(f"Spark, workers: {workers}", found.number, found.open, time.perf_counter() - began)
    spark.stop()


def show(name: str, rows: int, total: Decimal, seconds: float) -> None:
    """A row of the table; the last column must be the same in all rows."""
    print(f"| {name} | {seconds:.1f} | {rows / seconds:,.0f} | {rows:,} | {total.normalize():,f} |", flush=True)


async def main(stores: int) -> None:
    """Each way in a process of its own."""
    print(f"{stores} stores of {INVOICES:,} invoices, {LATENCY} s an answer\n")
    print("| way | s | rows/s | rows | sum |\n|---|---:|---:|---:|---:|", flush=True)
    async with AsyncExitStack() as stack:
        servers = [stack.enter_async_context(sandbox(invoices=INVOICES, latency=LATENCY)) for _ in range(stores)]
        credentials = {
            f"store{number}": {
                "store_hash": environ["BIGCOMMERCE_STORE_HASH"],
                "auth_token": environ["BIGCOMMERCE_ACCESS_TOKEN"],
                "base_url": environ["BIGCOMMERCE_B2B_BASE_URL"],
            }
            for number, environ in enumerate([await server for server in servers])
        }
        path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "stores.json")
        path.write_text(json.dumps(credentials))  # noqa: ASYNC240 - a few lines
        variables = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
        for workers in (0, *WORKERS):
            arguments = [sys.executable, __file__, "--one", str(workers), str(path)]
            process = await asyncio.create_subprocess_exec(*arguments, env=variables, stderr=subprocess.DEVNULL)
            if await process.wait():
                sys.exit(f"{' '.join(arguments)} failed")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        known = json.loads(Path(sys.argv[3]).read_text())
        if sys.argv[2] == "0":
            asyncio.run(alone(known))
        else:
            with_spark(int(sys.argv[2]), sys.argv[3], list(known))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else STORES))
