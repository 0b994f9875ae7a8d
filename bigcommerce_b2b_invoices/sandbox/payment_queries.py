"""The lists of payments, receipts and receipt lines: filtered, searched and sorted as the official specification says.

A search is a keyword search: the keyword may stand anywhere in a field, in letters of any case. A wrong value gets a 422.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from yarl import URL

from .answers import Body
from .queries import Parameters
from .receipts import Receipts
from .rows import amount_of, objects_at

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
        rows = (row for row in rows if any(line.get("invoiceId") == invoice_id for line in objects_at(row["lineItems"])))
    if name is not None:
        rows = (row for row in rows if name.lower() in str(row["customerName"]).lower())
    if channels is not None:
        rows = (row for row in rows if row.get("channelId") in channels)
    return _page(parameters, rows, max_limit, PAYMENT_SORTS, PAYMENT_SEARCHES)


def receipts_page(url: URL, receipts: Receipts, payments: Mapping[int, Body], *, max_limit: int) -> Found:
    """The page that `GET /receipts` asks for."""
    parameters = Parameters(url)
    rows: Iterable[Body] = receipts.receipts.values()
    wanted = parameters.array("paymentStatus", digits_only=True)
    if wanted is not None:
        ids = {number for number, body in payments.items() if str(body["processingStatus"]) in wanted}
        rows = (row for row in rows if row["paymentId"] in ids)
    return _page(parameters, rows, max_limit, RECEIPT_SORTS, RECEIPT_SEARCHES)


def lines_page(url: URL, receipts: Receipts, receipt_id: int | None, *, max_limit: int) -> Found:
    """The page that a list of receipt lines asks for: those of one receipt, or of all."""
    parameters = Parameters(url)
    rows: Iterable[Body] = receipts.lines.values()
    if receipt_id is not None:
        rows = (row for row in rows if row["receiptId"] == receipt_id)
    wanted = parameters.array("paymentStatus", digits_only=True)
    if wanted is not None:
        rows = (row for row in rows if str(row["paymentStatus"]) in wanted)
    return _page(parameters, rows, max_limit, LINE_SORTS, LINE_SEARCHES, searched=receipts.with_payer)


def _page(
    parameters: Parameters,
    rows: Iterable[Body],
    max_limit: int,
    sorts: Mapping[str, str],
    searches: Collection[str],
    *,
    searched: Callable[[Body], Body] = lambda row: row,
) -> Found:
    """The page of the rows that match the search. `searched` is what a row is searched in."""
    offset, limit = parameters.page(max_limit)
    search_by, keyword = parameters.choice("searchBy", searches), parameters.text("q")
    sort_by = sorts[parameters.choice("sortBy", sorts) or "createdAt"]
    descending = parameters.choice("orderBy", ("ASC", "DESC")) != "ASC"
    parameters.check()
    if keyword is not None:
        fields, word = searches if search_by is None else (search_by,), keyword.lower()
        rows = (row for row in rows if any(word in str(searched(row).get(field) or "").lower() for field in fields))
    found = sorted(rows, key=lambda row: (*_rank(row.get(sort_by)), *_rank(row["id"])), reverse=descending)
    return Found(found[offset : offset + limit], len(found), offset, limit)


def _rank(value: object) -> tuple[int, int | Decimal, str]:
    """Values in one order: missing, numbers and money, texts."""
    if value is None:
        return 0, 0, ""
    if isinstance(value, dict):
        return 1, amount_of(value) or 0, ""
    if isinstance(value, int | Decimal):
        return 1, value, ""
    return 2, 0, str(value)
