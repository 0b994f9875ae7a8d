"""Where a command's requests go: to the store of the environment, or to a sandbox of its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
from cyclopts import Parameter

from bigcommerce_b2b_invoices import Attempt, B2BClient, RateLimiter
from bigcommerce_b2b_invoices.cli.arguments import MaybeOneOrMore, Whole, ZeroOrMore
from bigcommerce_b2b_invoices.cli.log import show_log
from bigcommerce_b2b_invoices.sandbox import Sandbox

REQUESTS_PER_MINUTE = 150  # what the API allows a store
UNLIMITED = 1_000_000  # more than this machine answers in a minute


@Parameter(name="*", group="Connection")
@attrs.frozen(kw_only=True)
class Settings:
    """Where to connect, and how fast.

    Attributes:
        sandbox: Use a sandbox with made-up invoices, which lives as long as the command: no credentials are needed.
        sandbox_invoices: How many invoices it has.
        sandbox_seed: The same seed gives the same invoices.
        requests_per_minute: Most requests a minute. By default 150, which is all that the API allows a store and all
            its integrations together; in a sandbox as fast as it goes.
        verbose: Show what is sent on stderr, one line for each attempt.
    """

    sandbox: bool = False
    sandbox_invoices: ZeroOrMore = 1000
    sandbox_seed: Whole = 0
    requests_per_minute: MaybeOneOrMore = None
    verbose: bool = False


FROM_ENVIRONMENT = Settings()


@attrs.define
class Connection:
    """A client that counts.

    Attributes:
        requests: How many were sent, repeated ones included.
    """

    client: B2BClient = attrs.field(init=False)
    requests: int = 0

    def count(self, _attempt: Attempt) -> None:
        """Take note of one more."""
        self.requests += 1


@asynccontextmanager
async def connect(settings: Settings) -> AsyncGenerator[Connection]:
    """A client to use, and the sandbox behind it where one is wanted. Credentials come from the environment only.

    Raises:
        ConfigurationError: A variable is missing or cannot be right.
    """
    connection = Connection()
    default = UNLIMITED if settings.sandbox else REQUESTS_PER_MINUTE
    limiter = RateLimiter(requests=settings.requests_per_minute or default)
    if settings.verbose:
        show_log()
    if not settings.sandbox:
        connection.client = B2BClient.from_env(rate_limiter=limiter, on_attempt=connection.count)
        async with connection.client:
            yield connection
        return
    sandbox = await asyncio.to_thread(Sandbox, invoices=settings.sandbox_invoices, seed=settings.sandbox_seed)
    async with sandbox:
        connection.client = B2BClient(
            store_hash=sandbox.store_hash,
            auth_token=sandbox.auth_token,
            base_url=sandbox.base_url,
            rate_limiter=limiter,
            on_attempt=connection.count,
        )
        async with connection.client:
            yield connection
