"""Which receipts, or lines of receipts, to list, and in which order."""

from collections.abc import Iterable
from enum import StrEnum

import attrs
from attrs.validators import optional

from bigcommerce_b2b_invoices.models import checks
from bigcommerce_b2b_invoices.models.model import Model
from bigcommerce_b2b_invoices.models.payment import PaymentStatus
from bigcommerce_b2b_invoices.models.query import Direction


class ReceiptSortField(StrEnum):
    """Fields that receipts can be sorted by."""

    CUSTOMER_ID = "customerId"
    EXTERNAL_CUSTOMER_ID = "externalCustomerId"
    CREATED_AT = "createdAt"
    UPDATED_AT = "updatedAt"
    PAYMENT_ID = "paymentId"
    TOTAL = "total"
    TRANSACTION_TYPE = "transactionType"
    REFERENCE_NUMBER = "referenceNumber"


class ReceiptSearchField(StrEnum):
    """Fields of receipts that the API can search for `q`."""

    PAYER_NAME = "payerName"
    REFERENCE_NUMBER = "referenceNumber"
    CUSTOMER_ID = "customerId"
    EXTERNAL_ID = "externalId"
    EXTERNAL_CUSTOMER_ID = "externalCustomerId"


class ReceiptLineSortField(StrEnum):
    """Fields that lines of receipts can be sorted by."""

    CUSTOMER_ID = "customerId"
    EXTERNAL_CUSTOMER_ID = "externalCustomerId"
    CREATED_AT = "createdAt"
    UPDATED_AT = "updatedAt"
    RECEIPT_ID = "receiptId"
    INVOICE_ID = "invoiceId"
    AMOUNT = "amount"


class ReceiptLineSearchField(StrEnum):
    """Fields of lines of receipts that the API can search for `q`."""

    PAYER_NAME = "payerName"
    REFERENCE_NUMBER = "referenceNumber"
    CUSTOMER_ID = "customerId"
    EXTERNAL_ID = "externalId"
    EXTERNAL_CUSTOMER_ID = "externalCustomerId"
    PAYER_CUSTOMER_ID = "payerCustomerId"
    INVOICE_ID = "invoiceId"


def _statuses(values: Iterable[PaymentStatus | int]) -> tuple[PaymentStatus, ...]:
    return tuple(checks.as_member(PaymentStatus, value) for value in checks.as_tuple(values))


def _sort_field(value: ReceiptSortField | str | None) -> ReceiptSortField | None:
    return None if value is None else checks.as_member(ReceiptSortField, value)


def _search_field(value: ReceiptSearchField | str | None) -> ReceiptSearchField | None:
    return None if value is None else checks.as_member(ReceiptSearchField, value)


def _line_sort_field(value: ReceiptLineSortField | str | None) -> ReceiptLineSortField | None:
    return None if value is None else checks.as_member(ReceiptLineSortField, value)


def _line_search_field(value: ReceiptLineSearchField | str | None) -> ReceiptLineSearchField | None:
    return None if value is None else checks.as_member(ReceiptLineSearchField, value)


def _direction(value: Direction | str | None) -> Direction | None:
    return None if value is None else checks.as_member(Direction, value)


def _check_search(search_by: object, q: str | None) -> None:
    if search_by is not None and q is None:
        raise ValueError("search_by needs a q, which is the text to search for: without it the API would list everything")


@attrs.frozen(kw_only=True)
class ReceiptQuery(Model):
    """Which receipts to list. A receipt must match all the filters that are set. Source: GET /receipts.

    Attributes:
        payment_statuses: The payment has one of these statuses. A receipt does not show it, so the library cannot check it.
        search_by: The field to search for `q`; None: the API searches all of them.
        q: The text to search for. The API matches it loosely: a part of a field is enough.
        sort_by: By default creation.
        order_by: By default descending, and ascending in a walk.
    """

    payment_statuses: tuple[PaymentStatus, ...] = attrs.field(default=(), converter=_statuses)
    search_by: ReceiptSearchField | None = attrs.field(default=None, converter=_search_field)
    q: str | None = attrs.field(default=None, validator=optional(checks.filled))
    sort_by: ReceiptSortField | None = attrs.field(default=None, converter=_sort_field)
    order_by: Direction | None = attrs.field(default=None, converter=_direction)

    def __attrs_post_init__(self) -> None:
        _check_search(self.search_by, self.q)


@attrs.frozen(kw_only=True)
class ReceiptLineQuery(Model):
    """Which lines of receipts to list. A line must match all the filters that are set. Source: GET /receipt-lines.

    Attributes:
        payment_statuses: The payment has one of these statuses.
        search_by: The field to search for `q`; None: the API searches all of them.
        q: The text to search for. The API matches it loosely: a part of a field is enough, so 14 also finds invoice 114.
        sort_by: By default creation.
        order_by: By default descending, and ascending in a walk.
    """

    payment_statuses: tuple[PaymentStatus, ...] = attrs.field(default=(), converter=_statuses)
    search_by: ReceiptLineSearchField | None = attrs.field(default=None, converter=_line_search_field)
    q: str | None = attrs.field(default=None, validator=optional(checks.filled))
    sort_by: ReceiptLineSortField | None = attrs.field(default=None, converter=_line_sort_field)
    order_by: Direction | None = attrs.field(default=None, converter=_direction)

    def __attrs_post_init__(self) -> None:
        _check_search(self.search_by, self.q)


@attrs.frozen(kw_only=True)
class ReceiptLineFields:
    """The fields of a listed line of a receipt that are checked against its query, and its id."""

    id: int | None = None
    receipt_id: int | None = None
    payment_status: PaymentStatus | int | None = None
