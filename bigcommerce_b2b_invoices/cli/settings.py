"""Where a command sends its requests: to the store that the environment names, or to its own sandbox."""

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
UNLIMITED = 1_000_000  # more than this machine can answer in a minute


@Parameter(name="*", group="Connection")
@attrs.frozen(kw_only=True)
class Settings:
    """Where to connect, and how fast.

    Attributes:
        sandbox: Use a sandbox with made-up invoices, which runs only as long as the command. It needs no credentials.
        sandbox_invoices: How many invoices the sandbox has.
        sandbox_seed: The same seed gives the same invoices.
        requests_per_minute: The most requests to send in a minute. The default is 150, which is all that the API allows a store
            and its integrations together. In a sandbox, the default is as many as the machine can answer.
        verbose: Show the library's log on stderr, with one line for each attempt to send a request.
    """

    sandbox: bool = False
    sandbox_invoices: ZeroOrMore = 1000
    sandbox_seed: Whole = 0
    requests_per_minute: MaybeOneOrMore = None
    verbose: bool = False


FROM_ENVIRONMENT = Settings()


@attrs.define
class Connection:
    """A client, and a count of the requests that it sends.

    Attributes:
        requests: How many requests the client has sent, including retries.
    """

    client: B2BClient = attrs.field(init=False)
    requests: int = 0

    def count(self, _attempt: Attempt) -> None:
        """Count one more request."""
        self.requests += 1


@asynccontextmanager
async def connect(settings: Settings) -> AsyncGenerator[Connection]:
    """A client to use, and its sandbox if the settings ask for one. Credentials come only from the environment.

    Raises:
        ConfigurationError: An environment variable is missing or cannot be right.
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
