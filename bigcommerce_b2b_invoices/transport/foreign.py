"""Translates aiohttp's exceptions into ours. Nothing above `transport` knows aiohttp's error classes.

aiohttp's parser reports malformed HTTP as a ClientResponseError with a made-up status 400, so a status is never taken from an
exception. A total time-out looks the same while the request waits for a connection and after it was sent: only `SendOnce` tells
whether any byte of it left. The new error repeats no text of the old one that may come from the server or name a proxy's
password. The caller raises it outside `except`, so that it is not chained to an aiohttp object with headers.

An exception that code of the user raised, such as a trace hook of their session, is not translated; `callers` finds it.
"""

import logging

import aiohttp
from yarl import URL

from bigcommerce_b2b_invoices.errors import (
    B2BError,
    ConfigurationError,
    ConnectFailedError,
    RequestTimeoutError,
    ResponseError,
)
from bigcommerce_b2b_invoices.transport.callers import CallersError, find_callers

WORTH_RETRYING = (408, 429)  # 4xx answers of a proxy to CONNECT that may be different the next time
logger: logging.Logger = logging.getLogger("bigcommerce_b2b_invoices")


class InterruptedSendingError(Exception):
    """A broken connection, as a class that aiohttp does not know, so that aiohttp does not send the request again unseen."""


async def send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Client middleware that sends a request only once.

    After these errors, aiohttp sends a GET, PUT or DELETE once more, unseen and without a lease. It passes on errors of other
    classes, so this function raises its own. A failed connection gets a class of its own, because then nothing was sent.
    """
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        failure: Exception = _renamed(error)
    raise failure


def _renamed(error: aiohttp.ClientOSError | aiohttp.ServerDisconnectedError) -> Exception:
    if (own := find_callers(error)) is not None:
        return CallersError(own)
    if isinstance(error, aiohttp.ClientConnectorError):
        return ConnectionFailure(_reason(error), is_permanent=isinstance(error, aiohttp.ClientConnectorCertificateError))
    return InterruptedSendingError(_reason(error))


class SendOnce:
    """Like `send_once`, for one request. It also notes whether any byte of the request was sent, and through which proxy.

    aiohttp sets the `response` of a request at the moment when it writes the first bytes to a connection.

    Attributes:
        begun: False as long as the server cannot have seen the request.
        proxy: Host and port of the proxy, without user and password; empty if there is none.
        is_readable: Whether the proxy reads the request itself, because it is not sent through a tunnel.
    """

    __slots__ = ("begun", "is_readable", "proxy")

    def __init__(self) -> None:
        self.begun: bool = False
        self.proxy: str = ""
        self.is_readable: bool = False

    async def __call__(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send the request, and note whether any byte of it was sent."""
        if request.proxy is not None:
            self.proxy = _address(request.proxy)
            self.is_readable = not request.is_ssl()
        try:
            return await send_once(request, send)
        finally:
            self.begun = request.response is not None


class ConnectionFailure(Exception):  # noqa: N818 - a signal between this module's two functions
    """No connection could be made. Also a class that aiohttp does not know: otherwise aiohttp would try again."""

    def __init__(self, reason: str, *, is_permanent: bool = False) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent


def judge(error: Exception, sending: SendOnce, *, is_given: bool) -> B2BError | CallersError:
    """What to raise for an exception that came while a request was sent or its answer was read.

    Args:
        error: The exception.
        sending: The middleware of the request.
        is_given: Whether the session is the caller's, so that an exception before the first byte may be about its settings.
    """
    own = error.error if isinstance(error, CallersError) else find_callers(error)
    if own is not None:
        logger.error("code of the session given to the client failed", exc_info=own)
        return CallersError(own)
    if isinstance(error, B2BError):
        return error
    if is_given and not sending.begun:
        if isinstance(error, aiohttp.InvalidURL):  # not logged: it may show a proxy's password
            return ConfigurationError("the session given to the client has a proxy that is not a URL (InvalidURL)")
        if not isinstance(error, aiohttp.ClientError | OSError | ConnectionFailure | InterruptedSendingError):
            logger.error("the session given to the client cannot send a request", exc_info=error)
            return ConfigurationError(
                f"the session given to the client cannot send a request: {type(error).__name__}; the log has its traceback"
            )
    return translate(error, begun=sending.begun, proxy=sending.proxy)


def translate(
    error: Exception, *, begun: bool = True, proxy: str = ""
) -> ConnectFailedError | RequestTimeoutError | ResponseError:
    """Our error for an exception of aiohttp.

    Args:
        error: The exception that aiohttp raised while it sent a request or read the answer.
        begun: Whether any byte of the request was sent.
        proxy: Host and port of the proxy that the request had to go through; empty if there is none.
    """
    nowhere = f"no connection through the proxy {proxy}" if proxy else "no connection"
    match error:
        case ConnectionFailure() | aiohttp.ClientConnectorError():
            failed = ConnectFailedError(f"{nowhere}: {_reason(error)}")
            failed.is_permanent = isinstance(error, ConnectionFailure) and error.is_permanent
            return failed
        case aiohttp.ConnectionTimeoutError():
            return ConnectFailedError(f"{nowhere}: it took longer than Timeout.connect")
        case aiohttp.ClientHttpProxyError() if not begun:
            return refused_by_proxy(proxy, error.status)
        case TimeoutError() if not begun:
            return ConnectFailedError(
                f"{nowhere} within Timeout.total: all connections of the session are in use, or none could be made"
            )
        case _ if not begun:
            return ConnectFailedError(f"{nowhere}: {_reason(error)}")
        case TimeoutError():
            return RequestTimeoutError("no answer in time")
        case InterruptedSendingError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | OSError():
            return ResponseError(f"the connection broke: {_reason(error)}")
        case aiohttp.ClientPayloadError():
            return ResponseError("the answer broke off")
        case _:  # parser errors, unknown encodings, and anything else that a server can provoke
            return ResponseError(f"the answer is not valid HTTP ({type(error).__name__})")


def refused_by_proxy(proxy: str, status: int) -> ConnectFailedError:
    """The error for a proxy that did not pass on a request, and answered with this status instead."""
    reason = "it asks for another user or password" if status == 407 else "it did not connect to the API"
    failed = ConnectFailedError(f"the proxy {proxy} answered HTTP {status}: {reason}")
    failed.is_permanent = 400 <= status < 500 and status not in WORTH_RETRYING
    return failed


def _address(proxy: URL) -> str:
    return f"{proxy.host_subcomponent}:{proxy.port}"


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionFailure | InterruptedSendingError):
        return str(error)
    cause: Exception = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    text = cause.strerror if isinstance(cause, OSError) else None
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
