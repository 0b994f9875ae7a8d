"""When to try again, and how long to wait. Decides only; never sleeps."""

from collections.abc import Callable
from enum import Enum

import attrs
from attrs.validators import ge, instance_of

from bigcommerce_b2b_invoices import errors

LOOKS = 6  # how often a lost create is looked for, beside the first time
LONGEST_HINT = 120.0  # seconds; the API's quota window is 60: a server that asks for more is not obeyed but reported


class Fate(Enum):
    """What became of a request whose attempt failed."""

    NOT_SENT = "the server never saw it"
    POSTPONED = "the server refused it for now (429)"
    REJECTED = "the server refused it"
    UNKNOWN = "the server may or may not have acted on it"


NEVER_SENT = (errors.ConnectFailedError, errors.RateLimitWaitError, errors.ClientClosedError, errors.ConfigurationError)


def fate(error: errors.B2BError) -> Fate:
    """What a failed attempt did to its request. Only a status of a real response counts as an answer; in doubt it is unknown."""
    if isinstance(error, errors.RateLimitError):
        return Fate.POSTPONED
    if isinstance(error, errors.APIError) and not isinstance(error, errors.ServerError):
        return Fate.REJECTED
    return Fate.NOT_SENT if isinstance(error, NEVER_SENT) else Fate.UNKNOWN


@attrs.frozen
class RetryPolicy:
    """How often and how patiently a call is tried.

    Tried again are: every call that was not sent or was answered 429; reads and DELETE also after time-outs, broken connections,
    garbled answers and 5xx. A POST or PUT whose fate is unknown is looked for (see `settling`), and not sent again before.

    Before attempt k + 1 the call sleeps for a random time between 0 and `min(max_delay, base_delay * 2 ** (k - 1))` seconds
    ("full jitter"), on top of what the server asks for; where it asks for more than 120 seconds the call ends with the error.

    Attributes:
        attempts: Most attempts of one call, the first included; 1 switches retries off.
        base_delay: Seconds. It also scales how long a lost create is looked for before its number is sent again (`settling`):
            with less than the default 0.2 that may be shorter than the server's work on a request, and then only the store's
            own uniqueness of numbers stands between a slow commit and a second invoice.
        max_delay: Seconds.
    """

    attempts: int = attrs.field(default=4, validator=[instance_of(int), ge(1)])
    base_delay: float = attrs.field(default=0.2, validator=ge(0))
    max_delay: float = attrs.field(default=20.0, validator=ge(0))

    @property
    def settling(self) -> tuple[float, ...]:
        """Seconds between looking for a write whose answer was lost: 1, 2, 4, 8, 16, 32 by default, none without retries.

        In all 63, which is `315 * base_delay`: longer than a server works on a request, so that what is not there by then will
        not come any more.
        """
        return tuple(5 * self.base_delay * 2.0**look for look in range(LOOKS)) if self.attempts > 1 else ()

    def delay(self, error: errors.B2BError, attempt: int, *, repeatable: bool, random: Callable[[], float]) -> float | None:
        """Seconds to sleep before the next attempt, or None: do not try again.

        Args:
            error: Why attempt number `attempt` (1-based) failed.
            attempt: Number of the failed attempt.
            repeatable: Whether the call may be sent again when its fate is unknown.
            random: Returns a number from 0 to 1.
        """
        if attempt >= self.attempts or not _worth_it(error, repeatable=repeatable):
            return None
        jitter = random() * min(self.max_delay, self.base_delay * 2.0 ** min(attempt - 1, 60))
        hint = error.retry_after if isinstance(error, errors.APIError) else None
        if hint is None:
            return jitter
        return hint + jitter if hint <= LONGEST_HINT else None


def _worth_it(error: errors.B2BError, *, repeatable: bool) -> bool:
    if isinstance(error, errors.ConnectFailedError | errors.RateLimitError):
        return True
    redirect = isinstance(error, errors.ResponseError) and error.status is not None and 300 <= error.status < 400
    return repeatable and isinstance(error, errors.TransportError | errors.ServerError) and not redirect
