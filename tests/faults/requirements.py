"""What holds whatever happens: each function tells how one requirement was broken, or nothing.

U1  it ends in time
U2  with a value, or with one error of the library's own tree: the one that the fault deserves
U3  the token is in the X-Auth-Token header of requests to the API's origin, and nowhere else
U4  no connection, task or lease is left behind, and the next call works
U5  the server sees no more requests than were reported, and no more than the attempts allow
U6  a value that is delivered is the true one; a write took effect at most once, and what was told of it is so
U7  a huge answer costs little memory
"""

import asyncio
from typing import Any

import attrs
from faults.answers import CAP, VALUE
from faults.operations import FILE, Operation
from faults.stage import CANARY, IMPATIENT, RETRY, Stage

from bigcommerce_b2b_invoices import B2BError, RateLimiter, RateLimitError

SLACK = 2.0  # seconds; for a machine that does other things as well


@attrs.frozen
class Ended:
    """How an operation ended.

    Attributes:
        peak: Most bytes of memory that it took, where that was measured.
    """

    result: Any
    error: BaseException | None
    seconds: float
    peak: int

    @property
    def outcome(self) -> str:
        """VALUE, or the name of the error."""
        return type(self.error).__name__ if self.error else VALUE


def in_time(ended: Ended, stage: Stage) -> list[str]:
    """U1."""
    allowed = IMPATIENT.total * max(1, len(stage.attempts)) + SLACK
    return [f"U1 took {ended.seconds:.1f} s of {allowed:.1f} s"] if ended.seconds > allowed else []


def deserved(ended: Ended, allowed: set[str]) -> list[str]:
    """U2."""
    if ended.error and not isinstance(ended.error, B2BError):
        return [f"U2 a bare {ended.outcome}: {ended.error}"]
    if ended.outcome not in allowed:
        return [f"U2 {ended.outcome} in place of {' or '.join(sorted(allowed))}: {ended.error}"]
    return []


def secret(ended: Ended, stage: Stage) -> list[str]:
    """U3."""
    broken = []
    if ended.error and (chained := ended.error.__cause__ or ended.error.__context__):
        broken.append(f"U3 the error has a chain: {chained!r}")
    if CANARY in stage.witness.said.getvalue():
        broken.append("U3 the token was shown")
    for seen in stage.store.seen:
        headers = dict(seen.headers)
        token, expected = headers.pop("x-auth-token", None), None if seen.target.endswith(FILE.path) else CANARY
        if token != expected:
            broken.append(f"U3 {seen.method} {seen.target}: the token is {'there' if token else 'missing'}")
        if "cookie" in headers or CANARY in repr(attrs.evolve(seen, headers=headers)):
            broken.append(f"U3 {seen.method} {seen.target}: a cookie, or the token in another place")
    if stage.elsewhere.seen:
        broken.append("U3 another host was asked")
    return broken


async def left_behind(stage: Stage, before: set[asyncio.Task[Any]], leased: int = 0) -> list[str]:
    """U4: what is still there a moment later."""
    broken: list[str] = []
    for _ in range(100):
        broken = []
        if (count := stage.leased() - leased) > 0:
            broken.append(f"U4 {count} connections are leased")
        if left := [task for task in asyncio.all_tasks() - before if not _is_servers(task)]:
            broken.append(f"U4 tasks are left: {left}")
        if stage.client.rate_limiter._held:
            broken.append(f"U4 {stage.client.rate_limiter._held} leases are held")
        if not broken:
            break
        await asyncio.sleep(0.005)
    return broken


def _is_servers(task: asyncio.Task[Any]) -> bool:
    return any(name in repr(task.get_coro()) for name in ("ScriptedServer._serve", "_reset_in_handshake"))


async def next_call_works(stage: Stage) -> list[str]:
    """U4."""
    stage.store.plan = None
    if any(isinstance(attempt.error, RateLimitError) for attempt in stage.attempts):
        stage.client._transport.rate_limiter = RateLimiter()  # after a 429 the store's own is closed for a while, as it should be
    with stage.witness.listening():
        try:
            found = await stage.client.invoices.get(2)
        except Exception as error:  # noqa: BLE001 - it is reported
            return [f"U4 the next call failed: {error!r}"]
    return [] if found.id == 2 else [f"U4 the next call was answered with invoice {found.id}"]


def counted(stage: Stage) -> list[str]:
    """U5."""
    sent = sum(not seen.target.endswith(FILE.path) for seen in stage.store.seen)
    broken = [f"U5 the server saw {sent} requests, {len(stage.attempts)} were reported"] if sent > len(stage.attempts) else []
    if any(attempt.attempt > RETRY.attempts for attempt in stage.attempts):
        broken.append("U5 more attempts than the policy allows")
    return broken


def told_the_truth(ended: Ended, operation: Operation, stage: Stage) -> list[str]:
    """U6."""
    lie = operation.lie(ended.result, ended.error, stage.store)
    return [f"U6 {lie}"] if lie else []


def frugal(ended: Ended) -> list[str]:
    """U7."""
    return [f"U7 {ended.peak / CAP:.1f} times the cap"] if ended.peak > 4 * CAP else []
