"""The Spark source: its reader alone, and in a cluster of two executor processes that read sandboxes."""

import json
import os
import pickle
import shutil
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
import redis_server
from redis import Redis

from bigcommerce_b2b_invoices import AuthenticationError, ConfigurationError, DecodeError, IncompleteWalkError
from bigcommerce_b2b_invoices.export import ARROW_SCHEMA, UnfitError
from bigcommerce_b2b_invoices.sandbox import Sandbox

pytest.importorskip("pyspark", reason="needs the extra spark")

from pyspark.sql import datasource  # pyright: ignore[reportMissingImports]
from pyspark.sql.datasource import InputPartition  # pyright: ignore[reportMissingImports]

from bigcommerce_b2b_invoices.integrations.pyspark import SCHEMA, B2BInvoices, _limiter_of_this_process

needs_filters = pytest.mark.skipif(not hasattr(datasource, "Filter"), reason="pyspark 4.0 pushes no filters down")
NO_REDIS = redis_server.missing()
NO_JAVA = shutil.which("java") is None and "JAVA_HOME" not in os.environ
STORES = 20
INVOICES = 1500  # of each store
REQUESTS, PER = 10, 3.0  # the quota of each store; a walk takes 8 requests
CANARY = "canary-password-0123456789"


# ---- the reader alone ------------------------------------------------------------------------------------------------


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox(invoices=600, seed=4) as running:
        for name, value in environ_of("acme", running).items():
            monkeypatch.setenv(name, value)
        yield running


def environ_of(store: str, sandbox: Sandbox) -> dict[str, str]:
    prefix = f"B2B_STORE_{store.upper()}"
    return {
        f"{prefix}_HASH": sandbox.store_hash,
        f"{prefix}_TOKEN": sandbox.auth_token,
        f"{prefix}_BASE_URL": sandbox.base_url,
    }


def shown(sandbox: Sandbox, invoice_id: int) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.invoice(invoice_id) or {}
    return found


def reader(**options: str) -> Any:
    source = B2BInvoices({"stores": "acme", **options})
    return source.reader(source.schema())


def copied(of: Any) -> Any:
    """As Spark sends it to an executor."""
    return pickle.loads(pickle.dumps(of))  # noqa: S301 - our own


def rows(of: Any) -> list[dict[str, Any]]:
    return [row for partition in of.partitions() for batch in of.read(partition) for row in batch.to_pylist()]


def test_a_partition_is_a_store_and_its_batches_have_the_column_store_first(acme: Sandbox) -> None:
    made = reader()
    [partition] = made.partitions()
    batches = list(copied(made).read(partition))
    got = [row for batch in batches for row in batch.to_pylist()]

    assert all(batch.schema == SCHEMA for batch in batches)
    assert SCHEMA.names == ["store", *ARROW_SCHEMA.names]
    assert B2BInvoices({"stores": "acme"}).schema().fieldNames() == SCHEMA.names
    assert sorted(row["id"] for row in got) == list(acme.invoice_ids)
    assert {row["store"] for row in got} == {"acme"}
    assert any(row["extra_fields"] for row in got)
    assert acme.auth_token.encode() not in pickle.dumps([made, partition])


@needs_filters
def test_filters_save_requests_and_rows(acme: Sandbox) -> None:
    wanted = [each for each in acme.invoice_ids if shown(acme, each)["status"] == 2]
    made, whole = reader(), 4  # requests
    offered = [datasource.EqualTo(("status",), 2), datasource.GreaterThan(("open_balance",), 0)]
    left = list(made.pushFilters(offered))
    got = rows(copied(made))

    assert left == offered[1:]
    assert sorted(row["id"] for row in got) == wanted
    assert acme.request_count < whole
    assert acme.requests[0].query["status"] == "2"


@needs_filters
def test_a_filter_on_the_time_is_exact_though_the_api_counts_seconds(acme: Sandbox) -> None:
    time = 1_700_000_000
    wanted = [acme.add(createdAt=time + each) for each in range(-2, 3)][2]
    made = reader()

    assert list(made.pushFilters([datasource.EqualTo(("created_at",), datetime.fromtimestamp(time, UTC))])) == []
    assert [row["id"] for row in rows(made)] == [wanted]


@needs_filters
def test_a_filter_on_the_store_leaves_no_partition_and_no_request(acme: Sandbox) -> None:
    made = reader()

    assert list(made.pushFilters([datasource.EqualTo(("store",), "other")])) == []
    assert made.partitions() == []
    assert list(made.read(InputPartition(None))) == []  # Spark makes it up
    assert acme.request_count == 0


@needs_filters
def test_a_store_that_ignores_a_filter_is_an_error_that_names_the_store(acme: Sandbox) -> None:
    made = reader()
    list(made.pushFilters([datasource.EqualTo(("customer_id",), "no such company")]))
    whole = {"code": 200, "data": [acme.invoice(acme.invoice_ids[0])], "meta": {"pagination": {"totalCount": 1}}}
    acme.fail(body=whole, status=200)

    with pytest.raises(IncompleteWalkError) as raised:
        rows(made)
    assert raised.value.__notes__ == ["store: acme"]


@pytest.mark.parametrize(
    ("amount", "error"),
    [("many", DecodeError), ("0.0000000001", UnfitError)],
)
def test_a_row_that_would_be_missing_is_an_error(acme: Sandbox, amount: str, error: type[Exception]) -> None:
    acme.add(originalBalance={"code": "USD", "value": amount})

    with pytest.raises(error) as raised:
        rows(reader())
    assert raised.value.__notes__ == ["store: acme"]


def doubtful(acme: Sandbox) -> set[int]:
    """Have the store send two rows with the same id, so that nothing is proven. Returns the ids that come."""
    first, *others = (shown(acme, each) for each in acme.invoice_ids[:3])
    page = [{**first, "id": others[0]["id"]}, *others]
    acme.fail(status=200, body={"code": 200, "data": page, "meta": {"pagination": {"totalCount": 3, "offset": 0, "limit": 250}}})
    return set(acme.invoice_ids[1:3])


def test_a_walk_that_is_not_complete_is_an_error_with_the_reasons(acme: Sandbox) -> None:
    doubtful(acme)

    with pytest.raises(
        IncompleteWalkError, match=r"invoices of store acme may be missing: .*same id.*accept = best_effort"
    ) as raised:
        rows(reader())
    assert raised.value.report is not None
    assert raised.value.report.guarantee == "best_effort"


def test_best_effort_takes_the_rows_and_logs_the_reasons(acme: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    unreadable = acme.add(originalBalance={"code": "USD", "value": "many"})
    whole = {row["id"] for row in rows(reader(accept="best_effort"))}
    wanted = doubtful(acme)
    got = {row["id"] for row in rows(reader(accept="best_effort"))}

    assert whole == set(acme.invoice_ids) - {unreadable}
    assert got == wanted
    assert f"invoice {unreadable}" in caplog.text
    assert "invoices of store acme may be missing: " in caplog.text


def test_a_wrong_token_is_an_error_that_does_not_show_it(acme: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("B2B_STORE_ACME_TOKEN", CANARY)

    with pytest.raises(AuthenticationError) as raised:
        rows(reader())
    assert CANARY not in f"{raised.value!r} {raised.value.__notes__}"


def test_a_credential_that_is_missing_stops_all_stores_before_the_first_request(acme: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match="B2B_STORE_GLOBEX_TOKEN"):
        rows(reader(stores="acme,globex"))
    assert acme.request_count == 0


def test_columns_of_ones_own_are_refused() -> None:
    source = B2BInvoices({"stores": "acme"})

    with pytest.raises(ConfigurationError, match=r"leave \.schema"):
        source.reader(type(source.schema())([]))


def test_a_reader_that_is_left_early_leaves_no_thread_and_no_request(acme: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    before = threading.active_count()
    batches = reader().read(InputPartition("acme"))
    next(batches)
    batches.close()
    sent = acme.request_count
    time.sleep(0.05)

    assert (threading.active_count(), acme.request_count) == (before, sent)
    assert "error" not in caplog.text


def test_answers_are_taken_and_count_no_longer_while_spark_takes_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(invoices=3000, seed=5, latency=0.3) as sandbox:
        for name, value in environ_of("acme", sandbox).items():
            monkeypatch.setenv(name, value)
        batches = reader(requests="20", per="0.2").read(InputPartition("acme"))
        next(batches)  # other pages are asked for, ahead
        time.sleep(0.8)
        limiter = _limiter_of_this_process((sandbox.store_hash, sandbox.base_url), 20, 0.2)
        left = limiter.snapshot().used
        batches.close()

    assert left == 0


def test_tasks_of_one_process_share_the_quota_of_a_store(acme: Sandbox) -> None:
    options = {"requests": "5", "per": "0.7"}
    started = time.monotonic()
    for _ in range(2):  # 4 requests each
        assert len(rows(reader(**options))) == 600

    assert time.monotonic() - started >= 0.7


def test_a_url_of_redis_that_is_none_is_not_shown(acme: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUOTA_URL", f"redis://:{CANARY}/x@host:port")

    with pytest.raises(ConfigurationError, match="QUOTA_URL does not hold") as raised:
        rows(reader(redis="QUOTA_URL"))
    assert raised.value.__suppress_context__
    assert CANARY not in str(raised.value)
    assert acme.request_count == 0


# ---- a cluster -------------------------------------------------------------------------------------------------------


def in_a_cluster(test: Any) -> Any:
    """Skip the test if the cluster cannot be started, and let PySpark leave its sockets open."""
    marks = pytest.mark
    test = marks.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")(test)
    test = marks.skipif(NO_JAVA, reason="java is not installed (apt-get install default-jre-headless)")(test)
    return marks.timeout(120)(marks.skipif(NO_REDIS is not None, reason=NO_REDIS or "")(test))


@attrs.frozen
class Cluster:
    """Two executor processes, and the stores whose credentials their environment holds."""

    spark: Any
    stores: dict[str, Sandbox]
    events: Path
    secrets: tuple[str, ...]

    def read(self, **options: str) -> Any:
        wanted = {"stores": ",".join(self.stores), "redis": "QUOTA_URL", "requests": str(REQUESTS), "per": str(PER), **options}
        return self.spark.read.format("b2b_invoices").options(**wanted).load()

    def logs(self) -> Path:
        """The folder with what the executors print."""
        return Path(os.environ["SPARK_HOME"], "work", self.spark.sparkContext.applicationId)

    def executors(self) -> dict[str, int]:
        """The id of each executor, and its process: a child of our own Java process."""
        java = self.spark.sparkContext._gateway.proc.pid
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_text().split("\0")
            except OSError:
                continue  # it has ended
            if parent == java and "--executor-id" in words:
                found[words[words.index("--executor-id") + 1]] = int(folder.name)
        return found

    def ask(self, page: str) -> str:
        """A page of Spark's web server."""
        port = self.spark.sparkContext.uiWebUrl.rpartition(":")[2]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def executor_of(self, store: str) -> str | None:
        """The id of the executor that reads the store now, once Spark's web server knows it."""
        stages = f"/api/v1/applications/{self.spark.sparkContext.applicationId}/stages"
        index = list(self.stores).index(store)
        for stage in json.loads(self.ask(f"{stages}?status=active")):
            for task in json.loads(self.ask(f"{stages}/{stage['stageId']}/{stage['attemptId']}/taskList?length=100")):
                if task["index"] == index and task["status"] == "RUNNING":
                    return str(task["executorId"])
        return None


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    from pyspark.find_spark_home import _find_spark_home  # pyright: ignore[reportMissingImports]
    from pyspark.sql import SparkSession  # pyright: ignore[reportMissingImports]

    folder = tmp_path_factory.mktemp("spark")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        quota = stack.enter_context(redis_server.running(folder))
        with Redis(port=quota.port) as admin:
            admin.config_set("requirepass", CANARY)
        stores = {
            f"store{seed}": stack.enter_context(Sandbox(invoices=INVOICES, seed=seed, latency=0.02)) for seed in range(STORES)
        }
        for name, sandbox in stores.items():
            for variable, value in environ_of(name, sandbox).items():
                patch.setenv(variable, value)
        patch.setenv("QUOTA_URL", quota.url.replace("//", f"//:{CANARY}@"))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_HOME", _find_spark_home())
        settings = {
            "spark.ui.port": "0",
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": folder.as_uri(),
            "spark.eventLog.compress": "false",
            "spark.executor.cores": "1",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.local.dir": str(folder),
        }
        builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName("b2b_invoices")
        for key, value in settings.items():
            builder = builder.config(key, value)
        spark: Any = builder.getOrCreate()
        spark.dataSource.register(B2BInvoices)
        tokens = [sandbox.auth_token for sandbox in stores.values()]
        made = Cluster(spark, stores, folder, (CANARY, *tokens))
        logs = made.logs()
        try:
            yield made
        finally:
            java = spark.sparkContext._gateway.proc
            spark.stop()
            spark.sparkContext._gateway.shutdown()
            java.stdin.close()
            java.wait(10)
            shutil.rmtree(logs, ignore_errors=True)


def within(requests: list[float]) -> bool:
    """Whether no window holds more requests than the quota."""
    return all(late - early >= PER for early, late in zip(requests, requests[REQUESTS:], strict=False))


@in_a_cluster
def test_an_executor_that_is_killed_costs_no_invoice_and_no_quota(cluster: Cluster) -> None:
    for sandbox in cluster.stores.values():
        sandbox.clear()
    name, slow = list(cluster.stores.items())[9]
    slow.fail(times=1, delay=0.01)  # the first page
    slow.fail(times=4, delay=25.0)  # those that are asked for at once: they are under way until the executor is killed
    got: list[Any] = []
    reading = threading.Thread(target=lambda: got.extend(cluster.read().select("store", "id", "open_balance").collect()))
    reading.start()
    deadline = time.monotonic() + 100
    while len(slow.requests) < 5 or (victim := cluster.executor_of(name)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    earlier = {name: slow.requests}
    slow.clear()
    os.kill(cluster.executors()[victim], signal.SIGKILL)
    reading.join(deadline - time.monotonic())

    balances = {
        (name, each): shown(sandbox, each)["openBalance"]["value"]
        for name, sandbox in cluster.stores.items()
        for each in sandbox.invoice_ids
    }
    assert len(got) == STORES * INVOICES
    assert {(row.store, row.id): row.open_balance for row in got} == {key: Decimal(value) for key, value in balances.items()}
    assert len(slow.requests) >= 8, "it was read again"
    for name, sandbox in cluster.stores.items():
        assert within([request.at for request in (*earlier.get(name, ()), *sandbox.requests)]), name
    assert victim not in cluster.executors()


@in_a_cluster
@needs_filters
def test_filters_are_in_the_plan_and_save_requests(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    sandbox = cluster.stores["store3"]
    company = shown(sandbox, sandbox.invoice_ids[0])["customerId"]
    own = [each for each in sandbox.invoice_ids if shown(sandbox, each)["customerId"] == company]
    times = sorted(int(shown(sandbox, each)["createdAt"]) for each in sandbox.invoice_ids)

    def sent(condition: str, *, pushed: bool) -> tuple[int, int]:
        """How many rows came, for how many requests."""
        cluster.spark.conf.set("spark.sql.python.filterPushdown.enabled", str(pushed).lower())
        before = sum(each.request_count for each in cluster.stores.values())
        frame = cluster.read(stores="store3,store4").where(condition)
        rows = frame.count()
        frame.explain("formatted")
        return rows, sum(each.request_count for each in cluster.stores.values()) - before

    alone = f"store = 'store3' and customer_id = '{company}'"
    recent = f"store = 'store3' and created_at >= timestamp_seconds({times[-100]})"

    assert sent(alone, pushed=False) == (len(own), 16)
    assert "PushedFilters" not in capsys.readouterr().out
    rows, requests = sent(alone, pushed=True)
    plan = capsys.readouterr().out
    assert rows == len(own)
    assert requests < 8
    assert f"EqualTo(customer_id,{company})" in plan
    assert "EqualTo(store,store3)" in plan
    assert sent(recent, pushed=True) == (sum(time >= times[-100] for time in times), 1)
    assert sent("store = 'none'", pushed=True) == (0, 0)


@in_a_cluster
def test_no_credential_is_in_plan_ui_event_log_or_error(cluster: Cluster, tmp_path: Path) -> None:
    stale = tmp_path / "stores.json"
    stale.write_text(
        json.dumps({"store1": {"store_hash": "abc", "auth_token": CANARY, "base_url": cluster.stores["store1"].base_url}})
    )
    cluster.spark.sql("create or replace temporary view v using b2b_invoices options (stores 'store1', redis 'QUOTA_URL')")
    frame = cluster.spark.sql("select store, sum(open_balance) as open from v group by store")
    plan = frame._jdf.queryExecution().toString()
    assert len(frame.collect()) == 1
    with pytest.raises(Exception, match="AuthenticationError") as raised:
        cluster.read(stores="store1", credentials=str(stale)).collect()
    assert "store: store1" in str(raised.value)
    with pytest.raises(Exception, match="unknown option auth_token"):
        cluster.read(stores="store1", auth_token="another-one")
    texts = {"plan": plan, "error": str(raised.value)}
    application = cluster.spark.sparkContext.applicationId
    pages = (
        "/environment/",
        "/SQL/",
        "/SQL/execution/?id=0",
        "/jobs/",
        "/executors/",
        f"/api/v1/applications/{application}/environment",
    )
    texts |= {page: cluster.ask(page) for page in pages}
    files = [path for folder in (cluster.events, cluster.logs()) for path in folder.rglob("*") if path.is_file()]
    events = [path for path in files if application in path.name or "events" in path.name]
    texts |= {str(path): path.read_bytes().decode(errors="replace") for path in files}

    assert any("SparkListenerSQLExecutionStart" in path.read_text() for path in events)
    assert [(where, secret) for where, text in texts.items() for secret in cluster.secrets if secret in text] == []
