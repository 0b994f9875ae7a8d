"""The mirror's side of the database. Every method is one transaction, and runs in the mirror's thread."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import attrs
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError

from bigcommerce_b2b_invoices import Invoice
from bigcommerce_b2b_invoices.mirror import locks
from bigcommerce_b2b_invoices.mirror.columns import CHILDREN, Row, child_rows, invoice_row
from bigcommerce_b2b_invoices.mirror.engine import masked, shown, unusable
from bigcommerce_b2b_invoices.mirror.errors import DatabaseUnavailableError, MirrorError
from bigcommerce_b2b_invoices.mirror.schema import SCHEMA_VERSION, Tables, tables

IDS = 500  # ids in one statement


@attrs.frozen(kw_only=True)
class State:
    """What `sync_state` says of a store.

    Attributes:
        sweep: The number of the last sweep that began; 0: none.
        proven: The number of the last sweep whose walk missed nothing; 0: none.
        doubted: The last sweep during which, or after which, an invoice could not be read or asked for; 0: none.
        bookmark: Where that sweep goes on; None: it has ended.
        cursor: Where the next change feed begins.
        synced_at: When the last sync ended.
        swept_at: When the last sweep ended.
    """

    sweep: int = 0
    proven: int = 0
    doubted: int = 0
    bookmark: str | None = None
    cursor: str | None = None
    synced_at: datetime | None = None
    swept_at: datetime | None = None

    @property
    def may_lack_rows(self) -> bool:
        """Whether no sweep has proven that the mirror has every invoice, or a doubt came after the last proof."""
        return self.proven <= self.doubted


@attrs.frozen
class Written:
    """What a transaction did to the rows of invoices."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0


class Database:
    """The tables of one store. Not for two threads."""

    def __init__(self, engine: Engine, store_hash: str, *, is_ours: bool) -> None:
        self._engine = engine
        self._store = store_hash
        self._is_ours = is_ours
        self._tables: Tables = tables(engine.dialect.name)
        self._connection: Connection | None = None
        self._unlock: Callable[[], None] = _nothing

    # ---- coming and going --------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, take the lock of the store's mirror, and see that the tables are ours. Does nothing if that is done."""
        if self._connection is not None:
            return
        with self._translated():
            try:
                connection = self._engine.connect()
            except (ValueError, TypeError) as problem:  # an option of the URL that its driver cannot read
                raise unusable(self._engine.url, problem) from None
            except ProgrammingError as problem:  # an option of the URL that its driver does not know
                raise unusable(self._engine.url, problem.orig or problem) from None
        self._connection = connection
        try:
            with self._translated():
                if self._is_ours and connection.dialect.name == "sqlite":
                    connection.exec_driver_sql("pragma journal_mode=wal")  # others can read while the mirror writes
                    connection.exec_driver_sql("pragma synchronous=normal")
                    connection.commit()
                self._unlock = locks.take(connection, self._store)
            self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the lock back and disconnect. The next call opens the database again."""
        connection, self._connection = self._connection, None
        unlock, self._unlock = self._unlock, _nothing
        unlock()
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError:
                connection.invalidate()

    def dispose(self) -> None:
        """Close for good, with the engine if the mirror made it."""
        self.close()
        if self._is_ours:
            self._engine.dispose()

    def _prepare(self) -> None:
        """Create the tables. Tables of an older schema are made anew: the store still has all that was in them."""
        with self._transaction() as connection:
            found = inspect(connection)
            present = [table for table in self._tables.metadata.sorted_tables if found.has_table(table.name)]
            state = self._tables.state
            for table in present:
                columns = {column["name"] for column in found.get_columns(table.name)}
                if state not in present or not {"store_hash"} <= columns:
                    raise MirrorError(
                        f"the database has a table {table.name!r} that does not belong to a mirror: give the mirror a "
                        "database of its own"
                    )
            versions = set(connection.scalars(select(state.c.schema_version))) if state in present else set()
            if any(version > SCHEMA_VERSION for version in versions):
                raise MirrorError(
                    f"a newer version of bigcommerce-b2b-invoices wrote this mirror (schema {max(versions)}, this one knows "
                    f"{SCHEMA_VERSION}): update the package"
                )
            is_older = state in present and {column["name"] for column in found.get_columns(state.name)} != set(state.c.keys())
            if is_older or any(version < SCHEMA_VERSION for version in versions):
                self._tables.metadata.drop_all(connection)
            self._tables.metadata.create_all(connection)

    # ---- state -------------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """What is known of the store."""
        names = [field.name for field in attrs.fields(State)]
        table = self._tables.state
        with self._transaction() as connection:
            row = connection.execute(select(*[table.c[name] for name in names]).where(table.c.store_hash == self._store)).first()
        return State() if row is None else State(**dict(zip(names, row, strict=True)))

    def save_state(self, state: State) -> None:
        """Keep the state, and nothing else."""
        with self._transaction() as connection:
            self._write_state(connection, state)

    def _write_state(self, connection: Connection, state: State) -> None:
        table = self._tables.state
        values = {**attrs.asdict(state), "schema_version": SCHEMA_VERSION}
        done = connection.execute(update(table).where(table.c.store_hash == self._store).values(values))
        if not done.rowcount:
            connection.execute(insert(table).values(store_hash=self._store, **values))

    # ---- rows --------------------------------------------------------------------------------------------------------

    def save(self, invoices: Sequence[Invoice], met: Iterable[int], state: State) -> Written:
        """Write invoices that the store has, and the state, together.

        Args:
            invoices: In their present versions. Of an invoice that comes twice, the later version counts.
            met: Ids of invoices that the store has as well, but that cannot be read: their rows stay as they are.
            state: `sweep` is the number that the rows are marked with.
        """
        latest = {invoice.id: invoice for invoice in invoices}
        rows = {number: {**invoice_row(each), "store_hash": self._store, "sweep": state.sweep} for number, each in latest.items()}
        kept = latest.values()
        children = {name: [row for each in kept for row in child_rows(each, child)] for name, child in CHILDREN.items()}
        table = self._tables.invoices
        with self._transaction() as connection:
            known = self._checksums(connection, list(rows))
            fresh = [row for number, row in rows.items() if number not in known]
            changed = {number: row for number, row in rows.items() if number in known and known[number] != row["checksum"]}
            same = [number for number in rows if number in known and number not in changed]
            self._delete(connection, list(changed))
            _insert(connection, table, [*fresh, *changed.values()])
            written = {*changed, *(row["id"] for row in fresh)}
            for name, parts in children.items():
                rows_of_parts = [{**part, "store_hash": self._store} for part in parts if part["invoice_id"] in written]
                _insert(connection, self._tables.children[name], rows_of_parts)
            for ids in _blocks([*same, *met]):
                connection.execute(update(table).where(self._are(ids)).values(sweep=state.sweep))
            self._write_state(connection, state)
        return Written(len(fresh), len(changed), len(same))

    def missing(self, sweep: int) -> list[int]:
        """Ids of the invoices that this sweep did not meet."""
        table = self._tables.invoices
        with self._transaction() as connection:
            query = select(table.c.id).where(table.c.store_hash == self._store, table.c.sweep < sweep).order_by(table.c.id)
            return list(connection.scalars(query))

    def count(self) -> int:
        """How many invoices the mirror holds of the store."""
        table = self._tables.invoices
        with self._transaction() as connection:
            query = select(func.count()).select_from(table).where(table.c.store_hash == self._store)
            return int(connection.execute(query).scalar_one())

    def delete(self, ids: Sequence[int], state: State) -> None:
        """Delete invoices with all their parts, and keep the state, together."""
        with self._transaction() as connection:
            self._delete(connection, ids)
            self._write_state(connection, state)

    def _checksums(self, connection: Connection, ids: Sequence[int]) -> dict[int, str]:
        table = self._tables.invoices
        found: dict[int, str] = {}
        for block in _blocks(ids):
            found.update(tuple(row) for row in connection.execute(select(table.c.id, table.c.checksum).where(self._are(block))))
        return found

    def _delete(self, connection: Connection, ids: Sequence[int]) -> None:
        for block in _blocks(ids):
            for child in self._tables.children.values():
                connection.execute(delete(child).where(child.c.store_hash == self._store, child.c.invoice_id.in_(block)))
            connection.execute(delete(self._tables.invoices).where(self._are(block)))

    def _are(self, ids: Sequence[int]) -> ColumnElement[bool]:
        table = self._tables.invoices
        return and_(table.c.store_hash == self._store, table.c.id.in_(ids))

    # ---- transactions ------------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """All or nothing. A connection that was lost is given up, with the lock: the next call opens another."""
        connection = self._connection
        if connection is None:
            raise DatabaseUnavailableError("the connection to the database was lost")
        try:
            with self._translated(), connection.begin():
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql("begin immediate")  # what is read stays true until it is committed
                yield connection
        except DatabaseUnavailableError:
            self.close()
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            failure = self._told(error)
        except SQLAlchemyError as error:
            failure = MirrorError(f"the database cannot hold the mirror: {error}")
        else:
            return
        raise failure from None  # a database's own error may hold rows and passwords

    def _told(self, error: DBAPIError) -> MirrorError:
        told = masked(" ".join(str(error.orig).split()), self._engine.url)
        where = shown(self._engine.url)
        name = type(error.orig).__name__
        if error.connection_invalidated or (name == "OperationalError" and not _is_full(told)):
            return DatabaseUnavailableError(f"cannot use {where}: {told}")
        return MirrorError(f"{where} refused what the mirror wrote: {told}")


def _is_full(told: str) -> bool:
    return "full" in told or os.strerror(28) in told


def _insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _blocks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), IDS):
        yield ids[first : first + IDS]


def _nothing() -> None:
    pass
