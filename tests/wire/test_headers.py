"""Waiting times in response headers."""

import pytest

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
    ],
)
def test_the_longest_hint_counts_and_nonsense_does_not(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("text", "number"), [("150 times/60 s", 150.0), (" 12", 12.0), ("0.4 s", 0.4), ("", None), (None, None), ("-3", None)]
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
        ({"x-requests-remaining": "none", "x-request-window-resets-after": "soon"}, QuotaLeft()),
        ({"x-requests-remaining": "9" * 400, "x-request-window-resets-after": "9" * 400}, QuotaLeft(1_000_000_000)),
    ],
)
def test_the_least_room_and_the_longest_wait_count_and_nonsense_does_not(headers: dict[str, str], left: QuotaLeft) -> None:
    assert quota_left(headers) == left
