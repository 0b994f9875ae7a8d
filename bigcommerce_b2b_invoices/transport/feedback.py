"""Decides from the server's answers how many more requests may be sent now. It never waits.

The limiter's own leases are the upper bound; each of these rules can only lower it.

1. The remaining requests. The server counts everybody's requests, so its `remaining`, minus our own requests under way, is the
   room that is left. Answers may come out of order. So the lowest `remaining` counts, until the earliest reset time that an
   answer gave. After that nothing is known. We forget `remaining` after one window of our own at the latest, so a server that
   always says 0 does not stop us for ever.
2. The gate. A refusal (429) stops everybody until the time that the server gives, or gave before. If the server never gave a
   time, the gate closes for FIRST_PAUSE, and for twice as long after each further burst of refusals, up to one window.
3. Ask first. One request is sent alone if nothing is known: by a fresh limiter, and after a window without a request. The others
   follow once it has an answer of any kind, after FIRST_PATIENCE at the latest. One request is also sent alone after a refusal.
   Then the others wait for a good answer, and for PATIENCE.
4. The width: how many requests may be under way. A burst of refusals is never larger than that, so a refusal halves the width.
   Good answers widen it again: at a width of n, n good answers add one (additive increase, multiplicative decrease). 150
   requests a minute at half a second each need only two under way, so a narrow width costs no throughput.
"""

import math
import random
from collections.abc import Callable, Mapping

import attrs

from bigcommerce_b2b_invoices.wire.headers import quota_left, retry_after

FIRST_PAUSE = 0.02  # seconds; the retry policy adds its own delay
PATIENCE = 5.0  # seconds that the others wait for the request that asks first: one slow call must not hold up all
FIRST_PATIENCE = 1.0  # the same if nothing was refused: the server is probably just slow
NEVER = float("-inf")


@attrs.frozen(eq=False, repr=False)
class Lease:
    """The right to send one request.

    Attributes:
        sent: When the limiter gave the lease, in seconds of the loop's clock.
        bulk: Whether a walk or a bulk call holds the lease.
        shared: The name of the lease in a log that several processes share; empty if there is no such log.
    """

    sent: float
    bulk: bool
    shared: str = ""


@attrs.define(eq=False, repr=False)
class Feedback:
    """The state of the four rules.

    Attributes:
        requests: The most requests that may be under way.
        per: Length of a window in seconds.
        random: Returns a number from 0 to 1, for the gate's jitter.
        remaining: How many requests the server would still accept. Our requests under way are not yet subtracted. None if it is
            not known.
        resets_at: When `remaining` is forgotten, in seconds of the loop's clock.
        closed_until: When the gate opens, in seconds of the loop's clock.
    """

    requests: int
    per: float
    random: Callable[[], float] = random.random
    remaining: int | None = None
    resets_at: float = NEVER
    closed_until: float = NEVER
    _width: float = attrs.field(default=attrs.Factory(lambda self: float(self.requests), takes_self=True), init=False)
    _asking: bool = attrs.field(default=False, init=False)
    _first: Lease | None = attrs.field(default=None, init=False)  # the lease of the request that asks
    _hurried: float = attrs.field(default=math.inf, init=False)  # nobody awaits the first answer of the store after this time
    _refused_at: float = attrs.field(default=NEVER, init=False)
    _pause: float = attrs.field(default=0.0, init=False)

    def room(self, now: float, *, under_way: int, reserve: int) -> int:
        """How many more requests may be sent; 0 or less means none.

        Args:
            now: Seconds of the loop's clock.
            under_way: Own requests that are not answered yet.
            reserve: How many requests must remain afterwards.
        """
        if now < self.closed_until:
            return 0
        if self.remaining is not None and now >= self.resets_at:
            self.remaining = None
        if self._first is not None and now < self._first_until:
            return 0
        room = 1 if self._asking else int(self._width) - under_way
        return room if self.remaining is None else min(room, self.remaining - under_way - reserve)

    def next_change(self, now: float) -> float | None:
        """When there may be room again even if no answer comes; None if only an answer can make room."""
        if now < self.closed_until:
            return self.closed_until
        times = [self.resets_at] if self.remaining is not None else []
        if self._first is not None:
            times.append(self._first_until)
        return min((time for time in times if time > now), default=None)

    def sending(self, lease: Lease, *, alone: bool = False) -> None:
        """Note that a request is sent under this lease.

        Args:
            lease: The lease of the request.
            alone: Whether no other request is under way or was answered within the last window: then nothing is known.
        """
        if self._asking or alone:
            self._first = lease
            if self._hurried <= lease.sent:
                self._hurried = math.inf  # it was about an earlier request

    def hurry(self, until: float) -> None:
        """Wait for the first answer of the store until this time at most, because a call cannot wait longer."""
        self._hurried = min(self._hurried, until)

    def unsent(self, lease: Lease) -> None:
        """Note that the request was not sent after all."""
        if lease is self._first:
            self._first = None

    def answered(self, lease: Lease, headers: Mapping[str, str] | None, *, refused: bool, now: float, under_way: int) -> None:
        """Learn from an answer.

        Args:
            lease: The lease of the request.
            headers: The headers of the answer. None if no answer came; the server may still have counted the request.
            refused: Whether the answer is a 429.
            now: Seconds of the loop's clock.
            under_way: Own requests that are not answered yet, without this one.
        """
        left = quota_left(headers or {})
        if left.remaining is not None:
            self._learn(left.remaining, now + min(self.per if left.resets_after is None else left.resets_after, self.per), now)
        elif self.remaining is not None:
            self.remaining -= 1
        if lease is self._first:
            self._first = None
        if refused:
            self._refused(lease, retry_after(headers or {}), now, under_way)
        elif headers is not None and lease.sent >= self._refused_at:
            self._width = min(self._width + 1 / self._width, self.requests)
            self._asking, self._pause = False, 0.0

    @property
    def _first_until(self) -> float:
        """Until when the others wait for the answer to the request that asks."""
        sent = NEVER if self._first is None else self._first.sent
        return sent + PATIENCE if self._asking else min(sent + FIRST_PATIENCE, self._hurried)

    def close(self, until: float) -> None:
        """Close the gate, or keep it closed, until this time."""
        self.closed_until = max(self.closed_until, until)

    def _learn(self, remaining: int, resets_at: float, now: float) -> None:
        if self.remaining is not None and now < self.resets_at:
            remaining, resets_at = min(remaining, self.remaining), min(resets_at, self.resets_at)
        self.remaining, self.resets_at = remaining, resets_at

    def _refused(self, lease: Lease, hint: float | None, now: float, under_way: int) -> None:
        self._asking = True
        if lease.sent >= self._refused_at:  # the first refusal of its burst
            self._refused_at, self._first = now, None
            self._width = max(1.0, min(self._width, under_way + 1) / 2)
            self._pause = min(max(2 * self._pause, FIRST_PAUSE), self.per)
        if hint is None and self.remaining is not None:
            self.remaining = 0  # an earlier answer gave the reset time
        # 0 seconds do not count as a hint, or we would send again at once. Hours are a mistake: the calls end with the error, and
        # later calls ask again.
        wait = min(hint or self._pause, 2 * self.per)
        # The jitter keeps us apart from other integrations that wait for the same moment.
        self.close(now + wait + self.random() * min(1.0, wait / 10))
