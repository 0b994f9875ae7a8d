"""The client: its settings, its lifetime, and its parts."""

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
    """The settings of a client other than its credentials and base URL; see `B2BClient`."""

    session: aiohttp.ClientSession | None
    timeout: Timeout
    retry: RetryPolicy
    rate_limiter: RateLimiter | None
    on_attempt: Callable[[Attempt], None] | None


class B2BClient:
    """A client for one store: `async with B2BClient(store_hash=..., auth_token=...) as client`.

    Creating a client does no I/O. On first use the client opens its session, and from then on it belongs to the event loop that
    is running at that moment.

    Args:
        store_hash: The store's hash, sent as `X-Store-Hash`.
        auth_token: The token, sent as `X-Auth-Token`; or an async function that returns the token, awaited for every attempt.
        base_url: The base URL of the API. `http://` is allowed only for a loopback host.
        session: Your own session. The client uses it, and never closes or changes it. Its client middlewares do not run for the
            client's requests; its default headers and cookies are sent with them. None: the client opens and closes its own.
        timeout: Limits in seconds for connecting, reading and a whole attempt.
        retry: How often a call is tried.
        rate_limiter: Share one limiter between all clients of one store, and use it for no other store. None: this client has
            its own limiter, with 150 requests in 60 seconds.
        on_attempt: Called with an `Attempt` after each attempt; it must not block. If it raises an exception, the client logs the
            exception and continues.

    Raises:
        ConfigurationError: A setting is invalid.
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
        """Create a client with the credentials from the environment.

        Args:
            environ: Holds BIGCOMMERCE_STORE_HASH, BIGCOMMERCE_ACCESS_TOKEN and, optionally, BIGCOMMERCE_B2B_BASE_URL.
            settings: The other settings of the class.

        Raises:
            ConfigurationError: A variable is missing or invalid.
        """
        missing = [name for name in ("BIGCOMMERCE_STORE_HASH", "BIGCOMMERCE_ACCESS_TOKEN") if not environ.get(name)]
        if missing:
            raise ConfigurationError(f"set the environment variable {' and '.join(missing)}")
        store_hash, auth_token = environ["BIGCOMMERCE_STORE_HASH"], Secret(environ["BIGCOMMERCE_ACCESS_TOKEN"])
        base_url = environ.get("BIGCOMMERCE_B2B_BASE_URL") or BASE_URL
        del environ  # a traceback may show it
        return cls(store_hash=store_hash, auth_token=auth_token, base_url=base_url, **settings)

    def company(self, customer_id: str | int) -> CompanyInvoices:
        """Create a view of one company's invoices. It never returns an invoice of another company. This sends no request.

        Args:
            customer_id: Id of the B2B Edition company.
        """
        return CompanyInvoices(self.invoices, customer_id)

    async def aclose(self) -> None:
        """Close the connections, unless the session is yours. Afterwards the client cannot be used. Closing twice is fine."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        if "_transport" not in vars(self):  # a setting was invalid, and a traceback may show this object
            return f"<{type(self).__name__} that was not made>"
        return f"<{type(self).__name__} of store {self._transport.store_hash} at {self._transport.base_url}>"


def _check_base_url(base_url: str | URL) -> URL:
    """Return the base URL if it is safe to send the token there."""
    try:
        url = URL(base_url.strip() if isinstance(base_url, str) else base_url)
        host, _ = url.host or "", url.port
    except (TypeError, ValueError):
        raise ConfigurationError("base_url is not a URL") from None
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
