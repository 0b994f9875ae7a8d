"""Makes OpenTelemetry spans and histograms of a client's calls: `B2BClient(..., **instrument())`.

Install `bigcommerce-b2b-invoices[otel]`. Each call makes one client span, such as `invoices.get`. Each of its attempts makes a
child span with the HTTP semantic conventions. Two histograms, in seconds: `http.client.request.duration` of each attempt, and
`b2b_invoices.quota.wait`, the time that each attempt waited for the quota before it was sent.

Neither holds a credential, a body, a query (it may name a customer) or the text of an error.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypedDict

from yarl import URL

try:
    from opentelemetry import propagate as propagation
    from opentelemetry.metrics import MeterProvider, get_meter
    from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider, get_tracer
except ImportError as _missing:
    raise ImportError("opentelemetry-api is missing: pip install 'bigcommerce-b2b-invoices[otel]'") from _missing

from bigcommerce_b2b_invoices import Instrument, Operation, Sending, __version__

NAME = "bigcommerce_b2b_invoices"
DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)  # as the semantic conventions say
WAITS = (0.01, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)  # the API's window has 60 seconds

Attributes = dict[str, str | int | bool]


class Instrumented(TypedDict):
    """The keyword argument for `B2BClient` and `B2BClient.from_env`."""

    instrument: Instrument


def instrument(
    *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None, propagate: bool = False
) -> Instrumented:
    """The keyword argument that instruments a client: `B2BClient(..., **instrument())`. Sends no request.

    The spans of a walk's requests are children of the span that is current in the loop over the walk.

    Args:
        tracer_provider: Makes the tracer; None means the global one.
        meter_provider: Makes the histograms; None means the global one.
        propagate: Whether to send the headers of your global propagator to the API. By default these are `traceparent`,
            `tracestate` and `baggage`, so your baggage leaves your systems.
    """
    return {"instrument": _OpenTelemetry(tracer_provider, meter_provider, propagate=propagate)}


class _OpenTelemetry:
    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None, *, propagate: bool) -> None:
        self._tracer = get_tracer(NAME, __version__, tracer_provider)
        self._propagate = propagate
        meter = get_meter(NAME, __version__, meter_provider)
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )
        self._wait = meter.create_histogram(
            "b2b_invoices.quota.wait",
            unit="s",
            description="Time that a request waited for the store's quota.",
            explicit_bucket_boundaries_advisory=WAITS,
        )

    @contextmanager
    def operation(self, operation: Operation) -> Iterator[None]:
        """A span around a call. It is current during the call only, so never in the body of a loop over a walk."""
        attributes: Attributes = {"b2b_invoices.store_hash": operation.store_hash, "b2b_invoices.bulk": operation.bulk}
        with self._span(operation.name, attributes) as span:
            try:
                yield
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise

    @contextmanager
    def attempt(self, sending: Sending) -> Iterator[None]:
        """A span around an attempt, and its two measurements."""
        operation, url = sending.operation, URL(sending.url)
        shared: Attributes = {
            "http.request.method": operation.method,
            "url.template": operation.route,
            "server.address": url.host or "",
            "server.port": url.port or 443,
        }
        more: Attributes = {"url.full": str(url.with_query(None)), "b2b_invoices.store_hash": operation.store_hash}
        if sending.attempt > 1:
            more["http.request.resend_count"] = sending.attempt - 1
        self._wait.record(sending.waited, shared)
        with self._span(f"{operation.method} {operation.route}", {**shared, **more}) as span:
            if self._propagate:
                propagation.inject(sending.headers)
            began = time.perf_counter()
            try:
                yield
            finally:
                seconds, end = time.perf_counter() - began, Attributes()
                if sending.status is not None:
                    end["http.response.status_code"] = sending.status
                if sending.error is not None:
                    end["error.type"] = _error_type(sending.status, sending.error)
                    span.set_status(StatusCode.ERROR)
                span.set_attributes(end)
                self._duration.record(seconds, {**shared, **end})  # while the span is current, so that an exemplar can name it

    def _span(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]:
        return self._tracer.start_as_current_span(
            name,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,  # its text and its frames may hold personal data
            set_status_on_exception=False,
        )


def _error_type(status: int | None, error: BaseException) -> str:
    """The HTTP status if it says what failed; otherwise the class of the error, such as CancelledError."""
    return str(status) if status is not None and status >= 400 else type(error).__name__
