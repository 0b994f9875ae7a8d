# python examples/erp_push.py drafts.jsonl
"""Creates the invoices of an ERP: one draft in each line of a JSON Lines file, under the API's names.

It is safe to run again, also after a crash. An invoice that has the number and the content of its draft counts as done. The exit
code is 0 if every invoice of the file is in the store, and 1 otherwise.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bigcommerce_b2b_invoices import B2BClient, InvoiceDraft, InvoiceNumberTakenError, OutcomeUnknownError, bulk, from_json


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers. Only a few are held at a time."""
    with path.open(encoding="utf-8") as file:
        yield from ((number, line) for number, line in enumerate(file, start=1) if line.strip())


async def main(path: Path) -> int:
    """Push the file, and print what became of each line that is not done."""
    counts = Counter[str]()
    async with B2BClient.from_env() as client:

        async def push(item: tuple[int, str]) -> str:
            draft = from_json(InvoiceDraft, item[1])
            try:
                await client.invoices.create(draft)
            except InvoiceNumberTakenError as taken:
                if not taken.is_same:  # None: it could not be looked up
                    raise
                return "there already"
            return "created"

        async for outcome in bulk.run(push, lines_of(path)):
            if outcome.ok:
                counts[str(outcome.result)] += 1
                continue
            what = "unknown" if isinstance(outcome.error, OutcomeUnknownError) else "failed"
            counts[what] += 1
            print(f"line {outcome.item[0]}: {what}: {outcome.error}")
    print(", ".join(f"{counts[what]} {what}" for what in ("created", "there already", "failed", "unknown")))
    return 1 if counts["failed"] or counts["unknown"] else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
