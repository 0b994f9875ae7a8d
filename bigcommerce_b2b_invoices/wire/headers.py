"""What response headers say about time, in seconds."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_LEADING_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)")


def leading_number(text: str | None) -> float | None:
    """The number that a quota header begins with: `0.397 s` -> 0.397, `150 times` -> 150.0, nothing -> None."""
    found = _LEADING_NUMBER.match(text or "")
    return float(found[1]) if found else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: the longest of what the headers say, or None.

    `Retry-After` is not documented but honoured, as seconds or as a date; a date is taken relative to the response's
    own `Date`, so that a wrong clock on either side does no harm. `X-Request-Window-Resets-After: 0.397 s` is documented.
    """
    hints = [_retry_after_header(headers), leading_number(headers.get("x-request-window-resets-after"))]
    return max((hint for hint in hints if hint is not None), default=None)


def server_time(headers: Mapping[str, str]) -> float | None:
    """The `Date` of the answer in epoch seconds, or None."""
    return _date(headers.get("date", ""))


def _retry_after_header(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    if text.strip().isdecimal():
        return float(text)
    then, now = _date(text), server_time(headers)
    return max(0.0, then - now) if then is not None and now is not None else None


def _date(text: str) -> float | None:
    try:
        then = parsedate_to_datetime(text)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
