"""Sends the requests of the doctor: reads of the list of invoices, a few of them, and none twice."""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import aiohttp
import attrs

from bigcommerce_b2b_invoices import RateLimitWaitError, __version__
from bigcommerce_b2b_invoices.cli.doctor.answers import Answer, Parameters, read_answer
from bigcommerce_b2b_invoices.cli.log import logger
from bigcommerce_b2b_invoices.cli.settings import Connection

MOST_REQUESTS = 12
MOST_BYTES = 32 * 2**20  # of an answer after decompression, as the client allows
PATIENCE = 90.0  # seconds that all requests together wait for the quota: a server may always say that nothing remains
LIMITS = aiohttp.ClientTimeout(total=60, sock_connect=10, sock_read=30)  # seconds, as the client's own


class _SentBeforeError(Exception):
    """aiohttp wants to send a request again by itself, which would cost one more request."""


@attrs.define
class Asker:
    """Asks for lists of invoices. The client cannot do this: it hides the headers and the types of the rows.

    Attributes:
        requests: How many requests were sent.
    """

    _session: aiohttp.ClientSession
    _connection: Connection
    _clock: Callable[[], float] = time.time
    _known: dict[Parameters, Answer] = attrs.field(factory=dict)
    _lost: str | None = None
    _patience: float = attrs.field(factory=lambda: PATIENCE)
    requests: int = 0

    async def __call__(self, parameters: Parameters) -> Answer:
        """The answer to `GET /invoices` with these parameters: one request, or none if the same was asked before.

        It does not raise: a failure is an answer with a `problem`. After a lost connection, nothing more is sent.
        """
        if parameters not in self._known:
            self._known[parameters] = await self._ask(parameters)
        return self._known[parameters]

    async def _ask(self, parameters: Parameters) -> Answer:
        if self._lost is not None:
            return Answer(problem=f"not asked, because an earlier request failed: {self._lost}")
        if self.requests == MOST_REQUESTS:
            return Answer(problem=f"not asked: it would take more than {MOST_REQUESTS} requests")
        limiter, began = self._connection.client.rate_limiter, time.monotonic()
        try:
            lease = await limiter.acquire(max_wait=self._patience)
        except RateLimitWaitError:
            self._lost = "the quota is used up: try again in a minute"
            return Answer(problem=self._lost)
        self._patience = max(0.0, self._patience - (time.monotonic() - began))
        self.requests += 1
        answer: Answer | None = None
        try:
            answer = await self._send(parameters)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, _SentBeforeError) as error:
            self._lost = _reason(error)
            answer = Answer(problem=self._lost)
        finally:
            headers = None if answer is None or answer.status is None else answer.headers
            limiter.release(lease, headers, refused=answer is not None and answer.status == 429)
        assert answer is not None  # noqa: S101 - either it came, or the problem took its place
        if answer.status == 429:
            self._lost = answer.problem
        return answer

    async def _send(self, parameters: Parameters) -> Answer:
        base = self._connection.client.base_url
        url = base.with_path(f"{base.raw_path.rstrip('/')}/invoices", encoded=True).with_query(parameters)
        headers = {
            "X-Auth-Token": self._connection.auth_token,
            "X-Store-Hash": self._connection.client.store_hash,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": f"bigcommerce-b2b-invoices/{__version__}",
        }
        began = self._clock()
        async with self._session.get(
            url,
            headers=headers,
            allow_redirects=False,  # aiohttp would send the token on to the other host
            middlewares=(_once(),),
        ) as response:
            middle = (began + self._clock()) / 2
            body = bytearray()
            async for part in response.content.iter_any():
                body += part
                if len(body) > MOST_BYTES:
                    response.close()
                    raise ValueError("the answer is too large")
            logger.debug("GET /invoices: %s in %.3f s", response.status, self._clock() - began)
            named = {name.lower(): value for name, value in response.headers.items()}
            return read_answer(response.status, named, bytes(body), time=middle)


@asynccontextmanager
async def asker(connection: Connection, *, proxy: str | None) -> AsyncGenerator[Asker]:
    """An asker for the store of a connection, with a session of its own."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), proxy=proxy, timeout=LIMITS) as session:
        yield Asker(session, connection)


def _once() -> aiohttp.ClientMiddlewareType:
    sent = False

    async def send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        nonlocal sent
        if sent:
            raise _SentBeforeError
        sent = True
        return await send(request)

    return send_once


def _reason(error: Exception) -> str:
    """Why no answer came, and what to do. Nothing of the exception's own text is shown: a server may have made it."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the host is not known: check the network and BIGCOMMERCE_B2B_BASE_URL. Behind a proxy, give --proxy URL"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "no secure connection: check the certificates of this machine, and whether something intercepts connections"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection: check the network and BIGCOMMERCE_B2B_BASE_URL. Behind a proxy, give --proxy URL"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy refuses the connection (HTTP {error.status}): check --proxy, with its user and password"
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time: check the network, and try again later"
    return "the answer is garbled or cut off: check whether something intercepts connections, and try again later"
