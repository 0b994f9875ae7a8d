"""Shares one quota between several processes, whose leases are kept in Redis.

Install `bigcommerce-b2b-invoices[redis]`. For each store, Redis holds a log of leases. The log maps the name of a lease to the
time when it becomes free, by the clock of the Redis server. A process writes a lease to the log before it sends the request. When
it releases the lease, the lease becomes free one window later. So the guarantee of `RateLimiter` holds for all processes
together. If a process dies while it holds a lease, the others cannot use that lease for `longest` seconds plus one window. Each
process decides for itself who is next, and handles the server's answers and refusals itself, as without Redis.

Redis may lose the log: it restarts, is flushed, or evicts the key. So each log begins with a mark that no other log has. While a
process has leases, under way or cooling, it looks at the mark twice a second. If the mark is new, the process writes all its
leases to the new log. Nobody gets a lease from a log in its first GRACE seconds: the processes need this time.
"""

import asyncio
import contextlib
import itertools
import logging
import math
import uuid
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as RedisConnectionError

from bigcommerce_b2b_invoices.errors import ConfigurationError, RateLimitWaitError
from bigcommerce_b2b_invoices.integrations.redis_scripts import GIVE, TAKE
from bigcommerce_b2b_invoices.transport.feedback import Lease
from bigcommerce_b2b_invoices.transport.rate_limit import RateLimiter

logger: logging.Logger = logging.getLogger("bigcommerce_b2b_invoices")
PATIENCE = 2.0  # seconds that Redis may take to answer
RETRY = 1.0  # seconds until Redis is asked again after it failed
TRIES = 3  # of a command whose connection turns out to be closed
PAUSE = 0.1  # seconds before the third try
GRACE = 3.0  # seconds in which nobody gets a lease from a new log; at most a third of a window
BEATS = 6  # how often a process looks at the log in that time; it has time for a second look if the first takes all of PATIENCE


class RedisRateLimiter(RateLimiter):
    """A `RateLimiter` whose quota is shared by every process that uses the same Redis for the same store.

    A lease costs one round trip to Redis and, in the background, another one to give it back. While this process has leases that
    count, it also asks Redis twice a second, or more often if `per` is short, whether Redis still knows them. The store's address
    and hash are the key, so stores never share a quota by accident. Several clients of one process share one RedisRateLimiter, as
    they would share a RateLimiter.

    If Redis lost its data, or is new, nobody gets a lease for 3 seconds (a third of `per` if that is less). In this time, each
    process writes down the requests that it still counts. A process can do this only if its event loop runs and it can reach
    Redis.

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
        self._take = redis.register_script(TAKE)
        self._give = redis.register_script(GIVE)
        self._process = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._grace = min(GRACE, per / 3)
        self._leases: dict[str, float] = {}  # of this process, under way or cooling: when each becomes free
        self._untold: set[str] = set()  # names of leases that Redis must be told about
        self._mark: object = None  # of the log that knows our leases
        self._beat: asyncio.TimerHandle | None = None
        self._alone_until = -math.inf  # Redis failed, and is not asked before this time
        self._walks_refused_until = -math.inf  # all processes' walks have used their share; single calls go on
        self._asked_for: object = None  # the waiter for whom `_ask` asks Redis
        self._changed = asyncio.Event()  # set when another waiter is next
        self._asker: asyncio.Task[None] | None = None
        self._teller: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Tell Redis about the leases that were just given back. Without this, they become free up to `longest` seconds later.

        If Redis loses its data afterwards, it no longer knows the requests of this limiter.
        """
        if self._asker is not None and not (self._single or self._bulk):  # it asks for a waiter that has left
            await self._asker
        if self._teller is not None:
            await self._teller
        self._stop_beat()

    def release(self, lease: Lease, headers: Mapping[str, str] | None = None, *, refused: bool = False) -> None:
        """Like `RateLimiter.release`. Redis is told in the background."""
        super().release(lease, headers, refused=refused)
        self._free(lease.shared, asyncio.get_running_loop().time() + self.per)

    def _lend_at_once(self, now: float, *, bulk: bool) -> Lease | None:  # noqa: ARG002 - Redis must be asked
        self._log()  # raises if no store is known
        return None

    def _may_send(self, now: float, *, bulk: bool) -> bool:
        return super()._may_send(now, bulk=bulk) and not (bulk and now < self._walks_refused_until)

    def _next_change(self, now: float) -> float | None:
        change, walks = super()._next_change(now), self._walks_refused_until
        return change if walks <= now else walks if change is None else min(change, walks)

    def _take_back(self, unused: Lease) -> None:
        super()._take_back(unused)
        self._free(unused.shared, asyncio.get_running_loop().time())

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
            self._leases[name] = now + self.longest + self.per
            self._grant(waiter, now, shared=name)
            self._beat_later()

    async def _seconds_to_lease(self, name: str) -> float:
        """Take a lease with this name. Returns 0 if it was taken, otherwise the seconds to wait before asking again."""
        now = asyncio.get_running_loop().time()
        if now < self._alone_until:
            return 0.0 if self._held + len(self._cooling) < self.without_redis else RETRY
        try:
            async with asyncio.timeout(PATIENCE):
                await self._tell_after_an_outage()
                mark, milliseconds = await self._run(self._take, name, self.requests, self.requests - self.reserve)
        except Exception as gone:  # noqa: BLE001 - whatever fails, the waiters must not wait for ever
            self._free(name, now)  # Redis may have taken it
            self._lose_redis(gone)
            return RETRY
        knows_ours = self._knows_ours(mark)
        if milliseconds < 0:
            if knows_ours:
                return 0.0
            self._free(name, now)  # perhaps there was room for it only because the log does not know our leases
        # A lease that is in use now becomes free in `per` seconds at the earliest.
        return min(max(milliseconds, 1) / 1000, self.per)

    async def _run(self, script: AsyncScript, *args: str | float) -> tuple[object, int]:
        """Run a script, and return the log's mark and a number. A connection that was closed while it was idle does no harm."""
        new_mark = f"-{self._process}-{next(self._numbers)}"
        for attempt in range(1, TRIES + 1):
            try:
                mark, number = await script([self._log()], [self.longest + self.per, self._grace, new_mark, *args])
                return mark, int(number)
            except RedisConnectionError:
                if attempt == TRIES:
                    raise
                await asyncio.sleep(PAUSE * (attempt - 1))
        raise AssertionError("unreachable")

    def _knows_ours(self, mark: object) -> bool:
        """Whether the log with this mark knows our leases. If not, Redis lost the log that did, and is told about all of them."""
        if mark == self._mark:
            return True
        self._mark = mark
        self._forget_old()
        self._untold.update(self._leases)
        if self._leases:
            self._tell_soon()
        return not self._leases

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

    def _log(self) -> str:
        if self._store is None:
            raise ConfigurationError("the limiter does not serve a store yet: pass it to a client, or call `claim`")
        return f"b2b-invoices:{{{self._store}}}:leases"

    def _free(self, name: str, when: float) -> None:
        self._leases[name] = when
        self._untold.add(name)
        if asyncio.get_running_loop().time() >= self._alone_until:
            self._tell_soon()

    def _beat_later(self) -> None:
        """As long as this process has leases, it looks at the log from time to time."""
        self._stop_beat()
        if self._leases:
            self._beat = asyncio.get_running_loop().call_later(self._grace / BEATS, self._tell_soon)

    def _tell_soon(self) -> None:
        if self._teller is None or self._teller.done():
            self._teller = asyncio.get_running_loop().create_task(self._tell())

    def _stop_beat(self) -> None:
        if self._beat is not None:
            self._beat.cancel()

    async def _tell(self) -> None:
        self._stop_beat()
        self._forget_old()
        try:
            while self._leases:
                async with asyncio.timeout(PATIENCE):
                    await self._tell_once()
                if not self._untold:
                    break
        except Exception as gone:  # noqa: BLE001 - they are told later, or become free by themselves
            logger.debug("cannot tell Redis about leases (%s)", type(gone).__name__)
        self._beat_later()

    async def _tell_after_an_outage(self) -> None:
        if self._alone_until > -math.inf:  # requests that were sent during the outage count
            await self._tell_once()
            self._alone_until = -math.inf

    async def _tell_once(self) -> None:
        """Tell Redis when leases become free, and learn whether it still knows the others."""
        now = asyncio.get_running_loop().time()
        untold, self._untold = self._untold, set()
        args: list[str | float] = []
        for name in untold & self._leases.keys():
            args += [name, max(self._leases[name] - now, 0.0)]
        try:
            mark, _ = await self._run(self._give, *args)
        except BaseException:
            self._untold.update(self._leases)  # who knows what became of Redis
            raise
        self._knows_ours(mark)

    def _forget_old(self) -> None:
        """Forget leases that have become free, unless Redis must still be told so, and does not yet drop them by itself."""
        now = asyncio.get_running_loop().time()
        for name, when in list(self._leases.items()):
            if when + (self.longest if name in self._untold else 0.0) <= now:
                del self._leases[name]
                self._untold.discard(name)

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        super()._move_to(loop)
        self._asked_for = self._asker = self._teller = self._beat = None
        self._changed = asyncio.Event()


def _is_walk(name: str) -> bool:
    return name.startswith("walk")
