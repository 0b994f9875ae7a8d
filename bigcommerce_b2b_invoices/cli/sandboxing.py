"""The command that runs a sandbox for other programs."""

import asyncio
import sys
from contextlib import suppress

from bigcommerce_b2b_invoices import ConfigurationError
from bigcommerce_b2b_invoices.cli.arguments import MaybeOneOrMore, OneOrMore, Port, Seconds, Whole, ZeroOrMore
from bigcommerce_b2b_invoices.cli.output import PLAIN, Output, print_record
from bigcommerce_b2b_invoices.sandbox import Sandbox


async def run_sandbox(
    *,
    host: str = "127.0.0.1",
    port: Port = 8080,
    allow_remote: bool = False,
    invoices: ZeroOrMore = 1000,
    seed: Whole = 0,
    latency: Seconds = 0.0,
    quota: MaybeOneOrMore = None,
    max_limit: OneOrMore = 250,
    output: Output = PLAIN,
) -> int:
    """Run a stand-in for the API on this machine, full of made-up invoices, until Ctrl-C.

    The first lines that it prints set the environment variables for other commands.

    For example:

        b2b-invoices sandbox --port 8080 --invoices 5000

        b2b-invoices sandbox --quota 150 --latency 0.2

    Args:
        host: Loopback address to listen on; any address with --allow-remote, such as 0.0.0.0 in a container.
        port: Port to listen on; 0 means any free port.
        allow_remote: Let other machines and containers connect. Anyone who can reach the port can control the sandbox.
        invoices: How many invoices there are at first.
        seed: The same seed gives the same invoices.
        latency: Seconds to delay every response.
        quota: Requests allowed in a minute; more are answered with 429. Without this option there is no quota.
        max_limit: The largest number of rows on a page.
        output: What to print; the JSON has the store hash, the token and the address.
    """
    try:
        sandbox = Sandbox(
            invoices=invoices, seed=seed, latency=latency, quota=quota, max_limit=max_limit,
            host=host, port=port, allow_remote=allow_remote,
        )  # fmt: skip
    except ValueError as problem:
        raise ConfigurationError(str(problem)) from None
    async with sandbox:
        if output.json:
            told = {"store_hash": sandbox.store_hash, "auth_token": sandbox.auth_token, "base_url": str(sandbox.base_url)}
            print_record(told)
        else:
            sys.stdout.write(
                f"export BIGCOMMERCE_STORE_HASH={sandbox.store_hash}\n"
                f"export BIGCOMMERCE_ACCESS_TOKEN={sandbox.auth_token}\n"
                f"export BIGCOMMERCE_B2B_BASE_URL={sandbox.base_url}\n"
            )
        sys.stdout.flush()
        with suppress(asyncio.CancelledError):  # Ctrl-C or SIGTERM, the normal end
            await asyncio.Event().wait()
    return 0
