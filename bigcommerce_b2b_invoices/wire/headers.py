"""Reads response headers about time, in seconds, and about the quota."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime

import attrs

_LEADING_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)(?:\s+[a-z].*|\s*|[;/].*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.ASCII | re.IGNORECASE)
_AMBIGUOUS = re.compile(r"\d,\d", re.ASCII)  # `1,5` may be one and a half, `1,500` a thousand and a half
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
    """The number that a quota header starts with: `150 times` -> 150.0, `0.397 s` -> 0.397. None for `1e3`, `1 000`, nothing."""
    found = _LEADING_NUMBER.fullmatch(text) if text else None
    return float(found[1]) if found else None


def duration(text: str | None, unit: float = 1.0) -> float | None:
    """Seconds: `0.397 s` -> 0.397, `900 ms` -> 0.9, `2 min` -> 120.0. None for an unknown unit and for more than a float holds.

    Args:
        text: The header.
        unit: Seconds that a number without a unit stands for.
    """
    found = _DURATION.fullmatch(text) if text else None
    factor = _UNITS.get(found[2].lower(), None if found[2] else unit) if found else None
    seconds = math.inf if found is None or factor is None else float(found[1]) * factor
    return seconds if seconds < math.inf else None


def quota_left(headers: Mapping[str, str]) -> QuotaLeft:
    """The quota according to the headers. If several headers or values give it, the least room and the longest wait count.

    Negative values and values in words count as absent.
    Source: `X-Requests-Remaining: 150 times`, `X-Request-Window-Resets-After: 0.397 s`.
    """
    counts = [leading_number(each) for name in _REMAINING if name in headers for each in _values(headers[name])]
    remaining = [number for number in counts if number is not None]
    waits = [seconds for name, unit in _RESETS_AFTER if name in headers for seconds in _durations(headers[name], unit)]
    resets = [seconds for seconds in waits if seconds <= _LONGEST_WINDOW]
    return QuotaLeft(int(min(*remaining, _MOST_REQUESTS)) if remaining else None, max(resets, default=None))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks us to wait: the longest time that a header gives; None if no header gives one.

    `Retry-After` is not documented, but we obey it, as seconds or as a date. A date is read relative to the response's
    own `Date`, so that a wrong clock on either side does no harm. `X-Request-Window-Resets-After: 0.397 s` is documented.
    """
    hints = [_retry_after_header(headers), *_durations(headers.get("x-retry-after", "")), quota_left(headers).resets_after]
    return max((hint for hint in hints if hint is not None), default=None)


def server_time(headers: Mapping[str, str]) -> int | None:
    """The `Date` of the answer in epoch seconds; None if there is none."""
    date = _date(headers.get("date", ""))
    return None if date is None else int(date)


def _retry_after_header(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    if seconds := _durations(text):
        return max(seconds)
    then, now = _date(text), server_time(headers)
    return max(0.0, then - now) if then is not None and now is not None else None


def _values(text: str) -> Sequence[str]:
    """The values of a header, which has several if it came several times. No value if a comma may be part of a number."""
    if "," not in text:
        return (text,)
    return () if _AMBIGUOUS.search(text) else text.split(",")


def _durations(text: str, unit: float = 1.0) -> list[float]:
    return [seconds for each in _values(text) if (seconds := duration(each, unit)) is not None]


def _date(text: str) -> float | None:
    try:
        then = parsedate_to_datetime(text)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
