"""A copy of a store's invoices in a database, which stays true whatever happens to the process, the database or the store.

A *sweep* is a walk over everything. Each page is committed together with the walk's bookmark, and its rows are marked with the
number of the sweep. A *follow* is the change feed from the cursor of the last one: its last batch and the new cursor are
committed together. What a sweep did not meet may be deleted, but only with proof: the API's own 404, or a complete walk during
which the total count did not fall.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

import attrs

from bigcommerce_b2b_invoices import (
    MAX_LIMIT,
    B2BClient,
    ConfigurationError,
    DecodeError,
    Invoice,
    InvoiceQuery,
    NotFoundError,
    Walk,
    bulk,
)
from bigcommerce_b2b_invoices.mirror.errors import DatabaseUnavailableError, MassDeletionError
from bigcommerce_b2b_invoices.mirror.report import MirrorReport, Tally
from bigcommerce_b2b_invoices.mirror.thread import OneThread

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bigcommerce_b2b_invoices.mirror.database import Database, State

EVERYTHING = InvoiceQuery(include_extra_fields=True)
BATCH = MAX_LIMIT  # changes in one transaction
FEW = 50  # missing invoices that are always asked for, and that may always be deleted
PAUSES = (1.0, 2.0, 5.0)  # seconds before the database is tried again; the last one again and again
OnRow = Callable[[int], None]


class Mirror:
    """A copy of one store's invoices in SQLite or PostgreSQL: `report = await mirror.sync()`, as often as you like.

    The tables are `invoices`, `line_items`, `cost_lines`, `shipments`, `extra_fields` and `sync_state`. Several stores may share
    a database; only one mirror at a time may write a store. A process that is killed at any moment can be started again at once
    and goes on where it was. Close the mirror with `async with` or `aclose()`; that ends its thread, and the engine that it made.

    Args:
        client: The store. The mirror never closes it.
        database: A URL, such as `sqlite:///invoices.db` or `postgresql+psycopg://user@host/name`, or a SQLAlchemy Engine, which
            the mirror does not dispose of. PostgreSQL needs the extra `postgres`.
        full_every: Seconds after which `sync` reads the whole store again, to find what was deleted.
        max_deleted: The share of the mirror's invoices that one sync may delete. A sync that would delete more than this share,
            and more than 50, deletes none and raises MassDeletionError.

    Raises:
        ConfigurationError: The URL cannot be used, or a package is missing. Nothing was sent.
    """

    def __init__(
        self, client: B2BClient, database: "str | Engine", *, full_every: float = 86_400.0, max_deleted: float = 0.2
    ) -> None:
        if not isinstance(client, B2BClient):
            raise TypeError(f"client must be a B2BClient, not {type(client).__name__}")
        if not full_every >= 0:
            raise ValueError(f"full_every must be seconds, 0 or more, not {full_every}")
        if not 0 <= max_deleted <= 1:
            raise ValueError(f"max_deleted must be a share from 0 to 1, not {max_deleted}")
        self._client = client
        self._full_every = full_every
        self._max_deleted = max_deleted
        self._database = _open(database, client.store_hash)
        self._thread = OneThread("b2b-mirror")
        self._busy = asyncio.Lock()
        self._is_closed = False

    async def sync(self, *, full: bool | None = None, on_row: OnRow | None = None) -> MirrorReport:
        """Bring the mirror up to date, and report what was done.

        A sync of a quiet store costs 1 request. A sweep costs about 1 for each 240 invoices.

        Args:
            full: None: read what is due: everything at first and every `full_every` seconds, and otherwise only the changes.
                True: read everything now, or continue a sweep that was interrupted. False: read only the changes.
            on_row: Called after each invoice that was read, with their number so far.

        Raises:
            ValueError: `full=False`, but no sweep of this mirror has ever ended.
            MassDeletionError: Too many invoices are gone. Everything else is up to date.
            MirrorInUseError: Another process writes the mirror of this store. Nothing was sent.
            MirrorError: The database cannot be used, was lost (DatabaseUnavailableError), or cannot hold a value. What was
                committed stays.
            B2BError: The store cannot be read. What was committed stays, and the next sync goes on from there.
        """
        if self._is_closed:
            raise RuntimeError("the mirror is closed")
        if self._busy.locked():
            raise RuntimeError("this mirror is syncing: await that sync first")
        async with self._busy:
            return await _Sync(self._client, self._database, self._thread, self._max_deleted, on_row).run(
                full=full, full_every=self._full_every
            )

    async def run(self, *, every: float = 60.0, on_report: Callable[[MirrorReport], None] | None = None) -> None:
        """Sync again and again, until the task is cancelled. A cancellation takes effect between two transactions.

        If the database goes away, `run` tries again for as many seconds as the client's `RetryPolicy.outage` says, as it does for
        the store.

        Args:
            every: Seconds from the beginning of one sync to the beginning of the next.
            on_report: Called after each sync.

        Raises:
            Exception: Any error of `sync` that further tries do not solve.
        """
        if not every >= 0:
            raise ValueError(f"every must be seconds, 0 or more, not {every}")
        failing: float | None = None
        tries = 0
        while True:
            began = time.monotonic()
            try:
                report = await self.sync()
            except DatabaseUnavailableError:
                failing = began if failing is None else failing
                if time.monotonic() - failing >= self._client.retry.outage:
                    raise
                await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
                tries += 1
                continue
            failing, tries = None, 0
            if on_report is not None:
                on_report(report)
            await asyncio.sleep(max(0.0, began + every - time.monotonic()))

    async def aclose(self) -> None:
        """End the mirror's thread and the engine that it made. Closing twice is fine."""
        if not self._is_closed:
            self._is_closed = True
            async with self._busy:
                await self._thread.run(self._database.dispose)
            self._thread.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


@attrs.define
class _Sync:
    """One sync, step by step."""

    client: B2BClient
    database: "Database"
    thread: OneThread
    max_deleted: float
    on_row: OnRow | None
    tally: Tally = attrs.Factory(Tally)
    met: list[int] = attrs.Factory(list)  # unreadable, so not among the rows, but there

    async def run(self, *, full: bool | None, full_every: float) -> MirrorReport:
        await self.thread.run(self.database.open)
        try:
            state = await self.thread.run(self.database.state)
            if full is False and state.swept_at is None:
                raise ValueError("full=False needs a mirror that has read the whole store once: sync without it first")
            is_due = state.swept_at is None or (datetime.now(UTC) - state.swept_at).total_seconds() >= full_every
            refused: MassDeletionError | None = None
            if full or (full is None and (is_due or state.bookmark is not None)):
                try:
                    state = await self._sweep(state)
                except MassDeletionError as error:  # its proof must not be used later: the next sweep starts from the beginning
                    refused = error
                    state = self._doubted(attrs.evolve(await self.thread.run(self.database.state), bookmark=None))
                    await self.thread.run(lambda: self.database.save_state(state))
            state = await self._follow(state)
            if refused is not None:
                raise refused
        finally:
            await self.thread.run(self.database.close)
        return self.tally.report(may_lack_rows=state.may_lack_rows)

    # ---- sweep -------------------------------------------------------------------------------------------------------

    async def _sweep(self, state: "State") -> "State":
        """Read everything, page by page, and then delete what is proven to be gone."""
        was_interrupted = bool(state.bookmark)
        state, walk = await self._begin(state)
        counts: list[int] = []
        async for page in walk.pages():
            counts.append(page.total_count or 0)
            state = attrs.evolve(state, bookmark=walk.bookmark)
            await self._save(page.items, state)
        counts.append(walk.total_count or 0)
        report = walk.report
        self.tally.requests += report.requests
        self.tally.end_sweep(report)
        is_proof = report.guarantee == "complete"
        is_doubted = self._doubted(state).doubted == state.sweep  # also by an earlier leg: an unreadable row may be any invoice
        # The count does not show a row that the server leaves out of a page while another row is deleted.
        none_fell = not was_interrupted and counts == sorted(counts)
        gone = await self._gone(state, is_proof=is_proof and not is_doubted and none_fell)
        if is_proof:
            state = attrs.evolve(state, proven=state.sweep)
        elif not was_interrupted and len(set(counts)) == 1:  # nothing came or went that the next changes will show
            held = await self.thread.run(self.database.count) - len(gone)
            if held < counts[0]:
                self.tally.doubt(f"the store counts {counts[0]} invoices, and the mirror has {held}")
        state = self._doubted(attrs.evolve(state, bookmark=None, swept_at=datetime.now(UTC)))
        await self.thread.run(lambda: self.database.delete(gone, state))
        self.tally.deleted += len(gone)
        return state

    async def _begin(self, state: "State") -> tuple["State", Walk[Invoice]]:
        """The walk of a sweep that was interrupted, or of a new one."""
        if state.bookmark:
            try:
                return state, self._walk(state.bookmark)
            except ValueError:  # a bookmark of another version of the library
                pass
        cursor = state.cursor or await self._cursor_of_now()  # what changes during the sweep is followed after it
        state = attrs.evolve(state, sweep=state.sweep + 1, bookmark="", cursor=cursor)
        await self.thread.run(lambda: self.database.save_state(state))
        return state, self._walk(None)

    def _walk(self, bookmark: str | None) -> Walk[Invoice]:
        return self.client.invoices.iterate(EVERYTHING, resume=bookmark, on_unreadable=self._pass_over)

    async def _cursor_of_now(self) -> str | None:
        feed = self.client.invoices.changes(datetime.now(UTC), include_extra_fields=True, on_unreadable=_ignore)
        async for _ in feed:
            pass  # the sweep reads it too
        self.tally.requests += feed.requests
        return feed.cursor

    async def _gone(self, state: "State", *, is_proof: bool) -> Sequence[int]:
        """The ids of the invoices that are proven to be deleted."""
        missing = await self.thread.run(lambda: self.database.missing(state.sweep))
        missing = [number for number in missing if number not in self.met]
        if is_proof and len(missing) > FEW:
            await self._allow(len(missing))
            return missing
        gone: list[int] = []
        found: list[Invoice] = []
        async for outcome in bulk.run(self.client.invoices.get, missing):
            self.tally.requests += 1
            if outcome.result is not None:
                found.append(outcome.result)
            elif isinstance(outcome.error, NotFoundError) and outcome.error.is_enveloped:  # not a gateway's
                gone.append(outcome.item)
                await self._allow(len(gone))
            else:
                self.tally.doubt(f"invoice {outcome.item} is not in the list, and cannot be asked for: {outcome.error}")
        if found:
            await self._save(found, state)
        return gone

    async def _allow(self, deleted: int) -> None:
        if deleted > FEW:
            total = await self.thread.run(self.database.count)
            if deleted > self.max_deleted * total:
                raise MassDeletionError(deleted, total)

    # ---- follow ------------------------------------------------------------------------------------------------------

    async def _follow(self, state: "State") -> "State":
        """Write what was changed since the last sync."""
        feed = self.client.invoices.changes(state.cursor, include_extra_fields=True, on_unreadable=self._pass_over)
        batch: list[Invoice] = []
        async for invoice in feed:
            batch.append(invoice)
            if len(batch) == BATCH:
                await self._save(batch, state)
                batch = []
        state = self._doubted(attrs.evolve(state, cursor=feed.cursor, synced_at=datetime.now(UTC)))
        await self._save(batch, state)
        self.tally.requests += feed.requests
        return state

    # ---- rows --------------------------------------------------------------------------------------------------------

    async def _save(self, invoices: Sequence[Invoice], state: "State") -> None:
        met, self.met = self.met, []
        written = await self.thread.run(lambda: self.database.save(invoices, met, self._doubted(state)))
        before = self.tally.rows
        self.tally.add(written)
        if self.on_row is not None:
            for number in range(before + 1, self.tally.rows + 1):
                self.on_row(number)

    def _doubted(self, state: "State") -> "State":
        """The state with the doubts of this sync."""
        return attrs.evolve(state, doubted=state.sweep) if self.tally.is_doubted else state

    def _pass_over(self, error: DecodeError) -> None:
        self.tally.pass_over(error)
        if error.invoice_id is not None:
            self.met.append(error.invoice_id)


def _ignore(_error: DecodeError) -> None:
    """The sweep tells of it."""


def _open(database: "str | Engine", store_hash: str) -> "Database":
    try:
        import sqlalchemy  # noqa: PLC0415 - whoever needs no mirror needs no SQLAlchemy
    except ModuleNotFoundError:
        raise ConfigurationError("the mirror needs SQLAlchemy: pip install 'bigcommerce-b2b-invoices[mirror]'") from None
    from bigcommerce_b2b_invoices.mirror.database import Database  # noqa: PLC0415
    from bigcommerce_b2b_invoices.mirror.engine import make_engine  # noqa: PLC0415

    if isinstance(database, str):
        return Database(make_engine(database), store_hash, is_ours=True)
    if not isinstance(database, sqlalchemy.Engine):
        raise TypeError(f"database must be a URL or an Engine of SQLAlchemy, not {type(database).__name__}")
    return Database(database, store_hash, is_ours=False)
