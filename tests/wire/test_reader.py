"""One generated reader a class: it agrees with reading field by field, loses nothing, and shows its source in tracebacks."""

import copy
import json
import linecache
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import cattrs
import msgspec
import pytest
from conftest import Scripted
from hypothesis import given, settings, strategies as st
from scripted_server import envelope
from wire_objects import JUNK, objects, ordered

from bigcommerce_b2b_invoices import DecodeError, ExtraFieldConfig, Invoice, InvoiceFromOrder, PDFLinks, to_json
from bigcommerce_b2b_invoices.models.checks import NOTHING
from bigcommerce_b2b_invoices.models.query import RowFields
from bigcommerce_b2b_invoices.wire import converter, reader
from bigcommerce_b2b_invoices.wire.json_text import read_json
from bigcommerce_b2b_invoices.wire.values import Unreadable

SAMPLE: dict[str, Any] = read_json((Path(__file__).parent.parent / "samples" / "get_invoice_200.json").read_bytes())["data"]  # type: ignore[index] # an envelope
CLASSES = [Invoice, ExtraFieldConfig, InvoiceFromOrder, PDFLinks, RowFields]


def outcome(read: Callable[..., object], value: object) -> object:
    try:
        return ordered(read(value, None))
    except Unreadable as problem:
        return problem.model, problem.path, problem.problem


@pytest.mark.parametrize("cls", CLASSES)
@settings(max_examples=60)
@given(data=st.data())
def test_reading_at_once_and_field_by_field_agree(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(objects(cls) | objects(cls, junk=False))
    explain = reader._explainer(cls, tuple(reader.fields_of(cls)))

    at_once = outcome(converter.hook_of(cls), value)

    assert at_once == outcome(lambda value, _: explain(value), value)


@settings(max_examples=200)
@given(row=objects(Invoice) | JUNK)
def test_an_invoice_that_can_be_read_is_written_back_whole(row: object) -> None:
    read = invoice_or_path(row)
    if isinstance(read, str):
        assert read in ("", "id", "openBalance", "originalBalance")
    else:
        assert isinstance(row, dict)
        assert set(converter.write(read)) == set(row)
        assert converter.read(Invoice, converter.write(read)) == read


def invoice_or_path(row: object) -> Invoice | str:
    """The invoice, or the key of what made it unreadable."""
    try:
        return converter.read(Invoice, row)
    except DecodeError as error:
        return f"{error.path}..".split(".")[1]


def test_the_source_of_a_reader_can_be_shown_in_a_traceback() -> None:
    reader.make_reader(Invoice)

    lines = linecache.getlines("<reader of Invoice>")

    assert lines[0] == "def read(value, _type=None):\n"
    assert any("openBalance" in line for line in lines)


# ---- an invoice is the same, whichever call made it, and whatever is done with it --------------------------------------


USES: list[tuple[str, Callable[[Invoice], object]]] = [
    ("equality", lambda invoice: invoice == converter.read(Invoice, SAMPLE)),
    ("hash", hash),
    ("repr", repr),
    ("pickle", lambda invoice: pickle.loads(pickle.dumps(invoice))),  # noqa: S301 - our own bytes
    ("copy", copy.copy),
    ("deepcopy", copy.deepcopy),
    ("evolve", lambda invoice: attrs.evolve(invoice, type="x")),
    ("asdict", attrs.asdict),
    ("write", converter.write),
    ("to_json", to_json),
    ("cattrs", lambda invoice: cattrs.Converter(omit_if_default=True).unstructure(invoice)),
    ("msgspec", lambda invoice: msgspec.to_builtins(attrs.evolve(invoice, additional_properties={}))),
]


@pytest.mark.parametrize(("_name", "use"), USES)
async def test_a_walked_invoice_and_one_that_was_got_are_the_same(
    _name: str, use: Callable[[Invoice], object], scripted: Scripted
) -> None:
    row = json.loads(json.dumps(SAMPLE, default=str))
    _, client = await scripted(envelope([row], total=1, limit=250))
    [walked] = [invoice async for invoice in client.invoices.iterate()]
    _, client = await scripted(envelope(row))
    got = await client.invoices.get(walked.id)

    assert use(walked) == use(got)
    assert "details" in str(use(walked)) or _name in ("equality", "hash")


def test_an_invoice_has_no_hidden_attributes_and_stays_frozen() -> None:
    read = converter.read(Invoice, SAMPLE)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        read.details = None  # type: ignore[misc] # that is the point
    assert not hasattr(read, "__dict__")
    assert not hasattr(Invoice, "__getattr__")


@pytest.mark.parametrize(
    "change",
    [
        lambda nothing: nothing.__setitem__("a", 1),
        lambda nothing: nothing.update(a=1),
        lambda nothing: nothing.setdefault("a", 1),
        lambda nothing: nothing.__ior__({"a": 1}),
    ],
)
def test_the_shared_empty_properties_stay_empty(change: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match=r"attrs\.evolve"):
        change(NOTHING)
    assert NOTHING == {}
    assert (repr(NOTHING), type(pickle.loads(pickle.dumps(NOTHING)))) == ("{}", dict)  # noqa: S301 - our own bytes
