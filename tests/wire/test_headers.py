"""Waiting times in response headers."""

import math

import pytest
from hypothesis import given, strategies as st

from bigcommerce_b2b_invoices.wire.headers import QuotaLeft, leading_number, quota_left, retry_after

NOON = "Sun, 22 Nov 2026 12:00:00 GMT"
LATER = "Sun, 22 Nov 2026 12:00:07 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "1.5 s"}, 1.5),
        ({"retry-after": "2 fortnights"}, None),
        ({"x-request-window-resets-after": "900 ms"}, 0.9),
        ({"x-request-window-resets-after": "2 min"}, 120.0),
        ({"x-request-window-resets-after": "7 x"}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": LATER, "date": NOON}, 7.0),
        ({"retry-after": NOON, "date": LATER}, 0.0),
        ({"retry-after": LATER}, None),  # without the server's own clock a date says nothing
        ({"retry-after": "-1"}, None),
        ({"retry-after": LATER, "date": "Fri, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"retry-after": "abc", "date": NOON}, None),
        ({"x-request-window-resets-after": "0.397 s"}, 0.397),
        ({"x-request-window-resets-after": "soon"}, None),
        ({"retry-after": "2", "x-request-window-resets-after": "5 s"}, 5.0),
        ({"retry-after": "2, 9"}, 9.0),  # came twice
        ({"retry-after": ","}, None),
        ({"x-retry-after": "3"}, 3.0),
        ({"x-rate-limit-time-reset-ms": "1500"}, 1.5),
        ({"retry-after": "900 ms"}, 0.9),
        ({"retry-after": "900ms"}, 0.9),
        ({"retry-after": "0.4 s"}, 0.4),
        ({"retry-after": "2 min"}, 120.0),
        ({"retry-after": "1.5 s, 2 min"}, 120.0),
        ({"x-retry-after": "3, 4"}, 4.0),
        ({"x-request-window-resets-after": "2 s, 5 s"}, 5.0),
        ({"retry-after": "2, soon"}, 2.0),
        ({"retry-after": "2, -9"}, 2.0),
        ({"retry-after": "1,5"}, None),  # one and a half, or two values?
        ({"retry-after": "0,4 s"}, None),
        ({"x-request-window-resets-after": "1,500 ms"}, None),
        ({"retry-after": "1e1"}, None),
        ({"retry-after": "0x10"}, None),
        ({"retry-after": "1_0"}, None),
        ({"retry-after": "+5"}, None),
        ({"retry-after": "-0.5 s"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "9" * 5000 + " h"}, None),
        ({"retry-after": "1" + "0" * 308 + " h"}, None),
        ({"retry-after": "1000000000"}, 1e9),  # who waits decides
        ({"retry-after": "\u0663"}, None),  # a digit, but not of HTTP
        ({"retry-after": "\uff15 s"}, None),
        ({"retry-after": "\u20075"}, None),
        ({"retry-after": "5 \u017f"}, None),
        ({"retry-after": "\u0663", "x-request-window-resets-after": "5 s"}, 5.0),
        ({"retry-after": "Sun, 22 Nov 99999 12:00:00 GMT", "date": NOON}, None),
        ({"retry-after": "Sun, 31 Feb 2026 12:00:00 GMT", "date": NOON}, None),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:07 +9999", "date": NOON}, None),
        ({"retry-after": "Sunday, 22-Nov-26 12:00:07 GMT", "date": NOON}, 7.0),
    ],
)
def test_the_longest_hint_counts_and_nonsense_does_not(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("150 times/60 s", 150.0),
        (" 12", 12.0),
        ("0.4 s", 0.4),
        ("", None),
        (None, None),
        ("-3", None),
        ("150/60", 150.0),
        ("7;w=60", 7.0),
        ("1e3", None),
        ("1 000 times", None),
        ("1.5.2", None),
        ("0x10", None),
        ("\u0663", None),
    ],
)
def test_quota_headers_begin_with_their_number(text: str | None, number: float | None) -> None:
    assert leading_number(text) == number


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({}, QuotaLeft()),
        ({"x-requests-remaining": "149 times", "x-request-window-resets-after": "0.397 s"}, QuotaLeft(149, 0.397)),
        ({"x-rate-limit-requests-left": "7", "x-rate-limit-time-reset-ms": "2500"}, QuotaLeft(7, 2.5)),
        ({"ratelimit-remaining": "7", "ratelimit-reset": "30"}, QuotaLeft(7, 30.0)),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": "1795435200"}, QuotaLeft(7)),  # a time, no duration
        ({"x-requests-remaining": "5 times", "ratelimit-remaining": "3"}, QuotaLeft(3)),
        ({"x-request-window-resets-after": "2 s", "ratelimit-reset": "5"}, QuotaLeft(None, 5.0)),
        ({"x-requests-remaining": "-1 times", "x-request-window-resets-after": "-1 s"}, QuotaLeft()),
        ({"x-requests-remaining": "5 times, 1 times", "x-request-window-resets-after": "2 s, 5 s"}, QuotaLeft(1, 5.0)),
        ({"x-requests-remaining": "1,500 times", "x-request-window-resets-after": "0,4 s"}, QuotaLeft()),
        ({"x-requests-remaining": "1e3 times", "x-request-window-resets-after": "1e3 s"}, QuotaLeft()),
        ({"x-requests-remaining": "inf", "x-request-window-resets-after": "nan s"}, QuotaLeft()),
        ({"x-requests-remaining": "\u0663 times", "x-request-window-resets-after": "\u0663 s"}, QuotaLeft()),
        ({"x-requests-remaining": "none", "x-request-window-resets-after": "soon"}, QuotaLeft()),
        ({"x-requests-remaining": "9" * 400, "x-request-window-resets-after": "9" * 400}, QuotaLeft(1_000_000_000)),
    ],
)
def test_the_least_room_and_the_longest_wait_count_and_nonsense_does_not(headers: dict[str, str], left: QuotaLeft) -> None:
    assert quota_left(headers) == left


@given(
    text=st.text()
    | st.lists(
        st.sampled_from(["Sun", ",", " ", "22", "Nov", "2026", "12:00", "GMT", "-", "+9999", "9" * 20, "\x00", ":", "s"])
    ).map("".join),
    date=st.sampled_from([NOON, "", "12"]),
)
def test_no_header_raises_or_gives_a_wait_that_is_no_number(text: str, date: str) -> None:
    headers = dict.fromkeys(("retry-after", "x-retry-after", "x-requests-remaining", "x-request-window-resets-after"), text)
    for told in (retry_after({**headers, "date": date}), retry_after({"retry-after": LATER, "date": text})):
        assert told is None or 0.0 <= told < math.inf
