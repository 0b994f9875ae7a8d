"""The tolerant reader and its writer: each row of the wire's type table, and nothing lost on the way through."""

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

from bigcommerce_b2b_invoices import (
    DecodeError,
    ExtraField,
    ExtraFieldConfig,
    ExtraFieldType,
    Invoice,
    InvoiceChanges,
    InvoiceDetails,
    InvoiceDraft,
    InvoiceQuery,
    InvoiceSource,
    InvoiceStatus,
    Money,
    from_json,
    to_json,
)
from bigcommerce_b2b_invoices.wire import converter
from bigcommerce_b2b_invoices.wire.json_text import read_json, write_json
from bigcommerce_b2b_invoices.wire.parameters import query_parameters

SAMPLES = Path(__file__).parent.parent / "samples"
NOON = datetime(2021, 4, 6, 2, 18, 17, tzinfo=UTC)


def sample(name: str) -> Any:
    return read_json((SAMPLES / f"{name}.json").read_bytes())


def invoice(**keys: Any) -> Invoice:
    """An invoice as read from JSON text, so that numbers are what the parser makes of them."""
    return converter.read(Invoice, read_json(json.dumps({"id": 1, **keys}).encode()))


READS = [
    ("customerId", "95075", "customer_id", "95075"),
    ("customerId", 95075, "customer_id", "95075"),
    ("externalId", None, "external_id", None),
    ("externalCustomerId", None, "external_customer_id", None),
    ("purchaseOrderNumber", None, "purchase_order_number", None),
    ("orderNumber", "104", "order_number", "104"),
    ("orderNumber", 104, "order_number", "104"),
    ("orderNumber", 104.0, "order_number", "104.0"),
    ("dueDate", 1617675497, "due_date", NOON),
    ("dueDate", "1617675497", "due_date", NOON),
    ("dueDate", 1617675497.5, "due_date", NOON + timedelta(seconds=0.5)),
    ("dueDate", None, "due_date", None),
    ("dueDate", "", "due_date", None),
    ("dueDate", -1, "due_date", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ("createdAt", "2021-04-06T02:18:17Z", "created_at", NOON),
    ("createdAt", "2021-04-06T02:18:17", "created_at", NOON),
    ("updatedAt", "2021-04-06T04:18:17+02:00", "updated_at", NOON),
    ("status", 1, "status", InvoiceStatus.PARTIALLY_PAID),
    ("status", "2", "status", InvoiceStatus.COMPLETED),
    ("status", 3, "status", 3),
    ("source", 0, "source", InvoiceSource.B2B_EDITION),
    ("source", 7, "source", 7),
    ("channelId", "1", "channel_id", 1),
    ("channelId", 1, "channel_id", 1),
    ("channelId", None, "channel_id", None),
    ("isPendingPayment", 0, "is_pending_payment", False),
    ("isPendingPayment", 1, "is_pending_payment", True),
    ("isPendingPayment", True, "is_pending_payment", True),
    ("details", None, "details", None),
    ("details", {}, "details", InvoiceDetails()),
    ("extraFields", [{"fieldName": "n", "fieldValue": 5}], "extra_fields", (ExtraField("n", "5"),)),
    ("extraFields", None, "extra_fields", ()),
]


@pytest.mark.parametrize(("key", "sent", "attribute", "expected"), READS)
def test_the_reader_takes_what_the_wire_really_sends(key: str, sent: object, attribute: str, expected: object) -> None:
    read = getattr(invoice(**{key: sent}), attribute)
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("349.5000", "349.5000"), (33.14, "33.14"), (0.0, "0.0"), (0, "0"), ("0", "0"), (-5, "-5"), ("1e2", "1E+2")],
)
def test_amounts_are_exact_however_they_are_written(value: object, expected: str) -> None:
    read = invoice(openBalance={"code": "USD", "value": value}).open_balance
    assert read is not None
    assert str(read.value) == expected


def test_no_digit_of_an_amount_passes_through_a_float() -> None:
    text = '{"id": 1, "openBalance": {"code": "USD", "value": 12345678901234567890.123456789}}'
    read = from_json(Invoice, text)
    assert read.open_balance
    assert str(read.open_balance.value) == "12345678901234567890.123456789"


def test_a_key_that_is_absent_reads_as_none() -> None:
    read = invoice()
    assert {getattr(read, field.name) for field in attrs.fields(Invoice) if field.default is None} == {None}


KEPT = [  # keys, the attribute that is then empty, and the object that keeps the key
    ({"customerId": True}, "customer_id"),
    ({"customerId": {"a": 1}}, "customer_id"),
    ({"dueDate": "soon"}, "due_date"),
    ({"dueDate": 10**17}, "due_date"),
    ({"dueDate": "0001-01-01T00:00:00+14:00"}, "due_date"),
    ({"dueDate": [1]}, "due_date"),
    ({"dueDate": ""}, "due_date"),
    ({"status": "open"}, "status"),
    ({"status": 1.5}, "status"),
    ({"isPendingPayment": 2}, "is_pending_payment"),
    ({"channelId": ""}, "channel_id"),
    ({"channelId": None}, "channel_id"),
    ({"openBalance": ""}, "open_balance"),
    ({"openBalance": []}, "open_balance"),
    ({"originalBalance": {}}, "original_balance"),
    ({"details": []}, "details"),
    ({"details": "x"}, "details"),
    ({"details": ""}, "details"),
    ({"extraFields": {}}, "extra_fields"),
    ({"extraFields": []}, "extra_fields"),
    ({"extraFields": ["x"]}, "extra_fields"),
    ({"extraFields": [{"fieldValue": "x"}]}, "extra_fields"),
]


@pytest.mark.parametrize(("keys", "attribute"), KEPT)
def test_what_a_field_cannot_hold_is_kept_and_written_back(keys: dict[str, object], attribute: str) -> None:
    read = invoice(**keys)

    assert getattr(read, attribute) in (None, ())
    assert json.loads(to_json(read)) == {"id": 1, **keys}
    assert list(read.additional_properties) == list(keys)


INSIDE_DETAILS: list[dict[str, Any]] = [
    {"header": ""},
    {"header": "x"},
    {"header": {"billingAddress": []}},
    {"header": {"billingAddress": "somewhere"}},
    {"header": {"costLines": {}}},
    {"header": {"costLines": [1]}},
    {"header": {"orderDate": "soon"}},
    {"details": {"lineItems": [{}, {"quantity": "two"}]}},
    {"details": {"lineItems": [{"quantity": ""}]}},
    {"details": {"lineItems": [{"unitPrice": "12.50"}]}},
    {"details": {"lineItems": [{"unitPrice": {"code": "USD", "value": "string"}}]}},
    {"details": {"shipments": None}},
    {"type": []},
]


@pytest.mark.parametrize("details", INSIDE_DETAILS)
def test_what_a_field_inside_details_cannot_hold_is_kept_where_it_was(details: dict[str, Any]) -> None:
    read = invoice(details=details)

    assert read.details is not None
    assert read.additional_properties == {}
    assert json.loads(to_json(read)) == {"id": 1, "details": details}


ESSENTIAL = [
    ({"openBalance": "12"}, "data.openBalance"),
    ({"openBalance": {"code": "USD"}}, "data.openBalance.value"),
    ({"openBalance": {"value": "1"}}, "data.openBalance.code"),
    ({"openBalance": {"code": "USD", "value": ""}}, "data.openBalance.value"),
    ({"openBalance": {"code": "USD", "value": "1,000.00"}}, "data.openBalance.value"),
    ({"openBalance": {"code": "USD", "value": "NaN"}}, "data.openBalance.value"),
    ({"openBalance": {"code": "USD", "value": True}}, "data.openBalance.value"),
    ({"openBalance": {"code": "USD", "value": "1e99"}}, "data.openBalance.value"),
    ({"originalBalance": {"code": "USD", "value": "0e-99"}}, "data.originalBalance.value"),
]


@pytest.mark.parametrize(("keys", "path"), ESSENTIAL)
def test_a_balance_that_cannot_be_read_is_reported_with_its_place(keys: dict[str, object], path: str) -> None:
    with pytest.raises(DecodeError) as raised:
        invoice(**keys)

    assert raised.value.path == path
    assert raised.value.invoice_id == 1
    assert raised.value.row == {"id": 1, **keys}
    assert raised.value.__context__ is None  # a chain would quote what the server sent


def test_a_field_that_was_set_wins_over_the_unreadable_value_that_was_kept() -> None:
    read = invoice(dueDate="soon", status="paid")

    assert json.loads(to_json(attrs.evolve(read, due_date=NOON))) == {"id": 1, "dueDate": 1617675497, "status": "paid"}


@pytest.mark.parametrize("row", [{}, {"id": None}, {"id": "9"}, {"id": -1}, {"id": True}, {"id": 2**63}, [], "x", None])
def test_a_row_without_a_sound_id_is_no_invoice(row: object) -> None:
    with pytest.raises(DecodeError, match=r"data\[1\]"):
        converter.read_all(Invoice, [{"id": 1}, row])


def test_the_place_of_an_unreadable_value_names_the_row() -> None:
    with pytest.raises(DecodeError) as raised:
        converter.read_all(Invoice, [{"id": 4}, {"id": 5, "openBalance": {"code": "USD", "value": "x"}}])
    assert (raised.value.path, raised.value.model, raised.value.invoice_id) == ("data[1].openBalance.value", "Money", 5)


@pytest.mark.parametrize("name", ["get_invoice_200", "list_200"])
def test_the_documentations_invoices_are_read_and_written_back_without_loss(name: str) -> None:
    data = sample(name)["data"]
    for row in data if isinstance(data, list) else [data]:
        read = converter.read(Invoice, row)
        assert read.additional_properties == {}
        assert converter.write(read) == row


def test_the_documentations_configs_are_read_and_written_back_without_loss() -> None:
    [row] = sample("extra_fields_200")["data"]
    read = converter.read(ExtraFieldConfig, row)
    assert (read.field_type, read.list_of_value) == (ExtraFieldType.TEXT, ("string",))
    assert converter.write(read) == row


def test_the_documentations_placeholder_invoice_is_refused_because_string_is_not_a_balance() -> None:
    with pytest.raises(DecodeError, match="originalBalance"):
        converter.read(Invoice, sample("get_invoice_placeholders")["data"])


def test_the_documentations_new_invoices_can_be_written() -> None:
    for name in ("create_with_details", "create_without_details"):
        body = sample(name)
        draft = InvoiceDraft(
            invoice_number="0000001",
            due_date=datetime.fromtimestamp(1619161808, UTC) if "dueDate" in body else None,
            status=0 if "status" in body else None,
            original_balance=Money("USD", Decimal(100)),
            open_balance=Money("USD", Decimal(100)),
            issued_at=datetime.fromtimestamp(1619161808, UTC) if "issuedAt" in body else None,
            details=converter.read(InvoiceDetails, body["details"]) if "details" in body else None,
            customer_id="12345",
            channel_id=1,
        )
        assert json.loads(write_json(converter.write(draft))) == body


def test_the_documentations_changes_can_be_written() -> None:
    open_balance = Money("USD", Decimal("12.0000"))
    body = sample("update_with_details")
    changes = InvoiceChanges(
        customer_id="3",
        due_date=datetime.fromtimestamp(1619826907, UTC),
        details=converter.read(InvoiceDetails, body["details"]),
        open_balance=open_balance,
    )
    assert converter.write(changes) == body
    assert converter.write(InvoiceChanges(open_balance=open_balance)) == sample("update_without_details")


def test_post_writes_balances_as_numbers_and_put_as_texts() -> None:
    money = Money("USD", Decimal("100.10"))
    draft = InvoiceDraft(invoice_number="1", customer_id=3, original_balance=money, open_balance=money)
    assert '"openBalance":{"code":"USD","value":100.10}' in write_json(converter.write(draft))
    assert '"openBalance":{"code":"USD","value":"100.10"}' in write_json(converter.write(InvoiceChanges(open_balance=money)))


def test_amounts_and_quantities_in_details_are_written_as_texts_without_an_exponent() -> None:
    item = {"quantity": 2, "unitPrice": {"code": "JPY", "value": "1e3"}}
    details = converter.read(InvoiceDetails, {"details": {"lineItems": [item]}})
    assert converter.write(details) == {
        "details": {"lineItems": [{"quantity": "2", "unitPrice": {"code": "JPY", "value": "1000"}}]}
    }


def test_times_in_requests_are_whole_seconds() -> None:
    late = NOON + timedelta(microseconds=999_999)
    assert converter.write(InvoiceChanges(due_date=late, created_at=late)) == {"dueDate": 1617675497, "createdAt": 1617675497}


def test_a_time_of_another_zone_is_written_as_the_same_instant() -> None:
    local = NOON.astimezone(timezone(timedelta(hours=-7)))
    assert converter.write(InvoiceChanges(due_date=local)) == {"dueDate": 1617675497}


def test_unknown_keys_survive_at_every_level() -> None:
    unknown = {"productId": 7, "deep": {"list": [1, None, "x"]}}
    money = {"code": "USD", "value": "1", **unknown}
    item = {"unitPrice": money, "unitDiscount": money, **unknown}
    header = {"costLines": [{"amount": money, **unknown}], "billingAddress": unknown, "shippingAddresses": [unknown], **unknown}
    contents = {"lineItems": [item], "shipments": [unknown], **unknown}
    row = {
        "id": 1,
        "openBalance": money,
        "details": {"header": header, "details": contents, **unknown},
        "extraFields": [{"fieldName": "n", **unknown}],
        **unknown,
    }
    read = converter.read(Invoice, row)
    assert read.additional_properties == unknown
    assert read.line_items[0].additional_properties == unknown
    assert converter.write(read) == row


def test_null_and_empty_inside_details_stay_what_they_were() -> None:
    details: dict[str, object] = {
        "type": None,
        "header": {"costLines": [], "orderDate": None},
        "details": {"lineItems": [{"comments": ""}]},
    }
    assert converter.write(converter.read(InvoiceDetails, details)) == details


def test_a_field_that_was_set_wins_over_the_null_it_was_read_from() -> None:
    read = converter.read(InvoiceDetails, {"type": None})
    assert converter.write(attrs.evolve(read, type="Mine")) == {"type": "Mine"}


def test_a_time_inside_details_is_written_back_as_it_came() -> None:
    for sent in ("2026-01-31T10:00:00+02:00", "1583212344", 1583212344, ""):
        assert converter.write(converter.read(InvoiceDetails, {"header": {"orderDate": sent}})) == {"header": {"orderDate": sent}}
    read = converter.read(InvoiceDetails, {"header": {"orderDate": "2026-01-31"}})
    assert read.header
    changed = attrs.evolve(read, header=attrs.evolve(read.header, order_date=NOON))
    assert converter.write(changed) == {"header": {"orderDate": 1617675497}}


def test_what_a_caller_may_not_write_can_still_be_read() -> None:
    read = invoice(extraFields=[{"fieldName": "", "fieldValue": "x"}], openBalance={"code": "", "value": 1})
    assert read.extra_fields[0].field_name == ""
    assert read.open_balance
    assert read.open_balance.code == ""


def test_opaque_json_that_is_nested_too_deeply_is_refused() -> None:
    deep: object = 1
    for _ in range(70):
        deep = [deep]
    for keys in ({"x": deep}, {"details": {"header": {"customerFields": deep}}}):
        with pytest.raises(DecodeError, match="nested too deeply"):
            converter.read(Invoice, {"id": 1, **keys})


def test_custom_fields_are_opaque_and_keep_their_numbers() -> None:
    text = '{"details":{"lineItems":[{"customFields":{"a":1.10,"b":[2,null]}}]}}'
    assert to_json(from_json(InvoiceDetails, text)) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MONEY = st.fixed_dictionaries(
    {"code": st.text(), "value": st.decimals(-(10**9), 10**9, places=4) | st.integers(-(10**18), 10**18)}
)


@given(
    row=st.fixed_dictionaries(
        {"id": st.integers(0, 2**63 - 1)},
        optional={
            "customerId": st.text() | st.integers(),
            "openBalance": MONEY,
            "createdAt": st.integers(-(10**9), 10**10) | st.decimals(0, 10**9, places=6),
            "status": st.integers(0, 9),
            "details": st.fixed_dictionaries(
                {},
                optional={
                    "type": st.none() | st.text(),
                    "header": st.none()
                    | st.fixed_dictionaries({}, optional={"costLines": st.lists(st.fixed_dictionaries({"amount": MONEY}))}),
                    "other": JSON,
                },
            ),
            "unknownKey": JSON,
        },
    )
)
def test_an_invoice_is_the_same_after_being_written_and_read(row: dict[str, object]) -> None:
    read = converter.read(Invoice, row)
    assert from_json(Invoice, to_json(read)) == read


def test_models_can_be_hashed_copied_and_pickled() -> None:
    read = converter.read(Invoice, sample("get_invoice_200")["data"])
    assert pickle.loads(pickle.dumps(read)) == read  # noqa: S301 - our own bytes
    assert hash(attrs.evolve(read)) == hash(read)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        read.id = 3  # type: ignore[misc] # that is the point


def test_every_query_parameter_of_the_documentation_is_written() -> None:
    query = InvoiceQuery(
        status=1, customer_id=3, customer_name="Åkerlund & Søn", external_ids=["a", "b"], channel_ids=[1, 2],
        search_by="orderNumber", q="10%", begin_date_at=NOON, end_date_at=NOON + timedelta(microseconds=1),
        sort_by="createdAt", order_by="ASC", include_extra_fields=True,
    )  # fmt: skip
    assert sorted(query_parameters(query)) == [
        ("beginDateAt", "1617675497"),
        ("channelIds", "1"),
        ("channelIds", "2"),
        ("customerId", "3"),
        ("customerName", "Åkerlund & Søn"),
        ("endDateAt", "1617675497"),
        ("externalId[]", "a"),
        ("externalId[]", "b"),
        ("isIncludeExtraFields", "1"),
        ("orderBy", "ASC"),
        ("q", "10%"),
        ("searchBy", "orderNumber"),
        ("sortBy", "createdAt"),
        ("status", "1"),
    ]
    assert query_parameters(InvoiceQuery()) == ()


def test_from_json_says_what_is_wrong_with_a_text() -> None:
    with pytest.raises(DecodeError, match="not JSON"):
        from_json(Invoice, "{")
    with pytest.raises(TypeError, match="bytes"):
        from_json(Invoice, b"{}")  # type: ignore[arg-type] # that is the point
