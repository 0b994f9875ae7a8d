"""The answer to one request for invoices, read without any I/O.

The checks need more than the client shows: headers, keys and types as they came. So an answer holds the raw rows beside the
invoices that the library makes of them.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

import attrs

from bigcommerce_b2b_invoices import B2BError, Invoice, from_dict

Parameters: TypeAlias = tuple[tuple[str, str], ...]
Row: TypeAlias = Mapping[str, object]


@attrs.frozen(kw_only=True)
class Answer:
    """What came back for one request.

    Attributes:
        status: The worse of the HTTP status and the body's `code`; None if no answer came.
        problem: Why there are no rows, in words for a person; None if there are, or if the list is empty.
        is_api: Whether the body is an envelope of the API, and not a page of something in front of it.
        headers: Header name in lower case -> value.
        rows: The rows as they came.
        invoices: The rows that the library can read.
        total: The server's count of all matching invoices; None if it does not say.
        limit: The limit that the server says it applied; None if it does not say.
        time: The middle between sending and answer by this machine's clock, in epoch seconds.
    """

    status: int | None = None
    problem: str | None = None
    is_api: bool = False
    headers: Mapping[str, str] = attrs.field(factory=dict)
    rows: tuple[Row, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    total: int | None = None
    limit: int | None = None
    time: float = 0.0

    @property
    def is_refused(self) -> bool:
        """Whether the server refused the parameters of the request."""
        return self.status in (400, 422)


def read_answer(http_status: int, headers: Mapping[str, str], body: bytes, *, time: float) -> Answer:
    """An answer that came as a whole.

    Args:
        http_status: The HTTP status.
        headers: Header name in lower case -> value.
        body: The body, decompressed.
        time: The middle between sending and answer by this machine's clock, in epoch seconds.
    """
    try:
        parsed = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        parsed = None
    envelope = parsed if isinstance(parsed, dict) else {}
    is_api = "code" in envelope or "meta" in envelope
    code, meta = _whole(envelope.get("code")), _object(envelope.get("meta"))
    pagination, data = _object(meta.get("pagination")), envelope.get("data")
    total, status = _whole(pagination.get("totalCount")), max(http_status, code or 0)
    rows = [] if data is None and total == 0 else data
    problem = _problem(status, is_list=isinstance(rows, list))
    seen = tuple(row for row in rows if isinstance(row, dict)) if problem is None and isinstance(rows, list) else ()
    return Answer(
        status=status,
        problem=problem,
        is_api=is_api,
        headers=headers,
        rows=seen,
        invoices=tuple(invoice for row in seen if (invoice := read_invoice(row)) is not None),
        total=total,
        limit=_whole(pagination.get("limit")),
        time=time,
    )


def read_invoice(row: Row) -> Invoice | None:
    """The invoice that the library makes of a row; None if the library cannot read the row."""
    try:
        return from_dict(Invoice, row)
    except (B2BError, ValueError):
        return None


def _problem(status: int, *, is_list: bool) -> str | None:
    if status == 200:
        return None if is_list else "the answer is not a list of invoices"
    return "the quota is used up (HTTP 429)" if status == 429 else f"the server answered with status {status}"


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
