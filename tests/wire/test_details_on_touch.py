"""An invoice of a walk reads its details when they are first looked at, and nobody can tell from the invoice."""

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from conftest import Scripted
from scripted_server import envelope

from bigcommerce_b2b_invoices import DecodeError, Invoice, to_json
from bigcommerce_b2b_invoices.models.checks import NOTHING
from bigcommerce_b2b_invoices.wire import converter
from bigcommerce_b2b_invoices.wire.json_text import read_json

SAMPLE: dict[str, Any] = read_json((Path(__file__).parent.parent / "samples" / "get_invoice_200.json").read_bytes())["data"]  # type: ignore[index] # an envelope
BROKEN = {"id": 7, "createdAt": 5, "details": {"details": {"lineItems": [{"quantity": "two"}]}}}


def unread(row: object = SAMPLE) -> Invoice:
    """An invoice whose details nobody has looked at."""
    invoice = converter.read_invoice_row(row, 3, "/invoices")
    assert hasattr(invoice, "_unread_details")
    return invoice


AS_IF_READ_AT_ONCE: list[tuple[str, Callable[[Invoice], object]]] = [
    ("details", lambda invoice: invoice.details),
    ("line_items", lambda invoice: invoice.line_items),
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
]


@pytest.mark.parametrize(("_name", "use"), AS_IF_READ_AT_ONCE)
def test_whatever_is_done_with_it_finds_the_details(_name: str, use: Callable[[Invoice], object]) -> None:
    assert use(unread()) == use(converter.read(Invoice, SAMPLE))


def test_the_details_are_read_once_and_the_json_is_let_go() -> None:
    invoice = unread()
    assert invoice.details is invoice.details
    assert not hasattr(invoice, "_unread_details")


def test_it_stays_frozen_and_knows_no_other_names() -> None:
    invoice = unread()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        invoice.details = None  # type: ignore[misc] # that is the point
    with pytest.raises(AttributeError, match="no attribute 'detail'"):
        invoice.detail  # type: ignore[attr-defined] # noqa: B018 - that is the point


def test_a_thread_that_comes_too_late_finds_what_the_faster_one_read() -> None:
    invoice = unread()
    late = Invoice.__getattr__  # type: ignore[attr-defined] # hidden from type checkers
    assert invoice.details is late(invoice, "details")


def test_threads_that_read_at_the_same_time_do_not_trip_over_each_other() -> None:
    invoice = unread()
    read, *arguments = left = object.__getattribute__(invoice, "_unread_details")

    def meanwhile() -> object:  # another thread reads and lets go, while this one reads
        object.__setattr__(invoice, "_unread_details", left)
        assert invoice.details
        object.__delattr__(invoice, "details")
        return read(*arguments)

    object.__setattr__(invoice, "_unread_details", (meanwhile,))
    assert invoice.details == converter.read(Invoice, SAMPLE).details


def test_details_that_cannot_be_read_are_reported_at_every_look_and_the_rest_can_be_used() -> None:
    invoice = unread(BROKEN)
    assert invoice.id == 7
    for look in (lambda: invoice.details, lambda: invoice.line_items, lambda: repr(invoice), lambda: pickle.dumps(invoice)):
        with pytest.raises(DecodeError) as raised:
            look()
        error = raised.value
        assert (error.path, error.invoice_id) == ("data[3].details.details.lineItems[0].quantity", 7)
        assert str(error).startswith("GET /invoices: cannot read LineItem at data[3].details")
        assert error.__context__ is None


async def test_a_walk_goes_on_behind_details_that_cannot_be_read_but_a_page_is_read_whole(scripted: Scripted) -> None:
    rows = [BROKEN, {"id": 8, "createdAt": 6, "details": SAMPLE["details"]}]
    _, client = await scripted(envelope(json.loads(json.dumps(rows, default=str)), total=2, limit=250))
    first, second = [invoice async for invoice in client.invoices.iterate()]
    with pytest.raises(DecodeError):
        first.details  # noqa: B018 - that is the point
    assert second.line_items
    with pytest.raises(DecodeError, match=r"data\[0\].details"):
        await client.invoices.page()


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
