"""With the extra `speed` only the parser is another: values, order, errors and JSON are the same, in every process."""

import json
import os
import subprocess
import sys
import textwrap
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from conftest import connect
from hypothesis import given, settings, strategies as st
from wire_objects import objects, ordered

from bigcommerce_b2b_invoices import DecodeError, Invoice, to_json
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.wire import converter, json_text


def both_ways(text: bytes) -> list[object]:
    """What the two parsers make of a text that counts as long."""
    outcomes: list[object] = []
    for parser in (msgspec, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_text, "SHORT", 0)
            patch.setattr(json_text, "msgspec", parser)
            try:
                outcomes.append(json_text.read_json(text))
            except ValueError as error:
                outcomes.append(str(error))
    return outcomes


TEXTS = [
    b"", b"{", b"[]", b"nul", b"01", b"1.", b"[1,]", b'{"a":1} x', b'"\xff"', b'"\xed\xa0\x80"', b'"a\x01b"', b'"\\x"', b"\x0b1",
    b"NaN", b"[Infinity]", b"-0", b"-0.0", b"1E400", b"1e9999999999999999999", b"9" * 5000, b"18446744073709551616",
    b"-9223372036854775809", b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\u0000"', b"\xef\xbb\xbf{}", b"[" * 100_000,
    b'{"a": 1, "a": 2}', b'{"data": [{"id": 1, "openBalance": 1, "openBalance": 2}]}',
    b'{"data": [{"id": 1, "type": "openBalance\\" and originalBalance\\""}]}', b"[" * 70 + b"]" * 70,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:20]))
def test_both_parsers_say_the_same_of_a_text(text: bytes) -> None:
    with_extra, without = both_ways(text)

    assert repr(with_extra) == repr(without)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200)
@given(value=JSON)
def test_both_parsers_make_the_same_of_any_json(value: object) -> None:
    with_extra, without = both_ways(json.dumps(value, default=float).encode())

    assert repr(with_extra) == repr(without)


@settings(max_examples=100)
@given(rows=st.lists(objects(Invoice), max_size=3))
def test_invoices_and_their_errors_are_the_same(rows: list[dict[str, Any]]) -> None:
    text = json.dumps({"code": 200, "data": rows}, default=float).encode()
    outcomes: list[object] = []
    for parsed in both_ways(text):
        assert isinstance(parsed, dict)
        for row in parsed["data"]:
            try:
                invoice = converter.read(Invoice, row)
                outcomes.append((ordered(invoice), to_json(invoice)))
            except DecodeError as error:
                outcomes.append((str(error), error.row))

    assert outcomes[: len(rows)] == outcomes[len(rows) :]


@pytest.mark.parametrize("with_extra", [True, False])
async def test_a_walk_is_the_same_with_and_without_the_extra(with_extra: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(invoices=300, seed=3) as sandbox, connect(sandbox) as client:
        got = {invoice_id: await client.invoices.get(invoice_id) for invoice_id in sandbox.invoice_ids[:9]}
        if not with_extra:
            monkeypatch.setattr(json_text, "msgspec", None)
        walked = {invoice.id: invoice async for invoice in client.invoices.iterate()}

        assert {invoice_id: attr_free(walked[invoice_id]) for invoice_id in got} == {
            invoice_id: attr_free(invoice) for invoice_id, invoice in got.items()
        }
        feed = client.invoices.changes()
        assert len([invoice async for invoice in feed]) == 300
        monkeypatch.undo()
        assert [invoice async for invoice in client.invoices.changes(feed.cursor)] == []  # versions are the same, too


def attr_free(invoice: Invoice) -> dict[str, object]:
    """What was read but for the extra fields, which a list leaves out."""
    return {name: value for name, value in converter.write(invoice).items() if name != "extraFields"}


PROGRAM = """
    import json, sys
    from bigcommerce_b2b_invoices import Invoice, from_json, to_json
    from bigcommerce_b2b_invoices.wire import json_text

    number, with_extra = int(sys.argv[1]), sys.argv[2] == "True"
    json_text.SHORT = 0
    if not with_extra:
        json_text.msgspec = None
    for seen in range(number):  # another process has seen other keys before
        from_json(Invoice, json.dumps({"id": seen, f"key{number}": 1, "zzz": {"a": seen}, "details": {f"d{seen}": 1}}))
    print(to_json(from_json(Invoice, sys.argv[3])))
"""
TEXT = json.dumps({
    "bcId": 5, "id": 1, "zzz": 1.50, "openBalance": {"value": "1.10", "odd": None, "code": "USD"}, "dueDate": "soon", "externalId": None,
    "details": {"b": [1.10], "header": {"orderDate": "2026-01-01", "x": {}}, "a": None}, "key3": [], "extraFields": [],
})  # fmt: skip


def test_the_json_of_an_invoice_is_one_text_in_ten_processes_that_saw_different_keys() -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    runs = [
        subprocess.Popen([*command, str(number), str(number % 2 == 0), TEXT], stdout=subprocess.PIPE, env=environ, text=True)
        for number in range(10)
    ]

    texts = {run.communicate()[0] for run in runs}

    assert len(texts) == 1
    assert json.loads(texts.pop(), parse_float=Decimal) == json.loads(TEXT, parse_float=Decimal)
