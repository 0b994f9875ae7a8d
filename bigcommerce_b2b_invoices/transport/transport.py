"""Make a call: lease, attempt, decode, retry. The only module that sends to the API."""

import asyncio
import logging
import math
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import copy_context
from functools import partial
from types import EllipsisType
from typing import Literal, TypeVar

import aiohttp
import attrs
from attrs.validators import gt, lt
from yarl import URL

from bigcommerce_b2b_invoices import errors
from bigcommerce_b2b_invoices._version import __version__
from bigcommerce_b2b_invoices.transport import download
from bigcommerce_b2b_invoices.transport.callers import CallersError
from bigcommerce_b2b_invoices.transport.credentials import MASK, Secret, check_token
from bigcommerce_b2b_invoices.transport.foreign import SendOnce, judge, refused_by_proxy
from bigcommerce_b2b_invoices.transport.observe import Attempt, Instrument, Operation, Safely, Sending, Try, Wait, Watched
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
LONG_WAIT = 1.0  # seconds; longer waits are logged at INFO
LARGE_BODY = 64 * 1024  # bytes of an answer that takes about a millisecond to decode
logger: logging.Logger = logging.getLogger("bigcommerce_b2b_invoices")


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


@attrs.define
class State:
    """What all clients made by `with_options` share: one session, one lifetime.

    Attributes:
        accepted: Whether the server has ever recognized the store.
        last_good: When the last good answer came, by the transport's clock.
        noted: Fields of models of which an unreadable value was logged.
    """

    closed: bool = False
    accepted: bool = False
    own_session: aiohttp.ClientSession | None = None
    loop: asyncio.AbstractEventLoop | None = None
    process: int = attrs.field(factory=os.getpid)
    decoding: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    last_good: float | None = None
    noted: set[tuple[str, str]] = attrs.field(factory=set)
    safely: Safely = attrs.field(factory=Safely)


@attrs.define
class Transport:
    """Sends calls to one store.

    Attributes:
        session: A session that the transport uses and never closes or changes. If None, the transport makes its own on first
            use, and `aclose` closes it.
        max_wait: Seconds that a call may wait for its lease; None means no limit, and ... the limiter's own limit.
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
    on_wait: Callable[[Wait], None] | None = None
    instrument: Instrument | None = None
    max_wait: float | EllipsisType | None = ...
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
    state: State = attrs.field(factory=State)

    async def send(self, call: Call[T], *, bulk: bool = False) -> T:
        """The call's result, after at most as many attempts as the retry policy allows.

        Raises:
            OutcomeUnknownError: The call is a write, was sent, and no trustworthy answer came.
            B2BError: Any other failure: the error of the last attempt.
            Exception: What a trace hook or another part of the caller's session raised, as it is. There is no other attempt.
        """
        bulk = bulk or IN_BULK.get()
        if self.instrument is None:
            return await self._send(call, bulk=bulk, operation=None)
        operation = Operation(
            name=call.operation, method=call.request.method, route=call.route, store_hash=self.store_hash, bulk=bulk
        )
        if call.received is not None:  # it starts the tasks for the next pages, which are not parts of this call
            call = attrs.evolve(call, received=partial(copy_context().run, call.received))
        with Watched(self.state.safely, self.instrument.operation, operation):
            return await self._send(call, bulk=bulk, operation=operation)

    async def _send(self, call: Call[T], *, bulk: bool, operation: Operation | None) -> T:
        attempt, lost, began = 1, False, self.clock()
        while True:
            done = Try(attempt)
            try:
                result = await self._attempt(call, done, repeated=lost, bulk=bulk, operation=operation)
            except (CallersError, errors.B2BError) as caught:
                error = caught.with_traceback(None)  # its frames hold the server's text, which may repeat the token
            except BaseException as stopped:
                self._report(call, done, stopped)
                raise
            else:
                self._report(call, done, None)
                return result
            if isinstance(error, CallersError):
                self._report(call, done, error.error)
                raise error.error
            lost = lost or fate(error) is Fate.UNKNOWN  # true once the fate of any attempt is unknown
            delay = self._delay(call, error, attempt, began=began if bulk else None)
            self._report(call, done, error, delay)
            if delay is None:
                raise self._last_error(call.request, error, attempt, lost=lost)
            if fate(error) is Fate.POSTPONED:
                self.rate_limiter.pause(delay)  # stops every call to this store; the next attempt waits for its lease
            else:
                self._tell_wait(call, "retry", delay, 1)
                await self.sleep(delay)
            attempt += 1

    def _delay(self, call: Call[T], error: errors.B2BError, attempt: int, *, began: float | None) -> float | None:
        """Seconds until the next attempt; None if the call ends. `began`: when a bulk call began, which outlasts an outage."""
        state, failing = self.state, None
        if began is not None and call.request.method == "GET" and state.last_good is not None:
            failing = self.clock() - max(began, state.last_good)  # a client that was never answered well may be set up wrongly
        delay = self.retry.delay(error, attempt, repeatable=call.repeatable, random=self.random, failing=failing)
        if state.closed or (self._is_doubted(error) and attempt >= DOUBTED_ATTEMPTS):
            return None
        if delay is not None and failing is not None and attempt >= self.retry.attempts:
            logger.warning(
                "%s %s: nothing but failures for %.0f s (%s); next attempt in %.1f s",
                call.request.method, call.request.path, failing, type(error).__name__, delay,
            )  # fmt: skip
        return delay

    def _is_doubted(self, error: errors.B2BError) -> bool:
        return isinstance(error, errors.ServerError) and not self.state.accepted

    def _last_error(self, request: Request, error: errors.B2BError, attempt: int, *, lost: bool) -> errors.B2BError:
        """What the call raises after its last attempt. `lost`: whether the fate of any attempt is unknown."""
        if self._is_doubted(error):
            error = error.with_hint(DOUBT)
        if lost and request.method != "GET":
            error = errors.OutcomeUnknownError("it may or may not have happened", reason=error)
        elif lost and self.state.closed:
            error = errors.ClientClosedError("the client was closed during the request")
        return error.of_request(request.method, request.path, attempt)

    def open_pdf(
        self, ask: Callable[[], Awaitable[str | None]], *, external: bool
    ) -> AbstractAsyncContextManager[download.Transfer]:
        """Ask the API for a link to a PDF, and open the file behind it; see `download.open_pdf`."""
        return download.open_pdf(ask, external=external, own_origin=self.base_url.origin(), seconds=self.timeout.total)

    async def aclose(self) -> None:
        """Close the session, if the transport made it. A second call closes nothing, nor does a call in a forked process."""
        self.state.closed = True
        if os.getpid() != self.state.process:
            return  # the sockets belong to the parent process, which still uses them
        session, self.state.own_session = self.state.own_session, None
        if session is not None:
            await session.close()

    async def _attempt(self, call: Call[T], done: Try, *, repeated: bool, bulk: bool, operation: Operation | None) -> T:
        self._open_session()
        asked, on_wait = self.clock(), partial(self._tell_wait, call)
        try:
            lease = await self.rate_limiter.acquire(bulk=bulk, max_wait=self.max_wait, on_wait=on_wait)
        finally:
            started, token, refused = self.clock(), "", False
            done.waited = started - asked
        try:
            session = self._open_session()  # checked again: the wait for the lease may have been long
            token = await self._token()
            headers = self._headers(call.request, token)
            if operation is None or self.instrument is None:
                return await self._use(call, session, headers, done, repeated=repeated)
            sending = Sending(operation=operation, attempt=done.attempt, url=str(self._url(call.request)), waited=done.waited)
            with Watched(self.state.safely, self.instrument.attempt, sending):
                try:
                    return await self._use(
                        call, session, self.state.safely.add(sending.headers, headers), done, repeated=repeated
                    )
                except BaseException as error:
                    sending.error = error.error if isinstance(error, CallersError) else error
                    raise
                finally:
                    sending.status, sending.request_id, sending.received = done.status, done.request_id, done.received
        except errors.RateLimitError:
            refused = True
            raise
        finally:
            done.seconds = self.clock() - started
            if token:
                self.rate_limiter.release(lease, done.headers, refused=refused)
            else:
                self.rate_limiter.put_back(lease)  # nothing was sent

    async def _use(
        self, call: Call[T], session: aiohttp.ClientSession, headers: dict[str, str], done: Try, *, repeated: bool
    ) -> T:
        """Send the request once, and decode the answer."""
        exchanged = await self._exchange(session, call.request, headers)
        if not isinstance(exchanged, Response):
            raise exchanged.with_traceback(None)  # its frames hold aiohttp's objects and everything that was read
        done.headers, done.status, done.received = exchanged.headers, exchanged.status, len(exchanged.body)
        done.request_id = exchanged.headers.get("x-request-id")
        if done.request_id is not None:
            done.request_id = _tidy_text(headers["X-Auth-Token"], done.request_id)
        if call.received is not None:
            call.received()
        try:
            result = await self._decode(call, exchanged, repeated=repeated)
        except errors.B2BError as error:
            self.state.accepted = self.state.accepted or fate(error) in (Fate.REJECTED, Fate.POSTPONED)
            if isinstance(error, errors.APIError):
                _tidy(headers["X-Auth-Token"], error)
            raise
        self.state.accepted, self.state.last_good = True, self.clock()
        return result

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
        async with self.state.decoding if len(response.body) >= LARGE_BODY else nullcontext():
            if len(response.body) >= LARGE_BODY:
                await asyncio.sleep(0)
            listening = NOTE.set(self._note)
            try:
                return call.decode(response, repeated=repeated)
            finally:
                NOTE.reset(listening)

    def _note(self, model: str, key: str) -> None:
        """Log once for each field of a model that a value cannot be read. The log does not show the value."""
        if (model, key) not in self.state.noted:
            self.state.noted.add((model, key))
            logger.warning("%s.%s: a value that cannot be read was kept in additional_properties", model, key)

    async def _exchange(
        self, session: aiohttp.ClientSession, request: Request, headers: dict[str, str]
    ) -> Response | errors.B2BError | CallersError:
        """Send the request once and read the answer. For API requests, only this method translates aiohttp's exceptions."""
        url = self._url(request)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self.timeout.connect, sock_read=self.timeout.read)
        sending = SendOnce()
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
        if (self.state.closed or session.closed) and not isinstance(error, CallersError):
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
        if self.state.closed:
            raise errors.ClientClosedError("the client is closed")
        if self.state.process != os.getpid():
            if self.state.loop is not None:
                raise errors.ClientClosedError("the client was used before this process was forked: make one for each process")
            if self.session is not None:
                raise errors.ClientClosedError("the session given to the client was made before this process was forked")
            self.state.process = os.getpid()
        loop = asyncio.get_running_loop()
        if self.state.loop is not None and self.state.loop is not loop:
            raise errors.ClientClosedError("the client belongs to another event loop: make one client for each loop")
        if self.session is not None:
            check_session(self.session, loop)
        self.state.loop = loop
        if self.session is not None:
            return self.session
        if self.state.own_session is None:
            self.state.own_session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        return self.state.own_session

    def _tell_wait(self, call: Call[T], reason: Literal["quota", "refused", "retry"], seconds: float, waiting: int) -> None:
        if seconds >= LONG_WAIT:
            logger.info("%s waits %.1f s (%s; %d calls wait)", call.operation, seconds, reason, waiting)
        if self.on_wait is not None:
            wait = Wait(reason=reason, seconds=seconds, waiting=waiting, operation=call.operation)
            self.state.safely.tell("on_wait", self.on_wait, wait)

    def _report(self, call: Call[T], done: Try, error: BaseException | None, retry_in: float | None = None) -> None:
        request = call.request
        if logger.isEnabledFor(logging.DEBUG):
            found = done.status if error is None else type(error).__name__
            logger.debug("%s %s: %s in %.3f s (attempt %d)", request.method, request.path, found, done.seconds, done.attempt)
        if self.on_attempt is not None:
            attempt = Attempt(
                operation=call.operation, method=request.method, route=call.route, path=request.path, attempt=done.attempt,
                status=done.status, waited=done.waited, seconds=done.seconds, sent=len(request.body or b""),
                received=done.received, request_id=done.request_id, error=error, retry_in=retry_in,
            )  # fmt: skip
            self.state.safely.tell("on_attempt", self.on_attempt, attempt)


def _tidy(token: str, error: errors.APIError) -> None:
    """Remove the token, which a server may have repeated, from the error's texts, and cut long texts."""
    tidy = partial(_tidy_text, token)
    error.message = tidy(error.message)
    error.args = (error.message,)
    error.field_errors = {tidy(name): tuple(map(tidy, texts)) for name, texts in error.field_errors.items()}
    error.request_id = error.request_id and tidy(error.request_id)
    error.trace_id = error.trace_id and tidy(error.trace_id)


def _tidy_text(token: str, text: str) -> str:
    return (text.replace(token, MASK) if token else text)[:MAX_TEXT]


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
