"""The two readers of each class, the generated and the explaining one, agree on everything."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from bigcommerce_b2b_invoices import DecodeError, ExtraFieldConfig, Invoice, InvoiceFromOrder, PDFLinks
from bigcommerce_b2b_invoices.models.query import RowFields
from bigcommerce_b2b_invoices.wire import converter, reader
from bigcommerce_b2b_invoices.wire.leaves import Unreadable

NUMBERS = st.integers(-3, 3) | st.decimals(allow_nan=False, allow_infinity=False, places=2)
SCALARS = st.none() | st.booleans() | NUMBERS | st.sampled_from(["", "0", "1", "x", "12.50", "2026-01-01", "1e2"])
JUNK = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
)


def objects(cls: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the wire names of a class, and some that it does not know; most of the values are of the right kind."""
    optional: dict[str, st.SearchStrategy[Any]] = {"unknownKey": JUNK}
    required: dict[str, st.SearchStrategy[Any]] = {}
    for field in reader._fields(cls):
        expected = reader._plain_type(field)
        item: Any = getattr(expected, "__args__", (None,))[0]
        if hasattr(item, "__attrs_attrs__"):
            right: st.SearchStrategy[Any] = st.lists(objects(item), max_size=2)
        elif hasattr(expected, "__attrs_attrs__"):
            right = objects(expected)
        else:
            right = st.integers(0, 2) | st.sampled_from(["1", "2.50", "x"])
        name = reader.wire_name(field.name)
        values = right | right | JUNK
        (required if field.name in reader.ID_FIELDS else optional)[name] = st.integers(1, 9) if name in required else values
    required = {name: st.integers(1, 9) for name in required}
    return st.fixed_dictionaries(required, optional=optional)


@pytest.mark.parametrize("cls", [Invoice, ExtraFieldConfig, InvoiceFromOrder, PDFLinks, RowFields])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_generated_and_the_explaining_reader_agree(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(objects(cls) | JUNK)
    results: list[object] = []
    for read in (reader._generated(cls), reader._explaining(cls)):
        try:
            results.append(read(value))
        except Unreadable:
            results.append("unreadable")
    assert results[0] == results[1]
    assert repr(results[0]) == repr(results[1])  # types and the order of what is kept, too


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_reader_that_leaves_the_details_for_later_agrees_with_them(data: st.DataObject) -> None:
    value = data.draw(objects(Invoice) | JUNK)
    results: list[object] = []
    ways: list[Callable[[], Invoice]] = [
        lambda: converter.read(Invoice, value, "data[0]"),
        lambda: converter.read_invoice_row(value, 0, "/invoices"),
    ]
    for read in ways:
        try:
            results.append(repr(read()))
        except DecodeError as error:
            results.append((error.model, error.path, error.invoice_id))
    assert results[0] == results[1]
