"""Values as callers really pass them: sentinels, subclasses, numpy's numbers, and an application's own decimal context."""

import decimal
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from bigcommerce_b2b_invoices import Invoice, InvoiceChanges, InvoiceQuery, Money, RateLimiter, from_json, to_json
from bigcommerce_b2b_invoices.models.query import RowFields
from bigcommerce_b2b_invoices.wire import endpoints
from bigcommerce_b2b_invoices.wire.parameters import query_parameters
from bigcommerce_b2b_invoices.wire.values import EPOCH, read_time

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Whole:
    """A whole number as numpy has it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


class OddTime(datetime):
    """A datetime whose differences are not timedeltas."""

    def __sub__(self, other: Any) -> Any:
        raise OverflowError("differences are something else here")

    __rsub__ = __sub__


@pytest.mark.parametrize(
    "sentinel",
    [datetime.min, datetime.max, datetime(1, 1, 2), datetime(9999, 12, 31)],  # noqa: DTZ001, DTZ901 - they get a zone below
)
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))])
def test_an_aware_sentinel_means_no_bound(sentinel: datetime, zone: Any) -> None:
    query = InvoiceQuery(begin_date_at=sentinel.replace(tzinfo=zone), end_date_at=sentinel.replace(tzinfo=zone))

    assert query_parameters(query) == ()
    assert query.excludes(RowFields(id=1, created_at=NOON)) is None


def test_a_naive_sentinel_is_refused_like_any_naive_time() -> None:
    with pytest.raises(ValueError, match="naive"):
        InvoiceQuery(begin_date_at=datetime.min)  # noqa: DTZ901 - that is the point


def test_a_datetime_of_a_subclass_is_made_plain() -> None:
    odd = OddTime(2026, 1, 31, 12, tzinfo=UTC)

    query, changes = InvoiceQuery(begin_date_at=odd), InvoiceChanges(due_date=odd)

    assert type(query.begin_date_at) is type(changes.due_date) is datetime
    assert query_parameters(query) == (("beginDateAt", "1769860800"),)


def test_more_than_a_hundred_external_ids_are_refused_with_the_way_to_do_it() -> None:
    with pytest.raises(ValueError, match="find_by_external_id"):
        InvoiceQuery(external_ids=[str(number) for number in range(101)])
    assert len(InvoiceQuery(external_ids=[str(number) for number in range(100)]).external_ids) == 100


def test_any_whole_number_is_an_int_and_a_bool_is_none() -> None:
    number: Any = Whole(7)

    assert endpoints.get_invoice(number).request.path == "/invoices/7"
    assert InvoiceQuery(customer_id=number, channel_ids=[number]).channel_ids == (7,)
    assert InvoiceQuery(customer_id=number).customer_id == "7"
    assert RateLimiter(number).requests == 7
    assert ("limit", "7") in endpoints.list_invoices(InvoiceQuery(), offset=number, limit=number).request.query
    for call in (endpoints.get_invoice, endpoints.delete_invoice):
        with pytest.raises(TypeError, match="not bool"):
            call(True)  # noqa: FBT003 - that is the point


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20240131", datetime(2024, 1, 31, tzinfo=UTC)),
        ("20240230", EPOCH + timedelta(seconds=20240230)),  # not a day of the calendar: epoch seconds
        ("1617675497", datetime(2021, 4, 6, 2, 18, 17, tzinfo=UTC)),
        (20240131, EPOCH + timedelta(seconds=20240131)),
    ],
)
def test_eight_digits_that_are_a_day_are_that_day(text: object, expected: datetime) -> None:
    assert read_time(text) == expected


HOSTILE = [
    decimal.Context(prec=1),
    decimal.Context(prec=3, rounding=decimal.ROUND_UP, traps=[decimal.Inexact, decimal.Rounded]),
    decimal.Context(prec=2, traps=[]),
    decimal.Context(prec=5, Emax=2, Emin=-2, traps=[decimal.Overflow, decimal.Subnormal, decimal.FloatOperation]),
]
TEXT = '{"id":1,"dueDate":1617675497.123456,"openBalance":{"code":"USD","value":"12345678901234567890.12345"},"x":1.23456789}'


@pytest.mark.parametrize("context", HOSTILE, ids=range(4))
def test_the_applications_decimal_context_changes_nothing(context: decimal.Context) -> None:
    usual = from_json(Invoice, TEXT)

    with decimal.localcontext(context):
        read = from_json(Invoice, TEXT)
        text = to_json(read)

    assert (read, text) == (usual, to_json(usual)) == (usual, TEXT)


@pytest.mark.parametrize("context", HOSTILE, ids=range(4))
def test_nan_is_never_money(context: decimal.Context) -> None:
    with decimal.localcontext(context):
        for value in ('"NaN"', '"Infinity"', "1e999999999999999999999", '"1e99999999"'):
            with pytest.raises(Exception, match=r"amount|range"):
                from_json(Invoice, f'{{"id": 1, "openBalance": {{"code": "USD", "value": {value}}}}}')
        with pytest.raises(ValueError, match="finite"):
            Money("USD", Decimal("NaN"))
