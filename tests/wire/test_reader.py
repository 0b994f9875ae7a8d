"""The two readers of each class, the generated and the explaining one, agree on everything."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from wire_objects import JUNK, objects, ordered

from bigcommerce_b2b_invoices import DecodeError, ExtraFieldConfig, Invoice, InvoiceFromOrder, PDFLinks
from bigcommerce_b2b_invoices.models.query import RowFields
from bigcommerce_b2b_invoices.wire import converter, generated, reader
from bigcommerce_b2b_invoices.wire.leaves import Unreadable


@pytest.mark.parametrize("cls", [Invoice, ExtraFieldConfig, InvoiceFromOrder, PDFLinks, RowFields])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_generated_and_the_explaining_reader_agree(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(objects(cls) | JUNK)
    results: list[object] = []
    for read in (generated.generated(cls), reader._explaining(cls)):
        try:
            results.append(read(value))
        except Unreadable:
            results.append("unreadable")
    assert results[0] == results[1]
    assert ordered(results[0]) == ordered(results[1])  # types, too


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
            results.append(ordered(read()))
        except DecodeError as error:
            results.append((error.model, error.path, error.invoice_id))
    assert results[0] == results[1]
