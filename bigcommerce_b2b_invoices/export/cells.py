"""Single values of an invoice as text that a program can read back."""

from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from enum import Enum

from bigcommerce_b2b_invoices import LineItem, to_json

_OPAQUE = len('{"customFields":')


def iso_utc(time: datetime | None) -> str:
    """ISO 8601 in UTC, such as `2026-01-31T12:00:00Z`; empty for None."""
    if time is None:
        return ""
    try:
        return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:  # a time at the very edge of year 1 or 9999, which Python cannot express in UTC
        return time.isoformat()


def day_in(tz: tzinfo, time: datetime) -> date:
    """The calendar day of a time in a time zone."""
    try:
        return time.astimezone(tz).date()
    except OverflowError:  # in the first or last hours of the calendar
        return time.date()


def plain_amount(value: Decimal | None) -> str:
    """All the digits and no exponent, such as `1000.00`; empty for None."""
    return "" if value is None else format(value, "f")


def word(member: int | None) -> str:
    """The name of a status or a source, such as `partially_paid`; the number itself if it has no name; empty for None."""
    if isinstance(member, Enum):
        return member.name.lower()
    return "" if member is None else str(int(member))


def opaque(value: object) -> str | None:
    """Any JSON as the library writes it, with all the digits of a number; None if there is nothing."""
    if value is None or value == {}:
        return None
    return to_json(LineItem(custom_fields=value))[_OPAQUE:-1]  # a field that holds any JSON as it is
