"""Checks of the server as a whole: connection, credentials, clock and quota."""

import re
from email.utils import parsedate_to_datetime

from bigcommerce_b2b_invoices.cli.doctor.answers import Answer
from bigcommerce_b2b_invoices.cli.doctor.findings import Finding, differs, ok, unknown
from bigcommerce_b2b_invoices.cli.settings import REQUESTS_PER_MINUTE

CLOCK_SLACK = 60.0  # seconds; the header `Date` has whole seconds, and the answer takes its time
PER = 60.0  # seconds of the library's window
_ALLOCATED = re.compile(r"\s*([0-9]{1,9})(?: times)?(?:\s*/\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*s)?\s*")
_REFUSALS = {
    401: "HTTP 401: the token is wrong or expired; check BIGCOMMERCE_ACCESS_TOKEN",
    403: "HTTP 403: the token does not allow reading invoices; a buyer's token never does. Use a token of the store",
}


def connection(answer: Answer) -> Finding:
    """Whether the API answers."""
    check = "connection"
    if answer.status is None:
        return differs(check, answer.problem or "no answer")
    if answer.is_api:
        return ok(check, "the API answers")
    if answer.status == 407:
        return differs(check, "the proxy refuses the request (HTTP 407): check --proxy, with its user and password")
    if answer.status in (401, 403, 429):
        return ok(check, f"a gateway in front of the API answers (HTTP {answer.status})")
    if answer.status >= 500:
        return differs(check, f"a gateway answers in place of the API (HTTP {answer.status}): try again later")
    return differs(check, f"this is not the API (HTTP {answer.status}): check BIGCOMMERCE_B2B_BASE_URL")


def credentials(answer: Answer) -> Finding:
    """Whether the API accepts token and store hash."""
    check = "credentials"
    if answer.status is None or answer.status == 429:
        return unknown(check, answer.problem or "no answer")
    if answer.status in _REFUSALS:
        return differs(check, _REFUSALS[answer.status])
    if not answer.is_api:
        return unknown(check, "the API itself did not answer")
    if answer.status >= 500:
        return differs(
            check,
            f"status {answer.status}: the API answers a wrong store hash like this. Check BIGCOMMERCE_STORE_HASH; "
            "if it is right, the API has an outage",
        )
    if answer.problem is not None:
        return unknown(check, answer.problem)
    return ok(check, "the API accepts the token and the store hash")


def clock(answer: Answer) -> Finding:
    """Whether this machine's clock agrees with the server's."""
    check, text = "clock", answer.headers.get("date")
    try:
        server = parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        server = None
    if server is None:
        return unknown(check, "the server does not tell its time; changes() then goes by this machine's clock")
    ahead = answer.time - server
    if abs(ahead) <= CLOCK_SLACK:
        return ok(check, f"this machine and the server agree within {CLOCK_SLACK:g} seconds")
    return differs(
        check,
        f"this machine's clock is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} the server's: set it. What is "
        "overdue is judged by this machine's clock; changes() goes by the server's",
    )


def quota(answer: Answer, *, requests: int) -> Finding:
    """Whether the store's quota is the one that the library keeps to.

    Args:
        answer: Any answer.
        requests: How many requests the client's limiter allows in a minute.
    """
    check, text = "quota", answer.headers.get("x-requests-allocated")
    if answer.status is None:
        return unknown(check, answer.problem or "no answer")
    if answer.status == 429:
        return unknown(check, "it is used up, by this or another integration of the store: try again in a minute")
    if text is None:
        return ok(check, "the server does not tell its quota; the client then counts only its own requests")
    found = _ALLOCATED.fullmatch(text)
    if found is None:
        return differs(check, "the header X-Requests-Allocated cannot be read; the client then counts only its own requests")
    allowed, window = int(found[1]), float(found[2] or PER)
    if window <= 0 or allowed * PER < min(requests, REQUESTS_PER_MINUTE) * window:
        return differs(
            check,
            f"the store allows {allowed} requests in {window:g} seconds, and the client would send {requests} in {PER:g}: pass "
            "RateLimiter(requests=..., per=...), or --requests-per-minute, to avoid refusals",
        )
    if "x-requests-remaining" not in answer.headers or "x-request-window-resets-after" not in answer.headers:
        return differs(check, "the server does not say what remains of its quota; the client then counts only its own requests")
    return ok(check, f"the store allows {allowed} requests in {window:g} seconds, and tells what remains")
