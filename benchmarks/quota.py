"""How much of a store's quota does a limiter reach, and how often is it refused, alone and beside strangers?

    PYTHONPATH=tests/support python benchmarks/quota.py [--quick]

Ten simulated minutes of a quota of 150 requests in 60 seconds, on a virtual clock; then half a minute of real HTTP against the
sandbox with a window of 10 seconds. Every limiter faces the same server, callers and strangers. A refused call waits until
the server's reset before it is sent again, whatever the limiter.
"""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Mapping

import attrs
import virtual_time
from aiolimiter import AsyncLimiter

from bigcommerce_b2b_invoices import B2BClient, B2BError, RateLimiter, RetryPolicy
from bigcommerce_b2b_invoices.sandbox import Sandbox
from bigcommerce_b2b_invoices.sandbox.gate import Quota
from bigcommerce_b2b_invoices.transport.feedback import Lease

QUOTA = 150
CALLERS = 16


class Foreign(RateLimiter):
    """Another limiter in our clothes: it learns nothing from the answers."""

    def release(self, lease: Lease, headers: Mapping[str, str] | None = None, *, refused: bool = False) -> None:
        """Nothing to give back."""

    def pause(self, seconds: float) -> None:
        """Only the refused call waits."""


class AioLimiter(Foreign):
    """aiolimiter's leaky bucket."""

    _bucket: AsyncLimiter | None = None

    async def acquire(self, *, bulk: bool = False, **_options: object) -> Lease:
        """Wait for the bucket."""
        self._bucket = self._bucket or AsyncLimiter(self.requests, self.per)
        await self._bucket.acquire()
        return Lease(0.0, bulk)


class Semaphore(Foreign):
    """No more than eight under way."""

    _semaphore: asyncio.Semaphore | None = None

    async def acquire(self, *, bulk: bool = False, **_options: object) -> Lease:
        """Wait for one of eight."""
        self._semaphore = self._semaphore or asyncio.Semaphore(8)
        await self._semaphore.acquire()
        return Lease(0.0, bulk)

    def release(self, lease: Lease, headers: Mapping[str, str] | None = None, *, refused: bool = False) -> None:
        """Let the next one in."""
        super().release(lease, headers, refused=refused)
        if self._semaphore:
            self._semaphore.release()


LIMITERS: dict[str, Callable[[float], RateLimiter]] = {
    "RateLimiter": lambda per: RateLimiter(QUOTA, per),
    "RateLimiter, 30 reserved": lambda per: RateLimiter(QUOTA, per, reserve=30),
    "aiolimiter": lambda per: AioLimiter(QUOTA, per),
    "semaphore of 8": lambda per: Semaphore(QUOTA, per),
}


@attrs.define
class Tally:
    """What happened.

    Attributes:
        served: When each of our requests was let in.
        refused: How many of ours were not.
        strangers: How many of theirs were let in.
        wanted: How many they sent.
    """

    served: list[float] = attrs.Factory(list)
    refused: int = 0
    strangers: int = 0
    wanted: int = 0


async def callers(quota: Quota, limiter: RateLimiter, tally: Tally, rng: random.Random, *, headers: bool) -> None:
    """One caller that is never done. An answer takes 0.2 to 1 second."""
    clock = asyncio.get_running_loop().time
    while True:
        lease = await limiter.acquire(bulk=True)
        latency = rng.uniform(0.2, 1.0)
        await asyncio.sleep(latency / 2)
        served = quota.take()
        told = {name.lower(): text for name, text in quota.headers().items()} if headers else {}
        await asyncio.sleep(latency / 2)
        limiter.release(lease, told, refused=not served)
        if served:
            tally.served.append(clock() - latency / 2)
        else:
            tally.refused += 1
            await asyncio.sleep(float(told["x-request-window-resets-after"].split()[0]) if told else rng.random() * 0.2)


async def strangers(quota: Quota, share: float, tally: Tally, rng: random.Random, *, within: float, seconds: float) -> None:
    """Others who want this share of the quota in each minute, in its first `within` seconds."""
    clock = asyncio.get_running_loop().time
    for minute in range(int(seconds // 60)):
        for moment in sorted(rng.uniform(0, within) for _ in range(round(share * QUOTA))):
            await asyncio.sleep(max(0.0, minute * 60 + moment - clock()))
            tally.wanted += 1
            tally.strangers += quota.take()


async def simulate(name: str, share: float, *, within: float, headers: bool, seconds: float, stay: float) -> Tally:
    """The strangers stay for `stay` of the seconds."""
    loop, rng, tally = asyncio.get_running_loop(), random.Random(1), Tally()
    quota, limiter = Quota(QUOTA, 60.0, loop.time), LIMITERS[name](60.0)
    tasks = [asyncio.create_task(callers(quota, limiter, tally, rng, headers=headers)) for _ in range(CALLERS)]
    tasks.append(asyncio.create_task(strangers(quota, share, tally, rng, within=within, seconds=stay)))
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return tally


def shares(minutes: int) -> None:
    """Share of what the strangers left, and refusals."""
    print(f"{minutes} simulated minutes. Reached: requests let in, of those that the strangers left over.\n")
    print("| strangers want | limiter | headers | let in | reached | 429s | strangers got |")
    print("|---|---|---|---:|---:|---:|---:|")
    for share, within, text in (
        (0.0, 60, "nothing"), (0.2, 60, "20 %, spread"), (0.5, 60, "50 %, spread"), (0.9, 60, "90 %, spread"),
        (0.2, 2, "20 %, at once"), (0.5, 2, "50 %, at once"), (0.9, 2, "90 %, at once"),
    ):  # fmt: skip
        for name in LIMITERS:
            for headers in (True, False) if name == "RateLimiter" else (True,):
                seconds = minutes * 60.0
                tally = virtual_time.run(simulate(name, share, within=within, headers=headers, seconds=seconds, stay=seconds))
                left = QUOTA * minutes - tally.strangers
                got = f"{tally.strangers} of {tally.wanted}"
                print(
                    f"| {text} | {name} | {'yes' if headers else 'no'} | {len(tally.served)} | {len(tally.served) / left:.1%} "
                    f"| {tally.refused} | {got} |"
                )


def recovery() -> None:
    """Requests let in, in the minutes after a stranger who wanted 90 % left."""
    print("\nLet in, in each minute after a stranger who wanted 90 % of the quota left, of 150.\n")
    print("| limiter | headers | first minute | second | third |")
    print("|---|---|---:|---:|---:|")
    for name in LIMITERS:
        for headers in (True, False) if name == "RateLimiter" else (True,):
            tally = virtual_time.run(simulate(name, 0.9, within=60, headers=headers, seconds=361.0, stay=180.0))
            counts = [sum(1 for when in tally.served if 0 <= when - 180 - start < 60) for start in (0, 60, 120)]
            print(f"| {name} | {'yes' if headers else 'no'} | " + " | ".join(map(str, counts)) + " |")


async def over_http(name: str, seconds: float, per: float) -> str:
    """The client against the sandbox, in real time: the windows that were begun are counted whole."""
    refused = served = 0
    async with Sandbox(invoices=10, quota=QUOTA, quota_window=per, latency=0.05) as sandbox:
        limiter = LIMITERS[name](per)
        async with B2BClient(
            store_hash=sandbox.store_hash, auth_token=sandbox.auth_token, base_url=sandbox.base_url,
            rate_limiter=limiter, retry=RetryPolicy(attempts=1),
        ) as client:  # fmt: skip
            loop = asyncio.get_running_loop()
            until = loop.time() + seconds - 0.2

            async def call() -> None:
                nonlocal refused, served
                while loop.time() < until:
                    try:
                        async with asyncio.timeout_at(until):
                            await client.invoices.get(sandbox.invoice_ids[0])
                        served += 1
                    except B2BError:
                        refused += 1
                        await asyncio.sleep(0.2)
                    except TimeoutError:
                        return

            await asyncio.gather(*(call() for _ in range(CALLERS)))
    return f"| {name} | {served} | {served / (QUOTA * seconds / per):.1%} | {refused} |"


async def real_time(seconds: float, per: float) -> None:
    """Alone, over HTTP."""
    print(f"\nAlone, over HTTP against the sandbox, for {seconds:g} s with a window of {per:g} s.\n")
    print("| limiter | let in | reached | 429s |")
    print("|---|---:|---:|---:|")
    for row in await asyncio.gather(*(over_http(name, seconds, per) for name in LIMITERS if "reserved" not in name)):
        print(row)


async def cost(turns: int) -> None:
    """Time of a lease that is free."""
    limiter = RateLimiter(10_000_000, 1.0)
    told = {"x-requests-remaining": "10000000 times", "x-request-window-resets-after": "0.4 s"}
    started = time.perf_counter()
    for _ in range(turns):
        limiter.release(await limiter.acquire(), told)
    each = (time.perf_counter() - started) / turns
    print(f"\nA lease that is free, acquired and released with quota headers: {each * 1e6:.1f} microseconds.")


def main() -> None:
    """All of it; `--quick` with less."""
    quick = "--quick" in sys.argv
    shares(2 if quick else 10)
    recovery()
    asyncio.run(real_time(*(6.0, 2.0) if quick else (30.0, 10.0)))
    asyncio.run(cost(20_000 if quick else 200_000))


if __name__ == "__main__":
    main()
