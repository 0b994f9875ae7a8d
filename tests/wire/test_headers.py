"""Waiting times in response headers."""

import pytest

from bigcommerce_b2b_invoices.wire.headers import leading_number, retry_after

NOON = "Sun, 22 Nov 2026 12:00:00 GMT"
LATER = "Sun, 22 Nov 2026 12:00:07 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
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
    ],
)
def test_the_longest_hint_counts_and_nonsense_does_not(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("text", "number"), [("150 times/60 s", 150.0), (" 12", 12.0), ("0.4 s", 0.4), ("", None), (None, None), ("-3", None)]
)
def test_quota_headers_begin_with_their_number(text: str | None, number: float | None) -> None:
    assert leading_number(text) == number
