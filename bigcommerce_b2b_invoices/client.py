"""The client: settings, lifetime, wiring."""

import ipaddress
import os
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self, TypedDict, Unpack

import aiohttp
from yarl import URL

from bigcommerce_b2b_invoices.errors import ConfigurationError
from bigcommerce_b2b_invoices.resources.company import CompanyInvoices
from bigcommerce_b2b_invoices.resources.extra_fields import ExtraFields
from bigcommerce_b2b_invoices.resources.invoices import Invoices
from bigcommerce_b2b_invoices.transport.credentials import Secret, check_store_hash, check_token
from bigcommerce_b2b_invoices.transport.rate_limit import RateLimiter
from bigcommerce_b2b_invoices.transport.retry import RetryPolicy
from bigcommerce_b2b_invoices.transport.transport import Attempt, Timeout, Transport

BASE_URL = "https://api-b2b.bigcommerce.com/api/v3/io/ip"


class ClientSettings(TypedDict, total=False):
    """The settings of a client that are no credentials; see B2BClient."""

    session: aiohttp.ClientSession | None
    timeout: Timeout
    retry: RetryPolicy
    rate_limiter: RateLimiter | None
    on_attempt: Callable[[Attempt], None] | None


class B2BClient:
    """A client of one store: `async with B2BClient(store_hash=..., auth_token=...) as client`.

    Making one does no I/O. The session is made on first use, in the running loop, to which the client then belongs.

    Args:
        store_hash: Of the store; sent as `X-Store-Hash`.
        auth_token: Sent as `X-Auth-Token`; or an async function that returns it, awaited for every attempt.
        base_url: Of the API. `http://` only for a loopback host.
        session: Used and never closed or changed. Its client middlewares do not run for our requests; its default headers
            and cookies are sent along.
        timeout: Seconds for connecting, reading and a whole attempt.
        retry: How often a call is tried.
        rate_limiter: Share one between the clients of one store, and of no other; None: 150 requests in 60 seconds for
            this client.
        on_attempt: Called after each attempt, with its outcome; must not block. What it raises is logged and ignored.

    Raises:
        ConfigurationError: A setting cannot be right.
    """

    def __init__(
        self,
        *,
        store_hash: str,
        auth_token: str | Callable[[], Awaitable[str]],
        base_url: str | URL = BASE_URL,
        session: aiohttp.ClientSession | None = None,
        timeout: Timeout = Timeout(),
        retry: RetryPolicy = RetryPolicy(),
        rate_limiter: RateLimiter | None = None,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> None:
        if isinstance(auth_token, str):
            auth_token = Secret(auth_token)  # a traceback may show the arguments
        for name, value, kind in (
            ("session", session, aiohttp.ClientSession | None),
            ("timeout", timeout, Timeout),
            ("retry", retry, RetryPolicy),
            ("rate_limiter", rate_limiter, RateLimiter | None),
        ):
            if not isinstance(value, kind):
                raise ConfigurationError(f"{name} must be {kind}, not {type(value).__name__}")
        self.rate_limiter = RateLimiter() if rate_limiter is None else rate_limiter
        self._transport = Transport(
            base_url=_check_base_url(base_url),
            store_hash=check_store_hash(store_hash),
            auth_token=auth_token if callable(auth_token) else check_token(auth_token),
            session=session,
            timeout=timeout,
            retry=retry,
            rate_limiter=self.rate_limiter,
            on_attempt=on_attempt,
        )
        self.rate_limiter.claim(f"store {self._transport.store_hash} at {self._transport.base_url.origin()}")
        self.invoices = Invoices(
            self._transport.send,
            self._transport.download,
            self._transport.store_hash,
            waits=retry.settling,
            attempts=retry.attempts,
        )
        self.extra_fields = ExtraFields(self._transport.send)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **settings: Unpack[ClientSettings]) -> Self:
        """A client with the credentials of the environment.

        Args:
            environ: Holds BIGCOMMERCE_STORE_HASH, BIGCOMMERCE_ACCESS_TOKEN and, if wanted, BIGCOMMERCE_B2B_BASE_URL.
            settings: As for the class.

        Raises:
            ConfigurationError: A variable is missing or cannot be right.
        """
        missing = [name for name in ("BIGCOMMERCE_STORE_HASH", "BIGCOMMERCE_ACCESS_TOKEN") if not environ.get(name)]
        if missing:
            raise ConfigurationError(f"set the environment variable {' and '.join(missing)}")
        store_hash, auth_token = environ["BIGCOMMERCE_STORE_HASH"], Secret(environ["BIGCOMMERCE_ACCESS_TOKEN"])
        base_url = environ.get("BIGCOMMERCE_B2B_BASE_URL") or BASE_URL
        del environ  # a traceback may show it
        return cls(store_hash=store_hash, auth_token=auth_token, base_url=base_url, **settings)

    def company(self, customer_id: str | int) -> CompanyInvoices:
        """A view of one company's invoices, which hands out no other's. Costs nothing to make.

        Args:
            customer_id: Id of the B2B Edition company.
        """
        return CompanyInvoices(self.invoices, customer_id)

    async def aclose(self) -> None:
        """Close the connections, if the session is our own. The client cannot be used afterwards; closing twice is fine."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        if "_transport" not in vars(self):  # a setting was refused, and a traceback shows the values of names
            return f"<{type(self).__name__} that was not made>"
        return f"<{type(self).__name__} of store {self._transport.store_hash} at {self._transport.base_url}>"


def _check_base_url(base_url: str | URL) -> URL:
    """The base URL, if the token may be sent there."""
    try:
        url = URL(base_url)
        host, _ = url.host or "", url.port
    except (TypeError, ValueError):
        raise ConfigurationError("base_url is no URL") from None
    if url.user or url.password or url.query_string or url.fragment:
        raise ConfigurationError("base_url must have no user, password, query or fragment")
    if url.scheme not in ("http", "https") or not host:
        raise ConfigurationError(f"base_url must be like {BASE_URL}, not {base_url}")
    if url.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError(f"base_url must be https: http would show the token to everyone on the way to {host}")
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
