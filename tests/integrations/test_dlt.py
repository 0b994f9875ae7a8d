"""The dlt source, into DuckDB and Parquet files, from sandboxes."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bigcommerce_b2b_invoices import B2BClient, ConfigurationError, Invoice, InvoiceChanges, InvoiceQuery, RateLimiter, to_json
from bigcommerce_b2b_invoices.sandbox import Sandbox

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
dlt: Any = pytest.importorskip("dlt", reason="needs the extra dlt")
pytest.importorskip("duckdb", reason="needs duckdb")

from dlt.pipeline.exceptions import PipelineStepFailed  # noqa: E402 # pyright: ignore[reportMissingImports]

from bigcommerce_b2b_invoices.integrations.dlt import StoreError, b2b_invoices  # noqa: E402
from bigcommerce_b2b_invoices.integrations.dlt_spool import DAY, Place  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # dlt and DuckDB warn of their own matters
CANARY = "canary-token-0123456789"
DAYS = 8 * DAY  # after so many seconds a weekly sweep is due

PROGRAM = """
import json, os, sys, dlt
from bigcommerce_b2b_invoices import B2BClient
from bigcommerce_b2b_invoices.integrations.dlt import b2b_invoices
access, folder = json.loads(sys.argv[1]), sys.argv[2]
pipeline = dlt.pipeline("b2b", destination=dlt.destinations.duckdb(folder + "/loaded.duckdb"), dataset_name="b2b", pipelines_dir=folder)
pipeline.run(b2b_invoices({"acme": lambda: B2BClient(**access)}), loader_file_format="parquet")
"""


def access(sandbox: Sandbox) -> dict[str, str]:
    return {"store_hash": sandbox.store_hash, "auth_token": sandbox.auth_token, "base_url": sandbox.base_url}


def maker(sandbox: Sandbox, **settings: Any) -> Callable[[], B2BClient]:
    return lambda: B2BClient(**{**access(sandbox), "rate_limiter": RateLimiter(1_000_000), **settings})


def pipeline_in(folder: Path) -> Any:
    database = dlt.destinations.duckdb(str(folder / "loaded.duckdb"))
    return dlt.pipeline("b2b", destination=database, dataset_name="b2b", pipelines_dir=str(folder))


def load(folder: Path, sweep: Any = "weekly", **stores: Callable[[], B2BClient]) -> Any:
    return pipeline_in(folder).run(b2b_invoices(stores, sweep=sweep), loader_file_format="parquet")


def query(folder: Path, text: str, *values: object) -> list[Any]:
    with pipeline_in(folder).sql_client() as client:
        return list(client.execute_sql(text, *values))


def invoices_of(sandbox: Sandbox) -> list[Invoice]:
    async def read() -> list[Invoice]:
        async with maker(sandbox)() as client:
            return [each async for each in client.invoices.iterate(InvoiceQuery(include_extra_fields=True))]

    return sorted(asyncio.run(read()), key=lambda invoice: invoice.id)


def change(sandbox: Sandbox, invoice_id: int, **fields: Any) -> None:
    async def update() -> None:
        async with maker(sandbox)() as client:
            await client.invoices.update(invoice_id, InvoiceChanges(**fields))

    asyncio.run(update())


def delete(sandbox: Sandbox, *ids: int) -> None:
    async def each() -> None:
        async with maker(sandbox)() as client:
            for invoice_id in ids:
                await client.invoices.delete(invoice_id)

    asyncio.run(each())


def assert_equal(folder: Path, store: str, sandbox: Sandbox) -> None:
    """Every row, amount and child, and no other."""
    wanted = invoices_of(sandbox)
    columns = "select id, raw, open_balance, original_balance, created_at, updated_at from invoices"
    found = query(folder, columns + " where store = %s order by id", store)
    amounts = [each.value if each else None for invoice in wanted for each in (invoice.open_balance, invoice.original_balance)]

    assert [row[0] for row in found] == [invoice.id for invoice in wanted]
    assert [row[1] for row in found] == [to_json(invoice) for invoice in wanted]
    assert [amount for row in found for amount in row[2:4]] == amounts
    assert [tuple(row[4:]) for row in found] == [(invoice.created_at, invoice.updated_at) for invoice in wanted]
    for table, parts in {"line_items": "line_items", "cost_lines": "cost_lines", "extra_fields": "extra_fields"}.items():
        joined = f"select i.id, count(*) from invoices i join invoices__{table} c on c._dlt_root_id = i._dlt_id"  # noqa: S608
        counted = query(folder, joined + " where i.store = %s group by 1 order by 1", store)
        assert [tuple(row) for row in counted] == [
            (each.id, len(getattr(each, parts))) for each in wanted if getattr(each, parts)
        ]
    orphans = "select count(*) from invoices__line_items where _dlt_root_id not in (select _dlt_id from invoices)"
    assert query(folder, orphans)[0][0] == 0


def sweep_is_due(folder: Path) -> None:
    """As if the last sweep were long ago."""
    with pipeline_in(folder).managed_state() as state:
        for kept in state["sources"]["b2b_invoices"]["resources"]["invoices"]["stores"].values():
            kept["place"]["swept_at"] -= DAYS


@pytest.fixture
def acme() -> Iterator[Sandbox]:
    with Sandbox(invoices=600, seed=4) as running:
        yield running


# ---- loads -----------------------------------------------------------------------------------------------------------


def test_two_stores_with_the_same_ids_are_loaded_and_followed(acme: Sandbox, tmp_path: Path) -> None:
    with Sandbox(invoices=400, seed=5) as globex:
        stores = {"acme": maker(acme), "globex": maker(globex)}
        load(tmp_path, **stores)
        change(acme, acme.invoice_ids[3], type="Changed")
        added = globex.add(invoiceNumber="N-1")
        delete(globex, globex.invoice_ids[0])
        load(tmp_path, **stores)
        sweep_is_due(tmp_path)
        load(tmp_path, **stores)

        assert set(acme.invoice_ids) & set(globex.invoice_ids)
        assert query(tmp_path, "select store from invoices where id = %s and invoice_number = 'N-1'", added)[0][0] == "globex"
        assert_equal(tmp_path, "acme", acme)
        assert_equal(tmp_path, "globex", globex)


def test_a_quiet_run_costs_two_requests_and_loads_nothing(acme: Sandbox, tmp_path: Path) -> None:
    load(tmp_path, acme=maker(acme))
    before = acme.request_count
    info = load(tmp_path, acme=maker(acme))

    assert (info.loads_ids, acme.request_count - before) == ([], 2)


def test_a_child_list_that_becomes_empty_is_emptied(acme: Sandbox, tmp_path: Path) -> None:
    number = next(invoice.id for invoice in invoices_of(acme) if invoice.line_items)
    load(tmp_path, acme=maker(acme))
    change(acme, number, extra_fields=(), details=None, type="x")

    async def empty() -> None:
        async with maker(acme)() as client:
            await client.invoices.update_details(number, lambda details: type(details)())

    asyncio.run(empty())
    load(tmp_path, acme=maker(acme))

    assert_equal(tmp_path, "acme", acme)


def test_each_store_keeps_to_its_own_quota(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stores = {
            f"store{number}": stack.enter_context(Sandbox(invoices=1500, seed=number, quota=6, quota_window=1.0, max_limit=250))
            for number in range(3)
        }
        load(tmp_path, **{name: maker(each, rate_limiter=RateLimiter(6, 1.0)) for name, each in stores.items()})

        assert [request.status for each in stores.values() for request in each.requests if request.status != 200] == []
        for name, each in stores.items():
            assert query(tmp_path, "select count(*) from invoices where store = %s", name)[0][0] == len(each.invoice_ids)


def test_a_text_that_looks_like_a_time_stays_a_text(tmp_path: Path) -> None:
    with Sandbox(invoices=0) as store:
        texts = ["2026-01-31T12:00:00Z", "soon"]
        for text in texts:
            shipments = [{"shipDate": text}]
            store.add(
                invoiceNumber=text, details={"details": {"shipments": shipments}}, openBalance={"code": "USD", "value": "0.1"}
            )
            load(tmp_path, acme=maker(store))

        assert [row[0] for row in query(tmp_path, "select ship_date from invoices__shipments order by 1")] == texts
        assert query(tmp_path, "select sum(open_balance) from invoices")[0][0] == Decimal("0.2")


def test_parquet_files_hold_exact_decimals(acme: Sandbox, tmp_path: Path) -> None:
    files = dlt.destinations.filesystem(bucket_url=str(tmp_path / "files"))
    pipeline = dlt.pipeline("files", destination=files, dataset_name="b2b", pipelines_dir=str(tmp_path))
    pipeline.run(b2b_invoices({"acme": maker(acme)}), loader_file_format="parquet")

    import pyarrow.parquet as pq

    [path] = (tmp_path / "files" / "b2b" / "invoices").glob("*.parquet")
    table = pq.read_table(path)
    wanted = {invoice.id: invoice.open_balance.value for invoice in invoices_of(acme) if invoice.open_balance}
    found = dict(zip(table["id"].to_pylist(), table["open_balance"].to_pylist(), strict=True))
    assert {number: value for number, value in found.items() if value is not None} == wanted
    assert str(table.schema.field("open_balance").type) == "decimal128(38, 9)"


def test_a_limited_run_moves_no_cursor(acme: Sandbox, tmp_path: Path) -> None:
    pipeline = pipeline_in(tmp_path)
    pipeline.run(b2b_invoices({"acme": maker(acme)}).add_limit(1), loader_file_format="parquet")
    load(tmp_path, acme=maker(acme))

    assert_equal(tmp_path, "acme", acme)


def test_the_source_can_be_read_without_a_pipeline(acme: Sandbox) -> None:
    dlt.current.pipeline().deactivate()
    source = b2b_invoices({"acme": maker(acme)})

    assert len({row["id"] for row in source.resources["invoices"]}) == 600
    assert {row["id"] for row in source.resources["extra_field_configs"]}


# ---- interruptions ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_first_load_that_is_killed_reads_no_page_twice_but_the_last(tmp_path: Path) -> None:
    with Sandbox(invoices=5000, seed=2, latency=0.15) as store:
        command = [sys.executable, "-c", PROGRAM, json.dumps(access(store)), str(tmp_path)]
        process = subprocess.Popen(command)
        while store.request_count < 12 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        pages = list((tmp_path / "b2b" / "b2b_invoices").glob("*/sweep/0*.parquet"))
        first = offsets(store)
        store.clear()
        load(tmp_path, acme=maker(store))
        again = [offset for offset in offsets(store) if offset in first]
        unseen = [offset for offset in first if offset >= 248 * len(pages)]  # sent, but not on the disk when it was killed

        assert process.returncode == -signal.SIGKILL
        assert 4 <= len(pages) <= 12
        assert len(again) <= len(unseen) + 1
        assert max(Counter(offsets(store)).values()) == 1
        assert_equal(tmp_path, "acme", store)


def offsets(store: Sandbox) -> list[int]:
    """Of the pages of the walk."""
    asked = [request.query for request in store.requests if request.path.endswith("/invoices") and request.method == "GET"]
    return [int(each.get("offset", 0)) for each in asked if each.get("sortBy") == "createdAt"]


def failed_after_the_walk(folder: Path, sandbox: Sandbox) -> None:
    """A run that fails beside the invoices, once all pages are on the disk."""

    def broken() -> Iterator[Any]:
        while not list(folder.glob("b2b/b2b_invoices/*/sweep/ended.json")):
            yield None
        raise ValueError("broken")

    source = b2b_invoices({"acme": maker(sandbox)})
    source.resources.add(dlt.resource(broken))
    with pytest.raises(PipelineStepFailed, match="broken"):
        pipeline_in(folder).run(source, loader_file_format="parquet")


def test_a_run_that_fails_beside_the_invoices_keeps_their_pages(acme: Sandbox, tmp_path: Path) -> None:
    failed_after_the_walk(tmp_path, acme)
    acme.clear()
    load(tmp_path, acme=maker(acme))

    assert offsets(acme) == []
    assert_equal(tmp_path, "acme", acme)


def test_a_row_that_changed_after_its_page_was_kept_is_loaded_in_its_last_version(acme: Sandbox, tmp_path: Path) -> None:
    failed_after_the_walk(tmp_path, acme)
    change(acme, acme.invoice_ids[5], type="Changed")
    load(tmp_path, acme=maker(acme))

    assert query(tmp_path, "select type from invoices where id = %s", acme.invoice_ids[5])[0][0] == "Changed"
    assert_equal(tmp_path, "acme", acme)


# ---- deletions -------------------------------------------------------------------------------------------------------


def test_a_sweep_deletes_what_is_gone_and_its_children(acme: Sandbox, tmp_path: Path) -> None:
    load(tmp_path, acme=maker(acme))
    delete(acme, *acme.invoice_ids[10:80])
    load(tmp_path, acme=maker(acme))
    kept = query(tmp_path, "select count(*) from invoices")[0][0]
    sweep_is_due(tmp_path)
    load(tmp_path, acme=maker(acme))

    assert kept == 600
    assert_equal(tmp_path, "acme", acme)


def test_an_invoice_that_a_page_left_out_is_not_deleted(acme: Sandbox, tmp_path: Path) -> None:
    load(tmp_path, acme=maker(acme))
    sweep_is_due(tmp_path)
    acme.fail(times=1, body=page_without(acme, acme.invoice_ids[0]), path="/invoices", method="GET")
    load(tmp_path, acme=maker(acme))

    assert query(tmp_path, "select count(*) from invoices")[0][0] == 600


def test_a_page_that_lacks_a_row_while_another_is_deleted_costs_no_row(acme: Sandbox, tmp_path: Path) -> None:
    load(tmp_path, acme=maker(acme))
    ordered = in_order(acme)
    delete(acme, *ordered[-51:])  # more than are asked for if the sweep is a proof
    lacking = min(ordered[260:440], key=lambda number: str((acme.invoice(number) or {})["updatedAt"]))
    before = len(acme.requests)
    assert len(invoices_of(acme)) == 549
    offset = sorted(int(dict(request.query)["offset"]) for request in acme.requests[before:])[2]  # 0, 0, the second page
    acme.fail(times=1, body=page_without(acme), path="/invoices", method="GET")
    acme.fail(times=1, body=page_without(acme, lacking, offset), path="/invoices", method="GET")
    delete(acme, ordered[0])  # after the page that lacks a row: the rows after it stay at their places
    sweep_is_due(tmp_path)
    load(tmp_path, acme=maker(acme))

    assert [row[0] for row in query(tmp_path, "select id from invoices order by id")] == sorted(ordered[:-51])


def in_order(store: Sandbox) -> list[int]:
    """The ids in the order of the list."""
    return sorted(store.invoice_ids, key=lambda number: (str((store.invoice(number) or {})["createdAt"]), number))


def page_without(store: Sandbox, missing: int | None = None, offset: int = 0) -> dict[str, Any]:
    """A page of the list, as a store would send it that leaves out an invoice."""
    rows = [store.invoice(number) for number in in_order(store) if number != missing][offset : offset + 250]
    pagination = {"totalCount": len(store.invoice_ids), "offset": offset, "limit": 250}
    return {"code": 200, "data": rows, "meta": {"message": "SUCCESS", "pagination": pagination}}


def test_a_gateways_404_deletes_nothing(acme: Sandbox, tmp_path: Path) -> None:
    load(tmp_path, acme=maker(acme))
    gone = acme.invoice_ids[7]
    delete(acme, gone)
    sweep_is_due(tmp_path)
    acme.fail(times=1, status=404, body="<html>", path=f"/invoices/{gone}", method="GET")
    with pytest.raises(PipelineStepFailed, match="store acme"):
        load(tmp_path, acme=maker(acme))
    kept = query(tmp_path, "select count(*) from invoices")[0][0]
    load(tmp_path, acme=maker(acme))

    assert kept == 600
    assert_equal(tmp_path, "acme", acme)


def test_a_sweep_that_would_delete_most_rows_deletes_none(
    acme: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(tmp_path, acme=maker(acme))
    delete(acme, *acme.invoice_ids[:300])
    sweep_is_due(tmp_path)
    with caplog.at_level(logging.WARNING, "bigcommerce_b2b_invoices"):
        load(tmp_path, acme=maker(acme))

    assert query(tmp_path, "select count(*) from invoices")[0][0] == 600
    assert "store acme: 300 or more of 600 invoices are gone" in caplog.text


def test_never_sweeps_no_second_time(acme: Sandbox, tmp_path: Path) -> None:
    load(tmp_path, "never", acme=maker(acme))
    sweep_is_due(tmp_path)
    acme.clear()
    load(tmp_path, "never", acme=maker(acme))

    assert offsets(acme) == []


def test_a_place_survives_the_state() -> None:
    place = Place(sweep=3, swept_at=1.5, is_complete=True, cursor="c", ids=frozenset({5, 1, 10**12}))

    assert Place.of_state(json.loads(json.dumps(place.as_state()))) == place
    assert len(json.dumps(Place(ids=frozenset(range(1, 3_000_000, 3))).as_state())) < 10_000


# ---- bad input and secrets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["0.1234567890123", "1234567890123456789012345678901"])
def test_an_amount_that_does_not_fit_names_store_and_invoice_and_leaves_nothing_pending(
    acme: Sandbox, tmp_path: Path, value: str
) -> None:
    odd = acme.add(invoiceNumber="odd", originalBalance={"code": "USD", "value": value})
    with pytest.raises(PipelineStepFailed) as caught:
        load(tmp_path, acme=maker(acme))
    pending = pipeline_in(tmp_path).has_pending_data
    delete(acme, odd)
    load(tmp_path, acme=maker(acme))

    assert f"store acme: invoice {odd}: original_balance is {value}" in str(caught.value)
    assert not pending
    assert_equal(tmp_path, "acme", acme)


def test_no_token_reaches_state_schema_trace_pages_or_database(acme: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(PipelineStepFailed, match="store acme"):
        load(tmp_path, acme=maker(acme, auth_token=CANARY))
    load(tmp_path, acme=maker(acme))
    change(acme, acme.invoice_ids[0], type="x")
    load(tmp_path, acme=maker(acme))

    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(texts) > 10
    assert not [text for text in texts if CANARY.encode() in text or acme.auth_token.encode() in text]


def test_a_missing_credential_is_named_before_the_first_request(acme: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(PipelineStepFailed, match=r"store globex: .*BIGCOMMERCE_STORE_HASH"):
        load(tmp_path, acme=maker(acme), globex=lambda: B2BClient.from_env({}))

    assert acme.request_count == 0


def test_two_names_of_one_store_are_refused(acme: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(PipelineStepFailed, match="store other: it has the same store hash as acme"):
        load(tmp_path, acme=maker(acme), other=maker(acme))

    assert acme.request_count == 0


def test_another_store_under_a_known_name_is_refused(acme: Sandbox, tmp_path: Path) -> None:
    load(tmp_path, acme=maker(acme))
    before = acme.request_count
    with pytest.raises(PipelineStepFailed, match="store acme: its rows came from another store hash"):
        load(tmp_path, acme=maker(acme, store_hash="another"))

    assert acme.request_count == before


def test_wrong_arguments_are_refused_at_once(acme: Sandbox) -> None:
    wrong: Any = b2b_invoices
    with pytest.raises(ConfigurationError, match="at least one store"):
        wrong({})
    with pytest.raises(TypeError, match="must map names"):
        wrong(["acme"])
    with pytest.raises(TypeError, match="store acme: give a function"):
        wrong({"acme": maker(acme)()})
    with pytest.raises(ConfigurationError, match="name of a store"):
        wrong({" ": maker(acme)})
    with pytest.raises(ValueError, match="never, daily, weekly"):
        wrong({"acme": maker(acme)}, sweep="monthly")


def test_the_error_of_a_store_can_be_pickled() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(StoreError("acme", "it is gone")))  # noqa: S301 - our own

    assert (str(error), error.store) == ("store acme: it is gone", "acme")
