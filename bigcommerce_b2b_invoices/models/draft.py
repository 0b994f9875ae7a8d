"""What the client sends: a new invoice, or changes to one. Each object is checked when created, so a bad value is never sent."""

from collections.abc import Iterable
from datetime import datetime

import attrs
from attrs.validators import optional

from bigcommerce_b2b_invoices.models import checks
from bigcommerce_b2b_invoices.models.extra_field import ExtraField
from bigcommerce_b2b_invoices.models.facts import Form, written_as
from bigcommerce_b2b_invoices.models.invoice import InvoiceDetails, InvoiceSource, InvoiceStatus, Money
from bigcommerce_b2b_invoices.models.model import Model


def _status(value: InvoiceStatus | int | None) -> InvoiceStatus | None:
    return None if value is None else checks.as_member(InvoiceStatus, value)


def _source(value: InvoiceSource | int | None) -> InvoiceSource | None:
    return None if value is None else checks.as_member(InvoiceSource, value)


def _extra_fields(values: Iterable[ExtraField]) -> tuple[ExtraField, ...]:
    return checks.as_tuple(values)


def _time(value: datetime | None) -> datetime | None:
    """The time in whole seconds, as it is sent."""
    plain = checks.plain_time(value)
    return plain.replace(microsecond=0) if isinstance(plain, datetime) else plain


def _channel(value: int | None) -> int | None:
    return None if value is None else checks.whole_number(value, "channel_id")


_MONEY = checks.of_type(Money)
_TEXT = optional(checks.filled)
_TIME = optional(checks.aware)
_DETAILS = optional(checks.of_type(InvoiceDetails))
_EXTRA_FIELDS = checks.each(checks.of_type(ExtraField))


@attrs.frozen(kw_only=True)
class InvoiceDraft(Model):
    """A new invoice. A field that is None is not sent, and the API uses its default. Source: POST /invoices.

    Attributes:
        invoice_number: Must be unique in the store. Choose it before the first try: the number makes a repeated create safe.
        customer_id: Id of the B2B Edition company.
        open_balance: The amount still to be paid. If it is <= 0, the API sets the status to COMPLETED.
        due_date: By default the current time plus the days set in the B2B Edition control panel. Kept and sent in whole seconds.
        status: By default OPEN.
        order_number: The BigCommerce order id.
        issued_at: When the invoice was created; by default the current time. An `Invoice` has it as `created_at`. Kept and sent
            in whole seconds.
        source: By default B2B_EDITION.
        external_pdf_url: The URL of a PDF of at most 5 MB, on a host that allows cross-origin requests.
    """

    invoice_number: str = attrs.field(validator=checks.filled)
    customer_id: str = attrs.field(converter=checks.as_company_id, validator=checks.filled)
    original_balance: Money = attrs.field(validator=_MONEY, metadata=written_as(Form.MONEY_AS_NUMBER))
    open_balance: Money = attrs.field(validator=_MONEY, metadata=written_as(Form.MONEY_AS_NUMBER))
    type: str | None = attrs.field(default=None, validator=_TEXT)
    due_date: datetime | None = attrs.field(
        default=None, converter=_time, validator=_TIME, metadata=written_as(Form.WHOLE_SECONDS)
    )
    status: InvoiceStatus | None = attrs.field(default=None, converter=_status)
    order_number: str | None = attrs.field(default=None, validator=_TEXT)
    purchase_order_number: str | None = attrs.field(default=None, validator=_TEXT)
    issued_at: datetime | None = attrs.field(
        default=None, converter=_time, validator=_TIME, metadata=written_as(Form.WHOLE_SECONDS)
    )
    details: InvoiceDetails | None = attrs.field(default=None, validator=_DETAILS)
    source: InvoiceSource | None = attrs.field(default=None, converter=_source)
    external_id: str | None = attrs.field(default=None, validator=_TEXT)
    external_customer_id: str | None = attrs.field(default=None, validator=_TEXT)
    channel_id: int | None = attrs.field(default=None, converter=_channel)
    external_pdf_url: str | None = attrs.field(default=None, validator=_TEXT)
    terms_conditions: str | None = attrs.field(default=None, validator=_TEXT)
    extra_fields: tuple[ExtraField, ...] = attrs.field(default=(), converter=_extra_fields, validator=_EXTRA_FIELDS)


@attrs.frozen(kw_only=True)
class InvoiceChanges(Model):
    """Changes to an invoice. A field that is None stays as it is. Source: PUT /invoices/{invoiceId}.

    Attributes:
        details: Replaces all details of the invoice. Start from the details that you read.
        extra_fields: None leaves them as they are; a tuple is sent unchanged.
        created_at: The API allows this to be changed. Kept and sent in whole seconds.
        external_pdf_url: An empty text removes the link.
    """

    customer_id: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(checks.as_company_id), validator=_TEXT
    )
    external_customer_id: str | None = attrs.field(default=None, validator=_TEXT)
    external_id: str | None = attrs.field(default=None, validator=_TEXT)
    invoice_number: str | None = attrs.field(default=None, validator=_TEXT)
    type: str | None = attrs.field(default=None, validator=_TEXT)
    due_date: datetime | None = attrs.field(
        default=None, converter=_time, validator=_TIME, metadata=written_as(Form.WHOLE_SECONDS)
    )
    status: InvoiceStatus | None = attrs.field(default=None, converter=_status)
    purchase_order_number: str | None = attrs.field(default=None, validator=_TEXT)
    details: InvoiceDetails | None = attrs.field(default=None, validator=_DETAILS)
    source: InvoiceSource | None = attrs.field(default=None, converter=_source)
    original_balance: Money | None = attrs.field(default=None, validator=optional(_MONEY))
    open_balance: Money | None = attrs.field(default=None, validator=optional(_MONEY))
    created_at: datetime | None = attrs.field(
        default=None, converter=_time, validator=_TIME, metadata=written_as(Form.WHOLE_SECONDS)
    )
    external_pdf_url: str | None = attrs.field(default=None, validator=optional(checks.of_type(str)))
    extra_fields: tuple[ExtraField, ...] | None = attrs.field(
        default=None, converter=attrs.converters.optional(_extra_fields), validator=optional(_EXTRA_FIELDS)
    )
