"""aiohttp's exceptions -> ours. The one seam; nothing above it knows aiohttp's error classes.

aiohttp's parser reports malformed HTTP as a ClientResponseError with a made-up status 400: no status is ever taken from an
exception. A total time-out looks the same in the queue for a connection and after the request was sent: only `Sending` tells
whether a byte of it left. The new error repeats no text of the old one that may hold what the server sent, and the caller raises
it outside `except`, so that no aiohttp object with headers hangs on it.
"""

import aiohttp

from bigcommerce_b2b_invoices.errors import ConnectFailedError, RequestTimeoutError, ResponseError, TransportError


class InterruptedSendingError(Exception):
    """A broken connection, renamed so that aiohttp does not send the request a second time behind our back."""


async def send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Client middleware that makes one sending one sending.

    aiohttp sends a GET, PUT or DELETE once more after these errors, outside any limiter and unseen; errors of another name
    pass. A connection that could not be made is told apart, for then nothing was sent.
    """
    try:
        return await send(request)
    except aiohttp.ClientConnectorError as error:
        failure: Exception = ConnectionFailure(_reason(error))
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        failure = InterruptedSendingError(_reason(error))
    raise failure


class Sending:
    """As `send_once`, for one request; and it knows whether anything of it was sent.

    aiohttp gives a request its `response` in the moment in which it writes the first bytes to a connection.

    Attributes:
        begun: False as long as the server cannot have seen the request.
    """

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = False

    async def __call__(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send, and take note."""
        try:
            return await send_once(request, send)
        finally:
            self.begun = request.response is not None


class ConnectionFailure(Exception):  # noqa: N818 - a signal between this module's two functions
    """No connection could be made; also renamed, because aiohttp would try again."""


def translate(error: Exception, *, begun: bool = True) -> TransportError:
    """Our error for whatever came out of aiohttp.

    Args:
        error: What it raised while a request was sent or its answer was read.
        begun: Whether anything of the request was sent.
    """
    match error:
        case ConnectionFailure() | aiohttp.ClientConnectorError():
            return ConnectFailedError(f"no connection: {_reason(error)}")
        case aiohttp.ConnectionTimeoutError():
            return ConnectFailedError("no connection: it took longer than Timeout.connect")
        case TimeoutError() if not begun:
            return ConnectFailedError(
                "no connection within Timeout.total: all of the session's are in use, or none could be made"
            )
        case _ if not begun:
            return ConnectFailedError(f"no connection: {_reason(error)}")
        case TimeoutError():
            return RequestTimeoutError("no answer in time")
        case InterruptedSendingError() | aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | OSError():
            return ResponseError(f"the connection broke: {_reason(error)}")
        case aiohttp.ClientPayloadError():
            return ResponseError("the answer broke off")
        case _:  # parser errors, unknown encodings, and whatever else a server can provoke
            return ResponseError(f"the answer is not sound HTTP ({type(error).__name__})")


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionFailure | InterruptedSendingError):
        return str(error)
    cause: Exception = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    text = cause.strerror if isinstance(cause, OSError) else None
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
