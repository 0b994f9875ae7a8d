"""What came out of aiohttp, what of the request had been sent by then, and so what became of it: a table."""

import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from bigcommerce_b2b_invoices.errors import ConnectFailedError, RequestTimeoutError, ResponseError, TransportError
from bigcommerce_b2b_invoices.transport.foreign import ConnectionFailure, InterruptedSendingError, translate
from bigcommerce_b2b_invoices.transport.retry import Fate, fate

KEY = ConnectionKey("example.com", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
INFO: Any = SimpleNamespace(real_url="https://example.com", headers={})
REFUSED = OSError(111, "Connection refused")

UNSENT, UNKNOWN = Fate.NOT_SENT, Fate.UNKNOWN
TABLE: list[tuple[Exception, bool, type[TransportError], Fate]] = [
    (aiohttp.ClientConnectorError(KEY, REFUSED), False, ConnectFailedError, UNSENT),
    (aiohttp.ClientConnectorDNSError(KEY, OSError(None, "Name or service not known")), False, ConnectFailedError, UNSENT),
    (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "handshake failure")), False, ConnectFailedError, UNSENT),
    (aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("hostname")), False, ConnectFailedError, UNSENT),
    (aiohttp.ConnectionTimeoutError("connect"), False, ConnectFailedError, UNSENT),
    (aiohttp.InvalidURL("https://"), False, ConnectFailedError, UNSENT),
    (ConnectionFailure("renamed"), False, ConnectFailedError, UNSENT),
    (TimeoutError(), False, ConnectFailedError, UNSENT),  # Timeout.total, in the queue for a connection
    (aiohttp.ClientConnectionError("Connector is closed."), False, ConnectFailedError, UNSENT),
    (RuntimeError("Session is closed"), False, ConnectFailedError, UNSENT),
    (TimeoutError(), True, RequestTimeoutError, UNKNOWN),
    (aiohttp.SocketTimeoutError("read"), True, RequestTimeoutError, UNKNOWN),
    (InterruptedSendingError("renamed"), True, ResponseError, UNKNOWN),
    (aiohttp.ServerDisconnectedError(), True, ResponseError, UNKNOWN),
    (aiohttp.ClientOSError(104, "Connection reset by peer"), True, ResponseError, UNKNOWN),
    (ConnectionResetError(104, "Connection reset by peer"), True, ResponseError, UNKNOWN),
    (aiohttp.ClientPayloadError("cut"), True, ResponseError, UNKNOWN),
    (aiohttp.ClientResponseError(INFO, (), status=400, message="Bad status line"), True, ResponseError, UNKNOWN),
    (LookupError("unknown encoding: rot13"), True, ResponseError, UNKNOWN),
    (RecursionError(), True, ResponseError, UNKNOWN),
]


@pytest.mark.parametrize(
    ("foreign", "begun", "expected", "expected_fate"), TABLE, ids=lambda value: getattr(value, "__name__", None)
)
def test_what_aiohttp_raises_becomes_ours_and_has_a_fate(
    foreign: Exception, begun: bool, expected: type[TransportError], expected_fate: Fate
) -> None:
    error = translate(foreign, begun=begun)
    assert type(error) is expected
    assert fate(error) is expected_fate
    assert getattr(error, "status", None) is None, "no status is taken from an exception"
