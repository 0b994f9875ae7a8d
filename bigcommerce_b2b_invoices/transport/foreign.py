"""Translates aiohttp's exceptions into ours. Nothing above `transport` knows aiohttp's error classes.

aiohttp's parser reports malformed HTTP as a ClientResponseError with a made-up status 400, so a status is never taken from an
exception. A total time-out looks the same while the request waits for a connection and after it was sent: only `Sending` tells
whether any byte of it left. The new error repeats no text of the old one that may come from the server. The caller raises it
outside `except`, so that it is not chained to an aiohttp object with headers.
"""

import aiohttp

from bigcommerce_b2b_invoices.errors import ConnectFailedError, RequestTimeoutError, ResponseError, TransportError


class InterruptedSendingError(Exception):
    """A broken connection, as a class that aiohttp does not know, so that aiohttp does not send the request again unseen."""


async def send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Client middleware that sends a request only once.

    After these errors, aiohttp sends a GET, PUT or DELETE once more, unseen and without a lease. It passes on errors of other
    classes, so this function raises its own. A failed connection gets a class of its own, because then nothing was sent.
    """
    try:
        return await send(request)
    except aiohttp.ClientConnectorError as error:
        failure: Exception = ConnectionFailure(
            _reason(error), is_permanent=isinstance(error, aiohttp.ClientConnectorCertificateError)
        )
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        failure = InterruptedSendingError(_reason(error))
    raise failure


class Sending:
    """Like `send_once`, for one request. It also notes whether any byte of the request was sent.

    aiohttp sets the `response` of a request at the moment when it writes the first bytes to a connection.

    Attributes:
        begun: False as long as the server cannot have seen the request.
    """

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = False

    async def __call__(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send the request, and note whether any byte of it was sent."""
        try:
            return await send_once(request, send)
        finally:
            self.begun = request.response is not None


class ConnectionFailure(Exception):  # noqa: N818 - a signal between this module's two functions
    """No connection could be made. Also a class that aiohttp does not know: otherwise aiohttp would try again."""

    def __init__(self, reason: str, *, is_permanent: bool = False) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent


def translate(error: Exception, *, begun: bool = True) -> TransportError:
    """Our error for an exception of aiohttp.

    Args:
        error: The exception that aiohttp raised while it sent a request or read the answer.
        begun: Whether any byte of the request was sent.
    """
    match error:
        case ConnectionFailure() | aiohttp.ClientConnectorError():
            failed = ConnectFailedError(f"no connection: {_reason(error)}")
            failed.is_permanent = isinstance(error, ConnectionFailure) and error.is_permanent
            return failed
        case aiohttp.ConnectionTimeoutError():
            return ConnectFailedError("no connection: it took longer than Timeout.connect")
        case TimeoutError() if not begun:
            return ConnectFailedError(
                "no connection within Timeout.total: all connections of the session are in use, or none could be made"
            )
        case _ if not begun:
            return ConnectFailedError(f"no connection: {_reason(error)}")
        case TimeoutError():
            return RequestTimeoutError("no answer in time")
        case InterruptedSendingError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | OSError():
            return ResponseError(f"the connection broke: {_reason(error)}")
        case aiohttp.ClientPayloadError():
            return ResponseError("the answer broke off")
        case _:  # parser errors, unknown encodings, and anything else that a server can provoke
            return ResponseError(f"the answer is not valid HTTP ({type(error).__name__})")


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionFailure | InterruptedSendingError):
        return str(error)
    cause: Exception = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    text = cause.strerror if isinstance(cause, OSError) else None
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
