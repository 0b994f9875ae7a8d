"""`extra_fields.check`: what the store's configs have against a value, before it is sent."""

from typing import Any

import pytest
from conftest import Scripted
from scripted_server import answer, envelope

from bigcommerce_b2b_invoices import (
    B2BClient,
    ExtraField,
    ExtraFieldConfig,
    ExtraFieldFault,
    ExtraFieldProblem,
    RetryPolicy,
    ServerError,
)
from bigcommerce_b2b_invoices.models.extra_field import problems
from bigcommerce_b2b_invoices.sandbox import Sandbox

RULES: list[tuple[dict[str, Any], str | None, ExtraFieldFault | None]] = [
    ({"field_type": 0, "maximum_length": "5"}, "12345", None),
    ({"field_type": 0, "maximum_length": "5"}, "123456", ExtraFieldFault.TOO_LONG),
    ({"field_type": 1, "maximum_length": "5"}, "Übers\n", ExtraFieldFault.TOO_LONG),
    ({"field_type": 1, "maximum_length": "5"}, "備考備考備", None),
    ({"field_type": 0, "maximum_length": None}, "x" * 10_000, None),
    ({"field_type": 0, "maximum_length": "long"}, "x" * 10_000, None),
    ({"field_type": 0}, "12", None),
    ({"field_type": 2, "maximum_value": "500"}, "500.00", None),
    ({"field_type": 2, "maximum_value": "500"}, "-501", None),
    ({"field_type": 2, "maximum_value": "500"}, "500.01", ExtraFieldFault.ABOVE_MAXIMUM),
    ({"field_type": 2, "maximum_value": "0"}, "0.1", ExtraFieldFault.ABOVE_MAXIMUM),
    ({"field_type": 2, "maximum_value": "500"}, "1,000", ExtraFieldFault.NO_NUMBER),
    ({"field_type": 2}, "ten", ExtraFieldFault.NO_NUMBER),
    ({"field_type": 2}, "NaN", ExtraFieldFault.NO_NUMBER),
    ({"field_type": 2}, "Infinity", ExtraFieldFault.NO_NUMBER),
    ({"field_type": 2}, "9" * 400, None),
    ({"field_type": 2, "maximum_value": "1"}, "1E+999999", ExtraFieldFault.ABOVE_MAXIMUM),
    ({"field_type": 2}, None, None),
    ({"field_type": 3, "list_of_value": ("North", "South")}, "South", None),
    ({"field_type": 3, "list_of_value": ("North", "South")}, "south", ExtraFieldFault.NOT_IN_LIST),
    ({"field_type": 3, "list_of_value": ()}, "North", ExtraFieldFault.NOT_IN_LIST),
    ({"field_type": 3, "list_of_value": ("North",)}, "", None),
    ({"field_type": 7, "maximum_length": "1", "maximum_value": "1"}, "whatever this type is", None),
    ({"field_type": 0, "is_required": True}, "x", None),
    ({"field_type": 0, "is_required": True}, "", ExtraFieldFault.MISSING),
    ({"field_type": 0, "is_required": True}, None, ExtraFieldFault.MISSING),
    ({"field_type": 0, "is_required": False}, None, None),
]


@pytest.mark.parametrize(("limits", "value", "fault"), RULES)
def test_a_value_is_held_against_its_config(limits: dict[str, Any], value: str | None, fault: ExtraFieldFault | None) -> None:
    found = problems([ExtraField("Field", value)], [ExtraFieldConfig(id=1, field_name="Field", **limits)])
    assert [(problem.field_name, problem.problem) for problem in found] == ([("Field", fault)] if fault else [])
    assert not value or all(value not in problem.message for problem in found)


async def test_what_is_wrong_with_an_invoices_extra_fields_is_told_in_one_request(sandbox: Sandbox, client: B2BClient) -> None:
    given = [
        ExtraField("Cost Center", "123456789012345678901"),
        ExtraField("Pallets", "501"),
        ExtraField("Region", "West"),
        ExtraField("cost center", "1"),
        ExtraField("備考", "-"),
    ]
    assert await client.extra_fields.check(iter(given)) == (
        ExtraFieldProblem("Cost Center", ExtraFieldFault.TOO_LONG, "21 characters, but at most 20 are allowed"),
        ExtraFieldProblem("Pallets", ExtraFieldFault.ABOVE_MAXIMUM, "the value is above 500"),
        ExtraFieldProblem("Region", ExtraFieldFault.NOT_IN_LIST, "the value is not one of: North, South, Übersee"),
        ExtraFieldProblem("cost center", ExtraFieldFault.UNKNOWN, "the store has no extra field of this name"),
        ExtraFieldProblem("Discount Class", ExtraFieldFault.MISSING, "the field is required, and has no value"),
    )
    assert sandbox.request_count == 1


async def test_what_the_store_accepted_once_passes(sandbox: Sandbox, client: B2BClient) -> None:
    for invoice_id in sandbox.invoice_ids[:5]:
        invoice = await client.invoices.get(invoice_id)
        assert [each for each in await client.extra_fields.check(invoice.extra_fields) if each.problem != "missing"] == []


async def test_what_is_no_extra_field_is_refused_before_anything_is_sent(sandbox: Sandbox, client: B2BClient) -> None:
    for wrong in ("Region", [("Region", "North")], {"Region": "North"}, 5):
        with pytest.raises(TypeError):
            await client.extra_fields.check(wrong)  # type: ignore[arg-type] # that is the point
    assert sandbox.request_count == 0


async def test_a_config_without_a_name_asks_for_nothing_and_a_failure_is_no_verdict(scripted: Scripted) -> None:
    replies = envelope([{"id": 1, "isRequired": True}], total=1, limit=250), answer({"code": 500}, 500)
    _, client = await scripted(*replies, retry=RetryPolicy(base_delay=0.001, outage=0.05))
    assert await client.extra_fields.check([]) == ()
    with pytest.raises(ServerError):
        await client.extra_fields.check([])
