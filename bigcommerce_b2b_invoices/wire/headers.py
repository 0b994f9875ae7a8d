"""Reads response headers about time, in seconds, and about the quota."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import attrs

_LEADING_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)")
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)
_UNITS = {  # of durations, in seconds; a number without a unit has that of its header
    "ms": 0.001, "millisecond": 0.001, "milliseconds": 0.001, "msec": 0.001,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip

# The B2B API's own name, that of BigCommerce's core API, that of the IETF draft, and the usual name before the draft.
_REMAINING = ("x-requests-remaining", "x-rate-limit-requests-left", "ratelimit-remaining", "x-ratelimit-remaining")
_RESETS_AFTER = (
    ("x-request-window-resets-after", 1.0),
    ("x-rate-limit-time-reset-ms", 0.001),
    ("ratelimit-reset", 1.0),
    ("x-ratelimit-reset", 1.0),
)
_LONGEST_WINDOW = 86_400.0  # seconds; more than a day is not a duration but a time (`X-RateLimit-Reset` of some servers)
_MOST_REQUESTS = 1_000_000_000.0  # a larger number means no limit in practice


@attrs.frozen
class QuotaLeft:
    """The server's own count, which includes everybody else's requests.

    Attributes:
        remaining: Requests that the server would still accept; None if it does not say.
        resets_after: Seconds until the server's count starts again; None if it does not say.
    """

    remaining: int | None = None
    resets_after: float | None = None


def leading_number(text: str | None) -> float | None:
    """The number that a quota header starts with: `0.397 s` -> 0.397, `150 times` -> 150.0, nothing -> None."""
    found = _LEADING_NUMBER.match(text) if text else None
    return float(found[1]) if found else None


def duration(text: str | None, unit: float = 1.0) -> float | None:
    """Seconds: `0.397 s` -> 0.397, `900 ms` -> 0.9, `2 min` -> 120.0. None for an unknown unit: then nobody knows the number.

    Args:
        text: The header.
        unit: Seconds that a number without a unit stands for.
    """
    found = _DURATION.fullmatch(text) if text else None
    seconds = _UNITS.get(found[2].lower(), None if found[2] else unit) if found else None
    return None if found is None or seconds is None else float(found[1]) * seconds


def quota_left(headers: Mapping[str, str]) -> QuotaLeft:
    """The quota according to the headers. If several headers give it, the least room and the longest wait count.

    Negative values and values in words count as absent.
    Source: `X-Requests-Remaining: 150 times`, `X-Request-Window-Resets-After: 0.397 s`.
    """
    remaining = [number for name in _REMAINING if (number := leading_number(headers.get(name))) is not None]
    resets = [seconds for name, unit in _RESETS_AFTER if (seconds := duration(headers.get(name), unit)) is not None]
    return QuotaLeft(
        int(min(*remaining, _MOST_REQUESTS)) if remaining else None,
        max((seconds for seconds in resets if seconds <= _LONGEST_WINDOW), default=None),
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks us to wait: the longest time that a header gives; None if no header gives one.

    `Retry-After` is not documented, but we obey it, as seconds or as a date. A date is read relative to the response's
    own `Date`, so that a wrong clock on either side does no harm. `X-Request-Window-Resets-After: 0.397 s` is documented.
    """
    hints = [_retry_after_header(headers), duration(headers.get("x-retry-after")), quota_left(headers).resets_after]
    return max((hint for hint in hints if hint is not None), default=None)


def server_time(headers: Mapping[str, str]) -> int | None:
    """The `Date` of the answer in epoch seconds; None if there is none."""
    date = _date(headers.get("date", ""))
    return None if date is None else int(date)


def _retry_after_header(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    seconds = [each for part in text.split(",") if (each := duration(part)) is not None]  # one that came twice has a comma
    if seconds:
        return max(seconds)
    then, now = _date(text), server_time(headers)
    return max(0.0, then - now) if then is not None and now is not None else None


def _date(text: str) -> float | None:
    try:
        then = parsedate_to_datetime(text)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
