"""Decides who may send now.

The limiter is a lease log. A request takes a lease before it is sent, and the lease becomes free one window after the response.
So at most `requests` of them arrive at the server in any window of `per` seconds, however long each is under way: when one more
is sent, every other request that arrived within the last window still holds its lease. The server's own count (`feedback`) can
only lower that number.
"""

import asyncio
import math
from collections import deque
from collections.abc import Mapping, Sequence
from types import EllipsisType
from typing import Literal, Protocol

import attrs

from bigcommerce_b2b_invoices.errors import ClientClosedError, ConfigurationError, RateLimitWaitError
from bigcommerce_b2b_invoices.models.checks import whole_number
from bigcommerce_b2b_invoices.transport.feedback import Feedback, Lease

AGED = 30.0  # seconds after which a waiting walk counts as a single call, so that it does not wait for ever
ANSWER = 1.0  # seconds in which a request that is under way will probably be answered


@attrs.frozen(kw_only=True)
class RateLimitSnapshot:
    """The state of a limiter at one moment, for dashboards.

    Attributes:
        allowed: Requests that the limiter allows in a window.
        used: How many of these are under way or were answered within the last window.
        remaining: How many requests the server says it would still accept, after everybody's use; None if it has not said.
        waiting: Calls that wait for their turn.
        seconds_to_reset: Seconds until the server's count starts again, or until a refusal (429) is over if that is later; None
            if that is not known.
    """

    allowed: int
    used: int
    remaining: int | None
    waiting: int
    seconds_to_reset: float | None


@attrs.frozen(eq=False, repr=False)
class _Waiter:
    granted: asyncio.Future[Lease]
    bulk: bool
    since: float


class OnWait(Protocol):
    """Is told that a call begins to wait for its lease."""

    def __call__(self, reason: Literal["quota", "refused"], seconds: float, waiting: int, /) -> None:
        """Take note of the reason, the least seconds, and the number of calls that wait."""
        ...


class RateLimiter:
    """At most `requests` requests arrive in any window of `per` seconds. One limiter serves all clients of one store.

    Every other integration uses the same quota of the store. The limiter stops if the server says that nothing remains. Otherwise
    it uses all that remains: to leave room for the others, pass a smaller `requests`. The limiter serves calls in the order they
    came, single calls before walks. But a walk that has waited for 30 seconds counts as a single call. Not thread-safe: use
    it in one event loop.

    A new limiter does not know how much of the quota others have used. The same is true of a limiter that has sent nothing for a
    window. In both cases, the limiter first sends one request. The other requests wait until this request has an answer or has
    failed, for one second at most.

    Args:
        requests: The number of leases. The API allows a store 150 requests in 60 seconds.
        per: Length of the window in seconds.
        reserve: Leases that walks and bulk calls may not use. They also stop if the server says that no more than this remain.
        max_wait: Seconds that a call may wait for its lease. A longer wait raises RateLimitWaitError. None means no limit. A call
            waits for the first answer of the store for half of this time at most, so a late first answer does not by itself make
            the call fail.
    """

    def __init__(self, requests: int = 150, per: float = 60.0, *, reserve: int = 0, max_wait: float | None = None) -> None:
        requests, reserve = whole_number(requests, "requests"), whole_number(reserve, "reserve")
        if requests < 1 or not 0 < per < math.inf:
            raise ValueError(f"a limiter needs at least 1 request and a window above 0 seconds, not {requests} and {per}")
        if not 0 <= reserve < requests:
            raise ValueError(f"reserve must be between 0 and {requests - 1}, not {reserve}")
        if max_wait is not None and not max_wait >= 0:
            raise ValueError(f"max_wait must not be negative: {max_wait}")
        self.requests = requests
        self.per = per
        self.reserve = reserve
        self.max_wait = max_wait
        self._feedback = Feedback(requests, per)
        self._store: str | None = None
        self._held = 0  # leases of requests that are under way
        self._bulk_used = 0  # leases of walks and bulk calls, under way or cooling
        self._cooling: deque[tuple[float, Lease]] = deque()  # answered: when each becomes free; ascending
        self._single: deque[_Waiter] = deque()
        self._bulk: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._entered = -math.inf  # when this loop was first used

    def claim(self, store: str) -> None:
        """Serve this store and no other.

        Raises:
            ConfigurationError: The limiter already serves another store.
        """
        if self._store not in (None, store):
            raise ConfigurationError(f"the limiter serves {self._store} and cannot serve {store}: each store has its own quota")
        self._store = store

    async def acquire(
        self, *, bulk: bool = False, max_wait: float | EllipsisType | None = ..., on_wait: OnWait | None = None
    ) -> Lease:
        """Wait for a lease. Give each lease back with `release`, or `put_back` if nothing was sent. A cancelled wait keeps none.

        Args:
            bulk: Whether a walk or a bulk call asks.
            max_wait: Instead of the limiter's own `max_wait`; None means no limit.
            on_wait: Called if the call has to wait: with the reason, the least seconds, and the number of calls that wait.

        Raises:
            RateLimitWaitError: The wait would be, or was, longer than `max_wait`.
        """
        longest = self.max_wait if isinstance(max_wait, EllipsisType) else max_wait
        loop = self._enter_loop()
        now = loop.time()
        queue = self._bulk if bulk else self._single
        if not queue and not self._single and (lease := self._lend_at_once(now, bulk=bulk)) is not None:
            return lease
        least = self._least_wait(now, bulk=bulk)
        if longest is not None and least > longest:
            raise RateLimitWaitError(f"no lease will be free for more than {longest:g} s", retry_after=self._retry_after(least))
        if on_wait is not None and least > 0:
            reason: Literal["quota", "refused"] = "refused" if self._feedback.closed_until > now else "quota"
            on_wait(reason, least, len(self._single) + len(self._bulk) + 1)
        if longest is not None:
            self._feedback.hurry(now + longest / 2)  # that the first answer is missing is not a reason to fail
        waiter = _Waiter(loop.create_future(), bulk, now)
        queue.append(waiter)
        self._serve()
        try:
            async with asyncio.timeout(longest):
                return await waiter.granted
        except BaseException as stopped:
            self._leave(waiter)
            if not isinstance(stopped, TimeoutError):
                raise
        least = self._least_wait(loop.time(), bulk=bulk)
        raise RateLimitWaitError(f"no lease was free for {longest:g} s", retry_after=self._retry_after(least))

    def release(self, lease: Lease, headers: Mapping[str, str] | None = None, *, refused: bool = False) -> None:
        """Give a lease back after the response, or after the request has failed. It becomes free for others one window later.

        Args:
            lease: The lease from `acquire`.
            headers: The headers of the response, with names in lower case; None if no response came.
            refused: Whether the response is a 429. If so, everybody stops for as long as it says.
        """
        now = self._enter_loop().time()
        if lease.sent < self._entered:
            return  # the lease is from an earlier loop, and is already cooling
        self._held -= 1
        self._cooling.append((now + self.per, lease))
        self._feedback.answered(lease, headers, refused=refused, now=now, under_way=self._held)
        self._serve()

    def put_back(self, unused: Lease) -> None:
        """Give back a lease whose request was never sent. It is free for others at once."""
        self._enter_loop()
        if unused.sent >= self._entered:
            self._take_back(unused)
            self._serve()

    def pause(self, seconds: float) -> None:
        """Give out no lease for this many seconds."""
        self._feedback.close(self._enter_loop().time() + seconds)
        self._serve()

    def snapshot(self) -> RateLimitSnapshot:
        """The limiter's state now. Sends no request."""
        now = self._loop.time() if self._loop else 0.0
        self._free_cooled(now)
        feedback = self._feedback
        known = feedback.remaining is not None and now < feedback.resets_at
        resets = [time - now for time in (feedback.resets_at if known else now, feedback.closed_until) if time > now]
        return RateLimitSnapshot(
            allowed=self.requests,
            used=self._held + len(self._cooling),
            remaining=max(feedback.remaining, 0) if known and feedback.remaining is not None else None,
            waiting=len(self._single) + len(self._bulk),
            seconds_to_reset=max(resets, default=None),
        )

    def _may_send(self, now: float, *, bulk: bool) -> bool:
        self._free_cooled(now)
        if self._held + len(self._cooling) >= self.requests:
            return False
        if bulk and self._bulk_used >= self.requests - self.reserve:
            return False
        return self._feedback.room(now, under_way=self._held, reserve=self.reserve if bulk else 0) > 0

    def _lend_at_once(self, now: float, *, bulk: bool) -> Lease | None:
        return self._lend(now, bulk=bulk) if self._may_send(now, bulk=bulk) else None

    def _lend(self, now: float, *, bulk: bool, shared: str = "") -> Lease:
        lease = Lease(now, bulk, shared)
        self._feedback.sending(lease, alone=not self._held and not self._cooling)
        self._held += 1
        self._bulk_used += bulk
        return lease

    def _free_cooled(self, now: float) -> None:
        while self._cooling and self._cooling[0][0] <= now:
            self._bulk_used -= self._cooling.popleft()[1].bulk

    def _least_wait(self, now: float, *, bulk: bool) -> float:
        """The least time that a new waiter must wait, in seconds."""
        feedback = self._feedback
        wait = feedback.closed_until - now
        if feedback.remaining is not None and feedback.remaining <= (self.reserve if bulk else 0):
            wait = max(wait, feedback.resets_at - now)
        ahead = len(self._single) + (len(self._bulk) if bulk else 0)
        free = self.requests - self._held - len(self._cooling)  # leases that only the server's answers hold back
        wait = max(wait, self._until_free(ahead - free, [time - now for time, _ in self._cooling], self.requests))
        if bulk:
            most = self.requests - self.reserve
            cooling = [time - now for time, lease in self._cooling if lease.bulk]
            wait = max(wait, self._until_free(len(self._bulk) - most + self._bulk_used, cooling, most))
        return wait

    def _until_free(self, ahead: int, cooling: Sequence[float], leases: int) -> float:
        """The least seconds until one of these leases is free, if `ahead` more are lent before: each is lent once a window."""
        if ahead < 0:
            return -math.inf
        windows, place = divmod(ahead, leases)
        return windows * self.per + (cooling[place] if place < len(cooling) else self.per)

    def _retry_after(self, least: float) -> int:
        """What to tell a refused call. A wait of a window or more depends on requests whose answers are still to come."""
        return max(1, math.ceil(least + ANSWER if least >= self.per else max(least, 0.0)))

    def _next_waiter(self, now: float) -> _Waiter | None:
        """The waiter to serve next, or None if none can be served. Single calls go first, and an aged walk counts as one."""
        for queue in (self._single, self._bulk):
            while queue and queue[0].granted.done():
                queue.popleft()  # cancelled a moment ago
        heads = [queue[0] for queue in (self._single, self._bulk) if queue]
        heads.sort(key=lambda waiter: (waiter.bulk and now - waiter.since < AGED, waiter.since))
        return next((waiter for waiter in heads if self._may_send(now, bulk=waiter.bulk)), None)

    def _grant(self, waiter: _Waiter, now: float, *, shared: str = "") -> None:
        (self._bulk if waiter.bulk else self._single).remove(waiter)
        waiter.granted.set_result(self._lend(now, bulk=waiter.bulk, shared=shared))

    def _leave(self, waiter: _Waiter) -> None:
        """Remove a waiter that no longer waits. If it was granted a lease at the same moment, the next waiter gets that lease."""
        if waiter.granted.done() and not waiter.granted.cancelled() and not waiter.granted.exception():
            self._take_back(waiter.granted.result())
        queue = self._bulk if waiter.bulk else self._single
        if waiter in queue:
            queue.remove(waiter)
        self._serve()

    def _take_back(self, unused: Lease) -> None:
        self._held -= 1
        self._bulk_used -= unused.bulk
        self._feedback.unsent(unused)

    def _serve(self) -> None:
        """Grant every lease that can be granted now, and set a timer for the time when more may be granted."""
        if not self._single and not self._bulk:
            self._wake_at(None)
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        while (waiter := self._next_waiter(now)) is not None:
            self._grant(waiter, now)
        self._wake_at(self._next_change(now) if self._single or self._bulk else None)

    def _next_change(self, now: float) -> float | None:
        """When a waiter may be served even if no response comes."""
        change = self._feedback.next_change(now)
        cooled = self._cooling[0][0] if self._cooling else None
        if cooled is None or now < self._feedback.closed_until:
            return change
        return cooled if change is None else min(change, cooled)

    def _wake_at(self, when: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if when is None or self._loop is None else self._loop.call_at(when, self._serve)

    def _enter_loop(self) -> asyncio.AbstractEventLoop:
        """The running loop. Leases that were still held in a closed loop become free one window from now."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            if self._loop is not None and not self._loop.is_closed():
                raise ClientClosedError("the limiter serves another event loop: give each loop its own")
            self._move_to(loop)
        return loop

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        lost = self._held
        bulk = self._bulk_used - sum(lease.bulk for _, lease in self._cooling)
        self._cooling.extend((now + self.per, Lease(now, index < bulk)) for index in range(lost))
        self._held = 0
        self._single.clear()
        self._bulk.clear()
        self._timer = None
        self._loop = loop
        self._entered = now
