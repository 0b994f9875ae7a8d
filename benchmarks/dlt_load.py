"""How fast does dlt load a store into DuckDB, and does it need more memory for many invoices than for few?

    PYTHONPATH=tests/support python benchmarks/dlt_load.py [INVOICES]

20,000 invoices, or as many as asked for: the first load, and a run that finds nothing changed, each in a process of its own.
Needs the extra `dlt` and `dlt[duckdb,parquet]`. The quota of a store gives 625 invoices a second.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from typing import Any

from server import connect, sandbox

INVOICES = 20_000


def load(name: str, folder: str, environ: dict[str, str], invoices: int) -> None:
    """One run, in this process; prints a row of the table."""
    sys.path.pop(0)  # this folder has a requests.py, which dlt would take for the library
    dlt: Any = import_module("dlt")
    ours: Any = import_module("bigcommerce_b2b_invoices.integrations.dlt")
    destination = dlt.destinations.duckdb(f"{folder}/warehouse.duckdb")
    pipeline = dlt.pipeline("benchmark", pipelines_dir=f"{folder}/dlt", destination=destination)
    began = time.perf_counter()
    peaks = []  # up to the end of each step
    pipeline.extract(ours.b2b_invoices({"acme": lambda: connect(environ)}), loader_file_format="parquet")
    for step in (lambda: None, pipeline.normalize, pipeline.load):
        step()
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    seconds = time.perf_counter() - began
    with pipeline.sql_client() as client:
        [[rows]] = client.execute_sql("select count(*) from invoices")
    assert rows == invoices
    print(f"| {name} | {seconds:.1f} | {invoices / seconds:,.0f} |", " | ".join(f"{peak:.0f}" for peak in peaks), "|")


async def main(invoices: int) -> None:
    """Both runs, one after the other."""
    print(f"{invoices:,} invoices\n")
    print("| run | seconds | rows/s | MiB: extract | normalize | load |\n|---|---:|---:|---:|---:|---:|")
    settings = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    with tempfile.TemporaryDirectory() as folder:
        async with sandbox(invoices=invoices, latency=0) as environ:
            for name in ("first load", "nothing changed"):
                arguments = [sys.executable, __file__, "--one", name, folder, json.dumps(environ), str(invoices)]
                process = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE, env=settings)
                out, _ = await process.communicate()
                print(out.decode(), end="", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        load(sys.argv[2], sys.argv[3], json.loads(sys.argv[4]), int(sys.argv[5]))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else INVOICES))
