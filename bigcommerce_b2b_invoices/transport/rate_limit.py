"""Who may send now.

The limiter is a lease log: a request takes a lease before it is sent, and the lease is freed one window after its response. So at
most `requests` of them arrive at the server in any window of `per` seconds, however long each is under way: when one more is
sent, every other that arrived within the last window still holds its lease.
"""

import asyncio
import math
from collections import deque

from bigcommerce_b2b_invoices.errors import ClientClosedError, RateLimitWaitError


class RateLimiter:
    """At most `requests` requests arrive in any window of `per` seconds. One limiter serves all clients of one store.

    The store's quota is shared with every other integration: leave them room by a smaller number. Waiters are served in the order
    they came, single calls before walks. Not thread-safe: use it in one event loop.

    Args:
        requests: Leases; the API allows a store 150 requests in 60 seconds.
        per: Length of the window in seconds.
        reserve: Leases that walks and bulk calls leave free, for single calls.
        max_wait: Seconds that a call may wait for its lease; beyond it RateLimitWaitError is raised. None: as long as it takes.
    """

    def __init__(self, requests: int = 150, per: float = 60.0, *, reserve: int = 0, max_wait: float | None = None) -> None:
        for name, value in (("requests", requests), ("reserve", reserve)):
            if type(value) is not int:
                raise TypeError(f"{name} must be an int, not {type(value).__name__}")
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
        self._held = 0  # leases of requests that are under way
        self._cooling: deque[float] = deque()  # when each of the others is freed; ascending
        self._closed_until = 0.0  # the gate: nobody sends before this time
        self._single: deque[asyncio.Future[None]] = deque()
        self._bulk: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def acquire(self, *, bulk: bool = False) -> None:
        """Wait for a lease. Each must be given back by `release`; a cancelled wait keeps none.

        Raises:
            RateLimitWaitError: The wait would outlast, or has outlasted, `max_wait`.
        """
        loop = self._enter_loop()
        now = loop.time()
        queue = self._bulk if bulk else self._single
        if not self._single and not queue and self._free(now) > (self.reserve if bulk else 0):
            self._held += 1
            return
        if self.max_wait is not None and self._least_wait(now, bulk=bulk) > self.max_wait:
            raise RateLimitWaitError(f"all {self.requests} leases are in use for more than {self.max_wait:g} s")
        waiter = loop.create_future()
        queue.append(waiter)
        self._grant()
        try:
            async with asyncio.timeout(self.max_wait):
                await waiter
        except BaseException as stopped:
            if waiter.done() and not waiter.cancelled():
                self._held -= 1  # granted in the same moment: it goes to the next
            elif waiter in queue:
                queue.remove(waiter)
            self._grant()
            if not isinstance(stopped, TimeoutError):
                raise
        else:
            return
        raise RateLimitWaitError(f"no lease was free for {self.max_wait:g} s")

    def release(self) -> None:
        """Give a lease back after the response, or after the request has failed; it is free for others one window later."""
        loop = self._enter_loop()
        self._held -= 1
        self._cooling.append(loop.time() + self.per)
        self._grant()

    def pause(self, seconds: float) -> None:
        """Close the gate: nobody sends for so long. For a 429, which tells of strangers who used up the quota."""
        loop = self._enter_loop()
        self._closed_until = max(self._closed_until, loop.time() + seconds)
        self._grant()

    def _free(self, now: float) -> int:
        if now < self._closed_until:
            return 0
        while self._cooling and self._cooling[0] <= now:
            self._cooling.popleft()
        return self.requests - self._held - len(self._cooling)

    def _least_wait(self, now: float, *, bulk: bool) -> float:
        """Seconds that a new waiter waits at the very least."""
        gate = self._closed_until - now
        ahead = len(self._single) + (len(self._bulk) + self.reserve if bulk else 0)
        ahead -= self.requests - self._held - len(self._cooling)  # leases that only the gate keeps back
        if ahead < 0:
            return gate
        lease = self._cooling[ahead] - now if ahead < len(self._cooling) else self.per
        return max(gate, lease)

    def _grant(self) -> None:
        """Hand free leases to waiters, and come back when the next one is freed."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for queue, kept in ((self._single, 0), (self._bulk, self.reserve)):
            while queue and self._free(now) > kept:
                waiter = queue.popleft()
                if not waiter.done():
                    self._held += 1
                    waiter.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._single or self._bulk:
            if now < self._closed_until:
                self._timer = loop.call_at(self._closed_until, self._grant)
            elif self._cooling:
                self._timer = loop.call_at(self._cooling[0], self._grant)

    def _enter_loop(self) -> asyncio.AbstractEventLoop:
        """The running loop. Leases that a finished loop still held are freed one window from now."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            if self._loop is not None and not self._loop.is_closed():
                raise ClientClosedError("the limiter serves another event loop: give each loop its own")
            self._loop = loop
            self._cooling.extend([loop.time() + self.per] * self._held)
            self._held = 0
            self._single.clear()
            self._bulk.clear()
            self._timer = None
        return loop
