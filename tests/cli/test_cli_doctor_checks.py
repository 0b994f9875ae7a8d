"""The checks of the doctor, over answers that no server had to give."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from bigcommerce_b2b_invoices.cli.doctor import arrays, filters, lists, rows, server
from bigcommerce_b2b_invoices.cli.doctor.answers import Answer, read_answer
from bigcommerce_b2b_invoices.sandbox import Sandbox

NOON = 1_767_268_800  # Thu, 01 Jan 2026 12:00:00 GMT
DATE = "Thu, 01 Jan 2026 12:00:00 GMT"
BALANCE = {"code": "USD", "value": "1.0000"}


def listed(*found: dict[str, Any], total: int | None = None, limit: int | None = 250, **envelope: Any) -> Answer:
    """The answer with these rows."""
    given = [{"id": index, "originalBalance": BALANCE, "openBalance": BALANCE, **row} for index, row in enumerate(found, 1)]
    pagination = {"totalCount": len(given) if total is None else total, "limit": limit}
    body = {"code": 200, "data": given, "meta": {"pagination": pagination}, **envelope}
    return read_answer(200, {}, json.dumps(body).encode(), time=NOON)


def failed(status: int) -> Answer:
    return read_answer(status, {}, b"", time=NOON)


def created(*times: int | None) -> Answer:
    return listed(*({"createdAt": time, "updatedAt": 7} for time in times))


def updated(*times: int | None) -> Answer:
    return listed(*({"createdAt": time, "updatedAt": when} for time, when in zip((5, 9, 1, 8), times, strict=False)))


ONE_TO_FOUR, FOUR_TO_ONE = created(1, 2, 3, 4), updated(4, 3, 2, 1)
ORDERS = [
    ("as assumed", ONE_TO_FOUR, FOUR_TO_ONE, "ok", "ok"),
    ("equal times beside each other", created(1, 1, 2, 2), updated(4, 4, 2, 2), "ok", "ok"),
    ("a row without a time", created(1, None, 2), updated(4, None, 2), "ok", "ok"),
    ("all at one time", created(1, 1), updated(4, 4), "unknown", "unknown"),
    ("rising where falling was asked", ONE_TO_FOUR, updated(1, 2, 3, 4), "ok", "differs"),
    ("falling where rising was asked", created(4, 3, 2, 1), FOUR_TO_ONE, "ok", "differs"),
    ("not by creation", created(1, 3, 2), FOUR_TO_ONE, "differs", "unknown"),
    ("not by update", ONE_TO_FOUR, updated(4, 1, 3, 2), "differs", "unknown"),
    ("one invoice", created(1), updated(4), "unknown", "unknown"),
    ("no second answer", ONE_TO_FOUR, failed(500), "unknown", "unknown"),
]


@pytest.mark.parametrize(("oldest", "latest", "sort", "order"), [row[1:] for row in ORDERS], ids=[row[0] for row in ORDERS])
def test_sort_and_order(oldest: Answer, latest: Answer, sort: str, order: str) -> None:
    assert (lists.sort(oldest, latest).verdict, lists.order(oldest, latest).verdict) == (sort, order)


TEN = created(*range(10, 20))


def from_row(*ids: int, time: int | None = None) -> Answer:
    return listed(*({"id": each, "createdAt": time or each + 9} for each in ids))


OFFSETS = [
    ("as asked", TEN, from_row(6, 7, 8), "ok"),
    ("another row of the same second", created(1, 2, 2, 2), from_row(4, time=2), "ok"),
    ("the first page again", TEN, from_row(1, 2, 3), "differs"),
    ("a row too far", TEN, from_row(10), "differs"),
    ("a row moved by a deletion", TEN, from_row(7, 8), "unknown"),
    ("beyond the page", TEN, from_row(99, 100), "differs"),
    ("a new row among the old ones", TEN, from_row(99, time=12), "unknown"),
    ("nothing", TEN, listed(total=10), "differs"),
    ("one invoice", created(1), listed(), "unknown"),
    ("an error", TEN, failed(502), "unknown"),
]


@pytest.mark.parametrize(("oldest", "later", "verdict"), [row[1:] for row in OFFSETS], ids=[row[0] for row in OFFSETS])
def test_offset(oldest: Answer, later: Answer, verdict: str) -> None:
    assert lists.offset(oldest, later).verdict == verdict


@pytest.mark.parametrize(
    ("size", "total", "said", "verdict"),
    [
        (250, 1000, 250, "ok"), (250, 250, None, "ok"), (249, 1000, 250, "differs"), (249, 249, 249, "differs"),
        (249, 249, 250, "unknown"), (0, 0, 250, "unknown"), (251, 251, 250, "differs"), (10, 11, None, "differs"),
    ],
)  # fmt: skip
def test_limit(size: int, total: int, said: int | None, verdict: str) -> None:
    assert lists.limit(listed(*({} for _ in range(size)), total=total, limit=said)).verdict == verdict


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ([listed({}, {}), listed({})], "ok"),
        ([listed({}, {}, total=99), listed({})], "ok"),  # the first page is full
        ([listed({}, {}), listed({}, total=2)], "differs"),
        ([listed({}, {}), listed({}, total=0)], "differs"),
        ([listed({}, {}, meta={}), listed({})], "differs"),
        ([listed({}, {}), failed(500)], "ok"),
        ([failed(500)], "unknown"),
    ],
)
def test_count(answers: Sequence[Answer], verdict: str) -> None:
    assert lists.count(answers, page=2).verdict == verdict


@pytest.mark.parametrize(
    ("allocated", "requests", "verdict"),
    [
        ("150 times/60 s", 150, "ok"), ("150", 150, "ok"), ("300 times/60 s", 150, "ok"), ("5 times/2 s", 150, "ok"),
        ("100 times/60 s", 150, "differs"), ("150 times/61 s", 150, "differs"), ("100 times/60 s", 100, "ok"),
        ("150 times/60 s", 1_000_000, "ok"), ("plenty", 150, "differs"), ("150 times/0 s", 150, "differs"), (None, 150, "ok"),
    ],
)  # fmt: skip
def test_quota(allocated: str | None, requests: int, verdict: str) -> None:
    headers = {"x-requests-remaining": "149 times", "x-request-window-resets-after": "9 s"}
    if allocated is not None:
        headers["x-requests-allocated"] = allocated
    assert server.quota(Answer(status=200, headers=headers), requests=requests).verdict == verdict


def test_a_quota_that_does_not_tell_what_remains_differs() -> None:
    found = server.quota(Answer(status=200, headers={"x-requests-allocated": "150 times/60 s"}), requests=150)
    assert found.verdict == "differs"


@pytest.mark.parametrize(
    ("date", "ours", "verdict"),
    [
        (DATE, NOON, "ok"), (DATE, NOON + 59, "ok"), (DATE, NOON + 61, "differs"), (DATE, NOON - 61, "differs"),
        (None, NOON, "unknown"), ("yesterday", NOON, "unknown"), ("Thu, 01 Jan 99999 12:00:00 GMT", NOON, "unknown"),
    ],
)  # fmt: skip
def test_clock(date: str | None, ours: float, verdict: str) -> None:
    headers = {} if date is None else {"date": date}
    assert server.clock(Answer(status=200, headers=headers, time=ours)).verdict == verdict


VALUES = listed(*({"status": each, "customerName": f"c{each},", "externalId": "a,b", "channelId": None} for each in (0, 0, 1)))


def test_a_probe_asks_for_the_rarest_value_and_for_none_that_tells_nothing() -> None:
    status = filters.values_probe("status", lambda invoice: str(invoice.status), VALUES)
    name = filters.name_probe(VALUES)

    assert status is not None
    assert status.parameters[0] == ("status", "1")
    assert name is not None
    assert name.parameters[0] == ("customerName", "c1,")
    assert arrays.external_id_probe(VALUES) is None  # commas would be read in two ways
    assert arrays.channel_probe(VALUES) is None
    assert filters.range_probes(VALUES) is None
    assert filters.search_probes(VALUES) is None


@pytest.mark.parametrize("odd", ["\ud800", "a\nb", "x" * 201, ""])
def test_a_probe_does_not_ask_for_what_a_url_cannot_hold(odd: str) -> None:
    answer = listed(*({"customerName": each, "invoiceNumber": each} for each in (odd, odd + "2", "good")))
    name, search = filters.name_probe(answer), filters.search_probes(answer)

    assert name is not None
    assert dict(name.parameters)["customerName"] in ("good", "2")
    assert search is not None
    assert dict(search[0].parameters)["q"] in ("good", "2")


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"id": "7"}, "cannot be read"),
        ({"openBalance": {"code": "USD"}}, "openBalance.value null"),
        ({"openBalance": {"code": "USD", "value": 1}}, "openBalance.value whole number"),
        ({"customerId": 7}, "customerId whole number"),
        ({"isPendingPayment": True}, "isPendingPayment true/false"),
        ({"createdAt": 1.5}, "createdAt fraction"),
        ({"details": []}, "details list"),
        ({"extraFields": {}}, "extraFields object"),
        ({"updatedAt": "soon"}, "updatedAt unreadable"),
    ],
)
def test_odd_types_are_named_without_their_values(row: dict[str, Any], text: str) -> None:
    found = rows.types(listed({"customerName": "Canary"}, row).rows)

    assert found.verdict == "differs"
    assert text in found.text
    assert "Canary" not in found.text
    assert "soon" not in found.text


def test_null_and_empty_values_are_usual() -> None:
    empty = dict.fromkeys(rows.known_keys() - rows.ESSENTIAL)
    assert rows.types(listed(empty, {"dueDate": "", "orderNumber": "", "details": {}}).rows).verdict == "ok"


def test_new_keys_are_named_but_no_text_that_only_looks_like_one() -> None:
    found = rows.keys([{"id": 1, "newKey": 1, "Canary & Sons": 2, "x" * 99: 3, **{f"k{index}": 1 for index in range(20)}}])

    assert found.verdict == "differs"
    assert "newKey" in rows.keys([{"newKey": 1}]).text
    assert "Canary" not in found.text
    assert "xxx" not in found.text
    assert "more" in found.text


def test_every_key_of_a_sandbox_invoice_has_a_known_type() -> None:
    sandbox = Sandbox(invoices=50)
    found = {key for invoice_id in sandbox.invoice_ids for key in sandbox.invoice(invoice_id) or {}}

    assert found - rows.UNDOCUMENTED == {path for path in rows.TYPES if "." not in path} == rows.known_keys()


def test_null_is_an_empty_list_if_the_count_says_so() -> None:
    none = {"code": 200, "data": None, "meta": {"pagination": {"totalCount": 0}}}

    assert read_answer(200, {}, json.dumps(none).encode(), time=0).problem is None
    assert read_answer(200, {}, b'{"code": 200, "data": null}', time=0).problem is not None


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"7" * 10_000, b'{"code": true, "data": {}}'])
def test_a_body_of_any_kind_is_an_answer_with_a_problem(body: bytes) -> None:
    assert read_answer(200, {}, body, time=0).problem is not None
