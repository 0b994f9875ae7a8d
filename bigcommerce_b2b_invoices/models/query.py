"""Which invoices to list, and in which order."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

import attrs
from attrs.validators import optional

from bigcommerce_b2b_invoices.models import checks
from bigcommerce_b2b_invoices.models.invoice import Invoice, InvoiceStatus

SLACK = timedelta(seconds=1)  # the API compares whole seconds, and does not say whether the ends belong to the range


class SortField(StrEnum):
    """Fields that a list can be sorted by. There is no sort by id."""

    INVOICE_NUMBER = "invoiceNumber"
    CREATED_AT = "createdAt"
    CUSTOMER_ID = "customerId"
    EXTERNAL_CUSTOMER_ID = "externalCustomerId"
    DUE_DATE = "dueDate"
    UPDATED_AT = "updatedAt"
    IS_PENDING_PAYMENT = "isPendingPayment"
    OPEN_BALANCE = "openBalance"
    ORIGINAL_BALANCE = "originalBalance"
    STATUS = "status"


class SearchField(StrEnum):
    """Fields that `q` can be searched in."""

    INVOICE_NUMBER = "invoiceNumber"
    TYPE = "type"
    ORDER_NUMBER = "orderNumber"
    PURCHASE_ORDER_NUMBER = "purchaseOrderNumber"
    CUSTOMER_ID = "customerId"
    EXTERNAL_CUSTOMER_ID = "externalCustomerId"


class Direction(StrEnum):
    """Ascending or descending."""

    ASCENDING = "ASC"
    DESCENDING = "DESC"


def _status(value: InvoiceStatus | int | None) -> InvoiceStatus | None:
    return None if value is None else checks.as_member(InvoiceStatus, value)


def _sort_field(value: SortField | str | None) -> SortField | None:
    return None if value is None else checks.as_member(SortField, value)


def _search_field(value: SearchField | str | None) -> SearchField | None:
    return None if value is None else checks.as_member(SearchField, value)


def _direction(value: Direction | str | None) -> Direction | None:
    return None if value is None else checks.as_member(Direction, value)


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return checks.as_tuple(values)


def _numbers(values: Iterable[int]) -> tuple[int, ...]:
    return checks.as_tuple(values)


@attrs.frozen(kw_only=True)
class RowFields:
    """What of a listed invoice its query can be checked against."""

    id: int
    status: InvoiceStatus | int | None = None
    customer_id: str | None = None
    external_id: str | None = None
    channel_id: int | None = None
    created_at: datetime | None = None


@attrs.frozen(kw_only=True)
class InvoiceQuery:
    """Which invoices to list; everything that is set must hold. Source: GET /invoices.

    Attributes:
        customer_id: Id of the B2B Edition company; an int is taken too.
        customer_name: Name of the company.
        external_ids: Any of these ids in another system.
        channel_ids: Any of these BigCommerce channels.
        search_by: The field that `q` is searched in; None: all of `SearchField`.
        q: Text to search for. The API does not match exactly: compare again.
        begin_date_at: Made at this time or later; sent in whole seconds.
        end_date_at: Made at this time or earlier.
        sort_by: Without it a page has the newest first, and a walk goes by creation.
        order_by: Without it a walk goes upwards, and a page as the server likes.
        include_extra_fields: Whether the invoices of the list carry their extra fields.
    """

    status: InvoiceStatus | None = attrs.field(default=None, converter=_status)
    customer_id: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(checks.as_company_id), validator=optional(checks.filled)
    )
    customer_name: str | None = attrs.field(default=None, validator=optional(checks.filled))
    external_ids: tuple[str, ...] = attrs.field(default=(), converter=_texts, validator=checks.each(checks.filled))
    channel_ids: tuple[int, ...] = attrs.field(default=(), converter=_numbers, validator=checks.each(checks.of_type(int)))
    search_by: SearchField | None = attrs.field(default=None, converter=_search_field)
    q: str | None = attrs.field(default=None, validator=optional(checks.filled))
    begin_date_at: datetime | None = attrs.field(default=None, validator=optional(checks.aware))
    end_date_at: datetime | None = attrs.field(default=None, validator=optional(checks.aware))
    sort_by: SortField | None = attrs.field(default=None, converter=_sort_field)
    order_by: Direction | None = attrs.field(default=None, converter=_direction)
    include_extra_fields: bool = attrs.field(default=False, validator=checks.of_type(bool))

    def __attrs_post_init__(self) -> None:
        if self.search_by is not None and self.q is None:
            raise ValueError("search_by says where to search, but q does not say for what: the API would list everything")
        if self.begin_date_at and self.end_date_at and self.begin_date_at > self.end_date_at:
            raise ValueError("begin_date_at is later than end_date_at: no invoice can match")

    def excludes(self, invoice: Invoice | RowFields) -> str | None:
        """Name of the filter by which this invoice should not have been listed; None where it belongs.

        The server ignores what it does not know, and then lists every company's invoices: so each row is checked again. What the
        API compares loosely (`q`, `customer_name`) cannot be checked, and a status, channel or time that the row does not
        hold is let pass; a row without a company or external id is not.
        """
        if self.status is not None and invoice.status not in (self.status, None):
            return "status"
        if self.customer_id is not None and invoice.customer_id != self.customer_id:
            return "customer_id"
        if self.external_ids and invoice.external_id not in self.external_ids:
            return "external_ids"
        if self.channel_ids and invoice.channel_id not in (*self.channel_ids, None):
            return "channel_ids"
        if invoice.created_at is not None:
            if self.begin_date_at is not None and invoice.created_at < self.begin_date_at - SLACK:
                return "begin_date_at"
            if self.end_date_at is not None and invoice.created_at > self.end_date_at + SLACK:
                return "end_date_at"
        return None

    @property
    def can_exclude(self) -> bool:
        """Whether any filter is set that `excludes` checks."""
        filters = (self.status, self.customer_id, self.begin_date_at, self.end_date_at)
        return bool(self.external_ids or self.channel_ids) or any(each is not None for each in filters)
