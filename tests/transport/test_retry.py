"""When to try again: two tables."""

import pytest

from bigcommerce_b2b_invoices import RetryPolicy, errors
from bigcommerce_b2b_invoices.transport.retry import Fate, fate

FATES = [
    (errors.ConnectFailedError(), Fate.NOT_SENT, True, True),
    (errors.RateLimitWaitError(), Fate.NOT_SENT, False, False),
    (errors.ClientClosedError(), Fate.NOT_SENT, False, False),
    (errors.ConfigurationError(), Fate.NOT_SENT, False, False),
    (errors.RateLimitError(status=429), Fate.POSTPONED, True, True),
    (errors.BadRequestError(status=400), Fate.REJECTED, False, False),
    (errors.NotFoundError(status=404), Fate.REJECTED, False, False),
    (errors.UnprocessableError(status=422), Fate.REJECTED, False, False),
    (errors.ServerError(status=500), Fate.UNKNOWN, True, False),
    (errors.RequestTimeoutError(), Fate.UNKNOWN, True, False),
    (errors.ResponseError(), Fate.UNKNOWN, True, False),
    (errors.ResponseError(status=302), Fate.UNKNOWN, False, False),
    (errors.DecodeError(), Fate.UNKNOWN, False, False),
    (errors.B2BError(), Fate.UNKNOWN, False, False),
]


@pytest.mark.parametrize(("error", "expected", "read_again", "write_again"), FATES)
def test_each_failure_has_a_fate_and_a_verdict(
    error: errors.B2BError,
    expected: Fate,
    read_again: bool,
    write_again: bool,
) -> None:
    policy = RetryPolicy()
    assert fate(error) is expected
    assert (policy.delay(error, 1, repeatable=True, random=lambda: 1.0) is not None) is read_again
    assert (policy.delay(error, 1, repeatable=False, random=lambda: 1.0) is not None) is write_again


def test_the_delay_doubles_up_to_the_maximum_and_is_fully_jittered() -> None:
    policy = RetryPolicy(attempts=99, base_delay=0.2, max_delay=1.0)
    delays = [
        policy.delay(errors.ConnectFailedError(), attempt, repeatable=True, random=lambda: 0.5) for attempt in (1, 2, 3, 4, 90)
    ]
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])
    assert policy.delay(errors.ConnectFailedError(), 1, repeatable=True, random=lambda: 0.0) == 0.0


def test_the_servers_hint_is_waited_for_in_full_unless_it_is_too_long() -> None:
    policy = RetryPolicy(base_delay=1.0)
    hinted = errors.RateLimitError(status=429, retry_after=30.0)
    assert policy.delay(hinted, 1, repeatable=True, random=lambda: 0.5) == 30.5
    assert policy.delay(errors.RateLimitError(status=429, retry_after=1e9), 1, repeatable=True, random=lambda: 0.5) is None


def test_the_last_attempt_is_the_last() -> None:
    error = errors.ConnectFailedError()
    assert RetryPolicy(attempts=1).delay(error, 1, repeatable=True, random=lambda: 0.0) is None
    assert RetryPolicy(attempts=2).delay(error, 1, repeatable=True, random=lambda: 0.0) == 0.0
    assert RetryPolicy(attempts=2).delay(error, 2, repeatable=True, random=lambda: 0.0) is None


@pytest.mark.parametrize("settings", [{"attempts": 0}, {"base_delay": -1.0}, {"max_delay": -1.0}])
def test_a_policy_that_cannot_be_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**settings)  # type: ignore[arg-type] # that is the point
