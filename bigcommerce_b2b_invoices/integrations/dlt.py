"""A dlt source of the invoices of one store or many: `pipeline.run(b2b_invoices({"acme": make_client}))`.

Install `bigcommerce-b2b-invoices[dlt]`, and what your destination needs, such as `dlt[duckdb]`. Pass
`loader_file_format="parquet"` to `pipeline.run`: dlt's other formats are slower, and one of them needs gigabytes of memory.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import attrs

try:
    dlt: Any = import_module("dlt")  # `import dlt` makes a type checker without dlt take this file for it
    from dlt.common.configuration.container import Container  # pyright: ignore[reportMissingImports]
    from dlt.common.pipeline import PipelineContext  # pyright: ignore[reportMissingImports]
    from dlt.extract import DltSource  # pyright: ignore[reportMissingImports]
except ImportError as _missing:
    raise ImportError("dlt is missing: pip install 'bigcommerce-b2b-invoices[dlt]'") from _missing

import pyarrow as pa

from bigcommerce_b2b_invoices import B2BClient, B2BError, ConfigurationError, ExtraFieldConfig, Failure, bulk, to_json
from bigcommerce_b2b_invoices.export import ARROW_SCHEMA, opaque
from bigcommerce_b2b_invoices.integrations.dlt_spool import Place, Spool, seconds_of
from bigcommerce_b2b_invoices.integrations.loop_thread import Run, loop_thread

T = TypeVar("T")
Stores: TypeAlias = Mapping[str, Callable[[], B2BClient]]
Rows: TypeAlias = list[dict[str, Any]]

AT_ONCE = 16  # stores that are read at the same time
TURN = 0.05  # seconds after which dlt gets a turn while we wait for a store, so that it can stop us or read other resources
KEYS: dict[str, Any] = {
    "store": {"data_type": "text", "nullable": False},
    "id": {"data_type": "bigint", "nullable": False},
    "deleted": {"data_type": "bool", "hard_delete": True},
}
CONFIG_COLUMNS: dict[str, Any] = {
    **KEYS,
    **{name: {"data_type": "bigint"} for name in ("field_type", "config_type")},
    **{name: {"data_type": "bool"} for name in ("is_required", "is_unique", "visible_to_enduser")},
    **{
        name: {"data_type": "text"}
        for name in ("uuid", "field_name", "default_value", "maximum_length", "number_of_rows", "maximum_value")
    },
    "additional_properties": {"data_type": "text"},
}


class StoreError(B2BError):
    """A store cannot be loaded, so the run fails and commits nothing. The cause is the error of the store.

    Attributes:
        store: The name of the store.
        problem: The text of the cause.
    """

    def __init__(self, store: str, problem: str) -> None:
        super().__init__(f"store {store}: {problem}")
        self.store: str = store
        self.problem: str = problem

    def __reduce__(self) -> tuple[type["StoreError"], tuple[str, str]]:
        return type(self), (self.store, self.problem)


def b2b_invoices(stores: Stores, *, sweep: Literal["never", "daily", "weekly"] = "weekly") -> DltSource:
    """A source with the resources `invoices` and `extra_field_configs`, for `pipeline.run`.

    Both merge on `store`, the key of the mapping, and `id`. `invoices` has the columns of `ARROW_SCHEMA`; its line items, cost
    lines, shipments and extra fields are child tables. Amounts are exact, times are in UTC.

    The first run reads each store whole. Later runs read what was changed, and a sweep reads the whole store again to find what
    was deleted. The source deletes a row only with proof: a complete walk did not find the invoice, or the API answered 404. A
    sweep that would delete more than a fifth of a store's rows, and more than 50, deletes none, and the log says so. If the first
    walk cannot prove that it missed nothing, the log says so, and a run on the next day reads the store again.

    The rows of a store go to the pipeline's working directory before dlt gets them. If a run was killed, the next run continues
    from there. It requests no page again except the last one, as long as you keep the directory. dlt's state holds the cursors,
    and the ids that were loaded, about a byte for each. Stores are read 16 at a time, each with its own quota.

    A run costs 2 requests for a quiet store, and a sweep about 1 for each 240 invoices. The rate limiter of a client knows only
    its own requests, so if runs follow each other within a minute, give each client of a store the same `RateLimiter`.

    To plain Parquet files, dlt appends instead of merging: each version of an invoice is a row, and a deletion is a row whose
    `deleted` is true. The row with the greatest `_dlt_load_id` is the latest.

    Args:
        stores: For each store a name of yours, and a function that makes a client. A run calls the functions once or twice, and
            closes the clients.
        sweep: How often to look for deleted invoices.

    Raises:
        ConfigurationError: There is no store.
        TypeError: The value for a store is not a function.
        ValueError: `sweep` is not one of the three choices.

    A run raises the error of the resource. Its cause is a StoreError that names the store: a credential is wrong, two names are
    the same store, the store cannot be read, or a column cannot hold a value, such as an amount beyond `decimal(38, 9)`. Nothing
    is then pending.
    """
    every = seconds_of(sweep)
    connections = _Connections(_checked(stores))

    def invoices() -> Iterator[Rows | None]:
        yield from _invoices(connections, every)

    def extra_field_configs() -> Iterator[Rows | None]:
        yield from _configs(connections)

    def resources() -> list[Any]:
        merge: dict[str, Any] = {"primary_key": ("store", "id"), "write_disposition": "merge"}
        return [
            dlt.resource(invoices, columns=_invoice_columns(), **merge),
            dlt.resource(extra_field_configs, columns=CONFIG_COLUMNS, **merge),
        ]

    source: DltSource = dlt.source(resources, name="b2b_invoices")()
    source.schema.remove_type_detection("iso_timestamp")  # a text that looks like a time stays a text
    return source


# ---- resources -------------------------------------------------------------------------------------------------------


def _invoices(connections: "_Connections", every: float) -> Generator[Rows | None]:
    state: dict[str, Any] = dlt.current.resource_state().setdefault("stores", {})
    with connections.opened() as (run, clients), _folder() as folder:
        spools = {}
        for store, client in clients.items():
            kept = state.get(store, {"store_hash": client.store_hash})
            if kept["store_hash"] != client.store_hash:
                raise StoreError(store, "its rows came from another store hash: give the store another name")
            place = Place.of_state(kept.get("place", {}))
            spools[store] = Spool(store, client, folder / _digest(store, *_identity(client)), place, every)
        fetched = yield from _waited(run, _of_each(spools, Spool.fetch))
        for store, each in fetched.items():
            for rows in each.rows():
                yield [
                    {"store": store, **{name: _filled(value) for name, value in row.items() if value is not None}} for row in rows
                ]
            if each.gone:
                yield [{"store": store, "id": number, "deleted": True} for number in each.gone]
        for store, each in fetched.items():  # dlt has taken everything
            state[store] = {"store_hash": clients[store].store_hash, "place": each.place.as_state()}


def _filled(value: object) -> object:
    """A list without the nulls of its structs: dlt warns of a column that has not had a value yet."""
    if isinstance(value, list):
        return [{name: each for name, each in part.items() if each is not None} for part in value]
    return value


def _configs(connections: "_Connections") -> Generator[Rows | None]:
    state: dict[str, Any] = dlt.current.resource_state().setdefault("stores", {})
    with connections.opened() as (run, clients):
        fetched = yield from _waited(run, _of_each(clients, _read_configs))
        places = {}
        for store, (configs, is_all) in fetched.items():
            kept = state.get(store, {})
            digest, ids = _digest(*map(to_json, configs)), [config.id for config in configs]
            missing = sorted(set(kept.get("ids", ())) - set(ids))
            places[store] = {"digest": digest, "ids": ids if is_all else [*ids, *missing]}
            if digest != kept.get("digest"):
                yield [{"store": store, **_config_row(config)} for config in configs]
                if is_all and missing:
                    yield [{"store": store, "id": number, "deleted": True} for number in missing]
        state.update(places)


async def _read_configs(client: B2BClient) -> tuple[list[ExtraFieldConfig], bool]:
    """All configs, and whether they came in one answer, so that none can be missing."""
    walk = client.extra_fields.iterate()
    configs = [config async for config in walk]
    return configs, walk.report.requests == 1 and walk.total_count == len(configs)


def _config_row(config: ExtraFieldConfig) -> dict[str, Any]:
    row = {name: getattr(config, name) for name in CONFIG_COLUMNS if name not in ("store", "deleted")}
    numbers = {name: None if row[name] is None else int(row[name]) for name in ("field_type", "config_type")}
    more = {"additional_properties": opaque(config.additional_properties), "list_of_value": list(config.list_of_value)}
    return {**row, **numbers, **more}


def _invoice_columns() -> dict[str, Any]:
    columns = dict(KEYS)
    for field in ARROW_SCHEMA:
        if field.name not in columns and not pa.types.is_list(field.type):
            columns[field.name] = _hint(field.type)
    return columns


def _hint(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_decimal(kind):
        return {"data_type": "decimal", "precision": kind.precision, "scale": kind.scale}
    if pa.types.is_timestamp(kind):
        return {"data_type": "timestamp", "timezone": True, "precision": 6}
    if pa.types.is_boolean(kind):
        return {"data_type": "bool"}
    return {"data_type": "bigint" if pa.types.is_integer(kind) else "text"}


# ---- clients ---------------------------------------------------------------------------------------------------------


@attrs.define
class _Connections:
    """The clients of the stores, and the loop they live in. Resources that are read at the same time share them."""

    stores: Stores
    _users: int = 0
    _stack: ExitStack = attrs.Factory(ExitStack)
    _opened: "tuple[Run, dict[str, B2BClient]] | None" = None

    @contextmanager
    def opened(self) -> "Iterator[tuple[Run, dict[str, B2BClient]]]":
        """Make the clients, unless another resource has made them. The last resource closes them."""
        if self._opened is None:
            clients = _clients(self.stores)
            run = self._stack.enter_context(loop_thread())
            self._stack.callback(lambda: run(_close(clients)))
            self._opened = run, clients
        self._users += 1
        try:
            yield self._opened
        finally:
            self._users -= 1
            if not self._users:
                self._opened = None
                self._stack.close()


def _checked(stores: Stores) -> dict[str, Callable[[], B2BClient]]:
    if not isinstance(stores, Mapping):
        raise TypeError(f"stores must map names to functions that make a client, not {type(stores).__name__}")
    if not stores:
        raise ConfigurationError("stores must name at least one store")
    given: Mapping[Any, object] = stores
    for store, make in given.items():
        if not isinstance(store, str) or not store.strip():
            raise ConfigurationError(f"the name of a store must be a text, not {store!r}")
        if not callable(make):
            raise TypeError(f"store {store}: give a function that makes a client, not {type(make).__name__}")
    return dict(stores)


def _clients(stores: Stores) -> dict[str, B2BClient]:
    clients: dict[str, B2BClient] = {}
    same: dict[object, str] = {}
    for store, make in stores.items():
        try:
            client = make()
        except B2BError as error:
            raise StoreError(store, str(error)) from error
        if not isinstance(client, B2BClient):
            raise TypeError(f"store {store}: its function must make a B2BClient, not {type(client).__name__}")
        other = same.setdefault(_identity(client), store)
        if other != store:
            raise StoreError(store, f"it has the same store hash as {other}, so each invoice would come twice")
        clients[store] = client
    return clients


def _identity(client: B2BClient) -> tuple[str, str]:
    return str(client.base_url.origin()), client.store_hash


async def _close(clients: Mapping[str, B2BClient]) -> None:
    for client in clients.values():
        await client.aclose()


# ---- waiting ---------------------------------------------------------------------------------------------------------


async def _of_each(stores: Mapping[str, Any], read: Callable[[Any], Coroutine[Any, Any, T]]) -> dict[str, T]:
    """What `read` finds for each store. The first error ends it."""
    found: dict[str, T] = {}
    async for outcome in bulk.run(lambda store: read(stores[store]), stores, concurrency=AT_ONCE):
        if isinstance(outcome, Failure):
            raise StoreError(outcome.item, str(outcome.error)) from outcome.error
        found[outcome.item] = outcome.result
    return {store: found[store] for store in stores}


def _waited(run: Run, coroutine: Coroutine[Any, Any, T]) -> Generator[None, None, T]:
    """Run it in the loop, and yield None again and again until it has ended: dlt then does something else."""
    task = run(_begun(coroutine))
    try:
        while not task.done():
            run(asyncio.wait([task], timeout=TURN))
            yield None
    finally:
        run(_cancelled(task))
    return task.result()


async def _begun(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    return asyncio.ensure_future(coroutine)


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])


# ---- names -----------------------------------------------------------------------------------------------------------


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]


@contextmanager
def _folder() -> Iterator[Path]:
    """Where pages wait for dlt: in the pipeline's working directory, or for one run if there is no pipeline."""
    context: Any = Container()[PipelineContext]
    if context.is_active():
        yield Path(dlt.current.pipeline().working_dir) / "b2b_invoices"
    else:
        with tempfile.TemporaryDirectory(prefix="b2b_invoices-") as name:
            yield Path(name)
