"""Spans and histograms of real calls over HTTP, read back from the SDK's in-memory exporters."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import attrs
import pytest
from conftest import TOKEN, Scripted, connect
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram, HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from scripted_server import CLOSE, Stall, answer, envelope, raw

from bigcommerce_b2b_invoices import (
    B2BClient,
    ConnectFailedError,
    InvoiceChanges,
    InvoiceDraft,
    InvoiceQuery,
    Money,
    NotFoundError,
    OutcomeUnknownError,
    RateLimiter,
    RetryPolicy,
    bulk,
)
from bigcommerce_b2b_invoices.integrations.opentelemetry import instrument
from bigcommerce_b2b_invoices.sandbox import Sandbox

GOOD = envelope({"id": 9})
UNAVAILABLE = raw(b"<html>Service Unavailable</html>", 503)
NO_RETRY = RetryPolicy(attempts=1)
NAME = "Pemberton"
LABELS = {"http.request.method", "url.template", "server.address", "server.port", "http.response.status_code", "error.type"}


@attrs.frozen
class Telemetry:
    """A program's OpenTelemetry, and what it exported."""

    spans: InMemorySpanExporter = attrs.field(factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = attrs.field(factory=InMemoryMetricReader)
    tracing: TracerProvider = attrs.field(factory=TracerProvider)

    def settings(self, *, propagate: bool = False) -> Any:
        self.tracing.add_span_processor(SimpleSpanProcessor(self.spans))
        metering = MeterProvider(metric_readers=[self.reader])
        return instrument(tracer_provider=self.tracing, meter_provider=metering, propagate=propagate)

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans.get_finished_spans() if span.name == name]

    def points(self, name: str) -> Sequence[HistogramDataPoint]:
        data = self.reader.get_metrics_data()
        assert data is not None
        metrics = [metric for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]
        [found] = [metric for metric in metrics if metric.name == name]
        assert found.unit == "s"
        assert isinstance(found.data, Histogram)
        return found.data.data_points

    def everything(self) -> str:
        data = self.reader.get_metrics_data()
        return " ".join([*(span.to_json() for span in self.spans.get_finished_spans()), "" if data is None else data.to_json()])


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    each = Telemetry()
    yield each
    each.tracing.shutdown()


def is_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    return child.parent is not None and parent.context is not None and child.parent.span_id == parent.context.span_id


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_call_is_a_span_and_its_attempts_are_its_children(scripted: Scripted, telemetry: Telemetry) -> None:
    server, client = await scripted(GOOD, **telemetry.settings())
    await client.invoices.get(9)  # a client that was never answered well gives up sooner
    server.script(UNAVAILABLE, UNAVAILABLE, GOOD)
    telemetry.spans.clear()
    await client.invoices.get(9)

    [operation], attempts = telemetry.named("invoices.get"), telemetry.named("GET /invoices/{invoiceId}")
    assert (operation.kind, operation.parent, operation.status.status_code) == (SpanKind.CLIENT, None, StatusCode.UNSET)
    assert facts(operation) == {"b2b_invoices.store_hash": "abc123", "b2b_invoices.bulk": False}
    shared = {
        "http.request.method": "GET",
        "url.template": "/invoices/{invoiceId}",
        "url.full": f"{server.base_url}/invoices/9",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "b2b_invoices.store_hash": "abc123",
    }
    failed = {"http.response.status_code": 503, "error.type": "503"}
    assert [facts(attempt) for attempt in attempts] == [
        {**shared, **failed},
        {**shared, **failed, "http.request.resend_count": 1},
        {**shared, "http.response.status_code": 200, "http.request.resend_count": 2},
    ]
    assert [span.status.status_code for span in attempts] == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]
    assert {span.kind for span in attempts} == {SpanKind.CLIENT}
    assert all(is_child(attempt, operation) for attempt in attempts)


async def test_durations_and_waits_are_histograms_of_few_series(scripted: Scripted, telemetry: Telemetry) -> None:
    server, client = await scripted(GOOD, rate_limiter=RateLimiter(1, 0.3), **telemetry.settings())
    began = time.monotonic()
    await client.invoices.get(9)
    server.script(envelope({"id": 10}))
    await client.invoices.get(10)
    elapsed = time.monotonic() - began

    [duration], [wait] = telemetry.points("http.client.request.duration"), telemetry.points("b2b_invoices.quota.wait")
    series = {
        "http.request.method": "GET",
        "url.template": "/invoices/{invoiceId}",
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert dict(duration.attributes or {}) == {**series, "http.response.status_code": 200}
    assert dict(wait.attributes or {}) == series
    assert (duration.count, wait.count) == (2, 2)
    assert wait.sum > 0.28
    assert duration.sum + wait.sum < elapsed + 0.01
    assert list(duration.explicit_bounds) == [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
    assert max(wait.explicit_bounds) >= 60


async def test_a_cancelled_call_does_not_look_like_a_success(scripted: Scripted, telemetry: Telemetry) -> None:
    server, client = await scripted(Stall(), **telemetry.settings())
    request = asyncio.create_task(client.invoices.get(9))
    while not server.seen:
        await asyncio.sleep(0.005)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    attempt, operation = telemetry.spans.get_finished_spans()
    assert is_child(attempt, operation)
    for span in (attempt, operation):
        assert facts(span)["error.type"] == "CancelledError"
        assert span.status.status_code is StatusCode.ERROR
    [point] = telemetry.points("http.client.request.duration")
    assert (point.attributes or {})["error.type"] == "CancelledError"
    assert "http.response.status_code" not in facts(attempt)


async def test_a_span_of_the_caller_is_the_parent_of_a_walks_calls_and_stays_current(
    sandbox: Sandbox, telemetry: Telemetry
) -> None:
    current: set[int] = set()
    async with connect(sandbox, **telemetry.settings()) as client:
        with telemetry.tracing.get_tracer("test").start_as_current_span("job") as job:
            walk = client.invoices.iterate(InvoiceQuery(), page_size=7, prefetch=4)
            async for _ in walk:
                current.add(trace.get_current_span().get_span_context().span_id)
            async for _ in client.invoices.iterate(page_size=7):
                break  # requests that are under way are cancelled
            current.add(trace.get_current_span().get_span_context().span_id)
        assert trace.get_current_span() is trace.INVALID_SPAN

    [parent], pages, attempts = telemetry.named("job"), telemetry.named("invoices.page"), telemetry.named("GET /invoices")
    assert current == {job.get_span_context().span_id}
    assert len(pages) >= walk.report.requests > 8
    assert all(is_child(page, parent) for page in pages)
    assert all(sum(is_child(attempt, page) for page in pages) == 1 for attempt in attempts)
    assert {facts(page)["b2b_invoices.bulk"] for page in pages} == {True}


async def test_each_item_of_a_bulk_run_has_its_own_parent(sandbox: Sandbox, telemetry: Telemetry) -> None:
    tracer = telemetry.tracing.get_tracer("test")
    async with connect(sandbox, **telemetry.settings()) as client:

        async def get(invoice_id: int) -> None:
            with tracer.start_as_current_span(f"item {invoice_id}"):
                await client.invoices.get(invoice_id)

        [_ async for _ in bulk.run(get, sandbox.invoice_ids[:10], concurrency=4)]

    for invoice_id in sandbox.invoice_ids[:10]:
        [item] = telemetry.named(f"item {invoice_id}")
        [call] = [span for span in telemetry.named("invoices.get") if is_child(span, item)]
        [attempt] = [span for span in telemetry.named("GET /invoices/{invoiceId}") if is_child(span, call)]
        assert facts(attempt)["url.full"].endswith(f"/invoices/{invoice_id}")


@pytest.mark.parametrize("propagate", [False, True])
async def test_trace_headers_go_to_the_api_only_if_asked_for(scripted: Scripted, telemetry: Telemetry, propagate: bool) -> None:
    server, client = await scripted(UNAVAILABLE, GOOD, **telemetry.settings(propagate=propagate))
    with ExitStack() as stack:
        token = context.attach(baggage.set_baggage("tenant", "north"))
        stack.callback(context.detach, token)
        stack.enter_context(telemetry.tracing.get_tracer("test").start_as_current_span("job"))
        await client.invoices.get(9)

    attempts = telemetry.named("GET /invoices/{invoiceId}")
    expected = [f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}" for span in attempts if span.context is not None]
    sent = [seen.headers.get("traceparent") for seen in server.seen]
    assert [text and text.rpartition("-")[0] for text in sent] == (expected if propagate else [None, None])
    assert [seen.headers.get("baggage") for seen in server.seen] == (["tenant=north"] * 2 if propagate else [None, None])
    assert {seen.headers["x-auth-token"] for seen in server.seen} == {TOKEN}


async def test_nothing_that_is_exported_holds_a_credential_a_query_a_body_or_a_name(
    scripted: Scripted, telemetry: Telemetry
) -> None:
    refusal = answer({"code": 400, "message": f"{NAME} {TOKEN}", "data": {"customerName": NAME}}, 400, X_Request_Id=TOKEN)
    server, client = await scripted(refusal, retry=NO_RETRY, **telemetry.settings(propagate=True))
    money = Money("USD", Decimal("4711.29"))  # the point keeps it apart from a port, a time and an id in hexadecimal
    draft = InvoiceDraft(invoice_number=f"{NAME}-1", customer_id="3", original_balance=money, open_balance=money)
    for call in (
        client.invoices.page(InvoiceQuery(customer_name=NAME)),
        client.invoices.find(f"{NAME}-1"),
        client.invoices.create(draft),
        client.invoices.update(9, InvoiceChanges(invoice_number=NAME)),
    ):
        with pytest.raises(Exception, match=NAME):  # the caller's own error does name it
            await call
    server.script(envelope([{"id": 9, "customerName": NAME}], total=1))
    await client.invoices.page(InvoiceQuery(customer_name=NAME))

    exported = telemetry.everything()
    assert any(NAME in seen.target for seen in server.seen)
    assert "invoices.create" in exported
    assert [text for text in (TOKEN, NAME, "4711.29", "customerName", "?", "Traceback", "exception") if text in exported] == []
    assert all(span.events == () and span.status.description is None for span in telemetry.spans.get_finished_spans())


async def test_metrics_hold_nothing_that_differs_from_invoice_to_invoice_or_store_to_store(
    sandbox: Sandbox, telemetry: Telemetry
) -> None:
    async with connect(sandbox, retry=NO_RETRY, **telemetry.settings()) as client:
        for invoice_id in sandbox.invoice_ids[:20]:
            await client.invoices.get(invoice_id)
        with pytest.raises(NotFoundError):
            await client.invoices.get(1)

    points = [*telemetry.points("http.client.request.duration"), *telemetry.points("b2b_invoices.quota.wait")]
    assert {name for point in points for name in point.attributes or {}} == LABELS
    assert len(points) == 3
    assert sandbox.store_hash not in str([point.attributes for point in points])


@pytest.mark.parametrize(
    ("reply", "status", "error_type"),
    [
        (answer({"code": 404}, 404), 404, "404"),
        (answer({"code": 404, "data": {}, "meta": {"message": "no such"}}), 200, "NotFoundError"),
        (raw(b"nonsense"), 200, "ResponseError"),
        (CLOSE, None, "ResponseError"),
        (envelope({"id": 10}), 200, "DecodeError"),
    ],
)
async def test_a_failure_names_its_status_or_its_class(
    scripted: Scripted, telemetry: Telemetry, reply: Any, status: int | None, error_type: str
) -> None:
    _, client = await scripted(reply, retry=NO_RETRY, **telemetry.settings())
    with pytest.raises(Exception, match="invoices/9") as caught:
        await client.invoices.get(9)

    attempt, operation = telemetry.spans.get_finished_spans()
    assert (facts(attempt).get("http.response.status_code"), facts(attempt)["error.type"]) == (status, error_type)
    assert facts(operation)["error.type"] == type(caught.value).__name__
    assert {attempt.status.status_code, operation.status.status_code} == {StatusCode.ERROR}


async def test_a_connection_that_fails_is_an_attempt_without_a_status(telemetry: Telemetry) -> None:
    settings = telemetry.settings()
    async with B2BClient(
        store_hash="abc123", auth_token=TOKEN, base_url="http://127.0.0.1:9/api", retry=NO_RETRY, **settings
    ) as client:
        with pytest.raises(ConnectFailedError):
            await client.invoices.get(9)

    attempt, operation = telemetry.spans.get_finished_spans()
    assert facts(attempt)["error.type"] == facts(operation)["error.type"] == "ConnectFailedError"
    assert facts(attempt)["server.port"] == 9
    assert "http.response.status_code" not in facts(attempt)


async def test_a_write_whose_outcome_is_unknown_says_so(scripted: Scripted, telemetry: Telemetry) -> None:
    _, client = await scripted(UNAVAILABLE, retry=NO_RETRY, **telemetry.settings())
    with pytest.raises(OutcomeUnknownError):
        await client.invoices.update(9, InvoiceChanges(external_id="e"))

    [attempt], [operation] = telemetry.named("PUT /invoices/{invoiceId}"), telemetry.named("invoices.update")
    assert facts(attempt)["error.type"] == "503"
    assert facts(operation)["error.type"] == "OutcomeUnknownError"


async def test_a_derived_client_is_instrumented_as_its_parent(scripted: Scripted, telemetry: Telemetry) -> None:
    _, client = await scripted(GOOD, **telemetry.settings())
    await client.with_options(max_wait=1).invoices.get(9)

    assert len(telemetry.named("invoices.get")) == 1


async def test_without_an_sdk_nothing_is_made_and_every_call_works(scripted: Scripted) -> None:
    server, client = await scripted(UNAVAILABLE, GOOD, **instrument(propagate=True))
    assert (await client.invoices.get(9)).id == 9
    assert "traceparent" not in server.seen[-1].headers


def test_type_checkers_accept_the_settings() -> None:
    client = B2BClient(store_hash="abc123", auth_token=TOKEN, **instrument())
    environ = {"BIGCOMMERCE_STORE_HASH": "abc123", "BIGCOMMERCE_ACCESS_TOKEN": TOKEN}
    again = B2BClient.from_env(environ, **instrument())

    assert client.store_hash == again.store_hash


def test_without_opentelemetry_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import bigcommerce_b2b_invoices\n"
        "import bigcommerce_b2b_invoices.integrations.opentelemetry"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "ImportError: opentelemetry-api is missing: pip install 'bigcommerce-b2b-invoices[otel]'" in done.stderr


def test_a_client_without_an_instrument_does_not_import_opentelemetry() -> None:
    program = "import sys, bigcommerce_b2b_invoices; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
