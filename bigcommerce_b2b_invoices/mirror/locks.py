"""One mirror of a store at a time. A lock ends with its process, however that ends, so the next process can start at once."""

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Connection, text

from bigcommerce_b2b_invoices.mirror.errors import DatabaseUnavailableError, MirrorInUseError

_taken: set[tuple[str, str]] = set()  # of databases without a file


def take(connection: Connection, store_hash: str) -> Callable[[], None]:
    """Take the lock of a store's mirror, and return what gives it back.

    PostgreSQL keeps the lock with this connection. SQLite's own locks let nobody read while they are held from one transaction to
    the next, so there it is the lock of a second, empty database beside the mirror.

    Raises:
        MirrorInUseError: Another mirror of this store has it.
        DatabaseUnavailableError: SQLite cannot use the file of the lock.
    """
    refusal = MirrorInUseError(f"another mirror of store {store_hash} writes to this database: wait until it has ended")
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(
            hashlib.blake2b(f"b2b-invoices mirror {store_hash}".encode(), digest_size=8).digest(), signed=True
        )
        taken = connection.execute(text("select pg_try_advisory_lock(:number)"), {"number": number}).scalar()
        connection.commit()
        if not taken:
            raise refusal
        return lambda: _unlock(connection, number)
    path = connection.engine.url.database
    if not path or path == ":memory:" or path.startswith("file:"):
        return _in_process(str(connection.engine.url), store_hash, refusal)
    return _beside(f"{path}-{store_hash}.lock", refusal)


def _beside(path: str, refusal: MirrorInUseError) -> Callable[[], None]:
    """Lock a database of SQLite that holds nothing."""
    lock: sqlite3.Connection | None = None
    try:
        lock = sqlite3.connect(path, timeout=0, isolation_level=None)
        lock.execute("begin exclusive")
    except sqlite3.Error as error:
        if lock is not None:
            lock.close()
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise refusal from None
        raise DatabaseUnavailableError(f"cannot lock the mirror by the file {path}: {error}") from None
    return lock.close


def _unlock(connection: Connection, number: int) -> None:
    with suppress(Exception):  # a lost connection has lost its lock as well
        connection.rollback()
        connection.execute(text("select pg_advisory_unlock(:number)"), {"number": number})
        connection.commit()


def _in_process(url: str, store_hash: str, refusal: MirrorInUseError) -> Callable[[], None]:
    if (url, store_hash) in _taken:
        raise refusal
    _taken.add((url, store_hash))
    return lambda: _taken.discard((url, store_hash))
