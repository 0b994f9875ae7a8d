"""With the extra `speed` a list is the same list, only that its details are parsed later."""

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from conftest import Scripted, connect
from hypothesis import given, settings, strategies as st
from scripted_server import envelope
from wire_objects import objects, ordered

from bigcommerce_b2b_invoices import DecodeError, Invoice, InvoiceDetails, SortField
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.wire import converter, generated, structs
from bigcommerce_b2b_invoices.wire.json_text import read_json
from bigcommerce_b2b_invoices.wire.structs import Structs, is_struct, whole

MONEY = {"code": "USD", "value": 1.5}
ROW: dict[str, Any] = {"id": 1, "details": {"type": "X", "n": 1.10}, "openBalance": MONEY, "originalBalance": MONEY, "bcId": 7}


@pytest.fixture(autouse=True)
def nothing_learned_and_every_list_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "_unknown", {})
    monkeypatch.setattr(converter, "structs", fresh())
    monkeypatch.setattr(structs, "SHORT", 0)


def body(*rows: Any, **members: Any) -> bytes:
    return json.dumps({"code": 200, "data": list(rows), "meta": {"message": "SUCCESS"}, **members}).encode()


def fresh() -> Structs:
    return Structs(converter._read_details)


def taught(*rows: Any) -> Structs:
    """One that has seen these rows."""
    parser = fresh()
    parser.read_list(body(*(rows or [ROW])))
    return parser


def rows_of(value: Any) -> list[Any]:
    assert isinstance(value, dict)
    rows: list[Any] = value["data"]
    return rows


def test_an_answer_with_unknown_keys_is_parsed_as_json_and_the_next_one_into_structs() -> None:
    row, parser = {**ROW, "neverSeenBefore": [1]}, fresh()
    assert rows_of(parser.read_list(body(row)))[0]["details"] == {"type": "X", "n": Decimal("1.1")}
    [struct] = rows_of(parser.read_list(body(row)))
    assert is_struct(struct)
    assert whole(struct) == read_json(json.dumps(row).encode())
    assert converter.read_invoice_row(struct, 0, "/invoices") == converter.read(Invoice, whole(struct))


LATER = [
    ("a key less", [{"id": 2}]),  # after which it is known that keys may be missing
    ("a key more", [{**ROW, "new": [1, {"a": None}]}]),
    ("null details", [{**ROW, "details": None}]),
    ("details that are a list", [{**ROW, "details": [1]}]),
    ("no rows", []),
    ("a balance that is a list", [{**ROW, "openBalance": []}]),
    ("a balance with a key more", [{**ROW, "openBalance": {**MONEY, "odd": None}}]),
    ("extra fields", [{**ROW, "extraFields": [{"fieldName": "a", "fieldValue": "b"}]}]),
    ("a row that is a list", [[]]),
    ("a row that is null", [None]),
    ("deep", [{**ROW, "details": json.loads("[" * 60 + "]" * 60)}]),
    ("a balance in a text", [{**ROW, "type": 'openBalance" and originalBalance"'}]),
]


@pytest.mark.parametrize(("_name", "rows"), LATER)
def test_whatever_comes_next_is_read_as_the_standard_library_reads_it(_name: str, rows: list[Any]) -> None:
    parser = taught()
    for _ in range(2):  # the second time it may have learned
        value = parser.read_list(body(*rows))
        assert isinstance(value, dict)
        assert {**value, "data": [whole(row) for row in value["data"]]} == read_json(body(*rows))


WRONG = [
    b"",
    b"{",
    b"[]",
    b'{"code": 200, "data": [{"id": NaN}]}',
    b'{"code": 200, "data": [{"id": 1, "x": 1e9999999999999999999}]}',
    b'{"code": 200, "data": [{"id": ' + b"9" * 5000 + b"}]}",
    b'{"code": 200, "data": [{"id": "\xff"}]}',
    b'{"code": 200, "data": ' + b"[" * 100_000 + b"}",
    b'{"code": 200, "data": [{"id": 1, "openBalance": 1, "openBalance": 2}]}',
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_as_the_standard_library_says_it(text: bytes) -> None:
    outcomes = []
    for read in (taught().read_list, read_json):
        try:
            outcomes.append(read(text))
        except ValueError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["id", "details", "openBalance", "status", "bcId", "class", "_x", "a b"])


@settings(max_examples=150, deadline=None)
@given(answers=st.lists(st.lists(st.dictionaries(KEYS, JSON, max_size=6), max_size=4), min_size=1, max_size=4))
def test_any_sequence_of_lists_is_read_as_the_standard_library_reads_it(answers: list[list[dict[str, Any]]]) -> None:
    parser = fresh()
    for rows in answers:
        text = json.dumps({"code": 200, "data": rows}, default=float).encode()
        value = parser.read_list(text)
        expected = read_json(text)
        assert [whole(row) for row in rows_of(value)] == rows_of(expected)


ECHOED: list[dict[str, Any]] = [
    {"type": None},
    {"header": {"orderDate": "2026-01-01T00:00:00Z"}},
    {"header": {"costLines": [], "billingAddress": {"city": None, "customFields": None}}},
    {"details": {"lineItems": [{"sku": "x", "unitPrice": {"code": "USD", "value": "1", "odd": [None]}}], "shipments": []}},
    {"odd": {"a": [1]}, "header": None},
]


@pytest.mark.parametrize("details", ECHOED)
def test_what_a_put_must_echo_is_kept_in_structs_too(details: dict[str, Any]) -> None:
    for cls in structs.CLASSES:
        generated.learn_keys(cls, ["odd"])
    converter.structs.read_list(body())
    read = converter.structs.read_details(json.dumps(details).encode())
    assert read is not None
    assert converter.write(read) == details
    assert ordered(read) == ordered(converter.read(InvoiceDetails, details))


@pytest.mark.parametrize("key", ["bcId", "type", "id", "details"])
@pytest.mark.parametrize("depth", [70, 3000])
def test_nothing_is_deeper_in_a_struct_either(key: str, depth: int) -> None:
    parser = taught()
    try:
        [row] = rows_of(parser.read_list(body(ROW).replace(b"7", b"[" * depth + b"]" * depth).replace(b"bcId", key.encode())))
    except ValueError:
        assert sys.version_info < (3, 13)  # which follow fewer levels, with or without msgspec
        return
    assert is_struct(row)
    for _ in range(2):
        with pytest.raises(DecodeError, match=r"nested too deeply|got a list|got bytes"):
            converter.read_invoice_row(row, 0, "/invoices").details  # noqa: B018 - that is the point
        row = whole(row)


def test_a_mark_is_that_of_the_standard_library() -> None:
    text = body({**ROW, "createdAt": 5, "": 6})
    for sort_by in (SortField.CREATED_AT, SortField.UPDATED_AT, SortField.INVOICE_NUMBER, None):
        marks = [converter.read_marks(Invoice, rows_of(value), sort_by) for value in (taught().read_list(text), read_json(text))]
        assert marks[0] == marks[1]


def test_long_keys_are_not_kept_for_good() -> None:
    parser, key = fresh(), "k" * 1000
    for _ in range(2):
        [row] = rows_of(parser.read_list(body({"id": 1, key: 2})))
        assert converter.read_invoice_row(row, 0, "/invoices").additional_properties == {key: 2}
    assert generated.unknown_keys(Invoice) == ()


def test_a_server_with_ever_new_keys_teaches_no_more_than_a_bounded_number() -> None:
    parser = fresh()
    for number in range(200):
        row = {"id": 1, f"rowKey{number}": 1, "details": {"header": {f"headerKey{number}": 2}}}
        [read] = rows_of(parser.read_list(body(row)))
        invoice = converter.read_invoice_row(read, 0, "/invoices")
        assert invoice.additional_properties == {f"rowKey{number}": 1}
        assert invoice.details
        assert invoice.details.header
        assert invoice.details.header.additional_properties == {f"headerKey{number}": 2}
    assert parser._made <= structs.MOST_SHAPES
    assert all(len(generated.unknown_keys(cls)) <= generated.MOST_KEYS for cls in structs.CLASSES)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_invoices_read_from_structs_are_those_read_from_json(data: st.DataObject) -> None:
    rows = data.draw(st.lists(objects(Invoice, junk=False) | objects(Invoice), min_size=1, max_size=2))
    text, parser = json.dumps({"code": 200, "data": rows}, default=float).encode(), fresh()
    expected = [tried(converter.read, Invoice, row, "data") for row in rows_of(read_json(text))]
    for cls in structs.CLASSES if data.draw(st.booleans()) else ():
        generated.learn_keys(cls, ["unknownKey", "otherKey"])
    for _ in range(2):  # unknown keys of rows are learned by the first, those of details by looking at them
        read = rows_of(parser.read_list(text))
        assert [tried(converter.read_invoice_row, row, 0, "/invoices") for row in read] == expected


def tried(read: Callable[..., Invoice], *arguments: object) -> object:
    try:
        return ordered(read(*arguments))
    except DecodeError as error:
        return (error.model, (error.path or "").replace("data[0]", "data"), error.invoice_id)


@pytest.mark.parametrize("with_extra", [True, False])
async def test_a_walk_is_the_same_with_and_without_the_extra(with_extra: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(invoices=300, seed=3) as sandbox, connect(sandbox) as client:
        eager = {invoice.id: invoice for offset in (0, 250) for invoice in (await client.invoices.page(offset=offset)).items}
        if not with_extra:
            monkeypatch.setattr(structs, "msgspec", None)
        assert {invoice.id: invoice async for invoice in client.invoices.iterate(page_size=50)} == eager
        feed = client.invoices.changes()
        assert len([invoice async for invoice in feed]) == 300
        monkeypatch.undo()
        assert [invoice async for invoice in client.invoices.changes(feed.cursor)] == []  # versions are the same, too


@pytest.mark.parametrize("unsound", [b'{"n": 1e9999999999999999999}', b'{"n": "\xff"}', b'{"\xff": 1}'])
async def test_details_that_turn_out_unsound_are_reported_at_the_look(unsound: bytes, scripted: Scripted) -> None:
    good = {"id": 1, "createdAt": 1, "details": {}}
    broken = b'{"code": 200, "data": [{"id": 2, "createdAt": 2, "details": %s}], "meta": {}}' % unsound
    server, client = await scripted(envelope([good], total=1, limit=250))
    assert [invoice.id async for invoice in client.invoices.iterate()] == [1]
    parser = taught(good)
    [row] = rows_of(parser.read_list(broken))
    assert is_struct(row)
    invoice: Invoice = converter.read_invoice_row(row, 0, "/invoices")
    with pytest.raises(DecodeError, match=r"cannot read Invoice at data\[0\].details of invoice 2: ") as raised:
        invoice.details  # noqa: B018 - that is the point
    assert raised.value.__context__ is None
    assert server.seen
