"""Which payments to list, and in which order."""

from collections.abc import Iterable
from enum import StrEnum

import attrs
from attrs.validators import optional

from bigcommerce_b2b_invoices.models import checks, facts
from bigcommerce_b2b_invoices.models.model import Model
from bigcommerce_b2b_invoices.models.payment import Payment, PaymentStatus
from bigcommerce_b2b_invoices.models.query import Direction


class PaymentSortField(StrEnum):
    """Fields that payments can be sorted by."""

    MODULE_NAME = "moduleName"
    PROCESSING_STATUS = "processingStatus"
    APPLIED_STATUS = "appliedStatus"
    CREATED_AT = "createdAt"
    CUSTOMER_ID = "customerId"
    EXTERNAL_CUSTOMER_ID = "externalCustomerId"
    FUNDING_STATUS = "fundingStatus"
    UPDATED_AT = "updatedAt"
    TOTAL_AMOUNT = "totalAmount"


class PaymentSearchField(StrEnum):
    """Fields of payments that the API can search for `q`."""

    ID = "id"
    CUSTOMER_ID = "customerId"
    EXTERNAL_ID = "externalId"
    EXTERNAL_CUSTOMER_ID = "externalCustomerId"


def _status(value: PaymentStatus | int | None) -> PaymentStatus | None:
    return None if value is None else checks.as_member(PaymentStatus, value)


def _sort_field(value: PaymentSortField | str | None) -> PaymentSortField | None:
    return None if value is None else checks.as_member(PaymentSortField, value)


def _search_field(value: PaymentSearchField | str | None) -> PaymentSearchField | None:
    return None if value is None else checks.as_member(PaymentSearchField, value)


def _direction(value: Direction | str | None) -> Direction | None:
    return None if value is None else checks.as_member(Direction, value)


def _invoice_id(value: int | None) -> int | None:
    return None if value is None else checks.resource_id(value, "invoice_id")


def _numbers(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(checks.whole_number(value, "each of channel_ids") for value in checks.as_tuple(values))


@attrs.frozen(kw_only=True)
class LineFields:
    """The field of a listed payment's line that `PaymentQuery.excludes` checks."""

    invoice_id: int = attrs.field(metadata=facts.ID)


@attrs.frozen(kw_only=True)
class PaymentFields:
    """The fields of a listed payment that `PaymentQuery.excludes` checks, and its id."""

    id: int | None = None
    processing_status: PaymentStatus | int | None = None
    channel_id: int | None = None
    line_items: tuple[LineFields, ...] = attrs.field(default=(), metadata=facts.ESSENTIAL)


@attrs.frozen(kw_only=True)
class PaymentQuery(Model):
    """Which payments to list. A payment must match all the filters that are set. Source: GET /payments.

    The API has no filter by company or by date.

    Attributes:
        invoice_id: The payment has a line for this invoice.
        processing_status: The payment has this status.
        customer_name: The name of the company.
        search_by: The field to search for `q`; None: the API searches all of them.
        q: The text to search for. The API matches it loosely: a part of a field is enough.
        channel_ids: The payment belongs to one of these BigCommerce channels.
        sort_by: By default the API decides; a walk sorts by creation.
        order_by: By default descending, and ascending in a walk.
    """

    invoice_id: int | None = attrs.field(default=None, converter=_invoice_id)
    processing_status: PaymentStatus | None = attrs.field(default=None, converter=_status)
    customer_name: str | None = attrs.field(default=None, validator=optional(checks.filled))
    search_by: PaymentSearchField | None = attrs.field(default=None, converter=_search_field)
    q: str | None = attrs.field(default=None, validator=optional(checks.filled))
    channel_ids: tuple[int, ...] = attrs.field(default=(), converter=_numbers, validator=checks.each(checks.of_type(int)))
    sort_by: PaymentSortField | None = attrs.field(default=None, converter=_sort_field)
    order_by: Direction | None = attrs.field(default=None, converter=_direction)

    def __attrs_post_init__(self) -> None:
        if self.search_by is not None and self.q is None:
            raise ValueError("search_by needs a q, which is the text to search for: without it the API would list everything")

    def excludes(self, payment: Payment | PaymentFields) -> str | None:
        """The name of a filter that this payment does not match; None if the payment belongs in the list.

        The server ignores a filter that it does not know, so the library checks each row again. It cannot check `q` and
        `customer_name`, because the API matches them loosely. A row without a status or channel passes the filters on these
        fields. A row without a line for the invoice does not pass.
        """
        if self.invoice_id is not None and all(line.invoice_id != self.invoice_id for line in payment.line_items):
            return "invoice_id"
        if self.processing_status is not None and payment.processing_status not in (self.processing_status, None):
            return "processing_status"
        if self.channel_ids and payment.channel_id not in (*self.channel_ids, None):
            return "channel_ids"
        return None

    @property
    def can_exclude(self) -> bool:
        """Whether at least one filter that `excludes` checks is set."""
        return self.invoice_id is not None or self.processing_status is not None or bool(self.channel_ids)
