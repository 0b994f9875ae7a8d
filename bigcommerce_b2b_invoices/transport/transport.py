"""Make a call: lease, attempt, decode, retry. The only module that sends to the API."""

import asyncio
import logging
import math
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TypeVar

import aiohttp
import attrs
from attrs.validators import gt, lt
from yarl import URL

from bigcommerce_b2b_invoices import errors
from bigcommerce_b2b_invoices._version import __version__
from bigcommerce_b2b_invoices.transport import download
from bigcommerce_b2b_invoices.transport.callers import CallersError
from bigcommerce_b2b_invoices.transport.credentials import MASK, Secret, check_token
from bigcommerce_b2b_invoices.transport.foreign import Sending, judge, refused_by_proxy
from bigcommerce_b2b_invoices.transport.rate_limit import RateLimiter
from bigcommerce_b2b_invoices.transport.retry import Fate, RetryPolicy, fate
from bigcommerce_b2b_invoices.transport.session import LONGEST_LINE, MOST_HEADERS, READ_AHEAD, check_session
from bigcommerce_b2b_invoices.wire.call import IN_BULK, Call
from bigcommerce_b2b_invoices.wire.messages import Request, Response
from bigcommerce_b2b_invoices.wire.reader import NOTE

T = TypeVar("T")

MAX_TEXT = 300  # most characters of a server's text that an error shows
MAX_BODY = 32 * 2**20  # bytes of an answer after decompression: 250 rows of 100 kB each would still fit
DOUBTED_ATTEMPTS = 2  # for a call that gets 5xx, as long as this client has had no other kind of answer
DOUBT = "this client has had no other kind of answer yet, and the API also answers a wrong store hash like this: check store_hash"
LARGE_BODY = 64 * 1024  # bytes of an answer that takes about a millisecond to decode
logger = logging.getLogger("bigcommerce_b2b_invoices")


@attrs.frozen(kw_only=True)
class Timeout:
    """Limits of one attempt, in seconds. A call may make several attempts and wait between them: limit it by `asyncio.timeout`.

    Attributes:
        connect: The limit for making a connection.
        read: The limit for each wait for more bytes.
        total: The limit for the whole attempt, from the first try to connect to the last byte.
    """

    connect: float = attrs.field(default=10.0, validator=[gt(0), lt(math.inf)])
    read: float = attrs.field(default=30.0, validator=[gt(0), lt(math.inf)])
    total: float = attrs.field(default=60.0, validator=[gt(0), lt(math.inf)])


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt of a call, for logs and metrics. It holds no body and no credential.

    Attributes:
        path: The path below the base URL.
        attempt: The number of the attempt; the first is 1.
        status: HTTP status; None if no response came.
        seconds: The time from sending to the decoded result, without the wait for the lease.
        error: None if the attempt succeeded, was cancelled, or ended with an exception of your own code.
    """

    method: str
    path: str
    attempt: int
    status: int | None
    seconds: float
    error: errors.B2BError | None


@attrs.define
class Transport:
    """Sends calls to one store.

    Attributes:
        session: A session that the transport uses and never closes or changes. If None, the transport makes its own on first
            use, and `aclose` closes it.
        clock: Returns seconds, to measure attempts.
        sleep: Waits between attempts.
        random: Returns a number from 0 to 1, for the jitter of these waits.
    """

    base_url: URL
    store_hash: str
    auth_token: Secret | Callable[[], Awaitable[str]]
    session: aiohttp.ClientSession | None
    timeout: Timeout
    retry: RetryPolicy
    rate_limiter: RateLimiter
    on_attempt: Callable[[Attempt], None] | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
    _closed: bool = attrs.field(default=False, init=False)
    _accepted: bool = attrs.field(default=False, init=False)  # whether the server has ever recognized the store
    _own_session: aiohttp.ClientSession | None = attrs.field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False)
    _process: int = attrs.field(factory=os.getpid, init=False)
    _decoding: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _last_good: float | None = attrs.field(default=None, init=False)  # when the last good answer came, by `clock`
    _noted: set[tuple[str, str]] = attrs.field(factory=set, init=False)

    async def send(self, call: Call[T], *, bulk: bool = False) -> T:
        """The call's result, after at most as many attempts as the retry policy allows.

        Raises:
            OutcomeUnknownError: The call is a write, was sent, and no trustworthy answer came.
            B2BError: Any other failure: the error of the last attempt.
            Exception: What a trace hook or another part of the caller's session raised, as it is. There is no other attempt.
        """
        request, attempt, lost = call.request, 1, False
        is_patient, began = request.method == "GET" and (bulk or IN_BULK.get()), self.clock()
        while True:
            try:
                return await self._attempt(call, attempt, repeated=lost, bulk=bulk)
            except CallersError as caught:
                own: Exception | None = caught.error
            except errors.B2BError as caught:
                own, error = None, caught.with_traceback(None)  # its frames hold the server's text, which may repeat the token
            if own is not None:
                raise own
            lost = lost or fate(error) is Fate.UNKNOWN  # true once the fate of any attempt is unknown
            doubted = isinstance(error, errors.ServerError) and not self._accepted
            is_outage = is_patient and self._last_good is not None  # a client that was never answered well may be set up wrongly
            failing = self.clock() - max(began, self._last_good or 0.0) if is_outage else None
            delay = self.retry.delay(error, attempt, repeatable=call.repeatable, random=self.random, failing=failing)
            if delay is None or self._closed or (doubted and attempt >= DOUBTED_ATTEMPTS):
                if doubted:
                    error = error.with_hint(DOUBT)
                if lost and request.method != "GET":
                    error = errors.OutcomeUnknownError("it may or may not have happened", reason=error)
                elif lost and self._closed:
                    error = errors.ClientClosedError("the client was closed during the request")
                raise error.of_request(request.method, request.path, attempt)
            if failing is not None and attempt >= self.retry.attempts:
                logger.warning(
                    "%s %s: nothing but failures for %.0f s (%s); next attempt in %.1f s",
                    request.method, request.path, failing, type(error).__name__, delay,
                )  # fmt: skip
            if fate(error) is Fate.POSTPONED:
                self.rate_limiter.pause(delay)  # stops every call to this store; the next attempt waits for its lease
            else:
                await self.sleep(delay)
            attempt += 1

    def open_pdf(
        self, ask: Callable[[], Awaitable[str | None]], *, external: bool
    ) -> AbstractAsyncContextManager[download.Transfer]:
        """Ask the API for a link to a PDF, and open the file behind it; see `download.open_pdf`."""
        return download.open_pdf(ask, external=external, own_origin=self.base_url.origin(), seconds=self.timeout.total)

    async def aclose(self) -> None:
        """Close the session, if the transport made it. A second call closes nothing, nor does a call in a forked process."""
        self._closed = True
        if os.getpid() != self._process:
            return  # the sockets belong to the parent process, which still uses them
        session, self._own_session = self._own_session, None
        if session is not None:
            await session.close()

    async def _attempt(self, call: Call[T], attempt: int, *, repeated: bool, bulk: bool) -> T:
        request = call.request
        self._open_session()
        lease = await self.rate_limiter.acquire(bulk=bulk or IN_BULK.get())
        started, token = self.clock(), ""
        response: Response | None = None
        error: errors.B2BError | None = None
        try:
            session = self._open_session()  # checked again: the wait for the lease may have been long
            token = await self._token()
            exchanged = await self._exchange(session, request, self._headers(request, token))
            if not isinstance(exchanged, Response):
                raise exchanged.with_traceback(None)  # its frames hold aiohttp's objects and everything that was read
            response = exchanged
            if call.received is not None:
                call.received()
            result = await self._decode(call, response, repeated=repeated)
            self._accepted, self._last_good = True, self.clock()
            return result
        except errors.B2BError as caught:
            error = caught
            self._accepted = self._accepted or fate(caught) in (Fate.REJECTED, Fate.POSTPONED)
            if isinstance(caught, errors.APIError):
                _tidy(token, caught)
            raise
        finally:
            refused = isinstance(error, errors.RateLimitError)
            if token:
                self.rate_limiter.release(lease, response.headers if response else None, refused=refused)
            else:
                self.rate_limiter.put_back(lease)  # nothing was sent
            self._report(Attempt(
                method=request.method, path=request.path, attempt=attempt, status=response.status if response else None,
                seconds=self.clock() - started, error=error,
            ))  # fmt: skip

    async def _token(self) -> Secret:
        if isinstance(self.auth_token, Secret):
            return self.auth_token
        try:
            return check_token(await self.auth_token())
        except errors.B2BError:
            raise
        except Exception as foreign:
            logger.exception("auth_token failed")
            problem = f"the auth_token function raised {type(foreign).__name__}; the log has its traceback"
        raise errors.ConfigurationError(problem)

    async def _decode(self, call: Call[T], response: Response, *, repeated: bool) -> T:
        """Decode large answers one at a time, each in its own turn of the loop, so that requests can be sent in between."""
        async with self._decoding if len(response.body) >= LARGE_BODY else nullcontext():
            if len(response.body) >= LARGE_BODY:
                await asyncio.sleep(0)
            listening = NOTE.set(self._note)
            try:
                return call.decode(response, repeated=repeated)
            finally:
                NOTE.reset(listening)

    def _note(self, model: str, key: str) -> None:
        """Log once for each field of a model that a value cannot be read. The log does not show the value."""
        if (model, key) not in self._noted:
            self._noted.add((model, key))
            logger.warning("%s.%s: a value that cannot be read was kept in additional_properties", model, key)

    async def _exchange(
        self, session: aiohttp.ClientSession, request: Request, headers: dict[str, str]
    ) -> Response | errors.B2BError | CallersError:
        """Send the request once and read the answer. For API requests, only this method translates aiohttp's exceptions."""
        url = self._url(request)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self.timeout.connect, sock_read=self.timeout.read)
        sending = Sending()
        try:
            async with (
                asyncio.timeout(self.timeout.total),
                session.request(
                    request.method,
                    url,
                    headers=headers,
                    data=request.body,
                    allow_redirects=False,  # aiohttp would send X-Auth-Token on to the other host
                    raise_for_status=False,
                    middlewares=(sending,),
                    timeout=limits,
                    read_bufsize=READ_AHEAD,
                    max_line_size=LONGEST_LINE,
                    max_field_size=LONGEST_LINE,
                    max_headers=MOST_HEADERS,
                ) as answer,
            ):
                if answer.status == 407 and sending.is_readable:
                    answer.close()
                    return refused_by_proxy(sending.proxy, answer.status)
                body = await _read_body(answer)
                return Response(answer.status, _joined(answer.headers), body)
        except Exception as foreign:  # noqa: BLE001 - a hostile server can provoke any exception in a parser
            error = judge(foreign, sending, is_given=self.session is not None and not session.closed)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not session.closed or task is None or task.cancelling():
                raise
            error = errors.ClientClosedError()  # nobody cancelled this task: aiohttp ends a wait for a connection this way
        if (self._closed or session.closed) and not isinstance(error, CallersError):
            closed = "the client was closed during the request"
            error = errors.ResponseError(closed) if sending.begun else errors.ClientClosedError(closed)
        return error

    def _url(self, request: Request) -> URL:
        path = self.base_url.raw_path.rstrip("/") + request.path
        return self.base_url.with_path(path, encoded=True).with_query(request.query)

    def _headers(self, request: Request, token: Secret) -> dict[str, str]:
        headers = {
            "X-Auth-Token": token,
            "X-Store-Hash": self.store_hash,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",  # aiohttp decompresses these with the standard library alone
            "User-Agent": f"bigcommerce-b2b-invoices/{__version__}",
        }
        return headers if request.body is None else {**headers, "Content-Type": "application/json"}

    def _open_session(self) -> aiohttp.ClientSession:
        """The session. Raises ClientClosedError or ConfigurationError if it cannot be used, or not in this process or loop."""
        if self._closed:
            raise errors.ClientClosedError("the client is closed")
        if self._process != os.getpid():
            if self._loop is not None:
                raise errors.ClientClosedError("the client was used before this process was forked: make one for each process")
            if self.session is not None:
                raise errors.ClientClosedError("the session given to the client was made before this process was forked")
            self._process = os.getpid()
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            raise errors.ClientClosedError("the client belongs to another event loop: make one client for each loop")
        if self.session is not None:
            check_session(self.session, loop)
        self._loop = loop
        if self.session is not None:
            return self.session
        if self._own_session is None:
            self._own_session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        return self._own_session

    def _report(self, attempt: Attempt) -> None:
        logger.debug(
            "%s %s: %s in %.3f s (attempt %d)",
            attempt.method,
            attempt.path,
            attempt.status if attempt.error is None else type(attempt.error).__name__,
            attempt.seconds,
            attempt.attempt,
        )
        if self.on_attempt is not None:
            try:
                self.on_attempt(attempt)
            except Exception:  # an error of the observer must not make a payment fail
                logger.exception("on_attempt failed")


def _tidy(token: str, error: errors.APIError) -> None:
    """Remove the token, which a server may have repeated, from the error's texts, and cut long texts."""

    def tidy(text: str) -> str:
        return (text.replace(token, MASK) if token else text)[:MAX_TEXT]

    error.message = tidy(error.message)
    error.args = (error.message,)
    error.field_errors = {tidy(name): tuple(map(tidy, texts)) for name, texts in error.field_errors.items()}
    error.request_id = error.request_id and tidy(error.request_id)
    error.trace_id = error.trace_id and tidy(error.trace_id)


def _joined(headers: Mapping[str, str]) -> dict[str, str]:
    """Response headers by lower-case name. The values of a header that came several times are joined by commas."""
    joined: dict[str, str] = {}
    for name, text in headers.items():
        lower = name.lower()
        joined[lower] = f"{joined[lower]}, {text}" if lower in joined else text
    return joined


async def _read_body(answer: aiohttp.ClientResponse) -> bytes:
    """The decompressed body. Raises ResponseError if it is larger than MAX_BODY bytes."""
    too_large = errors.ResponseError(f"the answer is larger than {MAX_BODY // 2**20} MiB", status=answer.status)
    if (answer.content_length or 0) > MAX_BODY:
        answer.close()
        raise too_large
    parts, size = [], 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MAX_BODY:
            answer.close()
            raise too_large
    return b"".join(parts)
