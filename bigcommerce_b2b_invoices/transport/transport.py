"""Make a call: lease, attempt, decode, retry. The only module that sends to the API."""

import asyncio
import logging
import math
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

import aiohttp
import attrs
from attrs.validators import gt, lt
from yarl import URL

from bigcommerce_b2b_invoices import errors
from bigcommerce_b2b_invoices._version import __version__
from bigcommerce_b2b_invoices.transport.credentials import MASK, Secret, check_token
from bigcommerce_b2b_invoices.transport.download import Progress, download_pdf
from bigcommerce_b2b_invoices.transport.foreign import Sending, translate
from bigcommerce_b2b_invoices.transport.rate_limit import RateLimiter
from bigcommerce_b2b_invoices.transport.retry import Fate, RetryPolicy, fate
from bigcommerce_b2b_invoices.wire.call import IN_BULK, Call, Request, Response

T = TypeVar("T")

MAX_TEXT = 300  # characters of a server's text that an error repeats
MAX_BODY = 32 * 2**20  # bytes of an answer after decompression: 250 rows of 100 kB each would still fit
DOUBTED_ATTEMPTS = 2  # of a call that is answered with 5xx before any was answered otherwise
DOUBT = "no call of this client has been answered otherwise yet, and the API answers a wrong store hash in this way: check it"
LARGE_BODY = 64 * 1024  # bytes of an answer that takes about a millisecond to decode
logger = logging.getLogger("bigcommerce_b2b_invoices")


@attrs.frozen(kw_only=True)
class Timeout:
    """Limits of one attempt, in seconds. A whole call may take several attempts, and waits: bound it by `asyncio.timeout`.

    Attributes:
        connect: For making a connection.
        read: For any one wait for bytes.
        total: For the attempt, from the first try to connect to the last byte.
    """

    connect: float = attrs.field(default=10.0, validator=[gt(0), lt(math.inf)])
    read: float = attrs.field(default=30.0, validator=[gt(0), lt(math.inf)])
    total: float = attrs.field(default=60.0, validator=[gt(0), lt(math.inf)])


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt of a call, for logs and metrics: no body, no credential.

    Attributes:
        path: Below the base URL.
        attempt: 1 for the first.
        status: HTTP status; None where no response came.
        seconds: From sending to the decoded result; waiting for the lease not counted.
        error: None where the attempt succeeded or was cancelled.
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
        session: Given: used and never closed or changed. None: made on first use, closed by `aclose`.
        clock: Seconds, for measuring; sleep and random: for waiting between attempts.
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

    async def send(self, call: Call[T], *, bulk: bool = False) -> T:
        """The call's result, after as many attempts as the retry policy allows.

        Raises:
            OutcomeUnknownError: The call is a write, was sent, and no trustworthy answer came.
            B2BError: Any other failure, as of the last attempt.
        """
        request, decode, attempt, lost = call.request, call.decode, 1, False
        while True:
            try:
                return await self._attempt(call, decode, attempt, bulk=bulk)
            except errors.B2BError as caught:
                error = caught.with_traceback(None)  # its frames hold what the server said, which may echo the token
            lost = lost or fate(error) is Fate.UNKNOWN  # of any attempt so far
            doubted = isinstance(error, errors.ServerError) and not self._accepted
            delay = self.retry.delay(error, attempt, repeatable=call.repeatable, random=self.random)
            if delay is None or self._closed or (doubted and attempt >= DOUBTED_ATTEMPTS):
                if doubted:
                    error = error.with_hint(DOUBT)
                if lost and request.method != "GET":
                    error = errors.OutcomeUnknownError("it may or may not have happened", reason=error)
                elif lost and self._closed:
                    error = errors.ClientClosedError("the client was closed during the request")
                raise error.of_request(request.method, request.path, attempt)
            if lost:
                decode = call.decode_repeated or decode
            if fate(error) is Fate.POSTPONED:
                self.rate_limiter.pause(delay)  # for every call to this store; the next attempt waits for its lease
            else:
                await self.sleep(delay)
            attempt += 1

    async def download(
        self,
        ask: Callable[[], Awaitable[str | None]],
        destination: str | os.PathLike[str],
        *,
        overwrite: bool,
        external: bool,
        progress: Progress | None,
    ) -> Path:
        """Store the PDF behind a link that the API gives when asked; see `download.download_pdf`."""
        return await download_pdf(
            ask,
            destination,
            overwrite=overwrite,
            external=external,
            own_origin=self.base_url.origin(),
            seconds=self.timeout.total,
            progress=progress,
        )

    async def aclose(self) -> None:
        """Close the session, if it is ours. Closing twice does nothing, nor does closing in a forked process."""
        self._closed = True
        if os.getpid() != self._process:
            return  # its sockets are the parent's, which goes on using them
        session, self._own_session = self._own_session, None
        if session is not None:
            await session.close()

    async def _attempt(self, call: Call[T], decode: Callable[[Response], T], attempt: int, *, bulk: bool) -> T:
        request = call.request
        self._open_session()
        lease = await self.rate_limiter.acquire(bulk=bulk or IN_BULK.get())
        started, token = self.clock(), ""
        response: Response | None = None
        error: errors.B2BError | None = None
        try:
            session = self._open_session()  # once more: the wait may have been long
            token = await self._token()
            exchanged = await self._exchange(session, request, self._headers(request, token))
            if not isinstance(exchanged, Response):
                raise exchanged.with_traceback(None)  # the frames of the exchange hold aiohttp's objects, and all that was read
            response = exchanged
            if call.received is not None:
                call.received()
            result = await self._decode(decode, response)
            self._accepted = True
            return result
        except errors.B2BError as caught:
            error = caught
            self._accepted = self._accepted or fate(caught) in (Fate.REJECTED, Fate.POSTPONED)
            if isinstance(caught, errors.APIError):
                _tidy(token, caught)
            raise
        finally:
            refused = isinstance(error, errors.RateLimitError)
            self.rate_limiter.release(lease, response.headers if response else None, refused=refused)
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

    async def _decode(self, decode: Callable[[Response], T], response: Response) -> T:
        """One large answer at a time, each in a turn of the loop of its own, so that requests can be sent between them."""
        if len(response.body) < LARGE_BODY:
            return decode(response)
        async with self._decoding:
            await asyncio.sleep(0)
            return decode(response)

    async def _exchange(
        self, session: aiohttp.ClientSession, request: Request, headers: dict[str, str]
    ) -> Response | errors.B2BError:
        """Send the request once and read the answer. Whatever aiohttp raises is translated here and nowhere else."""
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
                    allow_redirects=False,  # aiohttp would take X-Auth-Token along to another host
                    raise_for_status=False,
                    middlewares=(sending,),
                    timeout=limits,
                ) as answer,
            ):
                body = await _read_body(answer)
                return Response(answer.status, _joined(answer.headers), body)
        except errors.B2BError as known:
            error: errors.B2BError = known
        except Exception as foreign:  # noqa: BLE001 - the seam: a hostile server can provoke any exception in a parser
            error = translate(foreign, begun=sending.begun)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not session.closed or task is None or task.cancelling():
                raise
            error = errors.ClientClosedError()  # nobody cancelled us: aiohttp ends the wait for a connection so
        if self._closed or session.closed:
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
            "Accept-Encoding": "gzip, deflate",  # what aiohttp decompresses with the standard library alone
            "User-Agent": f"bigcommerce-b2b-invoices/{__version__}",
        }
        return headers if request.body is None else {**headers, "Content-Type": "application/json"}

    def _open_session(self) -> aiohttp.ClientSession:
        """The session, in the loop of its first use."""
        if self._closed:
            raise errors.ClientClosedError("the client is closed")
        if self._loop is None:
            self._process = os.getpid()
        elif self._process != os.getpid():
            raise errors.ClientClosedError("the client was used before this process was forked: make one for each process")
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            raise errors.ClientClosedError("the client belongs to another event loop: make one client for each loop")
        self._loop = loop
        if self.session is not None:
            if self.session.closed:
                raise errors.ClientClosedError("the session given to the client is closed")
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
            except Exception:  # an observer must not decide the fate of a payment
                logger.exception("on_attempt failed")


def _tidy(token: str, error: errors.APIError) -> None:
    """Take the token, which a server may have echoed, out of the error, and cut its texts."""

    def tidy(text: str) -> str:
        return (text.replace(token, MASK) if token else text)[:MAX_TEXT]

    error.message = tidy(error.message)
    error.args = (error.message,)
    error.field_errors = {tidy(name): tuple(map(tidy, texts)) for name, texts in error.field_errors.items()}
    error.request_id = error.request_id and tidy(error.request_id)
    error.trace_id = error.trace_id and tidy(error.trace_id)


def _joined(headers: Mapping[str, str]) -> dict[str, str]:
    """Response headers by their names in lower case, those that came several times joined by commas."""
    joined: dict[str, str] = {}
    for name, text in headers.items():
        lower = name.lower()
        joined[lower] = f"{joined[lower]}, {text}" if lower in joined else text
    return joined


async def _read_body(answer: aiohttp.ClientResponse) -> bytes:
    """The body, decompressed, up to MAX_BODY bytes."""
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
