"""A query -> the parameters of its request."""

from collections.abc import Iterable

from bigcommerce_b2b_invoices.models.query import InvoiceQuery
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
