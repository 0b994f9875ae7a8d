"""Where a command sends its requests: to the store that the environment names, or to its own sandbox."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import attrs
from cyclopts import Parameter
from yarl import URL

from bigcommerce_b2b_invoices import Attempt, B2BClient, ConfigurationError, ConnectFailedError, RateLimiter
from bigcommerce_b2b_invoices.cli.arguments import MaybeOneOrMore, Whole, ZeroOrMore
from bigcommerce_b2b_invoices.cli.log import show_log
from bigcommerce_b2b_invoices.cli.progress import tell_wait
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
        proxy: Send the requests through this HTTP proxy, such as http://proxy.example:3128.
        verbose: Show the library's log on stderr, with one line for each attempt to send a request.
    """

    sandbox: bool = False
    sandbox_invoices: ZeroOrMore = 1000
    sandbox_seed: Whole = 0
    requests_per_minute: MaybeOneOrMore = None
    proxy: str | None = None
    verbose: bool = False


FROM_ENVIRONMENT = Settings()


@attrs.define
class Connection:
    """A client, and a count of the requests that it sends.

    Attributes:
        auth_token: The client's token.
        requests: How many requests the client has sent, including retries.
    """

    client: B2BClient = attrs.field(init=False)
    auth_token: str = attrs.field(default="", repr=False)
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
        async with AsyncExitStack() as stack:
            session = None if settings.proxy is None else await stack.enter_async_context(_behind(settings.proxy))
            connection.client = B2BClient.from_env(
                rate_limiter=limiter, session=session, on_attempt=connection.count, on_wait=tell_wait
            )
            connection.auth_token = os.environ["BIGCOMMERCE_ACCESS_TOKEN"]
            await stack.enter_async_context(connection.client)
            try:
                yield connection
            except ConnectFailedError as error:
                _hint(error, settings)
                raise
        return
    if settings.proxy is not None:
        raise ConfigurationError("--proxy is for a store: the sandbox is on this machine")
    sandbox = await asyncio.to_thread(Sandbox, invoices=settings.sandbox_invoices, seed=settings.sandbox_seed)
    async with sandbox:
        connection.client = B2BClient(
            store_hash=sandbox.store_hash,
            auth_token=sandbox.auth_token,
            base_url=sandbox.base_url,
            rate_limiter=limiter,
            on_attempt=connection.count,
            on_wait=tell_wait,
        )
        connection.auth_token = sandbox.auth_token
        async with connection.client:
            yield connection


def _behind(proxy: str) -> aiohttp.ClientSession:
    """A session whose requests go through a proxy."""
    try:
        url = URL(proxy)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError("--proxy must be an http:// or https:// URL with a host")
    return aiohttp.ClientSession(proxy=url, cookie_jar=aiohttp.DummyCookieJar())


def _hint(error: ConnectFailedError, settings: Settings) -> None:
    """Add a hint if the machine seems to be behind a proxy that the command does not use."""
    named = [name for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy") if os.environ.get(name)]
    if settings.proxy is None and named:
        error.with_hint(f"{named[0]} is set, but only --proxy URL sends the requests through a proxy")
