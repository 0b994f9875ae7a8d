"""The made-up invoices: the same each time, consistent in themselves, and of the types that the wire really has."""

import json
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from bigcommerce_b2b_invoices.sandbox.details import make_text
from bigcommerce_b2b_invoices.sandbox.generate import make_row_from_order, make_rows
from bigcommerce_b2b_invoices.sandbox.rows import Row, row_of
from bigcommerce_b2b_invoices.sandbox.words import EXTRA_FIELDS


def texts(seed: int, number: int) -> list[tuple[str, str]]:
    return [make_text(seed, "abc", row) for row in make_rows(seed, number)]


@pytest.fixture(scope="module")
def invoices() -> list[dict[str, Any]]:
    """Two thousand invoices as JSON, with their extra fields."""
    return [
        {**json.loads(invoice, parse_float=Decimal), "extraFields": json.loads(extra_fields)}
        for invoice, extra_fields in texts(0, 2000)
    ]


def test_a_seed_gives_the_same_invoices_each_time_and_another_seed_others() -> None:
    assert texts(3, 50) == texts(3, 50)
    assert texts(3, 50) != texts(4, 50)


def test_a_row_says_what_its_json_says(invoices: list[dict[str, Any]]) -> None:
    def told(row: Row) -> list[Any]:
        return [getattr(row, name) for name in Row.__slots__ if name not in ("text", "extra_fields")]

    for row, invoice in zip(make_rows(0, 2000), invoices, strict=True):
        assert told(row_of(invoice)) == told(row)


def test_ids_ascend_with_gaps_and_numbers_are_unique(invoices: list[dict[str, Any]]) -> None:
    ids = [invoice["id"] for invoice in invoices]
    assert ids == sorted(set(ids))
    assert ids[0] > 1
    assert ids[-1] - ids[0] >= len(ids)
    assert len({invoice["invoiceNumber"] for invoice in invoices}) == len(invoices)


def test_most_creation_times_ascend_with_the_ids_but_some_tie_and_some_are_back_dated(invoices: list[dict[str, Any]]) -> None:
    times = [int(invoice["createdAt"]) for invoice in invoices]
    steps = Counter((second > first) - (second < first) for first, second in pairwise(times))
    assert steps[1] > 0.9 * len(times)
    assert steps[0] > 20
    assert steps[-1] > 20
    assert max(times) - min(times) > 700 * 86_400


def test_the_open_balance_fits_the_status(invoices: list[dict[str, Any]]) -> None:
    for invoice in invoices:
        original, still_open = Decimal(invoice["originalBalance"]["value"]), Decimal(invoice["openBalance"]["value"])
        assert {0: still_open == original, 1: 0 < still_open < original, 2: still_open == 0}[invoice["status"]]
    assert {invoice["status"] for invoice in invoices} == {0, 1, 2}


def test_line_items_add_up_to_the_subtotal_and_cost_lines_to_the_original_balance(invoices: list[dict[str, Any]]) -> None:
    for details, original in ((invoice["details"], invoice["originalBalance"]) for invoice in invoices if invoice["details"]):
        costs = [Decimal(line["amount"]["value"]) for line in details["header"]["costLines"]]
        items = details["details"]["lineItems"]
        assert 1 <= len(items) <= 6
        assert sum(int(item["quantity"]) * Decimal(item["unitPrice"]["value"]) for item in items) == costs[0]
        assert sum(costs) == Decimal(original["value"])
        assert {item["unitPrice"]["code"] for item in items} == {original["code"]}


def test_a_company_has_one_currency_and_all_five_occur(invoices: list[dict[str, Any]]) -> None:
    pairs = {(invoice["customerId"], invoice["originalBalance"]["code"]) for invoice in invoices}
    assert len(pairs) == len({customer_id for customer_id, _ in pairs}) == 12
    assert {code for _, code in pairs} == {"USD", "EUR", "GBP", "JPY", "CAD"}


def test_b2b_edition_writes_numbers_where_an_erp_writes_text(invoices: list[dict[str, Any]]) -> None:
    for invoice in (invoice for invoice in invoices if invoice["details"]):
        from_erp = invoice["source"] == 1
        details = invoice["details"]
        assert ("type" not in details) == from_erp == (invoice["externalId"] is not None)
        assert isinstance(details["header"]["costLines"][0]["amount"]["value"], str) == from_erp
        assert isinstance(details["details"]["lineItems"][0]["quantity"], str) == from_erp
        assert isinstance(invoice["orderNumber"], int) != from_erp


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("orderNumber", {str, int, type(None)}),
        ("purchaseOrderNumber", {str, type(None)}),
        ("channelId", {str, type(None)}),
        ("dueDate", {int, type(None)}),
        ("createdAt", {str, int}),
        ("updatedAt", {str, int}),
        ("details", {dict, type(None)}),
        ("externalPdfUrl", {str, type(None)}),
    ],
)
def test_a_field_comes_in_every_type_seen_on_the_wire(invoices: list[dict[str, Any]], field: str, values: set[type]) -> None:
    assert {type(invoice[field]) for invoice in invoices} == values


def test_absent_keys_and_empty_details_occur(invoices: list[dict[str, Any]]) -> None:
    assert {invoice.get("isPendingPayment", "absent") for invoice in invoices} == {0, 1, "absent"}
    assert any(invoice["details"] == {} for invoice in invoices)
    assert any("shipments" in invoice["details"]["details"] for invoice in invoices if invoice["details"])


def test_extra_fields_keep_to_their_configs(invoices: list[dict[str, Any]]) -> None:
    configs: dict[Any, Any] = {config["fieldName"]: config for config in EXTRA_FIELDS}
    required = {name for name, config in configs.items() if config["isRequired"]}
    for fields in (invoice["extraFields"] for invoice in invoices):
        assert required <= {field["fieldName"] for field in fields}
        for config, value in ((configs[field["fieldName"]], field["fieldValue"]) for field in fields):
            assert config["listOfValue"] is None or value in config["listOfValue"]
            assert config["maximumValue"] is None or int(value) <= int(config["maximumValue"])


def test_an_invoice_from_an_order_is_open_and_looks_as_b2b_edition_makes_it() -> None:
    row = make_row_from_order(0, 7003, 36, "00000036", now=1_800_000_000)
    invoice = json.loads(make_text(0, "abc", row)[0])
    assert (invoice["id"], invoice["invoiceNumber"], invoice["status"], invoice["source"]) == (36, "00000036", 0, 0)
    assert invoice["details"]["type"] == "StandardInvoiceDetails"
    assert invoice["openBalance"] == invoice["originalBalance"]
    assert invoice["orderNumber"] != 7003, "the BigCommerce order id is another than the B2B order id"
