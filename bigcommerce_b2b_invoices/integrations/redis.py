"""Shares one quota between several processes, whose leases are kept in Redis.

Install `bigcommerce-b2b-invoices[redis]`. For each store, Redis holds a log of all leases and a log of the walks' leases. A log
maps the name of a lease to the time when it becomes free, by the clock of the Redis server. A process writes a lease to the log
before it sends the request. When it releases the lease, the lease becomes free one window later. So the guarantee of
`RateLimiter` holds for all processes together. If a process dies while it holds a lease, the others cannot use that lease for
`longest` seconds plus one window. Each process decides for itself who is next, and handles the server's answers and refusals
itself, as without Redis.
"""

import asyncio
import contextlib
import itertools
import logging
import math
import uuid
from collections.abc import Mapping

from redis.asyncio import Redis

from bigcommerce_b2b_invoices.errors import ConfigurationError, RateLimitWaitError
from bigcommerce_b2b_invoices.transport.feedback import Lease
from bigcommerce_b2b_invoices.transport.rate_limit import RateLimiter

logger = logging.getLogger("bigcommerce_b2b_invoices")
PATIENCE = 2.0  # seconds that Redis may take to answer
RETRY = 1.0  # seconds until Redis is asked again after it failed

# Each log has its own limit. A walk's lease is in two logs: the log of all leases, and the log of the walks' leases.
# KEYS: logs. ARGV: the lease's name, seconds until it becomes free if its holder dies, a limit for each log.
# Returns the milliseconds to wait, or -1 if the lease was taken.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
for index, log in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', log, '-inf', string.format('%.6f', now))
  if redis.call('ZCARD', log) >= tonumber(ARGV[index + 2]) then
    local first = redis.call('ZRANGE', log, 0, 0, 'WITHSCORES')
    return math.ceil((first[2] - now) * 1000)
  end
end
for _, log in ipairs(KEYS) do
  redis.call('ZADD', log, string.format('%.6f', now + ARGV[2]), ARGV[1])
  redis.call('PEXPIRE', log, math.ceil(ARGV[2] * 1000))
end
return -1
"""

# KEYS: one log. ARGV: seconds that a dead process keeps its leases, then pairs of a name and the seconds until it becomes free.
_GIVE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
for index = 2, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], string.format('%.6f', now + ARGV[index + 1]), ARGV[index])
end
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] * 1000))
"""


class RedisRateLimiter(RateLimiter):
    """A `RateLimiter` whose quota is shared by every process that uses the same Redis for the same store.

    A lease costs one round trip to Redis and, in the background, another one to give it back. The store's address and hash are
    the key, so stores never share a quota by accident. Several clients of one process share one RedisRateLimiter, as they would
    share a RateLimiter.

    Args:
        redis: The Redis client, which is used and never closed. It must belong to the event loop of the B2B clients.
        requests: Leases of all processes together. All processes must pass the same numbers, including `longest`.
        per: Length of the window in seconds.
        reserve: Leases that walks and bulk calls may not use, of all processes together.
        max_wait: Seconds that a call may wait for its lease. A longer wait raises RateLimitWaitError. None means no limit.
        longest: Seconds that one attempt may take; not less than the `total` of the clients' Timeout.
        without_redis: Requests in a window that this process sends on its own while Redis cannot be reached. If this is the quota
            divided by the number of processes, the quota is kept even then, except in the first window. 0 means none: calls end
            with RateLimitWaitError at once.
    """

    def __init__(
        self,
        redis: Redis,
        requests: int = 150,
        per: float = 60.0,
        *,
        reserve: int = 0,
        max_wait: float | None = None,
        longest: float = 120.0,
        without_redis: int = 0,
    ) -> None:
        super().__init__(requests, per, reserve=reserve, max_wait=max_wait)
        if not 0 < longest < math.inf:
            raise ValueError(f"longest must be above 0 seconds, not {longest}")
        if type(without_redis) is not int or not 0 <= without_redis <= requests:
            raise ValueError(f"without_redis must be a whole number up to {requests}, not {without_redis}")
        self.longest = longest
        self.without_redis = without_redis
        self._take = redis.register_script(_TAKE)
        self._give = redis.register_script(_GIVE)
        self._process = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._freed: list[tuple[str, float]] = []  # leases that Redis must still be told about, and when each becomes free
        self._alone_until = -math.inf  # Redis failed, and is not asked before this time
        self._walks_refused_until = -math.inf  # all processes' walks have used their share; single calls go on
        self._asked_for: object = None  # the waiter for whom `_ask` asks Redis
        self._changed = asyncio.Event()  # set when another waiter is next
        self._asker: asyncio.Task[None] | None = None
        self._teller: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Tell Redis about the leases that were just given back. Without this, they become free up to `longest` seconds later."""
        if self._asker is not None and not (self._single or self._bulk):  # it asks for a waiter that has left
            await self._asker
        if self._teller is not None:
            await self._teller

    def release(self, lease: Lease, headers: Mapping[str, str] | None = None, *, refused: bool = False) -> None:
        """Like `RateLimiter.release`. Redis is told in the background."""
        super().release(lease, headers, refused=refused)
        self._free(lease.shared, asyncio.get_running_loop().time() + self.per)

    def _lend_at_once(self, now: float, *, bulk: bool) -> Lease | None:  # noqa: ARG002 - Redis must be asked
        self._logs(walk=bulk)  # raises if no store is known
        return None

    def _may_send(self, now: float, *, bulk: bool) -> bool:
        return super()._may_send(now, bulk=bulk) and not (bulk and now < self._walks_refused_until)

    def _next_change(self, now: float) -> float | None:
        change, walks = super()._next_change(now), self._walks_refused_until
        return change if walks <= now else walks if change is None else min(change, walks)

    def _take_back(self, unsent: Lease) -> None:
        super()._take_back(unsent)
        self._free(unsent.shared, asyncio.get_running_loop().time())

    def _serve(self) -> None:
        """Make sure that a task asks Redis for the waiter that is next."""
        loop = asyncio.get_running_loop()
        waiter = self._next_waiter(loop.time())
        if waiter is not self._asked_for:
            self._changed.set()
        if waiter is not None and (self._asker is None or self._asker.done()):
            self._asker = loop.create_task(self._ask())
        elif waiter is None:
            self._wake_at(self._next_change(loop.time()) if self._single or self._bulk else None)

    async def _ask(self) -> None:
        """Ask Redis for one lease after another, as long as a waiter can be served."""
        loop = asyncio.get_running_loop()
        while (waiter := self._next_waiter(loop.time())) is not None:
            self._asked_for = waiter
            self._changed.clear()
            name = f"{'walk' if waiter.bulk else 'call'}-{self._process}-{next(self._numbers)}"
            wait = await self._seconds_to_lease(name)
            if wait == 0:
                self._hand_over(name, loop.time())
            elif waiter.bulk and not waiter.granted.done() and loop.time() >= self._alone_until:
                self._walks_refused_until = loop.time() + wait
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
        self._asked_for = None
        if self._single or self._bulk:
            self._wake_at(self._next_change(loop.time()))

    def _hand_over(self, name: str, now: float) -> None:
        """Give the lease to the waiter that is next now. A single call may use a walk's lease, but not the other way round."""
        waiter = self._next_waiter(now)
        if waiter is None or (waiter.bulk and not _is_walk(name)):
            self._free(name, now)
        else:
            self._grant(waiter, now, shared=name)

    async def _seconds_to_lease(self, name: str) -> float:
        """Take a lease with this name. Returns 0 if it was taken, otherwise the seconds to wait before asking again."""
        now = asyncio.get_running_loop().time()
        if now < self._alone_until:
            return 0.0 if self._held + len(self._cooling) < self.without_redis else RETRY
        limits = [self.requests, self.requests - self.reserve]
        logs = self._logs(walk=_is_walk(name))
        try:
            async with asyncio.timeout(PATIENCE):
                await self._tell_after_an_outage()
                milliseconds = await self._take(keys=logs, args=[name, self.longest + self.per, *limits[: len(logs)]])
        except Exception as gone:  # noqa: BLE001 - whatever fails, the waiters must not wait for ever
            self._free(name, now)  # Redis may have taken it
            self._lose_redis(gone)
            return RETRY
        # A lease that is in use now becomes free in `per` seconds at the earliest.
        return 0.0 if milliseconds < 0 else min(max(milliseconds, 1) / 1000, self.per)

    def _lose_redis(self, gone: Exception) -> None:
        text = f"cannot get a lease from Redis ({type(gone).__name__})"
        if self.without_redis:
            if self._alone_until == -math.inf:  # once for each outage
                logger.warning("%s: this process sends up to %d requests in %g s without it", text, self.without_redis, self.per)
            self._alone_until = asyncio.get_running_loop().time() + RETRY
        else:
            for waiter in (*self._single, *self._bulk):
                if not waiter.granted.done():
                    waiter.granted.set_exception(RateLimitWaitError(text))
        self._changed.set()  # `_ask` looks again at once

    def _logs(self, *, walk: bool) -> list[str]:
        if self._store is None:
            raise ConfigurationError("the limiter does not serve a store yet: pass it to a client, or call `claim`")
        log = f"b2b-invoices:{{{self._store}}}"  # the braces keep both logs on one node of a cluster
        return [log, f"{log}:walks"] if walk else [log]

    def _free(self, name: str, when: float) -> None:
        self._freed.append((name, when))
        loop = asyncio.get_running_loop()
        if loop.time() >= self._alone_until and (self._teller is None or self._teller.done()):
            self._teller = loop.create_task(self._tell())

    async def _tell(self) -> None:
        while self._freed:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._tell_once()
            except Exception as gone:  # noqa: BLE001 - they are told later, or become free by themselves
                logger.debug("cannot tell Redis about freed leases (%s)", type(gone).__name__)
                return

    async def _tell_after_an_outage(self) -> None:
        if self._alone_until > -math.inf:  # requests that were sent during the outage count
            await self._tell_once()
            self._alone_until = -math.inf

    async def _tell_once(self) -> None:
        """Tell Redis when leases become free. If that fails, keep them for the next try, unless Redis drops them before."""
        now = asyncio.get_running_loop().time()
        freed, self._freed = [(name, when) for name, when in self._freed if when + self.longest > now], []
        try:
            for walk in (False, True):
                args: list[str | float] = [self.longest + self.per]
                for name, when in freed:
                    args += [name, max(when - now, 0.0)] if _is_walk(name) or not walk else []
                if len(args) > 1:
                    await self._give(keys=self._logs(walk=walk)[-1:], args=args)
        except BaseException:
            self._freed[:0] = freed
            raise

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        super()._move_to(loop)
        self._asked_for = self._asker = self._teller = None
        self._changed = asyncio.Event()


def _is_walk(name: str) -> bool:
    return name.startswith("walk")
