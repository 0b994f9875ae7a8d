"""The client: its settings, its lifetime, and its parts."""

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import EllipsisType, TracebackType
from typing import Any, Self, TypedDict, Unpack

import aiohttp
import attrs
from yarl import URL

from bigcommerce_b2b_invoices.errors import ConfigurationError
from bigcommerce_b2b_invoices.resources.company import CompanyInvoices
from bigcommerce_b2b_invoices.resources.extra_fields import ExtraFields
from bigcommerce_b2b_invoices.resources.invoices import Invoices
from bigcommerce_b2b_invoices.resources.payments import Payments
from bigcommerce_b2b_invoices.resources.receipts import Receipts
from bigcommerce_b2b_invoices.resources.settle import Locks
from bigcommerce_b2b_invoices.transport.base_url import BASE_URL, check_base_url
from bigcommerce_b2b_invoices.transport.credentials import Secret, check_store_hash, check_token
from bigcommerce_b2b_invoices.transport.observe import Attempt, Instrument, Wait
from bigcommerce_b2b_invoices.transport.rate_limit import RateLimiter
from bigcommerce_b2b_invoices.transport.retry import RetryPolicy
from bigcommerce_b2b_invoices.transport.transport import Timeout, Transport


class ClientSettings(TypedDict, total=False):
    """The settings of a client other than its credentials and base URL; see `B2BClient`."""

    session: aiohttp.ClientSession | None
    timeout: Timeout
    retry: RetryPolicy
    rate_limiter: RateLimiter | None
    on_attempt: Callable[[Attempt], None] | None
    on_wait: Callable[[Wait], None] | None
    instrument: Instrument | None
    allow_http: Iterable[str]


class B2BClient:
    """A client for one store: `async with B2BClient(store_hash=..., auth_token=...) as client`.

    Creating a client does no I/O. On first use the client opens its session, and from then on it belongs to the event loop that
    is running at that moment.

    Args:
        store_hash: The store's hash, sent as `X-Store-Hash`.
        auth_token: The token, sent as `X-Auth-Token`; or an async function that returns the token, awaited for every attempt.
        base_url: The base URL of the API. `http://` is allowed only for a loopback host and for the hosts in `allow_http`.
        session: Your own session. The client uses it, and never closes or changes it. Its client middlewares do not run for the
            client's requests; its default headers and cookies are sent with them. It belongs to one event loop and one process,
            and it must decompress answers: otherwise the first call raises an error that says so. If a trace hook or another part
            of your session raises an exception, the client logs the exception, and the call raises it as it is, without another
            attempt. If the call is a write, the write may have happened: a hook such as `on_request_end` runs after it. If a
            proxy of your session refuses a request, the call raises a ConnectFailedError. None: the client opens and closes its
            own session.
        timeout: Limits in seconds for connecting, reading and a whole attempt.
        retry: How often a call is tried.
        rate_limiter: Share one limiter between all clients of one store, and use it for no other store. None: this client has
            its own limiter, with 150 requests in 60 seconds.
        on_attempt: Called with an `Attempt` after each attempt; it must not block. If it raises an exception, the client logs the
            first one and continues.
        on_wait: Called with a `Wait` when a call begins to wait for the quota, or before it tries again. The rules of
            `on_attempt` apply.
        instrument: Watches calls and attempts, for example to make spans of them; see `Instrument`.
        allow_http: Host names of sandboxes in other containers, such as `["sandbox"]`, for which the client allows `http://`.
            Anyone on the network between the client and such a host can then read the token. The client refuses a public IP
            address.

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
        on_wait: Callable[[Wait], None] | None = None,
        instrument: Instrument | None = None,
        allow_http: Iterable[str] = (),
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
        _check_observers(on_attempt, on_wait)
        if instrument is not None and not all(callable(getattr(instrument, name, None)) for name in ("operation", "attempt")):
            raise ConfigurationError(f"instrument must have the methods of Instrument, which {type(instrument).__name__} lacks")
        transport = Transport(
            base_url=check_base_url(base_url, allow_http),
            store_hash=check_store_hash(store_hash),
            auth_token=auth_token if callable(auth_token) else check_token(auth_token),
            session=session,
            timeout=timeout,
            retry=retry,
            rate_limiter=RateLimiter() if rate_limiter is None else rate_limiter,
            on_attempt=on_attempt,
            on_wait=on_wait,
            instrument=instrument,
        )
        transport.rate_limiter.claim(f"store {transport.store_hash} at {transport.base_url.origin()}")
        self._use(transport, owns=True)

    def _use(self, transport: Transport, *, owns: bool, locks: Locks | None = None) -> None:
        self._transport = transport
        self._owns = owns  # whether closing the client closes the transport's session
        self._locks = Locks() if locks is None else locks
        self._invoices = Invoices(
            transport.send,
            transport.open_pdf,
            transport.store_hash,
            waits=transport.retry.settling,
            attempts=transport.retry.attempts,
            locks=self._locks,
        )
        self._extra_fields = ExtraFields(transport.send)
        self._payments = Payments(transport.send, transport.store_hash, waits=transport.retry.settling, locks=self._locks)
        self._receipts = Receipts(transport.send, transport.store_hash)

    @property
    def invoices(self) -> Invoices:
        """The invoices of the store."""
        return self._invoices

    @property
    def extra_fields(self) -> ExtraFields:
        """The extra-field configs of the store."""
        return self._extra_fields

    @property
    def payments(self) -> Payments:
        """The payments of the store. Not verified on a live store."""
        return self._payments

    @property
    def receipts(self) -> Receipts:
        """The receipts of the store. Not verified on a live store."""
        return self._receipts

    @property
    def rate_limiter(self) -> RateLimiter:
        """The limiter, to share it with other clients of the same store, or to read its `snapshot()`."""
        return self._transport.rate_limiter

    @property
    def retry(self) -> RetryPolicy:
        """When the client tries again, and for how long it outlasts an outage."""
        return self._transport.retry

    @property
    def base_url(self) -> URL:
        """Where the client sends its requests."""
        return self._transport.base_url

    @property
    def store_hash(self) -> str:
        """The store's hash."""
        return self._transport.store_hash

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
        return CompanyInvoices(self.invoices, customer_id, self.payments)

    def with_options(
        self,
        *,
        timeout: Timeout | EllipsisType = ...,
        retry: RetryPolicy | EllipsisType = ...,
        max_wait: float | EllipsisType | None = ...,
        on_attempt: Callable[[Attempt], None] | EllipsisType | None = ...,
        on_wait: Callable[[Wait], None] | EllipsisType | None = ...,
    ) -> Self:
        """A client with other options that shares this one's session, quota and lifetime. Closing it closes nothing.

        Options that are not named stay as they are. This sends no request and opens no connection, so you can make such a client
        for a single call: `await client.with_options(max_wait=2).invoices.get(1001)`.

        Args:
            timeout: As for the class.
            retry: As for the class.
            max_wait: Seconds that a call may wait for its lease; None means as long as it takes.
            on_attempt: As for the class; None: nobody is told.
            on_wait: As for the class; None: nobody is told.
        """
        options = {"timeout": timeout, "retry": retry, "max_wait": max_wait, "on_attempt": on_attempt, "on_wait": on_wait}
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not ...}
        for name, kind in (("timeout", Timeout), ("retry", RetryPolicy)):
            if name in given and not isinstance(given[name], kind):
                raise ConfigurationError(f"{name} must be {kind.__name__}, not {type(given[name]).__name__}")
        if max_wait is not ... and max_wait is not None and not (type(max_wait) in (int, float) and max_wait >= 0):
            raise ConfigurationError(f"max_wait must be seconds, 0 or more, or None, not {max_wait!r}")
        _check_observers(given.get("on_attempt"), given.get("on_wait"))
        derived = object.__new__(type(self))
        vars(derived).update(vars(self))  # what a subclass adds
        derived._use(attrs.evolve(self._transport, **given), owns=False, locks=self._locks)
        return derived

    async def aclose(self) -> None:
        """Close the connections, unless the session is yours. Afterwards the client cannot be used. Closing twice is fine."""
        if self._owns:
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


def _check_observers(on_attempt: object, on_wait: object) -> None:
    for name, observer in (("on_attempt", on_attempt), ("on_wait", on_wait)):
        if observer is not None and not callable(observer):
            raise ConfigurationError(f"{name} must be a function, not {type(observer).__name__}")
