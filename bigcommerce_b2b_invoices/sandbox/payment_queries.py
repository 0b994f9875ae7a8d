"""The lists of payments, receipts and receipt lines: filtered, searched and sorted as the official specification says.

A search is a keyword search: the keyword may stand anywhere in a field, in letters of any case. A wrong value gets a 422.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from yarl import URL

from .answers import Body
from .payments import shares_of
from .queries import Parameters
from .rows import amount_of

PAYMENT_SORTS: Mapping[str, str] = {
    name: "total" if name == "totalAmount" else name
    for name in (
        "moduleName", "processingStatus", "appliedStatus", "createdAt", "customerId", "externalCustomerId", "fundingStatus",
        "updatedAt", "totalAmount",
    )
}  # fmt: skip
RECEIPT_SORTS: Mapping[str, str] = {
    name: name
    for name in (
        "customerId", "externalCustomerId", "createdAt", "updatedAt", "paymentId", "total", "transactionType", "referenceNumber",
    )
}  # fmt: skip
LINE_SORTS: Mapping[str, str] = {
    name: name for name in ("customerId", "externalCustomerId", "createdAt", "updatedAt", "receiptId", "invoiceId", "amount")
}
PAYMENT_SEARCHES = ("id", "customerId", "externalId", "externalCustomerId")
RECEIPT_SEARCHES = ("payerName", "referenceNumber", "customerId", "externalId", "externalCustomerId")
LINE_SEARCHES = (*RECEIPT_SEARCHES, "payerCustomerId", "invoiceId")


@dataclass(frozen=True, slots=True)
class Found:
    """A page, and how many rows match."""

    rows: list[Body]
    total: int
    offset: int
    limit: int


def payments_page(url: URL, rows: Iterable[Body], *, max_limit: int, is_searchable: Callable[[Body], bool]) -> Found:
    """The page that `GET /payments` asks for."""
    parameters = Parameters(url)
    status = parameters.choice("processingStatus", ("0", "1", "2", "3", "4"))
    invoice_id = parameters.whole("invoiceId")
    name = parameters.text("customerName")
    channels = parameters.array("channelIds", digits_only=True)
    if parameters.text("q"):
        rows = filter(is_searchable, rows)
    if status is not None:
        rows = (row for row in rows if row["processingStatus"] == int(status))
    if invoice_id is not None:
        rows = (row for row in rows if any(found == invoice_id for found, _, _ in shares_of(row)))
    if name is not None:
        rows = (row for row in rows if name.lower() in str(row["customerName"]).lower())
    if channels is not None:
        rows = (row for row in rows if row.get("channelId") in channels)
    return _page(parameters, rows, max_limit, PAYMENT_SORTS, PAYMENT_SEARCHES)


def receipts_page(url: URL, rows: Iterable[Body], *, max_limit: int, statuses: Mapping[object, object], is_line: bool) -> Found:
    """The page that a list of receipts, or of receipt lines, asks for. `statuses` are those of the payments."""
    parameters = Parameters(url)
    wanted = parameters.array("paymentStatus", digits_only=True)
    if wanted is not None:
        rows = (row for row in rows if str(statuses.get(row["paymentId"])) in wanted)
    sorts, searches = (LINE_SORTS, LINE_SEARCHES) if is_line else (RECEIPT_SORTS, RECEIPT_SEARCHES)
    return _page(parameters, rows, max_limit, sorts, searches)


def _page(
    parameters: Parameters, rows: Iterable[Body], max_limit: int, sorts: Mapping[str, str], searches: Collection[str]
) -> Found:
    offset, limit = parameters.page(max_limit)
    search_by, keyword = parameters.choice("searchBy", searches), parameters.text("q")
    sort_by = sorts[parameters.choice("sortBy", sorts) or "createdAt"]
    descending = parameters.choice("orderBy", ("ASC", "DESC")) != "ASC"
    parameters.check()
    if keyword is not None:
        fields = searches if search_by is None else (search_by,)
        rows = (row for row in rows if any(keyword.lower() in str(row.get(field) or "").lower() for field in fields))
    found = sorted(rows, key=lambda row: (*_rank(row.get(sort_by)), row["id"]), reverse=descending)
    return Found(found[offset : offset + limit], len(found), offset, limit)


def _rank(value: object) -> tuple[int, Decimal, str]:
    """Values in one order: missing, numbers and money, texts."""
    if value is None:
        return 0, Decimal(0), ""
    if isinstance(value, dict):
        return 1, amount_of(value) or Decimal(0), ""
    if isinstance(value, int | Decimal):
        return 1, Decimal(value), ""
    return 2, Decimal(0), str(value)
