"""Print what every operation makes of every fault, as a Markdown table with totals: `python tests/fault_matrix.py`.

A cell has the outcome when the fault strikes once, and when it strikes always; a write has them for a server that acted and for
one that did not. In bold is what should not be. The exit code is 1 if there is any.
"""

import asyncio
import logging
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "support"))

from faults.answers import FAULTS, Fault
from faults.cell import Verdict, run_cell, variants
from faults.network import PLACES, Unreachable
from faults.operations import OPERATIONS
from faults.stage import in_small

ALL: tuple[Fault | Unreachable, ...] = (*PLACES, *FAULTS)


def judge(cell: tuple[int, int]) -> list[Verdict]:
    """The verdicts of one cell; for a process of its own."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # the servers' own complaints about broken handshakes
    with in_small():
        return asyncio.run(run_cell(ALL[cell[0]], OPERATIONS[cell[1]]))


def shown(verdicts: list[Verdict]) -> str:
    """A cell of the table: each outcome once, then what is broken."""
    outcomes = " / ".join(dict.fromkeys(verdict.outcome.removesuffix("Error") for verdict in verdicts))
    broken = "; ".join(f"{verdict.variant}: {text}" for verdict in verdicts for text in verdict.broken)
    return f"{outcomes} **{broken}**" if broken else outcomes


def totals() -> str:
    """How much the matrix tries."""
    runs = sum(len(list(variants(fault, operation))) for fault, operation in product(ALL, OPERATIONS))
    return f"{len(ALL)} faults x {len(OPERATIONS)} operations = {len(ALL) * len(OPERATIONS):,} cells, {runs:,} runs"


def main() -> int:
    """The table, then the totals."""
    cells = list(product(range(len(ALL)), range(len(OPERATIONS))))
    with ProcessPoolExecutor() as processes:
        found = dict(zip(cells, processes.map(judge, cells), strict=True))
    lines = ["| fault | " + " | ".join(operation.name for operation in OPERATIONS) + " |", "|---|" + "---|" * len(OPERATIONS)]
    for row, fault in enumerate(ALL):
        lines.append(f"| {fault.name} | " + " | ".join(shown(found[row, column]) for column in range(len(OPERATIONS))) + " |")
    broken = sum(len(verdict.broken) for verdicts in found.values() for verdict in verdicts)
    lines.append(f"\n{totals()}; promises broken: {broken}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
