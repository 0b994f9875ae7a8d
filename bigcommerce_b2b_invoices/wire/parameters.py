"""A query -> the parameters of its request."""

from collections.abc import Iterable

from bigcommerce_b2b_invoices.models.payment_query import PaymentQuery
from bigcommerce_b2b_invoices.models.query import InvoiceQuery
from bigcommerce_b2b_invoices.models.receipt_query import ReceiptLineQuery, ReceiptQuery
from bigcommerce_b2b_invoices.wire.values import whole_seconds


def array_parameter(name: str, values: Iterable[object]) -> list[tuple[str, str]]:
    """An array in a query: the name once for each value, which is OpenAPI's default. Only this function decides the form."""
    return [(name, str(value)) for value in values]


def query_parameters(query: InvoiceQuery) -> tuple[tuple[str, str], ...]:
    """The query parameters of GET /invoices, without offset and limit."""
    plain = {
        "status": None if query.status is None else str(query.status.value),
        "customerId": query.customer_id,
        "customerName": query.customer_name,
        "searchBy": query.search_by,
        "q": query.q,
        "beginDateAt": None if query.begin_date_at is None else str(whole_seconds(query.begin_date_at)),
        "endDateAt": None if query.end_date_at is None else str(whole_seconds(query.end_date_at)),
        "sortBy": query.sort_by,
        "orderBy": query.order_by,
        "isIncludeExtraFields": "1" if query.include_extra_fields else None,  # 0 or 1, not true or false
    }
    return (
        *((name, str(value)) for name, value in plain.items() if value is not None),
        *array_parameter("externalId[]", query.external_ids),
        *array_parameter("channelIds", query.channel_ids),
    )


def payment_parameters(query: PaymentQuery) -> tuple[tuple[str, str], ...]:
    """The query parameters of GET /payments, without offset and limit."""
    plain = {
        "invoiceId": query.invoice_id,
        "processingStatus": None if query.processing_status is None else query.processing_status.value,
        "customerName": query.customer_name,
        "searchBy": query.search_by,
        "q": query.q,
        "sortBy": query.sort_by,
        "orderBy": query.order_by,
    }
    return (
        *((name, str(value)) for name, value in plain.items() if value is not None),
        *array_parameter("channelIds", query.channel_ids),
    )


def receipt_parameters(query: ReceiptQuery | ReceiptLineQuery) -> tuple[tuple[str, str], ...]:
    """The query parameters of GET /receipts and of both lists of lines, without offset and limit."""
    plain = {"searchBy": query.search_by, "q": query.q, "sortBy": query.sort_by, "orderBy": query.order_by}
    return (
        *((name, str(value)) for name, value in plain.items() if value is not None),
        *array_parameter("paymentStatus[]", [status.value for status in query.payment_statuses]),
    )
