"""Bad input is refused when the object is made, and the message names the field and the cure."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bigcommerce_b2b_invoices import (
    ExtraField,
    Invoice,
    InvoiceChanges,
    InvoiceContents,
    InvoiceDetails,
    InvoiceDraft,
    InvoiceHeader,
    InvoiceQuery,
    InvoiceStatus,
    LineItem,
    Money,
    SortField,
)

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - that is the point
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEN = Money("USD", Decimal(10))


def draft(**fields: Any) -> InvoiceDraft:
    return InvoiceDraft(**{"invoice_number": "N", "customer_id": "3", "original_balance": TEN, "open_balance": TEN, **fields})


REFUSED: list[tuple[Callable[..., object], dict[str, Any], type[Exception], str]] = [
    (Money, {"code": "USD", "value": 349.5}, TypeError, r"value must be a Decimal, not float: write Decimal\('349.5'\)"),
    (Money, {"code": "USD", "value": "349.5"}, TypeError, "write Decimal"),
    (Money, {"code": "USD", "value": True}, TypeError, "value"),
    (Money, {"code": "USD", "value": None}, TypeError, "value"),
    (Money, {"code": "USD", "value": Decimal("NaN")}, ValueError, "finite"),
    (Money, {"code": "USD", "value": Decimal("1e999")}, ValueError, "out of range"),
    (Money, {"code": 840, "value": Decimal(1)}, TypeError, "code must be str"),
    (Money, {"code": "USD", "value": Decimal("0e-999999")}, ValueError, "out of range"),
    (Money, {"code": "", "value": Decimal(1)}, ValueError, "code is empty"),
    (Money, {"code": "USD", "value": Decimal(1), "additional_properties": None}, TypeError, "additional_properties"),
    (LineItem, {"quantity": 1.5}, TypeError, "quantity"),
    (LineItem, {"unit_price": Decimal("3.5")}, TypeError, "unit_price must be Money"),
    (LineItem, {"sku": 5}, TypeError, "sku must be str"),
    (InvoiceDetails, {"header": "hello"}, TypeError, "header must be InvoiceHeader"),
    (InvoiceContents, {"line_items": [None]}, TypeError, "line_items must be LineItem"),
    (InvoiceHeader, {"order_date": NAIVE}, ValueError, "order_date is naive"),
    (InvoiceHeader, {"cost_lines": "abc"}, TypeError, "several values"),
    (ExtraField, {"field_name": "", "field_value": "x"}, ValueError, "field_name is empty"),
    (ExtraField, {"field_name": "n", "field_value": 5}, TypeError, "field_value"),
    (draft, {"invoice_number": ""}, ValueError, "invoice_number is empty"),
    (draft, {"invoice_number": " "}, ValueError, "invoice_number is empty"),
    (draft, {"invoice_number": "\ud800"}, ValueError, "surrogate"),
    (draft, {"invoice_number": 7}, TypeError, "invoice_number must be str"),
    (draft, {"customer_id": None}, TypeError, "customer_id"),
    (draft, {"customer_id": True}, TypeError, "customer_id"),
    (draft, {"original_balance": Decimal(10)}, TypeError, "original_balance must be Money"),
    (draft, {"due_date": NAIVE}, ValueError, "due_date is naive: give it a time zone"),
    (draft, {"due_date": 1617675497}, TypeError, "due_date must be an aware datetime, not int"),
    (draft, {"issued_at": NAIVE}, ValueError, "issued_at"),
    (draft, {"status": 3}, ValueError, "choose one of 0, 1, 2"),
    (draft, {"status": True}, TypeError, "InvoiceStatus"),
    (draft, {"source": "external"}, ValueError, "InvoiceSource"),
    (draft, {"channel_id": "1"}, TypeError, "channel_id must be an int"),
    (draft, {"channel_id": True}, TypeError, "channel_id"),
    (draft, {"details": {}}, TypeError, "details must be InvoiceDetails"),
    (draft, {"extra_fields": ["x"]}, TypeError, "extra_fields must be ExtraField"),
    (draft, {"external_id": ""}, ValueError, "external_id"),
    (draft, {"colour": "red"}, TypeError, "colour"),
    (InvoiceChanges, {"created_at": NAIVE}, ValueError, "created_at"),
    (InvoiceChanges, {"open_balance": 10}, TypeError, "open_balance"),
    (InvoiceChanges, {"external_pdf_url": 5}, TypeError, "external_pdf_url"),
    (InvoiceChanges, {"invoice_number": ""}, ValueError, "invoice_number"),
    (InvoiceChanges, {"order_number": "1"}, TypeError, "order_number"),
    (InvoiceQuery, {"companyId": "3"}, TypeError, "companyId"),
    (InvoiceQuery, {"external_ids": "abc"}, TypeError, "several values"),
    (InvoiceQuery, {"external_ids": [1]}, TypeError, "external_ids"),
    (InvoiceQuery, {"channel_ids": ["1"]}, TypeError, "channel_ids"),
    (InvoiceQuery, {"channel_ids": 1}, TypeError, "several values"),
    (InvoiceQuery, {"sort_by": "id"}, ValueError, "choose one of invoiceNumber, createdAt"),
    (InvoiceQuery, {"order_by": "up"}, ValueError, "choose one of ASC, DESC"),
    (InvoiceQuery, {"search_by": "invoiceNumber"}, ValueError, "search_by"),
    (InvoiceQuery, {"q": ""}, ValueError, "q is empty"),
    (InvoiceQuery, {"begin_date_at": NAIVE}, ValueError, "begin_date_at is naive"),
    (InvoiceQuery, {"begin_date_at": NOON, "end_date_at": NOON - timedelta(1)}, ValueError, "no invoice can match"),
    (InvoiceQuery, {"include_extra_fields": 1}, TypeError, "include_extra_fields must be bool"),
    (InvoiceQuery, {"status": 9}, ValueError, "InvoiceStatus"),
]


@pytest.mark.parametrize(("make", "fields", "error", "message"), REFUSED)
def test_bad_input_is_refused_with_a_message_that_helps(
    make: Callable[..., object], fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(**fields)


def test_what_is_unambiguous_is_taken() -> None:
    assert Money("USD", 10).value == Decimal(10)
    assert draft(customer_id=3).customer_id == "3"
    assert draft(status=1).status is InvoiceStatus.PARTIALLY_PAID
    assert InvoiceQuery(sort_by="createdAt").sort_by is SortField.CREATED_AT
    assert InvoiceQuery(external_ids=(id_ for id_ in ("a", "b"))).external_ids == ("a", "b")
    assert InvoiceChanges(external_pdf_url="").external_pdf_url == ""


@pytest.mark.parametrize(
    ("fields", "overdue"),
    [
        ({"due_date": NOON - timedelta(1)}, True),
        ({"due_date": NOON - timedelta(1), "open_balance": TEN, "status": 1}, True),
        ({"due_date": NOON}, False),
        ({"due_date": None}, False),
        ({"due_date": NOON - timedelta(1), "status": InvoiceStatus.COMPLETED}, False),
        ({"due_date": NOON - timedelta(1), "open_balance": Money("USD", 0)}, False),
        ({"due_date": NOON - timedelta(1), "open_balance": Money("USD", -5)}, False),
    ],
)
def test_overdue_is_past_due_with_something_to_pay(fields: dict[str, Any], overdue: bool) -> None:
    assert Invoice(id=1, **fields).is_overdue(NOON) is overdue


def test_overdue_judges_by_the_present_and_refuses_a_naive_time() -> None:
    assert Invoice(id=1, due_date=datetime.now(UTC) - timedelta(hours=1)).is_overdue()
    assert not Invoice(id=1, due_date=datetime.now(UTC) + timedelta(hours=1)).is_overdue()
    with pytest.raises(ValueError, match="naive"):
        Invoice(id=1).is_overdue(NAIVE)


def test_the_parts_of_the_details_are_at_hand_even_where_there_are_none() -> None:
    bare = Invoice(id=1)
    assert (bare.line_items, bare.shipments, bare.cost_lines, bare.billing_address, bare.shipping_addresses) == (
        (),
        (),
        (),
        None,
        (),
    )


EXCLUDED: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    ({"customer_id": "3"}, {"customer_id": "3"}, None),
    ({"customer_id": "3"}, {"customer_id": "4"}, "customer_id"),
    ({"customer_id": "3"}, {}, "customer_id"),
    ({"status": 0}, {"status": 0}, None),
    ({"status": 0}, {"status": 2}, "status"),
    ({"status": 0}, {}, None),
    ({"external_ids": ["a"]}, {"external_id": "b"}, "external_ids"),
    ({"external_ids": ["a", "b"]}, {"external_id": "b"}, None),
    ({"channel_ids": [1]}, {"channel_id": 2}, "channel_ids"),
    ({"channel_ids": [1]}, {}, None),
    ({"begin_date_at": NOON}, {"created_at": NOON - timedelta(seconds=2)}, "begin_date_at"),
    ({"begin_date_at": NOON}, {"created_at": NOON - timedelta(seconds=1)}, None),
    ({"end_date_at": NOON}, {"created_at": NOON + timedelta(seconds=2)}, "end_date_at"),
    ({"end_date_at": NOON}, {"created_at": NOON + timedelta(seconds=1)}, None),
    ({"end_date_at": NOON}, {}, None),
    ({"customer_name": "A", "q": "x"}, {"customer_name": "B"}, None),
]


@pytest.mark.parametrize(("query", "fields", "broken"), EXCLUDED)
def test_a_query_knows_which_rows_it_excludes(query: dict[str, Any], fields: dict[str, Any], broken: str | None) -> None:
    assert InvoiceQuery(**query).excludes(Invoice(id=1, **fields)) == broken
