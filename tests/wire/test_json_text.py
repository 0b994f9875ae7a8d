"""JSON text: exact numbers, strict UTF-8, and no exception but ValueError."""

import copy
import json
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bigcommerce_b2b_invoices.wire.json_text import _write, read_answer, read_json, write_json


class Colour(IntEnum):
    RED = 1


def page(row: str) -> bytes:
    """A list that is too long to be looked through."""
    rows = ['{"id": 1, "originalBalance": {"value": "1"}, "openBalance": {"value": "1"}}'] * 1000
    return f'{{"code": 200, "data": [{",".join([*rows, row])}]}}'.encode()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b"{} {}", "not JSON"),
        (b'"\xff"', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b"[NaN]", "out of range"),
        (b"[-Infinity]", "out of range"),
        (b"[1e99999999999999999999]", "out of range"),
        (b"9" * 5000, "out of range"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": 1, "b": {"value": "1", "value": "2"}}', "a key twice"),
        (page('{"id": 1, "openBalance": {}, "openBalance": {}}'), "a key twice"),
        (page('{"id": 1, "originalBalance": {}, "openBalance": {}, "originalBalance": {}}'), "a key twice"),
    ],
)
def test_what_is_no_json_is_a_value_error_that_says_why(body: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_json(body)


@pytest.mark.parametrize("text", ["Balance", "openBalance", 'openBalance":'])
def test_a_long_list_may_speak_of_balances(text: str) -> None:
    row = {"id": 1, "details": {"openBalance": [text], text: text}}
    found: Any = read_json(page(json.dumps(row)))
    assert found["data"][-1] == row


ODD = {
    b'{"id": 1, "a": {"b": 1, "b": 2}}': "an object that holds a key twice",
    b'{"id": 1, "id": 2}': "an object that holds a key twice",
    b'{"id": 1, "a": [NaN]}': "a number that is out of range",
    b'{"id": 1, "a": 1e99999999999999999999}': "a number that is out of range",
    b'{"id": 1, "a": ' + b"9" * 5000 + b"}": "a number that is out of range",
    b'{"id": 1, "a": "M\xfcller"}': "not UTF-8",
    b'{"id": 1, "M\xfcller": 1}': "not UTF-8",
}


@pytest.mark.parametrize(("row", "problem"), ODD.items())
def test_what_is_refused_in_a_row_of_an_answer_costs_only_that_row(row: bytes, problem: str) -> None:
    found: Any = read_answer(b'{"code": 200, "data": [{"id": 7}, ' + row + b'], "meta": {}}')

    good, odd = found["data"]
    assert (type(good), good) == (dict, {"id": 7})
    assert odd.problem == problem
    assert copy.deepcopy(odd).problem == problem


@pytest.mark.parametrize("row", ODD)
def test_what_is_refused_elsewhere_in_an_answer_costs_the_answer(row: bytes) -> None:
    for body in (b'{"data": [], "meta": ' + row + b"}", b"[" + row + b"]", b'{"data": [' + row + b"]", b'{"data": ' + row + b"}"):
        with pytest.raises(ValueError, match=r"key twice|out of range|not UTF-8"):
            read_answer(body)


def test_a_byte_order_mark_is_skipped() -> None:
    assert read_json(b"\xef\xbb\xbf{}") == {}


def test_numbers_with_a_point_are_decimals_with_all_their_digits() -> None:
    assert read_json(b"[1.10, 1e2, 3]") == [Decimal("1.10"), Decimal("1E+2"), 3]
    assert str(read_json(b"1.10")) == "1.10"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, True, None, "ü"]}, '{"a":[1,true,null,"\\u00fc"]}'),
        (Decimal("100.10"), "100.10"),
        (Colour.RED, "1"),
        ({}, "{}"),
        ([], "[]"),
        ({1: ()}, '{"1":[]}'),
    ],
)
def test_values_are_written_compactly(value: object, text: str) -> None:
    assert write_json(value) == text


@pytest.mark.parametrize("value", [1.5, {"a": [0.0]}, object(), {1, 2}, b"x"])
def test_a_float_or_a_stranger_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="cannot write"):
        write_json(value)


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        write_json(deep)


def test_a_decimal_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        write_json(Decimal("NaN"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_what_is_written_reads_back_equal(value: Any) -> None:
    assert read_json(write_json(value).encode()) == value


@given(JSON | st.lists(st.sampled_from([Colour.RED, (), ("a", None), {1: 2}, {None: True}, "\ud800", 2**70, -0])))
def test_what_is_written_fast_is_the_same_text(value: object) -> None:
    parts: list[str] = []
    _write(value, parts)
    assert write_json(value) == "".join(parts)
