"""With the extra `speed` a list is the same list, only that its details are parsed later."""

import json
from decimal import Decimal
from typing import Any

import pytest
from conftest import Scripted, connect
from hypothesis import given, settings, strategies as st
from scripted_server import envelope

from bigcommerce_b2b_invoices import DecodeError, Invoice
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.wire import unread_rows
from bigcommerce_b2b_invoices.wire.json_text import read_json
from bigcommerce_b2b_invoices.wire.unread_rows import ListParser, whole

MONEY = {"code": "USD", "value": 1.5}
ROW: dict[str, Any] = {"id": 1, "details": {"type": "X", "n": 1.10}, "openBalance": MONEY, "originalBalance": MONEY, "bcId": 7}


def body(*rows: Any, **members: Any) -> bytes:
    return json.dumps({"code": 200, "data": list(rows), "meta": {"message": "SUCCESS"}, **members}).encode()


def taught(*rows: Any) -> ListParser:
    """A parser that has seen these rows."""
    parser = ListParser()
    parser.read(body(*(rows or [ROW])))
    return parser


def rows_of(value: Any) -> list[Any]:
    assert isinstance(value, dict)
    rows: list[Any] = value["data"]
    return rows


def test_the_second_answer_keeps_its_details_as_bytes_and_the_first_does_not() -> None:
    parser = ListParser()
    assert rows_of(parser.read(body(ROW)))[0]["details"] == {"type": "X", "n": Decimal("1.1")}
    [row] = rows_of(parser.read(body(ROW)))
    assert isinstance(row["details"], bytes)
    assert whole(row) == read_json(json.dumps(ROW).encode())


LATER = [
    ("a key less", [{"id": 2}], True),  # after which it is known that keys may be missing
    ("a key more", [{**ROW, "new": [1, {"a": None}]}], True),
    ("null details", [{**ROW, "details": None}], False),
    ("details that are a list", [{**ROW, "details": [1]}], False),
    ("no rows", [], False),
    ("a row that is a list", [[]], True),
    ("a row that is null", [None], True),
    ("deep", [{**ROW, "details": json.loads("[" * 60 + "]" * 60)}], False),
    ("a balance in a text", [{**ROW, "type": 'openBalance" and originalBalance"'}], False),
]


@pytest.mark.parametrize(("_name", "rows", "_is_left_to_the_standard_library"), LATER)
def test_whatever_comes_next_is_read_as_the_standard_library_reads_it(
    _name: str, rows: list[Any], _is_left_to_the_standard_library: bool
) -> None:
    parser = taught()
    for _ in range(2):  # the second time it may have learned
        value = parser.read(body(*rows))
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
    for read in (taught().read, read_json):
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
    parser = ListParser()
    for rows in answers:
        text = json.dumps({"code": 200, "data": rows}, default=float).encode()
        value = parser.read(text)
        expected = read_json(text)
        assert [whole(row) for row in rows_of(value)] == rows_of(expected)


def test_a_server_with_ever_new_keys_teaches_no_more_than_a_bounded_number() -> None:
    parser = ListParser()
    for number in range(200):
        parser.read(body({f"key{number}": 1}))
    assert len(parser._names) <= unread_rows.MOST_NAMES


@pytest.mark.parametrize("with_extra", [True, False])
async def test_a_walk_is_the_same_with_and_without_the_extra(with_extra: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(invoices=300, seed=3) as sandbox, connect(sandbox) as client:
        eager = {invoice.id: invoice for offset in (0, 250) for invoice in (await client.invoices.page(offset=offset)).items}
        if not with_extra:
            monkeypatch.setattr(unread_rows, "msgspec", None)
        assert {invoice.id: invoice async for invoice in client.invoices.iterate(page_size=50)} == eager
        feed = client.invoices.changes()
        assert len([invoice async for invoice in feed]) == 300
        monkeypatch.undo()
        assert [invoice async for invoice in client.invoices.changes(feed.cursor)] == []  # versions are the same, too


async def test_details_that_turn_out_unsound_are_reported_at_the_look(scripted: Scripted) -> None:
    good = {"id": 1, "createdAt": 1, "details": {}}
    broken = b'{"code": 200, "data": [{"id": 2, "createdAt": 2, "details": {"n": 1e9999999999999999999}}], "meta": {}}'
    server, client = await scripted(envelope([good], total=1, limit=250))
    assert [invoice.id async for invoice in client.invoices.iterate()] == [1]
    parser = taught(good)
    [row] = rows_of(parser.read(broken))
    assert isinstance(row["details"], bytes)
    from bigcommerce_b2b_invoices.wire import converter

    invoice: Invoice = converter.read_invoice_row(row, 0, "/invoices")
    with pytest.raises(DecodeError, match=r"data\[0\].details of invoice 2: not JSON") as raised:
        invoice.details  # noqa: B018 - that is the point
    assert raised.value.__context__ is None
    assert server.seen
