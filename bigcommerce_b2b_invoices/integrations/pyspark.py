"""Reads the invoices of many stores as a Spark table: `spark.dataSource.register(B2BInvoices)`, then `format("b2b_invoices")`.

Install `bigcommerce-b2b-invoices[spark]` on the driver and on every executor; PySpark 4.0 or later. Each store is one partition,
so one task reads it and keeps to its quota. If Spark repeats a task, it reads the store again and takes the rows of one of the
attempts, so no row is lost or doubled. Each action reads the stores again, and a plan that contains the source twice, such as a
self-join, reads them twice at the same time: persist or write the table first, or share the quota with the option `redis`.
"""

import functools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import pyarrow as pa

try:
    from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition  # pyright: ignore[reportMissingImports]
    from pyspark.sql.pandas.types import from_arrow_schema  # pyright: ignore[reportMissingImports]
    from pyspark.sql.types import StructType  # pyright: ignore[reportMissingImports]
except ImportError as _missing:
    raise ImportError("pyspark 4 is missing: pip install 'bigcommerce-b2b-invoices[spark]'") from _missing

from bigcommerce_b2b_invoices import ConfigurationError, DecodeError, IncompleteWalkError, RateLimiter
from bigcommerce_b2b_invoices.export import ARROW_SCHEMA, arrow_batches
from bigcommerce_b2b_invoices.integrations.loop_thread import loop_thread
from bigcommerce_b2b_invoices.integrations.spark_filters import Pushed
from bigcommerce_b2b_invoices.integrations.spark_options import Access, Options

T = TypeVar("T")

SCHEMA = pa.schema([pa.field("store", pa.string()), *ARROW_SCHEMA])
logger: logging.Logger = logging.getLogger("bigcommerce_b2b_invoices")


class B2BInvoices(DataSource):
    """The source `b2b_invoices`: the column `store`, then those of `ARROW_SCHEMA`, of every invoice, extra fields included.

    Spark compares the names of these options without case:

    - `stores`: the names that you gave the stores, such as `acme,globex`. Needed.
    - `credentials`: the path, on each executor, of a JSON file such as
      `{"acme": {"store_hash": "...", "auth_token": "...", "base_url": "..."}}`; `base_url` may be left out. Without this option,
      the environment of each executor holds `B2B_STORE_ACME_HASH`, `B2B_STORE_ACME_TOKEN` and, if wanted,
      `B2B_STORE_ACME_BASE_URL`: the name in capitals, with `_` for every other character than A-Z and 0-9. Do not set them by
      `spark.executorEnv`, because Spark logs its settings.
    - `redis`: the name of an environment variable of each executor. It holds the URL of a Redis that keeps one quota for all
      processes (extra `redis`). You need it if other programs read the same stores, if a plan contains the source twice, if
      speculation is on, or if executors may die, because a repeated task does not know the requests of the first attempt.
    - `requests` and `per`: the quota of each store, 150 requests in 60 seconds unless given.
    - `accept`: `complete`, or `best_effort` to take rows even if a store cannot prove that none is missing, and to skip invoices
      that cannot be read. The log of the executor then has the reasons.

    Spark asks the API only for the rows that it needs, if `spark.sql.python.filterPushdown.enabled` is true (PySpark 4.1): with
    an equal `status` or `customer_id`, or a range of `created_at`; and it reads only the stores that an equal `store` or
    `store IN (...)` leaves. The plan shows these filters.

    A store costs about one request for each 240 of these invoices, and one more; the driver sends none. No credential is in an
    option, in the plan, or in an error.

    Raises:
        ConfigurationError: An option is unknown, missing or invalid. Raised by `load()`.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = Options.read(options)  # Spark's `options` are not kept

    @classmethod
    def name(cls) -> str:
        """The name for `format`."""
        return "b2b_invoices"

    def schema(self) -> StructType:
        """The columns."""
        return from_arrow_schema(SCHEMA)

    def reader(self, schema: StructType) -> "StoreReader":
        """The reader. Called by Spark.

        Raises:
            ConfigurationError: The columns are not those of `schema`.
        """
        if schema != self.schema():
            raise ConfigurationError("the source has columns of its own: leave .schema() out, and select what you need")
        return StoreReader(self._options)


class StoreReader(DataSourceReader):
    """Reads a store in each partition. Spark pickles it, with names and filters only."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pushed = Pushed()

    @property
    def pushFilters(self) -> "_PushFilters":  # type: ignore[override] # noqa: N802 - Spark's name
        """Takes filters, if Spark offers them."""
        return _PushFilters(self.push)

    def push(self, filters: Iterable[Any]) -> Iterator[Any]:
        """Take the filters that the API can answer, and yield the others."""
        for each in filters:
            taken = self._pushed.take(each)
            self._pushed = taken or self._pushed
            if taken is None:
                yield each

    def partitions(self) -> list[InputPartition]:
        """One for each store that the filters leave. If there is none, Spark makes one with the value None."""
        left = self._pushed.stores
        return [InputPartition(store) for store in self._options.stores if left is None or store in left]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The invoices of a store. Requests go on while Spark takes a batch, up to 4 pages ahead.

        Raises:
            ConfigurationError: A credential is missing or invalid. Raised before the first request.
            IncompleteWalkError: Invoices may be missing. The batches before it are then not the whole store.
            B2BError: As for `Invoices.iterate` and `arrow_batches`.
        """
        store = getattr(partition, "value", None)
        if store is None:
            return
        access, redis_url = self._options.access()[store], self._options.redis_url()
        with loop_thread() as run:
            batches = self._batches(store, access, redis_url)
            try:
                while (batch := run(_next(batches))) is not None:
                    yield batch
            except GeneratorExit:  # Spark needs no more rows
                run(batches.aclose())
                raise
            except Exception as error:
                error.add_note(f"store: {store}")
                raise

    async def _batches(self, store: str, access: Access, redis_url: str | None) -> AsyncGenerator[pa.RecordBatch]:
        async with _limiter(access, redis_url, self._options) as limiter, access.client(limiter) as client:
            walk = client.invoices.iterate(self._pushed.query, on_unreadable=_pass_over if self._options.best_effort else None)
            async with aclosing(arrow_batches(walk)) as batches:
                async for batch in batches:
                    if (kept := self._pushed.keep(batch)).num_rows:
                        yield kept.add_column(0, SCHEMA.field("store"), pa.repeat(pa.scalar(store), kept.num_rows))
        if walk.report.guarantee != "complete":
            problem = f"invoices of store {store} may be missing: {'; '.join(walk.report.anomalies)}"
            if not self._options.best_effort:
                error = IncompleteWalkError(f"{problem}; option accept = best_effort takes the rows")
                error.report = walk.report
                raise error
            logger.warning("%s", problem)


class _PushFilters:
    """The method `pushFilters` of a reader.

    If push-down is off, as it is by default, Spark refuses a reader that overrides this method. To find out, it looks at
    `__func__`. Without push-down the source is as right, and reads whole stores, so it must not be refused.
    """

    __func__: Any = staticmethod(getattr(DataSourceReader, "pushFilters", None) or (lambda: None))  # PySpark 4.0 has none

    def __init__(self, push: Callable[[Iterable[Any]], Iterator[Any]]) -> None:
        self._push = push

    def __call__(self, filters: Iterable[Any]) -> Iterator[Any]:
        return self._push(filters)


def _pass_over(error: DecodeError) -> None:
    logger.warning("an invoice is left out: %s", error)


@functools.cache
def _limiter_of_this_process(store: tuple[str, str | None], requests: int, per: float) -> RateLimiter:  # noqa: ARG001 - a key
    """One for each store: Spark uses a process again for tasks that follow, and earlier requests still count."""
    return RateLimiter(requests, per)


@asynccontextmanager
async def _limiter(access: Access, redis_url: str | None, options: Options) -> AsyncIterator[RateLimiter]:
    if redis_url is None:
        yield _limiter_of_this_process((access.store_hash, access.base_url), options.requests, options.per)
        return
    try:
        from redis.asyncio import Redis  # noqa: PLC0415 - whoever shares no quota needs no redis

        from bigcommerce_b2b_invoices.integrations.redis import RedisRateLimiter  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError("option redis needs the extra redis: pip install 'bigcommerce-b2b-invoices[redis]'") from None
    try:
        redis = Redis.from_url(redis_url)
    except ValueError:  # its text may show a password
        raise ConfigurationError(f"the environment variable {options.redis} does not hold the URL of a Redis") from None
    async with redis:
        limiter = RedisRateLimiter(redis, options.requests, options.per)
        try:
            yield limiter
        finally:
            await limiter.aclose()


async def _next(batches: AsyncGenerator[T]) -> T | None:
    return await anext(batches, None)
