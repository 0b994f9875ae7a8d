"""Decides whether to try again, and how long to wait. It never sleeps."""

from collections.abc import Callable
from enum import Enum

import attrs
from attrs.validators import ge, instance_of

from bigcommerce_b2b_invoices import errors

LOOKS = 6  # how often the client checks for a lost create, after the first check
LONGEST_HINT = 120.0  # seconds; the API's quota window is 60. A longer hint is reported as an error instead of waited for


class Fate(Enum):
    """What happened to a request whose attempt failed."""

    NOT_SENT = "the server never saw it"
    POSTPONED = "the server refused it for now (429)"
    REJECTED = "the server refused it"
    UNKNOWN = "the server may or may not have acted on it"


NO_VERDICT = (408, 421, 425, 499)  # a gateway gave up, or the request went astray: the API may have acted on it
NEVER_SENT = (errors.ConnectFailedError, errors.RateLimitWaitError, errors.ClientClosedError, errors.ConfigurationError)


def fate(error: errors.B2BError) -> Fate:
    """The fate of a request after a failed attempt. Only the status of a real response is an answer. In doubt, it is UNKNOWN."""
    if isinstance(error, errors.RateLimitError):
        return Fate.POSTPONED
    if isinstance(error, errors.APIError) and not isinstance(error, errors.ServerError) and error.status not in NO_VERDICT:
        return Fate.REJECTED
    return Fate.NOT_SENT if isinstance(error, NEVER_SENT) else Fate.UNKNOWN


@attrs.frozen
class RetryPolicy:
    """How often a call is tried, and how long it waits between attempts.

    Every call is tried again if no connection could be made or the API answered 429. Reads and DELETE are also tried again after
    time-outs, broken connections, garbled answers and 5xx. A POST or PUT whose fate is unknown is not sent again until the
    client has checked whether the write happened (see `settling`).

    Before attempt k + 1 the call sleeps for a random time between 0 and `min(max_delay, base_delay * 2 ** (k - 1))` seconds
    ("full jitter"). If the server asks for a wait, that is added. If the server asks for more than 120 seconds, the call ends
    with the error.

    Attributes:
        attempts: The most attempts of one call, including the first; 1 switches retries off.
        base_delay: Seconds. It also scales how long the client checks for a lost create before it sends the same number again
            (`settling`). With less than the default 0.2, that time may be shorter than the server's work on a request. Then only
            the store's own rule that numbers are unique prevents a second invoice after a slow commit.
        max_delay: Seconds.
        outage: For how many seconds walks, feeds, `get_many`, reads inside `bulk.run` and exports keep trying if every attempt
            fails, whatever `attempts` says. This needs a client that has had a good answer before. A single call keeps to
            `attempts`. 0, or `attempts=1`, switches this off. An answer such as 401 or 403, or a certificate that is not trusted,
            is not an outage.
    """

    attempts: int = attrs.field(default=4, validator=[instance_of(int), ge(1)])
    base_delay: float = attrs.field(default=0.2, validator=ge(0))
    max_delay: float = attrs.field(default=20.0, validator=ge(0))
    outage: float = attrs.field(default=60.0, validator=ge(0))

    @property
    def settling(self) -> tuple[float, ...]:
        """Seconds between the checks for a write whose answer was lost: 1, 2, 4, 8, 16, 32 by default, none without retries.

        In total 63 seconds, which is `315 * base_delay`. The server does not work on a request for that long, so a write that
        is not there by then will not appear later.
        """
        return tuple(5 * self.base_delay * 2.0**look for look in range(LOOKS)) if self.attempts > 1 else ()

    def delay(
        self,
        error: errors.B2BError,
        attempt: int,
        *,
        repeatable: bool,
        random: Callable[[], float],
        failing: float | None = None,
    ) -> float | None:
        """Seconds to sleep before the next attempt; None if the call must not be tried again.

        Args:
            error: The error of attempt number `attempt` (1-based).
            attempt: The number of the failed attempt.
            repeatable: Whether the call may be sent again when its fate is unknown.
            random: Returns a number from 0 to 1.
            failing: For how many seconds every attempt has failed, if the call may outlast an outage; None if it may not.
        """
        is_outage = not (isinstance(error, errors.ResponseError) and error.is_whole)
        outlasts = is_outage and failing is not None and failing < self.outage and self.attempts > 1
        if not (attempt < self.attempts or outlasts) or not _worth_it(error, repeatable=repeatable):
            return None
        jitter = random() * min(self.max_delay, self.base_delay * 2.0 ** min(attempt - 1, 60))
        hint = error.retry_after if isinstance(error, errors.APIError) else None
        if hint is None:
            return jitter
        return hint + jitter if hint <= LONGEST_HINT else None


def _worth_it(error: errors.B2BError, *, repeatable: bool) -> bool:
    if isinstance(error, errors.ConnectFailedError):
        return not error.is_permanent
    if isinstance(error, errors.RateLimitError):
        return True
    redirect = isinstance(error, errors.ResponseError) and error.status is not None and 300 <= error.status < 400
    if isinstance(error, errors.APIError) and error.status in NO_VERDICT:
        return repeatable
    return repeatable and isinstance(error, errors.TransportError | errors.ServerError) and not redirect
