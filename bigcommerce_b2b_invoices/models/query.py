"""Which invoices to list, and in which order."""

from collections.abc import Iterable
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from enum import StrEnum

import attrs
from attrs.validators import optional

from bigcommerce_b2b_invoices.models import checks
from bigcommerce_b2b_invoices.models.invoice import Invoice, InvoiceStatus
from bigcommerce_b2b_invoices.models.model import Model

MOST_EXTERNAL_IDS = 100  # in one query
SLACK = timedelta(seconds=1)  # the API compares whole seconds, and does not document whether a range includes its ends


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
    """Fields that the API can search for `q`."""

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
    return tuple(checks.whole_number(value, "each of channel_ids") for value in checks.as_tuple(values))


def _bound(value: datetime | None) -> datetime | None:
    """A time, or None for one of the sentinels that mean "no bound": the first and the last year that there is."""
    is_sentinel = isinstance(value, datetime) and value.utcoffset() is not None and value.year in (MINYEAR, MAXYEAR)
    return None if is_sentinel else checks.plain_time(value)


@attrs.frozen(kw_only=True)
class RowFields:
    """The fields of a listed invoice that `InvoiceQuery.excludes` checks, and its id."""

    id: int | None = None
    status: InvoiceStatus | int | None = None
    customer_id: str | None = None
    external_id: str | None = None
    channel_id: int | None = None
    created_at: datetime | None = None


@attrs.frozen(kw_only=True)
class InvoiceQuery(Model):
    """Which invoices to list. An invoice must match all the filters that are set. Source: GET /invoices.

    Attributes:
        customer_id: Id of the B2B Edition company; an int is also accepted.
        customer_name: The name of the company.
        external_ids: The invoice has one of these ids in another system.
        channel_ids: The invoice belongs to one of these BigCommerce channels.
        search_by: The field to search for `q`; None: all fields of `SearchField`.
        q: The text to search for. The API's match is not exact, so compare the results yourself.
        begin_date_at: The invoice was created at this time or later; sent in whole seconds.
        end_date_at: The invoice was created at this time or earlier; sent in whole seconds.
        sort_by: The field to sort by. None: a page has the newest invoices first, and a walk goes by creation.
        order_by: The direction. None: a walk goes in ascending order, and the server decides the direction of a page.
        include_extra_fields: Whether the listed invoices include their extra fields.
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
    begin_date_at: datetime | None = attrs.field(default=None, converter=_bound, validator=optional(checks.aware))
    end_date_at: datetime | None = attrs.field(default=None, converter=_bound, validator=optional(checks.aware))
    sort_by: SortField | None = attrs.field(default=None, converter=_sort_field)
    order_by: Direction | None = attrs.field(default=None, converter=_direction)
    include_extra_fields: bool = attrs.field(default=False, validator=checks.of_type(bool))

    def __attrs_post_init__(self) -> None:
        if len(self.external_ids) > MOST_EXTERNAL_IDS:
            raise ValueError(
                f"{len(self.external_ids)} external_ids make a URL that gateways refuse: use find_by_external_id, or at most "
                f"{MOST_EXTERNAL_IDS}"
            )
        if self.search_by is not None and self.q is None:
            raise ValueError("search_by needs a q, which is the text to search for: without it the API would list everything")
        if self.begin_date_at and self.end_date_at and self.begin_date_at > self.end_date_at:
            raise ValueError("begin_date_at is later than end_date_at: no invoice can match")

    def excludes(self, invoice: Invoice | RowFields) -> str | None:
        """The name of a filter that this invoice does not match; None if the invoice belongs in the list.

        The server ignores a filter that it does not know, and then lists the invoices of every company. So the library checks
        each row again. It cannot check `q` and `customer_name`, because the API matches them loosely. A row without a status,
        channel or time passes the filters on these fields. A row without a company id or external id does not pass.
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
        """Whether at least one filter that `excludes` checks is set."""
        filters = (self.status, self.customer_id, self.begin_date_at, self.end_date_at)
        return bool(self.external_ids or self.channel_ids) or any(each is not None for each in filters)
