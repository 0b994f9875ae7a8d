"""The models as types of pydantic and FastAPI: read and written as by `from_dict` and `to_dict`, and described with their fields."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from wire_objects import objects

from bigcommerce_b2b_invoices import (
    DecodeError,
    ExtraFieldConfig,
    ExtraFieldFault,
    ExtraFieldProblem,
    Invoice,
    InvoiceChanges,
    InvoiceDraft,
    InvoiceQuery,
    Money,
    Page,
    PDFLinks,
    WalkReport,
    from_dict,
    from_json,
    to_dict,
    to_json,
)

SAMPLE = Path(__file__).parent.parent / "samples" / "get_invoice_200.json"
INVOICE = from_json(Invoice, json.dumps(json.loads(SAMPLE.read_text())["data"]))
ODD = from_json(Invoice, '{"id": 1, "dueDate": "soon", "channelId": "3", "status": 9, "isPendingPayment": 1, "new": [2.5, null]}')
DRAFT = InvoiceDraft(invoice_number="N", customer_id="3", original_balance=Money("USD", 2), open_balance=Money("USD", 1))
PAGE = Page((INVOICE, ODD), 0, 250, None)
VALUES: list[tuple[Any, Any]] = [
    (Invoice, INVOICE), (Invoice, ODD), (InvoiceDraft, DRAFT), (InvoiceChanges, InvoiceChanges(status=1, extra_fields=())),
    (InvoiceQuery, InvoiceQuery(external_ids=["a"], sort_by="status")), (Page[Invoice], PAGE), (list[Invoice], [ODD]),
    (WalkReport, WalkReport(guarantee="complete", anomalies=("a",))), (PDFLinks, PDFLinks(url="https://a.example/?s=1")),
    (ExtraFieldConfig, from_json(ExtraFieldConfig, '{"id": 1, "fieldType": 0, "visibleToEnduser": true}')),
    (ExtraFieldProblem, ExtraFieldProblem("a", ExtraFieldFault.MISSING, "why")),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "value"), VALUES)
def test_what_pydantic_writes_it_reads_back_and_json_takes_it(cls: Any, value: Any) -> None:
    adapter = pydantic.TypeAdapter(cls)

    plain, text = adapter.dump_python(value), adapter.dump_json(value)

    assert plain == ([to_dict(each) for each in value] if isinstance(value, list) else to_dict(value))
    assert json.loads(text) == json.loads(json.dumps(plain)) == plain
    assert adapter.dump_python(adapter.validate_json(text)) == plain
    assert adapter.validate_python(value) == value


@settings(max_examples=100)
@given(row=objects(Invoice))
def test_plain_dicts_hold_the_same_as_the_json_text(row: Any) -> None:
    try:
        invoice = from_json(Invoice, json.dumps(row, default=str))
    except DecodeError:
        return
    assert to_dict(from_dict(Invoice, to_dict(invoice))) == to_dict(invoice)
    assert json.loads(json.dumps(to_dict(invoice)), parse_float=pytest.fail).keys() == json.loads(to_json(invoice)).keys()


def test_a_decimal_in_opaque_json_is_a_number_in_json_and_its_text_in_a_dict() -> None:
    assert to_dict(ODD)["new"] == ["2.5", None]
    assert '"new":[2.5,null]' in to_json(ODD)
    assert to_dict(ODD)["dueDate"] == "soon"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"id": 1, "openBalance": {"code": "USD", "value": 1.5}}, "Invoice.openBalance.value"),
        ({"id": 1, "details": {"header": {"customerFields": [0.1]}}}, "Invoice.details.header.customerFields[0]"),
        ({"id": 1, "openBalance": {"code": "USD", "value": True}}, "Invoice.openBalance.value"),
        ({"id": "1"}, "Invoice.id"),
        ({}, "Invoice.id"),
        ({"id": 1, 2: 3}, "Invoice"),
        ({"id": 1, "new": object()}, "Invoice.new"),
    ],
)
def test_what_cannot_be_read_names_its_place(value: Any, path: str) -> None:
    with pytest.raises(DecodeError) as caught:
        from_dict(Invoice, value)
    with pytest.raises(pydantic.ValidationError) as invalid:
        pydantic.TypeAdapter(list[Invoice]).validate_python([value])

    assert caught.value.path == path
    assert invalid.value.errors()[0]["loc"] == (0,)
    assert path in str(invalid.value)


def test_what_is_no_mapping_is_refused() -> None:
    with pytest.raises(TypeError, match="mapping"):
        from_dict(Invoice, [])  # type: ignore[arg-type] # that is the point
    with pytest.raises(pydantic.ValidationError, match="expected an object"):
        pydantic.TypeAdapter(Invoice).validate_python(5)


@pytest.mark.parametrize(("cls", "value"), VALUES)
def test_the_json_schema_names_every_field_that_is_written(cls: Any, value: Any) -> None:
    adapter = pydantic.TypeAdapter(cls)
    schema = adapter.json_schema()

    assert schema == adapter.json_schema(mode="serialization")
    if isinstance(value, list):
        schema, value = schema["$defs"]["Invoice"], value[0]
    assert set(to_dict(value)) - {"new"} <= set(schema["properties"])
    assert len(schema["properties"]) == len(
        [field for field in attrs.fields(type(value)) if field.name != "additional_properties"]
    )


def test_nested_classes_are_references() -> None:
    schema = pydantic.TypeAdapter(Page[Invoice]).json_schema()

    assert schema["properties"]["items"]["items"] == {"$ref": "#/$defs/Invoice"}
    assert schema["$defs"]["LineItem"]["properties"]["unitPrice"]["anyOf"][0] == {"$ref": "#/$defs/Money"}
    assert schema["$defs"]["Money"]["properties"]["value"]["type"] == "string"
    assert pydantic.TypeAdapter(InvoiceDraft).json_schema()["additionalProperties"] is False


def test_pydantic_is_not_imported_until_it_asks() -> None:
    check = "import sys, bigcommerce_b2b_invoices; sys.exit(any(name.startswith('pydantic') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_msgspec_and_attrs_keep_the_details() -> None:
    assert attrs.asdict(INVOICE)["details"]["details"]["line_items"]
    assert msgspec.to_builtins(INVOICE)["details"]["details"]["line_items"]
