"""Checks a session of the caller before each use. It does no I/O.

A session may have almost any setting: what matters is set again for each request. What nothing can set again is refused here,
before anything is sent.
"""

import asyncio

import aiohttp

from bigcommerce_b2b_invoices.errors import ClientClosedError, ConfigurationError

READ_AHEAD = 2**16  # bytes that aiohttp reads before it pauses the connection
LONGEST_LINE = 8190  # bytes of a status line or of a header of an answer; both are aiohttp's defaults
MOST_HEADERS = 128
FRAMING = (  # a default header with one of these names would contradict the body, or ask for another answer
    "Content-Encoding",
    "Content-Length",
    "Expect",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Range",
    "Transfer-Encoding",
)


def check_session(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop) -> None:
    """Make sure that the session can send the client's requests in this event loop.

    Raises:
        ClientClosedError: The session is closed, or belongs to another event loop.
        ConfigurationError: The session has a setting with which no request can succeed.
    """
    if session.closed:
        raise ClientClosedError("the session given to the client is closed")
    if getattr(session, "_loop", loop) is not loop:  # `session.loop` would warn that it is deprecated
        raise ClientClosedError("the session given to the client belongs to another event loop: make one session for each loop")
    if not session.auto_decompress:
        raise ConfigurationError("the session given to the client has auto_decompress=False: it must decompress answers")
    unfit = [name for name in FRAMING if name in session.headers]
    if unfit:
        raise ConfigurationError(f"the session given to the client must not have the default header {' or '.join(unfit)}")
