"""What a load reads from one store, on the disk before dlt gets a row of it. Imports no dlt.

dlt commits its state only with a whole package, so the place of a walk that takes an hour cannot be kept there. Each page is
therefore a file with the walk's bookmark. A load that was killed finds the pages again, and goes on after the last one.
"""

import base64
import json
import logging
import math
import shutil
import time
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pyarrow.parquet as pq

from bigcommerce_b2b_invoices import MAX_LIMIT, B2BClient, Invoice, InvoiceQuery, NotFoundError, Walk, WalkReport, bulk
from bigcommerce_b2b_invoices.export import arrow_batches
from bigcommerce_b2b_invoices.files import appearing, in_thread

EVERYTHING = InvoiceQuery(include_extra_fields=True)
DAY = 86_400.0  # seconds
OLDEST = 7 * DAY  # an interrupted sweep that began earlier begins again
FEW = 50  # missing invoices that are always asked for, and that may always be deleted
MOST = 0.2  # the share of the known invoices that one sweep may delete
BOOKMARK = b"b2b_invoices_bookmark"
logger: logging.Logger = logging.getLogger("bigcommerce_b2b_invoices")


@attrs.frozen(kw_only=True)
class Place:
    """What the loads before have committed of one store. dlt keeps it in its state, as JSON.

    Attributes:
        sweep: How many times the whole store was read.
        swept_at: When the last of these began: seconds since 1970. None: never.
        is_complete: Whether one of these proved that it missed no invoice.
        cursor: Where the next change feed begins.
        ids: The invoices that were loaded and not deleted.
    """

    sweep: int = 0
    swept_at: float | None = None
    is_complete: bool = False
    cursor: str | None = None
    ids: frozenset[int] = frozenset()

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> "Place":
        """The place that `as_state` wrote."""
        return cls(**{name: value for name, value in state.items() if name != "ids"}, ids=_unpacked(state.get("ids", "")))

    def as_state(self) -> dict[str, Any]:
        """The same as JSON. An id takes about a byte."""
        return {**attrs.asdict(self, filter=lambda field, _value: field.name != "ids"), "ids": _packed(self.ids)}


@attrs.frozen
class _Begun:
    """A sweep that began. `cursor`: what changed since is read after the sweep."""

    sweep: int
    cursor: str | None
    began: float


@attrs.frozen
class Fetched:
    """What a load brings, each invoice once.

    Attributes:
        files: Pages of rows. The first file that holds an invoice has its latest version.
        gone: The ids of invoices that are proven to be deleted.
        place: What the state holds once dlt has taken everything.
    """

    files: Sequence[Path]
    gone: Sequence[int]
    place: Place

    def rows(self) -> Iterator[list[dict[str, Any]]]:
        """Page by page."""
        seen = set(self.gone)
        for path in self.files:
            rows = []
            for row in pq.read_table(path).to_pylist():
                if row["id"] not in seen:
                    seen.add(row["id"])
                    rows.append(row)
            if rows:
                yield rows


class Spool:
    """Fetches what is due of one store: everything at first and from time to time, then what was changed.

    Args:
        store: The name of the store, for the log.
        folder: Where the pages go. Nobody else writes there.
        place: What is committed.
        every: Seconds after which the whole store is read again.
    """

    def __init__(self, store: str, client: B2BClient, folder: Path, place: Place, every: float) -> None:
        self._store = store
        self._client = client
        self._sweep_folder = folder / "sweep"
        self._news_folder = folder / "news"
        self._place = place
        self._every = every

    async def fetch(self) -> Fetched:
        """Read what is due. 1 request in a quiet store; a sweep costs about 1 for each 240 invoices.

        Raises:
            UnfitError: A column cannot hold a value.
            B2BError: The store cannot be read. The pages that came stay.
            OSError: The disk is full, or the folder cannot be written.
        """
        await in_thread(partial(_empty, self._news_folder))
        begun = await in_thread(self._begun)
        place, swept, gone = self._place, list[Path](), list[int]()
        if begun is not None or self._is_due():
            begun = begun or await self._begin()
            report = await self._walk()
            swept = _pages(self._sweep_folder)[::-1]  # an invoice that came again is in a later page
            met = await in_thread(partial(_ids_in, swept))
            gone = await self._gone(sorted(place.ids - met), is_proof=report.get("is_proof", False))
            place = Place(
                sweep=begun.sweep,
                swept_at=begun.began,
                is_complete=place.is_complete or report["guarantee"] == "complete",
                cursor=begun.cursor,
                ids=(place.ids | met) - frozenset(gone),
            )
        cursor = await self._follow(place.cursor)
        news = _pages(self._news_folder)
        changed = await in_thread(partial(_ids_in, news))
        gone = [number for number in gone if number not in changed]
        return Fetched([*news, *swept], gone, attrs.evolve(place, cursor=cursor, ids=place.ids | changed))

    # ---- sweep -------------------------------------------------------------------------------------------------------

    def _is_due(self) -> bool:
        if self._place.swept_at is None:
            return True
        every = self._every if self._place.is_complete else min(self._every, DAY)
        return time.time() - self._place.swept_at >= every

    def _begun(self) -> _Begun | None:
        """The sweep that was interrupted, or whose rows dlt has not committed."""
        try:
            begun = _Begun(**json.loads((self._sweep_folder / "begun.json").read_text("utf-8")))
            if begun.sweep == self._place.sweep + 1 and time.time() - begun.began < OLDEST:
                return begun
        except (FileNotFoundError, ValueError, TypeError):  # TypeError: of another version
            pass
        _empty(self._sweep_folder)
        return None

    async def _begin(self) -> _Begun:
        began = time.time()
        begun = _Begun(self._place.sweep + 1, self._place.cursor or await self._cursor_of_now(), began)
        await _write(self._sweep_folder / "begun.json", json.dumps(attrs.asdict(begun)))
        return begun

    async def _cursor_of_now(self) -> str | None:
        feed = self._client.invoices.changes(datetime.now(UTC), include_extra_fields=True, on_unreadable=_ignore)
        async for _ in feed:
            pass  # the sweep reads it too
        return feed.cursor

    async def _walk(self) -> dict[str, Any]:
        """Read everything that no page holds yet. Returns the report of the walk."""
        ended = self._sweep_folder / "ended.json"
        if ended.exists():
            found: dict[str, Any] = json.loads(ended.read_text("utf-8"))
            return found
        number, walk = await self._resumed()
        was_interrupted, counts = number > 0, list[int]()
        async for page in walk.pages():
            number += 1
            counts.append(page.total_count or 0)
            await self._save(self._sweep_folder / f"{number:06}.parquet", page.items, walk.bookmark)
        report = walk.report
        self._tell(report)
        counts.append(walk.total_count or 0)
        # The count does not show a row that the server leaves out of a page while another row is deleted.
        is_proof = report.guarantee == "complete" and not was_interrupted and counts == sorted(counts)
        made = {"guarantee": report.guarantee, "is_proof": is_proof}
        await _write(ended, json.dumps(made))
        return made

    async def _resumed(self) -> tuple[int, Walk[Invoice]]:
        """The number of the last page on the disk, and a walk that goes on after it."""
        pages = _pages(self._sweep_folder)
        if pages:
            try:
                bookmark = pq.read_schema(pages[-1]).metadata[BOOKMARK].decode()
                return int(pages[-1].stem), self._client.invoices.iterate(EVERYTHING, resume=bookmark)
            except (ValueError, KeyError):  # damaged, or of another version of the library
                for path in pages:
                    path.unlink()
        return 0, self._client.invoices.iterate(EVERYTHING)

    def _tell(self, report: WalkReport) -> None:
        if report.guarantee != "complete":
            logger.warning("store %s: a sweep may lack invoices: %s", self._store, "; ".join(report.anomalies))

    async def _gone(self, missing: Sequence[int], *, is_proof: bool) -> list[int]:
        """The missing invoices that are proven to be deleted; none if they are too many to be believed."""
        gone = list(missing) if is_proof and len(missing) > FEW else []
        found: list[Invoice] = []
        most = max(FEW, MOST * len(self._place.ids))
        if not gone:
            async for outcome in bulk.run(self._client.invoices.get, missing):
                if outcome.result is not None:
                    found.append(outcome.result)
                elif isinstance(outcome.error, NotFoundError) and outcome.error.is_enveloped:  # not a gateway's
                    gone.append(outcome.item)
                elif outcome.error is not None:
                    raise outcome.error
                if len(gone) > most:
                    break
        if found:
            await self._save(self._news_folder / "999999.parquet", found)  # after the changes, which are newer
        if len(gone) > most:
            logger.warning(
                "store %s: %s or more of %s invoices are gone from the store, which is too many to be believed: none was "
                "deleted. Check the store; if it is right, load the store again with refresh='drop_resources'",
                self._store,
                len(gone),
                len(self._place.ids),
            )
            return []
        return gone

    # ---- changes -----------------------------------------------------------------------------------------------------

    async def _follow(self, cursor: str | None) -> str | None:
        """Read what was changed. Returns the next cursor."""
        feed = self._client.invoices.changes(cursor, include_extra_fields=True)
        number, batch = 0, list[Invoice]()
        async for invoice in feed:
            batch.append(invoice)
            if len(batch) == MAX_LIMIT:
                number += 1
                await self._save(self._news_folder / f"{number:06}.parquet", batch)
                batch = []
        if batch:
            await self._save(self._news_folder / f"{number + 1:06}.parquet", batch)
        return feed.cursor

    async def _save(self, path: Path, invoices: Sequence[Invoice], bookmark: str = "") -> None:
        async for batch in arrow_batches(_each(invoices), rows=len(invoices)):
            table = pa.Table.from_batches([batch]).replace_schema_metadata({BOOKMARK: bookmark})
            async with appearing(path, overwrite=True) as part:
                await part.step(partial(pq.write_table, table, part.file, compression="zstd"))


# ---- files and ids ---------------------------------------------------------------------------------------------------


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _pages(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.parquet"))


async def _write(path: Path, text: str) -> None:
    async with appearing(path, overwrite=True) as part:
        await part.write(bytearray(text, "utf-8"))


def _ids_in(paths: Iterable[Path]) -> frozenset[int]:
    return frozenset(number for path in paths for number in pq.read_table(path, columns=["id"])["id"].to_pylist())


def _packed(ids: Iterable[int]) -> str:
    ordered = [0, *sorted(ids)]
    steps = [after - before for before, after in pairwise(ordered)]
    return base64.b64encode(zlib.compress(json.dumps(steps, separators=(",", ":")).encode())).decode()


def _unpacked(text: str) -> frozenset[int]:
    number, ids = 0, list[int]()
    for step in json.loads(zlib.decompress(base64.b64decode(text))) if text else ():
        number += step
        ids.append(number)
    return frozenset(ids)


async def _each(invoices: Iterable[Invoice]) -> AsyncIterator[Invoice]:
    for invoice in invoices:
        yield invoice


def _ignore(_error: Exception) -> None:
    """The sweep raises it."""


def seconds_of(sweep: str) -> float:
    """Seconds between two sweeps.

    Raises:
        ValueError: There is no such choice.
    """
    choices = {"never": math.inf, "daily": DAY, "weekly": 7 * DAY}
    if sweep not in choices:
        raise ValueError(f"sweep must be one of {', '.join(choices)}, not {sweep!r}")
    return choices[sweep]
