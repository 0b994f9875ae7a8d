# python examples/follow_changes.py
"""A worker that copies every invoice into SQLite, then follows the changes. Stop it with SIGTERM or Ctrl-C, at any moment.

The rows of a feed and its cursor are written in one transaction. So if the worker is killed, it loses no change: it goes on at
the last cursor. A feed cannot see deletions; a walk over all invoices can.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sqlite3

from bigcommerce_b2b_invoices import AuthenticationError, B2BClient, B2BError, ForbiddenError, to_json

EVERY = float(os.environ.get("EVERY", "60"))  # seconds between two feeds; a feed costs one request if nothing changed
log = logging.getLogger("worker")
TABLES = """
    CREATE TABLE IF NOT EXISTS invoices (id INTEGER PRIMARY KEY, number TEXT, open_balance TEXT, currency TEXT, json TEXT);
    CREATE TABLE IF NOT EXISTS state (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), cursor TEXT);
"""


async def follow(client: B2BClient, database: sqlite3.Connection) -> int:
    """Write what has changed since the last feed. Returns how many invoices."""
    saved = database.execute("SELECT cursor FROM state").fetchone()
    feed = client.invoices.changes(saved and saved[0], overlap=30)  # reads 30 s again, for changes that were committed late
    count = 0
    with database:  # commits at the end, and rolls back after any error, also if the task is cancelled
        async for invoice in feed:
            balance = invoice.open_balance
            row = (invoice.id, invoice.invoice_number, balance and str(balance.value), balance and balance.code, to_json(invoice))
            database.execute("REPLACE INTO invoices VALUES (?, ?, ?, ?, ?)", row)
            count += 1
        database.execute("REPLACE INTO state VALUES (1, ?)", (feed.cursor,))
    return count


async def main() -> None:
    """Follow until a signal comes."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.closing(sqlite3.connect(os.environ.get("DATABASE", "invoices.db"))) as database:
        database.executescript(TABLES)
        async with B2BClient.from_env() as client:
            while True:
                try:
                    log.info("%d invoices were new or changed", await follow(client, database))
                except (AuthenticationError, ForbiddenError):
                    raise  # another try cannot help
                except B2BError as error:  # nothing was written; the next feed begins at the same cursor
                    log.warning("the next feed tries again: %s", error)
                await asyncio.sleep(EVERY)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(main())
