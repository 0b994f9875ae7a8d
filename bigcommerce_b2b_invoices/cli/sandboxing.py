"""The command that runs a sandbox for other programs."""

import asyncio
import sys
from contextlib import suppress

from bigcommerce_b2b_invoices import ConfigurationError
from bigcommerce_b2b_invoices.cli.arguments import MaybeOneOrMore, OneOrMore, Port, Seconds, Whole, ZeroOrMore
from bigcommerce_b2b_invoices.sandbox import Sandbox


async def run_sandbox(
    *,
    port: Port = 8080,
    invoices: ZeroOrMore = 1000,
    seed: Whole = 0,
    latency: Seconds = 0.0,
    quota: MaybeOneOrMore = None,
    max_limit: OneOrMore = 250,
) -> int:
    """Run a stand-in for the API on this machine, full of made-up invoices, until Ctrl-C.

    Its first lines set the environment for other commands.

    Args:
        port: To listen on; 0 for any that is free.
        invoices: How many there are at first.
        seed: The same seed gives the same invoices.
        latency: Seconds that every answer waits.
        quota: Requests a minute, then 429; without it there is no quota.
        max_limit: Most rows of a page.
    """
    try:
        sandbox = Sandbox(invoices=invoices, seed=seed, latency=latency, quota=quota, max_limit=max_limit, port=port)
    except ValueError as problem:
        raise ConfigurationError(str(problem)) from None
    async with sandbox:
        sys.stdout.write(
            f"export BIGCOMMERCE_STORE_HASH={sandbox.store_hash}\n"
            f"export BIGCOMMERCE_ACCESS_TOKEN={sandbox.auth_token}\n"
            f"export BIGCOMMERCE_B2B_BASE_URL={sandbox.base_url}\n"
        )
        sys.stdout.flush()
        with suppress(asyncio.CancelledError):  # Ctrl-C or SIGTERM: how it is meant to end
            await asyncio.Event().wait()
    return 0
